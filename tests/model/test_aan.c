/* Average attention against its definition, computed here in double precision: a made-up Marian
 * model whose cross-attention and feed-forward layers give zeros, so that a decoder layer is the
 * block and the norms around it. */
#include "model/arch.h"
#include "model/convert.h"
#include "tests/support/checkpoints.h"
#include "tests/support/model_dir.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define D 8
#define A 12
#define V 10
#define N_LAYERS 2
#define N_STEPS 6
#define MOST_ARRAYS 128

static struct error err;

/* What differs between the models. */
static const struct form {
    const char *options;
    uint32_t ffn; /* 0: none */
    bool gated, before, after, relu;
} forms[] = {
    {"", A, true, false, true, false},
    {"transformer-aan-activation: relu\n", A, true, false, true, true},
    {"transformer-aan-nogate: true\n", A, false, false, true, false},
    {"transformer-aan-depth: 1\n", 0, true, false, true, false},
    {"transformer-dim-aan: 8\n", D, true, false, true, false},
    {"transformer-preprocess: n\ntransformer-postprocess: da\n", A, true, true, false, false},
    {"transformer-preprocess: n\n", A, true, true, true, false},
};
#define N_FORMS ((int)(sizeof forms / sizeof forms[0]))

/* ---- the model --------------------------------------------------------------------------------
 */

struct numbers {
    struct array arrays[MOST_ARRAYS];
    char names[MOST_ARRAYS][48];
    float values[MOST_ARRAYS][D * A + V * D];
    size_t n;
    uint32_t random;
};

static float draw(struct numbers *m)
{
    m->random = m->random * 1664525 + 1013904223;
    return (float)(int32_t)m->random / 2147483648.0f;
}

/* [rows][columns] of a random size, around `middle`. */
static void add(struct numbers *m, const char *name, size_t rows, size_t columns, float middle,
                float size)
{
    ck_assert_uint_lt(m->n, MOST_ARRAYS);
    struct array *a = &m->arrays[m->n];
    snprintf(m->names[m->n], sizeof m->names[0], "%s", name);
    *a = (struct array){.name = m->names[m->n],
                        .type = TENSOR_F32,
                        .rank = 2,
                        .shape = {rows, columns},
                        .values = m->values[m->n]};
    for (size_t i = 0; i < rows * columns; i++)
        m->values[m->n][i] = middle + size * draw(m);
    m->n++;
}

static void add_norm(struct numbers *m, const char *prefix, const struct form *form)
{
    char name[64];
    for (int after = 0; after < 2; after++) {
        if (!(after ? form->after : form->before))
            continue;
        snprintf(name, sizeof name, "%s_ln_scale%s", prefix, after ? "" : "_pre");
        add(m, name, 1, D, 1, 0.5f);
        snprintf(name, sizeof name, "%s_ln_bias%s", prefix, after ? "" : "_pre");
        add(m, name, 1, D, 0, 0.3f);
    }
}

static void add_linear(struct numbers *m, const char *prefix, const char *suffix, size_t k,
                       size_t n, float size)
{
    char name[64];
    snprintf(name, sizeof name, "%s_W%s", prefix, suffix);
    add(m, name, k, n, 0, size);
    snprintf(name, sizeof name, "%s_b%s", prefix, suffix);
    add(m, name, 1, n, 0, size / 2);
}

static void add_attention(struct numbers *m, const char *prefix, bool silent,
                          const struct form *form)
{
    char name[64];
    add_linear(m, prefix, "q", D, D, 0.5f);
    add_linear(m, prefix, "k", D, D, 0.5f);
    add_linear(m, prefix, "v", D, D, 0.5f);
    add_linear(m, prefix, "o", D, D, silent ? 0 : 0.5f);
    snprintf(name, sizeof name, "%s_Wo", prefix);
    add_norm(m, name, form);
}

static void add_ffn(struct numbers *m, const char *prefix, bool silent, const struct form *form)
{
    char name[64];
    add_linear(m, prefix, "1", D, 4, 0.5f);
    add_linear(m, prefix, "2", 4, D, silent ? 0 : 0.5f);
    snprintf(name, sizeof name, "%s_ffn", prefix);
    add_norm(m, name, form);
}

static void make(struct numbers *m, const struct form *form, struct buffer *options)
{
    char prefix[48];
    memset(m, 0, sizeof *m);
    m->random = 7;
    buffer_clear(options);
    put_text(options, "type: transformer\ndim-emb: 8\ndim-vocabs: [10, 10]\nenc-depth: 1\n"
                      "dec-depth: 2\ntransformer-heads: 2\ntransformer-dim-ffn: 4\n"
                      "tied-embeddings-all: true\nversion: v1.11.5\n"
                      "transformer-decoder-autoreg: average-attention\n");
    put_text(options, form->options);
    if (strstr(form->options, "dim-aan") == NULL)
        put_text(options, "transformer-dim-aan: 12\n");
    add(m, "Wemb", V, D, 0, 0.5f);
    add(m, "decoder_ff_logit_out_b", 1, V, 0, 0.5f);
    add_attention(m, "encoder_l1_self", false, form);
    add_ffn(m, "encoder_l1_ffn", false, form);
    for (int l = 1; l <= N_LAYERS; l++) {
        snprintf(prefix, sizeof prefix, "decoder_l%d_aan", l);
        if (form->ffn != 0)
            add_linear(m, prefix, "1", D, form->ffn, 0.7f);
        if (form->ffn == A)
            add_linear(m, prefix, "2", A, D, 0.7f);
        if (form->gated) {
            add_linear(m, prefix, "i", D, D, 0.7f);
            add_linear(m, prefix, "f", D, D, 0.7f);
        }
        snprintf(prefix, sizeof prefix, "decoder_l%d_aan_ffn", l);
        add_norm(m, prefix, form);
        snprintf(prefix, sizeof prefix, "decoder_l%d_context", l);
        add_attention(m, prefix, true, form);
        snprintf(prefix, sizeof prefix, "decoder_l%d_ffn", l);
        add_ffn(m, prefix, true, form);
    }
}

/* ---- the definition ---------------------------------------------------------------------------
 */

static const float *find(const struct numbers *m, const char *prefix, const char *suffix)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s", prefix, suffix);
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->names[i], name) == 0)
            return m->values[i];
    return NULL;
}

static void linear(const struct numbers *m, const char *prefix, const char *which, size_t k,
                   size_t n, const double *x, double *y)
{
    char weight[8], bias[8];
    snprintf(weight, sizeof weight, "_W%s", which);
    snprintf(bias, sizeof bias, "_b%s", which);
    const float *w = find(m, prefix, weight), *b = find(m, prefix, bias);
    for (size_t o = 0; o < n; o++) {
        y[o] = b[o];
        for (size_t i = 0; i < k; i++)
            y[o] += x[i] * w[i * n + o];
    }
}

/* Nothing where the model has no such norm. */
static void norm(const struct numbers *m, const char *prefix, bool before, double *x)
{
    const float *gain = find(m, prefix, before ? "_ln_scale_pre" : "_ln_scale");
    const float *bias = find(m, prefix, before ? "_ln_bias_pre" : "_ln_bias");
    double mean = 0, variance = 0;
    if (gain == NULL)
        return;
    for (int i = 0; i < D; i++)
        mean += x[i] / D;
    for (int i = 0; i < D; i++)
        variance += (x[i] - mean) * (x[i] - mean) / D;
    for (int i = 0; i < D; i++)
        x[i] = (x[i] - mean) / sqrt(variance + 1e-6) * gain[i] + bias[i];
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* x = block(x); `mean` is of position t - 1 and becomes that of t. */
static void block(const struct numbers *m, const struct form *form, const char *prefix, int t,
                  double *mean, double *x)
{
    char ffn[80];
    double y[D], hidden[A], input[D], gate[D];
    snprintf(ffn, sizeof ffn, "%s_ffn", prefix);
    for (int i = 0; i < D; i++)
        y[i] = mean[i] = (mean[i] * t + x[i]) / (t + 1);
    norm(m, ffn, true, y);
    if (form->ffn != 0) {
        linear(m, prefix, "1", D, form->ffn, y, hidden);
        for (uint32_t i = 0; i < form->ffn; i++)
            hidden[i] = form->relu ? fmax(hidden[i], 0) : hidden[i] * sigmoid(hidden[i]);
        if (form->ffn == D)
            memcpy(y, hidden, sizeof y);
        else
            linear(m, prefix, "2", A, D, hidden, y);
    }
    if (form->gated) {
        linear(m, prefix, "i", D, D, x, input);
        linear(m, prefix, "f", D, D, y, gate);
        for (int i = 0; i < D; i++)
            y[i] = sigmoid(input[i]) * x[i] + sigmoid(gate[i]) * y[i];
    }
    for (int i = 0; i < D; i++)
        x[i] += y[i];
    norm(m, ffn, false, x);
}

/* Logits after each of `tokens`, of which the first is the start: a zero vector. */
static void define(const struct numbers *m, const struct form *form, const uint32_t *tokens,
                   double logits[N_STEPS][V])
{
    const float *table = find(m, "Wemb", ""), *bias = find(m, "decoder_ff_logit_out_b", "");
    double means[N_LAYERS][D] = {{0}};
    char prefix[64];
    for (int t = 0; t < N_STEPS; t++) {
        double x[D];
        for (int i = 0; i < D; i++) {
            double angle = t * exp(-(i % 4) * log(10000.0) / 3);
            x[i] = (t == 0 ? 0 : table[tokens[t] * D + i] * sqrt(D)) +
                   (i < 4 ? sin(angle) : cos(angle));
        }
        for (int l = 0; l < N_LAYERS; l++) {
            snprintf(prefix, sizeof prefix, "decoder_l%d_aan", l + 1);
            block(m, form, prefix, t, means[l], x);
            snprintf(prefix, sizeof prefix, "decoder_l%d_context_Wo", l + 1);
            norm(m, prefix, false, x);
            snprintf(prefix, sizeof prefix, "decoder_l%d_ffn_ffn", l + 1);
            norm(m, prefix, false, x);
        }
        for (int v = 0; v < V; v++) {
            logits[t][v] = bias[v];
            for (int i = 0; i < D; i++)
                logits[t][v] += x[i] * table[v * D + i];
        }
    }
}

/* ---- the engine -------------------------------------------------------------------------------
 */

/* Two hypotheses that change places at each step: the tokens of the one, all the way, are
 * tokens[t]. */
static void run(const char *path, enum precision precision, const uint32_t *tokens,
                float logits[N_STEPS][V])
{
    static const uint32_t ids[] = {5, 3, 0};
    struct model_options options = {.precision = precision};
    struct session_limits limits = {.n_slots = 2, .max_rows = 2, .max_tokens = 8};
    struct source_ids source = {.ids = ids, .n_ids = 3};
    struct sentence *sentence;
    struct session *session;
    struct model *model;
    error_clear(&err);
    ck_assert_msg(model_open(&model, path, &options, NULL, &err), "%s", err.text);
    ck_assert(session_new(&session, model, &limits, &err));
    ck_assert_msg(session_encode(session, 1, &source, &sentence, &err), "%s", err.text);
    for (uint32_t t = 0; t < N_STEPS; t++) {
        struct candidate best[2];
        float other[V];
        uint32_t slot = t % 2, parent = (t + 1) % 2;
        struct step_row rows[2] = {
            {.sentence = sentence, .slot = slot, .parent = parent, .token = tokens[t]},
            {.sentence = sentence,
             .slot = parent,
             .parent = t == 1 ? parent : slot,
             .token = (tokens[t] + 3) % V}};
        for (int i = 0; i < 2; i++) {
            rows[i].n_best = 1;
            rows[i].best = &best[i];
            rows[i].logits = i == 0 ? logits[t] : other;
        }
        ck_assert_msg(session_step(session, t == 0 ? 1 : 2, rows, &err), "%s", err.text);
    }
    session_free(session);
    model_close(model);
}

START_TEST(as_defined)
{
    static const uint32_t tokens[N_STEPS] = {0, 4, 7, 2, 9, 1};
    static struct numbers numbers;
    const struct form *form = &forms[_i];
    struct buffer options = {0}, bytes = {0};
    struct model_dir dir, converted;
    double wanted[N_STEPS][V];
    float found[N_STEPS][V], again[N_STEPS][V];
    make(&numbers, form, &options);
    checkpoint_npz(&bytes, numbers.arrays, numbers.n, options.bytes);
    model_dir_new(&dir, NULL);
    model_dir_write(&dir, "model.npz", bytes.bytes, bytes.n_bytes);
    define(&numbers, form, tokens, wanted);
    run(dir.path, PRECISION_F32, tokens, found);
    for (int t = 0; t < N_STEPS; t++)
        for (int v = 0; v < V; v++)
            ck_assert_msg(fabs(wanted[t][v] - (double)found[t][v]) <
                              1e-4 * (1 + fabs(wanted[t][v])),
                          "step %d, logit %d: %g, not %g", t, v, (double)found[t][v], wanted[t][v]);
    /* Converted it is the same to the bit, in float32 and in int8. */
    for (int int8 = 0; int8 < 2; int8++) {
        enum precision precision = int8 ? PRECISION_INT8 : PRECISION_F32;
        struct convert_options how = {.type = int8 ? CONVERT_INT8 : CONVERT_F32};
        model_dir_new(&converted, NULL);
        ck_assert_msg(convert_model(dir.path, converted.path, &how, NULL, &err), "%s", err.text);
        run(dir.path, precision, tokens, found);
        run(converted.path, precision, tokens, again);
        ck_assert_mem_eq(found, again, sizeof found);
        model_dir_free(&converted);
    }
    model_dir_free(&dir);
    buffer_free(&options);
    buffer_free(&bytes);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("average attention");
    tcase_add_loop_test(tcase, as_defined, 0, N_FORMS);
    tcase_set_timeout(tcase, 60);
    Suite *suite = suite_create("engine");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
