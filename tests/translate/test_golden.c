/* Whole translations of tiny checkpoints of every family against what Hugging Face generate() made
 * of them (golden.json): ids, texts and scores of greedy search, 4 beams with their 4 best, and 5
 * beams with a length penalty of 0.6 and early stopping. */
#include "base/json.h"
#include "translate/dragoman.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct family {
    const char *directory, *from, *to;
} families[] = {
    {"marian", NULL, NULL}, {"marian_odd", NULL, NULL},       {"marian_swish_multi", NULL, NULL},
    {"m2m100", "en", "de"}, {"nllb", "eng_Latn", "deu_Latn"}, {"mbart50", "en_XX", "de_DE"},
    {"t5", NULL, NULL},     {"t5gated", NULL, NULL},          {"t5gated_odd", NULL, NULL},
};
#define N_FAMILIES ((int)(sizeof families / sizeof families[0]))

static const struct search_kind {
    const char *name;
    uint32_t beam, n_best;
} kinds[] = {{"greedy", 1, 1}, {"beam4", 4, 4}, {"beam5_lp06", 5, 1}};

static struct dragoman *open_as(const struct family *family, const struct search_kind *kind)
{
    char path[256];
    struct dragoman *dragoman = NULL;
    struct dragoman_error err = {0};
    struct dragoman_options options;
    dragoman_options_init(&options);
    options.precision = DRAGOMAN_F32;
    options.from = family->from;
    options.to = family->to;
    options.split = DRAGOMAN_SPLIT_NONE;
    options.protect = false;
    options.loop_guard = false;
    options.tokens = true;
    options.threads = 2;
    options.beam = kind->beam;
    options.n_best = kind->n_best;
    if (kind->beam == 5) {
        options.length_penalty = 0.6;
        options.stop = DRAGOMAN_STOP_FINISHED;
    }
    snprintf(path, sizeof path, "tests/fixtures/%s", family->directory);
    const char *paths[] = {path};
    bool ok = dragoman_open(&dragoman, paths, 1, &options, &err);
    ck_assert_msg(ok, "%s: %s", path, err.text);
    return dragoman;
}

/* The reference strips white space, which we keep; and it leaves M2M100's language tokens standing
 * when they are produced as text, which are special to us. Room for both is `out`. */
static void plain_text(char *out, size_t n_out, const char *text, size_t n_bytes)
{
    size_t used = 0, start = 0;
    ck_assert_uint_lt(n_bytes, n_out);
    for (size_t i = 0; i < n_bytes; i++) {
        bool is_tag = n_bytes - i >= 6 && memcmp(text + i, "__", 2) == 0 &&
                      memcmp(text + i + 4, "__", 2) == 0;
        if (is_tag)
            i += 5;
        else
            out[used++] = text[i];
    }
    while (used > 0 && out[used - 1] == ' ')
        used--;
    while (start < used && out[start] == ' ')
        start++;
    memmove(out, out + start, used - start);
    out[used - start] = '\0';
}

/* golden ids: the start token, then ours, then padding. */
static void compare(const char *where, const struct dragoman_hypothesis *got, const cJSON *wanted,
                    bool scored)
{
    const cJSON *ids = cJSON_GetObjectItem(wanted, "ids");
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(wanted, "text"));
    ck_assert_int_lt((int)got->length, cJSON_GetArraySize(ids));
    for (uint32_t i = 0; i < got->length; i++)
        ck_assert_msg(got->ids[i] == (uint32_t)cJSON_GetArrayItem(ids, (int)i + 1)->valueint,
                      "%s: token %u is %u, not %d", where, i, got->ids[i],
                      cJSON_GetArrayItem(ids, (int)i + 1)->valueint);
    static char ours[1 << 14], theirs[1 << 14];
    plain_text(ours, sizeof ours, got->text, got->n_bytes);
    plain_text(theirs, sizeof theirs, text, strlen(text));
    ck_assert_str_eq(got->text + got->n_bytes, "");
    ck_assert_msg(strcmp(ours, theirs) == 0, "%s: \"%s\", not \"%s\"", where, ours, theirs);
    double score = cJSON_GetNumberValue(cJSON_GetObjectItem(wanted, "score"));
    if (scored)
        ck_assert_msg(fabs(got->score - score) <= 1e-4, "%s: score %f, not %f", where, got->score,
                      score);
}

static void check_kind(const struct family *family, const struct search_kind *kind,
                       const cJSON *golden)
{
    struct dragoman *dragoman = open_as(family, kind);
    struct dragoman_stream *stream = NULL;
    struct dragoman_error err = {0};
    const cJSON *entry;
    ck_assert(dragoman_stream_open(dragoman, NULL, &stream, &err));
    cJSON_ArrayForEach(entry, golden)
    {
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(entry, "src"));
        struct dragoman_line line = {.text = text, .n_bytes = strlen(text)};
        ck_assert(dragoman_put(stream, &line, &err));
    }
    dragoman_finish(stream);
    cJSON_ArrayForEach(entry, golden)
    {
        struct dragoman_result *result = NULL;
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(entry, "src"));
        const cJSON *wanted = cJSON_GetObjectItem(entry, kind->name);
        ck_assert_msg(dragoman_take(stream, true, &result, &err), "%s", err.text);
        ck_assert_ptr_nonnull(result);
        ck_assert_int_eq((int)result->n_hypotheses, cJSON_GetArraySize(wanted));
        for (uint32_t i = 0; i < result->n_hypotheses; i++) {
            char where[512];
            snprintf(where, sizeof where, "%s, %s, \"%s\", rank %u", family->directory, kind->name,
                     text, i);
            compare(where, &result->hypotheses[i], cJSON_GetArrayItem(wanted, (int)i),
                    kind->beam > 1);
        }
        dragoman_result_free(result);
    }
    ck_assert(dragoman_at_end(stream));
    dragoman_stream_close(stream);
    dragoman_close(dragoman);
}

START_TEST(test_family)
{
    const struct family *family = &families[_i];
    char directory[256];
    cJSON *golden = NULL;
    struct error err = {0};
    snprintf(directory, sizeof directory, "tests/fixtures/%s", family->directory);
    ck_assert_msg(json_load(&golden, directory, "golden.json", 4 << 20, &err), "%s", err.text);
    ck_assert_int_gt(cJSON_GetArraySize(golden), 0);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        check_kind(family, &kinds[i], golden);
    cJSON_Delete(golden);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("golden");
    TCase *golden = tcase_create("golden");
    tcase_set_timeout(golden, 120);
    tcase_add_loop_test(golden, test_family, 0, N_FAMILIES);
    suite_add_tcase(suite, golden);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
