/* Native Marian models against what marian-decoder itself found (float32): greedy pieces, and the
 * four best of four beams with their scores. */
#include "model/beam.h"
#include "model/model.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const fixtures[] = {"npz_postnorm", "npz_prenorm_untied", "npz_ssru"};
#define N_FIXTURES ((int)(sizeof fixtures / sizeof fixtures[0]))

#define MAX_PIECES 2000
#define MAX_LINE 8192

static char directory[64];
static char pieces[MAX_PIECES][64]; /* by id */
static uint32_t n_pieces;
static struct model *model;
static struct generation generation;
static struct error err;

static FILE *open_file(const char *name)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s", path);
    return file;
}

/* "piece: id" lines, in the order of ids. */
static void read_vocabulary(void)
{
    FILE *file = open_file("vocab.yml");
    char line[256];
    for (n_pieces = 0; fgets(line, sizeof line, file) != NULL; n_pieces++) {
        char *colon = strrchr(line, ':');
        ck_assert_uint_eq(strtoul(colon + 1, NULL, 10), n_pieces);
        *colon = '\0';
        char *start = line;
        if (start[0] == '"' || start[0] == '\'') {
            start++;
            colon[-1] = '\0';
        }
        ck_assert_uint_lt(strlen(start), sizeof pieces[0]);
        strcpy(pieces[n_pieces], start);
    }
    fclose(file);
}

static uint32_t find_piece(const char *piece)
{
    for (uint32_t i = 0; i < n_pieces; i++)
        if (strcmp(pieces[i], piece) == 0)
            return i;
    return 1; /* <unk> */
}

static void load(int index)
{
    error_clear(&err);
    snprintf(directory, sizeof directory, "tests/fixtures/%s", fixtures[index]);
    char path[96];
    snprintf(path, sizeof path, "%s/model.npz", directory);
    struct model_options options = {.precision = PRECISION_F32};
    ck_assert_msg(model_open(&model, path, &options, NULL, &err), "%s", err.text);
    generation = model_config(model)->generation;
    read_vocabulary();
}

/* Runs the search for a line of pieces. */
static void translate(struct search *search, struct session *session, char *line)
{
    uint32_t ids[256];
    struct source_ids source = {.ids = ids};
    for (char *piece = strtok(line, " \n"); piece != NULL; piece = strtok(NULL, " \n"))
        ids[source.n_ids++] = find_piece(piece);
    ids[source.n_ids++] = 0;
    struct sentence *sentence;
    ck_assert_msg(session_encode(session, 1, &source, &sentence, &err), "%s", err.text);
    struct search_request request = {.source_length = source.n_ids, .max_length = 3 * source.n_ids};
    ck_assert(search_begin(search, &request, &err));
    while (!search_done(search)) {
        struct step_row rows[4];
        uint32_t n = search_rows(search, sentence, rows);
        ck_assert_msg(session_step(session, n, rows, &err), "%s", err.text);
        ck_assert(search_advance(search, rows, &err));
    }
    session_release(session, sentence);
}

/* The pieces of a result, without </s>, with spaces between. */
static void join(const struct search_result *result, char out[MAX_LINE])
{
    size_t used = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < result->n_tokens; i++)
        if (result->tokens[i] != 0)
            used += (size_t)snprintf(out + used, MAX_LINE - used, "%s%s", used > 0 ? " " : "",
                                     pieces[result->tokens[i]]);
}

static struct search *new_search(uint32_t beams, struct session **session)
{
    generation.num_beams = beams;
    struct search_options options = {.generation = &generation,
                                     .vocabulary = model_config(model)->target_vocabulary,
                                     .n_best = beams,
                                     .compat = COMPAT_MARIAN,
                                     .scores = true};
    struct session_limits limits = {.n_slots = beams, .max_rows = beams, .max_tokens = 64};
    struct search *search;
    ck_assert(session_new(session, model, &limits, &err));
    ck_assert(search_new(&search, &options, &err));
    return search;
}

START_TEST(greedy_equals_marian)
{
    load(_i);
    struct session *session;
    struct search *search = new_search(1, &session);
    FILE *sources = open_file("src.pieces"), *golden = open_file("greedy.txt");
    char line[MAX_LINE], expected[MAX_LINE], found[MAX_LINE];
    while (fgets(line, sizeof line, sources) != NULL) {
        struct search_result result;
        translate(search, session, line);
        ck_assert(search_result(search, 0, &result));
        join(&result, found);
        ck_assert_ptr_nonnull(fgets(expected, sizeof expected, golden));
        expected[strcspn(expected, "\n")] = '\0';
        ck_assert_str_eq(found, expected);
    }
    fclose(sources);
    fclose(golden);
    search_free(search);
    session_free(session);
    model_close(model);
}
END_TEST

/* Lines of the golden file: id ||| pieces ||| F0= S ||| S / T. */
START_TEST(beam4_equals_marian)
{
    load(_i);
    struct session *session;
    struct search *search = new_search(4, &session);
    FILE *sources = open_file("src.pieces"), *golden = open_file("beam4.nbest.txt");
    char line[MAX_LINE], expected[MAX_LINE], found[MAX_LINE];
    while (fgets(line, sizeof line, sources) != NULL) {
        translate(search, session, line);
        for (uint32_t rank = 0; rank < 4; rank++) {
            struct search_result result;
            ck_assert(search_result(search, rank, &result));
            join(&result, found);
            ck_assert_ptr_nonnull(fgets(expected, sizeof expected, golden));
            char *text = strstr(expected, "||| ") + 4, *sum = strstr(text, " ||| F0= ");
            ck_assert_ptr_nonnull(sum);
            *sum = '\0';
            char *score = strstr(sum + 1, " ||| ");
            /* Sums are printed with six digits. */
            ck_assert_double_eq_tol(result.sum, strtod(sum + 9, NULL),
                                    1e-4 + 5e-6 * fabs(result.sum));
            ck_assert_double_eq_tol(result.score, strtod(score + 5, NULL), 1e-4);
            ck_assert_str_eq(found, text);
        }
    }
    fclose(sources);
    fclose(golden);
    search_free(search);
    session_free(session);
    model_close(model);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("search_marian");
    TCase *cases = tcase_create("search_marian");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, greedy_equals_marian, 0, N_FIXTURES);
    tcase_add_loop_test(cases, beam4_equals_marian, 0, N_FIXTURES);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
