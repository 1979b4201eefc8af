/* names.h - what each family calls the pieces of a layer. One table a family; the loader and the
 * converter both go by it. */
#ifndef DRAGOMAN_MODEL_NAMES_H
#define DRAGOMAN_MODEL_NAMES_H

#include "model/config.h"

enum weight_role {
    ROLE_SELF_Q,
    ROLE_SELF_K,
    ROLE_SELF_V,
    ROLE_SELF_OUT,
    ROLE_CROSS_Q,
    ROLE_CROSS_K,
    ROLE_CROSS_V,
    ROLE_CROSS_OUT,
    ROLE_FFN_IN,
    ROLE_FFN_GATE,
    ROLE_FFN_OUT,
    ROLE_RNN_CELL,
    ROLE_RNN_FORGET,
    ROLE_RNN_OUT,
    ROLE_AVERAGE_IN,
    ROLE_AVERAGE_OUT,
    ROLE_AVERAGE_GATE_INPUT,
    ROLE_AVERAGE_GATE_MEAN,
    ROLE_SELF_NORM_BEFORE,
    ROLE_SELF_NORM_AFTER,
    ROLE_CROSS_NORM_BEFORE,
    ROLE_CROSS_NORM_AFTER,
    ROLE_FFN_NORM_BEFORE,
    ROLE_FFN_NORM_AFTER,
    ROLE_RNN_NORM_BEFORE,
    ROLE_RNN_NORM_AFTER,
    ROLE_AVERAGE_NORM_BEFORE,
    ROLE_AVERAGE_NORM_AFTER,
    ROLE_EMBEDDING_NORM,
    ROLE_FINAL_NORM,
    ROLE_POSITIONS,
    ROLE_RELATIVE_BIAS,
    ROLE_COUNT
};

enum stack_side { SIDE_ENCODER, SIDE_DECODER };

/* Where a piece is. In the patterns $s stands for "encoder" or "decoder", $l for the layer's number
 * from 0, $n for the same from 1. */
struct weight_name {
    const char *weight, *bias; /* NULL: this family has none */
    uint8_t part, n_parts; /* the part-th of n_parts blocks of rows of that tensor; 0 of 0: all */
};

#define WEIGHT_NAME_BYTES 128

/* The row of the family's table, or NULL if the network has no such piece there. */
const struct weight_name *weight_name_find(const struct config *config, enum stack_side side,
                                           enum weight_role role);

/* Expands a pattern into `out`. */
void weight_name_expand(char out[WEIGHT_NAME_BYTES], const char *pattern, enum stack_side side,
                        uint32_t layer);

/* Names under which a vocabulary table may be found, in order of preference, NULL at the end. */
const char *const *weight_names_embedding(const struct config *config, enum stack_side side);

/* The output matrix when it is not tied, and its bias (NULL: the family has none). */
const char *weight_name_output(const struct config *config);
const char *weight_name_output_bias(const struct config *config);

/* True for a tensor that such a checkpoint may hold though nothing needs it. */
bool weight_name_is_idle(const struct config *config, const char *name);

#endif
