/* model_dir.h - a copy of a fixture's model directory that a test may spoil. */
#ifndef DRAGOMAN_TESTS_SUPPORT_MODEL_DIR_H
#define DRAGOMAN_TESTS_SUPPORT_MODEL_DIR_H

#include <cJSON.h>
#include <stdbool.h>
#include <stddef.h>

struct model_dir {
    char path[64];
};

/* A temporary directory with links to the files of `fixture` ("tests/fixtures/marian"), or an empty
 * one if that is NULL. Aborts when the system refuses. */
void model_dir_new(struct model_dir *dir, const char *fixture);

/* Replaces a file. */
void model_dir_write(const struct model_dir *dir, const char *name, const void *bytes,
                     size_t n_bytes);
void model_dir_write_json(const struct model_dir *dir, const char *name, const cJSON *root);

/* Removes a file, or the whole directory. */
void model_dir_remove(const struct model_dir *dir, const char *name);
void model_dir_free(struct model_dir *dir);

/* A whole file, for free(). Aborts if it cannot be read. */
char *model_dir_read(const char *path, size_t *n_bytes);

#endif
