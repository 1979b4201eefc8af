/* signed_i8.h - the int8 product of units that multiply unsigned by signed bytes and add pairs in
 * int16 (vpmaddubsw: AVX2, AVX-512 BW). Included after the unit's vec*.h and its accumulate().
 *
 * Signs move from a to w:
 *
 *     a w = |a| (w ^ s) + |a| [a < 0],    s = a < 0 ? -1 : 0 in each byte,
 *
 * since w ^ -1 = -w - 1. The second term does not depend on the channel: it is summed once a row
 * and is what the accumulators start from. |a| <= 127 and |w ^ s| <= 128, so a pair of products is
 * at most 32512 and fits the int16 that vpmaddubsw adds in; vpmaddwd by ones widens it. Three
 * instructions and an xor for a register of products; where no a of a block of rows is negative
 * (after ReLU) even the xor goes. */
#ifndef DRAGOMAN_KERNELS_X86_SIGNED_I8_H
#define DRAGOMAN_KERNELS_X86_SIGNED_I8_H

#include "kernels/vector_finish.h"

#define BLOCK_ROWS 4 /* eight ymm accumulators: more rows, and compilers spill */
#define BLOCK_DEPTH ((size_t)8192)
#define ROW_BYTES (BLOCK_DEPTH + 64) /* not a power of two: rows fall into different cache sets */

/* A block of rows, taken apart. */
struct block {
    int8_t magnitude[BLOCK_ROWS][ROW_BYTES] __attribute__((aligned(64)));
    int8_t sign[BLOCK_ROWS][ROW_BYTES] __attribute__((aligned(64)));
    int32_t start[BLOCK_ROWS]; /* sum of |a| over negative a */
    bool negative;             /* there is a negative a */
};

static void block_set(struct block *block, const int8_t *a, size_t a_stride, size_t k, size_t rows)
{
    __m256i zero = _mm256_setzero_si256(), any = zero;
    for (size_t r = 0; r < rows; r++, a += a_stride) {
        __m256i total = zero;
        for (size_t i = 0; i < k; i += sizeof total) {
            __m256i value = _mm256_loadu_si256((const __m256i *)(const void *)(a + i));
            __m256i magnitude = _mm256_abs_epi8(value), sign = _mm256_cmpgt_epi8(zero, value);
            any = _mm256_or_si256(any, sign);
            total =
                _mm256_add_epi64(total, _mm256_sad_epu8(_mm256_and_si256(magnitude, sign), zero));
            _mm256_store_si256((__m256i *)(void *)&block->magnitude[r][i], magnitude);
            _mm256_store_si256((__m256i *)(void *)&block->sign[r][i], sign);
        }
        __m128i two =
            _mm_add_epi64(_mm256_castsi256_si128(total), _mm256_extracti128_si256(total, 1));
        block->start[r] = _mm_cvtsi128_si32(two) + _mm_extract_epi32(two, 2);
    }
    block->negative = !_mm256_testz_si256(any, any);
}

/* Adds the products of R rows and `depth` inputs of one panel to `sums`. */
KERNEL_INLINE void add_tile(const struct block *block, const int8_t *panel, size_t depth,
                            vec_int *sums, const size_t R, const bool negative)
{
    const int8_t *magnitude = block->magnitude[0], *sign = block->sign[0];
    for (size_t i = 0; i < depth; i += 4) {
        vec_int group = vec_int_load(panel);
        FOR_4_ROWS(R, vec_int m = vec_int_repeat(magnitude + r * ROW_BYTES);
                   vec_int s = vec_int_repeat(sign + r * ROW_BYTES);
                   accumulate(&sums[r], m, negative ? vec_int_xor(group, s) : group););
        panel += 4 * MATRIX_PANEL;
        magnitude += 4;
        sign += 4;
    }
}

/* R rows times one panel. */
KERNEL_INLINE void tile_i8(const struct block *block, const float *a_scales, const struct matrix *w,
                           size_t row, size_t j, size_t n, const struct tile_output *to,
                           const size_t R, const bool negative)
{
    vec_int sums[BLOCK_ROWS];
    FOR_4_ROWS(R, sums[r] = vec_int_set(block->start[r]););
    add_tile(block, w->i8 + j * w->k_padded, w->k_padded, sums, R, negative);
    tile_finish_i8(to, a_scales, w, row, R, j, n, sums, sizeof *sums);
}

/* One row deeper than a block, times one panel. */
static void tile_i8_deep(struct block *block, const int8_t *a, const float *a_scales,
                         const struct matrix *w, size_t row, size_t j, size_t n,
                         const struct tile_output *to)
{
    vec_int sum = vec_int_set(0);
    for (size_t i = 0, depth; i < w->k_padded; i += depth) {
        depth = size_min(w->k_padded - i, BLOCK_DEPTH);
        block_set(block, a + i, 0, depth, 1);
        sum = vec_int_add(sum, vec_int_set(block->start[0]));
        add_tile(block, w->i8 + j * w->k_padded + i * MATRIX_PANEL, depth, &sum, 1, true);
    }
    tile_finish_i8(to, a_scales, w, row, 1, j, n, &sum, sizeof sum);
}

static void tile_i8_rows(const struct block *block, const float *a_scales, const struct matrix *w,
                         size_t row, size_t j, size_t n, const struct tile_output *to, size_t rows)
{
    switch (rows * 2 + block->negative) {
    case 2:
        tile_i8(block, a_scales, w, row, j, n, to, 1, false);
        break;
    case 3:
        tile_i8(block, a_scales, w, row, j, n, to, 1, true);
        break;
    case 4:
        tile_i8(block, a_scales, w, row, j, n, to, 2, false);
        break;
    case 5:
        tile_i8(block, a_scales, w, row, j, n, to, 2, true);
        break;
    case 6:
        tile_i8(block, a_scales, w, row, j, n, to, 3, false);
        break;
    case 7:
        tile_i8(block, a_scales, w, row, j, n, to, 3, true);
        break;
    case 8:
        tile_i8(block, a_scales, w, row, j, n, to, 4, false);
        break;
    default:
        tile_i8(block, a_scales, w, row, j, n, to, 4, true);
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
        for (size_t i = 0; i < m; i += rows) {
            const int8_t *from = a + i * a_stride;
            rows = deep ? 1 : block_rows(m - i, BLOCK_ROWS);
            if (!deep)
                block_set(&block, from, a_stride, w->k_padded, rows);
            for (size_t j = group; j < group_end; j += MATRIX_PANEL) {
                size_t n = size_min(end - j, MATRIX_PANEL);
                if (deep)
                    tile_i8_deep(&block, from, a_scales, w, i, j, n, &to);
                else
                    tile_i8_rows(&block, a_scales, w, i, j, n, &to, rows);
            }
        }
    }
}

#endif
