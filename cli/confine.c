#include "cli/confine.h"

#include "base/sandbox.h"

#include <string.h>

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

/* Appends the directory that a file is in. */
static bool add_directory(const char *path, struct buffer *out, struct error *err)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return buffer_append_text(out, ".", err);
    return buffer_append(out, path, slash > path ? (size_t)(slash - path) : 1, err);
}

bool confine(const struct options *options, const char *directory, struct error *err)
{
    const char *writable[3] = {NULL};
    struct buffer cache = {0};
    size_t n = 0;
    bool ok = true;
    if (directory != NULL)
        writable[n++] = directory;
    if (options->cache != NULL) { /* its journal comes and goes */
        ok = add_directory(options->cache, &cache, err);
        writable[n++] = cache.bytes;
    }
    struct sandbox_needs needs = {
        .writable = writable,
        .connections = options->socket != NULL,
    };
    ok = ok && sandbox_enter(modes[options->sandbox], &needs, NULL, err);
    buffer_free(&cache);
    return ok;
}
