/* layers.h - the formulas a Transformer is made of, from kernels: products, norms, feed-forward
 * blocks, embeddings. All work on packed rows [m][stride], m at most SESSION_CHUNK unless said. */
#ifndef DRAGOMAN_MODEL_LAYERS_H
#define DRAGOMAN_MODEL_LAYERS_H

#include "model/session.h"

/* Rows ready to be multiplied: quantized when the matrix is int8. Lives in the session's buffers
 * until the next operand_set(). */
struct operand {
    size_t m;
    const float *x;
    size_t stride;
    const int8_t *q;
    const float *scales;
    size_t q_stride;
};

void operand_set(struct session *session, struct operand *operand, const struct matrix *w, size_t m,
                 const float *x, size_t stride);

/* y = epilogue(x w^T + bias); the epilogue's own bias field is ignored. Split over the team if
 * there is one and the product is large. */
void operand_multiply(struct session *session, const struct operand *operand,
                      const struct linear *linear, const struct epilogue *epilogue, float *y,
                      size_t y_stride);

/* Both in one. */
void linear_apply(struct session *session, const struct linear *linear, size_t m, const float *x,
                  size_t stride, const struct epilogue *epilogue, float *y, size_t y_stride);

/* y = norm(x); x and y may be the same. A norm without gain copies nothing and must not be asked.
 */
void norm_apply(struct session *session, const struct norm *norm, size_t m, const float *x,
                float *y);

/* The input of a block: norm(x) in session->normed if the block has a norm before, else x. */
const float *block_input(struct session *session, const struct norm *before, size_t m,
                         const float *x);

/* Queries, keys and values of self-attention, [m][3HK], from the block's input. */
void self_project(struct session *session, const struct attention_block *self, size_t m,
                  const float *x, float *qkv, size_t n_wide);

/* The end of a block: x = x + out(y), then the norm after, if any. */
void block_output(struct session *session, const struct linear *out, const struct norm *after,
                  size_t m, const float *y, size_t y_stride, float *x);

/* x = block(x) of a feed-forward block. */
void ffn_apply(struct session *session, const struct ffn_block *ffn, size_t m, float *x);

/* x = E[token] * scale + position, then the embedding's norm. For each row: its token, or
 * CONFIG_NONE for the zero vector; its position, or CONFIG_NONE for no position. */
void embed(struct session *session, const struct stack *stack, size_t m, const uint32_t *tokens,
           const uint32_t *positions, float *x);

/* How wide keys (or values) of all heads are. */
static inline size_t encoder_attention_width(const struct config *config)
{
    return (size_t)config->encoder_heads * config->encoder_head_width;
}

static inline size_t decoder_attention_width(const struct config *config)
{
    return (size_t)config->decoder_heads * config->decoder_head_width;
}

#endif
