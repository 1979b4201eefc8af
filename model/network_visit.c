#include "model/network.h"

#include <stdio.h>

struct visit {
    const struct config *config;
    network_visitor visit;
    void *argument;
    enum stack_side side;
    uint32_t layer;
    struct error *err;
};

static bool visit_named(const struct visit *v, const char *pattern, struct network_piece *piece)
{
    weight_name_expand(piece->name, pattern, v->side, v->layer);
    return v->visit(v->argument, piece, v->err);
}

static bool visit_values(const struct visit *v, const char *pattern, const float *values,
                         size_t rank, size_t rows, size_t columns)
{
    struct network_piece piece = {.values = values, .rank = rank, .shape = {rows, columns}};
    return values == NULL || pattern == NULL || visit_named(v, pattern, &piece);
}

/* One piece of a layer's matrix: channels [first, first + n), and its part of the bias. */
static bool visit_linear(const struct visit *v, const struct linear *linear, enum weight_role role,
                         size_t first, size_t n)
{
    const struct weight_name *name = weight_name_find(v->config, v->side, role);
    if (linear->w.n == 0)
        return true;
    if (name == NULL)
        return error_set(v->err, ERROR_INTERNAL, "no name for piece %d", (int)role);
    struct network_piece piece = {
        .w = &linear->w, .first = first, .rank = 2, .shape = {n, linear->w.k}};
    return visit_named(v, name->weight, &piece) &&
           visit_values(v, name->bias, linear->bias != NULL ? linear->bias + first : NULL, 1, n, 0);
}

static bool visit_norm(const struct visit *v, const struct norm *norm, enum weight_role role)
{
    const struct weight_name *name = weight_name_find(v->config, v->side, role);
    size_t n = v->config->width;
    if (norm->gain == NULL)
        return true;
    return visit_values(v, name->weight, norm->gain, 1, n, 0) &&
           visit_values(v, name->bias, norm->bias, 1, n, 0);
}

static bool visit_self(const struct visit *v, const struct attention_block *self)
{
    bool apart = self->memory.w.n != 0;
    size_t n = apart ? self->in.w.n : self->in.w.n / 3;
    const struct linear *memory = apart ? &self->memory : &self->in;
    size_t after_queries = apart ? 0 : n;
    return visit_linear(v, &self->in, ROLE_SELF_Q, 0, n) &&
           visit_linear(v, memory, ROLE_SELF_K, after_queries, n) &&
           visit_linear(v, memory, ROLE_SELF_V, after_queries + n, n) &&
           visit_linear(v, &self->out, ROLE_SELF_OUT, 0, self->out.w.n) &&
           visit_norm(v, &self->before, ROLE_SELF_NORM_BEFORE) &&
           visit_norm(v, &self->after, ROLE_SELF_NORM_AFTER);
}

static bool visit_cross(const struct visit *v, const struct attention_block *cross)
{
    size_t n = cross->in.w.n;
    return visit_linear(v, &cross->in, ROLE_CROSS_Q, 0, n) &&
           visit_linear(v, &cross->memory, ROLE_CROSS_K, 0, n) &&
           visit_linear(v, &cross->memory, ROLE_CROSS_V, n, n) &&
           visit_linear(v, &cross->out, ROLE_CROSS_OUT, 0, cross->out.w.n) &&
           visit_norm(v, &cross->before, ROLE_CROSS_NORM_BEFORE) &&
           visit_norm(v, &cross->after, ROLE_CROSS_NORM_AFTER);
}

static bool visit_average(const struct visit *v, const struct average_block *average)
{
    size_t width = v->config->width;
    return visit_linear(v, &average->in, ROLE_AVERAGE_IN, 0, average->in.w.n) &&
           visit_linear(v, &average->out, ROLE_AVERAGE_OUT, 0, width) &&
           visit_linear(v, &average->gate_input, ROLE_AVERAGE_GATE_INPUT, 0, width) &&
           visit_linear(v, &average->gate_mean, ROLE_AVERAGE_GATE_MEAN, 0, width) &&
           visit_norm(v, &average->before, ROLE_AVERAGE_NORM_BEFORE) &&
           visit_norm(v, &average->after, ROLE_AVERAGE_NORM_AFTER);
}

static bool visit_layer(const struct visit *v, const struct layer *layer)
{
    const struct rnn_block *rnn = &layer->rnn;
    const struct ffn_block *ffn = &layer->ffn;
    size_t width = v->config->width;
    return visit_self(v, &layer->self) && visit_linear(v, &rnn->in, ROLE_RNN_CELL, 0, width) &&
           visit_linear(v, &rnn->in, ROLE_RNN_FORGET, width, width) &&
           visit_linear(v, &rnn->out, ROLE_RNN_OUT, 0, width) &&
           visit_norm(v, &rnn->before, ROLE_RNN_NORM_BEFORE) &&
           visit_norm(v, &rnn->after, ROLE_RNN_NORM_AFTER) && visit_average(v, &layer->average) &&
           visit_cross(v, &layer->cross) &&
           visit_linear(v, &ffn->in, ROLE_FFN_IN, 0, ffn->in.w.n) &&
           visit_linear(v, &ffn->gate, ROLE_FFN_GATE, 0, ffn->gate.w.n) &&
           visit_linear(v, &ffn->out, ROLE_FFN_OUT, 0, ffn->out.w.n) &&
           visit_norm(v, &ffn->before, ROLE_FFN_NORM_BEFORE) &&
           visit_norm(v, &ffn->after, ROLE_FFN_NORM_AFTER);
}

static bool visit_stack(struct visit *v, const struct stack *stack)
{
    const struct config *c = v->config;
    const struct weight_name *positions = weight_name_find(c, v->side, ROLE_POSITIONS);
    const struct weight_name *bias = weight_name_find(c, v->side, ROLE_RELATIVE_BIAS);
    size_t heads = v->side == SIDE_ENCODER ? c->encoder_heads : c->decoder_heads;
    for (v->layer = 0; v->layer < stack->n_layers; v->layer++)
        if ((v->layer >= c->n_tied || c->tied[v->layer] == v->layer) &&
            !visit_layer(v, &stack->layers[v->layer]))
            return false;
    v->layer = 0;
    return (positions == NULL || visit_values(v, positions->weight, stack->positions, 2,
                                              stack->n_positions, c->width)) &&
           (bias == NULL ||
            visit_values(v, bias->weight, stack->relative_bias, 2, c->relative_buckets, heads)) &&
           visit_norm(v, &stack->embedding_norm, ROLE_EMBEDDING_NORM) &&
           visit_norm(v, &stack->final_norm, ROLE_FINAL_NORM);
}

static bool visit_vocabulary(const struct visit *v, const struct matrix *w, const char *name)
{
    struct network_piece piece = {.w = w, .rank = 2, .shape = {w->n, w->k}};
    return visit_named(v, name, &piece);
}

static bool visit_preview(const struct visit *v, const struct preview *preview)
{
    const struct linear *product = &preview->product;
    return product->w.n == 0 || (visit_vocabulary(v, &product->w, PREVIEW_WEIGHT) &&
                                 visit_vocabulary(v, &preview->projection, PREVIEW_PROJECTION) &&
                                 visit_values(v, PREVIEW_ERROR, preview->error, 1, 1, 0));
}

bool network_visit(const struct network *network, const struct config *config,
                   network_visitor visit, void *argument, struct error *err)
{
    struct visit v = {.config = config, .visit = visit, .argument = argument, .err = err};
    const char *shared = config->names == FAMILY_T5 ? "shared.weight" : "model.shared.weight";
    const char *bias = weight_name_output_bias(config);
    v.side = SIDE_ENCODER;
    if (!visit_vocabulary(&v, &network->encoder.embedding,
                          config->share_embeddings ? shared
                                                   : "model.encoder.embed_tokens.weight") ||
        !visit_stack(&v, &network->encoder))
        return false;
    v.side = SIDE_DECODER;
    if (!config->share_embeddings &&
        !visit_vocabulary(&v, &network->decoder.embedding, "model.decoder.embed_tokens.weight"))
        return false;
    if (!config->tie_output &&
        !visit_vocabulary(&v, &network->output.w, weight_name_output(config)))
        return false;
    return visit_stack(&v, &network->decoder) &&
           visit_values(&v, bias, network->output.bias, 2, 1, network->output.w.n) &&
           visit_preview(&v, &network->preview);
}
