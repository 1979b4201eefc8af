/* The PyTorch half of checkpoints.h: pickles of a state dict as PyTorch's own pickler writes them,
 * in a zip archive or as a stream. */
#include "tests/support/checkpoints.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Memo slots of what is written once and fetched again. */
enum { MEMO_ORDERED_DICT, MEMO_REBUILD };

void put_pickle_text(struct buffer *out, const char *text)
{
    put_text(out, "X");
    put_u32(out, strlen(text));
    put_text(out, text);
}

void put_pickle_integer(struct buffer *out, int64_t value)
{
    if (value >= 0 && value < 256) {
        put_text(out, "K");
        put_u8(out, (unsigned)value);
    } else if (value >= 0 && value < 65536) {
        put_text(out, "M");
        put_u16(out, (unsigned)value);
    } else if (value >= INT32_MIN && value <= INT32_MAX) {
        put_text(out, "J");
        put_u32(out, (uint64_t)value & 0xffffffff);
    } else {
        put_text(out, "\x8a\x08");
        put_u64(out, (uint64_t)value);
    }
}

void put_pickle_global(struct buffer *out, const char *module, const char *name)
{
    put_text(out, "c");
    put_text(out, module);
    put_text(out, "\n");
    put_text(out, name);
    put_text(out, "\n");
}

void put_pickle_sizes(struct buffer *out, const size_t *sizes, size_t count)
{
    put_text(out, "(");
    for (size_t i = 0; i < count; i++)
        put_pickle_integer(out, (int64_t)sizes[i]);
    put_text(out, "t");
}

static void put_memo(struct buffer *out, unsigned slot)
{
    put_text(out, "q");
    put_u8(out, slot);
}

static void fetch_memo(struct buffer *out, unsigned slot)
{
    put_text(out, "h");
    put_u8(out, slot);
}

static const char *storage_class(enum tensor_type type)
{
    static const char *const names[] = {
        [TENSOR_F32] = "FloatStorage",      [TENSOR_F16] = "HalfStorage",
        [TENSOR_BF16] = "BFloat16Storage",  [TENSOR_F64] = "DoubleStorage",
        [TENSOR_I8] = "CharStorage",        [TENSOR_I16] = "ShortStorage",
        [TENSOR_I32] = "IntStorage",        [TENSOR_I64] = "LongStorage",
        [TENSOR_U8] = "ByteStorage",        [TENSOR_BOOL] = "BoolStorage",
        [TENSOR_INTGEMM8] = "QInt8Storage",
    };
    return names[type];
}

static size_t find_array(const struct array *arrays, size_t n_arrays, const char *name)
{
    for (size_t i = 0; i < n_arrays; i++)
        if (strcmp(arrays[i].name, name) == 0)
            return i;
    abort();
}

/* The number of elements of an array's storage, its own or that of which it is an alias. */
static size_t storage_elements(const struct array *a)
{
    size_t count = 1;
    for (size_t d = 0; d < a->rank; d++)
        count *= a->shape[d];
    return count;
}

static void put_tensor(struct buffer *out, const struct array *arrays, size_t n_arrays, size_t i,
                       bool first, bool stream)
{
    const struct array *a = &arrays[i];
    size_t owner = a->alias_of != NULL ? find_array(arrays, n_arrays, a->alias_of) : i;
    size_t strides[TENSOR_MAX_RANK], stride = 1;
    for (size_t d = 0; d < a->rank; d++) {
        size_t axis = a->column_major ? d : a->rank - 1 - d;
        strides[axis] = stride;
        stride *= a->shape[axis];
    }
    char key[24];
    snprintf(key, sizeof key, "%zu", stream ? 94300000000000 + owner : owner);
    if (first) {
        put_pickle_global(out, "torch._utils", "_rebuild_tensor_v2");
        put_memo(out, MEMO_REBUILD);
    } else {
        fetch_memo(out, MEMO_REBUILD);
    }
    put_text(out, "((");
    put_pickle_text(out, "storage");
    put_pickle_global(out, "torch", storage_class(a->type));
    put_pickle_text(out, key);
    put_pickle_text(out, "cpu");
    put_pickle_integer(out, (int64_t)storage_elements(&arrays[owner]));
    put_text(out, stream ? "NtQ" : "tQ");
    put_pickle_integer(out, 0);
    put_pickle_sizes(out, a->shape, a->rank);
    put_pickle_sizes(out, strides, a->rank);
    put_text(out, "\x89"); /* requires_grad: False */
    fetch_memo(out, MEMO_ORDERED_DICT);
    put_text(out, ")RtR");
}

static void put_state_dict(struct buffer *out, const struct array *arrays, size_t n_arrays,
                           bool stream)
{
    put_text(out, "\x80\x02");
    put_pickle_global(out, "collections", "OrderedDict");
    put_memo(out, MEMO_ORDERED_DICT);
    put_text(out, ")R(");
    for (size_t i = 0; i < n_arrays; i++) {
        put_pickle_text(out, arrays[i].name);
        put_tensor(out, arrays, n_arrays, i, i == 0, stream);
    }
    put_text(out, "u}"); /* and the attributes of the dict */
    put_pickle_text(out, "_metadata");
    fetch_memo(out, MEMO_ORDERED_DICT);
    put_text(out, ")R");
    put_pickle_text(out, "");
    put_text(out, "}");
    put_pickle_text(out, "version");
    put_pickle_integer(out, 1);
    put_text(out, "sssb");
    put_text(out, ".");
}

void checkpoint_torch_pickle(struct buffer *out, const struct array *arrays, size_t n_arrays)
{
    put_state_dict(out, arrays, n_arrays, false);
}

void checkpoint_torch_zip_of(struct buffer *out, const void *pickle, size_t n_pickle,
                             const struct array *arrays, size_t n_arrays)
{
    struct zip_writer zip = {.out = out, .descriptors = true, .alignment = 64};
    zip_writer_add(&zip, "archive/data.pkl", pickle, n_pickle);
    zip_writer_add(&zip, "archive/byteorder", "little", 6);
    for (size_t i = 0; i < n_arrays; i++) {
        char name[48];
        if (arrays[i].alias_of != NULL)
            continue;
        snprintf(name, sizeof name, "archive/data/%zu", i);
        zip_writer_add(&zip, name, arrays[i].values, array_bytes(&arrays[i]));
    }
    zip_writer_add(&zip, "archive/version", "3\n", 2);
    zip_writer_end(&zip);
}

void checkpoint_torch_zip(struct buffer *out, const struct array *arrays, size_t n_arrays)
{
    struct buffer pickle = {0};
    checkpoint_torch_pickle(&pickle, arrays, n_arrays);
    checkpoint_torch_zip_of(out, pickle.bytes, pickle.n_bytes, arrays, n_arrays);
    buffer_free(&pickle);
}

void checkpoint_torch_stream(struct buffer *out, const struct array *arrays, size_t n_arrays)
{
    put_bytes(out, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);
    put_text(out, "\x80\x02");
    put_pickle_integer(out, 1001);
    put_text(out, ".\x80\x02}(");
    put_pickle_text(out, "protocol_version");
    put_pickle_integer(out, 1001);
    put_pickle_text(out, "little_endian");
    put_text(out, "\x88");
    put_pickle_text(out, "type_sizes");
    put_text(out, "}(");
    put_pickle_text(out, "short");
    put_pickle_integer(out, 2);
    put_pickle_text(out, "long");
    put_pickle_integer(out, 8);
    put_text(out, "uu.");
    put_state_dict(out, arrays, n_arrays, true);
    put_text(out, "\x80\x02](");
    for (size_t i = 0; i < n_arrays; i++) {
        char key[24];
        snprintf(key, sizeof key, "%zu", 94300000000000 + i);
        if (arrays[i].alias_of == NULL)
            put_pickle_text(out, key);
    }
    put_text(out, "e.");
    for (size_t i = 0; i < n_arrays; i++)
        if (arrays[i].alias_of == NULL) {
            put_u64(out, storage_elements(&arrays[i]));
            put_bytes(out, arrays[i].values, array_bytes(&arrays[i]));
        }
}
