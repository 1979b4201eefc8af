/* A thread takes connections; each client has a thread that reads its lines and one that writes its
 * results, so that none waits for another's pace. */
#include "base/threads.h"
#include "cli/engine.h"
#include "cli/message.h"
#include "cli/remote.h"
#include "cli/resume.h"
#include "cli/serve.h"
#include "cli/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define HELLO_MILLISECONDS 10000

struct client {
    struct serve_socket *server;
    int descriptor; /* -1: a free place */
    struct dragoman_stream *stream;
    struct wire_input input;
};

struct serve_socket {
    const char *path;
    int descriptor;
    struct dragoman *dragoman;
    struct buffer hello;
    atomic_bool is_stopping;
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t changed;
    struct client clients[SERVE_MAX_CLIENTS];
    size_t n_clients;
};

/* ---- one client -------------------------------------------------------------------------------
 */

static void send_fault(int descriptor, const struct error *fault)
{
    struct buffer out = {0};
    struct error ignored = {0};
    if (wire_append_fault(&out, fault, &ignored))
        (void)wire_send(descriptor, out.bytes, out.n_bytes);
    buffer_free(&out);
}

/* Results to the client, up to the end or a fault, which it is told. */
static bool send_results(struct client *client, struct buffer *out, struct error *err)
{
    for (;;) {
        struct dragoman_result *result = NULL;
        struct dragoman_error fault = {0};
        bool ok = dragoman_take(client->stream, out->n_bytes == 0, &result, &fault);
        if (!ok)
            engine_fault(&fault, err);
        else if (result != NULL)
            ok = wire_append_result(out, result, err);
        bool is_pause = result == NULL;
        dragoman_result_free(result);
        bool is_end = ok && is_pause && dragoman_at_end(client->stream);
        if (is_end && !atomic_load(&client->server->is_stopping))
            ok = wire_append_empty(out, WIRE_END, err);
        if ((is_pause || out->n_bytes > (64 << 10)) && out->n_bytes > 0) {
            if (!wire_send(client->descriptor, out->bytes, out->n_bytes))
                return error_set(err, ERROR_INTERRUPTED, "the client is gone");
            buffer_clear(out);
        }
        if (!ok || is_end)
            return ok && !atomic_load(&client->server->is_stopping)
                       ? true
                       : error_set(err, ERROR_INTERRUPTED, "the server is stopping");
    }
}

static void *write_results(void *context)
{
    struct client *client = context;
    struct buffer out = {0};
    struct error err = {0};
    if (!send_results(client, &out, &err)) {
        send_fault(client->descriptor, &err);
        dragoman_cancel(client->stream);
        /* The reading thread waits for lines that nobody wants any more. */
        shutdown(client->descriptor, SHUT_RDWR);
    }
    buffer_free(&out);
    return NULL;
}

/* Lines from the client. When it goes before the end, its lines are dropped; when the server stops,
 * they are finished. */
static void read_lines(struct client *client)
{
    struct wire_frame frame;
    struct dragoman_line line;
    struct dragoman_error fault = {0};
    struct error err = {0};
    bool is_finished = false, ok = true;
    while (ok && wire_receive(&client->input, true, &frame, &err) == WIRE_GOT) {
        if (frame.kind == WIRE_FINISH && !is_finished) {
            is_finished = true;
            dragoman_finish(client->stream);
        } else {
            ok = frame.kind == WIRE_LINE && !is_finished && wire_get_line(&frame, &line, &err) &&
                 dragoman_put(client->stream, &line, &fault);
        }
    }
    if (ok && err.code == ERROR_NONE && atomic_load(&client->server->is_stopping)) {
        if (!is_finished)
            dragoman_finish(client->stream);
    } else {
        dragoman_cancel(client->stream);
    }
}

/* The client's hello, and the stream it asks for. */
static bool open_stream(struct client *client, struct error *err)
{
    struct pollfd ready = {.fd = client->descriptor, .events = POLLIN};
    struct wire_frame frame;
    struct dragoman_error fault = {0};
    uint32_t version;
    const char *from, *to;
    size_t n_from, n_to;
    struct timeval patience = {.tv_sec = HELLO_MILLISECONDS / 1000};
    struct timeval forever = {0};
    setsockopt(client->descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (!wire_send(client->descriptor, client->server->hello.bytes,
                   client->server->hello.n_bytes) ||
        poll(&ready, 1, HELLO_MILLISECONDS) != 1 ||
        wire_receive(&client->input, true, &frame, err) != WIRE_GOT)
        return error_set(err, ERROR_INTERRUPTED, "no answer");
    setsockopt(client->descriptor, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof forever);
    if (frame.kind != WIRE_HELLO || !wire_get_u32(&frame, &version, err) ||
        version != WIRE_VERSION || !wire_get_text(&frame, &from, &n_from, err) ||
        !wire_get_text(&frame, &to, &n_to, err))
        return error_set(err, ERROR_USAGE, "the server is of another version of the program");
    if (n_from > 31 || n_to > 31)
        return error_set(err, ERROR_USAGE, "a language has at most 31 bytes");
    char codes[2][32] = {"", ""};
    memcpy(codes[0], from, n_from);
    memcpy(codes[1], to, n_to);
    struct dragoman_stream_options languages = {.from = n_from > 0 ? codes[0] : NULL,
                                                .to = n_to > 0 ? codes[1] : NULL};
    return dragoman_stream_open(client->server->dragoman, &languages, &client->stream, &fault) ||
           engine_fault(&fault, err);
}

static bool is_ready(struct client *client, struct error *err)
{
    struct buffer ready = {0};
    bool ok = open_stream(client, err) && wire_append_empty(&ready, WIRE_READY, err) &&
              wire_send(client->descriptor, ready.bytes, ready.n_bytes);
    buffer_free(&ready);
    return ok;
}

static void *serve_client(void *context)
{
    struct client *client = context;
    struct serve_socket *server = client->server;
    struct error err = {0};
    pthread_t writer;
    bool ok = is_ready(client, &err) && thread_start(&writer, write_results, client, &err);
    if (ok) {
        read_lines(client);
        pthread_join(writer, NULL);
    } else {
        send_fault(client->descriptor, &err);
    }
    dragoman_stream_close(client->stream);
    buffer_free(&client->input.bytes);
    pthread_mutex_lock(&server->mutex);
    close(client->descriptor);
    *client = (struct client){.descriptor = -1};
    server->n_clients--;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->mutex);
    return NULL;
}

/* ---- all of them ------------------------------------------------------------------------------
 */

/* A place for the client and a thread that serves it. */
static bool admit(struct serve_socket *server, int descriptor, struct error *err)
{
    struct client *client = NULL;
    pthread_t thread;
    pthread_mutex_lock(&server->mutex);
    for (size_t i = 0; i < SERVE_MAX_CLIENTS && client == NULL; i++)
        if (server->clients[i].descriptor < 0)
            client = &server->clients[i];
    bool ok =
        !atomic_load(&server->is_stopping) || error_set(err, ERROR_LIMIT, "the server is stopping");
    if (ok && client == NULL)
        ok = error_set(err, ERROR_LIMIT, "the server has %d clients already: try again later",
                       SERVE_MAX_CLIENTS);
    if (ok) {
        *client = (struct client){
            .server = server,
            .descriptor = descriptor,
            .input = {.descriptor = descriptor, .max_bytes = WIRE_MAX_REQUEST},
        };
        ok = thread_start(&thread, serve_client, client, err);
        if (ok) {
            pthread_detach(thread);
            server->n_clients++;
        } else {
            client->descriptor = -1;
        }
    }
    pthread_mutex_unlock(&server->mutex);
    return ok;
}

void serve_socket_run(struct serve_socket *server)
{
    while (!atomic_load(&server->is_stopping)) {
        struct error err = {0};
        int descriptor = accept4(server->descriptor, NULL, NULL, SOCK_CLOEXEC);
        if (descriptor < 0) {
            /* Out of descriptors, most likely: some will be closed. */
            if (errno != EINTR && errno != ECONNABORTED)
                poll(NULL, 0, 100);
            continue;
        }
        if (!admit(server, descriptor, &err)) {
            send_fault(descriptor, &err);
            close(descriptor);
        }
    }
}

static void shut_all(struct serve_socket *server, int how)
{
    for (size_t i = 0; i < SERVE_MAX_CLIENTS; i++)
        if (server->clients[i].descriptor >= 0)
            shutdown(server->clients[i].descriptor, how);
}

void serve_socket_stop(struct serve_socket *server, const struct timespec *until)
{
    unlink(server->path);
    pthread_mutex_lock(&server->mutex);
    atomic_store(&server->is_stopping, true);
    shutdown(server->descriptor, SHUT_RDWR);
    shut_all(server, SHUT_RD);
    while (server->n_clients > 0 &&
           pthread_cond_timedwait(&server->changed, &server->mutex, until) == 0)
        continue;
    shut_all(server, SHUT_RDWR);
    pthread_mutex_unlock(&server->mutex);
}

/* ---- the socket -------------------------------------------------------------------------------
 */

/* What is no option: for --resume and --print-config of clients. */
static bool add_more(struct buffer *out, const struct options *options, struct dragoman *dragoman,
                     struct error *err)
{
    char models[RESUME_MODELS_BYTES];
    struct buffer config = {0};
    bool ok = resume_models(options, models, err) &&
              engine_append_config(dragoman, options, &config, err) &&
              wire_put_text(out, REMOTE_MODELS, strlen(REMOTE_MODELS), err) &&
              wire_put_text(out, models, strlen(models), err) &&
              wire_put_text(out, REMOTE_CONFIG, strlen(REMOTE_CONFIG), err) &&
              wire_put_text(out, config.bytes, config.n_bytes, err);
    buffer_free(&config);
    return ok;
}

static bool make_hello(struct serve_socket *server, const struct options *options,
                       struct dragoman *dragoman, struct error *err)
{
    size_t count, start;
    uint32_t n_values = 2;
    const struct option *table = options_table(&count);
    struct buffer *out = &server->hello;
    for (size_t i = 0; i < count; i++)
        n_values += remote_is_servers(&table[i]) ? 1 : 0;
    bool ok = wire_begin(out, WIRE_HELLO, &start, err) && wire_put_u32(out, WIRE_VERSION, err) &&
              wire_put_u32(out, n_values, err);
    for (size_t i = 0; ok && i < count; i++) {
        struct buffer value = {0};
        if (!remote_is_servers(&table[i]))
            continue;
        ok = remote_value(options, &table[i], &value, err) &&
             wire_put_text(out, table[i].name, strlen(table[i].name), err) &&
             wire_put_text(out, value.bytes, value.n_bytes, err);
        buffer_free(&value);
    }
    return ok && add_more(out, options, dragoman, err) && wire_end(out, start, err);
}

/* Removes a socket that nobody listens on; whatever else is there is refused. */
static bool remove_stale(const char *path, const struct sockaddr_un *address, struct error *err)
{
    struct stat status;
    if (lstat(path, &status) != 0)
        return errno == ENOENT || error_set_errno(err, ERROR_USAGE, errno, "%s", path);
    if (!S_ISSOCK(status.st_mode))
        return error_set(err, ERROR_USAGE, "%s: exists and is not a socket", path);
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is_stale = probe >= 0 &&
                    connect(probe, (const struct sockaddr *)address, sizeof *address) != 0 &&
                    errno == ECONNREFUSED;
    if (probe >= 0)
        close(probe);
    if (!is_stale)
        return error_set(err, ERROR_USAGE, "%s: in use", path);
    return unlink(path) == 0 || error_set_errno(err, ERROR_USAGE, errno, "%s", path);
}

bool serve_socket_check(const struct options *options, struct error *err)
{
    struct sockaddr_un address;
    return remote_address(options->socket, &address, err) &&
           remove_stale(options->socket, &address, err);
}

static bool listen_there(struct serve_socket *server, struct error *err)
{
    struct sockaddr_un address;
    if (!remote_address(server->path, &address, err))
        return false;
    server->descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server->descriptor < 0)
        return error_set_errno(err, ERROR_USAGE, errno, "%s", server->path);
    mode_t before = umask(0177);
    bool ok = bind(server->descriptor, (struct sockaddr *)&address, sizeof address) == 0;
    int number = errno;
    umask(before);
    if (!ok)
        return error_set_errno(err, ERROR_USAGE, number, "%s", server->path);
    if (listen(server->descriptor, SERVE_MAX_CLIENTS) == 0)
        return true;
    unlink(server->path);
    return error_set_errno(err, ERROR_USAGE, errno, "%s", server->path);
}

bool serve_socket_open(struct serve_socket **out, const struct options *options,
                       struct dragoman *dragoman, struct error *err)
{
    struct serve_socket *server = memory_new(1, sizeof *server, err);
    if (server == NULL)
        return false;
    server->path = options->socket;
    server->dragoman = dragoman;
    server->descriptor = -1;
    pthread_mutex_init(&server->mutex, NULL);
    pthread_cond_init(&server->changed, NULL);
    for (size_t i = 0; i < SERVE_MAX_CLIENTS; i++)
        server->clients[i].descriptor = -1;
    if (!make_hello(server, options, dragoman, err) || !listen_there(server, err)) {
        if (server->descriptor >= 0)
            close(server->descriptor);
        server->descriptor = -1;
        serve_socket_close(server);
        return false;
    }
    *out = server;
    return true;
}

void serve_socket_close(struct serve_socket *server)
{
    if (server == NULL)
        return;
    if (server->descriptor >= 0) {
        unlink(server->path);
        close(server->descriptor);
    }
    buffer_free(&server->hello);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->mutex);
    memory_free(server);
}
