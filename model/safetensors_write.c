#include "model/safetensors_write.h"

#include "base/checked.h"
#include "base/utf8.h"
#include "model/tensors_build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_ALIGNMENT 8

struct declared {
    char *name;
    enum tensor_type type;
    size_t rank, shape[TENSOR_MAX_RANK];
    size_t n_bytes;
    size_t offset;  /* of its values in the file, once the header is written */
    size_t written; /* bytes of them */
};

struct safetensors_writer {
    int descriptor;
    bool replace;
    bool begun;
    char *path, *temporary;
    struct declared *tensors;
    size_t count, capacity;
};

/* path + ".partial", beside the file so that rename() stays on one file system. */
static bool open_temporary(struct safetensors_writer *writer, struct error *err)
{
    struct buffer name = {0};
    if (!buffer_printf(&name, err, "%s.partial", writer->path))
        return false;
    writer->temporary = name.bytes;
    writer->descriptor =
        open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (writer->descriptor >= 0)
        return true;
    int fault = errno;
    error_set_errno(err, ERROR_OUTPUT, fault, "%s", writer->temporary);
    memory_free(writer->temporary); /* it is not ours to remove */
    writer->temporary = NULL;
    return false;
}

bool safetensors_writer_open(struct safetensors_writer **out, const char *path, bool replace,
                             struct error *err)
{
    struct stat status;
    if (!replace && lstat(path, &status) == 0)
        return error_set_errno(err, ERROR_OUTPUT, EEXIST, "%s", path);
    struct safetensors_writer *writer = memory_new(1, sizeof *writer, err);
    if (writer == NULL)
        return false;
    writer->descriptor = -1;
    writer->replace = replace;
    writer->path = memory_text(path, strlen(path), err);
    if (writer->path == NULL || !open_temporary(writer, err)) {
        safetensors_writer_close(writer, false, NULL);
        return false;
    }
    *out = writer;
    return true;
}

static bool name_is_good(const char *name)
{
    size_t n_name = strlen(name);
    return n_name > 0 && n_name <= TENSOR_MAX_NAME && utf8_valid(name, n_name, NULL) &&
           strcmp(name, "__metadata__") != 0;
}

bool safetensors_writer_declare(struct safetensors_writer *writer, const char *name,
                                enum tensor_type type, size_t rank, const size_t *shape,
                                size_t *index, struct error *err)
{
    struct declared t = {.type = type, .rank = rank};
    size_t n_elements;
    if (writer->begun || !name_is_good(name) || type == TENSOR_INTGEMM8 || rank > TENSOR_MAX_RANK)
        return error_set(err, ERROR_INTERNAL, "tensor '%.128s' cannot be written", name);
    for (size_t i = 0; i < rank; i++)
        t.shape[i] = shape[i];
    if (!tensor_count_elements(shape, rank, &n_elements) ||
        !checked_mul(n_elements, tensor_type_bytes(type), &t.n_bytes))
        return error_set(err, ERROR_INTERNAL, "tensor '%.128s': its size overflows", name);
    if (writer->count == TENSORS_MAX_COUNT)
        return error_set(err, ERROR_OUTPUT, "%s: more than %d tensors", writer->path,
                         TENSORS_MAX_COUNT);
    if (writer->count == writer->capacity) {
        size_t capacity = writer->capacity != 0 ? 2 * writer->capacity : 64;
        if (!memory_resize(&writer->tensors, writer->count, capacity, sizeof *writer->tensors, err))
            return false;
        writer->capacity = capacity;
    }
    t.name = memory_text(name, strlen(name), err);
    if (t.name == NULL)
        return false;
    *index = writer->count;
    writer->tensors[writer->count++] = t;
    return true;
}

/* Large elements first, so that each is aligned to its own size; then by name. */
static int by_size_and_name(const void *a, const void *b, void *tensors)
{
    const struct declared *first = (const struct declared *)tensors + *(const uint32_t *)a;
    const struct declared *second = (const struct declared *)tensors + *(const uint32_t *)b;
    size_t first_size = tensor_type_bytes(first->type);
    size_t second_size = tensor_type_bytes(second->type);
    if (first_size != second_size)
        return first_size > second_size ? -1 : 1;
    return strcmp(first->name, second->name);
}

static int by_name(const void *a, const void *b, void *tensors)
{
    const struct declared *t = tensors;
    return strcmp(t[*(const uint32_t *)a].name, t[*(const uint32_t *)b].name);
}

static bool put_json_string(struct buffer *out, const char *text, struct error *err)
{
    if (!buffer_append_byte(out, '"', err))
        return false;
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        bool ok = byte < 0x20
                      ? buffer_printf(out, err, "\\u%04x", byte)
                      : ((byte != '"' && byte != '\\') || buffer_append_byte(out, '\\', err)) &&
                            buffer_append_byte(out, *text, err);
        if (!ok)
            return false;
    }
    return buffer_append_byte(out, '"', err);
}

static bool put_entry(struct buffer *header, const struct declared *t, size_t begin,
                      struct error *err)
{
    if (!buffer_append_byte(header, ',', err) || !put_json_string(header, t->name, err) ||
        !buffer_printf(header, err, ":{\"dtype\":\"%s\",\"shape\":[", tensor_type_name(t->type)))
        return false;
    for (size_t i = 0; i < t->rank; i++)
        if (!buffer_printf(header, err, i > 0 ? ",%zu" : "%zu", t->shape[i]))
            return false;
    return buffer_printf(header, err, "],\"data_offsets\":[%zu,%zu]}", begin, begin + t->n_bytes);
}

static bool write_at(struct safetensors_writer *writer, const void *bytes, size_t n_bytes,
                     size_t offset, struct error *err)
{
    size_t done = 0;
    while (done < n_bytes) {
        ssize_t written = pwrite(writer->descriptor, (const char *)bytes + done, n_bytes - done,
                                 (off_t)(offset + done));
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_set_errno(err, ERROR_OUTPUT, errno, "%s", writer->temporary);
        done += (size_t)written;
    }
    return true;
}

/* The header's text in `header`, and the place of every tensor relative to the data. */
static bool build_header(struct safetensors_writer *writer, const uint32_t *order,
                         struct buffer *header, struct error *err)
{
    size_t at = 0;
    if (!buffer_append_text(header, "{\"__metadata__\":{\"format\":\"pt\"}", err))
        return false;
    for (size_t i = 0; i < writer->count; i++) {
        struct declared *t = &writer->tensors[order[i]];
        t->offset = at;
        if (!checked_add(at, t->n_bytes, &at))
            return error_set(err, ERROR_OUTPUT, "%s: the size overflows", writer->path);
        if (!put_entry(header, t, t->offset, err))
            return false;
    }
    if (!buffer_append_byte(header, '}', err))
        return false;
    while (header->n_bytes % HEADER_ALIGNMENT != 0)
        if (!buffer_append_byte(header, ' ', err))
            return false;
    return header->n_bytes <= TENSORS_MAX_HEADER ||
           error_set(err, ERROR_OUTPUT, "%s: the header is larger than %zu MiB", writer->path,
                     TENSORS_MAX_HEADER >> 20);
}

static bool sort_declared(const struct safetensors_writer *writer, uint32_t *order,
                          struct error *err)
{
    for (size_t i = 0; i < writer->count; i++)
        order[i] = (uint32_t)i;
    qsort_r(order, writer->count, sizeof *order, by_name, writer->tensors);
    for (size_t i = 1; i < writer->count; i++)
        if (strcmp(writer->tensors[order[i - 1]].name, writer->tensors[order[i]].name) == 0)
            return error_set(err, ERROR_INTERNAL, "tensor '%.128s' is declared twice",
                             writer->tensors[order[i]].name);
    qsort_r(order, writer->count, sizeof *order, by_size_and_name, writer->tensors);
    return true;
}

bool safetensors_writer_begin(struct safetensors_writer *writer, struct error *err)
{
    struct buffer header = {0};
    uint32_t *order = memory_new(writer->count, sizeof *order, err);
    bool ok = order != NULL && sort_declared(writer, order, err) &&
              build_header(writer, order, &header, err);
    if (ok) {
        uint64_t length = header.n_bytes;
        size_t data = sizeof length + header.n_bytes; /* at most 16 MiB */
        for (size_t i = 0; ok && i < writer->count; i++)
            ok = checked_add(writer->tensors[i].offset, data, &writer->tensors[i].offset) ||
                 error_set(err, ERROR_OUTPUT, "%s: the size overflows", writer->path);
        ok = ok && write_at(writer, &length, sizeof length, 0, err) &&
             write_at(writer, header.bytes, header.n_bytes, sizeof length, err);
    }
    writer->begun = ok;
    buffer_free(&header);
    memory_free(order);
    return ok;
}

bool safetensors_writer_put(struct safetensors_writer *writer, size_t index, const void *values,
                            size_t n_bytes, struct error *err)
{
    if (!writer->begun || index >= writer->count)
        return error_set(err, ERROR_INTERNAL, "%s: values for no tensor", writer->path);
    struct declared *t = &writer->tensors[index];
    if (n_bytes > t->n_bytes - t->written)
        return error_set(err, ERROR_INTERNAL, "tensor '%.128s': more values than its shape has",
                         t->name);
    if (!write_at(writer, values, n_bytes, t->offset + t->written, err))
        return false;
    t->written += n_bytes;
    return true;
}

/* Makes a rename last: syncs the directory that holds `path`. */
static bool sync_directory(const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
    char *directory = memory_text(slash == NULL ? "." : path, length, err);
    if (directory == NULL)
        return false;
    int descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = descriptor >= 0 && fsync(descriptor) == 0;
    if (!ok)
        error_set_errno(err, ERROR_OUTPUT, errno, "%s", directory);
    if (descriptor >= 0)
        close(descriptor);
    memory_free(directory);
    return ok;
}

/* Gives the file its name. */
static bool publish(struct safetensors_writer *writer, struct error *err)
{
    unsigned flags = writer->replace ? 0 : RENAME_NOREPLACE;
    bool done =
        renameat2(AT_FDCWD, writer->temporary, AT_FDCWD, writer->path, flags) == 0 ||
        /* A file system that knows no flags; that the name was free was checked at the start. */
        (errno == EINVAL && rename(writer->temporary, writer->path) == 0);
    if (!done)
        return error_set_errno(err, ERROR_OUTPUT, errno, "%s", writer->path);
    memory_free(writer->temporary);
    writer->temporary = NULL;
    return sync_directory(writer->path, err);
}

static bool commit_file(struct safetensors_writer *writer, struct error *err)
{
    if (!writer->begun)
        return error_set(err, ERROR_INTERNAL, "%s: no header was written", writer->path);
    for (size_t i = 0; i < writer->count; i++)
        if (writer->tensors[i].written != writer->tensors[i].n_bytes)
            return error_set(err, ERROR_INTERNAL, "tensor '%.128s': %zu of %zu bytes were put",
                             writer->tensors[i].name, writer->tensors[i].written,
                             writer->tensors[i].n_bytes);
    if (fsync(writer->descriptor) != 0)
        return error_set_errno(err, ERROR_OUTPUT, errno, "%s", writer->temporary);
    int descriptor = writer->descriptor;
    writer->descriptor = -1;
    if (close(descriptor) != 0)
        return error_set_errno(err, ERROR_OUTPUT, errno, "%s", writer->temporary);
    return publish(writer, err);
}

bool safetensors_writer_close(struct safetensors_writer *writer, bool commit, struct error *err)
{
    if (writer == NULL)
        return true;
    bool ok = !commit || commit_file(writer, err);
    if (writer->descriptor >= 0)
        close(writer->descriptor);
    if (writer->temporary != NULL)
        unlink(writer->temporary);
    for (size_t i = 0; i < writer->count; i++)
        memory_free(writer->tensors[i].name);
    memory_free(writer->tensors);
    memory_free(writer->temporary);
    memory_free(writer->path);
    memory_free(writer);
    return ok;
}
