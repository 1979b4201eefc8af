/* scripts.h - the scripts a language is written in (CLDR's, through ICU), and whether a piece of a
 * vocabulary can be part of it.
 *
 *     struct scripts scripts;
 *     if (!scripts_of_language("uk", &scripts, &err)) ...
 *     scripts_allow(&scripts, "\u2581\u0434\u043b\u044f", 9)       true: Cyrillic and a space
 */
#ifndef DRAGOMAN_TOKENIZER_SCRIPTS_H
#define DRAGOMAN_TOKENIZER_SCRIPTS_H

#include "base/error.h"

#define SCRIPTS_MAX 8
#define SCRIPTS_TEXT_BYTES 64

struct scripts {
    int codes[SCRIPTS_MAX]; /* [count] UScriptCode */
    int count;
    char names[SCRIPTS_TEXT_BYTES]; /* "Hira Kana Hani", for messages */
};

/* Of a user's code ("uk", "ukr", "sr-Latn"): all the scripts that are used together for it.
 * ERROR_USAGE for a language that is not known. */
bool scripts_of_language(const char *language, struct scripts *scripts, struct error *err);

/* True if each character of the well-formed text is of one of the scripts or, like digits,
 * punctuation, spaces and accents, of no script in particular. */
bool scripts_allow(const struct scripts *scripts, const char *text, size_t n_bytes);

#endif
