/* UTF-8: every code point, every kind of ill-formed sequence, every cut. */
#include "base/utf8.h"

#include <check.h>
#include <string.h>

static bool is_scalar(uint32_t value)
{
    return value <= 0x10ffff && !(value >= 0xd800 && value <= 0xdfff);
}

START_TEST(test_every_code_point)
{
    size_t count = 0;
    for (uint32_t value = 0; value <= 0x110010; value++) {
        char text[4];
        size_t length = utf8_put(text, value);
        if (!is_scalar(value)) {
            ck_assert_uint_eq(length, 0);
            continue;
        }
        size_t expected = value < 0x80 ? 1 : value < 0x800 ? 2 : value < 0x10000 ? 3 : 4;
        uint32_t back = ~value;
        count++;
        /* One assertion for all: Check's bookkeeping would cost more than the test. */
        bool ok = length == expected && utf8_next(text, length, &back) == length && back == value &&
                  utf8_bad_run(text, length) == 0;
        /* Cut anywhere it is ill-formed, and all of it is one run. */
        for (size_t cut = 1; cut < length; cut++)
            ok = ok && utf8_next(text, cut, NULL) == 0 && utf8_bad_run(text, cut) == cut;
        if (!ok)
            ck_abort_msg("U+%04X", value);
    }
    ck_assert_uint_eq(count, 1112064);
    ck_assert_uint_eq(utf8_put((char[4]){0}, UINT32_MAX), 0);
}
END_TEST

/* All four-byte strings over the bytes at the edges of the tables: well-formed exactly if it is
 * what utf8_put() makes of some code point. */
START_TEST(test_every_edge)
{
    static const unsigned char edges[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0,
                                          0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef,
                                          0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xff};
    enum { N = sizeof edges };
    for (size_t i = 0; i < (size_t)N * N * N * N; i++) {
        char text[4] = {(char)edges[i % N], (char)edges[i / N % N], (char)edges[i / N / N % N],
                        (char)edges[i / N / N / N]};
        char again[4];
        uint32_t value = 0;
        size_t length = utf8_next(text, 4, &value), bad = utf8_bad_run(text, 4);
        bool ok = length <= 4 && (length == 0) == (bad != 0) && bad <= 3;
        if (length != 0)
            ok = ok && utf8_put(again, value) == length && memcmp(again, text, length) == 0;
        if (!ok)
            ck_abort_msg("string %zu: length %zu, ill-formed %zu", i, length, bad);
    }
}
END_TEST

static const struct {
    const char *text;
    size_t n_bytes, run; /* of the ill-formed sequence at the start */
} ill_formed[] = {
    {"\x80", 1, 1},             /* a lone continuation byte */
    {"\xbf\xbf", 2, 1},         /* each of them is one */
    {"\xc0\x80", 2, 1},         /* overlong NUL */
    {"\xc1\xbf", 2, 1},         /* overlong DEL */
    {"\xe0\x80\x80", 3, 1},     /* overlong */
    {"\xe0\x9f\xbf", 3, 1},     /* overlong */
    {"\xf0\x8f\xbf\xbf", 4, 1}, /* overlong */
    {"\xed\xa0\x80", 3, 1},     /* high surrogate */
    {"\xed\xbf\xbf", 3, 1},     /* low surrogate */
    {"\xf4\x90\x80\x80", 4, 1}, /* above U+10FFFF */
    {"\xf5\x80\x80\x80", 4, 1}, /* no such lead byte */
    {"\xff", 1, 1},             /* no such byte */
    {"\xc2", 1, 1},             /* cut short at the end */
    {"\xe2\x82", 2, 2},         /* cut short */
    {"\xf0\x9f\x98", 3, 3},     /* cut short */
    {"\xe2\x82(", 3, 2},        /* cut short by a letter */
    {"\xf0\x9f\xc3\xa4", 4, 2}, /* cut short by another character */
};

START_TEST(test_ill_formed)
{
    const char *text = ill_formed[_i].text;
    size_t n_bytes = ill_formed[_i].n_bytes, bad_at = 99;
    ck_assert_uint_eq(utf8_next(text, n_bytes, NULL), 0);
    ck_assert_uint_eq(utf8_bad_run(text, n_bytes), ill_formed[_i].run);
    ck_assert(!utf8_valid(text, n_bytes, NULL));
    ck_assert(!utf8_valid(text, n_bytes, &bad_at));
    ck_assert_uint_eq(bad_at, 0);
    char longer[8] = {'a', 'b'};
    memcpy(longer + 2, text, n_bytes);
    ck_assert(!utf8_valid(longer, n_bytes + 2, &bad_at));
    ck_assert_uint_eq(bad_at, 2);
}
END_TEST

START_TEST(test_length)
{
    ck_assert_uint_eq(utf8_length("", 0), 0);
    ck_assert_uint_eq(utf8_length("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 10), 4);
    ck_assert_uint_eq(utf8_length("\xf0\x9f\x98\x80\xf0\x9f\x98", 7), 2);
    ck_assert_uint_eq(utf8_length("\x80\x80\xe2\x82x", 5), 4);
    ck_assert(utf8_valid("", 0, NULL));
    ck_assert(utf8_valid("a\0b", 3, NULL));
    ck_assert_uint_eq(utf8_next("", 0, NULL), 0);
    ck_assert_uint_eq(utf8_bad_run("", 0), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("utf8");
    TCase *tests = tcase_create("utf8");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_every_code_point);
    tcase_add_test(tests, test_every_edge);
    tcase_add_loop_test(tests, test_ill_formed, 0, (int)(sizeof ill_formed / sizeof ill_formed[0]));
    tcase_add_test(tests, test_length);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
