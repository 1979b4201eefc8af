/* safetensors_write.h - writing a safetensors file, tensor by tensor, for `dragoman convert`.
 *
 * All names, types and shapes are declared first; then the values come in pieces, tensor after
 * tensor in any order. The file appears under its name only when it is complete and on disk:
 * it is written beside it under a temporary name, synced and renamed.
 *
 *     struct safetensors_writer *writer;
 *     if (!safetensors_writer_open(&writer, "out/model.safetensors", false, &err)) ...
 *     safetensors_writer_declare(writer, "a.weight", TENSOR_F32, 2, shape, &a, &err);
 *     safetensors_writer_begin(writer, &err);
 *     safetensors_writer_put(writer, a, values, n_bytes, &err);       as often as needed
 *     safetensors_writer_close(writer, true, &err);
 *
 * The header is that of the reference implementation: tensors by falling element size, then by
 * name, metadata {"format":"pt"}, padded with spaces so that the data begin at a multiple of 8. The
 * same calls give the same bytes. Faults are ERROR_OUTPUT. */
#ifndef DRAGOMAN_MODEL_SAFETENSORS_WRITE_H
#define DRAGOMAN_MODEL_SAFETENSORS_WRITE_H

#include "model/tensors.h"

struct safetensors_writer;

/* Creates the temporary file. An existing `path` is refused unless `replace`. */
bool safetensors_writer_open(struct safetensors_writer **writer, const char *path, bool replace,
                             struct error *err);

/* Declares a tensor of any type but INTGEMM8; `*index` is how safetensors_writer_put() knows it.
 * Names are checked as when reading; a name declared twice is found by safetensors_writer_begin().
 */
bool safetensors_writer_declare(struct safetensors_writer *writer, const char *name,
                                enum tensor_type type, size_t rank, const size_t *shape,
                                size_t *index, struct error *err);

/* Ends the declarations and writes the header. */
bool safetensors_writer_begin(struct safetensors_writer *writer, struct error *err);

/* Appends `n_bytes` of row-major little-endian values to tensor `index`. */
bool safetensors_writer_put(struct safetensors_writer *writer, size_t index, const void *values,
                            size_t n_bytes, struct error *err);

/* Frees the writer. With `commit`, checks that all values were put, syncs, and gives the file its
 * name; otherwise, and on failure, no file remains. NULL is allowed. */
bool safetensors_writer_close(struct safetensors_writer *writer, bool commit, struct error *err);

#endif
