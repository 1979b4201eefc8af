/* error.h - how a fault travels from where it is known to where it is printed.
 *
 * Every function that can fail returns bool (true is success) or a pointer (NULL is failure) and
 * takes a `struct error *` owned by the caller. The function that detects the fault fills it with
 * all it knows there: file, place, cause, and what to do. Nothing below cli/ prints or exits.
 *
 *     struct error err = {0};
 *     if (!model_open(&model, path, &options, &err))
 *         return report(&err);
 *
 * The first cause wins: error_set() on an error that already holds one changes nothing, so clean-up
 * code cannot hide why things went wrong. */
#ifndef DRAGOMAN_BASE_ERROR_H
#define DRAGOMAN_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/* What kind of fault it is; cli/ maps these to exit statuses. */
enum error_code {
    ERROR_NONE = 0,
    ERROR_USAGE,       /* the caller asked for something that makes no sense: exit 2 */
    ERROR_MODEL,       /* a model file is missing, malformed or unsupported: exit 2 */
    ERROR_LIMIT,       /* a stated limit is exceeded before anything ran: exit 2 */
    ERROR_INPUT,       /* reading text failed: exit 1 */
    ERROR_OUTPUT,      /* writing failed: exit 1 */
    ERROR_MEMORY,      /* out of memory: exit 1, or 2 while loading */
    ERROR_SYSTEM,      /* another system call failed: exit 1 */
    ERROR_INTERRUPTED, /* a signal asked us to stop */
    ERROR_INTERNAL     /* our own mistake */
};

#define ERROR_TEXT_BYTES 512

struct error {
    enum error_code code;
    char
        text[ERROR_TEXT_BYTES]; /* one line, printable ASCII or UTF-8, no newline, NUL-terminated */
};

/* Fills `err` (which may be NULL) from a printf format unless it already holds a fault. Control
 * bytes and ill-formed UTF-8 in the result are escaped as \xNN, and the text is cut to fit. Always
 * returns false, so that `return error_set(...)` reads well. */
bool error_set(struct error *err, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As error_set(), followed by ": " and the text of errno value `number`. */
bool error_set_errno(struct error *err, enum error_code code, int number, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts "prefix: " before a text that is already there (for a caller that knows the file). */
void error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Forgets the fault. */
void error_clear(struct error *err);

/* Writes `n_bytes` of foreign text to `out` (`n_out` bytes, NUL-terminated, cut with "..." if need
 * be) with control bytes and ill-formed UTF-8 escaped as \xNN. Returns `out`. */
char *error_escape(char *out, size_t n_out, const char *text, size_t n_bytes);

#endif
