/* Who may use the HTTP server, and how often: API keys, origins of web pages, rates. */
#include "cli/http.h"

#include "base/file.h"
#include "cli/progress.h"

#include <pthread.h>
#include <sha2.h>
#include <string.h>

#define KEYS_MAX_BYTES ((size_t)1 << 20)
#define MAX_VISITORS 1024

struct digest {
    unsigned char bytes[SHA256_DIGEST_LENGTH];
};

/* A client that came lately, with what it may still ask for. */
struct visitor {
    struct digest who;
    double left;
    int64_t seen; /* progress_now(); 0: a free place */
};

struct http_guard {
    struct digest *keys; /* [n_keys]; NULL: none are wanted */
    size_t n_keys;
    const struct texts *origins;
    double rate; /* a minute; 0: no limit */
    pthread_mutex_t mutex;
    struct visitor visitors[MAX_VISITORS];
};

static struct digest digest_of(const void *bytes, size_t n_bytes)
{
    SHA2_CTX hash;
    struct digest digest;
    SHA256Init(&hash);
    SHA256Update(&hash, bytes, n_bytes);
    SHA256Final(digest.bytes, &hash);
    return digest;
}

/* ---- keys ------------------------------------------------------------------------------------
 */

/* One key a line; blank lines and lines that begin with '#' are skipped. */
static bool read_keys(struct http_guard *guard, const char *path, struct error *err)
{
    size_t n_bytes = 0;
    char *text = file_load_stream(path, KEYS_MAX_BYTES, &n_bytes, err);
    bool ok = text != NULL;
    for (size_t start = 0; ok && start < n_bytes;) {
        const char *line = text + start;
        const char *newline = memchr(line, '\n', n_bytes - start);
        size_t n = newline != NULL ? (size_t)(newline - line) : n_bytes - start;
        start += n + 1;
        if (n > 0 && line[n - 1] == '\r')
            n--;
        if (n == 0 || line[0] == '#')
            continue;
        ok = memory_resize(&guard->keys, guard->n_keys, guard->n_keys + 1, sizeof guard->keys[0],
                           err);
        if (ok)
            guard->keys[guard->n_keys++] = digest_of(line, n);
    }
    memory_free(text);
    return ok && (guard->n_keys > 0 ||
                  error_set(err, ERROR_USAGE, "--api-key-file: %.200s: no key in it", path));
}

/* Every key is looked at to its end: how long it takes tells nothing. */
static bool is_key(const struct http_guard *guard, const struct digest *offered)
{
    unsigned char found = 0;
    for (size_t i = 0; i < guard->n_keys; i++) {
        unsigned char differs = 0;
        for (size_t j = 0; j < sizeof offered->bytes; j++)
            differs |= (unsigned char)(guard->keys[i].bytes[j] ^ offered->bytes[j]);
        found |= (unsigned char)(differs == 0);
    }
    return found != 0;
}

/* ---- rates ------------------------------------------------------------------------------------
 */

/* The visitor's place, or that of the one who has been away for longest. */
static struct visitor *find_visitor(struct http_guard *guard, const struct digest *who)
{
    struct visitor *oldest = &guard->visitors[0];
    for (size_t i = 0; i < MAX_VISITORS; i++) {
        struct visitor *visitor = &guard->visitors[i];
        if (visitor->seen != 0 && memcmp(&visitor->who, who, sizeof *who) == 0)
            return visitor;
        if (visitor->seen < oldest->seen)
            oldest = visitor;
    }
    *oldest = (struct visitor){.who = *who, .left = guard->rate, .seen = progress_now()};
    return oldest;
}

/* Takes one of what the visitor may ask for; it grows by `rate` a minute up to `rate`. */
static bool take_one(struct http_guard *guard, const struct digest *who, unsigned *wait)
{
    pthread_mutex_lock(&guard->mutex);
    struct visitor *visitor = find_visitor(guard, who);
    int64_t now = progress_now();
    double more = (double)(now - visitor->seen) * guard->rate / 60000;
    visitor->left = visitor->left + more < guard->rate ? visitor->left + more : guard->rate;
    visitor->seen = now;
    bool ok = visitor->left >= 1;
    if (ok)
        visitor->left -= 1;
    else
        *wait = (unsigned)((1 - visitor->left) * 60 / guard->rate) + 1;
    pthread_mutex_unlock(&guard->mutex);
    return ok;
}

unsigned http_guard_admit(struct http_guard *guard, const struct http_request *request,
                          const void *address, size_t n_address, unsigned *wait,
                          struct error *reason)
{
    const struct buffer *key = &request->values[HTTP_API_KEY];
    struct digest who = digest_of(address, n_address);
    if (guard->keys != NULL) {
        if (key->n_bytes == 0) { /* LibreTranslate's words and status */
            error_set(reason, ERROR_USAGE, "Please contact the server operator to get an API key");
            return 400;
        }
        who = digest_of(key->bytes, key->n_bytes);
        if (!is_key(guard, &who)) {
            error_set(reason, ERROR_USAGE, "Invalid API key");
            return 403;
        }
    }
    if (guard->rate > 0 && !take_one(guard, &who, wait)) {
        error_set(reason, ERROR_LIMIT, "Slowdown: %.0f per minute", guard->rate);
        return 429;
    }
    return 0;
}

const char *http_guard_origin(const struct http_guard *guard, const char *origin)
{
    for (size_t i = 0; i < guard->origins->count; i++)
        if (strcmp(guard->origins->items[i], "*") == 0 ||
            strcmp(guard->origins->items[i], origin) == 0)
            return guard->origins->items[i];
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------
 */

bool http_guard_new(struct http_guard **out, const struct options *options, struct error *err)
{
    struct http_guard *guard = memory_new(1, sizeof *guard, err);
    if (guard == NULL)
        return false;
    guard->origins = &options->allow_origin;
    guard->rate = (double)options->max_rate;
    pthread_mutex_init(&guard->mutex, NULL);
    if (options->api_key_file != NULL && !read_keys(guard, options->api_key_file, err)) {
        http_guard_free(guard);
        return false;
    }
    *out = guard;
    return true;
}

void http_guard_free(struct http_guard *guard)
{
    if (guard == NULL)
        return;
    memory_free(guard->keys);
    pthread_mutex_destroy(&guard->mutex);
    memory_free(guard);
}
