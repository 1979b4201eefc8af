#include "model/weights_inside.h"

#include "base/checked.h"

#include <stdio.h>
#include <string.h>

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

const struct tensor *weights_find(const struct weights *weights, const char *name)
{
    return tensors_find(weights->tensors, name);
}

enum matrix_kind weights_kind(const struct weights *weights)
{
    return weights->kind;
}

uint64_t weights_bytes(const struct weights *weights)
{
    return weights->n_bytes;
}

bool weights_are_quantized(const struct weights *weights)
{
    for (size_t i = 0; i < weights->n_sources; i++)
        if (weights->sources[i].tensor != NULL &&
            !weights_is_float(weights->sources[i].tensor->type))
            return true;
    return false;
}

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
    if (tensor == NULL || (weights_is_float(tensor->type) && is_vector(tensor, n)))
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
    if (weights_is_float(tensor->type))
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
            ? !matrix_bytes(request.kind, request.n, request.k, &n_bytes)
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
    struct request request = {.matrix = matrix, .kind = weights->kind, .k = k};
    return add_request(weights, request, parts, n_parts, err);
}

bool weights_matrix_of(struct weights *weights, struct matrix *matrix, enum matrix_kind kind,
                       size_t k, const struct weight_part *part, struct error *err)
{
    struct request request = {.matrix = matrix, .kind = kind, .k = k};
    return add_request(weights, request, part, 1, err);
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
