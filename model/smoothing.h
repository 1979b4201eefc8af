/* smoothing.h - factors of a product's input channels, so that rows of inputs and rows of weights
 * both lose little as int8 (SmoothQuant, Xiao et al. 2023, arXiv 2211.10438, equation 4).
 *
 * Inputs are multiplied by smooth_k, weights divided:
 *
 *     smooth_k = sqrt(|w_k| / x_k),   x_k = sqrt(max |x_k| * rms x_k)
 *
 * with |w_k| the length of column k. The paper has largest values for both. Of the default model,
 * on text that it was not calibrated by, the squared error of the products, relative to rounding
 * without smoothing (geometric mean over all matrices): GPTQ alone 0.755, with the paper's factors
 * 0.662; with columns' lengths and max |x_k| 0.652, rms x_k 0.653, the mean of both 0.633. What
 * inputs lose is most of that. */
#ifndef DRAGOMAN_MODEL_SMOOTHING_H
#define DRAGOMAN_MODEL_SMOOTHING_H

#include "kernels/matrix.h"
#include "model/moments.h"

/* Fills smooth[k] for the float matrix `w` and the moments of its input: finite and positive; 1 for
 * a channel that is never fed or has no weights, and 1 on average. False when memory ends. */
bool smoothing_find(const struct matrix *w, const struct moments *moments, float *smooth,
                    struct error *err);

#endif
