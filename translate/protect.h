/* protect.h - the parts of a text that must come out of a translation byte for byte: URLs, e-mail
 * addresses, code in backticks, placeholders (%s %1$s {x} {{x}} ${x}), tags and entities, emoji,
 * and whatever the user's own patterns match.
 *
 * Only finds them; the translator checks that they came out, and forces them when they did not.
 *
 *     struct protect *protect;
 *     protect_new(&protect, true, patterns, n_patterns, &err);
 *     protect_find(protect, text, n_bytes, &spans, &n_spans, &err);   spans: memory_free()
 *     protect_free(protect);
 */
#ifndef DRAGOMAN_TRANSLATE_PROTECT_H
#define DRAGOMAN_TRANSLATE_PROTECT_H

#include "base/memory.h"

struct protect; /* compiled patterns: const after protect_new(), shared by threads */

/* A part of a text, in bytes. */
struct protect_span {
    size_t start, n_bytes;
};

/* Compiles the built-in pattern (if `builtin`) and the user's `patterns` (PCRE2 syntax, UTF-8). A
 * pattern that does not compile is ERROR_USAGE with PCRE2's reason and the offset. */
bool protect_new(struct protect **protect, bool builtin, const char *const *patterns,
                 size_t n_patterns, struct error *err);

void protect_free(struct protect *protect);

/* Finds the spans of `text` (well-formed UTF-8), in order, without overlap: where two patterns
 * meet, the one that starts first wins, then the user's, in the order given. *spans is the caller's
 * to memory_free(). A pattern that takes too long on this text is ERROR_INPUT. */
bool protect_find(const struct protect *protect, const char *text, size_t n_bytes,
                  struct protect_span **spans, size_t *n_spans, struct error *err);

#endif
