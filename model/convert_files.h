/* convert_files.h - what convert.c needs besides tensors: the output directory, the files that go
 * with a model, and a target vocabulary cut down to some tokens. */
#ifndef DRAGOMAN_MODEL_CONVERT_FILES_H
#define DRAGOMAN_MODEL_CONVERT_FILES_H

#include "model/network.h"

/* A configuration and network to be written, maybe with fewer target tokens than they had. */
struct trimmed {
    struct config config;
    struct network network; /* what it shares with the model lives as long as the model */
    uint32_t *kept;         /* [n_kept] old ids, ascending; NULL: all */
    uint32_t n_kept;
    struct arena arena;
};

/* Keeps only `kept` and the special tokens of the target vocabulary; renumbers those of the
 * configuration. `from` is the model's directory. */
bool trim_network(struct trimmed *trimmed, const struct kernels *kernels, const char *from,
                  const uint32_t *kept, uint32_t n_kept, struct error *err);
void trim_free(struct trimmed *trimmed);

/* Makes the directory; one that exists must be empty. */
bool convert_directory(const char *to, struct error *err);

/* Writes config.json (the project's own form if `as_own`, else as it was but for what was trimmed)
 * and copies the vocabularies, SentencePiece models and other texts that lie beside the model. */
bool convert_files(const char *from, const char *to, const struct trimmed *trimmed, bool as_own,
                   struct error *err);

#endif
