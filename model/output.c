#include "model/output_inside.h"

#include "model/layers.h"

#include <math.h>
#include <string.h>

/* A larger variance than any preview of use has: keeps what a file says in bounds. */
#define REST_MAX_ERROR 8.0f

/* The largest scale of a channel. */
static float largest_scale(const struct matrix *w)
{
    float largest = 0;
    for (size_t j = 0; w->kind == MATRIX_I8 && j < w->n; j++)
        largest = w->scales[j] > largest ? w->scales[j] : largest;
    return largest;
}

/* Of a logit that the product gives without a part of variance e, exp(logit + e / 2) is right on
 * the average, if the part is normally distributed. */
static float rest_factor(const struct preview *preview)
{
    float error = preview->error != NULL ? *preview->error : 0;
    error = error > REST_MAX_ERROR ? REST_MAX_ERROR : error;
    return error > 0 ? kernel_exp(error / 2) : 1.0f;
}

bool output_new(struct output *output, unsigned n_shares, const struct network *network,
                struct error *err)
{
    size_t n_vocabulary = network->output.w.n, rank = network->preview.projection.n;
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
    output->largest_scale = largest_scale(&network->preview.product.w);
    output->rest_factor = rest_factor(&network->preview);
    output->n_blocks = (uint32_t)((n_vocabulary + OUTPUT_BLOCK - 1) / OUTPUT_BLOCK);
    output->projected = memory_new((size_t)SESSION_CHUNK * (rank + 1), sizeof(float), err);
    output->maxima = memory_new((size_t)SESSION_CHUNK * output->n_blocks, sizeof(float), err);
    output->factors = memory_new(output->n_blocks, sizeof(float), err);
    output->sums = memory_new((size_t)SESSION_CHUNK * output->n_blocks, sizeof(float), err);
    return output->factors != NULL && output->projected != NULL && output->maxima != NULL &&
           output->sums != NULL;
}

void output_free(struct output *output)
{
    for (unsigned i = 0; i < output->n_shares; i++) {
        memory_free(output->shares[i].tile);
        memory_free(output->shares[i].indices);
        memory_free(output->shares[i].rows);
        memory_free(output->shares[i].best);
        memory_free(output->shares[i].logits);
        memory_free(output->shares[i].columns);
    }
    memory_free(output->shares);
    memory_free(output->projected);
    memory_free(output->factors);
    memory_free(output->maxima);
    memory_free(output->sums);
    *output = (struct output){0};
}

/* ---- one block of one row ---------------------------------------------------------------------
 */

/* Puts a candidate in its place in a row's list; after those with the same logit, for candidates
 * come by ascending token. */
static void insert(struct output_row *state, uint32_t token, float logit)
{
    uint32_t n_kept = state->n_kept;
    if (state->n == n_kept && !(logit > state->best[n_kept - 1].logit))
        return;
    uint32_t i = state->n < n_kept ? state->n++ : n_kept - 1;
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

static void find_candidates(const struct output_group *group, struct output_share *share,
                            const struct step_row *row, struct output_row *state, uint32_t first,
                            uint32_t count, const float *x)
{
    const struct kernels *kernels = group->session->kernels;
    if (state->n_kept == 1 && !row->needs_normalizer) {
        size_t i = kernels->arg_max(count, x);
        if (x[i] > -INFINITY)
            insert(state, token_of(group, first + (uint32_t)i), x[i]);
        return;
    }
    float threshold = state->n == state->n_kept ? state->best[state->n - 1].logit
                      : state->n == 0           ? lower_bound(kernels, count, x, state->n_kept)
                                                : -INFINITY;
    size_t n = kernels->select_above(count, x, threshold, share->indices);
    for (size_t j = 0; j < n; j++) {
        uint32_t i = share->indices[j];
        if (x[i] > -INFINITY)
            insert(state, token_of(group, first + i), x[i]);
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

/* The same of a row whose likeliest tokens will be rescored. Candidates are columns until then, the
 * banned among them. */
static void take_block_rescored(const struct output_group *group, struct output_share *share,
                                uint32_t i, uint32_t block, uint32_t first, uint32_t count,
                                float *x)
{
    struct output *output = &group->session->output;
    const struct kernels *kernels = group->session->kernels;
    const struct step_row *row = &group->rows[i];
    struct output_row *state = &share->rows[i];
    size_t at = (size_t)i * output->n_blocks + block;
    /* So none of the logits is NaN. */
    state->not_finite |= !isfinite(group->operand->scales[i] * group->largest_scale);
    if (state->not_finite)
        return;
    if (row->renormalize)
        ban(group, row, state, first, count, x);
    float maximum = kernels->maximum(count, x);
    output->maxima[at] = maximum;
    output->sums[at] = 0;
    state->not_finite |= maximum == INFINITY;
    if (row->needs_normalizer && maximum > -INFINITY)
        output->sums[at] =
            output_append_and_sum(state, kernels, share->indices, first, count, x, maximum);
    else if (!state->has_threshold || maximum >= state->threshold)
        output_append_block(state, kernels, share->indices, first, count, x);
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
        if (row->n_best != 0 && state->n == state->n_kept &&
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

/* Columns [first, first + count) of a matrix, as a matrix. What is read next is the block after
 * it and no more: with all that follows, each line was asked for by four blocks. */
static struct matrix columns_of(const struct matrix *w, size_t first, size_t count)
{
    struct matrix part = *w;
    size_t left = w->n - first - count;
    part.n = count;
    if (w->kind == MATRIX_F32) {
        part.f32 += first * w->k;
    } else {
        part.i8 += first * w->k_padded;
        part.scales += first;
        part.sums += first;
    }
    if (left > 0 && w->kind == MATRIX_I8) {
        part.next = part.i8 + count * w->k_padded;
        part.n_next = (left < OUTPUT_BLOCK ? left : OUTPUT_BLOCK) * w->k_padded;
    }
    return part;
}

/* Columns [first, first + count) of rows i and following, at most OUTPUT_ROWS of them, into the
 * share's tile. */
static size_t compute_tile(const struct output_group *group, struct output_share *share, size_t i,
                           uint32_t first, uint32_t count)
{
    const struct kernels *kernels = group->session->kernels;
    const struct operand *a = group->operand;
    const float *bias = group->linear->bias;
    struct matrix w = columns_of(&group->linear->w, first, count);
    struct epilogue epilogue = {.bias = bias != NULL ? bias + first : NULL};
    size_t m = a->m - i < OUTPUT_ROWS ? a->m - i : OUTPUT_ROWS;
    if (i > 0) /* asked for with the first rows */
        w.n_next = 0;
    if (w.kind == MATRIX_F32)
        kernels->matmul_f32(m, a->x + i * a->stride, a->stride, &w, 0, count, &epilogue,
                            share->tile, OUTPUT_BLOCK);
    else
        kernels->matmul_i8(m, a->q + i * a->q_stride, a->q_stride, a->scales + i, &w, 0, count,
                           &epilogue, share->tile, OUTPUT_BLOCK);
    return m;
}

/* One block of all rows; `take` is what is done with a row of it. */
static void output_block(const struct output_group *group, struct output_share *share,
                         uint32_t block,
                         void (*take)(const struct output_group *, struct output_share *, uint32_t,
                                      uint32_t, uint32_t, uint32_t, float *))
{
    uint32_t first = block * OUTPUT_BLOCK, count = group->n_columns - first;
    count = count < OUTPUT_BLOCK ? count : OUTPUT_BLOCK;
    for (size_t i = 0, m; i < group->operand->m; i += m) {
        m = compute_tile(group, share, i, first, count);
        for (size_t j = 0; j < m; j++)
            take(group, share, (uint32_t)(i + j), block, first, count,
                 share->tile + j * OUTPUT_BLOCK);
    }
}

static void output_work(void *argument, unsigned index, unsigned n_parts)
{
    const struct output_group *group = argument;
    struct output_share *share = &group->session->output.shares[index];
    uint32_t begin = (uint32_t)((uint64_t)group->n_blocks * index / n_parts);
    uint32_t end = (uint32_t)((uint64_t)group->n_blocks * (index + 1) / n_parts);
    for (uint32_t block = begin; block < end; block++)
        output_block(group, share, block, group->states != NULL ? take_block_rescored : take_block);
}

/* Room for the rows' lists: a share's own, for only the first may write to the answer itself. */
static bool reserve_lists(struct output *output, uint32_t n_kept, struct error *err)
{
    if (n_kept <= output->list_stride)
        return true;
    size_t count = (size_t)SESSION_CHUNK * n_kept;
    output->list_stride = 0;
    for (unsigned i = 0; i < output->n_shares; i++) {
        struct output_share *share = &output->shares[i];
        memory_free(share->best);
        memory_free(share->logits);
        memory_free(share->columns);
        share->best = memory_new(count, sizeof *share->best, err);
        share->logits = memory_new(2 * count, sizeof *share->logits, err);
        share->columns = memory_new(2 * count, sizeof *share->columns, err);
        if (share->best == NULL || share->logits == NULL || share->columns == NULL)
            return false;
    }
    output->list_stride = n_kept;
    return true;
}

static bool start_rows(const struct output_group *group, uint32_t m, struct error *err)
{
    struct output *output = &group->session->output;
    bool rescored = group->states != NULL;
    uint32_t most = 0;
    for (uint32_t i = 0; i < m; i++) {
        const struct step_row *row = &group->rows[i];
        uint32_t n_kept = rescored ? rescore_kept(row) : row->n_best;
        most = n_kept > most ? n_kept : most;
    }
    if (!reserve_lists(output, most, err))
        return false;
    for (unsigned k = 0; k < output->n_shares; k++) {
        struct output_share *share = &output->shares[k];
        for (uint32_t i = 0; i < m; i++) {
            const struct step_row *row = &group->rows[i];
            size_t at = (size_t)i * output->list_stride;
            share->rows[i] =
                (struct output_row){.best = k == 0 && !rescored ? row->best : share->best + at,
                                    .n_kept = rescored ? rescore_kept(row) : row->n_best,
                                    .threshold = -INFINITY,
                                    .logits = share->logits + 2 * at,
                                    .columns = share->columns + 2 * at};
        }
    }
    return true;
}

/* Makes one list of the shares' in the first of them; asks for the channels it is rescored from. */
static void merge_shares(const struct output_group *group, uint32_t i)
{
    struct output *output = &group->session->output;
    const struct kernels *kernels = group->session->kernels;
    bool rescored = group->states != NULL;
    struct output_row *state = &output->shares[0].rows[i];
    for (unsigned k = 1; k < output->n_shares; k++) {
        const struct output_row *other = &output->shares[k].rows[i];
        state->not_finite |= other->not_finite;
        for (uint32_t j = 0; j < other->n && rescored; j++)
            output_append(state, kernels, other->columns[j], other->logits[j]);
        for (uint32_t j = 0; j < other->n && !rescored; j++)
            insert(state, other->best[j].token, other->best[j].logit);
    }
    if (!rescored)
        return;
    output_keep_best(state, kernels);
    rescore_ahead(group, state);
}

double sum_blocks(struct output *output, const struct kernels *kernels, uint32_t i,
                  uint32_t n_blocks, float *maximum)
{
    const float *maxima = output->maxima + (size_t)i * output->n_blocks;
    const float *sums = output->sums + (size_t)i * output->n_blocks;
    double sum = 0;
    *maximum = kernels->maximum(n_blocks, maxima);
    if (*maximum == -INFINITY) { /* and so is each block's: none has a sum or a candidate */
        memset(output->factors, 0, n_blocks * sizeof *output->factors);
        return 0;
    }
    kernels->exp_minus(n_blocks, maxima, *maximum, output->factors);
    for (uint32_t b = 0; b < n_blocks; b++)
        sum += (double)sums[b] * (double)output->factors[b];
    return sum;
}

static void finish_row(const struct output_group *group, uint32_t i)
{
    struct output *output = &group->session->output;
    struct step_row *row = &group->rows[i];
    struct output_row *state = &output->shares[0].rows[i];
    float maximum;
    row->is_nan = state->not_finite;
    row->n_found = row->is_nan ? 0 : state->n;
    row->log_normalizer = 0;
    if (row->is_nan || !row->needs_normalizer)
        return;
    double sum = sum_blocks(output, group->session->kernels, i, group->n_blocks, &maximum);
    row->log_normalizer = sum > 0 ? (double)maximum + kernel_log(sum) : -INFINITY;
}

static void finish_rescored(const struct output_group *group, uint32_t i)
{
    struct step_row *row = &group->rows[i];
    struct output_row *state = &group->session->output.shares[0].rows[i];
    const float *decoded = group->states + (size_t)i * group->session->config->width;
    row->log_normalizer = 0;
    row->is_nan = state->not_finite || !rescore_row(group, i, state, decoded) ||
                  (row->logits != NULL && !rescore_all(group, row, decoded));
    if (row->is_nan)
        row->n_found = 0;
}

/* Up to SESSION_CHUNK rows over the columns of one matrix, whose inputs are x [m][w.k]. */
static bool output_rows(struct session *session, uint32_t m, struct step_row *rows,
                        const float *states, const float *x, const struct linear *linear,
                        const uint32_t *tokens, struct error *err)
{
    struct output *output = &session->output;
    struct operand operand;
    bool rescored = session->network->output.w.kind == MATRIX_F16;
    struct output_group group = {
        .session = session,
        .rows = rows,
        .operand = &operand,
        .linear = linear,
        .tokens = tokens,
        .n_columns = (uint32_t)linear->w.n,
        .n_blocks = (uint32_t)((linear->w.n + OUTPUT_BLOCK - 1) / OUTPUT_BLOCK),
        .states = rescored ? states : NULL,
        .rest_factor = tokens == NULL ? output->rest_factor : 1.0f,
        .largest_scale = tokens == NULL ? output->largest_scale : largest_scale(&linear->w)};
    if (!start_rows(&group, m, err))
        return false;
    operand_set(session, &operand, &linear->w, m, x, linear->w.k);
    team_run(session->limits.team, output->n_shares, output_work, &group);
    /* A row's list is merged, and its channels asked for, while the row before it is finished. */
    for (uint32_t i = 0; i <= m; i++) {
        if (i < m)
            merge_shares(&group, i);
        if (i > 0)
            (rescored ? finish_rescored : finish_row)(&group, i - 1);
    }
    return true;
}

/* The same with the whole vocabulary: by the preview's narrow product if there is one. */
static bool output_vocabulary(struct session *session, uint32_t m, struct step_row *rows,
                              const float *states, struct error *err)
{
    const struct network *network = session->network;
    const struct matrix *projection = &network->preview.projection;
    struct epilogue plain = {0};
    if (projection->n == 0)
        return output_rows(session, m, rows, states, states, &network->output, NULL, err);
    float *x = session->output.projected;
    session->kernels->matmul_f32(m, states, projection->k, projection, 0, projection->n, &plain, x,
                                 projection->n);
    return output_rows(session, m, rows, states, x, &network->preview.product, NULL, err);
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
    return output_rows(session, m, rows, states, states, &linear, gathered->tokens, err);
}

bool output_step(struct session *session, uint32_t n_rows, struct step_row *rows,
                 const float *states, struct error *err)
{
    size_t width = session->config->width;
    const struct preview *preview = &session->network->preview;
    struct profile *profile = session->limits.profile;
    for (uint32_t i = 0, n; i < n_rows; i += n) {
        bool is_short = rows[i].shortlist != NULL;
        for (n = 1; i + n < n_rows && n < SESSION_CHUNK; n++)
            if (is_short ? rows[i + n].sentence != rows[i].sentence : rows[i + n].shortlist != NULL)
                break;
        uint64_t start = profile_start(profile);
        bool ok = is_short ? output_shortlist(session, n, rows + i, states + i * width, err)
                           : output_vocabulary(session, n, rows + i, states + i * width, err);
        if (!ok)
            return false;
        const struct matrix *w =
            preview->product.w.n != 0 ? &preview->product.w : &session->network->output.w;
        size_t n_columns = is_short ? rows[i].n_shortlist : w->n;
        size_t k = is_short ? width : w->k;
        profile_stop(profile, PROFILE_OUTPUT, start, n * n_columns * k,
                     n_columns * k * (w->kind == MATRIX_I8 ? 1 : sizeof(float)));
    }
    return true;
}
