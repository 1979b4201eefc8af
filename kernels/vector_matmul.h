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

/* R rows of `a` times P panels (1 or 2), in registers; the last has `n` channels. Two, where there
 * are registers for them: each number of `a` is loaded once for both, and with few rows there are
 * enough sums to cover the latency. */
KERNEL_INLINE void tile_f32(const float *a, size_t a_stride, const float *panel, size_t k,
                            size_t row, size_t j, size_t n, const struct tile_output *to,
                            const size_t R, const size_t P)
{
    vec sums[12], more[12];
    FOR_12_ROWS(R, sums[r] = more[r] = vec_set(0.0f););
    const float *half = a + 3 * a_stride, *second = panel + k * MATRIX_PANEL;
    for (size_t i = 0; i < k; i++) {
        vec w = vec_load(panel), v = P > 1 ? vec_load(second) : w;
        FOR_12_ROWS(R, const float *from = r < 3 ? a + r * a_stride : half + (r - 3) * a_stride;
                    vec x = vec_set(*from); sums[r] = vec_fma(x, w, sums[r]);
                    if (P > 1) more[r] = vec_fma(x, v, more[r]););
        panel += MATRIX_PANEL;
        second += MATRIX_PANEL;
        a++;
        half++;
    }
    tile_finish_f32(to, row, R, j, P > 1 ? MATRIX_PANEL : n, sums);
    if (P > 1)
        tile_finish_f32(to, row, R, j + MATRIX_PANEL, n, more);
}

/* Rows of the next block when `left` remain: the most registers hold, or up to six, even. */
static inline size_t tile_rows(size_t left)
{
    return VEC_MATMUL_ROWS > 6 && left >= VEC_MATMUL_ROWS ? VEC_MATMUL_ROWS : block_rows(left, 6);
}

/* `rows` rows times the P panels from j on. */
KERNEL_INLINE void tile_f32_rows(const float *a, size_t a_stride, const float *panel, size_t k,
                                 size_t row, size_t j, size_t n, const struct tile_output *to,
                                 size_t rows, const size_t P)
{
    switch (rows) {
    case 1:
        tile_f32(a, a_stride, panel, k, row, j, n, to, 1, P);
        break;
    case 2:
        tile_f32(a, a_stride, panel, k, row, j, n, to, 2, P);
        break;
    case 3:
        tile_f32(a, a_stride, panel, k, row, j, n, to, 3, P);
        break;
    case 4:
        tile_f32(a, a_stride, panel, k, row, j, n, to, 4, P);
        break;
    case 5:
        tile_f32(a, a_stride, panel, k, row, j, n, to, 5, P);
        break;
    case 6:
        tile_f32(a, a_stride, panel, k, row, j, n, to, 6, P);
        break;
    default:
        tile_f32(a, a_stride, panel, k, row, j, n, to, VEC_MATMUL_ROWS, P);
    }
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
            for (size_t j = group, width; j < group_end; j += width) {
                const float *panel = w->f32 + j * w->k;
                bool two = VEC_MATMUL_PANELS > 1 && group_end - j > MATRIX_PANEL;
                width = (two ? 2 : 1) * MATRIX_PANEL;
                size_t n = size_min(end - j - (width - MATRIX_PANEL), MATRIX_PANEL);
                if (two)
                    tile_f32_rows(from, a_stride, panel, w->k, i, j, n, &to, rows,
                                  VEC_MATMUL_PANELS);
                else
                    tile_f32_rows(from, a_stride, panel, w->k, i, j, n, &to, rows, 1);
            }
        }
    }
}

#endif
