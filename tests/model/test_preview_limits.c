/* The output layer of models with a preview, where not all is considered or not all is a number:
 * shortlists, and states and previews that overflow. */
#include "tests/support/preview_model.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How far log_normalizer may be from that of the listed tokens' logits, in nats: twice what it was
 * seen to be. The tokens that are not rescored come from an int8 product. */
#define NEAR 0.004

static struct preview_model preview;

static void setup(void)
{
}

static void teardown(void)
{
    preview_close(&preview);
}

/* In order, with the table's logits, none twice, none banned. */
static void check_found(const struct step_row *row, const float *logits)
{
    for (uint32_t i = 0; i < row->n_found; i++) {
        const struct candidate *at = &row->best[i];
        ck_assert_uint_lt(at->token, preview.n_vocabulary);
        ck_assert(memcmp(&at->logit, &logits[at->token], sizeof(float)) == 0);
        ck_assert(!preview_listed(row->banned, row->n_banned, at->token));
        if (i > 0)
            ck_assert(at->logit < at[-1].logit ||
                      (at->logit == at[-1].logit && at->token > at[-1].token));
    }
}

/* ---- shortlists -------------------------------------------------------------------------------
 */

static void check_shortlist(const uint32_t *list, uint32_t n_list, uint32_t n_best, unsigned flags,
                            const float *logits, double *worst)
{
    static uint32_t wanted[] = {2, 5, 6, 511, 513, 700}, banned[] = {5, 9, 513};
    struct candidate best[STEP_MAX_BEST];
    float wanted_logits[6], *listed = calloc(preview.n_vocabulary, sizeof *listed);
    double sum = 0;
    uint32_t n_left = n_list;
    struct step_row row = {.token = 7,
                           .n_best = n_best,
                           .banned = banned,
                           .n_banned = flags & 1 ? 3 : 0,
                           .renormalize = (flags & 2) != 0,
                           .needs_normalizer = true,
                           .wanted = wanted,
                           .n_wanted = 6,
                           .shortlist = list,
                           .n_shortlist = n_list,
                           .best = best,
                           .wanted_logits = wanted_logits};
    preview_step(&preview, 1, &row);
    for (uint32_t i = 0; i < n_list; i++)
        if (!preview_listed(banned, row.n_banned, list[i]) || !row.renormalize)
            sum += exp((double)logits[list[i]]);
    for (uint32_t i = 0; i < row.n_banned; i++)
        n_left -= preview_listed(list, n_list, banned[i]);
    ck_assert_uint_eq(row.n_found, n_best < n_left ? n_best : n_left);
    check_found(&row, logits);
    for (uint32_t i = 0; i < row.n_found; i++)
        ck_assert(preview_listed(list, n_list, best[i].token));
    for (uint32_t i = 0; i < 6; i++)
        ck_assert(preview_listed(list, n_list, wanted[i]) ? wanted_logits[i] == logits[wanted[i]]
                                                          : wanted_logits[i] == -INFINITY);
    /* What is listed is rescored whole if it is short. */
    bool whole = n_list <= n_best + RESCORE_SPARE;
    ck_assert_double_eq_tol(row.log_normalizer, log(sum), whole ? 1e-5 : NEAR);
    if (!whole)
        *worst = fmax(*worst, fabs(row.log_normalizer - log(sum)));
    row.logits = listed;
    preview_step(&preview, 1, &row);
    ck_assert_double_eq_tol(row.log_normalizer, log(sum), 1e-5);
    for (uint32_t i = 0; i < preview.n_vocabulary; i++)
        if (!preview_listed(list, n_list, i) ||
            (row.renormalize && preview_listed(banned, row.n_banned, i)))
            ck_assert(listed[i] == -INFINITY);
        else
            ck_assert(memcmp(&listed[i], &logits[i], sizeof(float)) == 0);
    free(listed);
}

START_TEST(shortlists)
{
    static const uint32_t few[] = {2, 5, 17, 511, 512, 700};
    uint32_t many[800], n_many = 0;
    double worst = 0;
    preview_open(&preview, _i);
    float *logits = calloc(preview.n_vocabulary, sizeof *logits);
    struct step_row row = {.token = 7, .logits = logits};
    preview_step(&preview, 1, &row);
    for (uint32_t i = 0; i < preview.n_vocabulary && n_many < 800; i++)
        if (i % 9 != 6)
            many[n_many++] = i;
    for (unsigned flags = 0; flags < 4; flags++)
        for (uint32_t n_best = 1; n_best <= 64; n_best *= 4) {
            check_shortlist(few, 6, n_best, flags, logits, &worst);
            check_shortlist(many, n_many, n_best, flags, logits, &worst);
        }
    ck_assert_double_gt(worst, 0);
    free(logits);
}
END_TEST

/* ---- what is not a number ---------------------------------------------------------------------
 */

/* The decoder's inputs, apart from the output's table, with a row that is NaN or infinite. */
static uint16_t *spoil_input(uint32_t token, uint16_t half)
{
    struct matrix *w = &preview.network->decoder.embedding;
    uint16_t *copy = malloc(w->n * w->k * sizeof *copy);
    memcpy(copy, w->f16, w->n * w->k * sizeof *copy);
    copy[(size_t)token * w->k + 3] = half;
    w->f16 = copy;
    return copy;
}

struct answer {
    struct candidate best[8];
    float wanted[2], *logits;
};

static void ask_three(uint32_t middle, bool normalizer, bool all, struct step_row rows[3],
                      struct answer answers[3])
{
    static const uint32_t wanted[] = {1, 600};
    for (uint32_t i = 0; i < 3; i++) {
        rows[i] = (struct step_row){.token = i == 1 ? middle : 5 + i,
                                    .n_best = normalizer ? 8 : 1,
                                    .needs_normalizer = normalizer,
                                    .wanted = wanted,
                                    .n_wanted = 2,
                                    .best = answers[i].best,
                                    .wanted_logits = answers[i].wanted,
                                    .logits = all ? answers[i].logits : NULL};
        memset(answers[i].logits, 0, preview.n_vocabulary * sizeof(float));
    }
    preview_step(&preview, 3, rows);
}

START_TEST(a_row_that_is_nan)
{
    struct step_row good[3], bad[3];
    struct answer a[3], b[3];
    preview_open(&preview, _i);
    uint16_t *spoiled = spoil_input(9, _i % 4 < 2 ? 0x7e00 : 0x7c00);
    for (uint32_t i = 0; i < 3; i++) {
        a[i].logits = calloc(preview.n_vocabulary, sizeof(float));
        b[i].logits = calloc(preview.n_vocabulary, sizeof(float));
    }
    for (unsigned flags = 0; flags < 4; flags++) {
        bool normalizer = (flags & 1) != 0, all = (flags & 2) != 0;
        ask_three(8, normalizer, all, good, a);
        ask_three(9, normalizer, all, bad, b);
        ck_assert(bad[1].is_nan && !good[1].is_nan);
        ck_assert_uint_eq(bad[1].n_found, 0);
        for (uint32_t i = 0; i < 3; i += 2) {
            ck_assert(!bad[i].is_nan);
            ck_assert_uint_eq(bad[i].n_found, normalizer ? 8 : 1);
            ck_assert_mem_eq(a[i].best, b[i].best, bad[i].n_found * sizeof(struct candidate));
            ck_assert_mem_eq(a[i].wanted, b[i].wanted, sizeof a[i].wanted);
            ck_assert_mem_eq(a[i].logits, b[i].logits, preview.n_vocabulary * sizeof(float));
            ck_assert(good[i].log_normalizer == bad[i].log_normalizer);
        }
    }
    for (uint32_t i = 0; i < 3; i++) {
        free(a[i].logits);
        free(b[i].logits);
    }
    preview_renew(&preview);
    free(spoiled);
}
END_TEST

/* A logit that is infinite, in the table or in the preview alone: the row is no number, or all that
 * is said of it is one. */
static void check_clean(bool must_be_nan)
{
    struct candidate best[8];
    float wanted_logit;
    static const uint32_t wanted = 1, few[] = {2, 5, 600};
    for (unsigned flags = 0; flags < 4; flags++) {
        struct step_row row = {.token = 7,
                               .n_best = flags & 1 ? 1 : 8,
                               .needs_normalizer = (flags & 1) == 0,
                               .wanted = &wanted,
                               .n_wanted = 1,
                               .shortlist = flags & 2 ? few : NULL,
                               .n_shortlist = 3,
                               .best = best,
                               .wanted_logits = &wanted_logit};
        preview_step(&preview, 1, &row);
        ck_assert(row.is_nan || !must_be_nan || flags & 2);
        ck_assert(!row.is_nan || row.n_found == 0);
        for (uint32_t i = 0; i < row.n_found; i++)
            ck_assert(isfinite(best[i].logit));
        if (!row.is_nan && row.needs_normalizer)
            ck_assert_msg(isfinite(row.log_normalizer), "%g", row.log_normalizer);
    }
}

START_TEST(states_that_overflow)
{
    preview_open(&preview, _i);
    struct norm *norm = &preview.network->decoder.final_norm;
    if (norm->gain == NULL)
        norm = &preview.network->decoder.layers[preview.network->decoder.n_layers - 1].ffn.after;
    for (uint32_t i = 0; i < preview.width; i++)
        norm->gain[i] = 1e38f;
    check_clean(true);
}
END_TEST

/* Of the preview alone: of every other token; or of one, 5 or its opposite 6, which then is all of
 * the sum, so that nothing remains of that without the rescored. */
START_TEST(a_preview_that_overflows)
{
    static const float scales[] = {10, 1000, 1e34f, 3e38f};
    preview_open(&preview, _i);
    struct matrix *w = &preview.network->preview.product.w;
    int8_t row[128];
    matrix_get_channel_i8(w, 5, row);
    for (size_t i = 0; i < w->k; i++)
        row[i] = (int8_t)-row[i];
    matrix_set_channel_i8(w, 6, row, w->scales[5]);
    for (size_t f = 0; f < 4; f++)
        for (int one = 0; one < 2; one++) {
            for (size_t i = 0; i < w->n; i++)
                w->scales[i] = (one ? i == 5 || i == 6 : i % 2 == 0) ? scales[f] : 1e-3f;
            preview_renew(&preview);
            check_clean(!one && f == 3);
        }
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("preview limits");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, shortlists, 0, PREVIEW_MODELS);
    tcase_add_loop_test(tcase, a_row_that_is_nan, 0, PREVIEW_MODELS);
    tcase_add_loop_test(tcase, states_that_overflow, 0, PREVIEW_MODELS);
    tcase_add_loop_test(tcase, a_preview_that_overflows, 0, PREVIEW_MODELS);
    tcase_set_timeout(tcase, 120);
    Suite *suite = suite_create("engine");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
