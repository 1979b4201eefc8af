/* Whole searches over the tiny checkpoints against what the reference implementation found: greedy,
 * four beams with the four best, five beams with length penalty 0.6 and early stopping. */
#include "base/json.h"
#include "model/beam.h"
#include "model/model.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const fixtures[] = {"marian", "marian_odd", "marian_swish_multi",
                                       "m2m100", "nllb",       "mbart50",
                                       "t5",     "t5gated",    "t5gated_odd"};
#define N_FIXTURES ((int)(sizeof fixtures / sizeof fixtures[0]))

/* Scores this close may change places. */
#define NEAR_TIE 1e-5

struct golden_model {
    cJSON *entries;
    struct model *model;
    struct generation generation;
};

static void load(struct golden_model *golden, const char *name)
{
    struct error err = {0};
    char directory[128];
    snprintf(directory, sizeof directory, "tests/fixtures/%s", name);
    struct model_options options = {.precision = PRECISION_F32};
    ck_assert_msg(model_open(&golden->model, directory, &options, NULL, &err), "%s", err.text);
    ck_assert(json_load(&golden->entries, directory, "golden.json", 1 << 20, &err));
    golden->generation = model_config(golden->model)->generation;
    cJSON *arguments = NULL;
    if (file_exists(directory, "golden_args.json") &&
        json_load(&arguments, directory, "golden_args.json", 1 << 20, &err))
        golden->generation.forced_bos =
            (uint32_t)cJSON_GetObjectItem(arguments, "forced_bos_token_id")->valuedouble;
    cJSON_Delete(arguments);
}

static void unload(struct golden_model *golden)
{
    cJSON_Delete(golden->entries);
    model_close(golden->model);
}

/* True if result tokens are the reference's ids (start token first, padded at the end). */
static bool same_ids(const struct golden_model *golden, const cJSON *ids,
                     const struct search_result *result)
{
    uint32_t at = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, ids)
    {
        uint32_t id = (uint32_t)item->valuedouble;
        uint32_t expected = at == 0                  ? golden->generation.start
                            : at <= result->n_tokens ? result->tokens[at - 1]
                                                     : golden->generation.pad;
        if (id != expected)
            return false;
        at++;
    }
    return at > result->n_tokens;
}

/* One source through the search; the results are compared with the list `expected`. */
static void compare(struct golden_model *golden, struct search *search, struct session *session,
                    const cJSON *entry, const char *key)
{
    struct error err = {0};
    uint32_t ids[512];
    struct source_ids source = {.ids = ids};
    struct sentence *sentence;
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(entry, "input_ids")) ids[source.n_ids++] =
        (uint32_t)item->valuedouble;
    ck_assert(session_encode(session, 1, &source, &sentence, &err));
    struct search_request request = {.source_length = source.n_ids,
                                     .max_length = golden->generation.max_length};
    ck_assert(search_begin(search, &request, &err));
    while (!search_done(search)) {
        struct step_row rows[8];
        uint32_t n = search_rows(search, sentence, rows);
        ck_assert_msg(session_step(session, n, rows, &err), "%s", err.text);
        ck_assert(search_advance(search, rows, &err));
    }
    session_release(session, sentence);
    const cJSON *expected = cJSON_GetObjectItem(entry, key);
    uint32_t rank = 0;
    double previous = INFINITY;
    cJSON_ArrayForEach(item, expected)
    {
        struct search_result result;
        ck_assert(search_result(search, rank, &result));
        const cJSON *score = cJSON_GetObjectItem(item, "score");
        if (score != NULL && cJSON_IsNumber(score))
            ck_assert_double_eq_tol(result.score, score->valuedouble, 1e-4);
        bool tie = fabs(previous - result.score) < NEAR_TIE;
        ck_assert_msg(tie || same_ids(golden, cJSON_GetObjectItem(item, "ids"), &result),
                      "%s: rank %u of %s differs", key, rank,
                      cJSON_GetObjectItem(entry, "src")->valuestring);
        previous = result.score;
        rank++;
    }
}

static void compare_all(struct golden_model *golden, const char *key, uint32_t n_best)
{
    struct error err = {0};
    struct search_options options = {.generation = &golden->generation,
                                     .vocabulary = model_config(golden->model)->target_vocabulary,
                                     .n_best = n_best,
                                     .scores = true};
    struct search *search;
    ck_assert(search_new(&search, &options, &err));
    struct session *session;
    struct session_limits limits = {
        .n_slots = search_max_rows(&options), .max_rows = 8, .max_tokens = 64};
    ck_assert(session_new(&session, golden->model, &limits, &err));
    const cJSON *entry;
    cJSON_ArrayForEach(entry, golden->entries) compare(golden, search, session, entry, key);
    session_free(session);
    search_free(search);
}

START_TEST(greedy)
{
    struct golden_model golden;
    load(&golden, fixtures[_i]);
    golden.generation.num_beams = 1;
    compare_all(&golden, "greedy", 1);
    unload(&golden);
}
END_TEST

START_TEST(beam4)
{
    struct golden_model golden;
    load(&golden, fixtures[_i]);
    golden.generation.num_beams = 4;
    compare_all(&golden, "beam4", 4);
    unload(&golden);
}
END_TEST

START_TEST(beam5_early_stopping)
{
    struct golden_model golden;
    load(&golden, fixtures[_i]);
    golden.generation.num_beams = 5;
    golden.generation.length_penalty = 0.6f;
    golden.generation.stop = STOP_FINISHED;
    compare_all(&golden, "beam5_lp06", 1);
    unload(&golden);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("search");
    TCase *cases = tcase_create("search");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, greedy, 0, N_FIXTURES);
    tcase_add_loop_test(cases, beam4, 0, N_FIXTURES);
    tcase_add_loop_test(cases, beam5_early_stopping, 0, N_FIXTURES);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
