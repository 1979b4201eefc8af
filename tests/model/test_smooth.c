/* Stored int8 with smoothing factors: the activations of channel k are multiplied by smooth[k], by
 * which the weights were divided. In float32 the factors are multiplied back into the weights, so
 * both precisions must give nearly the same logits. */
#include "model/arch.h"
#include "model/model.h"
#include "model/network.h"
#include "model/safetensors_write.h"
#include "tests/support/model_dir.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_STEPS 3

static struct error err;

struct writing {
    struct safetensors_writer *writer;
    size_t indices[1024], n, next;
    bool declaring;
};

/* Powers of two, so that dividing by them is exact. The matrices that share an input share theirs,
 * for they go by k alone; gates have their own. */
static float factor(const char *name, size_t k)
{
    bool gate = strstr(name, "wi_1") != NULL;
    return gate ? (k % 2 == 0 ? 0.5f : 1) : k % 3 == 0 ? 2 : 1;
}

static void put(struct writing *w, const char *name, const char *suffix, enum tensor_type type,
                size_t rank, const size_t *shape, const void *values, size_t n_bytes)
{
    char full[256];
    snprintf(full, sizeof full, "%s%s", name, suffix);
    if (w->declaring)
        ck_assert_msg(safetensors_writer_declare(w->writer, full, type, rank, shape,
                                                 &w->indices[w->n++], &err),
                      "%s", err.text);
    else
        ck_assert(safetensors_writer_put(w->writer, w->indices[w->next++], values, n_bytes, &err));
}

static bool write_piece(void *argument, const struct network_piece *piece, struct error *e)
{
    struct writing *w = argument;
    (void)e;
    size_t rows = piece->shape[0], k = piece->rank == 2 ? piece->shape[1] : 1;
    if (piece->w == NULL) {
        put(w, piece->name, "", TENSOR_F32, piece->rank, piece->shape, piece->values,
            rows * k * sizeof(float));
        return true;
    }
    float *row = calloc(k, sizeof *row), *scales = calloc(rows, sizeof *scales);
    float *smooth = calloc(k, sizeof *smooth);
    int8_t *values = calloc(rows, k);
    for (size_t i = 0; i < rows; i++) {
        float most = 0;
        matrix_get_channel(piece->w, piece->first + i, row);
        for (size_t j = 0; j < k; j++) {
            smooth[j] = factor(piece->name, j);
            row[j] /= smooth[j];
            most = fabsf(row[j]) > most ? fabsf(row[j]) : most;
        }
        scales[i] = most / 127;
        for (size_t j = 0; j < k && most > 0; j++)
            values[i * k + j] = (int8_t)lrintf(row[j] / scales[i]);
    }
    put(w, piece->name, "", TENSOR_I8, 2, piece->shape, values, rows * k);
    put(w, piece->name, ".scale", TENSOR_F32, 1, piece->shape, scales, rows * sizeof *scales);
    put(w, piece->name, ".smooth", TENSOR_F32, 1, &piece->shape[1], smooth, k * sizeof *smooth);
    free(row);
    free(scales);
    free(smooth);
    free(values);
    return true;
}

static void write_smoothed(const char *fixture, const struct model_dir *dir)
{
    struct writing w = {.declaring = true};
    struct model *model;
    char path[128];
    struct model_options options = {.precision = PRECISION_F32};
    ck_assert_msg(model_open(&model, fixture, &options, NULL, &err), "%s", err.text);
    model_dir_remove(dir, "model.safetensors");
    snprintf(path, sizeof path, "%s/model.safetensors", dir->path);
    ck_assert_msg(safetensors_writer_open(&w.writer, path, false, &err), "%s", err.text);
    ck_assert(network_visit(model_network(model), model_config(model), write_piece, &w, &err));
    ck_assert_msg(safetensors_writer_begin(w.writer, &err), "%s", err.text);
    w.declaring = false;
    ck_assert(network_visit(model_network(model), model_config(model), write_piece, &w, &err));
    ck_assert_msg(safetensors_writer_close(w.writer, true, &err), "%s", err.text);
    model_close(model);
}

static float *logits_of(const char *path, enum precision precision, size_t *n)
{
    static const uint32_t ids[] = {5, 61, 300, 44, 7, 0}, tokens[N_STEPS] = {0, 17, 300};
    struct model *model;
    struct session *session;
    struct model_options options = {.precision = precision};
    struct session_limits limits = {.n_slots = 1, .max_rows = 1, .max_tokens = 16};
    struct source_ids source = {.ids = ids, .n_ids = 6};
    struct candidate best;
    struct step_row row = {.n_best = 1, .best = &best};
    ck_assert_msg(model_open(&model, path, &options, NULL, &err), "%s", err.text);
    ck_assert(session_new(&session, model, &limits, &err));
    ck_assert_msg(session_encode(session, 1, &source, &row.sentence, &err), "%s", err.text);
    *n = (size_t)N_STEPS * model_config(model)->target_vocabulary;
    float *logits = calloc(*n, sizeof *logits);
    for (uint32_t i = 0; i < N_STEPS; i++) {
        row.token = tokens[i];
        row.logits = logits + i * (*n / N_STEPS);
        ck_assert_msg(session_step(session, 1, &row, &err), "%s", err.text);
    }
    session_free(session);
    model_close(model);
    return logits;
}

static double distance(const float *a, const float *b, size_t n)
{
    double difference = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        difference += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        size += (double)a[i] * a[i];
    }
    return sqrt(difference / size);
}

static const char *const fixtures[] = {"tests/fixtures/marian_odd", "tests/fixtures/t5gated_odd"};

START_TEST(both_precisions_agree)
{
    struct model_dir dir;
    size_t n;
    error_clear(&err);
    model_dir_new(&dir, fixtures[_i]);
    write_smoothed(fixtures[_i], &dir);
    float *original = logits_of(fixtures[_i], PRECISION_F32, &n);
    float *f32 = logits_of(dir.path, PRECISION_F32, &n);
    float *int8 = logits_of(dir.path, PRECISION_INT8, &n);
    ck_assert_double_lt(distance(original, f32, n), 0.15);
    ck_assert_double_lt(distance(f32, int8, n), 0.15);
    free(original);
    free(f32);
    free(int8);
    model_dir_free(&dir);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("smoothing");
    tcase_add_loop_test(tcase, both_precisions_agree, 0, 2);
    tcase_set_timeout(tcase, 60);
    Suite *suite = suite_create("engine");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
