/* weights_inside.h - what the first pass (weights.c) finds and the second (weights_load.c) reads.
 */
#ifndef DRAGOMAN_MODEL_WEIGHTS_INSIDE_H
#define DRAGOMAN_MODEL_WEIGHTS_INSIDE_H

#include "model/weights.h"

/* A part whose tensors are found. */
struct part {
    const struct tensor *tensor; /* NULL: zeros */
    struct tensor view;          /* the same as [n_rows][k] */
    const struct tensor *scale, *smooth;
    size_t n, first, n_rows;
    bool transposed;       /* the view is, of the tensor */
    bool scale_is_inverse; /* value = int8 / scale */
};

struct request {
    struct matrix *matrix; /* or NULL: a vector, or a table if k is not 0 */
    enum matrix_kind kind; /* of the matrix */
    float **vector;
    size_t n, k;
    size_t first_source, n_sources;
};

struct weights {
    const struct tensors *tensors;
    enum matrix_kind kind;
    struct request *requests;
    size_t n_requests, requests_capacity;
    struct part *sources;
    size_t n_sources, sources_capacity;
    uint64_t n_bytes;
    struct buffer faults;
    size_t n_faults;
};

static inline bool weights_is_float(enum tensor_type type)
{
    return type == TENSOR_F32 || type == TENSOR_F16 || type == TENSOR_BF16 || type == TENSOR_F64;
}

#endif
