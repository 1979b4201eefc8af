#include "model/config_family.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    enum activation activation;
} activations[] = {
    {"relu", ACTIVATION_RELU},           {"swish", ACTIVATION_SWISH},
    {"silu", ACTIVATION_SWISH},          {"gelu", ACTIVATION_GELU},
    {"gelu_new", ACTIVATION_GELU_TANH},  {"gelu_pytorch_tanh", ACTIVATION_GELU_TANH},
    {"gelu_fast", ACTIVATION_GELU_TANH}, {"quick_gelu", ACTIVATION_GELU_QUICK},
    {"tanh", ACTIVATION_TANH},           {"sigmoid", ACTIVATION_SIGMOID},
    {"linear", ACTIVATION_NONE},
};

bool config_activation(const char *name, enum activation *activation)
{
    for (size_t i = 0; i < sizeof activations / sizeof activations[0]; i++) {
        if (strcmp(activations[i].name, name) == 0) {
            *activation = activations[i].activation;
            return true;
        }
    }
    return false;
}

const char *config_activation_name(enum activation activation)
{
    for (size_t i = 0; i < sizeof activations / sizeof activations[0]; i++)
        if (activations[i].activation == activation)
            return activations[i].name;
    return NULL;
}

bool config_directory(char out[CONFIG_PATH_BYTES], const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/');
    size_t n = strlen(path);
    if (!file_exists(path, ".")) { /* a file */
        n = slash != NULL ? (size_t)(slash - path) + 1 : 1;
        path = slash != NULL ? path : ".";
    }
    if (n >= CONFIG_PATH_BYTES)
        return error_set(err, ERROR_MODEL, "path too long");
    memcpy(out, path, n);
    out[n] = '\0';
    return true;
}

/* Every id the search may use must be in the target vocabulary. */
static bool check_id(const struct config *config, const char *file, const char *what, uint32_t id,
                     struct error *err)
{
    if (id == CONFIG_NONE || id < config->target_vocabulary)
        return true;
    return error_set(err, ERROR_MODEL, "%s: %s: must be below the vocabulary's size, %u", file,
                     what, config->target_vocabulary);
}

bool config_finish(struct config *config, const char *file, struct error *err)
{
    const struct generation *g = &config->generation;
    bool ok = check_id(config, file, "pad_token_id", g->pad, err) &&
              check_id(config, file, "bos_token_id", g->bos, err) &&
              check_id(config, file, "decoder_start_token_id", g->start, err) &&
              check_id(config, file, "forced_bos_token_id", g->forced_bos, err) &&
              check_id(config, file, "forced_eos_token_id", g->forced_eos, err);
    for (uint32_t i = 0; ok && i < g->n_eos; i++)
        ok = check_id(config, file, "eos_token_id", g->eos[i], err);
    for (uint32_t i = 0; ok && i < g->n_banned; i++)
        ok = check_id(config, file, "bad_words_ids", g->banned[i], err);
    if (!ok)
        return false;
    if (config->encoder_attention_scale == 0)
        config->encoder_attention_scale = 1.0f / sqrtf((float)config->encoder_head_width);
    if (config->decoder_attention_scale == 0)
        config->decoder_attention_scale = 1.0f / sqrtf((float)config->decoder_head_width);
    return true;
}

bool config_load(struct config *config, const char *directory, const struct tensors *tensors,
                 struct error *err)
{
    *config = (struct config){0};
    switch (tensors_format(tensors)) {
    case FORMAT_MARIAN:
        return config_load_marian(config, directory, tensors, err);
    case FORMAT_CT2:
        return config_load_ct2(config, directory, tensors, err);
    case FORMAT_AUTO:
    case FORMAT_HF:
    case FORMAT_SAFETENSORS:
    case FORMAT_TORCH:
        break;
    }
    return config_load_hf(config, directory, tensors, err);
}
