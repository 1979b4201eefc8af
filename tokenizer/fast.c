#include "base/file.h"
#include "base/json_scan.h"
#include "tokenizer/fast_inside.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool fast_refuse(struct fast *fast, const char *format, ...)
{
    char reason[160], escaped[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    error_escape(escaped, sizeof escaped, reason, strlen(reason));
    return error_set(fast->err, ERROR_MODEL,
                     FAST_FILE ": %s (put the SentencePiece model it was made of beside it)",
                     escaped);
}

/* ---- the pieces -------------------------------------------------------------------------------
 */

static bool put_piece(struct fast *fast, uint64_t id, const struct buffer *text)
{
    const char *fault;
    char escaped[64];
    uint32_t small = id < PIECES_MAX ? (uint32_t)id : PIECES_MAX; /* refused below */
    return pieces_put(&fast->pieces, small, text->bytes, text->n_bytes, PIECE_NORMAL, &fault,
                      fast->err) ||
           (fault != NULL &&
            error_set(fast->err, ERROR_MODEL, FAST_FILE ": '%s', id %u: %s",
                      error_escape(escaped, sizeof escaped, text->bytes, text->n_bytes), small,
                      fault));
}

/* A number of Unigram's vocabulary, whatever the locale's decimal point is. */
static bool read_score(struct fast *fast, struct json_scan *scan, float *score)
{
    while (scan->at < scan->end && memchr(" \t\r\n", *scan->at, 4) != NULL)
        scan->at++;
    const char *start = scan->at;
    if (!json_scan_skip(scan))
        return false;
    cJSON *number = cJSON_ParseWithLength(start, (size_t)(scan->at - start));
    bool ok = cJSON_IsNumber(number) && isfinite((float)number->valuedouble);
    *score = ok ? (float)number->valuedouble : 0;
    cJSON_Delete(number);
    return ok || fast_refuse(fast, "model: a score is not a number");
}

/* [["<s>", 0.0], ...]: a piece's place is its id. */
static bool read_unigram(struct fast *fast, struct json_scan *scan)
{
    uint32_t id = 0;
    json_scan_open(scan, '[');
    for (; json_scan_next(scan, ']'); id++) {
        float score;
        bool paired = json_scan_open(scan, '[') && json_scan_next(scan, ']') &&
                      json_scan_string(scan, &fast->text) && json_scan_next(scan, ']');
        if (scan->fault != NULL)
            break;
        if (!paired)
            return fast_refuse(fast, "model: a piece without a score");
        if (!read_score(fast, scan, &score))
            return scan->fault != NULL; /* told by the caller */
        if (json_scan_next(scan, ']'))
            return fast_refuse(fast, "model: a piece has more than a score");
        if (id >= fast->score_capacity) {
            size_t capacity = fast->score_capacity * 2 + 1024;
            if (!memory_resize(&fast->scores, fast->score_capacity, capacity, sizeof *fast->scores,
                               fast->err))
                return false;
            fast->score_capacity = capacity;
        }
        if (!put_piece(fast, id, &fast->text))
            return false;
        fast->scores[id] = score;
    }
    return true;
}

/* {"<s>": 0, ...} */
static bool read_bpe(struct fast *fast, struct json_scan *scan)
{
    uint64_t id;
    fast->is_bpe = true;
    json_scan_open(scan, '{');
    while (json_scan_next(scan, '}')) {
        if (!json_scan_string(scan, &fast->text) || !json_scan_colon(scan) ||
            !json_scan_integer(scan, &id))
            break;
        if (!put_piece(fast, id, &fast->text))
            return false;
    }
    return true;
}

/* "a b" or ["a", "b"]; text becomes "ab". */
static bool read_merge(struct fast *fast, struct json_scan *scan, struct buffer *right)
{
    struct buffer *text = &fast->text;
    while (scan->at < scan->end && memchr(" \t\r\n", *scan->at, 4) != NULL)
        scan->at++;
    if (scan->at < scan->end && *scan->at == '"') {
        if (!json_scan_string(scan, text))
            return false;
        char *space = text->n_bytes > 0 ? memchr(text->bytes, ' ', text->n_bytes) : NULL;
        if (space == NULL)
            return fast_refuse(fast, "model: merges: no space in '%s'",
                               text->n_bytes > 0 ? text->bytes : "");
        memmove(space, space + 1, (size_t)(text->bytes + text->n_bytes - space)); /* and its NUL */
        text->n_bytes--;
        return true;
    }
    bool paired = json_scan_open(scan, '[') && json_scan_next(scan, ']') &&
                  json_scan_string(scan, text) && json_scan_next(scan, ']') &&
                  json_scan_string(scan, right) && !json_scan_next(scan, ']');
    if (scan->fault != NULL)
        return false;
    return paired ? buffer_append(text, right->bytes, right->n_bytes, fast->err)
                  : fast_refuse(fast, "model: merges: not a pair");
}

static bool read_merges(struct fast *fast, struct json_scan *scan)
{
    struct buffer right = {0};
    bool ok = true;
    json_scan_open(scan, '[');
    while (ok && json_scan_next(scan, ']')) {
        if (!read_merge(fast, scan, &right)) {
            ok = scan->fault != NULL; /* told by the caller */
            break;
        }
        uint32_t id = pieces_find(&fast->pieces, fast->text.bytes, fast->text.n_bytes);
        if (id == PIECES_NONE)
            ok = fast_refuse(fast, "model: merges: '%s' is no piece", fast->text.bytes);
        else if (fast->ranks[id] == FAST_NO_RANK)
            fast->ranks[id] = (uint32_t)fast->n_merges;
        fast->n_merges++;
    }
    buffer_free(&right);
    return ok;
}

/* Pieces can be found, and merges be counted for them. */
static bool finish_pieces(struct fast *fast)
{
    uint32_t twice = PIECES_NONE, hole = pieces_hole(&fast->pieces);
    char number[16];
    if (fast->pieces.count == 0)
        return fast_refuse(fast, "model: no vocabulary");
    snprintf(number, sizeof number, "%u", hole);
    if (hole != PIECES_NONE)
        return fast_refuse(fast, "model: no piece has id %s", number);
    if (fast->rows != 0 && fast->pieces.count > fast->rows) /* before it is all held once more */
        return error_set(fast->err, ERROR_MODEL,
                         FAST_FILE ": it has ids up to %u, the model's embeddings have %u rows",
                         fast->pieces.count - 1, fast->rows);
    if (!pieces_finish(&fast->pieces, &twice, fast->err))
        return twice != PIECES_NONE &&
               fast_refuse(fast, "model: '%s' twice", pieces_text(&fast->pieces, twice, NULL));
    if (!fast->is_bpe)
        return true;
    fast->ranks = memory_new_raw(fast->pieces.count, sizeof *fast->ranks, fast->err);
    for (uint32_t i = 0; fast->ranks != NULL && i < fast->pieces.count; i++)
        fast->ranks[i] = FAST_NO_RANK;
    return fast->ranks != NULL;
}

/* A value that must be false, null, 0 or "". */
static bool must_be_off(struct fast *fast, const char *key, const struct slice *value)
{
    static const char *const off[] = {"false", "null", "\"\"", "0", "0.0"};
    for (size_t i = 0; i < sizeof off / sizeof off[0]; i++)
        if (value->n_bytes == strlen(off[i]) && memcmp(value->at, off[i], value->n_bytes) == 0)
            return true;
    return fast_refuse(fast, "model: unsupported: %s", key);
}

static struct slice take_value(struct json_scan *scan)
{
    while (scan->at < scan->end && memchr(" \t\r\n", *scan->at, 4) != NULL)
        scan->at++;
    struct slice slice = {.at = scan->at};
    if (json_scan_skip(scan))
        slice.n_bytes = (size_t)(scan->at - slice.at);
    return slice;
}

bool fast_slice_is(const struct slice *slice, const char *text)
{
    return slice->n_bytes == strlen(text) && memcmp(slice->at, text, slice->n_bytes) == 0;
}

/* One member of "model"; `unk_token` is text, so it waits until the pieces are there. */
static bool read_member(struct fast *fast, struct json_scan *scan, const char *key,
                        struct buffer *unknown)
{
    static const char *const off[] = {"dropout", "continuing_subword_prefix", "end_of_word_suffix",
                                      "ignore_merges"};
    uint64_t id;
    if (strcmp(key, "vocab") == 0) {
        while (scan->at < scan->end && memchr(" \t\r\n", *scan->at, 4) != NULL)
            scan->at++;
        bool list = scan->at < scan->end && *scan->at == '[';
        return (list ? read_unigram(fast, scan) : read_bpe(fast, scan)) &&
               (scan->fault != NULL || finish_pieces(fast));
    }
    if (strcmp(key, "merges") == 0)
        return fast->ranks != NULL ? read_merges(fast, scan)
                                   : fast_refuse(fast, "model: merges before a vocabulary");
    if (strcmp(key, "unk_token") == 0) {
        struct slice value = take_value(scan);
        if (fast_slice_is(&value, "null") || value.n_bytes == 0)
            return true;
        struct json_scan again = {.at = value.at, .end = value.at + value.n_bytes};
        return json_scan_string(&again, unknown) ||
               fast_refuse(fast, "model: unk_token is not a string");
    }
    if (strcmp(key, "unk_id") == 0) {
        if (json_scan_integer(scan, &id))
            fast->unknown = id < PIECES_MAX ? (uint32_t)id : PIECES_NONE;
        return true;
    }
    struct slice value = take_value(scan);
    if (strcmp(key, "byte_fallback") == 0)
        fast->byte_fallback = fast_slice_is(&value, "true");
    if (strcmp(key, "type") == 0 && !fast_slice_is(&value, "\"Unigram\"") &&
        !fast_slice_is(&value, "\"BPE\"")) {
        char name[32] = "";
        if (value.n_bytes > 0 && value.n_bytes < sizeof name)
            memcpy(name, value.at, value.n_bytes);
        return fast_refuse(fast, "model: unsupported: %s", name);
    }
    for (size_t i = 0; i < sizeof off / sizeof off[0]; i++)
        if (strcmp(key, off[i]) == 0)
            return must_be_off(fast, key, &value);
    return true;
}

static bool read_model(struct fast *fast, struct json_scan *scan)
{
    struct buffer key = {0}, unknown = {0};
    bool ok = true;
    json_scan_open(scan, '{');
    while (ok && json_scan_next(scan, '}') && json_scan_string(scan, &key) && json_scan_colon(scan))
        ok = read_member(fast, scan, key.bytes, &unknown);
    if (ok && scan->fault == NULL && unknown.n_bytes > 0)
        fast->unknown = pieces_find(&fast->pieces, unknown.bytes, unknown.n_bytes);
    buffer_free(&key);
    buffer_free(&unknown);
    return ok;
}

/* The members of the file: slices of the small ones, the model as it comes. */
static bool read_file(struct fast *fast, struct json_scan *scan)
{
    struct buffer key = {0};
    bool ok = true;
    json_scan_open(scan, '{');
    while (ok && json_scan_next(scan, '}') && json_scan_string(scan, &key) &&
           json_scan_colon(scan)) {
        struct slice *slice = NULL;
        if (strcmp(key.bytes, "model") == 0)
            ok = read_model(fast, scan);
        else if (strcmp(key.bytes, "normalizer") == 0)
            slice = &fast->normalizer;
        else if (strcmp(key.bytes, "pre_tokenizer") == 0)
            slice = &fast->pre_tokenizer;
        else if (strcmp(key.bytes, "added_tokens") == 0)
            slice = &fast->added_tokens;
        else
            json_scan_skip(scan);
        if (slice != NULL)
            *slice = take_value(scan);
    }
    buffer_free(&key);
    return ok;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

bool fast_parse(const char *text, size_t n_bytes, enum fast_layout layout, uint32_t rows,
                struct buffer *out, cJSON **added, struct error *err)
{
    struct fast fast = {.unknown = PIECES_NONE, .rows = rows, .err = err};
    struct json_scan scan = {.at = text, .end = text + n_bytes};
    bool ok = read_file(&fast, &scan);
    if (ok && scan.fault == NULL && !json_scan_end(&scan))
        scan.fault = "text after the end";
    if (ok && scan.fault != NULL)
        ok = error_set(err, json_scan_code(&scan), FAST_FILE ": offset %zu: %s",
                       (size_t)(scan.at - text), scan.fault);
    if (ok && fast.pieces.count == 0)
        ok = fast_refuse(&fast, "model: missing");
    ok = ok && fast_write(&fast, layout, out, added);
    pieces_free(&fast.pieces);
    memory_free(fast.scores);
    memory_free(fast.ranks);
    buffer_free(&fast.text);
    return ok;
}

bool fast_build(const char *directory, enum fast_layout layout, uint32_t rows, struct buffer *out,
                cJSON **added, struct error *err)
{
    size_t n_bytes;
    char *text = file_load(directory, FAST_FILE, VOCABULARY_MAX_BYTES, &n_bytes, err);
    bool ok = text != NULL && fast_parse(text, n_bytes, layout, rows, out, added, err);
    memory_free(text);
    return ok;
}
