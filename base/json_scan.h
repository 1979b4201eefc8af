/* json_scan.h - takes JSON apart token by token, strictly (RFC 8259), without building anything.
 *
 * For headers of known shape: the caller says what it expects next. The first violation sets
 * `fault` and makes every later call return false.
 *
 *     struct json_scan scan = {.at = text, .end = text + n_bytes};
 *     json_scan_open(&scan, '{');
 *     while (json_scan_next(&scan, '}')) {
 *         json_scan_string(&scan, &key);
 *         json_scan_colon(&scan);
 *         json_scan_skip(&scan);
 *     }
 *     if (scan.fault != NULL || !json_scan_end(&scan)) ... */
#ifndef DRAGOMAN_BASE_JSON_SCAN_H
#define DRAGOMAN_BASE_JSON_SCAN_H

#include "base/memory.h"

struct json_scan {
    const char *at, *end;
    const char *fault; /* NULL, or what is wrong at `at`: a constant text */
    bool first;        /* no element of the innermost open container was taken yet */
};

#define JSON_SCAN_MAX_INTEGER ((uint64_t)1 << 53)
#define JSON_SCAN_MAX_DEPTH 64
#define JSON_SCAN_MAX_NUMBER 63 /* characters; what cJSON takes */

/* Takes `bracket`, '{' or '['. */
bool json_scan_open(struct json_scan *scan, char bracket);

/* Takes the comma before another element, or `bracket`, '}' or ']', and then returns false. */
bool json_scan_next(struct json_scan *scan, char bracket);

bool json_scan_colon(struct json_scan *scan);

/* Takes a string and puts its value, escapes resolved, into `out` (cleared first). A NUL or a lone
 * surrogate is a fault, as is running out of memory. */
bool json_scan_string(struct json_scan *scan, struct buffer *out);

/* Takes a non-negative integer without sign, fraction or exponent, of at most 2^53. */
bool json_scan_integer(struct json_scan *scan, uint64_t *value);

/* Takes any value. */
bool json_scan_skip(struct json_scan *scan);

/* What kind of fault `fault` is: ERROR_MEMORY or ERROR_MODEL. */
enum error_code json_scan_code(const struct json_scan *scan);

/* True if nothing but white space is left. */
bool json_scan_end(struct json_scan *scan);

#endif
