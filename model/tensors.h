/* tensors.h - the named arrays of a checkpoint, whatever file format they came in.
 *
 * A `struct tensors` is an index: names, types, shapes and where the bytes lie, everything
 * validated before anything is allocated for it. Values are read on demand, in pieces, as floats.
 * One parser a format (safetensors.c, torch.c, npz.c, marian_bin.c, ct2.c) fills it through
 * tensors_build.h; nobody else knows formats.
 *
 *     struct tensors *tensors;
 *     if (!tensors_open(&tensors, directory, FORMAT_AUTO, &err)) ...
 *     const struct tensor *w = tensors_find(tensors, "model.shared.weight");
 *     tensors_read_f32(tensors, w, row * k, k, values, &err);
 *     tensors_close(tensors, &err);         false: a file changed while it was read
 *
 * Not shared between threads. */
#ifndef DRAGOMAN_MODEL_TENSORS_H
#define DRAGOMAN_MODEL_TENSORS_H

#include "base/file.h"

enum tensor_type {
    TENSOR_F32,
    TENSOR_F16,
    TENSOR_BF16,
    TENSOR_F64,
    TENSOR_I8,
    TENSOR_I16,
    TENSOR_I32,
    TENSOR_I64,
    TENSOR_U8,
    TENSOR_BOOL,
    TENSOR_INTGEMM8 /* Bergamot: int8 values with one multiplier for the matrix, see below */
};

/* TENSOR_INTGEMM8. `shape` is what the file declares, [in, out] as for Marian's float matrices, and
 * element (i, o) has the value int8 / multiplier. The bytes of all but the embeddings are stored
 * transposed, [out][in]: so their strides are {1, in}, and tensor_transpose() of such a tensor is
 * plain row-major [out, in], a run of bytes a channel. Embeddings ("Wemb") are stored as declared,
 * [V][D], with strides {D, 1}. Indices and reads are in logical order here as everywhere. */

enum tensor_format {
    FORMAT_AUTO,
    FORMAT_SAFETENSORS,
    FORMAT_TORCH,  /* pytorch_model.bin, zip or legacy stream */
    FORMAT_MARIAN, /* model.npz or Bergamot .bin */
    FORMAT_CT2,    /* CTranslate2 model.bin */
    FORMAT_HF      /* safetensors or PyTorch, as for FORMAT_AUTO; nothing else */
};

#define TENSOR_MAX_RANK 8
#define TENSOR_MAX_DIMENSION ((size_t)1 << 24)
#define TENSOR_MAX_NAME 1024                  /* bytes */
#define TENSORS_MAX_COUNT 65536               /* tensors of a checkpoint */
#define TENSORS_MAX_FILES 256                 /* shards */
#define TENSORS_MAX_HEADER ((size_t)16 << 20) /* bytes of an index, header or pickle */

struct tensor {
    const char *name; /* as in the file, UTF-8, owned by the tensors */
    enum tensor_type type;
    size_t rank;
    size_t shape[TENSOR_MAX_RANK];   /* elements, row-major order of the indices */
    size_t strides[TENSOR_MAX_RANK]; /* elements; of a row-major array unless it is a transposed
                                        view. No two elements share bytes */
    size_t n_elements;
    size_t file;            /* which file of the set */
    size_t offset, n_bytes; /* where element 0 is in that file, and bytes up to the last's end */
    float multiplier;       /* TENSOR_INTGEMM8: value = int8 / multiplier */
};

struct tensors;

/* Opens what `directory` holds. FORMAT_AUTO goes by layout and magic, never by trying one after the
 * other: model.safetensors, then model.safetensors.index.json, then pytorch_model.bin (and its
 * index), then CTranslate2's model.bin, then one *.npz or Marian *.bin. `directory` may also be one
 * such file. Another format says which of these it has to be. Faults are ERROR_MODEL: "FILE: tensor
 * 'NAME': expected ..., found ..."; what is known and not read is named ("an ONNX model"). */
bool tensors_open(struct tensors **tensors, const char *directory, enum tensor_format format,
                  struct error *err);

/* Parses one file of `n_bytes` in memory, which must outlive the tensors; `name` is for messages.
 * FORMAT_AUTO goes by content. */
bool tensors_open_bytes(struct tensors **tensors, const char *name, const void *bytes,
                        size_t n_bytes, enum tensor_format format, struct error *err);

/* Which format it turned out to be (never FORMAT_AUTO or FORMAT_HF), and the name of file number
 * `file`. */
enum tensor_format tensors_format(const struct tensors *tensors);
const char *tensors_file_name(const struct tensors *tensors, size_t file);
size_t tensors_file_count(const struct tensors *tensors);

size_t tensors_count(const struct tensors *tensors);
const struct tensor *tensors_at(const struct tensors *tensors, size_t index); /* in file order */

/* The tensor called `name`, or NULL. */
const struct tensor *tensors_find(const struct tensors *tensors, const char *name);

/* The same tensor with its two axes exchanged: a value for the read functions below, no data moves.
 * So Marian's [in, out] matrices are read as rows of [out, in]. `tensor` must have rank 2. */
struct tensor tensor_transpose(const struct tensor *tensor);

/* Elements [first, first + count) in row-major order of the indices (whatever the strides) as
 * floats. Integers are converted by value, INTGEMM8 divided by its multiplier. Does not check that
 * they are finite (the caller's pass over the values does). Row-major storage is read straight from
 * the file; of a strided tensor the storage is read once and kept until another one is read. The
 * checksum of a zip member is verified before its first byte is used ("checksum"). */
bool tensors_read_f32(const struct tensors *tensors, const struct tensor *tensor, size_t first,
                      size_t count, float *out, struct error *err);

/* The same for int8 tensors (I8, INTGEMM8), unconverted. */
bool tensors_read_i8(const struct tensors *tensors, const struct tensor *tensor, size_t first,
                     size_t count, int8_t *out, struct error *err);

/* Strings that a format keeps beside its arrays, or NULL: "special:model.yml" of Marian; "version",
 * "revision" (both decimal) and "spec" of CTranslate2 (version 1 has only the first).
 * NUL-terminated; `n_bytes` may be NULL. */
const char *tensors_note(const struct tensors *tensors, const char *key, size_t *n_bytes);

/* Name of a type as messages print it: "F32". */
const char *tensor_type_name(enum tensor_type type);

/* Closes the files and frees. Every tensor pointer dies. NULL is allowed. */
bool tensors_close(struct tensors *tensors, struct error *err);

#endif
