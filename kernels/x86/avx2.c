/* avx2.c - AVX2 with FMA and F16C: every operation on 16 floats in two registers.
 *
 * int8 product. AVX2 multiplies unsigned by signed bytes (vpmaddubsw), so signs move from a to w:
 *
 *     a w = |a| (w ^ s) + |a| [a < 0],    s = a < 0 ? -1 : 0 in each byte,
 *
 * since w ^ -1 = -w - 1. The second term does not depend on the channel: it is summed once a row
 * and is what the accumulators start from. |a| <= 127 and |w ^ s| <= 128, so a pair of products is
 * at most 32512 and fits the int16 that vpmaddubsw adds in; vpmaddwd by ones widens it. Three
 * instructions and an xor for 32 products; where no a of a block of rows is negative (after ReLU)
 * even the xor goes. */
#include "kernels/x86/vec256.h"

#include "kernels/tables.h"
#include "kernels/vector_attention.h"
#include "kernels/vector_matmul.h"
#include "kernels/vector_rows.h"

#define BLOCK_ROWS 4 /* 8 accumulators: one for each half panel and row */
#define BLOCK_DEPTH ((size_t)8192)
#define ROW_BYTES (BLOCK_DEPTH + 64) /* not a power of two: rows fall into different cache sets */

/* A block of rows, taken apart. */
struct block {
    int8_t magnitude[BLOCK_ROWS][ROW_BYTES] __attribute__((aligned(64)));
    int8_t sign[BLOCK_ROWS][ROW_BYTES] __attribute__((aligned(64)));
    int32_t start[BLOCK_ROWS]; /* sum of |a| over negative a */
    bool negative;             /* there is a negative a */
};

typedef struct {
    __m256i low, high; /* channels 0-7 and 8-15 of a panel */
} sums;

static inline __m256i load_bytes(const int8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

/* Four bytes in every 32-bit lane. */
static inline __m256i repeat_group(const int8_t *p)
{
    int32_t group;
    memcpy(&group, p, sizeof group);
    return _mm256_set1_epi32(group);
}

static void block_set(struct block *block, const int8_t *a, size_t a_stride, size_t k, size_t rows)
{
    __m256i zero = _mm256_setzero_si256(), any = zero;
    for (size_t r = 0; r < rows; r++, a += a_stride) {
        __m256i total = zero;
        for (size_t i = 0; i < k; i += sizeof total) {
            __m256i value = load_bytes(a + i), magnitude = _mm256_abs_epi8(value);
            __m256i sign = _mm256_cmpgt_epi8(zero, value);
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

/* The last addition is written so that the sum stays in its register: compilers that choose a new
 * one run out of them, and spill. */
KERNEL_INLINE void add_products(__m256i *sum, __m256i magnitude, __m256i w)
{
    __m256i pairs = _mm256_maddubs_epi16(magnitude, w);
    __m256i products = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    __asm__("vpaddd %1, %0, %0" : "+x"(*sum) : "x"(products));
}

/* The epilogue of `rows` accumulators. */
static __attribute__((noinline)) void tile_i8_finish(const struct tile_output *to,
                                                     const float *a_scales, const struct matrix *w,
                                                     size_t row, size_t rows, size_t j, size_t n,
                                                     const sums *sum)
{
    vec scales = vec_load(w->scales + j), bias = tile_bias(to->epilogue, j, n);
    for (size_t r = 0; r < rows; r++) {
        vec y = {_mm256_cvtepi32_ps(sum[r].low), _mm256_cvtepi32_ps(sum[r].high)};
        y = vec_fma(y, vec_mul(vec_set(a_scales[row + r]), scales), bias);
        tile_finish(to, row + r, j, n, &y);
    }
}

/* R rows times one panel. */
KERNEL_INLINE void tile_i8(const struct block *block, const float *a_scales, const struct matrix *w,
                           size_t row, size_t j, size_t n, const struct tile_output *to,
                           const size_t R, const bool negative)
{
    sums sum[BLOCK_ROWS];
    const int8_t *panel = w->i8 + j * w->k_padded;
    const int8_t *magnitude = block->magnitude[0], *sign = block->sign[0];
    FOR_4_ROWS(R, sum[r].low = sum[r].high = _mm256_set1_epi32(block->start[r]););
    for (size_t i = 0; i < w->k_padded; i += 4) {
        __m256i low = load_bytes(panel), high = load_bytes(panel + 32);
        FOR_4_ROWS(R, __m256i m = repeat_group(magnitude + r * ROW_BYTES);
                   __m256i s = negative ? repeat_group(sign + r * ROW_BYTES) : low;
                   add_products(&sum[r].low, m, negative ? _mm256_xor_si256(low, s) : low);
                   add_products(&sum[r].high, m, negative ? _mm256_xor_si256(high, s) : high););
        panel += 4 * MATRIX_PANEL;
        magnitude += 4;
        sign += 4;
    }
    tile_i8_finish(to, a_scales, w, row, R, j, n, sum);
}

/* One row whose k is beyond a block: signs are moved on the way. */
static void tile_i8_deep(const int8_t *a, const float *a_scales, const struct matrix *w, size_t row,
                         size_t j, size_t n, const struct tile_output *to)
{
    sums sum = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    const int8_t *panel = w->i8 + j * w->k_padded;
    for (size_t i = 0; i < w->k_padded; i += 4, panel += 4 * MATRIX_PANEL) {
        __m256i group = repeat_group(a + i), m = _mm256_abs_epi8(group);
        add_products(&sum.low, m, _mm256_sign_epi8(load_bytes(panel), group));
        add_products(&sum.high, m, _mm256_sign_epi8(load_bytes(panel + 32), group));
    }
    tile_i8_finish(to, a_scales, w, row, 1, j, n, &sum);
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
            rows = deep ? 1 : block_rows(m - i, BLOCK_ROWS);
            if (!deep)
                block_set(&block, a + i * a_stride, a_stride, w->k_padded, rows);
            for (size_t j = group; j < group_end; j += MATRIX_PANEL) {
                size_t n = size_min(end - j, MATRIX_PANEL);
                if (deep)
                    tile_i8_deep(a + i * a_stride, a_scales, w, i, j, n, &to);
                else
                    tile_i8_rows(&block, a_scales, w, i, j, n, &to, rows);
            }
        }
    }
}

void avx2_fill(struct kernels *table)
{
    *table = (struct kernels){.name = "avx2",
                              .matmul_f32 = matmul_f32,
                              .matmul_i8 = matmul_i8,
                              .quantize_rows = quantize_rows,
                              .layer_norm = layer_norm,
                              .rms_norm = rms_norm,
                              .activate = activate,
                              .multiply = multiply,
                              .add = add,
                              .scale_add = scale_add,
                              .attend_f32 = attend_f32,
                              .attend_bf16 = attend_bf16,
                              .maximum = maximum,
                              .arg_max = arg_max,
                              .sum_exp = sum_exp,
                              .select_above = select_above,
                              .widen_f16 = widen_f16,
                              .widen_bf16 = widen_bf16,
                              .narrow_bf16 = narrow_bf16,
                              .finite_max = finite_max};
}
