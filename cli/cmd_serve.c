/* dragoman serve: a model that stays open. */
#include "cli/commands.h"
#include "cli/confine.h"
#include "cli/engine.h"
#include "cli/message.h"
#include "cli/serve.h"
#include "cli/signals.h"

#include <signal.h>
#include <unistd.h>

/* For the thread that handles signals; the process dies of the signal afterwards. */
static void stop(void *context)
{
    serve_socket_stop(context);
}

static bool serve(const struct options *options, struct model_paths *models,
                  struct dragoman **dragoman, struct serve_socket **server, struct error *err)
{
    if (options->n_operands > 0)
        return error_set(err, ERROR_USAGE, "%.200s: serve takes no files", options->operands[0]);
    if (options->socket == NULL)
        return error_set(err, ERROR_USAGE, "where to listen? (--socket PATH)");
    /* The model comes first, so that whoever finds the socket finds a server that is ready. */
    bool ok = can_confine(options, err) &&
              model_paths_find(models, options->model.items, options->model.count, err) &&
              serve_socket_check(options, err) && confine_reading(options, models, NULL, err) &&
              model_paths_verify(models, options, err) &&
              engine_open(dragoman, options, models, true, err) &&
              serve_socket_open(server, options, err) && signals_watch(stop, *server, err) &&
              confine(options, NULL, err);
    if (!ok)
        return false;
    serve_socket_run(*server, *dragoman);
    return true;
}

int cmd_serve(struct options *options)
{
    struct error err = {0};
    struct dragoman *dragoman = NULL;
    struct serve_socket *server = NULL;
    struct model_paths models = {0};
    signal(SIGPIPE, SIG_IGN);
    if (serve(options, &models, &dragoman, &server, &err))
        for (;;)
            pause(); /* the signal's thread is ending the process */
    serve_socket_close(server);
    dragoman_close(dragoman);
    model_paths_free(&models);
    return (int)message_fail(&err, false);
}
