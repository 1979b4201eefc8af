/* Eigenvalues and eigenvectors: A = U^T diag(values) U, U U^T = I, and known ones. */
#include "base/memory.h"
#include "model/symmetric.h"

#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static struct error err;
static uint64_t state;

static double random_number(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 33) / (double)(1u << 30) - 1;
}

/* Random, with columns of sizes from 1 to 1e-6 if `graded`. */
static void fill(size_t n, double *a, bool graded)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double size = graded ? pow(10, -6 * (double)(i + j) / (double)(2 * n)) : 1;
            a[i * n + j] = a[j * n + i] = random_number() * size;
        }
}

/* Largest |(U^T diag(values) U - A)_ij|. */
static double misfit(size_t n, const double *a, const double *u, const double *values)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t k = 0; k < n; k++)
                sum += u[k * n + i] * values[k] * u[k * n + j];
            most = fmax(most, fabs(sum - a[i * n + j]));
        }
    return most;
}

static double unorthogonality(size_t n, const double *u)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = i == j ? -1 : 0;
            for (size_t k = 0; k < n; k++)
                sum += u[i * n + k] * u[j * n + k];
            most = fmax(most, fabs(sum));
        }
    return most;
}

static void check_decomposition(size_t n, const double *a)
{
    double *u = calloc(n * n, sizeof *u), *values = calloc(n, sizeof *values);
    double *again = calloc(n * n, sizeof *again), *again_values = calloc(n, sizeof *values);
    memcpy(u, a, n * n * sizeof *u);
    memcpy(again, a, n * n * sizeof *u);
    ck_assert_msg(symmetric_eigen(n, u, values, &err), "%s", err.text);
    for (size_t i = 1; i < n; i++)
        ck_assert_double_ge(values[i - 1], values[i]);
    double size = fmax(fmax(fabs(values[0]), fabs(values[n - 1])), 1e-300);
    ck_assert_double_lt(misfit(n, a, u, values) / size, 1e-13);
    ck_assert_double_lt(unorthogonality(n, u), 1e-13);
    ck_assert(symmetric_eigen(n, again, again_values, &err));
    ck_assert(memcmp(u, again, n * n * sizeof *u) == 0);
    ck_assert(memcmp(values, again_values, n * sizeof *values) == 0);
    free(u);
    free(values);
    free(again);
    free(again_values);
}

static const size_t sizes[] = {1, 2, 3, 4, 7, 32, 97, 160};

START_TEST(random_matrices)
{
    size_t n = sizes[_i];
    double *a = calloc(n * n, sizeof *a);
    error_clear(&err);
    state = (uint64_t)_i;
    fill(n, a, false);
    check_decomposition(n, a);
    fill(n, a, true);
    check_decomposition(n, a);
    for (size_t i = 0; i < n * n; i++)
        a[i] *= 1e200; /* the square is not a number of this world */
    check_decomposition(n, a);
    free(a);
}
END_TEST

/* Many equal eigenvalues: a projection of rank two, a multiple of the identity, zeros. */
START_TEST(degenerate_matrices)
{
    size_t n = 50;
    double *a = calloc(n * n, sizeof *a), *values = calloc(n, sizeof *values);
    check_decomposition(n, a);
    for (size_t i = 0; i < n; i++)
        a[i * n + i] = 3;
    check_decomposition(n, a);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            a[i * n + j] = (i % 2 == j % 2) * 2.0 / (double)n;
    check_decomposition(n, a);
    ck_assert(symmetric_eigen(n, a, values, &err));
    for (size_t i = 0; i < n; i++)
        ck_assert_double_eq_tol(values[i], i < 2 ? 1 : 0, 1e-14);
    free(a);
    free(values);
}
END_TEST

/* -u'' on a line of n points: eigenvalues 2 - 2 cos(k pi / (n + 1)). */
START_TEST(second_differences)
{
    size_t n = 40;
    double *a = calloc(n * n, sizeof *a), *values = calloc(n, sizeof *values);
    for (size_t i = 0; i < n; i++) {
        a[i * n + i] = 2;
        if (i > 0)
            a[i * n + i - 1] = a[(i - 1) * n + i] = -1;
    }
    ck_assert(symmetric_eigen(n, a, values, &err));
    for (size_t i = 0; i < n; i++)
        ck_assert_double_eq_tol(values[i], 2 - 2 * cos((double)(n - i) * M_PI / (double)(n + 1)),
                                1e-13);
    free(a);
    free(values);
}
END_TEST

START_TEST(not_finite)
{
    double a[4] = {1, NAN, NAN, 1}, values[2];
    error_clear(&err);
    ck_assert(!symmetric_eigen(2, a, values, &err));
    ck_assert_int_eq(err.code, ERROR_INTERNAL);
    double b[4] = {1, 0, 0, INFINITY};
    error_clear(&err);
    ck_assert(!symmetric_eigen(2, b, values, &err));
    ck_assert_int_eq(err.code, ERROR_INTERNAL);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("eigenvalues");
    tcase_add_loop_test(tcase, random_matrices, 0, sizeof sizes / sizeof sizes[0]);
    tcase_add_test(tcase, degenerate_matrices);
    tcase_add_test(tcase, second_differences);
    tcase_add_test(tcase, not_finite);
    tcase_set_timeout(tcase, 60);
    Suite *suite = suite_create("engine");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
