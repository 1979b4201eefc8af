#include "model/config_family.h"

#include "base/json.h"
#include "model/config_json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Largest vocabulary file: enough for a million tokens. */
#define VOCABULARY_MAX_BYTES ((size_t)64 << 20)

/* What reading scalars needs; after the first fault it gives fallbacks. */
struct scalar_reader {
    const struct tensors *tensors;
    const char *file;
    struct error *err;
    bool failed;
};

static bool scalar_fault(struct scalar_reader *reader, const char *name, const char *text)
{
    if (!reader->failed)
        error_set(reader->err, ERROR_MODEL, "%s: %s: %s", reader->file, name, text);
    reader->failed = true;
    return false;
}

static float scalar(struct scalar_reader *reader, const char *name, float fallback)
{
    const struct tensor *tensor = tensors_find(reader->tensors, name);
    float value = fallback;
    if (reader->failed || tensor == NULL)
        return fallback;
    if (tensor->n_elements != 1)
        scalar_fault(reader, name, "must be one number");
    else if (!tensors_read_f32(reader->tensors, tensor, 0, 1, &value, reader->err))
        reader->failed = true;
    else if (!isfinite(value))
        scalar_fault(reader, name, "must be finite");
    return reader->failed ? fallback : value;
}

static uint32_t scalar_integer(struct scalar_reader *reader, const char *name, uint32_t least,
                               uint32_t most, uint32_t fallback)
{
    char text[64];
    float value = scalar(reader, name, (float)fallback);
    if (reader->failed)
        return least;
    if (value >= (float)least && value <= (float)most && value == floorf(value))
        return (uint32_t)value;
    snprintf(text, sizeof text, "must be an integer from %u to %u", least, most);
    scalar_fault(reader, name, text);
    return least;
}

/* Before revision 5 one scalar served both stacks, under its name alone. */
static uint32_t stack_integer(struct scalar_reader *reader, const char *side, const char *what,
                              uint32_t least, uint32_t most, uint32_t fallback)
{
    char name[64];
    snprintf(name, sizeof name, "%s/%s", side, what);
    if (tensors_find(reader->tensors, name) == NULL)
        snprintf(name, sizeof name, "%s", what);
    return scalar_integer(reader, name, least, most, fallback);
}

/* Dimension `axis` of a matrix that must be there. */
static uint32_t dimension(struct scalar_reader *reader, const char *name, size_t axis,
                          uint32_t most)
{
    const struct tensor *tensor = tensors_find(reader->tensors, name);
    if (reader->failed)
        return 1;
    if (tensor == NULL)
        scalar_fault(reader, name, "missing");
    else if (tensor->rank != 2 || tensor->shape[axis] == 0 || tensor->shape[axis] > most)
        scalar_fault(reader, name, "unexpected shape");
    return reader->failed ? 1 : (uint32_t)tensor->shape[axis];
}

static bool has(const struct scalar_reader *reader, const char *name)
{
    return tensors_find(reader->tensors, name) != NULL;
}

/* Two names of the same bytes. */
static bool is_same(const struct tensors *tensors, const char *a, const char *b)
{
    const struct tensor *x = tensors_find(tensors, a), *y = tensors_find(tensors, b);
    return x != NULL && y != NULL && x->file == y->file && x->offset == y->offset &&
           x->n_bytes == y->n_bytes;
}

/* ---- the network ------------------------------------------------------------------------------
 */

/* Pieces that change the computation in ways we do not implement; any tensor whose name has one. */
static const char *const unsupported[] = {
    "relative_position_keys",
    "relative_asymmetric_position_keys",
    "relative_position_values",
    "rotary_",
    "num_heads_kv",
    "sliding_window",
    "project_in",
    "project_out",
    "weight_zero",
    "weight_packed",
    "weight_compensation",
    "alibi",
};

static void check_supported(struct scalar_reader *reader)
{
    for (size_t i = 0; i < tensors_count(reader->tensors); i++) {
        const struct tensor *tensor = tensors_at(reader->tensors, i);
        for (size_t j = 0; j < sizeof unsupported / sizeof unsupported[0]; j++) {
            if (strstr(tensor->name, unsupported[j]) == NULL)
                continue;
            /* A flag that is off is nothing. */
            if (tensor->n_elements == 1 && scalar(reader, tensor->name, 0) == 0)
                continue;
            scalar_fault(reader, tensor->name, "unsupported");
            return;
        }
    }
}

struct side {
    uint32_t layers, heads, head_width, ffn;
    float attention_scale;
    bool before;
    enum activation activation;
    float embedding_scale;
};

static void read_embedding_scale(const struct config *config, struct scalar_reader *reader,
                                 const char *name, struct side *side)
{
    char full[96];
    side->embedding_scale = sqrtf((float)config->width);
    snprintf(full, sizeof full, "%s/scale_embeddings", name);
    if (!has(reader, full))
        snprintf(full, sizeof full, "%s/embeddings/multiply_by_sqrt_depth", name);
    const struct tensor *tensor = tensors_find(reader->tensors, full);
    if (tensor == NULL)
        return;
    float value = scalar(reader, full, 1);
    if (tensor->type == TENSOR_I8)
        side->embedding_scale = value != 0 ? side->embedding_scale : 1.0f;
    else
        side->embedding_scale = value;
}

static void read_side(const struct config *config, struct scalar_reader *reader, const char *name,
                      struct side *side)
{
    static const enum activation activations[] = {
        ACTIVATION_RELU,       ACTIVATION_GELU_TANH, ACTIVATION_SWISH,  ACTIVATION_GELU,
        ACTIVATION_GELU_QUICK, ACTIVATION_TANH,      ACTIVATION_SIGMOID};
    char full[96];
    for (side->layers = 0; side->layers < CONFIG_MAX_LAYERS; side->layers++) {
        snprintf(full, sizeof full, "%s/layer_%u/ffn/linear_0/weight", name, side->layers);
        if (!has(reader, full))
            break;
    }
    if (side->layers == 0)
        scalar_fault(reader, full, "missing");
    size_t n_spec = 0;
    const char *spec = tensors_note(reader->tensors, "spec", &n_spec);
    bool big = spec != NULL && n_spec == 14 && memcmp(spec, "TransformerBig", n_spec) == 0;
    side->heads = stack_integer(reader, name, "num_heads", 1, CONFIG_MAX_HEADS, big ? 16 : 8);
    side->before = stack_integer(reader, name, "pre_norm", 0, 1, 1) != 0;
    side->activation = activations[stack_integer(reader, name, "activation", 0, 6, 0)];
    snprintf(full, sizeof full, "%s/layer_0/ffn/linear_0/weight", name);
    side->ffn = dimension(reader, full, 0, CONFIG_MAX_WIDTH);
    snprintf(full, sizeof full, "%s/layer_0/self_attention/linear_0/weight", name);
    uint32_t rows = dimension(reader, full, 0, 3 * CONFIG_MAX_WIDTH);
    if (!reader->failed && rows % (3 * side->heads) != 0)
        scalar_fault(reader, full, "rows are not three times the heads");
    side->head_width = reader->failed ? 1 : rows / 3 / side->heads;
    snprintf(full, sizeof full, "%s/layer_0/self_attention/queries_scale", name);
    side->attention_scale = scalar(reader, full, 0);
    read_embedding_scale(config, reader, name, side);
}

static void read_positions(struct config *config, struct scalar_reader *reader)
{
    static const char *const bias = "encoder/layer_0/self_attention/relative_attention_bias";
    static const char *const distance =
        "encoder/layer_0/self_attention/relative_attention_max_distance";
    static const char *const table = "encoder/position_encodings/encodings";
    config->max_positions = CONFIG_NONE;
    if (has(reader, bias)) {
        config->positions = POSITIONS_RELATIVE_BUCKETS;
        config->relative_buckets = dimension(reader, bias, 0, 1024);
        config->relative_max_distance =
            scalar_integer(reader, distance, 2, CONFIG_MAX_VOCABULARY, 128);
        if (config->relative_buckets < 4 ||
            config->relative_max_distance <= config->relative_buckets / 2)
            scalar_fault(reader, distance, "must exceed half the buckets");
    } else if (has(reader, table)) {
        config->positions = POSITIONS_LEARNED;
        config->max_positions = dimension(reader, table, 0, CONFIG_MAX_VOCABULARY);
    } else {
        config->positions = POSITIONS_SINUSOIDAL_NATIVE;
        config->position_offset = 1;
    }
}

static void read_network(struct config *config, struct scalar_reader *reader)
{
    static const char *const target = "decoder/embeddings/weight";
    const char *source = has(reader, "encoder/embeddings_0/weight") ? "encoder/embeddings_0/weight"
                                                                    : "encoder/embeddings/weight";
    struct side encoder = {0}, decoder = {0};
    check_supported(reader);
    config->source_vocabulary = dimension(reader, source, 0, CONFIG_MAX_VOCABULARY);
    config->target_vocabulary = dimension(reader, target, 0, CONFIG_MAX_VOCABULARY);
    config->width = dimension(reader, source, 1, CONFIG_MAX_WIDTH);
    read_side(config, reader, "encoder", &encoder);
    read_side(config, reader, "decoder", &decoder);
    if (encoder.before != decoder.before || encoder.activation != decoder.activation ||
        encoder.embedding_scale != decoder.embedding_scale)
        scalar_fault(reader, "decoder", "unsupported: stacks of different kinds");
    config->encoder_layers = encoder.layers;
    config->decoder_layers = decoder.layers;
    config->encoder_heads = encoder.heads;
    config->decoder_heads = decoder.heads;
    config->encoder_head_width = encoder.head_width;
    config->decoder_head_width = decoder.head_width;
    config->encoder_ffn = encoder.ffn;
    config->decoder_ffn = decoder.ffn;
    config->encoder_attention_scale = encoder.attention_scale;
    config->decoder_attention_scale = decoder.attention_scale;
    config->activation = encoder.activation;
    config->embedding_scale = encoder.embedding_scale;
    config->norm_place = encoder.before ? NORM_PRE : NORM_POST;
    config->norm = has(reader, "encoder/layer_0/ffn/layer_norm/beta") ? NORM_LAYER : NORM_RMS;
    config->norm_epsilon = config->norm == NORM_LAYER ? 1e-5f : 1e-6f;
    config->gated = has(reader, "encoder/layer_0/ffn/linear_0_noact/weight");
    config->biases = has(reader, "encoder/layer_0/ffn/linear_0/bias");
    config->embedding_norm = has(reader, "encoder/layernorm_embedding/gamma");
    config->final_norm = has(reader, "encoder/layer_norm/gamma");
    read_positions(config, reader);
    config->share_embeddings = is_same(reader->tensors, source, target);
    config->tie_output = is_same(reader->tensors, target, "decoder/projection/weight");
    config->output_scale = scalar(reader, "decoder/scale_outputs", 1);
    config->start_is_zero = scalar(reader, "decoder/start_from_zero_embedding", 0) != 0;
}

/* ---- tokens by name ---------------------------------------------------------------------------
 */

/* The id of a token in a vocabulary of one token a line. A file whose every line ends in CR LF has
 * its CRs removed. */
static uint32_t find_line(const char *text, size_t n_bytes, const char *token)
{
    size_t length = strlen(token), line = 0, n_cr = 0;
    uint32_t found = CONFIG_NONE, found_cr = CONFIG_NONE;
    for (const char *p = text, *end = text + n_bytes; p < end; line++) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        stop = stop != NULL ? stop : end;
        size_t n = (size_t)(stop - p);
        if (n == length && memcmp(p, token, n) == 0 && found == CONFIG_NONE)
            found = (uint32_t)line;
        if (n > 0 && p[n - 1] == '\r') {
            n_cr++;
            if (n == length + 1 && memcmp(p, token, length) == 0 && found_cr == CONFIG_NONE)
                found_cr = (uint32_t)line;
        }
        p = stop + 1;
    }
    return line > 0 && n_cr == line ? found_cr : found;
}

/* The same in a JSON array of strings, token by token: a tree of it would be forty times its size.
 * A fault in it is left in `scan`. */
static uint32_t find_item(struct json_scan *scan, const char *token, struct buffer *item)
{
    size_t length = strlen(token);
    uint32_t found = CONFIG_NONE;
    json_scan_open(scan, '[');
    for (uint32_t i = 0; json_scan_next(scan, ']') && json_scan_string(scan, item); i++)
        if (found == CONFIG_NONE && item->n_bytes == length &&
            memcmp(item->bytes, token, length) == 0)
            found = i;
    if (scan->fault == NULL && !json_scan_end(scan))
        scan->fault = "text after the end";
    return found;
}

/* The target vocabulary, in whichever form it is. */
struct vocabulary {
    const char *file;
    char *text;
    size_t n_bytes;
    bool is_json;
    struct buffer item;
};

static uint32_t token_id(struct vocabulary *vocabulary, const char *token)
{
    struct json_scan scan = {.at = vocabulary->text, .end = vocabulary->text + vocabulary->n_bytes};
    return vocabulary->is_json ? find_item(&scan, token, &vocabulary->item)
                               : find_line(vocabulary->text, vocabulary->n_bytes, token);
}

static bool vocabulary_check(struct vocabulary *vocabulary, struct error *err)
{
    struct json_scan scan = {.at = vocabulary->text, .end = vocabulary->text + vocabulary->n_bytes};
    find_item(&scan, "", &vocabulary->item);
    return scan.fault == NULL ||
           error_set(err, json_scan_code(&scan), "%s: offset %zu: %s", vocabulary->file,
                     (size_t)(scan.at - vocabulary->text), scan.fault);
}

static bool vocabulary_load(struct vocabulary *vocabulary, const char *directory, struct error *err)
{
    static const char *const names[] = {"target_vocabulary.json", "shared_vocabulary.json",
                                        "target_vocabulary.txt", "shared_vocabulary.txt"};
    for (size_t i = 0; i < 4; i++) {
        if (!file_exists(directory, names[i]))
            continue;
        vocabulary->file = names[i];
        vocabulary->is_json = i < 2;
        vocabulary->text =
            file_load(directory, names[i], VOCABULARY_MAX_BYTES, &vocabulary->n_bytes, err);
        return vocabulary->text != NULL &&
               (!vocabulary->is_json || vocabulary_check(vocabulary, err));
    }
    return error_set(err, ERROR_MODEL, "target_vocabulary.json: missing");
}

/* Until version 5 these were scalars of the model. */
static const char *old_start(struct scalar_reader *scalars)
{
    if (scalar(scalars, "user_decoder_start_tokens", 0) != 0)
        return NULL;
    return scalar(scalars, "with_target_bos", 1) != 0 ? "<s>" : "</s>";
}

static void read_source(struct config *config, struct json_reader *reader,
                        struct scalar_reader *scalars)
{
    config->source_bos =
        json_boolean(reader, "add_source_bos", scalar(scalars, "with_source_bos", 0) != 0);
    config->source_eos =
        json_boolean(reader, "add_source_eos", scalar(scalars, "with_source_eos", 0) != 0);
}

static void read_generation(struct config *config, struct json_reader *reader,
                            struct scalar_reader *scalars, struct vocabulary *vocabulary)
{
    struct generation *g = &config->generation;
    g->num_beams = 2;
    g->max_length = 256;
    g->length_penalty = 1;
    g->repetition_penalty = 1;
    g->renormalize = true;
    g->stop = STOP_FINISHED;
    g->forced_bos = g->forced_eos = CONFIG_NONE;
    uint32_t eos = token_id(vocabulary, json_string(reader, "eos_token", "</s>"));
    if (eos == CONFIG_NONE) {
        json_fault(reader, "eos_token", "is not in the target vocabulary");
        return;
    }
    g->eos[0] = eos;
    g->n_eos = 1;
    g->eos_origin = ORIGIN_MODEL;
    g->bos = token_id(vocabulary, json_string(reader, "bos_token", "<s>"));
    g->pad = CONFIG_NONE;
    /* null: the caller gives the start, as its language token. */
    const char *start =
        cJSON_GetObjectItemCaseSensitive(reader->object, "decoder_start_token") != NULL
            ? json_string(reader, "decoder_start_token", NULL)
            : old_start(scalars);
    g->start = start != NULL ? token_id(vocabulary, start) : CONFIG_NONE;
    if (config->start_is_zero)
        g->start = eos; /* never looked up */
    g->start_origin = ORIGIN_MODEL;
}

bool config_load_ct2(struct config *config, const char *directory, const struct tensors *tensors,
                     struct error *err)
{
    static const char *const file = "config.json";
    struct scalar_reader scalars = {
        .tensors = tensors, .file = tensors_file_name(tensors, 0), .err = err};
    struct vocabulary vocabulary = {0};
    cJSON *root = NULL;
    config->family = config->names = FAMILY_CT2;
    snprintf(config->model_type, sizeof config->model_type, "ctranslate2");
    read_network(config, &scalars);
    bool ok =
        !scalars.failed && vocabulary_load(&vocabulary, directory, err) &&
        (!file_exists(directory, file) || json_load(&root, directory, file, CONFIG_MAX_BYTES, err));
    if (ok) {
        struct json_reader reader = {.object = root, .file = file, .err = err};
        config->norm_epsilon =
            json_number(&reader, "layer_norm_epsilon", CONFIG_MIN_EPSILON, 1, config->norm_epsilon);
        if (json_integer(&reader, "quantization_type", 0, 255, 0) != 0)
            json_fault(&reader, "quantization_type", "unsupported");
        if (json_boolean(&reader, "multi_query_attention", false))
            json_fault(&reader, "multi_query_attention", "unsupported");
        read_source(config, &reader, &scalars);
        read_generation(config, &reader, &scalars, &vocabulary);
        ok = !reader.failed && !scalars.failed && config_finish(config, file, err);
    }
    memory_free(vocabulary.text);
    buffer_free(&vocabulary.item);
    cJSON_Delete(root);
    return ok;
}
