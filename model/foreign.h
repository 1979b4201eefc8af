/* foreign.h - what we recognise and do not run, by name: so that a message can say what a
 * checkpoint is instead of what it is not.
 *
 *     const char *kind = foreign_model_type("gpt2");       "a decoder-only language model"
 */
#ifndef DRAGOMAN_MODEL_FOREIGN_H
#define DRAGOMAN_MODEL_FOREIGN_H

#include "base/error.h"

/* Hugging Face's model_type: what kind of model it is, or NULL if unknown. */
const char *foreign_model_type(const char *type);

/* Hugging Face's class ("T5EncoderModel", "MBartForCausalLM"): which part or use of a model of
 * ours, or NULL if it is none of these. */
const char *foreign_class(const char *name);

/* Marian's "type": what kind of network it is, or NULL if unknown. */
const char *foreign_marian_type(const char *type);

/* A file by its name: "an ONNX model", or NULL. */
const char *foreign_file(const char *name);

/* False, and an ERROR_MODEL that names it, if the directory has such a file; true if it has none. A
 * directory without any model of ours is looked at. */
bool foreign_check_directory(const char *directory, struct error *err);

#endif
