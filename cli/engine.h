/* engine.h - from the options of the command line to the library: which model, which settings. */
#ifndef DRAGOMAN_CLI_ENGINE_H
#define DRAGOMAN_CLI_ENGINE_H

#include "cli/options.h"
#include "cli/paths.h"
#include "translate/dragoman.h"

/* Opens the model or models with the settings of `options`. `scores`: they are wanted of greedy
 * search too. */
bool engine_open(struct dragoman **dragoman, const struct options *options,
                 const struct model_paths *models, bool scores, struct error *err);

/* --model-format as the library has it. */
enum dragoman_format engine_format(const struct options *options);

/* Opens a stream, which starts the threads, and tells what was lacking. */
bool engine_stream(struct dragoman *dragoman, struct dragoman_stream **stream, struct error *err);

/* Takes a fault of the library over; returns false. */
bool engine_fault(const struct dragoman_error *from, struct error *err);

/* --print-config: each value in force and where it came from. */
bool engine_append_config(struct dragoman *dragoman, const struct options *options,
                          struct buffer *out, struct error *err);
bool engine_print_config(struct dragoman *dragoman, const struct options *options,
                         struct error *err);

/* The same of a client: `server` is what engine_append_config() gave there. */
bool engine_print_server_config(const char *server, const struct options *options,
                                struct error *err);

#endif
