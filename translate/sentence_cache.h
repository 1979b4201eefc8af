/* sentence_cache.h - sentences translated before, in an SQLite file (`--cache FILE`).
 *
 * A result is found again only for the same source bytes under the same settings: the caller's
 * fingerprint covers the model and every option that can change a translation, so a hit gives the
 * bytes that translating again would give. The file may serve many models and settings.
 *
 * One process at a time: the database and its log are opened at once and kept (a sandboxed process
 * cannot open files later). Safe for many threads.
 *
 *     struct sentence_cache *cache;
 *     sentence_cache_open(&cache, "de.cache", fingerprint, &err);
 *     sentence_cache_get(cache, source, n_bytes, &value, &found, &err);
 *     sentence_cache_put(cache, source, n_bytes, value.bytes, value.n_bytes, &err);
 *     sentence_cache_close(cache, &err);
 */
#ifndef DRAGOMAN_TRANSLATE_SENTENCE_CACHE_H
#define DRAGOMAN_TRANSLATE_SENTENCE_CACHE_H

#include "base/memory.h"

#define SENTENCE_CACHE_FINGERPRINT_BYTES 32

struct sentence_cache;

/* Opens or creates the file. ERROR_USAGE: not a cache of ours, in use by another process, cannot be
 * written. */
bool sentence_cache_open(struct sentence_cache **cache, const char *path,
                         const unsigned char fingerprint[SENTENCE_CACHE_FINGERPRINT_BYTES],
                         struct error *err);

/* Looks a source sentence up; *found says whether `value` (cleared first) now holds its result. */
bool sentence_cache_get(struct sentence_cache *cache, const char *source, size_t n_bytes,
                        struct buffer *value, bool *found, struct error *err);

/* Keeps a result; one already there for the same sentence stays. Written to disk in groups, and at
 * close: a killed process loses the last group, never the file. */
bool sentence_cache_put(struct sentence_cache *cache, const char *source, size_t n_bytes,
                        const char *value, size_t n_value_bytes, struct error *err);

/* Writes what is left and closes. NULL is allowed. */
bool sentence_cache_close(struct sentence_cache *cache, struct error *err);

#endif
