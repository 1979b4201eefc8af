#include "model/weights.h"

#include "base/checked.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Floats read at once. */
#define CHUNK_FLOATS ((size_t)1 << 20)

/* A part whose tensors are found. */
struct part {
    const struct tensor *tensor; /* NULL: zeros */
    struct tensor view;          /* the same as [n_rows][k] */
    const struct tensor *scale, *smooth;
    size_t n, first, n_rows;
    bool transposed;       /* the view is, of the tensor */
    bool scale_is_inverse; /* value = int8 / scale */
};

struct request {
    struct matrix *matrix; /* or NULL: a vector, or a table if k is not 0 */
    float **vector;
    size_t n, k;
    size_t first_source, n_sources;
};

struct weights {
    const struct tensors *tensors;
    enum matrix_kind kind;
    struct request *requests;
    size_t n_requests, requests_capacity;
    struct part *sources;
    size_t n_sources, sources_capacity;
    uint64_t n_bytes;
    struct buffer faults;
    size_t n_faults;
};

bool weights_new(struct weights **out, const struct tensors *tensors, enum matrix_kind kind,
                 struct error *err)
{
    struct weights *weights = memory_new(1, sizeof *weights, err);
    if (weights == NULL)
        return false;
    weights->tensors = tensors;
    weights->kind = kind;
    *out = weights;
    return true;
}

void weights_free(struct weights *weights)
{
    if (weights == NULL)
        return;
    memory_free(weights->requests);
    memory_free(weights->sources);
    buffer_free(&weights->faults);
    memory_free(weights);
}

bool weights_has(const struct weights *weights, const char *name)
{
    return tensors_find(weights->tensors, name) != NULL;
}

uint64_t weights_bytes(const struct weights *weights)
{
    return weights->n_bytes;
}

/* ---- the first pass ---------------------------------------------------------------------------
 */

static bool grow(void *items, size_t n, size_t *capacity, size_t size, struct error *err)
{
    if (n < *capacity)
        return true;
    size_t larger = *capacity * 2 + 64;
    if (!memory_resize(items, *capacity, larger, size, err))
        return false;
    *capacity = larger;
    return true;
}

static void shape_text(char out[96], const struct tensor *tensor)
{
    size_t n = (size_t)snprintf(out, 96, "[");
    for (size_t i = 0; i < tensor->rank && n < 72; i++)
        n += (size_t)snprintf(out + n, 96 - n, "%s%zu", i > 0 ? ", " : "", tensor->shape[i]);
    snprintf(out + n, 96 - n, "]");
}

/* Notes a fault; false only when memory ends. */
static bool fault(struct weights *weights, const struct tensor *tensor, const char *name,
                  const char *what, struct error *err)
{
    char escaped[160];
    size_t file = tensor != NULL ? tensor->file : 0;
    weights->n_faults++;
    return buffer_printf(&weights->faults, err, "%s: tensor '%s': %s\n",
                         tensors_file_name(weights->tensors, file),
                         error_escape(escaped, sizeof escaped, name, strlen(name)), what);
}

static bool is_float(enum tensor_type type)
{
    return type == TENSOR_F32 || type == TENSOR_F16 || type == TENSOR_BF16 || type == TENSOR_F64;
}

static bool is_vector(const struct tensor *tensor, size_t n)
{
    if (tensor->n_elements != n)
        return false;
    for (size_t i = 0; i < tensor->rank; i++)
        if (tensor->shape[i] != 1 && tensor->shape[i] != n)
            return false;
    return true;
}

/* A stored scale or smoothing vector beside tensor `name`. */
static bool find_companion(struct weights *weights, const char *name, const char *suffix, size_t n,
                           const struct tensor **found, struct error *err)
{
    char full[WEIGHT_NAME_BYTES + 16], what[160], shape[96];
    snprintf(full, sizeof full, "%s%s", name, suffix);
    const struct tensor *tensor = tensors_find(weights->tensors, full);
    *found = tensor;
    if (tensor == NULL || (is_float(tensor->type) && is_vector(tensor, n)))
        return true;
    shape_text(shape, tensor);
    snprintf(what, sizeof what, "expected %zu floating-point numbers, found %s %s", n,
             tensor_type_name(tensor->type), shape);
    return fault(weights, tensor, full, what, err);
}

/* k = 0: only floating point will do. */
static bool check_type(struct weights *weights, const struct weight_part *part, size_t k,
                       struct part *source, struct error *err)
{
    const struct tensor *tensor = source->tensor;
    if (is_float(tensor->type))
        return true;
    char what[128];
    if (k != 0 && tensor->type == TENSOR_INTGEMM8) {
        if (part->transposed || strstr(part->name, "Wemb") != NULL)
            return true;
        return fault(weights, tensor, part->name, "unsupported: int8 output matrix", err);
    }
    if (k != 0 && tensor->type == TENSOR_I8) {
        const struct tensor *inverse = NULL;
        if (!find_companion(weights, part->name, ".scale", part->n_rows, &source->scale, err) ||
            !find_companion(weights, part->name, ".smooth", k, &source->smooth, err))
            return false;
        if (source->scale == NULL) {
            if (!find_companion(weights, part->name, "_scale", part->n_rows, &inverse, err))
                return false;
            source->scale = inverse;
            source->scale_is_inverse = true;
        }
        if (source->scale != NULL)
            return true;
        return fault(weights, tensor, part->name, "int8 without its scales", err);
    }
    if (k != 0 && tensor->type == TENSOR_I16) {
        if (!find_companion(weights, part->name, "_scale", 1, &source->scale, err))
            return false;
        source->scale_is_inverse = true;
        if (source->scale != NULL)
            return true;
    }
    snprintf(what, sizeof what, "unsupported: numbers of type %s", tensor_type_name(tensor->type));
    return fault(weights, tensor, part->name, what, err);
}

static bool check_shape(struct weights *weights, const struct weight_part *part, size_t k,
                        const struct tensor *tensor, struct error *err)
{
    char wanted[64], what[256], shape[96];
    size_t n_rows = part->n_rows;
    if (k == 0) {
        if (is_vector(tensor, n_rows))
            return true;
        snprintf(wanted, sizeof wanted, "[%zu]", n_rows);
    } else {
        size_t rows = part->transposed ? k : n_rows, columns = part->transposed ? n_rows : k;
        if (tensor->rank == 2 && tensor->shape[0] == rows && tensor->shape[1] == columns)
            return true;
        snprintf(wanted, sizeof wanted, "[%zu, %zu]", rows, columns);
    }
    shape_text(shape, tensor);
    snprintf(what, sizeof what, "expected shape %s, found %s", wanted, shape);
    return fault(weights, tensor, part->name, what, err);
}

/* Finds and checks one part; k = 0 for a vector. */
static bool add_source(struct weights *weights, const struct weight_part *part, size_t k,
                       bool may_be_integer, struct error *err)
{
    if (!grow(&weights->sources, weights->n_sources, &weights->sources_capacity,
              sizeof *weights->sources, err))
        return false;
    struct part *source = &weights->sources[weights->n_sources++];
    *source = (struct part){
        .n = part->n, .first = part->first, .n_rows = part->n_rows, .transposed = part->transposed};
    if (part->name[0] == '\0')
        return true;
    source->tensor = tensors_find(weights->tensors, part->name);
    if (source->tensor == NULL)
        return fault(weights, NULL, part->name, "missing", err);
    source->view = *source->tensor;
    if (part->transposed && source->tensor->rank == 2)
        source->view = tensor_transpose(source->tensor);
    return check_shape(weights, part, k, source->tensor, err) &&
           check_type(weights, part, may_be_integer ? k : 0, source, err);
}

static bool add_request(struct weights *weights, struct request request,
                        const struct weight_part *parts, size_t n_parts, struct error *err)
{
    if (!grow(&weights->requests, weights->n_requests, &weights->requests_capacity,
              sizeof *weights->requests, err))
        return false;
    request.first_source = weights->n_sources;
    request.n_sources = n_parts;
    for (size_t i = 0; i < n_parts; i++) {
        if (!add_source(weights, &parts[i], request.k, request.matrix != NULL, err))
            return false;
        request.n += parts[i].n;
    }
    size_t n_bytes;
    if (request.matrix != NULL
            ? !matrix_bytes(weights->kind, request.n, request.k, &n_bytes)
            : !checked_mul(request.n, sizeof(float), &n_bytes) ||
                  !checked_mul(n_bytes, request.k != 0 ? request.k : 1, &n_bytes))
        return error_set(err, ERROR_MODEL, "tensor '%s': too large", parts[0].name);
    weights->n_bytes += (n_bytes + MEMORY_ALIGNMENT - 1) & ~(size_t)(MEMORY_ALIGNMENT - 1);
    weights->requests[weights->n_requests++] = request;
    return true;
}

bool weights_matrix(struct weights *weights, struct matrix *matrix, size_t k,
                    const struct weight_part *parts, size_t n_parts, struct error *err)
{
    return add_request(weights, (struct request){.matrix = matrix, .k = k}, parts, n_parts, err);
}

bool weights_vector(struct weights *weights, float **vector, const struct weight_part *parts,
                    size_t n_parts, struct error *err)
{
    return add_request(weights, (struct request){.vector = vector}, parts, n_parts, err);
}

bool weights_table(struct weights *weights, float **table, size_t k, const struct weight_part *part,
                   struct error *err)
{
    return add_request(weights, (struct request){.vector = table, .k = k}, part, 1, err);
}

static bool is_wanted(const struct weights *weights, const struct tensor *tensor)
{
    for (size_t i = 0; i < weights->n_sources; i++) {
        const struct part *source = &weights->sources[i];
        if (source->tensor == tensor || source->scale == tensor || source->smooth == tensor)
            return true;
        /* Another name of the same bytes. */
        if (source->tensor != NULL && source->tensor->file == tensor->file &&
            source->tensor->offset == tensor->offset && tensor->n_bytes > 0)
            return true;
    }
    return false;
}

static bool list_surplus(const struct weights *weights, const struct config *config,
                         struct buffer *faults, struct error *err)
{
    for (size_t i = 0; i < tensors_count(weights->tensors); i++) {
        const struct tensor *tensor = tensors_at(weights->tensors, i);
        char escaped[160];
        if (weight_name_is_idle(config, tensor->name) || is_wanted(weights, tensor))
            continue;
        if (!buffer_printf(
                faults, err, "warning: %s: tensor '%s' is not used\n",
                tensors_file_name(weights->tensors, tensor->file),
                error_escape(escaped, sizeof escaped, tensor->name, strlen(tensor->name))))
            return false;
    }
    return true;
}

bool weights_check(struct weights *weights, const struct config *config, struct buffer *faults,
                   struct error *err)
{
    const struct buffer *found = &weights->faults;
    if (faults != NULL && found->n_bytes > 0 &&
        !buffer_append(faults, found->bytes, found->n_bytes, err))
        return false;
    if (faults != NULL && !list_surplus(weights, config, faults, err))
        return false;
    if (weights->n_faults == 0)
        return true;
    int first = (int)strcspn(found->bytes, "\n");
    if (weights->n_faults == 1)
        return error_set(err, ERROR_MODEL, "%.*s", first, found->bytes);
    return error_set(err, ERROR_MODEL, "%.*s (and %zu more faults)", first, found->bytes,
                     weights->n_faults - 1);
}

/* ---- the second pass --------------------------------------------------------------------------
 */

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

/* Scales of channels [first, first + n) of a stored int8 tensor: value = int8 * scale. */
static bool read_scales(struct loading *loading, const struct part *source, float *scales)
{
    const struct tensor *tensor = source->scale;
    if (tensor == NULL) { /* INTGEMM8 */
        float multiplier = source->tensor->multiplier;
        if (!(isfinite(multiplier) && multiplier > 0))
            return not_finite(loading, source->tensor, source->tensor->n_elements, multiplier);
        for (size_t i = 0; i < source->n; i++)
            scales[i] = 1.0f / multiplier;
        return true;
    }
    bool single = tensor->n_elements == 1;
    if (!read_vector(loading, tensor, single ? 0 : source->first, single ? 1 : source->n, scales))
        return false;
    for (size_t i = single ? 1 : 0; i < source->n && single; i++)
        scales[i] = scales[0];
    for (size_t i = 0; i < source->n && source->scale_is_inverse; i++) {
        if (!(scales[i] > 0))
            return error_set(loading->err, ERROR_MODEL,
                             "%s: tensor '%s': element %zu is not positive",
                             tensors_file_name(loading->weights->tensors, tensor->file),
                             tensor->name, single ? 0 : source->first + i);
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
    if (is_float(source->tensor->type))
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
    if (request->k > CHUNK_FLOATS / 16 ||
        !matrix_bytes(loading->weights->kind, request->n, request->k, &n_bytes))
        return error_set(loading->err, ERROR_MODEL, "matrix too wide: %zu inputs", request->k);
    if (!load_smooth(loading, request, &smooth, arena))
        return false;
    void *memory = carve(loading, n_bytes);
    matrix_place(request->matrix, loading->weights->kind, request->n, request->k, memory);
    if (loading->weights->kind == MATRIX_I8)
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
        if (source->tensor != NULL &&
            !read_vector(loading, source->tensor, source->first * k, source->n * k, vector))
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
    loading.at = arena_new(arena, weights->n_bytes, 1, err);
    bool ok = loading.values != NULL && loading.at != NULL;
    for (size_t i = 0; ok && i < weights->n_requests; i++) {
        const struct request *request = &weights->requests[i];
        ok = request->matrix != NULL ? load_matrix(&loading, request, arena)
                                     : load_vector(&loading, request);
    }
    memory_free(loading.values);
    return ok;
}
