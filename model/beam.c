#include "model/beam_state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool search_is_eos(const struct search *search, uint32_t token)
{
    const struct generation *generation = search->options.generation;
    for (uint32_t i = 0; i < generation->n_eos; i++)
        if (generation->eos[i] == token)
            return true;
    return false;
}

/* ---- life ---------------------------------------------------------------------------------- */

uint32_t search_max_rows(const struct search_options *options)
{
    return options->sample ? options->n_best : options->generation->num_beams;
}

static bool make_spaces(struct search *search, struct error *err)
{
    search->spaces = memory_new(search->n_beams, sizeof search->spaces[0], err);
    if (search->spaces == NULL)
        return false;
    for (uint32_t i = 0; i < search->n_beams; i++) {
        struct row_space *space = &search->spaces[i];
        space->best = memory_new(STEP_MAX_BEST, sizeof space->best[0], err);
        if (space->best == NULL)
            return false;
        if (!search->options.sample)
            continue;
        space->logits = memory_new(search->options.vocabulary, sizeof space->logits[0], err);
        if (space->logits == NULL)
            return false;
    }
    return true;
}

bool search_new(struct search **out, const struct search_options *options, struct error *err)
{
    struct search *search = memory_new(1, sizeof *search, err);
    if (search == NULL)
        return false;
    search->options = *options;
    search->n_beams = search_max_rows(options);
    search->extensions_room = search->n_beams;
    search->live = memory_new(search->n_beams, sizeof search->live[0], err);
    search->next = memory_new(search->n_beams, sizeof search->next[0], err);
    search->extensions = memory_new(search->extensions_room, sizeof search->extensions[0], err);
    if (search->live == NULL || search->next == NULL || search->extensions == NULL ||
        !make_spaces(search, err)) {
        search_free(search);
        return false;
    }
    *out = search;
    return true;
}

void search_free(struct search *search)
{
    if (search == NULL)
        return;
    for (uint32_t i = 0; search->spaces != NULL && i < search->n_beams; i++) {
        struct row_space *space = &search->spaces[i];
        memory_free(space->best);
        memory_free(space->tokens);
        memory_free(space->banned);
        memory_free(space->wanted);
        memory_free(space->wanted_logits);
        memory_free(space->logits);
        memory_free(space->cross_weights);
    }
    memory_free(search->spaces);
    memory_free(search->live);
    memory_free(search->next);
    memory_free(search->extensions);
    memory_free(search->nodes);
    memory_free(search->finished);
    memory_free(search->result_tokens);
    memory_free(search->result_sources);
    memory_free(search->result_log_probs);
    memory_free(search);
}

bool search_begin(struct search *search, const struct search_request *request, struct error *err)
{
    search->request = *request;
    search->n_generated = 0;
    search->n_nodes = 0;
    search->n_finished = 0;
    search->n_found = 0;
    search->top_finished = false;
    search->n_live = 1;
    search->live[0] = (struct hypothesis){.node = CONFIG_NONE};
    search->done = request->max_length == 0;
    for (uint32_t i = 0; search->options.align && i < search->n_beams; i++) {
        struct row_space *space = &search->spaces[i];
        if (request->source_length <= space->cross_room)
            continue;
        if (!memory_resize(&space->cross_weights, 0, request->source_length,
                           sizeof space->cross_weights[0], err))
            return false;
        space->cross_room = request->source_length;
    }
    return true;
}

/* ---- one step ------------------------------------------------------------------------------ */

enum step_kind search_step_kind(const struct search *search, uint32_t *token)
{
    const struct generation *generation = search->options.generation;
    uint32_t at = search->n_generated;
    if (generation->forced_bos != CONFIG_NONE) {
        if (at == 0) {
            *token = generation->forced_bos;
            return STEP_FORCED;
        }
        at--;
    }
    const struct phrase *forced = search->request.forced;
    if (forced != NULL && at < forced->n_tokens) {
        *token = forced->tokens[at];
        return search->request.score_forced ? STEP_FORCED_SCORED : STEP_FORCED;
    }
    if (search->n_generated + 1 == search->request.max_length) {
        if (search->options.compat == COMPAT_FAIRSEQ && generation->n_eos > 0) {
            *token = generation->eos[0];
            return STEP_FORCED_SCORED;
        }
        if (search->options.compat == COMPAT_HF && generation->forced_eos != CONFIG_NONE) {
            *token = generation->forced_eos;
            return STEP_FORCED;
        }
    }
    return STEP_FREE;
}

uint32_t search_rows(struct search *search, struct sentence *sentence, struct step_row *rows)
{
    for (uint32_t i = 0; i < search->n_live; i++) {
        if (!search_fill_row(search, i, &rows[i]))
            return 0;
        rows[i].sentence = sentence;
    }
    return search->n_live;
}

static bool same_phrase(const struct phrase *a, const struct phrase *b)
{
    return a->n_tokens == b->n_tokens &&
           memcmp(a->tokens, b->tokens, a->n_tokens * sizeof a->tokens[0]) == 0;
}

/* How far each required phrase has come once `token` is appended. Of equal phrases only the first
 * unmet one goes on: one occurrence satisfies one. */
static void follow_required(const struct search *search, uint32_t token, uint8_t *progress)
{
    bool was_met[SEARCH_MAX_REQUIRED];
    for (uint32_t i = 0; i < search->request.n_required; i++) {
        const struct phrase *phrase = &search->request.required[i];
        was_met[i] = progress[i] >= phrase->n_tokens;
        bool waits = false;
        for (uint32_t j = 0; j < i && !waits; j++)
            waits = !was_met[j] && same_phrase(phrase, &search->request.required[j]);
        if (was_met[i] || waits)
            continue;
        if (phrase->tokens[progress[i]] == token)
            progress[i]++;
        else
            progress[i] = phrase->tokens[0] == token;
    }
}

static uint32_t required_met(const struct search *search, const uint8_t *progress)
{
    uint32_t met = 0;
    for (uint32_t i = 0; i < search->request.n_required; i++)
        met += progress[i];
    return met;
}

static bool required_complete(const struct search *search, const uint8_t *progress)
{
    for (uint32_t i = 0; i < search->request.n_required; i++)
        if (progress[i] < search->request.required[i].n_tokens)
            return false;
    return true;
}

/* The position of the largest weight: where the row that produced a token looked. */
static uint32_t attended(const struct search *search, uint32_t row)
{
    if (!search->options.align)
        return 0;
    const float *weights = search->spaces[row].cross_weights;
    uint32_t best = 0;
    for (uint32_t i = 1; i < search->request.source_length; i++)
        if (weights[i] > weights[best])
            best = i;
    return best;
}

static bool add_node(struct search *search, const struct extension *extension, uint32_t *index,
                     struct error *err)
{
    if (search->n_nodes == search->nodes_room) {
        uint32_t more = 2 * search->nodes_room + 128;
        if (!memory_resize(&search->nodes, search->nodes_room, more, sizeof search->nodes[0], err))
            return false;
        search->nodes_room = more;
    }
    *index = search->n_nodes++;
    search->nodes[*index] = (struct node){.parent = search->live[extension->from].node,
                                          .token = extension->token,
                                          .log_prob = extension->log_prob,
                                          .source = attended(search, extension->from)};
    return true;
}

/* (S - w T) / T^a, w Marian's word penalty, 0 elsewhere. S is negative, so a > 0 favours length. */
static double score_of(const struct search *search, double sum, uint32_t length)
{
    const struct generation *generation = search->options.generation;
    return (sum - (double)generation->word_penalty * length) /
           pow(length, (double)generation->length_penalty);
}

bool search_add_finished(struct search *search, const struct extension *extension, bool ended,
                         struct error *err)
{
    struct finished item = {.sum = extension->sum, .ended = ended, .order = search->n_found++};
    uint8_t progress[SEARCH_MAX_REQUIRED];
    memcpy(progress, search->live[extension->from].progress, sizeof progress);
    follow_required(search, extension->token, progress);
    item.complete = required_complete(search, progress);
    item.score = score_of(search, item.sum, search->n_generated + 1);
    if (!add_node(search, extension, &item.node, err))
        return false;
    if (search->n_finished == search->finished_room) {
        uint32_t more = search->finished_room + search->n_beams + 1;
        if (!memory_resize(&search->finished, search->finished_room, more,
                           sizeof search->finished[0], err))
            return false;
        search->finished_room = more;
    }
    search->finished[search->n_finished++] = item;
    return true;
}

/* Whether a is worse than b: an unmet requirement outweighs every score. */
static bool is_worse(const struct finished *a, const struct finished *b)
{
    return a->complete != b->complete ? b->complete : a->score < b->score;
}

/* The worst of the finished, of equal ones the oldest. */
static uint32_t worst_finished(const struct search *search)
{
    uint32_t worst = 0;
    for (uint32_t i = 1; i < search->n_finished; i++) {
        const struct finished *a = &search->finished[i], *b = &search->finished[worst];
        if (is_worse(a, b) || (!is_worse(b, a) && a->order < b->order))
            worst = i;
    }
    return worst;
}

/* Adds to the best N, as the reference's BeamHypotheses.add: when full, only what beats the worst.
 */
static bool keep_finished(struct search *search, const struct extension *extension, bool ended,
                          struct error *err)
{
    uint32_t n_nodes = search->n_nodes;
    if (!search_add_finished(search, extension, ended, err))
        return false;
    if (search->n_finished <= search->n_beams)
        return true;
    struct finished *added = &search->finished[--search->n_finished];
    uint32_t worst = worst_finished(search);
    if (is_worse(&search->finished[worst], added))
        search->finished[worst] = *added;
    else
        search->n_nodes = n_nodes;
    return true;
}

bool search_go_on(struct search *search, const struct extension *extension, uint32_t *n_next,
                  struct error *err)
{
    struct hypothesis *next = &search->next[*n_next];
    next->sum = extension->sum;
    next->parent = extension->from;
    memcpy(next->progress, search->live[extension->from].progress, sizeof next->progress);
    follow_required(search, extension->token, next->progress);
    if (!add_node(search, extension, &next->node, err))
        return false;
    ++*n_next;
    return true;
}

/* Goes on with up to `width` of the extensions that are marked free (not ended). With required
 * phrases the places are dealt out in turn to hypotheses that have met more and fewer of them (Post
 * and Vilar 2018, dynamic beam allocation), so that likely but unfulfilled ones do not crowd the
 * others out. */
static bool fill_beam(struct search *search, bool *taken, uint32_t width, uint32_t *n_next,
                      struct error *err)
{
    bool banks = search->request.n_required > 0;
    uint32_t highest = 0;
    uint8_t progress[SEARCH_MAX_REQUIRED];
    for (uint32_t i = 0; banks && i < search->request.n_required; i++)
        highest += search->request.required[i].n_tokens;
    for (bool any = true; any && *n_next < width;) {
        any = false;
        for (uint32_t bank = highest + 1; bank-- > 0 && *n_next < width;) {
            for (uint32_t i = 0; i < search->n_extensions && *n_next < width; i++) {
                const struct extension *extension = &search->extensions[i];
                if (taken[i])
                    continue;
                if (banks) {
                    memcpy(progress, search->live[extension->from].progress, sizeof progress);
                    follow_required(search, extension->token, progress);
                    if (required_met(search, progress) != bank)
                        continue;
                }
                taken[i] = true;
                any = true;
                if (!search_go_on(search, extension, n_next, err))
                    return false;
                if (banks)
                    break; /* one for this bank, then the next bank's turn */
            }
        }
    }
    return true;
}

/* Takes what goes on as the live hypotheses of the next step. */
void search_turn(struct search *search, uint32_t n_next)
{
    struct hypothesis *live = search->live;
    search->live = search->next;
    search->next = live;
    search->n_live = n_next;
    search->n_generated++;
}

/* The reference's stop test; `best_sum` is the highest S of all extensions of this step. */
static bool reference_is_done(const struct search *search, double best_sum)
{
    const struct generation *generation = search->options.generation;
    if (search->n_finished < search->n_beams)
        return false;
    if (generation->stop == STOP_FINISHED)
        return true;
    if (generation->stop == STOP_EXHAUSTIVE)
        return false;
    double worst = search->finished[worst_finished(search)].score;
    uint32_t length = search->n_generated + 1;
    if (generation->stop == STOP_NEVER && generation->length_penalty > 0)
        length = search->request.max_length;
    return worst >= score_of(search, best_sum, length);
}

/* Whether all required phrases occur once `extension` is taken. */
static bool fulfils(const struct search *search, const struct extension *extension)
{
    uint8_t progress[SEARCH_MAX_REQUIRED];
    memcpy(progress, search->live[extension->from].progress, sizeof progress);
    follow_required(search, extension->token, progress);
    return required_complete(search, progress);
}

/* Finishes what ends among the first N ranks; marks all that end as taken. Where phrases are
 * required, ranks are counted among the hypotheses that have them: these are never the likeliest.
 */
static bool finish_ended(struct search *search, bool *taken, struct error *err)
{
    uint32_t rank = 0;
    for (uint32_t i = 0; i < search->n_extensions; i++) {
        const struct extension *extension = &search->extensions[i];
        taken[i] = search_is_eos(search, extension->token);
        if (!fulfils(search, extension))
            continue;
        if (taken[i] && rank < search->n_beams && !keep_finished(search, extension, true, err))
            return false;
        rank++;
    }
    return true;
}

/* At the limit: up to N open hypotheses count as finished, as they are. */
static bool finish_open(struct search *search, const bool *taken, struct error *err)
{
    uint32_t open = 0;
    for (int complete = 1; complete >= 0; complete--)
        for (uint32_t i = 0; i < search->n_extensions && open < search->n_beams; i++) {
            if (taken[i] || fulfils(search, &search->extensions[i]) != (complete == 1))
                continue;
            open++;
            if (!keep_finished(search, &search->extensions[i], false, err))
                return false;
        }
    return true;
}

/* Hugging Face's BeamSearchScorer, and fairseq's search, which differs only in its stop rule and in
 * how the limit is met. */
static bool advance_reference(struct search *search, bool *taken, struct error *err)
{
    uint32_t n_next = 0;
    double best_sum = search->n_extensions > 0 ? search->extensions[0].sum : -INFINITY;
    if (!finish_ended(search, taken, err))
        return false;
    bool last = search->n_generated + 1 >= search->request.max_length;
    bool done = reference_is_done(search, best_sum);
    if (last && !done && !finish_open(search, taken, err))
        return false;
    if (!last && !done && !fill_beam(search, taken, search->n_beams, &n_next, err))
        return false;
    search->done = last || done || n_next == 0;
    if (!search->done)
        search_turn(search, n_next);
    return true;
}

static bool advance(struct search *search, struct error *err)
{
    if (search->options.sample || (search->n_beams == 1 && search->request.n_required == 0))
        return search_advance_single(search, err);
    if (search->options.compat == COMPAT_MARIAN)
        return search_advance_marian(search, err);
    bool *taken = memory_new(search->n_extensions, sizeof taken[0], err);
    if (taken == NULL)
        return false;
    bool ok = search->options.compat == COMPAT_CT2 ? search_advance_ct2(search, taken, err)
                                                   : advance_reference(search, taken, err);
    memory_free(taken);
    return ok;
}

static int by_score(const void *a, const void *b)
{
    const struct finished *x = a, *y = b;
    if (x->complete != y->complete)
        return x->complete ? -1 : 1;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->order < y->order) - (x->order > y->order);
}

bool search_advance(struct search *search, const struct step_row *rows, struct error *err)
{
    uint32_t token;
    bool sample = search->options.sample && search_step_kind(search, &token) == STEP_FREE;
    if (!(sample ? search_draw(search, rows, err) : search_collect(search, rows, err)) ||
        !advance(search, err))
        return false;
    if (search->done && search->n_finished > 1)
        qsort(search->finished, search->n_finished, sizeof search->finished[0], by_score);
    return true;
}

bool search_done(const struct search *search)
{
    return search->done;
}

/* ---- results ------------------------------------------------------------------------------- */

static bool make_result_room(struct search *search, uint32_t count)
{
    if (count <= search->result_room)
        return true;
    struct error ignored = {0};
    search->result_room = 0;
    if (!memory_resize(&search->result_tokens, 0, count, sizeof(uint32_t), &ignored) ||
        !memory_resize(&search->result_sources, 0, count, sizeof(uint32_t), &ignored) ||
        !memory_resize(&search->result_log_probs, 0, count, sizeof(float), &ignored))
        return false;
    search->result_room = count;
    return true;
}

/* Where each required phrase begins; equal ones take different occurrences. */
static void locate_required(struct search *search, uint32_t n_tokens)
{
    for (uint32_t i = 0; i < search->request.n_required; i++) {
        const struct phrase *phrase = &search->request.required[i];
        search->required_at[i] = CONFIG_NONE;
        uint32_t from = 0;
        for (uint32_t j = 0; j < i; j++)
            if (same_phrase(phrase, &search->request.required[j]) &&
                search->required_at[j] != CONFIG_NONE)
                from = search->required_at[j] + phrase->n_tokens;
        for (uint32_t at = from; at + phrase->n_tokens <= n_tokens; at++)
            if (memcmp(search->result_tokens + at, phrase->tokens,
                       phrase->n_tokens * sizeof phrase->tokens[0]) == 0) {
                search->required_at[i] = at;
                break;
            }
    }
}

bool search_result(struct search *search, uint32_t rank, struct search_result *result)
{
    if (rank >= search->n_finished)
        return false;
    const struct finished *item = &search->finished[rank];
    uint32_t count = 0;
    for (uint32_t at = item->node; at != CONFIG_NONE; at = search->nodes[at].parent)
        count++;
    if (!make_result_room(search, count))
        return false;
    uint32_t at = item->node;
    for (uint32_t i = count; i-- > 0; at = search->nodes[at].parent) {
        search->result_tokens[i] = search->nodes[at].token;
        search->result_log_probs[i] = search->nodes[at].log_prob;
        search->result_sources[i] = search->nodes[at].source;
    }
    locate_required(search, count);
    *result = (struct search_result){.n_tokens = count,
                                     .tokens = search->result_tokens,
                                     .log_probs = search->result_log_probs,
                                     .alignment = search->result_sources,
                                     .sum = item->sum,
                                     .score = item->score,
                                     .ended = item->ended,
                                     .complete = item->complete,
                                     .n_required = search->request.n_required,
                                     .required_at = search->required_at};
    return true;
}
