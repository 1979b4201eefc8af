#include "model/network.h"

#include "model/names.h"

#include <stdio.h>
#include <string.h>

/* What network_bind() carries about. */
struct binding {
    const struct config *config;
    struct weights *weights;
    enum stack_side side;
    uint32_t layer;
    struct error *err;
};

/* The part of `n` rows that plays `role`; false if the family has no such piece. */
static bool part_of(const struct binding *b, enum weight_role role, bool bias, size_t n,
                    struct weight_part *part)
{
    const struct weight_name *name = weight_name_find(b->config, b->side, role);
    const char *pattern = name == NULL ? NULL : bias ? name->bias : name->weight;
    *part = (struct weight_part){.n = n, .n_rows = n};
    if (pattern == NULL)
        return false;
    weight_name_expand(part->name, pattern, b->side, b->layer);
    if (name->n_parts > 1) {
        part->first = name->part * n;
        part->n_rows = name->n_parts * n;
    }
    part->transposed = b->config->names == FAMILY_MARIAN_NATIVE;
    /* Marian says which norm it is by the name. */
    char *norm =
        b->config->norm == NORM_RMS && part->transposed ? strstr(part->name, "_ln_") : NULL;
    if (norm != NULL) {
        memmove(norm + 5, norm + 4, strlen(norm + 4) + 1);
        memcpy(norm, "_rms_", 5);
    }
    return true;
}

/* One linear layer made of the pieces `roles` (n outputs each), one below the other. Biases: those
 * the config asks for, and what the recurrent cell has always. */
static bool bind_linear(const struct binding *b, struct linear *linear, size_t n, size_t k,
                        const enum weight_role *roles, size_t n_roles)
{
    struct weight_part parts[3], biases[3];
    bool any_bias = false;
    for (size_t i = 0; i < n_roles; i++) {
        if (!part_of(b, roles[i], false, n, &parts[i]))
            return error_set(b->err, ERROR_INTERNAL, "no name for piece %d", (int)roles[i]);
        if (part_of(b, roles[i], true, n, &biases[i]) && b->config->biases)
            any_bias = true;
        else
            biases[i].name[0] = '\0';
    }
    return weights_matrix(b->weights, &linear->w, k, parts, n_roles, b->err) &&
           (!any_bias || weights_vector(b->weights, &linear->bias, biases, n_roles, b->err));
}

static bool bind_vector(const struct binding *b, float **vector, enum weight_role role, bool bias,
                        size_t n)
{
    struct weight_part part;
    return !part_of(b, role, bias, n, &part) ||
           weights_vector(b->weights, vector, &part, 1, b->err);
}

static bool bind_norm(const struct binding *b, struct norm *norm, enum weight_role role)
{
    size_t n = b->config->width;
    return bind_vector(b, &norm->gain, role, false, n) &&
           (b->config->norm == NORM_RMS || bind_vector(b, &norm->bias, role, true, n));
}

static bool bind_norms(const struct binding *b, struct norm *before, struct norm *after,
                       enum weight_role before_role, enum weight_role after_role)
{
    enum norm_place place = b->config->norm_place;
    return (place == NORM_POST || bind_norm(b, before, before_role)) &&
           (place == NORM_PRE || bind_norm(b, after, after_role));
}

static size_t attention_width(const struct binding *b)
{
    const struct config *c = b->config;
    return b->side == SIDE_ENCODER ? (size_t)c->encoder_heads * c->encoder_head_width
                                   : (size_t)c->decoder_heads * c->decoder_head_width;
}

static bool bind_self_attention(const struct binding *b, struct attention_block *self)
{
    static const enum weight_role in[] = {ROLE_SELF_Q, ROLE_SELF_K, ROLE_SELF_V};
    static const enum weight_role out[] = {ROLE_SELF_OUT};
    size_t n = attention_width(b), width = b->config->width;
    bool apart = b->config->keys_before_norm;
    return bind_linear(b, &self->in, n, width, in, apart ? 1 : 3) &&
           (!apart || bind_linear(b, &self->memory, n, width, in + 1, 2)) &&
           bind_linear(b, &self->out, width, n, out, 1) &&
           bind_norms(b, &self->before, &self->after, ROLE_SELF_NORM_BEFORE, ROLE_SELF_NORM_AFTER);
}

static bool bind_cross_attention(const struct binding *b, struct attention_block *cross)
{
    static const enum weight_role in[] = {ROLE_CROSS_Q};
    static const enum weight_role memory[] = {ROLE_CROSS_K, ROLE_CROSS_V};
    static const enum weight_role out[] = {ROLE_CROSS_OUT};
    size_t n = attention_width(b), width = b->config->width;
    return bind_linear(b, &cross->in, n, width, in, 1) &&
           bind_linear(b, &cross->memory, n, width, memory, 2) &&
           bind_linear(b, &cross->out, width, n, out, 1) &&
           bind_norms(b, &cross->before, &cross->after, ROLE_CROSS_NORM_BEFORE,
                      ROLE_CROSS_NORM_AFTER);
}

static bool bind_rnn(const struct binding *b, struct rnn_block *rnn)
{
    static const enum weight_role in[] = {ROLE_RNN_CELL, ROLE_RNN_FORGET};
    static const enum weight_role out[] = {ROLE_RNN_OUT};
    size_t width = b->config->width;
    return bind_linear(b, &rnn->in, width, width, in, 2) &&
           (!b->config->rnn_projection || bind_linear(b, &rnn->out, width, width, out, 1)) &&
           bind_norms(b, &rnn->before, &rnn->after, ROLE_RNN_NORM_BEFORE, ROLE_RNN_NORM_AFTER);
}

static bool bind_average(const struct binding *b, struct average_block *average)
{
    static const enum weight_role in[] = {ROLE_AVERAGE_IN}, out[] = {ROLE_AVERAGE_OUT},
                                  input[] = {ROLE_AVERAGE_GATE_INPUT},
                                  mean[] = {ROLE_AVERAGE_GATE_MEAN};
    const struct config *c = b->config;
    size_t width = c->width, n = c->average_ffn;
    return (n == 0 || bind_linear(b, &average->in, n, width, in, 1)) &&
           (n == 0 || n == width || bind_linear(b, &average->out, width, n, out, 1)) &&
           (!c->average_gated || (bind_linear(b, &average->gate_input, width, width, input, 1) &&
                                  bind_linear(b, &average->gate_mean, width, width, mean, 1))) &&
           bind_norms(b, &average->before, &average->after, ROLE_AVERAGE_NORM_BEFORE,
                      ROLE_AVERAGE_NORM_AFTER);
}

static bool bind_ffn(const struct binding *b, struct ffn_block *ffn)
{
    static const enum weight_role in[] = {ROLE_FFN_IN}, gate[] = {ROLE_FFN_GATE},
                                  out[] = {ROLE_FFN_OUT};
    const struct config *c = b->config;
    size_t n = b->side == SIDE_ENCODER ? c->encoder_ffn : c->decoder_ffn;
    return bind_linear(b, &ffn->in, n, c->width, in, 1) &&
           (!c->gated || bind_linear(b, &ffn->gate, n, c->width, gate, 1)) &&
           bind_linear(b, &ffn->out, c->width, n, out, 1) &&
           bind_norms(b, &ffn->before, &ffn->after, ROLE_FFN_NORM_BEFORE, ROLE_FFN_NORM_AFTER);
}

static bool bind_layer(const struct binding *b, struct layer *layer)
{
    bool decoder = b->side == SIDE_DECODER, first;
    if (decoder && b->config->decoder == DECODER_SSRU)
        first = bind_rnn(b, &layer->rnn);
    else if (decoder && b->config->decoder == DECODER_AAN)
        first = bind_average(b, &layer->average);
    else
        first = bind_self_attention(b, &layer->self);
    return first && (!decoder || bind_cross_attention(b, &layer->cross)) &&
           bind_ffn(b, &layer->ffn);
}

/* The layer whose weights layer i has. */
static uint32_t tied_layer(const struct config *config, uint32_t i)
{
    return i < config->n_tied ? config->tied[i] : i;
}

static bool bind_positions(const struct binding *b, struct stack *stack)
{
    const struct config *c = b->config;
    if (c->positions == POSITIONS_RELATIVE_BUCKETS) {
        size_t heads = b->side == SIDE_ENCODER ? c->encoder_heads : c->decoder_heads;
        struct weight_part part;
        part_of(b, ROLE_RELATIVE_BIAS, false, c->relative_buckets, &part);
        part.transposed = false;
        return weights_table(b->weights, &stack->relative_bias, heads, &part, b->err);
    }
    if (c->positions != POSITIONS_LEARNED)
        return true;
    struct weight_part part;
    stack->n_positions = c->max_positions + c->position_offset;
    part_of(b, ROLE_POSITIONS, false, stack->n_positions, &part);
    part.transposed = false;
    return weights_table(b->weights, &stack->positions, c->width, &part, b->err);
}

static bool bind_stack(struct binding *b, struct stack *stack, struct arena *arena)
{
    const struct config *c = b->config;
    stack->n_layers = b->side == SIDE_ENCODER ? c->encoder_layers : c->decoder_layers;
    stack->layers = arena_new(arena, stack->n_layers, sizeof *stack->layers, b->err);
    if (stack->layers == NULL)
        return false;
    for (b->layer = 0; b->layer < stack->n_layers; b->layer++)
        if (tied_layer(c, b->layer) == b->layer && !bind_layer(b, &stack->layers[b->layer]))
            return false;
    b->layer = 0;
    return bind_positions(b, stack) &&
           (!c->embedding_norm || bind_norm(b, &stack->embedding_norm, ROLE_EMBEDDING_NORM)) &&
           (!c->final_norm || bind_norm(b, &stack->final_norm, ROLE_FINAL_NORM));
}

/* Only int8 networks look at a preview. */
static bool has_preview(const struct binding *b)
{
    return weights_kind(b->weights) == MATRIX_I8 && weights_has(b->weights, PREVIEW_WEIGHT);
}

static enum matrix_kind table_kind(const struct binding *b)
{
    return has_preview(b) ? MATRIX_F16 : weights_kind(b->weights);
}

/* A [V][D] table under the first of `names` that the checkpoint has. */
static bool bind_vocabulary(const struct binding *b, struct matrix *matrix, size_t n,
                            const char *const *names)
{
    const char *name = names[0];
    for (size_t i = 0; names[i] != NULL; i++) {
        if (weights_has(b->weights, names[i])) {
            name = names[i];
            break;
        }
    }
    struct weight_part part = {.n = n, .n_rows = n};
    snprintf(part.name, sizeof part.name, "%s", name);
    return weights_matrix_of(b->weights, matrix, table_kind(b), b->config->width, &part, b->err);
}

static bool bind_preview(const struct binding *b, struct preview *preview)
{
    const struct config *c = b->config;
    if (!has_preview(b))
        return true;
    const struct tensor *product = weights_find(b->weights, PREVIEW_WEIGHT);
    size_t rank = product->rank == 2 ? product->shape[1] : 0, n = c->target_vocabulary;
    rank = rank < 1 || rank > c->width ? c->width : rank; /* then the shapes are at fault */
    struct weight_part weight = {.name = PREVIEW_WEIGHT, .n = n, .n_rows = n};
    struct weight_part projection = {.name = PREVIEW_PROJECTION, .n = rank, .n_rows = rank};
    struct weight_part error = {.name = PREVIEW_ERROR, .n = 1, .n_rows = 1};
    return weights_matrix(b->weights, &preview->product.w, rank, &weight, 1, b->err) &&
           weights_vector(b->weights, &preview->error, &error, 1, b->err) &&
           weights_matrix_of(b->weights, &preview->projection, MATRIX_F32, c->width, &projection,
                             b->err);
}

static bool bind_output(const struct binding *b, struct linear *output)
{
    const struct config *c = b->config;
    struct weight_part part = {.n = c->target_vocabulary, .n_rows = c->target_vocabulary};
    const char *bias = weight_name_output_bias(c);
    if (!c->tie_output) {
        const char *name = weight_name_output(c);
        /* Marian's older name is of the transposed matrix. */
        if (c->names == FAMILY_MARIAN_NATIVE && !weights_has(b->weights, name) &&
            weights_has(b->weights, "decoder_ff_logit_out_W")) {
            name = "decoder_ff_logit_out_W";
            part.transposed = true;
        }
        snprintf(part.name, sizeof part.name, "%s", name);
        if (!weights_matrix_of(b->weights, &output->w, table_kind(b), c->width, &part, b->err))
            return false;
    }
    if (bias == NULL || !weights_has(b->weights, bias))
        return true;
    snprintf(part.name, sizeof part.name, "%s", bias);
    return weights_vector(b->weights, &output->bias, &part, 1, b->err);
}

bool network_bind(struct network *network, const struct config *config, struct weights *weights,
                  struct arena *arena, struct error *err)
{
    struct binding b = {.config = config, .weights = weights, .err = err};
    b.side = SIDE_ENCODER;
    if (!bind_vocabulary(&b, &network->encoder.embedding, config->source_vocabulary,
                         weight_names_embedding(config, SIDE_ENCODER)) ||
        !bind_stack(&b, &network->encoder, arena))
        return false;
    b.side = SIDE_DECODER;
    if (!config->share_embeddings &&
        !bind_vocabulary(&b, &network->decoder.embedding, config->target_vocabulary,
                         weight_names_embedding(config, SIDE_DECODER)))
        return false;
    return bind_stack(&b, &network->decoder, arena) && bind_output(&b, &network->output) &&
           bind_preview(&b, &network->preview);
}

void layer_linears(struct layer *layer, struct linear *linears[LAYER_LINEARS])
{
    struct linear *const all[LAYER_LINEARS] = {&layer->self.in,
                                               &layer->self.memory,
                                               &layer->self.out,
                                               &layer->cross.in,
                                               &layer->cross.memory,
                                               &layer->cross.out,
                                               &layer->rnn.in,
                                               &layer->rnn.out,
                                               &layer->average.in,
                                               &layer->average.out,
                                               &layer->average.gate_input,
                                               &layer->average.gate_mean,
                                               &layer->ffn.in,
                                               &layer->ffn.gate,
                                               &layer->ffn.out};
    memcpy(linears, all, sizeof all);
}

static void tie_layers(const struct config *config, struct stack *stack)
{
    for (uint32_t i = 0; i < stack->n_layers; i++)
        stack->layers[i] = stack->layers[tied_layer(config, i)];
}

/* The matrices of a stack in the order they are read; those that do not exist are left out. */
static void chain(struct matrix **last, struct linear *linear)
{
    struct matrix *w = &linear->w;
    if (w->n == 0)
        return;
    if (*last != NULL) {
        (*last)->next = w->kind == MATRIX_I8 ? (const void *)w->i8 : (const void *)w->f32;
        (*last)->n_next = w->n * w->k_padded * (w->kind == MATRIX_I8 ? 1 : sizeof(float));
    }
    *last = w;
}

static struct matrix *chain_stack(struct stack *stack, bool is_decoder)
{
    struct matrix *last = NULL;
    for (uint32_t l = 0; l < stack->n_layers; l++) {
        struct layer *layer = &stack->layers[l];
        chain(&last, &layer->rnn.in);
        chain(&last, &layer->rnn.out);
        chain(&last, &layer->self.in);
        chain(&last, &layer->self.memory);
        chain(&last, &layer->self.out);
        if (is_decoder) { /* memory is read when a sentence is encoded */
            chain(&last, &layer->cross.in);
            chain(&last, &layer->cross.out);
        }
        chain(&last, &layer->ffn.in);
        chain(&last, &layer->ffn.gate);
        chain(&last, &layer->ffn.out);
    }
    return last;
}

void network_tie(struct network *network, const struct config *config)
{
    if (config->share_embeddings)
        network->decoder.embedding = network->encoder.embedding;
    if (config->tie_output)
        network->output.w = network->decoder.embedding;
    network->preview.product.bias = network->output.bias;
    tie_layers(config, &network->encoder);
    tie_layers(config, &network->decoder);
    chain_stack(&network->encoder, false);
    struct matrix *last = chain_stack(&network->decoder, true);
    if (last != NULL)
        chain(&last,
              network->preview.product.w.n != 0 ? &network->preview.product : &network->output);
    struct layer *first = network->decoder.layers; /* a step begins where the last one ended */
    if (last != NULL)
        chain(&last, first->rnn.in.w.n != 0 ? &first->rnn.in : &first->self.in);
}
