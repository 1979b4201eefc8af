/* confine.h - --sandbox: when everything is open, what is not needed any more is given away. */
#ifndef DRAGOMAN_CLI_CONFINE_H
#define DRAGOMAN_CLI_CONFINE_H

#include "cli/options.h"

/* Before anything is touched: ERROR_LIMIT if --sandbox=require cannot be had here. */
bool can_confine(const struct options *options, struct error *err);

/* When the model, inputs and outputs are open: enters the sandbox, for all threads. `directory`
 * (NULL: none) is one in which files will still be made. */
bool confine(const struct options *options, const char *directory, struct error *err);

#endif
