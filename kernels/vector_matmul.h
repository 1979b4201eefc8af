/* vector_matmul.h - the float product on sixteen lanes. Included by a unit's file after its vec*.h.
 */
#ifndef DRAGOMAN_KERNELS_VECTOR_MATMUL_H
#define DRAGOMAN_KERNELS_VECTOR_MATMUL_H

#include "kernels/vector_tile.h"

/* The epilogue of `rows` accumulators. Not inlined: one copy serves tiles of every height. */
static __attribute__((noinline)) void tile_finish_f32(const struct tile_output *to, size_t row,
                                                      size_t rows, size_t j, size_t n,
                                                      const vec *sums)
{
    vec bias = tile_bias(to->epilogue, j, n);
    for (size_t r = 0; r < rows; r++) {
        vec y = vec_add(sums[r], bias);
        tile_finish(to, row + r, j, n, &y);
    }
}

/* R rows of `a` times one panel, in registers. */
KERNEL_INLINE void tile_f32(const float *a, size_t a_stride, const float *panel, size_t k,
                            size_t row, size_t j, size_t n, const struct tile_output *to,
                            const size_t R)
{
    vec sums[12];
    FOR_12_ROWS(R, sums[r] = vec_set(0.0f););
    const float *half = a + 3 * a_stride;
    for (size_t i = 0; i < k; i++) {
        vec w = vec_load(panel);
        FOR_12_ROWS(R, const float *from = r < 3 ? a + r * a_stride : half + (r - 3) * a_stride;
                    sums[r] = vec_fma(vec_set(*from), w, sums[r]););
        panel += MATRIX_PANEL;
        a++;
        half++;
    }
    tile_finish_f32(to, row, R, j, n, sums);
}

/* Rows of the next block when `left` remain: the most registers hold, or up to six, even. */
static inline size_t tile_rows(size_t left)
{
    return VEC_MATMUL_ROWS > 6 && left >= VEC_MATMUL_ROWS ? VEC_MATMUL_ROWS : block_rows(left, 6);
}

static void matmul_f32(size_t m, const float *a, size_t a_stride, const struct matrix *w,
                       size_t first, size_t count, const struct epilogue *epilogue, float *out,
                       size_t out_stride)
{
    const struct tile_output to = {epilogue, out, out_stride};
    size_t step = group_panels(w->k * MATRIX_PANEL * sizeof(float)) * MATRIX_PANEL;
    for (size_t group = first, end = first + count; group < end; group += step) {
        size_t group_end = size_min(group + step, end), rows;
        for (size_t i = 0; i < m; i += rows) {
            rows = tile_rows(m - i);
            const float *from = a + i * a_stride;
            for (size_t j = group; j < group_end; j += MATRIX_PANEL) {
                const float *panel = w->f32 + j * w->k;
                size_t n = size_min(end - j, MATRIX_PANEL);
                switch (rows) {
                case 1:
                    tile_f32(from, a_stride, panel, w->k, i, j, n, &to, 1);
                    break;
                case 2:
                    tile_f32(from, a_stride, panel, w->k, i, j, n, &to, 2);
                    break;
                case 3:
                    tile_f32(from, a_stride, panel, w->k, i, j, n, &to, 3);
                    break;
                case 4:
                    tile_f32(from, a_stride, panel, w->k, i, j, n, &to, 4);
                    break;
                case 5:
                    tile_f32(from, a_stride, panel, w->k, i, j, n, &to, 5);
                    break;
                case 6:
                    tile_f32(from, a_stride, panel, w->k, i, j, n, &to, 6);
                    break;
                default:
                    tile_f32(from, a_stride, panel, w->k, i, j, n, &to, VEC_MATMUL_ROWS);
                }
            }
        }
    }
}

#endif
