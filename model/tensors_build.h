/* tensors_build.h - the inside of struct tensors, for the parsers that fill it and for nobody else.
 *
 * A parser reads the index of one file (tensors->files[file]) and calls tensors_add() for each
 * array and tensors_add_note() for each text. Both check everything that does not depend on the
 * format: names, limits, shapes, that the bytes lie inside the file, that nothing is there twice.
 *
 *     struct tensor t = {.type = TENSOR_F32, .rank = 2, .shape = {n, k}, .file = file,
 *                        .offset = at, .n_bytes = length};
 *     if (!tensors_add(tensors, &t, name, n_name, err)) ... */
#ifndef DRAGOMAN_MODEL_TENSORS_BUILD_H
#define DRAGOMAN_MODEL_TENSORS_BUILD_H

#include "model/source.h"
#include "model/tensors.h"

struct tensors_note {
    struct tensors_note *next;
    const char *key, *text;
    size_t n_bytes;
};

/* A zip member: its bytes in the file and what their CRC-32 must be. */
struct tensors_member {
    size_t file, offset, n_bytes;
    uint32_t crc;
    bool verified;
};

/* What reading changes; apart, because reading takes a const struct tensors. */
struct tensors_cache {
    /* Of the last strided tensor read: n_bytes at `offset` of file `file`; NULL at first. */
    unsigned char *storage;
    size_t file, offset, n_bytes;
    /* Of row-major tensors: the bytes read ahead, `window_bytes` at `window_at` of `window_file`.
     */
    unsigned char *window;
    size_t window_file, window_at, window_bytes;
    /* Zip members by file and offset. */
    struct tensors_member *members;
    size_t n_members, member_capacity;
};

struct tensors {
    enum tensor_format format;
    struct arena arena; /* names and notes */
    struct source *files;
    size_t n_files;
    struct tensor *items;
    size_t count, capacity;
    uint32_t *sorted; /* [n_sorted] indices into items by name, as of the last tensors_sort() */
    size_t n_sorted;
    struct tensors_note *notes;
    struct tensors_cache *cache;
};

/* An index of `n_files` files, none open yet. */
struct tensors *tensors_new(size_t n_files, struct error *err);

/* Adds `draft` (all but its name; n_elements is computed) called by `n_name` bytes at `name`.
 * `draft.strides` all zero means row-major, and then n_bytes must be exactly that of the elements;
 * otherwise n_bytes is what the storage has from `offset` on, and is cut to what the view spans. */
bool tensors_add(struct tensors *tensors, const struct tensor *draft, const char *name,
                 size_t n_name, struct error *err);

/* Sorts what was added so far by name, so that tensors_find() sees it, and refuses a name that is
 * there twice ("duplicate"). Every parser ends with it. */
bool tensors_sort(struct tensors *tensors, struct error *err);

/* Adds a text under `key`; copies both. */
bool tensors_add_note(struct tensors *tensors, const char *key, const char *text, size_t n_bytes,
                      struct error *err);

/* Adds a text that runs to the first NUL of the `n_bytes` (at most 1 MiB) at `offset` of a file:
 * Marian's special:model.yml. */
bool tensors_add_note_at(struct tensors *tensors, const char *key, size_t file, size_t offset,
                         size_t n_bytes, struct error *err);

/* Registers a zip member whose checksum is verified before a tensor inside it is read. */
bool tensors_add_member(struct tensors *tensors, const struct tensors_member *member,
                        struct error *err);

/* Verifies the member that holds byte `offset` of `file`, once; true if there is none. */
bool tensors_verify(const struct tensors *tensors, size_t file, size_t offset, struct error *err);

/* Bytes of an element of this type. */
size_t tensor_type_bytes(enum tensor_type type);

/* Product of a shape, checked; false on overflow. The product of none is 1. */
bool tensor_count_elements(const size_t *shape, size_t rank, size_t *n_elements);

/* Sets "FILE: tensor 'NAME': ..." as ERROR_MODEL, a long name cut so that the reason stays visible;
 * returns false. */
bool tensor_fault(const struct source *source, const char *name, size_t n_name, struct error *err,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
