#include "cli/remote.h"

#include "cli/paths.h"
#include "cli/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct remote {
    int descriptor;
    struct wire_input input;
    struct buffer out; /* of the putting side */
    struct buffer settings, config;
};

bool remote_is_wanted(const struct options *options)
{
    return options->command == COMMAND_TRANSLATE && options->socket != NULL;
}

bool remote_is_servers(const struct option *row)
{
    static const char *const not_these[] = {"from", "to", "cpu"};
    const unsigned both = COMMAND_TRANSLATE | COMMAND_SERVE;
    if ((row->commands & both) != both || row->group == GROUP_SPEED ||
        row->group == GROUP_MESSAGES || row->group == GROUP_OTHER)
        return false;
    for (size_t i = 0; i < sizeof not_these / sizeof not_these[0]; i++)
        if (strcmp(row->name, not_these[i]) == 0)
            return false;
    return true;
}

static bool append_full_path(const char *path, struct buffer *out, struct error *err)
{
    char *full = realpath(path, NULL);
    bool ok = buffer_append_text(out, full != NULL ? full : path, err);
    free(full);
    return ok;
}

static bool append_models(const struct options *options, struct buffer *out, struct error *err)
{
    size_t count = options->model.count > 0 ? options->model.count : 1;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        struct buffer path = {0};
        ok = model_path(options->model.count > 0 ? options->model.items[i] : NULL, &path, err) &&
             (i == 0 || buffer_append_text(out, ", ", err)) &&
             append_full_path(path.bytes, out, err);
        buffer_free(&path);
    }
    return ok;
}

bool remote_value(const struct options *options, const struct option *row, struct buffer *out,
                  struct error *err)
{
    static const char *const paths[] = {"terms", "forbid", "shortlist"};
    if (strcmp(row->name, "model") == 0)
        return append_models(options, out, err);
    /* Paragraphs are joined on the client's side. */
    if (strcmp(row->name, "split") == 0 && options->split == SPLIT_PARAGRAPH)
        return buffer_append_text(out, "line", err);
    struct buffer value = {0};
    bool is_path = false;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        is_path = is_path || strcmp(row->name, paths[i]) == 0;
    bool ok = option_format(options, row, &value, err);
    if (ok && value.n_bytes > 0)
        ok = is_path ? append_full_path(value.bytes, out, err)
                     : buffer_append(out, value.bytes, value.n_bytes, err);
    buffer_free(&value);
    return ok;
}

bool remote_address(const char *path, struct sockaddr_un *address, struct error *err)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof address->sun_path)
        return error_set(err, ERROR_USAGE, "%s: the path of a socket has 1 to %zu bytes", path,
                         sizeof address->sun_path - 1);
    memcpy(address->sun_path, path, length);
    return true;
}

/* The server's value of one option against the client's, if that is given. */
static bool compare(const struct options *options, const struct option *row, const char *value,
                    size_t n_value, struct error *err)
{
    struct buffer own = {0};
    if (!remote_is_servers(row) || !option_is_given(options, row->name))
        return true;
    bool ok = remote_value(options, row, &own, err);
    if (ok && (own.n_bytes != n_value || (n_value > 0 && memcmp(own.bytes, value, n_value) != 0)))
        ok = error_set(err, ERROR_USAGE, "--%s: the server at %.100s was started with %s%.*s%s",
                       row->name, options->socket, n_value > 0 ? "'" : "none",
                       (int)(n_value < 100 ? n_value : 100), value, n_value > 0 ? "'" : "");
    buffer_free(&own);
    return ok;
}

/* The next message, which must be of `kind`. */
static bool expect(struct remote *remote, enum wire_kind kind, struct wire_frame *frame,
                   struct error *err)
{
    enum wire_state state = wire_receive(&remote->input, true, frame, err);
    if (state == WIRE_FAILED)
        return false;
    if (state != WIRE_GOT)
        return error_set(err, ERROR_USAGE, "the server closed the connection");
    if (frame->kind == WIRE_FAULT)
        return wire_get_fault(frame, err);
    return frame->kind == kind || error_set(err, ERROR_USAGE, "not a server of this program");
}

/* One of the things that the server says of itself. */
static bool note(struct remote *remote, const struct options *options, const char *name,
                 size_t n_name, const char *value, size_t n_value, struct error *err)
{
    char text[64] = "";
    if (n_name < sizeof text)
        memcpy(text, name, n_name);
    if (strcmp(text, REMOTE_CONFIG) == 0)
        return buffer_append(&remote->config, value, n_value, err);
    const struct option *row = option_find(text);
    return buffer_append(&remote->settings, name, n_name, err) &&
           buffer_append_text(&remote->settings, " = ", err) &&
           buffer_append(&remote->settings, value, n_value, err) &&
           buffer_append_byte(&remote->settings, '\n', err) &&
           (row == NULL || compare(options, row, value, n_value, err));
}

static bool read_hello(struct remote *remote, const struct options *options, struct error *err)
{
    struct wire_frame frame;
    uint32_t version, count;
    if (!expect(remote, WIRE_HELLO, &frame, err) || !wire_get_u32(&frame, &version, err))
        return false;
    if (version != WIRE_VERSION)
        return error_set(err, ERROR_USAGE, "the server is of another version of the program");
    bool ok = wire_get_u32(&frame, &count, err);
    for (uint32_t i = 0; ok && i < count; i++) {
        const char *name, *value;
        size_t n_name, n_value;
        ok = wire_get_text(&frame, &name, &n_name, err) &&
             wire_get_text(&frame, &value, &n_value, err) &&
             note(remote, options, name, n_name, value, n_value, err);
    }
    return ok;
}

static bool say_hello(struct remote *remote, const struct options *options, struct error *err)
{
    const char *from = options->from != NULL ? options->from : "";
    const char *to = options->to != NULL ? options->to : "";
    struct wire_frame frame;
    size_t start;
    if (!wire_begin(&remote->out, WIRE_HELLO, &start, err) ||
        !wire_put_u32(&remote->out, WIRE_VERSION, err) ||
        !wire_put_text(&remote->out, from, strlen(from), err) ||
        !wire_put_text(&remote->out, to, strlen(to), err) || !wire_end(&remote->out, start, err))
        return false;
    /* If the server is gone, what it said last is still to be read. */
    (void)wire_send(remote->descriptor, remote->out.bytes, remote->out.n_bytes);
    return expect(remote, WIRE_READY, &frame, err);
}

bool remote_open(struct remote **out, const struct options *options, struct error *err)
{
    struct sockaddr_un address;
    if (!remote_address(options->socket, &address, err))
        return false;
    struct remote *remote = memory_new(1, sizeof *remote, err);
    if (remote == NULL)
        return false;
    remote->descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    remote->input =
        (struct wire_input){.descriptor = remote->descriptor, .max_bytes = WIRE_MAX_ANSWER};
    bool ok = remote->descriptor >= 0 &&
              connect(remote->descriptor, (struct sockaddr *)&address, sizeof address) == 0;
    if (!ok)
        error_set_errno(err, ERROR_USAGE, errno, "%s: no server", options->socket);
    ok = ok && read_hello(remote, options, err) && say_hello(remote, options, err);
    if (!ok) {
        if (err->code == ERROR_SYSTEM) /* nothing has begun */
            err->code = ERROR_USAGE;
        remote_close(remote);
        return false;
    }
    *out = remote;
    return true;
}

const char *remote_settings(const struct remote *remote)
{
    return remote->settings.bytes;
}

const char *remote_config(const struct remote *remote)
{
    return remote->config.bytes != NULL ? remote->config.bytes : "";
}

bool remote_put(struct remote *remote, const struct dragoman_line *line, struct error *err)
{
    buffer_clear(&remote->out);
    if (!wire_append_line(&remote->out, line, err))
        return false;
    return wire_send(remote->descriptor, remote->out.bytes, remote->out.n_bytes) ||
           error_set(err, ERROR_SYSTEM, "the server takes no more lines");
}

void remote_finish(struct remote *remote)
{
    struct error ignored = {0};
    buffer_clear(&remote->out);
    if (wire_append_empty(&remote->out, WIRE_FINISH, &ignored))
        (void)wire_send(remote->descriptor, remote->out.bytes, remote->out.n_bytes);
}

bool remote_take(struct remote *remote, bool wait, struct dragoman_result **result,
                 struct error *err)
{
    struct wire_frame frame;
    *result = NULL;
    switch (wire_receive(&remote->input, wait, &frame, err)) {
    case WIRE_NOT_YET:
        return true;
    case WIRE_FAILED:
        return false;
    case WIRE_CLOSED:
        return error_set(err, ERROR_SYSTEM, "the server closed the connection");
    case WIRE_GOT:
        break;
    }
    if (frame.kind == WIRE_FAULT)
        return wire_get_fault(&frame, err);
    if (frame.kind != WIRE_RESULT)
        return error_set(err, ERROR_SYSTEM, "not a server of this program");
    return wire_get_result(&frame, result, err);
}

void remote_close(struct remote *remote)
{
    if (remote == NULL)
        return;
    if (remote->descriptor >= 0)
        close(remote->descriptor);
    buffer_free(&remote->input.bytes);
    buffer_free(&remote->out);
    buffer_free(&remote->settings);
    buffer_free(&remote->config);
    memory_free(remote);
}
