/* ct2.h - CTranslate2's model.bin, versions 1 to 6: variables, then aliases of them. */
#ifndef DRAGOMAN_MODEL_CT2_H
#define DRAGOMAN_MODEL_CT2_H

#include "model/tensors_build.h"

/* Adds the variables and aliases of file number `file`; notes "version" (decimal) and,
 * from version 2 on, "revision" (decimal) and "spec": "TransformerSpec", or "TransformerBase" or
 * "TransformerBig" in old files; others are refused. */
bool ct2_parse(struct tensors *tensors, size_t file, struct error *err);

#endif
