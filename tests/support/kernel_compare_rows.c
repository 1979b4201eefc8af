/* Quantization, norms, elementwise functions, scans and conversions: sizes around a vector, and the
 * values that are special. */
#include "tests/support/guard.h"
#include "tests/support/kernel_compare.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define GAP 3

static const size_t sizes[] = {0,  1,  2,  3,  7,  8,  9,  15,  16,  17,  31,
                               32, 33, 47, 63, 64, 65, 96, 100, 256, 257, 512};

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* ---- quantization and norms --------------------------------------------------------------- */

enum { ROWS = 8 };

/* Rows of every kind: ordinary, zeros, tiny, huge, ties, NaN, infinity. */
static float *quantizable(size_t k)
{
    float *x = kernel_floats(ROWS * (k + GAP), 3);
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < k; j++) {
            float *value = &x[i * (k + GAP) + j];
            if (i == 1)
                *value = j % 2 ? -0.0f : 0.0f;
            if (i == 2)
                *value *= 0x1p-101f;
            if (i == 3)
                *value *= FLT_MAX / 4;
            if (i == 4) /* with a largest of 127: every tie there is */
                *value = j == 0 ? 127.0f : (float)(j % 254) / 2 - 63.5f;
        }
    if (k > 0) {
        x[5 * (k + GAP) + k / 2] = NAN;
        x[6 * (k + GAP) + k - 1] = -INFINITY;
    }
    return x;
}

static const char *check_quantize(const struct kernels *expected, const struct kernels *actual)
{
    const char *why = NULL;
    for (size_t s = 0; s < COUNT(sizes) && !why; s++)
        for (size_t smooth = 0; smooth < 2 && !why; smooth++) {
            size_t k = sizes[s], stride = (k + 63) / 64 * 64;
            const float *x = quantizable(k), *factors = smooth ? kernel_floats(k, 2) : NULL;
            struct kernel_pair q = kernel_pair(ROWS * stride);
            struct kernel_pair scales = kernel_pair(ROWS * sizeof(float));
            expected->quantize_rows(ROWS, k, x, k + GAP, factors, q.expected, stride,
                                    scales.expected);
            actual->quantize_rows(ROWS, k, x, k + GAP, factors, q.actual, stride, scales.actual);
            if (memcmp(scales.expected, scales.actual, scales.n_bytes) != 0)
                q = scales;
            why = kernel_differs(&q, "k %zu, smooth %zu", k, smooth);
        }
    return why;
}

static const char *check_norms(const struct kernels *expected, const struct kernels *actual)
{
    enum { LAYER, LAYER_NO_BIAS, RMS, KINDS };
    const char *why = NULL;
    for (size_t s = 0; s < COUNT(sizes) && !why; s++)
        for (int kind = LAYER; kind < KINDS && !why; kind++)
            for (int in_place = 0; in_place < 2 && !why; in_place++) {
                size_t n = sizes[s], stride = n + GAP, floats = ROWS * stride;
                float *x = kernel_floats(floats, 3), *gain = kernel_floats(n, 1);
                float *bias = kind == LAYER ? kernel_floats(n, 1) : NULL;
                struct kernel_pair y = kernel_pair(floats * sizeof(float));
                for (int side = 0; side < 2; side++) {
                    const struct kernels *table = side ? actual : expected;
                    float *out = side ? y.actual : y.expected;
                    if (in_place)
                        memcpy(out, x, floats * sizeof(float));
                    const float *in = in_place ? out : x;
                    if (kind == RMS)
                        table->rms_norm(ROWS, n, in, stride, gain, 1e-6f, out, stride);
                    else
                        table->layer_norm(ROWS, n, in, stride, gain, bias, 1e-5f, out, stride);
                }
                why = kernel_differs(&y, "n %zu, kind %d, in place %d", n, kind, in_place);
            }
    return why;
}

/* ---- elementwise -------------------------------------------------------------------------- */

static const float special[] = {
    0.0f,    -0.0f,  1e-45f,  -1e-45f, 1e-38f, 0.624f, 0.625f,  -0.626f,  0.9999f,  1.0f,
    -1.001f, 4.0f,   -4.001f, 9.0f,    -20.0f, 87.3f,  -87.33f, -87.34f,  88.37f,   88.38f,
    -88.5f,  104.0f, -104.0f, 1e10f,   -1e30f, 3e38f,  -3e38f,  INFINITY, -INFINITY};

static const char *check_activate(const struct kernels *expected, const struct kernels *actual)
{
    static const float scales[] = {0.01f, 1, 10, 100};
    const char *why = NULL;
    for (enum activation a = ACTIVATION_NONE; a <= ACTIVATION_SIGMOID && !why; a++) {
        for (size_t s = 0; s < COUNT(sizes) * COUNT(scales) && !why; s++) {
            size_t n = sizes[s / COUNT(scales)];
            struct kernel_pair x = kernel_pair(n * sizeof(float));
            memcpy(x.expected, kernel_floats(n, scales[s % COUNT(scales)]), n * sizeof(float));
            memcpy(x.actual, x.expected, n * sizeof(float));
            expected->activate(n, x.expected, a);
            actual->activate(n, x.actual, a);
            why = kernel_differs(&x, "n %zu, activation %d", n, (int)a);
        }
        struct kernel_pair x = kernel_pair(sizeof special);
        memcpy(x.expected, special, sizeof special);
        memcpy(x.actual, special, sizeof special);
        expected->activate(COUNT(special), x.expected, a);
        actual->activate(COUNT(special), x.actual, a);
        float *e = x.expected, *y = x.actual;
        for (size_t i = 0; i < COUNT(special); i++)
            if (isnan(e[i]) && isnan(y[i])) /* which NaN is left open */
                y[i] = e[i];
        if (!why)
            why = kernel_differs(&x, "special values, activation %d", (int)a);
        guard_free_all();
    }
    return why;
}

static const char *check_elementwise(const struct kernels *expected, const struct kernels *actual)
{
    const char *why = NULL;
    for (size_t s = 0; s < COUNT(sizes) && !why; s++)
        for (int kind = 0; kind < 3 && !why; kind++) {
            size_t n = sizes[s];
            float *a = kernel_floats(n, 2), *b = kernel_floats(n, 2);
            struct kernel_pair y = kernel_pair(n * sizeof(float));
            memcpy(y.expected, b, n * sizeof(float));
            memcpy(y.actual, b, n * sizeof(float));
            for (int side = 0; side < 2; side++) {
                const struct kernels *table = side ? actual : expected;
                float *out = side ? y.actual : y.expected;
                if (kind == 0)
                    table->multiply(n, a, out);
                else if (kind == 1)
                    table->add(n, a, out);
                else
                    table->scale_add(n, a, 1.7f, b, out);
            }
            why = kernel_differs(&y, "n %zu, function %d", n, kind);
        }
    return why;
}

/* ---- scans -------------------------------------------------------------------------------- */

static const char *check_scans(const struct kernels *expected, const struct kernels *actual)
{
    const char *why = NULL;
    for (size_t s = 0; s < COUNT(sizes) && !why; s++)
        for (int turn = 0; turn < 8 && !why; turn++) {
            size_t n = sizes[s];
            float *x = kernel_floats(n, turn % 2 ? 4 : 60);
            for (size_t i = 0; i < n; i++) /* few distinct values: ties, and zeros of both signs */
                x[i] = turn % 4 == 3 ? rintf(x[i]) * 0.0f : turn % 4 == 1 ? rintf(x[i]) : x[i];
            struct kernel_pair found = kernel_pair(n * sizeof(uint32_t));
            struct kernel_pair results = kernel_pair(10 * sizeof(double));
            for (int side = 0; side < 2; side++) {
                const struct kernels *table = side ? actual : expected;
                double *result = side ? results.actual : results.expected;
                uint32_t *indices = side ? found.actual : found.expected;
                float max = n > 0 ? table->maximum(n, x) : 0;
                result[0] = max;
                result[1] = n > 0 ? (double)table->arg_max(n, x) : 0;
                result[2] = table->sum_exp(n, x, max);
                size_t n_above = table->select_above(n, x, max * 0.5f, indices), n_selected;
                result[3] = (double)n_above;
                uint32_t *again = guard_new(n * sizeof *again, 0);
                float reference = max - (float)turn * 5;
                result[6] = table->sum_and_select(n, x, reference, max * 0.5f, again, &n_selected);
                if (n_selected != n_above || memcmp(again, indices, n_above * sizeof *again) != 0)
                    return "sum_and_select() selects otherwise than select_above()";
                for (size_t i = n_above; i < n; i++) /* what is there is left open */
                    indices[i] = 0;
                result[4] = (double)table->select_above(n, x, max, again);
                result[5] = table->finite_max(n, x);
                float *exponentials = guard_new(n * sizeof *exponentials, 0);
                table->exp_minus(n, x, max, exponentials);
                for (size_t i = 0; i < n; i++) {
                    float each = kernel_exp(x[i] - max);
                    if (memcmp(&exponentials[i], &each, sizeof each) != 0)
                        return "exp_minus() is not exp(x - maximum)";
                }
                for (size_t rank = 1; rank <= n && rank < 40; rank += 6) {
                    float threshold = table->rank_threshold(n, x, rank);
                    size_t reach = 0, above = 0;
                    for (size_t i = 0; i < n; i++) {
                        reach += x[i] >= threshold;
                        above += x[i] > threshold;
                    }
                    result[7] += threshold;
                    if (reach < rank || (reach > rank && above >= rank))
                        return "a threshold of the wrong rank";
                }
            }
            if (memcmp(results.expected, results.actual, results.n_bytes) != 0)
                found = results;
            why = kernel_differs(&found, "n %zu, turn %d", n, turn);
        }
    return why;
}

static const char *check_dots(const struct kernels *expected, const struct kernels *actual)
{
    const char *why = NULL;
    for (size_t s = 0; s < COUNT(sizes) * 7 && !why; s++) {
        size_t k = sizes[s / 7], n = s % 7;
        float *x = kernel_floats(k, 2);
        const uint16_t *rows[7];
        for (size_t i = 0; i < n; i++) {
            uint16_t *row = guard_new(k * sizeof *row, 0);
            for (size_t j = 0; j < k; j++)
                row[j] = (uint16_t)(kernel_random() & 0xbfff); /* finite, subnormals among them */
            rows[i] = row;
        }
        struct kernel_pair y = kernel_pair(n * sizeof(float));
        expected->dots_f16(n, k, x, rows, y.expected);
        actual->dots_f16(n, k, x, rows, y.actual);
        why = kernel_differs(&y, "n %zu, k %zu", n, k);
    }
    return why;
}

static const char *check_finite(const struct kernels *expected, const struct kernels *actual)
{
    static const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    (void)expected;
    for (size_t s = 0; s < COUNT(sizes); s++)
        for (size_t at = 0; at < sizes[s]; at++)
            for (size_t b = 0; b < COUNT(bad); b++) {
                float *x = kernel_floats(sizes[s], 1e30f);
                x[at] = bad[b];
                float max = actual->finite_max(sizes[s], x);
                guard_free_all();
                if (!isnan(max))
                    return "a value that is not finite went unnoticed";
            }
    return NULL;
}

/* ---- conversions -------------------------------------------------------------------------- */

enum { ALL = 65536 };

static const char *check_widen(const struct kernels *expected, const struct kernels *actual)
{
    const char *why = NULL;
    for (size_t s = 0; s <= COUNT(sizes) && !why; s++) {
        size_t n = s < COUNT(sizes) ? sizes[s] : ALL; /* at last every value there is */
        uint16_t *x = guard_new(n * sizeof *x, 0);
        for (size_t i = 0; i < n; i++)
            x[i] = (uint16_t)(n == ALL ? i : kernel_random());
        struct kernel_pair y = kernel_pair(n * sizeof(float));
        expected->widen_f16(n, x, y.expected);
        actual->widen_f16(n, x, y.actual);
        why = kernel_differs(&y, "n %zu", n);
    }
    return why;
}

static const char *check_narrow(const struct kernels *expected, const struct kernels *actual)
{
    const char *why = NULL;
    for (size_t s = 0; s <= COUNT(sizes) && !why; s++) {
        size_t n = s < COUNT(sizes) ? sizes[s] : ALL;
        float *x = kernel_floats(n, 1);
        for (size_t i = 0; i < n && n == ALL; i++) /* every exponent, around every tie */
            x[i] = from_bits((uint32_t)i << 16 | (kernel_random() % 16) << 12 |
                             (0xfffu + kernel_random() % 3) % 0x1000u);
        struct kernel_pair y = kernel_pair(n * sizeof(uint16_t));
        expected->narrow_f16(n, x, y.expected);
        actual->narrow_f16(n, x, y.actual);
        why = kernel_differs(&y, "n %zu", n);
    }
    return why;
}

const struct kernel_check kernel_checks_rows[] = {
    {"quantize_rows", check_quantize},
    {"norms", check_norms},
    {"activate", check_activate},
    {"elementwise", check_elementwise},
    {"scans", check_scans},
    {"dots_f16", check_dots},
    {"finite_max", check_finite},
    {"widen", check_widen},
    {"narrow", check_narrow},
    {NULL, NULL},
};
