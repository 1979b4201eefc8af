/* confine.h - --sandbox: what is not needed is given away, in two steps.
 *
 *     confine_reading()    inputs and outputs are open; model files may still be read, not more
 *     ... the model is opened: whatever it holds is parsed in here ...
 *     confine()            no file can be opened any more
 */
#ifndef DRAGOMAN_CLI_CONFINE_H
#define DRAGOMAN_CLI_CONFINE_H

#include "cli/options.h"
#include "cli/paths.h"

/* Before anything is touched: ERROR_LIMIT if --sandbox=require cannot be had here. */
bool can_confine(const struct options *options, struct error *err);

/* Before the models are opened: from here on nothing can be read but their directories (and files
 * elsewhere that links in them lead to) and the files that options name, nothing written but what
 * is open, below `directory` (NULL: none), and the cache. A path that cannot be opened is left for
 * its reader to complain of. */
bool confine_reading(const struct options *options, const struct model_paths *models,
                     const char *directory, struct error *err);

/* When everything is open: enters the sandbox, for all threads. `directory` (NULL: none) is one in
 * which files will still be made. */
bool confine(const struct options *options, const char *directory, struct error *err);

/* For what looks at every installed model: only the store can be read. `mode` is as --sandbox. */
bool confine_store(int mode, struct error *err);

#endif
