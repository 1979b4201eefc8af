/* One request over HTTP: whether it is let in, what it asks for, and its answer. */
#ifdef HAVE_LIBMICROHTTPD

#include "cli/serve_http.h"

#include "cli/engine.h"
#include "cli/message.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* ---- answers --------------------------------------------------------------------------------- */

/* What goes with an answer besides its body. */
struct reply {
    unsigned status;
    const char *allow; /* methods, of 405 */
    unsigned wait;     /* seconds, Retry-After; 0: none */
    bool closes;
    const char *origin; /* a page that may read it; or NULL */
};

static void add_headers(const struct http_library *library, struct MHD_Response *response,
                        const struct reply *reply)
{
    char seconds[16];
    snprintf(seconds, sizeof seconds, "%u", reply->wait);
    library->add_response_header(response, "Content-Type", "application/json");
    if (reply->allow != NULL)
        library->add_response_header(response, "Allow", reply->allow);
    if (reply->wait > 0)
        library->add_response_header(response, "Retry-After", seconds);
    if (reply->closes)
        library->add_response_header(response, "Connection", "close");
    if (reply->origin == NULL)
        return;
    library->add_response_header(response, "Access-Control-Allow-Origin", reply->origin);
    library->add_response_header(response, "Access-Control-Allow-Methods", "GET, POST");
    library->add_response_header(response, "Access-Control-Allow-Headers", "Content-Type");
    library->add_response_header(response, "Vary", "Origin");
}

/* Sends the body, which is taken over. */
static enum MHD_Result send_body(struct visit *visit, struct MHD_Connection *connection,
                                 struct buffer *body, const struct reply *reply)
{
    const struct http_library *library = &visit->server->library;
    struct MHD_Response *response =
        library->create_response(body->n_bytes, body->bytes, memory_free);
    if (response == NULL) {
        buffer_free(body);
        return MHD_NO;
    }
    *body = (struct buffer){0};
    add_headers(library, response, reply);
    serve_http_enter(visit, PHASE_SENDING);
    enum MHD_Result result = library->queue_response(connection, reply->status, response);
    library->destroy_response(response);
    return result;
}

static enum MHD_Result send_text(struct visit *visit, struct MHD_Connection *connection,
                                 const char *text, const struct reply *reply)
{
    struct buffer body = {0};
    struct error err = {0};
    if (!buffer_append_text(&body, text, &err))
        return MHD_NO;
    return send_body(visit, connection, &body, reply);
}

static enum MHD_Result send_error(struct visit *visit, struct MHD_Connection *connection,
                                  const char *text, const struct reply *reply)
{
    struct buffer body = {0};
    struct error err = {0};
    if (!http_append_error(&body, text, &err)) {
        buffer_free(&body);
        return MHD_NO;
    }
    return send_body(visit, connection, &body, reply);
}

/* ---- translating ------------------------------------------------------------------------------
 */

static unsigned status_of(const struct error *err)
{
    switch (err->code) {
    case ERROR_USAGE:
        return 400;
    case ERROR_MEMORY:
    case ERROR_INTERRUPTED:
        return 503;
    default:
        return 500;
    }
}

/* Shows the stream to the watching thread, or takes it away from it. */
static void show_stream(struct visit *visit, struct dragoman_stream *stream)
{
    pthread_mutex_lock(&visit->server->mutex);
    visit->stream = stream;
    pthread_mutex_unlock(&visit->server->mutex);
}

static bool translate(struct visit *visit, const struct http_request *request,
                      struct buffer *answer, struct error *err)
{
    struct serve_http *server = visit->server;
    struct dragoman_stream *stream;
    struct dragoman_error fault = {0};
    struct dragoman_stream_options languages;
    const char *detected;
    if (!http_languages_choose(server->languages, request, &languages.from, &languages.to,
                               &detected, err))
        return false;
    if (!dragoman_stream_open(server->dragoman, &languages, &stream, &fault))
        return engine_fault(&fault, err);
    serve_http_enter(visit, PHASE_WORKING);
    show_stream(visit, stream);
    bool ok = http_translate(stream, request, detected, answer, err);
    show_stream(visit, NULL);
    dragoman_stream_close(stream);
    return ok;
}

struct parameters {
    struct http_request *request;
    struct error *err;
};

/* A parameter of the URL. */
static enum MHD_Result take_argument(void *context, enum MHD_ValueKind kind, const char *key,
                                     size_t key_size, const char *value, size_t value_size)
{
    struct parameters *parameters = context;
    (void)kind;
    return http_request_add(parameters->request, key, key_size, value,
                            value != NULL ? value_size : 0, 0, parameters->err)
               ? MHD_YES
               : MHD_NO;
}

/* Part of a form. */
static enum MHD_Result take_part(void *context, enum MHD_ValueKind kind, const char *key,
                                 const char *filename, const char *content_type,
                                 const char *transfer_encoding, const char *data, uint64_t offset,
                                 size_t size)
{
    struct parameters *parameters = context;
    (void)kind;
    (void)filename;
    (void)content_type;
    (void)transfer_encoding;
    return key == NULL || http_request_add(parameters->request, key, strlen(key), data, size,
                                           (size_t)offset, parameters->err)
               ? MHD_YES
               : MHD_NO;
}

static bool parse_multipart(struct visit *visit, struct MHD_Connection *connection,
                            const struct call *call, struct http_request *request,
                            struct error *err)
{
    const struct http_library *library = &visit->server->library;
    struct parameters parameters = {request, err};
    struct MHD_PostProcessor *processor =
        library->create_post_processor(connection, 4096, take_part, &parameters);
    if (processor == NULL)
        return error_set(err, ERROR_USAGE, "Invalid request: malformed multipart/form-data");
    bool ok = library->post_process(processor, call->body.bytes, call->body.n_bytes) == MHD_YES;
    ok = library->destroy_post_processor(processor) == MHD_YES && ok;
    return err->code == ERROR_NONE &&
           (ok || error_set(err, ERROR_USAGE, "Invalid request: malformed multipart/form-data"));
}

static bool is_type(const char *type, const char *wanted)
{
    size_t n = strlen(wanted);
    return type != NULL && strncasecmp(type, wanted, n) == 0 && strchr("; \t", type[n]) != NULL;
}

static bool parse(struct visit *visit, struct MHD_Connection *connection, const struct call *call,
                  const struct http_limits *limits, struct http_request *request, struct error *err)
{
    const struct http_library *library = &visit->server->library;
    const char *type =
        library->lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Type");
    const char *body = call->body.n_bytes > 0 ? call->body.bytes : "";
    struct parameters parameters = {request, err};
    if (is_type(type, "application/json"))
        return http_request_parse_json(request, body, call->body.n_bytes, limits, err);
    bool ok;
    if (is_type(type, "multipart/form-data"))
        ok = parse_multipart(visit, connection, call, request, err);
    else if (is_type(type, "application/x-www-form-urlencoded") || call->body.n_bytes == 0)
        ok = http_request_parse_form(request, body, call->body.n_bytes, err);
    else
        ok = error_set(err, ERROR_USAGE,
                       "Invalid request: the Content-Type must be application/json, "
                       "application/x-www-form-urlencoded or multipart/form-data");
    if (ok)
        library->get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, take_argument,
                                         &parameters);
    return ok && err->code == ERROR_NONE && http_request_end_form(request, err);
}

/* The bytes that a client is known by: of IPv6 its network, since addresses in it are free. */
static const void *address_of(struct serve_http *server, struct MHD_Connection *connection,
                              size_t *n_bytes)
{
    const union MHD_ConnectionInfo *info =
        server->library.get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info != NULL ? info->client_addr : NULL;
    *n_bytes = address == NULL ? 0 : address->sa_family == AF_INET ? 4 : 8;
    if (address == NULL)
        return "";
    return address->sa_family == AF_INET
               ? (const void *)&((const struct sockaddr_in *)(const void *)address)->sin_addr
               : &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
}

/* A place among the requests that are worked on or wait for it. */
static bool join_queue(struct call *call)
{
    struct serve_http *server = call->visit->server;
    pthread_mutex_lock(&server->mutex);
    call->is_queued = server->n_queued < server->options->max_queue;
    server->n_queued += call->is_queued ? 1 : 0;
    pthread_mutex_unlock(&server->mutex);
    return call->is_queued;
}

static void leave_queue(struct call *call)
{
    struct serve_http *server = call->visit->server;
    pthread_mutex_lock(&server->mutex);
    server->n_queued -= call->is_queued ? 1 : 0;
    call->is_queued = false;
    pthread_mutex_unlock(&server->mutex);
}

/* Whether the request may be worked on: fills the reply and the reason if not. */
static bool admit(struct call *call, struct MHD_Connection *connection,
                  const struct http_request *request, struct reply *reply, struct error *err)
{
    struct serve_http *server = call->visit->server;
    size_t n_address;
    const void *address = address_of(server, connection, &n_address);
    reply->status = http_guard_admit(server->guard, request, address, n_address, &reply->wait, err);
    if (reply->status != 0)
        return false;
    if (join_queue(call))
        return true;
    reply->status = 503;
    reply->wait = 1;
    return error_set(err, ERROR_LIMIT, "too many requests at once: try again later");
}

static enum MHD_Result answer_translate(struct call *call, struct MHD_Connection *connection,
                                        struct reply *reply)
{
    struct visit *visit = call->visit;
    const struct options *options = visit->server->options;
    struct http_limits limits = {options->max_characters, options->max_texts};
    struct http_request request = {0};
    struct buffer answer = {0};
    struct error err = {0};
    reply->status = 0;
    bool ok = parse(visit, connection, call, &limits, &request, &err);
    buffer_free(&call->body);
    ok = ok && admit(call, connection, &request, reply, &err) &&
         http_request_check(&request, &limits, &err) && translate(visit, &request, &answer, &err);
    leave_queue(call);
    http_request_free(&request);
    if (ok) {
        reply->status = 200;
        return send_body(visit, connection, &answer, reply);
    }
    buffer_free(&answer);
    if (reply->status == 0)
        reply->status = status_of(&err);
    if (err.code == ERROR_INTERRUPTED) {
        error_clear(&err);
        error_set(&err, ERROR_INTERRUPTED, "the server is stopping");
        reply->closes = true;
    }
    return send_error(visit, connection, err.text, reply);
}

/* ---- requests ---------------------------------------------------------------------------------
 */

static const struct path {
    const char *url, *method;
} paths[] = {
    {"/translate", "POST"},
    {"/languages", "GET"},
    {"/health", "GET"},
    {"/frontend/settings", "GET"},
};

static const struct path *find_path(const char *url)
{
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (strcmp(paths[i].url, url) == 0)
            return &paths[i];
    return NULL;
}

static bool is_method(const struct path *path, const char *method)
{
    return strcmp(path->method, method) == 0 ||
           (strcmp(path->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

/* Whether the head of the request is enough to refuse it. */
static bool refuse(struct visit *visit, struct MHD_Connection *connection, const char *url,
                   const char *method, struct reply *reply, struct error *err)
{
    struct serve_http *server = visit->server;
    const char *origin =
        server->library.lookup_connection_value(connection, MHD_HEADER_KIND, "Origin");
    const char *length =
        server->library.lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    const struct path *path = find_path(url);
    pthread_mutex_lock(&server->mutex);
    bool is_stopping = server->is_stopping;
    pthread_mutex_unlock(&server->mutex);
    reply->origin = origin != NULL ? http_guard_origin(server->guard, origin) : NULL;
    reply->closes = is_stopping || visit->is_surplus;
    reply->wait = visit->is_surplus ? 1 : 0;
    if (is_stopping || visit->is_surplus) {
        reply->status = 503;
        error_set(err, ERROR_LIMIT,
                  is_stopping ? "the server is stopping" : "too many connections: try again later");
    } else if (origin != NULL && reply->origin == NULL) {
        reply->status = 403;
        error_set(err, ERROR_USAGE, "web pages of %.100s may not use this server (--allow-origin)",
                  origin);
    } else if (path == NULL) {
        reply->status = 404;
        error_set(err, ERROR_USAGE, "Not Found");
    } else if (strcmp(method, "OPTIONS") == 0) {
        reply->status = 204;
        reply->allow = path->method;
    } else if (!is_method(path, method)) {
        reply->status = 405;
        reply->allow = path->method;
        error_set(err, ERROR_USAGE, "Method Not Allowed");
    } else if (length != NULL && strtoull(length, NULL, 10) > server->options->max_request) {
        reply->status = 413;
        error_set(err, ERROR_LIMIT, "the request is longer than %llu bytes",
                  (unsigned long long)server->options->max_request);
    } else {
        return false;
    }
    return true;
}

static struct call *begin_call(struct visit *visit)
{
    struct serve_http *server = visit->server;
    struct error err = {0};
    struct call *call = memory_new(1, sizeof *call, &err);
    if (call == NULL)
        return NULL;
    call->visit = visit;
    pthread_mutex_lock(&server->mutex);
    server->n_calls++;
    pthread_mutex_unlock(&server->mutex);
    serve_http_enter(visit, PHASE_READING);
    return call;
}

/* Keeps part of the body. What is too long is read and forgotten: the answer comes at the end. */
static void keep(struct call *call, const char *bytes, size_t n_bytes)
{
    struct error err = {0};
    size_t most = (size_t)call->visit->server->options->max_request;
    if (call->is_too_long || n_bytes > most - call->body.n_bytes ||
        !buffer_append(&call->body, bytes, n_bytes, &err)) {
        call->is_too_long = true;
        buffer_free(&call->body);
    }
}

static enum MHD_Result answer(struct call *call, struct MHD_Connection *connection, const char *url,
                              struct reply *reply)
{
    struct visit *visit = call->visit;
    const char *path = find_path(url)->url;
    reply->status = 200;
    if (call->is_too_long) {
        reply->status = 413;
        return send_error(visit, connection, "the request is too long", reply);
    }
    if (strcmp(path, "/translate") == 0)
        return answer_translate(call, connection, reply);
    return send_text(visit, connection,
                     strcmp(path, "/languages") == 0 ? http_languages_json(visit->server->languages)
                     : strcmp(path, "/health") == 0  ? "{\"status\":\"ok\"}\n"
                                                     : http_settings_json(visit->server->languages),
                     reply);
}

enum MHD_Result serve_http_handle(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *body,
                                  size_t *n_body, void **request)
{
    struct serve_http *server = context;
    struct visit *visit = serve_http_visit(server, connection);
    struct call *call = *request;
    struct reply reply = {0};
    struct error err = {0};
    (void)version;
    if (visit == NULL)
        return MHD_NO;
    if (call == NULL) {
        *request = call = begin_call(visit);
        if (call == NULL)
            return MHD_NO;
        if (!refuse(visit, connection, url, method, &reply, &err))
            return MHD_YES;
        return reply.status == 204 ? send_text(visit, connection, "", &reply)
                                   : send_error(visit, connection, err.text, &reply);
    }
    if (*n_body > 0) {
        keep(call, body, *n_body);
        *n_body = 0;
        return MHD_YES;
    }
    /* Whether it stops may have changed: those that were under way are still answered. */
    const char *origin =
        server->library.lookup_connection_value(connection, MHD_HEADER_KIND, "Origin");
    reply.origin = origin != NULL ? http_guard_origin(server->guard, origin) : NULL;
    return answer(call, connection, url, &reply);
}

void serve_http_end(void *context, struct MHD_Connection *connection, void **request,
                    enum MHD_RequestTerminationCode reason)
{
    struct serve_http *server = context;
    struct call *call = *request;
    (void)connection;
    (void)reason;
    if (call == NULL)
        return;
    serve_http_enter(call->visit, PHASE_WAITING);
    pthread_mutex_lock(&server->mutex);
    server->n_calls--;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->mutex);
    buffer_free(&call->body);
    memory_free(call);
    *request = NULL;
}

#else

typedef int serve_http_is_not_built_in; /* ISO C wants a declaration in each file */

#endif
