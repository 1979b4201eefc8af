/* What calibration gathers is what plain loops over the products' inputs find; and a checkpoint
 * quantized by it is nearer to float32 on what it was calibrated by than one that is rounded. */
#include "base/memory.h"
#include "model/calibration.h"
#include "model/convert.h"
#include "tests/support/model_dir.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N_SENTENCES 30
#define SOURCE_LENGTH 9
#define N_STEPS 11
#define N_ROWS (N_SENTENCES * N_STEPS)

static struct error err;

/* The same sums in double, one row after the other. */
struct plain {
    const float *values; /* of the matrix */
    size_t k;
    uint64_t n_rows;
    double *sums;
    float *peaks;
};

struct watcher {
    struct plain plain[256];
    size_t n_plain;
    const struct observer *to; /* who is told, too */
};

static struct plain *plain_of(struct watcher *watcher, const struct matrix *w)
{
    for (size_t i = 0; i < watcher->n_plain; i++)
        if (watcher->plain[i].values == w->f32)
            return &watcher->plain[i];
    struct plain *plain = &watcher->plain[watcher->n_plain++];
    *plain = (struct plain){.values = w->f32, .k = w->k};
    plain->sums = calloc(w->k * w->k, sizeof(double));
    plain->peaks = calloc(w->k, sizeof(float));
    return plain;
}

static void watch(void *argument, const struct matrix *w, size_t m, const float *x, size_t stride)
{
    struct watcher *watcher = argument;
    struct plain *plain = plain_of(watcher, w);
    for (size_t r = 0; r < m; r++)
        for (size_t i = 0; i < w->k; i++) {
            float xi = x[r * stride + i];
            plain->peaks[i] = fmaxf(plain->peaks[i], fabsf(xi));
            for (size_t j = 0; j < w->k; j++)
                plain->sums[i * w->k + j] += (double)xi * (double)x[r * stride + j];
        }
    plain->n_rows += m;
    watcher->to->see(watcher->to->argument, w, m, x, stride);
}

static void watcher_free(struct watcher *watcher)
{
    for (size_t i = 0; i < watcher->n_plain; i++) {
        free(watcher->plain[i].sums);
        free(watcher->plain[i].peaks);
    }
}

static uint32_t some_token(uint32_t *state, uint32_t n)
{
    *state = *state * 1664525 + 1013904223;
    return 4 + (*state >> 8) % (n - 4);
}

/* Made-up sentences through encoder and decoder; to `logits`, if not NULL, [N_ROWS][V]. */
static void run(const struct model *model, const struct observer *observer, float *logits)
{
    const struct config *config = model_config(model);
    uint32_t ids[SOURCE_LENGTH], state = 7, n = config->target_vocabulary;
    struct session *session;
    struct session_limits limits = {
        .n_slots = 1, .max_rows = 1, .max_tokens = 64, .observer = observer};
    struct candidate best;
    ck_assert_msg(session_new(&session, model, &limits, &err), "%s", err.text);
    for (size_t s = 0; s < N_SENTENCES; s++) {
        struct step_row row = {.n_best = 1, .best = &best};
        struct source_ids source = {.ids = ids, .n_ids = SOURCE_LENGTH};
        for (size_t i = 0; i < SOURCE_LENGTH; i++)
            ids[i] = some_token(&state, config->source_vocabulary);
        ck_assert_msg(session_encode(session, 1, &source, &row.sentence, &err), "%s", err.text);
        for (size_t i = 0; i < N_STEPS; i++) {
            row.token = some_token(&state, n);
            row.logits = logits != NULL ? logits + (s * N_STEPS + i) * n : NULL;
            ck_assert_msg(session_step(session, 1, &row, &err), "%s", err.text);
        }
        session_release(session, row.sentence);
    }
    session_free(session);
}

static struct model *open_model(const char *path, enum precision precision)
{
    struct model *model;
    struct model_options options = {.precision = precision};
    ck_assert_msg(model_open(&model, path, &options, NULL, &err), "%s", err.text);
    return model;
}

static const char *const fixtures[] = {
    "tests/fixtures/marian_odd",
    "tests/fixtures/t5gated_odd",
    "tests/fixtures/npz_ssru/model.npz",
    "tests/fixtures/npz_prenorm_untied/model.npz",
};
#define N_FIXTURES ((int)(sizeof fixtures / sizeof fixtures[0]))

/* ---- moments ----------------------------------------------------------------------------------
 */

static void compare(const struct plain *plain, const struct moments *moments)
{
    size_t k = plain->k;
    ck_assert_uint_eq(moments->width, k);
    ck_assert_uint_eq(moments->n_rows, plain->n_rows);
    ck_assert(memcmp(moments->peaks, plain->peaks, k * sizeof(float)) == 0);
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < k; j++) {
            double size = sqrt(plain->sums[i * k + i] * plain->sums[j * k + j]);
            ck_assert_double_eq_tol(moments->sums[i * k + j], plain->sums[i * k + j],
                                    1e-5 * size + 1e-12);
        }
}

/* Every matrix of the layers has an input, the gates too, which are not watched. */
static void check_known(const struct calibration *calibration, const struct stack *stack)
{
    for (uint32_t l = 0; l < stack->n_layers; l++) {
        struct linear *linears[LAYER_LINEARS];
        layer_linears(&stack->layers[l], linears);
        for (size_t i = 0; i < LAYER_LINEARS; i++) {
            const struct moments *input = calibration_find(calibration, &linears[i]->w);
            if (linears[i]->w.n == 0)
                continue;
            ck_assert_ptr_nonnull(input);
            ck_assert_uint_eq(input->width, linears[i]->w.k);
            ck_assert_uint_ge(input->n_rows, 1);
        }
    }
}

START_TEST(moments_are_sums)
{
    static struct watcher watcher;
    struct model *model = open_model(fixtures[_i], PRECISION_F32);
    const struct network *network = model_network(model);
    struct calibration *calibration = calibration_new(network, model_kernels(model), &err);
    ck_assert_ptr_nonnull(calibration);
    watcher = (struct watcher){.to = calibration_observer(calibration)};
    run(model, &(struct observer){.see = watch, .argument = &watcher}, NULL);
    ck_assert(calibration_finish(calibration, &err));
    ck_assert_uint_ge(watcher.n_plain, 10);
    for (size_t i = 0; i < watcher.n_plain; i++) {
        struct matrix key = {.f32 = (float *)watcher.plain[i].values};
        const struct moments *input = calibration_find(calibration, &key);
        ck_assert_ptr_nonnull(input);
        compare(&watcher.plain[i], input);
    }
    check_known(calibration, &network->encoder);
    check_known(calibration, &network->decoder);
    const struct moments *states = calibration_find(calibration, &network->output.w);
    ck_assert_uint_eq(states->n_rows, N_ROWS);
    ck_assert_ptr_null(calibration_find(calibration, &(struct matrix){.f32 = NULL}));
    watcher_free(&watcher);
    calibration_free(calibration);
    model_close(model);
}
END_TEST

START_TEST(nothing_seen)
{
    struct model *model = open_model(fixtures[0], PRECISION_F32);
    struct calibration *calibration =
        calibration_new(model_network(model), model_kernels(model), &err);
    error_clear(&err);
    ck_assert(!calibration_finish(calibration, &err));
    ck_assert_int_eq(err.code, ERROR_USAGE);
    calibration_free(calibration);
    model_close(model);
}
END_TEST

/* Rows that are not numbers are left out; how many come at once does not matter. */
START_TEST(rows_of_moments)
{
    static float rows[300][19];
    const struct kernels *kernels = kernels_find(NULL, NULL);
    struct moments *a = moments_new(19, &err), *b = moments_new(19, &err);
    uint32_t state = 5;
    for (size_t i = 0; i < 300; i++)
        for (size_t j = 0; j < 19; j++)
            rows[i][j] = (float)some_token(&state, 1000) / 500 - 1;
    moments_add(a, kernels, 300, rows[0], 19);
    for (size_t i = 0; i < 300; i++) {
        float bad[19] = {[3] = NAN};
        moments_add(b, kernels, 1, rows[i], 19);
        moments_add(b, kernels, 1, bad, 19);
    }
    moments_finish(a, kernels);
    moments_finish(b, kernels);
    ck_assert_uint_eq(a->n_rows, 300);
    ck_assert_uint_eq(b->n_rows, 300);
    ck_assert(memcmp(a->sums, b->sums, 19 * 19 * sizeof(double)) == 0);
    moments_free(a);
    moments_free(b);
}
END_TEST

/* ---- a converted model ------------------------------------------------------------------------
 */

static float *logits_of(const char *path, enum precision precision, size_t *n)
{
    struct model *model = open_model(path, precision);
    *n = (size_t)N_ROWS * model_config(model)->target_vocabulary;
    float *logits = calloc(*n, sizeof *logits);
    run(model, NULL, logits);
    model_close(model);
    return logits;
}

static double distance(const float *a, const float *b, size_t n)
{
    double sum = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        size += (double)a[i] * (double)a[i];
    }
    return sqrt(sum / size);
}

static void convert_calibrated(const char *from, const char *to)
{
    struct model *model = open_model(from, PRECISION_F32);
    struct calibration *calibration =
        calibration_new(model_network(model), model_kernels(model), &err);
    run(model, calibration_observer(calibration), NULL);
    ck_assert(calibration_finish(calibration, &err));
    struct convert_options how = {.calibration = calibration, .model = model};
    ck_assert_msg(convert_model(from, to, &how, NULL, &err), "%s", err.text);
    calibration_free(calibration);
    model_close(model);
}

START_TEST(nearer_than_rounding)
{
    struct model_dir dir;
    size_t n;
    error_clear(&err);
    model_dir_new(&dir, NULL);
    convert_calibrated(fixtures[_i], dir.path);
    float *f32 = logits_of(fixtures[_i], PRECISION_F32, &n);
    float *rounded = logits_of(fixtures[_i], PRECISION_INT8, &n);
    float *calibrated = logits_of(dir.path, PRECISION_INT8, &n);
    /* What is stored is what is computed with: as float32 it is no farther away than as int8. */
    float *widened = logits_of(dir.path, PRECISION_F32, &n);
    double d = distance(f32, calibrated, n);
    ck_assert_double_lt(d, distance(f32, rounded, n));
    ck_assert_double_lt(distance(f32, widened, n), d);
    free(f32);
    free(rounded);
    free(calibrated);
    free(widened);
    model_dir_free(&dir);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("calibration");
    tcase_add_loop_test(tcase, moments_are_sums, 0, N_FIXTURES);
    tcase_add_test(tcase, nothing_seen);
    tcase_add_test(tcase, rows_of_moments);
    tcase_add_loop_test(tcase, nearer_than_rounding, 0, N_FIXTURES);
    tcase_set_timeout(tcase, 120);
    Suite *suite = suite_create("engine");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
