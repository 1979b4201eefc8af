/* Checkpoints whose preview of the output layer is at fault: each is refused with file, tensor and
 * cause, or is read as what it says. */
#include "tests/support/checkpoints.h"
#include "tests/support/preview_model.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FROM "tests/fixtures/marian"
#define RANK 16
#define V 901
#define D 64
#define MOST_TENSORS 200

static const char weight[] = PREVIEW_WEIGHT, scale[] = PREVIEW_WEIGHT ".scale",
                  projection[] = PREVIEW_PROJECTION, table[] = "model.shared.weight";

static struct error err;
static struct model_dir dir;
static char *file; /* model.safetensors as it was made */
static struct tensors *tensors;
static struct array arrays[MOST_TENSORS]; /* what is to be written instead */
static size_t n_arrays;
static float values[V * (D + 1)]; /* of one that is replaced: zeros, but for what a test sets */

static void setup(void)
{
    char path[128];
    size_t n_bytes;
    error_clear(&err);
    model_dir_new(&dir, NULL);
    make_preview_model(FROM, dir.path, RANK);
    snprintf(path, sizeof path, "%s/model.safetensors", dir.path);
    file = model_dir_read(path, &n_bytes);
    ck_assert(tensors_open_bytes(&tensors, "x", file, n_bytes, FORMAT_AUTO, &err));
    n_arrays = tensors_count(tensors);
    ck_assert_uint_lt(n_arrays, MOST_TENSORS);
    for (size_t i = 0; i < n_arrays; i++) {
        const struct tensor *tensor = tensors_at(tensors, i);
        arrays[i] = (struct array){.name = tensor->name,
                                   .type = tensor->type,
                                   .rank = tensor->rank,
                                   .values = file + tensor->offset};
        memcpy(arrays[i].shape, tensor->shape, sizeof tensor->shape);
    }
}

static void teardown(void)
{
    ck_assert(tensors_close(tensors, &err));
    model_dir_free(&dir);
    free(file);
}

static struct array *find(const char *name)
{
    for (size_t i = 0; i < n_arrays; i++)
        if (strcmp(arrays[i].name, name) == 0)
            return &arrays[i];
    ck_abort_msg("no tensor %s", name);
    return NULL;
}

/* Replaces a tensor by one of other values, which are the test's. */
static void replace(const char *name, enum tensor_type type, const void *with)
{
    struct array *array = find(name);
    array->type = type;
    array->values = with;
}

static void add(const char *name, enum tensor_type type, size_t n, const void *with)
{
    arrays[n_arrays++] =
        (struct array){.name = name, .type = type, .rank = 1, .shape = {n}, .values = with};
}

static struct model *open_changed(enum precision precision, struct buffer *faults)
{
    struct model *model = NULL;
    struct model_options options = {.precision = precision};
    struct buffer out = {0};
    checkpoint_safetensors(&out, arrays, n_arrays);
    model_dir_write(&dir, "model.safetensors", out.bytes, out.n_bytes);
    buffer_free(&out);
    return model_open(&model, dir.path, &options, faults, &err) ? model : NULL;
}

/* ---- refused ----------------------------------------------------------------------------------
 */

enum change { DROPPED, SHAPED, TYPED, VALUED };

static const struct {
    const char *tensor;
    enum change change;
    size_t rank, shape[2]; /* SHAPED */
    enum tensor_type type; /* TYPED */
    size_t element;        /* VALUED */
    float value;
    const char *text;
} faults[] = {
    {weight, SHAPED, 2, {V - 1, RANK}, 0, 0, 0, "': expected shape [901, 16], found [900, 16]"},
    {weight, SHAPED, 2, {V, D + 1}, 0, 0, 0, "': expected shape [901, 64], found [901, 65]"},
    {weight, SHAPED, 2, {V, 0}, 0, 0, 0, "': expected shape [901, 64], found [901, 0]"},
    {weight, SHAPED, 2, {RANK, V}, 0, 0, 0, "': expected shape [901, 64], found [16, 901]"},
    {weight, SHAPED, 1, {V * RANK, 0}, 0, 0, 0, "': expected shape [901, 64], found [14416]"},
    {weight, TYPED, 0, {0}, TENSOR_I32, 0, 0, "': unsupported: numbers of type I32"},
    {scale, DROPPED, 0, {0}, 0, 0, 0, "output_preview.weight': int8 without its scales"},
    {scale,
     SHAPED,
     1,
     {V - 1, 0},
     0,
     0,
     0,
     "': expected 901 floating-point numbers, found F32 [900]"},
    {scale,
     TYPED,
     0,
     {0},
     TENSOR_I32,
     0,
     0,
     "': expected 901 floating-point numbers, found I32 [901]"},
    {scale, VALUED, 0, {0}, 0, 5, NAN, "': element 5 is NaN"},
    {scale, VALUED, 0, {0}, 0, 900, -1, "': element 900 is not positive"},
    {projection, DROPPED, 0, {0}, 0, 0, 0, "': missing"},
    {projection, SHAPED, 2, {RANK, D - 1}, 0, 0, 0, "': expected shape [16, 64], found [16, 63]"},
    {projection, SHAPED, 2, {RANK + 1, D}, 0, 0, 0, "': expected shape [16, 64], found [17, 64]"},
    {projection, SHAPED, 1, {RANK * D, 0}, 0, 0, 0, "': expected shape [16, 64], found [1024]"},
    {projection, TYPED, 0, {0}, TENSOR_I32, 0, 0, "': unsupported: numbers of type I32"},
    {projection, TYPED, 0, {0}, TENSOR_I8, 0, 0, "': int8 without its scales"},
    {projection, VALUED, 0, {0}, 0, 70, NAN, "': element 70 is NaN"},
    {projection, VALUED, 0, {0}, 0, 1023, -INFINITY, "': element 1023 is infinite"},
};

static void change(int i)
{
    struct array *array = find(faults[i].tensor);
    size_t n = 1;
    for (size_t j = 0; j < array->rank; j++)
        n *= array->shape[j];
    memset(values, 0, sizeof values);
    switch (faults[i].change) {
    case DROPPED:
        *array = arrays[--n_arrays];
        return;
    case SHAPED:
        array->rank = faults[i].rank;
        memcpy(array->shape, faults[i].shape, sizeof faults[i].shape);
        break;
    case TYPED:
        array->type = faults[i].type;
        break;
    case VALUED:
        ck_assert_int_eq(array->type, TENSOR_F32);
        memcpy(values, array->values, n * sizeof(float));
        values[faults[i].element] = faults[i].value;
        break;
    }
    array->values = values;
}

/* One clean line with file, tensor and cause. */
static void check_fault(const char *tensor, const char *text)
{
    char wanted[160];
    const char *named = text[0] == '\'' ? tensor : "";
    snprintf(wanted, sizeof wanted, "model.safetensors: tensor '%s%s", named, text);
    ck_assert_int_eq(err.code, ERROR_MODEL);
    ck_assert_msg(strstr(err.text, wanted) != NULL, "'%s' lacks '%s'", err.text, wanted);
    ck_assert_ptr_null(strchr(err.text, '\n'));
}

START_TEST(refused)
{
    change(_i);
    ck_assert_ptr_null(open_changed(PRECISION_INT8, NULL));
    check_fault(faults[_i].tensor, faults[_i].text);
    error_clear(&err);
    ck_assert(!model_check(dir.path, &(struct model_options){0}, NULL, &err));
    check_fault(faults[_i].tensor, faults[_i].text);
    /* As float32 it is not looked at, and not a surplus either. */
    struct buffer lines = {0};
    error_clear(&err);
    struct model *model = open_changed(PRECISION_F32, &lines);
    ck_assert_msg(model != NULL, "%s", err.text);
    ck_assert_msg(lines.n_bytes == 0, "%s", lines.bytes);
    ck_assert_uint_eq(model_network(model)->preview.projection.n, 0);
    ck_assert_int_eq(model_network(model)->output.w.kind, MATRIX_F32);
    model_close(model);
}
END_TEST

/* In the table of the vocabulary. */
START_TEST(bad_halves)
{
    static const uint16_t bad[] = {0x7e00, 0x7c00, 0xfc00};
    uint16_t *halves = malloc(V * D * sizeof *halves);
    memcpy(halves, find(table)->values, V * D * sizeof *halves);
    ck_assert_int_eq(find(table)->type, TENSOR_F16);
    halves[640] = bad[_i];
    replace(table, TENSOR_F16, halves);
    ck_assert_ptr_null(open_changed(PRECISION_INT8, NULL));
    check_fault(table, _i == 0 ? "': element 640 is NaN" : "': element 640 is infinite");
    free(halves);
}
END_TEST

/* ---- works ------------------------------------------------------------------------------------
 */

struct answer {
    struct candidate best[8];
    double normalizer;
    float logits[V];
};

static void ask(const struct model *model, struct answer *answer)
{
    static const uint32_t ids[] = {5, 6, 7, 0};
    struct source_ids source = {.ids = ids, .n_ids = 4};
    struct session *session;
    struct session_limits limits = {.n_slots = 1, .max_rows = 1, .max_tokens = 8};
    struct step_row row = {
        .token = 900, .n_best = 8, .needs_normalizer = true, .best = answer->best};
    ck_assert_msg(session_new(&session, model, &limits, &err), "%s", err.text);
    ck_assert(session_encode(session, 1, &source, &row.sentence, &err));
    ck_assert(session_step(session, 1, &row, &err));
    ck_assert(!row.is_nan);
    ck_assert_uint_eq(row.n_found, 8);
    answer->normalizer = row.log_normalizer;
    row.logits = answer->logits;
    ck_assert(session_step(session, 1, &row, &err));
    session_free(session);
}

static void ask_changed(struct answer *answer, struct model **kept)
{
    struct buffer lines = {0};
    struct model *model = open_changed(PRECISION_INT8, &lines);
    ck_assert_msg(model != NULL, "%s", err.text);
    ck_assert_msg(lines.n_bytes == 0, "%s", lines.bytes);
    ck_assert_uint_eq(model_network(model)->preview.projection.n, RANK);
    ck_assert_int_eq(model_network(model)->output.w.kind, MATRIX_F16);
    ask(model, answer);
    if (kept != NULL)
        *kept = model;
    else
        model_close(model);
}

static void check_same(const struct answer *a, const struct answer *b)
{
    ck_assert_mem_eq(a->best, b->best, sizeof a->best);
    ck_assert_mem_eq(a->logits, b->logits, sizeof a->logits);
    ck_assert(a->normalizer == b->normalizer);
}

/* The same numbers stored as another type. */
START_TEST(other_types)
{
    static struct answer wanted, got;
    static float wide[V * D];
    ask_changed(&wanted, NULL);
    ck_assert(tensors_read_f32(tensors, tensors_find(tensors, table), 0, V * D, wide, &err));
    replace(table, TENSOR_F32, wide);
    ask_changed(&got, NULL);
    check_same(&wanted, &got);
    /* Floats whose largest of a row is 127 scales. */
    const float *scales = find(scale)->values;
    ck_assert(tensors_read_f32(tensors, tensors_find(tensors, weight), 0, V * RANK, values, &err));
    for (size_t i = 0; i < V * RANK; i++)
        values[i] *= scales[i / RANK];
    replace(weight, TENSOR_F32, values);
    *find(scale) = arrays[--n_arrays];
    ask_changed(&got, NULL);
    ck_assert_mem_eq(wanted.best, got.best, sizeof got.best);
    ck_assert_double_eq_tol(wanted.normalizer, got.normalizer, 1e-4);
}
END_TEST

START_TEST(a_projection_of_halves)
{
    static struct answer wanted, got;
    static uint16_t halves[RANK * D];
    static float wide[RANK * D];
    const float *b = find(projection)->values;
    for (size_t i = 0; i < RANK * D; i++)
        halves[i] = half_of(b[i]);
    replace(projection, TENSOR_F16, halves);
    ask_changed(&got, NULL);
    struct matrix w = {.kind = MATRIX_F16, .n = RANK, .k = D, .f16 = halves};
    for (size_t i = 0; i < RANK; i++)
        matrix_get_channel(&w, i, wide + i * D);
    replace(projection, TENSOR_F32, wide);
    ask_changed(&wanted, NULL);
    check_same(&wanted, &got);
}
END_TEST

/* Widened: value = int8 * scale, to the nearest half. */
START_TEST(a_table_of_int8)
{
    static struct answer answer;
    static int8_t codes[V * D];
    static float scales[V];
    struct model *model;
    for (size_t i = 0; i < V * D; i++)
        codes[i] = (int8_t)((i * 37 + i / 64 * 11) % 255 - 127);
    for (size_t i = 0; i < V; i++)
        scales[i] = 0.001f + (float)i * 1e-6f;
    replace(table, TENSOR_I8, codes);
    add("model.shared.weight.scale", TENSOR_F32, V, scales);
    ask_changed(&answer, &model);
    const struct network *network = model_network(model);
    for (size_t i = 0; i < V * D; i++)
        ck_assert_uint_eq(network->output.w.f16[i], half_of((float)codes[i] * scales[i / D]));
    ck_assert_ptr_eq(network->output.w.f16, network->encoder.embedding.f16);
    model_close(model);
}
END_TEST

/* Floats beyond the largest half are that half. */
START_TEST(a_table_too_large_for_halves)
{
    static float wide[V * D];
    ck_assert(tensors_read_f32(tensors, tensors_find(tensors, table), 0, V * D, wide, &err));
    wide[100] = 1e6f;
    wide[101] = -3e38f;
    replace(table, TENSOR_F32, wide);
    struct model *model = open_changed(PRECISION_INT8, NULL);
    ck_assert_msg(model != NULL, "%s", err.text);
    ck_assert_uint_eq(model_network(model)->output.w.f16[100], 0x7bff);
    ck_assert_uint_eq(model_network(model)->output.w.f16[101], 0xfbff);
    model_close(model);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("preview files");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, refused, 0, (int)(sizeof faults / sizeof faults[0]));
    tcase_add_loop_test(tcase, bad_halves, 0, 3);
    tcase_add_test(tcase, other_types);
    tcase_add_test(tcase, a_projection_of_halves);
    tcase_add_test(tcase, a_table_of_int8);
    tcase_add_test(tcase, a_table_too_large_for_halves);
    tcase_set_timeout(tcase, 60);
    Suite *suite = suite_create("model");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
