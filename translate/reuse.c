#include "translate/reuse.h"

#include "base/file.h"
#include "translate/sentence_cache.h"

#include <dirent.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>

/* Of a file larger than this only the size and the two ends are looked at: hashing gigabytes would
 * take longer than translating again. */
#define WHOLE_FILE_BYTES ((size_t)64 << 20)
#define END_BYTES ((size_t)1 << 20)

struct reuse {
    struct sentence_cache *cache;
};

/* ---- what makes two runs the same ----------------------------------------------------------- */

/* Feeds a text with its length, so that neighbours cannot run into each other. */
static void feed(SHA2_CTX *hash, const void *bytes, size_t n_bytes)
{
    uint64_t length = n_bytes;
    SHA256Update(hash, (const uint8_t *)&length, sizeof length);
    SHA256Update(hash, bytes, n_bytes);
}

static void feed_text(SHA2_CTX *hash, const char *text)
{
    feed(hash, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
}

static bool feed_range(SHA2_CTX *hash, const struct file *file, size_t start, size_t end,
                       uint8_t *room, struct error *err)
{
    for (size_t n; start < end; start += n) {
        n = end - start < END_BYTES ? end - start : END_BYTES;
        if (!file_read(file, start, room, n, err))
            return false;
        SHA256Update(hash, room, n);
    }
    return true;
}

static bool feed_file(SHA2_CTX *hash, const char *directory, const char *name, struct error *err)
{
    struct file file;
    uint8_t *room = memory_new_raw(END_BYTES, 1, err);
    if (room == NULL)
        return false;
    if (!file_open(&file, directory, name, SIZE_MAX, err)) {
        memory_free(room);
        return false;
    }
    feed_text(hash, name);
    feed(hash, &file.n_bytes, sizeof file.n_bytes);
    bool ok;
    if (file.n_bytes <= WHOLE_FILE_BYTES)
        ok = feed_range(hash, &file, 0, file.n_bytes, room, err);
    else
        ok = feed_range(hash, &file, 0, END_BYTES, room, err) &&
             feed_range(hash, &file, file.n_bytes - END_BYTES, file.n_bytes, room, err);
    memory_free(room);
    return file_close(&file, err) && ok;
}

static int is_plain(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && entry->d_type != DT_DIR;
}

/* All files of the model, by name. */
static bool feed_model(SHA2_CTX *hash, const char *directory, struct error *err)
{
    struct dirent **entries = NULL;
    int n = scandir(directory, &entries, is_plain, alphasort);
    if (n < 0) /* a model that is one file */
        return feed_file(hash, NULL, directory, err);
    bool ok = true;
    for (int i = 0; i < n; i++) {
        ok = ok && feed_file(hash, directory, entries[i]->d_name, err);
        free(entries[i]);
    }
    free(entries);
    return ok;
}

static bool feed_options(SHA2_CTX *hash, const struct settings *settings,
                         const struct dragoman_options *options, struct error *err)
{
    struct dragoman_setting setting;
    for (size_t i = 0; settings_describe(settings, i, &setting); i++) {
        feed_text(hash, setting.name);
        feed_text(hash, setting.value);
    }
    const int choices[] = {(int)options->precision, (int)options->format, options->pieces,
                           options->protect, settings->loop_guard};
    feed(hash, choices, sizeof choices);
    feed(hash, &settings->generation.word_penalty, sizeof settings->generation.word_penalty);
    for (size_t i = 0; i < options->n_protect_patterns; i++)
        feed_text(hash, options->protect_patterns[i]);
    const char *const files[] = {options->terms_path, options->forbid_path,
                                 options->shortlist_path};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        feed(hash, &i, sizeof i);
        if (files[i] != NULL && !feed_file(hash, NULL, files[i], err))
            return false;
    }
    return true;
}

bool reuse_open(struct reuse **out, const char *directory, const struct settings *settings,
                const struct dragoman_options *options, struct error *err)
{
    unsigned char fingerprint[SENTENCE_CACHE_FINGERPRINT_BYTES];
    SHA2_CTX hash;
    *out = NULL;
    if (options->cache_path == NULL || options->tokens || options->align || options->sample ||
        settings->n_best > 1)
        return true;
    SHA256Init(&hash);
    feed_text(&hash, DRAGOMAN_VERSION);
    if (!feed_model(&hash, directory, err) || !feed_options(&hash, settings, options, err))
        return false;
    SHA256Final(fingerprint, &hash);
    struct reuse *reuse = memory_new(1, sizeof *reuse, err);
    if (reuse == NULL)
        return false;
    if (!sentence_cache_open(&reuse->cache, options->cache_path, fingerprint, err)) {
        memory_free(reuse);
        return false;
    }
    *out = reuse;
    return true;
}

bool reuse_close(struct reuse *reuse, struct error *err)
{
    if (reuse == NULL)
        return true;
    bool ok = sentence_cache_close(reuse->cache, err);
    memory_free(reuse);
    return ok;
}

/* ---- sentences ------------------------------------------------------------------------------ */

/* The numbers of an outcome, before its text. Fixed sizes: the file stays on this kind of machine.
 */
struct header {
    double score, sum;
    uint32_t n_tokens, flags;
    uint32_t ended, zero;
};

/* Languages and sentence; control bytes between, which no code has. */
static bool make_key(const struct direction *direction, const struct part *part, struct buffer *key,
                     struct error *err)
{
    return buffer_printf(key, err, "%s\x1f%s\x1f", direction->languages.source,
                         direction->languages.target) &&
           buffer_append(key, part->line->text + part->start, part->n_bytes, err);
}

/* A cached outcome is one alone. */
static bool is_usual(const struct part *part)
{
    return part->line->prefix == NULL && part->line->target == NULL && part->line->n_best <= 1;
}

static bool take_value(struct part *part, const struct buffer *value, struct error *err)
{
    struct header header;
    memcpy(&header, value->bytes, sizeof header);
    size_t n_bytes = value->n_bytes - sizeof header;
    part->outcomes = arena_new(&part->arena, 1, sizeof part->outcomes[0], err);
    char *text = arena_text(&part->arena, value->bytes + sizeof header, n_bytes, err);
    if (part->outcomes == NULL || text == NULL)
        return false;
    part->outcomes[0] = (struct outcome){.text = text,
                                         .n_bytes = n_bytes,
                                         .score = header.score,
                                         .sum = header.sum,
                                         .n_tokens = header.n_tokens,
                                         .ended = header.ended != 0};
    part->n_outcomes = 1;
    part->flags = header.flags;
    part->is_cached = true;
    return true;
}

bool reuse_find(struct reuse *reuse, const struct direction *direction, struct part *part,
                bool *found, struct error *err)
{
    struct buffer key = {0}, value = {0};
    *found = false;
    if (!is_usual(part))
        return true;
    bool ok = make_key(direction, part, &key, err) &&
              sentence_cache_get(reuse->cache, key.bytes, key.n_bytes, &value, found, err);
    *found = *found && value.n_bytes >= sizeof(struct header);
    ok = ok && (!*found || take_value(part, &value, err));
    buffer_free(&key);
    buffer_free(&value);
    return ok;
}

bool reuse_keep(struct reuse *reuse, const struct direction *direction, const struct part *part,
                struct error *err)
{
    struct buffer key = {0}, value = {0};
    if (!is_usual(part))
        return true;
    const struct outcome *best = &part->outcomes[0];
    struct header header = {.score = best->score,
                            .sum = best->sum,
                            .n_tokens = best->n_tokens,
                            .flags = part->flags,
                            .ended = best->ended};
    bool ok =
        make_key(direction, part, &key, err) &&
        buffer_append(&value, &header, sizeof header, err) &&
        buffer_append(&value, best->text, best->n_bytes, err) &&
        sentence_cache_put(reuse->cache, key.bytes, key.n_bytes, value.bytes, value.n_bytes, err);
    buffer_free(&key);
    buffer_free(&value);
    return ok;
}
