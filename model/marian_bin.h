/* marian_bin.h - Marian's binary models (*.bin), plain or quantized by Bergamot: an item table,
 * names, shapes, and the items' bytes back to back from a multiple of 256 on. */
#ifndef DRAGOMAN_MODEL_MARIAN_BIN_H
#define DRAGOMAN_MODEL_MARIAN_BIN_H

#include "model/tensors_build.h"

/* Adds the items of file number `file`, and special:model.yml as a note. */
bool marian_bin_parse(struct tensors *tensors, size_t file, struct error *err);

#endif
