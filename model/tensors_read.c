/* Reading values: row-major tensors straight from the file, views through their storage. */
#include "model/tensors_build.h"

#include "base/checked.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are little-endian, as we are");

/* Bytes read at a time: callers ask for a row, the file gives many. */
#define WINDOW_BYTES ((size_t)256 << 10)

struct tensor tensor_transpose(const struct tensor *tensor)
{
    struct tensor t = *tensor;
    t.shape[0] = tensor->shape[1];
    t.shape[1] = tensor->shape[0];
    t.strides[0] = tensor->strides[1];
    t.strides[1] = tensor->strides[0];
    return t;
}

static uint16_t load_u16(const unsigned char *bytes)
{
    uint16_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
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
    bits |= value >= 0x1p16f ? 0x7f800000 : 0;
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

/* Each converts `count` elements that lie `step` bytes apart, at any alignment. */
static void convert_f16(const unsigned char *from, size_t step, size_t count, float *out)
{
    size_t i = 0;
    /* Sixteen at a time, which compilers turn into vectors. */
    for (; step == sizeof(uint16_t) && count - i >= 16; i += 16, from += 16 * step) {
        uint16_t halves[16];
        memcpy(halves, from, sizeof halves);
        for (size_t j = 0; j < 16; j++)
            out[i + j] = float_of_f16(halves[j]);
    }
    for (; i < count; i++, from += step)
        out[i] = float_of_f16(load_u16(from));
}

static void convert_bf16(const unsigned char *from, size_t step, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++, from += step)
        out[i] = float_of_bf16(load_u16(from));
}

static void convert_f32(const unsigned char *from, size_t step, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++, from += step)
        memcpy(&out[i], from, sizeof out[i]);
}

static void convert_f64(const unsigned char *from, size_t step, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++, from += step) {
        double value;
        memcpy(&value, from, sizeof value);
        out[i] = (float)value;
    }
}

static void convert_i8(const unsigned char *from, size_t step, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++, from += step)
        out[i] = (int8_t)*from;
}

static void convert_u8(const unsigned char *from, size_t step, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++, from += step)
        out[i] = *from;
}

static void convert_i16(const unsigned char *from, size_t step, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++, from += step)
        out[i] = (int16_t)load_u16(from);
}

static void convert_i32(const unsigned char *from, size_t step, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++, from += step)
        out[i] = (float)(int32_t)little_u32(from);
}

static void convert_i64(const unsigned char *from, size_t step, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++, from += step)
        out[i] = (float)(int64_t)little_u64(from);
}

static void convert(const struct tensor *t, const unsigned char *from, size_t step, size_t count,
                    float *out)
{
    static void (*const conversions[])(const unsigned char *, size_t, size_t, float *) = {
        [TENSOR_F32] = convert_f32, [TENSOR_F16] = convert_f16,     [TENSOR_BF16] = convert_bf16,
        [TENSOR_F64] = convert_f64, [TENSOR_I8] = convert_i8,       [TENSOR_I16] = convert_i16,
        [TENSOR_I32] = convert_i32, [TENSOR_I64] = convert_i64,     [TENSOR_U8] = convert_u8,
        [TENSOR_BOOL] = convert_u8, [TENSOR_INTGEMM8] = convert_i8,
    };
    conversions[t->type](from, step, count, out);
    for (size_t i = 0; t->type == TENSOR_INTGEMM8 && i < count; i++)
        out[i] /= t->multiplier;
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

/* The `n_bytes` (at most WINDOW_BYTES) at `at` of a row-major tensor's file, through a window that
 * reads ahead as far as the tensor goes. */
static const unsigned char *window_at(const struct tensors *tensors, const struct tensor *t,
                                      size_t at, size_t n_bytes, struct error *err)
{
    struct tensors_cache *cache = tensors->cache;
    if (cache->window == NULL) {
        cache->window = memory_new_raw(WINDOW_BYTES, 1, err);
        if (cache->window == NULL)
            return NULL;
    }
    if (cache->window_file != t->file || at < cache->window_at ||
        !checked_range(at - cache->window_at, n_bytes, cache->window_bytes)) {
        size_t ahead = t->offset + t->n_bytes - at; /* tensors_add() has checked that sum */
        if (ahead > WINDOW_BYTES)
            ahead = WINDOW_BYTES;
        cache->window_bytes = 0;
        if (!source_read(&tensors->files[t->file], at, cache->window, ahead, err))
            return NULL;
        cache->window_file = t->file;
        cache->window_at = at;
        cache->window_bytes = ahead;
    }
    return cache->window + (at - cache->window_at);
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
    size_t size = tensor_type_bytes(tensor->type), n_window = WINDOW_BYTES / size;
    size_t at = tensor->offset + first * size;
    if (tensor->type == TENSOR_F32 && count >= n_window)
        return source_read(source, at, out, count * size, err);
    while (count > 0) {
        size_t n = count < n_window ? count : n_window;
        const unsigned char *bytes = window_at(tensors, tensor, at, n * size, err);
        if (bytes == NULL)
            return false;
        convert(tensor, bytes, size, n, out);
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
    if (is_row_major(tensor)) {
        size_t at = tensor->offset + first;
        if (count > WINDOW_BYTES)
            return source_read(&tensors->files[tensor->file], at, out, count, err);
        const unsigned char *bytes = window_at(tensors, tensor, at, count, err);
        if (bytes != NULL)
            memcpy(out, bytes, count);
        return bytes != NULL;
    }
    const unsigned char *storage = storage_of(tensors, tensor, err);
    if (storage != NULL)
        gather(tensor, storage, first, count, NULL, out);
    return storage != NULL;
}
