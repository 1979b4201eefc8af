/* safetensors.h - the safetensors format: a length, a JSON header that names tensors, their bytes.
 * Read as strictly as its reference implementation, and stricter about duplicate names. */
#ifndef DRAGOMAN_MODEL_SAFETENSORS_H
#define DRAGOMAN_MODEL_SAFETENSORS_H

#include "model/tensors_build.h"

/* Adds the tensors of file number `file`. The bytes of a file must be covered once, without gap or
 * overlap. */
bool safetensors_parse(struct tensors *tensors, size_t file, struct error *err);

#endif
