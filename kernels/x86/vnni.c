/* vnni.c - AVX512-VNNI: the int8 product, two panels of channels at a time. */
#include "kernels/x86/vec512.h"

#include "kernels/tables.h"

/* sum += four products of unsigned u and signed w in each lane. */
KERNEL_INLINE void accumulate(vec_int *sum, vec_int u, vec_int w)
{
    *sum = _mm512_dpbusd_epi32(*sum, u, w);
}

#define I8_PANELS 2 /* twelve sums of thirty-two registers; each broadcast serves two products */

#include "kernels/x86/shifted_i8.h"

void vnni_fill(struct kernels *table)
{
    table->name = "vnni";
    table->matmul_i8 = matmul_i8;
}
