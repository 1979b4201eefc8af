#include "model/preview_fit.h"

#include "base/memory.h"
#include "model/moments.h"
#include "model/symmetric.h"

#include <math.h>
#include <string.h>

/* Eigenvalues below this part of the largest are rounding errors, and their inverse noise. */
#define EIGENVALUE_FLOOR 1e-9

/* Rows of the table multiplied at once. */
#define ROWS_AT_ONCE 64

struct fit {
    const struct preview_table *table;
    const struct kernels *kernels;
    size_t width, rank;
    double *vectors; /* [D][D] eigenvectors, one to a row */
    double *values;  /* [D] */
    double *root;    /* [D][D] S */
    double *inverse; /* [D][D] S^-1 */
    double *product; /* [D][D] */
    struct error *err;
};

static bool allocate(struct fit *fit)
{
    size_t n = fit->width;
    fit->vectors = memory_new(n, n * sizeof(double), fit->err);
    fit->values = memory_new(n, sizeof(double), fit->err);
    fit->root = memory_new(n, n * sizeof(double), fit->err);
    fit->inverse = memory_new(n, n * sizeof(double), fit->err);
    fit->product = memory_new(n, n * sizeof(double), fit->err);
    return fit->vectors != NULL && fit->values != NULL && fit->root != NULL &&
           fit->inverse != NULL && fit->product != NULL;
}

static void release(struct fit *fit)
{
    memory_free(fit->vectors);
    memory_free(fit->values);
    memory_free(fit->root);
    memory_free(fit->inverse);
    memory_free(fit->product);
}

/* out[m][n] = a[m][n] b[n][n] */
static void multiply(size_t m, size_t n, const double *a, const double *b, double *out)
{
    memset(out, 0, m * n * sizeof *out);
    for (size_t i = 0; i < m; i++)
        for (size_t k = 0; k < n; k++)
            for (size_t j = 0; j < n; j++)
                out[i * n + j] += a[i * n + k] * b[k * n + j];
}

/* out = V^T diag(f) V for the eigenvectors in V's rows. */
static void compose(const struct fit *fit, const double *factors, double *out)
{
    size_t n = fit->width;
    memset(out, 0, n * n * sizeof *out);
    for (size_t k = 0; k < n; k++) {
        const double *v = fit->vectors + k * n;
        for (size_t i = 0; i < n; i++) {
            double f = factors[k] * v[i];
            for (size_t j = 0; j < n; j++)
                out[i * n + j] += f * v[j];
        }
    }
}

/* S and S^-1 of the moments. */
static bool find_roots(struct fit *fit, const double *moments, double n_rows)
{
    size_t n = fit->width;
    for (size_t i = 0; i < n * n; i++)
        fit->vectors[i] = moments[i] / n_rows;
    if (!symmetric_eigen(n, fit->vectors, fit->values, fit->err))
        return false;
    double most = fit->values[0];
    if (!(most > 0))
        return error_set(fit->err, ERROR_INTERNAL, "a preview of no states");
    for (size_t i = 0; i < n; i++) {
        double value = fit->values[i] / most;
        fit->values[i] = sqrt(most) * sqrt(value > EIGENVALUE_FLOOR ? value : EIGENVALUE_FLOOR);
    }
    compose(fit, fit->values, fit->root);
    for (size_t i = 0; i < n; i++)
        fit->values[i] = 1 / fit->values[i];
    compose(fit, fit->values, fit->inverse);
    return true;
}

/* Eigenvectors of S W^T W S; `gram` is W^T W. */
static bool find_directions(struct fit *fit, const double *gram)
{
    size_t n = fit->width;
    multiply(n, n, fit->root, gram, fit->product);
    multiply(n, n, fit->product, fit->root, fit->vectors);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) { /* symmetric but for rounding */
            double mean = (fit->vectors[i * n + j] + fit->vectors[j * n + i]) / 2;
            fit->vectors[i * n + j] = fit->vectors[j * n + i] = mean;
        }
    return symmetric_eigen(n, fit->vectors, fit->values, fit->err);
}

static bool table_gram(struct fit *fit)
{
    const struct preview_table *table = fit->table;
    struct moments *gram = moments_new(fit->width, fit->err);
    float *row = memory_new(fit->width, sizeof *row, fit->err);
    bool ok = gram != NULL && row != NULL;
    for (size_t i = 0; ok && i < table->n; i++) {
        table->row(table->argument, i, row);
        moments_add(gram, fit->kernels, 1, row, fit->width);
    }
    if (ok) {
        moments_finish(gram, fit->kernels);
        ok = gram->n_rows == table->n ||
             error_set(fit->err, ERROR_INTERNAL, "a preview of a table that is not finite");
    }
    ok = ok && find_directions(fit, gram->sums);
    moments_free(gram);
    memory_free(row);
    return ok;
}

/* p[V][r] = W (U_r S)^T. */
static bool project_table(struct fit *fit, float *p)
{
    size_t n = fit->width, n_bytes = 0, bad_at;
    const struct preview_table *table = fit->table;
    struct matrix basis;
    struct epilogue plain = {0};
    bool ok = matrix_bytes(MATRIX_F32, fit->rank, n, &n_bytes);
    void *memory = memory_new(n_bytes, 1, fit->err);
    float *rows = memory_new(n, ROWS_AT_ONCE * sizeof *rows, fit->err);
    ok = ok && memory != NULL && rows != NULL;
    if (ok) {
        matrix_place(&basis, MATRIX_F32, fit->rank, n, memory);
        multiply(fit->rank, n, fit->vectors, fit->root, fit->product);
    }
    for (size_t i = 0; ok && i < fit->rank; i++) {
        for (size_t j = 0; j < n; j++)
            rows[j] = (float)fit->product[i * n + j];
        ok = matrix_set_channel_f32(&basis, i, rows, fit->kernels, &bad_at) ||
             error_set(fit->err, ERROR_INTERNAL, "a preview that is not finite");
    }
    for (size_t i = 0; ok && i < table->n; i += ROWS_AT_ONCE) {
        size_t m = table->n - i < ROWS_AT_ONCE ? table->n - i : ROWS_AT_ONCE;
        for (size_t j = 0; j < m; j++)
            table->row(table->argument, i + j, rows + j * n);
        fit->kernels->matmul_f32(m, rows, n, &basis, 0, fit->rank, &plain, p + i * fit->rank,
                                 fit->rank);
    }
    memory_free(memory);
    memory_free(rows);
    return ok;
}

bool preview_fit(const struct preview_table *table, const struct kernels *kernels,
                 const double *moments, double n_rows, size_t rank, float *p, float *b,
                 double *eigenvalues, struct error *err)
{
    struct fit fit = {
        .table = table, .kernels = kernels, .width = table->width, .rank = rank, .err = err};
    bool ok = allocate(&fit) && find_roots(&fit, moments, n_rows) && table_gram(&fit);
    if (ok) {
        multiply(rank, fit.width, fit.vectors, fit.inverse, fit.product);
        for (size_t i = 0; i < rank * fit.width; i++)
            b[i] = (float)fit.product[i];
        for (size_t i = 0; eigenvalues != NULL && i < fit.width; i++)
            eigenvalues[i] = fit.values[i];
        ok = project_table(&fit, p);
    }
    release(&fit);
    return ok;
}
