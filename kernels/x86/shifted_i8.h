/* shifted_i8.h - the int8 product of units that add four products of unsigned and signed bytes to
 * an int32 (vpdpbusd). Included after the unit's vec*.h and its accumulate().
 *
 * a is shifted to unsigned, u = a + 128, and what that adds is taken off at the start:
 *
 *     sum_k a_k w_k = sum_k u_k w_k - 128 sum_k w_k,
 *
 * with the sums of each channel's weights kept beside the matrix. All sums are modulo 2^32, so only
 * the result has to fit. */
#ifndef DRAGOMAN_KERNELS_X86_SHIFTED_I8_H
#define DRAGOMAN_KERNELS_X86_SHIFTED_I8_H

#include "kernels/vector_finish.h"

#define MOST_ROWS 12 /* of any unit: what FOR_12_ROWS counts to */
#define BLOCK_DEPTH ((size_t)8192)
#define ROW_BYTES (BLOCK_DEPTH + 64) /* not a power of two: rows fall into different cache sets */

/* Rows of a, shifted. */
struct block {
    uint8_t rows[BLOCK_ROWS][ROW_BYTES] __attribute__((aligned(64)));
};

static void block_set(struct block *block, const int8_t *a, size_t a_stride, size_t k, size_t rows)
{
    __m256i flip = _mm256_set1_epi8(-128);
    for (size_t r = 0; r < rows; r++, a += a_stride)
        for (size_t i = 0; i < k; i += sizeof flip) {
            __m256i value = _mm256_loadu_si256((const __m256i *)(const void *)(a + i));
            _mm256_store_si256((__m256i *)(void *)&block->rows[r][i],
                               _mm256_xor_si256(value, flip));
        }
}

static inline vec_int start_sums(const struct matrix *w, size_t j)
{
    return vec_int_sub(vec_int_set(0), vec_int_shift_left(vec_int_load(w->sums + j), 7));
}

/* Adds the products of R rows and `depth` inputs of P panels (1, 2 or 4), `panel_bytes` apart, to
 * `sums`. */
KERNEL_INLINE void add_tile(const struct block *block, const int8_t *panel, size_t panel_bytes,
                            size_t depth, vec_int (*sums)[MOST_ROWS], const size_t R,
                            const size_t P)
{
    const uint8_t *rows = block->rows[0];
    const int8_t *end = panel + depth * MATRIX_PANEL;
    for (; panel < end; panel += 4 * MATRIX_PANEL, rows += 4) {
        vec_int w0 = vec_int_load(panel), w1 = w0, w2 = w0, w3 = w0;
        if (P > 1)
            w1 = vec_int_load(panel + panel_bytes);
        if (P > 2) {
            w2 = vec_int_load(panel + 2 * panel_bytes);
            w3 = vec_int_load(panel + 3 * panel_bytes);
        }
        FOR_12_ROWS(
            R, vec_int u = vec_int_repeat(rows + r * ROW_BYTES); accumulate(&sums[0][r], u, w0);
            if (P > 1) accumulate(&sums[1][r], u, w1); if (P > 2) {
                accumulate(&sums[2][r], u, w2);
                accumulate(&sums[3][r], u, w3);
            });
    }
}

/* The start and the end of panel P of a tile, in constants: an array with a variable index would
 * not stay in registers. */
#define START_PANEL(P)                                                                             \
    do {                                                                                           \
        vec_int start = start_sums(w, j + (P)*MATRIX_PANEL);                                       \
        FOR_12_ROWS(R, sums[P][r] = start;);                                                       \
    } while (0)
#define FINISH_PANEL(P, N)                                                                         \
    do {                                                                                           \
        FOR_12_ROWS(R, done[r] = sums[P][r];);                                                     \
        tile_finish_i8(to, a_scales, w, row, R, j + (P)*MATRIX_PANEL, N, done, sizeof *done);      \
    } while (0)

/* The end of a whole panel of a simple epilogue, straight from the registers: by way of memory and
 * a function that all tiles share, a product of 128 inputs took an eighth longer. */
#define STORE_PANEL(P, RESIDUAL)                                                                   \
    do {                                                                                           \
        const size_t at = j + (P)*MATRIX_PANEL;                                                    \
        const vec scales = vec_load(w->scales + at), bias = tile_bias(e, at, MATRIX_PANEL);        \
        const float *add = (RESIDUAL) ? e->residual + row * e->residual_stride + at : NULL;        \
        float *out = to->out + row * to->out_stride + at;                                          \
        FOR_12_ROWS(                                                                               \
            R, vec factor = vec_mul(vec_set(a_scales[row + r]), scales);                           \
            vec y = vec_max(least, vec_fma(vec_from_int(sums[P][r]), factor, bias));               \
            if (RESIDUAL) {                                                                        \
                y = vec_add(vec_load(add), y);                                                     \
                add += e->residual_stride;                                                         \
            } vec_store(out, y);                                                                   \
            out += to->out_stride;);                                                               \
    } while (0)
#define STORE_PANELS(RESIDUAL)                                                                     \
    do {                                                                                           \
        STORE_PANEL(0, RESIDUAL);                                                                  \
        if (P > 1)                                                                                 \
            STORE_PANEL(1, RESIDUAL);                                                              \
        if (P > 2) {                                                                               \
            STORE_PANEL(2, RESIDUAL);                                                              \
            STORE_PANEL(3, RESIDUAL);                                                              \
        }                                                                                          \
    } while (0)

/* R rows times P panels, the last of which has `n` channels. */
KERNEL_INLINE void tile_i8(const struct block *block, const float *a_scales, const struct matrix *w,
                           size_t row, size_t j, size_t n, const struct tile_output *to,
                           const size_t R, const size_t P)
{
    vec_int sums[4][MOST_ROWS], done[MOST_ROWS];
    START_PANEL(0);
    if (P > 1)
        START_PANEL(1);
    if (P > 2) {
        START_PANEL(2);
        START_PANEL(3);
    }
    add_tile(block, w->i8 + j * w->k_padded, w->k_padded * MATRIX_PANEL, w->k_padded, sums, R, P);
    const struct epilogue *e = to->epilogue;
    if (n == MATRIX_PANEL && is_simple(e)) {
        vec least = least_of(e);
        if (e->residual)
            STORE_PANELS(true);
        else
            STORE_PANELS(false);
        return;
    }
    FINISH_PANEL(0, P > 1 ? MATRIX_PANEL : n);
    if (P > 1)
        FINISH_PANEL(1, P > 2 ? MATRIX_PANEL : n);
    if (P > 2) {
        FINISH_PANEL(2, MATRIX_PANEL);
        FINISH_PANEL(3, n);
    }
}

/* One row deeper than a block, times one panel. */
static void tile_i8_deep(struct block *block, const int8_t *a, const float *a_scales,
                         const struct matrix *w, size_t row, size_t j, size_t n,
                         const struct tile_output *to)
{
    vec_int sums[1][MOST_ROWS];
    sums[0][0] = start_sums(w, j);
    for (size_t i = 0, depth; i < w->k_padded; i += depth) {
        depth = size_min(w->k_padded - i, BLOCK_DEPTH);
        block_set(block, a + i, 0, depth, 1);
        add_tile(block, w->i8 + j * w->k_padded + i * MATRIX_PANEL, 0, depth, sums, 1, 1);
    }
    tile_finish_i8(to, a_scales, w, row, 1, j, n, sums[0], sizeof(vec_int));
}

#define ROWS_CASE(R)                                                                               \
    case R:                                                                                        \
        if (R <= BLOCK_ROWS && R * P <= MAX_SUMS)                                                  \
            tile_i8(block, a_scales, w, row, j, n, to, R, P);                                      \
        break

/* `rows` rows times the P panels from j on, if their sums fit the registers. */
KERNEL_INLINE void tile_i8_rows(const struct block *block, const float *a_scales,
                                const struct matrix *w, size_t row, size_t j, size_t n,
                                const struct tile_output *to, size_t rows, const size_t P)
{
    switch (rows) {
        ROWS_CASE(1);
        ROWS_CASE(2);
        ROWS_CASE(3);
        ROWS_CASE(4);
        ROWS_CASE(5);
        ROWS_CASE(6);
        ROWS_CASE(7);
        ROWS_CASE(8);
        ROWS_CASE(9);
        ROWS_CASE(10);
        ROWS_CASE(11);
        ROWS_CASE(12);
    }
}

/* Panels that `rows` rows are multiplied with at a time: as many as the registers hold. */
static inline size_t tile_panels(size_t rows, size_t panels)
{
    if (panels > 3 && 4 * rows <= MAX_SUMS)
        return 4;
    return panels > 1 && 2 * rows <= MAX_SUMS ? 2 : 1;
}

/* `rows` rows times the channels [j, end). */
static void block_times_panels(const struct block *block, const float *a_scales,
                               const struct matrix *w, size_t row, size_t j, size_t end,
                               const struct tile_output *to, size_t rows, struct ahead *ahead)
{
    while (j < end) {
        ahead_go(ahead);
        size_t left = end - j, p = tile_panels(rows, (left + MATRIX_PANEL - 1) / MATRIX_PANEL);
        size_t n = size_min(left - (p - 1) * MATRIX_PANEL, MATRIX_PANEL);
        if (p == 4)
            tile_i8_rows(block, a_scales, w, row, j, n, to, rows, 4);
        else if (p == 2)
            tile_i8_rows(block, a_scales, w, row, j, n, to, rows, 2);
        else
            tile_i8_rows(block, a_scales, w, row, j, n, to, rows, 1);
        j += p * MATRIX_PANEL;
    }
}

static void matmul_i8(size_t m, const int8_t *a, size_t a_stride, const float *a_scales,
                      const struct matrix *w, size_t first, size_t count,
                      const struct epilogue *epilogue, float *out, size_t out_stride)
{
    struct block block;
    const struct tile_output to = {epilogue, out, out_stride};
    const bool deep = w->k_padded > BLOCK_DEPTH;
    size_t step = group_panels(w->k_padded * MATRIX_PANEL) * MATRIX_PANEL;
    for (size_t group = first, end = first + count; group < end; group += step) {
        size_t group_end = size_min(group + step, end), rows;
        size_t n_blocks = (m + BLOCK_ROWS - 1) / BLOCK_ROWS;
        size_t width = tile_panels(size_min(m, BLOCK_ROWS), 4) * MATRIX_PANEL;
        size_t n_tiles = n_blocks * ((group_end - group + width - 1) / width);
        struct ahead ahead = ahead_start(w, group_end, n_tiles);
        for (size_t i = 0; i < m; i += rows) {
            const int8_t *from = a + i * a_stride;
            rows = deep ? 1 : block_rows(m - i, BLOCK_ROWS);
            for (size_t j = group; deep && j < group_end; j += MATRIX_PANEL)
                tile_i8_deep(&block, from, a_scales, w, i, j, size_min(end - j, MATRIX_PANEL), &to);
            if (deep)
                continue;
            block_set(&block, from, a_stride, w->k_padded, rows);
            block_times_panels(&block, a_scales, w, i, group, group_end, &to, rows, &ahead);
        }
    }
}

#endif
