/* content.h - what kind of file the first bytes say it is, whatever its name.
 *
 * Used to choose a parser for a single file, and to tell a user who saved a web page or a git-lfs
 * pointer instead of a model what it is. Nothing is ever parsed as one kind after failing as
 * another. */
#ifndef DRAGOMAN_MODEL_CONTENT_H
#define DRAGOMAN_MODEL_CONTENT_H

#include "model/source.h"

enum content {
    CONTENT_UNKNOWN,
    CONTENT_SAFETENSORS,
    CONTENT_ZIP,
    CONTENT_TORCH_STREAM, /* PyTorch before 1.6 */
    CONTENT_PICKLE,
    CONTENT_TAR,
    CONTENT_MARIAN,    /* Marian or Bergamot binary */
    CONTENT_SHORTLIST, /* Bergamot lexical shortlist */
    CONTENT_CT2,
    CONTENT_GZIP,
    CONTENT_GGUF, /* and its forerunner, ggml */
    CONTENT_HDF5,
    CONTENT_LFS_POINTER,
    CONTENT_WEB_PAGE
};

/* Looks at the first bytes; false only if they cannot be read. */
bool content_of(const struct source *source, enum content *content, struct error *err);

/* Refuses what no parser reads, saying what it is: pointers, web pages, archives. True for
 * everything else, CONTENT_UNKNOWN included. */
bool content_check(const struct source *source, enum content content, struct error *err);

/* "a zip archive", for messages. */
const char *content_name(enum content content);

#endif
