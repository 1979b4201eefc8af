#include "tokenizer/family.h"

#include "base/utf8.h"

#include <string.h>

static const char meta_space[] = "\xe2\x96\x81"; /* U+2581, SentencePiece's space */
#define META_SPACE_BYTES 3

/* What a line of text cannot hold, or a terminal should not be told by a translation. */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029;
}

static bool is_space(uint32_t c)
{
    return c == ' ' || is_control(c) || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
           c == 0x202f || c == 0x205f || c == 0x3000;
}

/* ---- ids -> raw text ---------------------------------------------------------------------------
 */

static unsigned hex(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'A') + 10;
}

static bool append_spaced(struct buffer *raw, const char *text, size_t n_bytes, struct error *err)
{
    for (size_t at = 0; at < n_bytes;) {
        const char *meta = memmem(text + at, n_bytes - at, meta_space, META_SPACE_BYTES);
        size_t run = meta != NULL ? (size_t)(meta - text) - at : n_bytes - at;
        if (!buffer_append(raw, text + at, run, err) ||
            (meta != NULL && !buffer_append_byte(raw, ' ', err)))
            return false;
        at += run + (meta != NULL ? META_SPACE_BYTES : 0);
    }
    return true;
}

static bool append_raw(const struct tokenizer *tokenizer, struct buffer *raw, uint32_t id,
                       struct error *err)
{
    const struct pieces *pieces = &tokenizer->side[TOKENIZER_TARGET]->pieces;
    size_t n_bytes;
    const char *text = pieces_text(pieces, id, &n_bytes);
    switch (pieces_kind(pieces, id)) {
    case PIECE_CONTROL:
    case PIECE_UNKNOWN:
        return true;
    case PIECE_BYTE: /* "<0x0A>" */
        return buffer_append_byte(raw, (char)(hex(text[3]) << 4 | hex(text[4])), err);
    default:
        return append_spaced(raw, text, n_bytes, err);
    }
}

/* ---- raw text -> text --------------------------------------------------------------------------
 */

/* What " ." and the like become, in the order the reference applies them to the whole text. */
static const struct {
    const char *from, *to;
} clean_ups[] = {{" .", "."},     {" ?", "?"},   {" !", "!"},   {" ,", ","},     {" ' ", "'"},
                 {" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};

static void clean_up(struct buffer *text)
{
    for (size_t i = 0; i < sizeof clean_ups / sizeof clean_ups[0]; i++) {
        size_t from = strlen(clean_ups[i].from), to = strlen(clean_ups[i].to), out = 0;
        for (size_t at = 0; at < text->n_bytes;) {
            if (text->n_bytes - at >= from &&
                memcmp(text->bytes + at, clean_ups[i].from, from) == 0) {
                memcpy(text->bytes + out, clean_ups[i].to, to);
                at += from;
                out += to;
            } else {
                text->bytes[out++] = text->bytes[at++];
            }
        }
        text->n_bytes = out;
    }
}

/* White space at both ends is left out: the first piece's is SentencePiece's own. */
static void trim(const struct buffer *raw, size_t *begin, size_t *end)
{
    uint32_t c = 0;
    *begin = 0;
    *end = raw->n_bytes;
    for (size_t n; (n = utf8_next(raw->bytes + *begin, *end - *begin, &c)) > 0 && is_space(c);)
        *begin += n;
    size_t last = *begin; /* end of the last character that is not white space */
    for (size_t at = *begin; at < *end;) {
        size_t n = utf8_next(raw->bytes + at, *end - at, &c);
        at += n > 0 ? n : 1;
        if (n == 0 || !is_space(c))
            last = at;
    }
    *end = last;
}

static bool append_clean(const struct buffer *raw, struct buffer *text, struct error *err)
{
    size_t at, end;
    trim(raw, &at, &end);
    while (at < end) {
        uint32_t c = 0;
        size_t n = utf8_next(raw->bytes + at, end - at, &c);
        size_t bad = n == 0 ? utf8_bad_run(raw->bytes + at, end - at) : 0;
        bool ok = n == 0          ? buffer_append(text, "\xef\xbf\xbd", 3, err)
                  : is_control(c) ? buffer_append_byte(text, ' ', err)
                                  : buffer_append(text, raw->bytes + at, n, err);
        if (!ok)
            return false;
        at += n + bad;
    }
    return true;
}

static bool check_range(const struct tokenizer *tokenizer, uint32_t id, struct error *err)
{
    uint32_t rows = tokenizer->rows[TOKENIZER_TARGET];
    uint32_t count = tokenizer->side[TOKENIZER_TARGET]->pieces.count;
    uint32_t limit = rows > count ? rows : count;
    return id < limit || error_set(err, ERROR_INTERNAL, "target id %u of %u", id, limit);
}

bool tokenizer_decode(const struct tokenizer *tokenizer, const uint32_t *ids, size_t n_ids,
                      struct buffer *text, struct error *err)
{
    struct buffer raw = {0};
    bool ok = buffer_reserve(&raw, 8 * n_ids, err) && buffer_reserve(text, 0, err);
    for (size_t i = 0; ok && i < n_ids; i++)
        ok = check_range(tokenizer, ids[i], err) && append_raw(tokenizer, &raw, ids[i], err);
    if (ok && tokenizer->cleans_up)
        clean_up(&raw);
    ok = ok && append_clean(&raw, text, err);
    buffer_free(&raw);
    return ok;
}

bool tokenizer_decode_pieces(const struct tokenizer *tokenizer, const uint32_t *ids, size_t n_ids,
                             struct buffer *text, struct error *err)
{
    const struct pieces *pieces = &tokenizer->side[TOKENIZER_TARGET]->pieces;
    bool first = true;
    if (!buffer_reserve(text, 8 * n_ids, err))
        return false;
    for (size_t i = 0; i < n_ids; i++) {
        size_t n_bytes;
        const char *piece = pieces_text(pieces, ids[i], &n_bytes);
        if (!check_range(tokenizer, ids[i], err))
            return false;
        if (pieces_kind(pieces, ids[i]) == PIECE_CONTROL || n_bytes == 0)
            continue;
        struct buffer raw = {.bytes = (char *)piece, .n_bytes = n_bytes};
        if ((!first && !buffer_append_byte(text, ' ', err)) || !append_clean(&raw, text, err))
            return false;
        first = false;
    }
    return true;
}
