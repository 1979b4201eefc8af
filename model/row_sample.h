/* row_sample.h - an even sample of many rows: every s-th of them, s doubling whenever the sample is
 * full. Which rows are kept depends on their order alone. */
#ifndef DRAGOMAN_MODEL_ROW_SAMPLE_H
#define DRAGOMAN_MODEL_ROW_SAMPLE_H

#include "base/error.h"

#include <stdint.h>

struct row_sample {
    size_t width, capacity, n_rows;
    uint64_t n_seen, step;
    float *rows; /* [n_rows][width] */
};

/* Room for `capacity` rows, an even number. False when memory ends. */
bool row_sample_new(struct row_sample *sample, size_t width, size_t capacity, struct error *err);
void row_sample_free(struct row_sample *sample);

void row_sample_add(struct row_sample *sample, size_t m, const float *x, size_t stride);

#endif
