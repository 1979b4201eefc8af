#include "model/layers.h"

#include <string.h>

/* Multiplications that are worth a part of their own, and the most parts for each member. */
#define TEAM_PART_WORK ((size_t)1 << 17)
#define TEAM_PARTS 2

void operand_set(struct session *session, struct operand *operand, const struct matrix *w, size_t m,
                 const float *x, size_t stride)
{
    const struct observer *observer = session->limits.observer;
    *operand = (struct operand){.m = m, .x = x, .stride = stride};
    if (observer != NULL)
        observer->see(observer->argument, w, m, x, stride);
    if (w->kind == MATRIX_F32)
        return;
    session->kernels->quantize_rows(m, w->k, x, stride, w->smooth, session->quantized, w->k_padded,
                                    session->quantized_scales);
    operand->q = session->quantized;
    operand->q_stride = w->k_padded;
    operand->scales = session->quantized_scales;
}

struct product {
    const struct kernels *kernels;
    const struct operand *operand;
    const struct matrix *w;
    const struct epilogue *epilogue;
    float *y;
    size_t y_stride;
};

/* A part of the columns, in whole panels. */
static void multiply_part(void *argument, unsigned part, unsigned n_parts)
{
    const struct product *p = argument;
    size_t panels = (p->w->n + MATRIX_PANEL - 1) / MATRIX_PANEL;
    size_t first = panels * part / n_parts * MATRIX_PANEL;
    size_t end = panels * (part + 1) / n_parts * MATRIX_PANEL;
    if (end > p->w->n)
        end = p->w->n;
    if (first >= end)
        return;
    const struct operand *a = p->operand;
    if (p->w->kind == MATRIX_F32)
        p->kernels->matmul_f32(a->m, a->x, a->stride, p->w, first, end - first, p->epilogue, p->y,
                               p->y_stride);
    else
        p->kernels->matmul_i8(a->m, a->q, a->q_stride, a->scales, p->w, first, end - first,
                              p->epilogue, p->y, p->y_stride);
}

void operand_multiply(struct session *session, const struct operand *operand,
                      const struct linear *linear, const struct epilogue *epilogue, float *y,
                      size_t y_stride)
{
    struct epilogue with_bias = *epilogue;
    with_bias.bias = linear->bias;
    struct product product = {.kernels = session->kernels,
                              .operand = operand,
                              .w = &linear->w,
                              .epilogue = &with_bias,
                              .y = y,
                              .y_stride = y_stride};
    struct team *team = session->limits.team;
    size_t n_parts = operand->m * linear->w.n * linear->w.k / TEAM_PART_WORK;
    size_t most = team_size(team) > 1 ? TEAM_PARTS * team_size(team) : 1;
    n_parts = n_parts < 1 ? 1 : n_parts > most ? most : n_parts;
    struct profile *profile = session->limits.profile;
    uint64_t start = profile_start(profile);
    team_run(team, (unsigned)n_parts, multiply_part, &product);
    profile_stop(profile, session->stage, start, operand->m * linear->w.n * linear->w.k,
                 linear->w.n * linear->w.k * (linear->w.kind == MATRIX_I8 ? 1 : sizeof(float)));
}

void linear_apply(struct session *session, const struct linear *linear, size_t m, const float *x,
                  size_t stride, const struct epilogue *epilogue, float *y, size_t y_stride)
{
    struct operand operand;
    operand_set(session, &operand, &linear->w, m, x, stride);
    operand_multiply(session, &operand, linear, epilogue, y, y_stride);
}

void norm_apply(struct session *session, const struct norm *norm, size_t m, const float *x,
                float *y)
{
    const struct config *config = session->config;
    size_t n = config->width;
    if (config->norm == NORM_RMS)
        session->kernels->rms_norm(m, n, x, n, norm->gain, config->norm_epsilon, y, n);
    else
        session->kernels->layer_norm(m, n, x, n, norm->gain, norm->bias, config->norm_epsilon, y,
                                     n);
}

const float *block_input(struct session *session, const struct norm *before, size_t m,
                         const float *x)
{
    if (before->gain == NULL)
        return x;
    norm_apply(session, before, m, x, session->normed);
    return session->normed;
}

void self_project(struct session *session, const struct attention_block *self, size_t m,
                  const float *x, float *qkv, size_t n_wide)
{
    size_t width = session->config->width;
    struct epilogue plain = {0};
    const float *input = block_input(session, &self->before, m, x);
    linear_apply(session, &self->in, m, input, width, &plain, qkv, 3 * n_wide);
    if (self->memory.w.n != 0)
        linear_apply(session, &self->memory, m, x, width, &plain, qkv + n_wide, 3 * n_wide);
}

void block_output(struct session *session, const struct linear *out, const struct norm *after,
                  size_t m, const float *y, size_t y_stride, float *x)
{
    size_t width = session->config->width;
    struct epilogue add = {.residual = x, .residual_stride = width};
    linear_apply(session, out, m, y, y_stride, &add, x, width);
    if (after->gain != NULL)
        norm_apply(session, after, m, x, x);
}

void ffn_apply(struct session *session, const struct ffn_block *ffn, size_t m, float *x)
{
    size_t n = ffn->in.w.n;
    struct operand operand;
    struct epilogue activate = {.activation = session->config->activation}, plain = {0};
    const float *input = block_input(session, &ffn->before, m, x);
    operand_set(session, &operand, &ffn->in.w, m, input, session->config->width);
    operand_multiply(session, &operand, &ffn->in, &activate, session->hidden, n);
    if (ffn->gate.w.n != 0) {
        if (ffn->gate.w.smooth != ffn->in.w.smooth)
            operand_set(session, &operand, &ffn->gate.w, m, input, session->config->width);
        operand_multiply(session, &operand, &ffn->gate, &plain, session->gate, n);
        session->kernels->multiply(m * n, session->gate, session->hidden);
    }
    block_output(session, &ffn->out, &ffn->after, m, session->hidden, n, x);
}

/* The vector added for a position, or NULL. */
static const float *position_row(const struct session *session, const struct stack *stack,
                                 uint32_t position)
{
    const struct config *config = session->config;
    if (position == CONFIG_NONE)
        return NULL;
    size_t row = (size_t)position + config->position_offset;
    switch (config->positions) {
    case POSITIONS_SINUSOIDAL:
    case POSITIONS_SINUSOIDAL_NATIVE:
        return session->sinusoids.rows + row * config->width;
    case POSITIONS_LEARNED:
        /* A decoder that runs past its table stays at the last row. */
        if (row >= stack->n_positions)
            row = stack->n_positions - 1;
        return stack->positions + row * config->width;
    case POSITIONS_RELATIVE_BUCKETS:
    case POSITIONS_NONE:
        break;
    }
    return NULL;
}

/* A smoothed matrix holds its values divided by the factors. */
static void embedding_row(const struct session *session, const struct matrix *embedding,
                          uint32_t token, float *row)
{
    if (embedding->kind == MATRIX_F16) /* the same bytes in less time */
        session->kernels->widen_f16(embedding->k, embedding->f16 + token * embedding->k, row);
    else
        matrix_get_channel(embedding, token, row);
    if (embedding->smooth != NULL)
        session->kernels->multiply(embedding->k, embedding->smooth, row);
}

void embed(struct session *session, const struct stack *stack, size_t m, const uint32_t *tokens,
           const uint32_t *positions, float *x)
{
    const struct config *config = session->config;
    size_t width = config->width;
    for (size_t i = 0; i < m; i++) {
        float *row = x + i * width;
        if (tokens[i] == CONFIG_NONE)
            memset(row, 0, width * sizeof *row);
        else
            embedding_row(session, &stack->embedding, tokens[i], row);
        const float *position = position_row(session, stack, positions[i]);
        if (position != NULL) {
            session->kernels->scale_add(width, row, config->embedding_scale, position, row);
        } else if (config->embedding_scale != 1.0f) {
            for (size_t j = 0; j < width; j++)
                row[j] *= config->embedding_scale;
        }
    }
    if (stack->embedding_norm.gain != NULL)
        norm_apply(session, &stack->embedding_norm, m, x, x);
}
