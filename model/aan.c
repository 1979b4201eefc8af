/* aan.c - a decoder whose first block is the average attention network (Zhang, Xiong and Su 2018,
 * "Accelerating Neural Transformer via an Average Attention Network") instead of self-attention, as
 * Marian builds it:
 *
 *     m_t = (t m_{t-1} + x_t) / (t + 1),   y = FFN(norm(m_t)),
 *     i = sigmoid(Wi x_t + bi),  f = sigmoid(Wf y + bf),   out = i * x_t + f * y
 *
 * The mean of what went into the block is a layer's only state; it lives in cache rows of two
 * positions, as the state of ssru.c does. */
#include "model/layers.h"
#include "model/transformer.h"

#include <string.h>

static float *mean_row(const struct session *session, const struct step_row *row, uint32_t l,
                       uint32_t position, uint32_t slot)
{
    char *at = cache_row(&row->sentence->states, &session->state_shape, position, slot);
    return (float *)(void *)(at + l * cache_layer_bytes(&session->state_shape));
}

/* Means of rows [0, m), into session->context and the cache. */
static void average(struct session *session, uint32_t l, size_t m, const struct step_row *rows,
                    const float *x)
{
    size_t width = session->config->width;
    for (size_t i = 0; i < m; i++) {
        uint32_t position = rows[i].sentence->position;
        float *mean = mean_row(session, &rows[i], l, position, rows[i].slot);
        const float *input = x + i * width;
        if (position == 0) {
            memcpy(mean, input, width * sizeof *mean);
        } else {
            const float *last = mean_row(session, &rows[i], l, position - 1, rows[i].parent);
            for (size_t j = 0; j < width; j++)
                mean[j] = (last[j] * (float)position + input[j]) / (float)(position + 1);
        }
        memcpy(session->context + i * width, mean, width * sizeof *mean);
    }
}

/* y = i * x + f * y. */
static void gate(struct session *session, const struct average_block *block, size_t m,
                 const float *x, float *y)
{
    size_t width = session->config->width;
    struct epilogue sigmoid = {.activation = ACTIVATION_SIGMOID};
    float *input = session->projected, *mean = session->projected + m * width;
    linear_apply(session, &block->gate_input, m, x, width, &sigmoid, input, width);
    linear_apply(session, &block->gate_mean, m, y, width, &sigmoid, mean, width);
    session->kernels->multiply(m * width, x, input);
    session->kernels->multiply(m * width, mean, y);
    session->kernels->add(m * width, input, y);
}

static void average_block(struct session *session, uint32_t l, size_t m,
                          const struct step_row *rows, float *x)
{
    const struct average_block *block = &session->network->decoder.layers[l].average;
    const struct config *config = session->config;
    size_t width = config->width, n = block->in.w.n;
    float *y = session->context;
    average(session, l, m, rows, x);
    if (block->before.gain != NULL)
        norm_apply(session, &block->before, m, y, y);
    if (n != 0) {
        struct epilogue activate = {.activation = config->average_activation}, plain = {0};
        linear_apply(session, &block->in, m, y, width, &activate, session->hidden, n);
        if (block->out.w.n != 0)
            linear_apply(session, &block->out, m, session->hidden, n, &plain, y, width);
        else
            memcpy(y, session->hidden, m * width * sizeof *y);
    }
    if (block->gate_input.w.n != 0)
        gate(session, block, m, x, y);
    session->kernels->add(m * width, y, x);
    if (block->after.gain != NULL)
        norm_apply(session, &block->after, m, x, x);
}

static bool aan_step(struct session *session, uint32_t n_rows, struct step_row *rows,
                     struct error *err)
{
    (void)err;
    decoder_run(session, n_rows, rows, average_block);
    return true;
}

const struct arch arch_aan = {.name = "aan", .encode = transformer_encode, .step = aan_step};
