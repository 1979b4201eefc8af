/* warnings.h - what befell lines, told without a flood: the first few by line as they come, the
 * rest counted and summed up at the end. */
#ifndef DRAGOMAN_CLI_WARNINGS_H
#define DRAGOMAN_CLI_WARNINGS_H

#include "translate/dragoman.h"

struct warnings {
    unsigned n_told;   /* lines told of so far */
    uint64_t n_untold; /* lines that were not */
    uint64_t n_mended; /* lines that were not UTF-8: only summed up */
    uint64_t first_mended;
    char first_mended_file[256];
};

/* Looks at the result of a line. True if a message will be (or was) written: a progress line must
 * be wiped before. */
bool warnings_want_to_tell(const struct warnings *warnings, const struct dragoman_result *result);
void warnings_add(struct warnings *warnings, const char *file, uint64_t line,
                  const struct dragoman_result *result);

/* The summary, if there is anything to sum up. */
void warnings_end(const struct warnings *warnings);

#endif
