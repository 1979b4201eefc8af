/* weights.h - from the tensors of a checkpoint to the matrices and vectors of a network, in two
 * passes.
 *
 * The first pass states what the network needs: every matrix and vector with its name, its shape
 * and the place it goes to. All faults (missing, wrong type, wrong shape) are collected. Only if
 * there is none, the second pass reads the values in pieces straight into the kernels' layout, so
 * memory peaks a few MiB above the weights themselves, and refuses any that is not finite.
 *
 *     struct weights *weights;
 *     weights_new(&weights, tensors, MATRIX_I8, &err);
 *     weights_matrix(weights, &layer->out.w, 512, &part, 1, &err);       ... and so on
 *     weights_check(weights, config, faults, &err);
 *     weights_load(weights, kernels, &arena, &err);
 *     weights_free(weights);
 *
 * A stored int8 matrix is taken as it is: I8 with one scale for each output channel ("NAME.scale",
 * value = int8 * scale, and "NAME.smooth" if activations are to be scaled; CTranslate2:
 * "NAME_scale", value = int8 / scale) or Marian's INTGEMM8. */
#ifndef DRAGOMAN_MODEL_WEIGHTS_H
#define DRAGOMAN_MODEL_WEIGHTS_H

#include "base/memory.h"
#include "model/config.h"
#include "model/names.h"
#include "model/tensors.h"

struct weights;

/* Some output channels of a matrix, or elements of a vector, and where they come from. */
struct weight_part {
    char name[WEIGHT_NAME_BYTES]; /* "" (vectors only): zeros */
    size_t n;                     /* how many channels or elements */
    size_t first, n_rows;         /* the tensor has n_rows of them and these begin at `first` */
    bool transposed;              /* matrices: the tensor is [k][n_rows] instead of [n_rows][k] */
};

/* `tensors` must outlive it. Matrices become `kind`. */
bool weights_new(struct weights **weights, const struct tensors *tensors, enum matrix_kind kind,
                 struct error *err);
void weights_free(struct weights *weights);

/* True if the checkpoint has a tensor of that name. */
bool weights_has(const struct weights *weights, const char *name);

/* That tensor, or NULL; and what matrices become. */
const struct tensor *weights_find(const struct weights *weights, const char *name);
enum matrix_kind weights_kind(const struct weights *weights);

/* Asks for a matrix of the parts' channels, one after the other, with k inputs. `matrix` and
 * `vector` are filled by weights_load(). False only when memory ends. */
bool weights_matrix(struct weights *weights, struct matrix *matrix, size_t k,
                    const struct weight_part *parts, size_t n_parts, struct error *err);
/* The same of one part, as a matrix of the given kind. */
bool weights_matrix_of(struct weights *weights, struct matrix *matrix, enum matrix_kind kind,
                       size_t k, const struct weight_part *part, struct error *err);
bool weights_vector(struct weights *weights, float **vector, const struct weight_part *parts,
                    size_t n_parts, struct error *err);

/* A plain row-major table [part.n][k] of floats, never quantized. */
bool weights_table(struct weights *weights, float **table, size_t k, const struct weight_part *part,
                   struct error *err);

/* Ends the first pass. Faults and warnings (tensors that nothing asked for) go to `faults`, a line
 * each, if that is not NULL; with faults it returns false and `err` has the first and their number.
 */
bool weights_check(struct weights *weights, const struct config *config, struct buffer *faults,
                   struct error *err);

/* Memory the weights will need. */
uint64_t weights_bytes(const struct weights *weights);

/* After the first pass: whether some of what was asked for is not stored as floats. */
bool weights_are_quantized(const struct weights *weights);

/* The second pass. What it fills lives in `arena`. */
bool weights_load(struct weights *weights, const struct kernels *kernels, struct arena *arena,
                  struct error *err);

#endif
