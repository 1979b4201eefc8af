/* Which pieces a language can have, by the scripts it is written in. */
#include "tokenizer/scripts.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct error err;

static const struct {
    const char *language, *names;
    const char *allowed[6], *refused[6]; /* NULL-ended */
} cases[] = {
    {"de", "Latn", {"▁Häuser", "ß", "1,5 %", "“…”", "e\u0301"}, {"для", "α", "你", "का", "a‎б"}},
    {"ukr", "Cyrl", {"▁ґанок", "2024", "«»", "€"}, {"the", "ελ", "漢", "xл"}},
    {"sr", "Cyrl", {"љ"}, {"lj"}},
    {"sr-Latn", "Latn", {"lj"}, {"љ"}},
    {"sr_Cyrl", "Cyrl", {"љ"}, {"lj"}},
    {"el", "Grek", {"λόγος", "·"}, {"logos", "логос"}},
    {"ja", "Kana Hira Hani", {"カタカナ", "ひらがな", "漢字", "ー", "。"}, {"한글", "romaji"}},
    {"ko", "Hang Hani", {"한글", "漢"}, {"かな", "abc"}},
    {"zh-CN", "Hani", {"汉字", "，"}, {"ㄅ", "かな", "abc"}},
    {"zh-TW", "Hani Bopo", {"漢字", "ㄅ"}, {"かな"}},
    {"hi", "Deva", {"हिन्दी", "।"}, {"বাংলা", "abc"}},
    {"bn", "Beng", {"বাংলা", "।"}, {"हिन्दी"}}, /* the danda is of both */
    {"ar", "Arab", {"العربية", "،", "١٢٣"}, {"עברית", "abc"}},
    {"heb", "Hebr", {"עברית"}, {"العربية"}},
    {"th", "Thai", {"ภาษาไทย"}, {"ລາວ"}},
    {"ka", "Geor", {"ქართული"}, {"русский"}},
};

START_TEST(pieces)
{
    struct scripts scripts;
    error_clear(&err);
    ck_assert_msg(scripts_of_language(cases[_i].language, &scripts, &err), "%s", err.text);
    ck_assert_str_eq(scripts.names, cases[_i].names);
    for (int j = 0; j < 6 && cases[_i].allowed[j] != NULL; j++)
        ck_assert_msg(scripts_allow(&scripts, cases[_i].allowed[j], strlen(cases[_i].allowed[j])),
                      "%s: %s", cases[_i].language, cases[_i].allowed[j]);
    for (int j = 0; j < 6 && cases[_i].refused[j] != NULL; j++)
        ck_assert_msg(!scripts_allow(&scripts, cases[_i].refused[j], strlen(cases[_i].refused[j])),
                      "%s: %s", cases[_i].language, cases[_i].refused[j]);
}
END_TEST

START_TEST(no_languages)
{
    static const char *const wrong[] = {"", "x", "zz", "qqq", "nonsense", "a/b", "text.txt"};
    struct scripts scripts;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        error_clear(&err);
        ck_assert_msg(!scripts_of_language(wrong[i], &scripts, &err), "'%s' is %s", wrong[i],
                      scripts.names);
        ck_assert_int_eq(err.code, ERROR_USAGE);
    }
}
END_TEST

START_TEST(odd_texts)
{
    struct scripts scripts;
    ck_assert(scripts_of_language("de", &scripts, &err));
    ck_assert(scripts_allow(&scripts, "", 0));
    ck_assert(!scripts_allow(&scripts, "\xff", 1));
    ck_assert(!scripts_allow(&scripts, "a\xcd\xb8", 3)); /* U+0378, unassigned */
    ck_assert(scripts_allow(&scripts, "\xf0\x9f\x98\x80", 4));
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("scripts");
    tcase_add_loop_test(tcase, pieces, 0, (int)(sizeof cases / sizeof cases[0]));
    tcase_add_test(tcase, no_languages);
    tcase_add_test(tcase, odd_texts);
    Suite *suite = suite_create("tokenizer");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
