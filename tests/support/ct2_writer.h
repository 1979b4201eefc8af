/* ct2_writer.h - an open model written as a CTranslate2 directory, for tests alone. */
#ifndef DRAGOMAN_TESTS_SUPPORT_CT2_WRITER_H
#define DRAGOMAN_TESTS_SUPPORT_CT2_WRITER_H

#include "model/model.h"
#include "tests/support/model_dir.h"

/* Writes model.bin, config.json and shared_vocabulary.json ("</s>", "<pad>" at their ids, other
 * words "w17") to `dir`. `type`: TENSOR_F32 or TENSOR_F16 of a model opened as float32, TENSOR_I8
 * of one opened as int8. Positions go as a table of 64 rows. Aborts where a model cannot be written
 * so. */
void write_ct2(const struct model_dir *dir, const struct model *model, enum tensor_type type);

/* The same in float32 as version 5 had it: without config.json, its settings among the tensors.
 * `settings`: names of flags that are 1, or "!name" of such as are 0, NULL-ended. */
void write_ct2_5(const struct model_dir *dir, const struct model *model,
                 const char *const *settings);

#endif
