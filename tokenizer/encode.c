#include "tokenizer/family.h"

#include "base/utf8.h"

#include <string.h>

static const char meta_space[] = "\xe2\x96\x81"; /* U+2581, SentencePiece's space */
#define META_SPACE_BYTES 3

/* ---- a list of ids -----------------------------------------------------------------------------
 */

bool token_ids_append(struct token_ids *list, uint32_t id, struct error *err)
{
    if (list->n_ids == list->capacity) {
        size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        if (!memory_resize(&list->ids, list->n_ids, capacity, sizeof *list->ids, err))
            return false;
        list->capacity = capacity;
    }
    list->ids[list->n_ids++] = id;
    return true;
}

void token_ids_clear(struct token_ids *list)
{
    list->n_ids = 0;
}

void token_ids_free(struct token_ids *list)
{
    memory_free(list->ids);
    *list = (struct token_ids){0};
}

/* ---- pieces -> ids -----------------------------------------------------------------------------
 */

struct encoding {
    const struct tokenizer *tokenizer;
    enum tokenizer_side side;
    struct token_ids *ids;
    struct tokenizer_report *report;
    bool trusted;     /* our own prompt: it may hold a language tag */
    bool inside_word; /* this part goes on with the word the part before it was cut in */
};

/* The checkpoint's id of a SentencePiece id. */
static uint32_t map_id(const struct encoding *encoding, uint32_t id, const char *piece,
                       size_t n_bytes)
{
    const struct tokenizer *tokenizer = encoding->tokenizer;
    uint32_t found = TOKENIZER_NO_ID;
    if (tokenizer->finds_unknown && id == tokenizer->splitter[encoding->side]->spm.unknown)
        found = pieces_find(&tokenizer->side[encoding->side]->pieces, piece, n_bytes);
    return found != TOKENIZER_NO_ID ? found : tokenizer->ids_of[encoding->side][id];
}

/* Text must not end or steer a translation: what looks like a control token is taken apart. */
static bool is_forbidden(const struct encoding *encoding, uint32_t id)
{
    enum piece_kind kind = pieces_kind(&encoding->tokenizer->side[encoding->side]->pieces, id);
    return kind == PIECE_CONTROL || (kind == PIECE_TAG && !encoding->trusted);
}

static bool append(const struct encoding *encoding, uint32_t id, struct error *err)
{
    uint32_t unknown = encoding->tokenizer->side[encoding->side]->unknown;
    if (id == unknown && encoding->report != NULL)
        encoding->report->n_unknown++;
    return token_ids_append(encoding->ids, id, err);
}

/* The characters of a piece, one by one. */
static bool append_characters(const struct encoding *encoding, const char *piece, size_t n_bytes,
                              struct error *err)
{
    const struct spm *spm = &encoding->tokenizer->splitter[encoding->side]->spm;
    for (size_t at = 0, n; at < n_bytes; at += n) {
        n = utf8_next(piece + at, n_bytes - at, NULL);
        n = n > 0 ? n : 1;
        uint32_t id = pieces_find(&spm->pieces, piece + at, n);
        id = map_id(encoding, id != PIECES_NONE ? id : spm->unknown, piece + at, n);
        if (is_forbidden(encoding, id))
            id = encoding->tokenizer->side[encoding->side]->unknown;
        if (!append(encoding, id, err))
            return false;
    }
    return true;
}

static bool take_piece(void *context, uint32_t id, const char *piece, size_t n_bytes,
                       struct error *err)
{
    struct encoding *encoding = context;
    if (encoding->inside_word) {
        encoding->inside_word = false;
        if (n_bytes >= META_SPACE_BYTES && memcmp(piece, meta_space, META_SPACE_BYTES) == 0) {
            /* The space is the library's own. */
            const struct spm *spm = &encoding->tokenizer->splitter[encoding->side]->spm;
            piece += META_SPACE_BYTES;
            n_bytes -= META_SPACE_BYTES;
            id = pieces_find(&spm->pieces, piece, n_bytes);
            if (n_bytes == 0 || id == PIECES_NONE)
                return append_characters(encoding, piece, n_bytes, err);
        }
    }
    uint32_t mapped = map_id(encoding, id, piece, n_bytes);
    if (is_forbidden(encoding, mapped))
        return append_characters(encoding, piece, n_bytes, err);
    return append(encoding, mapped, err);
}

/* Bytes of text that the library may see at once: all, or up to a space (which is left out: *gap),
 * or as many characters as it can take. */
static size_t part_bytes(const char *text, size_t n_bytes, size_t *gap)
{
    size_t at = 0, space = 0;
    *gap = 0;
    for (size_t n = 0; n < SENTENCEPIECE_MAX_CHARACTERS && at < n_bytes; n++) {
        if (text[at] == ' ' && at > 0)
            space = at;
        at += utf8_next(text + at, n_bytes - at, NULL);
    }
    if (at == n_bytes || space == 0)
        return at;
    *gap = 1;
    return space;
}

/* Appends the ids of well-formed text, without tags and </s>. */
static bool encode_text(struct encoding *encoding, const char *text, size_t n_bytes,
                        struct error *err)
{
    const struct splitter *splitter = encoding->tokenizer->splitter[encoding->side];
    if (splitter == NULL)
        return n_bytes == 0 ||
               error_set(err, ERROR_USAGE,
                         "this model has no SentencePiece model to take text apart: give pieces");
    if (splitter->library == NULL)
        return error_set(err, ERROR_INTERNAL, "the tokenizer was not opened to encode this side");
    encoding->inside_word = false;
    while (n_bytes > 0) {
        size_t gap, part = part_bytes(text, n_bytes, &gap);
        if (!sentencepiece_encode(splitter->library, text, part, take_piece, encoding, err))
            return false;
        encoding->inside_word = gap == 0 && splitter->spm.add_dummy_prefix;
        text += part + gap;
        n_bytes -= part + gap;
    }
    return true;
}

/* ---- sentences ---------------------------------------------------------------------------------
 */

/* Text with each ill-formed run replaced by U+FFFD. Well-formed text is not copied. */
static bool make_valid(const char **text, size_t *n_bytes, struct buffer *copy,
                       struct tokenizer_report *report, struct error *err)
{
    if (utf8_valid(*text, *n_bytes, NULL))
        return true;
    for (size_t at = 0; at < *n_bytes;) {
        size_t good = utf8_next(*text + at, *n_bytes - at, NULL);
        size_t bad = good == 0 ? utf8_bad_run(*text + at, *n_bytes - at) : 0;
        if (!(good > 0 ? buffer_append(copy, *text + at, good, err)
                       : buffer_append(copy, "\xef\xbf\xbd", 3, err)))
            return false;
        if (good == 0 && report != NULL)
            report->n_replaced++;
        at += good + bad;
    }
    *text = copy->bytes;
    *n_bytes = copy->n_bytes;
    return true;
}

/* The language tag ">>xx<<" that Marian's text begins with, if the model knows it; moves the text
 * past it. */
static uint32_t take_tag(const struct tokenizer *tokenizer, const char **text, size_t *n_bytes)
{
    const char *end = *n_bytes >= 4 && memcmp(*text, ">>", 2) == 0
                          ? memmem(*text + 2, *n_bytes - 2, "<<", 2)
                          : NULL;
    if (end == NULL || end == *text + 2)
        return TOKENIZER_NO_ID;
    size_t length = (size_t)(end - *text) + 2;
    const struct pieces *pieces = &tokenizer->side[TOKENIZER_SOURCE]->pieces;
    uint32_t id = pieces_find(pieces, *text, length);
    if (pieces_kind(pieces, id) != PIECE_TAG)
        return TOKENIZER_NO_ID;
    *text += length;
    *n_bytes -= length;
    return id;
}

static bool append_if(struct token_ids *ids, bool wanted, uint32_t id, struct error *err)
{
    return !wanted || id == TOKENIZER_NO_ID || token_ids_append(ids, id, err);
}

bool tokenizer_encode(const struct tokenizer *tokenizer,
                      const struct tokenizer_direction *direction, const char *text, size_t n_bytes,
                      struct token_ids *ids, struct tokenizer_report *report, struct error *err)
{
    struct encoding encoding = {
        .tokenizer = tokenizer, .side = TOKENIZER_SOURCE, .ids = ids, .report = report};
    struct buffer valid = {0};
    uint32_t tag = direction->source_tag;
    enum tag_place place = tokenizer->tag_place;
    bool ok = make_valid(&text, &n_bytes, &valid, report, err);
    if (ok && place == TAG_TARGET) {
        uint32_t own = take_tag(tokenizer, &text, &n_bytes);
        tag = own != TOKENIZER_NO_ID ? own : tag;
    }
    ok = ok && append_if(ids, true, tokenizer->side[TOKENIZER_SOURCE]->begin, err) &&
         append_if(ids, place != TAG_LAST, tag, err);
    encoding.trusted = true;
    ok = ok && encode_text(&encoding, direction->prompt, strlen(direction->prompt), err);
    encoding.trusted = false;
    ok = ok && encode_text(&encoding, text, n_bytes, err) &&
         append_if(ids, !tokenizer->omits_end, tokenizer->side[TOKENIZER_SOURCE]->end, err) &&
         append_if(ids, place == TAG_LAST, tag, err);
    buffer_free(&valid);
    return ok;
}

bool tokenizer_encode_target(const struct tokenizer *tokenizer,
                             const struct tokenizer_direction *direction, const char *text,
                             size_t n_bytes, struct token_ids *ids, struct tokenizer_report *report,
                             struct error *err)
{
    struct encoding encoding = {
        .tokenizer = tokenizer, .side = TOKENIZER_TARGET, .ids = ids, .report = report};
    struct buffer valid = {0};
    bool ok = make_valid(&text, &n_bytes, &valid, report, err) &&
              append_if(ids, true, direction->forced_first, err) &&
              encode_text(&encoding, text, n_bytes, err) &&
              append_if(ids, true, tokenizer->side[TOKENIZER_TARGET]->end, err);
    buffer_free(&valid);
    return ok;
}

/* ---- text that is in pieces already ------------------------------------------------------------
 */

static bool append_piece(const struct vocabulary *vocabulary, const char *piece, size_t n_bytes,
                         struct token_ids *ids, struct tokenizer_report *report, struct error *err)
{
    uint32_t id = pieces_find(&vocabulary->pieces, piece, n_bytes);
    if (id == PIECES_NONE)
        id = vocabulary->unknown;
    if (id == TOKENIZER_NO_ID) {
        char escaped[64];
        return error_set(err, ERROR_INPUT, "'%s' is not in the vocabulary, which has no <unk>",
                         error_escape(escaped, sizeof escaped, piece, n_bytes));
    }
    if (id == vocabulary->unknown && report != NULL)
        report->n_unknown++;
    return token_ids_append(ids, id, err);
}

bool tokenizer_encode_pieces(const struct tokenizer *tokenizer,
                             const struct tokenizer_direction *direction, enum tokenizer_side side,
                             const char *text, size_t n_bytes, struct token_ids *ids,
                             struct tokenizer_report *report, struct error *err)
{
    const struct vocabulary *vocabulary = tokenizer->side[side];
    bool source = side == TOKENIZER_SOURCE, last = source && tokenizer->tag_place == TAG_LAST;
    uint32_t tag = source ? direction->source_tag : direction->forced_first;
    const char *end = text + n_bytes;
    if (!append_if(ids, source, vocabulary->begin, err))
        return false;
    size_t first = ids->n_ids;
    for (const char *piece = text; piece < end;) {
        const char *stop = memchr(piece, ' ', (size_t)(end - piece));
        if (stop == NULL)
            stop = end;
        if (stop > piece &&
            !append_piece(vocabulary, piece, (size_t)(stop - piece), ids, report, err))
            return false;
        piece = stop + 1;
    }
    bool whole = ids->n_ids > first && ids->ids[ids->n_ids - 1] == vocabulary->end;
    bool tagged = ids->n_ids > first && ids->ids[last ? ids->n_ids - 1 : first] == tag;
    if (tag != TOKENIZER_NO_ID && !last && !tagged) {
        if (!token_ids_append(ids, tag, err))
            return false;
        memmove(ids->ids + first + 1, ids->ids + first,
                (ids->n_ids - 1 - first) * sizeof *ids->ids);
        ids->ids[first] = tag;
    }
    if (last && tagged)
        return true;
    return append_if(ids, !whole && !(source && tokenizer->omits_end), vocabulary->end, err) &&
           append_if(ids, last, tag, err);
}
