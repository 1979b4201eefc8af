/* Reading values: row-major tensors straight from the file, views through their storage. */
#include "model/tensors_build.h"

#include "base/checked.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are little-endian, as we are");

/* Bytes converted at a time, on the stack. */
#define BLOCK_BYTES 16384

struct tensor tensor_transpose(const struct tensor *tensor)
{
    struct tensor t = *tensor;
    t.shape[0] = tensor->shape[1];
    t.shape[1] = tensor->shape[0];
    t.strides[0] = tensor->strides[1];
    t.strides[1] = tensor->strides[0];
    return t;
}

/* Exact: 15 bits of exponent and fraction moved into place read as value * 2^-112, subnormals
 * included; infinities and NaNs come out at 2^16 and above and get the largest exponent. */
static float float_of_f16(uint16_t half)
{
    uint32_t bits = (uint32_t)(half & 0x7fff) << 13;
    float value;
    memcpy(&value, &bits, sizeof value);
    value *= 0x1p112f;
    memcpy(&bits, &value, sizeof bits);
    if (value >= 0x1p16f)
        bits |= 0x7f800000;
    bits |= (uint32_t)(half & 0x8000) << 16;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float float_of_bf16(uint16_t upper)
{
    uint32_t bits = (uint32_t)upper << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Converts `count` elements that lie `step` bytes apart. */
static void convert(const struct tensor *t, const unsigned char *from, size_t step, size_t count,
                    float *out)
{
    for (size_t i = 0; i < count; i++, from += step) {
        double f64;
        int64_t i64;
        int32_t i32;
        int16_t i16;
        uint16_t u16;
        switch (t->type) {
        case TENSOR_F32:
            memcpy(&out[i], from, sizeof out[i]);
            break;
        case TENSOR_F16:
            memcpy(&u16, from, sizeof u16);
            out[i] = float_of_f16(u16);
            break;
        case TENSOR_BF16:
            memcpy(&u16, from, sizeof u16);
            out[i] = float_of_bf16(u16);
            break;
        case TENSOR_F64:
            memcpy(&f64, from, sizeof f64);
            out[i] = (float)f64;
            break;
        case TENSOR_I16:
            memcpy(&i16, from, sizeof i16);
            out[i] = i16;
            break;
        case TENSOR_I32:
            memcpy(&i32, from, sizeof i32);
            out[i] = (float)i32;
            break;
        case TENSOR_I64:
            memcpy(&i64, from, sizeof i64);
            out[i] = (float)i64;
            break;
        case TENSOR_I8:
            out[i] = (int8_t)*from;
            break;
        case TENSOR_INTGEMM8:
            out[i] = (float)(int8_t)*from / t->multiplier;
            break;
        case TENSOR_U8:
        case TENSOR_BOOL:
            out[i] = *from;
            break;
        }
    }
}

static bool is_row_major(const struct tensor *t)
{
    size_t stride = 1;
    for (size_t i = t->rank; i-- > 0;) {
        if (t->shape[i] != 1 && t->strides[i] != stride)
            return false;
        stride *= t->shape[i];
    }
    return true;
}

/* Makes the cache hold the storage of `t`. */
static const unsigned char *storage_of(const struct tensors *tensors, const struct tensor *t,
                                       struct error *err)
{
    struct tensors_cache *cache = tensors->cache;
    if (cache->storage != NULL && cache->file == t->file && cache->offset == t->offset &&
        cache->n_bytes == t->n_bytes)
        return cache->storage;
    memory_free(cache->storage);
    cache->storage = memory_new_raw(t->n_bytes, 1, err);
    if (cache->storage == NULL)
        return NULL;
    if (!source_read(&tensors->files[t->file], t->offset, cache->storage, t->n_bytes, err)) {
        memory_free(cache->storage);
        cache->storage = NULL;
        return NULL;
    }
    cache->file = t->file;
    cache->offset = t->offset;
    cache->n_bytes = t->n_bytes;
    return cache->storage;
}

/* Walks elements [first, first + count) of a view in row-major order of its indices: the longest
 * run along the last axis, then on to the next index. One of the outputs is NULL. */
static void gather(const struct tensor *t, const unsigned char *storage, size_t first, size_t count,
                   float *f32, int8_t *i8)
{
    size_t size = tensor_type_bytes(t->type), last = t->rank - 1;
    size_t index[TENSOR_MAX_RANK], at = 0;
    for (size_t i = t->rank; i-- > 0;) {
        index[i] = first % t->shape[i];
        first /= t->shape[i];
        at += index[i] * t->strides[i];
    }
    while (count > 0) {
        size_t run = t->shape[last] - index[last] < count ? t->shape[last] - index[last] : count;
        const unsigned char *from = storage + at * size;
        if (f32 != NULL) {
            convert(t, from, t->strides[last] * size, run, f32);
            f32 += run;
        } else {
            for (size_t i = 0; i < run; i++)
                i8[i] = (int8_t)from[i * t->strides[last]];
            i8 += run;
        }
        count -= run;
        at += run * t->strides[last];
        index[last] += run;
        for (size_t i = last; i > 0 && index[i] == t->shape[i]; i--) {
            at -= index[i] * t->strides[i];
            index[i] = 0;
            at += t->strides[i - 1];
            index[i - 1]++;
        }
    }
}

static bool check_request(const struct tensors *tensors, const struct tensor *t, size_t first,
                          size_t count, struct error *err)
{
    if (!checked_range(first, count, t->n_elements))
        return error_set(err, ERROR_INTERNAL,
                         "tensor '%s': elements %zu + %zu of %zu are asked for", t->name, first,
                         count, t->n_elements);
    return count == 0 || tensors_verify(tensors, t->file, t->offset, err);
}

bool tensors_read_f32(const struct tensors *tensors, const struct tensor *tensor, size_t first,
                      size_t count, float *out, struct error *err)
{
    if (!check_request(tensors, tensor, first, count, err))
        return false;
    if (count == 0)
        return true;
    const struct source *source = &tensors->files[tensor->file];
    if (!is_row_major(tensor)) {
        const unsigned char *storage = storage_of(tensors, tensor, err);
        if (storage != NULL)
            gather(tensor, storage, first, count, out, NULL);
        return storage != NULL;
    }
    size_t size = tensor_type_bytes(tensor->type);
    size_t at = tensor->offset + first * size;
    if (tensor->type == TENSOR_F32)
        return source_read(source, at, out, count * size, err);
    unsigned char block[BLOCK_BYTES];
    while (count > 0) {
        size_t n = count < BLOCK_BYTES / size ? count : BLOCK_BYTES / size;
        if (!source_read(source, at, block, n * size, err))
            return false;
        convert(tensor, block, size, n, out);
        out += n;
        at += n * size;
        count -= n;
    }
    return true;
}

bool tensors_read_i8(const struct tensors *tensors, const struct tensor *tensor, size_t first,
                     size_t count, int8_t *out, struct error *err)
{
    if (tensor->type != TENSOR_I8 && tensor->type != TENSOR_INTGEMM8)
        return error_set(err, ERROR_INTERNAL, "tensor '%s': %s is read as int8", tensor->name,
                         tensor_type_name(tensor->type));
    if (!check_request(tensors, tensor, first, count, err))
        return false;
    if (count == 0)
        return true;
    if (is_row_major(tensor))
        return source_read(&tensors->files[tensor->file], tensor->offset + first, out, count, err);
    const unsigned char *storage = storage_of(tensors, tensor, err);
    if (storage != NULL)
        gather(tensor, storage, first, count, NULL, out);
    return storage != NULL;
}
