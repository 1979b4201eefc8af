/* checksums.h - the SHA-256 of a model's files against a list, as sha256sum(1) writes it: bits that
 * flipped in weights change a translation and nothing else, so only a checksum can tell.
 *
 *     if (!checksums_verify("opus-mt-en-de", NULL, &err)) ...      by its SHA256SUMS, if there is
 * one
 */
#ifndef DRAGOMAN_MODEL_CHECKSUMS_H
#define DRAGOMAN_MODEL_CHECKSUMS_H

#include "base/memory.h"

#define CHECKSUMS_FILE "SHA256SUMS"

/* Compares every file of the model that `list` names; `model` is a directory, or one file that lies
 * in it. `list` NULL: SHA256SUMS in that directory, and true if there is none. Names are plain; a
 * file that is named and not there is passed over, for a model is often part of what was listed.
 * ERROR_MODEL: a line that is no checksum, a list that names nothing that is there, or
 * "model.safetensors: checksum: ...". */
bool checksums_verify(const char *model, const char *list, struct error *err);

#endif
