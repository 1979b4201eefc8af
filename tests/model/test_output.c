/* The output layer's answers against what plain loops make of all the logits. */
#include "model/arch.h"
#include "model/model.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct error err;
static struct model *model;
static struct session *session;
static uint32_t n_vocabulary;

static void setup(void)
{
    struct session_limits limits = {.n_slots = 1, .max_rows = 1, .max_tokens = 8};
    error_clear(&err);
    ck_assert(model_open(&model, "tests/fixtures/marian", &(struct model_options){0}, NULL, &err));
    ck_assert(session_new(&session, model, &limits, &err));
    n_vocabulary = model_config(model)->target_vocabulary;
}

static void teardown(void)
{
    session_free(session);
    model_close(model);
}

/* One first step of a sentence with what `row` asks. */
static void step(struct step_row *row)
{
    static const uint32_t ids[] = {5, 6, 7, 0};
    struct source_ids source = {.ids = ids, .n_ids = 4};
    ck_assert(session_encode(session, 1, &source, &row->sentence, &err));
    row->token = 900;
    ck_assert_msg(session_step(session, 1, row, &err), "%s", err.text);
    session_release(session, row->sentence);
}

static bool is_banned(const struct step_row *row, uint32_t token)
{
    for (uint32_t i = 0; i < row->n_banned; i++)
        if (row->banned[i] == token)
            return true;
    return false;
}

static double log_sum_exp(const struct step_row *row, const float *logits)
{
    double sum = 0;
    for (uint32_t i = 0; i < n_vocabulary; i++)
        if (!(row->renormalize && is_banned(row, i)))
            sum += exp((double)logits[i]);
    return log(sum);
}

/* The best by a loop over all for each place. */
static void check_best(const struct step_row *row, const float *logits)
{
    char *taken = calloc(n_vocabulary, 1);
    for (uint32_t place = 0; place < row->n_found; place++) {
        uint32_t best = n_vocabulary;
        for (uint32_t i = 0; i < n_vocabulary; i++)
            if (!taken[i] && !is_banned(row, i) &&
                (best == n_vocabulary || logits[i] > logits[best]))
                best = i;
        taken[best] = 1;
        ck_assert_uint_eq(row->best[place].token, best);
        ck_assert(memcmp(&row->best[place].logit, &logits[best], sizeof(float)) == 0);
    }
    free(taken);
}

START_TEST(best_and_normalizer)
{
    static const uint32_t wanted[] = {0, 1, 511, 512, 900};
    struct candidate best[STEP_MAX_BEST];
    float *logits = calloc(n_vocabulary, sizeof *logits), wanted_logits[5];
    struct step_row first = {.n_best = 30, .best = best, .logits = logits};
    step(&first);
    uint32_t banned[20];
    for (uint32_t i = 0; i < 20; i++)
        banned[i] = best[i].token;
    for (uint32_t i = 1; i < 20; i++) /* ascending, by insertion */
        for (uint32_t j = i; j > 0 && banned[j] < banned[j - 1]; j--) {
            uint32_t swapped = banned[j];
            banned[j] = banned[j - 1];
            banned[j - 1] = swapped;
        }
    static const uint32_t counts[] = {0, 1, 2, 7, 8, 64, STEP_MAX_BEST};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        for (unsigned flags = 0; flags < 8; flags++) {
            struct step_row row = {.n_best = counts[c],
                                   .banned = banned,
                                   .n_banned = flags & 1 ? 20 : 0,
                                   .renormalize = (flags & 2) != 0,
                                   .needs_normalizer = (flags & 4) != 0,
                                   .wanted = wanted,
                                   .n_wanted = 5,
                                   .best = best,
                                   .wanted_logits = wanted_logits,
                                   .logits = logits};
            step(&row);
            ck_assert_uint_eq(row.n_found, counts[c]);
            check_best(&row, logits);
            for (uint32_t i = 0; i < 5; i++)
                ck_assert_float_eq(wanted_logits[i], logits[wanted[i]]);
            if (row.needs_normalizer)
                ck_assert_double_eq_tol(row.log_normalizer, log_sum_exp(&row, logits), 1e-5);
        }
    }
    free(logits);
}
END_TEST

/* All but three tokens banned: three candidates, and the softmax over them alone. */
START_TEST(few_are_left)
{
    uint32_t *banned = calloc(n_vocabulary, sizeof *banned), n = 0;
    float *logits = calloc(n_vocabulary, sizeof *logits);
    struct candidate best[8];
    for (uint32_t i = 0; i < n_vocabulary; i++)
        if (i != 3 && i != 600 && i != 899)
            banned[n++] = i;
    struct step_row row = {.n_best = 8,
                           .banned = banned,
                           .n_banned = n,
                           .renormalize = true,
                           .needs_normalizer = true,
                           .best = best,
                           .logits = logits};
    step(&row);
    ck_assert_uint_eq(row.n_found, 3);
    check_best(&row, logits);
    ck_assert_double_eq_tol(row.log_normalizer, log_sum_exp(&row, logits), 1e-5);
    row = (struct step_row){.n_best = 1, .banned = banned, .n_banned = n, .best = best};
    step(&row);
    ck_assert_uint_eq(row.n_found, 1);
    check_best(&row, logits);
    free(banned);
    free(logits);
}
END_TEST

START_TEST(nothing_is_left)
{
    uint32_t *banned = calloc(n_vocabulary, sizeof *banned);
    struct candidate best[8];
    for (uint32_t i = 0; i < n_vocabulary; i++)
        banned[i] = i;
    struct step_row row = {.n_best = 8,
                           .banned = banned,
                           .n_banned = n_vocabulary,
                           .renormalize = true,
                           .needs_normalizer = true,
                           .best = best};
    step(&row);
    ck_assert_uint_eq(row.n_found, 0);
    ck_assert(isinf(row.log_normalizer) && row.log_normalizer < 0);
    row = (struct step_row){.n_best = 8, .shortlist = banned, .n_shortlist = 0, .best = best};
    step(&row);
    ck_assert_uint_eq(row.n_found, 0);
    free(banned);
}
END_TEST

/* The cross attention of a step is a distribution over the source. */
START_TEST(cross_weights)
{
    struct candidate best;
    float weights[4];
    struct step_row row = {.n_best = 1, .best = &best, .cross_weights = weights};
    step(&row);
    float sum = 0;
    for (int i = 0; i < 4; i++) {
        ck_assert_float_ge(weights[i], 0);
        sum += weights[i];
    }
    ck_assert_float_eq_tol(sum, 1, 1e-5f);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("output");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, best_and_normalizer);
    tcase_add_test(tcase, few_are_left);
    tcase_add_test(tcase, nothing_is_left);
    tcase_add_test(tcase, cross_weights);
    tcase_set_timeout(tcase, 60);
    Suite *suite = suite_create("engine");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
