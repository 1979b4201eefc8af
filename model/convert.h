/* convert.h - writes any checkpoint that opens as a directory in Hugging Face's layout:
 * config.json, model.safetensors, and the tokenizer's files as they were.
 *
 * A checkpoint of a Hugging Face family keeps its names and its configuration, and as float32 or
 * float16 its own tools still read it. Networks of other origin (native Marian, CTranslate2) are
 * described by "model_type": "dragoman". int8 has one scale for each output channel beside each
 * matrix, as "NAME.scale": value = int8 * scale; it translates to the same bytes as quantizing at
 * load, or, if it was stored as int8, as the original. By calibration it is nearer to float32: with
 * "NAME.smooth", factors of the inputs, tables of the vocabulary in float16, and a preview of the
 * output layer (network.h).
 *
 *     convert_model("opus-mt-en-de", "en-de.int8", &(struct convert_options){0}, NULL, &err); */
#ifndef DRAGOMAN_MODEL_CONVERT_H
#define DRAGOMAN_MODEL_CONVERT_H

#include "model/model.h"

struct calibration;

enum convert_type { CONVERT_INT8, CONVERT_F16, CONVERT_F32 };

struct convert_options {
    enum convert_type type;
    enum tensor_format format;     /* FORMAT_AUTO unless the user overrides */
    const struct kernels *kernels; /* NULL: the best */
    /* Hugging Face Marian alone: keep only these target tokens, ascending, [n_kept]; they are
     * renumbered in that order. Special tokens stay whatever the list says. NULL: all. */
    const uint32_t *kept;
    uint32_t n_kept;
    /* int8 alone: quantize by this calibration (calibration.h) of `model`, which is the checkpoint
     * opened as float32. NULL: each weight to its nearest value. */
    const struct calibration *calibration;
    size_t preview_rank; /* with it, as in calibrated.h */
    const struct model *model;
};

/* Writes directory `to`, which must be new or empty; its model.safetensors appears last, when all
 * else is there. `faults` as of model_open(). Faults of reading as there; of writing ERROR_OUTPUT.
 */
bool convert_model(const char *from, const char *to, const struct convert_options *options,
                   struct buffer *faults, struct error *err);

#endif
