/* serve_http.h - between serve_http.c (connections, and the server's life) and serve_http_call.c
 * (one request, from its head to its answer). The outside is serve.h. */
#ifndef DRAGOMAN_CLI_SERVE_HTTP_H
#define DRAGOMAN_CLI_SERVE_HTTP_H

#include "cli/http.h"
#include "cli/http_library.h"
#include "cli/serve.h"

#include <pthread.h>

enum phase {
    PHASE_WAITING, /* for the head of a request */
    PHASE_READING, /* its body */
    PHASE_WORKING,
    PHASE_SENDING
};

/* A client, as long as its connection lasts. */
struct visit {
    struct serve_http *server;
    struct visit *next, *previous;
    int descriptor;
    bool is_surplus;
    enum phase phase;
    int64_t since;                  /* progress_now(), of the phase */
    struct dragoman_stream *stream; /* being worked on; or NULL */
};

/* One request. */
struct call {
    struct visit *visit;
    struct buffer body;
    bool is_too_long;
    bool is_queued; /* counted in n_queued */
};

struct serve_http {
    struct http_library library;
    const struct options *options;
    int descriptor;
    bool is_open;
    char url[HTTP_URL_BYTES];
    struct http_guard *guard;
    struct http_languages *languages;
    struct dragoman *dragoman;
    struct MHD_Daemon *daemon;
    pthread_mutex_t mutex; /* of what follows, visits included */
    pthread_cond_t changed;
    bool is_stopping;
    struct visit *visits;
    size_t n_visits, n_calls, n_queued;
};

/* The client of a connection, or NULL if there was no memory for it. */
struct visit *serve_http_visit(struct serve_http *server, struct MHD_Connection *connection);

/* The client is in this phase from now on. */
void serve_http_enter(struct visit *visit, enum phase phase);

/* libmicrohttpd's handler, `context` is the server: called once for the head of a request, then for
 * each part of its body, then for its end. And what it calls when the request is over. */
enum MHD_Result serve_http_handle(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *body,
                                  size_t *n_body, void **request);
void serve_http_end(void *context, struct MHD_Connection *connection, void **request,
                    enum MHD_RequestTerminationCode reason);

#endif
