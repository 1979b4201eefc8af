#include "model/attention.h"

#include "base/memory.h"

#include <string.h>

bool attention_scratch_reserve(struct attention_scratch *scratch, size_t n_keys, bool with_bias,
                               struct error *err)
{
    if (n_keys <= scratch->capacity)
        return true;
    size_t capacity = (n_keys + n_keys / 4 + KERNEL_LANES - 1) / KERNEL_LANES * KERNEL_LANES;
    float *weights = memory_new(capacity * ATTENTION_QUERIES, sizeof *weights, err);
    float *bias = memory_new(with_bias ? capacity * ATTENTION_QUERIES : 0, sizeof *bias, err);
    if (weights == NULL || bias == NULL) {
        memory_free(weights);
        memory_free(bias);
        return false;
    }
    attention_scratch_free(scratch);
    *scratch = (struct attention_scratch){.weights = weights, .bias = bias, .capacity = capacity};
    return true;
}

void attention_scratch_free(struct attention_scratch *scratch)
{
    memory_free(scratch->weights);
    memory_free(scratch->bias);
    *scratch = (struct attention_scratch){0};
}

/* Adds the weights of heads h and following to the means that are wanted; the last head of the view
 * divides by the number of heads. */
static void add_weights(const struct attention_view *view, const struct attention *at, size_t first,
                        uint32_t h)
{
    for (size_t i = 0; i < at->n_queries; i++) {
        float *mean = view->mean_weights[first + i];
        for (size_t k = 0; mean != NULL && k < at->n_heads; k++) {
            const float *weights = attention_weights(at, k, i);
            for (size_t j = 0; j < at->n_keys; j++) {
                float sum = (h + k == 0 ? 0.0f : mean[j]) + weights[j];
                mean[j] = h + k + 1 == view->n_heads ? sum / (float)view->n_heads : sum;
            }
        }
    }
}

/* The bias of a block of queries, laid out as the kernel wants it. Only of one head if the queries
 * are at different places. */
static void set_bias(const struct attention_view *view, struct attention_scratch *scratch,
                     struct attention *at, size_t first, uint32_t h)
{
    const struct relative_bias *bias = view->bias;
    const float *centre = bias->values + (size_t)h * bias->stride + bias->centre;
    bool same_place = view->own_rows != NULL;
    if (at->n_queries == 1 || same_place) {
        at->bias = centre - (view->first_query + (same_place ? 0 : first));
        at->bias_head_stride = bias->stride;
        return;
    }
    at->bias = scratch->bias;
    at->bias_stride = scratch->capacity;
    for (size_t i = 0; i < at->n_queries; i++)
        memcpy(scratch->bias + i * scratch->capacity, centre - (view->first_query + first + i),
               view->n_keys * sizeof(float));
}

/* Heads that n queries attend with at once. A few queries read keys and values that nobody has read
 * before, best as whole rows; many read those of one head again and again, which then stay in the
 * first-level cache. */
static uint32_t heads_together(const struct attention_view *view, size_t n)
{
    bool has_rows = view->bias != NULL && n > 1 && view->own_rows == NULL; /* of one head's bias */
    uint32_t most = n > ATTENTION_FEW_QUERIES || has_rows ? 1 : ATTENTION_QUERIES / (uint32_t)n;
    return most < view->n_heads ? most : view->n_heads;
}

/* Queries first ... first + n - 1. */
static void attend_block(const struct kernels *kernels, const struct attention_view *view,
                         struct attention_scratch *scratch, size_t first, size_t n)
{
    size_t number_bytes = view->is_f16 ? 2 : 4;
    struct attention at = {
        .n_queries = n,
        .n_keys = view->n_keys,
        .head_width = view->head_width,
        .query_stride = view->query_stride,
        .rows = view->rows,
        .own_rows = view->own_rows != NULL ? view->own_rows + first : NULL,
        .n_shared = view->n_shared,
        .scale = view->scale,
        .out_stride = view->out_stride,
        .weights = scratch->weights,
        .weights_stride = scratch->capacity,
    };
    uint32_t together = heads_together(view, n);
    for (uint32_t h = 0; h < view->n_heads; h += together) {
        size_t column = (size_t)h * view->head_width;
        at.n_heads = view->n_heads - h < together ? view->n_heads - h : together;
        at.queries = view->queries + first * view->query_stride + column;
        at.out = view->out + first * view->out_stride + column;
        at.key_offset = view->key_offset + column * number_bytes;
        at.value_offset = view->value_offset + column * number_bytes;
        if (view->bias != NULL)
            set_bias(view, scratch, &at, first, h);
        (view->is_f16 ? kernels->attend_f16 : kernels->attend_f32)(&at);
        if (view->mean_weights != NULL)
            add_weights(view, &at, first, h);
    }
}

static void attend_full(const struct kernels *kernels, const struct attention_view *view,
                        struct attention_scratch *scratch)
{
    for (size_t first = 0; first < view->n_queries; first += ATTENTION_QUERIES) {
        size_t n = view->n_queries - first;
        attend_block(kernels, view, scratch, first, n < ATTENTION_QUERIES ? n : ATTENTION_QUERIES);
    }
}

const struct attention_kind attention_full = {.name = "full", .attend = attend_full};
