/* The output channels of a shortlist. */
#include "model/output_inside.h"

#include <string.h>

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
    enum matrix_kind kind = output->w.kind == MATRIX_F16 ? MATRIX_I8 : output->w.kind;
    if (!matrix_bytes(kind, n, output->w.k, &n_bytes))
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
    matrix_place(&gathered->w, kind, n, output->w.k, gathered->memory);
    return true;
}

bool gathered_set(struct gathered *gathered, const struct session *session, const uint32_t *tokens,
                  uint32_t n, float *row, struct error *err)
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
