/* Factors of input channels: with them a product of int8 loses less where channels differ in size;
 * where nothing is known or there is nothing to balance they are 1. */
#include "model/smoothing.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N 24
#define K 40
#define M 300

static struct error err;
static float weights[N][K], inputs[M][K], smooth[K];
static uint64_t state;

static float random_number(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (float)(state >> 40) / (float)(1u << 23) - 1;
}

/* Inputs whose channels differ in size by up to 200, as those behind a layer norm's gain do. */
static void fill(void)
{
    state = 11;
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < K; j++)
            weights[i][j] = random_number();
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < K; j++)
            inputs[i][j] = random_number() * (j % 10 == 3 ? 20.0f : j % 7 == 2 ? 0.1f : 1.0f);
}

static void find_factors(const struct kernels *kernels)
{
    struct matrix w;
    size_t n_bytes, bad_at;
    ck_assert(matrix_bytes(MATRIX_F32, N, K, &n_bytes));
    void *memory = aligned_alloc(64, (n_bytes + 63) / 64 * 64);
    struct moments *moments = moments_new(K, &err);
    memset(memory, 0, n_bytes);
    matrix_place(&w, MATRIX_F32, N, K, memory);
    for (size_t i = 0; i < N; i++)
        ck_assert(matrix_set_channel_f32(&w, i, weights[i], kernels, &bad_at));
    moments_add(moments, kernels, M, inputs[0], K);
    moments_finish(moments, kernels);
    ck_assert_msg(smoothing_find(&w, moments, smooth, &err), "%s", err.text);
    moments_free(moments);
    free(memory);
}

/* Sum of squares of what the int8 product is off, with the factors or without. */
static double product_error(const struct kernels *kernels, bool smoothed)
{
    struct matrix w;
    size_t n_bytes, bad_at;
    static int8_t q[M][MATRIX_DEPTH];
    static float scales[M], products[M][N + MATRIX_PANEL];
    struct epilogue plain = {0};
    double sum = 0;
    ck_assert(matrix_bytes(MATRIX_I8, N, K, &n_bytes));
    void *memory = aligned_alloc(64, (n_bytes + 63) / 64 * 64);
    memset(memory, 0, n_bytes);
    matrix_place(&w, MATRIX_I8, N, K, memory);
    for (size_t i = 0; i < N; i++) {
        float row[K];
        for (size_t j = 0; j < K; j++)
            row[j] = smoothed ? weights[i][j] / smooth[j] : weights[i][j];
        ck_assert(matrix_set_channel_f32(&w, i, row, kernels, &bad_at));
    }
    kernels->quantize_rows(M, K, inputs[0], K, smoothed ? smooth : NULL, q[0], MATRIX_DEPTH,
                           scales);
    kernels->matmul_i8(M, q[0], MATRIX_DEPTH, scales, &w, 0, N, &plain, products[0],
                       N + MATRIX_PANEL);
    for (size_t m = 0; m < M; m++)
        for (size_t i = 0; i < N; i++) {
            double right = 0;
            for (size_t j = 0; j < K; j++)
                right += (double)weights[i][j] * (double)inputs[m][j];
            sum += (right - (double)products[m][i]) * (right - (double)products[m][i]);
        }
    free(memory);
    return sum;
}

START_TEST(loses_less)
{
    const struct kernels *kernels = kernels_find(NULL, NULL);
    double sum = 0;
    fill();
    find_factors(kernels);
    for (size_t i = 0; i < K; i++)
        sum += (double)smooth[i];
    ck_assert_double_eq_tol(sum / K, 1, 1e-5);
    /* Large inputs get small factors, small ones large. */
    ck_assert_float_lt(smooth[3], smooth[4]);
    ck_assert_float_gt(smooth[9], smooth[4]);
    ck_assert_double_lt(product_error(kernels, true), 0.5 * product_error(kernels, false));
}
END_TEST

START_TEST(nothing_to_balance)
{
    const struct kernels *kernels = kernels_find(NULL, NULL);
    fill();
    for (size_t i = 0; i < M; i++)
        inputs[i][5] = 0;
    for (size_t i = 0; i < N; i++)
        weights[i][6] = 0;
    find_factors(kernels);
    ck_assert_float_eq(smooth[5], 1);
    ck_assert_float_eq(smooth[6], 1);
    memset(inputs, 0, sizeof inputs);
    find_factors(kernels);
    for (size_t i = 0; i < K; i++)
        ck_assert_float_eq(smooth[i], 1);
}
END_TEST

/* Sizes that no factor could even out, not even nearly. */
START_TEST(limits)
{
    fill();
    for (size_t i = 0; i < M; i++) {
        inputs[i][0] *= 1e-30f;
        inputs[i][1] *= 1e15f;
    }
    find_factors(kernels_find(NULL, NULL));
    for (size_t i = 0; i < K; i++)
        ck_assert(smooth[i] >= 1.0f / 4096 && smooth[i] <= 4096);
    for (size_t i = 0; i < K; i++)
        ck_assert(isfinite(weights[0][i] / smooth[i]) && isfinite(inputs[0][i] * smooth[i]));
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("smoothing");
    tcase_add_test(tcase, loses_less);
    tcase_add_test(tcase, nothing_to_balance);
    tcase_add_test(tcase, limits);
    Suite *suite = suite_create("engine");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
