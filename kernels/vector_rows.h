/* vector_rows.h - quantization, norms, elementwise functions, scans and conversions on sixteen
 * lanes. Included by a unit's file after its vec*.h. */
#ifndef DRAGOMAN_KERNELS_VECTOR_ROWS_H
#define DRAGOMAN_KERNELS_VECTOR_ROWS_H

#include "kernels/bisect.h"
#include "kernels/vector_math.h"

#include <math.h>

#define LANES ((size_t)KERNEL_LANES)

/* ---- quantization ------------------------------------------------------------------------- */

static inline vec smoothed(const float *x, const float *smooth, size_t i)
{
    return smooth ? vec_mul(vec_load(x + i), vec_load(smooth + i)) : vec_load(x + i);
}

static inline vec smoothed_part(const float *x, const float *smooth, size_t i, size_t n)
{
    vec value = vec_load_part(x + i, n);
    return smooth ? vec_mul(value, vec_load_part(smooth + i, n)) : value;
}

static void quantize_rows(size_t m, size_t k, const float *x, size_t x_stride, const float *smooth,
                          int8_t *q, size_t q_stride, float *scales)
{
    size_t whole = k / LANES * LANES;
    for (size_t row = 0; row < m; row++, x += x_stride, q += q_stride) {
        vec bits = vec_abs(smoothed_part(x, smooth, whole, k - whole));
        for (size_t i = 0; i < whole; i += LANES)
            bits = vec_max_bits(bits, vec_abs(smoothed(x, smooth, i)));
        uint32_t max_bits = vec_fold_max_bits(bits);
        float max = vec_bits_float(max_bits);
        if (max_bits >= BITS_INFINITY || max < QUANTIZE_TINY) {
            scales[row] = max_bits >= BITS_INFINITY ? vec_bits_float(BITS_NAN) : 0.0f;
            memset(q, 0, q_stride);
            continue;
        }
        scales[row] = max / 127.0f;
        vec inverse = vec_set(127.0f / max);
        for (size_t i = 0; i < whole; i += LANES)
            vec_store_i8(q + i, vec_mul(smoothed(x, smooth, i), inverse));
        int8_t last[KERNEL_LANES];
        vec_store_i8(last, vec_mul(smoothed_part(x, smooth, whole, k - whole), inverse));
        memcpy(q + whole, last, k - whole);
        memset(q + k, 0, q_stride - k);
    }
}

/* ---- norms -------------------------------------------------------------------------------- */

static void layer_norm(size_t m, size_t n, const float *x, size_t x_stride, const float *gain,
                       const float *bias, float epsilon, float *y, size_t y_stride)
{
    size_t whole = n / LANES * LANES, rest = n - whole;
    vec zero = vec_set(0.0f);
    for (size_t row = 0; row < m; row++, x += x_stride, y += y_stride) {
        vec sum = zero, squares = zero;
        for (size_t i = 0; i < whole; i += LANES)
            sum = vec_add(sum, vec_load(x + i));
        sum = vec_add(sum, vec_load_part(x + whole, rest));
        vec mean = vec_set(vec_fold(sum) / (float)n);
        for (size_t i = 0; i < whole; i += LANES) {
            vec d = vec_sub(vec_load(x + i), mean);
            squares = vec_fma(d, d, squares);
        }
        vec last = vec_first(rest, vec_sub(vec_load_part(x + whole, rest), mean));
        squares = vec_fma(last, last, squares);
        vec factor = vec_set(1.0f / sqrtf(vec_fold(squares) / (float)n + epsilon));
        for (size_t i = 0; i < whole; i += LANES) {
            vec d = vec_mul(vec_sub(vec_load(x + i), mean), factor);
            vec_store(y + i, vec_fma(d, vec_load(gain + i), bias ? vec_load(bias + i) : zero));
        }
        last = vec_mul(last, factor);
        vec last_bias = bias ? vec_load_part(bias + whole, rest) : zero;
        vec_store_part(y + whole, rest,
                       vec_fma(last, vec_load_part(gain + whole, rest), last_bias));
    }
}

static void rms_norm(size_t m, size_t n, const float *x, size_t x_stride, const float *gain,
                     float epsilon, float *y, size_t y_stride)
{
    size_t whole = n / LANES * LANES, rest = n - whole;
    for (size_t row = 0; row < m; row++, x += x_stride, y += y_stride) {
        vec squares = vec_set(0.0f), last = vec_load_part(x + whole, rest);
        for (size_t i = 0; i < whole; i += LANES)
            squares = vec_fma(vec_load(x + i), vec_load(x + i), squares);
        squares = vec_fma(last, last, squares);
        vec factor = vec_set(1.0f / sqrtf(vec_fold(squares) / (float)n + epsilon));
        for (size_t i = 0; i < whole; i += LANES)
            vec_store(y + i, vec_mul(vec_mul(vec_load(x + i), factor), vec_load(gain + i)));
        last = vec_mul(vec_mul(last, factor), vec_load_part(gain + whole, rest));
        vec_store_part(y + whole, rest, last);
    }
}

/* ---- elementwise -------------------------------------------------------------------------- */

static void activate(size_t n, float *x, enum activation activation)
{
    for (; n >= LANES; n -= LANES, x += LANES) {
        vec y = vec_load(x);
        vec_activate(&y, activation);
        vec_store(x, y);
    }
    vec y = vec_load_part(x, n);
    vec_activate(&y, activation);
    vec_store_part(x, n, y);
}

static void multiply(size_t n, const float *a, float *b)
{
    for (; n >= LANES; n -= LANES, a += LANES, b += LANES)
        vec_store(b, vec_mul(vec_load(b), vec_load(a)));
    vec_store_part(b, n, vec_mul(vec_load_part(b, n), vec_load_part(a, n)));
}

static void add(size_t n, const float *a, float *b)
{
    for (; n >= LANES; n -= LANES, a += LANES, b += LANES)
        vec_store(b, vec_add(vec_load(b), vec_load(a)));
    vec_store_part(b, n, vec_add(vec_load_part(b, n), vec_load_part(a, n)));
}

static void scale_add(size_t n, const float *x, float scale, const float *y, float *out)
{
    vec factor = vec_set(scale);
    for (; n >= LANES; n -= LANES, x += LANES, y += LANES, out += LANES)
        vec_store(out, vec_fma(vec_load(x), factor, vec_load(y)));
    vec_store_part(out, n, vec_fma(vec_load_part(x, n), factor, vec_load_part(y, n)));
}

/* ---- scans -------------------------------------------------------------------------------- */

static inline float vec_maximum(size_t n, const float *x)
{
    vec max = vec_set(x[0]), second = max;
    for (; n >= 4 * LANES; n -= 4 * LANES, x += 4 * LANES) {
        max = vec_max(max, vec_max(vec_load(x), vec_load(x + LANES)));
        second = vec_max(second, vec_max(vec_load(x + 2 * LANES), vec_load(x + 3 * LANES)));
    }
    for (; n >= LANES; n -= LANES, x += LANES)
        max = vec_max(max, vec_load(x));
    max = vec_max(max, second);
    float rest = vec_fold_max(max);
    for (size_t i = 0; i < n; i++)
        rest = x[i] > rest ? x[i] : rest;
    return rest + 0.0f;
}

static float maximum(size_t n, const float *x)
{
    return vec_maximum(n, x);
}

static size_t arg_max(size_t n, const float *x)
{
    float max = vec_maximum(n, x);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        uint32_t found = vec_bits_not_less(vec_load(x + i), vec_set(max));
        if (found)
            return i + (size_t)__builtin_ctz(found);
    }
    while (i < n && x[i] < max)
        i++;
    return i;
}

static inline float vec_sum_exp(size_t n, const float *x, float max)
{
    vec sum = vec_set(0.0f), shift = vec_set(max);
    for (; n >= LANES; n -= LANES, x += LANES)
        sum = vec_add(sum, vec_exp(vec_sub(vec_load(x), shift)));
    vec last = vec_exp(vec_sub(vec_load_part(x, n), shift));
    return vec_fold(vec_add(sum, vec_first(n, last)));
}

static float sum_exp(size_t n, const float *x, float max)
{
    return vec_sum_exp(n, x, max);
}

static void exp_minus(size_t n, const float *x, float max, float *y)
{
    vec shift = vec_set(max);
    for (; n >= LANES; n -= LANES, x += LANES, y += LANES)
        vec_store(y, vec_exp(vec_sub(vec_load(x), shift)));
    vec_store_part(y, n, vec_exp(vec_sub(vec_load_part(x, n), shift)));
}

static inline vec vec_quick_exp(vec x, vec shift)
{
    vec bits = vec_add(vec_mul(x, vec_set(QUICK_EXP_SCALE)), shift);
    bits = vec_min(vec_max(bits, vec_set(QUICK_EXP_LOW)), vec_set(QUICK_EXP_HIGH));
    return vec_as_float(bits);
}

/* Writes i + the numbers of the set bits; returns how many there are. */
static inline size_t vec_indices(uint32_t *indices, size_t i, uint32_t found)
{
#ifdef VEC_COMPRESSES
    vec_compress_indices(indices, (uint32_t)i, found);
    return (size_t)__builtin_popcount(found);
#else
    size_t count = 0;
    for (; found; found &= found - 1)
        indices[count++] = (uint32_t)(i + (size_t)__builtin_ctz(found));
    return count;
#endif
}

static size_t select_above(size_t n, const float *x, float threshold, uint32_t *indices)
{
    vec limit = vec_set(threshold);
    size_t count = 0, i = 0;
    for (; i + LANES <= n; i += LANES)
        count += vec_indices(indices + count, i, vec_bits_not_less(vec_load(x + i), limit));
    for (; i < n; i++)
        if (x[i] >= threshold)
            indices[count++] = (uint32_t)i;
    return count;
}

static float sum_and_select(size_t n, const float *x, float reference, float threshold,
                            uint32_t *indices, size_t *n_selected)
{
    vec limit = vec_set(threshold);
    vec sum = vec_set(0.0f), shift = vec_set(QUICK_EXP_ONE - reference * QUICK_EXP_SCALE);
    size_t count = 0, i = 0;
    for (; i + LANES <= n; i += LANES) {
        vec value = vec_load(x + i);
        sum = vec_add(sum, vec_quick_exp(value, shift));
        count += vec_indices(indices + count, i, vec_bits_not_less(value, limit));
    }
    vec last = vec_quick_exp(vec_load_part(x + i, n - i), shift);
    sum = vec_add(sum, vec_first(n - i, last));
    for (; i < n; i++)
        if (x[i] >= threshold)
            indices[count++] = (uint32_t)i;
    *n_selected = count;
    return vec_fold(sum);
}

static inline size_t count_above(size_t n, const float *x, float threshold)
{
    vec limit = vec_set(threshold);
    size_t count = 0, i = 0;
    for (; i + LANES <= n; i += LANES)
        count += (size_t)__builtin_popcount(vec_bits_not_less(vec_load(x + i), limit));
    for (; i < n; i++)
        count += x[i] >= threshold;
    return count;
}

static float rank_threshold(size_t n, const float *x, size_t rank)
{
    return bisect_rank(n, x, rank, count_above);
}

static float finite_max(size_t n, const float *x)
{
    vec bits = vec_set(0.0f);
    for (; n >= LANES; n -= LANES, x += LANES)
        bits = vec_max_bits(bits, vec_abs(vec_load(x)));
    uint32_t max = vec_fold_max_bits(vec_max_bits(bits, vec_abs(vec_load_part(x, n))));
    return vec_bits_float(max >= BITS_INFINITY ? BITS_NAN : max);
}

/* ---- conversions -------------------------------------------------------------------------- */

static void widen_f16(size_t n, const uint16_t *x, float *y)
{
    for (; n >= LANES; n -= LANES, x += LANES, y += LANES)
        vec_store(y, vec_load_f16(x));
    if (n == 0)
        return;
    uint16_t last[KERNEL_LANES] = {0};
    memcpy(last, x, n * sizeof *x);
    vec_store_part(y, n, vec_load_f16(last));
}

static void narrow_f16(size_t n, const float *x, uint16_t *y)
{
    for (; n >= LANES; n -= LANES, x += LANES, y += LANES)
        vec_store_f16(y, vec_load(x));
    if (n == 0)
        return;
    uint16_t last[KERNEL_LANES];
    vec_store_f16(last, vec_load_part(x, n));
    memcpy(y, last, n * sizeof *y);
}

#endif
