#include "tokenizer/languages.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unicode/uloc.h>
#include <unicode/ustring.h>

/* Codes listed in a message. */
#define MAX_LISTED 12
#define CODE_BYTES 64

struct tag {
    char language[ULOC_LANG_CAPACITY];  /* "de"; ISO 639-3 where there is nothing shorter */
    char script[ULOC_SCRIPT_CAPACITY];  /* "Latn", given or likely */
    char region[ULOC_COUNTRY_CAPACITY]; /* "DE", given or likely */
};

/* What models say in a way of their own. */
static const struct {
    const char *code, *tag;
} renamed[] = {
    /* NLLB: the individual language where others name the macrolanguage. */
    {"arb", "ar"},
    {"azj", "az"},
    {"ekk", "et"},
    {"khk", "mn"},
    {"kmr", "ku"},
    {"lvs", "lv"},
    {"npi", "ne"},
    {"nob", "nb"},
    {"ory", "or"},
    {"pbt", "ps"},
    {"pes", "fa"},
    {"plt", "mg"},
    {"als", "sq"},
    {"swh", "sw"},
    {"uzn", "uz"},
    {"ydd", "yi"},
    {"zsm", "ms"},
    {"cmn", "zh"},
    {"gaz", "om"},
    {"quy", "qu"},
    {"ayr", "ay"},
    {"fuv", "ff"},
    {"twi", "ak"},
    {"dik", "din"},
    {"knc", "kr"},
    /* M2M100 and old names. */
    {"no", "nb"},
    {"ns", "nso"},
    {"iw", "he"},
    {"in", "id"},
    {"ji", "yi"},
    {"jw", "jv"},
    {"tl", "fil"},
    {"tgl", "fil"},
    {"mo", "ro"},
    {"sh", "sr-Latn"},
    /* ISO 639-2/B. */
    {"alb", "sq"},
    {"arm", "hy"},
    {"baq", "eu"},
    {"bur", "my"},
    {"chi", "zh"},
    {"cze", "cs"},
    {"dut", "nl"},
    {"fre", "fr"},
    {"geo", "ka"},
    {"ger", "de"},
    {"gre", "el"},
    {"ice", "is"},
    {"mac", "mk"},
    {"mao", "mi"},
    {"may", "ms"},
    {"per", "fa"},
    {"rum", "ro"},
    {"slo", "sk"},
    {"tib", "bo"},
    {"wel", "cy"},
};

/* mBART's regions that are none: en_XX, ar_AR. */
static bool is_filler(const char *language, const char *region)
{
    return strcmp(region, "XX") == 0 || (strcmp(language, "ar") == 0 && strcmp(region, "AR") == 0);
}

/* "cmn_Hans" -> "zh_Hans" in plain[CODE_BYTES]; false if it is not of the form of a code. */
static bool rename_language(const char *code, char plain[CODE_BYTES])
{
    size_t first = strcspn(code, "_-");
    if (first < 2 || first > 8 || strlen(code) > CODE_BYTES - 16)
        return false;
    snprintf(plain, CODE_BYTES, "%s", code);
    for (size_t i = 0; i < sizeof renamed / sizeof renamed[0]; i++)
        if (strlen(renamed[i].code) == first && strncasecmp(code, renamed[i].code, first) == 0)
            snprintf(plain, CODE_BYTES, "%s%s", renamed[i].tag, code + first);
    return true;
}

/* Takes a user's or a model's code apart, and completes it by what is likely; false if it is not of
 * the form of one. *has_script: it was given. */
static bool parse(const char *code, struct tag *tag, bool *has_script)
{
    char plain[CODE_BYTES], likely[CODE_BYTES];
    UErrorCode status = U_ZERO_ERROR;
    struct tag given = {0};
    if (!rename_language(code, plain))
        return false;
    uloc_getLanguage(plain, given.language, sizeof given.language, &status);
    uloc_getScript(plain, given.script, sizeof given.script, &status);
    uloc_getCountry(plain, given.region, sizeof given.region, &status);
    if (U_FAILURE(status) || given.language[0] == '\0')
        return false;
    if (is_filler(given.language, given.region))
        given.region[0] = '\0';
    *has_script = given.script[0] != '\0';
    snprintf(plain, sizeof plain, "%s%s%s%s%s", given.language, given.script[0] ? "_" : "",
             given.script, given.region[0] ? "_" : "", given.region);
    status = U_ZERO_ERROR;
    uloc_addLikelySubtags(plain, likely, sizeof likely, &status);
    if (U_FAILURE(status) || status == U_STRING_NOT_TERMINATED_WARNING)
        snprintf(likely, sizeof likely, "%s", plain);
    status = U_ZERO_ERROR;
    uloc_getLanguage(likely, tag->language, sizeof tag->language, &status);
    uloc_getScript(likely, tag->script, sizeof tag->script, &status);
    uloc_getCountry(likely, tag->region, sizeof tag->region, &status);
    return U_SUCCESS(status) && tag->language[0] != '\0';
}

/* ---- matching ----------------------------------------------------------------------------------
 */

static char plain_letter(char c)
{
    return c == '-' ? '_' : c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* The same but for case and the kind of dash. */
static bool same_code(const char *a, const char *b)
{
    while (*a != '\0' && plain_letter(*a) == plain_letter(*b)) {
        a++;
        b++;
    }
    return *a == *b;
}

/* Lists codes that begin like `wanted`, or else the first ones. */
static bool unknown_language(const char *const *codes, size_t n_codes, const char *wanted,
                             const char *what, struct error *err)
{
    char list[256] = "";
    size_t n_listed = 0, used = 0;
    for (size_t prefix = 3; prefix-- > 0 && n_listed == 0;)
        for (size_t i = 0; i < n_codes && n_listed < MAX_LISTED; i++) {
            if (strncasecmp(codes[i], wanted, prefix) != 0 || used + 40 > sizeof list)
                continue;
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%.32s",
                                     n_listed > 0 ? ", " : "", codes[i]);
            n_listed++;
        }
    return error_set(err, ERROR_USAGE, "unknown %s language '%.40s'; of the model's %zu: %s%s",
                     what, wanted, n_codes, list, n_listed < n_codes ? ", ..." : "");
}

/* "__de__", ">>de<<" and "<2de>", as the tokens are written, are "de". */
static void unwrap(const char *code, char plain[CODE_BYTES])
{
    static const struct {
        const char *before, *after;
    } wraps[] = {{"__", "__"}, {">>", "<<"}, {"<2", ">"}};
    snprintf(plain, CODE_BYTES, "%s", code);
    size_t n = strlen(plain);
    for (size_t i = 0; i < sizeof wraps / sizeof wraps[0]; i++) {
        size_t before = strlen(wraps[i].before), after = strlen(wraps[i].after);
        if (n <= before + after || strncmp(plain, wraps[i].before, before) != 0 ||
            strcmp(plain + n - after, wraps[i].after) != 0)
            continue;
        memmove(plain, plain + before, n - before - after);
        plain[n - before - after] = '\0';
        return;
    }
}

/* How well `have` answers to `want`; 0: not at all. */
static int likeness(const struct tag *want, bool wants_script, const struct tag *have)
{
    bool script = strcmp(want->script, have->script) == 0;
    if (strcmp(want->language, have->language) != 0 || (wants_script && !script))
        return 0;
    return 1 + 4 * script + 2 * (strcmp(want->region, have->region) == 0);
}

bool languages_match(const char *const *codes, size_t n_codes, const char *wanted, const char *what,
                     size_t *index, struct error *err)
{
    struct tag want, have;
    bool wants_script, has_script;
    char plain[CODE_BYTES];
    unwrap(wanted, plain);
    for (size_t i = 0; i < n_codes; i++)
        if (same_code(codes[i], plain)) {
            *index = i;
            return true;
        }
    int best = 0;
    bool parsed = parse(plain, &want, &wants_script);
    for (size_t i = 0; parsed && i < n_codes; i++) {
        int score = parse(codes[i], &have, &has_script) ? likeness(&want, wants_script, &have) : 0;
        if (score > best) {
            best = score;
            *index = i;
        }
    }
    return best > 0 || unknown_language(codes, n_codes, wanted, what, err);
}

/* Whether languages_match() would take `tag` for codes[index], whose parts are in `parsed`. */
static bool is_meant(const char *tag, const char *const *codes, const struct tag *parsed,
                     size_t n_codes, size_t index)
{
    struct tag want;
    bool wants_script;
    int best = 0;
    size_t found = n_codes;
    if (!parse(tag, &want, &wants_script))
        return false;
    for (size_t i = 0; i < n_codes; i++) {
        if (same_code(codes[i], tag))
            return i == index;
        int score = likeness(&want, wants_script, &parsed[i]);
        if (score > best) {
            best = score;
            found = i;
        }
    }
    return found == index;
}

bool languages_tags(const char *const *codes, size_t n_codes, char (*tags)[LANGUAGES_TAG_BYTES],
                    struct error *err)
{
    struct tag *parsed = memory_new(n_codes, sizeof *parsed, err);
    bool has_script;
    if (parsed == NULL)
        return false;
    for (size_t i = 0; i < n_codes; i++)
        if (!parse(codes[i], &parsed[i], &has_script))
            parsed[i] = (struct tag){0};
    for (size_t i = 0; i < n_codes; i++) {
        const struct tag *tag = &parsed[i];
        char candidates[3][LANGUAGES_TAG_BYTES];
        snprintf(candidates[0], LANGUAGES_TAG_BYTES, "%s", tag->language);
        snprintf(candidates[1], LANGUAGES_TAG_BYTES, "%s-%s", tag->language, tag->script);
        snprintf(candidates[2], LANGUAGES_TAG_BYTES, "%s-%s", tag->language, tag->region);
        snprintf(tags[i], LANGUAGES_TAG_BYTES, "%s", codes[i]);
        /* Longer ones are names of groups. */
        bool is_language = tag->language[0] != '\0' && strlen(tag->language) <= 3;
        for (size_t k = 0; is_language && k < 3; k++)
            if (is_meant(candidates[k], codes, parsed, n_codes, i)) {
                memcpy(tags[i], candidates[k], LANGUAGES_TAG_BYTES);
                break;
            }
    }
    memory_free(parsed);
    return true;
}

bool languages_english_name(const char *code, char *name, size_t n_bytes, struct error *err)
{
    UChar wide[64];
    UErrorCode status = U_ZERO_ERROR;
    struct tag tag;
    bool has_script;
    int32_t length = 0;
    if (parse(code, &tag, &has_script)) {
        int32_t n = uloc_getDisplayLanguage(tag.language, "en", wide, 63, &status);
        u_strToUTF8(name, (int32_t)n_bytes, &length, wide, n, &status);
    }
    if (length > 0 && U_SUCCESS(status) && length < (int32_t)n_bytes &&
        strcmp(name, tag.language) != 0)
        return true;
    return error_set(err, ERROR_USAGE, "unknown language '%.40s'", code);
}

bool languages_locale(const char *code, char locale[LANGUAGES_LOCALE_BYTES], struct error *err)
{
    struct tag tag;
    bool has_script;
    if (!parse(code, &tag, &has_script) || uloc_getISO3Language(tag.language)[0] == '\0' ||
        tag.script[0] == '\0')
        return error_set(err, ERROR_USAGE, "unknown language '%.40s'", code);
    snprintf(locale, LANGUAGES_LOCALE_BYTES, "%s_%s", tag.language, tag.script);
    return true;
}

void languages_display_name(const char *code, char name[LANGUAGES_NAME_BYTES])
{
    char plain[CODE_BYTES], shown[CODE_BYTES], utf8[LANGUAGES_NAME_BYTES];
    char region[ULOC_COUNTRY_CAPACITY]; /* if it was given */
    UChar wide[LANGUAGES_NAME_BYTES];
    UErrorCode status = U_ZERO_ERROR;
    struct tag tag;
    bool has_script;
    int32_t length = 0;
    snprintf(name, LANGUAGES_NAME_BYTES, "%s", code);
    if (!parse(code, &tag, &has_script) || !rename_language(code, plain))
        return;
    uloc_getCountry(plain, region, sizeof region, &status);
    if (U_FAILURE(status) || is_filler(tag.language, region))
        region[0] = '\0';
    snprintf(shown, sizeof shown, "%s%s%s%s%s", tag.language, has_script ? "_" : "",
             has_script ? tag.script : "", region[0] != '\0' ? "_" : "", region);
    int32_t n = uloc_getDisplayName(shown, "en", wide, LANGUAGES_NAME_BYTES - 1, &status);
    u_strToUTF8(utf8, (int32_t)sizeof utf8, &length, wide, n, &status);
    bool is_name = length > 0 && length < LANGUAGES_NAME_BYTES && strcmp(utf8, tag.language) != 0;
    if (U_SUCCESS(status) && is_name)
        memcpy(name, utf8, (size_t)length + 1);
}
