#include "cli/lines.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FULL_BYTES ((size_t)64 << 10)

/* The lock is held while bytes move, never while we wait for a reader: the thread that handles
 * signals must get it at once. */
struct line_output {
    int descriptor;
    bool is_file; /* opened by us */
    bool is_regular;
    bool is_abandoned;
    char terminator;
    char *name;
    struct buffer pending; /* bytes [written, n_bytes) are not yet with the kernel */
    size_t written;
    uint64_t n_records; /* whole ones that are with the kernel */
    pthread_mutex_t lock;
};

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool line_output_check(const char *path, const struct line_output_options *options,
                       const char *const *inputs, size_t n_inputs, struct error *err)
{
    struct stat out;
    if ((path != NULL ? stat(path, &out) : fstat(STDOUT_FILENO, &out)) != 0) {
        if (path == NULL || errno == ENOENT)
            return true; /* writing will tell */
        return error_set_errno(err, ERROR_USAGE, errno, "%s", path);
    }
    if (path != NULL && S_ISDIR(out.st_mode))
        return error_set_errno(err, ERROR_USAGE, EISDIR, "%s", path);
    if (!S_ISREG(out.st_mode))
        return true;
    for (size_t i = 0; i < n_inputs; i++) {
        struct stat in;
        bool known =
            strcmp(inputs[i], "-") == 0 ? fstat(STDIN_FILENO, &in) == 0 : stat(inputs[i], &in) == 0;
        if (known && is_same_file(&in, &out) && (path != NULL || out.st_size > 0))
            return error_set(err, ERROR_USAGE, "%s: input file is output file", inputs[i]);
    }
    if (path != NULL && out.st_size > 0 && !options->force && !options->is_resumed)
        return error_set(err, ERROR_USAGE,
                         "%s: exists and is not empty (--force replaces it, --resume goes on)",
                         path);
    return true;
}

static void output_free(struct line_output *out)
{
    if (out->is_file && out->descriptor >= 0)
        close(out->descriptor);
    buffer_free(&out->pending);
    memory_free(out->name);
    pthread_mutex_destroy(&out->lock);
    memory_free(out);
}

/* Tells a file that was there from one that is made. */
static int open_or_create(const char *path, bool *is_new)
{
    const int flags = O_WRONLY | O_CLOEXEC | O_NOCTTY;
    *is_new = false;
    int descriptor = open(path, flags);
    if (descriptor >= 0 || errno != ENOENT)
        return descriptor;
    descriptor = open(path, flags | O_CREAT | O_EXCL, 0666);
    *is_new = descriptor >= 0;
    if (descriptor >= 0 || errno != EEXIST)
        return descriptor;
    return open(path, flags | O_CREAT, 0666); /* a link that leads to nothing yet */
}

static bool open_file(struct line_output *out, const char *path,
                      const struct line_output_options *options, bool *is_new, struct error *err)
{
    do {
        out->descriptor = open_or_create(path, is_new);
    } while (out->descriptor < 0 && errno == EINTR);
    struct stat status;
    if (out->descriptor < 0 || fstat(out->descriptor, &status) != 0)
        return error_set_errno(err, ERROR_OUTPUT, errno, "%s", path);
    out->is_regular = S_ISREG(status.st_mode);
    return !out->is_regular || status.st_size == 0 || options->is_resumed || options->force ||
           error_set(err, ERROR_USAGE,
                     "%s: exists and is not empty (--force replaces it, --resume goes on)", path);
}

bool line_output_begin(struct line_output *output, const struct line_output_options *options,
                       struct error *err)
{
    struct stat status;
    if (!output->is_file || !output->is_regular ||
        (fstat(output->descriptor, &status) == 0 && status.st_size == 0))
        return true;
    uint64_t keep_bytes = options->is_resumed ? options->keep_bytes : 0;
    return (ftruncate(output->descriptor, (off_t)keep_bytes) == 0 &&
            lseek(output->descriptor, 0, SEEK_END) >= 0) ||
           error_set_errno(err, ERROR_OUTPUT, errno, "%s", output->name);
}

bool line_output_open(struct line_output **output, const char *path,
                      const struct line_output_options *options, bool *is_new, struct error *err)
{
    bool unasked = false;
    struct line_output *out = memory_new(1, sizeof *out, err);
    is_new = is_new != NULL ? is_new : &unasked;
    *is_new = false;
    if (out == NULL)
        return false;
    const char *name = path != NULL ? path : "standard output";
    pthread_mutex_init(&out->lock, NULL);
    out->terminator = options->terminator;
    out->is_file = path != NULL;
    out->descriptor = path != NULL ? -1 : STDOUT_FILENO;
    out->name = memory_text(name, strlen(name), err);
    struct stat status;
    if (path == NULL)
        out->is_regular = fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode);
    if (out->name == NULL || (path != NULL && !open_file(out, path, options, is_new, err))) {
        output_free(out);
        return false;
    }
    *output = out;
    return true;
}

/* How much to write at once: all of it to a file. To anything that can block no more than a pipe
 * takes at once (so that write() neither waits nor is torn), and to the end of a record if one
 * fits.
 */
static size_t chunk(const struct line_output *out)
{
    const char *at = out->pending.bytes + out->written;
    size_t left = out->pending.n_bytes - out->written;
    if (out->is_regular || left <= PIPE_BUF)
        return left;
    const char *end = memrchr(at, out->terminator, PIPE_BUF);
    return end != NULL ? (size_t)(end - at) + 1 : PIPE_BUF;
}

/* After a failed write: cuts a torn record off the end of a regular file, if the end is ours. */
static void cut_torn_record(const struct line_output *out)
{
    const char *from = out->pending.bytes;
    const char *end = out->written > 0 ? memrchr(from, out->terminator, out->written) : NULL;
    size_t torn = out->written - (end != NULL ? (size_t)(end - from) + 1 : 0);
    struct stat status;
    off_t position = lseek(out->descriptor, 0, SEEK_CUR);
    if (torn == 0 || position < (off_t)torn || fstat(out->descriptor, &status) != 0 ||
        status.st_size != position)
        return;
    if (ftruncate(out->descriptor, position - (off_t)torn) == 0)
        lseek(out->descriptor, position - (off_t)torn, SEEK_SET);
}

/* One write(); with the lock held. 1: go on, 0: the reader must be waited for, -1: fault, in errno.
 */
static int write_once(struct line_output *out)
{
    ssize_t written = write(out->descriptor, out->pending.bytes + out->written, chunk(out));
    if (written >= 0) {
        const char *at = out->pending.bytes + out->written;
        const char *end = at + written;
        for (; (at = memchr(at, out->terminator, (size_t)(end - at))) != NULL; at++)
            out->n_records++;
        out->written += (size_t)written;
        return 1;
    }
    if (errno == EINTR)
        return 1;
    return errno == EAGAIN ? 0 : -1;
}

/* The lock, unless the process is ending: then this thread has nothing to do any more. */
static void lock(struct line_output *out)
{
    pthread_mutex_lock(&out->lock);
    while (out->is_abandoned) {
        pthread_mutex_unlock(&out->lock);
        poll(NULL, 0, 1000);
        pthread_mutex_lock(&out->lock);
    }
}

bool line_output_flush(struct line_output *output, struct error *err)
{
    struct pollfd room = {.fd = output->descriptor, .events = POLLOUT};
    bool must_wait = !output->is_regular;
    for (;;) {
        lock(output);
        bool is_done = output->written == output->pending.n_bytes;
        if (is_done) {
            output->written = 0;
            buffer_clear(&output->pending);
        }
        pthread_mutex_unlock(&output->lock);
        if (is_done)
            return true;
        if (must_wait)
            poll(&room, 1, -1);
        lock(output);
        int state = write_once(output);
        int number = errno;
        if (state < 0) {
            if (output->is_regular)
                cut_torn_record(output);
            /* What could not be written is not tried again. */
            output->written = 0;
            buffer_clear(&output->pending);
        }
        pthread_mutex_unlock(&output->lock);
        if (state < 0)
            return error_set_errno(err, ERROR_OUTPUT, number, "%s", output->name);
        must_wait = !output->is_regular || state == 0;
    }
}

uint64_t line_output_count(const struct line_output *output)
{
    return output->n_records;
}

bool line_output_add(struct line_output *output, const char *bytes, size_t n_bytes,
                     struct error *err)
{
    lock(output);
    bool ok = buffer_append(&output->pending, bytes, n_bytes, err);
    bool is_full = output->pending.n_bytes >= FULL_BYTES;
    pthread_mutex_unlock(&output->lock);
    return ok && (!is_full || line_output_flush(output, err));
}

static int64_t now_milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void line_output_abandon(struct line_output *output, int milliseconds)
{
    int64_t until = now_milliseconds() + milliseconds;
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_nsec += (long)milliseconds * 1000000;
    deadline.tv_sec += deadline.tv_nsec / 1000000000;
    deadline.tv_nsec %= 1000000000;
    if (pthread_mutex_timedlock(&output->lock, &deadline) != 0)
        return;
    output->is_abandoned = true;
    struct pollfd room = {.fd = output->descriptor, .events = POLLOUT};
    while (output->written < output->pending.n_bytes) {
        int64_t left = until - now_milliseconds();
        if (left < 0 || (!output->is_regular && poll(&room, 1, (int)left) <= 0) ||
            write_once(output) < 0)
            break;
    }
    pthread_mutex_unlock(&output->lock);
}

bool line_output_close(struct line_output *output, struct error *err)
{
    bool ok = line_output_flush(output, err);
    int number = 0;
    if (ok && output->is_file && output->is_regular && fsync(output->descriptor) != 0 &&
        errno != EINVAL && errno != EROFS)
        number = errno;
    /* NFS and quotas report here; EINTR leaves the descriptor closed on Linux. */
    if (close(output->descriptor) != 0 && errno != EINTR && number == 0 && ok)
        number = errno;
    output->descriptor = -1;
    if (number != 0)
        ok = error_set_errno(err, ERROR_OUTPUT, number, "%s", output->name);
    output_free(output);
    return ok;
}
