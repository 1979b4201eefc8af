#include "model/convert.h"

#include "model/calibrated.h"
#include "model/config_family.h"
#include "model/convert_files.h"
#include "model/network.h"
#include "model/safetensors_write.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct conversion {
    enum convert_type type;
    struct safetensors_writer *writer;
    size_t *indices; /* of declared tensors, in the order of the visit */
    size_t n_indices, capacity, next;
    float *row; /* [widest k] */
};

/* ---- first visit: names, types and shapes -----------------------------------------------------
 */

static bool declare(struct conversion *conversion, const char *name, const char *suffix,
                    enum tensor_type type, size_t rank, const size_t *shape, struct error *err)
{
    char full[WEIGHT_NAME_BYTES + 16];
    if (conversion->n_indices == conversion->capacity) {
        size_t capacity = conversion->capacity * 2 + 64;
        if (!memory_resize(&conversion->indices, conversion->capacity, capacity,
                           sizeof *conversion->indices, err))
            return false;
        conversion->capacity = capacity;
    }
    snprintf(full, sizeof full, "%s%s", name, suffix);
    return safetensors_writer_declare(conversion->writer, full, type, rank, shape,
                                      &conversion->indices[conversion->n_indices++], err);
}

static bool declare_piece(void *argument, const struct network_piece *piece, struct error *err)
{
    struct conversion *conversion = argument;
    enum tensor_type type = conversion->type == CONVERT_F16 ? TENSOR_F16 : TENSOR_F32;
    if (piece->w != NULL && piece->w->kind == MATRIX_F16)
        return declare(conversion, piece->name, "", TENSOR_F16, 2, piece->shape, err);
    if (piece->w == NULL || piece->w->kind == MATRIX_F32)
        return declare(conversion, piece->name, "", type, piece->rank, piece->shape, err);
    return declare(conversion, piece->name, "", TENSOR_I8, 2, piece->shape, err) &&
           declare(conversion, piece->name, ".scale", TENSOR_F32, 1, &piece->shape[0], err) &&
           (piece->w->smooth == NULL ||
            declare(conversion, piece->name, ".smooth", TENSOR_F32, 1, &piece->shape[1], err));
}

/* ---- second visit: values ---------------------------------------------------------------------
 */

/* The nearest half, ties to even; infinite if there is none. */
static uint16_t half_from(float value)
{
    uint32_t bits, sign;
    memcpy(&bits, &value, sizeof bits);
    sign = bits >> 16 & 0x8000;
    bits &= 0x7fffffff;
    if (bits >= 0x477ff000) /* 65520 and more */
        return (uint16_t)(sign | 0x7c00);
    if (bits < 0x38800000) { /* below 2^-14: a multiple of 2^-24 */
        float magnitude;
        memcpy(&magnitude, &bits, sizeof magnitude);
        return (uint16_t)(sign | (uint32_t)lrintf(magnitude * 16777216.0f));
    }
    bits += 0xfff + (bits >> 13 & 1); /* carries into the exponent as it should */
    return (uint16_t)(sign | (bits - 0x38000000) >> 13);
}

static bool put_values(struct conversion *conversion, size_t index, const char *name,
                       const float *values, size_t n, struct error *err)
{
    uint16_t halves[256];
    if (conversion->type != CONVERT_F16)
        return safetensors_writer_put(conversion->writer, index, values, n * sizeof *values, err);
    for (size_t i = 0; i < n; i += 256) {
        size_t m = n - i < 256 ? n - i : 256;
        for (size_t j = 0; j < m; j++) {
            halves[j] = half_from(values[i + j]);
            if ((halves[j] & 0x7fff) == 0x7c00)
                return error_set(err, ERROR_MODEL, "tensor '%s': %g is too large for float16", name,
                                 (double)values[i + j]);
        }
        if (!safetensors_writer_put(conversion->writer, index, halves, m * sizeof halves[0], err))
            return false;
    }
    return true;
}

static bool put_int8(struct conversion *conversion, const struct network_piece *piece,
                     struct error *err)
{
    const struct matrix *w = piece->w;
    struct safetensors_writer *writer = conversion->writer;
    size_t index = conversion->indices[conversion->next++];
    for (size_t i = 0; i < piece->shape[0]; i++) {
        int8_t *row = (int8_t *)conversion->row;
        matrix_get_channel_i8(w, piece->first + i, row);
        if (!safetensors_writer_put(writer, index, row, w->k, err))
            return false;
    }
    return safetensors_writer_put(writer, conversion->indices[conversion->next++],
                                  w->scales + piece->first, piece->shape[0] * sizeof(float), err) &&
           (w->smooth == NULL ||
            safetensors_writer_put(writer, conversion->indices[conversion->next++], w->smooth,
                                   w->k * sizeof(float), err));
}

static bool put_piece(void *argument, const struct network_piece *piece, struct error *err)
{
    struct conversion *conversion = argument;
    const struct matrix *w = piece->w;
    if (w != NULL && w->kind == MATRIX_I8)
        return put_int8(conversion, piece, err);
    size_t index = conversion->indices[conversion->next++];
    if (w != NULL && w->kind == MATRIX_F16)
        return safetensors_writer_put(conversion->writer, index, w->f16 + piece->first * w->k,
                                      piece->shape[0] * w->k * sizeof *w->f16, err);
    if (w == NULL)
        return put_values(conversion, index, piece->name, piece->values,
                          piece->shape[0] * (piece->rank == 2 ? piece->shape[1] : 1), err);
    for (size_t i = 0; i < piece->shape[0]; i++) {
        matrix_get_channel(w, piece->first + i, conversion->row);
        if (!put_values(conversion, index, piece->name, conversion->row, w->k, err))
            return false;
    }
    return true;
}

static bool write_tensors(const struct network *network, const struct config *config,
                          const char *to, enum convert_type type, struct error *err)
{
    struct conversion conversion = {.type = type};
    struct buffer path = {0};
    size_t widest =
        config->encoder_ffn > config->decoder_ffn ? config->encoder_ffn : config->decoder_ffn;
    conversion.row = memory_new(widest + (size_t)CONFIG_MAX_WIDTH, sizeof(float), err);
    bool ok = conversion.row != NULL && buffer_printf(&path, err, "%s/model.safetensors", to) &&
              safetensors_writer_open(&conversion.writer, path.bytes, false, err);
    ok = ok && network_visit(network, config, declare_piece, &conversion, err) &&
         safetensors_writer_begin(conversion.writer, err) &&
         network_visit(network, config, put_piece, &conversion, err);
    ok = safetensors_writer_close(conversion.writer, ok, err) && ok;
    memory_free(conversion.indices);
    memory_free(conversion.row);
    buffer_free(&path);
    return ok;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

/* The names the output has: the family's own, or the general ones. */
static void choose_names(struct config *config)
{
    if (config->names == FAMILY_MARIAN_NATIVE || config->names == FAMILY_CT2)
        config->names = FAMILY_MARIAN;
}

/* Trims, quantizes and writes what is open. */
static bool write_model(const struct model *model, const char *from, const char *to,
                        const struct convert_options *options, struct error *err)
{
    struct trimmed trimmed = {.config = *model_config(model), .network = *model_network(model)};
    struct network network;
    struct arena arena = {0};
    bool as_own =
        trimmed.config.family == FAMILY_MARIAN_NATIVE || trimmed.config.family == FAMILY_CT2;
    choose_names(&trimmed.config);
    bool ok = options->kept == NULL || trim_network(&trimmed, model_kernels(model), from,
                                                    options->kept, options->n_kept, err);
    network = trimmed.network;
    ok = ok &&
         (options->calibration == NULL ||
          calibrated_network(&network, &trimmed.network, &trimmed.config,
                             &(struct calibrated_options){.calibration = options->calibration,
                                                          .kernels = model_kernels(model),
                                                          .output = &model_network(model)->output.w,
                                                          .preview_rank = options->preview_rank},
                             &arena, err));
    ok = ok && convert_directory(to, err) && convert_files(from, to, &trimmed, as_own, err) &&
         write_tensors(&network, &trimmed.config, to, options->type, err);
    arena_free(&arena);
    trim_free(&trimmed);
    return ok;
}

bool convert_model(const char *from, const char *to, const struct convert_options *options,
                   struct buffer *faults, struct error *err)
{
    struct model *model = NULL;
    struct model_options open_options = {.precision = options->type == CONVERT_INT8 ? PRECISION_INT8
                                                                                    : PRECISION_F32,
                                         .format = options->format,
                                         .kernels = options->kernels};
    if (options->calibration != NULL)
        return write_model(options->model, from, to, options, err);
    if (!model_open(&model, from, &open_options, faults, err))
        return false;
    bool ok = write_model(model, from, to, options, err);
    model_close(model);
    return ok;
}
