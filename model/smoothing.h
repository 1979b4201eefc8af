/* smoothing.h - factors of a product's input channels, so that rows of inputs and rows of weights
 * both lose little as int8 (SmoothQuant, Xiao et al. 2023, arXiv 2211.10438, equation 4). */
#ifndef DRAGOMAN_MODEL_SMOOTHING_H
#define DRAGOMAN_MODEL_SMOOTHING_H

#include "model/calibration.h"

/* Fills smooth[k] for the float matrix `w` and its input: the inputs are to be multiplied by it,
 * the weights divided. Finite and positive; 1 for a channel that is never fed or has no weights. */
bool smoothing_find(const struct matrix *w, const struct calibration_input *input, float *smooth,
                    struct error *err);

#endif
