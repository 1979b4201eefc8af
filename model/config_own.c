/* config_own.c - the configuration of a converted checkpoint whose network Hugging Face's classes
 * cannot describe (native Marian, CTranslate2): struct config as JSON, value by value, under
 * "model_type": "dragoman". One table serves reading and writing. */
#include "model/config_family.h"

#include "model/arch.h"

#include <float.h>
#include <stddef.h>
#include <string.h>

enum field_type { FIELD_INTEGER, FIELD_NUMBER, FIELD_FLAG, FIELD_WORD };

struct field {
    const char *name;
    enum field_type type;
    size_t offset;
    uint32_t least, most;     /* FIELD_INTEGER; null stands for CONFIG_NONE */
    const char *const *words; /* FIELD_WORD: names of an enum's values, NULL-ended */
};

static const char *const families[] = {"marian", "m2m100",        "nllb",        "mbart",
                                       "t5",     "marian-native", "ctranslate2", NULL};
static const char *const activations[] = {"none",       "relu", "swish",   "gelu", "gelu_new",
                                          "quick_gelu", "tanh", "sigmoid", NULL};
static const char *const positions[] = {
    "sinusoidal", "sinusoidal-native", "learned", "relative-buckets", "none", NULL};
static const char *const norms[] = {"layer", "rms", NULL};
static const char *const norm_places[] = {"post", "pre", "both", NULL};
static const char *const decoders[] = {"attention", "ssru", "average", NULL};
static const char *const stops[] = {"finished", "heuristic", "exhaustive", "never", NULL};

#define AT(member) offsetof(struct config, member)
#define SIZE FIELD_INTEGER
#define MOST_IDS (CONFIG_MAX_VOCABULARY - 1)

static const struct field fields[] = {
    {"family", FIELD_WORD, AT(family), 0, 0, families},
    {"source_vocabulary", SIZE, AT(source_vocabulary), 1, CONFIG_MAX_VOCABULARY, NULL},
    {"target_vocabulary", SIZE, AT(target_vocabulary), 1, CONFIG_MAX_VOCABULARY, NULL},
    {"width", SIZE, AT(width), 1, CONFIG_MAX_WIDTH, NULL},
    {"encoder_layers", SIZE, AT(encoder_layers), 1, CONFIG_MAX_LAYERS, NULL},
    {"decoder_layers", SIZE, AT(decoder_layers), 1, CONFIG_MAX_LAYERS, NULL},
    {"encoder_heads", SIZE, AT(encoder_heads), 1, CONFIG_MAX_HEADS, NULL},
    {"decoder_heads", SIZE, AT(decoder_heads), 1, CONFIG_MAX_HEADS, NULL},
    {"encoder_head_width", SIZE, AT(encoder_head_width), 1, CONFIG_MAX_WIDTH, NULL},
    {"decoder_head_width", SIZE, AT(decoder_head_width), 1, CONFIG_MAX_WIDTH, NULL},
    {"encoder_ffn", SIZE, AT(encoder_ffn), 1, CONFIG_MAX_WIDTH, NULL},
    {"decoder_ffn", SIZE, AT(decoder_ffn), 1, CONFIG_MAX_WIDTH, NULL},
    {"activation", FIELD_WORD, AT(activation), 0, 0, activations},
    {"gated", FIELD_FLAG, AT(gated), 0, 0, NULL},
    {"positions", FIELD_WORD, AT(positions), 0, 0, positions},
    {"max_positions", SIZE, AT(max_positions), 1, CONFIG_MAX_VOCABULARY, NULL},
    {"position_offset", SIZE, AT(position_offset), 0, 1024, NULL},
    {"pad_has_no_position", FIELD_FLAG, AT(pad_has_no_position), 0, 0, NULL},
    {"norm", FIELD_WORD, AT(norm), 0, 0, norms},
    {"norm_place", FIELD_WORD, AT(norm_place), 0, 0, norm_places},
    {"keys_before_norm", FIELD_FLAG, AT(keys_before_norm), 0, 0, NULL},
    {"norm_epsilon", FIELD_NUMBER, AT(norm_epsilon), 0, 0, NULL},
    {"embedding_norm", FIELD_FLAG, AT(embedding_norm), 0, 0, NULL},
    {"final_norm", FIELD_FLAG, AT(final_norm), 0, 0, NULL},
    {"embedding_scale", FIELD_NUMBER, AT(embedding_scale), 0, 0, NULL},
    {"encoder_attention_scale", FIELD_NUMBER, AT(encoder_attention_scale), 0, 0, NULL},
    {"decoder_attention_scale", FIELD_NUMBER, AT(decoder_attention_scale), 0, 0, NULL},
    {"biases", FIELD_FLAG, AT(biases), 0, 0, NULL},
    {"share_embeddings", FIELD_FLAG, AT(share_embeddings), 0, 0, NULL},
    {"tie_output", FIELD_FLAG, AT(tie_output), 0, 0, NULL},
    {"output_scale", FIELD_NUMBER, AT(output_scale), 0, 0, NULL},
    {"decoder", FIELD_WORD, AT(decoder), 0, 0, decoders},
    {"rnn_projection", FIELD_FLAG, AT(rnn_projection), 0, 0, NULL},
    {"average_ffn", SIZE, AT(average_ffn), 0, CONFIG_MAX_WIDTH, NULL},
    {"average_activation", FIELD_WORD, AT(average_activation), 0, 0, activations},
    {"average_gated", FIELD_FLAG, AT(average_gated), 0, 0, NULL},
    {"relative_buckets", SIZE, AT(relative_buckets), 0, 1024, NULL},
    {"relative_max_distance", SIZE, AT(relative_max_distance), 0, CONFIG_MAX_VOCABULARY, NULL},
    {"start_is_zero", FIELD_FLAG, AT(start_is_zero), 0, 0, NULL},
    {"add_source_bos", FIELD_FLAG, AT(source_bos), 0, 0, NULL},
    {"add_source_eos", FIELD_FLAG, AT(source_eos), 0, 0, NULL},
    {"num_beams", SIZE, AT(generation.num_beams), 1, STEP_MAX_BEST / 4, NULL},
    {"max_length", SIZE, AT(generation.max_length), 1, CONFIG_MAX_VOCABULARY, NULL},
    {"min_length", SIZE, AT(generation.min_length), 0, CONFIG_MAX_VOCABULARY, NULL},
    {"max_length_factor", FIELD_NUMBER, AT(generation.max_length_factor), 0, 0, NULL},
    {"length_penalty", FIELD_NUMBER, AT(generation.length_penalty), 0, 0, NULL},
    {"word_penalty", FIELD_NUMBER, AT(generation.word_penalty), 0, 0, NULL},
    {"stop", FIELD_WORD, AT(generation.stop), 0, 0, stops},
    {"no_repeat_ngram_size", SIZE, AT(generation.no_repeat_ngram_size), 0, 1024, NULL},
    {"repetition_penalty", FIELD_NUMBER, AT(generation.repetition_penalty), 0, 0, NULL},
    {"renormalize", FIELD_FLAG, AT(generation.renormalize), 0, 0, NULL},
    {"allows_unknown", FIELD_FLAG, AT(generation.allows_unknown), 0, 0, NULL},
    {"decoder_start_token_id", SIZE, AT(generation.start), 0, MOST_IDS, NULL},
    {"pad_token_id", SIZE, AT(generation.pad), 0, MOST_IDS, NULL},
    {"bos_token_id", SIZE, AT(generation.bos), 0, MOST_IDS, NULL},
    {"forced_bos_token_id", SIZE, AT(generation.forced_bos), 0, MOST_IDS, NULL},
    {"forced_eos_token_id", SIZE, AT(generation.forced_eos), 0, MOST_IDS, NULL},
};
#define N_FIELDS (sizeof fields / sizeof fields[0])

/* Fields of the average attention stand in the file of such a network alone. */
static bool is_field(const struct config *config, const struct field *field)
{
    return strncmp(field->name, "average_", 8) != 0 || config->decoder == DECODER_AAN;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static void read_word(struct json_reader *reader, const struct field *field, void *at)
{
    const char *word = json_string(reader, field->name, "");
    for (int i = 0; !reader->failed && field->words[i] != NULL; i++) {
        if (strcmp(word, field->words[i]) == 0) {
            memcpy(at, &i, sizeof i); /* enums are ints */
            return;
        }
    }
    json_fault(reader, field->name, word[0] == '\0' ? "missing" : "unsupported word");
}

static void read_field(struct json_reader *reader, const struct field *field, struct config *config)
{
    char *at = (char *)config + field->offset;
    if (field->type == FIELD_WORD) {
        read_word(reader, field, at);
    } else if (field->type == FIELD_FLAG) {
        *(bool *)at = json_boolean(reader, field->name, false);
    } else if (field->type == FIELD_NUMBER) {
        *(float *)(void *)at = json_number(reader, field->name, -FLT_MAX, FLT_MAX, 0);
    } else {
        uint32_t value = json_integer(reader, field->name, field->least, field->most, CONFIG_NONE);
        memcpy(at, &value, sizeof value);
        /* Only some sizes may be left open. */
        if (value == CONFIG_NONE && (field->offset < AT(max_positions)))
            json_fault(reader, field->name, "missing");
    }
}

static uint32_t read_list(struct json_reader *reader, const char *key, uint32_t most_values,
                          uint32_t most, uint32_t *out)
{
    const cJSON *item, *array = json_member(reader, key);
    uint32_t n = 0;
    cJSON_ArrayForEach(item, array)
    {
        if (n == most_values)
            json_fault(reader, key, "too many values");
        if (reader->failed || !json_value_integer(reader, key, item, 0, most, &out[n]))
            return 0;
        n++;
    }
    return n;
}

static void check_ascending(struct json_reader *reader, const char *key, const uint32_t *values,
                            uint32_t n)
{
    for (uint32_t i = 1; i < n; i++)
        if (values[i - 1] >= values[i])
            json_fault(reader, key, "must be ascending");
}

/* What the rest of the engine takes for granted. */
static void check_network(const struct config *c, struct json_reader *reader)
{
    if (c->share_embeddings && c->source_vocabulary != c->target_vocabulary)
        json_fault(reader, "share_embeddings", "needs vocabularies of one size");
    if ((uint64_t)c->encoder_heads * c->encoder_head_width > CONFIG_MAX_WIDTH ||
        (uint64_t)c->decoder_heads * c->decoder_head_width > CONFIG_MAX_WIDTH)
        json_fault(reader, "encoder_head_width", "too wide");
    if (c->positions == POSITIONS_LEARNED && c->max_positions == CONFIG_NONE)
        json_fault(reader, "max_positions", "missing");
    if (c->average_ffn == CONFIG_NONE)
        json_fault(reader, "average_ffn", "missing");
    if (c->position_offset == CONFIG_NONE)
        json_fault(reader, "position_offset", "missing");
    if (c->positions == POSITIONS_RELATIVE_BUCKETS &&
        (c->relative_buckets < 4 || c->relative_buckets > 1024 ||
         c->relative_max_distance == CONFIG_NONE ||
         c->relative_max_distance <= c->relative_buckets / 2))
        json_fault(reader, "relative_max_distance", "must exceed half the buckets");
    if (!(c->encoder_attention_scale > 0 && c->decoder_attention_scale > 0))
        json_fault(reader, "encoder_attention_scale", "must be positive");
    if (!(c->norm_epsilon >= CONFIG_MIN_EPSILON && c->norm_epsilon <= 1))
        json_fault(reader, "norm_epsilon", "must be a number from 1e-30 to 1");
    if (c->keys_before_norm && c->norm_place == NORM_POST)
        json_fault(reader, "keys_before_norm", "needs a norm before the block");
    for (uint32_t i = 0; i < c->n_tied; i++)
        if (c->tied[i] > i || c->tied[c->tied[i]] != c->tied[i])
            json_fault(reader, "tied_layers", "must name earlier layers that are not tied");
}

bool config_load_own(struct config *config, struct json_reader *reader)
{
    struct generation *g = &config->generation;
    uint32_t tied[CONFIG_MAX_LAYERS];
    for (size_t i = 0; i < N_FIELDS; i++)
        if (is_field(config, &fields[i])) /* "decoder" comes before them */
            read_field(reader, &fields[i], config);
    config->names = FAMILY_MARIAN;
    g->n_eos = read_list(reader, "eos_token_id", CONFIG_MAX_LISTED, MOST_IDS, g->eos);
    g->n_banned = read_list(reader, "banned", CONFIG_MAX_LISTED, MOST_IDS, g->banned);
    config->n_tied = read_list(reader, "tied_layers", CONFIG_MAX_LAYERS, 255, tied);
    for (uint32_t i = 0; i < config->n_tied; i++)
        config->tied[i] = (uint8_t)tied[i];
    check_ascending(reader, "eos_token_id", g->eos, g->n_eos);
    check_ascending(reader, "banned", g->banned, g->n_banned);
    if (g->n_eos == 0)
        json_fault(reader, "eos_token_id", "missing");
    g->num_beams_origin = g->length_penalty_origin = g->stop_origin = g->max_length_origin =
        g->eos_origin = g->banned_origin = g->start_origin = ORIGIN_CONFIG;
    check_network(config, reader);
    return !reader->failed && config_finish(config, reader->file, reader->err);
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static cJSON *field_value(const struct field *field, const struct config *config)
{
    const char *at = (const char *)config + field->offset;
    if (field->type == FIELD_FLAG)
        return cJSON_CreateBool(*(const bool *)at);
    if (field->type == FIELD_NUMBER)
        return cJSON_CreateNumber((double)*(const float *)(const void *)at);
    uint32_t value;
    memcpy(&value, at, sizeof value);
    if (field->type == FIELD_WORD)
        return cJSON_CreateString(field->words[value]);
    return value == CONFIG_NONE ? cJSON_CreateNull() : cJSON_CreateNumber(value);
}

static bool add_list(cJSON *root, const char *key, const uint32_t *values, uint32_t n)
{
    cJSON *array = cJSON_AddArrayToObject(root, key);
    for (uint32_t i = 0; array != NULL && i < n; i++)
        if (!cJSON_AddItemToArray(array, cJSON_CreateNumber(values[i])))
            return false;
    return array != NULL;
}

cJSON *config_write_own(const struct config *config, struct error *err)
{
    const struct generation *g = &config->generation;
    uint32_t tied[CONFIG_MAX_LAYERS];
    cJSON *root = cJSON_CreateObject();
    bool ok = cJSON_AddStringToObject(root, "model_type", "dragoman") != NULL;
    for (size_t i = 0; ok && i < N_FIELDS; i++)
        ok = !is_field(config, &fields[i]) ||
             cJSON_AddItemToObject(root, fields[i].name, field_value(&fields[i], config));
    for (uint32_t i = 0; i < config->n_tied; i++)
        tied[i] = config->tied[i];
    ok = ok && add_list(root, "eos_token_id", g->eos, g->n_eos) &&
         add_list(root, "banned", g->banned, g->n_banned) &&
         add_list(root, "tied_layers", tied, config->n_tied);
    if (ok)
        return root;
    cJSON_Delete(root);
    error_set(err, ERROR_MEMORY, "out of memory");
    return NULL;
}
