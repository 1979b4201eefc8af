/* paths.h - where the files that come with the program are. */
#ifndef DRAGOMAN_CLI_PATHS_H
#define DRAGOMAN_CLI_PATHS_H

#include "base/memory.h"
#include "cli/options.h"

/* Appends the path of the model that is used without -m: data/en-de of the source tree when the
 * program stands in its build directory, else share/dragoman/en-de of the installation (beside the
 * program's own prefix first, so that a moved installation still works). ERROR_MODEL names what was
 * tried. */
bool default_model_path(struct buffer *path, struct error *err);

/* Appends the path of the model that `name` (-m; NULL: the default model) stands for: a path that
 * exists, or an installed model (store.h). */
bool model_path(const char *name, struct buffer *path, struct error *err);

/* Where the models of a run are; the last item is followed by NULL. */
struct model_paths {
    char **items; /* [count], for memory_free() */
    size_t count;
};

/* Looks up `names`: [count], none standing for the default model. model_paths_free() in any case.
 */
bool model_paths_find(struct model_paths *paths, const char *const *names, size_t count,
                      struct error *err);
/* Compares the models' files with --sha256, or with the list that each has. */
bool model_paths_verify(const struct model_paths *paths, const struct options *options,
                        struct error *err);
void model_paths_free(struct model_paths *paths);

#endif
