#include "model/row_sample.h"

#include "base/memory.h"

#include <string.h>

bool row_sample_new(struct row_sample *sample, size_t width, size_t capacity, struct error *err)
{
    *sample = (struct row_sample){.width = width, .capacity = capacity, .step = 1};
    sample->rows = memory_new(width, capacity * sizeof *sample->rows, err);
    return sample->rows != NULL;
}

void row_sample_free(struct row_sample *sample)
{
    memory_free(sample->rows);
    *sample = (struct row_sample){0};
}

/* Every other row goes. */
static void thin(struct row_sample *sample)
{
    size_t width = sample->width;
    sample->n_rows /= 2;
    sample->step *= 2;
    for (size_t i = 1; i < sample->n_rows; i++)
        memcpy(sample->rows + i * width, sample->rows + 2 * i * width, width * sizeof(float));
}

void row_sample_add(struct row_sample *sample, size_t m, const float *x, size_t stride)
{
    for (size_t i = 0; i < m; i++) {
        if (sample->n_seen++ % sample->step != 0)
            continue;
        if (sample->n_rows == sample->capacity) {
            thin(sample);
            if ((sample->n_seen - 1) % sample->step != 0)
                continue;
        }
        memcpy(sample->rows + sample->n_rows++ * sample->width, x + i * stride,
               sample->width * sizeof *x);
    }
}
