#include "model/ct2.h"

#include "base/checked.h"

#include <stdio.h>
#include <string.h>

#define NEWEST_VERSION 6
#define NEWEST_REVISION 7

/* Least bytes of a variable: an empty name is refused, so a length, a letter, a NUL, rank, type
 * and size; and of an alias. */
#define LEAST_VARIABLE_BYTES 9
#define LEAST_ALIAS_BYTES 8

struct string {
    char text[TENSOR_MAX_NAME + 16]; /* room for a suffix, and a NUL */
    size_t n_bytes;
};

/* A u16 length that counts the NUL, the bytes, the NUL. */
static bool read_string(struct cursor *cursor, struct string *string, struct error *err)
{
    uint16_t length;
    if (!cursor_u16(cursor, &length, err))
        return false;
    if (length < 2 || length > TENSOR_MAX_NAME + 1)
        return source_fault(cursor->source, err,
                            "offset %zu: a name of %u bytes (limit %d, and a NUL)", cursor->at,
                            length, TENSOR_MAX_NAME);
    if (!cursor_read(cursor, string->text, length, err))
        return false;
    string->n_bytes = (size_t)length - 1;
    if (memchr(string->text, '\0', length) != string->text + string->n_bytes)
        return source_fault(cursor->source, err, "offset %zu: a name does not end with its NUL",
                            cursor->at);
    return true;
}

static bool note_number(struct tensors *tensors, const char *key, uint32_t number,
                        struct error *err)
{
    char text[16];
    int length = snprintf(text, sizeof text, "%u", number);
    return tensors_add_note(tensors, key, text, (size_t)length, err);
}

static bool read_spec(struct tensors *tensors, struct cursor *cursor, struct error *err)
{
    struct string spec;
    uint32_t revision;
    if (!read_string(cursor, &spec, err) || !cursor_u32(cursor, &revision, err))
        return false;
    /* The two old names are of models with fixed numbers of layers and heads. */
    if (strcmp(spec.text, "TransformerSpec") != 0 && strcmp(spec.text, "TransformerBase") != 0 &&
        strcmp(spec.text, "TransformerBig") != 0)
        return source_fault(cursor->source, err,
                            "unsupported: a CTranslate2 model of kind '%.64s', not TransformerSpec",
                            spec.text);
    if (revision > NEWEST_REVISION)
        return source_fault(cursor->source, err,
                            "unsupported: revision %u of TransformerSpec, newer than %d", revision,
                            NEWEST_REVISION);
    return tensors_add_note(tensors, "spec", spec.text, spec.n_bytes, err) &&
           note_number(tensors, "revision", revision, err);
}

/* Type and number of bytes: version 4 on says both, before there was a size of items and their
 * count. */
static bool read_extent(struct cursor *cursor, uint32_t version, const struct string *name,
                        struct tensor *t, struct error *err)
{
    static const enum tensor_type types[] = {TENSOR_F32, TENSOR_I8,  TENSOR_I16,
                                             TENSOR_I32, TENSOR_F16, TENSOR_BF16};
    uint8_t code;
    uint32_t number;
    if (!cursor_u8(cursor, &code, err) || !cursor_u32(cursor, &number, err))
        return false;
    t->n_bytes = number;
    if (version >= 4) {
        if (code >= sizeof types / sizeof types[0])
            return tensor_fault(cursor->source, name->text, name->n_bytes, err,
                                "dtype: unknown type %u", code);
        t->type = types[code];
        return true;
    }
    if (code != 1 && code != 2 && code != 4)
        return tensor_fault(cursor->source, name->text, name->n_bytes, err,
                            "dtype: items of %u bytes", code);
    t->type = code == 1 ? TENSOR_I8 : code == 2 ? TENSOR_I16 : TENSOR_F32;
    return checked_mul(number, code, &t->n_bytes);
}

static bool read_variable(struct tensors *tensors, size_t file, struct cursor *cursor,
                          uint32_t version, struct error *err)
{
    struct string name;
    uint8_t rank;
    if (!read_string(cursor, &name, err) || !cursor_u8(cursor, &rank, err))
        return false;
    if (rank > TENSOR_MAX_RANK)
        return tensor_fault(cursor->source, name.text, name.n_bytes, err,
                            "shape: rank %u, more than %d", rank, TENSOR_MAX_RANK);
    struct tensor t = {.rank = rank, .file = file};
    for (size_t i = 0; i < rank; i++) {
        uint32_t size;
        if (!cursor_u32(cursor, &size, err))
            return false;
        t.shape[i] = size;
    }
    if (!read_extent(cursor, version, &name, &t, err))
        return false;
    t.offset = cursor->at;
    if (t.n_bytes > cursor_left(cursor))
        return tensor_fault(cursor->source, name.text, name.n_bytes, err,
                            "truncated: it has %zu bytes, %zu are left in the file", t.n_bytes,
                            cursor_left(cursor));
    return cursor_skip(cursor, t.n_bytes, err) &&
           tensors_add(tensors, &t, name.text, name.n_bytes, err);
}

static bool read_count(struct cursor *cursor, const char *what, size_t least_bytes, uint32_t *count,
                       struct error *err)
{
    if (!cursor_u32(cursor, count, err))
        return false;
    return *count <= cursor_left(cursor) / least_bytes ||
           source_fault(cursor->source, err, "truncated: it announces %u %s, %zu bytes are left",
                        *count, what, cursor_left(cursor));
}

/* Adds `alias`+suffix for `target`+suffix if that exists. Aliases stay unsorted until all are read,
 * so an alias of an alias is not found. */
static bool add_alias(struct tensors *tensors, struct string *alias, struct string *target,
                      const char *suffix, bool *found, struct error *err)
{
    size_t length = strlen(suffix) + 1;
    memcpy(alias->text + alias->n_bytes, suffix, length);
    memcpy(target->text + target->n_bytes, suffix, length);
    const struct tensor *existing = tensors_find(tensors, target->text);
    *found = existing != NULL;
    if (existing == NULL)
        return true;
    struct tensor copy = *existing; /* the item may move while the list grows */
    return tensors_add(tensors, &copy, alias->text, alias->n_bytes + length - 1, err);
}

static bool read_aliases(struct tensors *tensors, struct cursor *cursor, struct error *err)
{
    uint32_t count;
    if (!read_count(cursor, "aliases", LEAST_ALIAS_BYTES, &count, err))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct string alias, target;
        bool found, companion;
        if (!read_string(cursor, &alias, err) || !read_string(cursor, &target, err) ||
            !add_alias(tensors, &alias, &target, "", &found, err))
            return false;
        if (!found)
            return tensor_fault(cursor->source, alias.text, alias.n_bytes, err,
                                "an alias of '%.128s', which is not there", target.text);
        if (!add_alias(tensors, &alias, &target, "_scale", &companion, err) ||
            !add_alias(tensors, &alias, &target, "_zero", &companion, err))
            return false;
    }
    return true;
}

bool ct2_parse(struct tensors *tensors, size_t file, struct error *err)
{
    const struct source *source = &tensors->files[file];
    struct cursor cursor;
    uint32_t version, count;
    cursor_init(&cursor, source, 0, source->n_bytes);
    if (!cursor_u32(&cursor, &version, err))
        return false;
    if (version < 1 || version > NEWEST_VERSION)
        return source_fault(source, err,
                            "unsupported: a CTranslate2 model of version %u (1 to %d are read)",
                            version, NEWEST_VERSION);
    if (!note_number(tensors, "version", version, err) ||
        (version >= 2 && !read_spec(tensors, &cursor, err)) ||
        !read_count(&cursor, "variables", LEAST_VARIABLE_BYTES, &count, err))
        return false;
    if (count > TENSORS_MAX_COUNT)
        return source_fault(source, err, "more than %d tensors", TENSORS_MAX_COUNT);
    for (uint32_t i = 0; i < count; i++)
        if (!read_variable(tensors, file, &cursor, version, err))
            return false;
    if (!tensors_sort(tensors, err) || (version >= 3 && !read_aliases(tensors, &cursor, err)))
        return false;
    if (cursor_left(&cursor) != 0)
        return source_fault(source, err, "bytes not covered: %zu after the last variable",
                            cursor_left(&cursor));
    return tensors_sort(tensors, err);
}
