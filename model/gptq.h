/* gptq.h - quantizes the rows of a weight matrix so that the product, not each weight, is near what
 * it was (GPTQ, Frantar et al. 2022, arXiv 2210.17323).
 *
 * With H = sum x x^T over inputs, a row's error is e H e^T, e = w - scale * q. Columns are rounded
 * one after the other, and what a column is off is made up for by those that follow. Instead of
 * H^-1, as in the paper's algorithm 1, this takes the factors of H = M D M^T (M unit upper
 * triangular), which give the same values (Chee et al. 2023, QuIP, theorem 6): column i is rounded
 * from
 *
 *     c_i = w_i + sum_(j < i) e_j M_ji,    and  e H e^T = sum_i D_i (c_i - scale * q_i)^2.
 *
 *     struct gptq *gptq = gptq_new(k, h, &err);
 *     gptq_quantize(gptq, m, rows, q, scales);
 *     gptq_free(gptq); */
#ifndef DRAGOMAN_MODEL_GPTQ_H
#define DRAGOMAN_MODEL_GPTQ_H

#include "base/error.h"

#include <stdint.h>

struct gptq;

/* `h` is [k][k], symmetric, and no longer needed afterwards. What makes it singular (inputs that
 * never occur) is damped; if it is not finite each weight is rounded by itself. NULL when memory
 * ends. */
struct gptq *gptq_new(size_t k, const double *h, struct error *err);
void gptq_free(struct gptq *gptq);

/* Quantizes m rows of k finite floats to q[m][k] in +-127 and scales[m] = max |row| / 127 (0 for a
 * row of zeros, as matrix_set_channel_f32() does). A row's result does not depend on the others. */
void gptq_quantize(struct gptq *gptq, size_t m, const float *rows, int8_t *q, float *scales);

#endif
