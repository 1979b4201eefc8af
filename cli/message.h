/* message.h - what goes to standard error: whole lines, "dragoman: FILE:LINE: what happened", each
 * in one write, and never a reason to fail. */
#ifndef DRAGOMAN_CLI_MESSAGE_H
#define DRAGOMAN_CLI_MESSAGE_H

#include "cli/exit.h"

/* Silences message_note() and message_at_line(); faults are always told. */
void message_quiet(bool quiet);

/* "dragoman: TEXT": a fault. */
void message_error(const struct error *err);

/* Tells the fault and returns the status it stands for. */
enum exit_status message_fail(const struct error *err, bool started);

/* "dragoman: TEXT": a warning or a summary. */
void message_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "dragoman: FILE:LINE: TEXT": a warning about a line. */
void message_at_line(const char *file, unsigned long long line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
