/* vector_finish.h - from the int32 sums of an int8 product to its output. Included by a
 * unit's file after its vec*.h. */
#ifndef DRAGOMAN_KERNELS_VECTOR_FINISH_H
#define DRAGOMAN_KERNELS_VECTOR_FINISH_H

#include "kernels/vector_tile.h"

#include <math.h>

/* Whether nothing but ReLU and a residual may follow. */
static inline bool is_simple(const struct epilogue *e)
{
    return (e->activation == ACTIVATION_NONE || e->activation == ACTIVATION_RELU) && !e->row_max;
}

/* What ReLU, if there is one, raises lower values to. */
static inline vec least_of(const struct epilogue *e)
{
    return vec_set(e->activation == ACTIVATION_RELU ? 0.0f : -INFINITY);
}

/* A whole panel of a simple epilogue: no branch in the loop. */
KERNEL_INLINE void finish_whole_panel(const struct tile_output *to, const float *a_scales,
                                      vec scales, vec bias, size_t row, size_t rows, size_t j,
                                      const char *sums, size_t sums_stride, const bool residual)
{
    const struct epilogue *e = to->epilogue;
    vec least = least_of(e);
    float *out = to->out + row * to->out_stride + j;
    const float *add = residual ? e->residual + row * e->residual_stride + j : NULL;
    for (size_t r = 0; r < rows; r++, sums += sums_stride, out += to->out_stride) {
        vec y = vec_fma(vec_from_int(vec_int_load(sums)),
                        vec_mul(vec_set(a_scales[row + r]), scales), bias);
        y = vec_max(least, y);
        if (residual) {
            y = vec_add(vec_load(add), y);
            add += e->residual_stride;
        }
        vec_store(out, y);
    }
}

/* The epilogue of `rows` rows and one panel. `sums` are `sums_stride` bytes apart. */
static __attribute__((noinline)) void tile_finish_i8(const struct tile_output *to,
                                                     const float *a_scales, const struct matrix *w,
                                                     size_t row, size_t rows, size_t j, size_t n,
                                                     const void *sums, size_t sums_stride)
{
    const struct epilogue *e = to->epilogue;
    vec scales = vec_load(w->scales + j), bias = tile_bias(e, j, n);
    if (n == MATRIX_PANEL && is_simple(e)) {
        if (e->residual)
            finish_whole_panel(to, a_scales, scales, bias, row, rows, j, sums, sums_stride, true);
        else
            finish_whole_panel(to, a_scales, scales, bias, row, rows, j, sums, sums_stride, false);
        return;
    }
    for (size_t r = 0; r < rows; r++) {
        vec sum = vec_from_int(vec_int_load((const char *)sums + r * sums_stride));
        vec y = vec_fma(sum, vec_mul(vec_set(a_scales[row + r]), scales), bias);
        tile_finish(to, row + r, j, n, &y);
    }
}

#endif
