/* Tables of the vocabulary, and the output's preview. */
#include "model/calibrated_inside.h"

#include "model/preview_fit.h"

#include <math.h>
#include <string.h>

/* A preview is near enough if it is off by this much on the average: the variance of a logit, in
 * nats squared. The default model's: 0.21 with rank 64, where the lines that equal the float
 * model's became fewer, 0.06 with rank 128, where they did not. */
#define PREVIEW_MAX_ERROR 0.1

static void table_row(const void *argument, size_t i, float *row)
{
    matrix_get_channel(argument, i, row);
}

/* ---- tables ----------------------------------------------------------------------------------
 */

/* A table as another kind of matrix. */
static bool change_table(const struct calibrated *making, enum matrix_kind kind, struct matrix *w)
{
    struct matrix out;
    size_t bad_at;
    float *row = memory_new(w->k, sizeof *row, making->err);
    bool ok = row != NULL && calibrated_place(making, kind, w->n, w->k, &out);
    for (size_t i = 0; ok && i < w->n; i++) {
        matrix_get_channel(w, i, row);
        ok = matrix_set_channel_f32(&out, i, row, making->kernels, &bad_at) ||
             error_set(making->err, ERROR_INTERNAL, "a weight is not finite");
    }
    memory_free(row);
    if (ok)
        *w = out;
    return ok;
}

static bool change_tables(const struct calibrated *making, enum matrix_kind kind,
                          struct network *network, const struct config *config)
{
    if (!change_table(making, kind, &network->encoder.embedding) ||
        (!config->share_embeddings && !change_table(making, kind, &network->decoder.embedding)) ||
        (!config->tie_output && !change_table(making, kind, &network->output.w)))
        return false;
    if (config->share_embeddings)
        network->decoder.embedding = network->encoder.embedding;
    if (config->tie_output)
        network->output.w = network->decoder.embedding;
    return true;
}

/* ---- the preview -----------------------------------------------------------------------------
 */

/* The least whole number of int8 blocks that is near; or `most` + 1 if none is. */
static size_t choose_rank(const double *eigenvalues, size_t width, size_t n, size_t most)
{
    double error = 0;
    size_t rank = width;
    while (rank > 0 && error + eigenvalues[rank - 1] <= PREVIEW_MAX_ERROR * (double)n)
        error += eigenvalues[--rank];
    rank = (rank + MATRIX_DEPTH - 1) / MATRIX_DEPTH * MATRIX_DEPTH;
    rank = rank > 0 ? rank : MATRIX_DEPTH;
    return rank <= most ? rank : most + 1;
}

/* The variance of what is left out of a logit. */
static bool set_error(const struct calibrated *making, const double *eigenvalues, size_t n,
                      size_t width, size_t rank, struct preview *preview)
{
    double error = 0;
    preview->error = arena_new(making->arena, 1, sizeof *preview->error, making->err);
    if (preview->error == NULL)
        return false;
    for (size_t i = width; i > rank; i--)
        error += eigenvalues[i - 1] > 0 ? eigenvalues[i - 1] : 0;
    *preview->error = (float)(error / (double)n);
    return true;
}

/* The first `rank` columns of p[n][stride] and rows of b[stride][D] as a preview. */
static bool set_preview(const struct calibrated *making, const float *p, const float *b,
                        size_t stride, size_t n, size_t width, size_t rank, struct preview *preview)
{
    size_t bad_at;
    bool ok = calibrated_place(making, MATRIX_I8, n, rank, &preview->product.w) &&
              calibrated_place(making, MATRIX_F32, rank, width, &preview->projection);
    for (size_t i = 0; ok && i < n; i++)
        ok = matrix_set_channel_f32(&preview->product.w, i, p + i * stride, making->kernels,
                                    &bad_at) ||
             error_set(making->err, ERROR_INTERNAL, "a preview that is not finite");
    for (size_t i = 0; ok && i < rank; i++)
        ok = matrix_set_channel_f32(&preview->projection, i, b + i * width, making->kernels,
                                    &bad_at) ||
             error_set(making->err, ERROR_INTERNAL, "a preview that is not finite");
    return ok;
}

bool calibrated_check_rank(size_t rank, size_t width, struct error *err)
{
    return rank <= width ||
           error_set(err, ERROR_USAGE,
                     "a preview of rank %zu: the model's width is %zu, which is the most", rank,
                     width);
}

/* Leaves `preview` empty if no rank up to half the width is near. */
static bool make_preview(const struct calibrated *making, const struct matrix *w,
                         const struct moments *states, size_t rank, struct preview *preview)
{
    size_t width = w->k, most = rank != 0 ? rank : width / 2;
    struct preview_table table = {.n = w->n, .width = width, .row = table_row, .argument = w};
    if (rank == 0 && most < MATRIX_DEPTH)
        return true;
    if (!calibrated_check_rank(rank, width, making->err))
        return false;
    float *p = memory_new(w->n, most * sizeof *p, making->err);
    float *b = memory_new(most, width * sizeof *b, making->err);
    double *eigenvalues = memory_new(width, sizeof *eigenvalues, making->err);
    bool ok = p != NULL && b != NULL && eigenvalues != NULL &&
              preview_fit(&table, making->kernels, states->sums, (double)states->n_rows, most, p, b,
                          eigenvalues, making->err);
    if (ok && rank == 0)
        rank = choose_rank(eigenvalues, width, w->n, most);
    if (ok && rank <= most)
        ok = set_preview(making, p, b, most, w->n, width, rank, preview) &&
             set_error(making, eigenvalues, w->n, width, rank, preview);
    memory_free(p);
    memory_free(b);
    memory_free(eigenvalues);
    return ok;
}

bool calibrated_tables(const struct calibrated *making, struct network *network,
                       const struct config *config, const struct moments *states, size_t rank)
{
    if (states == NULL)
        return error_set(making->err, ERROR_INTERNAL, "the output layer was not calibrated");
    if (!make_preview(making, &network->output.w, states, rank, &network->preview))
        return false;
    bool has_preview = network->preview.projection.n != 0;
    return change_tables(making, has_preview ? MATRIX_F16 : MATRIX_I8, network, config);
}
