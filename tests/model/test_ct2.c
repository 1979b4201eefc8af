/* The Hugging Face fixtures written as CTranslate2 directories give the same logits: to the byte
 * from float32, nearly from int8 (whose scales are inverses there). */
#include "model/arch.h"
#include "model/model.h"
#include "model/network.h"
#include "model/positions.h"
#include "tests/support/checkpoints.h"
#include "tests/support/model_dir.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_STEPS 4
#define MOST_ARRAYS 512
#define N_POSITIONS 64

static struct error err;

/* A CTranslate2 model under construction. */
struct writing {
    struct array arrays[MOST_ARRAYS];
    char names[MOST_ARRAYS][WEIGHT_NAME_BYTES + 8];
    size_t n;
    bool int8;
};

static struct array *find_array(struct writing *w, const char *name)
{
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->names[i], name) == 0)
            return &w->arrays[i];
    return NULL;
}

/* Values that the array owns; parts of one name go below each other. */
static void add(struct writing *w, const char *name, enum tensor_type type, size_t rank,
                const size_t *shape, const void *values)
{
    struct array *array = find_array(w, name);
    if (array == NULL) {
        ck_assert_uint_lt(w->n, MOST_ARRAYS);
        snprintf(w->names[w->n], sizeof w->names[0], "%s", name);
        array = &w->arrays[w->n];
        *array = (struct array){.name = w->names[w->n], .type = type, .rank = rank};
        for (size_t i = 0; i < rank; i++)
            array->shape[i] = i == 0 ? 0 : shape[i];
        w->n++;
    }
    struct array part = *array;
    if (rank > 0)
        part.shape[0] = shape[0];
    size_t old_bytes = rank > 0 ? array_bytes(array) : 0, n_bytes = array_bytes(&part);
    char *grown = malloc(old_bytes + n_bytes);
    if (old_bytes > 0)
        memcpy(grown, array->values, old_bytes);
    memcpy(grown + old_bytes, values, n_bytes);
    free((void *)(uintptr_t)array->values);
    array->values = grown;
    if (rank > 0)
        array->shape[0] += shape[0];
}

static void add_scalar(struct writing *w, const char *side, const char *name, enum tensor_type type,
                       float value)
{
    char full[64];
    int8_t small = (int8_t)value;
    int16_t medium = (int16_t)value;
    int32_t large = (int32_t)value;
    const void *at = type == TENSOR_I8    ? (const void *)&small
                     : type == TENSOR_I16 ? (const void *)&medium
                     : type == TENSOR_I32 ? (const void *)&large
                                          : (const void *)&value;
    snprintf(full, sizeof full, "%s/%s", side, name);
    add(w, full, type, 0, NULL, at);
}

static const char *ct2_name(const char *name)
{
    return strstr(name, "shared.weight") != NULL ? "decoder/embeddings/weight" : name;
}

static bool add_piece(void *argument, const struct network_piece *piece, struct error *e)
{
    struct writing *w = argument;
    const char *name = ct2_name(piece->name);
    char scale_name[WEIGHT_NAME_BYTES + 8];
    (void)e;
    if (piece->w == NULL) {
        bool flat = piece->rank == 2 && piece->shape[0] == 1; /* a bias of the output */
        add(w, name, TENSOR_F32, flat ? 1 : piece->rank, flat ? &piece->shape[1] : piece->shape,
            piece->values);
        return true;
    }
    size_t k = piece->w->k, row_shape[2] = {1, k}, one = 1;
    float *row = calloc(k, sizeof *row);
    snprintf(scale_name, sizeof scale_name, "%s_scale", name);
    for (size_t i = 0; i < piece->shape[0]; i++) {
        if (w->int8) {
            float scale = piece->w->scales[piece->first + i];
            scale = scale > 0 ? 1 / scale : 1;
            matrix_get_channel_i8(piece->w, piece->first + i, (int8_t *)row);
            add(w, name, TENSOR_I8, 2, row_shape, row);
            add(w, scale_name, TENSOR_F32, 1, &one, &scale);
        } else {
            matrix_get_channel(piece->w, piece->first + i, row);
            add(w, name, TENSOR_F32, 2, row_shape, row);
        }
    }
    free(row);
    return true;
}

/* Settings that CTranslate2 keeps as scalars, and positions as a table. */
static void add_settings(struct writing *w, const struct config *c, const char *side,
                         uint32_t heads)
{
    static const int activations[] = {[ACTIVATION_RELU] = 0,
                                      [ACTIVATION_GELU_TANH] = 1,
                                      [ACTIVATION_SWISH] = 2,
                                      [ACTIVATION_GELU] = 3};
    char name[96];
    add_scalar(w, side, "num_heads", TENSOR_I16, (float)heads);
    add_scalar(w, side, "pre_norm", TENSOR_I8, c->norm_place == NORM_PRE);
    add_scalar(w, side, "activation", TENSOR_I8, (float)activations[c->activation]);
    if (c->embedding_scale == 1.0f)
        add_scalar(w, side, "scale_embeddings", TENSOR_I8, 0);
    else
        add_scalar(w, side, "scale_embeddings", TENSOR_F32, c->embedding_scale);
    if (c->positions == POSITIONS_RELATIVE_BUCKETS) {
        add_scalar(w, side, "layer_0/self_attention/queries_scale", TENSOR_F32, 1);
        add_scalar(w, side, "layer_0/self_attention/relative_attention_max_distance", TENSOR_I32,
                   (float)c->relative_max_distance);
    } else if (c->positions != POSITIONS_LEARNED) {
        struct sinusoids s = {0};
        size_t shape[2] = {N_POSITIONS, c->width};
        ck_assert(sinusoids_reserve(&s, c->width, c->positions == POSITIONS_SINUSOIDAL_NATIVE,
                                    N_POSITIONS + c->position_offset, &err));
        snprintf(name, sizeof name, "%s/position_encodings/encodings", side);
        add(w, name, TENSOR_F32, 2, shape, s.rows + (size_t)c->position_offset * c->width);
        memory_free(s.rows);
    }
}

/* mBART's tables begin with rows that no position has; here row 0 is position 0. */
static void drop_offset(struct writing *w, const struct config *c, const char *name)
{
    struct array *array = find_array(w, name);
    if (array == NULL || c->positions != POSITIONS_LEARNED)
        return;
    size_t dropped = (size_t)c->position_offset * c->width * sizeof(float);
    char *values = (char *)(uintptr_t)array->values;
    memmove(values, values + dropped, array_bytes(array) - dropped);
    array->shape[0] -= c->position_offset;
}

static void write_ct2(const struct model_dir *dir, const struct model *model)
{
    static const char *const target = "decoder/embeddings/weight";
    struct writing *w = calloc(1, sizeof *w);
    struct config c = *model_config(model);
    struct buffer bytes = {0}, json = {0};
    w->int8 = model_precision(model) == PRECISION_INT8;
    add_settings(w, &c, "encoder", c.encoder_heads);
    add_settings(w, &c, "decoder", c.decoder_heads);
    c.names = FAMILY_CT2;
    ck_assert(network_visit(model_network(model), &c, add_piece, w, &err));
    drop_offset(w, &c, "encoder/position_encodings/encodings");
    drop_offset(w, &c, "decoder/position_encodings/encodings");
    add_scalar(w, "decoder", "scale_outputs", TENSOR_F32, c.output_scale);
    w->arrays[w->n++] = (struct array){.name = "encoder/embeddings_0/weight", .alias_of = target};
    if (c.tie_output)
        w->arrays[w->n++] = (struct array){.name = "decoder/projection/weight", .alias_of = target};
    checkpoint_ct2(&bytes, 6, w->arrays, w->n);
    model_dir_write(dir, "model.bin", bytes.bytes, bytes.n_bytes);
    ck_assert(buffer_append_text(&json, "[\"<pad>\", \"</s>\", \"<s>\"", &err));
    for (uint32_t i = 3; i < c.target_vocabulary; i++)
        ck_assert(buffer_printf(&json, &err, ", \"w%u\"", i));
    ck_assert(buffer_append_text(&json, "]", &err));
    model_dir_write(dir, "shared_vocabulary.json", json.bytes, json.n_bytes);
    static const char config[] =
        "{\"decoder_start_token\": \"<pad>\", \"layer_norm_epsilon\": null}";
    model_dir_write(dir, "config.json", config, strlen(config));
    buffer_free(&bytes);
    buffer_free(&json);
    for (size_t i = 0; i < w->n; i++)
        if (w->arrays[i].alias_of == NULL)
            free((void *)(uintptr_t)w->arrays[i].values);
    free(w);
}

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
    write_ct2(&dir, original);
    ck_assert_msg(model_open(&written, dir.path, &options, NULL, &err), "%s", err.text);
    ck_assert_int_eq(model_config(written)->family, FAMILY_CT2);
    ck_assert_uint_eq(model_config(written)->generation.start, 0);
    ck_assert_uint_eq(model_config(written)->generation.eos[0], 1);
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

int main(void)
{
    TCase *tcase = tcase_create("CTranslate2");
    tcase_add_loop_test(tcase, float32_to_the_byte, 0, N_FIXTURES);
    tcase_add_loop_test(tcase, int8_nearly, 0, N_FIXTURES);
    tcase_set_timeout(tcase, 60);
    Suite *suite = suite_create("engine");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
