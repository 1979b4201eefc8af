#include "model/calibration.h"

#include "base/memory.h"

/* A matrix, and whose input it has: its own, or that of one that comes before. */
struct known {
    const float *values; /* of the packed matrix */
    struct moments *moments;
    bool is_seen; /* with this matrix: the others' are the same rows again */
};

struct calibration {
    const struct kernels *kernels;
    struct known *known; /* [n_known] */
    size_t n_known;
    struct moments **inputs; /* [n_inputs] */
    size_t n_inputs;
    struct observer observer;
};

static const struct known *find(const struct calibration *calibration, const struct matrix *w)
{
    for (size_t i = 0; i < calibration->n_known; i++)
        if (calibration->known[i].values == w->f32)
            return &calibration->known[i];
    return NULL;
}

static void see(void *argument, const struct matrix *w, size_t m, const float *x, size_t stride)
{
    const struct calibration *calibration = argument;
    const struct known *known = find(calibration, w);
    if (known != NULL && known->is_seen)
        moments_add(known->moments, calibration->kernels, m, x, stride);
}

/* ---- making ------------------------------------------------------------------------------------
 */

/* `like`: the matrix whose input it shares, or NULL. */
static bool add(struct calibration *calibration, const struct matrix *w, const struct matrix *like,
                struct error *err)
{
    if (find(calibration, w) != NULL)
        return true;
    const struct known *other = like != NULL ? find(calibration, like) : NULL;
    struct known *known = &calibration->known[calibration->n_known++];
    *known = (struct known){.values = w->f32, .is_seen = other == NULL};
    known->moments = other != NULL ? other->moments : moments_new(w->k, err);
    if (other == NULL)
        calibration->inputs[calibration->n_inputs++] = known->moments;
    return known->moments != NULL;
}

static bool add_stack(struct calibration *calibration, const struct stack *stack, struct error *err)
{
    for (uint32_t i = 0; i < stack->n_layers; i++) {
        struct layer *layer = &stack->layers[i];
        struct linear *linears[LAYER_LINEARS];
        layer_linears(layer, linears);
        for (size_t j = 0; j < LAYER_LINEARS; j++) {
            const struct matrix *w = &linears[j]->w, *like = NULL;
            if (w->n == 0)
                continue;
            if (w == &layer->ffn.gate.w)
                like = &layer->ffn.in.w;
            else if (w == &layer->cross.memory.w)
                like = &stack->layers[0].cross.memory.w;
            if (!add(calibration, w, like, err))
                return false;
        }
    }
    return true;
}

struct calibration *calibration_new(const struct network *network, const struct kernels *kernels,
                                    struct error *err)
{
    size_t n = ((size_t)network->encoder.n_layers + network->decoder.n_layers) * LAYER_LINEARS + 1;
    struct calibration *calibration = memory_new(1, sizeof *calibration, err);
    if (calibration == NULL)
        return NULL;
    calibration->kernels = kernels;
    calibration->observer = (struct observer){.see = see, .argument = calibration};
    calibration->known = memory_new(n, sizeof *calibration->known, err);
    calibration->inputs = memory_new(n, sizeof *calibration->inputs, err);
    if (calibration->known != NULL && calibration->inputs != NULL &&
        add_stack(calibration, &network->encoder, err) &&
        add_stack(calibration, &network->decoder, err) &&
        add(calibration, &network->output.w, NULL, err))
        return calibration;
    calibration_free(calibration);
    return NULL;
}

void calibration_free(struct calibration *calibration)
{
    if (calibration == NULL)
        return;
    for (size_t i = 0; i < calibration->n_inputs; i++)
        /* None without `inputs`. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
        moments_free(calibration->inputs[i]);
    memory_free(calibration->known);
    memory_free(calibration->inputs);
    memory_free(calibration);
}

/* ---- asking ------------------------------------------------------------------------------------
 */

const struct observer *calibration_observer(const struct calibration *calibration)
{
    return &calibration->observer;
}

bool calibration_finish(struct calibration *calibration, struct error *err)
{
    uint64_t n_rows = 0;
    for (size_t i = 0; i < calibration->n_inputs; i++) {
        moments_finish(calibration->inputs[i], calibration->kernels);
        n_rows += calibration->inputs[i]->n_rows;
    }
    return n_rows > 0 || error_set(err, ERROR_USAGE, "there is nothing to translate in it");
}

const struct moments *calibration_find(const struct calibration *calibration,
                                       const struct matrix *w)
{
    const struct known *known = find(calibration, w);
    return known != NULL ? known->moments : NULL;
}
