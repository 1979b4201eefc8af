/* exit.h - the exit statuses, all of them. */
#ifndef DRAGOMAN_CLI_EXIT_H
#define DRAGOMAN_CLI_EXIT_H

#include "base/error.h"

enum exit_status {
    /* Every input line has its output line, and the kernel took every byte. */
    EXIT_DONE = 0,
    /* The run started and could not finish: the output is a prefix of the right answer, made of
     * whole lines. */
    EXIT_UNFINISHED = 1,
    /* Nothing was translated: bad usage, or a model that cannot be used. Nothing was written. */
    EXIT_REFUSED = 2
};

/* The status a fault stands for; `started` says whether it came after the first line was read. */
enum exit_status exit_status_of(const struct error *err, bool started);

#endif
