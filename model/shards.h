/* shards.h - the index of a checkpoint that is split over several files
 * (model.safetensors.index.json, pytorch_model.bin.index.json). */
#ifndef DRAGOMAN_MODEL_SHARDS_H
#define DRAGOMAN_MODEL_SHARDS_H

#include "model/tensors_build.h"

struct shard_entry {
    const char *tensor; /* NUL-terminated */
    size_t shard;       /* which of the files holds it */
};

struct shards {
    const char *files[TENSORS_MAX_FILES]; /* plain names, in order of appearance */
    size_t n_files;
    struct shard_entry *entries;
    size_t n_entries;
    struct arena arena; /* the names */
};

/* Parses the text of an index; `name` is the file's, for messages. On failure there is nothing to
 * free. */
bool shards_parse(struct shards *shards, const char *name, const char *text, size_t n_bytes,
                  struct error *err);

/* True if every tensor of the index is in the file it says (opened in the order of `files`). */
bool shards_check(const struct shards *shards, const char *name, const struct tensors *tensors,
                  struct error *err);

void shards_free(struct shards *shards);

#endif
