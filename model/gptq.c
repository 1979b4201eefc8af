#include "model/gptq.h"

#include "base/memory.h"
#include "model/dot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Part of the mean diagonal that is added to it (the paper's section 3.3). On the default model
 * 0.05 does a little worse, a tenth of this the same. Scales below max |row| / 127, the best of
 * five for each row, gain two thousandths for five times the work. */
#define DAMPING 0.01

/* Rows of weights that go through the factors together, which are read once for all of them. */
#define ROWS 4

struct gptq {
    size_t k;
    size_t *order;   /* [k] columns, in the order they are rounded */
    double *factors; /* [k][k] row i: M_ji for j < i */
    double *errors;  /* [k][ROWS] e, in that order */
};

struct column {
    double size;
    size_t index;
};

/* The largest first, for its error is made up for by most others: 0.625 of rounding's error, where
 * the order of the columns gives 0.629. */
static int by_size(const void *a, const void *b)
{
    const struct column *left = a, *right = b;
    if (left->size > right->size || left->size < right->size)
        return left->size > right->size ? -1 : 1;
    return left->index < right->index ? -1 : left->index > right->index;
}

static bool find_order(struct gptq *gptq, const double *h, struct error *err)
{
    struct column *columns = memory_new(gptq->k, sizeof *columns, err);
    if (columns == NULL)
        return false;
    for (size_t i = 0; i < gptq->k; i++)
        columns[i] = (struct column){h != NULL ? h[i * gptq->k + i] : 0, i};
    qsort(columns, gptq->k, sizeof *columns, by_size);
    for (size_t i = 0; i < gptq->k; i++)
        gptq->order[i] = columns[i].index;
    memory_free(columns);
    return true;
}

/* If squares of inputs are too large for floats, nothing is known of them: h is NULL then. */
static bool is_finite(size_t n, const double *h)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(h[i]))
            return false;
    return true;
}

static double damping_of(size_t k, const double *h)
{
    double sum = 0;
    for (size_t i = 0; h != NULL && i < k; i++)
        sum += h[i * k + i];
    return sum > 0 ? DAMPING * sum / (double)k : 1;
}

/* H = M D M^T from the last column up: u holds M in its upper half, row by row, and `scaled` a
 * column's M_il D_l. */
static void factorize(size_t k, double *u, double least, double *scaled, double *d)
{
    for (size_t i = k; i-- > 0;) {
        size_t n = k - i - 1;
        double *row = u + i * k + i + 1;
        for (size_t l = 0; l < n; l++)
            scaled[l] = row[l] * d[i + 1 + l];
        d[i] = u[i * k + i] - dot(n, row, scaled);
        d[i] = d[i] > least ? d[i] : least; /* smaller by rounding only */
        for (size_t j = 0; j < i; j++) {
            double *above = u + j * k + i;
            *above = (*above - dot(n, above + 1, scaled)) / d[i];
        }
    }
}

static bool fill_factors(struct gptq *gptq, const double *h, struct error *err)
{
    size_t k = gptq->k;
    double damping = damping_of(k, h), *u = memory_new_raw(k, k * sizeof *u, err);
    double *scratch = memory_new(2 * k, sizeof *scratch, err);
    bool ok = u != NULL && scratch != NULL;
    if (ok) {
        for (size_t i = 0; i < k; i++) {
            for (size_t j = 0; j < k; j++)
                u[i * k + j] = h != NULL ? h[gptq->order[i] * k + gptq->order[j]] : 0;
            u[i * k + i] += damping;
        }
        factorize(k, u, damping / 2, scratch, scratch + k);
        for (size_t i = 0; i < k; i++)
            for (size_t j = 0; j < i; j++)
                gptq->factors[i * k + j] = u[j * k + i];
    }
    memory_free(u);
    memory_free(scratch);
    return ok;
}

struct gptq *gptq_new(size_t k, const double *h, struct error *err)
{
    struct gptq *gptq = memory_new(1, sizeof *gptq, err);
    if (gptq == NULL)
        return NULL;
    if (!is_finite(k * k, h))
        h = NULL;
    gptq->k = k;
    gptq->order = memory_new(k, sizeof *gptq->order, err);
    gptq->factors = memory_new_raw(k, k * sizeof *gptq->factors, err);
    gptq->errors = memory_new(k, ROWS * sizeof *gptq->errors, err);
    if (gptq->order != NULL && gptq->factors != NULL && gptq->errors != NULL &&
        find_order(gptq, h, err) && fill_factors(gptq, h, err))
        return gptq;
    gptq_free(gptq);
    return NULL;
}

void gptq_free(struct gptq *gptq)
{
    if (gptq == NULL)
        return;
    memory_free(gptq->order);
    memory_free(gptq->factors);
    memory_free(gptq->errors);
    memory_free(gptq);
}

static float scale_of(size_t k, const float *row)
{
    float most = 0;
    for (size_t i = 0; i < k; i++)
        most = fabsf(row[i]) > most ? fabsf(row[i]) : most;
    return most < 0x1p-100f ? 0 : most / 127.0f;
}

/* The nearest of -127 .. 127, ties to even. */
static int8_t rounded(double x)
{
    return (int8_t)lrint(x > 127 ? 127 : x < -127 ? -127 : x);
}

/* Sums over j < i of errors[j] M_ji, for ROWS rows. */
static void feedback(size_t i, const double *factors, const double *errors, double sums[ROWS])
{
    memset(sums, 0, ROWS * sizeof *sums);
    for (size_t j = 0; j < i; j++)
        for (size_t r = 0; r < ROWS; r++)
            sums[r] += factors[j] * errors[j * ROWS + r];
}

/* Up to ROWS rows. */
static void quantize_rows(struct gptq *gptq, size_t m, const float *rows, int8_t *q,
                          const float *scales)
{
    size_t k = gptq->k;
    for (size_t i = 0; i < k; i++) {
        size_t column = gptq->order[i];
        double sums[ROWS];
        feedback(i, gptq->factors + i * k, gptq->errors, sums);
        for (size_t r = 0; r < m; r++) {
            double w = (double)rows[r * k + column], scale = (double)scales[r];
            int8_t value = scale > 0 ? rounded((w + sums[r]) / scale) : 0;
            q[r * k + column] = value;
            gptq->errors[i * ROWS + r] = scale > 0 ? w - scale * value : 0;
        }
    }
}

void gptq_quantize(struct gptq *gptq, size_t m, const float *rows, int8_t *q, float *scales)
{
    size_t k = gptq->k;
    for (size_t i = 0; i < m; i++)
        scales[i] = scale_of(k, rows + i * k);
    for (size_t i = 0; i < m; i += ROWS)
        quantize_rows(gptq, m - i < ROWS ? m - i : ROWS, rows + i * k, q + i * k, scales + i);
}
