#include "model/npz.h"

#include "base/checked.h"
#include "model/zip.h"

#include <string.h>

#define MODEL_YML "special:model.yml"
#define SUFFIX ".npy"

/* "\x93NUMPY", major, minor. */
#define MAGIC_BYTES 8
#define MAX_HEADER_BYTES 65535

struct text {
    const char *at, *end;
};

static void skip_blanks(struct text *text)
{
    while (text->at < text->end && (*text->at == ' ' || *text->at == '\n'))
        text->at++;
}

/* Skips blanks and takes `token` if it comes next. */
static bool take(struct text *text, const char *token)
{
    size_t length = strlen(token);
    skip_blanks(text);
    if ((size_t)(text->end - text->at) < length || memcmp(text->at, token, length) != 0)
        return false;
    text->at += length;
    return true;
}

/* A quoted string without escapes. */
static bool take_string(struct text *text, const char **string, size_t *n_bytes)
{
    char quote[2] = {0};
    if (take(text, "'"))
        quote[0] = '\'';
    else if (take(text, "\""))
        quote[0] = '"';
    else
        return false;
    const char *close = memchr(text->at, quote[0], (size_t)(text->end - text->at));
    if (close == NULL)
        return false;
    *string = text->at;
    *n_bytes = (size_t)(close - text->at);
    text->at = close + 1;
    return memchr(*string, '\\', *n_bytes) == NULL;
}

static bool take_size(struct text *text, size_t *size)
{
    skip_blanks(text);
    const char *start = text->at;
    size_t value = 0;
    for (; text->at < text->end && *text->at >= '0' && *text->at <= '9'; text->at++)
        if (!checked_mul(value, 10, &value) ||
            !checked_add(value, (size_t)(*text->at - '0'), &value))
            return false;
    *size = value;
    return text->at > start && (text->at - start == 1 || *start != '0');
}

/* "()", "(5,)", "(5, 3)". */
static bool take_shape(struct text *text, struct npy *npy, const char **reason)
{
    *reason = "shape: not a tuple of sizes";
    if (!take(text, "("))
        return false;
    while (!take(text, ")")) {
        if (npy->rank == TENSOR_MAX_RANK) {
            *reason = "shape: more than 8 dimensions";
            return false;
        }
        if (!take_size(text, &npy->shape[npy->rank]))
            return false;
        npy->rank++;
        if (!take(text, ",")) {
            if (npy->rank == 1 || !take(text, ")"))
                return false;
            break;
        }
    }
    return true;
}

static bool take_type(struct text *text, struct npy *npy, const char **reason)
{
    static const struct {
        const char *descr;
        enum tensor_type type;
    } types[] = {
        {"<f4", TENSOR_F32}, {"<f2", TENSOR_F16}, {"<i2", TENSOR_I16}, {"<i4", TENSOR_I32},
        {"<i8", TENSOR_I64}, {"|i1", TENSOR_I8},  {"<i1", TENSOR_I8},  {">i1", TENSOR_I8},
        {"=i1", TENSOR_I8},  {"|u1", TENSOR_U8},  {"<u1", TENSOR_U8},  {"|b1", TENSOR_BOOL},
    };
    const char *descr;
    size_t n_bytes;
    *reason = "dtype: 'descr' is not a string";
    if (!take_string(text, &descr, &n_bytes))
        return false;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strlen(types[i].descr) == n_bytes && memcmp(types[i].descr, descr, n_bytes) == 0) {
            npy->type = types[i].type;
            return true;
        }
    *reason = memchr(descr, 'O', n_bytes) != NULL
                  ? "object arrays are refused"
                  : "dtype: only little-endian float32, float16 and integers are supported";
    return false;
}

enum { HAS_DESCR = 1, HAS_ORDER = 2, HAS_SHAPE = 4 };

static bool take_item(struct text *text, struct npy *npy, unsigned *seen, const char **reason)
{
    const char *key;
    size_t n_key;
    *reason = "malformed array header";
    if (!take_string(text, &key, &n_key) || !take(text, ":"))
        return false;
    unsigned item = n_key == 5 && memcmp(key, "descr", 5) == 0             ? HAS_DESCR
                    : n_key == 13 && memcmp(key, "fortran_order", 13) == 0 ? HAS_ORDER
                    : n_key == 5 && memcmp(key, "shape", 5) == 0           ? HAS_SHAPE
                                                                           : 0;
    if (item == 0 || (*seen & item)) {
        *reason = "unknown or duplicate key in the array header";
        return false;
    }
    *seen |= item;
    if (item == HAS_DESCR)
        return take_type(text, npy, reason);
    if (item == HAS_SHAPE)
        return take_shape(text, npy, reason);
    npy->column_major = take(text, "True");
    *reason = "'fortran_order' is neither True nor False";
    return npy->column_major || take(text, "False");
}

bool npy_header_parse(struct npy *npy, const char *bytes, size_t n_bytes, const char **reason)
{
    struct text text = {.at = bytes, .end = bytes + n_bytes};
    unsigned seen = 0;
    *npy = (struct npy){0};
    *reason = "the array header does not end with a newline";
    if (n_bytes == 0 || bytes[n_bytes - 1] != '\n')
        return false;
    *reason = "malformed array header";
    if (!take(&text, "{"))
        return false;
    while (!take(&text, "}")) {
        if (!take_item(&text, npy, &seen, reason))
            return false;
        if (!take(&text, ",")) {
            *reason = "malformed array header";
            if (!take(&text, "}"))
                return false;
            break;
        }
    }
    skip_blanks(&text);
    *reason = "malformed array header";
    if (text.at != text.end)
        return false;
    *reason = "the array header lacks 'descr', 'fortran_order' or 'shape'";
    return seen == (HAS_DESCR | HAS_ORDER | HAS_SHAPE);
}

/* Reads magic, version, length and text; leaves the cursor at the data. */
static bool read_header(struct cursor *cursor, struct npy *npy, const char *name, size_t n_name,
                        struct error *err)
{
    const struct source *source = cursor->source;
    unsigned char magic[MAGIC_BYTES];
    uint32_t length;
    uint16_t short_length;
    if (!cursor_read(cursor, magic, sizeof magic, err))
        return false;
    if (memcmp(magic, "\x93NUMPY", 6) != 0)
        return tensor_fault(source, name, n_name, err, "not a numpy array");
    if (magic[6] < 1 || magic[6] > 3 || magic[7] != 0)
        return tensor_fault(source, name, n_name, err, "unsupported: array version %u.%u", magic[6],
                            magic[7]);
    if (magic[6] == 1) {
        if (!cursor_u16(cursor, &short_length, err))
            return false;
        length = short_length;
    } else if (!cursor_u32(cursor, &length, err)) {
        return false;
    }
    if (length == 0 || length > MAX_HEADER_BYTES || length > cursor_left(cursor))
        return tensor_fault(source, name, n_name, err,
                            "an array header of %u bytes (limit %d, and what the file has)", length,
                            MAX_HEADER_BYTES);
    char *text = memory_new_raw(length, 1, err);
    if (text == NULL)
        return false;
    const char *reason = NULL;
    bool ok = cursor_read(cursor, text, length, err) &&
              (npy_header_parse(npy, text, length, &reason) ||
               tensor_fault(source, name, n_name, err, "%s", reason));
    memory_free(text);
    return ok;
}

static bool add_array(struct tensors *tensors, size_t file, const struct zip_entry *entry,
                      struct error *err)
{
    const struct source *source = &tensors->files[file];
    size_t n_suffix = strlen(SUFFIX);
    if (entry->n_name <= n_suffix ||
        memcmp(entry->name + entry->n_name - n_suffix, SUFFIX, n_suffix) != 0)
        return tensor_fault(source, entry->name, entry->n_name, err,
                            "a member of an npz must be called NAME.npy");
    size_t n_name = entry->n_name - n_suffix;
    struct cursor cursor;
    struct npy npy;
    cursor_init(&cursor, source, entry->offset, entry->n_bytes);
    if (!read_header(&cursor, &npy, entry->name, n_name, err))
        return false;
    struct tensor t = {.type = npy.type,
                       .rank = npy.rank,
                       .file = file,
                       .offset = cursor.at,
                       .n_bytes = cursor_left(&cursor)};
    memcpy(t.shape, npy.shape, sizeof t.shape);
    size_t n_values, need;
    if (!tensor_count_elements(t.shape, t.rank, &n_values) ||
        !checked_mul(n_values, tensor_type_bytes(t.type), &need) || need != t.n_bytes)
        return tensor_fault(source, entry->name, n_name, err,
                            "shape: does not agree with the member's %zu bytes of values",
                            t.n_bytes);
    struct tensors_member member = {
        .file = file, .offset = entry->offset, .n_bytes = entry->n_bytes, .crc = entry->crc};
    if (!tensors_add_member(tensors, &member, err))
        return false;
    if (n_name == strlen(MODEL_YML) && memcmp(entry->name, MODEL_YML, n_name) == 0) {
        if (t.rank != 1 || tensor_type_bytes(t.type) != 1)
            return tensor_fault(source, entry->name, n_name, err,
                                "dtype or shape: it must be a vector of bytes");
        return tensors_verify(tensors, file, entry->offset, err) &&
               tensors_add_note_at(tensors, MODEL_YML, file, t.offset, t.n_bytes, err);
    }
    if (npy.column_major && n_values != 0) {
        size_t stride = 1; /* its products divide n_values */
        for (size_t i = 0; i < t.rank; i++) {
            t.strides[i] = stride;
            stride *= t.shape[i];
        }
    }
    return tensors_add(tensors, &t, entry->name, n_name, err);
}

bool npz_parse(struct tensors *tensors, size_t file, struct error *err)
{
    const struct source *source = &tensors->files[file];
    struct zip zip;
    if (!zip_parse(&zip, source, err))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < zip.count; i++)
        ok = add_array(tensors, file, &zip.entries[i], err);
    zip_free(&zip);
    if (!ok)
        return false;
    if (tensors_note(tensors, MODEL_YML, NULL) == NULL)
        return source_fault(source, err, "no '%s' (is it a Marian model?)", MODEL_YML);
    return tensors_sort(tensors, err);
}
