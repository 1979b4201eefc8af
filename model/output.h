/* output.h - the product with the vocabulary, whose result is never stored.
 *
 * Columns are taken in blocks of OUTPUT_BLOCK for some rows at a time, into a tile that stays in
 * the second-level cache. Of each block and row remain: its maximum m_b, s_b = sum exp(x - m_b),
 * and the candidates that beat the row's threshold, the n-th best so far. At the end M = max m_b
 * and
 *
 *     log sum exp = M + log(sum over b ascending of s_b * exp(m_b - M))
 *
 * so members of a team may share out the blocks and the bytes stay the same. */
#ifndef DRAGOMAN_MODEL_OUTPUT_H
#define DRAGOMAN_MODEL_OUTPUT_H

#include "base/error.h"
#include "kernels/matrix.h"
#include "model/arch.h"

#define OUTPUT_BLOCK 512 /* columns */
#define OUTPUT_ROWS 64   /* rows of a tile: 128 KiB */

/* Where a network has a preview (network.h), x is its product's, and the logits of the best n_best
 * + RESCORE_SPARE tokens are computed anew from the table. In the sum, whose exponentials are quick
 * ones (kernels.h), they take the place of what the product said of them. */
#define RESCORE_SPARE 24

struct session;
struct network;

/* The output channels of some tokens, gathered once for a sentence. */
struct gathered {
    uint32_t *tokens; /* [n] ascending */
    uint32_t n, capacity;
    struct matrix w; /* [n][D] */
    float *bias;     /* [n] or NULL */
    void *memory;
    size_t n_bytes;
};

void gathered_free(struct gathered *gathered);

/* Room for one share of the columns: there are as many as members of the team. */
struct output_share {
    float *tile;             /* [OUTPUT_ROWS][OUTPUT_BLOCK] */
    uint32_t *indices;       /* [OUTPUT_BLOCK] */
    struct output_row *rows; /* [SESSION_CHUNK] */
    struct candidate *best;  /* [SESSION_CHUNK][list_stride] */
    float *logits;           /* [SESSION_CHUNK][2 list_stride] rescored, with their columns */
    uint32_t *columns;
};

struct output {
    struct output_share *shares; /* [n_shares] */
    unsigned n_shares;
    uint32_t list_stride;
    float *maxima, *sums; /* [SESSION_CHUNK][n_blocks] */
    float *factors;       /* [n_blocks] of one row at a time */
    float *projected;     /* [SESSION_CHUNK][R] inputs of a preview's product */
    float largest_scale;  /* of that product's channels */
    float rest_factor;    /* of the exponentials of tokens that are not rescored */
    uint32_t n_blocks;
};

bool output_new(struct output *output, unsigned n_shares, const struct network *network,
                struct error *err);
void output_free(struct output *output);

/* Answers the rows' questions from their decoder states [n_rows][D]. */
bool output_step(struct session *session, uint32_t n_rows, struct step_row *rows,
                 const float *states, struct error *err);

#endif
