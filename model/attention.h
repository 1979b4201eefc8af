/* attention.h - kinds of attention behind one interface. Each says how queries of one sentence see
 * its keys; projections, caches and residuals are the layer's business (layers.h, transformer.c).
 */
#ifndef DRAGOMAN_MODEL_ATTENTION_H
#define DRAGOMAN_MODEL_ATTENTION_H

#include "kernels/kernels.h"
#include "model/positions.h"

/* Some consecutive queries over the keys of one sentence, all heads. Row pointers and offsets as in
 * struct attention of kernels.h; head h lies h * head_width numbers after head 0. */
struct attention_view {
    size_t n_queries, n_keys;
    size_t first_query; /* place in its sentence of the first query, or of all hypotheses */
    uint32_t n_heads, head_width;
    const float *queries; /* [n_queries][query_stride] */
    size_t query_stride;
    const void *const *rows;            /* [n_keys] */
    const void *const *const *own_rows; /* [n_queries][n_keys] of hypotheses, instead; or NULL */
    size_t n_shared;                    /* how many of these are the same for all */
    size_t key_offset, value_offset;    /* bytes */
    bool is_f16;                        /* keys and values are IEEE halves, else float */
    float scale;
    const struct relative_bias *bias; /* or NULL */
    float *out;                       /* [n_queries][out_stride] */
    size_t out_stride;
    float *const *mean_weights; /* [n_queries] pointers to [n_keys] or NULL: gets the mean of the
                                   heads' weights; or NULL */
};

/* Room that a kind works in, kept by the session. */
struct attention_scratch {
    float *weights, *bias; /* [ATTENTION_QUERIES][capacity] */
    size_t capacity;       /* keys, a multiple of KERNEL_LANES */
};

/* Queries taken at once, or queries times heads: enough to read each key once for many, few enough
 * for the cache. */
#define ATTENTION_QUERIES 32

/* Up to so many queries attend with several heads together. */
#define ATTENTION_FEW_QUERIES 8

struct attention_kind {
    const char *name;
    void (*attend)(const struct kernels *kernels, const struct attention_view *view,
                   struct attention_scratch *scratch);
};

/* Softmax over all keys (Vaswani et al. 2017, equation 1). */
extern const struct attention_kind attention_full;

bool attention_scratch_reserve(struct attention_scratch *scratch, size_t n_keys, bool with_bias,
                               struct error *err);
void attention_scratch_free(struct attention_scratch *scratch);

#endif
