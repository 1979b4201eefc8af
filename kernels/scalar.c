/* scalar.c - the definition of every operation: one obvious loop each, in plain C.
 *
 * It is the reference of the tests and the fallback of any CPU. fmaf() is the only function it
 * calls: a correctly rounded fused multiply-add, whether the library computes it with an
 * instruction or without. NaN in gives NaN out, but which NaN is not defined; nothing else about a
 * result is left open. */
#include "kernels/bisect.h"
#include "kernels/constants.h"
#include "kernels/tables.h"

#include <math.h>
#include <string.h>

static uint32_t float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float bits_float(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* |x| as bits: they order like the floats, with NaN above infinity, so maxima need no rule for NaN.
 */
static uint32_t abs_bits(float x)
{
    return float_bits(x) & 0x7fffffffu;
}

static float fold(float lanes[KERNEL_LANES])
{
    for (size_t half = KERNEL_LANES / 2; half > 0; half /= 2)
        for (size_t j = 0; j < half; j++)
            lanes[j] += lanes[j + half];
    return lanes[0];
}

/* The sixteen-lane sum of a_i b_i; the axis is continued with zeros to a multiple of sixteen. */
static float dot(size_t n, const float *a, const float *b)
{
    float lanes[KERNEL_LANES] = {0};
    for (size_t i = 0; i < n; i += KERNEL_LANES)
        for (size_t j = 0; j < KERNEL_LANES; j++) {
            bool inside = i + j < n;
            lanes[j] = fmaf(inside ? a[i + j] : 0, inside ? b[i + j] : 0, lanes[j]);
        }
    return fold(lanes);
}

/* ---- functions of one number ----------------------------------------------------------- */

float kernel_exp(float x)
{
    float clamped = x > EXP_HIGH ? EXP_HIGH : x;
    clamped = clamped < EXP_LOW ? EXP_LOW : clamped;
    float shifted = fmaf(clamped, EXP_LOG2E, EXP_ROUND);
    float n = shifted - EXP_ROUND;
    float r = fmaf(n, -EXP_LN2_HIGH, clamped);
    r = fmaf(n, -EXP_LN2_LOW, r);
    float p = fmaf(EXP_4, r, EXP_3);
    p = fmaf(p, r, EXP_2);
    p = fmaf(p, r, EXP_1);
    p = fmaf(p, r, EXP_0);
    p = fmaf(p, r * r, r) + 1.0f;
    /* The low bits of `shifted` hold n: add it to the exponent field. */
    float y = bits_float(float_bits(p) + (float_bits(shifted) << 23));
    return x < EXP_LOW ? 0.0f : y;
}

float kernel_quick_exp(float x, float reference)
{
    float shift = QUICK_EXP_ONE - reference * QUICK_EXP_SCALE;
    float bits = x * QUICK_EXP_SCALE;
    bits += shift;
    bits = bits > QUICK_EXP_LOW ? bits : QUICK_EXP_LOW;
    bits = bits < QUICK_EXP_HIGH ? bits : QUICK_EXP_HIGH;
    return bits_float((uint32_t)bits);
}

double kernel_log(double x)
{
    if (!(x > 0) || x > 0x1.fffffffffffffp+1023)
        return x == 0 ? -(double)INFINITY : x > 0 ? x : (double)NAN;
    int exponent = 0;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        exponent = -54;
    }
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    exponent += (int)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffffu) | 0x3ff0000000000000u;
    double m; /* x = m 2^exponent, m in [sqrt(1/2), sqrt(2)) */
    memcpy(&m, &bits, sizeof m);
    if (m > 0x1.6a09e667f3bcdp+0) {
        m /= 2;
        exponent++;
    }
    /* log m = 2 artanh(s) = 2 (s + s^3/3 + s^5/5 + ...), s = (m - 1) / (m + 1), |s| < 0.172 */
    double s = (m - 1) / (m + 1), s2 = s * s, series = 0;
    for (int power = 23; power > 1; power -= 2)
        series = fma(series, s2, 1.0 / power);
    double log_m = fma(2 * s * s2, series, 2 * s);
    const double ln2_high = 0x1.62e42fee00000p-1, ln2_low = 0x1.a39ef35793c76p-33;
    return fma(exponent, ln2_high, fma(exponent, ln2_low, log_m));
}

static float kernel_erf(float x)
{
    float t = bits_float(abs_bits(x));
    float y;
    if (t < ERF_SMALL) {
        float s = t * t;
        float p = fmaf(ERF_SMALL_5, s, ERF_SMALL_4);
        p = fmaf(p, s, ERF_SMALL_3);
        p = fmaf(p, s, ERF_SMALL_2);
        p = fmaf(p, s, ERF_SMALL_1);
        p = fmaf(p, s, ERF_SMALL_0);
        y = fmaf(p, t, t);
    } else {
        t = t > ERF_LIMIT ? ERF_LIMIT : t;
        float p = fmaf(ERF_LARGE_6, t, ERF_LARGE_5);
        p = fmaf(p, t, ERF_LARGE_4);
        p = fmaf(p, t, ERF_LARGE_3);
        p = fmaf(p, t, ERF_LARGE_2);
        p = fmaf(p, t, ERF_LARGE_1);
        p = fmaf(p, t, ERF_LARGE_0);
        y = 1.0f - kernel_exp(p);
    }
    return bits_float(float_bits(y) | (float_bits(x) & 0x80000000u));
}

static float kernel_tanh(float x)
{
    float t = bits_float(abs_bits(x));
    float y;
    if (t < TANH_SMALL) {
        float s = t * t;
        float p = fmaf(TANH_4, s, TANH_3);
        p = fmaf(p, s, TANH_2);
        p = fmaf(p, s, TANH_1);
        p = fmaf(p, s, TANH_0);
        y = fmaf(p, s * t, t);
    } else {
        y = 1.0f - 2.0f / (kernel_exp(t + t) + 1.0f);
    }
    return bits_float(float_bits(y) | (float_bits(x) & 0x80000000u));
}

static float activated(float x, enum activation activation)
{
    float half = 0.5f * x;
    switch (activation) {
    case ACTIVATION_NONE:
        return x;
    case ACTIVATION_RELU:
        return 0.0f > x ? 0.0f : x; /* NaN stays */
    case ACTIVATION_SWISH:
        return x / (1.0f + kernel_exp(-x));
    case ACTIVATION_GELU:
        return fmaf(half, kernel_erf(x * SQRT_HALF), half);
    case ACTIVATION_GELU_TANH:
        return fmaf(half, kernel_tanh(x * fmaf(x * x, GELU_TANH_3, GELU_TANH_1)), half);
    case ACTIVATION_GELU_QUICK:
        return x / (1.0f + kernel_exp(x * -GELU_QUICK));
    case ACTIVATION_TANH:
        return kernel_tanh(x);
    case ACTIVATION_SIGMOID:
        return 1.0f / (1.0f + kernel_exp(-x));
    }
    return x;
}

/* ---- products -------------------------------------------------------------------------- */

/* The part of the epilogue that follows bias. */
static float finish(float y, const struct epilogue *e, size_t i, size_t j)
{
    y = activated(y, e->activation);
    if (e->residual)
        y = e->residual[i * e->residual_stride + j] + y;
    if (e->row_max && abs_bits(y) > abs_bits(e->row_max[i]))
        e->row_max[i] = bits_float(abs_bits(y));
    return y;
}

static void matmul_f32(size_t m, const float *a, size_t a_stride, const struct matrix *w,
                       size_t first, size_t count, const struct epilogue *epilogue, float *out,
                       size_t out_stride)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = first; j < first + count; j++) {
            const float *channel = w->f32 + j / MATRIX_PANEL * MATRIX_PANEL * w->k_padded;
            float sum = 0;
            for (size_t k = 0; k < w->k; k++)
                sum = fmaf(a[i * a_stride + k], channel[k * MATRIX_PANEL + j % MATRIX_PANEL], sum);
            float y = sum + (epilogue->bias ? epilogue->bias[j] : 0.0f);
            out[i * out_stride + j] = finish(y, epilogue, i, j);
        }
}

static void matmul_i8(size_t m, const int8_t *a, size_t a_stride, const float *a_scales,
                      const struct matrix *w, size_t first, size_t count,
                      const struct epilogue *epilogue, float *out, size_t out_stride)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = first; j < first + count; j++) {
            const int8_t *panel = w->i8 + j / MATRIX_PANEL * MATRIX_PANEL * w->k_padded;
            const int8_t *channel = panel + j % MATRIX_PANEL * 4;
            int32_t sum = 0;
            for (size_t k = 0; k < w->k; k++)
                sum += a[i * a_stride + k] * channel[k / 4 * (4 * MATRIX_PANEL) + k % 4];
            float y = fmaf((float)sum, a_scales[i] * w->scales[j],
                           epilogue->bias ? epilogue->bias[j] : 0.0f);
            out[i * out_stride + j] = finish(y, epilogue, i, j);
        }
}

static void quantize_rows(size_t m, size_t k, const float *x, size_t x_stride, const float *smooth,
                          int8_t *q, size_t q_stride, float *scales)
{
    for (size_t i = 0; i < m; i++) {
        const float *row = x + i * x_stride;
        uint32_t max_bits = 0;
        for (size_t j = 0; j < k; j++) {
            uint32_t bits = abs_bits(smooth ? row[j] * smooth[j] : row[j]);
            max_bits = bits > max_bits ? bits : max_bits;
        }
        float max = bits_float(max_bits);
        memset(q + i * q_stride, 0, q_stride);
        if (max_bits >= BITS_INFINITY || max < QUANTIZE_TINY) {
            scales[i] = max_bits >= BITS_INFINITY ? bits_float(BITS_NAN) : 0.0f;
            continue;
        }
        scales[i] = max / 127.0f;
        float inverse = 127.0f / max;
        for (size_t j = 0; j < k; j++) {
            float y = smooth ? row[j] * smooth[j] : row[j];
            q[i * q_stride + j] = (int8_t)(y * inverse + EXP_ROUND - EXP_ROUND);
        }
    }
}

/* ---- rows ------------------------------------------------------------------------------ */

static void layer_norm(size_t m, size_t n, const float *x, size_t x_stride, const float *gain,
                       const float *bias, float epsilon, float *y, size_t y_stride)
{
    for (size_t i = 0; i < m; i++, x += x_stride, y += y_stride) {
        float sum[KERNEL_LANES] = {0}, squares[KERNEL_LANES] = {0};
        for (size_t j = 0; j < n; j++)
            sum[j % KERNEL_LANES] += x[j];
        float mean = fold(sum) / (float)n;
        for (size_t j = 0; j < n; j++) {
            float d = x[j] - mean;
            squares[j % KERNEL_LANES] = fmaf(d, d, squares[j % KERNEL_LANES]);
        }
        float factor = 1.0f / sqrtf(fold(squares) / (float)n + epsilon);
        for (size_t j = 0; j < n; j++)
            y[j] = fmaf((x[j] - mean) * factor, gain[j], bias ? bias[j] : 0.0f);
    }
}

static void rms_norm(size_t m, size_t n, const float *x, size_t x_stride, const float *gain,
                     float epsilon, float *y, size_t y_stride)
{
    for (size_t i = 0; i < m; i++, x += x_stride, y += y_stride) {
        float factor = 1.0f / sqrtf(dot(n, x, x) / (float)n + epsilon);
        for (size_t j = 0; j < n; j++)
            y[j] = x[j] * factor * gain[j];
    }
}

static void activate(size_t n, float *x, enum activation activation)
{
    for (size_t i = 0; i < n; i++)
        x[i] = activated(x[i], activation);
}

static void multiply(size_t n, const float *a, float *b)
{
    for (size_t i = 0; i < n; i++)
        b[i] *= a[i];
}

static void add(size_t n, const float *a, float *b)
{
    for (size_t i = 0; i < n; i++)
        b[i] += a[i];
}

static void scale_add(size_t n, const float *x, float scale, const float *y, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = fmaf(x[i], scale, y[i]);
}

/* ---- output layer ---------------------------------------------------------------------- */

static float maximum(size_t n, const float *x)
{
    float max = x[0];
    for (size_t i = 1; i < n; i++)
        max = x[i] > max ? x[i] : max;
    return max + 0.0f; /* -0 becomes +0: zeros of both signs have no order */
}

static size_t arg_max(size_t n, const float *x)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

static float sum_exp(size_t n, const float *x, float max)
{
    float lanes[KERNEL_LANES] = {0};
    for (size_t i = 0; i < n; i++)
        lanes[i % KERNEL_LANES] += kernel_exp(x[i] - max);
    return fold(lanes);
}

static void exp_minus(size_t n, const float *x, float max, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = kernel_exp(x[i] - max);
}

static size_t select_above(size_t n, const float *x, float threshold, uint32_t *indices)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (x[i] >= threshold)
            indices[count++] = (uint32_t)i;
    return count;
}

static float sum_and_select(size_t n, const float *x, float reference, float threshold,
                            uint32_t *indices, size_t *n_selected)
{
    float lanes[KERNEL_LANES] = {0};
    for (size_t i = 0; i < n; i++)
        lanes[i % KERNEL_LANES] += kernel_quick_exp(x[i], reference);
    *n_selected = select_above(n, x, threshold, indices);
    return fold(lanes);
}

/* ---- attention ------------------------------------------------------------------------- */

static float element_f32(const void *base, size_t offset, size_t i)
{
    float x;
    memcpy(&x, (const char *)base + offset + i * sizeof x, sizeof x);
    return x;
}

static float widen(uint16_t x)
{
    uint32_t sign = (uint32_t)(x & 0x8000) << 16, exponent = x >> 10 & 31, mantissa = x & 0x3ff;
    if (exponent == 31) /* infinity; NaN becomes quiet */
        return bits_float(sign | 0x7f800000u | mantissa << 13 | (mantissa ? 0x400000u : 0));
    if (exponent == 0) /* mantissa * 2^-24: zero and subnormals */
        return bits_float(sign | float_bits((float)mantissa * 0x1p-24f));
    return bits_float(sign | (exponent + 112) << 23 | mantissa << 13);
}

static uint16_t narrow(float x)
{
    uint32_t bits = abs_bits(x), sign = float_bits(x) >> 16 & 0x8000;
    if (bits > BITS_INFINITY) /* NaN becomes quiet */
        return (uint16_t)(sign | 0x7e00 | (bits >> 13 & 0x3ff));
    if (bits >= float_bits(HALF_MAX))
        return (uint16_t)(sign | 0x7bff);
    if (bits < float_bits(0x1p-14f)) /* a multiple of 2^-24, the carry into normals included */
        return (uint16_t)(sign | (uint32_t)(bits_float(bits) * 0x1p24f + EXP_ROUND - EXP_ROUND));
    return (uint16_t)(sign | (((bits + 0xfff + (bits >> 13 & 1)) >> 13) - (112u << 10)));
}

static float element_f16(const void *base, size_t offset, size_t i)
{
    uint16_t x;
    memcpy(&x, (const char *)base + offset + i * sizeof x, sizeof x);
    return widen(x);
}

static const void *attended_row(const struct attention *at, size_t i, size_t j)
{
    return at->own_rows ? at->own_rows[i][j] : at->rows[j];
}

static float score(const struct attention *at, size_t h, size_t i, size_t j,
                   float (*element)(const void *, size_t, size_t))
{
    size_t column = h * at->head_width;
    const float *query = at->queries + i * at->query_stride + column;
    float lanes[KERNEL_LANES] = {0};
    for (size_t d = 0; d < at->head_width; d += KERNEL_LANES)
        for (size_t l = 0; l < KERNEL_LANES; l++) {
            bool inside = d + l < at->head_width;
            float key =
                inside ? element(attended_row(at, i, j), at->key_offset, column + d + l) : 0;
            lanes[l] = fmaf(inside ? query[d + l] : 0, key, lanes[l]);
        }
    float sum = fold(lanes);
    if (!at->bias)
        return sum * at->scale;
    return fmaf(sum, at->scale, at->bias[h * at->bias_head_stride + i * at->bias_stride + j]);
}

/* One query's attention with one head. */
static void attend_head(const struct attention *at, size_t h, size_t i,
                        float (*element)(const void *, size_t, size_t))
{
    size_t n_padded = (at->n_keys + KERNEL_LANES - 1) / KERNEL_LANES * KERNEL_LANES;
    size_t column = h * at->head_width;
    float *p = attention_weights(at, h, i);
    for (size_t j = 0; j < at->n_keys; j++)
        p[j] = score(at, h, i, j, element);
    for (size_t j = at->n_keys; j < n_padded; j++)
        p[j] = 0;
    if (at->n_keys > 0) {
        float max = maximum(at->n_keys, p);
        float inverse = 1.0f / sum_exp(at->n_keys, p, max);
        for (size_t j = 0; j < at->n_keys; j++)
            p[j] = kernel_exp(p[j] - max) * inverse;
    }
    for (size_t d = 0; d < at->head_width; d++) {
        float sum = 0;
        for (size_t j = 0; j < at->n_keys; j++)
            sum = fmaf(p[j], element(attended_row(at, i, j), at->value_offset, column + d), sum);
        at->out[i * at->out_stride + column + d] = sum;
    }
}

static void attend(const struct attention *at, float (*element)(const void *, size_t, size_t))
{
    for (size_t h = 0; h < at->n_heads; h++)
        for (size_t i = 0; i < at->n_queries; i++)
            attend_head(at, h, i, element);
}

static void attend_f32(const struct attention *attention)
{
    attend(attention, element_f32);
}

static void attend_f16(const struct attention *attention)
{
    attend(attention, element_f16);
}

static size_t count_above(size_t n, const float *x, float threshold)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += x[i] >= threshold;
    return count;
}

static float rank_threshold(size_t n, const float *x, size_t rank)
{
    return bisect_rank(n, x, rank, count_above);
}

static void dots_f16(size_t n, size_t k, const float *x, const uint16_t *const *rows, float *out)
{
    for (size_t i = 0; i < n; i++) {
        float lanes[KERNEL_LANES] = {0};
        for (size_t j = 0; j < k; j++)
            lanes[j % KERNEL_LANES] = fmaf(x[j], widen(rows[i][j]), lanes[j % KERNEL_LANES]);
        out[i] = fold(lanes);
    }
}

/* ---- conversions ----------------------------------------------------------------------- */

static void widen_f16(size_t n, const uint16_t *x, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = widen(x[i]);
}

static void narrow_f16(size_t n, const float *x, uint16_t *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = narrow(x[i]);
}

static float finite_max(size_t n, const float *x)
{
    uint32_t max = 0;
    for (size_t i = 0; i < n; i++)
        max = abs_bits(x[i]) > max ? abs_bits(x[i]) : max;
    return bits_float(max >= BITS_INFINITY ? BITS_NAN : max);
}

void scalar_fill(struct kernels *table)
{
    *table = (struct kernels){.name = "scalar",
                              .matmul_f32 = matmul_f32,
                              .matmul_i8 = matmul_i8,
                              .quantize_rows = quantize_rows,
                              .layer_norm = layer_norm,
                              .rms_norm = rms_norm,
                              .activate = activate,
                              .multiply = multiply,
                              .add = add,
                              .scale_add = scale_add,
                              .attend_f32 = attend_f32,
                              .attend_f16 = attend_f16,
                              .maximum = maximum,
                              .arg_max = arg_max,
                              .sum_exp = sum_exp,
                              .exp_minus = exp_minus,
                              .select_above = select_above,
                              .sum_and_select = sum_and_select,
                              .rank_threshold = rank_threshold,
                              .dots_f16 = dots_f16,
                              .widen_f16 = widen_f16,
                              .narrow_f16 = narrow_f16,
                              .finite_max = finite_max};
}
