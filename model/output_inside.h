/* output_inside.h - what the files of the output layer share: output.c (products and what remains
 * of them), output_gather.c (shortlists), output_rescore.c (exact logits of the likeliest). */
#ifndef DRAGOMAN_MODEL_OUTPUT_INSIDE_H
#define DRAGOMAN_MODEL_OUTPUT_INSIDE_H

#include "model/output.h"
#include "model/session.h"

/* What a share of the columns knows of a row so far. */
struct output_row {
    struct candidate *best; /* [n_kept] by logit descending, then token ascending */
    uint32_t n, n_kept;
    uint32_t banned_at, wanted_at; /* lists are ascending: what is not passed yet */
    bool not_finite, has_threshold;
    /* Rescored: instead of the best so far, what may be among them. */
    float threshold;   /* what is below cannot */
    float *logits;     /* [2 n_kept] */
    uint32_t *columns; /* [2 n_kept] ascending */
};

/* Rows that share an output matrix. */
struct output_group {
    struct session *session;
    struct step_row *rows;
    const struct operand *operand; /* m rows */
    const struct linear *linear;
    const uint32_t *tokens; /* of the columns, or NULL: column j is token j */
    uint32_t n_columns, n_blocks;
    const float *states; /* [m][D] if candidates are rescored from the table, or NULL */
    float largest_scale; /* rescored: of a channel */
    float rest_factor;   /* rescored: of the exponentials of all other tokens */
};

static inline uint32_t token_of(const struct output_group *group, uint32_t column)
{
    return group->tokens != NULL ? group->tokens[column] : column;
}

/* Gathers the channels of `tokens`, unless they are there from the step before: as they are, or as
 * int8 from a table of halves. `row` is room for one channel. */
bool gathered_set(struct gathered *gathered, const struct session *session, const uint32_t *tokens,
                  uint32_t n, float *row, struct error *err);

/* Appends a column, or those of a block (first .. first + count, logits x), that may be among the
 * best n_kept; `indices` is room for `count`. Then takes away all but the best n_kept. */
void output_append(struct output_row *state, const struct kernels *kernels, uint32_t column,
                   float logit);
void output_append_block(struct output_row *state, const struct kernels *kernels, uint32_t *indices,
                         uint32_t first, uint32_t count, const float *x);
/* The same, and sum_and_select()'s sum in the same pass. */
float output_append_and_sum(struct output_row *state, const struct kernels *kernels,
                            uint32_t *indices, uint32_t first, uint32_t count, const float *x,
                            float reference);
void output_keep_best(struct output_row *state, const struct kernels *kernels);

/* How many candidates a row must keep so that enough remain after rescoring: banned ones, which
 * have their part in the normalizer, are taken out only then. */
uint32_t rescore_kept(const struct step_row *row);

/* The sum of a row's exponentials, over exp(*maximum), as the blocks have it; output->factors
 * become what each block's sum was multiplied with. */
double sum_blocks(struct output *output, const struct kernels *kernels, uint32_t i,
                  uint32_t n_blocks, float *maximum);

/* Asks for what rescore_row() will read of the table: its channels lie anywhere in it. */
void rescore_ahead(const struct output_group *group, const struct output_row *state);

/* Replaces what the product says of row i by what the table says: the logits of the likeliest
 * columns, which become the row's best tokens; their parts of the normalizer; the logits wanted.
 * False if one is not finite. */
bool rescore_row(const struct output_group *group, uint32_t i, struct output_row *state,
                 const float *decoded);

/* row->logits, of all tokens considered (minus infinity for the banned under `renormalize`), from
 * the table, and the normalizer they make. False if one is not finite. */
bool rescore_all(const struct output_group *group, struct step_row *row, const float *decoded);

#endif
