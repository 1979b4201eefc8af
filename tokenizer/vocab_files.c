#include "tokenizer/vocab_files.h"

#include "base/file.h"
#include "base/json_scan.h"
#include "base/utf8.h"

#include <string.h>

static char *load(struct opening *opening, const char *file, size_t *n_bytes)
{
    char *text = file_load(opening->directory, file, VOCABULARY_MAX_BYTES, n_bytes, opening->err);
    size_t bad_at = 0;
    if (text == NULL || utf8_valid(text, *n_bytes, &bad_at))
        return text;
    error_set(opening->err, ERROR_MODEL, "%s: offset %zu: not UTF-8", file, bad_at);
    memory_free(text);
    return NULL;
}

/* ---- YAML --------------------------------------------------------------------------------------
 */

struct yml {
    struct opening *opening;
    size_t index;
    const char *file;
    uint32_t rows;
    size_t line; /* from 1 */
    struct buffer key;
    bool has_key; /* a "? key" waits for its ": id" */
};

static bool yml_fault(const struct yml *yml, const char *reason)
{
    return error_set(yml->opening->err, ERROR_MODEL, "%s: line %zu: %s", yml->file, yml->line,
                     reason);
}

static bool take_id(const struct yml *yml, const char *at, const char *end, uint32_t *id)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    const char *start = at;
    for (*id = 0; at < end && *at >= '0' && *at <= '9' && *id < PIECES_MAX; at++)
        *id = *id * 10 + (uint32_t)(*at - '0');
    const char *stop = at;
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
        at++;
    return (at == end && stop > start) || yml_fault(yml, "expected an id after ':'");
}

static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *digit = c != '\0' ? strchr(digits, c) : NULL;
    return digit != NULL ? (int)((digit - digits) & 15) : -1;
}

/* "\x85", "\u2028", "\U0001F600" after the backslash and the letter. */
static bool take_hex(struct yml *yml, const char **at, const char *end, unsigned n_digits)
{
    uint32_t code_point = 0;
    char utf8[4];
    for (; n_digits > 0; n_digits--, ++*at) {
        int value = *at < end ? hex_value(**at) : -1;
        if (value < 0)
            return yml_fault(yml, "malformed escape");
        code_point = code_point << 4 | (uint32_t)value;
    }
    size_t n = utf8_put(utf8, code_point);
    return n > 0 && code_point != 0 ? buffer_append(&yml->key, utf8, n, yml->opening->err)
                                    : yml_fault(yml, "malformed escape");
}

static bool take_escape(struct yml *yml, const char **at, const char *end)
{
    static const char names[] = "\"\\/abefnrtv _";
    static const char values[] = "\"\\/\a\b\x1b\f\n\r\t\v ";
    char name = *at < end ? *(*at)++ : '\0';
    const char *found = name != '\0' ? strchr(names, name) : NULL;
    if (name == 'x')
        return take_hex(yml, at, end, 2);
    if (name == 'u')
        return take_hex(yml, at, end, 4);
    if (name == 'U')
        return take_hex(yml, at, end, 8);
    if (name == 'N' || name == '_') /* U+0085, U+00A0 */
        return buffer_append(&yml->key, name == 'N' ? "\xc2\x85" : "\xc2\xa0", 2,
                             yml->opening->err);
    if (name == 'L' || name == 'P') /* U+2028, U+2029 */
        return buffer_append(&yml->key, name == 'L' ? "\xe2\x80\xa8" : "\xe2\x80\xa9", 3,
                             yml->opening->err);
    return found != NULL ? buffer_append_byte(&yml->key, values[found - names], yml->opening->err)
                         : yml_fault(yml, "unknown escape");
}

/* A quoted key; *at is moved past the closing quote. */
static bool take_quoted(struct yml *yml, const char **at, const char *end)
{
    char quote = *(*at)++;
    while (*at < end) {
        char c = *(*at)++;
        bool doubled = c == '\'' && quote == '\'' && *at < end && **at == '\'';
        if (c == quote && !doubled)
            return true;
        if (doubled)
            ++*at;
        bool ok = c == '\\' && quote == '"' ? take_escape(yml, at, end)
                                            : buffer_append_byte(&yml->key, c, yml->opening->err);
        if (!ok)
            return false;
    }
    return yml_fault(yml, "a quoted key has no end");
}

static bool put_key(struct yml *yml, uint32_t id)
{
    if (yml->rows != 0 && id >= yml->rows)
        return true;
    return opening_put(yml->opening, yml->index, yml->file, id, yml->key.bytes, yml->key.n_bytes,
                       PIECE_NORMAL);
}

/* The last ':' that is followed by a blank, or NULL. */
static const char *last_colon(const char *at, const char *end)
{
    for (const char *colon = end; colon-- > at;)
        if (*colon == ':')
            return colon;
    return NULL;
}

static bool take_line(struct yml *yml, const char *at, const char *end)
{
    uint32_t id;
    if (yml->has_key) {
        yml->has_key = false;
        if (*at != ':')
            return yml_fault(yml, "expected ': id' after '? key'");
        return take_id(yml, at + 1, end, &id) && put_key(yml, id);
    }
    buffer_clear(&yml->key);
    if (!buffer_reserve(&yml->key, 0, yml->opening->err))
        return false;
    bool complex = end - at >= 2 && at[0] == '?' && at[1] == ' ';
    if (complex)
        at += 2;
    const char *colon = last_colon(at, end);
    if (*at == '"' || (*at == '\'' && end - at > 1)) {
        if (!take_quoted(yml, &at, end))
            return false;
        colon = at;
    } else if (complex || colon == NULL) {
        if (!buffer_append(&yml->key, at, (size_t)(end - at), yml->opening->err))
            return false;
    } else if (!buffer_append(&yml->key, at, (size_t)(colon - at), yml->opening->err)) {
        return false;
    }
    if (complex) {
        yml->has_key = true;
        return true;
    }
    if (colon == NULL || colon == end || *colon != ':')
        return yml_fault(yml, "expected 'token: id'");
    return take_id(yml, colon + 1, end, &id) && put_key(yml, id);
}

bool vocab_read_yml(struct opening *opening, size_t index, const char *file, uint32_t rows)
{
    struct yml yml = {.opening = opening, .index = index, .file = file, .rows = rows};
    size_t n_bytes;
    char *text = load(opening, file, &n_bytes);
    bool ok = text != NULL;
    for (const char *at = text, *end = ok ? text + n_bytes : NULL, *stop; ok && at < end;
         at = stop + 1) {
        stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop != NULL ? stop : end;
        const char *last = stop > at && stop[-1] == '\r' ? stop - 1 : stop;
        yml.line++;
        bool marker = last - at == 3 && (memcmp(at, "---", 3) == 0 || memcmp(at, "...", 3) == 0);
        if (last > at && !marker)
            ok = take_line(&yml, at, last);
    }
    buffer_free(&yml.key);
    memory_free(text);
    return ok;
}

/* ---- lists -------------------------------------------------------------------------------------
 */

/* True if every line ends with a carriage return: written on another system. */
static bool all_returns(const char *text, size_t n_bytes)
{
    for (const char *at = text, *end = text + n_bytes, *stop; at < end; at = stop + 1) {
        stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop != NULL ? stop : end;
        if (stop == at || stop[-1] != '\r')
            return false;
    }
    return true;
}

bool vocab_read_lines(struct opening *opening, size_t index, const char *file, uint32_t rows)
{
    size_t n_bytes;
    char *text = load(opening, file, &n_bytes);
    uint32_t id = 0;
    bool ok = text != NULL;
    size_t cut = ok && all_returns(text, n_bytes) ? 1 : 0;
    for (const char *at = text, *end = ok ? text + n_bytes : NULL, *stop;
         ok && at < end && (rows == 0 || id < rows); at = stop + 1) {
        stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop != NULL ? stop : end;
        ok = opening_put(opening, index, file, id++, at, (size_t)(stop - at) - cut, PIECE_NORMAL);
    }
    memory_free(text);
    return ok;
}

bool vocab_read_array(struct opening *opening, size_t index, const char *file)
{
    size_t n_bytes;
    char *text = load(opening, file, &n_bytes);
    if (text == NULL)
        return false;
    struct json_scan scan = {.at = text, .end = text + n_bytes};
    struct buffer item = {0};
    uint32_t id = 0;
    bool ok = true;
    json_scan_open(&scan, '[');
    while (ok && json_scan_next(&scan, ']'))
        ok = json_scan_string(&scan, &item) &&
             opening_put(opening, index, file, id++, item.bytes, item.n_bytes, PIECE_NORMAL);
    if (scan.fault == NULL && ok && !json_scan_end(&scan))
        scan.fault = "text after the end";
    if (scan.fault != NULL)
        ok = error_set(opening->err, json_scan_code(&scan), "%s: offset %zu: %s", file,
                       (size_t)(scan.at - text), scan.fault);
    buffer_free(&item);
    memory_free(text);
    return ok;
}
