#include "base/json.h"

#include "base/utf8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the strict check: a scan without recursion -----------------------------------------------
 */

struct scan {
    const char *text, *at, *end;
    const char *fault;
    char open[JSON_MAX_DEPTH]; /* '{' or '[' */
    size_t depth;
};

static bool fault(struct scan *scan, const char *what)
{
    if (scan->fault == NULL)
        scan->fault = what;
    return false;
}

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->end && memchr(" \t\r\n", *scan->at, 4) != NULL)
        scan->at++;
}

static bool take(struct scan *scan, char wanted)
{
    if (scan->at == scan->end || *scan->at != wanted)
        return false;
    scan->at++;
    return true;
}

static bool is_digit(const struct scan *scan)
{
    return scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9';
}

static bool take_digits(struct scan *scan)
{
    if (!is_digit(scan))
        return false;
    while (is_digit(scan))
        scan->at++;
    return true;
}

static bool take_number(struct scan *scan)
{
    (void)take(scan, '-');
    if (!take(scan, '0') && !take_digits(scan))
        return fault(scan, "a value is malformed");
    if (is_digit(scan))
        return fault(scan, "a number begins with 0");
    if (take(scan, '.') && !take_digits(scan))
        return fault(scan, "a number is malformed");
    if (take(scan, 'e') || take(scan, 'E')) {
        if (!take(scan, '+'))
            (void)take(scan, '-');
        if (!take_digits(scan))
            return fault(scan, "a number is malformed");
    }
    return true;
}

/* Four hexadecimal digits. */
static bool take_hex(struct scan *scan, unsigned *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++, scan->at++) {
        char c = scan->at < scan->end ? *scan->at : ' ';
        unsigned digit;
        if (c >= '0' && c <= '9')
            digit = (unsigned)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            digit = (unsigned)((c | 32) - 'a') + 10;
        else
            return fault(scan, "an escape is malformed");
        *unit = *unit * 16 + digit;
    }
    return true;
}

static bool take_escape(struct scan *scan)
{
    unsigned unit, low;
    if (scan->at < scan->end && memchr("\"\\/bfnrt", *scan->at, 8) != NULL) {
        scan->at++;
        return true;
    }
    if (!take(scan, 'u'))
        return fault(scan, "an escape is malformed");
    if (!take_hex(scan, &unit))
        return false;
    if (unit == 0)
        return fault(scan, "a string holds \\u0000");
    if (unit < 0xd800 || unit > 0xdfff)
        return true;
    if (unit >= 0xdc00 || !take(scan, '\\') || !take(scan, 'u') || !take_hex(scan, &low) ||
        low < 0xdc00 || low > 0xdfff)
        return fault(scan, "a surrogate is alone");
    return true;
}

static bool take_string(struct scan *scan)
{
    if (!take(scan, '"'))
        return fault(scan, "a key must be a string");
    while (scan->at < scan->end && *scan->at != '"') {
        unsigned char c = (unsigned char)*scan->at;
        if (c < 0x20)
            return fault(scan, "a string holds a control byte");
        if (c == '\\') {
            scan->at++;
            if (!take_escape(scan))
                return false;
            continue;
        }
        size_t n = utf8_next(scan->at, (size_t)(scan->end - scan->at), NULL);
        if (n == 0)
            return fault(scan, "not UTF-8");
        scan->at += n;
    }
    return take(scan, '"') || fault(scan, "a string has no end");
}

static bool take_word(struct scan *scan)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(scan->end - scan->at) >= n && memcmp(scan->at, words[i], n) == 0) {
            scan->at += n;
            return true;
        }
    }
    return take_number(scan);
}

/* A key and its colon. */
static bool take_key(struct scan *scan)
{
    skip_space(scan);
    if (!take_string(scan))
        return false;
    skip_space(scan);
    return take(scan, ':') || fault(scan, "a key without a value");
}

/* The start of a value: a whole scalar, or the opening of a container and perhaps its end. *done
 * says that a value is complete. */
static bool take_value(struct scan *scan, bool *done)
{
    skip_space(scan);
    *done = true;
    if (scan->at == scan->end)
        return fault(scan, "the text has no end");
    char c = *scan->at;
    if (c == '"')
        return take_string(scan);
    if (c != '{' && c != '[')
        return take_word(scan);
    if (scan->depth == JSON_MAX_DEPTH)
        return fault(scan, "nested too deeply");
    scan->at++;
    skip_space(scan);
    if (take(scan, c == '{' ? '}' : ']'))
        return true;
    scan->open[scan->depth++] = c;
    *done = false;
    return c == '[' || take_key(scan);
}

static bool scan_text(struct scan *scan)
{
    bool done;
    if (!take_value(scan, &done))
        return false;
    while (scan->depth > 0) {
        if (!done) {
            if (!take_value(scan, &done))
                return false;
            continue;
        }
        char open = scan->open[scan->depth - 1];
        skip_space(scan);
        if (take(scan, open == '{' ? '}' : ']')) {
            scan->depth--;
        } else if (!take(scan, ',')) {
            return fault(scan, scan->at == scan->end ? "the text has no end"
                                                     : "a comma or bracket is missing");
        } else {
            done = false;
            if (open == '{' && !take_key(scan))
                return false;
        }
    }
    skip_space(scan);
    return scan->at == scan->end || fault(scan, "text after the end");
}

/* ---- what only the tree shows -----------------------------------------------------------------
 */

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool check_keys(const cJSON *object, const char *name, struct error *err)
{
    size_t n = 0, i = 0;
    const cJSON *member;
    char escaped[128];
    cJSON_ArrayForEach(member, object) n++;
    const char **keys = memory_new(n, sizeof *keys, err);
    if (keys == NULL)
        return false;
    cJSON_ArrayForEach(member, object) keys[i++] = member->string;
    qsort(keys, n, sizeof *keys, compare_keys);
    bool ok = true;
    for (i = 1; ok && i < n; i++)
        if (strcmp(keys[i - 1], keys[i]) == 0)
            ok = error_set(err, ERROR_MODEL, "%s: duplicate key '%s'", name,
                           error_escape(escaped, sizeof escaped, keys[i], strlen(keys[i])));
    memory_free(keys);
    return ok;
}

/* Every object's keys and every number. */
static bool check_tree(const cJSON *root, const char *name, struct error *err)
{
    const cJSON *path[JSON_MAX_DEPTH + 1];
    size_t depth = 0;
    for (const cJSON *item = root; item != NULL;) {
        if (cJSON_IsNumber(item) && !isfinite(item->valuedouble))
            return error_set(err, ERROR_MODEL, "%s: a number is too large", name);
        if (cJSON_IsObject(item) && !check_keys(item, name, err))
            return false;
        if (item->child != NULL) {
            path[depth++] = item;
            item = item->child;
            continue;
        }
        while (item != root && item->next == NULL && depth > 0)
            item = path[--depth];
        item = item != root ? item->next : NULL;
    }
    return true;
}

bool json_parse(cJSON **root, const char *name, const char *text, size_t n_bytes, struct error *err)
{
    struct scan scan = {.text = text, .at = text, .end = text + n_bytes};
    if (n_bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        scan.text = scan.at = text + 3;
    const char *start = scan.text;
    if (!scan_text(&scan)) {
        size_t line = 1;
        for (const char *p = text; p < scan.at; p++)
            line += *p == '\n';
        return error_set(err, ERROR_MODEL, "%s: line %zu: %s", name, line, scan.fault);
    }
    *root = cJSON_ParseWithLength(start, (size_t)(scan.end - start));
    if (*root == NULL)
        return error_set(err, ERROR_MEMORY, "%s: out of memory", name);
    if (check_tree(*root, name, err))
        return true;
    cJSON_Delete(*root);
    *root = NULL;
    return false;
}

bool json_load(cJSON **root, const char *directory, const char *name, size_t max_bytes,
               struct error *err)
{
    size_t n_bytes;
    char *text = file_load(directory, name, max_bytes, &n_bytes, err);
    bool ok = text != NULL && json_parse(root, name, text, n_bytes, err);
    memory_free(text);
    return ok;
}
