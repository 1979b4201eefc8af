/* tables.h - what the files of kernels/ owe to kernels.c: one function each, which fills a table or
 * overwrites the entries its unit does better. Only kernels.c calls them, after asking cpu.h. */
#ifndef DRAGOMAN_KERNELS_TABLES_H
#define DRAGOMAN_KERNELS_TABLES_H

#include "kernels/kernels.h"

/* For functions whose constant arguments must stay constants, and whose arrays must be registers.
 */
#define KERNEL_INLINE static inline __attribute__((always_inline))

void scalar_fill(struct kernels *table); /* everything */

void avx2_fill(struct kernels *table);    /* everything */
void avxvnni_fill(struct kernels *table); /* int8 product, over AVX2's */
void avx512_fill(struct kernels *table);  /* everything */
void vnni_fill(struct kernels *table);    /* int8 product, over AVX-512's */
void amx_fill(struct kernels *table);     /* int8 product of many rows, over VNNI's */

void neon_fill(struct kernels *table); /* everything */

#endif
