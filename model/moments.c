#include "model/moments.h"

#include "base/checked.h"
#include "base/memory.h"

#include <math.h>
#include <string.h>

/* Rows of a chunk: so few that float sums of them are exact enough, so many that the product is
 * most of the work. */
#define CHUNK_ROWS 256

/* Rows of sums that are computed at once, a multiple of MATRIX_PANEL. */
#define STRIPE_ROWS 64

static bool allocate(struct moments *moments, struct error *err)
{
    size_t width = moments->width, n_sums, n_bytes;
    if (!checked_mul(width, width, &n_sums) ||
        !matrix_bytes(MATRIX_F32, width, CHUNK_ROWS, &n_bytes))
        return error_set(err, ERROR_MEMORY, "second moments of %zu inputs: too large", width);
    moments->sums = memory_new(n_sums, sizeof *moments->sums, err);
    moments->peaks = memory_new(width, sizeof *moments->peaks, err);
    moments->transposed = memory_new(width, CHUNK_ROWS * sizeof(float), err);
    moments->product = memory_new(width, STRIPE_ROWS * sizeof(float), err);
    void *chunk = memory_new(n_bytes, 1, err);
    matrix_place(&moments->chunk, MATRIX_F32, width, CHUNK_ROWS, chunk);
    return moments->sums != NULL && moments->peaks != NULL && moments->transposed != NULL &&
           moments->product != NULL && chunk != NULL;
}

struct moments *moments_new(size_t width, struct error *err)
{
    struct moments *moments = memory_new(1, sizeof *moments, err);
    if (moments == NULL)
        return NULL;
    moments->width = width;
    if (allocate(moments, err))
        return moments;
    moments_free(moments);
    return NULL;
}

void moments_free(struct moments *moments)
{
    if (moments == NULL)
        return;
    memory_free(moments->sums);
    memory_free(moments->peaks);
    memory_free(moments->transposed);
    memory_free(moments->product);
    memory_free(moments->chunk.f32);
    memory_free(moments);
}

/* Adds the chunk's sum to the upper half, stripe by stripe. */
static void add_chunk(struct moments *moments, const struct kernels *kernels)
{
    size_t width = moments->width;
    struct epilogue plain = {0};
    for (size_t i = 0; i < width; i += STRIPE_ROWS) {
        size_t n = width - i < STRIPE_ROWS ? width - i : STRIPE_ROWS;
        kernels->matmul_f32(n, moments->transposed + i * CHUNK_ROWS, CHUNK_ROWS, &moments->chunk, i,
                            width - i, &plain, moments->product, width);
        for (size_t r = 0; r < n; r++)
            for (size_t j = i; j < width; j++)
                moments->sums[(i + r) * width + j] += (double)moments->product[r * width + j];
    }
    moments->n_gathered = 0;
}

static void gather(struct moments *moments, const float *row)
{
    size_t at = moments->n_gathered++;
    float *packed = moments->chunk.f32 + at * MATRIX_PANEL;
    for (size_t i = 0; i < moments->width; i++) {
        float size = fabsf(row[i]);
        moments->peaks[i] = size > moments->peaks[i] ? size : moments->peaks[i];
        moments->transposed[i * CHUNK_ROWS + at] = row[i];
        packed[i / MATRIX_PANEL * (MATRIX_PANEL * CHUNK_ROWS) + i % MATRIX_PANEL] = row[i];
    }
    moments->n_rows++;
}

void moments_add(struct moments *moments, const struct kernels *kernels, size_t m, const float *x,
                 size_t stride)
{
    for (size_t i = 0; i < m; i++) {
        if (!isfinite(kernels->finite_max(moments->width, x + i * stride)))
            continue;
        gather(moments, x + i * stride);
        if (moments->n_gathered == CHUNK_ROWS)
            add_chunk(moments, kernels);
    }
}

void moments_finish(struct moments *moments, const struct kernels *kernels)
{
    size_t width = moments->width, n_panels = (width + MATRIX_PANEL - 1) / MATRIX_PANEL;
    size_t n_zeros = CHUNK_ROWS - moments->n_gathered;
    if (moments->n_gathered > 0) {
        for (size_t i = 0; i < width; i++)
            memset(moments->transposed + i * CHUNK_ROWS + moments->n_gathered, 0,
                   n_zeros * sizeof(float));
        for (size_t p = 0; p < n_panels; p++)
            memset(moments->chunk.f32 + (p * CHUNK_ROWS + moments->n_gathered) * MATRIX_PANEL, 0,
                   n_zeros * MATRIX_PANEL * sizeof(float));
        add_chunk(moments, kernels);
    }
    for (size_t i = 0; i < width; i++)
        for (size_t j = 0; j < i; j++)
            moments->sums[i * width + j] = moments->sums[j * width + i];
}
