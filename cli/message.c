#include "cli/message.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static atomic_bool is_quiet;

enum exit_status exit_status_of(const struct error *err, bool started)
{
    switch (err->code) {
    case ERROR_NONE:
        return EXIT_DONE;
    case ERROR_USAGE:
    case ERROR_MODEL:
    case ERROR_LIMIT:
    case ERROR_MEMORY:
        return started ? EXIT_UNFINISHED : EXIT_REFUSED;
    case ERROR_INPUT:
    case ERROR_OUTPUT:
    case ERROR_SYSTEM:
    case ERROR_INTERRUPTED:
    case ERROR_INTERNAL:
        break;
    }
    return EXIT_UNFINISHED;
}

void message_quiet(bool quiet)
{
    atomic_store(&is_quiet, quiet);
}

/* One write for the whole line, so that lines of several processes do not mix. A standard error
 * that is closed, full or broken changes nothing for the translation. */
static void put(const char *prefix, const char *text, size_t n_bytes)
{
    char line[2 * ERROR_TEXT_BYTES];
    char escaped[ERROR_TEXT_BYTES];
    /* The whole line, with its end, has at most ERROR_TEXT_BYTES. */
    size_t n_prefix = strlen(prefix);
    size_t room = n_prefix < sizeof escaped ? sizeof escaped - n_prefix : 0;
    error_escape(escaped, room, text, n_bytes);
    int length = snprintf(line, sizeof line, "%s%s\n", prefix, room > 0 ? escaped : "");
    if (length <= 0)
        return;
    size_t left = (size_t)length;
    const char *at = line;
    while (left > 0) {
        ssize_t written = write(STDERR_FILENO, at, left);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EAGAIN) {
            struct pollfd wait = {.fd = STDERR_FILENO, .events = POLLOUT};
            if (poll(&wait, 1, 1000) > 0)
                continue;
        }
        if (written <= 0)
            return;
        at += written;
        left -= (size_t)written;
    }
}

void message_error(const struct error *err)
{
    put("dragoman: ", err->text, strlen(err->text));
}

enum exit_status message_fail(const struct error *err, bool started)
{
    message_error(err);
    return exit_status_of(err, started);
}

void message_note(const char *format, ...)
{
    if (atomic_load(&is_quiet))
        return;
    char text[ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length > 0)
        put("dragoman: ", text, strlen(text));
}

void message_at_line(const char *file, unsigned long long line, const char *format, ...)
{
    if (atomic_load(&is_quiet))
        return;
    char text[ERROR_TEXT_BYTES];
    int length = snprintf(text, sizeof text, "%.200s:%llu: ", file, line);
    if (length < 0)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + length, sizeof text - (size_t)length, format, arguments);
    va_end(arguments);
    put("dragoman: ", text, strlen(text));
}
