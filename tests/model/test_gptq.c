/* GPTQ: over the inputs it was given the product is nearer to what it was than with each weight
 * rounded by itself; what int8 can hold exactly stays; inputs that never occur do no harm. */
#include "model/gptq.h"

#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define N 13 /* not a multiple of the rows that go together */
#define K 60
#define N_INPUTS 500

static struct error err;
static float weights[N][K], inputs[N_INPUTS][K], scales[N];
static int8_t q[N][K];
static double h[K][K];
static uint64_t state;

static float random_number(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (float)(state >> 40) / (float)(1u << 23) - 1;
}

/* Inputs that hang together: each is a mix of a few. */
static void fill(void)
{
    float mixing[8][K];
    state = 3;
    for (size_t i = 0; i < 8; i++)
        for (size_t j = 0; j < K; j++)
            mixing[i][j] = random_number();
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < K; j++)
            weights[i][j] = random_number();
    for (size_t i = 0; i < N_INPUTS; i++) {
        for (size_t j = 0; j < K; j++)
            inputs[i][j] = 0.1f * random_number();
        for (size_t m = 0; m < 8; m++) {
            float amount = random_number();
            for (size_t j = 0; j < K; j++)
                inputs[i][j] += amount * mixing[m][j];
        }
    }
}

static void find_moments(void)
{
    memset(h, 0, sizeof h);
    for (size_t i = 0; i < N_INPUTS; i++)
        for (size_t a = 0; a < K; a++)
            for (size_t b = 0; b < K; b++)
                h[a][b] += (double)inputs[i][a] * (double)inputs[i][b];
}

static void quantize(void)
{
    struct gptq *gptq = gptq_new(K, h[0], &err);
    ck_assert_ptr_nonnull(gptq);
    gptq_quantize(gptq, N, weights[0], q[0], scales);
    gptq_free(gptq);
}

static void round_each(void)
{
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < K; j++)
            q[i][j] = (int8_t)lrint((double)weights[i][j] / (double)scales[i]);
}

/* Sum over the inputs and the rows of (what the product is off)^2. */
static double product_error(void)
{
    double sum = 0;
    for (size_t s = 0; s < N_INPUTS; s++)
        for (size_t i = 0; i < N; i++) {
            double off = 0;
            for (size_t j = 0; j < K; j++)
                off += ((double)weights[i][j] - (double)scales[i] * q[i][j]) * (double)inputs[s][j];
            sum += off * off;
        }
    return sum;
}

START_TEST(nearer_than_rounding)
{
    fill();
    find_moments();
    quantize();
    for (size_t i = 0; i < N; i++) {
        float most = 0;
        for (size_t j = 0; j < K; j++) {
            most = fmaxf(most, fabsf(weights[i][j]));
            ck_assert_int_ge(q[i][j], -127);
        }
        ck_assert_float_eq(scales[i], most / 127.0f);
    }
    double by_gptq = product_error();
    round_each();
    ck_assert_double_lt(by_gptq, 0.2 * product_error());
}
END_TEST

/* With inputs that have nothing to do with each other there is nothing to make up for. */
START_TEST(independent_inputs)
{
    static int8_t found[N][K];
    fill();
    memset(h, 0, sizeof h);
    for (size_t i = 0; i < K; i++)
        h[i][i] = 1.0 + (double)i;
    quantize();
    memcpy(found, q, sizeof q);
    round_each();
    ck_assert_mem_eq(found, q, sizeof q);
}
END_TEST

START_TEST(exact_weights)
{
    fill();
    find_moments();
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < K; j++)
            weights[i][j] = (float)(int)(100 * weights[i][j]) / 64;
        weights[i][i] = 127.0f / 64;
    }
    quantize();
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < K; j++)
            ck_assert_float_eq((float)q[i][j] * scales[i], weights[i][j]);
}
END_TEST

/* Channels that are always zero, one that copies another, rows of zeros, and no input at all. */
START_TEST(dead_inputs)
{
    fill();
    for (size_t i = 0; i < N_INPUTS; i++) {
        inputs[i][0] = inputs[i][17] = inputs[i][K - 1] = 0;
        inputs[i][5] = inputs[i][6];
    }
    memset(weights[2], 0, sizeof weights[2]);
    find_moments();
    quantize();
    for (size_t j = 0; j < K; j++)
        ck_assert_int_eq(q[2][j], 0);
    ck_assert_float_eq(scales[2], 0);
    double by_gptq = product_error();
    scales[2] = 1;
    round_each();
    ck_assert_double_lt(by_gptq, 0.2 * product_error());
    /* Where nothing was seen each weight is rounded by itself. */
    static int8_t found[N][K];
    memset(h, 0, sizeof h);
    quantize();
    memcpy(found, q, sizeof q);
    scales[2] = 1;
    round_each();
    ck_assert_mem_eq(found, q, sizeof q);
}
END_TEST

START_TEST(not_finite)
{
    static int8_t found[N][K];
    fill();
    find_moments();
    h[3][3] = INFINITY;
    h[4][5] = h[5][4] = NAN;
    quantize();
    memcpy(found, q, sizeof q);
    round_each();
    ck_assert_mem_eq(found, q, sizeof q);
}
END_TEST

/* Twice the same, and each row alone what it is among others. */
START_TEST(deterministic)
{
    static int8_t first[N][K];
    float first_scales[N];
    fill();
    find_moments();
    quantize();
    memcpy(first, q, sizeof q);
    memcpy(first_scales, scales, sizeof scales);
    quantize();
    ck_assert_mem_eq(first, q, sizeof q);
    struct gptq *gptq = gptq_new(K, h[0], &err);
    for (size_t i = N; i-- > 0;)
        gptq_quantize(gptq, 1, weights[i], q[i], &scales[i]);
    gptq_free(gptq);
    ck_assert_mem_eq(first, q, sizeof q);
    ck_assert_mem_eq(first_scales, scales, sizeof scales);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("gptq");
    tcase_add_test(tcase, nearer_than_rounding);
    tcase_add_test(tcase, independent_inputs);
    tcase_add_test(tcase, exact_weights);
    tcase_add_test(tcase, dead_inputs);
    tcase_add_test(tcase, not_finite);
    tcase_add_test(tcase, deterministic);
    tcase_set_timeout(tcase, 60);
    Suite *suite = suite_create("engine");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
