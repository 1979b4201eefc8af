/* translator.h - one model with its tokenizer and settings, as text -> text:
 *
 *     line -> sentences -> pieces -> ids -> [search] -> ids -> pieces -> text -> line
 *
 * The search between is done by the workers, many sentences at once (worker.h), so the pipeline is
 * in three calls:
 *
 *     translator_prepare(translator, direction, sentences, line, &err);   text -> parts with ids
 *     ... for each part: translator_request(part, &request), search, ...
 *     translator_finish(translator, direction, part, search, &again, &err);    ids -> text
 *     translator_recut(translator, direction, line, &n_open, &err);      more parts, seldom
 *     translator_join(translator, direction, line, &err);                      parts -> result
 *
 * Const after translator_open(), shared by all workers. */
#ifndef DRAGOMAN_TRANSLATE_TRANSLATOR_H
#define DRAGOMAN_TRANSLATE_TRANSLATOR_H

#include "model/model.h"
#include "model/shortlist.h"
#include "translate/line.h"
#include "translate/protect.h"
#include "translate/reuse.h"
#include "translate/sentences.h"
#include "translate/settings.h"
#include "translate/terms.h"

/* Characters of a sentence; a longer one is cut. SentencePiece is quadratic on unknown runs. */
#define TRANSLATOR_MAX_CHARACTERS 2000

/* Most source tokens of a sentence, whatever the model could take: beyond, quality is gone and
 * attention is slow. */
#define TRANSLATOR_MAX_SOURCE 512

struct translator {
    struct model *model;
    const struct config *config;
    struct tokenizer *tokenizer;
    struct settings settings;
    struct protect *protect;                                         /* or NULL */
    struct terms *terms;                                             /* or NULL */
    struct shortlist *shortlist;                                     /* or NULL */
    struct reuse *reuse;                                             /* or NULL */
    char source[TOKENIZER_CODE_BYTES], target[TOKENIZER_CODE_BYTES]; /* as the model's files say */
    struct terms *forbidden_words;                                   /* or NULL */
    struct phrase *forbidden;                                        /* with `pieces` */
    uint32_t n_forbidden;
    uint32_t max_source; /* source tokens of a sentence; longer ones are cut */
    bool splits, pieces, strict, wants_tokens, wants_alignment;
    bool sample;
    uint32_t top_k;
    float top_p, temperature;
    uint64_t seed;
    bool scores;
    struct arena arena;
};

/* Opens the model and the tokenizer of `directory`, and what the options name. */
bool translator_open(struct translator **translator, const char *directory,
                     const struct dragoman_options *options, struct error *err);
void translator_close(struct translator *translator);

/* Hypotheses of a sentence that live at once. */
uint32_t translator_width(const struct translator *translator);

/* Finds the languages. `direction` must stay where it is (it holds pointers to itself). */
bool translator_direct(const struct translator *translator, const char *from, const char *to,
                       struct direction *direction, struct error *err);

/* The ids of a text of the target language, without the forced first token; without </s> too unless
 * it is the `whole` target. */
bool translator_encode_target(const struct translator *translator,
                              const struct tokenizer_direction *languages, const char *text,
                              size_t n_bytes, bool whole, struct token_ids *ids,
                              struct tokenizer_report *report, struct error *err);

/* Makes the line's parts from its text. A blank line has none. */
bool translator_prepare(const struct translator *translator, const struct direction *direction,
                        struct sentences *sentences, struct line *line, struct error *err);

/* Adds the protected texts of a part to what its translation must hold. */
bool translator_require_kept(const struct translator *translator, const struct direction *direction,
                             struct part *part, struct error *err);

/* What the search is asked for a part. */
void translator_request(const struct translator *translator, const struct part *part,
                        struct search_request *request);

/* Takes the results of the part's search; *again: the part is to be searched once more, with other
 * constraints. */
bool translator_finish(const struct translator *translator, const struct direction *direction,
                       struct part *part, struct search *search, bool *again, struct error *err);

/* All parts are finished: those that lost protected texts are replaced by parts for what stands
 * between these, so that they come out with the white space, untouched. *n_open: how many new parts
 * wait for a search (no outcomes yet); 0 if the line is ready to be joined. */
bool translator_recut(const struct translator *translator, const struct direction *direction,
                      struct line *line, size_t *n_open, struct error *err);

/* Makes line->result from its parts, all finished. */
bool translator_join(const struct translator *translator, const struct direction *direction,
                     struct line *line, struct error *err);

#endif
