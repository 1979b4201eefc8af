/* outputs.h - where results go: standard output, one file, or a file for each input in a directory.
 *
 *     struct outputs outputs;
 *     if (!outputs_check(&outputs, &options, &inputs, &err)) ...
 *     if (!outputs_open(&outputs, &undo, &err)) ...     before the model is opened: creates files
 *     if (!outputs_begin(&outputs, &err)) ...           after: empties them
 *     outputs_add(&outputs, record->file, bytes, n_bytes, &err) ... outputs_flush(&outputs, &err)
 *     if (!outputs_end(&outputs, true, &err)) ...
 */
#ifndef DRAGOMAN_CLI_OUTPUTS_H
#define DRAGOMAN_CLI_OUTPUTS_H

#include "cli/inputs.h"
#include "cli/undo.h"

#include <pthread.h>

struct outputs {
    const struct inputs *inputs;
    struct line_output_options options;
    const char *path;      /* -o FILE; NULL: standard output */
    const char *directory; /* -o DIR */
    struct line_output *current;
    size_t file;          /* the input that `current` belongs to */
    pthread_mutex_t lock; /* on `current`, for outputs_abandon() */
};

/* Decides what goes where and refuses (ERROR_USAGE) what would lose something: an output that is an
 * input, a file that is not empty without --force, two inputs with one output. Touches nothing.
 * A directory that is missing is made by outputs_open() if its name ends in '/'. */
bool outputs_check(struct outputs *outputs, const struct options *options,
                   const struct inputs *inputs, struct error *err);

/* The directory in which files will be made as the run goes on, or NULL. */
const char *outputs_directory(const struct outputs *outputs);

/* True if the output is one file, of the kind that a later run can go on with. */
bool outputs_can_resume(const struct outputs *outputs);

/* Opens the first output, changing nothing of a file that is there; what it made is told to `undo`.
 */
bool outputs_open(struct outputs *outputs, struct undo *undo, struct error *err);

/* The first line will come: what is to be replaced is emptied. */
bool outputs_begin(struct outputs *outputs, struct error *err);

/* Adds whole records of input number `file`; inputs come in order. */
bool outputs_add(struct outputs *outputs, size_t file, const char *bytes, size_t n_bytes,
                 struct error *err);

/* Everything that was added is handed to the kernel. */
bool outputs_flush(struct outputs *outputs, struct error *err);

/* Where the output ends: whole records written to the current output. */
uint64_t outputs_count(struct outputs *outputs);

/* For the thread that handles signals: see line_output_abandon(). `outputs` is a struct outputs. */
void outputs_abandon(void *outputs);

/* After the last record, also when the run failed: the finished lines are written and the files
 * closed. With `complete`, inputs that had no lines get their empty files. */
bool outputs_end(struct outputs *outputs, bool complete, struct error *err);

#endif
