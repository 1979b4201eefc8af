/* Native Marian checkpoints against what marian-decoder makes of them. */
#include "model/arch.h"
#include "model/model.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIXTURES "tests/fixtures/"
#define MAX_TOKENS 256

static struct error err;

/* A plain vocab.yml: "piece: id" a line, ids dense. */
struct vocabulary {
    char *text;
    const char *pieces[2048];
    uint32_t n;
};

static void vocabulary_load(struct vocabulary *vocabulary, const char *directory)
{
    size_t n_bytes;
    vocabulary->n = 0;
    vocabulary->text = file_load(directory, "vocab.yml", 1 << 20, &n_bytes, &err);
    ck_assert_msg(vocabulary->text != NULL, "%s", err.text);
    for (char *line = strtok(vocabulary->text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char *colon = strrchr(line, ':');
        *colon = '\0';
        ck_assert_uint_eq(strtoul(colon + 1, NULL, 10), vocabulary->n);
        vocabulary->pieces[vocabulary->n++] = line;
    }
}

static uint32_t piece_id(const struct vocabulary *vocabulary, const char *piece)
{
    for (uint32_t i = 0; i < vocabulary->n; i++)
        if (strcmp(vocabulary->pieces[i], piece) == 0)
            return i;
    return 1;
}

/* Translates one line of pieces greedily; the answer in `out`. */
static void translate(struct session *session, const struct model *model,
                      const struct vocabulary *vocabulary, char *line, struct buffer *out)
{
    const struct generation *g = &model_config(model)->generation;
    uint32_t ids[MAX_TOKENS], n = 0;
    for (char *piece = strtok(line, " \n"); piece != NULL; piece = strtok(NULL, " \n"))
        ids[n++] = piece_id(vocabulary, piece);
    ids[n++] = g->eos[0];
    struct source_ids source = {.ids = ids, .n_ids = n};
    struct sentence *sentence;
    ck_assert_msg(session_encode(session, 1, &source, &sentence, &err), "%s", err.text);
    uint32_t most = (uint32_t)(g->max_length_factor * (float)n);
    struct candidate best = {.token = g->eos[0]};
    buffer_clear(out);
    for (uint32_t i = 0; i < most; i++) {
        struct step_row row = {.sentence = sentence,
                               .token = best.token,
                               .n_best = 1,
                               .banned = g->banned,
                               .n_banned = g->n_banned,
                               .best = &best};
        ck_assert_msg(session_step(session, 1, &row, &err), "%s", err.text);
        if (best.token == g->eos[0])
            break;
        buffer_printf(out, &err, "%s%s", i > 0 ? " " : "", vocabulary->pieces[best.token]);
    }
    session_release(session, sentence);
}

/* How many of the fixture's lines come out as in `wanted_name`. */
static int lines_alike(const char *directory, const char *model_name, enum precision precision,
                       const char *wanted_name, int *n_lines)
{
    char path[256], line[4096], wanted[4096];
    struct model *model;
    struct session *session;
    struct vocabulary vocabulary;
    struct buffer out = {0};
    struct model_options options = {.precision = precision};
    struct session_limits limits = {.n_slots = 1, .max_rows = 1, .max_tokens = 64};
    error_clear(&err);
    snprintf(path, sizeof path, "%s/%s", directory, model_name);
    ck_assert_msg(model_open(&model, path, &options, NULL, &err), "%s", err.text);
    ck_assert(session_new(&session, model, &limits, &err));
    vocabulary_load(&vocabulary, directory);
    snprintf(path, sizeof path, "%s/src.pieces", directory);
    FILE *source = fopen(path, "r");
    snprintf(path, sizeof path, "%s/%s", directory, wanted_name);
    FILE *golden = fopen(path, "r");
    ck_assert(source != NULL && golden != NULL);
    int alike = 0;
    *n_lines = 0;
    while (fgets(line, sizeof line, source) != NULL) {
        ck_assert(fgets(wanted, sizeof wanted, golden) != NULL);
        wanted[strcspn(wanted, "\n")] = '\0';
        translate(session, model, &vocabulary, line, &out);
        alike += strcmp(out.bytes != NULL ? out.bytes : "", wanted) == 0;
        ++*n_lines;
    }
    fclose(source);
    fclose(golden);
    buffer_free(&out);
    memory_free(vocabulary.text);
    session_free(session);
    model_close(model);
    return alike;
}

static const char *const npz[] = {FIXTURES "npz_postnorm", FIXTURES "npz_prenorm_untied",
                                  FIXTURES "npz_ssru"};

START_TEST(greedy_agrees_with_marian)
{
    int n;
    int alike = lines_alike(npz[_i], "model.npz", PRECISION_F32, "greedy.txt", &n);
    ck_assert_int_gt(n, 0);
    ck_assert_int_eq(alike, n);
}
END_TEST

/* Marian quantizes activations by the matrix, we by the row: most lines agree. */
START_TEST(stored_int8_agrees_with_marian_mostly)
{
    int n;
    int alike = lines_alike(FIXTURES "npz_ssru", "model.intgemm8.bin", PRECISION_INT8,
                            "greedy.intgemm8.txt", &n);
    ck_assert_msg(alike * 4 >= n * 3, "%d of %d", alike, n);
}
END_TEST

START_TEST(stored_int8_runs_in_float)
{
    int n;
    int alike = lines_alike(FIXTURES "npz_ssru", "model.intgemm8.bin", PRECISION_F32,
                            "greedy.intgemm8.txt", &n);
    ck_assert_msg(alike * 4 >= n * 3, "%d of %d", alike, n);
}
END_TEST

START_TEST(quantized_at_load_agrees_mostly)
{
    int n;
    int alike = lines_alike(npz[_i], "model.npz", PRECISION_INT8, "greedy.txt", &n);
    ck_assert_msg(alike * 2 >= n, "%d of %d", alike, n);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("native");
    tcase_add_loop_test(tcase, greedy_agrees_with_marian, 0, 3);
    tcase_add_test(tcase, stored_int8_agrees_with_marian_mostly);
    tcase_add_test(tcase, stored_int8_runs_in_float);
    tcase_add_loop_test(tcase, quantized_at_load_agrees_mostly, 0, 3);
    tcase_set_timeout(tcase, 60);
    Suite *suite = suite_create("engine");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
