/* T5Tokenizer, of T5, mT5, flan-T5 and MADLAD: the ids are SentencePiece's own, with <extra_id_*>
 * after them. The task is said in the text: "translate English to German: ", or MADLAD's "<2de> ".
 */
#include "tokenizer/family.h"

#include <stdio.h>
#include <string.h>

static const char model_file[] = "spiece.model";

/* Sentinels that T5's tokenizer adds unless it is told otherwise. */
#define EXTRA_IDS 100

static bool take_added(struct opening *opening, uint32_t id, const char *text)
{
    const struct pieces *pieces = &opening->tokenizer->vocabularies[0].pieces;
    if (pieces_kind(pieces, id) != PIECE_NONE)
        return true; /* a piece of the model, said again */
    return opening_put(opening, 0, "tokenizer_config.json", id, text, strlen(text), PIECE_CONTROL);
}

/* <extra_id_99> first, <extra_id_0> last, if the model has rows for them. */
static bool add_extra_ids(struct opening *opening)
{
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(opening->config, "extra_ids");
    double wanted = cJSON_IsNumber(given) ? given->valuedouble : EXTRA_IDS;
    uint32_t id = opening->tokenizer->vocabularies[0].pieces.count;
    uint32_t rows = opening->options->source_rows;
    uint32_t n = wanted >= 0 && wanted <= 1000 ? (uint32_t)wanted : EXTRA_IDS;
    if (rows != 0 && (id > rows || n > rows - id))
        return true;
    while (n-- > 0) {
        char token[32];
        int length = snprintf(token, sizeof token, "<extra_id_%u>", n);
        if (!opening_put(opening, 0, model_file, id++, token, (size_t)length, PIECE_CONTROL))
            return false;
    }
    return true;
}

/* MADLAD's languages are pieces "<2xx>". */
bool opening_find_t5_languages(struct opening *opening)
{
    struct tokenizer *tokenizer = opening->tokenizer;
    struct pieces *pieces = &tokenizer->side[TOKENIZER_SOURCE]->pieces;
    for (uint32_t id = 0; id < pieces->count; id++) {
        size_t n_bytes;
        const char *text = pieces_text(pieces, id, &n_bytes);
        if (n_bytes < 5 || memcmp(text, "<2", 2) != 0 || text[n_bytes - 1] != '>')
            continue;
        if (!opening_add_language(opening, text + 2, n_bytes - 3, id))
            return false;
        pieces->items[id].kind = PIECE_TAG;
    }
    tokenizer->prompt = tokenizer->n_languages > 0 ? PROMPT_TAG : PROMPT_SENTENCE;
    return true;
}

bool t5_open(struct opening *opening)
{
    struct tokenizer *tokenizer = opening->tokenizer;
    struct splitter *splitter = &tokenizer->splitters[0];
    const struct spm *spm = &splitter->spm;
    struct vocabulary *vocabulary = &tokenizer->vocabularies[0];
    size_t n_added;
    const char *class = opening_text(opening, "tokenizer_class");
    if (class != NULL && strncmp(class, "ByT5", 4) == 0)
        return error_set(opening->err, ERROR_MODEL,
                         "tokenizer_config.json: tokenizer_class: unsupported: '%.64s', which "
                         "takes text as bytes",
                         class);
    if (!opening_read_spm(opening, 0, model_file))
        return false;
    uint32_t *ids = arena_new(&tokenizer->arena, spm->pieces.count, sizeof *ids, opening->err);
    if (ids == NULL)
        return false;
    for (uint32_t id = 0; id < spm->pieces.count; id++) {
        size_t n_bytes;
        const char *text = pieces_text(&spm->pieces, id, &n_bytes);
        ids[id] = id;
        if (!opening_put(opening, 0, model_file, id, text, n_bytes, pieces_kind(&spm->pieces, id)))
            return false;
    }
    if (!opening_added_tokens(opening, take_added, &n_added) ||
        (n_added == 0 && !add_extra_ids(opening)) ||
        !opening_finish(opening, 0, model_file, opening->options->source_rows, true) ||
        !opening_mark_specials(opening, 0, model_file))
        return false;
    for (size_t side = 0; side < 2; side++) {
        tokenizer->side[side] = vocabulary;
        tokenizer->splitter[side] = splitter;
        tokenizer->ids_of[side] = ids;
    }
    return opening_find_t5_languages(opening);
}
