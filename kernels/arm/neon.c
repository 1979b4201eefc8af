/* neon.c - Armv8.2 with dot products: everything, sixteen lanes in four registers. */
#include "kernels/arm/vec128.h"

#include "kernels/tables.h"
#include "kernels/vector_attention.h"
#include "kernels/vector_finish.h"
#include "kernels/vector_matmul.h"
#include "kernels/vector_rows.h"

/* ---- int8 product: sdot multiplies signed by signed bytes, so nothing has to be moved ------- */

#define BLOCK_ROWS 4 /* 16 accumulators, 4 registers of weights, 4 of inputs */

/* Four inputs of a row, group I of the sixteen in `x`, times a panel's 64 bytes in w0 to w3. */
#define ADD_PRODUCTS(sum, x, I)                                                                    \
    do {                                                                                           \
        (sum).a = vdotq_laneq_s32((sum).a, w0, x, I);                                              \
        (sum).b = vdotq_laneq_s32((sum).b, w1, x, I);                                              \
        (sum).c = vdotq_laneq_s32((sum).c, w2, x, I);                                              \
        (sum).d = vdotq_laneq_s32((sum).d, w3, x, I);                                              \
    } while (0)

#define ADD_GROUP(I)                                                                               \
    do {                                                                                           \
        const int8_t *group = panel + (I)*4 * MATRIX_PANEL;                                        \
        int8x16_t w0 = vld1q_s8(group), w1 = vld1q_s8(group + 16);                                 \
        int8x16_t w2 = vld1q_s8(group + 32), w3 = vld1q_s8(group + 48);                            \
        FOR_4_ROWS(R, ADD_PRODUCTS(sums[r], inputs[r], I););                                       \
    } while (0)

/* R rows times one panel. */
KERNEL_INLINE void tile_i8(const int8_t *a, size_t a_stride, const float *a_scales,
                           const struct matrix *w, size_t row, size_t j, size_t n,
                           const struct tile_output *to, const size_t R)
{
    vec_int sums[BLOCK_ROWS];
    const int8_t *panel = w->i8 + j * w->k_padded;
    FOR_4_ROWS(R, sums[r].a = sums[r].b = sums[r].c = sums[r].d = vdupq_n_s32(0););
    for (size_t i = 0; i < w->k_padded; i += 16, panel += 16 * MATRIX_PANEL) {
        int8x16_t inputs[BLOCK_ROWS];
        FOR_4_ROWS(R, inputs[r] = vld1q_s8(a + r * a_stride + i););
        ADD_GROUP(0);
        ADD_GROUP(1);
        ADD_GROUP(2);
        ADD_GROUP(3);
    }
    tile_finish_i8(to, a_scales, w, row, R, j, n, sums, sizeof *sums);
}

static void matmul_i8(size_t m, const int8_t *a, size_t a_stride, const float *a_scales,
                      const struct matrix *w, size_t first, size_t count,
                      const struct epilogue *epilogue, float *out, size_t out_stride)
{
    const struct tile_output to = {epilogue, out, out_stride};
    size_t step = group_panels(w->k_padded * MATRIX_PANEL) * MATRIX_PANEL;
    for (size_t group = first, end = first + count; group < end; group += step) {
        size_t group_end = size_min(group + step, end), rows;
        for (size_t i = 0; i < m; i += rows) {
            rows = block_rows(m - i, BLOCK_ROWS);
            const int8_t *from = a + i * a_stride;
            for (size_t j = group; j < group_end; j += MATRIX_PANEL) {
                size_t n = size_min(end - j, MATRIX_PANEL);
                switch (rows) {
                case 1:
                    tile_i8(from, a_stride, a_scales, w, i, j, n, &to, 1);
                    break;
                case 2:
                    tile_i8(from, a_stride, a_scales, w, i, j, n, &to, 2);
                    break;
                case 3:
                    tile_i8(from, a_stride, a_scales, w, i, j, n, &to, 3);
                    break;
                default:
                    tile_i8(from, a_stride, a_scales, w, i, j, n, &to, 4);
                }
            }
        }
    }
}

void neon_fill(struct kernels *table)
{
    *table = (struct kernels){.name = "neon",
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
                              .attend_f16 = attend_f16,
                              .maximum = maximum,
                              .arg_max = arg_max,
                              .sum_exp = sum_exp,
                              .exp_minus = exp_minus,
                              .select_above = select_above,
                              .sum_and_select = sum_and_select,
                              .rank_threshold = rank_threshold,
                              .dots_f16 = dots_f16,
                              .widen_f16 = widen_f16,
                              .narrow_f16 = narrow_f16,
                              .finite_max = finite_max};
}
