/* The HTTP side of `dragoman serve`: libmicrohttpd reads and writes, a thread for each connection;
 * a watching thread ends what takes too long and work that nobody waits for any more. */
#include "cli/http.h"
#include "cli/message.h"
#include "cli/serve.h"

#ifndef HAVE_LIBMICROHTTPD

bool serve_http_open(struct serve_http **server, const struct options *options, struct error *err)
{
    (void)server;
    (void)options;
    return error_set(err, ERROR_USAGE,
                     "--http: this program was built without libmicrohttpd (on Debian: apt install "
                     "libmicrohttpd-dev, and make again)");
}

bool serve_http_listen(struct serve_http *server, struct dragoman *dragoman, struct error *err)
{
    (void)server;
    (void)dragoman;
    return error_set(err, ERROR_INTERNAL, "--http: not built in");
}

bool serve_http_start(struct serve_http *server, struct error *err)
{
    return serve_http_listen(server, NULL, err);
}

void serve_http_refuse(struct serve_http *server)
{
    (void)server;
}

void serve_http_stop(struct serve_http *server, const struct timespec *until)
{
    (void)server;
    (void)until;
}

void serve_http_close(struct serve_http *server)
{
    (void)server;
}

#else

#include "base/threads.h"
#include "cli/progress.h"
#include "cli/serve_http.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WATCH_MILLISECONDS 100
/* Connections beyond the limit that are told so, and how long they are waited for. */
#define SPARE_CONNECTIONS 16
#define SPARE_MILLISECONDS 2000
/* After the time for stopping: for the answers that say that it is over. */
#define LAST_MILLISECONDS 500
#define HEAD_BYTES ((size_t)32 << 10) /* of a request, with its URL */

struct visit *serve_http_visit(struct serve_http *server, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        server->library.get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

void serve_http_enter(struct visit *visit, enum phase phase)
{
    pthread_mutex_lock(&visit->server->mutex);
    visit->phase = phase;
    visit->since = progress_now();
    pthread_mutex_unlock(&visit->server->mutex);
}

/* ---- connections ------------------------------------------------------------------------------
 */

static void begin_visit(struct serve_http *server, struct MHD_Connection *connection,
                        void **socket_context)
{
    struct error err = {0};
    const union MHD_ConnectionInfo *info =
        server->library.get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct visit *visit = info != NULL ? memory_new(1, sizeof *visit, &err) : NULL;
    *socket_context = visit;
    if (visit == NULL)
        return; /* its first request is closed */
    visit->server = server;
    visit->descriptor = info->connect_fd;
    visit->since = progress_now();
    pthread_mutex_lock(&server->mutex);
    visit->is_surplus = server->n_visits >= server->options->max_connections;
    visit->next = server->visits;
    if (visit->next != NULL)
        visit->next->previous = visit;
    server->visits = visit;
    server->n_visits++;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->mutex);
}

static void end_visit(struct serve_http *server, struct visit *visit)
{
    if (visit == NULL)
        return;
    pthread_mutex_lock(&server->mutex);
    if (visit->previous != NULL)
        visit->previous->next = visit->next;
    else
        server->visits = visit->next;
    if (visit->next != NULL)
        visit->next->previous = visit->previous;
    server->n_visits--;
    pthread_mutex_unlock(&server->mutex);
    memory_free(visit);
}

static void notify(void *context, struct MHD_Connection *connection, void **socket_context,
                   enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        begin_visit(context, connection, socket_context);
    else
        end_visit(context, *socket_context);
}

/* A client that has closed its end does not wait for the answer. (One that has only shut down its
 * writing side cannot be told from it.) */
static bool is_gone(const struct visit *visit)
{
    struct pollfd state = {.fd = visit->descriptor, .events = POLLRDHUP};
    return poll(&state, 1, 0) == 1 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

static void look_after(struct visit *visit, int64_t now)
{
    int64_t patience = visit->is_surplus && visit->phase == PHASE_WAITING
                           ? SPARE_MILLISECONDS
                           : (int64_t)visit->server->options->timeout * 1000;
    if (visit->phase == PHASE_WORKING) {
        if (visit->stream != NULL && is_gone(visit))
            dragoman_cancel(visit->stream);
    } else if (now - visit->since > patience) {
        /* Its thread is woken by this, and closes it. */
        shutdown(visit->descriptor, SHUT_RDWR);
    }
}

static void *watch(void *context)
{
    struct serve_http *server = context;
    pthread_mutex_lock(&server->mutex);
    for (;;) {
        while (server->visits == NULL)
            pthread_cond_wait(&server->changed, &server->mutex);
        int64_t now = progress_now();
        for (struct visit *visit = server->visits; visit != NULL; visit = visit->next)
            look_after(visit, now);
        pthread_mutex_unlock(&server->mutex);
        poll(NULL, 0, WATCH_MILLISECONDS);
        pthread_mutex_lock(&server->mutex);
    }
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------
 */

bool serve_http_open(struct serve_http **out, const struct options *options, struct error *err)
{
    struct serve_http *server = memory_new(1, sizeof *server, err);
    if (server == NULL)
        return false;
    server->options = options;
    server->descriptor = -1;
    pthread_mutex_init(&server->mutex, NULL);
    pthread_cond_init(&server->changed, NULL);
    bool ok = options->split != SPLIT_PARAGRAPH ||
              error_set(err, ERROR_USAGE, "--split paragraph: not with --http, which keeps lines");
    if (!ok || !http_library_load(&server->library, err) ||
        !http_guard_new(&server->guard, options, err) ||
        !http_bind(options->http, &server->descriptor, server->url, &server->is_open, err)) {
        serve_http_close(server);
        return false;
    }
    *out = server;
    return true;
}

bool serve_http_listen(struct serve_http *server, struct dragoman *dragoman, struct error *err)
{
    server->dragoman = dragoman;
    if (!http_languages_new(&server->languages, dragoman, server->options, err))
        return false;
    return listen(server->descriptor, SOMAXCONN) == 0 ||
           error_set_errno(err, ERROR_USAGE, errno, "--http: %s", server->options->http);
}

/* Where it is, even if it was told to be quiet when nobody else could know. */
static void announce(const struct serve_http *server)
{
    size_t n = strlen(server->options->http);
    struct error text = {0};
    bool is_any_port = n >= 2 && strcmp(server->options->http + n - 2, ":0") == 0;
    error_set(&text, ERROR_USAGE, "listening on %s", server->url);
    if (is_any_port)
        message_error(&text);
    else
        message_note("%s", text.text);
    if (server->is_open)
        message_note("whoever can reach this address may use it%s, and nothing is encrypted",
                     server->options->api_key_file == NULL ? " (--api-key-file)"
                                                           : " with an API key");
}

bool serve_http_start(struct serve_http *server, struct error *err)
{
    pthread_t watcher;
    unsigned limit = (unsigned)server->options->max_connections + SPARE_CONNECTIONS;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
                     MHD_USE_THREAD_PER_CONNECTION | MHD_USE_ITC;
    if (server->url[7] == '[')
        flags |= MHD_USE_IPv6;
    if (!thread_start(&watcher, watch, server, err))
        return false;
    pthread_detach(watcher);
    server->daemon = server->library.start_daemon(
        flags, 0, NULL, NULL, serve_http_handle, server, MHD_OPTION_LISTEN_SOCKET,
        server->descriptor, MHD_OPTION_CONNECTION_LIMIT, limit, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        HEAD_BYTES, MHD_OPTION_THREAD_STACK_SIZE, THREAD_STACK_BYTES, MHD_OPTION_NOTIFY_COMPLETED,
        serve_http_end, server, MHD_OPTION_NOTIFY_CONNECTION, notify, server, MHD_OPTION_END);
    if (server->daemon == NULL)
        return error_set(err, ERROR_SYSTEM, "--http: %s: libmicrohttpd does not start",
                         server->options->http);
    announce(server);
    return true;
}

void serve_http_refuse(struct serve_http *server)
{
    pthread_mutex_lock(&server->mutex);
    server->is_stopping = true;
    pthread_mutex_unlock(&server->mutex);
    if (server->daemon != NULL && server->library.quiesce_daemon(server->daemon) >= 0)
        close(server->descriptor);
}

void serve_http_stop(struct serve_http *server, const struct timespec *until)
{
    struct timespec last;
    pthread_mutex_lock(&server->mutex);
    while (server->n_calls > 0 &&
           pthread_cond_timedwait(&server->changed, &server->mutex, until) == 0)
        continue;
    for (struct visit *visit = server->visits; visit != NULL; visit = visit->next)
        if (visit->stream != NULL)
            dragoman_cancel(visit->stream);
    clock_gettime(CLOCK_REALTIME, &last);
    last.tv_nsec += LAST_MILLISECONDS * 1000000L;
    last.tv_sec += last.tv_nsec / 1000000000L;
    last.tv_nsec %= 1000000000L;
    while (server->n_calls > 0 &&
           pthread_cond_timedwait(&server->changed, &server->mutex, &last) == 0)
        continue;
    pthread_mutex_unlock(&server->mutex);
}

void serve_http_close(struct serve_http *server)
{
    if (server == NULL)
        return;
    if (server->descriptor >= 0)
        close(server->descriptor);
    http_guard_free(server->guard);
    http_languages_free(server->languages);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->mutex);
    memory_free(server);
}

#endif
