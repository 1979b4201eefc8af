/* vector_attention.h - attention on sixteen lanes. Included by a unit's file after its vec*.h.
 *
 * Up to VEC_ATTEND_QUERIES queries pass over the keys and values together, so that each is loaded
 * (and widened, if half) once for all of them: what a step of beam search asks of the encoder's
 * states, and an encoder of itself. The heads of a row of keys are taken one after the other before
 * the next rows, and so are its values, as far as there are registers: rows of a decoder's caches
 * come from far, and whole ones come several times as fast as pieces. */
#ifndef DRAGOMAN_KERNELS_VECTOR_ATTENTION_H
#define DRAGOMAN_KERNELS_VECTOR_ATTENTION_H

#include "kernels/tables.h"
#include "kernels/vector_rows.h"
#include "kernels/vector_tile.h"

#include <float.h>

#ifndef VEC_ATTEND_QUERIES
#define VEC_ATTEND_QUERIES                                                                         \
    1 /* sixteen registers or narrow ones: four sums of one query fill them */
#endif

#define SCORED_KEYS ((size_t)4) /* keys that share each load of a query */

/* Sixteen numbers of a key or value from number i on; `n` of them are there. */
KERNEL_INLINE vec load_numbers(const char *row, size_t i, size_t n, const bool half)
{
    const uint16_t *halves = (const uint16_t *)(const void *)row + i;
    const float *floats = (const float *)(const void *)row + i;
    if (n == LANES)
        return half ? vec_load_f16(halves) : vec_load(floats);
    if (!half)
        return vec_load_part(floats, n);
    uint16_t last[LANES] = {0};
    memcpy(last, halves, n * sizeof *last);
    return vec_load_f16(last);
}

/* Adds the products of Q queries and four keys of numbers i and following of the head that begins
 * at number `column` of a key; `n` are there of sixteen. */
KERNEL_INLINE void add_scores(const float *query, size_t stride, const char *const *keys,
                              size_t column, const size_t i, size_t n, vec (*sums)[SCORED_KEYS],
                              const bool half, const size_t Q)
{
    size_t at = column * (half ? sizeof(uint16_t) : sizeof(float));
    vec a = load_numbers(keys[0] + at, i, n, half), b = load_numbers(keys[1] + at, i, n, half);
    vec c = load_numbers(keys[2] + at, i, n, half), d = load_numbers(keys[3] + at, i, n, half);
    FOR_4_ROWS(Q, const float *from = query + r * stride + i;
               vec q = n == LANES ? vec_load(from) : vec_load_part(from, n);
               sums[r][0] = vec_fma(q, a, sums[r][0]); sums[r][1] = vec_fma(q, b, sums[r][1]);
               sums[r][2] = vec_fma(q, c, sums[r][2]); sums[r][3] = vec_fma(q, d, sums[r][3]););
}

/* The rows of query i. */
KERNEL_INLINE const void *const *rows_of(const struct attention *at, size_t i)
{
    return at->own_rows ? at->own_rows[i] : at->rows;
}

/* The dot products of Q queries, i and following, with keys j = begin ... end - 1 of `rows` into
 * `weights`, whose rows are padded to whole vectors; begin is a multiple of SCORED_KEYS. */
KERNEL_INLINE void score_keys(const struct attention *at, const void *const *rows, size_t i,
                              size_t begin, size_t end, const bool half, const size_t Q)
{
    size_t width = at->head_width, whole = width / LANES * LANES, stride = at->query_stride;
    for (size_t j = begin; j < end; j += SCORED_KEYS) {
        const char *keys[SCORED_KEYS];
        for (size_t k = 0; k < SCORED_KEYS; k++)
            keys[k] = (const char *)rows[size_min(j + k, end - 1)] + at->key_offset;
        const float *query = at->queries + i * at->query_stride;
        for (size_t h = 0; h < at->n_heads; h++, query += width) {
            size_t column = h * width;
            vec sums[4][SCORED_KEYS];
            FOR_4_ROWS(Q, sums[r][0] = sums[r][1] = sums[r][2] = sums[r][3] = vec_set(0.0f););
            if (width == 4 * LANES) {
                FOR_4_ROWS(
                    4, add_scores(query, stride, keys, column, r * LANES, LANES, sums, half, Q););
            } else {
                for (size_t d = 0; d < whole; d += LANES)
                    add_scores(query, stride, keys, column, d, LANES, sums, half, Q);
                if (whole < width)
                    add_scores(query, stride, keys, column, whole, width - whole, sums, half, Q);
            }
            FOR_4_ROWS(Q, vec_fold4(sums[r][0], sums[r][1], sums[r][2], sums[r][3],
                                    attention_weights(at, h, i + r) + j););
        }
    }
}

/* How many of the first keys Q queries pass over together. */
KERNEL_INLINE size_t keys_together(const struct attention *at, const size_t Q)
{
    return at->own_rows && Q > 1 ? at->n_shared / SCORED_KEYS * SCORED_KEYS : at->n_keys;
}

KERNEL_INLINE void score_queries(const struct attention *at, size_t i, const bool half,
                                 const size_t Q)
{
    size_t together = keys_together(at, Q);
    score_keys(at, rows_of(at, i), i, 0, together, half, Q);
    for (size_t r = 0; together < at->n_keys && r < Q; r++)
        score_keys(at, rows_of(at, i + r), i + r, together, at->n_keys, half, 1);
}

static void dots_f16(size_t n, size_t k, const float *x, const uint16_t *const *rows, float *out)
{
    size_t whole = k / LANES * LANES;
    for (size_t i = 0; i < n; i += SCORED_KEYS) {
        const char *four[SCORED_KEYS];
        vec sums[1][SCORED_KEYS];
        float folded[SCORED_KEYS];
        for (size_t j = 0; j < SCORED_KEYS; j++) {
            four[j] = (const char *)rows[size_min(i + j, n - 1)];
            sums[0][j] = vec_set(0.0f);
        }
        for (size_t d = 0; d < whole; d += LANES)
            add_scores(x, 0, four, 0, d, LANES, sums, true, 1);
        if (whole < k)
            add_scores(x, 0, four, 0, whole, k - whole, sums, true, 1);
        vec_fold4(sums[0][0], sums[0][1], sums[0][2], sums[0][3], folded);
        memcpy(out + i, folded, size_min(SCORED_KEYS, n - i) * sizeof *out);
    }
}

/* A row of dot products, which become probabilities in place; it is padded to whole vectors. */
struct scored {
    float *p;
    const float *bias; /* or NULL */
};

/* Sixteen scores from number j on, `count` of them real, scaled and stored; what they are to a
 * maximum. */
KERNEL_INLINE vec scale_scores(const struct scored *row, size_t j, size_t count, vec factor)
{
    vec score = vec_load(row->p + j), least = vec_set(-FLT_MAX);
    score = row->bias ? vec_fma(score, factor, vec_load_part(row->bias + j, count))
                      : vec_mul(score, factor);
    vec_store(row->p + j, score);
    if (count == LANES)
        return score;
    return vec_add(vec_first(count, score), vec_sub(least, vec_first(count, least)));
}

/* R rows (at most 4) of n scores: one's exponentials are computed while another waits for its sum.
 */
KERNEL_INLINE void softmax_rows(size_t n, float scale, const struct scored *rows, const size_t R)
{
    vec factor = vec_set(scale), max[4], sum[4], inverse[4];
    FOR_4_ROWS(R, max[r] = vec_set(-FLT_MAX); sum[r] = vec_set(0.0f););
    for (size_t j = 0; j < n; j += LANES) {
        size_t count = size_min(n - j, LANES);
        FOR_4_ROWS(R, max[r] = vec_max(max[r], scale_scores(&rows[r], j, count, factor)););
    }
    FOR_4_ROWS(R, max[r] = vec_set(vec_fold_max(max[r]) + 0.0f););
    for (size_t j = 0; j < n; j += LANES) {
        size_t count = size_min(n - j, LANES);
        FOR_4_ROWS(R, vec e = vec_exp(vec_sub(vec_load(rows[r].p + j), max[r]));
                   e = count < LANES ? vec_first(count, e) : e; sum[r] = vec_add(sum[r], e);
                   vec_store(rows[r].p + j, e););
    }
    FOR_4_ROWS(R, inverse[r] = vec_set(1.0f / vec_fold(sum[r])););
    for (size_t j = 0; j < n; j += LANES)
        FOR_4_ROWS(R, vec_store(rows[r].p + j, vec_mul(vec_load(rows[r].p + j), inverse[r])););
}

#define SOFTMAX_ROWS (VEC_ATTEND_QUERIES > 1 ? 4 : 1) /* as there are registers */

/* All heads of Q queries. */
KERNEL_INLINE void softmax_queries(const struct attention *at, size_t i, const size_t Q)
{
    size_t n_rows = at->n_heads * Q;
    for (size_t first = 0, n; first < n_rows && at->n_keys > 0; first += n) {
        struct scored rows[4];
        n = n_rows - first < SOFTMAX_ROWS ? 1 : SOFTMAX_ROWS;
        for (size_t k = 0; k < n; k++) {
            size_t h = (first + k) / Q, query = i + (first + k) % Q;
            const float *bias = at->bias;
            rows[k].p = attention_weights(at, h, query);
            rows[k].bias = bias ? bias + h * at->bias_head_stride + query * at->bias_stride : NULL;
        }
        if (n == SOFTMAX_ROWS)
            softmax_rows(at->n_keys, at->scale, rows, SOFTMAX_ROWS);
        else
            softmax_rows(at->n_keys, at->scale, rows, 1);
    }
}

/* C (1, 2 or 4) times sixteen numbers of a value from number d on; `n` are there of the last
 * sixteen. */
KERNEL_INLINE void load_value(const char *value_row, const size_t d, size_t n, vec value[4],
                              const bool half, const size_t C)
{
    value[0] = load_numbers(value_row, d, C > 1 ? LANES : n, half);
    if (C > 1)
        value[1] = load_numbers(value_row, d + LANES, C > 2 ? LANES : n, half);
    if (C > 2) {
        value[2] = load_numbers(value_row, d + 2 * LANES, LANES, half);
        value[3] = load_numbers(value_row, d + 3 * LANES, n, half);
    }
}

/* Bytes from a row to number d of its values. */
KERNEL_INLINE size_t value_at(const struct attention *at, size_t d, const bool half)
{
    return at->value_offset + d * (half ? sizeof(uint16_t) : sizeof(float));
}

KERNEL_INLINE void add_value(float p, const vec value[4], vec sums[4], const size_t C)
{
    vec weight = vec_set(p);
    sums[0] = vec_fma(weight, value[0], sums[0]);
    if (C > 1)
        sums[1] = vec_fma(weight, value[1], sums[1]);
    if (C > 2) {
        sums[2] = vec_fma(weight, value[2], sums[2]);
        sums[3] = vec_fma(weight, value[3], sums[3]);
    }
}

KERNEL_INLINE void store_sums(float *out, size_t n, const vec sums[4], const size_t C)
{
    if (C == 1 && n < LANES)
        vec_store_part(out, n, sums[0]);
    else
        vec_store(out, sums[0]);
    if (C > 1)
        vec_store(out + LANES, sums[1]);
    if (C > 2)
        vec_store(out + 2 * LANES, sums[2]);
    if (C > 2)
        vec_store(out + 3 * LANES, sums[3]);
}

/* out = sum_j p_j v_j of one query and head for C (1, 2 or 4) times sixteen values from d on; `n`
 * are there of the last sixteen. */
KERNEL_INLINE void add_values(const struct attention *at, size_t h, size_t i, size_t d, size_t n,
                              const bool half, const size_t C)
{
    const float *p = attention_weights(at, h, i);
    const void *const *rows = rows_of(at, i);
    size_t column = h * at->head_width + d, offset = value_at(at, column, half);
    vec sums[4];
    sums[0] = sums[1] = sums[2] = sums[3] = vec_set(0.0f);
    for (size_t j = 0; j < at->n_keys; j++) {
        vec value[4];
        load_value((const char *)rows[j] + offset, 0, n, value, half, C);
        add_value(p[j], value, sums, C);
    }
    store_sums(at->out + i * at->out_stride + column, n, sums, C);
}

/* All values of one query and head, whatever its width. */
KERNEL_INLINE void add_head(const struct attention *at, size_t h, size_t i, const bool half)
{
    size_t d = 0, width = at->head_width;
    for (; d + 4 * LANES <= width; d += 4 * LANES)
        add_values(at, h, i, d, LANES, half, 4);
    for (; d + 2 * LANES <= width; d += 2 * LANES)
        add_values(at, h, i, d, LANES, half, 2);
    for (; d < width; d += LANES)
        add_values(at, h, i, d, size_min(width - d, LANES), half, 1);
}

/* Sixty-four columns of the values: a whole head or a part of one, or two heads of half the width.
 */
#define GROUP_COLUMNS (4 * LANES)

/* The weights of a group's two halves: rows of one head, or of two. */
struct group_weights {
    const float *first, *second;
};

/* Adds a group's values with the weights of key j. */
KERNEL_INLINE void add_group(const struct group_weights *p, size_t j, const vec value[4],
                             vec sums[4])
{
    vec first = vec_set(p->first[j]), second = vec_set(p->second[j]);
    sums[0] = vec_fma(first, value[0], sums[0]);
    sums[1] = vec_fma(first, value[1], sums[1]);
    sums[2] = vec_fma(second, value[2], sums[2]);
    sums[3] = vec_fma(second, value[3], sums[3]);
}

/* Adds group g of G of the values of key j to the sums of Q queries. */
KERNEL_INLINE void add_group_to_all(const struct group_weights *p, size_t j, const vec value[4],
                                    vec (*sums)[4], const size_t g, const size_t Q, const size_t G)
{
    FOR_4_ROWS(Q, add_group(&p[r * G + g], j, value, sums[r * G + g]););
}

/* The weights of query i for the group at column d. */
KERNEL_INLINE struct group_weights weights_at(const struct attention *at, size_t i, size_t d)
{
    return (struct group_weights){attention_weights(at, d / at->head_width, i),
                                  attention_weights(at, (d + 2 * LANES) / at->head_width, i)};
}

/* out = sum_j p_j v_j of Q queries for G groups of columns from column d on, together Q * G <= 4
 * sets of sums. */
KERNEL_INLINE void add_groups(const struct attention *at, size_t i, size_t d, const bool half,
                              const size_t Q, const size_t G)
{
    size_t together = keys_together(at, Q), offset = value_at(at, d, half);
    const void *const *rows = rows_of(at, i);
    struct group_weights p[4];
    vec sums[4][4], zero = vec_set(0.0f);
    FOR_4_ROWS(Q * G, p[r] = weights_at(at, i + r / G, d + r % G * GROUP_COLUMNS);
               sums[r][0] = sums[r][1] = sums[r][2] = sums[r][3] = zero;);
    for (size_t j = 0; j < together; j++) {
        vec value[4];
        const char *from = (const char *)rows[j] + offset;
        FOR_4_ROWS(G, load_value(from, r * GROUP_COLUMNS, LANES, value, half, 4);
                   add_group_to_all(p, j, value, sums, r, Q, G););
    }
    if (together < at->n_keys)
        FOR_4_ROWS(
            Q * G, const void *const *own = rows_of(at, i + r / G);
            for (size_t j = together; j < at->n_keys; j++) {
                vec value[4];
                const char *from = (const char *)own[j] + offset;
                load_value(from, r % G * GROUP_COLUMNS, LANES, value, half, 4);
                add_group(&p[r], j, value, sums[r]);
            });
    FOR_4_ROWS(Q * G, float *out = at->out + (i + r / G) * at->out_stride + d;
               store_sums(out + r % G * GROUP_COLUMNS, LANES, sums[r], 4););
}

/* All values of Q queries. */
KERNEL_INLINE void add_all_groups(const struct attention *at, size_t i, const bool half,
                                  const size_t Q)
{
    const size_t G = VEC_ATTEND_QUERIES / Q;
    size_t d = 0, n_columns = at->n_heads * at->head_width;
    for (; d + G * GROUP_COLUMNS <= n_columns; d += G * GROUP_COLUMNS)
        add_groups(at, i, d, half, Q, G);
    for (; d < n_columns; d += GROUP_COLUMNS)
        add_groups(at, i, d, half, Q, 1);
}

/* Q queries from i on. */
KERNEL_INLINE void attend_queries(const struct attention *at, size_t i, const bool half,
                                  const size_t Q)
{
    size_t width = at->head_width, n_columns = at->n_heads * width;
    score_queries(at, i, half, Q);
    softmax_queries(at, i, Q);
    if (width % GROUP_COLUMNS == 0 ||
        (2 * width == GROUP_COLUMNS && n_columns % GROUP_COLUMNS == 0))
        add_all_groups(at, i, half, Q);
    else
        for (size_t h = 0; h < at->n_heads; h++)
            for (size_t r = 0; r < Q; r++)
                add_head(at, h, i + r, half);
}

/* Functions of their own: together they would be one that takes compilers minutes. */
#define ATTEND_QUERIES(name, half, Q)                                                              \
    static __attribute__((noinline)) void name(const struct attention *at, size_t i)               \
    {                                                                                              \
        attend_queries(at, i, half, Q);                                                            \
    }
ATTEND_QUERIES(attend_1_f32, false, 1)
ATTEND_QUERIES(attend_1_f16, true, 1)
#if VEC_ATTEND_QUERIES > 1
ATTEND_QUERIES(attend_2_f32, false, 2)
ATTEND_QUERIES(attend_2_f16, true, 2)
ATTEND_QUERIES(attend_4_f32, false, 4)
ATTEND_QUERIES(attend_4_f16, true, 4)
#endif

KERNEL_INLINE void attend(const struct attention *at, const bool half)
{
    size_t i = 0;
#if VEC_ATTEND_QUERIES > 1
    for (; at->n_queries - i >= 4; i += 4)
        (half ? attend_4_f16 : attend_4_f32)(at, i);
    for (; at->n_queries - i >= 2; i += 2)
        (half ? attend_2_f16 : attend_2_f32)(at, i);
#endif
    for (; i < at->n_queries; i++)
        (half ? attend_1_f16 : attend_1_f32)(at, i);
}

static void attend_f32(const struct attention *attention)
{
    attend(attention, false);
}

static void attend_f16(const struct attention *attention)
{
    attend(attention, true);
}

#endif
