/* dot.h - sums of products in double, for the linear algebra of calibration, which is plain C. */
#ifndef DRAGOMAN_MODEL_DOT_H
#define DRAGOMAN_MODEL_DOT_H

#include <stddef.h>

/* Four sums side by side, for one would wait for itself. The same order everywhere. */
static inline double dot(size_t n, const double *a, const double *b)
{
    double sums[4] = {0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t j = 0; j < 4; j++)
            sums[j] += a[i + j] * b[i + j];
    for (; i < n; i++)
        sums[0] += a[i] * b[i];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

#endif
