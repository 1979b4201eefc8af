#include "model/output.h"

#include "model/layers.h"

#include <math.h>
#include <string.h>

/* What a part knows of a row so far. */
struct output_row {
    struct candidate *best; /* [n_best] by logit descending, then token ascending */
    uint32_t n;
    uint32_t banned_at, wanted_at; /* lists are ascending: what is not passed yet */
    bool not_finite;
};

/* Rows that share an output matrix. */
struct output_group {
    struct session *session;
    struct step_row *rows;
    const struct operand *operand; /* m rows */
    const struct linear *linear;
    const uint32_t *tokens; /* of the columns, or NULL: column j is token j */
    uint32_t n_columns, n_blocks;
};

bool output_new(struct output *output, unsigned n_shares, uint32_t n_vocabulary, struct error *err)
{
    output->shares = memory_new(n_shares, sizeof *output->shares, err);
    if (output->shares == NULL)
        return false;
    output->n_shares = n_shares;
    for (unsigned i = 0; i < n_shares; i++) {
        struct output_share *share = &output->shares[i];
        share->tile = memory_new((size_t)OUTPUT_ROWS * OUTPUT_BLOCK, sizeof(float), err);
        share->indices = memory_new(OUTPUT_BLOCK, sizeof *share->indices, err);
        share->rows = memory_new(SESSION_CHUNK, sizeof *share->rows, err);
        if (share->tile == NULL || share->indices == NULL || share->rows == NULL)
            return false;
    }
    output->n_blocks = (n_vocabulary + OUTPUT_BLOCK - 1) / OUTPUT_BLOCK;
    output->maxima = memory_new((size_t)SESSION_CHUNK * output->n_blocks, sizeof(float), err);
    output->sums = memory_new((size_t)SESSION_CHUNK * output->n_blocks, sizeof(float), err);
    return output->maxima != NULL && output->sums != NULL;
}

void output_free(struct output *output)
{
    for (unsigned i = 0; i < output->n_shares; i++) {
        memory_free(output->shares[i].tile);
        memory_free(output->shares[i].indices);
        memory_free(output->shares[i].rows);
        memory_free(output->shares[i].best);
    }
    memory_free(output->shares);
    memory_free(output->maxima);
    memory_free(output->sums);
    *output = (struct output){0};
}

/* ---- shortlists -------------------------------------------------------------------------------
 */

void gathered_free(struct gathered *gathered)
{
    memory_free(gathered->tokens);
    memory_free(gathered->bias);
    memory_free(gathered->memory);
    *gathered = (struct gathered){0};
}

static bool gathered_reserve(struct gathered *gathered, const struct linear *output, uint32_t n,
                             struct error *err)
{
    size_t n_bytes;
    if (!matrix_bytes(output->w.kind, n, output->w.k, &n_bytes))
        return error_set(err, ERROR_MEMORY, "out of memory");
    if (n > gathered->capacity) {
        memory_free(gathered->tokens);
        memory_free(gathered->bias);
        gathered->capacity = 0;
        gathered->tokens = memory_new(n, sizeof *gathered->tokens, err);
        gathered->bias = memory_new(n, sizeof *gathered->bias, err);
        if (gathered->tokens == NULL || gathered->bias == NULL)
            return false;
        gathered->capacity = n;
    }
    if (n_bytes > gathered->n_bytes) {
        memory_free(gathered->memory);
        gathered->n_bytes = 0;
        gathered->memory = memory_new_raw(n_bytes, 1, err);
        if (gathered->memory == NULL)
            return false;
        gathered->n_bytes = n_bytes;
    }
    memset(gathered->memory, 0, n_bytes);
    matrix_place(&gathered->w, output->w.kind, n, output->w.k, gathered->memory);
    return true;
}

/* Gathers the channels of `tokens`, unless they are there from the step before. `row` is room for
 * one channel. */
static bool gathered_set(struct gathered *gathered, const struct session *session,
                         const uint32_t *tokens, uint32_t n, float *row, struct error *err)
{
    const struct linear *output = &session->network->output;
    if (n == gathered->n && memcmp(gathered->tokens, tokens, n * sizeof *tokens) == 0)
        return true;
    gathered->n = 0;
    if (!gathered_reserve(gathered, output, n, err))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        size_t bad_at;
        if (output->w.kind == MATRIX_I8) {
            matrix_get_channel_i8(&output->w, tokens[i], (int8_t *)row);
            matrix_set_channel_i8(&gathered->w, i, (int8_t *)row, output->w.scales[tokens[i]]);
        } else {
            matrix_get_channel(&output->w, tokens[i], row);
            (void)matrix_set_channel_f32(&gathered->w, i, row, session->kernels, &bad_at);
        }
        if (output->bias != NULL)
            gathered->bias[i] = output->bias[tokens[i]];
    }
    gathered->w.smooth = output->w.smooth;
    memcpy(gathered->tokens, tokens, n * sizeof *tokens);
    gathered->n = n;
    return true;
}

/* ---- one block of one row ---------------------------------------------------------------------
 */

/* Puts a candidate in its place in a list of at most n_best; after those with the same logit, for
 * candidates come by ascending token. */
static void insert(struct output_row *state, uint32_t n_best, uint32_t token, float logit)
{
    if (state->n == n_best && !(logit > state->best[n_best - 1].logit))
        return;
    uint32_t i = state->n < n_best ? state->n++ : n_best - 1;
    for (; i > 0 && state->best[i - 1].logit < logit; i--)
        state->best[i] = state->best[i - 1];
    state->best[i] = (struct candidate){.token = token, .logit = logit};
}

/* A value that at least n of the x reach: the least of the maxima of n parts of the block. */
static float lower_bound(const struct kernels *kernels, uint32_t count, const float *x, uint32_t n)
{
    uint32_t part = count / n;
    if (part == 0)
        return -INFINITY;
    float bound = INFINITY;
    for (uint32_t i = 0; i < n; i++) {
        float maximum = kernels->maximum(part, x + (size_t)i * part);
        bound = maximum < bound ? maximum : bound;
    }
    return bound;
}

static uint32_t token_of(const struct output_group *group, uint32_t column)
{
    return group->tokens != NULL ? group->tokens[column] : column;
}

static void find_candidates(const struct output_group *group, struct output_share *share,
                            const struct step_row *row, struct output_row *state, uint32_t first,
                            uint32_t count, const float *x)
{
    const struct kernels *kernels = group->session->kernels;
    if (row->n_best == 1 && !row->needs_normalizer) {
        size_t i = kernels->arg_max(count, x);
        if (x[i] > -INFINITY)
            insert(state, 1, token_of(group, first + (uint32_t)i), x[i]);
        return;
    }
    float threshold = state->n == row->n_best ? state->best[state->n - 1].logit
                      : state->n == 0         ? lower_bound(kernels, count, x, row->n_best)
                                              : -INFINITY;
    size_t n = kernels->select_above(count, x, threshold, share->indices);
    for (size_t j = 0; j < n; j++) {
        uint32_t i = share->indices[j];
        if (x[i] > -INFINITY)
            insert(state, row->n_best, token_of(group, first + i), x[i]);
    }
}

/* Copies what is wanted of columns [first, first + count) before anything is banned. */
static void copy_wanted(const struct output_group *group, const struct step_row *row,
                        struct output_row *state, uint32_t first, uint32_t count, const float *x)
{
    if (row->logits != NULL && group->tokens == NULL)
        memcpy(row->logits + first, x, count * sizeof *x);
    for (uint32_t i = 0; row->logits != NULL && group->tokens != NULL && i < count; i++)
        row->logits[group->tokens[first + i]] = x[i];
    uint32_t column = first;
    for (uint32_t *at = &state->wanted_at; *at < row->n_wanted; (*at)++) {
        while (column < first + count && token_of(group, column) < row->wanted[*at])
            column += group->tokens != NULL ? 1 : row->wanted[*at] - column;
        if (column >= first + count)
            return;
        if (token_of(group, column) == row->wanted[*at])
            row->wanted_logits[*at] = x[column - first];
    }
}

static void ban(const struct output_group *group, const struct step_row *row,
                struct output_row *state, uint32_t first, uint32_t count, float *x)
{
    uint32_t column = first;
    for (uint32_t *at = &state->banned_at; *at < row->n_banned; (*at)++) {
        while (column < first + count && token_of(group, column) < row->banned[*at])
            column += group->tokens != NULL ? 1 : row->banned[*at] - column;
        if (column >= first + count)
            return;
        if (token_of(group, column) == row->banned[*at])
            x[column - first] = -INFINITY;
    }
}

static void take_block(const struct output_group *group, struct output_share *share, uint32_t i,
                       uint32_t block, uint32_t first, uint32_t count, float *x)
{
    struct session *session = group->session;
    struct step_row *row = &group->rows[i];
    struct output_row *state = &share->rows[i];
    size_t at = (size_t)i * session->output.n_blocks + block;
    state->not_finite |= !isfinite(session->kernels->finite_max(count, x));
    copy_wanted(group, row, state, first, count, x);
    if (row->renormalize)
        ban(group, row, state, first, count, x);
    if (row->needs_normalizer) {
        float maximum = session->kernels->maximum(count, x);
        session->output.maxima[at] = maximum;
        session->output.sums[at] =
            maximum > -INFINITY ? session->kernels->sum_exp(count, x, maximum) : 0.0f;
        if (row->n_best != 0 && state->n == row->n_best &&
            !(maximum > state->best[state->n - 1].logit))
            return;
    }
    if (!row->renormalize)
        ban(group, row, state, first, count, x);
    if (row->n_best != 0)
        find_candidates(group, share, row, state, first, count, x);
}

/* ---- all blocks of all rows -------------------------------------------------------------------
 */

/* The columns of a matrix from `first` on, as a matrix. */
static struct matrix columns_of(const struct matrix *w, size_t first)
{
    struct matrix part = *w;
    part.n -= first;
    if (w->kind == MATRIX_F32) {
        part.f32 += first * w->k;
    } else {
        part.i8 += first * w->k_padded;
        part.scales += first;
        part.sums += first;
    }
    return part;
}

static void output_work(void *argument, unsigned index, unsigned n_parts)
{
    const struct output_group *group = argument;
    struct output_share *share = &group->session->output.shares[index];
    const struct kernels *kernels = group->session->kernels;
    const struct operand *a = group->operand;
    uint32_t end = (uint32_t)((uint64_t)group->n_blocks * (index + 1) / n_parts);
    for (uint32_t block = (uint32_t)((uint64_t)group->n_blocks * index / n_parts); block < end;
         block++) {
        uint32_t first = block * OUTPUT_BLOCK, count = group->n_columns - first;
        count = count < OUTPUT_BLOCK ? count : OUTPUT_BLOCK;
        struct matrix w = columns_of(&group->linear->w, first);
        const float *bias = group->linear->bias;
        struct epilogue epilogue = {.bias = bias != NULL ? bias + first : NULL};
        for (size_t i = 0; i < a->m; i += OUTPUT_ROWS) {
            size_t m = a->m - i < OUTPUT_ROWS ? a->m - i : OUTPUT_ROWS;
            if (w.kind == MATRIX_F32)
                kernels->matmul_f32(m, a->x + i * a->stride, a->stride, &w, 0, count, &epilogue,
                                    share->tile, OUTPUT_BLOCK);
            else
                kernels->matmul_i8(m, a->q + i * a->q_stride, a->q_stride, a->scales + i, &w, 0,
                                   count, &epilogue, share->tile, OUTPUT_BLOCK);
            for (size_t j = 0; j < m; j++)
                take_block(group, share, (uint32_t)(i + j), block, first, count,
                           share->tile + j * OUTPUT_BLOCK);
        }
    }
}

/* Room for the lists of the shares that cannot write to the answer itself. */
static bool reserve_lists(struct output *output, uint32_t n_best, struct error *err)
{
    if (n_best <= output->best_stride)
        return true;
    for (unsigned i = 1; i < output->n_shares; i++) {
        memory_free(output->shares[i].best);
        output->shares[i].best =
            memory_new((size_t)SESSION_CHUNK * n_best, sizeof(struct candidate), err);
        if (output->shares[i].best == NULL) {
            output->best_stride = 0;
            return false;
        }
    }
    output->best_stride = n_best;
    return true;
}

static bool start_rows(struct output *output, uint32_t m, const struct step_row *rows,
                       struct error *err)
{
    uint32_t n_best = 0;
    for (uint32_t i = 0; i < m; i++)
        n_best = rows[i].n_best > n_best ? rows[i].n_best : n_best;
    if (!reserve_lists(output, n_best, err))
        return false;
    for (unsigned k = 0; k < output->n_shares; k++) {
        struct output_share *share = &output->shares[k];
        for (uint32_t i = 0; i < m; i++)
            share->rows[i] = (struct output_row){
                .best = k == 0 ? rows[i].best : share->best + (size_t)i * output->best_stride};
    }
    return true;
}

static void finish_row(struct output *output, uint32_t i, uint32_t n_blocks, struct step_row *row)
{
    struct output_row *state = &output->shares[0].rows[i];
    for (unsigned k = 1; k < output->n_shares; k++) {
        const struct output_row *other = &output->shares[k].rows[i];
        state->not_finite |= other->not_finite;
        for (uint32_t j = 0; j < other->n; j++)
            insert(state, row->n_best, other->best[j].token, other->best[j].logit);
    }
    row->is_nan = state->not_finite;
    row->n_found = row->is_nan ? 0 : state->n;
    row->log_normalizer = 0;
    if (row->is_nan || !row->needs_normalizer)
        return;
    const float *maxima = output->maxima + (size_t)i * output->n_blocks;
    const float *sums = output->sums + (size_t)i * output->n_blocks;
    float maximum = -INFINITY;
    for (uint32_t b = 0; b < n_blocks; b++)
        maximum = maxima[b] > maximum ? maxima[b] : maximum;
    double sum = 0;
    for (uint32_t b = 0; b < n_blocks; b++)
        if (sums[b] > 0)
            sum += (double)sums[b] * (double)kernel_exp(maxima[b] - maximum);
    row->log_normalizer = sum > 0 ? (double)maximum + kernel_log(sum) : -INFINITY;
}

/* Up to SESSION_CHUNK rows over the columns of one matrix. */
static bool output_rows(struct session *session, uint32_t m, struct step_row *rows,
                        const float *states, const struct linear *linear, const uint32_t *tokens,
                        struct error *err)
{
    struct output *output = &session->output;
    struct operand operand;
    struct output_group group = {.session = session,
                                 .rows = rows,
                                 .operand = &operand,
                                 .linear = linear,
                                 .tokens = tokens,
                                 .n_columns = (uint32_t)linear->w.n,
                                 .n_blocks =
                                     (uint32_t)((linear->w.n + OUTPUT_BLOCK - 1) / OUTPUT_BLOCK)};
    struct profile *profile = session->limits.profile;
    uint64_t start = profile_start(profile);
    if (!start_rows(output, m, rows, err))
        return false;
    operand_set(session, &operand, &linear->w, m, states, session->config->width);
    team_run(session->limits.team, output->n_shares, output_work, &group);
    for (uint32_t i = 0; i < m; i++)
        finish_row(output, i, group.n_blocks, &rows[i]);
    profile_stop(profile, PROFILE_OUTPUT, start, m * linear->w.n * linear->w.k,
                 linear->w.n * linear->w.k * (linear->w.kind == MATRIX_I8 ? 1 : sizeof(float)));
    return true;
}

/* Rows [0, m) with the same shortlist; a token outside it has no probability. */
static bool output_shortlist(struct session *session, uint32_t m, struct step_row *rows,
                             const float *states, struct error *err)
{
    struct gathered *gathered = &rows[0].sentence->gathered;
    for (uint32_t i = 0; i < m; i++) {
        rows[i].n_found = 0;
        rows[i].log_normalizer = -INFINITY;
        for (uint32_t j = 0; j < rows[i].n_wanted; j++)
            rows[i].wanted_logits[j] = -INFINITY;
        for (uint32_t j = 0; rows[i].logits != NULL && j < session->network->output.w.n; j++)
            rows[i].logits[j] = -INFINITY;
    }
    if (rows[0].n_shortlist == 0)
        return true;
    if (!gathered_set(gathered, session, rows[0].shortlist, rows[0].n_shortlist, session->normed,
                      err))
        return false;
    struct linear linear = {.w = gathered->w,
                            .bias = session->network->output.bias != NULL ? gathered->bias : NULL};
    return output_rows(session, m, rows, states, &linear, gathered->tokens, err);
}

bool output_step(struct session *session, uint32_t n_rows, struct step_row *rows,
                 const float *states, struct error *err)
{
    size_t width = session->config->width;
    for (uint32_t i = 0, n; i < n_rows; i += n) {
        bool is_short = rows[i].shortlist != NULL;
        for (n = 1; i + n < n_rows && n < SESSION_CHUNK; n++)
            if (is_short ? rows[i + n].sentence != rows[i].sentence : rows[i + n].shortlist != NULL)
                break;
        bool ok = is_short ? output_shortlist(session, n, rows + i, states + i * width, err)
                           : output_rows(session, n, rows + i, states + i * width,
                                         &session->network->output, NULL, err);
        if (!ok)
            return false;
    }
    return true;
}
