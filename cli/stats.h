/* stats.h - what a run did, counted as it goes and summed up at the end (--stats). */
#ifndef DRAGOMAN_CLI_STATS_H
#define DRAGOMAN_CLI_STATS_H

#include "cli/format.h"
#include "cli/options.h"

struct stats {
    uint64_t n_lines; /* written */
    uint64_t n_words; /* of their sources: runs of bytes between white space */
    uint64_t n_bytes; /* of their sources, line ends included */
    int64_t started;  /* progress_now() */
    /* As results say: what is known of a server's work. */
    uint64_t target_tokens, cut, limit, loop, lost, mended;
};

void stats_start(struct stats *stats);
void stats_add(struct stats *stats, const struct record *record,
               const struct dragoman_result *result);

/* Prints the summary on standard error, as one line of text or of JSON. Without a `dragoman` a
 * server did the work, and what only it knows is left out. */
void stats_print(const struct stats *stats, struct dragoman *dragoman, enum stats_kind kind);

#endif
