/* tokenizer.h - text to ids and back, by the rules of the checkpoint's family.
 *
 *     line -> sentences -> [pieces -> ids] -> batch -> ... -> [ids -> pieces -> text] -> line
 *
 * One rule above all: text is text. "</s>", "<pad>", "__de__" or "deu_Latn" in a sentence never
 * become the control tokens of that name, so that no input can end or steer the translation. The
 * only exception is the documented ">>xx<<" at the start of a sentence for multilingual Marian.
 *
 *     struct tokenizer_options options = {.family = TOKENIZER_NLLB, .source_rows = 256206,
 *                                         .target_rows = 256206};
 *     if (!tokenizer_open(&tokenizer, directory, &options, &err)) ...
 *     struct tokenizer_direction direction;
 *     if (!tokenizer_direct(tokenizer, "en", "de", &direction, &err)) ...
 *     tokenizer_encode(tokenizer, &direction, text, n_bytes, &ids, NULL, &err);
 *     tokenizer_decode(tokenizer, ids.ids, ids.n_ids, &out, &err);
 *     tokenizer_close(tokenizer);
 *
 * Const after tokenizer_open(): any number of threads may use one tokenizer. */
#ifndef DRAGOMAN_TOKENIZER_TOKENIZER_H
#define DRAGOMAN_TOKENIZER_TOKENIZER_H

#include "base/memory.h"

enum tokenizer_family {
    TOKENIZER_MARIAN,        /* Hugging Face MarianMT: vocab.json, source.spm, target.spm */
    TOKENIZER_M2M100,        /* vocab.json, sentencepiece.bpe.model, __xx__ */
    TOKENIZER_NLLB,          /* sentencepiece.bpe.model, ids moved by one, eng_Latn */
    TOKENIZER_MBART,         /* the same with en_XX; mBART-25 and mBART-50 */
    TOKENIZER_T5,            /* spiece.model; T5, mT5, flan-T5, MADLAD */
    TOKENIZER_MARIAN_NATIVE, /* vocab.yml or vocab.spm of Marian and Bergamot */
    TOKENIZER_CT2 /* CTranslate2's lists of tokens, with the .spm files of the original */
};

enum tokenizer_side { TOKENIZER_SOURCE, TOKENIZER_TARGET };

/* No such token. */
#define TOKENIZER_NO_ID UINT32_MAX

struct tokenizer_options {
    enum tokenizer_family family;
    uint32_t source_rows, target_rows; /* rows of the embeddings; 0: unknown, not checked */
    bool encodes_target;               /* tokenizer_encode_target() will be used */
    bool pieces_only; /* only the *_pieces functions will be used: no .spm is read */
    /* Native Marian: the vocabulary files, as decoder.yml names them. NULL: vocab*.spm,
     * srcvocab*.spm and trgvocab*.spm, or vocab*.yml of the directory. */
    const char *source_vocabulary, *target_vocabulary;
    /* CTranslate2: <s> goes before every source, </s> after one that comes in pieces (after text it
     * always does); the target's language starts the decoder. */
    bool source_bos, source_eos, language_starts;
};

struct tokenizer;

/* Opens what `directory` holds for that family, checking everything. Faults are ERROR_MODEL, and
 * name the file. */
bool tokenizer_open(struct tokenizer **tokenizer, const char *directory,
                    const struct tokenizer_options *options, struct error *err);
void tokenizer_close(struct tokenizer *tokenizer);

/* A growing list of ids. {0} is the empty one. */
struct token_ids {
    uint32_t *ids;
    size_t n_ids, capacity;
};

bool token_ids_append(struct token_ids *list, uint32_t id, struct error *err);
void token_ids_clear(struct token_ids *list); /* keeps the memory */
void token_ids_free(struct token_ids *list);

#define TOKENIZER_CODE_BYTES 32
#define TOKENIZER_PROMPT_BYTES 128

/* From which language into which: a plain value, filled by tokenizer_direct(). */
struct tokenizer_direction {
    char source[TOKENIZER_CODE_BYTES]; /* the model's code, "" if it knows none */
    char target[TOKENIZER_CODE_BYTES];
    uint32_t source_tag;   /* language token of the encoder's input (Marian: the target's), or
                              TOKENIZER_NO_ID */
    uint32_t forced_first; /* first token the decoder must give (forced_bos_token_id), or
                              TOKENIZER_NO_ID */
    uint32_t start;        /* decoder start token if the languages decide it (mBART-25), or
                              TOKENIZER_NO_ID: as the configuration says */
    char prompt[TOKENIZER_PROMPT_BYTES]; /* text put before the sentence (T5, MADLAD), or "" */
};

/* Finds the model's languages for the user's codes: the model's own, BCP 47 ("de", "zh-Hant"), ISO
 * 639-1 or -3. NULL or "": what tokenizer_config.json says, else none; but a model that cannot do
 * without (M2M100, NLLB, mBART) makes that an ERROR_USAGE, as is an unknown code; the text lists
 * close ones. Multilingual Marian may take its target from ">>xx<<" in each text instead. */
bool tokenizer_direct(const struct tokenizer *tokenizer, const char *source, const char *target,
                      struct tokenizer_direction *direction, struct error *err);

/* The model's language codes, in its own order. A bilingual model has none. */
size_t tokenizer_n_languages(const struct tokenizer *tokenizer);
const char *tokenizer_language(const struct tokenizer *tokenizer, size_t index);

/* False if these are languages to translate into alone: Marian's many come from one source. */
bool tokenizer_lists_sources(const struct tokenizer *tokenizer);

/* What happened to a text. */
struct tokenizer_report {
    size_t n_replaced; /* ill-formed UTF-8: runs of bytes replaced by U+FFFD */
    size_t n_unknown;  /* tokens that became <unk> */
};

/* Appends the ids of a sentence, as the encoder takes it: language tags, pieces, </s>. `report` may
 * be NULL; its numbers are added to. */
bool tokenizer_encode(const struct tokenizer *tokenizer,
                      const struct tokenizer_direction *direction, const char *text, size_t n_bytes,
                      struct token_ids *ids, struct tokenizer_report *report, struct error *err);

/* The same for a translation, as the decoder should give it: forced first token, pieces, </s>. */
bool tokenizer_encode_target(const struct tokenizer *tokenizer,
                             const struct tokenizer_direction *direction, const char *text,
                             size_t n_bytes, struct token_ids *ids, struct tokenizer_report *report,
                             struct error *err);

/* Appends the text of the ids a decoder gave: special tokens left out, bytes put together, control
 * characters and line separators replaced by spaces. Always well-formed UTF-8 without a newline.
 * Ids out of range are ERROR_INTERNAL. */
bool tokenizer_decode(const struct tokenizer *tokenizer, const uint32_t *ids, size_t n_ids,
                      struct buffer *text, struct error *err);

/* Appends the ids of text that is in pieces already, separated by spaces; `side` is whose
 * vocabulary it is. Language tags and </s> are added as above, unless the text ends with </s>.
 * Control tokens written out are taken as such here. */
bool tokenizer_encode_pieces(const struct tokenizer *tokenizer,
                             const struct tokenizer_direction *direction, enum tokenizer_side side,
                             const char *text, size_t n_bytes, struct token_ids *ids,
                             struct tokenizer_report *report, struct error *err);

/* Appends the pieces of target ids with spaces between, special tokens left out. */
bool tokenizer_decode_pieces(const struct tokenizer *tokenizer, const uint32_t *ids, size_t n_ids,
                             struct buffer *text, struct error *err);

/* The vocabularies. A piece is NUL-terminated UTF-8, owned by the tokenizer; "" for an id that has
 * none. */
uint32_t tokenizer_count(const struct tokenizer *tokenizer, enum tokenizer_side side);
const char *tokenizer_piece(const struct tokenizer *tokenizer, enum tokenizer_side side,
                            uint32_t id);
uint32_t tokenizer_find(const struct tokenizer *tokenizer, enum tokenizer_side side,
                        const char *piece, size_t n_bytes); /* or TOKENIZER_NO_ID */
bool tokenizer_is_special(const struct tokenizer *tokenizer, enum tokenizer_side side, uint32_t id);

/* True if the piece starts a new word: it begins with a space. */
bool tokenizer_begins_word(const struct tokenizer *tokenizer, enum tokenizer_side side,
                           uint32_t id);

/* Special tokens of a side, or TOKENIZER_NO_ID. */
uint32_t tokenizer_unknown(const struct tokenizer *tokenizer, enum tokenizer_side side);
uint32_t tokenizer_end(const struct tokenizer *tokenizer, enum tokenizer_side side);
uint32_t tokenizer_pad(const struct tokenizer *tokenizer, enum tokenizer_side side);

#endif
