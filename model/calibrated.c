#include "model/calibrated_inside.h"

#include "model/gptq.h"
#include "model/smoothing.h"

#include <string.h>

/* Output channels quantized at once. */
#define CHANNELS 64

bool calibrated_place(const struct calibrated *making, enum matrix_kind kind, size_t n, size_t k,
                      struct matrix *out)
{
    size_t n_bytes;
    if (!matrix_bytes(kind, n, k, &n_bytes))
        return error_set(making->err, ERROR_MODEL, "matrix too wide: %zu inputs", k);
    void *memory = arena_new(making->arena, n_bytes, 1, making->err);
    if (memory == NULL)
        return false;
    matrix_place(out, kind, n, k, memory);
    return true;
}

/* ---- a layer: the whole product ---------------------------------------------------------------
 */

/* The moments of the inputs as the quantized product sees them. */
static struct gptq *factors_of(const struct moments *moments, const float *smooth,
                               struct error *err)
{
    size_t k = moments->width;
    double *h = memory_new_raw(k, k * sizeof *h, err);
    if (h == NULL)
        return NULL;
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < k; j++)
            h[i * k + j] = moments->sums[i * k + j] * (double)smooth[i] * (double)smooth[j];
    struct gptq *gptq = gptq_new(k, h, err);
    memory_free(h);
    return gptq;
}

static bool quantize(const struct calibrated *making, const struct matrix *w, struct gptq *gptq,
                     struct matrix *out)
{
    size_t k = w->k;
    float scales[CHANNELS];
    float *rows = memory_new(k, CHANNELS * sizeof *rows, making->err);
    int8_t *q = memory_new(k, CHANNELS, making->err);
    bool ok = rows != NULL && q != NULL;
    for (size_t i = 0; ok && i < w->n; i += CHANNELS) {
        size_t n = w->n - i < CHANNELS ? w->n - i : CHANNELS;
        for (size_t j = 0; j < n; j++) {
            matrix_get_channel(w, i + j, rows + j * k);
            for (size_t c = 0; c < k; c++)
                rows[j * k + c] /= out->smooth[c];
        }
        gptq_quantize(gptq, n, rows, q, scales);
        for (size_t j = 0; j < n; j++)
            matrix_set_channel_i8(out, i + j, q + j * k, scales[j]);
    }
    memory_free(rows);
    memory_free(q);
    return ok;
}

static bool make_linear(const struct calibrated *making, struct linear *linear)
{
    struct matrix out;
    const struct moments *moments = calibration_find(making->calibration, &linear->w);
    if (moments == NULL)
        return error_set(making->err, ERROR_INTERNAL, "a matrix was not calibrated");
    float *smooth = arena_new(making->arena, linear->w.k, sizeof *smooth, making->err);
    if (smooth == NULL || !calibrated_place(making, MATRIX_I8, linear->w.n, linear->w.k, &out) ||
        !smoothing_find(&linear->w, moments, smooth, making->err))
        return false;
    out.smooth = smooth;
    struct gptq *gptq = factors_of(moments, smooth, making->err);
    bool ok = gptq != NULL && quantize(making, &linear->w, gptq, &out);
    gptq_free(gptq);
    if (ok)
        linear->w = out;
    return ok;
}

static bool make_stack(const struct calibrated *making, const struct config *config,
                       struct stack *stack)
{
    struct layer *layers = arena_new(making->arena, stack->n_layers, sizeof *layers, making->err);
    if (layers == NULL)
        return false;
    memcpy(layers, stack->layers, stack->n_layers * sizeof *layers);
    stack->layers = layers;
    for (uint32_t i = 0; i < stack->n_layers; i++) {
        struct linear *linears[LAYER_LINEARS];
        if (i < config->n_tied && config->tied[i] != i)
            continue;
        layer_linears(&layers[i], linears);
        for (size_t j = 0; j < LAYER_LINEARS; j++)
            if (linears[j]->w.n != 0 && !make_linear(making, linears[j]))
                return false;
    }
    return true;
}

bool calibrated_network(struct network *out, const struct network *from,
                        const struct config *config, const struct calibrated_options *options,
                        struct arena *arena, struct error *err)
{
    struct calibrated making = {.calibration = options->calibration,
                                .kernels = options->kernels,
                                .arena = arena,
                                .err = err};
    const struct moments *states = calibration_find(options->calibration, options->output);
    *out = *from;
    return make_stack(&making, config, &out->encoder) &&
           make_stack(&making, config, &out->decoder) &&
           calibrated_tables(&making, out, config, states, options->preview_rank);
}
