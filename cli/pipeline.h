/* pipeline.h - lines in, results out, for the commands that run a model over text.
 *
 *     reading thread:  files -> records -> queue, and their texts -> library
 *     main thread:     queue + results of the library -> formats -> outputs
 *     signal thread:   has the finished lines written when the run is interrupted */
#ifndef DRAGOMAN_CLI_PIPELINE_H
#define DRAGOMAN_CLI_PIPELINE_H

#include "cli/exit.h"
#include "cli/options.h"

/* Of the lines that have text: best hypotheses. */
struct pipeline_totals {
    uint64_t n_lines, n_tokens;
    double sum; /* of log-probabilities */
};

/* Runs all of it, and tells faults, warnings and statistics. `totals` may be NULL. After a fault in
 * the middle it ends the process, threads being at work. */
enum exit_status pipeline_run(struct options *options, struct pipeline_totals *totals);

#endif
