#include "tokenizer/scripts.h"

#include "base/utf8.h"
#include "tokenizer/languages.h"

#include <stdio.h>
#include <string.h>
#include <unicode/uscript.h>

bool scripts_of_language(const char *language, struct scripts *scripts, struct error *err)
{
    char locale[LANGUAGES_LOCALE_BYTES];
    UScriptCode codes[SCRIPTS_MAX];
    UErrorCode status = U_ZERO_ERROR;
    *scripts = (struct scripts){0};
    if (!languages_locale(language, locale, err))
        return false;
    int32_t count = uscript_getCode(locale, codes, SCRIPTS_MAX, &status);
    if (U_FAILURE(status) || count <= 0 || count > SCRIPTS_MAX)
        return error_set(err, ERROR_USAGE, "the scripts of '%.40s' are not known", language);
    size_t n = 0;
    for (int32_t i = 0; i < count; i++) {
        const char *name = uscript_getShortName(codes[i]);
        scripts->codes[scripts->count++] = codes[i];
        if (name != NULL && n + strlen(name) + 2 < sizeof scripts->names)
            n += (size_t)snprintf(scripts->names + n, sizeof scripts->names - n, "%s%s",
                                  n > 0 ? " " : "", name);
    }
    return true;
}

static bool is_allowed(const struct scripts *scripts, uint32_t character)
{
    UErrorCode status = U_ZERO_ERROR;
    UScriptCode script = uscript_getScript((UChar32)character, &status);
    if (U_FAILURE(status))
        return false;
    /* Unassigned characters and those of private use have no script either, and are kept out. */
    if (script == USCRIPT_COMMON || script == USCRIPT_INHERITED)
        return true;
    for (int i = 0; i < scripts->count; i++)
        if (uscript_hasScript((UChar32)character, (UScriptCode)scripts->codes[i]))
            return true;
    return false;
}

bool scripts_allow(const struct scripts *scripts, const char *text, size_t n_bytes)
{
    for (size_t at = 0, n; at < n_bytes; at += n) {
        uint32_t character = 0;
        n = utf8_next(text + at, n_bytes - at, &character);
        if (n == 0 || !is_allowed(scripts, character))
            return false;
    }
    return true;
}
