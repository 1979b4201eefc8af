#include "cli/confine.h"

#include "base/sandbox.h"
#include "base/threads.h"
#include "cli/store.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

/* In the order of the option's words. */
static const enum sandbox_mode modes[] = {SANDBOX_AUTO, SANDBOX_REQUIRE, SANDBOX_OFF};

bool can_confine(const struct options *options, struct error *err)
{
    if (modes[options->sandbox] != SANDBOX_REQUIRE)
        return true;
    const char *available = sandbox_available();
    return strstr(available, "seccomp") != NULL ||
           error_set(err, ERROR_LIMIT, "--sandbox=require: this system has none (%s)", available);
}

/* ---- lists of paths ---------------------------------------------------------------------------
 */

/* Ends with NULL, as the sandbox wants it. */
struct path_list {
    char **items; /* [capacity] */
    size_t count, capacity;
};

static void path_list_free(struct path_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        memory_free(list->items[i]);
    memory_free(list->items);
}

static const char *const *path_list_items(const struct path_list *list)
{
    return (const char *const *)list->items;
}

/* A copy of `path`, if there is something. */
static bool path_list_add(struct path_list *list, const char *path, size_t length,
                          struct error *err)
{
    struct stat status;
    char *copy = memory_text(path, length, err);
    if (copy == NULL)
        return false;
    if (stat(copy, &status) != 0) {
        memory_free(copy);
        return true;
    }
    if (list->count + 2 > list->capacity) {
        size_t capacity = 2 * list->capacity + 8;
        if (!memory_resize(&list->items, list->capacity, capacity, sizeof *list->items, err)) {
            memory_free(copy);
            return false;
        }
        list->capacity = capacity;
    }
    list->items[list->count++] = copy;
    list->items[list->count] = NULL;
    return true;
}

static bool add_file(struct path_list *list, const char *path, struct error *err)
{
    return path == NULL || path_list_add(list, path, strlen(path), err);
}

/* The directory that a file is in. */
static bool add_directory_of(struct path_list *list, const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return path_list_add(list, ".", 1, err);
    return path_list_add(list, path, slash > path ? (size_t)(slash - path) : 1, err);
}

static bool is_regular(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/* Files that links in the directory lead to, as in the hub's own cache; `name` is an entry. */
static bool add_link(struct path_list *list, const char *directory, const struct dirent *entry,
                     struct error *err)
{
    struct buffer path = {0};
    if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
        return true;
    bool ok = buffer_printf(&path, err, "%s/%s", directory, entry->d_name) &&
              (!is_regular(path.bytes) || add_file(list, path.bytes, err));
    buffer_free(&path);
    return ok;
}

/* A model's directory; of a model that is one file, the directory that has its vocabularies. */
static bool add_model(struct path_list *list, const char *path, struct error *err)
{
    DIR *stream = opendir(path);
    if (stream == NULL)
        return add_directory_of(list, path, err) && add_file(list, path, err);
    bool ok = add_file(list, path, err);
    struct dirent *entry;
    while (ok && (entry = readdir(stream)) != NULL)
        ok = add_link(list, path, entry, err);
    closedir(stream);
    return ok;
}

/* ---- entering ---------------------------------------------------------------------------------
 */

static bool enter(const struct options *options, const struct path_list *readable,
                  const char *directory, bool narrows, struct error *err)
{
    struct path_list writable = {0}, sockets = {0};
    bool serves = options->command == COMMAND_SERVE;
    /* The cache's journal comes and goes beside it; the server's socket is removed at its end. */
    bool ok =
        add_file(&writable, directory, err) &&
        (options->cache == NULL || add_directory_of(&writable, options->cache, err)) &&
        (!serves || options->socket == NULL || add_directory_of(&sockets, options->socket, err));
    struct sandbox_needs needs = {
        .readable = readable != NULL ? path_list_items(readable) : NULL,
        .writable = path_list_items(&writable),
        .sockets = path_list_items(&sockets),
        .connections = serves || options->socket != NULL,
        .listens = serves && narrows,
        .narrows = narrows,
    };
    ok = ok && sandbox_enter(modes[options->sandbox], &needs, NULL, err);
    path_list_free(&writable);
    path_list_free(&sockets);
    return ok;
}

bool confine_reading(const struct options *options, const struct model_paths *models,
                     const char *directory, struct error *err)
{
    struct path_list readable = {0};
    const char *const files[] = {options->terms,    options->forbid,    options->shortlist,
                                 options->trim,     options->calibrate, options->sha256,
                                 THREADS_QUOTA_PATH};
    bool ok = true;
    for (size_t i = 0; ok && i < models->count; i++)
        ok = add_model(&readable, models->items[i], err);
    for (size_t i = 0; ok && i < sizeof files / sizeof files[0]; i++)
        ok = add_file(&readable, files[i], err);
    ok = ok && enter(options, &readable, directory, true, err);
    path_list_free(&readable);
    return ok;
}

bool confine(const struct options *options, const char *directory, struct error *err)
{
    return enter(options, NULL, directory, false, err);
}

/* Each model of the store may be a link to a directory elsewhere. */
static bool add_store(struct path_list *list, const char *store, struct error *err)
{
    struct buffer path = {0};
    DIR *stream = opendir(store);
    if (stream == NULL)
        return true;
    bool ok = add_file(list, store, err);
    struct dirent *entry;
    while (ok && (entry = readdir(stream)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        buffer_clear(&path);
        ok = buffer_printf(&path, err, "%s/%s", store, entry->d_name) &&
             (is_regular(path.bytes) || add_model(list, path.bytes, err));
    }
    closedir(stream);
    buffer_free(&path);
    return ok;
}

bool confine_store(int mode, struct error *err)
{
    struct path_list readable = {0};
    struct buffer store = {0};
    struct error no_store = {0};
    if (!store_path(&store, &no_store))
        return true;
    bool ok = add_store(&readable, store.bytes, err);
    if (ok && readable.count == 0) { /* nothing is installed, nothing will be parsed */
        buffer_free(&store);
        return true;
    }
    struct sandbox_needs needs = {.readable = path_list_items(&readable)};
    ok = ok && sandbox_enter(modes[mode], &needs, NULL, err);
    path_list_free(&readable);
    buffer_free(&store);
    return ok;
}
