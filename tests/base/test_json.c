/* What base/json.h accepts and refuses. */
#include "base/json.h"

#include <check.h>
#include <string.h>

static const char *const good[] = {
    "{}",
    " [1, -0, 0.5, 1e3, 1E-2, -12.25e+1] ",
    "\"text \\\" \\\\ \\/ \\b\\f\\n\\r\\t \\u00e9 \\ud83d\\ude00 \xc3\xa9\"",
    "{\"a\": {\"b\": [true, false, null, {}, []]}, \"b\": 1}",
    "\xef\xbb\xbf{\"a\": 1}",
    "0",
};

START_TEST(accepts)
{
    cJSON *root;
    struct error err = {0};
    ck_assert_msg(json_parse(&root, "f", good[_i], strlen(good[_i]), &err), "%s", err.text);
    cJSON_Delete(root);
}
END_TEST

static const struct {
    const char *text, *message;
} bad[] = {
    {"", "the text ends too early"},
    {"{} x", "text after the end"},
    {"{}{}", "text after the end"},
    {"{\"a\":1,\n\"a\":2}", "duplicate key 'a'"},
    {"[{\"b\":1,\"\\u0062\":2}]", "duplicate key 'b'"},
    {"\"a\\u0000b\"", "a NUL or a lone surrogate in a string"},
    {"\"\\ud800\"", "a lone surrogate in a string"},
    {"\"\\ud800\\u0041\"", "a lone surrogate in a string"},
    {"\"\\udc00\"", "a NUL or a lone surrogate in a string"},
    {"\"\\x\"", "unknown escape in a string"},
    {"\"\\u12g4\"", "malformed \\u escape"},
    {"\"a\nb\"", "a control character in a string"},
    {"\"\xff\"", "not UTF-8"},
    {"\"abc", "a string is not closed"},
    {"01", "a number begins with 0"},
    {"1.", "a number is malformed"},
    {"1e", "a number is malformed"},
    {"0x10", "text after the end"},
    {"+1", "a value is malformed"},
    {"NaN", "a value is malformed"},
    {"Infinity", "a value is malformed"},
    {"[1e999]", "a number is too large"},
    {"1234567890123456789012345678901234567890123456789012345678901234",
     "a number of more than 63 characters"},
    {"\xff\xfe{\0}\0", "UTF-16, not UTF-8"},
    {"[1,]", "a value is malformed"},
    {"[1 2]", "expected ',' or the end of a list"},
    {"[1", "expected ',' or the end of a list"},
    {"{\"a\"}", "expected ':'"},
    {"{a:1}", "expected a string"},
    {"{\"a\":1,}", "expected a string"},
};

START_TEST(refuses)
{
    cJSON *root = NULL;
    struct error err = {0};
    ck_assert(!json_parse(&root, "f", bad[_i].text, strlen(bad[_i].text), &err));
    ck_assert_ptr_null(root);
    ck_assert_int_eq(err.code, ERROR_MODEL);
    ck_assert_msg(strstr(err.text, bad[_i].message) != NULL, "'%s' lacks '%s'", err.text,
                  bad[_i].message);
}
END_TEST

START_TEST(refuses_a_nul_after_the_end)
{
    cJSON *root;
    struct error err = {0};
    ck_assert(!json_parse(&root, "f", "{}\0x", 4, &err));
    ck_assert_str_eq(err.text, "f: line 1: text after the end");
}
END_TEST

START_TEST(limits_nesting)
{
    char text[2 * JSON_MAX_DEPTH + 3];
    cJSON *root;
    struct error err = {0};
    memset(text, '[', JSON_MAX_DEPTH);
    memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
    ck_assert(json_parse(&root, "f", text, (size_t)2 * JSON_MAX_DEPTH, &err));
    cJSON_Delete(root);
    memset(text, '[', sizeof text);
    ck_assert(!json_parse(&root, "f", text, sizeof text, &err));
    ck_assert_str_eq(err.text, "f: line 1: nested too deeply");
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("json");
    tcase_add_loop_test(tcase, accepts, 0, (int)(sizeof good / sizeof good[0]));
    tcase_add_loop_test(tcase, refuses, 0, (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tcase, refuses_a_nul_after_the_end);
    tcase_add_test(tcase, limits_nesting);
    Suite *suite = suite_create("base");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
