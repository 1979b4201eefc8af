#include "model/config_family.h"

#include "model/arch.h"
#include "model/foreign.h"
#include "model/yaml.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads options; after the first fault it gives fallbacks, as json_reader does. */
struct option_reader {
    const struct yaml *yaml;
    const char *file;
    struct error *err;
    bool failed;
};

static bool option_fault(struct option_reader *reader, const char *key, const char *text)
{
    if (!reader->failed)
        error_set(reader->err, ERROR_MODEL, "%s: %s: %s", reader->file, key, text);
    reader->failed = true;
    return false;
}

static bool parse_integer(const char *text, uint32_t least, uint32_t most, uint32_t *out)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < least ||
        value > most)
        return false;
    *out = (uint32_t)value;
    return true;
}

#define OPTION_REQUIRED (UINT32_MAX - 1)

static uint32_t option_integer(struct option_reader *reader, const char *key, uint32_t least,
                               uint32_t most, uint32_t fallback)
{
    const char *text = yaml_scalar(reader->yaml, key);
    char what[64];
    uint32_t value = least;
    if (reader->failed)
        return least;
    if (text == NULL && fallback != OPTION_REQUIRED)
        return fallback;
    if (text != NULL && parse_integer(text, least, most, &value))
        return value;
    snprintf(what, sizeof what, "must be an integer from %u to %u", least, most);
    option_fault(reader, key, yaml_find(reader->yaml, key) == NULL ? "missing" : what);
    return least;
}

static float option_number(struct option_reader *reader, const char *key, float fallback)
{
    const char *text = yaml_scalar(reader->yaml, key);
    char *end;
    if (reader->failed || text == NULL)
        return fallback;
    float value = strtof(text, &end);
    if (end != text && *end == '\0' && isfinite(value))
        return value;
    option_fault(reader, key, "must be a number");
    return fallback;
}

static bool option_flag(struct option_reader *reader, const char *key, bool fallback)
{
    const char *text = yaml_scalar(reader->yaml, key);
    if (reader->failed || text == NULL)
        return fallback;
    if (strcmp(text, "true") == 0)
        return true;
    return strcmp(text, "false") == 0 ? false : option_fault(reader, key, "must be true or false");
}

static const char *option_text(const struct option_reader *reader, const char *key,
                               const char *fallback)
{
    const char *text = yaml_scalar(reader->yaml, key);
    return text != NULL ? text : fallback;
}

static void unsupported(struct option_reader *reader, const char *key)
{
    char what[128];
    snprintf(what, sizeof what, "unsupported: '%.100s'", option_text(reader, key, ""));
    option_fault(reader, key, what);
}

/* Not a transformer; what it is, if we know. */
static void unsupported_type(struct option_reader *reader, const char *type)
{
    char what[160];
    const char *kind = foreign_marian_type(type);
    snprintf(what, sizeof what, "unsupported: '%.64s'%s%s (transformer is read)", type,
             kind != NULL ? ", " : "", kind != NULL ? kind : "");
    option_fault(reader, "type", what);
}

/* ---- what we do not implement -----------------------------------------------------------------
 */

static const char *const flags_off[] = {
    "right-left",
    "ulr",
    "layer-normalization",
    "transformer-no-projection",
    "transformer-pool",
    "transformer-disable-position-embeddings",
    "transformer-no-bias",
    "transformer-no-affine",
    "transformer-alibi-decoder",
    "transformer-alibi-trainable",
};

static void check_options(struct option_reader *reader)
{
    const char *type = option_text(reader, "type", "transformer");
    if (strcmp(type, "transformer") != 0)
        unsupported_type(reader, type);
    for (size_t i = 0; i < sizeof flags_off / sizeof flags_off[0]; i++)
        if (option_flag(reader, flags_off[i], false))
            unsupported(reader, flags_off[i]);
    const struct yaml_entry *types = yaml_find(reader->yaml, "input-types");
    if (types != NULL && types->n_values > 0)
        option_fault(reader, "input-types", "unsupported");
    if (option_integer(reader, "lemma-dim-emb", 0, UINT32_MAX - 2, 0) != 0)
        unsupported(reader, "lemma-dim-emb");
    if (option_integer(reader, "factors-dim-emb", 0, UINT32_MAX - 2, 0) != 0)
        unsupported(reader, "factors-dim-emb");
    if (option_integer(reader, "transformer-ffn-depth", 0, 1024, 2) != 2)
        unsupported(reader, "transformer-ffn-depth");
    uint32_t depth = option_integer(reader, "transformer-decoder-ffn-depth", 0, 1024, 0);
    if (depth != 0 && depth != 2)
        unsupported(reader, "transformer-decoder-ffn-depth");
    if (option_integer(reader, "transformer-alibi", 0, 1, 0) != 0)
        unsupported(reader, "transformer-alibi");
}

/* ---- the network ------------------------------------------------------------------------------
 */

/* Letters of an operation string that are not dropout. */
static void significant(char out[8], const char *operations)
{
    size_t n = 0;
    for (; *operations != '\0' && n < 7; operations++)
        if (*operations != 'd')
            out[n++] = *operations;
    out[n] = '\0';
}

/* Whether the Marian that trained a pre-norm model took keys and values before the norm: up
 * to 1.10, and in the fork for browsers, which calls itself 1.12.0. */
static bool keys_before_norm(const char *version)
{
    unsigned major = 0, minor = 0, patch = 0;
    (void)sscanf(version, "v%u.%u.%u", &major, &minor, &patch);
    return major <= 1 && (minor <= 10 || (minor == 12 && patch == 0));
}

static void read_norms(struct config *config, struct option_reader *reader)
{
    char before[8], after[8] = "", embedding[8], top[8];
    significant(before, option_text(reader, "transformer-preprocess", ""));
    significant(after, option_text(reader, "transformer-postprocess", "dan"));
    significant(embedding, option_text(reader, "transformer-postprocess-emb", "d"));
    significant(top, option_text(reader, "transformer-postprocess-top", ""));
    config->norm =
        strpbrk(before, "r") != NULL || strpbrk(after, "r") != NULL ? NORM_RMS : NORM_LAYER;
    const char *norm = config->norm == NORM_RMS ? "r" : "n";
    const char *add_norm = config->norm == NORM_RMS ? "ar" : "an";
    if (before[0] != '\0' && strcmp(before, norm) != 0)
        unsupported(reader, "transformer-preprocess");
    if (strcmp(after, "a") != 0 && strcmp(after, add_norm) != 0)
        unsupported(reader, "transformer-postprocess");
    if (embedding[0] != '\0' && strcmp(embedding, norm) != 0)
        unsupported(reader, "transformer-postprocess-emb");
    if (top[0] != '\0' && strcmp(top, norm) != 0)
        unsupported(reader, "transformer-postprocess-top");
    if (before[0] == '\0' && after[1] == '\0')
        option_fault(reader, "transformer-postprocess", "unsupported: no norm at all");
    config->norm_place = before[0] == '\0' ? NORM_POST : after[1] == '\0' ? NORM_PRE : NORM_BOTH;
    config->norm_epsilon = 1e-6f;
    config->keys_before_norm =
        config->norm_place != NORM_POST && keys_before_norm(option_text(reader, "version", ""));
    config->embedding_norm = embedding[0] != '\0';
    config->final_norm = top[0] != '\0';
}

static void read_activation(enum activation *activation, const char *key,
                            struct option_reader *reader)
{
    const char *name = option_text(reader, key, "swish");
    if (strcmp(name, "swish") == 0)
        *activation = ACTIVATION_SWISH;
    else if (strcmp(name, "relu") == 0)
        *activation = ACTIVATION_RELU;
    else if (strcmp(name, "gelu") == 0)
        *activation = ACTIVATION_GELU_QUICK; /* what Marian calls so */
    else
        unsupported(reader, key);
}

/* Layers 1 to depth - 1 of the feed-forward part are activated, the last brings the width back, and
 * is left out where there is nothing to bring back. */
static void read_average(struct config *config, struct option_reader *reader)
{
    static const char *const depth = "transformer-aan-depth";
    config->decoder = DECODER_AAN;
    config->average_gated = !option_flag(reader, "transformer-aan-nogate", false);
    read_activation(&config->average_activation, "transformer-aan-activation", reader);
    uint32_t n = option_integer(reader, depth, 1, 1024, 2);
    if (n > 2)
        unsupported(reader, depth);
    if (n == 2)
        config->average_ffn =
            option_integer(reader, "transformer-dim-aan", 1, CONFIG_MAX_WIDTH, 2048);
}

static void read_decoder(struct config *config, struct option_reader *reader)
{
    static const char *const key = "transformer-decoder-autoreg";
    const char *kind = option_text(reader, key, "self-attention");
    config->decoder = DECODER_ATTENTION;
    if (strcmp(kind, "rnn") == 0) {
        config->decoder = DECODER_SSRU;
        config->rnn_projection = option_flag(reader, "transformer-rnn-projection", false);
        if (strcmp(option_text(reader, "dec-cell", "gru"), "ssru") != 0)
            unsupported(reader, "dec-cell");
    } else if (strcmp(kind, "average-attention") == 0) {
        read_average(config, reader);
    } else if (strcmp(kind, "self-attention") != 0) {
        unsupported(reader, key);
    }
}

/* Layer i has the parameters of layer list[i], both counted from 1. */
static void read_tied_layers(struct config *config, struct option_reader *reader)
{
    static const char *const key = "transformer-tied-layers";
    const struct yaml_entry *list = yaml_find(reader->yaml, key);
    if (list == NULL || list->n_values == 0 || reader->failed)
        return;
    if (list->n_values > CONFIG_MAX_LAYERS) {
        option_fault(reader, key, "too many layers");
        return;
    }
    config->n_tied = (uint32_t)list->n_values;
    for (uint32_t i = 0; i < config->n_tied; i++) {
        uint32_t layer;
        if (!parse_integer(list->values[i], 1, i + 1, &layer) ||
            (layer <= i && config->tied[layer - 1] != layer - 1)) {
            option_fault(reader, key, "must name earlier layers that are not tied themselves");
            return;
        }
        config->tied[i] = (uint8_t)(layer - 1);
    }
}

static void read_vocabularies(struct config *config, struct option_reader *reader,
                              const struct tensors *tensors)
{
    static const char *const key = "dim-vocabs";
    const struct yaml_entry *sizes = yaml_find(reader->yaml, key);
    bool all = option_flag(reader, "tied-embeddings-all", false);
    config->share_embeddings = all || option_flag(reader, "tied-embeddings-src", false);
    config->tie_output = all || option_flag(reader, "tied-embeddings", false);
    config->source_vocabulary = config->target_vocabulary = 1;
    if (sizes == NULL || sizes->n_values != 2) {
        option_fault(reader, key, "must be a list of two sizes");
        return;
    }
    uint32_t *const out[2] = {&config->source_vocabulary, &config->target_vocabulary};
    for (unsigned i = 0; i < 2; i++) {
        if (!parse_integer(sizes->values[i], 0, CONFIG_MAX_VOCABULARY, out[i])) {
            option_fault(reader, key, "must be a list of two sizes");
            return;
        }
        /* 0: as large as the vocabulary file, so as large as the table. */
        const struct tensor *table = tensors_find(tensors, config->share_embeddings ? "Wemb"
                                                           : i == 0                 ? "encoder_Wemb"
                                                                    : "decoder_Wemb");
        if (*out[i] == 0 && table != NULL && table->rank == 2)
            *out[i] = (uint32_t)table->shape[0];
        if (*out[i] == 0)
            option_fault(reader, key, "unknown size");
    }
    if (config->share_embeddings && config->source_vocabulary != config->target_vocabulary)
        option_fault(reader, key, "must be equal when embeddings are shared");
}

static void read_positions(struct config *config, struct option_reader *reader,
                           const struct tensors *tensors)
{
    static const char *const key = "transformer-train-positions";
    const struct tensor *table = tensors_find(tensors, "Wpos");
    config->positions = POSITIONS_SINUSOIDAL_NATIVE;
    config->max_positions = CONFIG_NONE;
    config->embedding_scale = sqrtf((float)config->width);
    if (option_flag(reader, key, false) != (table != NULL)) {
        option_fault(reader, key, "disagrees with the presence of Wpos");
    } else if (table != NULL) {
        config->positions = POSITIONS_LEARNED;
        config->max_positions = table->shape[0] < CONFIG_MAX_VOCABULARY ? (uint32_t)table->shape[0]
                                                                        : CONFIG_MAX_VOCABULARY;
        config->embedding_scale = 1.0f;
    }
}

static void read_network(struct config *config, struct option_reader *reader,
                         const struct tensors *tensors)
{
    check_options(reader);
    config->width = option_integer(reader, "dim-emb", 1, CONFIG_MAX_WIDTH, OPTION_REQUIRED);
    config->encoder_layers =
        option_integer(reader, "enc-depth", 1, CONFIG_MAX_LAYERS, OPTION_REQUIRED);
    config->decoder_layers =
        option_integer(reader, "dec-depth", 1, CONFIG_MAX_LAYERS, OPTION_REQUIRED);
    config->encoder_heads =
        option_integer(reader, "transformer-heads", 1, CONFIG_MAX_HEADS, OPTION_REQUIRED);
    if (!reader->failed && config->width % config->encoder_heads != 0)
        option_fault(reader, "transformer-heads", "must divide dim-emb");
    config->decoder_heads = config->encoder_heads;
    config->encoder_head_width = config->decoder_head_width =
        reader->failed ? 1 : config->width / config->encoder_heads;
    config->encoder_ffn =
        option_integer(reader, "transformer-dim-ffn", 1, CONFIG_MAX_WIDTH, OPTION_REQUIRED);
    config->decoder_ffn =
        option_integer(reader, "transformer-decoder-dim-ffn", 0, CONFIG_MAX_WIDTH, 0);
    if (config->decoder_ffn == 0)
        config->decoder_ffn = config->encoder_ffn;
    read_norms(config, reader);
    read_activation(&config->activation, "transformer-ffn-activation", reader);
    read_decoder(config, reader);
    read_tied_layers(config, reader);
    read_vocabularies(config, reader, tensors);
    read_positions(config, reader, tensors);
    config->biases = true;
    config->output_scale = 1.0f;
    config->start_is_zero = true;
}

/* ---- search -----------------------------------------------------------------------------------
 */

/* Student models are made for greedy search and come without a decoder.yml. */
static void set_search_defaults(struct config *config)
{
    struct generation *g = &config->generation;
    g->num_beams = config->decoder == DECODER_SSRU ? 1 : 4;
    g->max_length = CONFIG_NONE;
    g->max_length_factor = 3;
    g->length_penalty = 1;
    g->repetition_penalty = 1;
    g->stop = STOP_EXHAUSTIVE;
    g->n_eos = 1; /* </s> is 0 and <unk> 1 in all of Marian's own vocabularies */
    g->n_banned = 1;
    g->banned[0] = 1;
    g->pad = g->bos = g->forced_bos = g->forced_eos = CONFIG_NONE;
}

/* "model.npz.decoder.yml" or "decoder.yml" beside the model. */
static bool read_decoder_file(struct config *config, const char *directory, const char *model,
                              struct error *err)
{
    struct generation *g = &config->generation;
    char name[512];
    size_t n_bytes;
    struct yaml yaml;
    const char *slash = strrchr(model, '/'); /* it has its directory before it */
    snprintf(name, sizeof name, "%s.decoder.yml", slash != NULL ? slash + 1 : model);
    if (!file_exists(directory, name))
        snprintf(name, sizeof name, "decoder.yml");
    if (!file_exists(directory, name))
        return true;
    char *text = file_load(directory, name, CONFIG_MAX_BYTES, &n_bytes, err);
    bool ok = text != NULL && yaml_parse(&yaml, name, text, n_bytes, err);
    memory_free(text);
    if (!ok)
        return false;
    struct option_reader reader = {.yaml = &yaml, .file = name, .err = err};
    g->num_beams = option_integer(&reader, "beam-size", 1, STEP_MAX_BEST / 4, 12);
    g->length_penalty = option_number(&reader, "normalize", 0);
    g->word_penalty = option_number(&reader, "word-penalty", 0);
    g->max_length_factor = option_number(&reader, "max-length-factor", 3);
    g->num_beams_origin = g->length_penalty_origin = g->max_length_origin =
        ORIGIN_GENERATION_CONFIG;
    g->allows_unknown = option_flag(&reader, "allow-unk", false);
    if (g->allows_unknown)
        g->n_banned = 0;
    const struct yaml_entry *models = yaml_find(&yaml, "models");
    if (models != NULL && models->n_values > 1)
        option_fault(&reader, "models", "unsupported: an ensemble of several models");
    yaml_free(&yaml);
    return !reader.failed;
}

bool config_load_marian(struct config *config, const char *directory, const struct tensors *tensors,
                        struct error *err)
{
    static const char *const note = "special:model.yml";
    size_t n_bytes = 0;
    struct yaml yaml;
    char folder[CONFIG_PATH_BYTES];
    const char *model = tensors_file_name(tensors, 0);
    const char *text = tensors_note(tensors, note, &n_bytes);
    if (text == NULL)
        return error_set(err, ERROR_MODEL, "%s: %s: missing", model, note);
    if (!yaml_parse(&yaml, note, text, n_bytes, err))
        return false;
    struct option_reader reader = {.yaml = &yaml, .file = note, .err = err};
    config->family = config->names = FAMILY_MARIAN_NATIVE;
    snprintf(config->model_type, sizeof config->model_type, "marian-native");
    read_network(config, &reader, tensors);
    yaml_free(&yaml);
    if (reader.failed)
        return false;
    set_search_defaults(config);
    return config_directory(folder, directory, err) &&
           read_decoder_file(config, folder, model, err) && config_finish(config, note, err);
}
