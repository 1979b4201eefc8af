#include "model/model.h"

#include "model/network.h"

#include <string.h>

struct model {
    struct config config;
    struct network network;
    const struct kernels *kernels;
    enum precision precision;
    bool is_stored_quantized;
    struct arena arena;
};

/* Both passes over the tensors. */
static bool load(struct model *model, const struct tensors *tensors, uint64_t max_bytes,
                 struct buffer *faults, struct error *err)
{
    struct weights *weights;
    enum matrix_kind kind = model->precision == PRECISION_F32 ? MATRIX_F32 : MATRIX_I8;
    if (!weights_new(&weights, tensors, kind, err))
        return false;
    bool ok = network_bind(&model->network, &model->config, weights, &model->arena, err) &&
              weights_check(weights, &model->config, faults, err);
    if (ok && max_bytes != 0 && weights_bytes(weights) > max_bytes)
        ok = error_set(err, ERROR_LIMIT,
                       "the model needs %.1f MiB, more than the %.1f MiB of --max-memory",
                       (double)weights_bytes(weights) / (1 << 20), (double)max_bytes / (1 << 20));
    ok = ok && weights_load(weights, model->kernels, &model->arena, err);
    if (ok)
        network_tie(&model->network, &model->config);
    model->is_stored_quantized = weights_are_quantized(weights);
    weights_free(weights);
    return ok;
}

bool model_open(struct model **out, const char *directory, const struct model_options *options,
                struct buffer *faults, struct error *err)
{
    struct tensors *tensors = NULL;
    const char *why = NULL;
    struct model *model = memory_new(1, sizeof *model, err);
    if (model == NULL)
        return false;
    model->precision = options->precision == PRECISION_AUTO ? PRECISION_INT8 : options->precision;
    model->kernels = options->kernels != NULL ? options->kernels : kernels_find(NULL, &why);
    bool ok = model->kernels != NULL || error_set(err, ERROR_USAGE, "%s", why);
    ok = ok && tensors_open(&tensors, directory, options->format, err) &&
         config_load(&model->config, directory, tensors, err) &&
         load(model, tensors, options->max_bytes, faults, err);
    ok = tensors_close(tensors, err) && ok;
    if (!ok) {
        model_close(model);
        return false;
    }
    *out = model;
    return true;
}

bool model_check(const char *directory, const struct model_options *options, struct buffer *faults,
                 struct error *err)
{
    struct model *model;
    if (!model_open(&model, directory, options, faults, err))
        return false;
    model_close(model);
    return true;
}

void model_close(struct model *model)
{
    if (model == NULL)
        return;
    arena_free(&model->arena);
    memory_free(model);
}

const struct config *model_config(const struct model *model)
{
    return &model->config;
}

const struct kernels *model_kernels(const struct model *model)
{
    return model->kernels;
}

enum precision model_precision(const struct model *model)
{
    return model->precision;
}

uint64_t model_bytes(const struct model *model)
{
    return model->arena.n_bytes;
}

bool model_is_stored_quantized(const struct model *model)
{
    return model->is_stored_quantized;
}

const struct network *model_network(const struct model *model)
{
    return &model->network;
}
