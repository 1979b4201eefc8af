/* resume.h - going on where a run stopped (-o FILE --resume): nothing lost, nothing twice, and only
 * if model, options and input are what they were.
 *
 * How far the output is, it says itself: its whole lines. What it was made from stands beside it,
 * in FILE.state: a fingerprint of model and options, and the SHA-256 of the input's first lines as
 * of some moment before. Runs with --resume write it, and leave it there at their end, so that a
 * further run finds nothing to do.
 *
 *     struct resume *resume;
 *     if (!resume_open(&resume, options, &err)) ...
 *     for (the first resume_lines(resume) records) resume_note(resume, record, &err);
 *     ... for each record written: resume_note(...); now and then resume_save(resume);
 *     resume_close(resume, true);
 */
#ifndef DRAGOMAN_CLI_RESUME_H
#define DRAGOMAN_CLI_RESUME_H

#include "cli/format.h"
#include "cli/options.h"
#include "cli/undo.h"

struct resume;

/* Looks at the output and its state, changing nothing. ERROR_USAGE: the output "does not match", or
 * is in use by another run. `server`: what a server says of its model and its settings, which
 * are those of the run; NULL without one. */
bool resume_open(struct resume **resume, const struct options *options, const char *server,
                 struct error *err);

/* The files of the models, in short: what a server tells its clients. */
#define RESUME_MODELS_BYTES 65
bool resume_models(const struct options *options, char models[RESUME_MODELS_BYTES],
                   struct error *err);

/* Whole lines that the output has, and the bytes they take. */
uint64_t resume_lines(const struct resume *resume);
uint64_t resume_bytes(const struct resume *resume);

/* A record whose line is in the output already (the first resume_lines() of them), or was handed to
 * it now. ERROR_USAGE if the input is not the one it was. */
bool resume_note(struct resume *resume, const struct record *record, struct error *err);

/* After the input's end came where the skipping did: false if the run had more to skip, or had been
 * complete with other input. */
bool resume_check_end(const struct resume *resume, bool is_input_at_end, struct error *err);

/* True if the run that made the output was complete. */
bool resume_is_complete(const struct resume *resume);

/* True if there is a state on disk that --resume can go by; NULL is allowed. */
bool resume_is_kept(const struct resume *resume);

/* Makes the state file if it is not there, and tells `undo` so. From here on no file is opened any
 * more. */
void resume_create(struct resume *resume, struct undo *undo);

/* Before the first new line: the state is written. */
void resume_begin(struct resume *resume);

/* After the output was flushed: keeps the state on disk up to date, at most a hundred times a
 * second. Its failure is no reason to stop a run. */
void resume_save(struct resume *resume);

/* The end of the run: the state is written, then all is freed. NULL is allowed. */
void resume_close(struct resume *resume, bool is_complete);

/* Frees without touching the state: the run has not begun. NULL is allowed. */
void resume_free(struct resume *resume);

#endif
