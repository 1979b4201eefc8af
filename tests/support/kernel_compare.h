/* kernel_compare.h - holds one table of kernels to another, byte for byte, over loops of shapes.
 *
 * Operands end at guard pages; outputs are compared with the gaps between their rows. No test
 * framework is used, so that the checks also run where there is none (tests/kernels/neon.sh). */
#ifndef DRAGOMAN_TESTS_SUPPORT_KERNEL_COMPARE_H
#define DRAGOMAN_TESTS_SUPPORT_KERNEL_COMPARE_H

#include "kernels/kernels.h"

struct kernel_check {
    const char *name;
    /* NULL, or a static text that says where the two tables differ. */
    const char *(*run)(const struct kernels *expected, const struct kernels *actual);
};

/* All checks, in two files; each list ends with a NULL name. */
extern const struct kernel_check kernel_checks_products[]; /* products, attention */
extern const struct kernel_check kernel_checks_rows[];     /* everything else */

/* ---- what the two files share ------------------------------------------------------------- */

/* A fixed sequence of pseudo-random numbers: bits, and floats in [-1, 1). */
uint32_t kernel_random(void);
float kernel_random_float(void);

/* `n` random floats times `scale`, ending at a guard page. */
float *kernel_floats(size_t n, float scale);

/* Two buffers of n_bytes, equal, ending at guard pages. */
struct kernel_pair {
    void *expected, *actual;
    size_t n_bytes;
};
struct kernel_pair kernel_pair(size_t n_bytes);

/* Compares a pair, frees all guarded memory; NULL, or the formatted text with the first difference.
 */
const char *kernel_differs(const struct kernel_pair *pair, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
