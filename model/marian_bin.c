#include "model/marian_bin.h"

#include "base/checked.h"

#include <string.h>

#define MODEL_YML "special:model.yml"

#define HEADER_BYTES 16      /* version, number of items */
#define ITEM_HEADER_BYTES 32 /* four u64 */
#define ALIGNMENT 256        /* of the data */

/* Item types that are not one of ours. */
#define TYPE_PACKED16 0x0802
#define TYPE_PACKED8_AVX2 0x1801
#define TYPE_PACKED8_AVX512 0x2801
#define TYPE_INTGEMM8 0x4101
#define TYPE_INTGEMM16 0x4102

struct item {
    uint64_t name_bytes, type, rank, data_bytes;
    size_t shape[TENSOR_MAX_RANK];
    char *name; /* n_name bytes and a NUL */
    size_t n_name;
};

struct items {
    struct item *at;
    size_t count;
    struct arena names;
};

static bool type_of(const struct source *source, const struct item *item, enum tensor_type *type,
                    struct error *err)
{
    static const struct {
        uint64_t code;
        enum tensor_type type;
    } types[] = {
        {0x0101, TENSOR_I8},  {0x0102, TENSOR_I16}, {0x0104, TENSOR_I32},
        {0x0108, TENSOR_I64}, {0x0201, TENSOR_U8},  {0x0402, TENSOR_F16},
        {0x0404, TENSOR_F32}, {0x0408, TENSOR_F64}, {TYPE_INTGEMM8, TENSOR_INTGEMM8},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].code == item->type) {
            *type = types[i].type;
            return true;
        }
    if (item->type == TYPE_PACKED16 || item->type == TYPE_PACKED8_AVX2 ||
        item->type == TYPE_PACKED8_AVX512)
        return tensor_fault(source, item->name, item->n_name, err,
                            "dtype: packed for one machine (FBGEMM); convert the model again "
                            "without packing");
    if (item->type == TYPE_INTGEMM16)
        return tensor_fault(source, item->name, item->n_name, err,
                            "dtype: intgemm16 is not supported");
    return tensor_fault(source, item->name, item->n_name, err, "dtype: unknown type 0x%llx",
                        (unsigned long long)item->type);
}

static bool read_item_headers(struct cursor *cursor, struct items *items, struct error *err)
{
    for (size_t i = 0; i < items->count; i++) {
        struct item *item = &items->at[i];
        if (!cursor_u64(cursor, &item->name_bytes, err) || !cursor_u64(cursor, &item->type, err) ||
            !cursor_u64(cursor, &item->rank, err) || !cursor_u64(cursor, &item->data_bytes, err))
            return false;
        if (item->name_bytes < 2 || item->name_bytes > TENSOR_MAX_NAME + 1)
            return source_fault(cursor->source, err,
                                "item %zu: a name of %llu bytes (limit %d, and a NUL)", i,
                                (unsigned long long)item->name_bytes, TENSOR_MAX_NAME);
        if (item->rank > TENSOR_MAX_RANK)
            return source_fault(cursor->source, err, "item %zu: shape: rank %llu, more than %d", i,
                                (unsigned long long)item->rank, TENSOR_MAX_RANK);
    }
    return true;
}

static bool read_names(struct cursor *cursor, struct items *items, struct error *err)
{
    for (size_t i = 0; i < items->count; i++) {
        struct item *item = &items->at[i];
        item->n_name = (size_t)item->name_bytes - 1;
        item->name = arena_new(&items->names, item->n_name + 1, 1, err);
        if (item->name == NULL || !cursor_read(cursor, item->name, item->n_name + 1, err))
            return false;
        if (item->name[item->n_name] != '\0')
            return source_fault(cursor->source, err, "item %zu: its name does not end with a NUL",
                                i);
    }
    return true;
}

static bool read_shapes(struct cursor *cursor, struct items *items, struct error *err)
{
    for (size_t i = 0; i < items->count; i++) {
        struct item *item = &items->at[i];
        for (size_t d = 0; d < item->rank; d++) {
            uint32_t size;
            if (!cursor_u32(cursor, &size, err))
                return false;
            if (size == 0 || size > INT32_MAX)
                return tensor_fault(cursor->source, item->name, item->n_name, err,
                                    "shape: dimension %zu is not positive", d);
            item->shape[d] = size;
        }
    }
    return true;
}

/* The values of an intgemm8 item are followed at once by the matrix's multiplier. */
static bool describe_intgemm8(const struct source *source, const struct item *item,
                              struct tensor *t, struct error *err)
{
    static const char untied[] = "decoder_ff_logit_out_Wt";
    size_t n_values, need;
    if (t->rank != 2)
        return tensor_fault(source, item->name, item->n_name, err,
                            "shape: an intgemm8 item must be a matrix");
    if (strcmp(item->name, untied) == 0)
        return tensor_fault(source, item->name, item->n_name, err,
                            "an untied quantized output layer is not supported");
    if (!tensor_count_elements(t->shape, t->rank, &n_values) ||
        !checked_add(n_values, sizeof(float), &need) || need > t->n_bytes)
        return tensor_fault(source, item->name, item->n_name, err,
                            "shape: more values than the item's %zu bytes", t->n_bytes);
    if (!source_read(source, t->offset + n_values, &t->multiplier, sizeof t->multiplier, err))
        return false;
    if (!(t->multiplier > 0) || !(t->multiplier <= 3.4e38f))
        return tensor_fault(source, item->name, item->n_name, err,
                            "the multiplier is not a positive number");
    bool as_declared = strstr(item->name, "Wemb") != NULL;
    t->strides[0] = as_declared ? t->shape[1] : 1;
    t->strides[1] = as_declared ? 1 : t->shape[0];
    return true;
}

/* Adds one item whose `data_bytes` at `offset` are known to lie in the file. */
static bool add_item(struct tensors *tensors, size_t file, const struct item *item, size_t offset,
                     struct error *err)
{
    const struct source *source = &tensors->files[file];
    if (strcmp(item->name, MODEL_YML) == 0)
        return tensors_add_note_at(tensors, MODEL_YML, file, offset, (size_t)item->data_bytes, err);
    struct tensor t = {.rank = (size_t)item->rank,
                       .file = file,
                       .offset = offset,
                       .n_bytes = (size_t)item->data_bytes};
    memcpy(t.shape, item->shape, sizeof t.shape);
    if (!type_of(source, item, &t.type, err))
        return false;
    if (t.type == TENSOR_INTGEMM8) {
        if (!describe_intgemm8(source, item, &t, err))
            return false;
    } else {
        /* Padding may follow the values, so only their own bytes are the tensor's. */
        size_t n_values, need;
        if (!tensor_count_elements(t.shape, t.rank, &n_values) ||
            !checked_mul(n_values, tensor_type_bytes(t.type), &need) || need > t.n_bytes)
            return tensor_fault(source, item->name, item->n_name, err,
                                "shape: more values than the item's %zu bytes", t.n_bytes);
        t.n_bytes = need;
    }
    return tensors_add(tensors, &t, item->name, item->n_name, err);
}

static bool add_items(struct tensors *tensors, size_t file, struct cursor *cursor,
                      const struct items *items, struct error *err)
{
    uint64_t padding;
    if (!cursor_u64(cursor, &padding, err))
        return false;
    if (padding > ALIGNMENT)
        return source_fault(cursor->source, err,
                            "%llu bytes of padding before the data, more than "
                            "%d",
                            (unsigned long long)padding, ALIGNMENT);
    if (!cursor_skip(cursor, (size_t)padding, err))
        return false;
    for (size_t i = 0; i < items->count; i++) {
        const struct item *item = &items->at[i];
        size_t offset = cursor->at;
        if (item->data_bytes > cursor_left(cursor))
            return tensor_fault(cursor->source, item->name, item->n_name, err,
                                "truncated: it has %llu bytes, %zu are left in the file",
                                (unsigned long long)item->data_bytes, cursor_left(cursor));
        if (!cursor_skip(cursor, (size_t)item->data_bytes, err) ||
            !add_item(tensors, file, item, offset, err))
            return false;
    }
    if (cursor_left(cursor) != 0)
        return source_fault(cursor->source, err, "bytes not covered: %zu after the last item",
                            cursor_left(cursor));
    if (tensors_note(tensors, MODEL_YML, NULL) == NULL)
        return source_fault(cursor->source, err, "no '%s' (is it a Marian model?)", MODEL_YML);
    return tensors_sort(tensors, err);
}

bool marian_bin_parse(struct tensors *tensors, size_t file, struct error *err)
{
    const struct source *source = &tensors->files[file];
    struct cursor cursor;
    uint64_t version, count;
    cursor_init(&cursor, source, 0, source->n_bytes);
    if (!cursor_u64(&cursor, &version, err) || !cursor_u64(&cursor, &count, err))
        return false;
    if (version != 1)
        return source_fault(source, err, "not a Marian binary of version 1");
    if (count > cursor_left(&cursor) / ITEM_HEADER_BYTES)
        return source_fault(source, err, "truncated: it announces %llu items",
                            (unsigned long long)count);
    if (count > TENSORS_MAX_COUNT)
        return source_fault(source, err, "more than %d tensors", TENSORS_MAX_COUNT);
    struct items items = {.count = (size_t)count};
    items.at = memory_new(items.count, sizeof *items.at, err);
    bool ok = items.at != NULL && read_item_headers(&cursor, &items, err) &&
              read_names(&cursor, &items, err) && read_shapes(&cursor, &items, err) &&
              add_items(tensors, file, &cursor, &items, err);
    arena_free(&items.names);
    memory_free(items.at);
    return ok;
}
