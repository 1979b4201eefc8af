/* The output layer of models with a preview: the logits it gives are those of the table of halves,
 * its best tokens are the best of those that the narrow product finds, and its normalizer is near
 * that of all the logits. */
#include "tests/support/checkpoints.h"
#include "tests/support/preview_model.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How far log_normalizer may be from that of all the logits, in nats: twice what it was seen to be.
 * The tokens that are not rescored come from the preview by a quick exponential; those of made-up
 * networks have no few directions that a narrow preview could keep to. */
static const double near[PREVIEW_MODELS] = {0.1, 0.25, 0.01, 2, 0.003, 2.9, 0.02, 0.95};

static struct error err;
static struct preview_model preview;

static void setup(void)
{
    error_clear(&err);
}

static void teardown(void)
{
    preview_close(&preview);
}

/* ---- logits -----------------------------------------------------------------------------------
 */

/* The value of a finite IEEE half. */
static double half_value(uint16_t half)
{
    int exponent = half >> 10 & 31, fraction = half & 1023;
    double magnitude = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
    return half & 0x8000 ? -magnitude : magnitude;
}

/* The table's logit of a token for a state; *size is the sum of the products' magnitudes. */
static double plain_logit(const float *state, uint32_t token, double *size)
{
    const uint16_t *row = preview.network->output.w.f16 + (size_t)token * preview.width;
    double bias =
        preview.network->output.bias != NULL ? (double)preview.network->output.bias[token] : 0;
    double sum = bias;
    *size = fabs(bias);
    for (uint32_t i = 0; i < preview.width; i++) {
        double product = (double)state[i] * half_value(row[i]);
        sum += product;
        *size += fabs(product);
    }
    return sum;
}

/* A chain of roundings, each by 2^-24 of what is summed up: width / 16 in a lane and a few more. */
static void check_logit(const float *state, uint32_t token, float logit)
{
    double size, plain = plain_logit(state, token, &size);
    ck_assert_double_eq_tol((double)logit, plain, 16 * 0x1p-24 * size + 1e-30);
}

/* What the halves were made of. */
static void check_table(const struct matrix *w, const struct matrix *from)
{
    float *row = calloc(preview.width, sizeof *row);
    ck_assert_uint_eq(w->n, from->n);
    for (size_t i = 0; i < w->n; i++) {
        matrix_get_channel(from, i, row);
        for (size_t j = 0; j < preview.width; j++)
            ck_assert_uint_eq(w->f16[i * preview.width + j], half_of(row[j]));
    }
    free(row);
}

START_TEST(tables_are_halves)
{
    struct model *plain;
    struct model_options options = {.precision = PRECISION_F32};
    preview_open(&preview, _i);
    ck_assert(model_open(&plain, preview.from, &options, NULL, &err));
    const struct network *from = model_network(plain);
    check_table(&preview.network->output.w, &from->output.w);
    check_table(&preview.network->encoder.embedding, &from->encoder.embedding);
    check_table(&preview.network->decoder.embedding, &from->decoder.embedding);
    model_close(plain);
}
END_TEST

START_TEST(logits_are_the_tables)
{
    struct step_row rows[3];
    uint32_t wanted[45];
    float wanted_logits[3][45];
    preview_open(&preview, _i);
    float *logits = calloc((size_t)3 * preview.n_vocabulary, sizeof *logits);
    for (uint32_t i = 0; i < 45; i++)
        wanted[i] = i * 20 + i % 3;
    for (int all = 0; all < 2; all++) {
        for (uint32_t i = 0; i < 3; i++)
            rows[i] = (struct step_row){.token = 3 + 200 * i,
                                        .wanted = wanted,
                                        .n_wanted = 45,
                                        .wanted_logits = wanted_logits[i],
                                        .logits = all ? logits + i * preview.n_vocabulary : NULL};
        preview_step(&preview, 3, rows);
        for (uint32_t i = 0; i < 3; i++) {
            ck_assert(!rows[i].is_nan);
            for (uint32_t j = 0; j < 45; j++)
                check_logit(preview.states + i * preview.width, wanted[j], wanted_logits[i][j]);
            for (uint32_t j = 0; all && j < preview.n_vocabulary; j++)
                check_logit(preview.states + i * preview.width, j, rows[i].logits[j]);
            for (uint32_t j = 0; all && j < 45; j++)
                ck_assert(memcmp(&wanted_logits[i][j], &rows[i].logits[wanted[j]], sizeof(float)) ==
                          0);
        }
    }
    free(logits);
}
END_TEST

/* ---- the best ---------------------------------------------------------------------------------
 */

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

/* That none of those considered is left out that is better. */
static void check_nothing_better(const struct step_row *row, const float *logits,
                                 const char *considered)
{
    if (row->n_best == 0)
        return;
    float last = row->n_found == row->n_best ? row->best[row->n_found - 1].logit : -INFINITY;
    for (uint32_t i = 0; i < preview.n_vocabulary; i++) {
        if (!considered[i] || !(logits[i] > last) || preview_listed(row->banned, row->n_banned, i))
            continue;
        bool found = false;
        for (uint32_t j = 0; j < row->n_found; j++)
            found |= row->best[j].token == i;
        ck_assert_msg(found, "token %u is left out of the best %u", i, row->n_best);
    }
}

static int descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* The preview's product for state x, as it would be of inputs that are not rounded to int8, and in
 * *off how far those can take it away. */
static void preview_logits(const float *state, double *out, double *off)
{
    const struct matrix *w = &preview.network->preview.product.w,
                        *b = &preview.network->preview.projection;
    double x[128], largest = 0;
    float row[128];
    *off = 0;
    for (size_t r = 0; r < b->n; r++) {
        x[r] = 0;
        matrix_get_channel(b, r, row);
        for (size_t i = 0; i < preview.width; i++)
            x[r] += (double)row[i] * (double)state[i];
        largest = fmax(largest, fabs(x[r]));
    }
    for (size_t j = 0; j < w->n; j++) {
        double sum = 0, size = 0;
        matrix_get_channel(w, j, row);
        for (size_t r = 0; r < w->k; r++) {
            sum += x[r] * (double)row[r];
            size += fabs((double)row[r]);
        }
        out[j] =
            sum +
            (double)(preview.network->output.bias != NULL ? preview.network->output.bias[j] : 0);
        *off = fmax(*off, 1.01 * size * largest / 127 / 2);
    }
}

/* Marks tokens that are for certain among the n best of the preview; the banned are out of it under
 * renormalize. */
static void mark_considered(const struct step_row *row, char *considered)
{
    double *logits = calloc(preview.n_vocabulary, sizeof *logits), off;
    double *sorted = calloc(preview.n_vocabulary, sizeof *sorted);
    uint32_t n = row->n_best + RESCORE_SPARE + (row->renormalize ? 0 : row->n_banned);
    preview_logits(preview.states, logits, &off);
    for (uint32_t i = 0; row->renormalize && i < row->n_banned; i++)
        logits[row->banned[i]] = -INFINITY;
    memcpy(sorted, logits, preview.n_vocabulary * sizeof *sorted);
    qsort(sorted, preview.n_vocabulary, sizeof *sorted, descending);
    for (uint32_t i = 0; i < preview.n_vocabulary; i++)
        considered[i] = n >= preview.n_vocabulary || logits[i] > sorted[n - 1] + 2 * off;
    free(logits);
    free(sorted);
}

static double log_sum_exp(const struct step_row *row, const float *logits)
{
    double sum = 0;
    for (uint32_t i = 0; i < preview.n_vocabulary; i++)
        if (!(row->renormalize && preview_listed(row->banned, row->n_banned, i)))
            sum += exp((double)logits[i]);
    return log(sum);
}

/* Twenty tokens that would be among the best, ascending. */
static void ban_best(const struct candidate *best, uint32_t banned[20])
{
    for (uint32_t i = 0; i < 20; i++) {
        uint32_t j = i;
        for (; j > 0 && banned[j - 1] > best[i].token; j--)
            banned[j] = banned[j - 1];
        banned[j] = best[i].token;
    }
}

/* What is asked with 3 bits of flags. */
static struct step_row asked(uint32_t n_best, unsigned flags, const uint32_t *banned,
                             struct candidate *best)
{
    return (struct step_row){.token = 7,
                             .n_best = n_best,
                             .banned = banned,
                             .n_banned = flags & 1 ? 20 : 0,
                             .renormalize = (flags & 2) != 0,
                             .needs_normalizer = (flags & 4) != 0,
                             .best = best};
}

START_TEST(best_and_normalizer)
{
    static const uint32_t counts[] = {0, 1, 2, 8, 64, STEP_MAX_BEST};
    struct candidate best[STEP_MAX_BEST], again[STEP_MAX_BEST];
    uint32_t banned[20];
    double worst = 0;
    preview_open(&preview, _i);
    char *considered = calloc(preview.n_vocabulary, 1);
    float *logits = calloc(preview.n_vocabulary, sizeof *logits),
          *same = calloc(preview.n_vocabulary, sizeof *same);
    struct step_row first = {.token = 7, .n_best = 30, .best = best, .logits = logits};
    preview_step(&preview, 1, &first);
    check_found(&first, logits);
    ban_best(best, banned);
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++)
        for (unsigned flags = 0; flags < 8; flags++) {
            struct step_row row = asked(counts[c], flags, banned, best), all = row;
            preview_step(&preview, 1, &row);
            ck_assert(!row.is_nan);
            ck_assert_uint_eq(row.n_found, counts[c]);
            check_found(&row, logits);
            memset(considered, 1, preview.n_vocabulary);
            if (!preview.is_full || counts[c] > 8) /* int8 may lose one of many */
                mark_considered(&row, considered);
            check_nothing_better(&row, logits, considered);
            double normalizer = log_sum_exp(&row, logits);
            if (row.needs_normalizer)
                worst = fmax(worst, fabs(row.log_normalizer - normalizer));
            else
                ck_assert_double_eq(row.log_normalizer, 0);
            /* With all logits asked for, the normalizer is exact and the rest as it was. */
            all.logits = same;
            all.best = again;
            preview_step(&preview, 1, &all);
            ck_assert_uint_eq(all.n_found, row.n_found);
            ck_assert_mem_eq(again, best, row.n_found * sizeof best[0]);
            ck_assert_double_eq_tol(all.log_normalizer, normalizer, 1e-5);
            for (uint32_t i = 0; i < preview.n_vocabulary; i++)
                if (all.renormalize && preview_listed(all.banned, all.n_banned, i))
                    ck_assert(same[i] == -INFINITY);
                else
                    ck_assert(memcmp(&same[i], &logits[i], sizeof(float)) == 0);
        }
    ck_assert_double_lt(worst, near[_i]);
    ck_assert_double_gt(worst, 0); /* or it was not the preview's */
    free(considered);
    free(logits);
    free(same);
}
END_TEST

/* Tokens 450 apart are the same token twice. */
static void make_twins(void)
{
    const struct linear *output = &preview.network->output;
    struct matrix *w = &preview.network->preview.product.w;
    int8_t row[128];
    for (uint32_t i = 0; i < 450; i++) {
        memcpy(output->w.f16 + (size_t)(i + 450) * preview.width,
               output->w.f16 + (size_t)i * preview.width, preview.width * sizeof(uint16_t));
        matrix_get_channel_i8(w, i, row);
        matrix_set_channel_i8(w, i + 450, row, w->scales[i]);
        if (output->bias != NULL)
            output->bias[i + 450] = output->bias[i];
    }
}

START_TEST(the_lower_of_equals)
{
    struct candidate best[STEP_MAX_BEST];
    uint32_t n_twins = 0;
    preview_open(&preview, _i);
    make_twins();
    float *logits = calloc(preview.n_vocabulary, sizeof *logits);
    for (uint32_t n_best = 1; n_best < 65; n_best++) {
        struct step_row row = {.token = 7, .n_best = n_best, .best = best, .logits = logits};
        preview_step(&preview, 1, &row);
        ck_assert_uint_eq(row.n_found, n_best);
        check_found(&row, logits);
        for (uint32_t i = 0; i < n_best; i++)
            if (best[i].token >= 450 && best[i].token < 900) {
                ck_assert_uint_gt(i, 0);
                ck_assert_uint_eq(best[i - 1].token, best[i].token - 450);
                n_twins++;
            }
    }
    ck_assert_uint_gt(n_twins, 500);
    free(logits);
}
END_TEST

/* One answer of a step of several sentences, by greedy search without scores. */
START_TEST(greedy)
{
    uint32_t n_same = 0, n = 0;
    preview_open(&preview, _i);
    float *logits = calloc(preview.n_vocabulary, sizeof *logits);
    for (uint32_t token = 3; token < 900; token += 31, n++) {
        struct candidate best, with;
        struct step_row row = {.token = token, .n_best = 1, .best = &best};
        preview_step(&preview, 1, &row);
        ck_assert_uint_eq(row.n_found, 1);
        ck_assert_double_eq(row.log_normalizer, 0);
        row.best = &with;
        row.logits = logits;
        row.needs_normalizer = true;
        preview_step(&preview, 1, &row);
        ck_assert_mem_eq(&with, &best, sizeof best);
        check_logit(preview.states, best.token, best.logit);
        uint32_t highest = 0;
        for (uint32_t i = 1; i < preview.n_vocabulary; i++)
            highest = logits[i] > logits[highest] ? i : highest;
        n_same += best.token == highest;
    }
    ck_assert_uint_ge(n_same, preview.is_full ? n : n / 2);
    free(logits);
}
END_TEST

/* All but three tokens banned: three candidates, all of them rescored. */
START_TEST(few_are_left)
{
    preview_open(&preview, _i);
    uint32_t *banned = calloc(preview.n_vocabulary, sizeof *banned), n = 0;
    float *logits = calloc(preview.n_vocabulary, sizeof *logits);
    char *considered = malloc(preview.n_vocabulary);
    struct candidate best[8];
    memset(considered, 1, preview.n_vocabulary);
    struct step_row row = {.token = 5, .logits = logits};
    preview_step(&preview, 1, &row);
    for (uint32_t i = 0; i < preview.n_vocabulary; i++)
        if (i != 3 && i != 600 && i != 899)
            banned[n++] = i;
    row = (struct step_row){.token = 5,
                            .n_best = 8,
                            .banned = banned,
                            .n_banned = n,
                            .renormalize = true,
                            .needs_normalizer = true,
                            .best = best};
    preview_step(&preview, 1, &row);
    ck_assert_uint_eq(row.n_found, 3);
    check_found(&row, logits);
    ck_assert_double_eq_tol(row.log_normalizer, log_sum_exp(&row, logits), 1e-5);
    for (uint32_t n_best = 1; n_best < 9; n_best += 7) {
        row = (struct step_row){.token = 5,
                                .n_best = n_best,
                                .banned = banned,
                                .n_banned = n,
                                .needs_normalizer = true,
                                .best = best};
        preview_step(&preview, 1, &row);
        ck_assert_uint_eq(row.n_found, n_best < 3 ? n_best : 3);
        check_found(&row, logits);
        check_nothing_better(&row, logits, considered);
        /* The banned are kept too, so that the room holds all: nothing is left to the preview. */
        ck_assert_double_eq_tol(row.log_normalizer, log_sum_exp(&row, logits), 1e-5);
    }
    free(considered);
    free(banned);
    free(logits);
}
END_TEST

START_TEST(nothing_is_left)
{
    preview_open(&preview, _i);
    uint32_t *banned = calloc(preview.n_vocabulary, sizeof *banned);
    struct candidate best[8];
    for (uint32_t i = 0; i < preview.n_vocabulary; i++)
        banned[i] = i;
    struct step_row row = {.n_best = 8,
                           .banned = banned,
                           .n_banned = preview.n_vocabulary,
                           .renormalize = true,
                           .needs_normalizer = true,
                           .best = best};
    preview_step(&preview, 1, &row);
    ck_assert(!row.is_nan);
    ck_assert_uint_eq(row.n_found, 0);
    ck_assert(isinf(row.log_normalizer) && row.log_normalizer < 0);
    row.renormalize = false; /* no candidate, but all of the softmax */
    preview_step(&preview, 1, &row);
    ck_assert_uint_eq(row.n_found, 0);
    ck_assert(isfinite(row.log_normalizer));
    row = (struct step_row){.n_best = 8, .shortlist = banned, .n_shortlist = 0, .best = best};
    preview_step(&preview, 1, &row);
    ck_assert_uint_eq(row.n_found, 0);
    free(banned);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("preview");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, tables_are_halves, 0, PREVIEW_MODELS);
    tcase_add_loop_test(tcase, logits_are_the_tables, 0, PREVIEW_MODELS);
    tcase_add_loop_test(tcase, best_and_normalizer, 0, PREVIEW_MODELS);
    tcase_add_loop_test(tcase, the_lower_of_equals, 0, PREVIEW_MODELS);
    tcase_add_loop_test(tcase, greedy, 0, PREVIEW_MODELS);
    tcase_add_loop_test(tcase, few_are_left, 0, PREVIEW_MODELS);
    tcase_add_loop_test(tcase, nothing_is_left, 0, PREVIEW_MODELS);
    tcase_set_timeout(tcase, 120);
    Suite *suite = suite_create("engine");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
