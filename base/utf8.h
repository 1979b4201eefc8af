/* utf8.h - UTF-8, checked strictly (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF).
 */
#ifndef DRAGOMAN_BASE_UTF8_H
#define DRAGOMAN_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length in bytes (1-4) of the well-formed character at text[0], or 0 if the bytes there are not
 * one. `n_bytes` is what is left. `code_point` (may be NULL) gets its value. */
size_t utf8_next(const char *text, size_t n_bytes, uint32_t *code_point);

/* Writes `code_point` to out[0..3]; returns the number of bytes, 0 for a value that has no
 * encoding. */
size_t utf8_put(char out[4], uint32_t code_point);

/* True if all of text is well formed. `bad_at` (may be NULL) gets the offset of the first byte that
 * is not. */
bool utf8_valid(const char *text, size_t n_bytes, size_t *bad_at);

/* Number of bytes of the longest ill-formed run that one U+FFFD stands for at text[0] (Unicode 3.9,
 * "maximal subpart"); 0 if the character there is well formed or n_bytes is 0. */
size_t utf8_bad_run(const char *text, size_t n_bytes);

/* Number of characters; each ill-formed run counts as one. */
size_t utf8_length(const char *text, size_t n_bytes);

#endif
