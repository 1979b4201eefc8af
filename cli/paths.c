#include "cli/paths.h"

#include "cli/store.h"
#include "model/checksums.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_MODEL "en-de"

static bool is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* The directory of the program, without a '/' at the end; false if /proc does not say. */
static bool program_directory(char out[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", out, PATH_MAX - 1);
    if (length <= 0)
        return false;
    out[length] = '\0';
    char *slash = strrchr(out, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    return true;
}

bool default_model_path(struct buffer *path, struct error *err)
{
    char program[PATH_MAX];
    if (program_directory(program)) {
        static const char *const beside[] = {"../data/", "../share/dragoman/"};
        for (size_t i = 0; i < sizeof beside / sizeof beside[0]; i++) {
            size_t before = path->n_bytes;
            if (!buffer_printf(path, err, "%s/%s%s", program, beside[i], DEFAULT_MODEL))
                return false;
            if (is_directory(path->bytes + before))
                return true;
            path->n_bytes = before;
            path->bytes[before] = '\0';
        }
    }
    if (!buffer_append_text(path, DRAGOMAN_DATA_DIRECTORY "/" DEFAULT_MODEL, err))
        return false;
    return is_directory(path->bytes) ||
           error_set(err, ERROR_MODEL, "%s: the default model is not there (name one with --model)",
                     path->bytes);
}

bool model_path(const char *name, struct buffer *path, struct error *err)
{
    return name == NULL ? default_model_path(path, err) : store_find(name, path, err);
}

bool model_paths_find(struct model_paths *paths, const char *const *names, size_t count,
                      struct error *err)
{
    static const char *const usual[] = {NULL};
    struct buffer path = {0};
    if (count == 0) {
        names = usual;
        count = 1;
    }
    paths->count = 0;
    paths->items = memory_new(count + 1, sizeof *paths->items, err);
    bool ok = paths->items != NULL;
    for (size_t i = 0; ok && i < count; i++) {
        buffer_clear(&path);
        ok = model_path(names[i], &path, err) &&
             (paths->items[i] = memory_text(path.bytes, path.n_bytes, err)) != NULL;
        paths->count += ok ? 1 : 0;
    }
    buffer_free(&path);
    return ok;
}

bool model_paths_verify(const struct model_paths *paths, const struct options *options,
                        struct error *err)
{
    if (options->sha256 != NULL && strcmp(options->sha256, "no") == 0)
        return true;
    if (options->sha256 != NULL && paths->count > 1)
        return error_set(err, ERROR_USAGE, "--sha256: one list, but %zu models", paths->count);
    for (size_t i = 0; i < paths->count; i++)
        if (!checksums_verify(paths->items[i], options->sha256, err))
            return false;
    return true;
}

void model_paths_free(struct model_paths *paths)
{
    for (size_t i = 0; i < paths->count; i++)
        memory_free(paths->items[i]);
    memory_free(paths->items);
    *paths = (struct model_paths){0};
}
