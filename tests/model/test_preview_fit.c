/* The low-rank preview of a table: its error over the very states its moments are of is the sum of
 * the eigenvalues left out, no other direction does better, and at full rank nothing is lost. */
#include "model/moments.h"
#include "model/preview_fit.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define V 150
#define D 40
#define N_STATES 700

static struct error err;
static float table[V][D], states[N_STATES][D];
static double eigenvalues[D];
static uint64_t state;

static float random_number(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (float)(state >> 40) / (float)(1u << 23) - 1;
}

static void row_of(const void *argument, size_t i, float *row)
{
    memcpy(row, (const float(*)[D])argument + i, sizeof table[0]);
}

/* States that mix few directions, with sizes that fall: previews are possible only then. */
static void fill(void)
{
    static float mixing[D][D];
    state = 5;
    for (size_t i = 0; i < V; i++)
        for (size_t j = 0; j < D; j++)
            table[i][j] = random_number();
    for (size_t i = 0; i < D; i++)
        for (size_t j = 0; j < D; j++)
            mixing[i][j] = random_number() * expf(-0.2f * (float)i);
    for (size_t i = 0; i < N_STATES; i++) {
        memset(states[i], 0, sizeof states[i]);
        for (size_t k = 0; k < D; k++) {
            float amount = random_number();
            for (size_t j = 0; j < D; j++)
                states[i][j] += amount * mixing[k][j];
        }
    }
}

static const struct kernels *kernels(void)
{
    return kernels_find(NULL, NULL);
}

static struct moments *state_moments(void)
{
    struct moments *moments = moments_new(D, &err);
    ck_assert_ptr_nonnull(moments);
    moments_add(moments, kernels(), N_STATES, states[0], D);
    moments_finish(moments, kernels());
    return moments;
}

static bool fit(const double *moments, double n_rows, size_t rank, float *p, float *b)
{
    struct preview_table source = {.n = V, .width = D, .row = row_of, .argument = table};
    error_clear(&err);
    return preview_fit(&source, kernels(), moments, n_rows, rank, p, b, eigenvalues, &err);
}

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

/* Mean over the states of |W h - P B h|^2; to `sizes`[rank] the mean of (B h)_i^2. */
static double mean_error(const float *p, const float *b, size_t rank, double *sizes)
{
    double sum = 0;
    float projected[D];
    memset(sizes, 0, rank * sizeof *sizes);
    for (size_t s = 0; s < N_STATES; s++) {
        for (size_t i = 0; i < rank; i++) {
            projected[i] = (float)dot(b + i * D, states[s], D);
            sizes[i] += (double)projected[i] * projected[i] / N_STATES;
        }
        for (size_t i = 0; i < V; i++) {
            double off = dot(table[i], states[s], D) - dot(p + i * rank, projected, rank);
            sum += off * off / N_STATES;
        }
    }
    return sum;
}

static const size_t ranks[] = {1, 2, 8, 17, 32};

START_TEST(error_is_what_is_left_out)
{
    size_t rank = ranks[_i];
    float *p = calloc(V * rank, sizeof *p), *b = calloc(rank * D, sizeof *b);
    double sizes[D], left_out = 0, all = 0, other[D];
    fill();
    struct moments *moments = state_moments();
    ck_assert_msg(fit(moments->sums, N_STATES, rank, p, b), "%s", err.text);
    for (size_t i = 0; i < D; i++) {
        all += eigenvalues[i];
        left_out += i < rank ? 0 : eigenvalues[i];
    }
    double error = mean_error(p, b, rank, sizes);
    /* Moments, P and B are of floats. */
    ck_assert_double_eq_tol(error, left_out, 1e-3 * left_out + 1e-9 * all);
    for (size_t i = 0; i < rank; i++)
        ck_assert_double_eq_tol(sizes[i], 1, 1e-2);
    /* A step aside makes it worse. */
    for (size_t i = 0; i < V; i++)
        p[i * rank] += 0.05f;
    ck_assert_double_gt(mean_error(p, b, rank, other), error);
    moments_free(moments);
    free(p);
    free(b);
}
END_TEST

START_TEST(full_rank_loses_nothing)
{
    static float p[V * D], b[D * D];
    double sizes[D], size = 0;
    fill();
    struct moments *moments = state_moments();
    ck_assert_msg(fit(moments->sums, N_STATES, D, p, b), "%s", err.text);
    for (size_t i = 0; i < D; i++)
        size += eigenvalues[i];
    ck_assert_double_lt(mean_error(p, b, D, sizes) / size, 1e-9);
    moments_free(moments);
}
END_TEST

/* States in two directions only: the other eigenvalues are floored, and rank two is enough. */
START_TEST(few_directions)
{
    static float p[V * 2], b[2 * D];
    double sizes[2];
    fill();
    for (size_t i = 0; i < N_STATES; i++)
        for (size_t j = 0; j < D; j++)
            states[i][j] = j == 3 ? states[i][3] : j == 7 ? states[i][7] : 0;
    struct moments *moments = state_moments();
    ck_assert_msg(fit(moments->sums, N_STATES, 2, p, b), "%s", err.text);
    ck_assert_double_lt(mean_error(p, b, 2, sizes) / (eigenvalues[0] + eigenvalues[1]), 1e-6);
    moments_free(moments);
}
END_TEST

START_TEST(what_cannot_be_previewed)
{
    static float p[V * 2], b[2 * D];
    static double none[D * D];
    fill();
    ck_assert(!fit(none, 1, 2, p, b));
    ck_assert_int_eq(err.code, ERROR_INTERNAL);
    struct moments *moments = state_moments();
    table[V - 1][1] = INFINITY;
    ck_assert(!fit(moments->sums, N_STATES, 2, p, b));
    ck_assert_int_eq(err.code, ERROR_INTERNAL);
    moments_free(moments);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("preview");
    tcase_add_loop_test(tcase, error_is_what_is_left_out, 0, sizeof ranks / sizeof ranks[0]);
    tcase_add_test(tcase, full_rank_loses_nothing);
    tcase_add_test(tcase, few_directions);
    tcase_add_test(tcase, what_cannot_be_previewed);
    tcase_set_timeout(tcase, 60);
    Suite *suite = suite_create("engine");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
