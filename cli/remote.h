/* remote.h - the other end of `dragoman serve --socket`: lines go to a server, results come back,
 * as with a stream of the library. */
#ifndef DRAGOMAN_CLI_REMOTE_H
#define DRAGOMAN_CLI_REMOTE_H

#include "cli/options.h"
#include "translate/dragoman.h"

struct remote;

/* True if these options ask for a server. */
bool remote_is_wanted(const struct options *options);

/* Connects, and compares what is given with the server's settings (ERROR_USAGE). */
bool remote_open(struct remote **remote, const struct options *options, struct error *err);

/* What the server says of its model and its settings: for --resume, a text to be compared; and for
 * --print-config. */
const char *remote_settings(const struct remote *remote);
const char *remote_config(const struct remote *remote);

/* As the calls of dragoman.h. One thread may put and finish while another takes. */
bool remote_put(struct remote *remote, const struct dragoman_line *line, struct error *err);
void remote_finish(struct remote *remote);
bool remote_take(struct remote *remote, bool wait, struct dragoman_result **result,
                 struct error *err);

/* NULL is allowed. */
void remote_close(struct remote *remote);

/* ---- shared with the server ---------------------------------------------------------------- */

/* Appends the value of an option that the server's model is opened with, in a form that can be
 * compared: paths in full. */
bool remote_value(const struct options *options, const struct option *row, struct buffer *out,
                  struct error *err);

/* Names among the options' that are none: resume_models(), engine_append_config(). */
#define REMOTE_MODELS "(models)"
#define REMOTE_CONFIG "(config)"

/* True for options that the server decides, and that change what comes out. */
bool remote_is_servers(const struct option *row);

/* A socket address; ERROR_USAGE if the path is too long. */
struct sockaddr_un;
bool remote_address(const char *path, struct sockaddr_un *address, struct error *err);

#endif
