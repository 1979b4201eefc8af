/* store.h - the user's models: one directory each below $XDG_DATA_HOME/dragoman/models (by default
 * ~/.local/share/dragoman/models), called as on the hub with "/" written "--":
 *
 *     Helsinki-NLP/opus-mt-en-de        Helsinki-NLP--opus-mt-en-de
 *     Helsinki-NLP/opus-mt-en-de@v1.0   Helsinki-NLP--opus-mt-en-de@v1.0
 *
 * A directory whose name begins with "." is a download that is not finished. */
#ifndef DRAGOMAN_CLI_STORE_H
#define DRAGOMAN_CLI_STORE_H

#include "base/memory.h"

/* A hub name taken apart. */
struct store_name {
    char model[200];    /* OWNER/NAME, or NAME for one of the few without owner */
    char revision[100]; /* "main" unless given */
};

/* Takes "OWNER/NAME[@REVISION]" apart. Letters, digits, "-", "_" and "." as the hub has them (no
 * "..", no "--" in the name); anything else is an ERROR_USAGE. */
bool store_name_parse(struct store_name *name, const char *text, struct error *err);

/* Name of the model's directory in the store ("OWNER--NAME", with "@REVISION" unless that is
 * "main"), appended to `out`. */
bool store_name_directory(const struct store_name *name, struct buffer *out, struct error *err);

/* Path of the store, appended to `path`. ERROR_USAGE if neither XDG_DATA_HOME nor HOME says where
 * it is. Nothing is created. */
bool store_path(struct buffer *path, struct error *err);

/* What `-m MODEL` means: a path that exists, as it is; else an installed model, by its hub name or,
 * if only one model is called so, by its name without the owner. Replaces `path`. When there is
 * none: ERROR_MODEL, saying how to get it. */
bool store_find(const char *model, struct buffer *path, struct error *err);

/* One installed model. */
struct store_entry {
    char *name;         /* hub name, with @REVISION if it is not main */
    char *directory;    /* its name in the store */
    uint64_t n_bytes;   /* of its files */
    char family[32];    /* config.json's model_type; "marian-native", "ctranslate2", or "?" */
    char languages[64]; /* "en-de", "202 languages", or "" */
};

struct store_list {
    struct store_entry *entries; /* [count], by name */
    size_t count;
};

/* All installed models; none (without a fault) when there is no store yet. */
bool store_read(struct store_list *list, struct error *err);
void store_list_free(struct store_list *list);

/* Gives the finished directory at `part_path` the name `path`, at once; a model that was there is
 * replaced and removed. */
bool store_install(const char *part_path, const char *path, struct error *err);

/* Removes an installed model, named as for store_find(): it vanishes at once, then its files go.
 * `removed` (may be NULL) gets its hub name appended. */
bool store_remove(const char *model, struct buffer *removed, struct error *err);

#endif
