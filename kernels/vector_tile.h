/* vector_tile.h - what float and int8 products share: blocks, and the epilogue, on sixteen lanes,
 * one panel of channels. Included by a unit's file after its vec*.h. */
#ifndef DRAGOMAN_KERNELS_VECTOR_TILE_H
#define DRAGOMAN_KERNELS_VECTOR_TILE_H

#include "kernels/tables.h"
#include "kernels/vector_math.h"

/* A group of panels that stays in a 512 KiB second-level cache while all rows pass over it. */
#define GROUP_BYTES ((size_t)256 << 10)
#define GROUP_MIN_PANELS 8

/* Run the statements with r = 0 ... R - 1 (R at most 4, 6, or 12) as a compile-time constant, so
 * that what r indexes stays in registers whatever the compiler thinks of unrolling. */
#define FOR_ROW(I, R, ...)                                                                         \
    if ((R) > (I)) {                                                                               \
        enum { r = (I) };                                                                          \
        __VA_ARGS__                                                                                \
    }
#define FOR_4_ROWS(R, ...)                                                                         \
    do {                                                                                           \
        FOR_ROW(0, R, __VA_ARGS__)                                                                 \
        FOR_ROW(1, R, __VA_ARGS__)                                                                 \
        FOR_ROW(2, R, __VA_ARGS__)                                                                 \
        FOR_ROW(3, R, __VA_ARGS__)                                                                 \
    } while (0)
#define FOR_6_ROWS(R, ...)                                                                         \
    do {                                                                                           \
        FOR_4_ROWS(R, __VA_ARGS__);                                                                \
        FOR_ROW(4, R, __VA_ARGS__)                                                                 \
        FOR_ROW(5, R, __VA_ARGS__)                                                                 \
    } while (0)

#define FOR_12_ROWS(R, ...)                                                                        \
    do {                                                                                           \
        FOR_6_ROWS(R, __VA_ARGS__);                                                                \
        FOR_ROW(6, R, __VA_ARGS__)                                                                 \
        FOR_ROW(7, R, __VA_ARGS__)                                                                 \
        FOR_ROW(8, R, __VA_ARGS__)                                                                 \
        FOR_ROW(9, R, __VA_ARGS__)                                                                 \
        FOR_ROW(10, R, __VA_ARGS__)                                                                \
        FOR_ROW(11, R, __VA_ARGS__)                                                                \
    } while (0)

/* Where a tile's results go. */
struct tile_output {
    const struct epilogue *epilogue;
    float *out;
    size_t out_stride;
};

static inline size_t size_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The weights of the next product, asked for a few lines with each tile of this one: they come from
 * the third-level cache, or from memory, while the multipliers are busy. */
struct ahead {
    const char *at, *end;
    size_t step; /* bytes a tile */
};

#define AHEAD_LINE ((size_t)64)
#define AHEAD_MOST GROUP_BYTES

/* `n_tiles` tiles are to come before the channels from `group_end` on are needed, or, if there are
 * none, the next matrix. */
static inline struct ahead ahead_start(const struct matrix *w, size_t group_end, size_t n_tiles)
{
    bool within = group_end < w->n;
    const char *at = within ? (const char *)(w->i8 + group_end * w->k_padded) : w->next;
    size_t n = within ? (w->n - group_end) * w->k_padded : w->n_next;
    n = at ? size_min(n, AHEAD_MOST) : 0;
    n_tiles = n_tiles > 0 ? n_tiles : 1; /* no rows: no tiles */
    return (struct ahead){at, at ? at + n : at, (n / n_tiles / AHEAD_LINE + 1) * AHEAD_LINE};
}

static inline void ahead_go(struct ahead *ahead)
{
    for (size_t i = 0; i < ahead->step && ahead->at < ahead->end; i += AHEAD_LINE) {
        __builtin_prefetch(ahead->at, 0, 2);
        ahead->at += AHEAD_LINE;
    }
}

/* Panels of `panel_bytes` to a group. */
static inline size_t group_panels(size_t panel_bytes)
{
    size_t panels = panel_bytes ? GROUP_BYTES / panel_bytes : GROUP_MIN_PANELS;
    return panels < GROUP_MIN_PANELS ? GROUP_MIN_PANELS : panels;
}

/* Rows of the next block when `left` remain and at most `most` fit: as even as possible. */
static inline size_t block_rows(size_t left, size_t most)
{
    size_t blocks = (left + most - 1) / most;
    return (left + blocks - 1) / blocks;
}

/* The bias of `n` (1 to 16) channels from j on. */
static inline vec tile_bias(const struct epilogue *epilogue, size_t j, size_t n)
{
    if (!epilogue->bias)
        return vec_set(0.0f);
    return n == MATRIX_PANEL ? vec_load(epilogue->bias + j) : vec_load_part(epilogue->bias + j, n);
}

/* What follows the bias for row i and the `n` (1 to 16) channels from j on; stores. */
KERNEL_INLINE void tile_finish(const struct tile_output *to, size_t i, size_t j, size_t n,
                               const vec *value)
{
    vec y = *value;
    const struct epilogue *e = to->epilogue;
    float *out = to->out + i * to->out_stride + j;
    if (e->activation == ACTIVATION_RELU)
        y = vec_max(vec_set(0.0f), y);
    else if (e->activation != ACTIVATION_NONE)
        vec_activate(&y, e->activation);
    if (e->residual) {
        const float *residual = e->residual + i * e->residual_stride + j;
        y = vec_add(n == MATRIX_PANEL ? vec_load(residual) : vec_load_part(residual, n), y);
    }
    if (e->row_max) {
        uint32_t bits = vec_fold_max_bits(vec_first(n, vec_abs(y))), before;
        memcpy(&before, &e->row_max[i], sizeof before);
        e->row_max[i] = vec_bits_float(bits > before ? bits : before);
    }
    if (n == MATRIX_PANEL)
        vec_store(out, y);
    else
        vec_store_part(out, n, y);
}

#endif
