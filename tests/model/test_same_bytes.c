/* One sentence, one answer: the same bytes whatever kernel table computes it, whoever shares its
 * batch, however many members the team has, and however rows are cut into chunks. */
#include "base/json.h"
#include "base/team.h"
#include "model/arch.h"
#include "model/model.h"
#include "tests/support/model_dir.h"
#include "tests/support/preview_model.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_STEPS 5
#define N_BEST 5
#define N_SLOTS 3
#define MAX_SENTENCES 12

static struct error err;

static const char *const fixtures[] = {
    "tests/fixtures/marian_odd",
    "tests/fixtures/nllb",
    "tests/fixtures/mbart50",
    "tests/fixtures/t5gated_odd",
    "tests/fixtures/npz_ssru/model.npz",
    "tests/fixtures/npz_prenorm_untied/model.npz",
};
#define N_FIXTURES ((int)(sizeof fixtures / sizeof fixtures[0]))

/* Behind them the int8 models that are made of some, with a narrow preview of the output layer. */
static const int with_preview[] = {0, 1, 3, 5};
#define N_WITH_PREVIEW ((int)(sizeof with_preview / sizeof with_preview[0]))
#define PREVIEW_RANK 24

static struct model_dir dir;

static void setup(void)
{
    model_dir_new(&dir, NULL);
}

static void teardown(void)
{
    model_dir_free(&dir);
}

static const char *path_of(int i)
{
    if (i < N_FIXTURES)
        return fixtures[i];
    make_preview_model(fixtures[with_preview[i - N_FIXTURES]], dir.path, PREVIEW_RANK);
    return dir.path;
}

/* Everything a step says about a sentence, one step after the other. */
struct trace {
    struct buffer bytes;
};

struct run {
    const struct model *model;
    struct session *session;
    uint32_t n_vocabulary;
    const uint32_t *shortlist;
    uint32_t n_shortlist;
    bool renormalize;
};

/* Sentences of very unlike lengths, made up. */
static uint32_t source_ids(const struct config *config, uint32_t i, uint32_t *ids)
{
    uint32_t n = 1 + i * i % 37, limit = config->source_vocabulary;
    for (uint32_t j = 0; j < n; j++)
        ids[j] = (7 + i * 131 + j * 71) % limit;
    return n;
}

struct beam {
    struct sentence *sentence;
    struct candidate best[N_SLOTS][N_BEST];
    float *logits[N_SLOTS], *weights[N_SLOTS];
    uint32_t n_rows;
};

static void set_rows(const struct run *run, struct beam *beam, uint32_t step, struct step_row *rows)
{
    static const uint32_t banned[] = {0, 3, 600};
    static const uint32_t wanted[] = {1, 2, 513};
    static float wanted_logits[MAX_SENTENCES * 8 * N_SLOTS][3];
    static uint32_t next;
    struct candidate last[N_SLOTS][N_BEST];
    memcpy(last, beam->best, sizeof last);
    beam->n_rows = step == 0 ? 1 : N_SLOTS;
    for (uint32_t s = 0; s < beam->n_rows; s++) {
        /* After the first step the slots change places each time. */
        uint32_t parent = step <= 1 ? 0 : (s + step) % N_SLOTS;
        uint32_t choice = step == 1 ? s : (s + step) % 2;
        /* With a preview, what is said does not come by the same way when all logits are asked. */
        bool all = (step + s) % 2 == 0;
        float *wanted_at = wanted_logits[next++ % (MAX_SENTENCES * 8 * N_SLOTS)];
        rows[s] = (struct step_row){
            .sentence = beam->sentence,
            .slot = s,
            .parent = parent,
            .token = step == 0 ? 0 : last[parent][choice].token,
            .n_best = N_BEST,
            .banned = banned,
            .n_banned = 3,
            .renormalize = run->renormalize,
            .needs_normalizer = true,
            .wanted = wanted,
            .n_wanted = 3,
            .shortlist = run->shortlist,
            .n_shortlist = run->n_shortlist,
            .best = beam->best[s],
            .wanted_logits = wanted_at,
            .logits = all ? beam->logits[s] : NULL,
            .cross_weights = beam->weights[s],
        };
    }
}

static void record(struct trace *trace, const struct run *run, const struct beam *beam,
                   const struct step_row *rows)
{
    for (uint32_t s = 0; s < beam->n_rows; s++) {
        ck_assert(buffer_append(&trace->bytes, rows[s].best,
                                rows[s].n_found * sizeof(struct candidate), &err));
        ck_assert(buffer_append(&trace->bytes, &rows[s].log_normalizer,
                                sizeof rows[s].log_normalizer, &err));
        ck_assert(buffer_append(&trace->bytes, rows[s].wanted_logits, 3 * sizeof(float), &err));
        ck_assert(
            buffer_append(&trace->bytes, beam->logits[s], run->n_vocabulary * sizeof(float), &err));
        ck_assert(buffer_append(&trace->bytes, beam->weights[s],
                                sentence_length(beam->sentence) * sizeof(float), &err));
    }
}

/* Runs sentences first .. first + n - 1 together; traces[i] gets what is said of number i. */
static void run_together(const struct run *run, uint32_t first, uint32_t n, uint32_t copies,
                         struct trace *traces)
{
    uint32_t total = n * copies;
    struct beam *beams = calloc(total, sizeof *beams);
    struct step_row *rows = calloc((size_t)total * N_SLOTS, sizeof *rows);
    uint32_t(*ids)[64] = calloc(total, sizeof *ids);
    struct source_ids *sources = calloc(total, sizeof *sources);
    struct sentence **sentences = calloc(total, sizeof(struct sentence *));
    for (uint32_t i = 0; i < total; i++) {
        sources[i].ids = ids[i];
        sources[i].n_ids = source_ids(model_config(run->model), first + i % n, ids[i]);
    }
    ck_assert_msg(session_encode(run->session, total, sources, sentences, &err), "%s", err.text);
    for (uint32_t i = 0; i < total; i++) {
        beams[i].sentence = sentences[i];
        for (uint32_t s = 0; s < N_SLOTS; s++) {
            beams[i].logits[s] = calloc(run->n_vocabulary, sizeof(float));
            beams[i].weights[s] = calloc(64, sizeof(float));
        }
    }
    for (uint32_t step = 0; step < N_STEPS; step++) {
        uint32_t n_rows = 0;
        for (uint32_t i = 0; i < total; i++) {
            set_rows(run, &beams[i], step, rows + n_rows);
            n_rows += beams[i].n_rows;
        }
        ck_assert_msg(session_step(run->session, n_rows, rows, &err), "%s", err.text);
        for (uint32_t i = 0, at = 0; i < total; at += beams[i++].n_rows)
            if (i < n)
                record(&traces[first + i], run, &beams[i], rows + at);
    }
    for (uint32_t i = 0; i < total; i++) {
        session_release(run->session, sentences[i]);
        for (uint32_t s = 0; s < N_SLOTS; s++) {
            free(beams[i].logits[s]);
            free(beams[i].weights[s]);
        }
    }
    free(beams);
    free(rows);
    free(ids);
    free(sources);
    free(sentences);
}

static void open_run(struct run *run, struct model **model, const char *path,
                     enum precision precision, const struct kernels *kernels, uint32_t max_tokens,
                     struct team *team)
{
    struct model_options options = {.precision = precision, .kernels = kernels};
    struct session_limits limits = {.n_slots = N_SLOTS,
                                    .max_rows = MAX_SENTENCES * 8 * N_SLOTS,
                                    .max_tokens = max_tokens,
                                    .team = team};
    error_clear(&err);
    ck_assert_msg(model_open(model, path, &options, NULL, &err), "%s", err.text);
    *run = (struct run){.model = *model, .n_vocabulary = model_config(*model)->target_vocabulary};
    ck_assert_msg(session_new(&run->session, *model, &limits, &err), "%s", err.text);
}

static void close_run(struct run *run, struct model *model)
{
    session_free(run->session);
    model_close(model);
}

static void compare(struct trace *a, struct trace *b, uint32_t n, const char *what)
{
    for (uint32_t i = 0; i < n; i++) {
        ck_assert_uint_gt(a[i].bytes.n_bytes, 0);
        ck_assert_uint_eq(a[i].bytes.n_bytes, b[i].bytes.n_bytes);
        ck_assert_msg(memcmp(a[i].bytes.bytes, b[i].bytes.bytes, a[i].bytes.n_bytes) == 0,
                      "sentence %u: %s", i, what);
        buffer_clear(&b[i].bytes);
    }
}

static void free_traces(struct trace *traces)
{
    for (uint32_t i = 0; i < MAX_SENTENCES; i++)
        buffer_free(&traces[i].bytes);
}

static void alone_and_among_others(const char *path, enum precision precision)
{
    struct run run;
    struct model *model;
    struct trace alone[MAX_SENTENCES] = {0}, together[MAX_SENTENCES] = {0};
    open_run(&run, &model, path, precision, NULL, 50, NULL);
    for (uint32_t i = 0; i < MAX_SENTENCES; i++)
        run_together(&run, i, 1, 1, alone);
    run_together(&run, 0, MAX_SENTENCES, 1, together);
    compare(alone, together, MAX_SENTENCES, "among others");
    close_run(&run, model);
    /* More rows than a chunk, and another cut of the sources. */
    open_run(&run, &model, path, precision, NULL, 100000, NULL);
    run_together(&run, 0, MAX_SENTENCES, 4, together);
    compare(alone, together, MAX_SENTENCES, "in many rows");
    close_run(&run, model);
    free_traces(alone);
    free_traces(together);
}

START_TEST(alone_and_among_others_float)
{
    alone_and_among_others(fixtures[_i], PRECISION_F32);
}
END_TEST

START_TEST(alone_and_among_others_int8)
{
    alone_and_among_others(path_of(_i), PRECISION_INT8);
}
END_TEST

/* Halves change numbers, but not by neighbours or tables. */
START_TEST(half_caches)
{
    size_t n_tables;
    const char *path = path_of(_i);
    const struct kernels *const *tables = kernels_usable(&n_tables);
    struct trace wanted[MAX_SENTENCES] = {0}, got[MAX_SENTENCES] = {0};
    for (size_t t = 0; t < n_tables; t++) {
        struct run run;
        struct model *model;
        open_run(&run, &model, path, PRECISION_INT8, tables[t], 100, NULL);
        session_free(run.session);
        struct session_limits limits = {.n_slots = N_SLOTS,
                                        .max_rows = MAX_SENTENCES * N_SLOTS,
                                        .max_tokens = 100,
                                        .cache = CACHE_F16};
        ck_assert(session_new(&run.session, model, &limits, &err));
        for (uint32_t i = 0; t == 0 && i < MAX_SENTENCES; i++)
            run_together(&run, i, 1, 1, wanted);
        run_together(&run, 0, MAX_SENTENCES, 1, got);
        compare(wanted, got, MAX_SENTENCES, tables[t]->name);
        close_run(&run, model);
    }
    free_traces(wanted);
    free_traces(got);
}
END_TEST

START_TEST(every_kernel_table)
{
    size_t n_tables;
    const char *path = path_of(_i);
    const struct kernels *const *tables = kernels_usable(&n_tables);
    struct trace wanted[MAX_SENTENCES] = {0}, got[MAX_SENTENCES] = {0};
    for (int p = 0; p < 2; p++) {
        for (size_t t = 0; t < n_tables; t++) {
            struct run run;
            struct model *model;
            open_run(&run, &model, path, p == 0 ? PRECISION_F32 : PRECISION_INT8, tables[t], 100,
                     NULL);
            run_together(&run, 0, MAX_SENTENCES, 1, t == 0 ? wanted : got);
            if (t > 0)
                compare(wanted, got, MAX_SENTENCES, tables[t]->name);
            close_run(&run, model);
        }
        for (uint32_t i = 0; i < MAX_SENTENCES; i++)
            buffer_clear(&wanted[i].bytes);
    }
    free_traces(wanted);
    free_traces(got);
}
END_TEST

START_TEST(every_team)
{
    static const unsigned sizes[] = {1, 2, 3, 5};
    const char *path = path_of(_i);
    struct trace wanted[MAX_SENTENCES] = {0}, got[MAX_SENTENCES] = {0};
    for (size_t i = 0; i < 4; i++) {
        unsigned n = sizes[i];
        struct run run;
        struct model *model;
        struct team *team;
        ck_assert(team_new(&team, n, &err));
        ck_assert_uint_eq(team_size(team), n);
        open_run(&run, &model, path, PRECISION_INT8, NULL, 100, team);
        run_together(&run, 0, MAX_SENTENCES, 4, n == 1 ? wanted : got);
        if (n > 1)
            compare(wanted, got, MAX_SENTENCES, "in a team");
        close_run(&run, model);
        team_free(team);
    }
    free_traces(wanted);
    free_traces(got);
}
END_TEST

/* A shortlist of everything says what no shortlist says; of a few, the same logits for those. */
START_TEST(shortlists)
{
    struct run run;
    struct model *model;
    struct trace all[MAX_SENTENCES] = {0}, listed[MAX_SENTENCES] = {0};
    for (int p = 0; p < 2; p++) {
        open_run(&run, &model, fixtures[_i], p == 0 ? PRECISION_F32 : PRECISION_INT8, NULL, 100,
                 NULL);
        uint32_t *tokens = calloc(run.n_vocabulary, sizeof *tokens);
        for (uint32_t i = 0; i < run.n_vocabulary; i++)
            tokens[i] = i;
        for (int renormalize = 0; renormalize < 2; renormalize++) {
            run.renormalize = renormalize != 0;
            run.shortlist = NULL;
            run_together(&run, 0, MAX_SENTENCES, 1, all);
            run.shortlist = tokens;
            run.n_shortlist = run.n_vocabulary;
            run_together(&run, 0, MAX_SENTENCES, 1, listed);
            compare(all, listed, MAX_SENTENCES, "with a shortlist of all");
            for (uint32_t i = 0; i < MAX_SENTENCES; i++)
                buffer_clear(&all[i].bytes);
        }
        free(tokens);
        close_run(&run, model);
    }
    free_traces(all);
    free_traces(listed);
}
END_TEST

START_TEST(a_short_shortlist_has_the_same_logits)
{
    struct run run;
    struct model *model;
    static const uint32_t tokens[] = {2, 5, 17, 511, 512, 700};
    open_run(&run, &model, path_of(_i), PRECISION_INT8, NULL, 100, NULL);
    float *full = calloc(run.n_vocabulary, sizeof *full);
    uint32_t ids[64];
    struct source_ids source = {.ids = ids, .n_ids = source_ids(model_config(model), 5, ids)};
    struct candidate best[6];
    struct sentence *sentence;
    struct step_row row = {.token = 1, .n_best = 6, .best = best, .logits = full};
    ck_assert(session_encode(run.session, 1, &source, &sentence, &err));
    row.sentence = sentence;
    ck_assert(session_step(run.session, 1, &row, &err));
    session_release(run.session, sentence);
    ck_assert(session_encode(run.session, 1, &source, &sentence, &err));
    row.sentence = sentence;
    row.shortlist = tokens;
    row.n_shortlist = 6;
    row.logits = NULL;
    ck_assert(session_step(run.session, 1, &row, &err));
    ck_assert_uint_eq(row.n_found, 6);
    for (uint32_t i = 0; i < 6; i++) {
        ck_assert(memcmp(&best[i].logit, &full[best[i].token], sizeof(float)) == 0);
        ck_assert(i == 0 || best[i].logit <= best[i - 1].logit);
    }
    session_release(run.session, sentence);
    free(full);
    close_run(&run, model);
}
END_TEST

int main(void)
{
    const int n_all = N_FIXTURES + N_WITH_PREVIEW;
    TCase *tcase = tcase_create("same bytes");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, alone_and_among_others_float, 0, N_FIXTURES);
    tcase_add_loop_test(tcase, alone_and_among_others_int8, 0, n_all);
    tcase_add_loop_test(tcase, every_kernel_table, 0, n_all);
    tcase_add_loop_test(tcase, half_caches, 0, n_all);
    tcase_add_loop_test(tcase, every_team, 0, n_all);
    tcase_add_loop_test(tcase, shortlists, 0, N_FIXTURES);
    tcase_add_loop_test(tcase, a_short_shortlist_has_the_same_logits, 0, n_all);
    tcase_set_timeout(tcase, 120);
    Suite *suite = suite_create("engine");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
