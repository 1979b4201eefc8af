/* dragoman serve: a model that stays open. */
#include "cli/commands.h"
#include "cli/confine.h"
#include "cli/engine.h"
#include "cli/message.h"
#include "cli/serve.h"
#include "cli/signals.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

struct servers {
    struct model_paths models;
    struct dragoman *dragoman;
    struct serve_socket *socket; /* or NULL */
    struct serve_http *http;     /* or NULL */
    bool has_begun;              /* threads are at work on all of this */
};

/* For the thread that handles signals; the process dies of the signal afterwards. */
static void stop(void *context)
{
    struct servers *servers = context;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += SERVE_STOP_SECONDS;
    if (servers->http != NULL)
        serve_http_refuse(servers->http);
    if (servers->socket != NULL)
        serve_socket_stop(servers->socket, &until);
    if (servers->http != NULL)
        serve_http_stop(servers->http, &until);
}

/* Whether there is a place to listen is known before the model is opened. */
static bool prepare(const struct options *options, struct servers *servers, struct error *err)
{
    if (options->n_operands > 0)
        return error_set(err, ERROR_USAGE, "%.200s: serve takes no files", options->operands[0]);
    if (options->socket == NULL && options->http == NULL)
        return error_set(err, ERROR_USAGE,
                         "where to listen? (--socket PATH, --http 127.0.0.1:PORT)");
    return can_confine(options, err) &&
           (options->http == NULL || serve_http_open(&servers->http, options, err)) &&
           model_paths_find(&servers->models, options->model.items, options->model.count, err) &&
           (options->socket == NULL || serve_socket_check(options, err));
}

/* The model comes first, so that whoever finds a server finds one that is ready. */
static bool serve(const struct options *options, struct servers *servers, struct error *err)
{
    bool ok = prepare(options, servers, err) &&
              confine_reading(options, &servers->models, NULL, err) &&
              model_paths_verify(&servers->models, options, err) &&
              engine_open(&servers->dragoman, options, &servers->models, true, err) &&
              (options->http == NULL || serve_http_listen(servers->http, servers->dragoman, err)) &&
              (options->socket == NULL ||
               serve_socket_open(&servers->socket, options, servers->dragoman, err)) &&
              signals_watch(stop, servers, err) && confine(options, NULL, err);
    if (!ok)
        return false;
    servers->has_begun = true;
    return options->http == NULL || serve_http_start(servers->http, err);
}

int cmd_serve(struct options *options)
{
    struct error err = {0};
    struct servers servers = {0};
    signal(SIGPIPE, SIG_IGN);
    if (serve(options, &servers, &err)) {
        if (servers.socket != NULL)
            serve_socket_run(servers.socket);
        for (;;)
            pause(); /* other threads serve, or the signal's is ending the process */
    }
    serve_socket_close(servers.socket);
    if (!servers.has_begun) {
        serve_http_close(servers.http);
        dragoman_close(servers.dragoman);
    }
    model_paths_free(&servers.models);
    return (int)message_fail(&err, false);
}
