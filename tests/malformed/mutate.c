#include "tests/malformed/mutate.h"

#include "model/tensors.h"

#include <stdlib.h>
#include <string.h>

/* Random cases of each target. */
#define N_MIXED 1500

const char *const damage_names[DAMAGE_COUNT] = {"cut",  "flip", "number", "token",
                                                "line", "mix",  "hand"};

static const uint64_t hostile_numbers[] = {
    0,
    1,
    0x7f,
    0xff,
    0xffff,
    0x7fffffff,
    0x80000000,
    0xffffffff,
    0x100000000,
    0x7fffffffffffffff,
    0x8000000000000000,
    0xffffffffffffffff,
    0x4000000000000001,
    0x2000000000000000,
};

/* What a word, a string or a mark of a text is replaced by. */
static const char *const hostile_tokens[] = {
    "",
    "0",
    "-1",
    "01",
    "1.",
    "+1",
    "0x10",
    "512.5",
    "1e999",
    "NaN",
    "Infinity",
    "2147483648",
    "4294967295",
    "9007199254740993",
    "18446744073709551616",
    "1e5",
    "16777216",
    "65537",
    "257",
    "true",
    "null",
    "\"\"",
    "\"512\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\xff\xfe\"",
    "\"../../etc/passwd\"",
    "\"/etc/passwd\"",
    "\"..\"",
    "[]",
    "[8]",
    "[[[[[[[[1]]]]]]]]",
    "{}",
    "{",
    "]",
    ",",
    ":",
    "\"",
    "'",
    "&a *a",
    "|",
    "- -",
    "\n",
    "\xef\xbb\xbf",
    "</s>",
    "\xe2\x96\x81",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

uint64_t mix_bits(uint64_t seed, uint64_t value)
{
    uint64_t x = seed + value * 0x9e3779b97f4a7c15u; /* splitmix64 */
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* ---- what there is to damage ------------------------------------------------------------------
 */

static void *grow(void *items, size_t count, size_t size)
{
    if ((count & (count - 1)) != 0)
        return items;
    items = realloc(items, (count == 0 ? 1 : 2 * count) * size);
    if (items == NULL)
        abort();
    return items;
}

static void add_piece(struct piece **pieces, size_t *n, size_t start, size_t end)
{
    *pieces = grow(*pieces, *n, sizeof **pieces);
    (*pieces)[(*n)++] = (struct piece){start, end - start};
}

static bool is_text(const struct buffer *bytes)
{
    for (size_t i = 0; i < bytes->n_bytes; i++) {
        unsigned char byte = (unsigned char)bytes->bytes[i];
        if (byte < 0x20 && byte != '\n')
            return false;
    }
    return bytes->n_bytes > 0;
}

/* Strings with their quotes, marks, and runs of anything else. */
static void find_tokens(struct target *target)
{
    static const char marks[] = "{}[],:";
    const char *text = target->bytes.bytes;
    size_t n = target->bytes.n_bytes;
    for (size_t at = 0; at < n;) {
        size_t start = at++;
        if (text[start] == ' ' || text[start] == '\n')
            continue;
        if (text[start] == '"' || text[start] == '\'') {
            while (at < n && text[at] != text[start])
                at++;
            at += at < n;
        } else if (strchr(marks, text[start]) == NULL) {
            while (at < n && text[at] != ' ' && text[at] != '\n' && strchr(marks, text[at]) == NULL)
                at++;
        }
        add_piece(&target->tokens, &target->n_tokens, start, at);
    }
    for (size_t start = 0, at = 0; at < n; at++)
        if (text[at] == '\n' || at + 1 == n) {
            add_piece(&target->lines, &target->n_lines, start, at + 1);
            start = at + 1;
        }
}

/* Marks the bytes of tensors' values, whose damage is other numbers and nothing else. */
static void mark_values(const struct target *target, unsigned char *is_value)
{
    struct error err = {0};
    struct tensors *tensors;
    enum tensor_format format = target->model->kind == TINY_CT2 ? FORMAT_CT2 : FORMAT_AUTO;
    if (target->part != TINY_WHOLE || target->n_tokens > 0 ||
        !tensors_open_bytes(&tensors, "x", target->bytes.bytes, target->bytes.n_bytes, format,
                            &err))
        return;
    for (size_t i = 0; i < tensors_count(tensors); i++) {
        const struct tensor *tensor = tensors_at(tensors, i);
        memset(is_value + tensor->offset, 1, tensor->n_bytes);
    }
    tensors_close(tensors, NULL);
}

void target_make(struct target *target, const struct tiny_model *model,
                 const struct tiny_file *file, enum tiny_part part)
{
    *target = (struct target){.model = model, .file = file, .part = part};
    tiny_part_get(model, file, part, &target->bytes);
    if (is_text(&target->bytes))
        find_tokens(target);
    size_t n = target->bytes.n_bytes;
    unsigned char *is_value = calloc(n + 1, 1);
    target->places = calloc(n + 1, sizeof *target->places);
    if (is_value == NULL || target->places == NULL)
        abort();
    mark_values(target, is_value);
    for (size_t i = 0; i < n; i++)
        if (!is_value[i])
            target->places[target->n_places++] = i;
    free(is_value);
}

void target_free(struct target *target)
{
    buffer_free(&target->bytes);
    free(target->places);
    free(target->tokens);
    free(target->lines);
}

/* ---- damage -----------------------------------------------------------------------------------
 */

size_t target_count(const struct target *target, enum damage damage)
{
    switch (damage) {
    case DAMAGE_CUT:
        return target->bytes.n_bytes;
    case DAMAGE_FLIP:
        return 8 * target->n_places;
    case DAMAGE_NUMBER:
        return target->n_tokens > 0 ? 0 : 2 * target->n_places;
    case DAMAGE_TOKEN:
        return target->n_tokens * COUNT(hostile_tokens);
    case DAMAGE_LINE:
        return 3 * target->n_lines;
    case DAMAGE_MIX:
        return N_MIXED;
    case DAMAGE_HAND:
        return handmade_count(target);
    case DAMAGE_COUNT:
        break;
    }
    return 0;
}

/* `old`'s bytes [start, start + n_old) replaced by `new`. */
static void splice(const struct buffer *old, size_t start, size_t n_old, const void *new,
                   size_t n_new, struct buffer *out)
{
    put_bytes(out, old->bytes, start);
    put_bytes(out, new, n_new);
    put_bytes(out, old->bytes + start + n_old, old->n_bytes - start - n_old);
}

static void put_number(const struct target *target, size_t index, struct buffer *out)
{
    size_t at = target->places[index / 2], n = index % 2 == 0 ? 4 : 8;
    uint64_t number = hostile_numbers[mix_bits(7, index) % COUNT(hostile_numbers)];
    size_t left = target->bytes.n_bytes - at;
    splice(&target->bytes, at, n < left ? n : left, &number, n < left ? n : left, out);
}

static void change_line(const struct target *target, size_t index, struct buffer *out)
{
    const struct piece *line = &target->lines[index / 3];
    const char *text = target->bytes.bytes + line->start;
    bool twice = index % 3 == 1;
    put_bytes(out, target->bytes.bytes, line->start + (twice ? line->n_bytes : 0));
    if (twice)
        put_bytes(out, text, line->n_bytes);
    put_bytes(out, text + line->n_bytes, target->bytes.n_bytes - line->start - line->n_bytes);
    if (index % 3 == 2)
        put_bytes(out, text, line->n_bytes);
}

/* One to four changes: a byte, a number, a stretch gone, doubled, or laid over another. */
static void mix(const struct target *target, size_t index, uint64_t seed, struct buffer *out)
{
    struct buffer next = {0};
    uint64_t random = mix_bits(seed, index);
    put_bytes(out, target->bytes.bytes, target->bytes.n_bytes);
    for (uint64_t left = 1 + random % 4; left > 0 && out->n_bytes > 0; left--) {
        random = mix_bits(random, left);
        size_t n = out->n_bytes, at = (random >> 8) % n;
        size_t stretch = 1 + (random >> 40) % 64;
        stretch = stretch < n - at ? stretch : n - at;
        uint64_t number = hostile_numbers[(random >> 4) % COUNT(hostile_numbers)];
        const char *token = hostile_tokens[(random >> 4) % COUNT(hostile_tokens)];
        size_t from = (random >> 24) % (n - stretch + 1);
        buffer_clear(&next);
        switch (random % 6) {
        case 0:
            splice(out, at, 1, &random, 1, &next);
            break;
        case 1:
            splice(out, at, stretch < 8 ? stretch : 8, &number, stretch < 8 ? stretch : 8, &next);
            break;
        case 2:
            splice(out, at, stretch, "", 0, &next);
            break;
        case 3:
            splice(out, at, 0, out->bytes + at, stretch, &next);
            break;
        case 4:
            splice(out, at, stretch, out->bytes + from, stretch, &next);
            break;
        default:
            splice(out, at, 0, token, strlen(token), &next);
            break;
        }
        struct buffer old = *out;
        *out = next;
        next = old;
    }
    buffer_free(&next);
}

void target_damage(const struct target *target, enum damage damage, size_t index, uint64_t seed,
                   struct buffer *out)
{
    const struct buffer *bytes = &target->bytes;
    struct buffer part = {0};
    switch (damage) {
    case DAMAGE_CUT:
        put_bytes(&part, bytes->bytes, index);
        break;
    case DAMAGE_FLIP: {
        size_t at = target->places[index / 8];
        char byte = (char)(bytes->bytes[at] ^ 1 << index % 8);
        splice(bytes, at, 1, &byte, 1, &part);
        break;
    }
    case DAMAGE_NUMBER:
        put_number(target, index, &part);
        break;
    case DAMAGE_TOKEN: {
        const struct piece *token = &target->tokens[index / COUNT(hostile_tokens)];
        const char *hostile = hostile_tokens[index % COUNT(hostile_tokens)];
        splice(bytes, token->start, token->n_bytes, hostile, strlen(hostile), &part);
        break;
    }
    case DAMAGE_LINE:
        change_line(target, index, &part);
        break;
    case DAMAGE_MIX:
        mix(target, index, seed, &part);
        break;
    case DAMAGE_HAND:
        handmade_make(target, index, &part);
        break;
    case DAMAGE_COUNT:
        break;
    }
    tiny_part_put(target->model, target->file, target->part, part.bytes, part.n_bytes, out);
    buffer_free(&part);
}
