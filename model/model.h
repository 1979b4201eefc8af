/* model.h - a checkpoint in memory: its configuration and its weights, const after model_open() and
 * shared by all threads.
 *
 *     struct model *model;
 *     if (!model_open(&model, "opus-mt-en-de", &(struct model_options){0}, &err)) ...
 *     const struct config *config = model_config(model);
 *     model_close(model);
 */
#ifndef DRAGOMAN_MODEL_MODEL_H
#define DRAGOMAN_MODEL_MODEL_H

#include "kernels/kernels.h"
#include "model/config.h"
#include "model/tensors.h"

enum precision {
    PRECISION_AUTO, /* int8 */
    PRECISION_INT8,
    PRECISION_F32
};

struct model;
struct network;

struct model_options {
    enum precision precision;
    enum tensor_format format;     /* FORMAT_AUTO unless the user overrides */
    const struct kernels *kernels; /* NULL: the best */
    uint64_t max_bytes;            /* refuse before loading if weights need more; 0: no limit */
};

/* Opens a model directory (or a single Marian file): reads and checks config and generation config,
 * checks the names, types and shapes of all tensors (reporting every fault it finds, one to a line
 * in `faults` if that is not NULL, the first one and their number in `err`), then reads the weights
 * once into the kernels' layout. */
bool model_open(struct model **model, const char *directory, const struct model_options *options,
                struct buffer *faults, struct error *err);

/* Checks without keeping anything: config, tensors, and that every value is finite. */
bool model_check(const char *directory, const struct model_options *options, struct buffer *faults,
                 struct error *err);

void model_close(struct model *model);

const struct config *model_config(const struct model *model);
const struct kernels *model_kernels(const struct model *model);
enum precision model_precision(const struct model *model); /* never AUTO */
uint64_t model_bytes(const struct model *model);           /* memory of the weights */
bool model_is_stored_quantized(
    const struct model *model); /* not all weights of its files are floats */
const struct network *model_network(const struct model *model);

#endif
