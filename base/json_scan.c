#include "base/json_scan.h"

#include "base/utf8.h"

#include <string.h>

static const char no_memory[] = "out of memory";

enum error_code json_scan_code(const struct json_scan *scan)
{
    return scan->fault == no_memory ? ERROR_MEMORY : ERROR_MODEL;
}

static bool fault(struct json_scan *scan, const char *reason)
{
    if (scan->fault == NULL)
        scan->fault = reason;
    return false;
}

static void skip_blanks(struct json_scan *scan)
{
    while (scan->at < scan->end && memchr(" \t\r\n", *scan->at, 4) != NULL)
        scan->at++;
}

/* The next byte that is not white space, or 0 at the end. */
static char peek(struct json_scan *scan)
{
    skip_blanks(scan);
    return scan->at < scan->end ? *scan->at : '\0';
}

static bool take(struct json_scan *scan, char byte, const char *reason)
{
    if (scan->fault != NULL)
        return false;
    if (scan->at == scan->end || peek(scan) != byte || scan->at == scan->end)
        return fault(scan, reason);
    scan->at++;
    return true;
}

bool json_scan_open(struct json_scan *scan, char bracket)
{
    scan->first = true;
    return take(scan, bracket, bracket == '{' ? "expected '{'" : "expected '['");
}

bool json_scan_next(struct json_scan *scan, char bracket)
{
    bool first = scan->first;
    scan->first = false;
    if (scan->fault != NULL)
        return false;
    if (peek(scan) == bracket) {
        scan->at++;
        return false;
    }
    return first || take(scan, ',', "expected ',' or the end of a list");
}

bool json_scan_colon(struct json_scan *scan)
{
    return take(scan, ':', "expected ':'");
}

/* Four hexadecimal digits after "\u". */
static bool take_hex(struct json_scan *scan, uint32_t *value)
{
    if (scan->end - scan->at < 4)
        return fault(scan, "a string is not closed");
    *value = 0;
    for (size_t i = 0; i < 4; i++, scan->at++) {
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *digit = *scan->at != '\0' ? strchr(digits, *scan->at) : NULL;
        if (digit == NULL)
            return fault(scan, "malformed \\u escape");
        *value = *value << 4 | (uint32_t)((digit - digits) & 15);
    }
    return true;
}

/* The character after "\u", of one or two units of UTF-16. */
static bool take_unicode(struct json_scan *scan, struct buffer *out)
{
    uint32_t code_point, low;
    if (!take_hex(scan, &code_point))
        return false;
    if (code_point >= 0xd800 && code_point < 0xdc00) {
        if (scan->end - scan->at < 2 || scan->at[0] != '\\' || scan->at[1] != 'u')
            return fault(scan, "a lone surrogate in a string");
        scan->at += 2;
        if (!take_hex(scan, &low))
            return false;
        if (low < 0xdc00 || low > 0xdfff)
            return fault(scan, "a lone surrogate in a string");
        code_point = 0x10000 + ((code_point - 0xd800) << 10) + (low - 0xdc00);
    }
    char utf8[4];
    size_t length = code_point != 0 ? utf8_put(utf8, code_point) : 0;
    if (length == 0)
        return fault(scan, "a NUL or a lone surrogate in a string");
    return buffer_append(out, utf8, length, NULL) || fault(scan, no_memory);
}

static bool take_escape(struct json_scan *scan, struct buffer *out)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (scan->at == scan->end)
        return fault(scan, "a string is not closed");
    char name = *scan->at++;
    if (name == 'u')
        return take_unicode(scan, out);
    const char *found = name != '\0' ? strchr(names, name) : NULL;
    if (found == NULL)
        return fault(scan, "unknown escape in a string");
    return buffer_append_byte(out, values[found - names], NULL) || fault(scan, no_memory);
}

bool json_scan_string(struct json_scan *scan, struct buffer *out)
{
    buffer_clear(out);
    if (!buffer_append(out, "", 0, NULL)) /* an empty string has bytes, too */
        return fault(scan, no_memory);
    if (!take(scan, '"', "expected a string"))
        return false;
    while (scan->at < scan->end && *scan->at != '"') {
        const char *run = scan->at;
        while (scan->at < scan->end && *scan->at != '"' && *scan->at != '\\') {
            size_t length = utf8_next(scan->at, (size_t)(scan->end - scan->at), NULL);
            if (length == 0)
                return fault(scan, "not UTF-8");
            if ((unsigned char)*scan->at < 0x20)
                return fault(scan, "a control character in a string");
            scan->at += length;
        }
        if (!buffer_append(out, run, (size_t)(scan->at - run), NULL))
            return fault(scan, no_memory);
        if (scan->at < scan->end && *scan->at == '\\') {
            scan->at++;
            if (!take_escape(scan, out))
                return false;
        }
    }
    if (scan->at == scan->end)
        return fault(scan, "a string is not closed");
    scan->at++;
    return true;
}

static bool is_digit(const struct json_scan *scan)
{
    return scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9';
}

bool json_scan_integer(struct json_scan *scan, uint64_t *value)
{
    static const char reason[] = "expected an integer from 0 to 2^53";
    if (scan->fault != NULL)
        return false;
    skip_blanks(scan);
    const char *start = scan->at;
    *value = 0;
    for (; is_digit(scan); scan->at++) {
        *value = *value * 10 + (uint64_t)(*scan->at - '0');
        if (*value > JSON_SCAN_MAX_INTEGER)
            return fault(scan, reason);
    }
    bool whole = scan->at == scan->end || memchr(".eE", *scan->at, 3) == NULL;
    bool plain = scan->at - start == 1 || (scan->at > start && *start != '0');
    return (whole && plain) || fault(scan, reason);
}

static void skip_digits(struct json_scan *scan)
{
    while (is_digit(scan))
        scan->at++;
}

/* -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)? */
static bool skip_number(struct json_scan *scan)
{
    static const char reason[] = "a number is malformed";
    const char *start = scan->at;
    if (scan->at < scan->end && *scan->at == '-')
        scan->at++;
    if (!is_digit(scan))
        return fault(scan,
                     scan->at == scan->end ? "the text ends too early" : "a value is malformed");
    bool zero = *scan->at == '0';
    scan->at++;
    if (zero && is_digit(scan))
        return fault(scan, "a number begins with 0");
    skip_digits(scan);
    if (scan->at < scan->end && *scan->at == '.') {
        scan->at++;
        if (!is_digit(scan))
            return fault(scan, reason);
        skip_digits(scan);
    }
    if (scan->at < scan->end && (*scan->at == 'e' || *scan->at == 'E')) {
        scan->at++;
        if (scan->at < scan->end && (*scan->at == '+' || *scan->at == '-'))
            scan->at++;
        if (!is_digit(scan))
            return fault(scan, reason);
        skip_digits(scan);
    }
    return scan->at - start <= JSON_SCAN_MAX_NUMBER ||
           fault(scan, "a number of more than 63 characters");
}

static bool skip_scalar(struct json_scan *scan, struct buffer *text)
{
    static const char *const words[] = {"true", "false", "null"};
    if (peek(scan) == '"')
        return json_scan_string(scan, text);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t length = strlen(words[i]);
        if ((size_t)(scan->end - scan->at) >= length && memcmp(scan->at, words[i], length) == 0) {
            scan->at += length;
            return true;
        }
    }
    return skip_number(scan);
}

/* Takes what stands before a value inside `bracket`: a comma, a key. False at the container's end
 * or on a fault. */
static bool next_value(struct json_scan *scan, char bracket, struct buffer *text)
{
    if (!json_scan_next(scan, bracket))
        return false;
    return bracket == ']' || (json_scan_string(scan, text) && json_scan_colon(scan));
}

bool json_scan_skip(struct json_scan *scan)
{
    char closing[JSON_SCAN_MAX_DEPTH];
    size_t depth = 0;
    struct buffer text = {0};
    do {
        char bracket = peek(scan);
        if (bracket != '{' && bracket != '[') {
            if (!skip_scalar(scan, &text))
                break;
        } else if (depth == JSON_SCAN_MAX_DEPTH) {
            fault(scan, "nested too deeply");
            break;
        } else {
            closing[depth++] = bracket == '{' ? '}' : ']';
            json_scan_open(scan, bracket);
        }
        while (depth > 0 && !next_value(scan, closing[depth - 1], &text) && scan->fault == NULL)
            depth--;
    } while (depth > 0 && scan->fault == NULL);
    buffer_free(&text);
    scan->first = false;
    return scan->fault == NULL;
}

bool json_scan_end(struct json_scan *scan)
{
    skip_blanks(scan);
    return scan->fault == NULL && scan->at == scan->end;
}
