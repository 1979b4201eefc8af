/* Errors: the first cause wins, foreign text cannot reach a terminal, nothing overflows. */
#include "base/error.h"

#include "base/utf8.h"

#include <check.h>
#include <errno.h>
#include <string.h>

START_TEST(test_first_cause_wins)
{
    struct error err = {0};
    ck_assert(!error_set(&err, ERROR_MODEL, "%s: tensor %d", "a.bin", 7));
    ck_assert_int_eq(err.code, ERROR_MODEL);
    ck_assert_str_eq(err.text, "a.bin: tensor 7");
    ck_assert(!error_set(&err, ERROR_OUTPUT, "later"));
    ck_assert(!error_set_errno(&err, ERROR_OUTPUT, ENOSPC, "later"));
    ck_assert_int_eq(err.code, ERROR_MODEL);
    ck_assert_str_eq(err.text, "a.bin: tensor 7");
    error_clear(&err);
    ck_assert_int_eq(err.code, ERROR_NONE);
    ck_assert_str_eq(err.text, "");
    ck_assert(!error_set_errno(&err, ERROR_OUTPUT, ENOSPC, "%s", "out"));
    ck_assert_str_eq(err.text, "out: No space left on device");
    error_clear(&err);
    ck_assert(!error_set_errno(&err, ERROR_SYSTEM, 123456, "x"));
    ck_assert_str_eq(err.text, "x: unknown error");
}
END_TEST

START_TEST(test_nowhere_to_put_it)
{
    ck_assert(!error_set(NULL, ERROR_MODEL, "x"));
    ck_assert(!error_set_errno(NULL, ERROR_MODEL, ENOENT, "x"));
    error_prefix(NULL, "x");
    error_clear(NULL);
}
END_TEST

START_TEST(test_prefix)
{
    struct error err = {0};
    error_prefix(&err, "nothing");
    ck_assert_str_eq(err.text, "");
    error_set(&err, ERROR_MODEL, "cause");
    error_prefix(&err, "%s:%d", "file", 3);
    ck_assert_str_eq(err.text, "file:3: cause");
    char name[2 * ERROR_TEXT_BYTES];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    error_prefix(&err, "%s", name);
    ck_assert_uint_lt(strlen(err.text), ERROR_TEXT_BYTES);
    ck_assert_int_eq(err.text[0], 'n');
}
END_TEST

static const struct {
    const char *text;
    size_t n_bytes;
    const char *escaped;
} escapes[] = {
    {"plain", 5, "plain"},
    {"", 0, ""},
    {"a\nb\r\t", 5, "a\\x0ab\\x0d\\x09"},
    {"\x1b[31mred", 8, "\\x1b[31mred"},
    {"nul\0l", 5, "nul\\x00l"},
    {"\x7f", 1, "\\x7f"},
    {"\xc2\x9b", 2, "\\xc2\\x9b"},          /* CSI among the C1 controls */
    {"\xe2\x80\xa8", 3, "\\xe2\\x80\\xa8"}, /* line separator */
    {"\xe2\x80\xa9", 3, "\\xe2\\x80\\xa9"}, /* paragraph separator */
    {"\xff\xc3", 2, "\\xff\\xc3"},          /* ill-formed */
    {"gr\xc3\xbc\xc3\x9f", 6, "gr\xc3\xbc\xc3\x9f"},
};

START_TEST(test_escape)
{
    char out[64];
    ck_assert_ptr_eq(error_escape(out, sizeof out, escapes[_i].text, escapes[_i].n_bytes), out);
    ck_assert_str_eq(out, escapes[_i].escaped);
    struct error err = {0};
    if (memchr(escapes[_i].text, 0, escapes[_i].n_bytes) == NULL) {
        error_set(&err, ERROR_MODEL, "%s", escapes[_i].text);
        ck_assert_str_eq(err.text, escapes[_i].escaped);
    }
}
END_TEST

/* Cut at every length: within the room, terminated, whole characters and whole escapes. */
START_TEST(test_cut)
{
    static const char text[] = "abc\xc3\xa4\xe2\x82\xac\n\xff\xf0\x9f\x98\x80 and so on";
    char out[80];
    for (size_t room = 0; room < sizeof out; room++) {
        memset(out, '#', sizeof out);
        error_escape(out, room, text, sizeof text - 1);
        for (size_t i = room; i < sizeof out; i++)
            ck_assert_int_eq(out[i], '#');
        if (room == 0)
            continue;
        size_t length = strnlen(out, room);
        ck_assert_uint_lt(length, room);
        ck_assert(utf8_valid(out, length, NULL));
        if (room >= 4 && room < 30)
            ck_assert_str_eq(out + length - 3, "...");
        if (room > 40)
            ck_assert_str_eq(out, "abc\xc3\xa4\xe2\x82\xac\\x0a\\xff\xf0\x9f\x98\x80 and so on");
    }
}
END_TEST

START_TEST(test_long_text)
{
    struct error err = {0};
    char text[4 * ERROR_TEXT_BYTES];
    memset(text, '\x1b', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    error_set_errno(&err, ERROR_MODEL, EIO, "%s", text);
    ck_assert_uint_lt(strlen(err.text), ERROR_TEXT_BYTES);
    ck_assert_ptr_nonnull(strstr(err.text, "..."));
    for (const char *at = err.text; *at != '\0'; at++)
        ck_assert(*at >= ' ' && *at <= '~');
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("error");
    TCase *tests = tcase_create("error");
    tcase_add_test(tests, test_first_cause_wins);
    tcase_add_test(tests, test_nowhere_to_put_it);
    tcase_add_test(tests, test_prefix);
    tcase_add_loop_test(tests, test_escape, 0, (int)(sizeof escapes / sizeof escapes[0]));
    tcase_add_test(tests, test_cut);
    tcase_add_test(tests, test_long_text);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
