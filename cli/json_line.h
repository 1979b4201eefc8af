/* json_line.h - one line of JSONL: where a field's value lies and where new fields go, with every
 * other byte left as it is.
 *
 *     struct json_line found;
 *     if (!json_line_scan(line, n_bytes, "text", &found, &err)) ...
 *     if (found.has_field) json_unescape(line + found.value_at, found.n_value, &text, &err);
 *
 * Strict (RFC 8259): the whole line must be one object, nested at most JSON_LINE_DEPTH deep. */
#ifndef DRAGOMAN_CLI_JSON_LINE_H
#define DRAGOMAN_CLI_JSON_LINE_H

#include "base/memory.h"

#define JSON_LINE_DEPTH 512

struct json_line {
    bool has_field;
    bool is_string;           /* of the value, if there is one */
    size_t value_at, n_value; /* the value's bytes; of a string, without its quotes */
    size_t close_at;          /* offset of the object's closing brace */
};

/* Finds `field` in the object. Faults (ERROR_INPUT): not JSON ("offset N: ..."), not an object, the
 * field twice, or a field of `reserved` (NULL at the end; fields that will be added) already there.
 */
bool json_line_scan(const char *bytes, size_t n_bytes, const char *field,
                    const char *const *reserved, struct json_line *found, struct error *err);

/* Appends the text that a string's bytes (without quotes, as scanned) stand for. A surrogate
 * without its other half becomes U+FFFD. */
bool json_unescape(const char *bytes, size_t n_bytes, struct buffer *out, struct error *err);

/* Appends text as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
bool json_append_string(struct buffer *out, const char *text, size_t n_bytes, struct error *err);

#endif
