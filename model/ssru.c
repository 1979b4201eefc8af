/* ssru.c - a decoder whose first block is the simpler simple recurrent unit (Kim et al. 2019, "From
 * Research to Production and Back", equation 2) instead of self-attention, as in Marian's small
 * student models:
 *
 *     f_t = sigmoid(Wf x_t + bf),   c_t = f_t * c_{t-1} + (1 - f_t) * W x_t,   h_t = relu(c_t)
 *
 * c of each layer is the only state; it lives in cache rows of two positions, so that a slot's new
 * state never overwrites one that another slot goes on from. */
#include "model/layers.h"
#include "model/transformer.h"

#include <string.h>

static void recurrent_block(struct session *session, uint32_t l, size_t m,
                            const struct step_row *rows, float *x)
{
    const struct rnn_block *rnn = &session->network->decoder.layers[l].rnn;
    size_t width = session->config->width;
    size_t layer_bytes = l * cache_layer_bytes(&session->state_shape);
    struct epilogue plain = {0};
    const float *input = block_input(session, &rnn->before, m, x);
    linear_apply(session, &rnn->in, m, input, width, &plain, session->projected, 2 * width);
    for (size_t i = 0; i < m; i++) {
        const struct sentence *sentence = rows[i].sentence;
        const float *candidate = session->projected + i * 2 * width;
        float *forget = session->projected + i * 2 * width + width;
        float *hidden = session->context + i * width;
        char *row =
            cache_row(&sentence->states, &session->state_shape, sentence->position, rows[i].slot);
        float *state = (float *)(void *)(row + layer_bytes);
        const float *last = NULL; /* zero at the first step */
        if (sentence->position > 0) {
            row = cache_row(&sentence->states, &session->state_shape, sentence->position - 1,
                            rows[i].parent);
            last = (const float *)(const void *)(row + layer_bytes);
        }
        session->kernels->activate(width, forget, ACTIVATION_SIGMOID);
        for (size_t j = 0; j < width; j++) {
            float kept = last != NULL ? forget[j] * last[j] : 0.0f;
            state[j] = kept + (1.0f - forget[j]) * candidate[j];
            hidden[j] = state[j] > 0 ? state[j] : 0.0f;
        }
    }
    if (rnn->out.w.n != 0) {
        block_output(session, &rnn->out, &rnn->after, m, session->context, width, x);
        return;
    }
    session->kernels->add(m * width, session->context, x);
    if (rnn->after.gain != NULL)
        norm_apply(session, &rnn->after, m, x, x);
}

static bool ssru_step(struct session *session, uint32_t n_rows, struct step_row *rows,
                      struct error *err)
{
    (void)err;
    decoder_run(session, n_rows, rows, recurrent_block);
    return true;
}

const struct arch arch_ssru = {.name = "ssru", .encode = transformer_encode, .step = ssru_step};
