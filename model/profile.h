/* profile.h - where the time of sessions goes: nanoseconds, multiplications and bytes of each
 * stage, added up over all sessions that share a profile. Off (a NULL profile) it costs a test.
 *
 *     uint64_t start = profile_start(profile);
 *     ... work ...
 *     profile_stop(profile, PROFILE_OUTPUT, start, multiply_adds, bytes);
 *
 * Stages do not nest. Any thread may add. */
#ifndef DRAGOMAN_MODEL_PROFILE_H
#define DRAGOMAN_MODEL_PROFILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kernels;
struct error;

enum profile_stage {
    PROFILE_ENCODER,   /* products of the encoder's layers, cross-attention keys and values too */
    PROFILE_DECODER,   /* products of the decoder's layers */
    PROFILE_OUTPUT,    /* the output layer: product, normalizer, best tokens */
    PROFILE_ATTENTION, /* scores, softmax and sums of values */
    PROFILE_TEXT,      /* sentences, pieces, and back */
    PROFILE_STAGES
};

struct profile {
    struct {
        _Atomic uint64_t nanoseconds, multiply_adds, bytes; /* bytes: weights or caches read */
    } stages[PROFILE_STAGES];
};

/* Now, or 0 if there is no profile. */
uint64_t profile_start(const struct profile *profile);
void profile_stop(struct profile *profile, enum profile_stage stage, uint64_t start,
                  uint64_t multiply_adds, uint64_t bytes);

/* What one core does at best: multiply-adds a second of the unit's int8 product on matrices that
 * stay in the first caches, and bytes a second read from a table of n_bytes (the size of a model's
 * weights). Takes about a third of a second. */
bool profile_machine(const struct kernels *kernels, size_t n_bytes, double *multiply_adds,
                     double *bytes, struct error *err);

#endif
