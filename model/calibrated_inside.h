/* calibrated_inside.h - what the layers' half (calibrated.c) and the vocabulary's half
 * (calibrated_tables.c) share. */
#ifndef DRAGOMAN_MODEL_CALIBRATED_INSIDE_H
#define DRAGOMAN_MODEL_CALIBRATED_INSIDE_H

#include "model/calibrated.h"

struct calibrated {
    const struct calibration *calibration;
    const struct kernels *kernels;
    struct arena *arena;
    struct error *err;
};

/* A matrix of zeros in the arena. */
bool calibrated_place(const struct calibrated *making, enum matrix_kind kind, size_t n, size_t k,
                      struct matrix *out);

/* Makes the network's tables, and its preview from the decoder `states` it was fed. */
bool calibrated_tables(const struct calibrated *making, struct network *network,
                       const struct config *config, const struct moments *states, size_t rank);

#endif
