#include "model/smoothing.h"

#include "base/memory.h"

#include <math.h>

/* Factors are within this of their mean, so that nothing overflows. */
#define MOST 4096.0

/* Squared lengths of the columns of `w`. */
static void column_energies(const struct matrix *w, float *row, double *energies)
{
    for (size_t i = 0; i < w->n; i++) {
        matrix_get_channel(w, i, row);
        for (size_t j = 0; j < w->k; j++)
            energies[j] += (double)row[j] * (double)row[j];
    }
}

/* The factor of a channel with that energy, or 0 where there is nothing to balance. */
static double factor_of(double energy, const struct moments *moments, size_t channel)
{
    double sum = moments->sums[channel * moments->width + channel];
    double peak = (double)moments->peaks[channel];
    if (!(energy > 0 && sum > 0 && peak > 0))
        return 0;
    double size = sqrt(peak * sqrt(sum / (double)moments->n_rows));
    return sqrt(sqrt(energy) / size);
}

static float limited(double factor)
{
    if (factor > MOST)
        return (float)MOST;
    return (float)(factor < 1 / MOST ? 1 / MOST : factor);
}

bool smoothing_find(const struct matrix *w, const struct moments *moments, float *smooth,
                    struct error *err)
{
    size_t k = w->k, n_used = 0;
    double *factors = memory_new(k, sizeof *factors, err), sum = 0;
    float *row = memory_new(k, sizeof *row, err);
    bool ok = factors != NULL && row != NULL;
    if (ok)
        column_energies(w, row, factors);
    for (size_t i = 0; ok && i < k; i++) {
        factors[i] = factor_of(factors[i], moments, i);
        sum += factors[i];
        n_used += factors[i] > 0;
    }
    for (size_t i = 0; ok && i < k; i++)
        smooth[i] = factors[i] > 0 ? limited(factors[i] / (sum / (double)n_used)) : 1;
    memory_free(factors);
    memory_free(row);
    return ok;
}
