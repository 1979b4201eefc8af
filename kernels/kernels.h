/* kernels.h - every operation on numbers, as a table of functions, one table for each instruction
 * set.
 *
 * This floor knows no files, no memory allocation, no text and no errors. scalar.c is the
 * definition: plain C, one obvious loop each. The other files do the same arithmetic in the same
 * order, so all tables give the same bytes (tests/kernels holds them to memcmp):
 *
 *   - int8 x int8 -> int32 sums are exact, whatever unit computes them;
 *   - a float sum over an axis has sixteen lanes: lane j takes elements j, j + 16, j + 32, ... in
 *     order with fma, the axis being continued with zeros to a multiple of sixteen, then the
 *     lanes fold: 8 (lane j += lane j + 8), 4, 2, 1;
 *   - a float matrix product accumulates k upward with fma, one accumulator for each output;
 *   - exp, erf, tanh are one polynomial with the same coefficients everywhere; no libm;
 *   - a row's result does not depend on how many rows there are;
 *   - a NULL bias is a bias of zeros, added like any other (so -0 becomes +0);
 *   - NaN in gives NaN out, but which NaN is left open.
 *
 * Rounding mode and flushing of subnormals must be the defaults (nearest even, none) in every
 * thread that calls a kernel. Pointers need only the alignment of their type; aligning rows to 64
 * bytes is faster. Nothing is read or written beyond the sizes given. All functions are reentrant.
 *
 * The table is passed, not global: a test holds two at once.
 *
 *     const struct kernels *k = kernels_find(NULL, NULL);
 *     k->quantize_rows(m, D, x, D, NULL, q, q_stride, q_scales);
 *     k->matmul_i8(m, q, q_stride, q_scales, &weights, 0, weights.n, &epilogue, y, F);
 *
 * Glossary, used everywhere in this tree: B sentences, S source length, T target length, D model
 * width, H heads, K head width, F feed-forward width, V vocabulary, N beam size; m rows (tokens), n
 * output channels, k input channels of a product. */
#ifndef DRAGOMAN_KERNELS_KERNELS_H
#define DRAGOMAN_KERNELS_KERNELS_H

#include "kernels/matrix.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lanes of a float sum. */
#define KERNEL_LANES 16

enum activation {
    ACTIVATION_NONE,
    ACTIVATION_RELU,       /* 0 > x ? 0 : x, so NaN and -0 stay */
    ACTIVATION_SWISH,      /* x / (1 + exp(-x)), also called SiLU */
    ACTIVATION_GELU,       /* x / 2 * (1 + erf(x / sqrt 2)) */
    ACTIVATION_GELU_TANH,  /* x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) */
    ACTIVATION_GELU_QUICK, /* x / (1 + exp(-1.702 x)) */
    ACTIVATION_TANH,
    ACTIVATION_SIGMOID /* 1 / (1 + exp(-x)) */
};

/* What happens to a product's accumulator on its way out, in this order:
 *   y = acc (float), or fma((float)acc, row_scale * channel_scale, bias) (int8); + bias (float)
 *   y = activation(y)
 *   y = residual[i][j] + y                 (if residual)
 *   row_max[i] = max(row_max[i], |y|)      (if row_max; the caller sets it to 0 first; NaN wins)
 * Pointers are to column 0 of the whole matrix, whatever part of it a call computes. */
struct epilogue {
    const float *bias; /* [n] or NULL for zeros */
    enum activation activation;
    const float *residual; /* [m][residual_stride] or NULL; may be the output itself */
    size_t residual_stride;
    float *row_max; /* [m] or NULL */
};

/* The attention of some query rows, of each head by itself (Vaswani et al. 2017, eq. 1):
 *   p_j = softmax_j(scale * q . k_j + bias_j),  out = sum_j p_j v_j
 * Head h of a query, key, value or output lies h * head_width numbers after head 0. Keys and values
 * lie in rows that `rows` points at, so a beam's history and a sentence's encoder states need no
 * copying and no mask: what is not listed does not exist. Hypotheses of a beam share the first
 * n_shared rows and then have rows of their own; that they do lets a unit read those once for all,
 * and changes no result. Definition: q . k_j is a sixteen-lane sum over K; softmax subtracts the
 * maximum over all keys, sums exponentials in sixteen lanes over j and multiplies by the reciprocal
 * (1 / sum); out accumulates j upward with fma. No keys at all give zeros. A bias of -INFINITY
 * hides a key, but not all of them. */
struct attention {
    size_t n_heads, n_queries, n_keys, head_width; /* head_width K: any value >= 1 */
    const float *queries;                          /* [n_queries][query_stride], head 0's first */
    size_t query_stride;                           /* floats */
    const void *const *rows;                       /* [n_keys] */
    const void *const *const *own_rows; /* [n_queries][n_keys] of hypotheses, instead; or NULL */
    size_t n_shared;                    /* how many of these are the same for all */
    size_t key_offset, value_offset;    /* bytes from rows[j] to head 0's key and value */
    float scale;
    const float *bias; /* [n_heads][n_queries] rows added to the scaled scores, or NULL */
    size_t bias_stride, bias_head_stride; /* floats from a query, or head, to the next; may be 0 */
    float *out;                           /* [n_queries][out_stride], head 0's first */
    size_t out_stride;                    /* floats */
    float *weights;        /* [n_heads][n_queries][weights_stride]: p, and zeros behind it */
    size_t weights_stride; /* floats, >= n_keys rounded up to KERNEL_LANES */
};

/* Row of query i of head h in `weights`. */
static inline float *attention_weights(const struct attention *at, size_t h, size_t i)
{
    return at->weights + (h * at->n_queries + i) * at->weights_stride;
}

struct kernels {
    const char *name; /* "scalar", "avx2", "avx512", "avxvnni", "vnni", "amx", "neon" */

    /* ---- products -------------------------------------------------------------------------- */

    /* out[i][j] = epilogue(sum_k a[i][k] * w[j][k]) for columns first <= j < first + count; out
     * points at column 0. first is a multiple of MATRIX_PANEL; so is count unless it ends at w->n.
     */
    void (*matmul_f32)(size_t m, const float *a, size_t a_stride, const struct matrix *w,
                       size_t first, size_t count, const struct epilogue *epilogue, float *out,
                       size_t out_stride);

    /* The same with int8 rows from quantize_rows (a_stride bytes, >= w->k_padded, zero beyond k;
     * never -128). Sums are exact while k < 2^17.
     */
    void (*matmul_i8)(size_t m, const int8_t *a, size_t a_stride, const float *a_scales,
                      const struct matrix *w, size_t first, size_t count,
                      const struct epilogue *epilogue, float *out, size_t out_stride);

    /* Symmetric quantization of each row to +-127: y_k = x_k * smooth_k (smooth NULL: 1),
     * max = max |y_k|, scale = max / 127, q_k = round_to_nearest_even(y_k * (127 / max)).
     * A row of zeros (max below 2^-100) has scale 0 and q 0; one with NaN or infinity has scale NaN
     * and q 0, so that the product is NaN. Bytes from k to q_stride are zeroed. */
    void (*quantize_rows)(size_t m, size_t k, const float *x, size_t x_stride, const float *smooth,
                          int8_t *q, size_t q_stride, float *scales);

    /* ---- rows ------------------------------------------------------------------------------ */

    /* Layer normalization (Ba et al. 2016, eq. 3-4): mean and biased variance (second pass over x -
     * mean), y = (x - mean) * (1 / sqrt(variance + epsilon)) * gain + bias (the last step one fma).
     * bias may be NULL. x and y may be the same. */
    void (*layer_norm)(size_t m, size_t n, const float *x, size_t x_stride, const float *gain,
                       const float *bias, float epsilon, float *y, size_t y_stride);

    /* Root-mean-square normalization (Zhang and Sennrich 2019, eq. 4): y = x * (1 / sqrt(mean(x^2)
     * + epsilon)) * gain. */
    void (*rms_norm)(size_t m, size_t n, const float *x, size_t x_stride, const float *gain,
                     float epsilon, float *y, size_t y_stride);

    void (*activate)(size_t n, float *x, enum activation activation); /* in place */
    void (*multiply)(size_t n, const float *a, float *b);             /* b *= a */
    void (*add)(size_t n, const float *a, float *b);                  /* b += a */
    void (*scale_add)(size_t n, const float *x, float scale, const float *y,
                      float *out); /* fma(x, scale, y) */

    /* ---- attention ------------------------------------------------------------------------- */

    void (*attend_f32)(const struct attention *attention);
    void (*attend_f16)(
        const struct attention *attention); /* keys and values IEEE halves, widened exactly */

    /* ---- output layer: one block of a row of logits at a time ------------------------------ */

    float (*maximum)(size_t n, const float *x);  /* n >= 1, no NaN; -0 counts as +0 */
    size_t (*arg_max)(size_t n, const float *x); /* likewise; the lowest index of the maximum */
    float (*sum_exp)(size_t n, const float *x,
                     float maximum); /* sixteen-lane sum of exp(x - maximum) */
    void (*exp_minus)(size_t n, const float *x, float maximum, float *y); /* y = exp(x - maximum) */
    /* Writes the indices with x[i] >= threshold to `indices` (room for n, left open beyond them),
     * ascending; returns how many. */
    size_t (*select_above)(size_t n, const float *x, float threshold, uint32_t *indices);
    /* Both in one pass: the sixteen-lane sum of kernel_quick_exp(x, reference), and select_above(),
     * whose result is *n_selected. */
    float (*sum_and_select)(size_t n, const float *x, float reference, float threshold,
                            uint32_t *indices, size_t *n_selected);

    /* A threshold that `rank` of the x reach (1 <= rank <= n), and no more than those unless equals
     * tie with the rank-th largest, which it then is. Found by bisecting the order of all floats
     * from the highest bit down, so it is the same everywhere. No NaN. */
    float (*rank_threshold)(size_t n, const float *x, size_t rank);

    /* out[i] = sum_j x[j] * rows[i][j] for n rows of k IEEE halves: sixteen-lane sums, halves
     * widened exactly. */
    void (*dots_f16)(size_t n, size_t k, const float *x, const uint16_t *const *rows, float *out);

    /* ---- conversions ----------------------------------------------------------------------- */

    /* IEEE half, exact; subnormals kept */
    void (*widen_f16)(size_t n, const uint16_t *x, float *y);
    /* To the nearest half, ties to even, subnormals kept; beyond +-65504 that; NaN stays NaN. */
    void (*narrow_f16)(size_t n, const float *x, uint16_t *y);

    /* Largest |x|, or NaN if any x is NaN or infinite: the finite check of weights and the channel
     * scale. */
    float (*finite_max)(size_t n, const float *x);
};

/* The table for the best unit of this CPU and OS, or the one called `name` ("scalar", "avx2", ...;
 * NULL: the best). An unknown name, or one this machine lacks: NULL, and *why (may be NULL) points
 * at a static text that says which of the two it is and what there is. Thread-safe. */
const struct kernels *kernels_find(const char *name, const char **why);

/* Tables usable on this machine, weakest first; *count says how many. */
const struct kernels *const *kernels_usable(size_t *count);

/* exp() as every table computes it, for code outside kernels/ that must agree: within 1 ulp in
 * [-87.33, 88.37], 0 below, exp(88.37) above. And a natural logarithm, within 1 ulp, only for
 * results that are printed, never fed back. Both plain C. */
float kernel_exp(float x);
double kernel_log(double x);

/* exp(x - reference) to 6 %, right on the average over many x (Schraudolph 1999): the bits of a
 * float, read as an integer, are nearly a logarithm. At most about exp(27), at least 2^-126. x must
 * not be NaN. */
float kernel_quick_exp(float x, float reference);

#endif
