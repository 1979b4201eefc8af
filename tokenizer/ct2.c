/* CTranslate2: lists of tokens, with the original's SentencePiece model beside them if text is to
 * be tokenized. Which family it was converted from is read off the tokens and the files. */
#include "base/file.h"
#include "base/json.h"
#include "tokenizer/vocab_files.h"

#include <stdio.h>
#include <string.h>

#define CONFIG_MAX_BYTES ((size_t)1 << 20)

/* The file of a side, or NULL: the last in the list is what both have in common. */
static const char *find_list(const struct opening *opening, const char *const *names)
{
    for (; *names != NULL; names++)
        if (file_exists(opening->directory, *names))
            return *names;
    return NULL;
}

static bool read_list(struct opening *opening, size_t index, const char *file, const cJSON *config,
                      uint32_t rows)
{
    static const char *const specials[] = {"<blank>", "<pad>", "<s>"};
    struct vocabulary *vocabulary = &opening->tokenizer->vocabularies[index];
    struct pieces *pieces = &vocabulary->pieces;
    size_t n = strlen(file);
    bool array = n > 5 && strcmp(file + n - 5, ".json") == 0;
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(config, "unk_token");
    const char *unknown = cJSON_IsString(item) ? item->valuestring : "<unk>";
    item = cJSON_GetObjectItemCaseSensitive(config, "eos_token");
    const char *end = cJSON_IsString(item) ? item->valuestring : "</s>";
    if (!(array ? vocab_read_array(opening, index, file)
                : vocab_read_lines(opening, index, file, 0)) ||
        !opening_finish(opening, index, file, 0, true))
        return false;
    /* An unknown token that is not listed is the last. */
    if (pieces_find(pieces, unknown, strlen(unknown)) == PIECES_NONE &&
        !opening_put(opening, index, file, pieces->count, unknown, strlen(unknown), PIECE_UNKNOWN))
        return false;
    if (!opening_finish(opening, index, file, rows, true))
        return false;
    for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++)
        opening_mark(opening, index, specials[i], PIECE_CONTROL, NULL);
    opening_mark(opening, index, "<pad>", PIECE_CONTROL, &vocabulary->pad);
    opening_mark(opening, index, unknown, PIECE_UNKNOWN, &vocabulary->unknown);
    opening_mark(opening, index, end, PIECE_CONTROL, &vocabulary->end);
    if (index == 0 && opening->options->source_bos) {
        item = cJSON_GetObjectItemCaseSensitive(config, "bos_token");
        const char *begin = cJSON_IsString(item) ? item->valuestring : "<s>";
        opening_mark(opening, index, begin, PIECE_CONTROL, &vocabulary->begin);
        if (vocabulary->begin == TOKENIZER_NO_ID)
            return error_set(opening->err, ERROR_MODEL, "%s: no '%.64s'", file, begin);
    }
    return vocabulary->end != TOKENIZER_NO_ID ||
           error_set(opening->err, ERROR_MODEL, "%s: no '%.64s'", file, end);
}

static bool read_lists(struct opening *opening, const cJSON *config)
{
    static const char *const sources[] = {"source_vocabulary.json",
                                          "source_vocabulary.txt",
                                          "source_1_vocabulary.json",
                                          "source_1_vocabulary.txt",
                                          "shared_vocabulary.json",
                                          "shared_vocabulary.txt",
                                          NULL};
    static const char *const targets[] = {"target_vocabulary.json", "target_vocabulary.txt",
                                          "shared_vocabulary.json", "shared_vocabulary.txt", NULL};
    struct tokenizer *tokenizer = opening->tokenizer;
    const struct tokenizer_options *options = opening->options;
    const char *source = find_list(opening, sources), *target = find_list(opening, targets);
    if (source == NULL || target == NULL)
        return error_set(opening->err, ERROR_MODEL, "%s: no %s_vocabulary.json or .txt",
                         opening->directory, source == NULL ? "source" : "target");
    bool same = source == target || strcmp(source, target) == 0;
    if (!read_list(opening, 0, source, config, options->source_rows) ||
        (!same && !read_list(opening, 1, target, config, options->target_rows)))
        return false;
    tokenizer->side[TOKENIZER_SOURCE] = &tokenizer->vocabularies[0];
    tokenizer->side[TOKENIZER_TARGET] = &tokenizer->vocabularies[same ? 0 : 1];
    return true;
}

/* "__de__" (M2M100) or "deu_Latn", "de_DE" (NLLB, mBART) in the target vocabulary. */
static bool find_languages(struct opening *opening, bool *m2m100)
{
    struct tokenizer *tokenizer = opening->tokenizer;
    struct pieces *pieces = &tokenizer->side[TOKENIZER_TARGET]->pieces;
    struct pieces *sources = &tokenizer->side[TOKENIZER_SOURCE]->pieces;
    for (uint32_t id = 0; id < pieces->count; id++) {
        size_t n;
        const char *text = pieces_text(pieces, id, &n);
        bool own = n > 5 && memcmp(text, "__", 2) == 0 && memcmp(text + n - 2, "__", 2) == 0;
        if (!own && !language_is_tag(text))
            continue;
        uint32_t source = pieces_find(sources, text, n);
        *m2m100 = *m2m100 || own;
        pieces->items[id].kind = PIECE_CONTROL;
        if (source != PIECES_NONE)
            sources->items[source].kind = PIECE_CONTROL;
        if (!(own ? opening_add_language(opening, text + 2, n - 4, id)
                  : opening_add_language(opening, text, n, id)))
            return false;
        tokenizer->languages[tokenizer->n_languages - 1].source_id = source;
    }
    return true;
}

/* M2M100, NLLB and mBART. */
static bool open_many_languages(struct opening *opening)
{
    struct tokenizer *tokenizer = opening->tokenizer;
    bool m2m100 = false;
    if (!find_languages(opening, &m2m100))
        return false;
    if (tokenizer->n_languages == 0)
        return true; /* one model file for both sides, and no languages */
    bool by_language = opening->options->language_starts; /* mBART-25 */
    tokenizer->tag_place =
        by_language || opening_flag(opening, "legacy_behaviour", false) ? TAG_LAST : TAG_FIRST;
    tokenizer->starts_with_target = by_language;
    tokenizer->forces_target = !by_language;
    tokenizer->finds_unknown = m2m100;
    opening_default_languages(opening, "src_lang", "tgt_lang");
    return true;
}

/* The SentencePiece model, and what belongs to the family it tells. */
static bool open_splitters(struct opening *opening)
{
    static const char *const shared[] = {"sentencepiece.bpe.model", "spiece.model",
                                         "sentencepiece.model", NULL};
    struct tokenizer *tokenizer = opening->tokenizer;
    const char *file = find_list(opening, shared);
    bool pair = file_exists(opening->directory, "source.spm") &&
                file_exists(opening->directory, "target.spm");
    bool tagged = file == shared[0], prompted = !pair && file == shared[1];
    if (pair) {
        tokenizer->finds_unknown = true;
        tokenizer->tag_place = TAG_TARGET;
        if (!opening_find_marian_languages(opening))
            return false;
    } else if (tagged ? !open_many_languages(opening)
                      : prompted && !opening_find_t5_languages(opening)) {
        return false;
    }
    /* Pieces as they are; the configuration says what is put around them. */
    tokenizer->omits_end = !pair && file == NULL && !opening->options->source_eos;
    if ((!pair && file == NULL) || opening->options->pieces_only)
        return true;
    if (pair) {
        if (!opening_read_spm_pair(opening, "source.spm", "target.spm"))
            return false;
    } else {
        if (!opening_read_spm(opening, 0, file))
            return false;
        tokenizer->splitter[0] = tokenizer->splitter[1] = &tokenizer->splitters[0];
    }
    if (!opening_link_both(opening))
        return false;
    for (size_t side = 0; side < 2; side++) {
        size_t index = tokenizer->side[side] == &tokenizer->vocabularies[1];
        opening_copy_kinds(opening, index, &tokenizer->splitter[side]->spm);
    }
    return true;
}

bool ct2_open(struct opening *opening)
{
    static const char file[] = "config.json";
    struct tokenizer *tokenizer = opening->tokenizer;
    cJSON *config = NULL;
    tokenizer->cleans_up = opening_flag(opening, "clean_up_tokenization_spaces", false);
    if (file_exists(opening->directory, file) &&
        !json_load(&config, opening->directory, file, CONFIG_MAX_BYTES, opening->err))
        return false;
    bool ok = read_lists(opening, config) && open_splitters(opening);
    cJSON_Delete(config);
    return ok;
}
