/* progress.h - what is shown on standard error while a long job runs: one line, drawn over again.
 *
 *     2,340 lines  812 words/s  37 %  2:05 left
 *
 * Shown only when asked for (progress.is_on); messages wipe it first. */
#ifndef DRAGOMAN_CLI_PROGRESS_H
#define DRAGOMAN_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool is_on;
    bool is_drawn;
    uint64_t total_bytes;   /* of all inputs; 0: unknown, no percentage */
    int64_t started, drawn; /* milliseconds of the monotonic clock */
};

/* Milliseconds of the monotonic clock. */
int64_t progress_now(void);

void progress_start(struct progress *progress, bool is_on, uint64_t total_bytes);

/* Draws, at most ten times a second. `n_bytes`: of the inputs, as far as they are translated. */
void progress_show(struct progress *progress, uint64_t n_lines, uint64_t n_words, uint64_t n_bytes);

/* Wipes the line, before a message or at the end. */
void progress_wipe(struct progress *progress);

#endif
