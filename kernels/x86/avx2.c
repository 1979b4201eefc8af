/* avx2.c - AVX2 with FMA and F16C: everything, sixteen lanes in two registers. */
#include "kernels/x86/vec256.h"

#include "kernels/tables.h"
#include "kernels/vector_attention.h"
#include "kernels/vector_matmul.h"
#include "kernels/vector_rows.h"

/* sum += four products of unsigned m and signed w in each lane. The last addition is written so
 * that the sum stays in its register: compilers that choose a new one run out of them, and spill.
 */
KERNEL_INLINE void accumulate(vec_int *sum, vec_int m, vec_int w)
{
    __m256i ones = _mm256_set1_epi16(1);
    __m256i low = _mm256_madd_epi16(_mm256_maddubs_epi16(m.low, w.low), ones);
    __asm__("vpaddd %1, %0, %0" : "+x"(sum->low) : "x"(low));
    __m256i high = _mm256_madd_epi16(_mm256_maddubs_epi16(m.high, w.high), ones);
    __asm__("vpaddd %1, %0, %0" : "+x"(sum->high) : "x"(high));
}

#include "kernels/x86/signed_i8.h"

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
