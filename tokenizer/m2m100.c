/* M2M100Tokenizer: pieces of sentencepiece.bpe.model, ids of vocab.json, and after those the
 * languages in the order of a table. */
#include "tokenizer/family.h"
#include "tokenizer/language_tables.h"

#include <stdio.h>
#include <string.h>

static const char vocabulary_file[] = "vocab.json";

static bool add_languages(struct opening *opening)
{
    const char *codes = opening_text(opening, "language_codes");
    bool wmt21 = codes != NULL && strcmp(codes, "wmt21") == 0;
    const char *const *table = wmt21 ? languages_wmt21 : languages_m2m100;
    size_t n = wmt21 ? sizeof languages_wmt21 / sizeof languages_wmt21[0]
                     : sizeof languages_m2m100 / sizeof languages_m2m100[0];
    uint32_t id = opening->tokenizer->vocabularies[0].pieces.count;
    for (size_t i = 0; i < n; i++, id++) {
        char token[TOKENIZER_CODE_BYTES];
        int length = snprintf(token, sizeof token, "__%s__", table[i]);
        if (!opening_put(opening, 0, vocabulary_file, id, token, (size_t)length, PIECE_CONTROL) ||
            !opening_add_language(opening, table[i], strlen(table[i]), id))
            return false;
    }
    return true;
}

bool m2m100_open(struct opening *opening)
{
    struct tokenizer *tokenizer = opening->tokenizer;
    struct vocabulary *vocabulary = &tokenizer->vocabularies[0];
    struct splitter *splitter = &tokenizer->splitters[0];
    if (!opening_read_vocab_json(opening, 0, vocabulary_file) || !add_languages(opening) ||
        !opening_finish(opening, 0, vocabulary_file, opening->options->source_rows, false) ||
        !opening_mark_specials(opening, 0, vocabulary_file))
        return false;
    opening_mark(opening, 0, opening_token(opening, "bos_token", "<s>"), PIECE_CONTROL, NULL);
    tokenizer->side[TOKENIZER_SOURCE] = tokenizer->side[TOKENIZER_TARGET] = vocabulary;
    tokenizer->finds_unknown = true;
    tokenizer->tag_place = TAG_FIRST;
    tokenizer->forces_target = true;
    opening_default_languages(opening, "src_lang", "tgt_lang");
    if (opening->options->pieces_only)
        return true;
    tokenizer->splitter[TOKENIZER_SOURCE] = tokenizer->splitter[TOKENIZER_TARGET] = splitter;
    if (!opening_read_spm(opening, 0, "sentencepiece.bpe.model") ||
        !opening_link_by_text(opening, TOKENIZER_SOURCE))
        return false;
    tokenizer->ids_of[TOKENIZER_TARGET] = tokenizer->ids_of[TOKENIZER_SOURCE];
    opening_copy_kinds(opening, 0, &splitter->spm);
    return true;
}
