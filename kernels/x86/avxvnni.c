/* avxvnni.c - VNNI on ymm registers, VEX encoded (CPUs without AVX-512): the int8 product. */
#include "kernels/x86/vec256.h"

#include "kernels/tables.h"
#include "kernels/x86/dpbusd.h"

/* sum += four products of unsigned u and signed w in each lane. */
KERNEL_INLINE void accumulate(vec_int *sum, vec_int u, vec_int w)
{
    DPBUSD_256(sum->low, u.low, w.low);
    DPBUSD_256(sum->high, u.high, w.high);
}

#define BLOCK_ROWS 6 /* twelve ymm sums of sixteen registers */
#define MAX_SUMS 6

#include "kernels/x86/shifted_i8.h"

void avxvnni_fill(struct kernels *table)
{
    table->name = "avxvnni";
    table->matmul_i8 = matmul_i8;
}
