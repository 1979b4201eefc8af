/* trim.h - which target tokens convert --trim keeps: those that a text needs, or those that a
 * language is written in. */
#ifndef DRAGOMAN_CLI_TRIM_H
#define DRAGOMAN_CLI_TRIM_H

#include "cli/options.h"

#include <stdint.h>

/* The ids, ascending, [*count], for memory_free(); NULL on failure. options->trim is a file if
 * there is one of that name, else a language. A language that leaves nothing out is an ERROR_USAGE.
 */
uint32_t *trim_tokens(const struct options *options, const char *model, uint32_t *count,
                      struct error *err);

#endif
