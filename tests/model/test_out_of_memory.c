/* Loading a model, encoding and stepping, with the first, second, third ... allocation failing:
 * each ends in one clean fault, and nothing is leaked or left half done. */
#include "base/team.h"
#include "model/arch.h"
#include "model/calibrated.h"
#include "model/model.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static long until_failure = -1; /* allocations that still succeed; negative: all do */

/* Stands before the C library's: base/memory.c has all its memory from here. */
void *aligned_alloc(size_t alignment, size_t size)
{
    void *pointer;
    if (until_failure == 0)
        return NULL;
    if (until_failure > 0)
        until_failure--;
    return posix_memalign(&pointer, alignment, size) == 0 ? pointer : NULL;
}

static const char *const fixtures[] = {"tests/fixtures/marian_odd", "tests/fixtures/t5gated_odd",
                                       "tests/fixtures/npz_ssru/model.npz"};

/* Two sentences, a few steps, one with a shortlist and a long list of candidates. */
static bool translate(const char *path, struct error *err)
{
    struct model *model = NULL;
    struct session *session = NULL;
    struct team *team = NULL;
    struct model_options options = {0};
    static const uint32_t ids[40] = {5, 6, 7, 8}, tokens[] = {2, 3, 4, 700};
    struct source_ids sources[2] = {{ids, 4}, {ids, 40}};
    struct sentence *sentences[2];
    struct candidate best[2][40];
    bool ok = team_new(&team, 2, err) && model_open(&model, path, &options, NULL, err);
    struct session_limits limits = {.n_slots = 2, .max_rows = 2, .max_tokens = 16, .team = team};
    ok = ok && session_new(&session, model, &limits, err) &&
         session_encode(session, 2, sources, sentences, err);
    for (uint32_t step = 0; ok && step < 40; step++) {
        struct step_row rows[2] = {{.sentence = sentences[0],
                                    .slot = step % 2,
                                    .parent = (step + 1) % 2,
                                    .token = 9,
                                    .n_best = 40,
                                    .needs_normalizer = true,
                                    .best = best[0]},
                                   {.sentence = sentences[1],
                                    .token = 9,
                                    .n_best = 2,
                                    .shortlist = tokens,
                                    .n_shortlist = 4,
                                    .best = best[1]}};
        ok = session_step(session, 2, rows, err);
    }
    session_free(session);
    model_close(model);
    team_free(team);
    return ok;
}

START_TEST(every_allocation_may_fail)
{
    for (long n = 0;; n++) {
        struct error err = {0};
        until_failure = n;
        bool ok = translate(fixtures[_i], &err);
        until_failure = -1;
        if (ok) {
            ck_assert_int_gt(n, 60);
            return;
        }
        ck_assert_msg(strstr(err.text, "out of memory") != NULL, "allocation %ld: %s", n, err.text);
    }
}
END_TEST

/* A few rows through the float model, its int8 network, and a preview of its output layer. */
static bool calibrate(const char *path, struct error *err)
{
    struct model *model = NULL;
    struct session *session = NULL;
    struct calibration *calibration = NULL;
    struct arena arena = {0};
    struct network network;
    struct model_options options = {.precision = PRECISION_F32};
    static const uint32_t ids[8] = {5, 6, 7, 8};
    struct candidate best;
    struct source_ids source = {ids, 8};
    struct step_row row = {.token = 9, .n_best = 1, .best = &best};
    struct session_limits limits = {.n_slots = 1, .max_rows = 1, .max_tokens = 16};
    bool ok = model_open(&model, path, &options, NULL, err);
    if (ok) {
        calibration = calibration_new(model_network(model), model_kernels(model), err);
        ok = calibration != NULL;
    }
    struct calibrated_options how = {.calibration = calibration, .preview_rank = 2};
    if (ok) {
        limits.observer = calibration_observer(calibration);
        how.kernels = model_kernels(model);
        how.output = &model_network(model)->output.w;
    }
    ok = ok && session_new(&session, model, &limits, err) &&
         session_encode(session, 1, &source, &row.sentence, err) &&
         session_step(session, 1, &row, err) && calibration_finish(calibration, err) &&
         calibrated_network(&network, model_network(model), model_config(model), &how, &arena, err);
    session_free(session);
    calibration_free(calibration);
    model_close(model);
    arena_free(&arena);
    return ok;
}

START_TEST(calibrating)
{
    for (long n = 0;; n++) {
        struct error err = {0};
        until_failure = n;
        bool ok = calibrate(fixtures[_i], &err);
        until_failure = -1;
        if (ok) {
            ck_assert_int_gt(n, 100);
            return;
        }
        ck_assert_msg(strstr(err.text, "out of memory") != NULL, "allocation %ld: %s", n, err.text);
    }
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("out of memory");
    tcase_add_loop_test(tcase, every_allocation_may_fail, 0, 3);
    tcase_add_loop_test(tcase, calibrating, 0, 1);
    tcase_set_timeout(tcase, 120);
    Suite *suite = suite_create("model");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
