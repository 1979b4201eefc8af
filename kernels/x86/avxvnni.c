/* avxvnni.c - VNNI on ymm registers, VEX encoded (CPUs without AVX-512): the int8 product. */
#include "kernels/x86/vec256.h"

#include "kernels/tables.h"

/* sum += four products of unsigned u and signed w in each lane. */
KERNEL_INLINE void accumulate(vec_int *sum, vec_int u, vec_int w)
{
    sum->low = _mm256_dpbusd_avx_epi32(sum->low, u.low, w.low);
    sum->high = _mm256_dpbusd_avx_epi32(sum->high, u.high, w.high);
}

#define I8_PANELS 1 /* twelve sums of sixteen registers */

#include "kernels/x86/shifted_i8.h"

void avxvnni_fill(struct kernels *table)
{
    table->name = "avxvnni";
    table->matmul_i8 = matmul_i8;
}
