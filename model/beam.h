/* beam.h - the search for one sentence's translation: which hypotheses live, which tokens extend
 * them, when to stop. Knows no layer and no text; it asks rows of arch.h and is told candidates.
 *
 *     struct search *search;
 *     search_new(&search, &options, &err);                     reused for many sentences
 *     search_begin(search, &request, &err);
 *     while (!search_done(search)) {
 *         uint32_t n = search_rows(search, sentence, rows);    at most N rows; answers go to their
 * places session_step(session, n, rows, &err); search_advance(search, rows, &err);
 *     }
 *     search_result(search, 0, &result);                       best first
 *
 * Semantics: Hugging Face generate() 4.39 (COMPAT_HF), or its peers' (decoding of CTranslate2 4.8,
 * Marian 1.12, fairseq). T counts generated tokens, </s> included, the start token not; S is the
 * sum of their natural log-probabilities; score = S / T^a. Ties go to the lower hypothesis, then
 * the lower token, so a result depends on the sentence alone. One thread at a time. */
#ifndef DRAGOMAN_MODEL_BEAM_H
#define DRAGOMAN_MODEL_BEAM_H

#include "model/arch.h"
#include "model/config.h"

/* Most beams: 2 N + 1 candidates of a row must fit STEP_MAX_BEST. */
#define SEARCH_MAX_BEAMS 64

enum search_compat { COMPAT_HF, COMPAT_CT2, COMPAT_MARIAN, COMPAT_FAIRSEQ };

/* Tokens in a row. */
struct phrase {
    const uint32_t *tokens;
    uint32_t n_tokens;
};

/* The same for all sentences of a run. */
struct search_options {
    const struct generation
        *generation; /* beams, penalties, special tokens; lengths are the request's */
    enum search_compat compat;
    uint32_t vocabulary;            /* V of the target */
    uint32_t n_best;                /* how many results are wanted: 1 .. num_beams */
    bool scores;                    /* greedy: compute log-probabilities too (a beam always does) */
    bool align;                     /* find the source position of each token */
    const struct phrase *forbidden; /* never to be produced */
    uint32_t n_forbidden;
    /* Ancestral sampling instead of a search (num_beams hypotheses are ignored). */
    bool sample;
    uint32_t top_k; /* 0: all */
    float top_p;    /* 1: all */
    float temperature;
    uint64_t seed;
};

/* One sentence. The arrays must stay valid until the search is done. */
struct search_request {
    uint32_t source_length;
    uint32_t max_length;      /* T at most */
    uint32_t min_length;      /* T at least */
    uint32_t no_repeat_ngram; /* n-grams of this size occur once; 0: off */
    const struct phrase
        *forced;       /* begins the target after forced_bos; counts in T with log p = 0; or NULL */
    bool score_forced; /* `forced` is the whole target: its true log-probabilities are wanted */
    const struct phrase *required; /* must occur somewhere (lexical constraints) */
    uint32_t n_required;           /* at most SEARCH_MAX_REQUIRED */
    const struct phrase *avoided;  /* never to be produced, beside those of the options */
    uint32_t n_avoided;
    const uint32_t *shortlist; /* the only tokens considered, or NULL */
    uint32_t n_shortlist;
    uint64_t stream; /* which random numbers sampling draws: depends on the text's place alone */
};

#define SEARCH_MAX_REQUIRED 16

/* A finished hypothesis; the arrays live until the next search_begin(). */
struct search_result {
    uint32_t n_tokens;         /* T */
    const uint32_t *tokens;    /* [T], </s> included if it was produced */
    const float *log_probs;    /* [T] */
    const uint32_t *alignment; /* [T] source positions, if asked for */
    double sum;                /* S */
    double score;              /* as the compat says */
    bool ended;                /* with </s>, not cut at max_length */
    bool complete;             /* all required phrases occur */
    uint32_t n_required;       /* where each required phrase begins in tokens, or CONFIG_NONE */
    const uint32_t *required_at;
};

struct search;

bool search_new(struct search **search, const struct search_options *options, struct error *err);
void search_free(struct search *search);

bool search_begin(struct search *search, const struct search_request *request, struct error *err);

/* Hypotheses a sentence may have live at once. */
uint32_t search_max_rows(const struct search_options *options);

/* Writes the rows of the next step; their answers are expected in the same places by
 * search_advance(). */
uint32_t search_rows(struct search *search, struct sentence *sentence, struct step_row *rows);

/* Takes the answers; false only for want of memory. */
bool search_advance(struct search *search, const struct step_row *rows, struct error *err);

bool search_done(const struct search *search);

/* Result `rank` (0 is the best), false if there are fewer. */
bool search_result(struct search *search, uint32_t rank, struct search_result *result);

#endif
