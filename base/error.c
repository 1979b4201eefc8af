#include "base/error.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Bytes kept free at the end for the "..." of a cut text and its NUL. */
#define CUT_BYTES 4

/* C0, DEL and C1 controls, and the separators that terminals and readers take for a line end. */
static bool is_control(uint32_t code_point)
{
    return code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0) || code_point == 0x2028 ||
           code_point == 0x2029;
}

char *error_escape(char *out, size_t n_out, const char *text, size_t n_bytes)
{
    size_t used = 0;
    size_t at = 0;
    while (at < n_bytes) {
        uint32_t code_point = 0;
        size_t length = utf8_next(text + at, n_bytes - at, &code_point);
        bool escape = length == 0 || is_control(code_point);
        if (length == 0)
            length = 1;
        size_t need = escape ? 4 * length : length;
        if (used + need + CUT_BYTES > n_out) {
            if (used + CUT_BYTES <= n_out) {
                memcpy(out + used, "...", 3);
                used += 3;
            }
            break;
        }
        if (!escape) {
            memcpy(out + used, text + at, length);
            used += length;
        } else {
            static const char digits[] = "0123456789abcdef";
            for (size_t i = 0; i < length; i++) {
                unsigned char byte = (unsigned char)text[at + i];
                out[used++] = '\\';
                out[used++] = 'x';
                out[used++] = digits[byte >> 4];
                out[used++] = digits[byte & 15];
            }
        }
        at += length;
    }
    if (n_out > 0)
        out[used < n_out ? used : n_out - 1] = '\0';
    return out;
}

__attribute__((format(printf, 4, 0))) static void fill(struct error *err, enum error_code code,
                                                       const char *tail, const char *format,
                                                       va_list arguments)
{
    char raw[2 * ERROR_TEXT_BYTES];
    int length = vsnprintf(raw, sizeof raw, format, arguments);
    if (length < 0)
        length = 0;
    size_t n_bytes = (size_t)length < sizeof raw ? (size_t)length : sizeof raw - 1;
    if (tail != NULL) {
        int more = snprintf(raw + n_bytes, sizeof raw - n_bytes, ": %s", tail);
        n_bytes += more > 0 && (size_t)more < sizeof raw - n_bytes ? (size_t)more : 0;
    }
    error_escape(err->text, sizeof err->text, raw, n_bytes);
    err->code = code;
}

bool error_set(struct error *err, enum error_code code, const char *format, ...)
{
    if (err == NULL || err->code != ERROR_NONE)
        return false;
    va_list arguments;
    va_start(arguments, format);
    fill(err, code, NULL, format, arguments);
    va_end(arguments);
    return false;
}

bool error_set_errno(struct error *err, enum error_code code, int number, const char *format, ...)
{
    if (err == NULL || err->code != ERROR_NONE)
        return false;
    /* strerrordesc_np: English whatever the locale, no shared buffer. */
    const char *reason = strerrordesc_np(number);
    va_list arguments;
    va_start(arguments, format);
    fill(err, code, reason != NULL ? reason : "unknown error", format, arguments);
    va_end(arguments);
    return false;
}

void error_prefix(struct error *err, const char *format, ...)
{
    if (err == NULL || err->code == ERROR_NONE)
        return;
    char prefix[ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(prefix, sizeof prefix, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    char text[2 * ERROR_TEXT_BYTES + 4];
    int total = snprintf(text, sizeof text, "%s: %s", prefix, err->text);
    if (total > 0)
        error_escape(err->text, sizeof err->text, text, (size_t)total);
}

void error_clear(struct error *err)
{
    if (err != NULL) {
        err->code = ERROR_NONE;
        err->text[0] = '\0';
    }
}
