#include "cli/lines.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES ((size_t)64 << 10)

struct line_input {
    int descriptor;
    bool is_standard;
    bool at_end;
    char *name;
    struct line_input_options options;
    struct buffer buffer;     /* bytes [start, buffer.n_bytes) are not yet given out */
    size_t start;             /* where the next line begins */
    size_t searched;          /* no terminator in [start, searched) */
    uint64_t n_lines, n_read; /* lines given out, bytes read */
    struct stat status;
};

bool line_input_open(struct line_input **input, const char *path,
                     const struct line_input_options *options, struct error *err)
{
    bool is_standard = strcmp(path, "-") == 0;
    const char *name = is_standard ? "standard input" : path;
    struct line_input *in = memory_new(1, sizeof *in, err);
    if (in == NULL)
        return false;
    in->is_standard = is_standard;
    in->options = *options;
    in->descriptor = -1;
    in->name = memory_text(name, strlen(name), err);
    if (in->name == NULL) {
        line_input_close(in);
        return false;
    }
    do {
        in->descriptor = is_standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    } while (in->descriptor < 0 && errno == EINTR);
    if (in->descriptor < 0 || fstat(in->descriptor, &in->status) != 0) {
        error_set_errno(err, ERROR_INPUT, errno, "%s", name);
        line_input_close(in);
        return false;
    }
    if (S_ISDIR(in->status.st_mode)) {
        error_set_errno(err, ERROR_INPUT, EISDIR, "%s", name);
        line_input_close(in);
        return false;
    }
    *input = in;
    return true;
}

void line_input_close(struct line_input *input)
{
    if (input == NULL)
        return;
    if (input->descriptor >= 0 && !input->is_standard)
        close(input->descriptor);
    buffer_free(&input->buffer);
    memory_free(input->name);
    memory_free(input);
}

const char *line_input_name(const struct line_input *input)
{
    return input->name;
}

void line_input_stat(const struct line_input *input, struct stat *status)
{
    *status = input->status;
}

uint64_t line_input_position(const struct line_input *input)
{
    return input->n_read;
}

uint64_t line_input_size(const struct line_input *input)
{
    return S_ISREG(input->status.st_mode) ? (uint64_t)input->status.st_size : 0;
}

bool line_input_ready(const struct line_input *input)
{
    size_t left = input->buffer.n_bytes - input->start;
    if (input->at_end || (left > 0 && memchr(input->buffer.bytes + input->start,
                                             input->options.terminator, left) != NULL))
        return true;
    struct pollfd now = {.fd = input->descriptor, .events = POLLIN};
    return poll(&now, 1, 0) > 0;
}

/* Reads once into the buffer; at_end is set at the end of the file. */
static bool read_more(struct line_input *in, struct error *err)
{
    /* What was given out makes room; a line is moved at most once for each time the buffer fills.
     */
    if (in->start > 0) {
        size_t left = in->buffer.n_bytes - in->start;
        memmove(in->buffer.bytes, in->buffer.bytes + in->start, left);
        in->buffer.n_bytes = left;
        in->searched -= in->start;
        in->start = 0;
    }
    if (!buffer_reserve(&in->buffer, READ_BYTES, err))
        return false;
    for (;;) {
        ssize_t got = read(in->descriptor, in->buffer.bytes + in->buffer.n_bytes, READ_BYTES);
        if (got > 0) {
            in->buffer.n_bytes += (size_t)got;
            in->n_read += (size_t)got;
            return true;
        }
        if (got == 0) {
            in->at_end = true;
            return true;
        }
        if (errno == EAGAIN) {
            struct pollfd wait = {.fd = in->descriptor, .events = POLLIN};
            poll(&wait, 1, -1);
        } else if (errno != EINTR) {
            return error_set_errno(err, ERROR_INPUT, errno, "%s", in->name);
        }
    }
}

static enum line_state give(struct line_input *in, struct line *line, size_t n_bytes,
                            bool is_terminated, struct error *err)
{
    const char *bytes = in->buffer.bytes + in->start;
    *line = (struct line){.number = in->n_lines + 1};
    size_t length = n_bytes;
    if (is_terminated && in->options.terminator == '\n' && length > 0 &&
        bytes[length - 1] == '\r') {
        line->has_carriage_return = true;
        length--;
    }
    if (in->n_lines == 0 && length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
        line->has_byte_order_mark = true;
        bytes += 3;
        length -= 3;
    }
    if (length > in->options.max_bytes) {
        error_set(err, ERROR_INPUT, "%s: line %llu: longer than %zu bytes (see --max-line)",
                  in->name, (unsigned long long)line->number, in->options.max_bytes);
        return LINE_FAILED;
    }
    line->bytes = bytes;
    line->n_bytes = length;
    in->start += n_bytes + (is_terminated ? 1 : 0);
    in->searched = in->start;
    in->n_lines++;
    return LINE_READ;
}

enum line_state line_input_next(struct line_input *input, struct line *line, struct error *err)
{
    for (;;) {
        size_t unsearched = input->buffer.n_bytes - input->searched;
        const char *end = unsearched == 0 ? NULL
                                          : memchr(input->buffer.bytes + input->searched,
                                                   input->options.terminator, unsearched);
        if (end != NULL)
            return give(input, line, (size_t)(end - input->buffer.bytes) - input->start, true, err);
        input->searched = input->buffer.n_bytes;
        size_t left = input->buffer.n_bytes - input->start;
        if (input->at_end)
            return left == 0 ? LINE_END : give(input, line, left, false, err);
        /* A line that is already too long is not read to its end; 4: a mark and a "\r". */
        if (left > input->options.max_bytes && left - input->options.max_bytes > 4)
            return give(input, line, left, false, err);
        if (!read_more(input, err))
            return LINE_FAILED;
    }
}
