/* session.h - the inside of a session: what transformer.c, ssru.c, layers.c and output.c share. The
 * outside is arch.h.
 *
 * Every buffer is carved from the limits when the session is made and grows only for a sentence
 * longer than any before. Wide work is done in chunks of SESSION_CHUNK rows, so that what is wide
 * (the feed-forward layer) stays in the second-level cache and memory grows with the source by no
 * more than its keys and values. */
#ifndef DRAGOMAN_MODEL_SESSION_H
#define DRAGOMAN_MODEL_SESSION_H

#include "base/memory.h"
#include "base/team.h"
#include "model/arch.h"
#include "model/attention.h"
#include "model/cache.h"
#include "model/history.h"
#include "model/model.h"
#include "model/network.h"
#include "model/output.h"
#include "model/profile.h"

/* Rows that go through a layer together. */
#define SESSION_CHUNK 128

struct sentence {
    struct sentence *next;   /* in the session's list of live or free ones */
    uint32_t length;         /* S */
    uint32_t position;       /* steps done */
    struct cache cross;      /* the encoder's keys and values */
    const void **cross_rows; /* [S] */
    uint32_t cross_capacity;
    struct history history; /* the decoder's own past */
    struct cache states;    /* of a recurrent decoder instead */
    struct gathered gathered;
};

struct session {
    const struct model *model;
    const struct config *config;
    const struct network *network;
    const struct kernels *kernels;
    const struct arch *arch;
    struct session_limits limits;
    bool is_f16; /* cached keys and values are IEEE halves */

    struct cache_shape cross_shape, state_shape;
    struct page_pool cross_pages, state_pages, history_pages;
    struct sentence *live, *free;

    struct sinusoids sinusoids;
    struct relative_bias encoder_bias, decoder_bias;
    const struct attention_kind *encoder_attention;
    struct attention_scratch attention;

    /* The encoder's, for all rows of a group of sentences. */
    float *source_rows;     /* [source_capacity][D] */
    float *source_qkv;      /* [source_capacity][3HK] */
    const void **source_kv; /* [source_capacity] pointers into source_qkv */
    uint32_t source_capacity;

    /* The decoder's. */
    float *rows; /* [max_rows][D] */

    /* One chunk's. A = the widest of 3HK (decoder), 2HK, 2D. */
    float *normed;           /* [SESSION_CHUNK][D] */
    float *projected;        /* [SESSION_CHUNK][A] */
    float *context;          /* [SESSION_CHUNK][HK or D] */
    float *hidden, *gate;    /* [SESSION_CHUNK][F] */
    int8_t *quantized;       /* [SESSION_CHUNK][quantized_stride] */
    float *quantized_scales; /* [SESSION_CHUNK] */
    size_t quantized_stride; /* the widest input of a product, padded */
    size_t projected_stride, context_stride;

    /* Of each row of a step or chunk. */
    float **mean_weights;         /* [max_rows] where cross attention's weights go, or NULL */
    uint32_t *tokens, *positions; /* [max_rows or SESSION_CHUNK] */
    uint32_t *slots, *parents;    /* [max_rows] */
    const void *const **pasts;    /* [max_rows] the rows a hypothesis looks back at */

    enum profile_stage stage; /* whose products are computed: encoder or decoder */
    struct output output;
    struct arena arena; /* the buffers that never grow */
};

/* Makes room in the encoder's buffers. */
bool session_reserve_source(struct session *session, uint32_t n_rows, uint32_t longest,
                            struct error *err);

/* Positions (sinusoids or relative biases) and attention scratch for n positions. */
bool session_reserve_positions(struct session *session, uint32_t n, bool encoder,
                               struct error *err);

#endif
