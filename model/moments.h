/* moments.h - second moments sum x x^T of many vectors: what calibration knows of an input.
 *
 * Rows are gathered in chunks; a chunk's sum is a float product (kernels.h: the same bytes on every
 * unit), chunks are added in double. So the result depends on the rows and their order, not on how
 * many came at once.
 *
 *     struct moments *moments = moments_new(width, &err);
 *     moments_add(moments, kernels, m, x, stride);         as often as wanted
 *     moments_finish(moments, kernels);
 *     ... moments->sums, moments->peaks, moments->n_rows
 *     moments_free(moments); */
#ifndef DRAGOMAN_MODEL_MOMENTS_H
#define DRAGOMAN_MODEL_MOMENTS_H

#include "base/error.h"
#include "kernels/kernels.h"

struct moments {
    size_t width;
    uint64_t n_rows;
    double *sums; /* [width][width]: sum over the rows of x_i x_j */
    float *peaks; /* [width]: max |x_i| */

    size_t n_gathered;   /* rows of the chunk now being gathered */
    float *transposed;   /* [width][rows of a chunk] */
    struct matrix chunk; /* the same as a matrix with `width` output channels */
    float *product;      /* [some rows][width] */
};

/* NULL when memory ends: 8 width^2 bytes and some more. */
struct moments *moments_new(size_t width, struct error *err);
void moments_free(struct moments *moments);

/* Adds m rows of x, `stride` floats apart. A row with a value that is not finite is left out. */
void moments_add(struct moments *moments, const struct kernels *kernels, size_t m, const float *x,
                 size_t stride);

/* Adds what is still gathered, and fills the lower half. More rows may follow. */
void moments_finish(struct moments *moments, const struct kernels *kernels);

#endif
