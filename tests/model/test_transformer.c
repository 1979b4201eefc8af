/* The engine against the reference implementation's results on the tiny checkpoints of
 * tests/fixtures: encoder outputs, greedy translations; and the promise of the same bytes for any
 * kernel table, any neighbours in the batch, any team. */
#include "base/json.h"
#include "base/team.h"
#include "model/arch.h"
#include "model/model.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIXTURES "tests/fixtures/"

static const char *const fixtures[] = {"marian", "marian_odd", "marian_swish_multi",
                                       "m2m100", "nllb",       "mbart50",
                                       "t5",     "t5gated",    "t5gated_odd"};
#define N_FIXTURES ((int)(sizeof fixtures / sizeof fixtures[0]))

struct golden {
    cJSON *entries, *arguments;
    char directory[128];
};

static struct error err;

static void golden_load(struct golden *golden, const char *name)
{
    error_clear(&err);
    snprintf(golden->directory, sizeof golden->directory, FIXTURES "%s", name);
    ck_assert_msg(json_load(&golden->entries, golden->directory, "golden.json", 1 << 20, &err),
                  "%s", err.text);
    golden->arguments = NULL;
    if (file_exists(golden->directory, "golden_args.json"))
        ck_assert(
            json_load(&golden->arguments, golden->directory, "golden_args.json", 1 << 20, &err));
}

static void golden_free(struct golden *golden)
{
    cJSON_Delete(golden->entries);
    cJSON_Delete(golden->arguments);
}

static uint32_t list(const cJSON *array, uint32_t *out)
{
    uint32_t n = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, array) out[n++] = (uint32_t)item->valuedouble;
    return n;
}

static struct model *open_model(const char *directory, enum precision precision,
                                const struct kernels *kernels)
{
    struct model *model;
    struct model_options options = {.precision = precision, .kernels = kernels};
    error_clear(&err);
    ck_assert_msg(model_open(&model, directory, &options, NULL, &err), "%s", err.text);
    return model;
}

static struct session *open_session(const struct model *model, uint32_t max_rows, struct team *team)
{
    struct session *session;
    struct session_limits limits = {
        .n_slots = 2, .max_rows = max_rows, .max_tokens = 64, .team = team};
    ck_assert_msg(session_new(&session, model, &limits, &err), "%s", err.text);
    return session;
}

START_TEST(encoder_agrees_with_the_reference)
{
    struct golden golden;
    golden_load(&golden, fixtures[_i]);
    struct model *model = open_model(golden.directory, PRECISION_F32, NULL);
    struct session *session = open_session(model, 4, NULL);
    size_t width = model_config(model)->width;
    const cJSON *entry;
    cJSON_ArrayForEach(entry, golden.entries)
    {
        uint32_t ids[512];
        struct source_ids source = {.ids = ids};
        struct sentence *sentence;
        source.n_ids = list(cJSON_GetObjectItem(entry, "input_ids"), ids);
        ck_assert_msg(session_encode(session, 1, &source, &sentence, &err), "%s", err.text);
        const float *out = session_encoder_output(session);
        const cJSON *value;
        size_t i = 0;
        cJSON_ArrayForEach(value, cJSON_GetObjectItem(entry, "encoder_first4"))
        {
            ck_assert_double_eq_tol(out[i], value->valuedouble,
                                    1e-4 * (1 + fabs(value->valuedouble)));
            i++;
        }
        double sum = 0;
        for (i = 0; i < source.n_ids * width; i++)
            sum += (double)out[i] * out[i];
        double norm = cJSON_GetObjectItem(entry, "encoder_l2")->valuedouble;
        ck_assert_double_eq_tol(sqrt(sum), norm, 1e-4 * norm);
        session_release(session, sentence);
    }
    session_free(session);
    model_close(model);
    golden_free(&golden);
}
END_TEST

/* Greedy search with the processors the fixtures' generation configs ask for. */
static uint32_t greedy(struct session *session, const struct model *model,
                       struct sentence *sentence, uint32_t forced, uint32_t *out, uint32_t most)
{
    const struct generation *g = &model_config(model)->generation;
    uint32_t n = 0, token = g->start;
    while (n < most) {
        struct candidate best = {0};
        struct step_row row = {.sentence = sentence,
                               .slot = n % 2,
                               .parent = n == 0 ? 0 : 1 - n % 2,
                               .token = token,
                               .n_best = 1,
                               .banned = g->banned,
                               .n_banned = g->n_banned,
                               .best = &best};
        ck_assert_msg(session_step(session, 1, &row, &err), "%s", err.text);
        ck_assert_uint_eq(row.n_found, 1);
        token = best.token;
        if (n == 0 && forced != CONFIG_NONE)
            token = forced;
        if (n + 1 == most && g->forced_eos != CONFIG_NONE)
            token = g->forced_eos;
        out[n++] = token;
        if (token == g->eos[0])
            break;
    }
    return n;
}

START_TEST(greedy_agrees_with_the_reference)
{
    struct golden golden;
    golden_load(&golden, fixtures[_i]);
    struct model *model = open_model(golden.directory, PRECISION_F32, NULL);
    struct session *session = open_session(model, 4, NULL);
    uint32_t forced = CONFIG_NONE;
    if (golden.arguments != NULL)
        forced = (uint32_t)cJSON_GetObjectItem(golden.arguments, "forced_bos_token_id")->valueint;
    const cJSON *entry;
    cJSON_ArrayForEach(entry, golden.entries)
    {
        uint32_t ids[512], wanted[512], got[64];
        struct source_ids source = {.ids = ids};
        struct sentence *sentence;
        source.n_ids = list(cJSON_GetObjectItem(entry, "input_ids"), ids);
        const cJSON *first = cJSON_GetArrayItem(cJSON_GetObjectItem(entry, "greedy"), 0);
        uint32_t n_wanted = list(cJSON_GetObjectItem(first, "ids"), wanted);
        ck_assert_msg(session_encode(session, 1, &source, &sentence, &err), "%s", err.text);
        uint32_t n = greedy(session, model, sentence, forced, got,
                            model_config(model)->generation.max_length);
        ck_assert_uint_eq(n + 1, n_wanted); /* the reference's begin with the start token */
        for (uint32_t i = 0; i < n; i++)
            ck_assert_msg(got[i] == wanted[i + 1], "%s: token %u: %u, wanted %u", fixtures[_i], i,
                          got[i], wanted[i + 1]);
        session_release(session, sentence);
    }
    session_free(session);
    model_close(model);
    golden_free(&golden);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("transformer");
    tcase_add_loop_test(tcase, encoder_agrees_with_the_reference, 0, N_FIXTURES);
    tcase_add_loop_test(tcase, greedy_agrees_with_the_reference, 0, N_FIXTURES);
    tcase_set_timeout(tcase, 60);
    Suite *suite = suite_create("engine");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
