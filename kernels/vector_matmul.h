/* vector_matmul.h - the epilogue of both products and the float product, on sixteen lanes: one
 * panel of channels. Included by a unit's file after its vec*.h. */
#ifndef DRAGOMAN_KERNELS_VECTOR_MATMUL_H
#define DRAGOMAN_KERNELS_VECTOR_MATMUL_H

#include "kernels/vector_math.h"

/* A group of panels that stays in a 512 KiB second-level cache while all rows pass over it. */
#define GROUP_BYTES ((size_t)256 << 10)
#define GROUP_MIN_PANELS 8

/* Run the statements with r = 0 ... R - 1 (R at most 4, or 6) as a compile-time constant, so that
 * what r indexes stays in registers whatever the compiler thinks of unrolling. */
#define FOR_ROW(I, R, ...)                                                                         \
    if ((R) > (I)) {                                                                               \
        enum { r = (I) };                                                                          \
        __VA_ARGS__                                                                                \
    }
#define FOR_4_ROWS(R, ...)                                                                         \
    do {                                                                                           \
        FOR_ROW(0, R, __VA_ARGS__)                                                                 \
        FOR_ROW(1, R, __VA_ARGS__)                                                                 \
        FOR_ROW(2, R, __VA_ARGS__)                                                                 \
        FOR_ROW(3, R, __VA_ARGS__)                                                                 \
    } while (0)
#define FOR_6_ROWS(R, ...)                                                                         \
    do {                                                                                           \
        FOR_4_ROWS(R, __VA_ARGS__);                                                                \
        FOR_ROW(4, R, __VA_ARGS__)                                                                 \
        FOR_ROW(5, R, __VA_ARGS__)                                                                 \
    } while (0)

#define KERNEL_INLINE static inline __attribute__((always_inline))

/* Where a tile's results go. */
struct tile_output {
    const struct epilogue *epilogue;
    float *out;
    size_t out_stride;
};

static inline size_t size_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Panels of `panel_bytes` to a group. */
static inline size_t group_panels(size_t panel_bytes)
{
    size_t panels = panel_bytes ? GROUP_BYTES / panel_bytes : GROUP_MIN_PANELS;
    return panels < GROUP_MIN_PANELS ? GROUP_MIN_PANELS : panels;
}

/* Rows of the next block when `left` remain and at most `most` fit: as even as possible. */
static inline size_t block_rows(size_t left, size_t most)
{
    size_t blocks = (left + most - 1) / most;
    return (left + blocks - 1) / blocks;
}

/* The bias of `n` (1 to 16) channels from j on. */
static inline vec tile_bias(const struct epilogue *epilogue, size_t j, size_t n)
{
    if (!epilogue->bias)
        return vec_set(0.0f);
    return n == MATRIX_PANEL ? vec_load(epilogue->bias + j) : vec_load_part(epilogue->bias + j, n);
}

/* What follows the bias for row i and the `n` (1 to 16) channels from j on; stores. */
KERNEL_INLINE void tile_finish(const struct tile_output *to, size_t i, size_t j, size_t n,
                               const vec *value)
{
    vec y = *value;
    const struct epilogue *e = to->epilogue;
    float *out = to->out + i * to->out_stride + j;
    if (e->activation == ACTIVATION_RELU)
        y = vec_max(vec_set(0.0f), y);
    else if (e->activation != ACTIVATION_NONE)
        vec_activate(&y, e->activation);
    if (e->residual) {
        const float *residual = e->residual + i * e->residual_stride + j;
        y = vec_add(n == MATRIX_PANEL ? vec_load(residual) : vec_load_part(residual, n), y);
    }
    if (e->row_max) {
        uint32_t bits = vec_fold_max_bits(vec_first(n, vec_abs(y))), before;
        memcpy(&before, &e->row_max[i], sizeof before);
        e->row_max[i] = vec_bits_float(bits > before ? bits : before);
    }
    if (n == MATRIX_PANEL)
        vec_store(out, y);
    else
        vec_store_part(out, n, y);
}

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
    vec sums[VEC_MATMUL_ROWS];
    FOR_6_ROWS(R, sums[r] = vec_set(0.0f););
    const float *half = a + 3 * a_stride;
    for (size_t i = 0; i < k; i++) {
        vec w = vec_load(panel);
        FOR_6_ROWS(R, const float *from = r < 3 ? a + r * a_stride : half + (r - 3) * a_stride;
                   sums[r] = vec_fma(vec_set(*from), w, sums[r]););
        panel += MATRIX_PANEL;
        a++;
        half++;
    }
    tile_finish_f32(to, row, R, j, n, sums);
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
            rows = block_rows(m - i, VEC_MATMUL_ROWS);
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
                default:
                    tile_f32(from, a_stride, panel, w->k, i, j, n, &to, 6);
                }
            }
        }
    }
}

#endif
