/* Where lines are split, and where sentences that are too long are cut. */
#include "translate/sentences.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct error err;

/* The spans of `text`, joined by '|', a cut marked by '+'. */
static void expect(const char *language, const char *text, size_t n_bytes, size_t most,
                   const char *expected)
{
    struct sentences *sentences;
    struct spans spans = {0};
    struct buffer joined = {0};
    ck_assert(sentences_new(&sentences, language, &err));
    ck_assert_msg(sentences_split(sentences, text, n_bytes, true, most, &spans, &err), "%s",
                  err.text);
    for (size_t i = 0; i < spans.count; i++) {
        ck_assert(i == 0 || buffer_append_byte(&joined, '|', &err));
        ck_assert(
            buffer_append(&joined, text + spans.items[i].start, spans.items[i].n_bytes, &err));
        ck_assert(!spans.items[i].cut || buffer_append_byte(&joined, '+', &err));
    }
    ck_assert_str_eq(joined.bytes != NULL ? joined.bytes : "", expected);
    buffer_free(&joined);
    spans_free(&spans);
    sentences_free(sentences);
}

#define EXPECT(language, text, expected) expect(language, text, strlen(text), 2000, expected)

START_TEST(splits_sentences)
{
    EXPECT("en", "", "");
    EXPECT("en", " \t ", "");
    EXPECT("en", "One sentence.", "One sentence.");
    EXPECT("en", "  Hello there!  How are you? ", "Hello there!|How are you?");
    EXPECT("en", "No end here", "No end here");
    EXPECT("en", "Wait... what? \"Yes.\" No!", "Wait... what?|\"Yes.\"|No!");
    EXPECT("en", "It costs 3.50 or 1,000.25 at example.org today.",
           "It costs 3.50 or 1,000.25 at example.org today.");
    EXPECT("zh", "\xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82\xe5\x86\x8d\xe8\xa7\x81\xe3\x80\x82",
           "\xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82|\xe5\x86\x8d\xe8\xa7\x81\xe3\x80\x82");
    EXPECT(NULL, "Aa bb. Cc dd.", "Aa bb.|Cc dd.");
}
END_TEST

START_TEST(knows_abbreviations)
{
    EXPECT("en", "Dr. Smith met Mrs. Hall. He left.", "Dr. Smith met Mrs. Hall.|He left.");
    EXPECT("en", "J. R. Brown of St. James St. Ives. So do I. You too.",
           "J. R. Brown of St. James St. Ives.|So do I.|You too.");
    EXPECT("en", "There were 5. Then six came.", "There were 5.|Then six came.");
    EXPECT("de", "Herr Dr. Meier kommt am 5. Mai. Das ist z. B. gut. Ja.",
           "Herr Dr. Meier kommt am 5. Mai.|Das ist z. B. gut.|Ja.");
    EXPECT("de", "Es war 1999. Dann kam (vgl. Abb. 3) das Ende.",
           "Es war 1999.|Dann kam (vgl. Abb. 3) das Ende.");
    EXPECT("en-GB", "Prof. Kim spoke. All listened.", "Prof. Kim spoke.|All listened.");
}
END_TEST

START_TEST(cuts_what_is_long)
{
    expect("en", "aaa bbb ccc ddd", 15, 8, "aaa bbb+|ccc ddd");
    expect("en", "aaa bbb, ccc ddd", 16, 11, "aaa bbb,+|ccc ddd");
    expect("en", "abcdefghij", 10, 4, "abcd+|efgh+|ij");
    /* Never inside a character, nor before a mark that combines with it. */
    expect("en", "ae\xcc\x81xyz", 7, 2, "a+|e\xcc\x81+|xy+|z");
    expect("en", "\xff\xff\xff", 3, 2, "\xff\xff+|\xff");
    ck_assert_uint_eq(sentences_middle("aaaa bbbb", 9), 4);
    ck_assert_uint_eq(sentences_middle("x", 1), 0);
    ck_assert_uint_ne(sentences_middle("xy", 2), 0);
}
END_TEST

/* Twice the text takes twice the time, whatever it is made of. */
START_TEST(linear)
{
    static const char *const units[] = {"a",        "a ",  "a. ", ". ", "\xe4\xbd\xa0",
                                        "\xcc\x81", "1. ", "\xff"};
    for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
        double seconds[2];
        for (size_t round = 0; round < 2; round++) {
            size_t n_unit = strlen(units[u]), n = (round + 1) * 200000;
            char *text = malloc(n * n_unit);
            for (size_t i = 0; i < n; i++)
                memcpy(text + i * n_unit, units[u], n_unit);
            struct sentences *sentences;
            struct spans spans = {0};
            ck_assert(sentences_new(&sentences, "en", &err));
            clock_t start = clock();
            ck_assert(sentences_split(sentences, text, n * n_unit, true, 2000, &spans, &err));
            seconds[round] = (double)(clock() - start) / CLOCKS_PER_SEC;
            spans_free(&spans);
            sentences_free(sentences);
            free(text);
        }
        ck_assert_msg(seconds[1] < 4 * seconds[0] + 0.2, "'%s': %f s, then %f s", units[u],
                      seconds[0], seconds[1]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sentences");
    TCase *cases = tcase_create("sentences");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, splits_sentences);
    tcase_add_test(cases, knows_abbreviations);
    tcase_add_test(cases, cuts_what_is_long);
    tcase_add_test(cases, linear);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
