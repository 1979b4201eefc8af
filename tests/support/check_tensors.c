#include "tests/support/check_tensors.h"

#include "base/file.h"
#include "base/utf8.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Values read at a time by check_survives(). */
#define BLOCK_VALUES 4096

struct opened open_tensors(const struct buffer *bytes, enum tensor_format format)
{
    struct error err = {0};
    struct opened opened = {.copy = malloc(bytes->n_bytes + 1)};
    ck_assert_ptr_nonnull(opened.copy);
    memcpy(opened.copy, bytes->bytes, bytes->n_bytes);
    if (!tensors_open_bytes(&opened.tensors, "test", opened.copy, bytes->n_bytes, format, &err))
        ck_abort_msg("%s", err.text);
    return opened;
}

void close_tensors(struct opened *opened)
{
    ck_assert(tensors_close(opened->tensors, NULL));
    free(opened->copy);
}

static void check_line(const struct error *err)
{
    size_t length = strlen(err->text);
    ck_assert_int_eq(err->code, ERROR_MODEL);
    ck_assert_uint_gt(length, 0);
    ck_assert_uint_lt(length, ERROR_TEXT_BYTES);
    ck_assert(utf8_valid(err->text, length, NULL));
    for (size_t i = 0; i < length; i++)
        ck_assert_int_ge((unsigned char)err->text[i], 0x20);
}

void check_refused(const struct buffer *bytes, enum tensor_format format, const char *reason)
{
    struct error err = {0};
    struct tensors *tensors;
    char *copy = malloc(bytes->n_bytes != 0 ? bytes->n_bytes : 1);
    ck_assert_ptr_nonnull(copy);
    if (bytes->n_bytes > 0)
        memcpy(copy, bytes->bytes, bytes->n_bytes);
    if (tensors_open_bytes(&tensors, "test", copy, bytes->n_bytes, format, &err))
        ck_abort_msg("loaded, but '%s' was expected", reason);
    check_line(&err);
    if (strstr(err.text, reason) == NULL)
        ck_abort_msg("'%s' does not say '%s'", err.text, reason);
    free(copy);
}

static void read_all(const struct tensors *tensors)
{
    static float values[BLOCK_VALUES];
    for (size_t i = 0; i < tensors_count(tensors); i++) {
        const struct tensor *t = tensors_at(tensors, i);
        ck_assert_ptr_eq(tensors_find(tensors, t->name), t);
        for (size_t at = 0; at < t->n_elements; at += BLOCK_VALUES) {
            struct error err = {0};
            size_t left = t->n_elements - at;
            if (!tensors_read_f32(tensors, t, at, left < BLOCK_VALUES ? left : BLOCK_VALUES, values,
                                  &err)) {
                check_line(&err);
                break;
            }
        }
    }
}

bool check_survives(const void *bytes, size_t n_bytes, enum tensor_format format)
{
    struct error err = {0};
    struct tensors *tensors;
    char *copy = malloc(n_bytes != 0 ? n_bytes : 1);
    ck_assert_ptr_nonnull(copy);
    if (n_bytes > 0)
        memcpy(copy, bytes, n_bytes);
    bool loaded = tensors_open_bytes(&tensors, "test", copy, n_bytes, format, &err);
    if (loaded) {
        read_all(tensors);
        ck_assert(tensors_close(tensors, NULL));
    } else {
        check_line(&err);
    }
    free(copy);
    return loaded;
}

void check_truncations(const struct buffer *bytes, enum tensor_format format)
{
    for (size_t length = 0; length < bytes->n_bytes; length++)
        if (check_survives(bytes->bytes, length, format))
            ck_abort_msg("the first %zu of %zu bytes load", length, bytes->n_bytes);
}

void check_flips(const struct buffer *bytes, enum tensor_format format, size_t n_flipped)
{
    for (size_t bit = 0; bit < 8 * n_flipped; bit++) {
        char *byte = bytes->bytes + bit / 8;
        *byte = (char)(*byte ^ 1 << bit % 8);
        check_survives(bytes->bytes, bytes->n_bytes, format);
        *byte = (char)(*byte ^ 1 << bit % 8);
    }
}

float value_at(const struct tensors *tensors, const char *name, size_t index)
{
    struct error err = {0};
    float value = 0;
    const struct tensor *t = tensors_find(tensors, name);
    if (t == NULL)
        ck_abort_msg("no tensor '%s'", name);
    if (!tensors_read_f32(tensors, t, index, 1, &value, &err))
        ck_abort_msg("%s", err.text);
    return value;
}

size_t find_bytes(const struct buffer *bytes, const void *needle, size_t n_bytes, size_t nth)
{
    for (size_t at = 0; at + n_bytes <= bytes->n_bytes; at++)
        if (memcmp(bytes->bytes + at, needle, n_bytes) == 0 && nth-- == 0)
            return at;
    ck_abort_msg("the bytes to find are not there");
}

void replace_bytes(struct buffer *bytes, const void *old, const void *new, size_t n_bytes)
{
    memcpy(bytes->bytes + find_bytes(bytes, old, n_bytes, 0), new, n_bytes);
}

struct buffer load_bytes(const char *path)
{
    struct error err = {0};
    struct buffer bytes = {0};
    bytes.bytes = file_load(NULL, path, 0, &bytes.n_bytes, &err);
    if (bytes.bytes == NULL)
        ck_abort_msg("%s", err.text);
    return bytes;
}
