#include "cli/store.h"

#include "base/file.h"
#include "cli/model_languages.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Longest part of a hub name, by the hub's own rule. */
#define MAX_NAME_PART 96

static bool is_name_byte(char byte)
{
    return isalnum((unsigned char)byte) || byte == '-' || byte == '_' || byte == '.';
}

/* OWNER or NAME: [A-Za-z0-9._-]+, not beginning or ending in "-" or ".", without "--" and "..". */
static bool part_is_good(const char *part, size_t n_bytes)
{
    if (n_bytes == 0 || n_bytes > MAX_NAME_PART)
        return false;
    for (size_t i = 0; i < n_bytes; i++) {
        bool mark = part[i] == '-' || part[i] == '.';
        bool edge = i == 0 || i + 1 == n_bytes;
        if (!is_name_byte(part[i]) || (mark && (edge || part[i + 1] == part[i])))
            return false;
    }
    return true;
}

/* A branch, tag or commit: letters, digits, "-_./", no "..", no "//", no "/" or "." at an end. */
static bool revision_is_good(const char *text)
{
    size_t n_bytes = strlen(text);
    for (size_t i = 0; i < n_bytes; i++) {
        bool mark = text[i] == '/' || text[i] == '.';
        bool edge = i == 0 || i + 1 == n_bytes;
        if (!(is_name_byte(text[i]) || text[i] == '/') ||
            (mark && (edge || text[i + 1] == '/' || text[i + 1] == '.')))
            return false;
    }
    return n_bytes > 0 && strstr(text, "--") == NULL;
}

bool store_name_parse(struct store_name *name, const char *text, struct error *err)
{
    size_t length = strcspn(text, "@");
    const char *revision = text[length] == '@' ? text + length + 1 : "main";
    const char *slash = memchr(text, '/', length);
    size_t first = slash != NULL ? (size_t)(slash - text) : length;
    if (!part_is_good(text, first) ||
        (slash != NULL && !part_is_good(slash + 1, length - first - 1)))
        return error_set(err, ERROR_USAGE, "%s: not the name of a model (OWNER/NAME[@REVISION])",
                         text);
    if (!revision_is_good(revision) || strlen(revision) >= sizeof name->revision)
        return error_set(err, ERROR_USAGE, "%s: not a revision: '%s'", text, revision);
    memcpy(name->model, text, length); /* at most 2 * MAX_NAME_PART + 1 */
    name->model[length] = '\0';
    snprintf(name->revision, sizeof name->revision, "%s", revision);
    return true;
}

/* Appends text with every "/" as "--". */
static bool append_flat(struct buffer *out, const char *text, struct error *err)
{
    for (; *text != '\0'; text++)
        if (!(*text == '/' ? buffer_append_text(out, "--", err)
                           : buffer_append_byte(out, *text, err)))
            return false;
    return true;
}

bool store_name_directory(const struct store_name *name, struct buffer *out, struct error *err)
{
    if (!append_flat(out, name->model, err))
        return false;
    return strcmp(name->revision, "main") == 0 ||
           (buffer_append_byte(out, '@', err) && append_flat(out, name->revision, err));
}

/* Hub name of a directory of the store; false if it cannot be one of ours. */
static bool name_of_directory(const char *directory, struct buffer *out, struct error *err)
{
    buffer_clear(out);
    for (const char *at = directory; *at != '\0'; at++) {
        bool slash = at[0] == '-' && at[1] == '-';
        if (!buffer_append_byte(out, slash ? '/' : *at, err))
            return false;
        at += slash;
    }
    struct store_name name;
    return store_name_parse(&name, out->bytes != NULL ? out->bytes : "", NULL);
}

bool store_path(struct buffer *path, struct error *err)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (data != NULL && data[0] == '/') /* the specification has relative ones ignored */
        return buffer_printf(path, err, "%s/dragoman/models", data);
    if (home == NULL || home[0] != '/')
        return error_set(err, ERROR_USAGE,
                         "no place for models: neither HOME nor XDG_DATA_HOME is set");
    return buffer_printf(path, err, "%s/.local/share/dragoman/models", home);
}

static bool is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* The names in the store that do not begin with "."; `visit` returning false stops it. */
static bool each_directory(const char *store, bool (*visit)(void *, const char *), void *context,
                           struct error *err)
{
    DIR *stream = opendir(store);
    if (stream == NULL)
        return errno == ENOENT || error_set_errno(err, ERROR_SYSTEM, errno, "%s", store);
    bool ok = true;
    struct dirent *entry;
    while (ok && (errno = 0, entry = readdir(stream)) != NULL)
        ok = entry->d_name[0] == '.' || visit(context, entry->d_name);
    if (ok && errno != 0)
        ok = error_set_errno(err, ERROR_SYSTEM, errno, "%s", store);
    closedir(stream);
    return ok;
}

/* Search for models whose directory ends in "--NAME". */
struct search {
    const char *wanted;
    struct buffer found, all;
    size_t count;
    struct error *err;
};

static bool visit_search(void *context, const char *directory)
{
    struct search *search = context;
    size_t length = strlen(directory), tail = strlen(search->wanted);
    if (length < tail + 3 || strcmp(directory + length - tail, search->wanted) != 0 ||
        memcmp(directory + length - tail - 2, "--", 2) != 0)
        return true;
    buffer_clear(&search->found);
    return (search->count++ == 0 || buffer_append_text(&search->all, ", ", search->err)) &&
           buffer_append_text(&search->all, directory, search->err) &&
           buffer_append_text(&search->found, directory, search->err);
}

/* Appends the directory's name of the installed model `text` to `out`; false without a fault in
 * `err` if there is none. */
static bool find_directory(const char *store, const char *text, struct buffer *out,
                           struct error *err)
{
    struct store_name name;
    struct buffer flat = {0};
    struct search search = {.err = err};
    bool found = false;
    if (!store_name_parse(&name, text, NULL) || !store_name_directory(&name, &flat, err))
        goto done;
    struct buffer path = {0};
    found = buffer_printf(&path, err, "%s/%s", store, flat.bytes) && is_directory(path.bytes);
    buffer_free(&path);
    if (found) {
        found = buffer_append_text(out, flat.bytes, err);
        goto done;
    }
    search.wanted = flat.bytes != NULL ? flat.bytes : ""; /* a name has letters */
    if (strchr(name.model, '/') != NULL || !each_directory(store, visit_search, &search, err))
        goto done;
    if (search.count > 1)
        error_set(err, ERROR_USAGE, "%s: several models are called so: %s", text, search.all.bytes);
    found = search.count == 1 && buffer_append_text(out, search.found.bytes, err);
done:
    buffer_free(&flat);
    buffer_free(&search.found);
    buffer_free(&search.all);
    return found;
}

bool store_find(const char *model, struct buffer *path, struct error *err)
{
    struct stat status;
    buffer_clear(path);
    if (stat(model, &status) == 0)
        return buffer_append_text(path, model, err);
    int number = errno;
    struct store_name name;
    if (!store_name_parse(&name, model, NULL))
        return error_set_errno(err, ERROR_MODEL, number, "%s", model);
    struct error no_store = {0};
    if (store_path(path, &no_store) && buffer_append_byte(path, '/', err)) {
        char *store = memory_text(path->bytes, path->n_bytes, err);
        bool found = store != NULL && find_directory(store, model, path, err);
        memory_free(store);
        if (found)
            return true;
    }
    return error_set(err, ERROR_MODEL,
                     "%s: No such file or directory, and no installed model of that name "
                     "(`dragoman get %s` fetches it, `dragoman models` lists what is there)",
                     model, strchr(model, '/') != NULL ? model : "OWNER/NAME");
}

/* Sum of the sizes of a directory's files. */
static uint64_t directory_bytes(const char *path, bool *has_npz)
{
    uint64_t n_bytes = 0;
    DIR *stream = opendir(path);
    struct dirent *entry;
    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        struct stat status;
        size_t length = strlen(entry->d_name);
        if (entry->d_name[0] == '.')
            continue; /* not the model's: what the hub said of it */
        if (fstatat(dirfd(stream), entry->d_name, &status, 0) == 0 && S_ISREG(status.st_mode))
            n_bytes += (uint64_t)status.st_size;
        if (length > 4 && strcmp(entry->d_name + length - 4, ".npz") == 0)
            *has_npz = true;
    }
    if (stream != NULL)
        closedir(stream);
    return n_bytes;
}

/* What a glance at the small JSON files tells; whether the model is sound is for `info --check`. */
static bool describe(struct store_entry *entry, const char *path, struct error *err)
{
    struct model_languages languages;
    bool has_npz = false;
    entry->n_bytes = directory_bytes(path, &has_npz);
    if (!model_type_read(path, entry->family, sizeof entry->family))
        snprintf(entry->family, sizeof entry->family, "%s",
                 has_npz                          ? "marian-native"
                 : file_exists(path, "model.bin") ? "ctranslate2"
                                                  : "?");
    if (!model_languages_read(&languages, path, entry->family, err))
        return false;
    model_languages_describe(&languages, entry->languages, sizeof entry->languages);
    model_languages_free(&languages);
    return true;
}

struct collection {
    struct store_list *list;
    const char *store;
    struct error *err;
};

static bool visit_entry(void *context, const char *directory)
{
    struct collection *collection = context;
    struct store_list *list = collection->list;
    struct error *err = collection->err;
    struct buffer path = {0}, name = {0};
    bool ok = buffer_printf(&path, err, "%s/%s", collection->store, directory);
    if (ok && is_directory(path.bytes) && name_of_directory(directory, &name, err)) {
        ok =
            memory_resize(&list->entries, list->count, list->count + 1, sizeof *list->entries, err);
        if (ok) {
            struct store_entry *entry = &list->entries[list->count++];
            entry->name = memory_text(name.bytes, name.n_bytes, err);
            entry->directory = memory_text(directory, strlen(directory), err);
            ok =
                entry->name != NULL && entry->directory != NULL && describe(entry, path.bytes, err);
        }
    }
    buffer_free(&path);
    buffer_free(&name);
    return ok && (err == NULL || err->code == ERROR_NONE);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct store_entry *)a)->name, ((const struct store_entry *)b)->name);
}

bool store_read(struct store_list *list, struct error *err)
{
    struct buffer store = {0};
    *list = (struct store_list){0};
    bool ok = store_path(&store, err);
    struct collection collection = {.list = list, .store = store.bytes, .err = err};
    ok = ok && each_directory(store.bytes, visit_entry, &collection, err);
    buffer_free(&store);
    if (!ok)
        store_list_free(list);
    else if (list->count > 1)
        qsort(list->entries, list->count, sizeof *list->entries, by_name);
    return ok;
}

void store_list_free(struct store_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        memory_free(list->entries[i].name);
        memory_free(list->entries[i].directory);
    }
    memory_free(list->entries);
    *list = (struct store_list){0};
}

/* Removes a directory of plain files; directories inside it are left, and make it fail. */
static bool remove_flat(const char *path, struct error *err)
{
    DIR *stream = opendir(path);
    if (stream == NULL)
        return error_set_errno(err, ERROR_SYSTEM, errno, "%s", path);
    struct dirent *entry;
    bool ok = true;
    while (ok && (entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(dirfd(stream), entry->d_name, 0) != 0)
            ok = error_set_errno(err, ERROR_SYSTEM, errno, "%s/%s", path, entry->d_name);
    }
    closedir(stream);
    if (ok && rmdir(path) != 0)
        ok = error_set_errno(err, ERROR_SYSTEM, errno, "%s", path);
    return ok;
}

/* Renames `path` to a hidden name of the store and removes that; a link to a directory elsewhere
 * loses the link alone. */
static bool remove_directory(const char *store, const char *directory, struct error *err)
{
    struct buffer path = {0}, hidden = {0};
    struct stat status;
    bool ok = buffer_printf(&path, err, "%s/%s", store, directory) &&
              buffer_printf(&hidden, err, "%s/.%s.removed", store, directory);
    if (ok && lstat(path.bytes, &status) != 0)
        ok = error_set_errno(err, ERROR_SYSTEM, errno, "%s", path.bytes);
    if (ok && S_ISLNK(status.st_mode)) {
        if (unlink(path.bytes) != 0)
            ok = error_set_errno(err, ERROR_SYSTEM, errno, "%s", path.bytes);
    } else if (ok) {
        if (rename(path.bytes, hidden.bytes) != 0)
            ok = error_set_errno(err, ERROR_SYSTEM, errno, "%s", path.bytes);
        ok = ok && remove_flat(hidden.bytes, err);
    }
    buffer_free(&path);
    buffer_free(&hidden);
    return ok;
}

bool store_install(const char *part_path, const char *path, struct error *err)
{
    if (rename(part_path, path) == 0)
        return true;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return error_set_errno(err, ERROR_OUTPUT, errno, "%s", path);
    if (renameat2(AT_FDCWD, part_path, AT_FDCWD, path, RENAME_EXCHANGE) != 0)
        return error_set_errno(err, ERROR_OUTPUT, errno, "%s", path);
    return remove_flat(part_path, err); /* which is the old one now */
}

bool store_remove(const char *model, struct buffer *removed, struct error *err)
{
    struct buffer store = {0}, directory = {0}, name = {0};
    bool ok = store_path(&store, err);
    if (ok && !find_directory(store.bytes, model, &directory, err))
        ok = error_set(err, ERROR_USAGE, "%s: no installed model of that name", model);
    ok = ok && remove_directory(store.bytes, directory.bytes, err);
    if (ok && removed != NULL)
        ok = name_of_directory(directory.bytes, &name, err) &&
             buffer_append_text(removed, name.bytes, err);
    buffer_free(&store);
    buffer_free(&directory);
    buffer_free(&name);
    return ok;
}
