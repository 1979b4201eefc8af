/* file.h - opening and reading model files: once, whole, never mapped, never a device.
 *
 * A file that is mapped and then truncated kills the process; a FIFO opened for reading hangs it.
 * So files are opened non-blocking, must be regular, are measured by fstat on that descriptor, read
 * with pread, and checked at the end not to have changed.
 *
 *     struct file file;
 *     if (!file_open(&file, directory_path, "config.json", 1 << 20, &err)) ...
 *     if (!file_read(&file, 0, buffer, file.n_bytes, &err)) ...
 *     if (!file_close(&file, &err)) ...                         (says "changed while reading") */
#ifndef DRAGOMAN_BASE_FILE_H
#define DRAGOMAN_BASE_FILE_H

#include "base/memory.h"

struct file {
    int descriptor; /* -1 when closed */
    size_t n_bytes;
    int64_t modified_seconds, modified_nanoseconds; /* as at open */
    char name[256];                                 /* for messages: the path, cut at the front */
};

/* Opens directory/name (or `name` alone if directory is NULL). Faults, as ERROR_MODEL: no such
 * file, permission, "not a regular file", "empty file", "larger than ...". max_bytes 0 means no
 * limit. */
bool file_open(struct file *file, const char *directory, const char *name, size_t max_bytes,
               struct error *err);

/* True if directory/name exists (of whatever type). */
bool file_exists(const char *directory, const char *name);

/* Reads exactly n_bytes at offset, retrying short reads and EINTR. "truncated" if the file ends
 * before. */
bool file_read(const struct file *file, size_t offset, void *out, size_t n_bytes,
               struct error *err);

/* Closes; false if size or modification time are no longer those of file_open ("changed while
 * reading"). */
bool file_close(struct file *file, struct error *err);

/* The whole of a small file, NUL-terminated, for memory_free(). */
char *file_load(const char *directory, const char *name, size_t max_bytes, size_t *n_bytes,
                struct error *err);

/* The same for a list that the user names, which may be a pipe or a terminal: read to its end.
 * Faults are ERROR_USAGE: the path is an option's. */
char *file_load_stream(const char *path, size_t max_bytes, size_t *n_bytes, struct error *err);

/* A file name taken from inside a model file: plain name, no '/', not "." or "..", no NUL, <= 255
 * bytes. */
bool file_name_is_plain(const char *name, size_t n_bytes);

#endif
