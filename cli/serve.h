/* serve.h - the parts of `dragoman serve`: clients of its socket, and HTTP, around one opened
 * model. */
#ifndef DRAGOMAN_CLI_SERVE_H
#define DRAGOMAN_CLI_SERVE_H

#include "cli/options.h"
#include "translate/dragoman.h"

#define SERVE_MAX_CLIENTS 64
#define SERVE_STOP_SECONDS 5

struct serve_socket;
struct timespec;

/* Before the model is opened: removes a socket that nobody listens on; refuses (ERROR_USAGE) what
 * else is in the place of options->socket. */
bool serve_socket_check(const struct options *options, struct error *err);

/* Binds options->socket, mode 0600, and listens. */
bool serve_socket_open(struct serve_socket **server, const struct options *options,
                       struct dragoman *dragoman, struct error *err);

/* Takes clients until serve_socket_stop(). */
void serve_socket_run(struct serve_socket *server);

/* From another thread: removes the socket, takes no more clients and lines, and waits for lines
 * under way, up to the time `until` (CLOCK_REALTIME). */
void serve_socket_stop(struct serve_socket *server, const struct timespec *until);

/* Only when serve_socket_run() has not begun; NULL is allowed. */
void serve_socket_close(struct serve_socket *server);

/* HTTP, in the order of a server's life. */
struct serve_http;

/* Before the model is opened: binds options->http, so that an address that cannot be had is known
 * at once. Nobody can connect yet. ERROR_USAGE, also if the program was built without it. */
bool serve_http_open(struct serve_http **server, const struct options *options, struct error *err);

/* When the model is open, and before files are given up: from now on clients wait to be served. */
bool serve_http_listen(struct serve_http *server, struct dragoman *dragoman, struct error *err);

/* In the sandbox: starts the threads that serve, and tells where. */
bool serve_http_start(struct serve_http *server, struct error *err);

/* From another thread: takes no more connections and requests. */
void serve_http_refuse(struct serve_http *server);

/* Waits for requests under way, up to the time `until` (CLOCK_REALTIME); then they are given up. */
void serve_http_stop(struct serve_http *server, const struct timespec *until);

/* Only when serve_http_start() has not begun; NULL is allowed. */
void serve_http_close(struct serve_http *server);

#endif
