/* inputs.h - the files to read, opened before anything else happens, and the records in them.
 *
 *     struct inputs inputs;
 *     if (!inputs_open(&inputs, &options, &err)) ...        operands, or standard input
 *     inputs_read(&inputs, take, context, &err);            on the reading thread
 *     inputs_close(&inputs);
 */
#ifndef DRAGOMAN_CLI_INPUTS_H
#define DRAGOMAN_CLI_INPUTS_H

#include "cli/format.h"
#include "cli/lines.h"
#include "cli/options.h"

struct input_file {
    const char *path; /* as given; "-" is standard input */
    struct line_input *lines;
    const struct format *format;
};

struct inputs {
    struct input_file *files; /* [count] */
    size_t count;
    struct line_input
        *partner; /* score SOURCE TARGET: the second file, read along with the first */
    bool strict;
    bool joins_paragraphs; /* --split paragraph */
    size_t max_bytes;      /* of a paragraph */
    struct record *held;   /* the blank line that ended a paragraph, to be given next */
    struct format_settings settings;
};

/* Opens all files. A file that cannot be opened is an ERROR_USAGE: nothing has begun yet. Standard
 * input at fault is an ERROR_INPUT. inputs_close() in any case. */
bool inputs_open(struct inputs *inputs, const struct options *options, struct error *err);
void inputs_close(struct inputs *inputs);

/* Size of all inputs in bytes; 0 if that of one is unknown. */
uint64_t inputs_size(const struct inputs *inputs);

/* What messages call a file. */
const char *inputs_name(const struct inputs *inputs, size_t file);

/* Reads all lines of all files as records (text found, see format.h), each handed to `take`, which
 * owns it from then on and says false to stop. True at the end; false with `err` for a fault, false
 * without one if `take` stopped it. */
bool inputs_read(struct inputs *inputs, bool (*take)(void *context, struct record *record),
                 void *context, struct error *err);

/* One record, for a caller without a reading thread: LINE_END at the very end. *file (start at 0)
 * is moved on. */
enum line_state inputs_next(struct inputs *inputs, size_t *file, struct record **record,
                            struct error *err);

#endif
