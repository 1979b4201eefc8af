/* terms.h - a terminology list (`--terms FILE.tsv`): source TAB target, one term to a line, UTF-8.
 * Blank lines and lines that begin with '#' are skipped.
 *
 * Finds which terms a text holds; the search then forces their targets into the translation.
 *
 *     struct terms *terms;
 *     terms_open(&terms, "glossary.tsv", &err);
 *     terms_find(terms, text, n_bytes, &matches, &n_matches, &err);     matches: memory_free()
 *     terms_close(terms);
 */
#ifndef DRAGOMAN_TRANSLATE_TERMS_H
#define DRAGOMAN_TRANSLATE_TERMS_H

#include "base/memory.h"

struct terms; /* const after terms_open(), shared by threads */

struct term_match {
    size_t start, n_bytes; /* where in the text */
    const char *target;    /* NUL-terminated, lives as long as the terms */
};

/* Reads the list. ERROR_USAGE names file, line and fault: no TAB, an empty side, ill-formed UTF-8,
 * the same source twice with different targets. */
bool terms_open(struct terms **terms, const char *path, struct error *err);
void terms_close(struct terms *terms);

/* The same of a list of single words or phrases, one a line, without the white space around them;
 * targets are "". */
bool terms_open_words(struct terms **terms, const char *path, struct error *err);

size_t terms_count(const struct terms *terms);

/* The terms in `text` (well-formed UTF-8), left to right, the longest at each place, never
 * overlapping, letters as written in the list. Only whole words: a letter or digit at either end of
 * a term does not touch another one outside, but for scripts that have no spaces between words
 * (Chinese, Japanese, Thai, ...). *matches is the caller's to memory_free(). */
bool terms_find(const struct terms *terms, const char *text, size_t n_bytes,
                struct term_match **matches, size_t *n_matches, struct error *err);

#endif
