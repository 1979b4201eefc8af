#include "tests/support/ct2_writer.h"

#include "model/network.h"
#include "model/positions.h"
#include "tests/support/checkpoints.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_ARRAYS 512
#define N_POSITIONS 64

static void must(bool done)
{
    if (!done)
        abort();
}

/* A CTranslate2 model under construction. */
struct writing {
    struct array arrays[MOST_ARRAYS];
    char names[MOST_ARRAYS][WEIGHT_NAME_BYTES + 8];
    size_t n;
    enum tensor_type type;
};

static struct array *find_array(struct writing *w, const char *name)
{
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->names[i], name) == 0)
            return &w->arrays[i];
    return NULL;
}

/* Values that the array owns; parts of one name go below each other. */
static void add(struct writing *w, const char *name, enum tensor_type type, size_t rank,
                const size_t *shape, const void *values)
{
    struct array *array = find_array(w, name);
    if (array == NULL) {
        must(w->n < MOST_ARRAYS);
        snprintf(w->names[w->n], sizeof w->names[0], "%s", name);
        array = &w->arrays[w->n];
        *array = (struct array){.name = w->names[w->n], .type = type, .rank = rank};
        for (size_t i = 0; i < rank; i++)
            array->shape[i] = i == 0 ? 0 : shape[i];
        w->n++;
    }
    struct array part = *array;
    if (rank > 0)
        part.shape[0] = shape[0];
    size_t old_bytes = rank > 0 ? array_bytes(array) : 0, n_bytes = array_bytes(&part);
    char *grown = malloc(old_bytes + n_bytes);
    if (old_bytes > 0)
        memcpy(grown, array->values, old_bytes);
    memcpy(grown + old_bytes, values, n_bytes);
    free((void *)(uintptr_t)array->values);
    array->values = grown;
    if (rank > 0)
        array->shape[0] += shape[0];
}

static void add_scalar(struct writing *w, const char *side, const char *name, enum tensor_type type,
                       float value)
{
    char full[64];
    int8_t small = (int8_t)value;
    int16_t medium = (int16_t)value;
    int32_t large = (int32_t)value;
    const void *at = type == TENSOR_I8    ? (const void *)&small
                     : type == TENSOR_I16 ? (const void *)&medium
                     : type == TENSOR_I32 ? (const void *)&large
                                          : (const void *)&value;
    snprintf(full, sizeof full, "%s/%s", side, name);
    add(w, full, type, 0, NULL, at);
}

static const char *ct2_name(const char *name)
{
    return strstr(name, "shared.weight") != NULL ? "decoder/embeddings/weight" : name;
}

/* Floats, as the model's type has them. */
static void add_floats(struct writing *w, const char *name, size_t rank, const size_t *shape,
                       const float *values)
{
    size_t count = 1;
    if (w->type != TENSOR_F16) {
        add(w, name, TENSOR_F32, rank, shape, values);
        return;
    }
    for (size_t i = 0; i < rank; i++)
        count *= shape[i];
    uint16_t *halves = calloc(count, sizeof *halves);
    must(halves != NULL);
    for (size_t i = 0; i < count; i++)
        halves[i] = half_of(values[i]);
    add(w, name, TENSOR_F16, rank, shape, halves);
    free(halves);
}

static bool add_piece(void *argument, const struct network_piece *piece, struct error *e)
{
    struct writing *w = argument;
    const char *name = ct2_name(piece->name);
    char scale_name[WEIGHT_NAME_BYTES + 8];
    (void)e;
    if (piece->w == NULL) {
        bool flat = piece->rank == 2 && piece->shape[0] == 1; /* a bias of the output */
        add_floats(w, name, flat ? 1 : piece->rank, flat ? &piece->shape[1] : piece->shape,
                   piece->values);
        return true;
    }
    size_t k = piece->w->k, row_shape[2] = {1, k}, one = 1;
    float *row = calloc(k, sizeof *row);
    snprintf(scale_name, sizeof scale_name, "%s_scale", name);
    for (size_t i = 0; i < piece->shape[0]; i++) {
        if (w->type == TENSOR_I8) {
            float scale = piece->w->scales[piece->first + i];
            scale = scale > 0 ? 1 / scale : 1;
            matrix_get_channel_i8(piece->w, piece->first + i, (int8_t *)row);
            add(w, name, TENSOR_I8, 2, row_shape, row);
            add(w, scale_name, TENSOR_F32, 1, &one, &scale);
        } else {
            matrix_get_channel(piece->w, piece->first + i, row);
            add_floats(w, name, 2, row_shape, row);
        }
    }
    free(row);
    return true;
}

/* Settings that CTranslate2 keeps as scalars, and positions as a table. */
static void add_settings(struct writing *w, const struct config *c, const char *side,
                         uint32_t heads)
{
    static const int activations[] = {[ACTIVATION_RELU] = 0,
                                      [ACTIVATION_GELU_TANH] = 1,
                                      [ACTIVATION_SWISH] = 2,
                                      [ACTIVATION_GELU] = 3};
    char name[96];
    add_scalar(w, side, "num_heads", TENSOR_I16, (float)heads);
    add_scalar(w, side, "pre_norm", TENSOR_I8, c->norm_place == NORM_PRE);
    add_scalar(w, side, "activation", TENSOR_I8, (float)activations[c->activation]);
    if (c->embedding_scale == 1.0f)
        add_scalar(w, side, "scale_embeddings", TENSOR_I8, 0);
    else
        add_scalar(w, side, "scale_embeddings", TENSOR_F32, c->embedding_scale);
    if (c->positions == POSITIONS_RELATIVE_BUCKETS) {
        add_scalar(w, side, "layer_0/self_attention/queries_scale", TENSOR_F32, 1);
        add_scalar(w, side, "layer_0/self_attention/relative_attention_max_distance", TENSOR_I32,
                   (float)c->relative_max_distance);
    } else if (c->positions != POSITIONS_LEARNED) {
        struct sinusoids s = {0};
        size_t shape[2] = {N_POSITIONS, c->width};
        must(sinusoids_reserve(&s, c->width, c->positions == POSITIONS_SINUSOIDAL_NATIVE,
                               N_POSITIONS + c->position_offset, NULL));
        snprintf(name, sizeof name, "%s/position_encodings/encodings", side);
        add(w, name, TENSOR_F32, 2, shape, s.rows + (size_t)c->position_offset * c->width);
        memory_free(s.rows);
    }
}

/* mBART's tables begin with rows that no position has; here row 0 is position 0. */
static void drop_offset(struct writing *w, const struct config *c, const char *name)
{
    struct array *array = find_array(w, name);
    if (array == NULL || c->positions != POSITIONS_LEARNED)
        return;
    size_t dropped = (size_t)c->position_offset * c->width * sizeof(float);
    char *values = (char *)(uintptr_t)array->values;
    memmove(values, values + dropped, array_bytes(array) - dropped);
    array->shape[0] -= c->position_offset;
}

static void write_companions(const struct model_dir *dir, const struct config *c, bool has_config)
{
    struct buffer json = {0};
    /* Ids of the special tokens that are ours; the others are of no account. */
    const uint32_t eos = c->generation.eos[0], pad = c->generation.pad, unk = eos == 0 ? 1 : 2,
                   bos = 3;
    for (uint32_t i = 0; i < c->target_vocabulary; i++) {
        put_text(&json, i == 0 ? "[" : ", ");
        must(i == eos   ? buffer_append_text(&json, "\"</s>\"", NULL)
             : i == pad ? buffer_append_text(&json, "\"<pad>\"", NULL)
             : i == unk ? buffer_append_text(&json, "\"<unk>\"", NULL)
             : i == bos ? buffer_append_text(&json, "\"<s>\"", NULL)
                        : buffer_printf(&json, NULL, "\"w%u\"", i));
    }
    put_text(&json, "]");
    model_dir_write(dir, "shared_vocabulary.json", json.bytes, json.n_bytes);
    buffer_clear(&json);
    if (!has_config) {
        buffer_free(&json);
        return;
    }
    must(buffer_printf(&json, NULL,
                       "{\"decoder_start_token\": \"%s\", \"layer_norm_epsilon\": %.9g}",
                       pad == CONFIG_NONE ? "</s>" : "<pad>", (double)c->norm_epsilon));
    model_dir_write(dir, "config.json", json.bytes, json.n_bytes);
    buffer_free(&json);
}

static void write_model(const struct model_dir *dir, const struct model *model,
                        enum tensor_type type, const char *const *settings)
{
    static const char *const target = "decoder/embeddings/weight";
    struct writing *w = calloc(1, sizeof *w);
    struct config c = *model_config(model);
    struct buffer bytes = {0};
    must(w != NULL);
    w->type = type;
    add_settings(w, &c, "encoder", c.encoder_heads);
    add_settings(w, &c, "decoder", c.decoder_heads);
    c.names = FAMILY_CT2;
    must(network_visit(model_network(model), &c, add_piece, w, NULL));
    drop_offset(w, &c, "encoder/position_encodings/encodings");
    drop_offset(w, &c, "decoder/position_encodings/encodings");
    add_scalar(w, "decoder", "scale_outputs", TENSOR_F32, c.output_scale);
    add_scalar(w, "decoder", "start_from_zero_embedding", TENSOR_I8, c.start_is_zero);
    w->arrays[w->n++] = (struct array){.name = "encoder/embeddings_0/weight", .alias_of = target};
    if (c.tie_output)
        w->arrays[w->n++] = (struct array){.name = "decoder/projection/weight", .alias_of = target};
    for (; settings != NULL && *settings != NULL; settings++) {
        bool off = **settings == '!';
        int8_t value = off ? 0 : 1;
        add(w, *settings + off, TENSOR_I8, 0, NULL, &value);
    }
    checkpoint_ct2(&bytes, settings == NULL ? 6 : 5, w->arrays, w->n);
    model_dir_write(dir, "model.bin", bytes.bytes, bytes.n_bytes);
    write_companions(dir, &c, settings == NULL);
    buffer_free(&bytes);
    for (size_t i = 0; i < w->n; i++)
        if (w->arrays[i].alias_of == NULL)
            free((void *)(uintptr_t)w->arrays[i].values);
    free(w);
}

void write_ct2(const struct model_dir *dir, const struct model *model, enum tensor_type type)
{
    write_model(dir, model, type, NULL);
}

void write_ct2_5(const struct model_dir *dir, const struct model *model,
                 const char *const *settings)
{
    write_model(dir, model, TENSOR_F32, settings);
}
