/* avx512.c - AVX-512 F, BW, DQ and VL: everything, sixteen lanes in one register. */
#include "kernels/x86/vec512.h"

#include "kernels/tables.h"
#include "kernels/vector_attention.h"
#include "kernels/vector_matmul.h"
#include "kernels/vector_rows.h"

/* sum += four products of unsigned m and signed w in each lane. */
KERNEL_INLINE void accumulate(vec_int *sum, vec_int m, vec_int w)
{
    __m512i pairs = _mm512_maddubs_epi16(m, w);
    *sum = _mm512_add_epi32(*sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
}

#include "kernels/x86/signed_i8.h"

void avx512_fill(struct kernels *table)
{
    *table = (struct kernels){.name = "avx512",
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
