/* beam_state.h - the inside of a search, shared by beam.c (what lives and what is finished),
 * beam_rows.c (what is asked of a step, and the candidates that come back) and beam_sample.c. */
#ifndef DRAGOMAN_MODEL_BEAM_STATE_H
#define DRAGOMAN_MODEL_BEAM_STATE_H

#include "base/memory.h"
#include "model/beam.h"

/* A token of a hypothesis; hypotheses share their beginnings, so they are a tree of nodes. */
struct node {
    uint32_t parent; /* index of the node before, CONFIG_NONE for the first */
    uint32_t token;
    float log_prob;
    uint32_t source; /* the source position it attends to most */
};

struct hypothesis {
    uint32_t node;                         /* its last token, CONFIG_NONE before the first */
    uint32_t parent;                       /* the slot of the step before that it goes on from */
    double sum;                            /* S so far */
    uint8_t progress[SEARCH_MAX_REQUIRED]; /* tokens of each required phrase that its end matches,
                                              or all */
};

/* A way to go on: token `token` after live hypothesis `from`. */
struct extension {
    double sum; /* S with it */
    float log_prob;
    uint32_t from, token;
};

struct finished {
    uint32_t node;
    double sum, score;
    bool ended, complete;
    uint32_t order; /* when it was found: the later one wins a tie, as in the reference */
};

/* What one live hypothesis asks and is answered; one for each beam. */
struct row_space {
    struct candidate *best; /* [STEP_MAX_BEST] */
    uint32_t *tokens;       /* its history, oldest first, [n_tokens] (start token first) */
    uint32_t n_tokens, tokens_room;
    uint32_t *banned; /* ascending */
    uint32_t n_banned, banned_room;
    uint32_t *wanted; /* ascending */
    float *wanted_logits;
    uint32_t n_wanted, wanted_room;
    float *logits;        /* [V], sampling only */
    float *cross_weights; /* [S], alignment only */
    uint32_t cross_room;
};

struct search {
    struct search_options options;
    struct search_request request;
    uint32_t n_beams;     /* N */
    uint32_t n_generated; /* tokens so far: the same for all live hypotheses */
    bool done;

    struct node *nodes;
    uint32_t n_nodes, nodes_room;

    uint32_t n_live;
    struct hypothesis *live, *next; /* [N] */
    struct row_space *spaces;       /* [N] */

    struct extension *extensions; /* of one step, best first */
    uint32_t n_extensions, extensions_room;

    struct finished *finished; /* [N + 1] (reference) or more (Marian) */
    uint32_t n_finished, finished_room, n_found;
    bool top_finished; /* CTranslate2: the best extension of some step ended */

    /* Of search_result(). */
    uint32_t *result_tokens, *result_sources;
    float *result_log_probs;
    uint32_t result_room;
    uint32_t required_at[SEARCH_MAX_REQUIRED];
};

/* What kind of step comes next. */
enum step_kind {
    STEP_FREE,         /* candidates are wanted */
    STEP_FORCED,       /* one token, log p = 0 */
    STEP_FORCED_SCORED /* one token with its true log p */
};

/* The kind of the step that produces token number n_generated + 1, and the token if it is forced.
 */
enum step_kind search_step_kind(const struct search *search, uint32_t *token);

/* beam_rows.c: fills `row` for live hypothesis number `index`. */
bool search_fill_row(struct search *search, uint32_t index, struct step_row *row);

/* beam_rows.c: turns the answers of all rows into search->extensions, best first. */
bool search_collect(struct search *search, const struct step_row *rows, struct error *err);

/* beam_sample.c: the same for sampling: one extension for each sample, in the samples' order. */
bool search_draw(struct search *search, const struct step_row *rows, struct error *err);

/* beam.c: `extension` ends its hypothesis (with </s> if `ended`), or becomes live hypothesis number
 * (*n_next)++ of the next step; then that step begins. */
bool search_add_finished(struct search *search, const struct extension *extension, bool ended,
                         struct error *err);
bool search_go_on(struct search *search, const struct extension *extension, uint32_t *n_next,
                  struct error *err);
void search_turn(struct search *search, uint32_t n_next);

/* beam_peers.c: one step's choice. `taken` is scratch, false for each extension. */
bool search_advance_ct2(struct search *search, bool *taken, struct error *err);
bool search_advance_marian(struct search *search, struct error *err);
bool search_advance_single(struct search *search, struct error *err);

bool search_is_eos(const struct search *search, uint32_t token);

#endif
