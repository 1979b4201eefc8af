#include "cli/json_line.h"

#include "base/utf8.h"

#include <string.h>

struct line_scan {
    const char *bytes;
    size_t n_bytes, at;
    struct error *err;
};

static bool fault(const struct line_scan *c, const char *what)
{
    return error_set(c->err, ERROR_INPUT, "not JSON: offset %zu: %s", c->at, what);
}

static int peek(const struct line_scan *c)
{
    return c->at < c->n_bytes ? (unsigned char)c->bytes[c->at] : -1;
}

static void skip_space(struct line_scan *c)
{
    while (c->at < c->n_bytes && memchr(" \t\r\n", c->bytes[c->at], 4) != NULL)
        c->at++;
}

static bool is_hex(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* At an opening quote: moves behind the closing one; [*from, *from + *n) is what is between. */
static bool scan_string(struct line_scan *c, size_t *from, size_t *n)
{
    if (peek(c) != '"')
        return fault(c, "a string is wanted");
    *from = ++c->at;
    for (; c->at < c->n_bytes; c->at++) {
        unsigned char byte = (unsigned char)c->bytes[c->at];
        if (byte == '"') {
            *n = c->at++ - *from;
            return true;
        }
        if (byte < 0x20)
            return fault(c, "control byte in a string");
        if (byte != '\\')
            continue;
        c->at++;
        int escape = peek(c);
        if (escape == 'u') {
            for (int i = 0; i < 4; i++) {
                c->at++;
                if (!is_hex(peek(c)))
                    return fault(c, "bad \\u escape");
            }
        } else if (escape < 0 || memchr("\"\\/bfnrt", escape, 8) == NULL) {
            return fault(c, "bad escape");
        }
    }
    return fault(c, "string without end");
}

static bool skip_digits(struct line_scan *c)
{
    size_t before = c->at;
    while (peek(c) >= '0' && peek(c) <= '9')
        c->at++;
    return c->at > before || fault(c, "a digit is wanted");
}

static bool scan_number(struct line_scan *c)
{
    if (peek(c) == '-')
        c->at++;
    if (peek(c) == '0')
        c->at++;
    else if (!skip_digits(c))
        return false;
    if (peek(c) == '.') {
        c->at++;
        if (!skip_digits(c))
            return false;
    }
    if (peek(c) == 'e' || peek(c) == 'E') {
        c->at++;
        if (peek(c) == '+' || peek(c) == '-')
            c->at++;
        if (!skip_digits(c))
            return false;
    }
    return true;
}

static bool scan_word(struct line_scan *c, const char *word)
{
    size_t n = strlen(word);
    if (c->n_bytes - c->at < n || memcmp(c->bytes + c->at, word, n) != 0)
        return fault(c, "a value is wanted");
    c->at += n;
    return true;
}

static bool scan_scalar(struct line_scan *c)
{
    size_t from, n;
    switch (peek(c)) {
    case '"':
        return scan_string(c, &from, &n);
    case 't':
        return scan_word(c, "true");
    case 'f':
        return scan_word(c, "false");
    case 'n':
        return scan_word(c, "null");
    default:
        return scan_number(c);
    }
}

static bool scan_colon(struct line_scan *c)
{
    skip_space(c);
    if (peek(c) != ':')
        return fault(c, "':' is wanted");
    c->at++;
    skip_space(c);
    return true;
}

/* After an opening bracket or a comma of an inner object: its key and colon. */
static bool scan_key(struct line_scan *c, bool in_object)
{
    size_t from, n;
    skip_space(c);
    return !in_object || (scan_string(c, &from, &n) && scan_colon(c));
}

/* Any value, without recursion: a byte for each open bracket. */
static bool skip_value(struct line_scan *c)
{
    char open[JSON_LINE_DEPTH];
    size_t depth = 0;
    for (;;) {
        int first = peek(c);
        if (first == '{' || first == '[') {
            if (depth == JSON_LINE_DEPTH - 1)
                return fault(c, "nested too deeply");
            open[depth++] = (char)(first == '{' ? '}' : ']');
            c->at++;
            skip_space(c);
            if (peek(c) != open[depth - 1]) {
                if (!scan_key(c, first == '{'))
                    return false;
                continue;
            }
        } else if (!scan_scalar(c)) {
            return false;
        }
        /* A value has ended, or an empty bracket is about to. */
        for (;;) {
            if (depth == 0)
                return true;
            skip_space(c);
            if (peek(c) == open[depth - 1]) {
                c->at++;
                depth--;
                continue;
            }
            if (peek(c) != ',')
                return fault(c, "',' or a closing bracket is wanted");
            c->at++;
            if (!scan_key(c, open[depth - 1] == '}'))
                return false;
            break;
        }
    }
}

static bool key_is(const char *key, size_t n, const char *name, struct buffer *scratch,
                   struct error *err)
{
    if (memchr(key, '\\', n) == NULL)
        return strlen(name) == n && memcmp(key, name, n) == 0;
    buffer_clear(scratch);
    return json_unescape(key, n, scratch, err) && strlen(name) == scratch->n_bytes &&
           memcmp(scratch->bytes, name, scratch->n_bytes) == 0;
}

/* One field of the object, from its key to behind its value. */
static bool scan_field(struct line_scan *c, const char *field, const char *const *reserved,
                       struct json_line *found, struct buffer *scratch)
{
    size_t key, n_key;
    if (!scan_string(c, &key, &n_key) || !scan_colon(c))
        return false;
    size_t value = c->at;
    bool is_string = peek(c) == '"';
    if (!skip_value(c))
        return false;
    for (size_t i = 0; reserved[i] != NULL; i++)
        if (key_is(c->bytes + key, n_key, reserved[i], scratch, c->err))
            return error_set(c->err, ERROR_INPUT, "there is a field '%s' already", reserved[i]);
    if (c->err->code != ERROR_NONE)
        return false;
    if (!key_is(c->bytes + key, n_key, field, scratch, c->err))
        return c->err->code == ERROR_NONE;
    if (found->has_field)
        return error_set(c->err, ERROR_INPUT, "the field '%.60s' is there twice", field);
    found->has_field = true;
    found->is_string = is_string;
    found->value_at = value + (is_string ? 1 : 0);
    found->n_value = c->at - value - (is_string ? 2 : 0);
    return true;
}

static bool scan_object(struct line_scan *c, const char *field, const char *const *reserved,
                        struct json_line *found, struct buffer *scratch)
{
    skip_space(c);
    if (peek(c) != '{')
        return fault(c, "an object is wanted");
    c->at++;
    skip_space(c);
    bool is_empty = peek(c) == '}';
    while (!is_empty) {
        if (!scan_field(c, field, reserved, found, scratch))
            return false;
        skip_space(c);
        if (peek(c) == '}')
            break;
        if (peek(c) != ',')
            return fault(c, "',' or '}' is wanted");
        c->at++;
        skip_space(c);
    }
    found->close_at = c->at++;
    skip_space(c);
    return c->at == c->n_bytes || fault(c, "text after the end");
}

bool json_line_scan(const char *bytes, size_t n_bytes, const char *field,
                    const char *const *reserved, struct json_line *found, struct error *err)
{
    struct line_scan c = {.bytes = bytes, .n_bytes = n_bytes, .err = err};
    struct buffer scratch = {0};
    *found = (struct json_line){0};
    bool ok = scan_object(&c, field, reserved, found, &scratch);
    buffer_free(&scratch);
    return ok;
}

static uint32_t hex4(const char *digits)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)digits[i];
        value = value * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

/* At the 'u' of an escape: its code point, two escapes if they are a surrogate pair. Moves *at to
 * the last byte used. */
static uint32_t unescape_unicode(const char *bytes, size_t n_bytes, size_t *at)
{
    uint32_t code_point = hex4(bytes + *at + 1);
    *at += 4;
    if (code_point < 0xd800 || code_point > 0xdfff)
        return code_point;
    if (code_point < 0xdc00 && n_bytes - *at > 6 && bytes[*at + 1] == '\\' &&
        bytes[*at + 2] == 'u') {
        uint32_t low = hex4(bytes + *at + 3);
        if (low >= 0xdc00 && low <= 0xdfff) {
            *at += 6;
            return 0x10000 + ((code_point - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    return 0xfffd;
}

bool json_unescape(const char *bytes, size_t n_bytes, struct buffer *out, struct error *err)
{
    for (size_t at = 0; at < n_bytes; at++) {
        const char *escape = memchr(bytes + at, '\\', n_bytes - at);
        size_t plain = (escape != NULL ? (size_t)(escape - bytes) : n_bytes) - at;
        if (!buffer_append(out, bytes + at, plain, err))
            return false;
        at += plain;
        if (escape == NULL)
            break;
        at++; /* the scan has seen to it that an escape is whole */
        static const char from[] = "\"\\/bfnrt";
        static const char to[] = "\"\\/\b\f\n\r\t";
        char utf8[4];
        size_t n = 1;
        if (bytes[at] == 'u')
            n = utf8_put(utf8, unescape_unicode(bytes, n_bytes, &at));
        else
            utf8[0] = to[strchr(from, bytes[at]) - from];
        if (!buffer_append(out, utf8, n, err))
            return false;
    }
    return true;
}

bool json_append_string(struct buffer *out, const char *text, size_t n_bytes, struct error *err)
{
    bool ok = buffer_append_byte(out, '"', err);
    size_t at = 0;
    while (ok && at < n_bytes) {
        unsigned char byte = (unsigned char)text[at];
        size_t n = utf8_next(text + at, n_bytes - at, NULL);
        if (n == 0) {
            ok = buffer_append_text(out, "\xef\xbf\xbd", err);
            at += utf8_bad_run(text + at, n_bytes - at);
        } else if (byte == '"' || byte == '\\') {
            ok = buffer_printf(out, err, "\\%c", byte);
            at++;
        } else if (byte < 0x20 || byte == 0x7f) {
            ok = buffer_printf(out, err, "\\u%04x", byte);
            at++;
        } else {
            ok = buffer_append(out, text + at, n, err);
            at += n;
        }
    }
    return ok && buffer_append_byte(out, '"', err);
}
