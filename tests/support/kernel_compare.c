/* Products and attention: every shape of rows, channels and depth around what units block by. */
#include "tests/support/kernel_compare.h"

#include "tests/support/guard.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define GAP 3 /* elements between rows */

uint32_t kernel_random(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15u;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

float kernel_random_float(void)
{
    return (float)(int32_t)kernel_random() * 0x1p-31f;
}

float *kernel_floats(size_t n, float scale)
{
    float *x = guard_new(n * sizeof *x, 0);
    for (size_t i = 0; i < n; i++)
        x[i] = kernel_random_float() * scale;
    return x;
}

struct kernel_pair kernel_pair(size_t n_bytes)
{
    return (struct kernel_pair){guard_new(n_bytes, 0xa5), guard_new(n_bytes, 0xa5), n_bytes};
}

const char *kernel_differs(const struct kernel_pair *pair, const char *format, ...)
{
    static char text[256];
    const char *result = NULL;
    if (memcmp(pair->expected, pair->actual, pair->n_bytes) != 0) {
        const unsigned char *a = pair->expected, *b = pair->actual;
        size_t at = 0;
        while (a[at] == b[at])
            at++;
        va_list arguments;
        va_start(arguments, format);
        int n = vsnprintf(text, sizeof text, format, arguments);
        va_end(arguments);
        if (n >= 0 && (size_t)n < sizeof text)
            snprintf(text + n, sizeof text - (size_t)n, ": differs at byte %zu of %zu", at,
                     pair->n_bytes);
        result = text;
    }
    guard_free_all();
    return result;
}

/* ---- products ----------------------------------------------------------------------------- */

enum values { VALUES_ANY, VALUES_NOT_NEGATIVE, VALUES_EXTREME, VALUES_KINDS };

static int8_t byte_value(enum values kind)
{
    int value = (int)(kernel_random() % 255) - 127;
    if (kind == VALUES_NOT_NEGATIVE)
        value = value < 0 ? 0 : value;
    if (kind == VALUES_EXTREME)
        value = value < 0 ? -127 : 127;
    return (int8_t)value;
}

/* A matrix of random weights whose packed values end at a guard page. */
static struct matrix random_matrix(enum matrix_kind kind, size_t n, size_t k, enum values values)
{
    size_t n_bytes = 0, n_padded = (n + MATRIX_PANEL - 1) / MATRIX_PANEL * MATRIX_PANEL;
    if (!matrix_bytes(kind, n, k, &n_bytes))
        abort();
    struct matrix w;
    matrix_place(&w, kind, n, k, guard_new(n_bytes, 0));
    if (kind == MATRIX_I8) {
        w.i8 = guard_new(n_padded * w.k_padded, 0);
        w.scales = guard_new(n_padded * sizeof *w.scales, 0);
        w.sums = guard_new(n_padded * sizeof *w.sums, 0);
    }
    int8_t *bytes = guard_new(k, 0);
    float *row = guard_new(k * sizeof *row, 0);
    size_t bad_at;
    for (size_t j = 0; j < n; j++) {
        for (size_t i = 0; i < k; i++) {
            bytes[i] = byte_value(values);
            row[i] = kernel_random_float();
        }
        if (kind == MATRIX_I8)
            matrix_set_channel_i8(&w, j, bytes, 0.01f + 0.001f * (float)(j % 7));
        else if (!matrix_set_channel_f32(&w, j, row, kernels_find("scalar", NULL), &bad_at))
            abort();
    }
    return w;
}

/* What a call of a product varies besides its shape. */
struct variant {
    enum activation activation;
    bool bias, residual, in_place, row_max;
    size_t first; /* column to start at, if there are more */
};

static const struct variant variants[] = {
    {ACTIVATION_NONE, false, false, false, false, 0},
    {ACTIVATION_RELU, true, false, false, true, 0},
    {ACTIVATION_GELU, true, true, false, false, 16},
    {ACTIVATION_SIGMOID, false, true, true, true, 0},
    {ACTIVATION_NONE, true, true, true, false, 32},
    {ACTIVATION_SWISH, true, false, false, true, 0},
};

/* One product with both tables, into one pair of outputs followed by row_max. */
static const char *compare_product(const struct kernels *expected, const struct kernels *actual,
                                   const struct matrix *w, size_t m, const struct variant *variant,
                                   enum values values)
{
    size_t k = w->k, n = w->n, out_stride = n + GAP, out_bytes = m * out_stride * sizeof(float);
    size_t first = variant->first < n ? variant->first : 0;
    size_t a_stride = w->kind == MATRIX_I8 ? w->k_padded : k + GAP;
    float *a_f32 = kernel_floats(m * a_stride, 1), *scales = kernel_floats(m, 0.02f);
    int8_t *a_i8 = guard_new(m * a_stride, 0);
    for (size_t i = 0; i < m * a_stride; i++)
        a_i8[i] = i % a_stride < k ? byte_value(values) : 0;
    float *bias = kernel_floats(n, 1), *residual = kernel_floats(m * (n + 1), 1);
    struct kernel_pair pair = kernel_pair(out_bytes);
    struct kernel_pair maxima = kernel_pair(m * sizeof(float));
    for (size_t side = 0; side < 2; side++) {
        const struct kernels *table = side ? actual : expected;
        float *out = side ? pair.actual : pair.expected;
        float *row_max = side ? maxima.actual : maxima.expected;
        for (size_t i = 0; i < m; i++)
            row_max[i] = 0;
        for (size_t i = 0; variant->in_place && i < m; i++)
            memcpy(out + i * out_stride, residual + i * (n + 1), n * sizeof(float));
        struct epilogue epilogue = {.bias = variant->bias ? bias : NULL,
                                    .activation = variant->activation,
                                    .row_max = variant->row_max ? row_max : NULL};
        if (variant->residual) {
            epilogue.residual = variant->in_place ? out : residual;
            epilogue.residual_stride = variant->in_place ? out_stride : n + 1;
        }
        if (w->kind == MATRIX_I8)
            table->matmul_i8(m, a_i8, a_stride, scales, w, first, n - first, &epilogue, out,
                             out_stride);
        else
            table->matmul_f32(m, a_f32, a_stride, w, first, n - first, &epilogue, out, out_stride);
    }
    if (memcmp(maxima.expected, maxima.actual, maxima.n_bytes) != 0)
        pair = maxima;
    return kernel_differs(&pair, "m %zu, k %zu, n %zu, first %zu, activation %d, values %d", m, k,
                          n, first, (int)variant->activation, (int)values);
}

static const char *compare_products(const struct kernels *expected, const struct kernels *actual,
                                    enum matrix_kind kind)
{
    static const size_t rows[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 15, 16, 17, 31, 33, 50};
    static const struct {
        size_t k, n;
    } shapes[] = {{0, 5},   {1, 1},   {3, 15},   {4, 16},   {5, 17},  {63, 31},
                  {64, 32}, {65, 33}, {128, 48}, {200, 50}, {256, 81}};
    const char *why = NULL;
    size_t turn = 0;
    for (size_t s = 0; s < COUNT(shapes) && !why; s++)
        for (size_t r = 0; r < COUNT(rows) && !why; r++, turn++) {
            enum values values = (enum values)(turn % VALUES_KINDS);
            struct matrix w = random_matrix(kind, shapes[s].n, shapes[s].k,
                                            values == VALUES_EXTREME ? values : VALUES_ANY);
            const struct variant *variant = &variants[turn % COUNT(variants)];
            why = compare_product(expected, actual, &w, rows[r], variant, values);
        }
    return why;
}

static const char *check_matmul_f32(const struct kernels *expected, const struct kernels *actual)
{
    return compare_products(expected, actual, MATRIX_F32);
}

static const char *check_matmul_i8(const struct kernels *expected, const struct kernels *actual)
{
    return compare_products(expected, actual, MATRIX_I8);
}

/* Real sizes, more panels than a group holds, and k beyond any block. */
static const char *check_matmul_large(const struct kernels *expected, const struct kernels *actual)
{
    static const struct {
        enum matrix_kind kind;
        size_t m, k, n;
    } shapes[] = {{MATRIX_I8, 5, 512, 640},
                  {MATRIX_I8, 34, 2048, 200},
                  {MATRIX_I8, 2, 8256, 18},
                  {MATRIX_I8, 33, 8256, 16},
                  {MATRIX_F32, 7, 512, 300}};
    const char *why = NULL;
    for (size_t s = 0; s < COUNT(shapes) && !why; s++)
        for (enum values v = VALUES_ANY; v < VALUES_KINDS && !why; v++) {
            if (shapes[s].kind == MATRIX_F32 && v != VALUES_ANY)
                continue;
            struct matrix w = random_matrix(shapes[s].kind, shapes[s].n, shapes[s].k,
                                            v == VALUES_EXTREME ? v : VALUES_ANY);
            why = compare_product(expected, actual, &w, shapes[s].m, &variants[v], v);
        }
    return why;
}

/* A row's result may not depend on the other rows. */
static const char *check_rows_alone(const struct kernels *expected, const struct kernels *actual)
{
    (void)expected;
    enum { M = 40, N = 33, K = 130 };
    const char *why = NULL;
    for (enum matrix_kind kind = MATRIX_F32; kind <= MATRIX_I8 && !why; kind++) {
        struct matrix w = random_matrix(kind, N, K, VALUES_ANY);
        float *x = kernel_floats((size_t)M * K, 1), scales[M];
        int8_t *q = guard_new(M * w.k_padded, 0);
        actual->quantize_rows(M, K, x, K, NULL, q, w.k_padded, scales);
        struct kernel_pair pair = kernel_pair((size_t)M * N * sizeof(float));
        struct epilogue epilogue = {.activation = ACTIVATION_TANH};
        float *together = pair.expected, *alone = pair.actual;
        if (kind == MATRIX_F32)
            actual->matmul_f32(M, x, K, &w, 0, N, &epilogue, together, N);
        else
            actual->matmul_i8(M, q, w.k_padded, scales, &w, 0, N, &epilogue, together, N);
        for (size_t i = 0; i < M; i++) {
            if (kind == MATRIX_F32)
                actual->matmul_f32(1, x + i * K, K, &w, 0, N, &epilogue, alone + i * N, N);
            else
                actual->matmul_i8(1, q + i * w.k_padded, w.k_padded, scales + i, &w, 0, N,
                                  &epilogue, alone + i * N, N);
        }
        why = kernel_differs(&pair, "rows alone and together, kind %d", (int)kind);
    }
    return why;
}

/* ---- attention ---------------------------------------------------------------------------- */

enum bias_kind { BIAS_NONE, BIAS_SHARED, BIAS_OWN, BIAS_KINDS };

#define ALL_SHARED SIZE_MAX

/* Rows of random numbers. The rows of query i, [keys] from i * keys on, are those of the first
 * query up to number `shared`, and then its own. */
static const void **attention_rows(const struct kernels *kernels, bool f16, size_t queries,
                                   size_t keys, size_t shared, size_t row_bytes)
{
    size_t element = f16 ? sizeof(uint16_t) : sizeof(float);
    size_t sets = shared == ALL_SHARED || queries == 0 ? 1 : queries, n_rows = sets * keys;
    char *memory = guard_new(n_rows * row_bytes, 0);
    const void **rows = guard_new(n_rows * sizeof *rows, 0);
    for (size_t i = 0; i < n_rows; i++)
        rows[i] =
            i % keys < shared && i >= keys ? rows[i % keys] : memory + (n_rows - 1 - i) * row_bytes;
    for (size_t i = 0; i < n_rows * row_bytes / element; i++) {
        float value = kernel_random_float() * 2;
        if (f16)
            kernels->narrow_f16(1, &value, (uint16_t *)(void *)memory + i);
        else
            memcpy(memory + i * element, &value, element);
    }
    return rows;
}

/* What is asked. */
struct attention_case {
    bool f16;
    size_t heads, queries, keys, width;
    enum bias_kind bias;
    size_t shared; /* rows of all hypotheses, or ALL_SHARED */
};

static const char *attention_differs(const struct kernel_pair *pair, const char *what,
                                     const struct attention_case *c)
{
    return kernel_differs(
        pair, "%s: %zu heads, %zu queries, %zu keys, width %zu, bias %d, shared %d", what, c->heads,
        c->queries, c->keys, c->width, (int)c->bias, (int)c->shared);
}

static const char *compare_attention(const struct kernels *expected, const struct kernels *actual,
                                     struct attention_case c)
{
    size_t element = c.f16 ? sizeof(uint16_t) : sizeof(float), columns = c.heads * c.width;
    size_t value_offset = (columns + 1) * element, row_bytes = value_offset + columns * element;
    size_t padded = (c.keys + KERNEL_LANES - 1) / KERNEL_LANES * KERNEL_LANES;
    const void **rows = attention_rows(expected, c.f16, c.queries, c.keys, c.shared, row_bytes);
    const void *const **own_rows = guard_new(c.queries * sizeof *own_rows, 0);
    for (size_t i = 0; i < c.queries && c.shared != ALL_SHARED; i++)
        own_rows[i] = rows + i * c.keys;
    size_t bias_rows = c.bias == BIAS_OWN ? c.queries * c.heads : 1;
    float *bias = kernel_floats(c.keys * bias_rows, 2);
    if (c.keys > 1 && c.queries > 0)
        bias[0] = -INFINITY;
    struct attention at = {.n_heads = c.heads,
                           .n_queries = c.queries,
                           .n_keys = c.keys,
                           .head_width = c.width,
                           .queries = kernel_floats(c.queries * (columns + GAP), 1),
                           .query_stride = columns + GAP,
                           .rows = c.shared == ALL_SHARED ? rows : NULL,
                           .own_rows = c.shared == ALL_SHARED ? NULL : own_rows,
                           .n_shared = c.shared == ALL_SHARED ? 0 : c.shared,
                           .key_offset = 0,
                           .value_offset = value_offset,
                           .scale = 1 / sqrtf((float)c.width),
                           .bias = c.bias == BIAS_NONE ? NULL : bias,
                           .bias_stride = c.bias == BIAS_OWN ? c.keys : 0,
                           .bias_head_stride = c.bias == BIAS_OWN ? c.queries * c.keys : 0,
                           .out_stride = columns + GAP,
                           .weights_stride = padded};
    struct kernel_pair out = kernel_pair(c.queries * at.out_stride * sizeof(float));
    struct kernel_pair weights = kernel_pair(c.heads * c.queries * padded * sizeof(float));
    for (size_t side = 0; side < 2; side++) {
        const struct kernels *table = side ? actual : expected;
        at.out = side ? out.actual : out.expected;
        at.weights = side ? weights.actual : weights.expected;
        (c.f16 ? table->attend_f16 : table->attend_f32)(&at);
    }
    bool same = memcmp(weights.expected, weights.actual, weights.n_bytes) == 0;
    return same ? attention_differs(&out, "out", &c) : attention_differs(&weights, "weights", &c);
}

static const char *compare_attentions(const struct kernels *expected, const struct kernels *actual,
                                      bool f16)
{
    static const size_t queries[] = {0, 1, 2, 5}, widths[] = {1, 3, 8, 16, 17, 32, 64, 80, 130};
    static const size_t keys[] = {0, 1, 3, 4, 5, 15, 16, 17, 33, 64, 65, 131};
    struct attention_case c = {.f16 = f16, .heads = 1, .shared = ALL_SHARED};
    const char *why = NULL;
    size_t turn = 0;
    for (size_t q = 0; q < COUNT(queries) && !why; q++)
        for (size_t w = 0; w < COUNT(widths) && !why; w++)
            for (size_t j = 0; j < COUNT(keys) && !why; j++) {
                c.queries = queries[q];
                c.width = widths[w];
                c.keys = keys[j];
                c.bias = (enum bias_kind)(turn++ % BIAS_KINDS);
                why = compare_attention(expected, actual, c);
            }
    for (size_t width = 1024; width <= 1025 && !why; width++) {
        c.queries = 2;
        c.keys = 7;
        c.width = width;
        why = compare_attention(expected, actual, c);
    }
    return why;
}

/* Several heads; hypotheses that share `keys - own` rows (own < 6), or all (own = 6). */
static const char *compare_heads(const struct kernels *expected, const struct kernels *actual,
                                 bool f16)
{
    static const size_t heads[] = {1, 2, 3, 4, 5, 8}, widths[] = {8, 16, 32, 64, 80, 128};
    static const size_t keys[] = {1, 4, 6, 19, 33};
    struct attention_case c = {.f16 = f16};
    const char *why = NULL;
    size_t turn = 0;
    for (size_t h = 0; h < COUNT(heads) && !why; h++)
        for (size_t w = 0; w < COUNT(widths) && !why; w++)
            for (c.queries = 1; c.queries <= 6 && !why; c.queries++)
                for (size_t own = 0; own <= 6 && !why; own++) {
                    c.heads = heads[h];
                    c.width = widths[w];
                    c.keys = keys[turn % COUNT(keys)];
                    c.bias = (enum bias_kind)(turn++ % BIAS_KINDS);
                    c.shared = own == 6 ? ALL_SHARED : own < c.keys ? c.keys - own : 0;
                    why = compare_attention(expected, actual, c);
                }
    return why;
}

static const char *check_heads_f32(const struct kernels *expected, const struct kernels *actual)
{
    return compare_heads(expected, actual, false);
}

static const char *check_heads_f16(const struct kernels *expected, const struct kernels *actual)
{
    return compare_heads(expected, actual, true);
}

static const char *check_attend_f32(const struct kernels *expected, const struct kernels *actual)
{
    return compare_attentions(expected, actual, false);
}

static const char *check_attend_f16(const struct kernels *expected, const struct kernels *actual)
{
    return compare_attentions(expected, actual, true);
}

const struct kernel_check kernel_checks_products[] = {
    {"matmul_f32", check_matmul_f32},
    {"matmul_i8", check_matmul_i8},
    {"large products", check_matmul_large},
    {"rows alone", check_rows_alone},
    {"attend_f32", check_attend_f32},
    {"attend_f16", check_attend_f16},
    {"attend_f32 with heads and hypotheses", check_heads_f32},
    {"attend_f16 with heads and hypotheses", check_heads_f16},
    {NULL, NULL},
};
