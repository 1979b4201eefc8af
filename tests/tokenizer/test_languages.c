/* Which of a model's codes a user's code means. */
#include "tokenizer/language_tables.h"
#include "tokenizer/languages.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const char *const marian[] = {"deu",   "fra",      "cmn_Hans", "cmn_Hant", "pt_br",
                                     "pt_pt", "srp_Cyrl", "srp_Latn", "nob",      "nno"};

static const struct {
    const char *const *codes;
    size_t n_codes;
    const char *wanted, *found; /* NULL: unknown */
} cases[] = {
    {languages_nllb200, COUNT(languages_nllb200), "deu_Latn", "deu_Latn"},
    {languages_nllb200, COUNT(languages_nllb200), "de", "deu_Latn"},
    {languages_nllb200, COUNT(languages_nllb200), "deu", "deu_Latn"},
    {languages_nllb200, COUNT(languages_nllb200), "ger", "deu_Latn"},
    {languages_nllb200, COUNT(languages_nllb200), "de-AT", "deu_Latn"},
    {languages_nllb200, COUNT(languages_nllb200), "DE_latn", "deu_Latn"},
    {languages_nllb200, COUNT(languages_nllb200), "en", "eng_Latn"},
    {languages_nllb200, COUNT(languages_nllb200), "zh", "zho_Hans"},
    {languages_nllb200, COUNT(languages_nllb200), "zh-TW", "zho_Hant"},
    {languages_nllb200, COUNT(languages_nllb200), "zh-Hant", "zho_Hant"},
    {languages_nllb200, COUNT(languages_nllb200), "yue", "yue_Hant"},
    {languages_nllb200, COUNT(languages_nllb200), "ar", "arb_Arab"},
    {languages_nllb200, COUNT(languages_nllb200), "fa", "pes_Arab"},
    {languages_nllb200, COUNT(languages_nllb200), "no", "nob_Latn"},
    {languages_nllb200, COUNT(languages_nllb200), "nn", "nno_Latn"},
    {languages_nllb200, COUNT(languages_nllb200), "sr", "srp_Cyrl"},
    {languages_nllb200, COUNT(languages_nllb200), "sr-Latn", NULL},
    {languages_nllb200, COUNT(languages_nllb200), "he", "heb_Hebr"},
    {languages_nllb200, COUNT(languages_nllb200), "iw", "heb_Hebr"},
    {languages_nllb200, COUNT(languages_nllb200), "sw", "swh_Latn"},
    {languages_nllb200, COUNT(languages_nllb200), "lv", "lvs_Latn"},
    {languages_nllb200, COUNT(languages_nllb200), "sq", "als_Latn"},
    {languages_nllb200, COUNT(languages_nllb200), "kr", "knc_Latn"},
    {languages_nllb200, COUNT(languages_nllb200), "tl", "tgl_Latn"},
    {languages_nllb200, COUNT(languages_nllb200), "xx", NULL},
    {languages_nllb200, COUNT(languages_nllb200), "English", NULL},
    {languages_nllb200, COUNT(languages_nllb200), "x", NULL},
    {languages_nllb200, COUNT(languages_nllb200), "_", NULL},
    {languages_m2m100, COUNT(languages_m2m100), "de", "de"},
    {languages_m2m100, COUNT(languages_m2m100), "deu_Latn", "de"},
    {languages_m2m100, COUNT(languages_m2m100), "nb", "no"},
    {languages_m2m100, COUNT(languages_m2m100), "nso", "ns"},
    {languages_m2m100, COUNT(languages_m2m100), "fil", "tl"},
    {languages_m2m100, COUNT(languages_m2m100), "zh-CN", "zh"},
    {languages_m2m100, COUNT(languages_m2m100), "__de__", "de"},
    {languages_mbart50, COUNT(languages_mbart50), "de", "de_DE"},
    {languages_mbart50, COUNT(languages_mbart50), "en", "en_XX"},
    {languages_mbart50, COUNT(languages_mbart50), "eng", "en_XX"},
    {languages_mbart50, COUNT(languages_mbart50), "ar", "ar_AR"},
    {languages_mbart50, COUNT(languages_mbart50), "pt-BR", "pt_XX"},
    {languages_mbart50, COUNT(languages_mbart50), "sw", "sw_KE"},
    {marian, COUNT(marian), "de", "deu"},
    {marian, COUNT(marian), "zh-CN", "cmn_Hans"},
    {marian, COUNT(marian), "zh-HK", "cmn_Hant"},
    {marian, COUNT(marian), "pt", "pt_br"},
    {marian, COUNT(marian), "pt-PT", "pt_pt"},
    {marian, COUNT(marian), "sr-Latn", "srp_Latn"},
    {marian, COUNT(marian), "no", "nob"},
    {marian, COUNT(marian), ">>deu<<", "deu"},
};

START_TEST(finds)
{
    struct error err = {0};
    size_t index = 0;
    bool found = languages_match(cases[_i].codes, cases[_i].n_codes, cases[_i].wanted, "target",
                                 &index, &err);
    const char *code = found ? cases[_i].codes[index] : "nothing";
    const char *wanted = cases[_i].found != NULL ? cases[_i].found : "nothing";
    ck_assert_msg(strcmp(code, wanted) == 0, "%s: %s, not %s", cases[_i].wanted, code, wanted);
    if (!found) {
        ck_assert_int_eq(err.code, ERROR_USAGE);
        ck_assert_ptr_nonnull(strstr(err.text, cases[_i].wanted));
    }
}
END_TEST

/* Every code of a model is found by itself and by nothing before it. */
START_TEST(codes_are_themselves)
{
    struct error err = {0};
    size_t index;
    for (size_t i = 0; i < COUNT(languages_nllb200); i++) {
        ck_assert(languages_match(languages_nllb200, COUNT(languages_nllb200), languages_nllb200[i],
                                  "target", &index, &err));
        ck_assert_uint_eq(index, i);
    }
}
END_TEST

START_TEST(close_ones_are_listed)
{
    struct error err = {0};
    size_t index;
    ck_assert(
        !languages_match(languages_m2m100, COUNT(languages_m2m100), "ex", "source", &index, &err));
    ck_assert_str_eq(err.text, "unknown source language 'ex'; of the model's 100: el, en, es, et, "
                               "...");
}
END_TEST

START_TEST(english_names)
{
    static const struct {
        const char *code, *name;
    } names[] = {{"de", "German"},     {"deu", "German"}, {"fr-CA", "French"},
                 {"ro", "Romanian"},   {"zh", "Chinese"}, {"deu_Latn", "German"},
                 {"en_XX", "English"}, {"xq", NULL},      {"", NULL}};
    char name[48];
    for (size_t i = 0; i < COUNT(names); i++) {
        struct error err = {0};
        bool known = languages_english_name(names[i].code, name, sizeof name, &err);
        ck_assert_msg(known == (names[i].name != NULL), "%s", names[i].code);
        if (known)
            ck_assert_str_eq(name, names[i].name);
    }
}
END_TEST

/* Tags are short, and each means the code it is of. */
static void check_tags(const char *const *codes, size_t n_codes)
{
    char(*tags)[LANGUAGES_TAG_BYTES] = calloc(n_codes, sizeof *tags);
    struct error err = {0};
    size_t index;
    ck_assert(languages_tags(codes, n_codes, tags, &err));
    for (size_t i = 0; i < n_codes; i++) {
        ck_assert_msg(languages_match(codes, n_codes, tags[i], "target", &index, &err), "%s",
                      tags[i]);
        ck_assert_msg(index == i, "%s is not %s", tags[i], codes[i]);
    }
    free(tags);
}

START_TEST(tags)
{
    static const struct {
        const char *code, *tag, *name;
    } cases_of[] = {
        {"eng_Latn", "en", "English"},
        {"deu_Latn", "de", "German"},
        {"zho_Hans", "zh", "Chinese"},
        {"zho_Hant", "zh-Hant", "Chinese (Traditional)"},
        {"pt_br", "pt", "Portuguese"},
        {"pt_pt", "pt-PT", "Portuguese (Portugal)"},
        {"srp_Latn", "sr-Latn", "Serbian (Latin)"},
        {"ROMANCE", "ROMANCE", "ROMANCE"},
    };
    const char *codes[COUNT(cases_of)];
    char found[COUNT(cases_of)][LANGUAGES_TAG_BYTES];
    struct error err = {0};
    for (size_t i = 0; i < COUNT(cases_of); i++)
        codes[i] = cases_of[i].code;
    ck_assert(languages_tags(codes, COUNT(codes), found, &err));
    for (size_t i = 0; i < COUNT(cases_of); i++) {
        char name[LANGUAGES_NAME_BYTES];
        languages_display_name(found[i], name);
        if (strcmp(codes[i], "srp_Latn") != 0) /* the only Serbian here */
            ck_assert_str_eq(found[i], cases_of[i].tag);
        else
            languages_display_name(cases_of[i].tag, name);
        ck_assert_str_eq(name, cases_of[i].name);
    }
    check_tags(languages_nllb200, COUNT(languages_nllb200));
    check_tags(languages_m2m100, COUNT(languages_m2m100));
    check_tags(languages_mbart50, COUNT(languages_mbart50));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("languages");
    TCase *tests = tcase_create("languages");
    tcase_add_loop_test(tests, finds, 0, (int)COUNT(cases));
    tcase_add_test(tests, codes_are_themselves);
    tcase_add_test(tests, close_ones_are_listed);
    tcase_add_test(tests, english_names);
    tcase_add_test(tests, tags);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
