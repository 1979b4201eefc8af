/* The search against a model that is a table: worked examples, and a slow search written from the
 * reference's description that keeps whole token lists and sorts everything. */
#include "model/beam.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define V 7
#define MAX_T 9
#define EOS 0u
#define START 6u

/* A made-up model: the logits after a history are a hash of it. `seed` chooses the model. */
static float table_logit(uint64_t seed, const uint32_t *history, uint32_t n, uint32_t token)
{
    uint64_t h = seed * 0x9e3779b97f4a7c15u + token;
    for (uint32_t i = 0; i < n; i++)
        h = (h ^ history[i]) * 0xbf58476d1ce4e5b9u + (h >> 29);
    h ^= h >> 31;
    h *= 0x94d049bb133111ebu;
    h ^= h >> 29;
    float x = (float)(h >> 40) / (float)(1 << 24);
    return 4 * x - 2 + (token == EOS ? 0.5f : 0);
}

/* A state of the table model: the token history of each slot. */
struct slots {
    uint32_t tokens[SEARCH_MAX_BEAMS][MAX_T + 2];
    uint32_t length;
};

static bool is_banned(const struct step_row *row, uint32_t token)
{
    for (uint32_t i = 0; i < row->n_banned; i++)
        if (row->banned[i] == token)
            return true;
    return false;
}

static int by_logit(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit > y->logit ? -1 : 1;
    return (x->token > y->token) - (x->token < y->token);
}

/* Answers one row as a session would. */
static void answer(uint64_t seed, const uint32_t *history, uint32_t n, struct step_row *row)
{
    float logits[V];
    double sum = 0;
    struct candidate all[V];
    uint32_t count = 0;
    for (uint32_t v = 0; v < V; v++) {
        logits[v] = table_logit(seed, history, n, v);
        if (!(row->renormalize && is_banned(row, v)))
            sum += exp(logits[v]);
        if (!is_banned(row, v))
            all[count++] = (struct candidate){v, logits[v]};
    }
    qsort(all, count, sizeof all[0], by_logit);
    row->n_found = count < row->n_best ? count : row->n_best;
    memcpy(row->best, all, row->n_found * sizeof all[0]);
    row->log_normalizer = log(sum);
    for (uint32_t i = 0; i < row->n_wanted; i++)
        row->wanted_logits[i] = logits[row->wanted[i]];
    if (row->logits != NULL)
        memcpy(row->logits, logits, sizeof logits);
}

static void step(uint64_t seed, struct slots *slots, struct step_row *rows, uint32_t n)
{
    struct slots before = *slots;
    slots->length++;
    for (uint32_t i = 0; i < n; i++) {
        memcpy(slots->tokens[rows[i].slot], before.tokens[rows[i].parent],
               before.length * sizeof(uint32_t));
        slots->tokens[rows[i].slot][before.length] = rows[i].token;
    }
    for (uint32_t i = 0; i < n; i++)
        answer(seed, slots->tokens[rows[i].slot], slots->length, &rows[i]);
}

static void run(struct search *search, uint64_t seed, const struct search_request *request)
{
    struct error err = {0};
    struct slots slots = {.length = 0};
    struct step_row rows[SEARCH_MAX_BEAMS];
    ck_assert(search_begin(search, request, &err));
    while (!search_done(search)) {
        uint32_t n = search_rows(search, NULL, rows);
        ck_assert_uint_ge(n, 1);
        step(seed, &slots, rows, n);
        ck_assert(search_advance(search, rows, &err));
    }
}

/* ---- the slow search ----------------------------------------------------------------------- */

struct slow_hypothesis {
    uint32_t tokens[MAX_T + 2]; /* start token first */
    uint32_t n;
    double sum, score;
};

struct slow_candidate {
    double sum;
    uint32_t from, token;
};

static int slow_order(const void *a, const void *b)
{
    const struct slow_candidate *x = a, *y = b;
    if (x->sum != y->sum)
        return x->sum > y->sum ? -1 : 1;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return (x->token > y->token) - (x->token < y->token);
}

/* Log-probabilities after the reference's processors, in its order. */
static void slow_scores(uint64_t seed, const struct generation *g, const struct search_request *r,
                        const struct slow_hypothesis *h, double *scores)
{
    double sum = 0;
    for (uint32_t v = 0; v < V; v++)
        sum += exp(table_logit(seed, h->tokens, h->n, v));
    for (uint32_t v = 0; v < V; v++)
        scores[v] = table_logit(seed, h->tokens, h->n, v) - log(sum);
    bool seen[V] = {false};
    for (uint32_t i = 0; i < h->n; i++)
        seen[h->tokens[i]] = true;
    for (uint32_t v = 0; v < V; v++)
        if (seen[v])
            scores[v] *= g->repetition_penalty; /* a log-probability is never positive */
    for (uint32_t i = 0; r->no_repeat_ngram > 0 && i + r->no_repeat_ngram <= h->n; i++) {
        uint32_t n = r->no_repeat_ngram;
        if (memcmp(h->tokens + i, h->tokens + h->n - (n - 1), (n - 1) * sizeof(uint32_t)) == 0)
            scores[h->tokens[i + n - 1]] = -INFINITY;
    }
    for (uint32_t i = 0; i < g->n_banned; i++)
        scores[g->banned[i]] = -INFINITY;
    if (h->n < r->min_length) /* h->n counts the start token, so it is T of the next token */
        scores[EOS] = -INFINITY;
    if (h->n == 1 && g->forced_bos != CONFIG_NONE)
        for (uint32_t v = 0; v < V; v++)
            scores[v] = v == g->forced_bos ? 0 : -INFINITY;
    if (h->n == r->max_length && g->forced_eos != CONFIG_NONE)
        for (uint32_t v = 0; v < V; v++)
            scores[v] = v == g->forced_eos ? 0 : -INFINITY;
    if (g->renormalize) {
        double total = 0;
        for (uint32_t v = 0; v < V; v++)
            total += exp(scores[v]);
        for (uint32_t v = 0; v < V; v++)
            scores[v] -= log(total);
    }
}

struct slow_search {
    struct slow_hypothesis finished[SEARCH_MAX_BEAMS + 1];
    uint32_t n_finished;
};

static void slow_add(struct slow_search *s, uint32_t beams, const struct slow_hypothesis *h,
                     double alpha)
{
    struct slow_hypothesis item = *h;
    item.score = item.sum / pow(item.n - 1, alpha);
    uint32_t worst = 0;
    for (uint32_t i = 1; i < s->n_finished; i++)
        if (s->finished[i].score < s->finished[worst].score)
            worst = i;
    if (s->n_finished < beams)
        s->finished[s->n_finished++] = item;
    else if (item.score > s->finished[worst].score)
        s->finished[worst] = item;
}

static double slow_worst(const struct slow_search *s)
{
    double worst = INFINITY;
    for (uint32_t i = 0; i < s->n_finished; i++)
        worst = s->finished[i].score < worst ? s->finished[i].score : worst;
    return worst;
}

static bool slow_done(const struct slow_search *s, const struct generation *g, double best_sum,
                      uint32_t length, uint32_t max_length)
{
    if (s->n_finished < g->num_beams)
        return false;
    if (g->stop == STOP_FINISHED)
        return true;
    if (g->stop == STOP_NEVER && g->length_penalty > 0)
        length = max_length;
    return slow_worst(s) >= best_sum / pow(length, (double)g->length_penalty);
}

static struct slow_hypothesis extend(const struct slow_hypothesis *h, uint32_t token, double sum)
{
    struct slow_hypothesis longer = *h;
    longer.tokens[longer.n++] = token;
    longer.sum = sum;
    return longer;
}

static void slow_run(struct slow_search *s, uint64_t seed, const struct generation *g,
                     const struct search_request *r)
{
    struct slow_hypothesis live[SEARCH_MAX_BEAMS] = {{.tokens = {START}, .n = 1}};
    uint32_t n_live = 1, beams = g->num_beams;
    *s = (struct slow_search){.n_finished = 0};
    for (uint32_t length = 1; n_live > 0; length++) {
        struct slow_candidate all[SEARCH_MAX_BEAMS * V];
        uint32_t count = 0;
        for (uint32_t i = 0; i < n_live; i++) {
            double scores[V];
            slow_scores(seed, g, r, &live[i], scores);
            for (uint32_t v = 0; v < V; v++)
                if (scores[v] > -INFINITY)
                    all[count++] = (struct slow_candidate){live[i].sum + scores[v], i, v};
        }
        qsort(all, count, sizeof all[0], slow_order);
        if (count > 2 * beams)
            count = 2 * beams;
        struct slow_hypothesis next[SEARCH_MAX_BEAMS];
        uint32_t n_next = 0;
        for (uint32_t rank = 0; rank < count; rank++) {
            struct slow_hypothesis h =
                extend(&live[all[rank].from], all[rank].token, all[rank].sum);
            if (all[rank].token == EOS) {
                if (rank < beams)
                    slow_add(s, beams, &h, g->length_penalty);
            } else if (n_next < beams) {
                next[n_next++] = h;
            }
        }
        bool done = slow_done(s, g, all[0].sum, length, r->max_length);
        if (!done && length == r->max_length)
            for (uint32_t i = 0; i < n_next; i++)
                slow_add(s, beams, &next[i], g->length_penalty);
        if (done || length == r->max_length)
            return;
        memcpy(live, next, sizeof next);
        n_live = n_next;
    }
}

static int slow_by_score(const void *a, const void *b)
{
    const struct slow_hypothesis *x = a, *y = b;
    return (x->score < y->score) - (x->score > y->score);
}

/* ---- tests --------------------------------------------------------------------------------- */

static const struct generation plain = {.num_beams = 4,
                                        .length_penalty = 1,
                                        .stop = STOP_HEURISTIC,
                                        .repetition_penalty = 1,
                                        .n_eos = 1,
                                        .eos = {EOS},
                                        .start = START,
                                        .n_banned = 1,
                                        .banned = {START},
                                        .forced_bos = CONFIG_NONE,
                                        .forced_eos = CONFIG_NONE};

static void compare(const struct generation *g, const struct search_request *request, uint64_t seed)
{
    struct error err = {0};
    struct search_options options = {
        .generation = g, .vocabulary = V, .n_best = g->num_beams, .temperature = 1, .top_p = 1};
    struct search *search;
    ck_assert(search_new(&search, &options, &err));
    run(search, seed, request);
    struct slow_search slow;
    slow_run(&slow, seed, g, request);
    qsort(slow.finished, slow.n_finished, sizeof slow.finished[0], slow_by_score);
    for (uint32_t i = 0; i < slow.n_finished; i++) {
        struct search_result result;
        ck_assert_msg(search_result(search, i, &result), "seed %u: result %u is missing",
                      (unsigned)seed, i);
        ck_assert_uint_eq(result.n_tokens, slow.finished[i].n - 1);
        ck_assert_double_eq_tol(result.score, slow.finished[i].score, 1e-9);
        ck_assert_mem_eq(result.tokens, slow.finished[i].tokens + 1,
                         result.n_tokens * sizeof(uint32_t));
    }
    struct search_result none;
    ck_assert(!search_result(search, slow.n_finished, &none));
    search_free(search);
}

START_TEST(equals_slow_search)
{
    static const enum stop_rule stops[] = {STOP_FINISHED, STOP_HEURISTIC, STOP_NEVER};
    static const float alphas[] = {0, 0.6f, 1, 2, -0.5f};
    for (uint64_t seed = 0; seed < 1500; seed++) {
        struct generation g = plain;
        g.num_beams = 2 + (uint32_t)(seed % 4);
        g.stop = stops[seed % 3];
        g.length_penalty = alphas[seed / 3 % 5];
        g.renormalize = seed % 2 == 1;
        g.forced_eos = seed % 5 == 0 ? EOS : CONFIG_NONE;
        g.forced_bos = seed % 11 == 0 ? 3 : CONFIG_NONE;
        g.repetition_penalty = seed % 7 == 0 ? 1.3f : 1;
        struct search_request request = {.source_length = 3,
                                         .max_length = 3 + (uint32_t)(seed % 6),
                                         .min_length = seed % 13 == 0 ? 3 : 0,
                                         .no_repeat_ngram = seed % 6 == 0 ? 2 : 0};
        compare(&g, &request, seed);
    }
}
END_TEST

START_TEST(greedy_is_arg_max)
{
    struct error err = {0};
    struct generation g = plain;
    g.num_beams = 1;
    struct search_options options = {
        .generation = &g, .vocabulary = V, .n_best = 1, .scores = true};
    struct search *search;
    ck_assert(search_new(&search, &options, &err));
    for (uint64_t seed = 0; seed < 100; seed++) {
        run(search, seed, &(struct search_request){.source_length = 1, .max_length = MAX_T});
        struct search_result result;
        ck_assert(search_result(search, 0, &result));
        uint32_t history[MAX_T + 1] = {START};
        for (uint32_t t = 0; t < result.n_tokens; t++) {
            uint32_t best = 0;
            for (uint32_t v = 1; v < V - 1; v++)
                if (table_logit(seed, history, t + 1, v) > table_logit(seed, history, t + 1, best))
                    best = v;
            ck_assert_uint_eq(result.tokens[t], best);
            ck_assert(best != EOS || t + 1 == result.n_tokens);
            history[t + 1] = best;
        }
        ck_assert_int_eq(result.ended, result.tokens[result.n_tokens - 1] == EOS);
    }
    search_free(search);
}
END_TEST

/* Forcing a whole target gives the sum of its log-probabilities. */
START_TEST(scores_a_given_target)
{
    struct error err = {0};
    struct generation g = plain;
    g.num_beams = 1;
    struct search_options options = {
        .generation = &g, .vocabulary = V, .n_best = 1, .scores = true};
    struct search *search;
    ck_assert(search_new(&search, &options, &err));
    const uint32_t target[] = {3, 3, 1, EOS};
    const struct phrase forced = {target, 4};
    run(search, 42,
        &(struct search_request){
            .source_length = 1, .max_length = 4, .forced = &forced, .score_forced = true});
    struct search_result result;
    ck_assert(search_result(search, 0, &result));
    ck_assert_mem_eq(result.tokens, target, sizeof target);
    const uint32_t history[] = {START, 3, 3, 1};
    double sum = 0;
    for (uint32_t t = 0; t < 4; t++) {
        double total = 0;
        for (uint32_t v = 0; v < V; v++)
            total += exp(table_logit(42, history, t + 1, v));
        sum += table_logit(42, history, t + 1, target[t]) - log(total);
    }
    ck_assert_double_eq_tol(result.sum, sum, 1e-9);
    search_free(search);
}
END_TEST

/* Every required phrase occurs, as often as it is required, if there is room; forbidden ones never
 * do. */
START_TEST(required_and_forbidden)
{
    struct error err = {0};
    const uint32_t a[] = {5, 2}, b[] = {4}, bad[] = {1, 1};
    const struct phrase required[] = {{a, 2}, {b, 1}, {b, 1}}, forbidden = {bad, 2};
    struct generation g = plain;
    struct search_options options = {
        .generation = &g, .vocabulary = V, .n_best = 1, .forbidden = &forbidden, .n_forbidden = 1};
    struct search *search;
    ck_assert(search_new(&search, &options, &err));
    for (uint64_t seed = 0; seed < 300; seed++) {
        run(search, seed,
            &(struct search_request){
                .source_length = 1, .max_length = MAX_T, .required = required, .n_required = 3});
        struct search_result result;
        ck_assert(search_result(search, 0, &result));
        ck_assert(result.complete);
        ck_assert_uint_eq(result.n_required, 3);
        ck_assert_uint_eq(result.tokens[result.required_at[0]], 5);
        ck_assert_uint_eq(result.tokens[result.required_at[0] + 1], 2);
        ck_assert_uint_eq(result.tokens[result.required_at[1]], 4);
        ck_assert_uint_eq(result.tokens[result.required_at[2]], 4);
        ck_assert_uint_ne(result.required_at[1], result.required_at[2]);
        for (uint32_t t = 0; t + 1 < result.n_tokens; t++)
            ck_assert(result.tokens[t] != 1 || result.tokens[t + 1] != 1);
    }
    search_free(search);
}
END_TEST

/* Draws depend on seed, stream and place alone, and follow the probabilities. */
START_TEST(sampling)
{
    struct error err = {0};
    struct search_options options = {.generation = &plain,
                                     .vocabulary = V,
                                     .n_best = 1,
                                     .sample = true,
                                     .top_p = 1,
                                     .temperature = 1,
                                     .seed = 7};
    struct search *search;
    ck_assert(search_new(&search, &options, &err));
    const uint32_t start = START;
    double total = 0, expected[V];
    for (uint32_t v = 0; v < V - 1; v++)
        total += expected[v] = exp(table_logit(9, &start, 1, v));
    unsigned drawn[V] = {0};
    for (uint64_t stream = 0; stream < 4000; stream++) {
        struct search_request request = {.source_length = 1, .max_length = 1, .stream = stream};
        struct search_result result;
        run(search, 9, &request);
        ck_assert(search_result(search, 0, &result));
        drawn[result.tokens[0]]++;
    }
    ck_assert_uint_eq(drawn[START], 0);
    for (uint32_t v = 0; v < V - 1; v++) /* five standard deviations */
        ck_assert_double_eq_tol(drawn[v] / 4000.0, expected[v] / total, 0.04);
    search_free(search);
    options.top_k = 1;
    options.n_best = 3;
    ck_assert(search_new(&search, &options, &err));
    run(search, 9, &(struct search_request){.source_length = 1, .max_length = 5});
    struct search_result first, other;
    uint32_t tokens[MAX_T];
    ck_assert(search_result(search, 0, &first));
    memcpy(tokens, first.tokens, first.n_tokens * sizeof tokens[0]);
    uint32_t n_tokens = first.n_tokens;
    ck_assert(search_result(search, 2, &other));
    ck_assert_uint_eq(other.n_tokens, n_tokens);
    ck_assert_mem_eq(tokens, other.tokens, n_tokens * sizeof tokens[0]);
    search_free(search);
}
END_TEST

/* CTranslate2 fills the place of a hypothesis that ended; Marian's beam shrinks. */
START_TEST(peers_end)
{
    struct error err = {0};
    struct generation g = plain;
    struct search_options options = {
        .generation = &g, .vocabulary = V, .n_best = 4, .compat = COMPAT_CT2};
    static const enum search_compat compats[] = {COMPAT_CT2, COMPAT_MARIAN, COMPAT_FAIRSEQ};
    for (size_t c = 0; c < 3; c++) {
        options.compat = compats[c];
        g.stop = compats[c] == COMPAT_FAIRSEQ ? STOP_FINISHED : STOP_HEURISTIC;
        struct search *search;
        ck_assert(search_new(&search, &options, &err));
        for (uint64_t seed = 0; seed < 200; seed++) {
            run(search, seed, &(struct search_request){.source_length = 1, .max_length = 8});
            double before = INFINITY;
            for (uint32_t i = 0; i < 4; i++) {
                struct search_result result;
                ck_assert(search_result(search, i, &result));
                ck_assert_double_le(result.score, before);
                before = result.score;
                ck_assert(result.ended || result.n_tokens == 8);
                ck_assert(compats[c] != COMPAT_FAIRSEQ || result.ended);
            }
        }
        search_free(search);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("beam");
    TCase *cases = tcase_create("beam");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, equals_slow_search);
    tcase_add_test(cases, greedy_is_arg_max);
    tcase_add_test(cases, scores_a_given_target);
    tcase_add_test(cases, required_and_forbidden);
    tcase_add_test(cases, sampling);
    tcase_add_test(cases, peers_end);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
