/* A glossary's faults by line, and which terms a text holds. */
#include "translate/terms.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static void write_list(const char *text, size_t n_bytes)
{
    strcpy(path, "/tmp/dragoman-terms-XXXXXX");
    int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(write(descriptor, text, n_bytes), (ssize_t)n_bytes);
    close(descriptor);
}

static void expect_fault(const char *text, const char *fault)
{
    struct error err = {0};
    struct terms *terms;
    write_list(text, strlen(text));
    ck_assert(!terms_open(&terms, path, &err));
    ck_assert_int_eq(err.code, ERROR_USAGE);
    ck_assert_msg(strstr(err.text, fault) != NULL, "%s", err.text);
    unlink(path);
}

/* "source@start=target" of each match, joined by ';'. */
static void expect_matches(const struct terms *terms, const char *text, const char *expected)
{
    struct error err = {0};
    struct term_match *matches;
    size_t n_matches;
    struct buffer joined = {0};
    ck_assert(terms_find(terms, text, strlen(text), &matches, &n_matches, &err));
    for (size_t i = 0; i < n_matches; i++)
        ck_assert(buffer_printf(&joined, &err, "%s%.*s@%zu=%s", i > 0 ? ";" : "",
                                (int)matches[i].n_bytes, text + matches[i].start, matches[i].start,
                                matches[i].target));
    ck_assert_str_eq(joined.bytes != NULL ? joined.bytes : "", expected);
    buffer_free(&joined);
    memory_free(matches);
}

START_TEST(faults)
{
    expect_fault("a\tb\nno tab\n", ":2: no TAB");
    expect_fault("a\tb\n\tb\n", ":2: the source is empty");
    expect_fault("a\t\n", ":1: the target is empty");
    expect_fault("a\xff\tb\n", ":1: not UTF-8");
    expect_fault("a\tb\n\na\tc\n", ":3: another target for 'a' than line 1");
    struct error err = {0};
    struct terms *terms;
    ck_assert(terms_open(&terms, "/dev/null", &err));
    ck_assert_uint_eq(terms_count(terms), 0);
    terms_close(terms);
    ck_assert(!terms_open(&terms, "/nonexistent.tsv", &err));
    ck_assert_ptr_nonnull(strstr(err.text, "No such file"));
}
END_TEST

START_TEST(matching)
{
    static const char list[] =
        "\xef\xbb\xbf# glossary\nfire\tFeuer\r\nfire door\tBrandschutzt\xc3\xbcr\t"
        "note\nC++\tC plus plus\n\xc3\xa9t\xc3\xa9\tSommer\nfire\tFeuer\n";
    struct error err = {0};
    struct terms *terms;
    write_list(list, strlen(list));
    ck_assert_msg(terms_open(&terms, path, &err), "%s", err.text);
    ck_assert_uint_eq(terms_count(terms), 4);
    expect_matches(terms, "", "");
    expect_matches(terms, "fire", "fire@0=Feuer");
    expect_matches(terms, "a fire door, a fire.",
                   "fire door@2=Brandschutzt\xc3\xbcr;fire@15=Feuer");
    expect_matches(terms, "fire doors", "fire@0=Feuer");
    expect_matches(terms, "campfire fires Fire", "");
    expect_matches(terms, "(C++) C++, ", "C++@1=C plus plus;C++@6=C plus plus");
    expect_matches(terms, "\xc3\xa9t\xc3\xa9 \xc3\xa9t\xc3\xa9s", "\xc3\xa9t\xc3\xa9@0=Sommer");
    terms_close(terms);
    unlink(path);
}
END_TEST

/* A list of single words; and scripts that have no spaces between words. */
START_TEST(words)
{
    static const char list[] = "# words\n\n \tfire door \r\nfire\nfire\n \n\xe7\x8b\xac\n";
    struct error err = {0};
    struct terms *terms;
    write_list(list, strlen(list));
    ck_assert_msg(terms_open_words(&terms, path, &err), "%s", err.text);
    ck_assert_uint_eq(terms_count(terms), 3);
    expect_matches(terms, "a fire door, fires", "fire door@2=");
    expect_matches(terms, "\xe5\xa4\xa7\xe7\x8b\xac\xe5\x8f\xab", "\xe7\x8b\xac@3=");
    terms_close(terms);
    unlink(path);
    write_list("a\n\xff\n", 4);
    ck_assert(!terms_open_words(&terms, path, &err));
    ck_assert_ptr_nonnull(strstr(err.text, ":2: not UTF-8"));
    unlink(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("terms");
    TCase *cases = tcase_create("terms");
    tcase_add_test(cases, faults);
    tcase_add_test(cases, matching);
    tcase_add_test(cases, words);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
