/* checkpoints.h - writers of every checkpoint format we read, for tests alone: the same few arrays
 * as safetensors, PyTorch (zip or stream), npz, Marian binary or CTranslate2, as bytes in memory.
 *
 *     struct array arrays[] = {{.name = "a", .type = TENSOR_F32, .rank = 2, .shape = {2, 3},
 *                               .values = values}};
 *     struct buffer bytes = {0};
 *     checkpoint_npz(&bytes, arrays, 1, "type: transformer\n");
 *
 * They abort when memory runs out. Faulty files are made by changing the bytes, or from the parts
 * below. */
#ifndef DRAGOMAN_TESTS_SUPPORT_CHECKPOINTS_H
#define DRAGOMAN_TESTS_SUPPORT_CHECKPOINTS_H

#include "base/memory.h"
#include "model/tensors.h"

struct array {
    const char *name;
    enum tensor_type type;
    size_t rank;
    size_t shape[TENSOR_MAX_RANK];
    const void *values;   /* as they are to stand in the file */
    bool column_major;    /* torch: strides of a transposed view; npz: fortran_order */
    const char *alias_of; /* torch: the storage of that array; CTranslate2: an alias; no values */
    float multiplier;     /* INTGEMM8 */
};

size_t array_bytes(const struct array *array);

/* The nearest IEEE half, ties to even, of a value within its range. */
uint16_t half_of(float value);

void checkpoint_safetensors(struct buffer *out, const struct array *arrays, size_t n_arrays);
void checkpoint_torch_zip(struct buffer *out, const struct array *arrays, size_t n_arrays);
/* Its pickle alone, and the archive with any bytes for a pickle. */
void checkpoint_torch_pickle(struct buffer *out, const struct array *arrays, size_t n_arrays);
void checkpoint_torch_zip_of(struct buffer *out, const void *pickle, size_t n_pickle,
                             const struct array *arrays, size_t n_arrays);
void checkpoint_torch_stream(struct buffer *out, const struct array *arrays, size_t n_arrays);
void checkpoint_npz(struct buffer *out, const struct array *arrays, size_t n_arrays,
                    const char *model_yml);
void checkpoint_marian_bin(struct buffer *out, const struct array *arrays, size_t n_arrays,
                           const char *model_yml);
void checkpoint_ct2(struct buffer *out, uint32_t version, const struct array *arrays,
                    size_t n_arrays);

/* Little-endian numbers and raw bytes at the end of a buffer. */
void put_u8(struct buffer *out, unsigned value);
void put_u16(struct buffer *out, unsigned value);
void put_u32(struct buffer *out, uint64_t value);
void put_u64(struct buffer *out, uint64_t value);
void put_bytes(struct buffer *out, const void *bytes, size_t n_bytes);
void put_text(struct buffer *out, const char *text); /* without its NUL */
void put_zeros(struct buffer *out, size_t count);

/* A zip archive under construction. */
struct zip_writer {
    struct buffer *out;
    struct buffer central;
    size_t n_members;
    bool descriptors; /* sizes and CRC after the contents, zeros in the local header */
    bool zip64;       /* Zip64 fields and end records, as if the archive were large */
    size_t alignment; /* contents begin at a multiple of this, by an extra field; 0: as it comes */
};

void zip_writer_add(struct zip_writer *zip, const char *name, const void *bytes, size_t n_bytes);
void zip_writer_end(struct zip_writer *zip); /* frees `central` */

/* The bytes of a .npy file. `order` is "True" or "False", `descr` as "<f4", `shape` as "(2, 3)". */
void put_npy(struct buffer *out, const char *descr, const char *order, const char *shape,
             const void *values, size_t n_bytes);

/* Pieces of a pickle. */
void put_pickle_text(struct buffer *out, const char *text);
void put_pickle_integer(struct buffer *out, int64_t value);
void put_pickle_global(struct buffer *out, const char *module, const char *name);
void put_pickle_sizes(struct buffer *out, const size_t *sizes, size_t count);

#endif
