/* Logits of the likeliest tokens from the table of the vocabulary, after a product of lower rank
 * has found them: SVD-softmax (Shim et al. 2017, section 3), but with the product fitted to the
 * decoder's states rather than to the weights alone. */
#include "model/output_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Tokens whose logits are computed at a time. */
#define RESCORE_TOKENS 32

uint32_t rescore_kept(const struct step_row *row)
{
    return row->n_best + RESCORE_SPARE + (row->renormalize ? 0 : row->n_banned);
}

/* Logits of n tokens, at most RESCORE_TOKENS. */
static bool exact_logits(const struct session *session, const float *decoded,
                         const uint32_t *tokens, uint32_t n, float *logits)
{
    const struct linear *output = &session->network->output;
    const uint16_t *rows[RESCORE_TOKENS] = {0};
    bool finite = true;
    for (uint32_t i = 0; i < n; i++)
        rows[i] = output->w.f16 + (size_t)tokens[i] * output->w.k;
    session->kernels->dots_f16(n, output->w.k, decoded, rows, logits);
    for (uint32_t i = 0; i < n; i++) {
        logits[i] += output->bias != NULL ? output->bias[tokens[i]] : 0.0f;
        finite &= isfinite(logits[i]) != 0;
    }
    return finite;
}

void rescore_ahead(const struct output_group *group, const struct output_row *state)
{
    const struct matrix *table = &group->session->network->output.w;
    size_t n_bytes = table->k * sizeof *table->f16;
    for (uint32_t i = 0; i < state->n; i++) {
        const char *channel =
            (const char *)table->f16 + token_of(group, state->columns[i]) * n_bytes;
        for (size_t at = 0; at < n_bytes; at += 64)
            __builtin_prefetch(channel + at, 0, 2);
    }
}

static int by_token(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static bool is_banned(const struct step_row *row, uint32_t token)
{
    return row->n_banned > 0 &&
           bsearch(&token, row->banned, row->n_banned, sizeof row->banned[0], by_token) != NULL;
}

/* A token outside a shortlist has no probability. */
static bool is_considered(const struct output_group *group, uint32_t token)
{
    return group->tokens == NULL || bsearch(&token, group->tokens, group->n_columns,
                                            sizeof group->tokens[0], by_token) != NULL;
}

static bool set_wanted(const struct output_group *group, const struct step_row *row,
                       const float *decoded)
{
    bool finite = true;
    for (uint32_t i = 0, n; i < row->n_wanted; i += n) {
        n = row->n_wanted - i < RESCORE_TOKENS ? row->n_wanted - i : RESCORE_TOKENS;
        finite &= exact_logits(group->session, decoded, row->wanted + i, n, row->wanted_logits + i);
    }
    for (uint32_t i = 0; i < row->n_wanted; i++)
        if (!is_considered(group, row->wanted[i]))
            row->wanted_logits[i] = -INFINITY;
    return finite;
}

/* The part of column `column` in its row's sum of exponentials. */
static double summed_part(const struct output *output, uint32_t i, uint32_t column, float logit)
{
    uint32_t block = column / OUTPUT_BLOCK;
    float maximum = output->maxima[(size_t)i * output->n_blocks + block];
    return (double)kernel_quick_exp(logit, maximum) * (double)output->factors[block];
}

/* Logits of the listed columns, which become tokens. Their exponentials leave *rest. */
static bool rescore_list(const struct output_group *group, uint32_t i, struct output_row *state,
                         const float *decoded, double *rest)
{
    bool finite = true;
    for (uint32_t j = 0; j < state->n; j++) {
        if (group->rows[i].needs_normalizer)
            *rest -= summed_part(&group->session->output, i, state->columns[j], state->logits[j]);
        state->columns[j] = token_of(group, state->columns[j]);
    }
    for (uint32_t j = 0, n; j < state->n; j += n) {
        n = state->n - j < RESCORE_TOKENS ? state->n - j : RESCORE_TOKENS;
        finite &= exact_logits(group->session, decoded, state->columns + j, n, state->logits + j);
    }
    return finite;
}

/* The normalizer: exact exponentials of n logits, and the others', whose sum is
 * rest * exp(maximum). */
static double normalizer_of(const struct kernels *kernels, uint32_t n, const float *logits,
                            float maximum, double rest)
{
    float highest = n > 0 ? kernels->maximum(n, logits) : -INFINITY;
    /* Rounding may leave less than nothing of the rest. */
    if (rest > 0 && maximum > highest)
        highest = maximum;
    double sum = rest > 0 ? rest * (double)kernel_exp(maximum - highest) : 0;
    if (n > 0)
        sum += (double)kernels->sum_exp(n, logits, highest);
    return sum > 0 ? (double)highest + kernel_log(sum) : -INFINITY;
}

/* The best of the listed tokens that are not banned: by logit descending, then token ascending,
 * which is how they come. */
static uint32_t list_best(const struct output_row *state, const struct step_row *row)
{
    struct candidate *best = row->best;
    uint32_t n = 0;
    for (uint32_t i = 0; i < state->n && row->n_best > 0; i++) {
        float logit = state->logits[i];
        if ((n == row->n_best && !(logit > best[n - 1].logit)) || is_banned(row, state->columns[i]))
            continue;
        uint32_t j = n < row->n_best ? n++ : n - 1;
        for (; j > 0 && best[j - 1].logit < logit; j--)
            best[j] = best[j - 1];
        best[j] = (struct candidate){.token = state->columns[i], .logit = logit};
    }
    return n;
}

bool rescore_row(const struct output_group *group, uint32_t i, struct output_row *state,
                 const float *decoded)
{
    struct step_row *row = &group->rows[i];
    float maximum = -INFINITY;
    double rest = 0;
    if (row->needs_normalizer)
        rest = sum_blocks(&group->session->output, group->session->kernels, i, group->n_blocks,
                          &maximum);
    if (!rescore_list(group, i, state, decoded, &rest) || !set_wanted(group, row, decoded))
        return false;
    rest *= (double)group->rest_factor;
    if (row->needs_normalizer)
        row->log_normalizer =
            normalizer_of(group->session->kernels, state->n, state->logits, maximum, rest);
    row->n_found = list_best(state, row);
    return true;
}

/* All tokens in the order of the columns. */
static bool all_logits(const struct output_group *group, struct step_row *row, const float *decoded)
{
    uint32_t tokens[RESCORE_TOKENS];
    float logits[RESCORE_TOKENS];
    bool finite = true;
    for (uint32_t i = 0, n; i < group->n_columns; i += n) {
        n = group->n_columns - i < RESCORE_TOKENS ? group->n_columns - i : RESCORE_TOKENS;
        for (uint32_t j = 0; j < n; j++)
            tokens[j] = token_of(group, i + j);
        finite &= exact_logits(group->session, decoded, tokens, n, logits);
        for (uint32_t j = 0; j < n; j++)
            row->logits[tokens[j]] = logits[j];
    }
    return finite;
}

bool rescore_all(const struct output_group *group, struct step_row *row, const float *decoded)
{
    const struct kernels *kernels = group->session->kernels;
    size_t n = group->session->network->output.w.n;
    if (!all_logits(group, row, decoded))
        return false;
    for (uint32_t i = 0; row->renormalize && i < row->n_banned; i++)
        row->logits[row->banned[i]] = -INFINITY;
    float maximum = kernels->maximum(n, row->logits);
    double sum = maximum > -INFINITY ? (double)kernels->sum_exp(n, row->logits, maximum) : 0;
    row->log_normalizer = sum > 0 ? (double)maximum + kernel_log(sum) : -INFINITY;
    return true;
}
