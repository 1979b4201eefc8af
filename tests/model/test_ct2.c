/* The Hugging Face fixtures written as CTranslate2 directories give the same logits: to the byte
 * from float32, nearly from int8 (whose scales are inverses there). */
#include "model/arch.h"
#include "model/model.h"
#include "tests/support/ct2_writer.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define N_STEPS 4

static struct error err;

/* Logits of a few steps, [N_STEPS][V]. */
static float *logits_of(const struct model *model)
{
    static const uint32_t ids[] = {5, 61, 300, 44, 7, 3}, tokens[N_STEPS] = {0, 17, 300, 2};
    struct session *session;
    struct session_limits limits = {.n_slots = 1, .max_rows = 1, .max_tokens = 16};
    struct source_ids source = {.ids = ids, .n_ids = 6};
    struct candidate best;
    struct step_row row = {.n_best = 1, .best = &best};
    size_t n = model_config(model)->target_vocabulary;
    float *logits = calloc(N_STEPS * n, sizeof *logits);
    ck_assert(session_new(&session, model, &limits, &err));
    ck_assert_msg(session_encode(session, 1, &source, &row.sentence, &err), "%s", err.text);
    for (uint32_t i = 0; i < N_STEPS; i++) {
        row.token = tokens[i];
        row.logits = logits + i * n;
        ck_assert_msg(session_step(session, 1, &row, &err), "%s", err.text);
    }
    session_free(session);
    return logits;
}

static void compare(const char *fixture, enum precision precision, double tolerance)
{
    struct model *original, *written;
    struct model_options options = {.precision = precision};
    struct model_dir dir;
    error_clear(&err);
    ck_assert_msg(model_open(&original, fixture, &options, NULL, &err), "%s", err.text);
    model_dir_new(&dir, NULL);
    write_ct2(&dir, original, precision == PRECISION_F32 ? TENSOR_F32 : TENSOR_I8);
    ck_assert_msg(model_open(&written, dir.path, &options, NULL, &err), "%s", err.text);
    ck_assert_int_eq(model_config(written)->family, FAMILY_CT2);
    const struct generation *wanted = &model_config(original)->generation;
    ck_assert_uint_eq(model_config(written)->generation.start, wanted->pad);
    ck_assert_uint_eq(model_config(written)->generation.eos[0], wanted->eos[0]);
    size_t n = (size_t)N_STEPS * model_config(original)->target_vocabulary;
    float *a = logits_of(original), *b = logits_of(written);
    double difference = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        difference += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        size += (double)a[i] * a[i];
    }
    ck_assert_double_gt(size, 0);
    ck_assert_double_le(sqrt(difference), tolerance * sqrt(size));
    free(a);
    free(b);
    model_close(original);
    model_close(written);
    model_dir_free(&dir);
}

static const char *const fixtures[] = {
    "tests/fixtures/marian_odd", "tests/fixtures/marian_swish_multi",
    "tests/fixtures/m2m100",     "tests/fixtures/mbart50",
    "tests/fixtures/t5",         "tests/fixtures/t5gated_odd"};
#define N_FIXTURES ((int)(sizeof fixtures / sizeof fixtures[0]))

START_TEST(float32_to_the_byte)
{
    compare(fixtures[_i], PRECISION_F32, 0);
}
END_TEST

START_TEST(int8_nearly)
{
    compare(fixtures[_i], PRECISION_INT8, 0.02);
}
END_TEST

/* What config.json says of the tokens around a text, and what the model's own scalars did before.
 */
static const struct {
    const char *json;              /* of version 6; NULL: version 5 */
    const char *const settings[5]; /* of version 5 */
    bool source_bos, source_eos;
    int64_t start; /* -1: the language's */
} tokens[] = {
    {"{}", {NULL}, false, false, 3},
    {"{\"add_source_bos\": true, \"add_source_eos\": false, \"decoder_start_token\": \"</s>\"}",
     {NULL},
     true,
     false,
     0},
    {"{\"add_source_bos\": false, \"add_source_eos\": true, \"decoder_start_token\": null}",
     {NULL},
     false,
     true,
     -1},
    {NULL, {NULL}, false, false, 3},
    {NULL, {"with_source_bos", "!with_target_bos", NULL}, true, false, 0},
    {NULL, {"with_source_eos", "user_decoder_start_tokens", NULL}, false, true, -1},
};

START_TEST(tokens_around)
{
    struct model *original, *written;
    struct model_options options = {.precision = PRECISION_F32};
    struct model_dir dir;
    error_clear(&err);
    ck_assert(model_open(&original, fixtures[0], &options, NULL, &err));
    model_dir_new(&dir, NULL);
    if (tokens[_i].json == NULL) {
        write_ct2_5(&dir, original, tokens[_i].settings);
    } else {
        write_ct2(&dir, original, TENSOR_F32);
        model_dir_write(&dir, "config.json", tokens[_i].json, strlen(tokens[_i].json));
    }
    ck_assert_msg(model_open(&written, dir.path, &options, NULL, &err), "%s", err.text);
    const struct config *c = model_config(written);
    ck_assert_int_eq(c->source_bos, tokens[_i].source_bos);
    ck_assert_int_eq(c->source_eos, tokens[_i].source_eos);
    ck_assert_int_eq(c->generation.start == CONFIG_NONE ? -1 : (int64_t)c->generation.start,
                     tokens[_i].start);
    model_close(original);
    model_close(written);
    model_dir_free(&dir);
}
END_TEST

START_TEST(epsilons)
{
    static const char *const values[] = {"0", "-1e-6", "1e-60", "2", "\"NaN\""};
    struct model *original, *written;
    struct model_options options = {.precision = PRECISION_F32};
    struct model_dir dir;
    char json[64];
    error_clear(&err);
    ck_assert(model_open(&original, fixtures[0], &options, NULL, &err));
    model_dir_new(&dir, NULL);
    write_ct2(&dir, original, TENSOR_F32);
    sprintf(json, "{\"layer_norm_epsilon\": %s}", values[_i]);
    model_dir_write(&dir, "config.json", json, strlen(json));
    ck_assert(!model_open(&written, dir.path, &options, NULL, &err));
    ck_assert_msg(strstr(err.text, "layer_norm_epsilon: must be a number from 1e-30 to 1") != NULL,
                  "%s", err.text);
    model_close(original);
    model_dir_free(&dir);
}
END_TEST

/* A list that is only large: no tree of it is built, which would be 1.5 GB. */
START_TEST(large_list)
{
    const size_t n = _i == 0 ? 15 << 20 : 10;
    static const char *const ends[] = {"]", "] x", ",1]", ""};
    static const char *const faults[] = {"not in the target vocabulary", "text after the end",
                                         "offset ", "offset "};
    struct model *original, *written;
    struct model_options options = {.precision = PRECISION_F32};
    struct model_dir dir;
    struct rusage usage;
    char *list = malloc(n * 4 + 8), *at = list;
    error_clear(&err);
    ck_assert(model_open(&original, fixtures[0], &options, NULL, &err));
    model_dir_new(&dir, NULL);
    write_ct2(&dir, original, TENSOR_F32);
    at += sprintf(at, "[\"a\"");
    for (size_t i = 1; i < n; i++, at += 4)
        memcpy(at, ",\"a\"", 4);
    strcpy(at, ends[_i]);
    model_dir_remove(&dir, "shared_vocabulary.json");
    model_dir_write(&dir, "target_vocabulary.json", list, strlen(list));
    ck_assert(!model_open(&written, dir.path, &options, NULL, &err));
    ck_assert_msg(strstr(err.text, faults[_i]) != NULL, "%s", err.text);
    ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what is freed */
    ck_assert_uint_le((size_t)usage.ru_maxrss,
                      2 * n * 4 / 1024 + 65536); /* `list`, the file, 64 MiB */
#endif
    free(list);
    model_close(original);
    model_dir_free(&dir);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("CTranslate2");
    tcase_add_loop_test(tcase, float32_to_the_byte, 0, N_FIXTURES);
    tcase_add_loop_test(tcase, int8_nearly, 0, N_FIXTURES);
    tcase_add_loop_test(tcase, tokens_around, 0, (int)(sizeof tokens / sizeof tokens[0]));
    tcase_add_loop_test(tcase, epsilons, 0, 5);
    tcase_add_loop_test(tcase, large_list, 0, 4);
    tcase_set_timeout(tcase, 60);
    Suite *suite = suite_create("engine");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
