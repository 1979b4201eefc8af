/* network.h - the weights of an encoder-decoder network, as layers: what weights.c fills and
 * transformer.c reads. All of it is const once the model is open.
 *
 * Shapes: a linear layer has n outputs and k inputs (kernels/matrix.h); D, H, K, F, V as in
 * kernels.h. A matrix with n = 0 and a norm with gain NULL do not exist in this network. */
#ifndef DRAGOMAN_MODEL_NETWORK_H
#define DRAGOMAN_MODEL_NETWORK_H

#include "model/weights.h"

struct norm {
    float *gain; /* [D] */
    float *bias; /* [D] or NULL */
};

struct linear {
    struct matrix w;
    float *bias; /* [n] or NULL */
};

/* Multi-head attention. Self-attention: in = [queries | keys | values] of one product, memory is
 * empty; but with keys_before_norm it is as in cross-attention: in = queries, memory = [keys |
 * values], there of the encoder's output. */
struct attention_block {
    struct norm before, after;
    struct linear in;     /* [3HK][D] or [HK][D] */
    struct linear memory; /* [2HK][D] */
    struct linear out;    /* [D][HK] */
};

/* SSRU (Kim et al. 2019): in = [W | Wf]. */
struct rnn_block {
    struct norm before, after;
    struct linear in;  /* [2D][D] */
    struct linear out; /* [D][D] */
};

/* Average attention (aan.c): a feed-forward layer over the mean, and two gates. */
struct average_block {
    struct norm before, after;
    struct linear in;                    /* [A][D]; A = config->average_ffn */
    struct linear out;                   /* [D][A] */
    struct linear gate_input, gate_mean; /* [D][D] */
};

/* out(activation(in x)), or out(activation(in x) * (gate x)). */
struct ffn_block {
    struct norm before, after;
    struct linear in, gate; /* [F][D] */
    struct linear out;      /* [D][F] */
};

struct layer {
    struct attention_block self, cross;
    struct rnn_block rnn;
    struct average_block average;
    struct ffn_block ffn;
};

struct stack {
    uint32_t n_layers;
    struct layer *layers;    /* [n_layers] */
    struct matrix embedding; /* [V][D]; shares memory with the other stack's or with the output */
    float *positions;        /* [n_positions][D], POSITIONS_LEARNED */
    uint32_t n_positions;
    float *relative_bias; /* [buckets][H], POSITIONS_RELATIVE_BUCKETS */
    struct norm embedding_norm, final_norm;
};

/* What an int8 model may have beside its output matrix: the best product of two narrow matrices for
 * it (model/preview_fit.h), product(projection(h)) ~ output(h). Where there is one, tables of the
 * vocabulary are halves, and the output layer takes the product for all tokens but the likeliest,
 * whose logits it computes from the table (output.h). n = 0: none. */
struct preview {
    struct matrix projection; /* [R][D], float */
    struct linear product;    /* [V][R], int8; its bias is the output's */
    float *error;             /* [1] variance of what the product leaves out of a logit */
};

/* Tensors of a preview in a directory of ours. */
#define PREVIEW_WEIGHT "output_preview.weight"         /* I8 [V][R], and its scales */
#define PREVIEW_PROJECTION "output_preview.projection" /* [R][D] */
#define PREVIEW_ERROR "output_preview.error"           /* [1] */

struct network {
    struct stack encoder, decoder;
    struct linear output; /* [V][D] */
    struct preview preview;
};

/* The first pass of weights.h: asks `weights` for all that a network of this configuration needs.
 * The layers' structs live in `arena`. */
bool network_bind(struct network *network, const struct config *config, struct weights *weights,
                  struct arena *arena, struct error *err);

/* After weights_load(): what shares weights gets them, and matrices learn which one a step reads
 * after them. */
void network_tie(struct network *network, const struct config *config);

/* The layer's linear layers, in `linears`; those that do not exist (w.n = 0) too. */
#define LAYER_LINEARS 15
void layer_linears(struct layer *layer, struct linear *linears[LAYER_LINEARS]);

/* A tensor of a checkpoint, as it would be written: some channels of a matrix, or a vector or table
 * of floats. */
struct network_piece {
    char name[WEIGHT_NAME_BYTES];
    const struct matrix *w; /* or NULL */
    size_t first;           /* channel */
    const float *values;    /* w NULL: row-major */
    size_t rank, shape[2];
};

typedef bool (*network_visitor)(void *argument, const struct network_piece *piece,
                                struct error *err);

/* Calls `visit` for every tensor of the network, under the names that config->names gives (not
 * Marian's or CTranslate2's, whose matrices lie otherwise). What shares weights comes once. */
bool network_visit(const struct network *network, const struct config *config,
                   network_visitor visit, void *argument, struct error *err);

#endif
