/* Every table this machine can use against the scalar one; the scalar one against libm; matrices;
 * finding tables. */
#include "kernels/cpu.h"
#include "kernels/kernels.h"
#include "tests/support/kernel_compare.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct kernels *scalar(void)
{
    return kernels_find("scalar", NULL);
}

/* ---- tables against the definition -------------------------------------------------------- */

static void run_checks(const struct kernel_check *checks)
{
    size_t count;
    const struct kernels *const *tables = kernels_usable(&count);
    for (size_t i = 0; i < count; i++)
        for (const struct kernel_check *check = checks; check->name; check++) {
            const char *why = check->run(scalar(), tables[i]);
            ck_assert_msg(!why, "%s: %s: %s", tables[i]->name, check->name, why);
        }
}

START_TEST(products_are_those_of_the_definition)
{
    run_checks(kernel_checks_products);
}
END_TEST

START_TEST(the_rest_is_that_of_the_definition)
{
    run_checks(kernel_checks_rows);
}
END_TEST

/* ---- the definition against libm ---------------------------------------------------------- */

START_TEST(exp_is_within_one_ulp)
{
    for (float x = -87.33f; x <= 88.37f; x += 0.0037f) {
        double exact = exp((double)x);
        float y = kernel_exp(x);
        double ulp = (double)(nextafterf((float)exact, INFINITY) - (float)exact);
        ck_assert_msg(fabs(y - exact) <= ulp, "exp(%.9g): %.9g for %.9g", x, y, exact);
    }
    ck_assert(kernel_exp(0.0f) == 1.0f);
    ck_assert(kernel_exp(-87.34f) == 0.0f && kernel_exp(-INFINITY) == 0.0f);
    ck_assert(kernel_exp(1000.0f) == kernel_exp(88.37f) && isfinite(kernel_exp(INFINITY)));
    ck_assert(isnan(kernel_exp(NAN)));
}
END_TEST

START_TEST(log_is_within_one_ulp)
{
    for (double x = 1e-320; x < 1e308; x *= 1.0131) {
        double exact = log(x);
        ck_assert_msg(fabs(kernel_log(x) - exact) <= 2 * DBL_EPSILON * fabs(exact), "log(%.17g)",
                      x);
    }
    ck_assert(kernel_log(1.0) == 0 && kernel_log(0) == -INFINITY && isnan(kernel_log(-1)));
    ck_assert(kernel_log(INFINITY) == INFINITY && isnan(kernel_log(NAN)));
}
END_TEST

static double exact_activation(double x, enum activation activation)
{
    switch (activation) {
    case ACTIVATION_NONE:
        return x;
    case ACTIVATION_RELU:
        return x > 0 ? x : 0;
    case ACTIVATION_SWISH:
        return x / (1 + exp(-x));
    case ACTIVATION_GELU:
        return x / 2 * (1 + erf(x / sqrt(2)));
    case ACTIVATION_GELU_TANH:
        return x / 2 * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
    case ACTIVATION_GELU_QUICK:
        return x / (1 + exp(-1.702 * x));
    case ACTIVATION_TANH:
        return tanh(x);
    case ACTIVATION_SIGMOID:
        return 1 / (1 + exp(-x));
    }
    return x;
}

START_TEST(activations_are_close)
{
    for (enum activation a = ACTIVATION_NONE; a <= ACTIVATION_SIGMOID; a++)
        for (float x = -30; x < 30; x += 0.0173f) {
            float y = x;
            scalar()->activate(1, &y, a);
            double exact = exact_activation(x, a), error = fabs(y - exact);
            ck_assert_msg(error <= 1.5e-7 * fmax(1, fabs((double)x)),
                          "activation %d of %.9g: %.9g for %.9g", (int)a, x, y, exact);
        }
}
END_TEST

START_TEST(softmax_sums_to_one)
{
    float keys[20][8], out[8], weights[32];
    const void *rows[20];
    for (size_t j = 0; j < 20; j++) {
        rows[j] = keys[j];
        for (size_t d = 0; d < 8; d++)
            keys[j][d] = d < 4 ? kernel_random_float() : 1.0f;
    }
    struct attention at = {.n_heads = 1,
                           .n_queries = 1,
                           .n_keys = 20,
                           .head_width = 4,
                           .queries = keys[0],
                           .query_stride = 4,
                           .rows = rows,
                           .value_offset = 4 * sizeof(float),
                           .scale = 1.0f,
                           .out = out,
                           .out_stride = 8,
                           .weights = weights,
                           .weights_stride = 32};
    scalar()->attend_f32(&at);
    for (size_t d = 0; d < 4; d++) /* values of one: what is left is the sum of the weights */
        ck_assert(fabsf(out[d] - 1) < 1e-6f);
}
END_TEST

/* ---- quantization ------------------------------------------------------------------------- */

START_TEST(quantization_rounds_ties_to_even)
{
    const float x[] = {127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 126.5f, -126.5f, 0.49f, -127};
    const int8_t expected[] = {127, 0, 2, 2, 0, -2, -2, 126, -126, 0, -127};
    int8_t q[64];
    float scale;
    size_t count;
    const struct kernels *const *tables = kernels_usable(&count);
    for (size_t i = 0; i < count; i++) {
        memset(q, 1, sizeof q);
        tables[i]->quantize_rows(1, 11, x, 11, NULL, q, sizeof q, &scale);
        ck_assert(scale == 1.0f);
        ck_assert_mem_eq(q, expected, sizeof expected);
        for (size_t j = sizeof expected; j < sizeof q; j++)
            ck_assert_int_eq(q[j], 0);
    }
}
END_TEST

START_TEST(a_row_that_is_not_finite_shows_in_the_product)
{
    float x[4] = {1, NAN, 2, 3}, scale, y;
    int8_t q[64];
    size_t n_bytes, count;
    ck_assert(matrix_bytes(MATRIX_I8, 1, 4, &n_bytes));
    void *memory = aligned_alloc(64, (n_bytes + 63) / 64 * 64);
    memset(memory, 0, n_bytes);
    struct matrix w;
    matrix_place(&w, MATRIX_I8, 1, 4, memory);
    const int8_t ones[4] = {1, 1, 1, 1};
    matrix_set_channel_i8(&w, 0, ones, 1.0f);
    const struct kernels *const *tables = kernels_usable(&count);
    for (size_t i = 0; i < count; i++) {
        const struct epilogue epilogue = {.activation = ACTIVATION_RELU};
        tables[i]->quantize_rows(1, 4, x, 4, NULL, q, sizeof q, &scale);
        tables[i]->matmul_i8(1, q, sizeof q, &scale, &w, 0, 1, &epilogue, &y, 1);
        ck_assert_msg(isnan(y), "%s", tables[i]->name);
    }
    free(memory);
}
END_TEST

/* ---- matrices ----------------------------------------------------------------------------- */

static void *matrix_new(struct matrix *w, enum matrix_kind kind, size_t n, size_t k)
{
    size_t n_bytes;
    ck_assert(matrix_bytes(kind, n, k, &n_bytes));
    void *memory = aligned_alloc(64, (n_bytes + 127) / 64 * 64);
    memset(memory, 0, n_bytes);
    matrix_place(w, kind, n, k, memory);
    return memory;
}

/* Memory that was something else becomes what zeros become. */
START_TEST(padding_is_cleared)
{
    static const size_t shapes[][2] = {{1, 1}, {3, 5}, {16, 64}, {17, 65}, {40, 128}, {32, 256}};
    size_t s = (size_t)_i / 3, n = shapes[s][0], k = shapes[s][1], n_bytes, bad_at;
    enum matrix_kind kind = (enum matrix_kind)(_i % 3);
    struct matrix zeroed, dirty;
    ck_assert(matrix_bytes(kind, n, k, &n_bytes));
    char *memory[] = {matrix_new(&zeroed, kind, n, k), matrix_new(&dirty, kind, n, k)};
    memset(memory[1], 0x55, n_bytes);
    matrix_clear_padding(&dirty);
    float row[256];
    for (size_t j = 0; j < n; j++) {
        for (size_t i = 0; i < k; i++)
            row[i] = kernel_random_float();
        ck_assert(matrix_set_channel_f32(&zeroed, j, row, scalar(), &bad_at));
        ck_assert(matrix_set_channel_f32(&dirty, j, row, scalar(), &bad_at));
    }
    ck_assert_mem_eq(memory[0], memory[1], n_bytes);
    free(memory[0]);
    free(memory[1]);
}
END_TEST

START_TEST(channels_come_back)
{
    static const size_t shapes[][2] = {{1, 1}, {3, 5}, {16, 64}, {17, 65}, {40, 300}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        size_t n = shapes[s][0], k = shapes[s][1], bad_at;
        struct matrix f32, i8, copy, f16;
        void *memory[] = {matrix_new(&f32, MATRIX_F32, n, k), matrix_new(&i8, MATRIX_I8, n, k),
                          matrix_new(&copy, MATRIX_I8, n, k), matrix_new(&f16, MATRIX_F16, n, k)};
        float row[300], back[300];
        int8_t values[300], again[300];
        for (size_t j = 0; j < n; j++) {
            float max = 0;
            for (size_t i = 0; i < k; i++) {
                row[i] = kernel_random_float();
                max = fmaxf(max, fabsf(row[i]));
            }
            ck_assert(matrix_set_channel_f32(&f32, j, row, scalar(), &bad_at));
            ck_assert(matrix_set_channel_f32(&i8, j, row, scalar(), &bad_at));
            matrix_get_channel(&f32, j, back);
            ck_assert_mem_eq(row, back, k * sizeof *row);
            uint16_t halves[300];
            float wide[300];
            row[0] *= 0x1p-20f; /* a subnormal half */
            ck_assert(matrix_set_channel_f32(&f16, j, row, scalar(), &bad_at));
            matrix_get_channel(&f16, j, back);
            scalar()->narrow_f16(k, row, halves);
            scalar()->widen_f16(k, halves, wide);
            ck_assert_mem_eq(wide, back, k * sizeof *row);
            row[0] *= 0x1p20f;
            matrix_get_channel(&i8, j, back);
            for (size_t i = 0; i < k; i++)
                ck_assert(fabsf(back[i] - row[i]) <= max / 127 * 0.5001f);
            int8_t q[320];
            float scale;
            scalar()->quantize_rows(1, k, row, k, NULL, q, sizeof q, &scale);
            matrix_get_channel_i8(&i8, j, values);
            ck_assert_mem_eq(values, q, k);
            ck_assert(scale == i8.scales[j]);
            matrix_set_channel_i8(&copy, j, values, scale);
            matrix_get_channel_i8(&copy, j, again);
            ck_assert_mem_eq(values, again, k);
            ck_assert_int_eq(copy.sums[j], i8.sums[j]);
        }
        for (size_t i = 0; i < 4; i++)
            free(memory[i]);
    }
}
END_TEST

START_TEST(a_channel_that_is_not_finite_is_refused)
{
    for (enum matrix_kind kind = MATRIX_F32; kind <= MATRIX_F16; kind++)
        for (size_t at = 0; at < 20; at++) {
            struct matrix w;
            void *memory = matrix_new(&w, kind, 1, 20);
            float row[20] = {0};
            size_t bad_at = 99;
            row[at] = at % 2 ? NAN : INFINITY;
            ck_assert(!matrix_set_channel_f32(&w, 0, row, kernels_find(NULL, NULL), &bad_at));
            ck_assert_uint_eq(bad_at, at);
            free(memory);
        }
}
END_TEST

START_TEST(odd_channels_are_taken)
{
    struct matrix w;
    void *memory = matrix_new(&w, MATRIX_I8, 2, 3);
    const int8_t lowest[3] = {-128, 127, -1};
    const float zeros[3] = {0, -0.0f, 0}, tiny[3] = {1e-40f, 0, -1e-40f};
    int8_t back[3];
    size_t bad_at;
    matrix_set_channel_i8(&w, 0, lowest, 2);
    matrix_get_channel_i8(&w, 0, back);
    ck_assert_int_eq(back[0], -127);
    ck_assert_int_eq(w.sums[0], -1);
    ck_assert(matrix_set_channel_f32(&w, 1, zeros, scalar(), &bad_at));
    ck_assert(w.scales[1] == 0 && w.sums[1] == 0);
    ck_assert(matrix_set_channel_f32(&w, 1, tiny, scalar(), &bad_at));
    ck_assert(w.scales[1] == 0 && w.sums[1] == 0);
    free(memory);
    size_t n_bytes;
    ck_assert(!matrix_bytes(MATRIX_F32, SIZE_MAX / 2, 4, &n_bytes));
    ck_assert(!matrix_bytes(MATRIX_I8, SIZE_MAX, 1, &n_bytes));
    ck_assert(!matrix_bytes(MATRIX_I8, 16, SIZE_MAX - 3, &n_bytes));
}
END_TEST

/* ---- tables ------------------------------------------------------------------------------- */

START_TEST(tables_are_found_by_name)
{
    size_t count;
    const struct kernels *const *tables = kernels_usable(&count);
    ck_assert_uint_ge(count, 1);
    ck_assert_str_eq(tables[0]->name, "scalar");
    for (size_t i = 0; i < count; i++)
        ck_assert_ptr_eq(kernels_find(tables[i]->name, NULL), tables[i]);
    ck_assert_ptr_eq(kernels_find(NULL, NULL), tables[count - 1]);
    const char *why = NULL;
    ck_assert_ptr_null(kernels_find("sse9", &why));
    ck_assert_ptr_nonnull(strstr(why, "no such"));
    ck_assert_ptr_nonnull(strstr(why, "scalar"));
    ck_assert_ptr_null(kernels_find("", NULL));
}
END_TEST

int main(void)
{
    struct cpu cpu;
    cpu_detect(&cpu);
    printf("units of this CPU: avx2 %d, avxvnni %d, avx512 %d, vnni %d, amx %d, dotprod %d; those "
           "of 0 "
           "are skipped\n",
           cpu.avx2, cpu.avxvnni, cpu.avx512, cpu.vnni, cpu.amx_int8, cpu.dotprod);
    TCase *tables = tcase_create("tables"), *numbers = tcase_create("numbers");
    tcase_set_timeout(tables, 120);
    tcase_set_timeout(numbers, 120);
    tcase_add_test(tables, products_are_those_of_the_definition);
    tcase_add_test(tables, the_rest_is_that_of_the_definition);
    tcase_add_test(tables, tables_are_found_by_name);
    tcase_add_test(numbers, exp_is_within_one_ulp);
    tcase_add_test(numbers, log_is_within_one_ulp);
    tcase_add_test(numbers, activations_are_close);
    tcase_add_test(numbers, softmax_sums_to_one);
    tcase_add_test(numbers, quantization_rounds_ties_to_even);
    tcase_add_test(numbers, a_row_that_is_not_finite_shows_in_the_product);
    tcase_add_test(numbers, channels_come_back);
    tcase_add_loop_test(numbers, padding_is_cleared, 0, 18);
    tcase_add_test(numbers, a_channel_that_is_not_finite_is_refused);
    tcase_add_test(numbers, odd_channels_are_taken);
    Suite *suite = suite_create("kernels");
    suite_add_tcase(suite, tables);
    suite_add_tcase(suite, numbers);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
