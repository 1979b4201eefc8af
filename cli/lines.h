/* lines.h - streams to lines and back, with our own read and write loops: stdio cannot say which
 * bytes reached the kernel.
 *
 *     struct line_input *input;
 *     struct line_input_options options = {.max_bytes = 16 << 20, .terminator = '\n'};
 *     if (!line_input_open(&input, "a.txt", &options, &err)) ...
 *     struct line line;
 *     while ((state = line_input_next(input, &line, &err)) == LINE_READ) ...
 *
 *     struct line_output *output;
 *     if (!line_output_open(&output, NULL, &output_options, &err)) ...
 *     line_output_add(output, "Hallo.\n", 7, &err) ... line_output_flush(output, &err) ...
 *     if (!line_output_close(&output, &err)) ...            every byte is with the kernel, or false
 *
 * What a line is: bytes up to '\n' (or NUL, with that terminator); an unterminated last line
 * counts. "\r\n" ends a line too, and the line remembers it. Lone \r, \f, \v, U+0085, U+2028 and
 * NUL are text. A byte order mark at the very beginning is not text either, and is remembered. */
#ifndef DRAGOMAN_CLI_LINES_H
#define DRAGOMAN_CLI_LINES_H

#include "base/error.h"

#include <stdint.h>

struct stat;

struct line_input;

struct line_input_options {
    size_t max_bytes; /* of one line, without its end */
    char terminator;  /* '\n' or '\0'; with '\0' a "\r" before it is text */
};

struct line {
    const char *bytes; /* [n_bytes], not NUL-terminated; valid until the next call */
    size_t n_bytes;
    uint64_t number;          /* counted from 1 */
    bool has_carriage_return; /* ended in "\r\n" */
    bool has_byte_order_mark; /* first line only: U+FEFF stood before it */
};

enum line_state { LINE_READ, LINE_END, LINE_FAILED };

/* Opens a file, or standard input if path is "-". Faults (ERROR_INPUT): as open(2), directories. */
bool line_input_open(struct line_input **input, const char *path,
                     const struct line_input_options *options, struct error *err);

/* The next line. LINE_FAILED fills err: ERROR_INPUT for a read error, "line N: longer than ...". */
enum line_state line_input_next(struct line_input *input, struct line *line, struct error *err);

/* True if line_input_next() would answer from what has arrived, without waiting for the producer.
 */
bool line_input_ready(const struct line_input *input);

/* The path as given, or "standard input"; and device and inode for comparison with an output. */
const char *line_input_name(const struct line_input *input);
void line_input_stat(const struct line_input *input, struct stat *status);

/* Bytes read so far, and the size of a regular file (0: unknown), for progress. */
uint64_t line_input_position(const struct line_input *input);
uint64_t line_input_size(const struct line_input *input);

void line_input_close(struct line_input *input);

struct line_output;

struct line_output_options {
    char terminator; /* what ends a record: '\n' or '\0' */
    bool force;      /* an existing file that is not empty is replaced */
    bool is_resumed; /* ... is kept up to keep_bytes, and what is added goes behind that */
    uint64_t keep_bytes;
};

/* Standard output if path is NULL. A file is created if need be (*is_new, may be NULL, tells); one
 * that holds something is refused (ERROR_USAGE) without `force` or `is_resumed`, and left as it is
 * until line_output_begin(). */
bool line_output_open(struct line_output **output, const char *path,
                      const struct line_output_options *options, bool *is_new, struct error *err);

/* Before the first record: empties a file that is replaced, cuts one that is gone on with. */
bool line_output_begin(struct line_output *output, const struct line_output_options *options,
                       struct error *err);

/* The same refusal without touching anything, for before the model is opened; also refuses an
 * output that is one of the inputs (`inputs`: [n_inputs] paths, "-" is standard input). */
bool line_output_check(const char *path, const struct line_output_options *options,
                       const char *const *inputs, size_t n_inputs, struct error *err);

/* Adds whole records, each with its end. Nothing is written before the buffer is full (64 KiB) or
 * line_output_flush() is called. */
bool line_output_add(struct line_output *output, const char *bytes, size_t n_bytes,
                     struct error *err);

/* Writes all that was added. ERROR_OUTPUT: "OUT: No space left on device". A part of a record that
 * reached a regular file is cut off again. */
bool line_output_flush(struct line_output *output, struct error *err);

/* Whole records that the kernel has taken so far. */
uint64_t line_output_count(const struct line_output *output);

/* For the thread that handles signals: writes what can be written within `milliseconds`, and lets
 * no other thread write afterwards (line_output_add() and line_output_flush() then wait for the end
 * of the process). */
void line_output_abandon(struct line_output *output, int milliseconds);

/* Flushes, syncs (regular files), closes, frees; false if any of it failed. */
bool line_output_close(struct line_output *output, struct error *err);

#endif
