/* serve.h - the parts of `dragoman serve`: clients of its socket, and HTTP, around one opened
 * model. */
#ifndef DRAGOMAN_CLI_SERVE_H
#define DRAGOMAN_CLI_SERVE_H

#include "cli/options.h"
#include "translate/dragoman.h"

#define SERVE_MAX_CLIENTS 64
#define SERVE_STOP_SECONDS 5

struct serve_socket;

/* Before the model is opened: removes a socket that nobody listens on; refuses (ERROR_USAGE) what
 * else is in the place of options->socket. */
bool serve_socket_check(const struct options *options, struct error *err);

/* Binds options->socket, mode 0600, and listens. */
bool serve_socket_open(struct serve_socket **server, const struct options *options,
                       struct error *err);

/* Takes clients until serve_socket_stop(). */
void serve_socket_run(struct serve_socket *server, struct dragoman *dragoman);

/* From another thread: removes the socket, takes no more clients and lines, and waits up to
 * SERVE_STOP_SECONDS for lines under way. */
void serve_socket_stop(struct serve_socket *server);

/* Only when serve_socket_run() has not begun; NULL is allowed. */
void serve_socket_close(struct serve_socket *server);

#endif
