/* npz.h - numpy archives as Marian writes them: a zip of NAME.npy members, each a short text header
 * and an array, with the model's options in the array special:model.yml. */
#ifndef DRAGOMAN_MODEL_NPZ_H
#define DRAGOMAN_MODEL_NPZ_H

#include "model/tensors_build.h"

/* Adds the arrays of file number `file`, and special:model.yml as a note. */
bool npz_parse(struct tensors *tensors, size_t file, struct error *err);

/* What a .npy header says. */
struct npy {
    enum tensor_type type;
    bool column_major; /* fortran_order */
    size_t rank;
    size_t shape[TENSOR_MAX_RANK];
};

/* Parses the text of a .npy header: a Python dict of exactly 'descr', 'fortran_order' and 'shape',
 * of which nothing is evaluated. False with `reason` set to a constant text. */
bool npy_header_parse(struct npy *npy, const char *text, size_t n_bytes, const char **reason);

#endif
