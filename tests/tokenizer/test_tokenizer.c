/* What a tokenizer promises beyond the reference's results: text stays text, output stays a line,
 * nothing is lost in a long line, and one tokenizer serves many threads. */
#include "tokenizer/tokenizer.h"

#include "base/threads.h"
#include "base/utf8.h"
#include "tests/support/model_dir.h"
#include "tests/support/spm_builder.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct tokenizer *open_dir(const char *directory, enum tokenizer_family family)
{
    struct tokenizer *tokenizer;
    struct error err = {0};
    struct tokenizer_options options = {.family = family, .encodes_target = true};
    ck_assert_msg(tokenizer_open(&tokenizer, directory, &options, &err), "%s", err.text);
    return tokenizer;
}

static struct tokenizer_direction direct(const struct tokenizer *tokenizer, const char *source,
                                         const char *target)
{
    struct tokenizer_direction direction;
    struct error err = {0};
    ck_assert_msg(tokenizer_direct(tokenizer, source, target, &direction, &err), "%s", err.text);
    return direction;
}

static struct token_ids encode(const struct tokenizer *tokenizer,
                               const struct tokenizer_direction *direction, const char *text,
                               size_t n_bytes, struct tokenizer_report *report)
{
    struct token_ids ids = {0};
    struct error err = {0};
    ck_assert_msg(tokenizer_encode(tokenizer, direction, text, n_bytes, &ids, report, &err), "%s",
                  err.text);
    return ids;
}

static void expect_text(const struct tokenizer *tokenizer, const uint32_t *ids, size_t n_ids,
                        const char *wanted)
{
    struct buffer text = {0};
    struct error err = {0};
    ck_assert_msg(tokenizer_decode(tokenizer, ids, n_ids, &text, &err), "%s", err.text);
    size_t same = 0;
    while (text.bytes[same] != '\0' && text.bytes[same] == wanted[same])
        same++;
    ck_assert_msg(text.bytes[same] == wanted[same], "at %zu: '%.80s', not '%.80s'", same,
                  text.bytes + same, wanted + same);
    buffer_free(&text);
}

/* ---- text stays text ---------------------------------------------------------------------------
 */

static const struct {
    const char *directory;
    enum tokenizer_family family;
    const char *source, *target;
    size_t n_before, n_after; /* control tokens around the text */
} families[] = {
    {"tests/fixtures/marian", TOKENIZER_MARIAN, NULL, NULL, 0, 1},
    {"tests/fixtures/marian_swish_multi", TOKENIZER_MARIAN, NULL, "de", 1, 1},
    {"tests/fixtures/m2m100", TOKENIZER_M2M100, "en", "de", 1, 1},
    {"tests/fixtures/nllb", TOKENIZER_NLLB, "en", "de", 1, 1},
    {"tests/fixtures/mbart50", TOKENIZER_MBART, "en", "de", 1, 1},
    {"tests/fixtures/t5", TOKENIZER_T5, NULL, NULL, 0, 1},
};
#define N_FAMILIES ((int)(sizeof families / sizeof families[0]))

START_TEST(control_tokens_in_text_stay_text)
{
    static const char text[] = "a </s> <s> <pad> <unk> __de__ deu_Latn de_DE <extra_id_0> "
                               ">>deu<< >>fra<< <mask> \xe2\x96\x81 b";
    struct tokenizer *tokenizer = open_dir(families[_i].directory, families[_i].family);
    struct tokenizer_direction direction =
        direct(tokenizer, families[_i].source, families[_i].target);
    struct token_ids ids = encode(tokenizer, &direction, text, sizeof text - 1, NULL);
    ck_assert_uint_gt(ids.n_ids, 40);
    for (size_t i = families[_i].n_before; i < ids.n_ids - families[_i].n_after; i++) {
        bool special = tokenizer_is_special(tokenizer, TOKENIZER_SOURCE, ids.ids[i]);
        const char *piece = tokenizer_piece(tokenizer, TOKENIZER_SOURCE, ids.ids[i]);
        ck_assert_msg(!special || ids.ids[i] == tokenizer_unknown(tokenizer, TOKENIZER_SOURCE),
                      "[%zu] is %s", i, piece);
        ck_assert_msg(strncmp(piece, ">>", 2) != 0 || strlen(piece) == 2, "[%zu] is %s", i, piece);
    }
    ck_assert_uint_eq(ids.ids[ids.n_ids - 1], tokenizer_end(tokenizer, TOKENIZER_SOURCE));
    token_ids_free(&ids);
    tokenizer_close(tokenizer);
}
END_TEST

START_TEST(empty_text_is_tags_and_end)
{
    struct tokenizer *tokenizer = open_dir(families[_i].directory, families[_i].family);
    struct tokenizer_direction direction =
        direct(tokenizer, families[_i].source, families[_i].target);
    for (size_t n = 0; n < 3; n++) {
        struct token_ids ids = encode(tokenizer, &direction, "  ", n, NULL);
        ck_assert_uint_eq(ids.n_ids, families[_i].n_before + families[_i].n_after);
        token_ids_free(&ids);
    }
    tokenizer_close(tokenizer);
}
END_TEST

START_TEST(marian_tags)
{
    struct tokenizer *tokenizer = open_dir("tests/fixtures/marian_swish_multi", TOKENIZER_MARIAN);
    uint32_t deu = tokenizer_find(tokenizer, TOKENIZER_SOURCE, ">>deu<<", 7);
    uint32_t fra = tokenizer_find(tokenizer, TOKENIZER_SOURCE, ">>fra<<", 7);
    ck_assert_uint_eq(tokenizer_n_languages(tokenizer), 2);
    ck_assert_str_eq(tokenizer_language(tokenizer, 0), "deu");
    struct tokenizer_direction none = direct(tokenizer, NULL, NULL);
    struct tokenizer_direction german = direct(tokenizer, NULL, "de");
    ck_assert_str_eq(german.target, "deu");
    ck_assert_uint_eq(german.source_tag, deu);
    struct token_ids plain = encode(tokenizer, &none, "a dog", 5, NULL);
    struct token_ids tagged = encode(tokenizer, &german, "a dog", 5, NULL);
    struct token_ids own = encode(tokenizer, &german, ">>fra<< a dog", 13, NULL);
    ck_assert_uint_eq(tagged.n_ids, plain.n_ids + 1);
    ck_assert_uint_eq(tagged.ids[0], deu);
    ck_assert_mem_eq(tagged.ids + 1, plain.ids, plain.n_ids * sizeof *plain.ids);
    ck_assert_uint_eq(own.ids[0], fra); /* the text's own tag wins */
    ck_assert_mem_eq(own.ids + 1, plain.ids, plain.n_ids * sizeof *plain.ids);
    struct token_ids text = encode(tokenizer, &none, ">>xyz<< a dog", 13, NULL);
    for (size_t i = 0; i < text.n_ids; i++)
        ck_assert(text.ids[i] != deu && text.ids[i] != fra);
    token_ids_free(&plain);
    token_ids_free(&tagged);
    token_ids_free(&own);
    token_ids_free(&text);
    tokenizer_close(tokenizer);
}
END_TEST

START_TEST(ill_formed_text_is_replaced)
{
    static const struct {
        const char *text, *same_as;
        size_t n_replaced;
    } cases[] = {
        {"a \xff dog", "a \xef\xbf\xbd dog", 1},
        {"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd", 2},
        {"dog\xe2\x96", "dog\xef\xbf\xbd", 1},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 3},
    };
    struct tokenizer *tokenizer = open_dir("tests/fixtures/marian", TOKENIZER_MARIAN);
    struct tokenizer_direction direction = direct(tokenizer, NULL, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tokenizer_report report = {0}, none = {0};
        struct token_ids ids =
            encode(tokenizer, &direction, cases[i].text, strlen(cases[i].text), &report);
        struct token_ids same =
            encode(tokenizer, &direction, cases[i].same_as, strlen(cases[i].same_as), &none);
        ck_assert_uint_eq(report.n_replaced, cases[i].n_replaced);
        ck_assert_uint_eq(none.n_replaced, 0);
        ck_assert_uint_eq(ids.n_ids, same.n_ids);
        ck_assert_mem_eq(ids.ids, same.ids, ids.n_ids * sizeof *ids.ids);
        token_ids_free(&ids);
        token_ids_free(&same);
    }
    struct token_ids nul = encode(tokenizer, &direction, "a\0dog", 5, NULL);
    ck_assert_uint_gt(nul.n_ids, 2); /* what follows a NUL is not lost */
    token_ids_free(&nul);
    tokenizer_close(tokenizer);
}
END_TEST

/* ---- long lines --------------------------------------------------------------------------------
 */

START_TEST(long_lines_are_cut_at_spaces_without_a_trace)
{
    static const char words[] = "a dog runs on the green beach with two children , and a man ";
    struct tokenizer *tokenizer = open_dir(families[_i].directory, families[_i].family);
    struct tokenizer_direction direction =
        direct(tokenizer, families[_i].source, families[_i].target);
    struct buffer text = {0};
    const size_t n_times = 200; /* 12,000 characters: seven parts */
    for (size_t i = 0; i < n_times; i++)
        ck_assert(buffer_append_text(&text, words, NULL));
    struct token_ids once = encode(tokenizer, &direction, words, sizeof words - 1, NULL);
    struct token_ids all = encode(tokenizer, &direction, text.bytes, text.n_bytes, NULL);
    size_t around = families[_i].n_before + families[_i].n_after, n = once.n_ids - around;
    ck_assert_uint_eq(all.n_ids - around, n * n_times);
    for (size_t i = 0; i < n * n_times; i++)
        ck_assert_uint_eq(all.ids[families[_i].n_before + i],
                          once.ids[families[_i].n_before + i % n]);
    token_ids_free(&once);
    token_ids_free(&all);
    buffer_free(&text);
    tokenizer_close(tokenizer);
}
END_TEST

/* The text of a word of 5,000 letters comes back without a space inside. */
START_TEST(long_words_are_cut_without_a_trace)
{
    struct tokenizer *tokenizer = open_dir("tests/fixtures/marian", TOKENIZER_MARIAN);
    struct tokenizer_direction direction = direct(tokenizer, NULL, NULL);
    char word[5001];
    for (size_t i = 0; i < 5000; i++)
        word[i] = "beachdog"[i % 8];
    word[5000] = '\0';
    struct token_ids ids = encode(tokenizer, &direction, word, 5000, NULL);
    expect_text(tokenizer, ids.ids, ids.n_ids, word);
    token_ids_free(&ids);
    tokenizer_close(tokenizer);
}
END_TEST

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

START_TEST(time_is_linear_in_unknown_characters)
{
    struct tokenizer *tokenizer = open_dir("tests/fixtures/marian", TOKENIZER_MARIAN);
    struct tokenizer_direction direction = direct(tokenizer, NULL, NULL);
    struct buffer text = {0};
    double took[2];
    for (size_t i = 0; i < 2; i++) {
        while (text.n_bytes < (i + 1) * 3 * 50000)
            ck_assert(buffer_append_text(&text, "\xe9\xbe\x98", NULL));
        double start = seconds();
        struct token_ids ids = encode(tokenizer, &direction, text.bytes, text.n_bytes, NULL);
        took[i] = seconds() - start;
        token_ids_free(&ids);
    }
    ck_assert_msg(took[1] < 4 * took[0] + 0.05, "%.3f s, then %.3f s", took[0], took[1]);
    buffer_free(&text);
    tokenizer_close(tokenizer);
}
END_TEST

/* ---- decoding ----------------------------------------------------------------------------------
 */

/* A T5 model with byte pieces: ids 3 to 258 are the bytes. */
static struct tokenizer *open_bytes(struct model_dir *dir)
{
    struct spm_parts parts;
    spm_parts_start(&parts);
    spm_add_bytes(&parts, 256);
    spm_add(&parts, "\xe2\x96\x81", SPM_NORMAL); /* 259 */
    spm_add(&parts,
            "\xe2\x96\x81"
            "dog",
            SPM_NORMAL);                /* 260 */
    spm_add(&parts, ".", SPM_NORMAL);   /* 261 */
    spm_add(&parts, "<2de>", SPM_USER); /* 262 */
    spm_add(&parts, "<2fr>", SPM_USER); /* 263 */
    spm_put_number(&parts.trainer, 35, 1);
    spm_parts_finish(&parts);
    model_dir_new(dir, "tests/fixtures/t5");
    model_dir_write(dir, "spiece.model", parts.model.bytes, parts.model.n_bytes);
    model_dir_write(dir, "tokenizer_config.json", "{\"extra_ids\": 0}", 16);
    model_dir_remove(dir, "added_tokens.json");
    model_dir_remove(dir, "special_tokens_map.json");
    buffer_free(&parts.model);
    return open_dir(dir->path, TOKENIZER_T5);
}

#define BYTE(b) (3 + (b))

START_TEST(output_is_one_printable_line)
{
    static const struct {
        uint32_t ids[8];
        size_t n_ids;
        const char *text;
    } cases[] = {
        {{260, BYTE('\n'), 260}, 3, "dog  dog"},
        {{260, BYTE('\r'), 261}, 3, "dog ."},
        {{260, BYTE(0), 261}, 3, "dog ."},
        {{260, BYTE(0x1b), BYTE('['), 261}, 4, "dog [."},
        {{260, BYTE(0x7f), 261}, 3, "dog ."},
        {{260, BYTE(0xc2), BYTE(0x9b), 261}, 4, "dog ."},             /* C1 control */
        {{260, BYTE(0xe2), BYTE(0x80), BYTE(0xa8), 261}, 5, "dog ."}, /* U+2028 */
        {{260, BYTE(0xc3), BYTE(0xa9), 261}, 4, "dog\xc3\xa9."},      /* put together */
        {{260, BYTE(0xff), BYTE(0xe2), BYTE(0x80), 261},
         5, /* not UTF-8 */
         "dog\xef\xbf\xbd\xef\xbf\xbd."},
        {{260, BYTE(0xed), BYTE(0xa0), BYTE(0x80)}, 4, "dog\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {{259, 259, 260, 259}, 4, "dog"},
        {{0, 1, 2, 260, 2, 0}, 6, "dog"},
        {{BYTE('\n')}, 1, ""},
        {{0}, 0, ""},
    };
    struct model_dir dir;
    struct tokenizer *tokenizer = open_bytes(&dir);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_text(tokenizer, cases[i].ids, cases[i].n_ids, cases[i].text);
    struct buffer text = {0};
    struct error err = {0};
    uint32_t bad = 100000;
    ck_assert(!tokenizer_decode(tokenizer, &bad, 1, &text, &err));
    ck_assert_int_eq(err.code, ERROR_INTERNAL);
    buffer_free(&text);
    tokenizer_close(tokenizer);
    model_dir_free(&dir);
}
END_TEST

START_TEST(every_byte_comes_back)
{
    struct model_dir dir;
    struct tokenizer *tokenizer = open_bytes(&dir);
    struct tokenizer_direction direction = direct(tokenizer, NULL, "de");
    char text[4];
    for (uint32_t c = 0xa1; c < 0x110000; c = c * 9 / 8 + 1) {
        size_t n = utf8_put(text, c);
        if (n == 0 || c == 0x3000 || (c >= 0x2000 && c < 0x2010))
            continue;
        struct token_ids ids = encode(tokenizer, &direction, text, n, NULL);
        struct buffer out = {0};
        ck_assert(tokenizer_decode(tokenizer, ids.ids + 2, ids.n_ids - 2, &out, NULL));
        ck_assert_msg(out.n_bytes == n && memcmp(out.bytes, text, n) == 0, "U+%04X", c);
        buffer_free(&out);
        token_ids_free(&ids);
    }
    tokenizer_close(tokenizer);
    model_dir_free(&dir);
}
END_TEST

START_TEST(madlad_tags)
{
    static const uint32_t wanted[] = {259, 262, 260, 2}; /* space, <2de>, dog, </s> */
    struct model_dir dir;
    struct tokenizer *tokenizer = open_bytes(&dir);
    struct tokenizer_direction direction = direct(tokenizer, "en", NULL);
    ck_assert_str_eq(direction.prompt, ""); /* no target, no tag */
    direction = direct(tokenizer, NULL, "deu");
    ck_assert_str_eq(direction.prompt, "<2de> ");
    struct token_ids ids = encode(tokenizer, &direction, "dog", 3, NULL);
    ck_assert_uint_eq(ids.n_ids, 4);
    ck_assert_mem_eq(ids.ids, wanted, sizeof wanted);
    token_ids_free(&ids);
    ids = encode(tokenizer, &direction, "<2fr> dog", 9, NULL);
    for (size_t i = 0; i < ids.n_ids; i++)
        ck_assert_uint_ne(ids.ids[i], 263); /* the text cannot choose */
    ck_assert_uint_eq(ids.n_ids, 2 + 1 + 5 + 1 + 1);
    token_ids_free(&ids);
    tokenizer_close(tokenizer);
    model_dir_free(&dir);
}
END_TEST

START_TEST(t5_prompts)
{
    struct tokenizer *tokenizer = open_dir("tests/fixtures/t5", TOKENIZER_T5);
    struct tokenizer_direction direction = direct(tokenizer, "en", "de");
    struct tokenizer_direction none = direct(tokenizer, NULL, NULL);
    static const char joined[] = "translate English to German: a dog";
    ck_assert_str_eq(direction.prompt, "translate English to German: ");
    ck_assert_str_eq(none.prompt, "");
    struct token_ids ids = encode(tokenizer, &direction, "a dog", 5, NULL);
    struct token_ids same = encode(tokenizer, &none, joined, sizeof joined - 1, NULL);
    ck_assert_uint_eq(ids.n_ids, same.n_ids);
    ck_assert_mem_eq(ids.ids, same.ids, ids.n_ids * sizeof *ids.ids);
    token_ids_free(&ids);
    token_ids_free(&same);
    tokenizer_close(tokenizer);
}
END_TEST

/* ---- pieces, targets, questions ----------------------------------------------------------------
 */

START_TEST(pieces_need_no_spm)
{
    static const char *const gone[] = {"source.spm", "target.spm"};
    static const char pieces[] = "\xe2\x96\x81"
                                 "A \xe2\x96\x81on qqqq s";
    struct model_dir dir;
    struct tokenizer *tokenizer;
    struct error err = {0};
    struct tokenizer_report report = {0};
    struct token_ids ids = {0};
    struct buffer text = {0};
    model_dir_new(&dir, "tests/fixtures/marian");
    for (size_t i = 0; i < 2; i++)
        model_dir_remove(&dir, gone[i]);
    struct tokenizer_options options = {.family = TOKENIZER_MARIAN, .pieces_only = true};
    ck_assert_msg(tokenizer_open(&tokenizer, dir.path, &options, &err), "%s", err.text);
    struct tokenizer_direction direction = direct(tokenizer, NULL, NULL);
    for (int whole = 0; whole < 2; whole++) { /* the same with </s> written out */
        token_ids_clear(&ids);
        buffer_clear(&text);
        ck_assert(buffer_append_text(&text, pieces, &err));
        ck_assert(!whole || buffer_append_text(&text, " </s>", &err));
        ck_assert(tokenizer_encode_pieces(tokenizer, &direction, TOKENIZER_SOURCE, text.bytes,
                                          text.n_bytes, &ids, &report, &err));
        static const uint32_t wanted[] = {13, 27, 1, 4, 0};
        ck_assert_uint_eq(ids.n_ids, 5);
        ck_assert_mem_eq(ids.ids, wanted, sizeof wanted);
    }
    ck_assert_uint_eq(report.n_unknown, 2);
    buffer_clear(&text);
    ck_assert(tokenizer_decode_pieces(tokenizer, ids.ids, ids.n_ids, &text, &err));
    ck_assert_str_eq(text.bytes, "\xe2\x96\x81"
                                 "A \xe2\x96\x81on <unk> s");
    ck_assert(!tokenizer_encode(tokenizer, &direction, "text", 4, &ids, NULL, &err));
    ck_assert_int_eq(err.code, ERROR_USAGE);
    buffer_free(&text);
    token_ids_free(&ids);
    tokenizer_close(tokenizer);
    model_dir_free(&dir);
}
END_TEST

START_TEST(targets_are_what_the_decoder_should_give)
{
    struct tokenizer *tokenizer = open_dir(families[_i].directory, families[_i].family);
    struct tokenizer_direction direction =
        direct(tokenizer, families[_i].source, families[_i].target);
    static const char text[] = "Ein Hund rennt am Strand.";
    struct token_ids ids = {0};
    struct error err = {0};
    ck_assert_msg(
        tokenizer_encode_target(tokenizer, &direction, text, sizeof text - 1, &ids, NULL, &err),
        "%s", err.text);
    if (direction.forced_first != TOKENIZER_NO_ID)
        ck_assert_uint_eq(ids.ids[0], direction.forced_first);
    ck_assert_uint_eq(ids.ids[ids.n_ids - 1], tokenizer_end(tokenizer, TOKENIZER_TARGET));
    expect_text(tokenizer, ids.ids, ids.n_ids, text);
    token_ids_free(&ids);
    tokenizer_close(tokenizer);
}
END_TEST

START_TEST(words_begin_with_a_space)
{
    struct tokenizer *tokenizer = open_dir("tests/fixtures/marian", TOKENIZER_MARIAN);
    ck_assert(tokenizer_begins_word(tokenizer, TOKENIZER_SOURCE, 3)); /* a, after a space */
    ck_assert(!tokenizer_begins_word(tokenizer, TOKENIZER_SOURCE, 4));
    ck_assert(!tokenizer_begins_word(tokenizer, TOKENIZER_SOURCE, 0));
    ck_assert(!tokenizer_begins_word(tokenizer, TOKENIZER_SOURCE, UINT32_MAX));
    ck_assert_str_eq(tokenizer_piece(tokenizer, TOKENIZER_SOURCE, UINT32_MAX), "");
    ck_assert_uint_eq(tokenizer_count(tokenizer, TOKENIZER_SOURCE), 901);
    ck_assert_uint_eq(tokenizer_pad(tokenizer, TOKENIZER_SOURCE), 900);
    ck_assert_uint_eq(tokenizer_find(tokenizer, TOKENIZER_SOURCE, "nowhere", 7), TOKENIZER_NO_ID);
    tokenizer_close(tokenizer);
}
END_TEST

/* ---- threads -----------------------------------------------------------------------------------
 */

static const char line[] = "A dog runs on the beach with a red ball .";

static void *encode_often(void *argument)
{
    const struct tokenizer *tokenizer = argument;
    struct tokenizer_direction direction = direct(tokenizer, NULL, NULL);
    struct token_ids first = encode(tokenizer, &direction, line, sizeof line - 1, NULL);
    bool same = true;
    for (int i = 0; i < 300; i++) {
        struct token_ids ids = encode(tokenizer, &direction, line, sizeof line - 1, NULL);
        same = same && ids.n_ids == first.n_ids &&
               memcmp(ids.ids, first.ids, ids.n_ids * sizeof *ids.ids) == 0;
        token_ids_free(&ids);
    }
    token_ids_free(&first);
    return same ? argument : NULL;
}

START_TEST(threads_share_a_tokenizer)
{
    struct tokenizer *tokenizer = open_dir("tests/fixtures/marian", TOKENIZER_MARIAN);
    pthread_t threads[4];
    struct error err = {0};
    for (size_t i = 0; i < 4; i++)
        ck_assert(thread_start(&threads[i], encode_often, tokenizer, &err));
    for (size_t i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        ck_assert_ptr_eq(result, tokenizer);
    }
    tokenizer_close(tokenizer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tokenizer");
    TCase *tests = tcase_create("tokenizer");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, control_tokens_in_text_stay_text, 0, N_FAMILIES);
    tcase_add_loop_test(tests, empty_text_is_tags_and_end, 0, N_FAMILIES);
    tcase_add_test(tests, marian_tags);
    tcase_add_test(tests, ill_formed_text_is_replaced);
    tcase_add_loop_test(tests, long_lines_are_cut_at_spaces_without_a_trace, 0, N_FAMILIES);
    tcase_add_test(tests, long_words_are_cut_without_a_trace);
    tcase_add_test(tests, time_is_linear_in_unknown_characters);
    tcase_add_test(tests, output_is_one_printable_line);
    tcase_add_test(tests, every_byte_comes_back);
    tcase_add_test(tests, madlad_tags);
    tcase_add_test(tests, t5_prompts);
    tcase_add_test(tests, pieces_need_no_spm);
    tcase_add_loop_test(tests, targets_are_what_the_decoder_should_give, 0, N_FAMILIES);
    tcase_add_test(tests, words_begin_with_a_space);
    tcase_add_test(tests, threads_share_a_tokenizer);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
