/* NLLB, mBART-25 and mBART-50: SentencePiece's pieces in fairseq's order. Four specials come first,
 * so that piece k (from 3 on) has id k + 1; languages come after the pieces. */
#include "tokenizer/family.h"
#include "tokenizer/language_tables.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char model_file[] = "sentencepiece.bpe.model";

enum { FAIRSEQ_BEGIN, FAIRSEQ_PAD, FAIRSEQ_END, FAIRSEQ_UNKNOWN, FAIRSEQ_SPECIALS };

/* SentencePiece's own specials: <unk>, <s>, </s>. */
#define SPM_SPECIALS 3

static bool read_pieces(struct opening *opening)
{
    static const char *const specials[] = {"<s>", "<pad>", "</s>", "<unk>"};
    struct tokenizer *tokenizer = opening->tokenizer;
    struct splitter *splitter = &tokenizer->splitters[0];
    const struct spm *spm = &splitter->spm;
    struct vocabulary *vocabulary = &tokenizer->vocabularies[0];
    if (!opening_read_spm(opening, 0, model_file))
        return false;
    if (spm->unknown != 0 || spm->begin != 1 || spm->end != 2)
        return error_set(opening->err, ERROR_MODEL, "%s: it must begin with <unk>, <s>, </s>",
                         model_file);
    uint32_t *ids = arena_new(&tokenizer->arena, spm->pieces.count, sizeof *ids, opening->err);
    if (ids == NULL)
        return false;
    for (uint32_t id = 0; id < FAIRSEQ_SPECIALS; id++)
        if (!opening_put(opening, 0, model_file, id, specials[id], strlen(specials[id]),
                         id == FAIRSEQ_UNKNOWN ? PIECE_UNKNOWN : PIECE_CONTROL))
            return false;
    ids[0] = FAIRSEQ_UNKNOWN;
    ids[1] = FAIRSEQ_BEGIN;
    ids[2] = FAIRSEQ_END;
    for (uint32_t k = SPM_SPECIALS; k < spm->pieces.count; k++) {
        size_t n_bytes;
        const char *text = pieces_text(&spm->pieces, k, &n_bytes);
        ids[k] = k + 1;
        if (!opening_put(opening, 0, model_file, k + 1, text, n_bytes,
                         pieces_kind(&spm->pieces, k)))
            return false;
    }
    vocabulary->unknown = FAIRSEQ_UNKNOWN;
    vocabulary->end = FAIRSEQ_END;
    vocabulary->pad = FAIRSEQ_PAD;
    for (size_t side = 0; side < 2; side++) {
        tokenizer->side[side] = vocabulary;
        tokenizer->splitter[side] = splitter;
        tokenizer->ids_of[side] = ids;
    }
    return true;
}

bool language_is_tag(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz");
    if (n < 2 || n > 3 || text[n] != '_' || !isupper((unsigned char)text[n + 1]))
        return false;
    size_t rest = strlen(text + n + 1);
    return rest == 2 || rest == 4;
}

static bool take_added(struct opening *opening, uint32_t id, const char *text)
{
    if (id < FAIRSEQ_SPECIALS)
        return true;
    if (!opening_put(opening, 0, "tokenizer_config.json", id, text, strlen(text), PIECE_CONTROL))
        return false;
    return !language_is_tag(text) || opening_add_language(opening, text, strlen(text), id);
}

/* Languages and <mask> as the table says, for checkpoints that do not. */
static bool add_table(struct opening *opening, const char *const *codes, size_t n_codes)
{
    uint32_t id = opening->tokenizer->vocabularies[0].pieces.count;
    for (size_t i = 0; i < n_codes; i++, id++)
        if (!opening_put(opening, 0, model_file, id, codes[i], strlen(codes[i]), PIECE_CONTROL) ||
            !opening_add_language(opening, codes[i], strlen(codes[i]), id))
            return false;
    return opening_put(opening, 0, model_file, id, "<mask>", strlen("<mask>"), PIECE_CONTROL);
}

static int by_id(const void *a, const void *b)
{
    const struct language *first = a, *second = b;
    return first->id < second->id ? -1 : first->id > second->id;
}

static bool open_fairseq(struct opening *opening, const char *const *codes, size_t n_codes)
{
    struct tokenizer *tokenizer = opening->tokenizer;
    size_t n_added;
    if (!read_pieces(opening) || !opening_added_tokens(opening, take_added, &n_added))
        return false;
    if (tokenizer->n_languages == 0 && !add_table(opening, codes, n_codes))
        return false;
    qsort(tokenizer->languages, tokenizer->n_languages, sizeof *tokenizer->languages, by_id);
    opening_default_languages(opening, "src_lang", "tgt_lang");
    return opening_finish(opening, 0, model_file, opening->options->source_rows, true);
}

bool nllb_open(struct opening *opening)
{
    struct tokenizer *tokenizer = opening->tokenizer;
    tokenizer->tag_place = opening_flag(opening, "legacy_behaviour", false) ? TAG_LAST : TAG_FIRST;
    tokenizer->forces_target = true;
    return open_fairseq(opening, languages_nllb200,
                        sizeof languages_nllb200 / sizeof languages_nllb200[0]);
}

bool mbart_open(struct opening *opening)
{
    struct tokenizer *tokenizer = opening->tokenizer;
    const char *class = opening_text(opening, "tokenizer_class");
    /* 50 languages make 250054 rows, 25 make 250027; a class is in files since 2020-11. */
    bool many = class != NULL
                    ? strncmp(class, "MBart50", 7) == 0
                    : opening->options->source_rows == 0 || opening->options->source_rows > 250027;
    tokenizer->tag_place = many ? TAG_FIRST : TAG_LAST;
    tokenizer->forces_target = many;
    tokenizer->starts_with_target = !many;
    return open_fairseq(opening, languages_mbart50,
                        many ? sizeof languages_mbart50 / sizeof languages_mbart50[0]
                             : LANGUAGES_MBART25);
}
