/* beam_rows.c - from hypotheses to the rows of a step, and from its answers to extensions. */
#include "model/beam_state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_id(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Sorts and drops repetitions; returns how many stay. */
static uint32_t sort_unique(uint32_t *ids, uint32_t count)
{
    if (count == 0)
        return 0;
    qsort(ids, count, sizeof ids[0], by_id);
    uint32_t kept = 1;
    for (uint32_t i = 1; i < count; i++)
        if (ids[i] != ids[kept - 1])
            ids[kept++] = ids[i];
    return kept;
}

static bool contains(const uint32_t *ids, uint32_t count, uint32_t id)
{
    return count > 0 && bsearch(&id, ids, count, sizeof ids[0], by_id) != NULL;
}

static bool grow(uint32_t **ids, uint32_t *room, uint32_t need)
{
    if (need <= *room)
        return true;
    uint32_t more = need < 2 * *room ? 2 * *room : need + 16;
    struct error ignored = {0};
    if (!memory_resize(ids, *room, more, sizeof **ids, &ignored))
        return false;
    *room = more;
    return true;
}

static bool ban(struct row_space *space, uint32_t token)
{
    if (!grow(&space->banned, &space->banned_room, space->n_banned + 1))
        return false;
    space->banned[space->n_banned++] = token;
    return true;
}

static bool want(struct row_space *space, uint32_t token)
{
    uint32_t before = space->wanted_room;
    if (!grow(&space->wanted, &space->wanted_room, space->n_wanted + 1))
        return false;
    if (space->wanted_room != before) {
        struct error ignored = {0};
        if (!memory_resize(&space->wanted_logits, before, space->wanted_room,
                           sizeof space->wanted_logits[0], &ignored)) {
            space->wanted_room = before;
            return false;
        }
    }
    space->wanted[space->n_wanted++] = token;
    return true;
}

/* The hypothesis's tokens, start token first, into space->tokens. */
static bool gather_history(struct search *search, const struct hypothesis *hypothesis,
                           struct row_space *space)
{
    uint32_t count = search->n_generated + 1;
    if (!grow(&space->tokens, &space->tokens_room, count))
        return false;
    space->n_tokens = count;
    uint32_t at = hypothesis->node;
    for (uint32_t i = count; i-- > 1; at = search->nodes[at].parent)
        space->tokens[i] = search->nodes[at].token;
    space->tokens[0] = search->options.generation->start;
    return true;
}

/* Bans what would complete an n-gram that is there already (the start token counts, as in the
 * reference). */
static bool ban_repeated_ngrams(struct row_space *space, uint32_t n)
{
    const uint32_t *tokens = space->tokens;
    uint32_t count = space->n_tokens;
    if (n == 0 || count + 1 < n)
        return true;
    const uint32_t *end = tokens + count - (n - 1); /* the last n - 1 tokens */
    for (uint32_t i = 0; i + n <= count; i++)
        if (memcmp(tokens + i, end, (n - 1) * sizeof tokens[0]) == 0 &&
            !ban(space, tokens[i + n - 1]))
            return false;
    return true;
}

/* Bans the last token of each forbidden phrase whose beginning the hypothesis ends with. */
static bool ban_phrases(struct row_space *space, const struct phrase *phrases, uint32_t n_phrases)
{
    for (uint32_t i = 0; i < n_phrases; i++) {
        const struct phrase *phrase = &phrases[i];
        uint32_t before = phrase->n_tokens - 1;
        /* The start token is not text, so a phrase may not reach back to it. */
        if (phrase->n_tokens == 0 || before >= space->n_tokens)
            continue;
        if (memcmp(space->tokens + space->n_tokens - before, phrase->tokens,
                   before * sizeof phrase->tokens[0]) == 0 &&
            !ban(space, phrase->tokens[before]))
            return false;
    }
    return true;
}

static bool is_required_complete(const struct search *search, const struct hypothesis *hypothesis)
{
    for (uint32_t i = 0; i < search->request.n_required; i++)
        if (hypothesis->progress[i] < search->request.required[i].n_tokens)
            return false;
    return true;
}

static bool fill_banned(struct search *search, const struct hypothesis *hypothesis,
                        struct row_space *space)
{
    const struct generation *generation = search->options.generation;
    space->n_banned = 0;
    for (uint32_t i = 0; i < generation->n_banned; i++)
        if (!ban(space, generation->banned[i]))
            return false;
    bool too_short = search->n_generated + 1 < search->request.min_length;
    if (too_short || !is_required_complete(search, hypothesis))
        for (uint32_t i = 0; i < generation->n_eos; i++)
            if (!ban(space, generation->eos[i]))
                return false;
    return ban_repeated_ngrams(space, search->request.no_repeat_ngram) &&
           ban_phrases(space, search->options.forbidden, search->options.n_forbidden) &&
           ban_phrases(space, search->request.avoided, search->request.n_avoided);
}

/* The tokens whose logits are needed whatever their rank: what goes on with a required phrase, and,
 * under a repetition penalty, everything seen. */
static bool fill_wanted(struct search *search, const struct hypothesis *hypothesis,
                        struct row_space *space)
{
    space->n_wanted = 0;
    for (uint32_t i = 0; i < search->request.n_required; i++) {
        const struct phrase *phrase = &search->request.required[i];
        if (hypothesis->progress[i] < phrase->n_tokens &&
            !want(space, phrase->tokens[hypothesis->progress[i]]))
            return false;
        if (hypothesis->progress[i] > 0 && hypothesis->progress[i] < phrase->n_tokens &&
            !want(space, phrase->tokens[0]))
            return false;
    }
    if (search->options.generation->repetition_penalty != 1) {
        for (uint32_t i = 0; i < space->n_tokens; i++)
            if (!want(space, space->tokens[i]))
                return false;
        for (uint32_t i = 0; i < space->n_banned; i++)
            if (!want(space, space->banned[i]))
                return false;
    }
    space->n_wanted = sort_unique(space->wanted, space->n_wanted);
    return true;
}

/* Candidates of a row that can matter: of 2 N at least N do not end. */
static uint32_t candidates_wanted(const struct search *search)
{
    uint32_t n_eos = search->options.generation->n_eos;
    uint32_t factor = n_eos + 1 > 2 ? n_eos + 1 : 2;
    uint32_t count = search->n_beams == 1 ? 1 : factor * search->n_beams;
    if (search->request.n_required > 0)
        count = factor * search->n_beams;
    return count < STEP_MAX_BEST ? count : STEP_MAX_BEST;
}

static bool fill_free_row(struct search *search, uint32_t index, struct step_row *row)
{
    struct row_space *space = &search->spaces[index];
    const struct hypothesis *hypothesis = &search->live[index];
    const struct generation *generation = search->options.generation;
    if (!gather_history(search, hypothesis, space) || !fill_banned(search, hypothesis, space))
        return false;
    space->n_banned = sort_unique(space->banned, space->n_banned);
    if (!fill_wanted(search, hypothesis, space))
        return false;
    bool penalty = generation->repetition_penalty != 1;
    if (penalty) { /* what was seen comes back by way of `wanted`, with its penalty */
        for (uint32_t i = 0; i < space->n_tokens; i++)
            if (!ban(space, space->tokens[i]))
                return false;
        space->n_banned = sort_unique(space->banned, space->n_banned);
    }
    row->banned = space->banned;
    row->n_banned = space->n_banned;
    row->wanted = space->wanted;
    row->wanted_logits = space->wanted_logits;
    row->n_wanted = space->n_wanted;
    row->renormalize =
        !penalty && (generation->renormalize || search->options.compat == COMPAT_CT2);
    row->needs_normalizer = search->n_beams > 1 || search->options.scores;
    if (search->options.sample)
        row->logits = space->logits;
    else
        row->n_best = candidates_wanted(search);
    return true;
}

bool search_fill_row(struct search *search, uint32_t index, struct step_row *row)
{
    struct row_space *space = &search->spaces[index];
    const struct hypothesis *hypothesis = &search->live[index];
    *row = (struct step_row){
        .slot = index,
        .parent = hypothesis->parent,
        .token = hypothesis->node == CONFIG_NONE ? search->options.generation->start
                                                 : search->nodes[hypothesis->node].token,
        .best = space->best,
        .shortlist = search->request.shortlist,
        .n_shortlist = search->request.n_shortlist,
        .cross_weights = search->options.align ? space->cross_weights : NULL,
    };
    uint32_t token;
    enum step_kind kind = search_step_kind(search, &token);
    if (kind == STEP_FREE)
        return fill_free_row(search, index, row);
    space->n_wanted = 0;
    if (kind == STEP_FORCED_SCORED) {
        if (!want(space, token))
            return false;
        row->wanted = space->wanted;
        row->wanted_logits = space->wanted_logits;
        row->n_wanted = 1;
        row->needs_normalizer = true;
        row->shortlist = NULL;
        row->n_shortlist = 0;
    }
    return true;
}

/* ---- answers ------------------------------------------------------------------------------- */

static int by_rank(const void *a, const void *b)
{
    const struct extension *x = a, *y = b;
    if (x->sum != y->sum)
        return x->sum > y->sum ? -1 : 1;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return (x->token > y->token) - (x->token < y->token);
}

static bool push(struct search *search, uint32_t from, uint32_t token, double log_prob,
                 struct error *err)
{
    if (search->n_extensions == search->extensions_room) {
        uint32_t more = 2 * search->extensions_room + 64;
        if (!memory_resize(&search->extensions, search->extensions_room, more,
                           sizeof search->extensions[0], err))
            return false;
        search->extensions_room = more;
    }
    search->extensions[search->n_extensions++] =
        (struct extension){.sum = search->live[from].sum + log_prob,
                           .log_prob = (float)log_prob,
                           .from = from,
                           .token = token};
    return true;
}

/* The reference's repetition penalty on a log-probability (Keskar et al. 2019, eq. 1). */
static double penalize(double value, double penalty)
{
    return value < 0 ? value * penalty : value / penalty;
}

/* What a row under a repetition penalty must subtract so that its probabilities sum to 1 again. */
static double renormalizer(const struct search *search, const struct step_row *row,
                           const struct row_space *space)
{
    const struct generation *generation = search->options.generation;
    double total = 1;
    for (uint32_t i = 0; i < row->n_wanted; i++) {
        double log_prob = row->wanted_logits[i] - row->log_normalizer;
        total -= exp(log_prob);
        bool seen = false;
        for (uint32_t j = 0; j < space->n_tokens && !seen; j++)
            seen = space->tokens[j] == row->wanted[i];
        if (seen && !contains(generation->banned, generation->n_banned, row->wanted[i]))
            total += exp(penalize(log_prob, generation->repetition_penalty));
    }
    return total > 0 ? log(total) : 0;
}

/* Tokens that were seen, with their penalty; greedy search penalizes logits, as the reference does.
 */
static bool push_seen(struct search *search, uint32_t index, const struct step_row *row,
                      double renormalize, struct error *err)
{
    struct row_space *space = &search->spaces[index];
    double penalty = search->options.generation->repetition_penalty;
    if (!fill_banned(search, &search->live[index], space))
        return error_set(err, ERROR_MEMORY, "out of memory");
    space->n_banned = sort_unique(space->banned, space->n_banned);
    for (uint32_t i = 0; i < row->n_wanted; i++) {
        bool seen = false;
        for (uint32_t j = 0; j < space->n_tokens && !seen; j++)
            seen = space->tokens[j] == row->wanted[i];
        if (!seen || contains(space->banned, space->n_banned, row->wanted[i]))
            continue;
        double log_prob = row->wanted_logits[i] - row->log_normalizer;
        double value = search->n_beams == 1
                           ? penalize(row->wanted_logits[i], penalty) - row->log_normalizer
                           : penalize(log_prob, penalty);
        if (!push(search, index, row->wanted[i], value - renormalize, err))
            return false;
    }
    return true;
}

/* The next token of each unmet required phrase, if it is not among the row's candidates already. */
static bool push_required(struct search *search, uint32_t index, const struct step_row *row,
                          struct error *err)
{
    const struct hypothesis *hypothesis = &search->live[index];
    for (uint32_t i = 0; i < search->request.n_required; i++) {
        const struct phrase *phrase = &search->request.required[i];
        if (hypothesis->progress[i] >= phrase->n_tokens)
            continue;
        uint32_t token = phrase->tokens[hypothesis->progress[i]];
        bool there = false;
        for (uint32_t j = 0; j < search->n_extensions && !there; j++)
            there = search->extensions[j].from == index && search->extensions[j].token == token;
        for (uint32_t j = 0; j < row->n_wanted && !there; j++)
            if (row->wanted[j] == token) {
                if (!push(search, index, token, row->wanted_logits[j] - row->log_normalizer, err))
                    return false;
                there = true;
            }
    }
    return true;
}

static bool collect_free(struct search *search, uint32_t index, const struct step_row *row,
                         struct error *err)
{
    const struct generation *generation = search->options.generation;
    bool penalty = generation->repetition_penalty != 1;
    double renormalize =
        penalty && generation->renormalize ? renormalizer(search, row, &search->spaces[index]) : 0;
    double normalizer = row->needs_normalizer ? row->log_normalizer : 0;
    for (uint32_t i = 0; i < row->n_found; i++)
        if (!push(search, index, row->best[i].token,
                  (double)row->best[i].logit - normalizer - renormalize, err))
            return false;
    if (penalty && !push_seen(search, index, row, renormalize, err))
        return false;
    return push_required(search, index, row, err);
}

bool search_collect(struct search *search, const struct step_row *rows, struct error *err)
{
    uint32_t token;
    enum step_kind kind = search_step_kind(search, &token);
    search->n_extensions = 0;
    for (uint32_t i = 0; i < search->n_live; i++) {
        bool ok;
        if (kind == STEP_FREE)
            ok = collect_free(search, i, &rows[i], err);
        else if (kind == STEP_FORCED)
            ok = push(search, i, token, 0, err);
        else
            ok = push(search, i, token, rows[i].wanted_logits[0] - rows[i].log_normalizer, err);
        if (!ok)
            return false;
    }
    if (search->n_extensions > 1)
        qsort(search->extensions, search->n_extensions, sizeof search->extensions[0], by_rank);
    return true;
}
