#include "cli/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define CHUNK_BYTES ((size_t)64 << 10)
#define LENGTH_BYTES sizeof(uint32_t)

/* ---- frames -----------------------------------------------------------------------------------
 */

bool wire_begin(struct buffer *out, enum wire_kind kind, size_t *start, struct error *err)
{
    *start = out->n_bytes;
    return wire_put_u32(out, 0, err) && buffer_append_byte(out, (char)kind, err);
}

bool wire_end(struct buffer *out, size_t start, struct error *err)
{
    size_t n_bytes = out->n_bytes - start - LENGTH_BYTES;
    if (n_bytes > WIRE_MAX_ANSWER)
        return error_set(err, ERROR_LIMIT, "a message to or from the server is too long");
    uint32_t length = (uint32_t)n_bytes;
    memcpy(out->bytes + start, &length, sizeof length);
    return true;
}

bool wire_put_u32(struct buffer *out, uint32_t value, struct error *err)
{
    return buffer_append(out, &value, sizeof value, err);
}

bool wire_put_text(struct buffer *out, const char *text, size_t n_bytes, struct error *err)
{
    if (n_bytes > WIRE_MAX_ANSWER)
        return error_set(err, ERROR_LIMIT, "a text to or from the server is too long");
    return wire_put_u32(out, (uint32_t)n_bytes, err) && buffer_append(out, text, n_bytes, err);
}

bool wire_append_empty(struct buffer *out, enum wire_kind kind, struct error *err)
{
    size_t start;
    return wire_begin(out, kind, &start, err) && wire_end(out, start, err);
}

bool wire_append_fault(struct buffer *out, const struct error *fault, struct error *err)
{
    size_t start;
    return wire_begin(out, WIRE_FAULT, &start, err) &&
           wire_put_u32(out, (uint32_t)fault->code, err) &&
           wire_put_text(out, fault->text, strlen(fault->text), err) && wire_end(out, start, err);
}

bool wire_send(int descriptor, const char *bytes, size_t n_bytes)
{
    while (n_bytes > 0) {
        ssize_t sent = send(descriptor, bytes, n_bytes, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        bytes += sent;
        n_bytes -= (size_t)sent;
    }
    return true;
}

/* Whether a whole frame is there; a fault if it is none. */
static bool has_frame(const struct wire_input *input, struct error *err)
{
    size_t n_there = input->bytes.n_bytes - input->at;
    uint32_t length;
    if (n_there < LENGTH_BYTES)
        return false;
    memcpy(&length, input->bytes.bytes + input->at, sizeof length);
    if (length == 0 || length > input->max_bytes)
        return error_set(err, ERROR_SYSTEM, "a message of %u bytes is not of this protocol",
                         length);
    return n_there - LENGTH_BYTES >= length;
}

/* Moves what is left to the front and makes room. Memory grows with what has come, not with what is
 * announced. */
static bool make_room(struct wire_input *input, struct error *err)
{
    size_t n_left = input->bytes.n_bytes - input->at;
    if (input->at > 0) {
        memmove(input->bytes.bytes, input->bytes.bytes + input->at, n_left);
        input->bytes.n_bytes = n_left;
        input->at = 0;
    }
    return buffer_reserve(&input->bytes, CHUNK_BYTES, err);
}

enum wire_state wire_receive(struct wire_input *input, bool wait, struct wire_frame *frame,
                             struct error *err)
{
    while (!has_frame(input, err)) {
        if (err->code != ERROR_NONE || !make_room(input, err))
            return WIRE_FAILED;
        ssize_t got = recv(input->descriptor, input->bytes.bytes + input->bytes.n_bytes,
                           CHUNK_BYTES, wait ? 0 : MSG_DONTWAIT);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && !wait && (errno == EAGAIN || errno == EWOULDBLOCK))
            return WIRE_NOT_YET;
        if (got <= 0)
            return WIRE_CLOSED;
        input->bytes.n_bytes += (size_t)got;
    }
    const char *start = input->bytes.bytes + input->at;
    uint32_t length;
    memcpy(&length, start, sizeof length);
    *frame = (struct wire_frame){.kind = (enum wire_kind)(unsigned char)start[LENGTH_BYTES],
                                 .at = start + LENGTH_BYTES + 1,
                                 .n_left = length - 1};
    input->at += LENGTH_BYTES + length;
    return WIRE_GOT;
}

/* ---- bodies -----------------------------------------------------------------------------------
 */

static bool get(struct wire_frame *frame, void *to, size_t n_bytes, struct error *err)
{
    if (n_bytes > frame->n_left)
        return error_set(err, ERROR_SYSTEM, "a message is shorter than it says");
    memcpy(to, frame->at, n_bytes);
    frame->at += n_bytes;
    frame->n_left -= n_bytes;
    return true;
}

bool wire_get_u32(struct wire_frame *frame, uint32_t *value, struct error *err)
{
    return get(frame, value, sizeof *value, err);
}

bool wire_get_text(struct wire_frame *frame, const char **text, size_t *n_bytes, struct error *err)
{
    uint32_t length;
    if (!wire_get_u32(frame, &length, err))
        return false;
    if (length > frame->n_left)
        return error_set(err, ERROR_SYSTEM, "a message is shorter than it says");
    *text = frame->at;
    *n_bytes = length;
    frame->at += length;
    frame->n_left -= length;
    return true;
}

bool wire_get_fault(struct wire_frame *frame, struct error *fault)
{
    uint32_t code = 0;
    const char *text;
    size_t n_bytes;
    if (!wire_get_u32(frame, &code, fault) || !wire_get_text(frame, &text, &n_bytes, fault))
        return false;
    bool is_known = code > ERROR_NONE && code <= ERROR_INTERNAL;
    return error_set(fault, is_known ? (enum error_code)code : ERROR_SYSTEM, "%.*s",
                     (int)(n_bytes < ERROR_TEXT_BYTES ? n_bytes : ERROR_TEXT_BYTES), text);
}

bool wire_append_line(struct buffer *out, const struct dragoman_line *line, struct error *err)
{
    size_t start;
    if (line->n_bytes > WIRE_MAX_TEXT || line->n_prefix_bytes > WIRE_MAX_TEXT)
        return error_set(err, ERROR_LIMIT, "longer than the %zu bytes a server takes",
                         WIRE_MAX_TEXT);
    return wire_begin(out, WIRE_LINE, &start, err) &&
           buffer_append(out, &line->number, sizeof line->number, err) &&
           wire_put_text(out, line->text, line->n_bytes, err) &&
           wire_put_u32(out, line->prefix != NULL ? 1 : 0, err) &&
           wire_put_text(out, line->prefix, line->prefix != NULL ? line->n_prefix_bytes : 0, err) &&
           wire_end(out, start, err);
}

bool wire_get_line(struct wire_frame *frame, struct dragoman_line *line, struct error *err)
{
    uint32_t has_prefix;
    *line = (struct dragoman_line){0};
    if (!get(frame, &line->number, sizeof line->number, err) ||
        !wire_get_text(frame, &line->text, &line->n_bytes, err) ||
        !wire_get_u32(frame, &has_prefix, err) ||
        !wire_get_text(frame, &line->prefix, &line->n_prefix_bytes, err))
        return false;
    if (has_prefix == 0)
        line->prefix = NULL;
    return (line->n_bytes <= WIRE_MAX_TEXT && line->n_prefix_bytes <= WIRE_MAX_TEXT) ||
           error_set(err, ERROR_LIMIT, "longer than the %zu bytes a server takes", WIRE_MAX_TEXT);
}
