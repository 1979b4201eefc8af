#include "model/smoothing.h"

#include "base/memory.h"

#include <math.h>

/* Factors are within this of their mean, so that nothing overflows. */
#define MOST 4096.0

/* Sums over the output channels of each input channel's squared weights. */
static void column_energies(const struct matrix *w, float *row, double *energies)
{
    for (size_t i = 0; i < w->n; i++) {
        matrix_get_channel(w, i, row);
        for (size_t j = 0; j < w->k; j++)
            energies[j] += (double)row[j] * (double)row[j];
    }
}

bool smoothing_find(const struct matrix *w, const struct calibration_input *input, float *smooth,
                    struct error *err)
{
    size_t k = w->k, n_used = 0;
    double *energies = memory_new(k, sizeof *energies, err), mean = 0;
    float *row = memory_new(k, sizeof *row, err);
    bool ok = energies != NULL && row != NULL;
    if (ok)
        column_energies(w, row, energies);
    for (size_t i = 0; ok && i < k; i++) {
        double peak = (double)input->moments->peaks[i];
        smooth[i] = 0;
        if (energies[i] > 0 && peak > 0) {
            energies[i] = sqrt(sqrt(energies[i]) / peak);
            mean += energies[i];
            n_used++;
        } else {
            energies[i] = 0;
        }
    }
    mean = n_used > 0 ? mean / (double)n_used : 1;
    for (size_t i = 0; ok && i < k; i++) {
        double factor = energies[i] / mean;
        smooth[i] = factor == 0         ? 1
                    : factor > MOST     ? (float)MOST
                    : factor < 1 / MOST ? (float)(1 / MOST)
                                        : (float)factor;
    }
    memory_free(energies);
    memory_free(row);
    return ok;
}
