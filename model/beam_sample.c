/* beam_sample.c - ancestral sampling: temperature, then the top_k likeliest, then the smallest set
 * whose probability reaches top_p (Holtzman et al. 2020), then one of them by chance.
 *
 * The random numbers are a hash of (seed, stream, sample, position), so a draw depends on nothing
 * that batching or threads could change. */
#include "kernels/kernels.h"
#include "model/beam_state.h"

#include <math.h>
#include <stdlib.h>

/* SplitMix64 (Steele et al. 2014): a full-period mixing of a counter. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* In [0, 1). */
static double draw(const struct search *search, uint32_t sample)
{
    uint64_t hash = mix(search->options.seed);
    hash = mix(hash ^ search->request.stream);
    hash = mix(hash ^ sample);
    hash = mix(hash ^ search->n_generated);
    return (double)(hash >> 11) * 0x1p-53;
}

static int by_logit(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit > y->logit ? -1 : 1;
    return (x->token > y->token) - (x->token < y->token);
}

/* The candidates that may be drawn, likeliest first, with exp((logit - max) / temperature) in place
 * of the logit; *total is their sum. */
static uint32_t shape(const struct search *search, const float *logits, struct candidate *items,
                      double *total)
{
    const struct search_options *options = &search->options;
    uint32_t count = 0;
    for (uint32_t i = 0; i < options->vocabulary; i++)
        if (logits[i] > -INFINITY)
            items[count++] = (struct candidate){i, logits[i]};
    qsort(items, count, sizeof items[0], by_logit);
    if (options->top_k > 0 && count > options->top_k)
        count = options->top_k;
    double sum = 0;
    float highest = count > 0 ? items[0].logit : 0;
    for (uint32_t i = 0; i < count; i++) {
        items[i].logit = kernel_exp((items[i].logit - highest) / options->temperature);
        sum += items[i].logit;
    }
    double reached = 0;
    uint32_t kept = 0;
    while (kept < count && (kept == 0 || reached < options->top_p * sum))
        reached += items[kept++].logit;
    *total = reached;
    return kept;
}

static uint32_t pick(const struct candidate *items, uint32_t count, double at)
{
    for (uint32_t i = 0; i + 1 < count; i++) {
        at -= items[i].logit;
        if (at < 0)
            return items[i].token;
    }
    return items[count - 1].token;
}

bool search_draw(struct search *search, const struct step_row *rows, struct error *err)
{
    struct candidate *items = memory_new(search->options.vocabulary, sizeof items[0], err);
    if (items == NULL)
        return false;
    search->n_extensions = 0;
    /* The first step has one row for all samples; later each has its own. */
    uint32_t samples = search->n_generated == 0 ? search->options.n_best : search->n_live;
    for (uint32_t i = 0; i < samples; i++) {
        uint32_t from = search->n_live > 1 ? i : 0;
        const struct step_row *row = &rows[from];
        for (uint32_t j = 0; j < row->n_banned; j++)
            row->logits[row->banned[j]] = -INFINITY;
        double total;
        uint32_t count = shape(search, row->logits, items, &total);
        if (count == 0)
            continue;
        uint32_t token = pick(items, count, draw(search, i) * total);
        double log_prob = row->logits[token] - row->log_normalizer;
        search->extensions[search->n_extensions++] =
            (struct extension){.sum = search->live[from].sum + log_prob,
                               .log_prob = (float)log_prob,
                               .from = from,
                               .token = token};
    }
    memory_free(items);
    return true;
}
