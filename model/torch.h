/* torch.h - pytorch_model.bin: a zip archive with a pickle (PyTorch 1.6 on) or a stream of pickles
 * and raw storages (before). The pickles are read as data by pickle.c; nothing in them runs. */
#ifndef DRAGOMAN_MODEL_TORCH_H
#define DRAGOMAN_MODEL_TORCH_H

#include "model/tensors_build.h"

/* Adds the tensors of the state dict in file number `file`. Tensors may share a storage (tied
 * weights) or be transposed views of one. */
bool torch_parse_zip(struct tensors *tensors, size_t file, struct error *err);
bool torch_parse_stream(struct tensors *tensors, size_t file, struct error *err);

#endif
