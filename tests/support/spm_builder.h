/* spm_builder.h - SentencePiece models by hand, right or wrong, for tests alone.
 *
 *     struct spm_parts parts;
 *     spm_parts_start(&parts);                    <unk>, <s>, </s>
 *     spm_add(&parts, "a", SPM_NORMAL);
 *     spm_put_number(&parts.trainer, 3, 2);       any field of the trainer_spec
 *     spm_parts_finish(&parts);                   parts.model is the file
 *     buffer_free(&parts.model);
 *
 * They abort when memory runs out. */
#ifndef DRAGOMAN_TESTS_SUPPORT_SPM_BUILDER_H
#define DRAGOMAN_TESTS_SUPPORT_SPM_BUILDER_H

#include "base/memory.h"

enum { SPM_NORMAL = 1, SPM_UNKNOWN = 2, SPM_CONTROL = 3, SPM_USER = 4, SPM_BYTE = 6 };

/* Fields of protobuf's wire format at the end of a buffer. */
void spm_put_varint(struct buffer *out, uint64_t value);
void spm_put_number(struct buffer *out, uint32_t field, uint64_t value);
void spm_put_bytes(struct buffer *out, uint32_t field, const void *bytes, size_t n_bytes);
void spm_put_message(struct buffer *out, uint32_t field, struct buffer *message); /* frees it */

void spm_put_piece(struct buffer *model, const char *text, size_t n_bytes, float score,
                   uint64_t type);

/* Pieces in `model`, and what is to be in the two specs. */
struct spm_parts {
    struct buffer model, trainer, normalizer;
};

void spm_parts_start(struct spm_parts *parts);
void spm_add(struct spm_parts *parts, const char *text, uint64_t type);
void spm_add_bytes(struct spm_parts *parts, unsigned n); /* <0x00>, <0x01>, ... */
void spm_parts_finish(struct spm_parts *parts);

#endif
