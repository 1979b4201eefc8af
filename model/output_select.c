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

/* `n` of a block's columns. What is below the threshold is written too, and then overwritten: a
 * branch would be mispredicted. */
static void append(struct output_row *state, const struct kernels *kernels, uint32_t first,
                   const float *x, const uint32_t *indices, size_t n)
{
    uint32_t room = 2 * state->n_kept;
    for (size_t i = 0; i < n; i++) {
        float logit = x[indices[i]];
        state->logits[state->n] = logit;
        state->columns[state->n] = first + indices[i];
        state->n += logit >= state->threshold && logit > -INFINITY;
        if (state->n == room)
            output_keep_best(state, kernels);
    }
}

void output_append(struct output_row *state, const struct kernels *kernels, uint32_t column,
                   float logit)
{
    static const uint32_t index = 0;
    append(state, kernels, column, &logit, &index, 1);
}

/* What reaches the first block's threshold is known before any of it is appended. */
static float block_threshold(struct output_row *state, const struct kernels *kernels,
                             uint32_t count, const float *x)
{
    if (!state->has_threshold && count >= state->n_kept)
        state->threshold = kernels->rank_threshold(count, x, state->n_kept);
    state->has_threshold = true;
    return state->threshold;
}

void output_append_block(struct output_row *state, const struct kernels *kernels, uint32_t *indices,
                         uint32_t first, uint32_t count, const float *x)
{
    float threshold = block_threshold(state, kernels, count, x);
    size_t n = kernels->select_above(count, x, threshold, indices);
    append(state, kernels, first, x, indices, n);
}

float output_append_and_sum(struct output_row *state, const struct kernels *kernels,
                            uint32_t *indices, uint32_t first, uint32_t count, const float *x,
                            float reference)
{
    size_t n;
    float threshold = block_threshold(state, kernels, count, x);
    float sum = kernels->sum_and_select(count, x, reference, threshold, indices, &n);
    append(state, kernels, first, x, indices, n);
    return sum;
}
