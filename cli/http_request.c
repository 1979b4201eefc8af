/* What a request for a translation says. */
#include "cli/http.h"

#include "base/json_scan.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

static const char *const field_names[HTTP_N_FIELDS] = {
    [HTTP_Q] = "q",
    [HTTP_SOURCE] = "source",
    [HTTP_TARGET] = "target",
    [HTTP_FORMAT] = "format",
    [HTTP_ALTERNATIVES] = "alternatives",
    [HTTP_API_KEY] = "api_key",
};

/* Hypotheses beyond these no beam has. */
#define MAX_ALTERNATIVES 63

static enum http_field field_of(const char *name, size_t n_bytes)
{
    int field = 0;
    while (field < HTTP_N_FIELDS && (strlen(field_names[field]) != n_bytes ||
                                     memcmp(field_names[field], name, n_bytes) != 0))
        field++;
    return (enum http_field)field;
}

/* Takes the bytes from `start` of the value of q for a text. */
static bool add_text(struct http_request *request, size_t start, struct error *err)
{
    if (request->n_texts == request->texts_room) {
        size_t room = request->texts_room == 0 ? 1 : 2 * request->texts_room;
        if (!memory_resize(&request->texts, request->n_texts, room, sizeof request->texts[0], err))
            return false;
        request->texts_room = room;
    }
    request->texts[request->n_texts++] =
        (struct http_text){start, request->values[HTTP_Q].n_bytes - start};
    return true;
}

/* ---- JSON ------------------------------------------------------------------------------------
 */

static char peek(struct json_scan *scan)
{
    while (scan->at < scan->end && memchr(" \t\r\n", *scan->at, 4) != NULL)
        scan->at++;
    return scan->at < scan->end ? *scan->at : '\0';
}

/* One string of q. Those beyond the limit are counted, and not kept. */
static bool scan_text(struct http_request *request, struct json_scan *scan, struct buffer *text,
                      const struct http_limits *limits, struct error *err)
{
    size_t start = request->values[HTTP_Q].n_bytes;
    if (!json_scan_string(scan, text))
        return false;
    if (++request->n_given_texts > limits->max_texts)
        return true;
    return buffer_append(&request->values[HTTP_Q], text->bytes, text->n_bytes, err) &&
           add_text(request, start, err);
}

static bool scan_q(struct http_request *request, struct json_scan *scan, struct buffer *text,
                   const struct http_limits *limits, struct error *err)
{
    static const char wanted[] = "Invalid request: q must be a text or an array of texts";
    if (peek(scan) == '"')
        return scan_text(request, scan, text, limits, err);
    if (peek(scan) != '[')
        return error_set(err, ERROR_USAGE, wanted);
    request->is_array = true;
    json_scan_open(scan, '[');
    while (json_scan_next(scan, ']')) {
        if (peek(scan) != '"')
            return error_set(err, ERROR_USAGE, wanted);
        if (!scan_text(request, scan, text, limits, err))
            return false;
    }
    return scan->fault == NULL;
}

/* A string, or with `number` also what stands there as a number. */
static bool scan_value(struct http_request *request, enum http_field field, struct json_scan *scan,
                       struct buffer *text, struct error *err)
{
    struct buffer *value = &request->values[field];
    char first = peek(scan);
    if (first == '"')
        return json_scan_string(scan, text) &&
               buffer_append(value, text->bytes, text->n_bytes, err);
    if (field != HTTP_ALTERNATIVES || (first != '-' && (first < '0' || first > '9')))
        return error_set(err, ERROR_USAGE, "Invalid request: %s must be a %s", field_names[field],
                         field != HTTP_ALTERNATIVES ? "text" : "number");
    const char *start = scan->at;
    return json_scan_skip(scan) && buffer_append(value, start, (size_t)(scan->at - start), err);
}

static bool scan_field(struct http_request *request, struct json_scan *scan, struct buffer *text,
                       const struct http_limits *limits, struct error *err)
{
    if (!json_scan_string(scan, text) || !json_scan_colon(scan))
        return false;
    enum http_field field = field_of(text->bytes, text->n_bytes);
    if (field == HTTP_N_FIELDS || peek(scan) == 'n') /* null is as good as nothing */
        return json_scan_skip(scan);
    if (request->is_given[field])
        return error_set(err, ERROR_USAGE, "Invalid request: %s is given twice",
                         field_names[field]);
    request->is_given[field] = true;
    return field == HTTP_Q ? scan_q(request, scan, text, limits, err)
                           : scan_value(request, field, scan, text, err);
}

bool http_request_parse_json(struct http_request *request, const char *body, size_t n_bytes,
                             const struct http_limits *limits, struct error *err)
{
    struct json_scan scan = {.at = body, .end = body + n_bytes};
    struct buffer text = {0};
    if (n_bytes >= 3 && memcmp(body, "\xef\xbb\xbf", 3) == 0)
        scan.at += 3;
    bool ok = json_scan_open(&scan, '{');
    while (ok && json_scan_next(&scan, '}'))
        ok = scan_field(request, &scan, &text, limits, err);
    buffer_free(&text);
    if (err->code != ERROR_NONE)
        return false;
    if (scan.fault == NULL && json_scan_end(&scan))
        return true;
    bool is_memory = scan.fault != NULL && json_scan_code(&scan) == ERROR_MEMORY;
    return error_set(err, is_memory ? ERROR_MEMORY : ERROR_USAGE,
                     "Invalid JSON format: byte %zu: %s", (size_t)(scan.at - body) + 1,
                     scan.fault != NULL ? scan.fault : "text after the end");
}

/* ---- forms ------------------------------------------------------------------------------------
 */

bool http_request_add(struct http_request *request, const char *name, size_t n_name,
                      const char *value, size_t n_value, size_t offset, struct error *err)
{
    enum http_field field = field_of(name, n_name);
    if (field == HTTP_N_FIELDS)
        return true;
    struct buffer *own = &request->values[field];
    if (offset == 0 ? request->is_given[field] : own->n_bytes != offset)
        return true; /* of a value that does not count */
    request->is_given[field] = true;
    return n_value == 0 || buffer_append(own, value, n_value, err);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Appends "a+b%20c" as "a b c"; a '%' without two digits is itself. */
static bool decode(const char *text, size_t n_bytes, struct buffer *out, struct error *err)
{
    buffer_clear(out);
    if (!buffer_reserve(out, n_bytes, err))
        return false;
    for (size_t i = 0; i < n_bytes; i++) {
        char byte = text[i] == '+' ? ' ' : text[i];
        if (byte == '%' && i + 2 < n_bytes && hex_digit(text[i + 1]) >= 0 &&
            hex_digit(text[i + 2]) >= 0) {
            byte = (char)(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
            i += 2;
        }
        if (!buffer_append_byte(out, byte, err))
            return false;
    }
    return true;
}

bool http_request_parse_form(struct http_request *request, const char *body, size_t n_bytes,
                             struct error *err)
{
    struct buffer name = {0}, value = {0};
    bool ok = true;
    for (size_t at = 0, n; ok && at < n_bytes; at += n + 1) {
        const char *pair = body + at;
        const char *end = memchr(pair, '&', n_bytes - at);
        n = end != NULL ? (size_t)(end - pair) : n_bytes - at;
        const char *equals = memchr(pair, '=', n);
        size_t n_name = equals != NULL ? (size_t)(equals - pair) : n;
        size_t n_value = equals != NULL ? n - n_name - 1 : 0;
        ok = decode(pair, n_name, &name, err) && decode(pair + n - n_value, n_value, &value, err) &&
             http_request_add(request, name.n_bytes > 0 ? name.bytes : "", name.n_bytes,
                              value.bytes, value.n_bytes, 0, err);
    }
    buffer_free(&name);
    buffer_free(&value);
    return ok;
}

bool http_request_end_form(struct http_request *request, struct error *err)
{
    for (int i = 0; i < HTTP_N_FIELDS; i++) {
        const struct buffer *value = &request->values[i];
        size_t bad_at;
        if (value->n_bytes == 0)
            continue;
        if (!utf8_valid(value->bytes, value->n_bytes, &bad_at))
            return error_set(err, ERROR_USAGE, "Invalid request: %s is not UTF-8 at byte %zu",
                             field_names[i], bad_at + 1);
        if (memchr(value->bytes, '\0', value->n_bytes) != NULL)
            return error_set(err, ERROR_USAGE, "Invalid request: a NUL in %s", field_names[i]);
    }
    if (request->values[HTTP_Q].n_bytes == 0)
        return true;
    request->n_given_texts = 1;
    return add_text(request, 0, err);
}

/* ---- sense ------------------------------------------------------------------------------------
 */

/* A whole number; a negative one is none. */
static bool parse_alternatives(struct http_request *request, struct error *err)
{
    const struct buffer *value = &request->values[HTTP_ALTERNATIVES];
    if (value->n_bytes == 0)
        return true;
    bool is_negative = value->bytes[0] == '-';
    const char *digits = value->bytes + (is_negative ? 1 : 0);
    size_t n = strlen(digits);
    if (n == 0 || strspn(digits, "0123456789") != n)
        return error_set(err, ERROR_USAGE,
                         "Invalid request: alternatives parameter is not a number");
    uint64_t number = n <= 18 ? strtoull(digits, NULL, 10) : MAX_ALTERNATIVES;
    request->alternatives = is_negative                 ? 0
                            : number < MAX_ALTERNATIVES ? (uint32_t)number
                                                        : MAX_ALTERNATIVES;
    return true;
}

static bool check_size(const struct http_request *request, const struct http_limits *limits,
                       struct error *err)
{
    static const char too_large[] = "Invalid request: request (%llu) exceeds text limit (%llu)";
    if (request->n_given_texts > limits->max_texts)
        return error_set(err, ERROR_USAGE, too_large, (unsigned long long)request->n_given_texts,
                         (unsigned long long)limits->max_texts);
    const struct buffer *q = &request->values[HTTP_Q];
    uint64_t n_characters = q->n_bytes > 0 ? utf8_length(q->bytes, q->n_bytes) : 0;
    if (limits->max_characters > 0 && n_characters > limits->max_characters)
        return error_set(err, ERROR_USAGE, too_large, (unsigned long long)n_characters,
                         (unsigned long long)limits->max_characters);
    return true;
}

bool http_request_check(struct http_request *request, const struct http_limits *limits,
                        struct error *err)
{
    static const enum http_field needed[] = {HTTP_SOURCE, HTTP_TARGET};
    bool has_q = request->is_array ? request->n_texts > 0 : request->values[HTTP_Q].n_bytes > 0;
    if (!has_q)
        return error_set(err, ERROR_USAGE, "Invalid request: missing q parameter");
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (request->values[needed[i]].n_bytes == 0)
            return error_set(err, ERROR_USAGE, "Invalid request: missing %s parameter",
                             field_names[needed[i]]);
    const struct buffer *format = &request->values[HTTP_FORMAT];
    if (format->n_bytes > 0 && strcmp(format->bytes, "text") != 0)
        return error_set(err, ERROR_USAGE, "%.60s format is not supported", format->bytes);
    return parse_alternatives(request, err) && check_size(request, limits, err);
}

void http_request_free(struct http_request *request)
{
    for (int i = 0; i < HTTP_N_FIELDS; i++)
        buffer_free(&request->values[i]);
    memory_free(request->texts);
    *request = (struct http_request){0};
}
