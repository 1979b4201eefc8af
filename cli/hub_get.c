/* hub_get(): from a model's name to its directory in the store. */
#include "cli/hub_file.h"

#include "base/file.h"
#include "base/json.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DEFAULT_ENDPOINT "https://huggingface.co"

/* What was fetched, from where, as of which commit; in the model's directory. */
#define MANIFEST ".hub.json"
#define MAX_MANIFEST_BYTES ((size_t)1 << 20)

static bool is_offline(void)
{
    static const char *const yes[] = {"1", "on", "yes", "true"};
    const char *value = getenv("HF_HUB_OFFLINE");
    for (size_t i = 0; value != NULL && i < sizeof yes / sizeof yes[0]; i++)
        if (strcasecmp(value, yes[i]) == 0)
            return true;
    return false;
}

/* Printable ASCII without spaces: nothing that could add a header line. */
static bool is_visible(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

static const char *set_or_environment(const char *given, const char *variable)
{
    const char *value = given != NULL ? given : getenv(variable);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static bool connect_to_hub(struct hub_job *job, struct error *err)
{
    const char *endpoint = set_or_environment(job->options->endpoint, "HF_ENDPOINT");
    const char *token = set_or_environment(job->options->token, "HF_TOKEN");
    if (endpoint == NULL)
        endpoint = DEFAULT_ENDPOINT;
    bool is_http =
        strncasecmp(endpoint, "https://", 8) == 0 || strncasecmp(endpoint, "http://", 7) == 0;
    if (!is_http || !is_visible(endpoint) || strpbrk(endpoint, "?#") != NULL)
        return error_set(err, ERROR_USAGE, "HF_ENDPOINT is not an http or https address: '%s'",
                         endpoint);
    if (token != NULL && !is_visible(token))
        return error_set(err, ERROR_USAGE, "HF_TOKEN has characters that no token has");
    size_t length = strlen(endpoint);
    while (length > 8 && endpoint[length - 1] == '/')
        length--;
    job->endpoint = memory_text(endpoint, length, err);
    job->has_token = token != NULL;
    return job->endpoint != NULL &&
           fetch_open(&job->fetch,
                      &(struct fetch_options){.endpoint = job->endpoint, .token = token}, err);
}

static bool fetch_listing(struct hub_job *job, struct hub_listing *listing, struct error *err)
{
    struct buffer url = {0}, json = {0};
    bool ok =
        buffer_printf(&url, err, "%s/api/models/%s/revision/", job->endpoint, job->name->model) &&
        hub_append_encoded(&url, job->name->revision, "", err) &&
        buffer_append_text(&url, "?blobs=true", err) && hub_fetch_text(job, url.bytes, &json, err);
    if (ok &&
        (!hub_listing_parse(listing, json.bytes != NULL ? json.bytes : "", json.n_bytes, err) ||
         !hub_listing_choose(listing, err))) {
        error_prefix(err, "%s", job->name->model);
        ok = false;
    }
    buffer_free(&url);
    buffer_free(&json);
    return ok;
}

/* True if the installed model is of the listing's commit and has its files. */
static bool is_current(const char *path, const struct hub_listing *listing)
{
    size_t n_bytes;
    char *text = file_load(path, MANIFEST, MAX_MANIFEST_BYTES, &n_bytes, NULL);
    cJSON *manifest = NULL;
    if (text != NULL && !json_parse(&manifest, MANIFEST, text, n_bytes, NULL))
        manifest = NULL;
    const cJSON *commit = cJSON_GetObjectItemCaseSensitive(manifest, "commit");
    bool current = cJSON_IsString(commit) && strcmp(commit->valuestring, listing->commit) == 0;
    cJSON_Delete(manifest);
    memory_free(text);
    struct buffer name = {0};
    for (size_t i = 0; i < listing->count && current; i++) {
        const struct hub_file *file = &listing->files[i];
        struct stat status;
        buffer_clear(&name);
        if (file->needed)
            current = buffer_printf(&name, NULL, "%s/%s", path, file->name) &&
                      stat(name.bytes, &status) == 0 && (uint64_t)status.st_size == file->n_bytes;
    }
    buffer_free(&name);
    return current;
}

/* mkdir -p */
static bool make_directories(const char *path, struct error *err)
{
    char *copy = memory_text(path, strlen(path), err);
    bool ok = copy != NULL;
    for (char *at = copy; ok && at != NULL;) {
        at = strchr(at + 1, '/');
        if (at != NULL)
            *at = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            ok = error_set_errno(err, ERROR_OUTPUT, errno, "%s", copy);
        if (at != NULL)
            *at = '/';
    }
    memory_free(copy);
    return ok;
}

/* Opens the directory where files gather and keeps others out of it. */
static bool enter_part_directory(struct hub_job *job, struct error *err)
{
    if (!make_directories(job->part_path, err))
        return false;
    job->directory = open(job->part_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (job->directory < 0)
        return error_set_errno(err, ERROR_OUTPUT, errno, "%s", job->part_path);
    struct stat ours, there;
    bool alone = flock(job->directory, LOCK_EX | LOCK_NB) == 0 &&
                 fstat(job->directory, &ours) == 0 && stat(job->part_path, &there) == 0 &&
                 ours.st_ino == there.st_ino; /* not installed by another in the meantime */
    return alone ||
           error_set(err, ERROR_SYSTEM, "%s: another dragoman is fetching it", job->name->model);
}

/* Refuses to begin what cannot fit. */
static bool check_space(struct hub_job *job, const struct hub_listing *listing, struct error *err)
{
    struct statvfs disk;
    uint64_t missing = 0;
    for (size_t i = 0; i < listing->count; i++)
        if (listing->files[i].needed) {
            job->progress.all_bytes += listing->files[i].n_bytes;
            missing += listing->files[i].n_bytes - hub_file_bytes_there(job, &listing->files[i]);
        }
    if (fstatvfs(job->directory, &disk) != 0 || disk.f_frsize == 0)
        return true; /* then the writing will tell */
    uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize;
    if (missing <= room)
        return true;
    return error_set(err, ERROR_OUTPUT, "%s: No space left on device: %.1f MB needed, %.1f MB free",
                     job->part_path, (double)missing / 1e6, (double)room / 1e6);
}

static bool write_manifest(const struct hub_job *job, const struct hub_listing *listing,
                           struct error *err)
{
    cJSON *manifest = cJSON_CreateObject();
    cJSON_AddStringToObject(manifest, "model", job->name->model);
    cJSON_AddStringToObject(manifest, "revision", job->name->revision);
    cJSON_AddStringToObject(manifest, "commit", listing->commit);
    cJSON_AddStringToObject(manifest, "endpoint", job->endpoint);
    cJSON *files = cJSON_AddObjectToObject(manifest, "files");
    for (size_t i = 0; i < listing->count; i++) {
        const struct hub_file *file = &listing->files[i];
        if (!file->needed)
            continue;
        cJSON *entry = cJSON_AddObjectToObject(files, file->name);
        cJSON_AddNumberToObject(entry, "size", (double)file->n_bytes);
        cJSON_AddStringToObject(entry, file->is_sha256 ? "sha256" : "git", file->digest);
    }
    char *text = cJSON_Print(manifest);
    cJSON_Delete(manifest);
    if (text == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int descriptor = openat(job->directory, MANIFEST,
                            O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    bool ok = descriptor >= 0 && hub_write(descriptor, text, strlen(text), 0, NULL) &&
              fsync(descriptor) == 0;
    if (!ok)
        error_set_errno(err, ERROR_OUTPUT, errno, "%s/%s", job->part_path, MANIFEST);
    if (descriptor >= 0)
        close(descriptor);
    cJSON_free(text);
    return ok;
}

static bool is_wanted(const struct hub_listing *listing, const char *name)
{
    if (strcmp(name, MANIFEST) == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return true;
    for (size_t i = 0; i < listing->count; i++)
        if (listing->files[i].needed && strcmp(listing->files[i].name, name) == 0)
            return true;
    return false;
}

/* Removes what a run for another commit has left. */
static void remove_strays(const struct hub_job *job, const struct hub_listing *listing)
{
    DIR *stream = opendir(job->part_path);
    struct dirent *entry;
    while (stream != NULL && (entry = readdir(stream)) != NULL)
        if (!is_wanted(listing, entry->d_name))
            (void)unlinkat(job->directory, entry->d_name, 0);
    if (stream != NULL)
        closedir(stream);
}

/* Files that the installed version of the model has need not come again: whether they are the ones
 * wanted, their digests will tell. */
static void link_installed(const struct hub_job *job, const struct hub_listing *listing,
                           const char *installed)
{
    int directory = open(installed, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < listing->count && directory >= 0; i++) {
        const struct hub_file *file = &listing->files[i];
        struct stat status;
        if (file->needed && fstatat(directory, file->name, &status, 0) == 0 &&
            (uint64_t)status.st_size == file->n_bytes &&
            linkat(directory, file->name, job->directory, file->name, 0) != 0)
            continue; /* it is fetched, then */
    }
    if (directory >= 0)
        close(directory);
}

static bool fetch_files(struct hub_job *job, const struct hub_listing *listing,
                        const char *installed, struct error *err)
{
    if (!enter_part_directory(job, err))
        return false;
    link_installed(job, listing, installed);
    if (!check_space(job, listing, err))
        return false;
    for (size_t i = 0; i < listing->count; i++)
        if (listing->files[i].needed &&
            !hub_fetch_file(job, listing->commit, &listing->files[i], err))
            return false;
    remove_strays(job, listing);
    return write_manifest(job, listing, err) && store_install(job->part_path, installed, err);
}

static bool get_online(struct hub_job *job, const char *installed, bool *was_there,
                       struct error *err)
{
    struct hub_listing listing = {0};
    bool ok = connect_to_hub(job, err) && fetch_listing(job, &listing, err);
    *was_there = ok && is_current(installed, &listing);
    if (ok && !*was_there)
        ok = fetch_files(job, &listing, installed, err);
    hub_listing_free(&listing);
    return ok;
}

bool hub_get(const struct store_name *name, const struct hub_options *options, struct buffer *path,
             bool *was_there, struct error *err)
{
    struct hub_job job = {.name = name, .options = options, .directory = -1};
    struct buffer store = {0}, directory = {0}, part = {0};
    bool there = false;
    size_t before = path->n_bytes;
    bool ok = store_path(&store, err) && store_name_directory(name, &directory, err) &&
              buffer_printf(&part, err, "%s/.%s.part", store.bytes, directory.bytes) &&
              buffer_printf(path, err, "%s/%s", store.bytes, directory.bytes);
    if (ok) {
        const char *installed = path->bytes + before;
        job.part_path = part.bytes;
        if (!is_offline())
            ok = get_online(&job, installed, &there, err);
        else if (!(there = file_exists(NULL, installed)))
            ok = error_set(err, ERROR_USAGE, "%s: not installed, and HF_HUB_OFFLINE is set",
                           name->model);
    }
    if (was_there != NULL)
        *was_there = there;
    if (job.directory >= 0)
        close(job.directory);
    fetch_close(job.fetch);
    memory_free(job.endpoint);
    buffer_free(&store);
    buffer_free(&directory);
    buffer_free(&part);
    return ok;
}
