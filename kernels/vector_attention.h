/* vector_attention.h - one head's attention on sixteen lanes. Included by a unit's file after its
 * vec*.h.
 *
 * Keys and values are taken in blocks: bfloat16 ones are widened into a buffer once a block, and
 * all queries pass over a block while it is in the first-level cache. Values accumulate in `out`, j
 * upward, so blocks leave no trace in the result. */
#ifndef DRAGOMAN_KERNELS_VECTOR_ATTENTION_H
#define DRAGOMAN_KERNELS_VECTOR_ATTENTION_H

#include "kernels/tables.h"
#include "kernels/vector_rows.h"

#define WIDENED_FLOATS ((size_t)4096) /* 16 KiB, half a first-level cache */
#define MAX_BLOCK_KEYS ((size_t)64)
#define SCORED_KEYS ((size_t)4) /* keys that share each load of a query */

/* A block of keys or values as float rows. */
struct attention_block {
    const float *rows[MAX_BLOCK_KEYS];
    float widened[WIDENED_FLOATS] __attribute__((aligned(64)));
};

static inline void load_block(struct attention_block *block, const struct attention *at,
                              size_t first, size_t count, size_t offset, bool bf16)
{
    size_t padded = (at->head_width + LANES - 1) / LANES * LANES;
    for (size_t j = 0; j < count; j++) {
        const void *from = (const char *)at->rows[first + j] + offset;
        float *to = block->widened + j * padded;
        if (bf16)
            widen_bf16(at->head_width, from, to);
        block->rows[j] = bf16 ? to : from;
    }
}

/* q . k for one query and four keys. */
static inline void score_keys(size_t width, const float *query, const float *const *keys,
                              float out[SCORED_KEYS])
{
    const float *a = keys[0], *b = keys[1], *c = keys[2], *d = keys[3];
    vec sum_a = vec_set(0.0f), sum_b = sum_a, sum_c = sum_a, sum_d = sum_a;
    size_t i = 0;
    for (; i + LANES <= width; i += LANES) {
        vec q = vec_load(query + i);
        sum_a = vec_fma(q, vec_load(a + i), sum_a);
        sum_b = vec_fma(q, vec_load(b + i), sum_b);
        sum_c = vec_fma(q, vec_load(c + i), sum_c);
        sum_d = vec_fma(q, vec_load(d + i), sum_d);
    }
    if (i < width) {
        vec q = vec_load_part(query + i, width - i);
        sum_a = vec_fma(q, vec_load_part(a + i, width - i), sum_a);
        sum_b = vec_fma(q, vec_load_part(b + i, width - i), sum_b);
        sum_c = vec_fma(q, vec_load_part(c + i, width - i), sum_c);
        sum_d = vec_fma(q, vec_load_part(d + i, width - i), sum_d);
    }
    vec_fold4(sum_a, sum_b, sum_c, sum_d, out);
}

/* The dot products of all queries with keys [first, first + count) into `weights`. */
static inline void score_block(const struct attention *at, struct attention_block *block,
                               size_t first, size_t count)
{
    for (size_t j = count; j % SCORED_KEYS; j++)
        block->rows[j] = block->rows[count - 1];
    for (size_t i = 0; i < at->n_queries; i++) {
        const float *query = at->queries + i * at->query_stride;
        float *out = at->weights + i * at->weights_stride + first;
        for (size_t j = 0; j < count; j += SCORED_KEYS) {
            float scores[SCORED_KEYS];
            score_keys(at->head_width, query, block->rows + j, scores);
            size_t n = count - j < SCORED_KEYS ? count - j : SCORED_KEYS;
            memcpy(out + j, scores, n * sizeof *scores);
        }
    }
}

/* Dot products to probabilities, in place; the row is padded to whole vectors. */
static inline void softmax_row(size_t n, float *p, float scale, const float *bias)
{
    vec factor = vec_set(scale);
    for (size_t j = 0; j < n; j += LANES) {
        size_t count = n - j < LANES ? n - j : LANES;
        vec score = vec_load(p + j);
        score =
            bias ? vec_fma(score, factor, vec_load_part(bias + j, count)) : vec_mul(score, factor);
        vec_store(p + j, score);
    }
    vec max = vec_set(vec_maximum(n, p)), sum = vec_set(0.0f);
    for (size_t j = 0; j < n; j += LANES) {
        vec e = vec_exp(vec_sub(vec_load(p + j), max));
        if (n - j < LANES)
            e = vec_first(n - j, e);
        sum = vec_add(sum, e);
        vec_store(p + j, e);
    }
    vec inverse = vec_set(1.0f / vec_fold(sum));
    for (size_t j = 0; j < n; j += LANES)
        vec_store(p + j, vec_mul(vec_load(p + j), inverse));
}

/* out += sum_j p_j v_j over one block, for sixteen times four values at a time. */
static inline void add_values(size_t width, size_t count, const float *p, const float *const *rows,
                              float *out)
{
    size_t i = 0;
    for (; i + 4 * LANES <= width; i += 4 * LANES) {
        vec a = vec_load(out + i), b = vec_load(out + i + LANES);
        vec c = vec_load(out + i + 2 * LANES), d = vec_load(out + i + 3 * LANES);
        for (size_t j = 0; j < count; j++) {
            const float *value = rows[j] + i;
            vec weight = vec_set(p[j]);
            a = vec_fma(weight, vec_load(value), a);
            b = vec_fma(weight, vec_load(value + LANES), b);
            c = vec_fma(weight, vec_load(value + 2 * LANES), c);
            d = vec_fma(weight, vec_load(value + 3 * LANES), d);
        }
        vec_store(out + i, a);
        vec_store(out + i + LANES, b);
        vec_store(out + i + 2 * LANES, c);
        vec_store(out + i + 3 * LANES, d);
    }
    for (; i < width; i += LANES) {
        size_t n = width - i < LANES ? width - i : LANES;
        vec a = vec_load_part(out + i, n);
        for (size_t j = 0; j < count; j++)
            a = vec_fma(vec_set(p[j]), vec_load_part(rows[j] + i, n), a);
        vec_store_part(out + i, n, a);
    }
}

static inline void attend(const struct attention *at, bool bf16)
{
    struct attention_block block;
    size_t padded = (at->head_width + LANES - 1) / LANES * LANES;
    size_t step = WIDENED_FLOATS / padded / SCORED_KEYS * SCORED_KEYS;
    step = step > MAX_BLOCK_KEYS ? MAX_BLOCK_KEYS : step;
    for (size_t j = 0; j < at->n_keys; j += step) {
        size_t count = at->n_keys - j < step ? at->n_keys - j : step;
        load_block(&block, at, j, count, at->key_offset, bf16);
        score_block(at, &block, j, count);
    }
    for (size_t i = 0; i < at->n_queries; i++) {
        const float *bias = at->bias ? at->bias + i * at->bias_stride : NULL;
        if (at->n_keys > 0)
            softmax_row(at->n_keys, at->weights + i * at->weights_stride, at->scale, bias);
        memset(at->out + i * at->out_stride, 0, at->head_width * sizeof *at->out);
    }
    for (size_t j = 0; j < at->n_keys; j += step) {
        size_t count = at->n_keys - j < step ? at->n_keys - j : step;
        load_block(&block, at, j, count, at->value_offset, bf16);
        for (size_t i = 0; i < at->n_queries; i++)
            add_values(at->head_width, count, at->weights + i * at->weights_stride + j, block.rows,
                       at->out + i * at->out_stride);
    }
}

/* Heads too wide for the buffer are left to plain C; no model has them. */
#define MAX_HEAD_WIDTH (WIDENED_FLOATS / SCORED_KEYS)

static void attend_f32(const struct attention *attention)
{
    struct kernels plain;
    if (attention->head_width <= MAX_HEAD_WIDTH) {
        attend(attention, false);
    } else {
        scalar_fill(&plain);
        plain.attend_f32(attention);
    }
}

static void attend_bf16(const struct attention *attention)
{
    struct kernels plain;
    if (attention->head_width <= MAX_HEAD_WIDTH) {
        attend(attention, true);
    } else {
        scalar_fill(&plain);
        plain.attend_bf16(attention);
    }
}

#endif
