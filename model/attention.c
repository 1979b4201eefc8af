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

/* Adds one head's weights to the means that are wanted; `last` divides by the number of heads. */
static void add_weights(const struct attention_view *view, const struct attention *head,
                        size_t first, uint32_t h)
{
    for (size_t i = 0; i < head->n_queries; i++) {
        float *mean = view->mean_weights[first + i];
        const float *weights = head->weights + i * head->weights_stride;
        for (size_t j = 0; mean != NULL && j < head->n_keys; j++) {
            float sum = (h == 0 ? 0.0f : mean[j]) + weights[j];
            mean[j] = h + 1 == view->n_heads ? sum / (float)view->n_heads : sum;
        }
    }
}

/* The bias of a block of queries, laid out as the kernel wants it. */
static void set_bias(const struct attention_view *view, struct attention_scratch *scratch,
                     struct attention *head, size_t first, uint32_t h)
{
    const struct relative_bias *bias = view->bias;
    const float *centre = bias->values + (size_t)h * bias->stride + bias->centre;
    head->bias = scratch->bias;
    head->bias_stride = scratch->capacity;
    if (head->n_queries == 1 || view->same_place) {
        head->bias = centre - (view->first_query + (view->same_place ? 0 : first));
        head->bias_stride = 0;
        return;
    }
    for (size_t i = 0; i < head->n_queries; i++)
        memcpy(scratch->bias + i * scratch->capacity, centre - (view->first_query + first + i),
               view->n_keys * sizeof(float));
}

static void attend_full(const struct kernels *kernels, const struct attention_view *view,
                        struct attention_scratch *scratch)
{
    size_t number_bytes = view->is_f16 ? 2 : 4;
    for (size_t first = 0; first < view->n_queries; first += ATTENTION_QUERIES) {
        size_t n = view->n_queries - first;
        struct attention head = {
            .n_queries = n < ATTENTION_QUERIES ? n : ATTENTION_QUERIES,
            .n_keys = view->n_keys,
            .head_width = view->head_width,
            .query_stride = view->query_stride,
            .rows = view->rows,
            .n_shared = view->n_shared,
            .own_rows = view->own_rows != NULL ? view->own_rows + first : NULL,
            .scale = view->scale,
            .out_stride = view->out_stride,
            .weights = scratch->weights,
            .weights_stride = scratch->capacity,
        };
        for (uint32_t h = 0; h < view->n_heads; h++) {
            size_t column = (size_t)h * view->head_width;
            head.queries = view->queries + first * view->query_stride + column;
            head.out = view->out + first * view->out_stride + column;
            head.key_offset = view->key_offset + column * number_bytes;
            head.value_offset = view->value_offset + column * number_bytes;
            if (view->bias != NULL)
                set_bias(view, scratch, &head, first, h);
            (view->is_f16 ? kernels->attend_f16 : kernels->attend_f32)(&head);
            if (view->mean_weights != NULL)
                add_weights(view, &head, first, h);
        }
    }
}

const struct attention_kind attention_full = {.name = "full", .attend = attend_full};
