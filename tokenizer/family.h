/* family.h - the inside of a tokenizer: what each family's rules fill, and what they are made of.
 *
 * All families come down to the same: SentencePiece takes a sentence apart, a table turns its ids
 * into the checkpoint's, and tags are put around them. A family is the function that fills that
 * in. */
#ifndef DRAGOMAN_TOKENIZER_FAMILY_H
#define DRAGOMAN_TOKENIZER_FAMILY_H

#include "tokenizer/sentencepiece.h"
#include "tokenizer/spm_gate.h"
#include "tokenizer/tokenizer.h"

#include <cJSON.h>

/* One side's vocabulary; both sides may be the same one. */
struct vocabulary {
    struct pieces pieces; /* kinds say what decoding does with an id */
    uint32_t unknown, end, pad;
    uint32_t begin; /* what goes before a source: none but for some models of CTranslate2 */
};

/* One SentencePiece model; both sides may have the same one. */
struct splitter {
    char file[32];
    struct spm spm;
    struct sentencepiece_model *library; /* NULL: nothing is encoded with it */
    char *bytes;                         /* until the tokenizer is open */
    size_t n_bytes;
};

struct language {
    const char *code;   /* in the arena */
    uint32_t id;        /* its token on the target side, or TOKENIZER_NO_ID */
    uint32_t source_id; /* and on the source side: the same but for two lists of CTranslate2 */
};

enum tag_place {
    TAG_NONE,
    TAG_FIRST, /* source language, pieces, </s> */
    TAG_LAST,  /* pieces, </s>, source language */
    TAG_TARGET /* target language, pieces, </s>: Marian */
};

struct tokenizer {
    enum tokenizer_family family;
    struct arena arena;
    struct vocabulary vocabularies[2];
    struct vocabulary *side[2]; /* of vocabularies[] */
    uint32_t rows[2];           /* of the embeddings, or 0 */
    struct splitter splitters[2];
    struct splitter *splitter[2]; /* of splitters[], or NULL */
    uint32_t *ids_of[2];          /* [pieces of splitter[side]] the id of each, in the arena */
    bool finds_unknown;           /* the text of an unknown piece is looked up in the vocabulary */
    bool cleans_up;               /* " ." becomes "." and the like (clean_up_tokenization_spaces) */
    enum tag_place tag_place;
    bool forces_target;         /* the decoder's first token is the target language's */
    bool starts_with_target;    /* the decoder's input begins with the target language's */
    bool omits_end;             /* no </s> after the pieces of a source */
    struct language *languages; /* [n_languages] in the arena */
    size_t n_languages, languages_capacity;
    char default_source[TOKENIZER_CODE_BYTES], default_target[TOKENIZER_CODE_BYTES];
    enum { PROMPT_NONE, PROMPT_SENTENCE, PROMPT_TAG } prompt; /* T5's, MADLAD's */
};

/* Of a vocabulary file: more than any has. */
#define VOCABULARY_MAX_BYTES ((size_t)64 << 20)

/* While a tokenizer is being opened. */
struct opening {
    struct tokenizer *tokenizer;
    const char *directory;
    const struct tokenizer_options *options;
    cJSON *config;   /* tokenizer_config.json, or NULL */
    cJSON *specials; /* special_tokens_map.json, or NULL */
    cJSON *added;    /* added tokens of tokenizer.json, if the SentencePiece model is made of it */
    struct error *err;
};

/* The families: each fills opening->tokenizer from the directory. */
bool marian_open(struct opening *opening);
bool m2m100_open(struct opening *opening);
bool nllb_open(struct opening *opening);
bool mbart_open(struct opening *opening);
bool t5_open(struct opening *opening);
bool marian_native_open(struct opening *opening);
bool ct2_open(struct opening *opening);

/* ---- what they share (files.c) ---------------------------------------------------------------
 */

/* Reads a .spm file into splitters[index], through the gate. If it is not there, but
 * tokenizer.json, and the family has such a thing: what that says (fast.h). */
bool opening_read_spm(struct opening *opening, size_t index, const char *file);

/* The same for two files that are often one, byte for byte; sets splitter[]. */
bool opening_read_spm_pair(struct opening *opening, const char *source, const char *target);

/* Reads a vocabulary that maps pieces to ids: {"piece": id, ...}. */
bool opening_read_vocab_json(struct opening *opening, size_t index, const char *file);

/* Gives an id a piece; a fault names `file`. */
bool opening_put(struct opening *opening, size_t index, const char *file, uint32_t id,
                 const char *text, size_t n_bytes, enum piece_kind kind);

/* Builds the vocabulary's table: no more than `rows` ids (0: any number) and, unless `lenient`, no
 * piece twice and no holes. */
bool opening_finish(struct opening *opening, size_t index, const char *file, uint32_t rows,
                    bool lenient);

/* Copies kinds (control, byte, ...) from a model to the vocabulary's pieces of the same text. */
void opening_copy_kinds(struct opening *opening, size_t vocabulary, const struct spm *spm);

/* Makes `piece` special: `kind`, and returns its id in *id, or TOKENIZER_NO_ID if there is none. */
void opening_mark(struct opening *opening, size_t vocabulary, const char *piece,
                  enum piece_kind kind, uint32_t *id);

/* Marks unk_token, eos_token and pad_token as the configuration names them; <unk> and </s> must be
 * there. */
bool opening_mark_specials(struct opening *opening, size_t vocabulary, const char *file);

/* Takes the languages that hold when the user names none. */
void opening_default_languages(struct opening *opening, const char *source_key,
                               const char *target_key);

/* Fills ids_of[side] by looking the model's pieces up in the side's vocabulary. */
bool opening_link_by_text(struct opening *opening, enum tokenizer_side side);

/* The same for both sides, and refuses models that are each other's. */
bool opening_link_both(struct opening *opening);

bool opening_add_language(struct opening *opening, const char *code, size_t n_bytes, uint32_t id);

/* Takes pieces ">>xx<<" of the source vocabulary for the languages of Marian, "<2xx>" for those of
 * MADLAD, and marks them as tags. */
bool opening_find_marian_languages(struct opening *opening);
bool opening_find_t5_languages(struct opening *opening);

/* "eng_Latn", "en_XX": a language token of NLLB or mBART. */
bool language_is_tag(const char *text);

/* Members of tokenizer_config.json (then special_tokens_map.json): a token's text, whether given as
 * a string or as an object with "content"; a string; a flag. */
const char *opening_token(const struct opening *opening, const char *key, const char *fallback);
const char *opening_text(const struct opening *opening, const char *key);
bool opening_flag(const struct opening *opening, const char *key, bool fallback);

/* Ids that the configuration gives added tokens (added_tokens_decoder, else added_tokens.json, else
 * tokenizer.json if there is no SentencePiece model):
 * calls `take` for each. *n is their number. */
typedef bool added_token_take(struct opening *opening, uint32_t id, const char *text);
bool opening_added_tokens(struct opening *opening, added_token_take *take, size_t *n);

#endif
