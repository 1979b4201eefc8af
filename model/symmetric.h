/* symmetric.h - eigenvalues and eigenvectors of a real symmetric matrix, in double.
 *
 * Householder reflections make it tridiagonal, implicit QR steps with Wilkinson's shift make that
 * diagonal (Golub and Van Loan, Matrix Computations, algorithms 8.3.1 to 8.3.3). Only + - * / and
 * square roots in a fixed order, so one input gives the same bytes everywhere. About 6 n^3
 * multiplications. */
#ifndef DRAGOMAN_MODEL_SYMMETRIC_H
#define DRAGOMAN_MODEL_SYMMETRIC_H

#include "base/error.h"

/* a[n][n], symmetric, becomes its eigenvectors, one to a row, of length one and orthogonal;
 * values[n] their eigenvalues, descending. Errors, relative to the largest eigenvalue, are a few
 * times 1e-16 * n. False when memory ends, or (ERROR_INTERNAL) an element is not finite. */
bool symmetric_eigen(size_t n, double *a, double *values, struct error *err);

#endif
