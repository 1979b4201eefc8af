/* The library from outside: one input gives one output whatever the threads, rows and neighbours;
 * streams keep their order, end, and can be stopped; what befalls a line is told. */
#include "translate/dragoman.h"

#include <check.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MARIAN "tests/fixtures/marian"

static const char *const lines[] = {
    "A dog runs on the beach.",
    "",
    "Two young men are playing football in the park. A woman watches. It is warm!",
    "   ",
    "Hello world!",
    "  leading and trailing   ",
    "I",
    "The man in the blue shirt is standing on a ladder, cleaning a window of a house.",
    "\t",
    "Why? Because Mr. Smith said so... Perhaps. A girl jumps.",
    "1234567890",
    "A dog runs on the beach.",
    "a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a",
    "\xc3\xa4\xc3\xb6\xc3\xbc \xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82\xe5\x86\x8d",
    "See https://example.org/a?b=c now.",
    "People walk. People run. People sit. People walk. People run. People sit.",
};
#define N_LINES (sizeof lines / sizeof lines[0])

static struct dragoman *open_with(const char *path, const struct dragoman_options *options)
{
    struct dragoman *dragoman = NULL;
    struct dragoman_error err = {0};
    bool ok = dragoman_open(&dragoman, &path, 1, options, &err);
    ck_assert_msg(ok, "%s: %s", path, err.text);
    return dragoman;
}

static struct dragoman_stream *stream_of(struct dragoman *dragoman)
{
    struct dragoman_stream *stream = NULL;
    struct dragoman_error err = {0};
    ck_assert_msg(dragoman_stream_open(dragoman, NULL, &stream, &err), "%s", err.text);
    return stream;
}

static void put(struct dragoman_stream *stream, const char *text)
{
    struct dragoman_error err = {0};
    struct dragoman_line line = {.text = text, .n_bytes = strlen(text)};
    ck_assert_msg(dragoman_put(stream, &line, &err), "%s", err.text);
}

static struct dragoman_result *take(struct dragoman_stream *stream)
{
    struct dragoman_error err = {0};
    struct dragoman_result *result = NULL;
    ck_assert_msg(dragoman_take(stream, true, &result, &err), "%s", err.text);
    ck_assert_ptr_nonnull(result);
    return result;
}

/* All there is to a result, as text. */
static void print_result(const struct dragoman_result *result, char *out, size_t n_out)
{
    int used = snprintf(out, n_out, "%x", result->flags);
    for (uint32_t i = 0; i < result->n_hypotheses; i++) {
        const struct dragoman_hypothesis *hypothesis = &result->hypotheses[i];
        used += snprintf(out + used, n_out - (size_t)used, "|%s %a %a %u", hypothesis->text,
                         hypothesis->score, hypothesis->sum, hypothesis->length);
        for (uint32_t j = 0; hypothesis->ids != NULL && j < hypothesis->length; j++)
            used += snprintf(out + used, n_out - (size_t)used, " %u:%a", hypothesis->ids[j],
                             (double)hypothesis->log_probs[j]);
        ck_assert_int_lt(used, (int)n_out - 1024);
    }
}

#define RESULT_BYTES (1 << 16)

/* Results of lines[order[i]] (or lines[i]) into results[...], in the lines' own order. */
static void translate_all(const struct dragoman_options *options, const size_t *order,
                          char (*results)[RESULT_BYTES])
{
    struct dragoman *dragoman = open_with(MARIAN, options);
    struct dragoman_stream *stream = stream_of(dragoman);
    for (size_t i = 0; i < N_LINES; i++)
        put(stream, lines[order != NULL ? order[i] : i]);
    dragoman_finish(stream);
    for (size_t i = 0; i < N_LINES; i++) {
        struct dragoman_result *result = take(stream);
        ck_assert_uint_eq(result->number, i + 1);
        print_result(result, results[order != NULL ? order[i] : i], RESULT_BYTES);
        dragoman_result_free(result);
    }
    ck_assert(dragoman_at_end(stream));
    dragoman_stream_close(stream);
    dragoman_close(dragoman);
}

static void check_same(char (*a)[RESULT_BYTES], char (*b)[RESULT_BYTES], const char *what)
{
    for (size_t i = 0; i < N_LINES; i++)
        ck_assert_msg(strcmp(a[i], b[i]) == 0, "%s: line \"%s\" gives\n%s\nnot\n%s", what, lines[i],
                      b[i], a[i]);
}

static const struct dragoman_options *search_of(int index, struct dragoman_options *options)
{
    dragoman_options_init(options);
    options->tokens = true;
    options->scores = true;
    switch (index) {
    case 0:
        options->beam = 1;
        break;
    case 1:
        options->n_best = 4;
        break;
    case 2:
        options->precision = DRAGOMAN_F32;
        break;
    case 3:
        options->loop_guard = false;
        break;
    case 4:
        options->compat = DRAGOMAN_COMPAT_MARIAN;
        break;
    default:
        options->sample = true;
        options->n_best = 3;
        options->seed = 7;
        options->top_k = 20;
        break;
    }
    return options;
}

START_TEST(test_same_bytes)
{
    static const uint32_t threads[] = {1, 2, 3, 8}, rows[] = {1, 8, 64, 128};
    static char wanted[N_LINES][RESULT_BYTES], got[N_LINES][RESULT_BYTES];
    struct dragoman_options options;
    search_of(_i, &options);
    options.threads = 1;
    options.max_rows = 1;
    translate_all(&options, NULL, wanted);
    ck_assert_str_ne(wanted[0], wanted[4]);
    for (size_t t = 0; t < 4; t++)
        for (size_t r = 0; r < 4; r++) {
            char what[64];
            options.threads = threads[t];
            options.max_rows = rows[r];
            snprintf(what, sizeof what, "search %d, %u threads, %u rows", _i, threads[t], rows[r]);
            translate_all(&options, NULL, got);
            check_same(wanted, got, what);
        }
}
END_TEST

/* Sampling goes by the line's number, the others must not know it. */
START_TEST(test_order_does_not_matter)
{
    static char wanted[N_LINES][RESULT_BYTES], got[N_LINES][RESULT_BYTES];
    struct dragoman_options options;
    size_t order[N_LINES];
    search_of(_i, &options);
    translate_all(&options, NULL, wanted);
    for (size_t i = 0; i < N_LINES; i++)
        order[i] = (i * 7 + 3) % N_LINES;
    translate_all(&options, order, got);
    check_same(wanted, got, "shuffled");
}
END_TEST

/* Each line by itself, with idle threads that help, gives what it gives among others. */
START_TEST(test_alone)
{
    static char wanted[N_LINES][RESULT_BYTES], got[N_LINES][RESULT_BYTES];
    struct dragoman_options options;
    search_of(_i, &options);
    options.threads = 3;
    translate_all(&options, NULL, wanted);
    struct dragoman *dragoman = open_with(MARIAN, &options);
    for (size_t i = 0; i < N_LINES; i++) {
        struct dragoman_stream *stream = stream_of(dragoman);
        put(stream, lines[i]);
        struct dragoman_result *result = take(stream); /* before anybody says that it is the last */
        print_result(result, got[i], RESULT_BYTES);
        dragoman_result_free(result);
        dragoman_stream_close(stream);
    }
    dragoman_close(dragoman);
    check_same(wanted, got, "alone");
}
END_TEST

START_TEST(test_blank_lines)
{
    static const char *const blank[] = {"", " ", "\t \t", "\xc2\xa0", "\xe3\x80\x80  "};
    struct dragoman_options options;
    struct dragoman_statistics statistics;
    dragoman_options_init(&options);
    struct dragoman *dragoman = open_with(MARIAN, &options);
    struct dragoman_stream *stream = stream_of(dragoman);
    for (size_t i = 0; i < sizeof blank / sizeof blank[0]; i++) {
        put(stream, blank[i]);
        struct dragoman_result *result = take(stream);
        ck_assert_uint_eq(result->n_hypotheses, 1);
        ck_assert_str_eq(result->hypotheses[0].text, "");
        dragoman_result_free(result);
    }
    dragoman_get_statistics(dragoman, &statistics);
    ck_assert_uint_eq(statistics.lines, 5);
    ck_assert_uint_eq(statistics.sentences, 0);
    ck_assert_uint_eq(statistics.target_tokens, 0);
    dragoman_stream_close(stream);
    dragoman_close(dragoman);
}
END_TEST

/* Sentences are translated by themselves, and the white space between them stays. */
START_TEST(test_split)
{
    struct dragoman_options options;
    struct dragoman_error err = {0};
    dragoman_options_init(&options);
    options.loop_guard = false;
    struct dragoman *dragoman = open_with(MARIAN, &options);
    char *first = dragoman_translate(dragoman, "A dog runs on the beach.", &err);
    char *second = dragoman_translate(dragoman, "Hello world!", &err);
    char *both = dragoman_translate(dragoman, " A dog runs on the beach.  Hello world! \n", &err);
    ck_assert(first != NULL && second != NULL && both != NULL);
    char wanted[2048];
    snprintf(wanted, sizeof wanted, " %s  %s \n", first, second);
    ck_assert_str_eq(both, wanted);
    free(first);
    free(second);
    free(both);
    dragoman_close(dragoman);
}
END_TEST

static char *repeat(const char *text, size_t count)
{
    size_t n = strlen(text);
    char *out = malloc(n * count + 1);
    for (size_t i = 0; i < count; i++)
        memcpy(out + i * n, text, n);
    out[n * count] = '\0';
    return out;
}

/* Nothing of a long sentence is dropped: it is cut, and the cut is told. */
START_TEST(test_long_sentence)
{
    struct dragoman_options options;
    dragoman_options_init(&options);
    options.tokens = true;
    options.beam = 1;
    struct dragoman *dragoman = open_with(MARIAN, &options);
    struct dragoman_stream *stream = stream_of(dragoman);
    char *texts[] = {repeat("dog and cat ", 2000), repeat("x", 5000), repeat("runs, ", 500)};
    for (size_t i = 0; i < 3; i++) {
        put(stream, texts[i]);
        struct dragoman_result *result = take(stream);
        ck_assert(result->flags & DRAGOMAN_FLAG_CUT);
        ck_assert_uint_ge(result->n_warnings, 1);
        ck_assert_ptr_nonnull(strstr(result->warnings[0], "cut at"));
        size_t letters = 0, wanted = 0;
        for (uint32_t j = 0; j < result->n_source_pieces; j++)
            for (const char *at = result->source_pieces[j]; *at != '\0'; at++)
                letters += *at >= 'a' && *at <= 'z' && result->source_pieces[j][0] != '<';
        for (const char *at = texts[i]; *at != '\0'; at++)
            wanted += *at >= 'a' && *at <= 'z';
        ck_assert_uint_eq(letters, wanted);
        dragoman_result_free(result);
        free(texts[i]);
    }
    dragoman_stream_close(stream);
    dragoman_close(dragoman);
}
END_TEST

START_TEST(test_ill_formed)
{
    struct dragoman_options options;
    struct dragoman_error err = {0};
    struct dragoman_result *result;
    dragoman_options_init(&options);
    struct dragoman *dragoman = open_with(MARIAN, &options);
    struct dragoman_stream *stream = stream_of(dragoman);
    put(stream, "A dog \xff\xc0\x80 runs.");
    result = take(stream);
    ck_assert(result->flags & DRAGOMAN_FLAG_MENDED);
    dragoman_result_free(result);
    dragoman_stream_close(stream);
    dragoman_close(dragoman);
    options.strict = true;
    dragoman = open_with(MARIAN, &options);
    stream = stream_of(dragoman);
    put(stream, "A dog runs.");
    put(stream, "A dog \xff runs.");
    put(stream, "A dog runs.");
    dragoman_result_free(take(stream));
    ck_assert(!dragoman_take(stream, true, &result, &err));
    ck_assert_int_eq(err.status, DRAGOMAN_INPUT);
    ck_assert_str_eq(err.text, "not UTF-8 at byte 7");
    ck_assert(!dragoman_take(stream, true, &result, &err)); /* it stays so */
    dragoman_stream_close(stream);
    dragoman_close(dragoman);
}
END_TEST

START_TEST(test_prefix_and_score)
{
    struct dragoman_options options;
    struct dragoman_error err = {0};
    dragoman_options_init(&options);
    options.tokens = true;
    options.loop_guard = false;
    struct dragoman *dragoman = open_with(MARIAN, &options);
    struct dragoman_stream *stream = stream_of(dragoman);
    struct dragoman_line line = {.text = "A dog runs on the beach.",
                                 .n_bytes = 24,
                                 .prefix = "Ein Hund",
                                 .n_prefix_bytes = 8};
    ck_assert(dragoman_put(stream, &line, &err));
    struct dragoman_result *forced = take(stream);
    ck_assert_int_eq(strncmp(forced->hypotheses[0].text, "Ein Hund", 8), 0);
    put(stream, line.text);
    struct dragoman_result *free_one = take(stream);
    /* What the search found scores, when it is given, as the search said. */
    const struct dragoman_hypothesis *best = &free_one->hypotheses[0];
    line = (struct dragoman_line){
        .text = line.text, .n_bytes = 24, .target = best->text, .n_target_bytes = best->n_bytes};
    ck_assert(dragoman_put(stream, &line, &err));
    struct dragoman_result *scored = take(stream);
    const struct dragoman_hypothesis *given = &scored->hypotheses[0];
    ck_assert_str_eq(given->text, best->text);
    if (given->length == best->length &&
        memcmp(given->ids, best->ids, best->length * sizeof best->ids[0]) == 0)
        ck_assert_double_le(fabs(given->sum - best->sum), 1e-3);
    double sum = 0;
    for (uint32_t i = 0; i < given->length; i++)
        sum += (double)given->log_probs[i];
    ck_assert_double_le(fabs(given->sum - sum), 1e-3);
    dragoman_result_free(forced);
    dragoman_result_free(free_one);
    dragoman_result_free(scored);
    dragoman_stream_close(stream);
    dragoman_close(dragoman);
}
END_TEST

/* Whatever the model makes of a text (these weights are random), its protected parts come out. */
START_TEST(test_protected)
{
    static const char *const kept[] = {
        "https://example.org/a?b=c", "{name}", "%s",  "me@example.org",
        "\xf0\x9f\x91\x8b",          "<b>",    "</b>"};
    struct dragoman_options options;
    char text[1024];
    dragoman_options_init(&options);
    options.threads = 2;
    struct dragoman *dragoman = open_with(MARIAN, &options);
    struct dragoman_stream *stream = stream_of(dragoman);
    put(stream, " https://example.org/a?b=c ");
    struct dragoman_result *result = take(stream);
    ck_assert_str_eq(result->hypotheses[0].text, " https://example.org/a?b=c ");
    dragoman_result_free(result);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        const char *other = kept[(i + 1) % (sizeof kept / sizeof kept[0])];
        snprintf(text, sizeof text, "A dog runs. See %s now, and (%s), %s! A man %s.", kept[i],
                 kept[i], other, other);
        put(stream, text);
        result = take(stream);
        const char *got = result->hypotheses[0].text;
        for (int twice = 0; twice < 2; twice++) {
            const char *wanted = twice ? other : kept[i], *first = strstr(got, wanted);
            ck_assert_msg(first != NULL && strstr(first + strlen(wanted), wanted) != NULL,
                          "\"%s\" lost in \"%s\"", wanted, got);
        }
        ck_assert_uint_eq(result->flags & DRAGOMAN_FLAG_LOST, 0);
        dragoman_result_free(result);
    }
    dragoman_stream_close(stream);
    dragoman_close(dragoman);
}
END_TEST

static void write_file(char *path, const char *text)
{
    int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(write(descriptor, text, strlen(text)), (ssize_t)strlen(text));
    close(descriptor);
}

/* Terms must be used, forbidden words must not. */
START_TEST(test_terms_and_forbidden)
{
    char terms[] = "/tmp/dragoman-terms-XXXXXX", forbidden[] = "/tmp/dragoman-forbid-XXXXXX";
    struct dragoman_options options;
    struct dragoman_error err = {0};
    write_file(terms, "dog\tWolf\nbeach\tStrand\n");
    dragoman_options_init(&options);
    options.loop_guard = false;
    struct dragoman *dragoman = open_with(MARIAN, &options);
    char *usual = dragoman_translate(dragoman, "A dog runs on the beach.", &err);
    ck_assert_ptr_nonnull(usual);
    ck_assert(strstr(usual, "Wolf") == NULL && usual[0] != '\0');
    write_file(forbidden, "B\xc3\xbcrgersteig\n"); /* what these weights like most */
    char *before = dragoman_translate(dragoman, "leading and doubled spaces", &err);
    ck_assert_ptr_nonnull(strstr(before, "B\xc3\xbcrgersteig"));
    dragoman_close(dragoman);
    options.forbid_path = forbidden;
    dragoman = open_with(MARIAN, &options);
    char *other = dragoman_translate(dragoman, "leading and doubled spaces", &err);
    ck_assert_ptr_null(strstr(other, "B\xc3\xbcrgersteig"));
    dragoman_close(dragoman);
    free(before);
    options.forbid_path = NULL;
    options.terms_path = terms;
    dragoman = open_with(MARIAN, &options);
    char *termed = dragoman_translate(dragoman, "A dog runs on the beach.", &err);
    ck_assert_ptr_nonnull(strstr(termed, "Wolf"));
    ck_assert_ptr_nonnull(strstr(termed, "Strand"));
    dragoman_close(dragoman);
    unlink(terms);
    unlink(forbidden);
    free(usual);
    free(other);
    free(termed);
}
END_TEST

START_TEST(test_chain)
{
    struct dragoman_options options;
    struct dragoman_error err = {0};
    struct dragoman *chain = NULL;
    const char *paths[] = {MARIAN, "tests/fixtures/marian_odd"};
    dragoman_options_init(&options);
    ck_assert_msg(dragoman_open(&chain, paths, 2, &options, &err), "%s", err.text);
    struct dragoman *first = open_with(paths[0], &options), *second = open_with(paths[1], &options);
    for (size_t i = 0; i < N_LINES; i++) {
        char *middle = dragoman_translate(first, lines[i], &err);
        char *wanted = dragoman_translate(second, middle, &err);
        char *got = dragoman_translate(chain, lines[i], &err);
        ck_assert_str_eq(got, wanted);
        free(middle);
        free(wanted);
        free(got);
    }
    dragoman_close(first);
    dragoman_close(second);
    dragoman_close(chain);
}
END_TEST

START_TEST(test_cache)
{
    char path[] = "/tmp/dragoman-cache-XXXXXX";
    struct dragoman_options options;
    struct dragoman_error err = {0};
    struct dragoman_statistics statistics;
    char *texts[3];
    ck_assert_int_ge(mkstemp(path), 0);
    unlink(path);
    dragoman_options_init(&options);
    for (int run = 0; run < 3; run++) {
        options.cache_path = path;
        options.beam = run == 2 ? 2 : 4; /* other settings, other results */
        struct dragoman *dragoman = open_with(MARIAN, &options);
        texts[run] = dragoman_translate(dragoman, "A dog runs.\nHello world! A dog runs.", &err);
        ck_assert_ptr_nonnull(texts[run]);
        dragoman_get_statistics(dragoman, &statistics);
        if (run == 1)
            ck_assert_uint_eq(statistics.cached, 3);
        if (run == 2)
            ck_assert_uint_lt(statistics.cached, 3);
        dragoman_close(dragoman);
    }
    ck_assert_str_eq(texts[0], texts[1]);
    for (int run = 0; run < 3; run++)
        free(texts[run]);
    unlink(path);
}
END_TEST

/* A line may want more hypotheses than the options say: the best is the same. */
START_TEST(test_n_best_of_a_line)
{
    struct dragoman_options options;
    struct dragoman_error err = {0};
    dragoman_options_init(&options);
    options.beam = 4;
    struct dragoman *dragoman = open_with(MARIAN, &options);
    struct dragoman_stream *stream = stream_of(dragoman);
    static const uint32_t wanted[] = {0, 1, 3, 64};
    static const uint32_t found[] = {1, 1, 3, 4};
    char best[256] = "";
    for (size_t i = 0; i < 4; i++) {
        struct dragoman_line line = {.text = "A dog runs.", .n_bytes = 11, .n_best = wanted[i]};
        ck_assert(dragoman_put(stream, &line, &err));
        struct dragoman_result *result = take(stream);
        ck_assert_uint_eq(result->n_hypotheses, found[i]);
        ck_assert(i == 0 || strcmp(best, result->hypotheses[0].text) == 0);
        snprintf(best, sizeof best, "%s", result->hypotheses[0].text);
        dragoman_result_free(result);
    }
    dragoman_stream_close(stream);
    dragoman_close(dragoman);
}
END_TEST

/* ---- streams -------------------------------------------------------------------------------- */

static void *put_many(void *argument)
{
    struct dragoman_stream *stream = argument;
    for (int i = 0; i < 5000; i++)
        put(stream, i % 5 == 0 ? lines[i % N_LINES] : "");
    dragoman_finish(stream);
    return NULL;
}

/* More than a stream holds: put waits for take, and nothing is lost or out of order. */
START_TEST(test_back_pressure)
{
    struct dragoman_options options;
    struct dragoman_error err = {0};
    dragoman_options_init(&options);
    options.beam = 1;
    options.max_length = 5;
    options.threads = 2;
    struct dragoman *dragoman = open_with(MARIAN, &options);
    struct dragoman_stream *stream = stream_of(dragoman);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, put_many, stream), 0);
    struct dragoman_result *result = NULL;
    uint64_t count = 0;
    while (dragoman_take(stream, true, &result, &err) && result != NULL) {
        ck_assert_uint_eq(result->number, ++count);
        dragoman_result_free(result);
    }
    ck_assert_msg(count == 5000, "%lu lines, %s", (unsigned long)count, err.text);
    ck_assert(dragoman_at_end(stream));
    pthread_join(thread, NULL);
    dragoman_stream_close(stream);
    dragoman_close(dragoman);
}
END_TEST

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Another stream over the same threads does not suffer. */
START_TEST(test_cancel)
{
    struct dragoman_options options;
    struct dragoman_error err = {0};
    dragoman_options_init(&options);
    options.threads = 2;
    struct dragoman *dragoman = open_with(MARIAN, &options);
    struct dragoman_stream *stream = stream_of(dragoman), *other = stream_of(dragoman);
    for (int i = 0; i < 200; i++) /* as many as may be under way before somebody takes */
        put(stream, lines[(size_t)i % N_LINES]);
    put(other, lines[0]);
    struct dragoman_result *result = NULL;
    double start = now();
    dragoman_cancel(stream);
    while (dragoman_take(stream, true, &result, &err)) /* what is done may still be had */
        dragoman_result_free(result);
    ck_assert_int_eq(err.status, DRAGOMAN_INTERRUPTED);
    ck_assert(!dragoman_put(stream, &(struct dragoman_line){.text = "", .n_bytes = 0}, &err));
    dragoman_stream_close(stream);
    ck_assert_double_lt(now() - start, 2);
    dragoman_result_free(take(other));
    dragoman_stream_close(other);
    dragoman_close(dragoman);
}
END_TEST

/* One thread puts and takes: more lines, and more bytes, than may be under way. */
START_TEST(test_long_text)
{
    enum { SHORT_LINES = 700, LONG_LINES = 20, LONG_BYTES = 1 << 20 };
    struct dragoman_options options;
    struct dragoman_error err = {0};
    dragoman_options_init(&options);
    options.threads = 1;
    options.max_length = 1;
    options.beam = 1;
    struct dragoman *dragoman = open_with(MARIAN, &options);
    size_t n_bytes = 2 * SHORT_LINES + (size_t)LONG_LINES * LONG_BYTES, n_lines = 0;
    char *text = malloc(n_bytes + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, ' ', n_bytes); /* lines of spaces are long, and done at once */
    for (size_t i = 0; i < SHORT_LINES; i++)
        memcpy(text + 2 * i, "a\n", 2);
    for (size_t i = 1; i <= LONG_LINES; i++)
        text[2 * SHORT_LINES + i * LONG_BYTES - 1] = '\n';
    text[n_bytes] = '\0';
    char *translation = dragoman_translate(dragoman, text, &err);
    ck_assert_msg(translation != NULL, "%s", err.text);
    for (const char *at = translation; (at = strchr(at, '\n')) != NULL; at++)
        n_lines++;
    ck_assert_uint_eq(n_lines, SHORT_LINES + LONG_LINES);
    free(translation);
    free(text);
    dragoman_close(dragoman);
}
END_TEST

START_TEST(test_take_without_waiting)
{
    struct dragoman_options options;
    struct dragoman_error err = {0};
    dragoman_options_init(&options);
    struct dragoman *dragoman = open_with(MARIAN, &options);
    struct dragoman_stream *stream = stream_of(dragoman);
    struct dragoman_result *result = NULL;
    ck_assert(dragoman_take(stream, false, &result, &err));
    ck_assert_ptr_null(result);
    ck_assert(!dragoman_at_end(stream));
    put(stream, lines[0]);
    while (result == NULL)
        ck_assert(dragoman_take(stream, false, &result, &err));
    dragoman_result_free(result);
    dragoman_finish(stream);
    ck_assert(dragoman_take(stream, true, &result, &err));
    ck_assert_ptr_null(result);
    ck_assert(dragoman_at_end(stream));
    dragoman_stream_close(stream);
    dragoman_close(dragoman);
}
END_TEST

/* ---- what is refused ------------------------------------------------------------------------ */

static void check_refused(const struct dragoman_options *options, const char *wanted)
{
    const char *path = MARIAN;
    struct dragoman *dragoman;
    struct dragoman_error err = {0};
    ck_assert(!dragoman_open(&dragoman, &path, 1, options, &err));
    ck_assert_int_eq(err.status, DRAGOMAN_USAGE);
    ck_assert_msg(strstr(err.text, wanted) != NULL, "\"%s\" has no \"%s\"", err.text, wanted);
}

START_TEST(test_refused)
{
    struct dragoman_options options;
    dragoman_options_init(&options);
    options.beam = 0;
    check_refused(&options, "--beam: must be a number from 1 to 64, not 0");
    options.beam = 2;
    options.n_best = 3;
    check_refused(&options, "--n-best 3 needs --beam 3, not 2");
    dragoman_options_init(&options);
    options.length_penalty = 11;
    check_refused(&options, "--length-penalty");
    options.length_penalty = NAN;
    check_refused(&options, "--length-penalty");
    dragoman_options_init(&options);
    options.temperature = 0;
    check_refused(&options, "--temperature");
    options.temperature = 1;
    options.top_p = 0;
    check_refused(&options, "--top-p");
    dragoman_options_init(&options);
    options.threads = 2000;
    check_refused(&options, "--threads");
    dragoman_options_init(&options);
    options.cpu = "abacus";
    check_refused(&options, "abacus");
}
END_TEST

static bool has_setting(const struct dragoman *dragoman, const char *name, const char *value,
                        const char *origin)
{
    struct dragoman_setting setting;
    for (size_t i = 0; dragoman_get_setting(dragoman, i, &setting); i++)
        if (strcmp(setting.name, name) == 0)
            return strcmp(setting.value, value) == 0 && strcmp(setting.origin, origin) == 0;
    return false;
}

START_TEST(test_settings)
{
    struct dragoman_options options;
    dragoman_options_init(&options);
    options.length_penalty = 0.5;
    options.n_best = 6;
    struct dragoman *dragoman = open_with(MARIAN, &options);
    ck_assert(has_setting(dragoman, "max_length", "39", "generation_config.json"));
    ck_assert(has_setting(dragoman, "length_penalty", "0.5", "option"));
    ck_assert(has_setting(dragoman, "num_beams", "6", "option"));
    ck_assert(has_setting(dragoman, "no_repeat_ngram_size", "0", "default"));
    dragoman_close(dragoman);
}
END_TEST

/* What a model of one pair, of many languages, and of many from one source says of them. */
START_TEST(test_languages)
{
    static const struct {
        const char *path, *from, *to;
        const char *source, *target; /* the first ones */
        bool many_sources, many_targets;
    } models[] = {
        {MARIAN, NULL, NULL, "en", "de", false, false},
        {MARIAN, "fr", "it", "fr", "it", false, false},
        {"tests/fixtures/marian_swish_multi", NULL, NULL, "en", "deu", false, true},
        {"tests/fixtures/m2m100", "en", "de", "af", "af", true, true},
        {"tests/fixtures/t5", NULL, NULL, NULL, NULL, false, false},
    };
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        struct dragoman_options options;
        dragoman_options_init(&options);
        options.from = models[i].from;
        options.to = models[i].to;
        struct dragoman *dragoman = open_with(models[i].path, &options);
        for (int is_target = 0; is_target < 2; is_target++) {
            const char *wanted = is_target ? models[i].target : models[i].source;
            const char *found = dragoman_language(dragoman, is_target, 0);
            bool is_many = dragoman_language(dragoman, is_target, 1) != NULL;
            ck_assert_msg((wanted == NULL) == (found == NULL), "%s: %s", models[i].path,
                          found != NULL ? found : "none");
            ck_assert_msg(wanted == NULL || strcmp(wanted, found) == 0, "%s: %s", models[i].path,
                          found);
            ck_assert_int_eq(is_many, is_target ? models[i].many_targets : models[i].many_sources);
        }
        dragoman_close(dragoman);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dragoman");
    TCase *same = tcase_create("same bytes"), *lines_case = tcase_create("lines"),
          *streams = tcase_create("streams"), *refused = tcase_create("options");
    tcase_set_timeout(same, 120);
    tcase_add_loop_test(same, test_same_bytes, 0, 6);
    tcase_add_loop_test(same, test_order_does_not_matter, 0, 5);
    tcase_add_loop_test(same, test_alone, 0, 5);
    tcase_set_timeout(lines_case, 60);
    tcase_add_test(lines_case, test_blank_lines);
    tcase_add_test(lines_case, test_split);
    tcase_add_test(lines_case, test_long_sentence);
    tcase_add_test(lines_case, test_ill_formed);
    tcase_add_test(lines_case, test_prefix_and_score);
    tcase_add_test(lines_case, test_protected);
    tcase_add_test(lines_case, test_terms_and_forbidden);
    tcase_add_test(lines_case, test_chain);
    tcase_add_test(lines_case, test_cache);
    tcase_add_test(lines_case, test_n_best_of_a_line);
    tcase_set_timeout(streams, 60);
    tcase_add_test(streams, test_back_pressure);
    tcase_add_test(streams, test_cancel);
    tcase_add_test(streams, test_long_text);
    tcase_add_test(streams, test_take_without_waiting);
    tcase_add_test(refused, test_refused);
    tcase_add_test(refused, test_settings);
    tcase_add_test(refused, test_languages);
    suite_add_tcase(suite, same);
    suite_add_tcase(suite, lines_case);
    suite_add_tcase(suite, streams);
    suite_add_tcase(suite, refused);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
