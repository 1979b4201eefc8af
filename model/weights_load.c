/* The second pass: values, in pieces, into the kernels' layout. */
#include "model/weights_inside.h"

#include <math.h>
#include <string.h>

/* Floats read at once, few enough for the second-level cache; and the widest matrix. */
#define CHUNK_FLOATS ((size_t)1 << 16)
#define MAX_INPUTS ((size_t)1 << 16)

struct loading {
    const struct weights *weights;
    const struct kernels *kernels;
    float *values; /* [CHUNK_FLOATS] */
    char *at;      /* what is left of the memory for the weights, all of it taken at once */
    struct error *err;
};

/* `n_bytes` of it; the first pass has added them up. */
static void *carve(struct loading *loading, size_t n_bytes)
{
    void *memory = loading->at;
    loading->at += (n_bytes + MEMORY_ALIGNMENT - 1) & ~(size_t)(MEMORY_ALIGNMENT - 1);
    return memory;
}

/* Element `bad_at` of what was read from `tensor` is not finite. */
static bool not_finite(struct loading *loading, const struct tensor *tensor, size_t element,
                       float value)
{
    return error_set(loading->err, ERROR_MODEL, "%s: tensor '%s': element %zu is %s",
                     tensors_file_name(loading->weights->tensors, tensor->file), tensor->name,
                     element, isnan(value) ? "NaN" : "infinite");
}

static bool not_positive(struct loading *loading, const struct tensor *tensor, size_t element)
{
    return error_set(loading->err, ERROR_MODEL, "%s: tensor '%s': element %zu is not positive",
                     tensors_file_name(loading->weights->tensors, tensor->file), tensor->name,
                     element);
}

static bool read_vector(struct loading *loading, const struct tensor *tensor, size_t first,
                        size_t n, float *out)
{
    if (!tensors_read_f32(loading->weights->tensors, tensor, first, n, out, loading->err))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isfinite(out[i]))
            return not_finite(loading, tensor, first + i, out[i]);
    return true;
}

/* Scales of channels [first, first + n) of a stored int8 tensor: value = int8 * scale. That of a
 * channel of zeros may be zero, but not where its inverse is stored. */
static bool read_scales(struct loading *loading, const struct part *source, float *scales)
{
    const struct tensor *tensor = source->scale;
    if (tensor == NULL) { /* INTGEMM8 */
        float multiplier = source->tensor->multiplier;
        if (!isfinite(multiplier))
            return not_finite(loading, source->tensor, source->tensor->n_elements, multiplier);
        if (multiplier <= 0)
            return not_positive(loading, source->tensor, source->tensor->n_elements);
        for (size_t i = 0; i < source->n; i++)
            scales[i] = 1.0f / multiplier;
        return true;
    }
    bool single = tensor->n_elements == 1;
    if (!read_vector(loading, tensor, single ? 0 : source->first, single ? 1 : source->n, scales))
        return false;
    for (size_t i = single ? 1 : 0; i < source->n && single; i++)
        scales[i] = scales[0];
    for (size_t i = 0; i < source->n; i++) {
        if (scales[i] < 0 || (scales[i] == 0 && source->scale_is_inverse))
            return not_positive(loading, tensor, single ? 0 : source->first + i);
        if (source->scale_is_inverse)
            scales[i] = 1.0f / scales[i];
    }
    return true;
}

/* Channels of an int8 tensor into an int8 matrix, unchanged. */
static bool load_stored(struct loading *loading, const struct part *source, const float *scales,
                        struct matrix *matrix, size_t channel)
{
    size_t k = matrix->k, at_once = CHUNK_FLOATS / k;
    int8_t *rows = (int8_t *)loading->values;
    for (size_t i = 0; i < source->n; i += at_once) {
        size_t n = source->n - i < at_once ? source->n - i : at_once;
        if (!tensors_read_i8(loading->weights->tensors, &source->view, (source->first + i) * k,
                             n * k, rows, loading->err))
            return false;
        for (size_t j = 0; j < n; j++)
            matrix_set_channel_i8(matrix, channel + i + j, rows + j * k, scales[i + j]);
    }
    return true;
}

/* Rows [i, i + n) of a source as floats, whatever it is stored as. */
static bool read_rows(struct loading *loading, const struct part *source, const float *scales,
                      const float *smooth, size_t k, size_t i, size_t n)
{
    float *values = loading->values;
    if (!tensors_read_f32(loading->weights->tensors, &source->view, (source->first + i) * k, n * k,
                          values, loading->err))
        return false;
    if (source->scale == NULL)
        return true;
    for (size_t j = 0; j < n; j++)
        for (size_t c = 0; c < k; c++)
            /* Read where there is a tensor of them. NOLINTNEXTLINE(*-core.NullDereference) */
            values[j * k + c] *= smooth != NULL ? scales[i + j] * smooth[c] : scales[i + j];
    return true;
}

static bool set_channel(struct loading *loading, const struct part *source, struct matrix *matrix,
                        size_t channel, size_t row, const float *values)
{
    size_t bad_at;
    if (matrix_set_channel_f32(matrix, channel, values, loading->kernels, &bad_at))
        return true;
    size_t element = source->transposed ? bad_at * source->n_rows + row : row * matrix->k + bad_at;
    return not_finite(loading, source->tensor, element, values[bad_at]);
}

static bool load_rows(struct loading *loading, const struct part *source, const float *scales,
                      const float *smooth, struct matrix *matrix, size_t channel)
{
    size_t k = matrix->k, at_once = CHUNK_FLOATS / k;
    for (size_t i = 0; i < source->n; i += at_once) {
        size_t n = source->n - i < at_once ? source->n - i : at_once;
        if (!read_rows(loading, source, scales, smooth, k, i, n))
            return false;
        for (size_t j = 0; j < n; j++)
            if (!set_channel(loading, source, matrix, channel + i + j, source->first + i + j,
                             loading->values + j * k))
                return false;
    }
    return true;
}

/* Smoothing factors of a matrix: those of its parts, which must be the same. */
static bool load_smooth(struct loading *loading, const struct request *request, float **smooth,
                        struct arena *arena)
{
    const struct part *sources = loading->weights->sources + request->first_source;
    *smooth = NULL;
    if (sources[0].smooth == NULL)
        return true;
    *smooth = arena_new(arena, request->k, sizeof(float), loading->err);
    if (*smooth == NULL || !read_vector(loading, sources[0].smooth, 0, request->k, *smooth))
        return false;
    for (size_t i = 1; i < request->n_sources; i++) {
        const struct tensor *other = sources[i].smooth;
        if (other == NULL)
            other = sources[i].tensor;
        else if (!read_vector(loading, other, 0, request->k, loading->values))
            return false;
        else if (memcmp(loading->values, *smooth, request->k * sizeof(float)) == 0)
            continue;
        return error_set(loading->err, ERROR_MODEL,
                         "%s: tensor '%s': smoothing differs from that of '%s'",
                         tensors_file_name(loading->weights->tensors, other->file), other->name,
                         sources[0].tensor->name);
    }
    return true;
}

static bool load_source(struct loading *loading, const struct part *source, const float *smooth,
                        struct matrix *matrix, size_t channel)
{
    if (weights_is_float(source->tensor->type))
        return load_rows(loading, source, NULL, NULL, matrix, channel);
    float *scales = memory_new(source->n, sizeof *scales, loading->err);
    if (scales == NULL)
        return false;
    bool ok = read_scales(loading, source, scales);
    bool as_stored = matrix->kind == MATRIX_I8 && source->tensor->type != TENSOR_I16;
    if (ok && as_stored)
        ok = load_stored(loading, source, scales, matrix, channel);
    else if (ok)
        ok = load_rows(loading, source, scales, smooth, matrix, channel);
    memory_free(scales);
    return ok;
}

static bool load_matrix(struct loading *loading, const struct request *request, struct arena *arena)
{
    size_t n_bytes = 0;
    float *smooth = NULL;
    if (request->k > MAX_INPUTS || !matrix_bytes(request->kind, request->n, request->k, &n_bytes))
        return error_set(loading->err, ERROR_MODEL, "matrix too wide: %zu inputs", request->k);
    if (!load_smooth(loading, request, &smooth, arena))
        return false;
    void *memory = carve(loading, n_bytes);
    matrix_place(request->matrix, request->kind, request->n, request->k, memory);
    matrix_clear_padding(request->matrix);
    if (request->kind == MATRIX_I8)
        request->matrix->smooth = smooth;
    size_t channel = 0;
    for (size_t i = 0; i < request->n_sources; i++) {
        const struct part *source = &loading->weights->sources[request->first_source + i];
        if (!load_source(loading, source, smooth, request->matrix, channel))
            return false;
        channel += source->n;
    }
    return true;
}

static bool load_vector(struct loading *loading, const struct request *request)
{
    size_t k = request->k != 0 ? request->k : 1; /* n * k was checked in the first pass */
    float *vector = carve(loading, request->n * k * sizeof *vector);
    *request->vector = vector;
    for (size_t i = 0; i < request->n_sources; i++) {
        const struct part *source = &loading->weights->sources[request->first_source + i];
        if (source->tensor == NULL)
            memset(vector, 0, source->n * k * sizeof *vector);
        else if (!read_vector(loading, source->tensor, source->first * k, source->n * k, vector))
            return false;
        vector += source->n * k;
    }
    return true;
}

bool weights_load(struct weights *weights, const struct kernels *kernels, struct arena *arena,
                  struct error *err)
{
    struct loading loading = {.weights = weights, .kernels = kernels, .err = err};
    loading.values = memory_new_raw(CHUNK_FLOATS, sizeof *loading.values, err);
    loading.at = arena_new_raw(arena, weights->n_bytes, 1, err);
    bool ok = loading.values != NULL && loading.at != NULL;
    for (size_t i = 0; ok && i < weights->n_requests; i++) {
        const struct request *request = &weights->requests[i];
        ok = request->matrix != NULL ? load_matrix(&loading, request, arena)
                                     : load_vector(&loading, request);
    }
    memory_free(loading.values);
    return ok;
}
