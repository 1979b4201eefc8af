/* vector_finish.h - from the int32 sums of an int8 product to its output. Included by a
 * unit's file after its vec*.h. */
#ifndef DRAGOMAN_KERNELS_VECTOR_FINISH_H
#define DRAGOMAN_KERNELS_VECTOR_FINISH_H

#include "kernels/vector_tile.h"

/* The epilogue of `rows` rows and one panel. `sums` are `sums_stride` bytes apart. */
static __attribute__((noinline)) void tile_finish_i8(const struct tile_output *to,
                                                     const float *a_scales, const struct matrix *w,
                                                     size_t row, size_t rows, size_t j, size_t n,
                                                     const void *sums, size_t sums_stride)
{
    vec scales = vec_load(w->scales + j), bias = tile_bias(to->epilogue, j, n);
    for (size_t r = 0; r < rows; r++) {
        vec sum = vec_from_int(vec_int_load((const char *)sums + r * sums_stride));
        vec y = vec_fma(sum, vec_mul(vec_set(a_scales[row + r]), scales), bias);
        tile_finish(to, row + r, j, n, &y);
    }
}

#endif
