/* A converted checkpoint says what the original says: as float32 and int8 to the byte, as float16
 * nearly; and one with a trimmed vocabulary gives the kept tokens the same logits. */
#include "base/json.h"
#include "model/arch.h"
#include "model/convert.h"
#include "model/network.h"
#include "tests/support/model_dir.h"
#include "tests/support/preview_model.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_STEPS 4

static struct error err;
static struct model_dir out;

static void setup(void)
{
    error_clear(&err);
    model_dir_new(&out, NULL);
}

static void teardown(void)
{
    model_dir_free(&out);
}

/* Logits of a few steps over a made-up sentence, [N_STEPS][V]; `tokens` are the decoder's inputs.
 */
static float *logits_of(const char *path, enum precision precision, const uint32_t *tokens,
                        uint32_t *n_vocabulary, struct config *config)
{
    static const uint32_t ids[] = {5, 61, 300, 44, 7, 0};
    struct model *model;
    struct session *session;
    struct session_limits limits = {.n_slots = 1, .max_rows = 1, .max_tokens = 16};
    struct source_ids source = {.ids = ids, .n_ids = 6};
    struct candidate best;
    struct step_row row = {.n_best = 1, .best = &best};
    struct buffer faults = {0};
    bool ok =
        model_open(&model, path, &(struct model_options){.precision = precision}, &faults, &err);
    ck_assert_msg(ok, "%s", err.text);
    ck_assert_msg(faults.n_bytes == 0, "%s", faults.bytes);
    ck_assert(session_new(&session, model, &limits, &err));
    ck_assert_msg(session_encode(session, 1, &source, &row.sentence, &err), "%s", err.text);
    *config = *model_config(model);
    *n_vocabulary = config->target_vocabulary;
    float *logits = calloc((size_t)N_STEPS * *n_vocabulary, sizeof *logits);
    for (uint32_t i = 0; i < N_STEPS; i++) {
        row.token = tokens[i];
        row.logits = logits + (size_t)i * *n_vocabulary;
        ck_assert_msg(session_step(session, 1, &row, &err), "%s", err.text);
    }
    session_free(session);
    model_close(model);
    return logits;
}

static void convert(const char *from, const struct convert_options *options)
{
    ck_assert_msg(convert_model(from, out.path, options, NULL, &err), "%s", err.text);
}

static const char *const fixtures[] = {
    "tests/fixtures/marian_odd",
    "tests/fixtures/marian_swish_multi",
    "tests/fixtures/m2m100",
    "tests/fixtures/nllb",
    "tests/fixtures/mbart50",
    "tests/fixtures/t5",
    "tests/fixtures/t5gated_odd",
    "tests/fixtures/npz_postnorm/model.npz",
    "tests/fixtures/npz_prenorm_untied/model.npz",
    "tests/fixtures/npz_ssru/model.npz",
    "tests/fixtures/npz_ssru/model.intgemm8.bin",
};
#define N_FIXTURES ((int)(sizeof fixtures / sizeof fixtures[0]))

static const uint32_t tokens[N_STEPS] = {0, 17, 300, 2};

static void same_bytes(const char *from, enum convert_type type, enum precision precision)
{
    struct config before, after;
    uint32_t n_before, n_after;
    convert(from, &(struct convert_options){.type = type});
    float *a = logits_of(from, precision, tokens, &n_before, &before);
    float *b = logits_of(out.path, precision, tokens, &n_after, &after);
    ck_assert_uint_eq(n_before, n_after);
    ck_assert(memcmp(a, b, (size_t)N_STEPS * n_before * sizeof *a) == 0);
    ck_assert_int_eq(before.family, after.family);
    ck_assert_uint_eq(before.generation.num_beams, after.generation.num_beams);
    ck_assert_uint_eq(before.generation.max_length, after.generation.max_length);
    ck_assert_float_eq(before.generation.length_penalty, after.generation.length_penalty);
    ck_assert_uint_eq(before.generation.eos[0], after.generation.eos[0]);
    ck_assert_uint_eq(before.generation.n_banned, after.generation.n_banned);
    free(a);
    free(b);
}

START_TEST(float32)
{
    same_bytes(fixtures[_i], CONVERT_F32, PRECISION_F32);
}
END_TEST

START_TEST(int8)
{
    same_bytes(fixtures[_i], CONVERT_INT8, PRECISION_INT8);
}
END_TEST

START_TEST(float16)
{
    struct config before, after;
    uint32_t n_before, n_after;
    double difference = 0, size = 0;
    convert(fixtures[_i], &(struct convert_options){.type = CONVERT_F16});
    float *a = logits_of(fixtures[_i], PRECISION_F32, tokens, &n_before, &before);
    float *b = logits_of(out.path, PRECISION_F32, tokens, &n_after, &after);
    ck_assert_uint_eq(n_before, n_after);
    for (uint32_t i = 0; i < N_STEPS * n_before; i++) {
        difference += (double)(a[i] - b[i]) * (a[i] - b[i]);
        size += (double)a[i] * a[i];
    }
    ck_assert_double_gt(difference, 0);
    ck_assert_double_lt(sqrt(difference), 0.01 * sqrt(size));
    free(a);
    free(b);
}
END_TEST

/* Hugging Face's own tools read it: the tensors have the names, shapes and a type that they know,
 * the header says "pt", and every file that they need is there as it was. */
START_TEST(stays_hugging_face)
{
    static const char *const files[] = {"config.json",
                                        "generation_config.json",
                                        "tokenizer_config.json",
                                        "source.spm",
                                        "target.spm",
                                        "vocab.json",
                                        "spiece.model",
                                        "sentencepiece.bpe.model",
                                        "added_tokens.json",
                                        "special_tokens_map.json"};
    const char *from = fixtures[_i / 2];
    bool half = _i % 2 == 1;
    struct tensors *before, *after;
    char a[256], b[256];
    convert(from, &(struct convert_options){.type = half ? CONVERT_F16 : CONVERT_F32});
    ck_assert(tensors_open(&before, from, FORMAT_AUTO, &err));
    ck_assert_msg(tensors_open(&after, out.path, FORMAT_HF, &err), "%s", err.text);
    ck_assert_uint_gt(tensors_count(after), 40);
    for (size_t i = 0; i < tensors_count(after); i++) {
        const struct tensor *new = tensors_at(after, i), *old = tensors_find(before, new->name);
        ck_assert_msg(old != NULL, "%s", new->name);
        ck_assert_uint_eq(new->rank, old->rank);
        ck_assert_mem_eq(new->shape, old->shape, new->rank * sizeof new->shape[0]);
        ck_assert_int_eq(new->type, half ? TENSOR_F16 : TENSOR_F32);
    }
    /* What is left out are other names of the same, and positions that are computed. */
    for (size_t i = 0; i < tensors_count(before); i++) {
        const struct tensor *old = tensors_at(before, i);
        ck_assert_msg(tensors_find(after, old->name) != NULL ||
                          strstr(old->name, "embed_") != NULL ||
                          strcmp(old->name, "lm_head.weight") == 0,
                      "%s", old->name);
    }
    ck_assert(tensors_close(before, &err) && tensors_close(after, &err));
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        size_t n_a, n_b;
        if (!file_exists(from, files[i]))
            continue;
        snprintf(a, sizeof a, "%s/%s", from, files[i]);
        snprintf(b, sizeof b, "%s/%s", out.path, files[i]);
        char *x = model_dir_read(a, &n_a), *y = model_dir_read(b, &n_b);
        ck_assert_msg(n_a == n_b && memcmp(x, y, n_a) == 0, "%s", files[i]);
        free(x);
        free(y);
    }
    snprintf(b, sizeof b, "%s/model.safetensors", out.path);
    size_t n_bytes;
    char *weights = model_dir_read(b, &n_bytes);
    static const char mark[] = "{\"__metadata__\":{\"format\":\"pt\"}";
    ck_assert_uint_gt(n_bytes, 8 + sizeof mark);
    ck_assert_mem_eq(weights + 8, mark, sizeof mark - 1);
    free(weights);
}
END_TEST

/* ---- with a preview of the output layer -------------------------------------------------------
 */

static char *read_weights(const char *directory, size_t *n_bytes)
{
    char path[128];
    snprintf(path, sizeof path, "%s/model.safetensors", directory);
    return model_dir_read(path, n_bytes);
}

/* Of the preview itself: once more the same file, so the same bytes of all tensors. */
START_TEST(int8_with_a_preview)
{
    static const char *const from[] = {"tests/fixtures/marian_odd", "tests/fixtures/t5gated_odd",
                                       "tests/fixtures/npz_prenorm_untied/model.npz"};
    struct model_dir preview;
    size_t n_a, n_b;
    model_dir_new(&preview, NULL);
    make_preview_model(from[_i], preview.path, 20);
    same_bytes(preview.path, CONVERT_INT8, PRECISION_INT8);
    char *a = read_weights(preview.path, &n_a), *b = read_weights(out.path, &n_b);
    ck_assert_ptr_nonnull(memmem(a, n_a, PREVIEW_WEIGHT, strlen(PREVIEW_WEIGHT)));
    ck_assert_ptr_nonnull(memmem(a, n_a, PREVIEW_PROJECTION, strlen(PREVIEW_PROJECTION)));
    ck_assert_uint_eq(n_a, n_b);
    ck_assert_mem_eq(a, b, n_a);
    free(a);
    free(b);
    model_dir_free(&preview);
}
END_TEST

/* Floats have no use for it. */
START_TEST(float32_of_a_preview)
{
    struct model_dir preview;
    size_t n_bytes;
    model_dir_new(&preview, NULL);
    make_preview_model("tests/fixtures/marian_odd", preview.path, 20);
    if (_i == 0)
        same_bytes(preview.path, CONVERT_F32, PRECISION_F32);
    else
        convert(preview.path, &(struct convert_options){.type = CONVERT_F16});
    char *bytes = read_weights(out.path, &n_bytes);
    ck_assert_ptr_null(memmem(bytes, n_bytes, "output_preview", 14));
    free(bytes);
    struct buffer faults = {0};
    ck_assert_msg(model_check(out.path, &(struct model_options){0}, &faults, &err), "%s", err.text);
    ck_assert_msg(faults.n_bytes == 0, "%s", faults.bytes);
    model_dir_free(&preview);
}
END_TEST

/* The kept channels of the product, as they were; the projection is the same. */
static void check_trimmed_preview(const char *from, const uint32_t *new_ids, uint32_t n)
{
    struct model *before, *after;
    struct model_options options = {.precision = PRECISION_INT8};
    int8_t x[16], y[16];
    ck_assert(model_open(&before, from, &options, NULL, &err));
    ck_assert(model_open(&after, out.path, &options, NULL, &err));
    const struct preview *a = &model_network(before)->preview, *b = &model_network(after)->preview;
    ck_assert_uint_eq(b->product.w.k, 16);
    ck_assert_uint_eq(b->product.w.n, model_config(after)->target_vocabulary);
    for (uint32_t id = 0; id < n; id++) {
        if (new_ids[id] == UINT32_MAX)
            continue;
        matrix_get_channel_i8(&a->product.w, id, x);
        matrix_get_channel_i8(&b->product.w, new_ids[id], y);
        ck_assert_mem_eq(x, y, sizeof x);
        ck_assert(a->product.w.scales[id] == b->product.w.scales[new_ids[id]]);
        ck_assert(a->product.bias[id] == b->product.bias[new_ids[id]]);
    }
    ck_assert_uint_eq(a->projection.n, b->projection.n);
    ck_assert_mem_eq(a->projection.f32, b->projection.f32,
                     a->projection.n * a->projection.k * sizeof(float));
    model_close(before);
    model_close(after);
}

/* Without and with a preview of the output layer. */
START_TEST(trimmed_vocabulary)
{
    const char *from = "tests/fixtures/marian_swish_multi";
    struct model_dir preview;
    struct config before, after;
    uint32_t n_before, n_after, kept[200], mapped[N_STEPS], new_ids[1000];
    cJSON *old, *new;
    for (uint32_t i = 0; i < 200; i++)
        kept[i] = 2 + i * 3;
    model_dir_new(&preview, NULL);
    if (_i == 2) {
        make_preview_model(from, preview.path, 16);
        from = preview.path;
    }
    enum precision precision = _i == 0 ? PRECISION_F32 : PRECISION_INT8;
    convert(from, &(struct convert_options){
                      .type = _i == 0 ? CONVERT_F32 : CONVERT_INT8, .kept = kept, .n_kept = 200});
    ck_assert(json_load(&old, from, "vocab.json", 1 << 20, &err));
    ck_assert_msg(json_load(&new, out.path, "target_vocab.json", 1 << 20, &err), "%s", err.text);
    memset(new_ids, 0xff, sizeof new_ids);
    const cJSON *item;
    cJSON_ArrayForEach(item, new)
    {
        const cJSON *was = cJSON_GetObjectItemCaseSensitive(old, item->string);
        ck_assert(was != NULL);
        new_ids[was->valueint] = (uint32_t)item->valueint;
    }
    static const uint32_t inputs[N_STEPS] = {902, 8, 500, 2};
    for (uint32_t i = 0; i < N_STEPS; i++)
        mapped[i] = new_ids[inputs[i]];
    float *a = logits_of(from, precision, inputs, &n_before, &before);
    float *b = logits_of(out.path, precision, mapped, &n_after, &after);
    ck_assert_uint_eq(n_after, (uint32_t)cJSON_GetArraySize(new));
    ck_assert_uint_ge(n_after, 202); /* </s> and <pad> are kept, too */
    ck_assert_uint_eq(after.source_vocabulary, before.source_vocabulary);
    ck_assert_uint_eq(after.generation.start, new_ids[before.generation.start]);
    ck_assert_uint_eq(after.generation.eos[0], new_ids[before.generation.eos[0]]);
    ck_assert_uint_eq(after.generation.banned[0], new_ids[before.generation.banned[0]]);
    ck_assert_uint_eq(after.generation.max_length, before.generation.max_length);
    for (uint32_t step = 0; step < N_STEPS; step++)
        for (uint32_t id = 0; id < n_before; id++)
            if (new_ids[id] != UINT32_MAX)
                ck_assert(a[step * n_before + id] == b[step * n_after + new_ids[id]]);
    free(a);
    free(b);
    cJSON_Delete(old);
    cJSON_Delete(new);
    if (_i == 2)
        check_trimmed_preview(from, new_ids, n_before);
    model_dir_free(&preview);
}
END_TEST

START_TEST(refuses)
{
    static const uint32_t kept[] = {5, 901};
    struct convert_options options = {.kept = kept, .n_kept = 2};
    ck_assert(!convert_model("tests/fixtures/marian", out.path, &options, NULL, &err));
    ck_assert_str_eq(err.text, "token 901 is outside the target vocabulary of 901");
    error_clear(&err);
    options.n_kept = 1;
    ck_assert(!convert_model("tests/fixtures/t5", out.path, &options, NULL, &err));
    ck_assert_int_eq(err.code, ERROR_USAGE);
    error_clear(&err);
    options.kept = NULL;
    model_dir_write(&out, "there", "x", 1);
    ck_assert(!convert_model("tests/fixtures/marian", out.path, &options, NULL, &err));
    ck_assert_int_eq(err.code, ERROR_OUTPUT);
    ck_assert(strstr(err.text, "not empty") != NULL);
}
END_TEST

/* In our own configuration, which Marian's models get. */
START_TEST(epsilons)
{
    static const char *const values[] = {"0", "-1e-6", "1e-60", "2", "null", "\"NaN\""};
    struct model *model;
    cJSON *root;
    convert("tests/fixtures/npz_ssru/model.npz", &(struct convert_options){.type = CONVERT_F32});
    ck_assert(json_load(&root, out.path, "config.json", 1 << 20, &err));
    cJSON_ReplaceItemInObject(root, "norm_epsilon", cJSON_Parse(values[_i]));
    model_dir_write_json(&out, "config.json", root);
    ck_assert(!model_open(&model, out.path, &(struct model_options){0}, NULL, &err));
    ck_assert_msg(strstr(err.text, "norm_epsilon: must be a number from ") != NULL, "%s", err.text);
    cJSON_Delete(root);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("convert");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, float32, 0, N_FIXTURES);
    tcase_add_loop_test(tcase, int8, 0, N_FIXTURES);
    tcase_add_loop_test(tcase, float16, 0, N_FIXTURES);
    tcase_add_loop_test(tcase, stays_hugging_face, 0, 14); /* the first seven, in two types */
    tcase_add_loop_test(tcase, trimmed_vocabulary, 0, 3);
    tcase_add_loop_test(tcase, int8_with_a_preview, 0, 3);
    tcase_add_loop_test(tcase, float32_of_a_preview, 0, 2);
    tcase_add_test(tcase, refuses);
    tcase_add_loop_test(tcase, epsilons, 0, 6);
    tcase_set_timeout(tcase, 60);
    Suite *suite = suite_create("model");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
