/* abbreviations.h - full stops that end no sentence, beyond those in ICU's own lists: titles before
 * names, initials, ordinal numbers. */
#ifndef DRAGOMAN_TRANSLATE_ABBREVIATIONS_H
#define DRAGOMAN_TRANSLATE_ABBREVIATIONS_H

#include <stdbool.h>
#include <stddef.h>

/* True if text[start, end), white space at its end left aside, ends with an abbreviation of
 * `language` (a code that begins with an ISO 639 one; "" for none), with an initial, or, in
 * languages that write them so, with an ordinal number. */
bool abbreviation_ends(const char *language, const char *text, size_t start, size_t end);

#endif
