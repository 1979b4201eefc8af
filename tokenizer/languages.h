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

#define LANGUAGES_TAG_BYTES 32
#define LANGUAGES_NAME_BYTES 64

/* tags[i]: the shortest BCP 47 tag, "de" or "zh-Hant", that means codes[i] and none of the others;
 * the code itself if there is none. ERROR_MEMORY. */
bool languages_tags(const char *const *codes, size_t n_codes, char (*tags)[LANGUAGES_TAG_BYTES],
                    struct error *err);

/* What the language of a code or tag is called in English, "German", with the script if the code
 * says one, "Chinese (Traditional)"; the code itself if nobody knows. */
void languages_display_name(const char *code, char name[LANGUAGES_NAME_BYTES]);

#endif
