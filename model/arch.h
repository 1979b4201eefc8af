/* arch.h - an encoder-decoder architecture, as the search sees it: encode sentences, then advance
 * hypotheses one token at a time. The one table of architectures is in arch.c.
 *
 * Rows of a step are live hypotheses of any sentences in any order; a row's numbers do not depend
 * on the other rows. A hypothesis is (sentence, slot): a sentence has N slots, and at each step a
 * row says which slot of the step before it goes on from. Nothing is copied: the state of a slot is
 * a list of pointers to cached rows.
 *
 *     struct session *session;                          one for each worker thread
 *     session_new(&session, model, &limits, &err);
 *     session_encode(session, n, sources, sentences, &err);
 *     rows[0] = (struct step_row){.sentence = sentences[0], .slot = 0, .parent = 0, .token = start,
 *                                 .n_best = 2 * N};
 *     session_step(session, n_rows, rows, &err);        fills rows[i].best
 *     session_release(session, sentences[0]);
 */
#ifndef DRAGOMAN_MODEL_ARCH_H
#define DRAGOMAN_MODEL_ARCH_H

#include "base/error.h"

#include <stdint.h>

struct matrix;
struct model;
struct session;
struct sentence; /* an encoded source inside a session, with the caches of its hypotheses */
struct team;     /* threads that split one product (base/team.h) */

/* Most candidates a row may ask for. */
#define STEP_MAX_BEST 256

/* A token that may come next. */
struct candidate {
    uint32_t token;
    float logit;
};

/* One hypothesis in one step: what is asked, and the answers. All pointers are the caller's and
 * must stay valid until session_step() returns; lists of tokens are ascending and without
 * repetition. */
struct step_row {
    struct sentence *sentence;
    uint32_t slot;   /* 0 .. N-1: where this hypothesis is kept from now on */
    uint32_t parent; /* the slot it had after the step before (any, at the first step) */
    uint32_t token;  /* the token it was extended with: the input of this step */

    uint32_t n_best;        /* how many candidates are wanted; 0: none */
    const uint32_t *banned; /* [n_banned] tokens that must not be candidates */
    uint32_t n_banned;
    bool renormalize;       /* banned tokens leave the softmax too */
    bool needs_normalizer;  /* false (greedy without scores): log_normalizer is not computed */
    const uint32_t *wanted; /* [n_wanted] tokens whose logits are wanted whatever their rank */
    uint32_t n_wanted;
    const uint32_t *shortlist; /* [n_shortlist] the only tokens considered, or NULL for all; the
                                  same for all rows of a sentence at all its steps */
    uint32_t n_shortlist;

    struct candidate *best; /* [n_best] out: by logit descending, then token ascending */
    uint32_t n_found;       /* out: how many there are (less than n_best in a tiny vocabulary) */
    float *wanted_logits;   /* [n_wanted] out */
    double log_normalizer;  /* out: log sum exp of the logits, so log p = logit - log_normalizer */
    float *logits; /* [V] out: all logits, for sampling (any value for those that are banned
                      under `renormalize`); NULL: not wanted */
    bool is_nan;   /* out: a logit is not a number, and nothing else of the row was computed */
    float *cross_weights; /* [S] out: cross attention of the last decoder layer, averaged over
                             its heads; or NULL */
};

/* What cached keys and values are. AUTO: IEEE halves in an int8 model, else float. */
enum cache_precision { CACHE_AUTO, CACHE_F32, CACHE_F16 };

/* Sees the input of every product as it is: m rows of x, `stride` floats apart, that are about to
 * be multiplied by w, a matrix of the network (model/network.h) or, with a shortlist, one gathered
 * from its output layer. An input that several products share (ffn.in and ffn.gate) is seen once,
 * with the first of them. */
struct observer {
    void (*see)(void *argument, const struct matrix *w, size_t m, const float *x, size_t stride);
    void *argument;
};

/* What a session must have room for. */
struct session_limits {
    uint32_t n_slots;  /* N: hypotheses of one sentence */
    uint32_t max_rows; /* live rows of a step */
    uint32_t
        max_tokens; /* source tokens encoded at once (a longer sentence alone is still encoded) */
    struct team *team; /* or NULL */
    enum cache_precision cache;
    struct profile *profile;         /* where the time is added up, or NULL */
    const struct observer *observer; /* or NULL */
};

/* A source sentence: ids as the tokenizer gives them, </s> and language tags included. */
struct source_ids {
    const uint32_t *ids; /* [n_ids] */
    uint32_t n_ids;
};

/* What an architecture provides. All of it is called through the session_*() functions below. */
struct arch {
    const char *name;
    /* Encodes and fills the sentences' cross-attention caches. */
    bool (*encode)(struct session *session, uint32_t n, const struct source_ids *sources,
                   struct sentence *const *sentences, struct error *err);
    /* Runs the decoder stack for the rows; leaves [n_rows][D] decoder states for the output layer.
     */
    bool (*step)(struct session *session, uint32_t n_rows, struct step_row *rows,
                 struct error *err);
};

/* The architecture called `name`, or NULL. */
const struct arch *arch_find(const char *name);

/* A worker's working memory over a model that many sessions share. One thread at a time. */
bool session_new(struct session **session, const struct model *model,
                 const struct session_limits *limits, struct error *err);
void session_free(struct session *session);

/* Encodes n sources; sentences[i] are new and live until session_release(). Fails as a whole. */
bool session_encode(struct session *session, uint32_t n, const struct source_ids *sources,
                    struct sentence **sentences, struct error *err);

/* One decoder step. Each sentence's rows must be adjacent and at the same position; slots of a
 * sentence are distinct. Values that overflow (`is_nan`) are no fault of the step: they are one
 * row's, and the others are as they would be without it. */
bool session_step(struct session *session, uint32_t n_rows, struct step_row *rows,
                  struct error *err);

void session_release(struct session *session, struct sentence *sentence);

/* Source length S of a sentence, and how many steps it has done. */
uint32_t sentence_length(const struct sentence *sentence);
uint32_t sentence_position(const struct sentence *sentence);

/* For tests and `info`: the encoder's output of a sentence just encoded by session_encode() with n
 * = 1, [S][D], valid until the next call. */
const float *session_encoder_output(const struct session *session);

/* Bytes the session holds now. */
uint64_t session_bytes(const struct session *session);

#endif
