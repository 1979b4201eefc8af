/* Faults in checkpoints: all are found before anything is loaded, and named with what was expected.
 * Values that are not finite; stored int8; failing allocations. */
#include "model/arch.h"
#include "model/model.h"
#include "tests/support/model_dir.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARIAN "tests/fixtures/marian"

static struct error err;
static struct model_dir dir;
static char *bytes; /* of model.safetensors, to be spoiled */
static size_t n_bytes;

static void setup(void)
{
    error_clear(&err);
    model_dir_new(&dir, MARIAN);
    bytes = model_dir_read(MARIAN "/model.safetensors", &n_bytes);
}

static void teardown(void)
{
    model_dir_free(&dir);
    free(bytes);
}

/* Where `text` stands in the header. */
static char *find(const char *text)
{
    char *at = memmem(bytes, n_bytes, text, strlen(text));
    ck_assert_msg(at != NULL, "%s", text);
    return at;
}

static void replace(const char *old, const char *new)
{
    ck_assert_uint_eq(strlen(old), strlen(new));
    memcpy(find(old), new, strlen(new));
}

/* The first value of a tensor. */
static char *values_of(const char *name)
{
    unsigned long first;
    uint64_t header;
    char *at = strstr(find(name), "\"data_offsets\":[");
    ck_assert_int_eq(sscanf(at, "\"data_offsets\":[%lu", &first), 1);
    memcpy(&header, bytes, sizeof header);
    return bytes + 8 + header + first;
}

static bool open_spoiled(struct buffer *faults)
{
    struct model *model;
    struct model_options options = {0};
    model_dir_write(&dir, "model.safetensors", bytes, n_bytes);
    bool ok = model_open(&model, dir.path, &options, faults, &err);
    if (ok)
        model_close(model);
    return ok;
}

static void refused(const char *text)
{
    ck_assert(!open_spoiled(NULL));
    ck_assert_int_eq(err.code, ERROR_MODEL);
    ck_assert_msg(strstr(err.text, text) != NULL, "'%s' lacks '%s'", err.text, text);
}

START_TEST(a_missing_tensor)
{
    replace("model.encoder.layers.1.fc1.bias", "model.encoder.layers.1.fc1.bios");
    refused("tensor 'model.encoder.layers.1.fc1.bias': missing");
}
END_TEST

START_TEST(a_transposed_tensor)
{
    char *at = strstr(find("model.encoder.layers.1.fc1.weight"), "[128,64]");
    memcpy(at, "[64,128]", 8);
    refused(
        "tensor 'model.encoder.layers.1.fc1.weight': expected shape [128, 64], found [64, 128]");
}
END_TEST

START_TEST(a_vector_for_a_matrix)
{
    char *at = strstr(find("model.encoder.layers.1.fc1.weight"), "[128,64]");
    memcpy(at, "[8192]  ", 8);
    refused("tensor 'model.encoder.layers.1.fc1.weight': expected shape [128, 64], found [8192]");
}
END_TEST

START_TEST(a_tensor_of_integers)
{
    char *at = strstr(find("model.encoder.layers.1.fc1.bias"), "\"F32\"");
    memcpy(at, "\"I32\"", 5);
    refused("tensor 'model.encoder.layers.1.fc1.bias': unsupported: numbers of type I32");
}
END_TEST

START_TEST(all_faults_at_once)
{
    struct buffer faults = {0};
    replace("model.encoder.layers.1.fc1.bias", "model.encoder.layers.1.fc1.bios");
    replace("model.decoder.layers.0.fc2.weight", "model.decoder.layers.0.fc3.weight");
    ck_assert(!open_spoiled(&faults));
    ck_assert_msg(strstr(err.text, "(and 1 more faults)") != NULL, "%s", err.text);
    ck_assert(strstr(faults.bytes, "'model.encoder.layers.1.fc1.bias': missing\n") != NULL);
    ck_assert(strstr(faults.bytes, "'model.decoder.layers.0.fc2.weight': missing\n") != NULL);
    ck_assert(strstr(faults.bytes, "warning: ") != NULL);
    ck_assert(strstr(faults.bytes, "'model.decoder.layers.0.fc3.weight' is not used\n") != NULL);
    buffer_free(&faults);
}
END_TEST

START_TEST(a_vocabulary_of_another_size)
{
    size_t n;
    char *config = model_dir_read(MARIAN "/config.json", &n);
    for (char *at = config; (at = strstr(at, "vocab_size\": 901")) != NULL; at++)
        memcpy(at, "vocab_size\": 911", 16);
    model_dir_write(&dir, "config.json", config, n);
    free(config);
    refused("tensor 'model.shared.weight': expected shape [911, 64], found [901, 64]");
}
END_TEST

static const struct {
    const char *tensor;
    size_t element;
    float value;
    const char *text;
} bad_values[] = {
    {"model.encoder.layers.1.fc1.weight", 17, NAN,
     "tensor 'model.encoder.layers.1.fc1.weight': element 17 is NaN"},
    {"model.encoder.layers.1.fc1.weight", 8191, INFINITY, "element 8191 is infinite"},
    {"model.encoder.layers.1.fc1.bias", 3, -INFINITY, "element 3 is infinite"},
    {"model.shared.weight", 64, NAN, "tensor 'model.shared.weight': element 64 is NaN"},
    {"model.decoder.layers.0.self_attn.v_proj.weight", 64, NAN,
     "v_proj.weight': element 64 is NaN"},
    {"model.decoder.layers.0.final_layer_norm.weight", 63, NAN, "element 63 is NaN"},
    {"final_logits_bias", 900, -INFINITY, "tensor 'final_logits_bias': element 900 is infinite"},
};

START_TEST(values_that_are_not_finite)
{
    memcpy(values_of(bad_values[_i].tensor) + bad_values[_i].element * sizeof(float),
           &bad_values[_i].value, sizeof(float));
    refused(bad_values[_i].text);
}
END_TEST

START_TEST(huge_weights_run_until_they_overflow)
{
    float huge = 1e38f;
    char *values = values_of("model.decoder.layers.1.final_layer_norm.weight");
    for (size_t i = 0; i < 64; i++)
        memcpy(values + i * sizeof huge, &huge, sizeof huge);
    model_dir_write(&dir, "model.safetensors", bytes, n_bytes);
    for (int p = 0; p < 2; p++) {
        struct model *model;
        struct session *session;
        struct model_options options = {.precision = p == 0 ? PRECISION_F32 : PRECISION_INT8};
        struct session_limits limits = {.n_slots = 1, .max_rows = 1, .max_tokens = 8};
        uint32_t ids[] = {5, 6, 0};
        struct source_ids source = {.ids = ids, .n_ids = 3};
        struct candidate best;
        struct step_row row = {.token = 900, .n_best = 1, .best = &best};
        error_clear(&err);
        ck_assert_msg(model_open(&model, dir.path, &options, NULL, &err), "%s", err.text);
        ck_assert(session_new(&session, model, &limits, &err));
        ck_assert(session_encode(session, 1, &source, &row.sentence, &err));
        ck_assert(session_step(session, 1, &row, &err));
        ck_assert(row.is_nan);
        ck_assert_uint_eq(row.n_found, 0);
        session_free(session);
        model_close(model);
    }
}
END_TEST

START_TEST(the_memory_limit)
{
    struct model *model;
    struct model_options options = {.max_bytes = 10000};
    ck_assert(!model_open(&model, MARIAN, &options, NULL, &err));
    ck_assert_int_eq(err.code, ERROR_LIMIT);
    error_clear(&err);
    options.max_bytes = 1 << 20;
    ck_assert_msg(model_open(&model, MARIAN, &options, NULL, &err), "%s", err.text);
    ck_assert_uint_lt(model_bytes(model), (1 << 20) + (64 << 10));
    model_close(model);
}
END_TEST

START_TEST(tokens_outside_the_vocabulary)
{
    struct model *model;
    struct session *session;
    struct session_limits limits = {.n_slots = 1, .max_rows = 1, .max_tokens = 8};
    uint32_t ids[] = {5, 901};
    struct source_ids source = {.ids = ids, .n_ids = 2};
    struct sentence *sentence;
    struct candidate best;
    ck_assert(model_open(&model, MARIAN, &(struct model_options){0}, NULL, &err));
    ck_assert(session_new(&session, model, &limits, &err));
    ck_assert(!session_encode(session, 1, &source, &sentence, &err));
    ck_assert_str_eq(err.text, "token 901 is outside the model's source vocabulary of 901");
    error_clear(&err);
    source.n_ids = 1;
    ck_assert(session_encode(session, 1, &source, &sentence, &err));
    struct step_row row = {.sentence = sentence, .token = 901, .n_best = 1, .best = &best};
    ck_assert(!session_step(session, 1, &row, &err));
    ck_assert_str_eq(err.text, "token 901 is outside the model's target vocabulary of 901");
    session_free(session);
    model_close(model);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("weights");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_missing_tensor);
    tcase_add_test(tcase, a_transposed_tensor);
    tcase_add_test(tcase, a_vector_for_a_matrix);
    tcase_add_test(tcase, a_tensor_of_integers);
    tcase_add_test(tcase, all_faults_at_once);
    tcase_add_test(tcase, a_vocabulary_of_another_size);
    tcase_add_loop_test(tcase, values_that_are_not_finite, 0,
                        (int)(sizeof bad_values / sizeof bad_values[0]));
    tcase_add_test(tcase, huge_weights_run_until_they_overflow);
    tcase_add_test(tcase, the_memory_limit);
    tcase_add_test(tcase, tokens_outside_the_vocabulary);
    tcase_set_timeout(tcase, 60);
    Suite *suite = suite_create("model");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
