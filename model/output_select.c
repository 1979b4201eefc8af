/* The best n of a row's columns, in order of the columns, in time that hardly depends on n: what
 * reaches a threshold is appended to room for 2 n; when that is full, the threshold rises to the
 * n-th of them and what it leaves behind goes. Sorted insertion took three times as long: it
 * branches on the data. Of equal logits the lower columns stay. */
#include "model/output_inside.h"

#include <math.h>

static float threshold_of(const struct output_row *state, const struct kernels *kernels)
{
    return kernels->rank_threshold(state->n, state->logits, state->n_kept);
}

void output_keep_best(struct output_row *state, const struct kernels *kernels)
{
    if (state->n <= state->n_kept)
        return;
    float threshold = threshold_of(state, kernels);
    uint32_t n_above = 0, kept = 0;
    for (uint32_t i = 0; i < state->n; i++)
        n_above += state->logits[i] > threshold;
    uint32_t n_equal = state->n_kept - n_above; /* how many of those there is room for */
    for (uint32_t i = 0; i < state->n; i++) {
        float logit = state->logits[i];
        uint32_t equal = logit == threshold && n_equal > 0;
        state->logits[kept] = logit;
        state->columns[kept] = state->columns[i];
        kept += logit > threshold || equal;
        n_equal -= equal;
    }
    state->n = kept;
    state->threshold = threshold;
}

void output_append(struct output_row *state, const struct kernels *kernels, uint32_t column,
                   float logit)
{
    if (!(logit >= state->threshold) || !(logit > -INFINITY))
        return;
    state->logits[state->n] = logit;
    state->columns[state->n++] = column;
    if (state->n == 2 * state->n_kept)
        output_keep_best(state, kernels);
}

void output_append_block(struct output_row *state, const struct kernels *kernels, uint32_t *indices,
                         uint32_t first, uint32_t count, const float *x)
{
    if (!state->has_threshold && count >= state->n_kept)
        state->threshold = kernels->rank_threshold(count, x, state->n_kept);
    state->has_threshold = true;
    size_t n = kernels->select_above(count, x, state->threshold, indices);
    for (size_t i = 0; i < n; i++)
        output_append(state, kernels, first + indices[i], x[indices[i]]);
}
