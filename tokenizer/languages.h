/* languages.h - finds a model's code for the language a user names.
 *
 * Users write "de", "deu", "de-DE", "zh-Hant", "ger"; models say "deu_Latn", "de_DE", "__de__",
 * "deu", "cmn_Hans". Both are taken apart into language, script and region, completed by what is
 * likely (zh-TW is zh-Hant), and compared. Thread-safe. */
#ifndef DRAGOMAN_TOKENIZER_LANGUAGES_H
#define DRAGOMAN_TOKENIZER_LANGUAGES_H

#include "base/error.h"

/* The index of the code that means `wanted`: the same text, else the same language and script, and
 * the same region if that leaves several. Otherwise false and an ERROR_USAGE that says `what`
 * ("target") language is not known and lists close ones. */
bool languages_match(const char *const *codes, size_t n_codes, const char *wanted, const char *what,
                     size_t *index, struct error *err);

/* The language's name in English, "German"; unknown codes are an ERROR_USAGE. */
bool languages_english_name(const char *code, char *name, size_t n_bytes, struct error *err);

/* The language with its script, given or likely: "zh_Hans" of "zh-CN", "ru_Cyrl" of "rus". Unknown
 * codes are an ERROR_USAGE. */
#define LANGUAGES_LOCALE_BYTES 32
bool languages_locale(const char *code, char locale[LANGUAGES_LOCALE_BYTES], struct error *err);

#endif
