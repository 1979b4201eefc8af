/* Hugging Face MarianTokenizer: pieces of source.spm, ids of vocab.json, decoded by the kinds of
 * target.spm. The ids of the .spm files themselves mean nothing here. */
#include "tokenizer/family.h"

#include "base/file.h"

#include <string.h>

static bool read_vocabulary(struct opening *opening, size_t index, const char *file, uint32_t rows)
{
    return opening_read_vocab_json(opening, index, file) &&
           opening_finish(opening, index, file, rows, false) &&
           opening_mark_specials(opening, index, file);
}

/* The languages of a multilingual model are pieces ">>xx<<". */
bool opening_find_marian_languages(struct opening *opening)
{
    struct pieces *pieces = &opening->tokenizer->side[TOKENIZER_SOURCE]->pieces;
    for (uint32_t id = 0; id < pieces->count; id++) {
        size_t n_bytes;
        const char *text = pieces_text(pieces, id, &n_bytes);
        if (n_bytes <= 4 || memcmp(text, ">>", 2) != 0 || memcmp(text + n_bytes - 2, "<<", 2) != 0)
            continue;
        if (!opening_add_language(opening, text + 2, n_bytes - 4, id))
            return false;
        pieces->items[id].kind = PIECE_TAG;
    }
    return true;
}

bool marian_open(struct opening *opening)
{
    struct tokenizer *tokenizer = opening->tokenizer;
    const struct tokenizer_options *options = opening->options;
    bool separate = opening_flag(opening, "separate_vocabs", false);
    if (!read_vocabulary(opening, 0, "vocab.json", options->source_rows))
        return false;
    if (separate && !read_vocabulary(opening, 1, "target_vocab.json", options->target_rows))
        return false;
    tokenizer->side[TOKENIZER_SOURCE] = &tokenizer->vocabularies[0];
    tokenizer->side[TOKENIZER_TARGET] = &tokenizer->vocabularies[separate ? 1 : 0];
    tokenizer->finds_unknown = true;
    tokenizer->tag_place = TAG_TARGET;
    if (!opening_find_marian_languages(opening))
        return false;
    if (options->pieces_only)
        return true;
    if (!opening_read_spm_pair(opening, "source.spm", "target.spm") || !opening_link_both(opening))
        return false;
    opening_copy_kinds(opening, separate ? 1 : 0, &tokenizer->splitter[TOKENIZER_TARGET]->spm);
    return true;
}
