/* calibration.h - what the products of a float32 model are fed while it translates: the second
 * moments of each input. What convert --calibrate quantizes by.
 *
 *     struct calibration *calibration = calibration_new(network, kernels, &err);
 *     limits.observer = calibration_observer(calibration);   of one session, in one thread
 *     ... translate ...
 *     calibration_finish(calibration, &err);
 *     const struct moments *moments = calibration_find(calibration, &linear->w);
 *     calibration_free(calibration);
 *
 * A matrix is known by its values' place in memory, so that of tied layers there is one. Inputs
 * that several matrices share are gathered once: feed-forward layers and their gates, and the
 * encoder's output, which goes to all decoder layers' cross attention. */
#ifndef DRAGOMAN_MODEL_CALIBRATION_H
#define DRAGOMAN_MODEL_CALIBRATION_H

#include "model/arch.h"
#include "model/moments.h"
#include "model/network.h"

struct calibration;

/* For a network of float matrices, which must outlive it. NULL when memory ends. */
struct calibration *calibration_new(const struct network *network, const struct kernels *kernels,
                                    struct error *err);
void calibration_free(struct calibration *calibration);

/* Lives as long as the calibration. */
const struct observer *calibration_observer(const struct calibration *calibration);

/* After the last product. ERROR_USAGE if there was none ("there is nothing to translate in it", of
 * a text that the caller names). */
bool calibration_finish(struct calibration *calibration, struct error *err);

/* The input of a matrix of the network's layers, or of its output layer: the decoder states, E[h
 * h^T] = sums / n_rows. NULL for any other matrix. */
const struct moments *calibration_find(const struct calibration *calibration,
                                       const struct matrix *w);

#endif
