/* transformer.h - what the other decoders (ssru.c, aan.c) share with the Transformer
 * (transformer.c): the encoder, and the decoder around its first block. */
#ifndef DRAGOMAN_MODEL_TRANSFORMER_H
#define DRAGOMAN_MODEL_TRANSFORMER_H

#include "model/session.h"

/* Runs the encoder and fills the sentences' cross-attention caches. */
bool transformer_encode(struct session *session, uint32_t n, const struct source_ids *sources,
                        struct sentence *const *sentences, struct error *err);

/* A decoder layer's first block, the one that looks at the hypothesis itself: x = block(x) for rows
 * [0, m), m at most SESSION_CHUNK; x is [m][D]. */
typedef void (*autoregressive_block)(struct session *session, uint32_t layer, size_t m,
                                     const struct step_row *rows, float *x);

/* The decoder stack over session->rows: `block`, cross-attention, feed-forward. */
void decoder_run(struct session *session, uint32_t n_rows, const struct step_row *rows,
                 autoregressive_block block);

#endif
