/* line.h - a line on its way: from dragoman_put() through the workers to dragoman_take().
 *
 *     line (text) -> parts (a sentence each: ids, what the search is asked) -> outcomes of each
 *     part (n-best texts) -> result of the line
 *
 * A line is in one thread's hands at a time, and so is a part; parts of one line may be in several.
 * So each has memory of its own. */
#ifndef DRAGOMAN_TRANSLATE_LINE_H
#define DRAGOMAN_TRANSLATE_LINE_H

#include "base/memory.h"
#include "model/beam.h"
#include "tokenizer/tokenizer.h"
#include "translate/dragoman.h"
#include "translate/protect.h"

struct stream;
struct line;

/* From which language into which, for one model: how to write ids, and the search that goes with
 * it. */
struct direction {
    struct tokenizer_direction languages;
    /* Of the texts, for rules of writing; "" if nobody says. A bilingual model has no codes. */
    char source[TOKENIZER_CODE_BYTES], target[TOKENIZER_CODE_BYTES];
    struct generation generation; /* forced first token and start token as the languages say */
    struct search_options search;
};

/* A text that must occur in the translation: a protected part of the source, or a term's target. */
struct kept_text {
    const char *text;
    size_t n_bytes;
    bool is_term;
};

/* One of the n best translations of a part. */
struct outcome {
    char *text;
    size_t n_bytes;
    double score, sum;
    uint32_t n_tokens;         /* T */
    const uint32_t *tokens;    /* [T] if options.tokens or align */
    const float *log_probs;    /* [T] */
    const uint32_t *alignment; /* [T] source positions, or NULL */
    bool ended;
};

struct part {
    struct line *line;
    struct part *next;     /* in the scheduler's queue */
    size_t start, n_bytes; /* of line->text */
    bool is_cut;           /* the sentence goes on in the next part */
    unsigned flags;        /* set of enum dragoman_flag */

    struct token_ids ids;
    struct phrase forced;
    struct token_ids forced_ids;
    struct phrase *required; /* [n_required] */
    uint32_t n_required;
    struct phrase *avoided;         /* [n_avoided] made forbidden words in an earlier search */
    uint32_t n_avoided, n_avoiding; /* n_avoiding: searches for their sake */
    uint32_t max_length, no_repeat_ngram;
    uint32_t *shortlist; /* [n_shortlist], or NULL; for memory_free() */
    uint32_t n_shortlist;

    struct kept_text *kept; /* [n_kept] must be found in the translation */
    uint32_t n_kept;
    bool tried_no_repeat, tried_required;
    double free_mean;  /* mean log-probability of the first try's tokens */
    bool is_to_be_cut; /* at its protected texts: asking for them was no use */
    bool is_between;   /* what such a cut left: protected texts are not looked for again */
    bool is_cached;    /* its outcome comes from the cache */

    struct outcome *outcomes; /* [n_outcomes] best first */
    uint32_t n_outcomes;
    struct arena arena;
};

struct line {
    struct dragoman_result result; /* first: this is what the caller holds */
    struct stream *stream;
    struct line *next;  /* in the stream's order */
    struct line *queue; /* in the scheduler's queue */
    size_t stage;       /* which model of a chain is to translate it */

    char *text; /* well-formed UTF-8 once it has been prepared */
    size_t n_bytes, n_put_bytes;
    const char *prefix; /* or NULL */
    size_t n_prefix_bytes;
    const char *target; /* or NULL */
    size_t n_target_bytes;
    uint32_t n_best; /* 0: as the settings say */

    struct protect_span *spans; /* [n_spans] protected parts of the text; for memory_free() */
    size_t n_spans;

    struct part *parts; /* [n_parts] */
    size_t n_parts;
    size_t n_open; /* parts not settled yet; the scheduler's lock */
    const char **warnings;
    uint32_t warnings_room;

    bool is_settled; /* the scheduler's lock */
    bool is_failed;
    struct error error;
    struct arena arena;
};

/* Frees parts and all they hold; the line's own memory stays. */
void line_free_parts(struct line *line);

/* Frees everything. NULL is allowed. */
void line_free(struct line *line);

/* Adds a warning. */
bool line_warn(struct line *line, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
