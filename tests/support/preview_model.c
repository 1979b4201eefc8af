#include "tests/support/preview_model.h"

#include "model/arch.h"
#include "model/calibration.h"
#include "model/convert.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define N_SENTENCES 24
#define SOURCE_LENGTH 8
#define N_STEPS 12

static uint32_t some_token(uint32_t *state, uint32_t n)
{
    *state = *state * 1664525 + 1013904223;
    return 4 + (*state >> 8) % (n - 4);
}

static void calibrate(const struct model *model, struct calibration *calibration)
{
    struct error err = {0};
    const struct config *config = model_config(model);
    uint32_t ids[SOURCE_LENGTH], state = 11;
    struct session *session;
    struct session_limits limits = {.n_slots = 1,
                                    .max_rows = 1,
                                    .max_tokens = 64,
                                    .observer = calibration_observer(calibration)};
    struct candidate best;
    ck_assert_msg(session_new(&session, model, &limits, &err), "%s", err.text);
    for (size_t s = 0; s < N_SENTENCES; s++) {
        struct step_row row = {.n_best = 1, .best = &best};
        struct source_ids source = {.ids = ids, .n_ids = SOURCE_LENGTH};
        for (size_t i = 0; i < SOURCE_LENGTH; i++)
            ids[i] = some_token(&state, config->source_vocabulary);
        ck_assert_msg(session_encode(session, 1, &source, &row.sentence, &err), "%s", err.text);
        for (size_t i = 0; i < N_STEPS; i++) {
            row.token = some_token(&state, config->target_vocabulary);
            ck_assert_msg(session_step(session, 1, &row, &err), "%s", err.text);
        }
        session_release(session, row.sentence);
    }
    session_free(session);
    ck_assert_msg(calibration_finish(calibration, &err), "%s", err.text);
}

void make_preview_model(const char *from, const char *to, size_t rank)
{
    struct error err = {0};
    struct model *model;
    struct model_options options = {.precision = PRECISION_F32};
    ck_assert_msg(model_open(&model, from, &options, NULL, &err), "%s", err.text);
    struct calibration *calibration =
        calibration_new(model_network(model), model_kernels(model), &err);
    ck_assert_msg(calibration != NULL, "%s", err.text);
    calibrate(model, calibration);
    struct convert_options how = {.calibration = calibration, .model = model, .preview_rank = rank};
    ck_assert_msg(convert_model(from, to, &how, NULL, &err), "%s", err.text);
    calibration_free(calibration);
    model_close(model);
}

/* ---- opened -----------------------------------------------------------------------------------
 */

static const struct {
    const char *path;
    uint32_t width;
} fixtures[] = {
    {"tests/fixtures/marian_odd", 96},
    {"tests/fixtures/nllb", 64},        /* three blocks of columns */
    {"tests/fixtures/t5gated_odd", 96}, /* untied */
    {"tests/fixtures/npz_prenorm_untied/model.npz", 96},
};
_Static_assert(sizeof fixtures / sizeof fixtures[0] * 2 == PREVIEW_MODELS, "two of each");

void preview_renew(struct preview_model *preview)
{
    struct error err = {0};
    struct session_limits limits = {.n_slots = 1, .max_rows = PREVIEW_ROWS, .max_tokens = 64};
    session_free(preview->session);
    ck_assert_msg(session_new(&preview->session, preview->model, &limits, &err), "%s", err.text);
}

void preview_open(struct preview_model *preview, int number)
{
    struct error err = {0};
    struct model_options options = {.precision = PRECISION_INT8};
    struct buffer faults = {0};
    uint32_t width = fixtures[number / 2].width;
    *preview = (struct preview_model){
        .from = fixtures[number / 2].path, .is_full = number % 2 == 0, .width = width};
    size_t rank = preview->is_full ? width : PREVIEW_NARROW;
    model_dir_new(&preview->dir, NULL);
    make_preview_model(preview->from, preview->dir.path, rank);
    ck_assert_msg(model_open(&preview->model, preview->dir.path, &options, &faults, &err), "%s",
                  err.text);
    ck_assert_msg(faults.n_bytes == 0, "%s", faults.bytes);
    preview->network = (struct network *)model_network(preview->model);
    preview->n_vocabulary = model_config(preview->model)->target_vocabulary;
    preview->states = calloc((size_t)PREVIEW_ROWS * width, sizeof(float));
    preview_renew(preview);
    ck_assert_uint_eq(model_config(preview->model)->width, width);
    ck_assert_uint_eq(preview->network->preview.projection.n, rank);
    ck_assert_uint_eq(preview->network->preview.product.w.k, rank);
    ck_assert_uint_eq(preview->network->preview.product.w.n, preview->n_vocabulary);
    ck_assert_int_eq(preview->network->output.w.kind, MATRIX_F16);
    ck_assert_int_eq(preview->network->encoder.embedding.kind, MATRIX_F16);
    ck_assert_int_eq(preview->network->decoder.embedding.kind, MATRIX_F16);
}

void preview_close(struct preview_model *preview)
{
    session_free(preview->session);
    model_close(preview->model);
    model_dir_free(&preview->dir);
    free(preview->states);
}

void preview_step(struct preview_model *preview, uint32_t n, struct step_row *rows)
{
    static const uint32_t ids[PREVIEW_ROWS][4] = {
        {5, 6, 7, 0}, {9, 100, 3, 0}, {30, 4, 8, 0}, {77}};
    struct error err = {0};
    struct source_ids sources[PREVIEW_ROWS] = {{0}};
    struct sentence *sentences[PREVIEW_ROWS];
    struct session *session = preview->session;
    for (uint32_t i = 0; i < n; i++)
        sources[i] = (struct source_ids){.ids = ids[i], .n_ids = 4};
    ck_assert_msg(session_encode(session, n, sources, sentences, &err), "%s", err.text);
    for (uint32_t i = 0; i < n; i++) {
        struct step_row first = {.sentence = sentences[i], .token = 4};
        ck_assert_msg(session_step(session, 1, &first, &err), "%s", err.text);
        rows[i].sentence = sentences[i];
    }
    ck_assert_msg(session_step(session, n, rows, &err), "%s", err.text);
    memcpy(preview->states, session->rows, (size_t)n * preview->width * sizeof(float));
    for (uint32_t i = 0; i < n; i++)
        session_release(session, sentences[i]);
}

bool preview_listed(const uint32_t *list, uint32_t n, uint32_t token)
{
    for (uint32_t i = 0; i < n; i++)
        if (list[i] == token)
            return true;
    return false;
}
