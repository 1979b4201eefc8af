/* check_tensors.h - what the tests of tensor files assert again and again: that bytes load, with
 * every value readable, or are refused with one clean line. */
#ifndef DRAGOMAN_TESTS_SUPPORT_CHECK_TENSORS_H
#define DRAGOMAN_TESTS_SUPPORT_CHECK_TENSORS_H

#include "base/memory.h"
#include "model/tensors.h"

/* Opens the bytes, which must load. The caller closes. The copy that is read lies in memory of
 * exactly its size, so that a sanitizer sees a read past its end; it is freed by
 * close_tensors(). */
struct opened {
    struct tensors *tensors;
    void *copy;
};
struct opened open_tensors(const struct buffer *bytes, enum tensor_format format);
void close_tensors(struct opened *opened);

/* The bytes must be refused as ERROR_MODEL with a text that holds `reason`, and nothing of which is
 * unprintable. */
void check_refused(const struct buffer *bytes, enum tensor_format format, const char *reason);

/* The bytes may load or be refused, but all values of what loads must be readable or be refused,
 * too (a checksum). Returns whether it loaded. */
bool check_survives(const void *bytes, size_t n_bytes, enum tensor_format format);

/* Every prefix of the bytes must be refused, and every flip of one of their first `n_flipped`
 * bytes' bits must be survived. */
void check_truncations(const struct buffer *bytes, enum tensor_format format);
void check_flips(const struct buffer *bytes, enum tensor_format format, size_t n_flipped);

/* Element `index` of the tensor called `name`, which must be there. */
float value_at(const struct tensors *tensors, const char *name, size_t index);

/* Replaces the first `old` in the bytes by `new`, of the same length; `old` must be there. */
void replace_bytes(struct buffer *bytes, const void *old, const void *new, size_t n_bytes);

/* The offset of the `nth` (from 0) occurrence of `needle`, which must be there. */
size_t find_bytes(const struct buffer *bytes, const void *needle, size_t n_bytes, size_t nth);

/* The whole of a file. */
struct buffer load_bytes(const char *path);

#endif
