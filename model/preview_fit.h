/* preview_fit.h - the best low-rank preview P (B h) of a table's product W h, for the h that occur.
 *
 * With M = E[h h^T] and S = M^(1/2), h is S g for a g with E[g g^T] = I. By Eckart and Young (1936)
 * the P B of rank r that minimises E |W h - P B h|^2 keeps the r largest eigenvalues of the
 * symmetric S W^T W S, whose eigenvectors are the rows of U:
 *
 *     B = U_r S^-1 [r][D],  P = W (U_r S)^T [V][r],  error = the sum of the other eigenvalues.
 *
 * E[(B h)^2] is 1 in every component, so that int8 rows of B h lose little. */
#ifndef DRAGOMAN_MODEL_PREVIEW_FIT_H
#define DRAGOMAN_MODEL_PREVIEW_FIT_H

#include "base/error.h"
#include "kernels/kernels.h"

/* W, as rows; each is asked for twice. matrix_get_channel() is such a function. */
struct preview_table {
    size_t n, width; /* V and D */
    void (*row)(const void *argument, size_t i, float *row);
    const void *argument;
};

/* All memory is the caller's. `moments` [D][D] is E[h h^T] or any multiple of it: it is scaled by
 * 1 / n_rows; eigenvalues below 1e-9 of the largest count as that. rank is 1 .. D. Fills p[V][r],
 * b[r][D] and, if not NULL, eigenvalues[D], descending: the preview's mean squared error is the sum
 * of those from `rank` on. False when memory ends, and ERROR_INTERNAL if the moments or the table
 * are not finite or the moments are zero. */
bool preview_fit(const struct preview_table *table, const struct kernels *kernels,
                 const double *moments, double n_rows, size_t rank, float *p, float *b,
                 double *eigenvalues, struct error *err);

#endif
