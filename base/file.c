#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4096

/* directory/name in `out`; false if it does not fit or the name is empty. */
static bool join(char out[PATH_BYTES], const char *directory, const char *name)
{
    int length = directory != NULL ? snprintf(out, PATH_BYTES, "%s/%s", directory, name)
                                   : snprintf(out, PATH_BYTES, "%s", name);
    return length > 0 && length < PATH_BYTES;
}

/* The end of a long path says more than its beginning. */
static void name_for_messages(struct file *file, const char *path)
{
    size_t length = strlen(path);
    size_t room = sizeof file->name - 1;
    if (length <= room)
        memcpy(file->name, path, length + 1);
    else
        snprintf(file->name, sizeof file->name, "...%s", path + length - (room - 3));
}

static bool check_kind(struct file *file, const struct stat *status, size_t max_bytes,
                       struct error *err)
{
    if (!S_ISREG(status->st_mode))
        return error_set(err, ERROR_MODEL, "%s: not a regular file", file->name);
    if (status->st_size == 0)
        return error_set(err, ERROR_MODEL, "%s: empty file", file->name);
    if (max_bytes != 0 && (uint64_t)status->st_size > max_bytes) {
        if (max_bytes >= (size_t)1 << 20)
            return error_set(err, ERROR_MODEL, "%s: larger than %zu MiB", file->name,
                             max_bytes >> 20);
        return error_set(err, ERROR_MODEL, "%s: larger than %zu bytes", file->name, max_bytes);
    }
    return true;
}

bool file_open(struct file *file, const char *directory, const char *name, size_t max_bytes,
               struct error *err)
{
    char path[PATH_BYTES];
    file->descriptor = -1;
    if (!join(path, directory, name))
        return error_set(err, ERROR_MODEL, "%s: the path is empty or too long", name);
    name_for_messages(file, path);
    int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (descriptor < 0)
        return error_set_errno(err, ERROR_MODEL, errno, "%s", file->name);
    struct stat status;
    if (fstat(descriptor, &status) != 0) {
        error_set_errno(err, ERROR_MODEL, errno, "%s", file->name);
        close(descriptor);
        return false;
    }
    if (!check_kind(file, &status, max_bytes, err)) {
        close(descriptor);
        return false;
    }
    file->descriptor = descriptor;
    file->n_bytes = (size_t)status.st_size;
    file->modified_seconds = status.st_mtim.tv_sec;
    file->modified_nanoseconds = status.st_mtim.tv_nsec;
    return true;
}

bool file_exists(const char *directory, const char *name)
{
    char path[PATH_BYTES];
    struct stat status;
    return join(path, directory, name) && lstat(path, &status) == 0;
}

bool file_read(const struct file *file, size_t offset, void *out, size_t n_bytes, struct error *err)
{
    size_t done = 0;
    while (done < n_bytes) {
        ssize_t got =
            pread(file->descriptor, (char *)out + done, n_bytes - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set_errno(err, ERROR_MODEL, errno, "%s", file->name);
        if (got == 0)
            return error_set(err, ERROR_MODEL,
                             "%s: truncated: it ends at byte %zu, %zu more are needed", file->name,
                             offset + done, n_bytes - done);
        done += (size_t)got;
    }
    return true;
}

bool file_close(struct file *file, struct error *err)
{
    if (file->descriptor < 0)
        return true;
    struct stat status;
    bool same = fstat(file->descriptor, &status) == 0 &&
                (uint64_t)status.st_size == file->n_bytes &&
                status.st_mtim.tv_sec == file->modified_seconds &&
                status.st_mtim.tv_nsec == file->modified_nanoseconds;
    close(file->descriptor);
    file->descriptor = -1;
    return same || error_set(err, ERROR_MODEL, "%s: changed while reading", file->name);
}

char *file_load(const char *directory, const char *name, size_t max_bytes, size_t *n_bytes,
                struct error *err)
{
    struct file file;
    if (!file_open(&file, directory, name, max_bytes, err))
        return NULL;
    char *bytes = memory_new_raw(file.n_bytes + 1, 1, err);
    if (bytes != NULL && !file_read(&file, 0, bytes, file.n_bytes, err)) {
        memory_free(bytes);
        bytes = NULL;
    }
    if (!file_close(&file, err)) {
        memory_free(bytes);
        return NULL;
    }
    if (bytes != NULL) {
        bytes[file.n_bytes] = '\0';
        *n_bytes = file.n_bytes;
    }
    return bytes;
}

/* Reads to the end, or until there is more than max_bytes. */
static bool read_to_end(int descriptor, struct buffer *out, size_t max_bytes, const char *path,
                        struct error *err)
{
    char block[1 << 14];
    for (;;) {
        ssize_t got = read(descriptor, block, sizeof block);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set_errno(err, ERROR_USAGE, errno, "%s", path);
        if (got == 0)
            return true;
        if ((size_t)got > max_bytes - out->n_bytes)
            return error_set(err, ERROR_USAGE, "%s: larger than %zu MiB", path, max_bytes >> 20);
        if (!buffer_append(out, block, (size_t)got, err))
            return false;
    }
}

char *file_load_stream(const char *path, size_t max_bytes, size_t *n_bytes, struct error *err)
{
    struct buffer out = {0};
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (descriptor < 0) {
        error_set_errno(err, ERROR_USAGE, errno, "%s", path);
        return NULL;
    }
    bool ok = buffer_reserve(&out, 0, err) && read_to_end(descriptor, &out, max_bytes, path, err);
    close(descriptor);
    if (!ok) {
        buffer_free(&out);
        return NULL;
    }
    *n_bytes = out.n_bytes;
    return out.bytes;
}

bool file_name_is_plain(const char *name, size_t n_bytes)
{
    if (n_bytes == 0 || n_bytes > 255 || memchr(name, '/', n_bytes) != NULL ||
        memchr(name, '\0', n_bytes) != NULL)
        return false;
    return !(n_bytes == 1 && name[0] == '.') && !(n_bytes == 2 && name[0] == '.' && name[1] == '.');
}
