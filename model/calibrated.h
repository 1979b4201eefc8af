/* calibrated.h - the int8 network of a float network and what its products are fed: smoothed
 * (smoothing.h), then GPTQ (gptq.h). */
#ifndef DRAGOMAN_MODEL_CALIBRATED_H
#define DRAGOMAN_MODEL_CALIBRATED_H

#include "model/calibration.h"

struct calibrated_options {
    const struct calibration *calibration;
    const struct kernels *kernels;
    const struct matrix *output; /* that of the network that was calibrated; `from` may have some of
                                    its channels only */
    size_t preview_rank;         /* of the output matrix's preview, at most the width; 0: the least
                                    that is near */
};

/* ERROR_USAGE if a preview of a model that wide cannot have that rank. */
bool calibrated_check_rank(size_t rank, size_t width, struct error *err);

/* Makes `out`: the layers' matrices as int8 by calibration; vocabulary tables as halves and with
 * them the output's preview, or, if none of a useful rank is near the output, as int8 to the
 * nearest value; all else as in `from`, which must outlive it. What is new lives in `arena`. Tied
 * layers stay what they are in `from`: network_visit() does not come by them. */
bool calibrated_network(struct network *out, const struct network *from,
                        const struct config *config, const struct calibrated_options *options,
                        struct arena *arena, struct error *err);

#endif
