#include "model/shards.h"

#include "base/json_scan.h"

#include <string.h>

struct reader {
    struct shards *shards;
    const char *name;
    struct json_scan scan;
    struct buffer key, value;
    size_t capacity; /* of shards->entries */
    bool has_map;
    struct error *err;
};

static bool fault(const struct reader *reader, const char *reason)
{
    error_set(reader->err, ERROR_MODEL, "%s: %s", reader->name, reason);
    return false;
}

/* The number of the file called `name`, which is added if it is new. */
static bool find_file(struct reader *reader, const char *name, size_t n_name, size_t *file)
{
    struct shards *shards = reader->shards;
    if (!file_name_is_plain(name, n_name))
        return fault(reader, "weight_map: a file name must be a plain name");
    /* Neighbours in the map are mostly in one file: the last one first. */
    for (size_t i = shards->n_files; i-- > 0;)
        if (strcmp(shards->files[i], name) == 0) {
            *file = i;
            return true;
        }
    if (shards->n_files == TENSORS_MAX_FILES)
        return fault(reader, "weight_map: more than 256 files (limit)");
    const char *copy = arena_text(&shards->arena, name, n_name, reader->err);
    if (copy == NULL)
        return false;
    *file = shards->n_files;
    shards->files[shards->n_files++] = copy;
    return true;
}

static bool add_entry(struct reader *reader)
{
    struct shards *shards = reader->shards;
    struct shard_entry entry;
    if (shards->n_entries == TENSORS_MAX_COUNT)
        return fault(reader, "weight_map: more than 65536 tensors (limit)");
    if (!find_file(reader, reader->value.bytes, reader->value.n_bytes, &entry.shard))
        return false;
    if (shards->n_entries == reader->capacity) {
        size_t capacity = reader->capacity != 0 ? 2 * reader->capacity : 256;
        if (!memory_resize(&shards->entries, shards->n_entries, capacity, sizeof *shards->entries,
                           reader->err))
            return false;
        reader->capacity = capacity;
    }
    entry.tensor = arena_text(&shards->arena, reader->key.bytes, reader->key.n_bytes, reader->err);
    if (entry.tensor == NULL)
        return false;
    shards->entries[shards->n_entries++] = entry;
    return true;
}

/* {"tensor name": "file name", ...} */
static bool read_map(struct reader *reader)
{
    if (reader->has_map)
        return fault(reader, "weight_map: duplicate key");
    reader->has_map = true;
    json_scan_open(&reader->scan, '{');
    while (json_scan_next(&reader->scan, '}')) {
        if (!json_scan_string(&reader->scan, &reader->key) || !json_scan_colon(&reader->scan) ||
            !json_scan_string(&reader->scan, &reader->value))
            break;
        if (!add_entry(reader))
            return false;
    }
    return reader->scan.fault == NULL;
}

static bool read_index(struct reader *reader)
{
    json_scan_open(&reader->scan, '{');
    while (json_scan_next(&reader->scan, '}')) {
        if (!json_scan_string(&reader->scan, &reader->key) || !json_scan_colon(&reader->scan))
            break;
        bool map = strcmp(reader->key.bytes, "weight_map") == 0;
        if (map ? !read_map(reader) : !json_scan_skip(&reader->scan))
            break;
    }
    if (reader->scan.fault != NULL)
        return fault(reader, reader->scan.fault);
    if (reader->err != NULL && reader->err->code != ERROR_NONE)
        return false;
    if (!json_scan_end(&reader->scan))
        return fault(reader, "text after the end");
    return reader->shards->n_entries > 0 || fault(reader, "weight_map: missing or empty");
}

bool shards_parse(struct shards *shards, const char *name, const char *text, size_t n_bytes,
                  struct error *err)
{
    *shards = (struct shards){0};
    struct error own = {0}; /* read_index() asks whether a fault was set */
    struct reader reader = {.shards = shards,
                            .name = name,
                            .scan = {.at = text, .end = text + n_bytes},
                            .err = err != NULL ? err : &own};
    bool ok = read_index(&reader);
    buffer_free(&reader.key);
    buffer_free(&reader.value);
    if (!ok)
        shards_free(shards);
    return ok;
}

bool shards_check(const struct shards *shards, const char *name, const struct tensors *tensors,
                  struct error *err)
{
    for (size_t i = 0; i < shards->n_entries; i++) {
        const struct shard_entry *entry = &shards->entries[i];
        const struct tensor *t = tensors_find(tensors, entry->tensor);
        if (t == NULL || t->file != entry->shard)
            return error_set(err, ERROR_MODEL, "%s: tensor '%.128s' is not in %s", name,
                             entry->tensor, shards->files[entry->shard]);
    }
    return true;
}

void shards_free(struct shards *shards)
{
    memory_free(shards->entries);
    arena_free(&shards->arena);
    *shards = (struct shards){0};
}
