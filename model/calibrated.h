/* calibrated.h - the int8 network of a float network and what its products are fed: smoothed
 * (smoothing.h), then GPTQ (gptq.h). */
#ifndef DRAGOMAN_MODEL_CALIBRATED_H
#define DRAGOMAN_MODEL_CALIBRATED_H

#include "model/calibration.h"

/* Makes `out`: the layers' matrices as int8 by calibration, vocabulary tables as int8 to the
 * nearest value, all else as in `from`, which must outlive it. What is new lives in `arena`. Tied
 * layers stay what they are in `from`: network_visit() does not come by them. */
bool calibrated_network(struct network *out, const struct network *from,
                        const struct config *config, const struct calibration *calibration,
                        const struct kernels *kernels, struct arena *arena, struct error *err);

#endif
