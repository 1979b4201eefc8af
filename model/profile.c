#include "model/profile.h"

#include "base/memory.h"
#include "kernels/kernels.h"

#include <time.h>

/* One row of machine measurements: long enough to be timed, short enough to miss interruptions. */
#define SLICES 100
#define PEAK_ROWS ((size_t)48)
#define PEAK_DEPTH ((size_t)1024)
#define PEAK_CHANNELS ((size_t)64)
#define PEAK_REPEATS 20
#define MIN_TABLE ((size_t)4 << 20)

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t profile_start(const struct profile *profile)
{
    return profile != NULL ? now() : 0;
}

void profile_stop(struct profile *profile, enum profile_stage stage, uint64_t start,
                  uint64_t multiply_adds, uint64_t bytes)
{
    if (profile == NULL)
        return;
    atomic_fetch_add_explicit(&profile->stages[stage].nanoseconds, now() - start,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&profile->stages[stage].multiply_adds, multiply_adds,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&profile->stages[stage].bytes, bytes, memory_order_relaxed);
}

/* ---- the machine ------------------------------------------------------------------------------
 */

/* Multiply-adds a second, the best of SLICES slices. */
static double measure_product(const struct kernels *kernels, const struct matrix *w,
                              const int8_t *a, const float *scales, float *out)
{
    const struct epilogue plain = {0};
    double best = 0;
    for (int slice = 0; slice < SLICES; slice++) {
        uint64_t start = now();
        for (int i = 0; i < PEAK_REPEATS; i++)
            kernels->matmul_i8(PEAK_ROWS, a, PEAK_DEPTH, scales, w, 0, PEAK_CHANNELS, &plain, out,
                               PEAK_CHANNELS);
        uint64_t elapsed = now() - start;
        double rate = (double)(PEAK_ROWS * PEAK_DEPTH * PEAK_CHANNELS * PEAK_REPEATS) * 1e9 /
                      (double)(elapsed > 0 ? elapsed : 1);
        best = rate > best ? rate : best;
    }
    return best;
}

/* Bytes a second of scanning n floats, the best of some passes. */
static double measure_reading(const struct kernels *kernels, size_t n, const float *table)
{
    double best = 0;
    for (int slice = 0; slice < SLICES / 5; slice++) {
        uint64_t start = now();
        volatile float kept = kernels->maximum(n, table);
        (void)kept;
        uint64_t elapsed = now() - start;
        double rate = (double)(n * sizeof *table) * 1e9 / (double)(elapsed > 0 ? elapsed : 1);
        best = rate > best ? rate : best;
    }
    return best;
}

bool profile_machine(const struct kernels *kernels, size_t n_bytes, double *multiply_adds,
                     double *bytes, struct error *err)
{
    size_t n_matrix, n = (n_bytes > MIN_TABLE ? n_bytes : MIN_TABLE) / sizeof(float);
    if (!matrix_bytes(MATRIX_I8, PEAK_CHANNELS, PEAK_DEPTH, &n_matrix))
        return error_set(err, ERROR_MEMORY, "out of memory");
    void *weights = memory_new(n_matrix, 1, err);
    int8_t *a = memory_new(PEAK_ROWS * PEAK_DEPTH, 1, err);
    float *scales = memory_new(PEAK_ROWS, sizeof *scales, err);
    float *out = memory_new(PEAK_ROWS * PEAK_CHANNELS, sizeof *out, err);
    float *table = memory_new(n, sizeof *table, err);
    bool ok = weights != NULL && a != NULL && scales != NULL && out != NULL && table != NULL;
    if (ok) {
        struct matrix w;
        matrix_place(&w, MATRIX_I8, PEAK_CHANNELS, PEAK_DEPTH, weights);
        *multiply_adds = measure_product(kernels, &w, a, scales, out);
        for (size_t i = 0; i < n; i++) /* pages of zeros nobody wrote would be one page */
            table[i] = (float)(i % 7);
        *bytes = measure_reading(kernels, n, table);
    }
    memory_free(weights);
    memory_free(a);
    memory_free(scales);
    memory_free(out);
    memory_free(table);
    return ok;
}
