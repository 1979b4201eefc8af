/* vnni.c - AVX512-VNNI: the int8 product. */
#include "kernels/x86/vec512.h"

#include "kernels/tables.h"
#include "kernels/x86/dpbusd.h"

/* sum += four products of unsigned u and signed w in each lane. */
KERNEL_INLINE void accumulate(vec_int *sum, vec_int u, vec_int w)
{
    DPBUSD_512(*sum, u, w);
}

/* Twelve rows by two panels or six by four: 24 of the 32 registers hold sums. With as many, each
 * weight that comes from the second-level cache serves twelve products, and two units that take 4
 * cycles each are busy even with four rows. */
#define BLOCK_ROWS 12
#define MAX_SUMS 24

#include "kernels/x86/shifted_i8.h"

void vnni_fill(struct kernels *table)
{
    table->name = "vnni";
    table->matmul_i8 = matmul_i8;
}
