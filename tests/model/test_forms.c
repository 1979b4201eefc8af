/* One set of numbers in every form of file: the same greedy tokens and the same scores, to the bit.
 *
 * Marian's own fixture (npz) and Hugging Face's (safetensors) are each read and written anew as
 * what their networks can be written as: npz, Marian binary, safetensors whole and sharded, PyTorch
 * zip, stream and shards, CTranslate2; all of it in float32, and in float16 where the form has it.
 * int8 forms keep their own precision: what is written as int8 is what quantizing at opening gives.
 */
#include "model/arch.h"
#include "model/convert.h"
#include "tests/support/checkpoints.h"
#include "tests/support/ct2_writer.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NATIVE "tests/fixtures/npz_postnorm"
#define MARIAN "tests/fixtures/marian"
#define MOST_ARRAYS 512
#define MOST_STEPS 24
#define N_SENTENCES 3

static struct error err;

/* ---- what a model does ------------------------------------------------------------------------
 */

struct outcome {
    uint32_t tokens[N_SENTENCES][MOST_STEPS];
    double scores[N_SENTENCES][MOST_STEPS]; /* log-probability up to there */
};

static void search(const struct model *model, struct outcome *outcome)
{
    static const uint32_t words[N_SENTENCES][6] = {
        {5, 61, 300, 44, 7, 3}, {89, 12, 710, 5, 33, 2}, {17, 17, 400, 9, 650, 31}};
    const struct generation *g = &model_config(model)->generation;
    struct session_limits limits = {
        .n_slots = 1, .max_rows = 1, .max_tokens = 16, .cache = CACHE_F32};
    struct session *session;
    memset(outcome, 0, sizeof *outcome);
    ck_assert(session_new(&session, model, &limits, &err));
    for (int s = 0; s < N_SENTENCES; s++) {
        uint32_t ids[7];
        memcpy(ids, words[s], sizeof words[s]);
        ids[6] = g->eos[0];
        struct source_ids source = {.ids = ids, .n_ids = 7};
        struct candidate best = {.token = g->start};
        struct step_row row = {.n_best = 1, .best = &best, .needs_normalizer = true};
        double score = 0;
        ck_assert_msg(session_encode(session, 1, &source, &row.sentence, &err), "%s", err.text);
        for (int i = 0; i < MOST_STEPS; i++) {
            row.token = best.token;
            ck_assert_msg(session_step(session, 1, &row, &err), "%s", err.text);
            score += (double)best.logit - row.log_normalizer;
            outcome->tokens[s][i] = best.token;
            outcome->scores[s][i] = score;
            if (best.token == g->eos[0])
                break;
        }
        session_release(session, row.sentence);
    }
    session_free(session);
}

static struct model *open_model(const char *path, enum precision precision)
{
    struct model_options options = {.precision = precision};
    struct model *model;
    error_clear(&err);
    ck_assert_msg(model_open(&model, path, &options, NULL, &err), "%s", err.text);
    return model;
}

static struct outcome outcome_of(const char *path, enum precision precision)
{
    struct model *model = open_model(path, precision);
    struct outcome outcome;
    search(model, &outcome);
    model_close(model);
    return outcome;
}

static void check_same(const struct outcome *wanted, const char *path, enum precision precision,
                       const char *form)
{
    struct outcome found = outcome_of(path, precision);
    ck_assert_msg(memcmp(&found, wanted, sizeof found) == 0,
                  "%s: tokens %u %u %u, wanted %u %u %u; score %.17g, wanted %.17g", form,
                  found.tokens[0][0], found.tokens[0][1], found.tokens[0][2], wanted->tokens[0][0],
                  wanted->tokens[0][1], wanted->tokens[0][2], found.scores[0][0],
                  wanted->scores[0][0]);
}

/* The same tokens; scores as near as another rounding of the scales lets them be. */
static void check_near(const struct outcome *wanted, const char *path, enum precision precision,
                       double tolerance, const char *form)
{
    struct outcome found = outcome_of(path, precision);
    ck_assert_msg(memcmp(found.tokens, wanted->tokens, sizeof found.tokens) == 0, "%s: tokens",
                  form);
    for (int s = 0; s < N_SENTENCES; s++)
        for (int i = 0; i < MOST_STEPS; i++)
            ck_assert_msg(fabs(found.scores[s][i] - wanted->scores[s][i]) <= tolerance,
                          "%s: score %.9g, wanted %.9g", form, found.scores[s][i],
                          wanted->scores[s][i]);
}

/* A test of nothing would pass, too: there are several tokens, and not always the same. */
static void check_worth(const struct outcome *outcome)
{
    uint32_t n = 0;
    for (int i = 0; i < MOST_STEPS; i++)
        n += outcome->tokens[0][i] != outcome->tokens[1][i];
    ck_assert_uint_gt(n, 2);
}

/* ---- the numbers of a file --------------------------------------------------------------------
 */

struct numbers {
    struct tensors *tensors; /* names and shapes */
    struct array arrays[MOST_ARRAYS];
    size_t n;
};

static void numbers_read(struct numbers *numbers, const char *path, enum tensor_type type)
{
    numbers->n = 0;
    ck_assert_msg(tensors_open(&numbers->tensors, path, FORMAT_AUTO, &err), "%s", err.text);
    for (size_t i = 0; i < tensors_count(numbers->tensors); i++) {
        const struct tensor *t = tensors_at(numbers->tensors, i);
        struct array *a = &numbers->arrays[numbers->n++];
        ck_assert_uint_le(numbers->n, MOST_ARRAYS);
        *a = (struct array){.name = t->name, .type = type, .rank = t->rank};
        memcpy(a->shape, t->shape, sizeof a->shape);
        float *values = malloc((t->n_elements + 1) * sizeof *values);
        ck_assert_msg(tensors_read_f32(numbers->tensors, t, 0, t->n_elements, values, &err), "%s",
                      err.text);
        a->values = values;
        if (type == TENSOR_F16) {
            uint16_t *halves = malloc((t->n_elements + 1) * sizeof *halves);
            for (size_t j = 0; j < t->n_elements; j++)
                halves[j] = half_of(values[j]);
            a->values = halves;
            free(values);
        }
    }
}

static void numbers_free(struct numbers *numbers)
{
    for (size_t i = 0; i < numbers->n; i++)
        free((void *)(uintptr_t)numbers->arrays[i].values);
    ck_assert(tensors_close(numbers->tensors, &err));
}

static void copy(const struct model_dir *dir, const char *from, const char *name)
{
    char path[256];
    size_t n_bytes;
    snprintf(path, sizeof path, "%s/%s", from, name);
    char *bytes = model_dir_read(path, &n_bytes);
    model_dir_write(dir, name, bytes, n_bytes);
    free(bytes);
}

/* ---- Hugging Face's containers ----------------------------------------------------------------
 */

static void write_index(const struct model_dir *dir, const char *name, const char *const files[2],
                        const struct numbers *numbers)
{
    struct buffer json = {0};
    put_text(&json, "{\"weight_map\": {");
    for (size_t i = 0; i < numbers->n; i++)
        buffer_printf(&json, &err, "%s\"%s\": \"%s\"", i > 0 ? ", " : "", numbers->arrays[i].name,
                      files[i >= numbers->n / 2]);
    put_text(&json, "}}");
    model_dir_write(dir, name, json.bytes, json.n_bytes);
    buffer_free(&json);
}

typedef void checkpoint_writer(struct buffer *out, const struct array *arrays, size_t n_arrays);

/* The same arrays as each container, in turn; `from` has the configuration. */
static void check_containers(const struct outcome *wanted, const struct numbers *numbers,
                             const char *from)
{
    static const struct {
        const char *form, *file;
        const char *shards[2]; /* halves; then `file` is their index */
        checkpoint_writer *write;
    } forms[] = {
        {"safetensors", "model.safetensors", {NULL}, checkpoint_safetensors},
        {"safetensors in shards",
         "model.safetensors.index.json",
         {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"},
         checkpoint_safetensors},
        {"PyTorch zip", "pytorch_model.bin", {NULL}, checkpoint_torch_zip},
        {"PyTorch stream", "pytorch_model.bin", {NULL}, checkpoint_torch_stream},
        {"PyTorch zip in shards",
         "pytorch_model.bin.index.json",
         {"pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"},
         checkpoint_torch_zip},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct model_dir dir;
        struct buffer bytes = {0};
        size_t half = numbers->n / 2;
        model_dir_new(&dir, NULL);
        copy(&dir, from, "config.json");
        if (forms[i].shards[0] == NULL) {
            forms[i].write(&bytes, numbers->arrays, numbers->n);
            model_dir_write(&dir, forms[i].file, bytes.bytes, bytes.n_bytes);
        } else {
            forms[i].write(&bytes, numbers->arrays, half);
            model_dir_write(&dir, forms[i].shards[0], bytes.bytes, bytes.n_bytes);
            buffer_clear(&bytes);
            forms[i].write(&bytes, numbers->arrays + half, numbers->n - half);
            model_dir_write(&dir, forms[i].shards[1], bytes.bytes, bytes.n_bytes);
            write_index(&dir, forms[i].file, forms[i].shards, numbers);
        }
        check_same(wanted, dir.path, PRECISION_F32, forms[i].form);
        buffer_free(&bytes);
        model_dir_free(&dir);
    }
}

static void check_ct2(const struct outcome *wanted, const char *from, enum tensor_type type,
                      const char *form)
{
    struct model *model = open_model(from, PRECISION_F32);
    struct model_dir dir;
    model_dir_new(&dir, NULL);
    write_ct2(&dir, model, type);
    model_close(model);
    check_same(wanted, dir.path, PRECISION_F32, form);
    model_dir_free(&dir);
}

/* ---- Marian's own -----------------------------------------------------------------------------
 */

static void check_marian(const struct outcome *wanted, const struct numbers *numbers,
                         const char *form)
{
    const char *options = tensors_note(numbers->tensors, "special:model.yml", NULL);
    struct model_dir dir;
    struct buffer bytes = {0};
    char path[256];
    for (int binary = 0; binary < 2; binary++) {
        const char *name = binary ? "model.bin" : "model.npz";
        model_dir_new(&dir, NULL);
        buffer_clear(&bytes);
        if (binary)
            checkpoint_marian_bin(&bytes, numbers->arrays, numbers->n, options);
        else
            checkpoint_npz(&bytes, numbers->arrays, numbers->n, options);
        model_dir_write(&dir, name, bytes.bytes, bytes.n_bytes);
        snprintf(path, sizeof path, "%s/%s", dir.path, name);
        check_same(wanted, path, PRECISION_F32, form);
        model_dir_free(&dir);
    }
    buffer_free(&bytes);
}

static void convert(struct model_dir *dir, const char *from, enum convert_type type)
{
    struct convert_options options = {.type = type};
    model_dir_new(dir, NULL);
    ck_assert_msg(convert_model(from, dir->path, &options, NULL, &err), "%s", err.text);
}

static const enum tensor_type types[] = {TENSOR_F32, TENSOR_F16};

START_TEST(native)
{
    struct numbers numbers, written;
    struct model_dir npz, converted;
    struct buffer bytes = {0};
    bool half = types[_i] == TENSOR_F16;
    const char *type = half ? "float16" : "float32";
    numbers_read(&numbers, NATIVE, types[_i]);
    /* The numbers that count: of float16, those that were rounded. */
    model_dir_new(&npz, NULL);
    checkpoint_npz(&bytes, numbers.arrays, numbers.n,
                   tensors_note(numbers.tensors, "special:model.yml", NULL));
    model_dir_write(&npz, "model.npz", bytes.bytes, bytes.n_bytes);
    buffer_free(&bytes);
    struct outcome wanted = outcome_of(npz.path, PRECISION_F32);
    struct outcome original = outcome_of(NATIVE, PRECISION_F32);
    check_worth(&wanted);
    ck_assert_int_eq(memcmp(&wanted, &original, sizeof wanted) == 0, !half);
    check_marian(&wanted, &numbers, type);
    check_ct2(&wanted, npz.path, types[_i], type);
    convert(&converted, npz.path, half ? CONVERT_F16 : CONVERT_F32);
    check_same(&wanted, converted.path, PRECISION_F32, type);
    numbers_read(&written, converted.path, types[_i]);
    check_containers(&wanted, &written, converted.path);
    numbers_free(&written);
    numbers_free(&numbers);
    model_dir_free(&converted);
    model_dir_free(&npz);
}
END_TEST

START_TEST(hugging_face)
{
    struct numbers numbers;
    struct model_dir converted;
    bool half = types[_i] == TENSOR_F16;
    convert(&converted, MARIAN, half ? CONVERT_F16 : CONVERT_F32);
    struct outcome wanted = outcome_of(converted.path, PRECISION_F32);
    struct outcome original = outcome_of(MARIAN, PRECISION_F32);
    check_worth(&wanted);
    ck_assert_int_eq(memcmp(&wanted, &original, sizeof wanted) == 0, !half);
    numbers_read(&numbers, MARIAN, types[_i]);
    check_containers(&wanted, &numbers, MARIAN);
    check_ct2(&wanted, converted.path, types[_i], half ? "float16" : "float32");
    numbers_free(&numbers);
    model_dir_free(&converted);
}
END_TEST

/* Norms on both sides of each block: a pre-norm model with norms after, too, which no family of
 * Hugging Face has. As npz and as what it is converted to. */
START_TEST(norms_on_both_sides)
{
    static const char *const suffixes[] = {"_scale_pre", "_bias_pre"};
    static char names[MOST_ARRAYS][64];
    struct numbers numbers;
    struct model_dir npz, converted;
    struct buffer bytes = {0}, options = {0};
    numbers_read(&numbers, "tests/fixtures/npz_prenorm_untied", TENSOR_F32);
    size_t n = numbers.n;
    struct outcome before = outcome_of("tests/fixtures/npz_prenorm_untied", PRECISION_F32);
    for (size_t i = 0; i < n; i++)
        for (int j = 0; j < 2; j++) {
            const char *name = numbers.arrays[i].name, *at = strstr(name, suffixes[j]);
            if (at == NULL || strstr(name, "_l") == NULL)
                continue;
            /* "decoder_l1_self_Wo_ln_scale_pre": the same without "_pre" is after the block. */
            struct array *a = &numbers.arrays[numbers.n];
            snprintf(names[numbers.n], sizeof names[0], "%.*s", (int)strlen(name) - 4, name);
            *a = numbers.arrays[i];
            a->name = names[numbers.n++];
            float *values = malloc(a->shape[1] * sizeof *values);
            for (size_t k = 0; k < a->shape[1]; k++)
                values[k] = j == 0 ? 1 + (float)(k * 5 % 7) / 8 : ((float)(k * 3 % 5) - 2) / 8;
            a->values = values;
        }
    ck_assert_uint_gt(numbers.n, n + 16);
    ck_assert(buffer_append_text(&options, tensors_note(numbers.tensors, "special:model.yml", NULL),
                                 &err));
    char *after = strstr(options.bytes, "transformer-postprocess: da\n");
    ck_assert_ptr_nonnull(after);
    memcpy(after, "transformer-postprocess: an\n", 28);
    model_dir_new(&npz, NULL);
    checkpoint_npz(&bytes, numbers.arrays, numbers.n, options.bytes);
    model_dir_write(&npz, "model.npz", bytes.bytes, bytes.n_bytes);
    struct outcome wanted = outcome_of(npz.path, PRECISION_F32);
    struct outcome int8 = outcome_of(npz.path, PRECISION_INT8);
    ck_assert(wanted.scores[0][3] != wanted.scores[1][3]); /* the source counts */
    ck_assert_int_ne(memcmp(&before, &wanted, sizeof wanted), 0);
    convert(&converted, npz.path, CONVERT_F32);
    check_same(&wanted, converted.path, PRECISION_F32, "norms on both sides, float32");
    model_dir_free(&converted);
    convert(&converted, npz.path, CONVERT_INT8);
    check_same(&int8, converted.path, PRECISION_INT8, "norms on both sides, int8");
    model_dir_free(&converted);
    model_dir_free(&npz);
    numbers_free(&numbers);
    buffer_free(&bytes);
    buffer_free(&options);
}
END_TEST

static const char *const fixtures[] = {NATIVE, MARIAN};

/* int8 in a file is int8 made at opening, run as int8 or as the floats it stands for. */
START_TEST(int8)
{
    struct model_dir converted, ct2;
    struct model *model = open_model(fixtures[_i], PRECISION_INT8);
    struct outcome wanted;
    search(model, &wanted);
    check_worth(&wanted);
    model_dir_new(&ct2, NULL);
    write_ct2(&ct2, model, TENSOR_I8);
    model_close(model);
    convert(&converted, fixtures[_i], CONVERT_INT8);
    check_same(&wanted, converted.path, PRECISION_INT8, "int8 safetensors");
    /* CTranslate2 stores what our scales are the inverses of. */
    check_near(&wanted, ct2.path, PRECISION_INT8, 1e-4, "int8 of CTranslate2");
    struct outcome floats = outcome_of(converted.path, PRECISION_F32);
    check_near(&floats, ct2.path, PRECISION_F32, 1e-4, "int8 of CTranslate2 in float32");
    model_dir_free(&converted);
    model_dir_free(&ct2);
}
END_TEST

/* Bergamot's int8 has one scale a matrix: read as stored, it is what it says. */
START_TEST(intgemm8)
{
    static const char *const path = "tests/fixtures/npz_ssru/model.intgemm8.bin";
    struct numbers numbers;
    struct model_dir dir;
    struct buffer bytes = {0};
    struct outcome wanted = outcome_of(path, PRECISION_F32);
    check_worth(&wanted);
    numbers_read(&numbers, path, TENSOR_F32);
    for (size_t i = 0; i < numbers.n;) /* scales of activations are of no use to floats */
        if (strstr(numbers.arrays[i].name, "_QuantMultA") != NULL) {
            free((void *)(uintptr_t)numbers.arrays[i].values);
            numbers.arrays[i] = numbers.arrays[--numbers.n];
        } else {
            i++;
        }
    model_dir_new(&dir, NULL);
    checkpoint_npz(&bytes, numbers.arrays, numbers.n,
                   tensors_note(numbers.tensors, "special:model.yml", NULL));
    model_dir_write(&dir, "model.npz", bytes.bytes, bytes.n_bytes);
    check_same(&wanted, dir.path, PRECISION_F32, "float32 of intgemm8");
    buffer_free(&bytes);
    numbers_free(&numbers);
    model_dir_free(&dir);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("forms");
    tcase_add_loop_test(tcase, native, 0, 2);
    tcase_add_loop_test(tcase, hugging_face, 0, 2);
    tcase_add_test(tcase, norms_on_both_sides);
    tcase_add_loop_test(tcase, int8, 0, 2);
    tcase_add_test(tcase, intgemm8);
    tcase_set_timeout(tcase, 60);
    Suite *suite = suite_create("engine");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
