#include "base/json.h"
#include "base/utf8.h"
#include "tokenizer/fast_inside.h"

#include <string.h>

#define META_SPACE "\xe2\x96\x81" /* U+2581 */

/* ---- normalizer and splitting into words ------------------------------------------------------
 */

/* A normalizer's table and the added tokens are a fraction of this; their trees are many times
 * their size. */
#define SLICES_MAX_BYTES ((size_t)1 << 20)

static bool check_sizes(struct fast *fast)
{
    size_t n_bytes = fast->normalizer.n_bytes + fast->pre_tokenizer.n_bytes;
    return n_bytes + fast->added_tokens.n_bytes <= SLICES_MAX_BYTES ||
           fast_refuse(fast, "normalizer, pre_tokenizer and added_tokens: larger than 1 MiB");
}

static bool parse_slice(struct fast *fast, const struct slice *slice, cJSON **root)
{
    *root = NULL;
    return slice->n_bytes == 0 || fast_slice_is(slice, "null") ||
           json_parse(root, FAST_FILE, slice->at, slice->n_bytes, fast->err);
}

static const char *text_of(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    return text != NULL ? text : "";
}

/* Runs of spaces that become one. */
static bool is_collapsing(const cJSON *replace)
{
    const cJSON *pattern = cJSON_GetObjectItemCaseSensitive(replace, "pattern");
    const char *content = text_of(replace, "content");
    return (strcmp(text_of(pattern, "Regex"), " {2,}") == 0 ||
            strcmp(text_of(pattern, "String"), "  ") == 0) &&
           (strcmp(content, " ") == 0 || strcmp(content, META_SPACE) == 0);
}

/* One step of a sequence, of the normalizer or of the splitting. */
static bool read_step(struct fast *fast, const cJSON *step, const cJSON **table)
{
    const char *type = text_of(step, "type");
    if (strcmp(type, "Precompiled") == 0) {
        *table = cJSON_GetObjectItemCaseSensitive(step, "precompiled_charsmap");
        return true;
    }
    if (strcmp(type, "Strip") == 0 || strcmp(type, "WhitespaceSplit") == 0 ||
        (strcmp(type, "Replace") == 0 && is_collapsing(step))) {
        fast->collapses = true;
        return true;
    }
    if (strcmp(type, "Metaspace") == 0 && strcmp(text_of(step, "replacement"), META_SPACE) == 0) {
        const char *scheme = text_of(step, "prepend_scheme");
        fast->dummy_prefix =
            scheme[0] != '\0'
                ? strcmp(scheme, "never") != 0
                : cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(step, "add_prefix_space"));
        return true;
    }
    return false;
}

static bool read_steps(struct fast *fast, const cJSON *root, const char *list, const char *what,
                       const cJSON **table)
{
    const cJSON *steps = root, *step;
    if (root != NULL && strcmp(text_of(root, "type"), "Sequence") == 0)
        steps = cJSON_GetObjectItemCaseSensitive(root, list);
    if (steps == root)
        return root == NULL || read_step(fast, root, table) ||
               fast_refuse(fast, "%s: unsupported: '%s'", what, text_of(root, "type"));
    cJSON_ArrayForEach(step, steps)
    {
        if (!read_step(fast, step, table))
            return fast_refuse(fast, "%s: unsupported: '%s'", what, text_of(step, "type"));
    }
    return true;
}

/* ---- which pieces are which -------------------------------------------------------------------
 */

/* Special tokens are never made from text. */
static bool mark_specials(struct fast *fast, const cJSON *added)
{
    const cJSON *token;
    cJSON_ArrayForEach(token, added)
    {
        const cJSON *id = cJSON_GetObjectItemCaseSensitive(token, "id");
        const char *content = text_of(token, "content");
        if (!cJSON_IsNumber(id) || !(id->valuedouble >= 0) || id->valuedouble >= PIECES_MAX)
            return fast_refuse(fast, "added_tokens: '%s' has no id", content);
        uint32_t number = (uint32_t)id->valuedouble;
        if (number >= fast->pieces.count)
            continue; /* beyond the model */
        if (strcmp(pieces_text(&fast->pieces, number, NULL), content) != 0)
            return fast_refuse(fast, "added_tokens: '%s' has the id of another piece", content);
        if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(token, "special")))
            fast->pieces.items[number].kind = PIECE_CONTROL;
    }
    return true;
}

/* MADLAD's language tags are pieces that only SentencePiece's own file tells from text. */
static bool mark_kinds(struct fast *fast)
{
    for (uint32_t id = 0; id < fast->pieces.count; id++) {
        size_t n;
        const char *text = pieces_text(&fast->pieces, id, &n);
        enum piece_kind *kind = &fast->pieces.items[id].kind;
        if (fast->byte_fallback && n == 6 && memcmp(text, "<0x", 3) == 0 && text[5] == '>')
            *kind = PIECE_BYTE;
        if (n > 4 && memcmp(text, "<2", 2) == 0 && text[n - 1] == '>')
            return fast_refuse(fast,
                               "'%s' looks like a language of MADLAD, which it does not tell from "
                               "text",
                               text);
    }
    if (fast->unknown >= fast->pieces.count)
        return fast_refuse(fast, "model: no unknown piece");
    fast->pieces.items[fast->unknown].kind = PIECE_UNKNOWN;
    return true;
}

/* SentencePiece merges whatever gives a piece; the file lists pairs. They do the same if no pair is
 * missing, but for the best piece of all, which older converters forgot. */
static bool check_merges(struct fast *fast)
{
    size_t n_pairs = 0, n_forgotten = 0;
    uint32_t first = PIECES_NONE;
    for (uint32_t id = 0; id < fast->pieces.count; id++) {
        size_t n, count = 0;
        const char *text = pieces_text(&fast->pieces, id, &n);
        if (fast->pieces.items[id].kind != PIECE_NORMAL)
            continue;
        for (size_t at = utf8_next(text, n, NULL); at > 0 && at < n;
             at += utf8_next(text + at, n - at, NULL))
            count += pieces_find(&fast->pieces, text, at) != PIECES_NONE &&
                     pieces_find(&fast->pieces, text + at, n - at) != PIECES_NONE;
        n_pairs += count;
        if (count > 0 && first == PIECES_NONE) {
            first = id;
            if (fast->ranks[id] == FAST_NO_RANK) {
                n_forgotten = count;
                fast->ranks[id] = 0;
            }
        }
    }
    return n_pairs - n_forgotten == fast->n_merges ||
           fast_refuse(fast, "model: merges: not those of a SentencePiece model");
}

/* ---- the model file ---------------------------------------------------------------------------
 */

static bool put_varint(struct buffer *out, uint64_t value, struct error *err)
{
    for (; value >= 0x80; value >>= 7)
        if (!buffer_append_byte(out, (char)(value | 0x80), err))
            return false;
    return buffer_append_byte(out, (char)value, err);
}

static bool put_number(struct buffer *out, uint32_t field, uint64_t value, struct error *err)
{
    return put_varint(out, (uint64_t)field << 3, err) && put_varint(out, value, err);
}

static bool put_bytes(struct buffer *out, uint32_t field, const void *bytes, size_t n_bytes,
                      struct error *err)
{
    return put_varint(out, (uint64_t)field << 3 | 2, err) && put_varint(out, n_bytes, err) &&
           buffer_append(out, bytes, n_bytes, err);
}

/* ModelProto.SentencePiece: piece 1, score 2, type 3. */
static bool put_model_piece(struct fast *fast, struct buffer *out, const char *text, size_t n_bytes,
                            float score, unsigned type)
{
    struct buffer *message = &fast->text;
    unsigned char bits[4];
    memcpy(bits, &score, sizeof bits);
    buffer_clear(message);
    return put_bytes(message, 1, text, n_bytes, fast->err) &&
           put_varint(message, 2 << 3 | 5, fast->err) &&
           buffer_append(message, bits, sizeof bits, fast->err) &&
           put_number(message, 3, type, fast->err) &&
           put_bytes(out, 1, message->bytes, message->n_bytes, fast->err);
}

static bool put_id(struct fast *fast, struct buffer *out, uint32_t id)
{
    static const unsigned types[] = {[PIECE_NORMAL] = 1, [PIECE_UNKNOWN] = 2, [PIECE_CONTROL] = 3,
                                     [PIECE_USER] = 4,   [PIECE_UNUSED] = 5,  [PIECE_BYTE] = 6};
    size_t n_bytes;
    const char *text = pieces_text(&fast->pieces, id, &n_bytes);
    float score = 0;
    if (!fast->is_bpe)
        score = fast->scores[id];
    else if (fast->ranks[id] != FAST_NO_RANK)
        score = -(float)fast->ranks[id];
    else
        score = -(float)(fast->n_merges + id); /* never merged: of no account */
    return put_model_piece(fast, out, text, n_bytes, score, types[pieces_kind(&fast->pieces, id)]);
}

static bool put_pieces(struct fast *fast, enum fast_layout layout, struct buffer *out)
{
    static const char *const first[] = {"<s>", "<pad>", "</s>", "<unk>"};
    uint32_t id = 0, count = fast->pieces.count;
    if (layout == FAST_PLAIN) {
        for (; id < count; id++)
            if (!put_id(fast, out, id))
                return false;
        return true;
    }
    for (; id < 4; id++)
        if (id >= count || strcmp(pieces_text(&fast->pieces, id, NULL), first[id]) != 0)
            return fast_refuse(fast, "model: '%s' is not where it should be", first[id]);
    if (!put_id(fast, out, 3) || !put_id(fast, out, 0) || !put_id(fast, out, 2))
        return false;
    for (; id < count && pieces_kind(&fast->pieces, id) != PIECE_CONTROL; id++)
        if (!put_id(fast, out, id))
            return false;
    for (; id < count; id++)
        if (pieces_kind(&fast->pieces, id) != PIECE_CONTROL)
            return fast_refuse(fast, "model: '%s' comes after the languages",
                               pieces_text(&fast->pieces, id, NULL));
    return true;
}

/* Base64 (RFC 4648), padded. */
static bool decode_base64(struct fast *fast, const char *text, struct buffer *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = strlen(text);
    while (n > 0 && text[n - 1] == '=')
        n--;
    uint32_t bits = 0;
    unsigned n_bits = 0;
    for (size_t i = 0; i < n; i++) {
        const char *digit = strchr(digits, text[i]);
        if (digit == NULL)
            return fast_refuse(fast, "normalizer: precompiled_charsmap is not base64");
        bits = bits << 6 | (uint32_t)(digit - digits);
        n_bits += 6;
        if (n_bits < 8)
            continue;
        n_bits -= 8;
        if (!buffer_append_byte(out, (char)(bits >> n_bits & 0xff), fast->err))
            return false;
    }
    return true;
}

/* trainer_spec: model_type 3, byte_fallback 35. normalizer_spec: table 2, dummy prefix 3, extra
 * white space 4, escaping 5. */
static bool put_specs(struct fast *fast, const cJSON *table, struct buffer *out)
{
    struct buffer message = {0}, bytes = {0};
    const char *text = cJSON_GetStringValue(table);
    bool ok = put_number(&message, 3, fast->is_bpe ? SPM_BPE : SPM_UNIGRAM, fast->err) &&
              put_number(&message, 35, fast->byte_fallback, fast->err) &&
              put_bytes(out, 2, message.bytes, message.n_bytes, fast->err);
    buffer_clear(&message);
    ok = ok &&
         (text == NULL || (decode_base64(fast, text, &bytes) &&
                           put_bytes(&message, 2, bytes.bytes, bytes.n_bytes, fast->err))) &&
         put_number(&message, 3, fast->dummy_prefix, fast->err) &&
         put_number(&message, 4, fast->collapses, fast->err) &&
         put_number(&message, 5, 1, fast->err) &&
         put_bytes(out, 3, message.bytes, message.n_bytes, fast->err);
    buffer_free(&message);
    buffer_free(&bytes);
    return ok;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

bool fast_write(struct fast *fast, enum fast_layout layout, struct buffer *out, cJSON **given)
{
    cJSON *normalizer = NULL, *splitting = NULL, *added = NULL;
    const cJSON *table = NULL;
    bool ok = check_sizes(fast) && parse_slice(fast, &fast->normalizer, &normalizer) &&
              parse_slice(fast, &fast->pre_tokenizer, &splitting) &&
              parse_slice(fast, &fast->added_tokens, &added);
    ok = ok && (splitting != NULL || fast_refuse(fast, "pre_tokenizer: missing")) &&
         read_steps(fast, normalizer, "normalizers", "normalizer", &table) &&
         read_steps(fast, splitting, "pretokenizers", "pre_tokenizer", &table) &&
         mark_specials(fast, added) && mark_kinds(fast) && (!fast->is_bpe || check_merges(fast)) &&
         put_pieces(fast, layout, out) && put_specs(fast, table, out);
    cJSON_Delete(normalizer);
    cJSON_Delete(splitting);
    if (ok && given != NULL)
        *given = added;
    else
        cJSON_Delete(added);
    return ok;
}
