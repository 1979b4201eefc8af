#include "tokenizer/family.h"

#include "base/file.h"
#include "base/json.h"
#include "base/json_scan.h"
#include "tokenizer/fast.h"

#include <stdio.h>
#include <string.h>

/* ---- SentencePiece models ----------------------------------------------------------------------
 */

static bool gate_bytes(struct opening *opening, struct splitter *splitter)
{
    return spm_gate(&splitter->spm, splitter->file, splitter->bytes, splitter->n_bytes,
                    opening->err);
}

static bool load_bytes(struct opening *opening, struct splitter *splitter, const char *file)
{
    snprintf(splitter->file, sizeof splitter->file, "%s", file);
    splitter->bytes =
        file_load(opening->directory, file, SPM_MAX_BYTES, &splitter->n_bytes, opening->err);
    return splitter->bytes != NULL;
}

/* Families whose model can be made of tokenizer.json. */
static bool may_be_fast(const struct opening *opening)
{
    enum tokenizer_family family = opening->options->family;
    return family == TOKENIZER_T5 || family == TOKENIZER_NLLB || family == TOKENIZER_MBART;
}

static bool read_fast(struct opening *opening, struct splitter *splitter, const char *file)
{
    enum fast_layout layout = opening->options->family == TOKENIZER_T5 ? FAST_PLAIN : FAST_FAIRSEQ;
    struct buffer model = {0};
    if (!file_exists(opening->directory, FAST_FILE))
        return error_set(opening->err, ERROR_MODEL,
                         "%s: No such file, nor a " FAST_FILE
                         ": take one from the checkpoint that this one was made of",
                         file);
    bool ok = fast_build(opening->directory, layout, opening->options->source_rows, &model,
                         &opening->added, opening->err);
    snprintf(splitter->file, sizeof splitter->file, "%s", FAST_FILE);
    splitter->bytes = model.bytes; /* freed as what file_load() gives */
    splitter->n_bytes = model.n_bytes;
    return ok && gate_bytes(opening, splitter);
}

/* Where the model's pieces are the vocabulary: before they are all held once more. */
static bool check_rows(struct opening *opening, const struct splitter *splitter)
{
    uint32_t rows = opening->options->source_rows, count = splitter->spm.pieces.count;
    if (rows == 0 || count <= rows || !may_be_fast(opening))
        return true;
    return error_set(opening->err, ERROR_MODEL,
                     "%s: it has ids up to %u, the model's embeddings have %u rows", splitter->file,
                     count - 1, rows);
}

bool opening_read_spm(struct opening *opening, size_t index, const char *file)
{
    struct splitter *splitter = &opening->tokenizer->splitters[index];
    if (may_be_fast(opening) && !file_exists(opening->directory, file))
        return read_fast(opening, splitter, file);
    return load_bytes(opening, splitter, file) && gate_bytes(opening, splitter) &&
           check_rows(opening, splitter);
}

bool opening_read_spm_pair(struct opening *opening, const char *source, const char *target)
{
    struct tokenizer *tokenizer = opening->tokenizer;
    struct splitter *first = &tokenizer->splitters[0], *second = &tokenizer->splitters[1];
    if (!load_bytes(opening, first, source) || !load_bytes(opening, second, target))
        return false;
    bool same = first->n_bytes == second->n_bytes &&
                memcmp(first->bytes, second->bytes, first->n_bytes) == 0;
    if (!gate_bytes(opening, first) || (!same && !gate_bytes(opening, second)))
        return false;
    tokenizer->splitter[TOKENIZER_SOURCE] = first;
    tokenizer->splitter[TOKENIZER_TARGET] = same ? first : second;
    return true;
}

/* ---- vocabularies ------------------------------------------------------------------------------
 */

bool opening_put(struct opening *opening, size_t index, const char *file, uint32_t id,
                 const char *text, size_t n_bytes, enum piece_kind kind)
{
    char escaped[64];
    const char *fault;
    if (pieces_put(&opening->tokenizer->vocabularies[index].pieces, id, text, n_bytes, kind, &fault,
                   opening->err))
        return true;
    return fault != NULL &&
           error_set(opening->err, ERROR_MODEL, "%s: '%s', id %u: %s", file,
                     error_escape(escaped, sizeof escaped, text, n_bytes), id, fault);
}

bool opening_finish(struct opening *opening, size_t index, const char *file, uint32_t rows,
                    bool lenient)
{
    struct pieces *pieces = &opening->tokenizer->vocabularies[index].pieces;
    uint32_t twice = PIECES_NONE, hole = pieces_hole(pieces);
    char escaped[64];
    size_t n_bytes;
    if (pieces->count == 0)
        return error_set(opening->err, ERROR_MODEL, "%s: no pieces", file);
    if (!lenient && hole != PIECES_NONE)
        return error_set(opening->err, ERROR_MODEL, "%s: no piece has id %u", file, hole);
    if (rows != 0 && pieces->count > rows)
        return error_set(opening->err, ERROR_MODEL,
                         "%s: it has ids up to %u, the model's embeddings have %u rows", file,
                         pieces->count - 1, rows);
    if (pieces_finish(pieces, lenient ? NULL : &twice, opening->err))
        return true;
    if (twice == PIECES_NONE)
        return false;
    const char *text = pieces_text(pieces, twice, &n_bytes);
    return error_set(opening->err, ERROR_MODEL, "%s: '%s' twice", file,
                     error_escape(escaped, sizeof escaped, text, n_bytes));
}

/* Calls opening_put() for each entry of the object. */
static bool read_entries(struct opening *opening, size_t index, const char *file,
                         struct json_scan *scan, struct buffer *key)
{
    uint64_t id;
    json_scan_open(scan, '{');
    while (json_scan_next(scan, '}')) {
        if (!json_scan_string(scan, key) || !json_scan_colon(scan) || !json_scan_integer(scan, &id))
            break;
        uint32_t small = id < PIECES_MAX ? (uint32_t)id : PIECES_MAX; /* refused below */
        if (!opening_put(opening, index, file, small, key->bytes, key->n_bytes, PIECE_NORMAL))
            return false;
    }
    return true;
}

bool opening_read_vocab_json(struct opening *opening, size_t index, const char *file)
{
    size_t n_bytes;
    char *text = file_load(opening->directory, file, VOCABULARY_MAX_BYTES, &n_bytes, opening->err);
    if (text == NULL)
        return false;
    struct json_scan scan = {.at = text, .end = text + n_bytes};
    struct buffer key = {0};
    if (n_bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        scan.at += 3;
    bool ok = read_entries(opening, index, file, &scan, &key);
    if (ok && scan.fault == NULL && !json_scan_end(&scan))
        scan.fault = "text after the end";
    if (ok && scan.fault != NULL)
        ok = error_set(opening->err, json_scan_code(&scan), "%s: offset %zu: %s", file,
                       (size_t)(scan.at - text), scan.fault);
    buffer_free(&key);
    memory_free(text);
    return ok;
}

void opening_copy_kinds(struct opening *opening, size_t vocabulary, const struct spm *spm)
{
    struct pieces *pieces = &opening->tokenizer->vocabularies[vocabulary].pieces;
    for (uint32_t id = 0; id < spm->pieces.count; id++) {
        enum piece_kind kind = pieces_kind(&spm->pieces, id);
        size_t n_bytes;
        if (kind != PIECE_CONTROL && kind != PIECE_BYTE)
            continue;
        const char *text = pieces_text(&spm->pieces, id, &n_bytes);
        uint32_t found = pieces_find(pieces, text, n_bytes);
        if (found != PIECES_NONE)
            pieces->items[found].kind = kind;
    }
}

void opening_mark(struct opening *opening, size_t vocabulary, const char *piece,
                  enum piece_kind kind, uint32_t *id)
{
    struct pieces *pieces = &opening->tokenizer->vocabularies[vocabulary].pieces;
    uint32_t found = pieces_find(pieces, piece, strlen(piece));
    if (found != PIECES_NONE)
        pieces->items[found].kind = kind;
    if (id != NULL)
        *id = found != PIECES_NONE ? found : TOKENIZER_NO_ID;
}

bool opening_mark_specials(struct opening *opening, size_t index, const char *file)
{
    struct vocabulary *vocabulary = &opening->tokenizer->vocabularies[index];
    const char *unknown = opening_token(opening, "unk_token", "<unk>");
    const char *end = opening_token(opening, "eos_token", "</s>");
    opening_mark(opening, index, unknown, PIECE_UNKNOWN, &vocabulary->unknown);
    opening_mark(opening, index, end, PIECE_CONTROL, &vocabulary->end);
    opening_mark(opening, index, opening_token(opening, "pad_token", "<pad>"), PIECE_CONTROL,
                 &vocabulary->pad);
    if (vocabulary->unknown == TOKENIZER_NO_ID)
        return error_set(opening->err, ERROR_MODEL, "%s: no '%.64s'", file, unknown);
    if (vocabulary->end == TOKENIZER_NO_ID)
        return error_set(opening->err, ERROR_MODEL, "%s: no '%.64s'", file, end);
    return true;
}

/* A model's pieces are in its vocabulary, or the eighth of them that pruning leaves; fewer than one
 * in twenty are chance, unless the vocabulary was trimmed to a text: then most of it, and more than
 * a handful, are found. */
#define LEAST_FOUND 20
#define HANDFUL 64

bool opening_link_by_text(struct opening *opening, enum tokenizer_side side)
{
    struct tokenizer *tokenizer = opening->tokenizer;
    const struct spm *spm = &tokenizer->splitter[side]->spm;
    const struct vocabulary *vocabulary = tokenizer->side[side];
    uint32_t *ids = arena_new(&tokenizer->arena, spm->pieces.count, sizeof *ids, opening->err);
    uint32_t n_found = 0;
    if (ids == NULL)
        return false;
    for (uint32_t id = 0; id < spm->pieces.count; id++) {
        size_t n_bytes;
        const char *text = pieces_text(&spm->pieces, id, &n_bytes);
        uint32_t found = pieces_find(&vocabulary->pieces, text, n_bytes);
        n_found += found != PIECES_NONE;
        ids[id] = found != PIECES_NONE ? found : vocabulary->unknown;
    }
    bool is_trimmed = n_found >= HANDFUL && n_found >= vocabulary->pieces.count / 2;
    if (n_found < spm->pieces.count / LEAST_FOUND && !is_trimmed)
        return error_set(opening->err, ERROR_MODEL,
                         "%s: only %u of its %u pieces are in the vocabulary: another model's",
                         tokenizer->splitter[side]->file, n_found, spm->pieces.count);
    ids[spm->unknown] = vocabulary->unknown;
    tokenizer->ids_of[side] = ids;
    return true;
}

static uint32_t count_found(const struct spm *spm, const struct vocabulary *vocabulary)
{
    uint32_t n_found = 0;
    for (uint32_t id = 0; id < spm->pieces.count; id++) {
        size_t n_bytes;
        const char *text = pieces_text(&spm->pieces, id, &n_bytes);
        n_found += pieces_find(&vocabulary->pieces, text, n_bytes) != PIECES_NONE;
    }
    return n_found;
}

/* Each has more of its pieces in the other's vocabulary. Both must: where one vocabulary was
 * trimmed, the model of its side alone may. A vocabulary of both sides tells nothing. */
static bool are_swapped(const struct tokenizer *tokenizer)
{
    struct splitter *const *splitter = tokenizer->splitter;
    struct vocabulary *const *side = tokenizer->side;
    if (side[0] == side[1] || splitter[0] == splitter[1])
        return false;
    for (size_t i = 0; i < 2; i++)
        if (count_found(&splitter[i]->spm, side[1 - i]) <= count_found(&splitter[i]->spm, side[i]))
            return false;
    return true;
}

bool opening_link_both(struct opening *opening)
{
    const struct tokenizer *tokenizer = opening->tokenizer;
    if (!opening_link_by_text(opening, TOKENIZER_SOURCE) ||
        !opening_link_by_text(opening, TOKENIZER_TARGET))
        return false;
    return !are_swapped(tokenizer) ||
           error_set(opening->err, ERROR_MODEL,
                     "%s: its pieces are in the target's vocabulary, those of %s in the source's: "
                     "swap the two files",
                     tokenizer->splitter[0]->file, tokenizer->splitter[1]->file);
}

/* ---- configuration -----------------------------------------------------------------------------
 */

bool opening_add_language(struct opening *opening, const char *code, size_t n_bytes, uint32_t id)
{
    struct tokenizer *tokenizer = opening->tokenizer;
    if (n_bytes >= TOKENIZER_CODE_BYTES)
        return true; /* no language's code */
    if (tokenizer->n_languages == tokenizer->languages_capacity) {
        size_t capacity = tokenizer->languages_capacity * 2 + 64;
        struct language *grown =
            arena_new(&tokenizer->arena, capacity, sizeof *grown, opening->err);
        if (grown == NULL)
            return false;
        if (tokenizer->n_languages > 0)
            memcpy(grown, tokenizer->languages, tokenizer->n_languages * sizeof *grown);
        tokenizer->languages = grown;
        tokenizer->languages_capacity = capacity;
    }
    char *copy = arena_text(&tokenizer->arena, code, n_bytes, opening->err);
    if (copy == NULL)
        return false;
    tokenizer->languages[tokenizer->n_languages++] =
        (struct language){.code = copy, .id = id, .source_id = id};
    return true;
}

void opening_default_languages(struct opening *opening, const char *source_key,
                               const char *target_key)
{
    struct tokenizer *tokenizer = opening->tokenizer;
    const char *source = opening_text(opening, source_key);
    const char *target = opening_text(opening, target_key);
    if (source != NULL)
        snprintf(tokenizer->default_source, sizeof tokenizer->default_source, "%s", source);
    if (target != NULL)
        snprintf(tokenizer->default_target, sizeof tokenizer->default_target, "%s", target);
}

static const cJSON *member(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNull(item) ? NULL : item;
}

const char *opening_token(const struct opening *opening, const char *key, const char *fallback)
{
    const cJSON *item = member(opening->config, key);
    if (item == NULL)
        item = member(opening->specials, key);
    if (cJSON_IsObject(item))
        item = member(item, "content");
    return cJSON_IsString(item) ? item->valuestring : fallback;
}

const char *opening_text(const struct opening *opening, const char *key)
{
    const cJSON *item = member(opening->config, key);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

bool opening_flag(const struct opening *opening, const char *key, bool fallback)
{
    const cJSON *item = member(opening->config, key);
    return cJSON_IsBool(item) ? cJSON_IsTrue(item) : fallback;
}

/* "256047" -> 256047; PIECES_MAX if it is not an id. */
static uint32_t parse_id(const char *text)
{
    uint32_t id = 0;
    if (*text == '\0')
        return PIECES_MAX;
    for (; *text >= '0' && *text <= '9' && id < PIECES_MAX; text++)
        id = id * 10 + (uint32_t)(*text - '0');
    return *text == '\0' && id < PIECES_MAX ? id : PIECES_MAX;
}

static bool take_added(struct opening *opening, added_token_take *take, const char *file,
                       uint32_t id, const char *text)
{
    if (id >= PIECES_MAX || text == NULL)
        return error_set(opening->err, ERROR_MODEL, "%s: an added token without a text or an id",
                         file);
    return take(opening, id, text);
}

/* [{"id": id, "content": token}, ...] */
static bool read_added_fast(struct opening *opening, added_token_take *take, size_t *n)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, opening->added)
    {
        const cJSON *id = member(item, "id"); /* checked when the file was read */
        if (!take_added(opening, take, FAST_FILE, (uint32_t)id->valuedouble,
                        cJSON_GetStringValue(member(item, "content"))))
            return false;
        ++*n;
    }
    return true;
}

/* {"token": id, ...} */
static bool read_added_json(struct opening *opening, added_token_take *take, size_t *n)
{
    static const char file[] = "added_tokens.json";
    cJSON *root = NULL;
    if (!file_exists(opening->directory, file))
        return read_added_fast(opening, take, n);
    bool ok = json_load(&root, opening->directory, file, (size_t)1 << 20, opening->err);
    const cJSON *item;
    if (ok)
        cJSON_ArrayForEach(item, root)
        {
            double number = cJSON_IsNumber(item) ? item->valuedouble : -1;
            uint32_t id = number >= 0 && number < PIECES_MAX ? (uint32_t)number : PIECES_MAX;
            ok = ok && take_added(opening, take, file, id, item->string);
            ++*n;
        }
    cJSON_Delete(root);
    return ok;
}

bool opening_added_tokens(struct opening *opening, added_token_take *take, size_t *n)
{
    const cJSON *decoder = member(opening->config, "added_tokens_decoder"), *item;
    *n = 0;
    if (!cJSON_IsObject(decoder))
        return read_added_json(opening, take, n);
    cJSON_ArrayForEach(item, decoder)
    {
        const cJSON *content = member(item, "content");
        const char *text = cJSON_IsString(content) ? content->valuestring : NULL;
        if (!take_added(opening, take, "tokenizer_config.json", parse_id(item->string), text))
            return false;
        ++*n;
    }
    return true;
}
