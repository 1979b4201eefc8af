#include "model/config_family.h"

#include "base/json.h"
#include "model/arch.h"
#include "model/config_json.h"
#include "model/foreign.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- which family -----------------------------------------------------------------------------
 */

static const struct {
    const char *model_type, *architecture;
    enum family family;
} families[] = {
    {"marian", "MarianMTModel", FAMILY_MARIAN},
    {"m2m_100", "M2M100ForConditionalGeneration", FAMILY_M2M100},
    {"mbart", "MBartForConditionalGeneration", FAMILY_MBART},
    {"t5", "T5ForConditionalGeneration", FAMILY_T5},
    {"mt5", "MT5ForConditionalGeneration", FAMILY_T5},
};

/* What it is, if we know; what is read. */
static bool unsupported_family(struct json_reader *reader, const char *type, const char *class)
{
    char text[256];
    const char *kind = type != NULL ? foreign_model_type(type) : NULL;
    if (type == NULL && class[0] == '\0')
        return json_fault(reader, "model_type", "missing");
    snprintf(text, sizeof text,
             "unsupported: '%.100s'%s%s (marian, m2m_100, mbart, t5, mt5 are read)",
             type != NULL ? type : class, kind != NULL ? ", " : "", kind != NULL ? kind : "");
    return json_fault(reader, "model_type", text);
}

/* Parts of a model of ours, and weights in a form of another program. */
static bool check_whole(struct json_reader *reader, const char *class)
{
    char text[256];
    const char *kind = foreign_class(class);
    if (kind != NULL) {
        snprintf(text, sizeof text, "unsupported: '%.100s', %s", class, kind);
        return json_fault(reader, "architectures", text);
    }
    const cJSON *quantization = json_member(reader, "quantization_config");
    if (quantization == NULL)
        return true;
    const char *method =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(quantization, "quant_method"));
    snprintf(text, sizeof text, "unsupported: '%.100s' (take the model it was made of)",
             method != NULL ? method : "");
    return json_fault(reader, "quantization_config", text);
}

static bool find_family(struct config *config, struct json_reader *reader)
{
    const char *type = json_string(reader, "model_type", NULL);
    const cJSON *architecture = cJSON_GetArrayItem(json_member(reader, "architectures"), 0);
    const char *class = cJSON_IsString(architecture) ? architecture->valuestring : "";
    if (reader->failed)
        return false;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        if (type != NULL ? strcmp(type, families[i].model_type) == 0
                         : strcmp(class, families[i].architecture) == 0) {
            config->family = config->names = families[i].family;
            snprintf(config->model_type, sizeof config->model_type, "%s", families[i].model_type);
            return check_whole(reader, class);
        }
    }
    return unsupported_family(reader, type, class);
}

/* M2M100 and NLLB have one network; the tokenizer tells them apart. */
static bool find_nllb(struct config *config, struct json_reader *reader, const char *directory)
{
    static const char *const file = "tokenizer_config.json";
    const char *class = json_string(reader, "tokenizer_class", NULL);
    cJSON *root = NULL;
    if (class == NULL && file_exists(directory, file)) {
        if (!json_load(&root, directory, file, CONFIG_MAX_BYTES, reader->err))
            return false;
        const cJSON *member = cJSON_GetObjectItemCaseSensitive(root, "tokenizer_class");
        class = cJSON_IsString(member) ? member->valuestring : NULL;
    }
    bool is_nllb =
        class != NULL ? strncmp(class, "Nllb", 4) == 0 : !file_exists(directory, "vocab.json");
    cJSON_Delete(root);
    if (is_nllb)
        config->family = config->names = FAMILY_NLLB;
    return !reader->failed;
}

/* ---- the network ------------------------------------------------------------------------------
 */

static void read_activation(struct config *config, struct json_reader *reader, const char *key,
                            const char *name)
{
    char text[128];
    if (reader->failed || config_activation(name, &config->activation))
        return;
    snprintf(text, sizeof text, "unsupported: '%.100s'", name);
    json_fault(reader, key, text);
}

/* Head width of one side; the width must be a multiple of the heads. */
static uint32_t head_width(const struct config *config, struct json_reader *reader, const char *key,
                           uint32_t heads)
{
    if (reader->failed)
        return 1;
    if (config->width % heads != 0) {
        json_fault(reader, key, "must divide d_model");
        return 1;
    }
    return config->width / heads;
}

/* Marian, M2M100, NLLB, mBART. */
static void read_bart(struct config *config, struct json_reader *reader)
{
    bool marian = config->family == FAMILY_MARIAN, mbart = config->family == FAMILY_MBART;
    config->source_vocabulary =
        json_integer(reader, "vocab_size", 1, CONFIG_MAX_VOCABULARY, JSON_REQUIRED);
    config->target_vocabulary = config->source_vocabulary;
    config->share_embeddings = true;
    if (marian) {
        config->target_vocabulary = json_integer(reader, "decoder_vocab_size", 1,
                                                 CONFIG_MAX_VOCABULARY, config->source_vocabulary);
        config->share_embeddings = json_boolean(reader, "share_encoder_decoder_embeddings", true);
    }
    config->width = json_integer(reader, "d_model", 1, CONFIG_MAX_WIDTH, JSON_REQUIRED);
    config->encoder_layers =
        json_integer(reader, "encoder_layers", 1, CONFIG_MAX_LAYERS, JSON_REQUIRED);
    config->decoder_layers =
        json_integer(reader, "decoder_layers", 1, CONFIG_MAX_LAYERS, JSON_REQUIRED);
    config->encoder_heads =
        json_integer(reader, "encoder_attention_heads", 1, CONFIG_MAX_HEADS, JSON_REQUIRED);
    config->decoder_heads =
        json_integer(reader, "decoder_attention_heads", 1, CONFIG_MAX_HEADS, JSON_REQUIRED);
    config->encoder_ffn =
        json_integer(reader, "encoder_ffn_dim", 1, CONFIG_MAX_WIDTH, JSON_REQUIRED);
    config->decoder_ffn =
        json_integer(reader, "decoder_ffn_dim", 1, CONFIG_MAX_WIDTH, JSON_REQUIRED);
    config->encoder_head_width =
        head_width(config, reader, "encoder_attention_heads", config->encoder_heads);
    config->decoder_head_width =
        head_width(config, reader, "decoder_attention_heads", config->decoder_heads);
    read_activation(config, reader, "activation_function",
                    json_string(reader, "activation_function", marian || mbart ? "gelu" : "relu"));
    config->max_positions =
        json_integer(reader, "max_position_embeddings", 1, CONFIG_MAX_VOCABULARY, 1024);
    config->positions = marian  ? POSITIONS_SINUSOIDAL
                        : mbart ? POSITIONS_LEARNED
                                : POSITIONS_SINUSOIDAL_NATIVE;
    config->position_offset = marian ? 0 : 2;
    config->pad_has_no_position = !marian && !mbart;
    config->norm = NORM_LAYER;
    config->norm_place = marian ? NORM_POST : NORM_PRE;
    config->norm_epsilon = 1e-5f; /* PyTorch's default; no file says it */
    config->embedding_norm = mbart;
    config->final_norm = !marian;
    bool scaled = json_boolean(reader, "scale_embedding", !marian && !mbart);
    config->embedding_scale = scaled ? sqrtf((float)config->width) : 1.0f;
    config->biases = true;
    config->tie_output = json_boolean(reader, "tie_word_embeddings", true);
    config->output_scale = 1.0f;
    if (config->share_embeddings && config->source_vocabulary != config->target_vocabulary)
        json_fault(reader, "decoder_vocab_size",
                   "must equal vocab_size when embeddings are shared");
}

/* "relu", "gated-gelu": gated if it begins so; exactly "gated-gelu" means the tanh form. */
static void read_feed_forward(struct config *config, struct json_reader *reader)
{
    static const char *const key = "feed_forward_proj";
    const char *form =
        json_string(reader, key, strcmp(config->model_type, "mt5") == 0 ? "gated-gelu" : "relu");
    const char *dash = strrchr(form, '-');
    config->gated = strncmp(form, "gated-", 6) == 0;
    if (strcmp(form, "gated-gelu") == 0)
        config->activation = ACTIVATION_GELU_TANH;
    else
        read_activation(config, reader, key, dash != NULL ? dash + 1 : form);
}

/* Which matrix the output layer has and whether its input is scaled by D^-0.5. The original meaning
 * of tie_word_embeddings is both; later files say scale_decoder_outputs. */
static void read_t5_output(struct config *config, struct json_reader *reader,
                           const struct tensors *tensors)
{
    bool has_head = tensors_find(tensors, "lm_head.weight") != NULL;
    bool tied = json_boolean(reader, "tie_word_embeddings", true), scaled = tied;
    if (json_member(reader, "scale_decoder_outputs") != NULL) {
        scaled = json_boolean(reader, "scale_decoder_outputs", true);
        tied = !has_head;
    } else if (strcmp(config->model_type, "mt5") == 0 && has_head) {
        tied = scaled = false;
    }
    config->tie_output = tied;
    config->output_scale = scaled ? 1.0f / sqrtf((float)config->width) : 1.0f;
}

static void read_t5(struct config *config, struct json_reader *reader,
                    const struct tensors *tensors)
{
    config->source_vocabulary =
        json_integer(reader, "vocab_size", 1, CONFIG_MAX_VOCABULARY, JSON_REQUIRED);
    config->target_vocabulary = config->source_vocabulary;
    config->width = json_integer(reader, "d_model", 1, CONFIG_MAX_WIDTH, JSON_REQUIRED);
    config->encoder_layers =
        json_integer(reader, "num_layers", 1, CONFIG_MAX_LAYERS, JSON_REQUIRED);
    config->decoder_layers =
        json_integer(reader, "num_decoder_layers", 1, CONFIG_MAX_LAYERS, config->encoder_layers);
    config->encoder_heads = json_integer(reader, "num_heads", 1, CONFIG_MAX_HEADS, JSON_REQUIRED);
    config->decoder_heads = config->encoder_heads;
    config->encoder_head_width = json_integer(reader, "d_kv", 1, 4096, JSON_REQUIRED);
    config->decoder_head_width = config->encoder_head_width;
    config->encoder_ffn = json_integer(reader, "d_ff", 1, CONFIG_MAX_WIDTH, JSON_REQUIRED);
    config->decoder_ffn = config->encoder_ffn;
    read_feed_forward(config, reader);
    config->positions = POSITIONS_RELATIVE_BUCKETS;
    config->max_positions = CONFIG_NONE;
    config->relative_buckets = json_integer(reader, "relative_attention_num_buckets", 4, 1024, 32);
    config->relative_max_distance =
        json_integer(reader, "relative_attention_max_distance", 2, CONFIG_MAX_VOCABULARY, 128);
    if (config->relative_max_distance <= config->relative_buckets / 2)
        json_fault(reader, "relative_attention_max_distance", "must exceed half the buckets");
    config->norm = NORM_RMS;
    config->norm_place = NORM_PRE;
    config->norm_epsilon = json_number(reader, "layer_norm_epsilon", CONFIG_MIN_EPSILON, 1, 1e-6f);
    config->final_norm = true;
    config->embedding_scale = 1.0f;
    config->encoder_attention_scale = config->decoder_attention_scale = 1.0f;
    config->share_embeddings = true;
    read_t5_output(config, reader, tensors);
}

/* ---- generation -------------------------------------------------------------------------------
 */

/* Where a generation value is looked for: the generation file if there is one, else the config. */
struct generation_source {
    struct json_reader *first; /* generation_config.json or config.json */
    struct json_reader *config;
    enum origin origin; /* of what `first` says */
};

static enum origin origin_of(const struct generation_source *source, const char *key)
{
    return json_member(source->first, key) != NULL ? source->origin : ORIGIN_DEFAULT;
}

/* Special tokens may also stand in config.json when there is a generation file. */
static uint32_t read_id(struct generation_source *source, const char *key, uint32_t fallback,
                        enum origin *origin)
{
    struct json_reader *reader = source->first;
    *origin = source->origin;
    if (json_member(reader, key) == NULL) {
        reader = source->config;
        *origin = ORIGIN_CONFIG;
    }
    if (json_member(reader, key) == NULL)
        *origin = ORIGIN_DEFAULT;
    return json_integer(reader, key, 0, CONFIG_MAX_VOCABULARY, fallback);
}

/* Keeps `list` ascending and without repetition. */
static bool add_id(uint32_t *list, uint32_t *n, uint32_t id)
{
    uint32_t i = 0;
    while (i < *n && list[i] < id)
        i++;
    if (i < *n && list[i] == id)
        return true;
    if (*n == CONFIG_MAX_LISTED)
        return false;
    memmove(list + i + 1, list + i, (*n - i) * sizeof *list);
    list[i] = id;
    (*n)++;
    return true;
}

/* An integer or a list of them. */
static void read_ids(struct json_reader *reader, const char *key, uint32_t *list, uint32_t *n)
{
    const cJSON *value = json_member(reader, key), *item = value;
    if (cJSON_IsArray(value))
        item = value->child;
    for (; item != NULL && !reader->failed; item = cJSON_IsArray(value) ? item->next : NULL) {
        uint32_t id;
        if (!json_value_integer(reader, key, item, 0, CONFIG_MAX_VOCABULARY, &id))
            return;
        if (!add_id(list, n, id))
            json_fault(reader, key, "too many ids");
    }
}

static void read_eos(struct config *config, struct generation_source *source)
{
    struct generation *g = &config->generation;
    static const char *const key = "eos_token_id";
    struct json_reader *reader = source->first;
    g->eos_origin = source->origin;
    if (json_member(reader, key) == NULL) {
        reader = source->config;
        g->eos_origin = json_member(reader, key) != NULL ? ORIGIN_CONFIG : ORIGIN_DEFAULT;
    }
    read_ids(reader, key, g->eos, &g->n_eos);
    if (g->n_eos == 0) {
        g->eos[0] = config->family == FAMILY_MARIAN ? 0 : config->family == FAMILY_T5 ? 1 : 2;
        g->n_eos = 1;
    }
}

static bool is_eos(const struct generation *g, uint32_t id)
{
    for (uint32_t i = 0; i < g->n_eos; i++)
        if (g->eos[i] == id)
            return true;
    return false;
}

/* Words of one token that must not appear. An end of sentence among them is ignored, as in the
 * reference. */
static void read_banned(struct generation *g, struct generation_source *source)
{
    static const char *const key = "bad_words_ids", *const suppress = "suppress_tokens";
    struct json_reader *reader = source->first;
    const cJSON *word, *words = json_member(reader, key);
    if (words != NULL && !cJSON_IsArray(words))
        json_fault(reader, key, "must be a list of lists of integers");
    cJSON_ArrayForEach(word, words)
    {
        uint32_t id;
        if (!cJSON_IsArray(word))
            json_fault(reader, key, "must be a list of lists of integers");
        else if (cJSON_GetArraySize(word) != 1)
            json_fault(reader, key, "unsupported: a word of several tokens");
        else if (json_value_integer(reader, key, word->child, 0, CONFIG_MAX_VOCABULARY, &id) &&
                 !is_eos(g, id) && !add_id(g->banned, &g->n_banned, id))
            json_fault(reader, key, "too many ids");
        if (reader->failed)
            return;
    }
    read_ids(reader, suppress, g->banned, &g->n_banned);
    g->banned_origin =
        words != NULL || json_member(reader, suppress) != NULL ? source->origin : ORIGIN_DEFAULT;
}

static void read_stop(struct generation *g, struct generation_source *source)
{
    static const char *const key = "early_stopping";
    const cJSON *value = json_member(source->first, key);
    g->stop = STOP_HEURISTIC;
    g->stop_origin = origin_of(source, key);
    if (cJSON_IsTrue(value))
        g->stop = STOP_FINISHED;
    else if (cJSON_IsString(value) && strcmp(value->valuestring, "never") == 0)
        g->stop = STOP_NEVER;
    else if (value != NULL && !cJSON_IsFalse(value))
        json_fault(source->first, key, "must be true, false or \"never\"");
}

/* The reference counts the start token in max_length; we do not. */
static void read_lengths(struct generation *g, struct generation_source *source)
{
    struct json_reader *reader = source->first;
    const uint32_t most = CONFIG_MAX_VOCABULARY;
    uint32_t length = json_integer(reader, "max_length", 2, most, CONFIG_NONE);
    uint32_t new_tokens = json_integer(reader, "max_new_tokens", 1, most, CONFIG_NONE);
    g->max_length = new_tokens != CONFIG_NONE ? new_tokens
                    : length != CONFIG_NONE   ? length - 1
                                              : CONFIG_NONE;
    g->max_length_origin = g->max_length != CONFIG_NONE ? source->origin : ORIGIN_DEFAULT;
    g->min_length = json_integer(reader, "min_length", 0, most, 0);
    new_tokens = json_integer(reader, "min_new_tokens", 0, most, 0);
    if (new_tokens != 0 && new_tokens + 1 > g->min_length)
        g->min_length = new_tokens + 1;
    g->min_length_origin = g->min_length != 0 ? source->origin : ORIGIN_DEFAULT;
}

static void read_generation(struct config *config, struct generation_source *source)
{
    struct generation *g = &config->generation;
    struct json_reader *reader = source->first;
    bool marian = config->family == FAMILY_MARIAN, t5 = config->family == FAMILY_T5;
    enum origin unused;
    read_eos(config, source);
    g->pad = read_id(source, "pad_token_id", marian ? JSON_REQUIRED : t5 ? 0 : 1, &unused);
    g->bos = read_id(source, "bos_token_id", t5 || marian ? CONFIG_NONE : 0, &unused);
    /* mBART-25 has no start of its own: the caller's language token. */
    g->start = read_id(source, "decoder_start_token_id",
                       config->family == FAMILY_MBART ? CONFIG_NONE
                       : marian || t5                 ? g->pad
                                                      : g->eos[0],
                       &g->start_origin);
    g->forced_bos =
        json_integer(reader, "forced_bos_token_id", 0, CONFIG_MAX_VOCABULARY, CONFIG_NONE);
    g->forced_bos_origin = origin_of(source, "forced_bos_token_id");
    g->forced_eos =
        json_integer(reader, "forced_eos_token_id", 0, CONFIG_MAX_VOCABULARY, CONFIG_NONE);
    g->forced_eos_origin = origin_of(source, "forced_eos_token_id");
    g->num_beams = json_integer(reader, "num_beams", 1, STEP_MAX_BEST / 4, 1);
    g->num_beams_origin = origin_of(source, "num_beams");
    g->length_penalty = json_number(reader, "length_penalty", -100, 100, 1);
    g->length_penalty_origin = origin_of(source, "length_penalty");
    g->no_repeat_ngram_size = json_integer(reader, "no_repeat_ngram_size", 0, 1024, 0);
    g->no_repeat_ngram_size_origin = origin_of(source, "no_repeat_ngram_size");
    g->repetition_penalty = json_number(reader, "repetition_penalty", 1e-6f, 1e6f, 1);
    g->repetition_penalty_origin = origin_of(source, "repetition_penalty");
    g->renormalize = json_boolean(reader, "renormalize_logits", false);
    g->renormalize_origin = origin_of(source, "renormalize_logits");
    read_stop(g, source);
    read_lengths(g, source);
    read_banned(g, source);
}

/* ---- both files -------------------------------------------------------------------------------
 */

static bool is_own(const struct json_reader *reader)
{
    const cJSON *type = json_member(reader, "model_type");
    return cJSON_IsString(type) && strcmp(type->valuestring, "dragoman") == 0;
}

bool config_load_hf(struct config *config, const char *directory, const struct tensors *tensors,
                    struct error *err)
{
    static const char *const file = "config.json", *const generation = "generation_config.json";
    cJSON *root = NULL, *generation_root = NULL;
    bool has_generation = file_exists(directory, generation);
    if (!json_load(&root, directory, file, CONFIG_MAX_BYTES, err))
        return false;
    struct json_reader reader = {.object = root, .file = file, .err = err};
    struct json_reader generation_reader = {.file = generation, .err = err};
    if (is_own(&reader)) {
        snprintf(config->model_type, sizeof config->model_type, "dragoman");
        bool read = config_load_own(config, &reader);
        cJSON_Delete(root);
        return read;
    }
    bool ok = find_family(config, &reader);
    if (ok && config->family == FAMILY_M2M100)
        ok = find_nllb(config, &reader, directory);
    if (ok && config->family == FAMILY_T5)
        read_t5(config, &reader, tensors);
    else if (ok)
        read_bart(config, &reader);
    ok = ok && !reader.failed;
    if (ok && has_generation)
        ok = json_load(&generation_root, directory, generation, CONFIG_MAX_BYTES, err);
    if (ok) {
        generation_reader.object = generation_root;
        struct generation_source source = {.first = has_generation ? &generation_reader : &reader,
                                           .config = &reader,
                                           .origin = has_generation ? ORIGIN_GENERATION_CONFIG
                                                                    : ORIGIN_CONFIG};
        read_generation(config, &source);
        ok = !reader.failed && !generation_reader.failed &&
             config_finish(config, has_generation ? generation : file, err);
    }
    cJSON_Delete(generation_root);
    cJSON_Delete(root);
    return ok;
}
