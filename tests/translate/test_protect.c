/* What is protected without being asked, what is not, and the user's own patterns. */
#include "translate/protect.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* The spans of `text`, joined by '|'. */
static void expect_spans(const struct protect *protect, const char *text, const char *expected)
{
    struct error err = {0};
    struct protect_span *spans;
    size_t n_spans;
    ck_assert_msg(protect_find(protect, text, strlen(text), &spans, &n_spans, &err), "%s",
                  err.text);
    struct buffer joined = {0};
    for (size_t i = 0; i < n_spans; i++) {
        ck_assert(i == 0 || buffer_append_byte(&joined, '|', &err));
        ck_assert(buffer_append(&joined, text + spans[i].start, spans[i].n_bytes, &err));
    }
    ck_assert_str_eq(joined.bytes != NULL ? joined.bytes : "", expected);
    buffer_free(&joined);
    memory_free(spans);
}

START_TEST(builtin_patterns)
{
    struct error err = {0};
    struct protect *protect;
    ck_assert(protect_new(&protect, true, NULL, 0, &err));
    expect_spans(protect, "", "");
    expect_spans(protect, "Nothing to see here, 50% of it, 100%.", "");
    expect_spans(protect, "See https://example.org/a?b=c#d, or (http://x.y/z).",
                 "https://example.org/a?b=c#d|http://x.y/z");
    expect_spans(protect, "Go to www.example.com/path!", "www.example.com/path");
    expect_spans(protect, "Write to a.b+c@example.co.uk.", "a.b+c@example.co.uk");
    expect_spans(protect, "%s has %1$d files in %-5.2f s", "%s|%1$d|%-5.2f");
    expect_spans(protect, "%(name)s, {x}, {}, {{y z}}, ${HOME}", "%(name)s|{x}|{}|{{y z}}|${HOME}");
    expect_spans(protect, "<b>bold</b> <br/> x < y &amp; &#8364;", "<b>|</b>|<br/>|&amp;|&#8364;");
    expect_spans(protect, "Run `ls -l | wc` now", "`ls -l | wc`");
    expect_spans(protect,
                 "Hi \xf0\x9f\x91\x8b\xf0\x9f\x8f\xbd there \xf0\x9f\x87\xa9\xf0\x9f\x87\xaa",
                 "\xf0\x9f\x91\x8b\xf0\x9f\x8f\xbd|\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa");
    protect_free(protect);
}
END_TEST

START_TEST(user_patterns)
{
    struct error err = {0};
    struct protect *protect;
    const char *const patterns[] = {"[A-Z]{2,}-[0-9]+", "x*"};
    ck_assert(protect_new(&protect, false, patterns, 2, &err));
    expect_spans(protect, "see AB-12 and xx", "AB-12|xx");
    expect_spans(protect, "https://a.org", "");
    expect_spans(protect, "\xc3\xa4\xc3\xa4 x", "x");
    protect_free(protect);
}
END_TEST

/* Time grows with the text, not with its square: a letter a million times is seen once. The case's
 * time limit is what fails. */
START_TEST(long_words)
{
    size_t n_bytes = 1000000, n_spans;
    struct error err = {0};
    struct protect *protect;
    struct protect_span *spans;
    char *text = malloc(n_bytes);
    ck_assert_ptr_nonnull(text);
    memset(text, 'a', n_bytes);
    ck_assert(protect_new(&protect, true, NULL, 0, &err));
    ck_assert_msg(protect_find(protect, text, n_bytes, &spans, &n_spans, &err), "%s", err.text);
    ck_assert_uint_eq(n_spans, 0);
    memory_free(spans);
    protect_free(protect);
    free(text);
}
END_TEST

START_TEST(faults)
{
    struct error err = {0};
    struct protect *protect;
    const char *const bad[] = {"a("};
    ck_assert(!protect_new(&protect, true, bad, 1, &err));
    ck_assert_int_eq(err.code, ERROR_USAGE);
    ck_assert_ptr_nonnull(strstr(err.text, "--protect 'a('"));
    error_clear(&err);
    const char *const slow[] = {"(a+)+$"};
    ck_assert(protect_new(&protect, false, slow, 1, &err));
    struct protect_span *spans;
    size_t n_spans;
    char text[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";
    ck_assert(!protect_find(protect, text, strlen(text), &spans, &n_spans, &err));
    ck_assert_int_eq(err.code, ERROR_INPUT);
    ck_assert_ptr_null(spans);
    protect_free(protect);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("protect");
    TCase *cases = tcase_create("protect");
    tcase_add_test(cases, builtin_patterns);
    tcase_add_test(cases, user_patterns);
    tcase_add_test(cases, long_words);
    tcase_set_timeout(cases, 20);
    tcase_add_test(cases, faults);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
