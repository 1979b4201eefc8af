#include "model/symmetric.h"

#include "base/memory.h"
#include "model/dot.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* QR steps for each eigenvalue: two or three do, and more than this never happens. */
#define MOST_STEPS 64

/* A sum of squares that is nothing where the largest element is 1. */
#define NEGLIGIBLE 1e-40

/* Makes x the vector v of the reflection I - beta v v^T that takes x to (alpha, 0, ..., 0). Returns
 * alpha; beta is 0 where there is nothing to do. */
static double reflector(size_t n, double *x, double *beta)
{
    double rest = dot(n - 1, x + 1, x + 1), first = x[0];
    *beta = 0;
    if (rest < NEGLIGIBLE)
        return first;
    double norm = sqrt(first * first + rest);
    double alpha = first > 0 ? -norm : norm; /* the sign that cancels nothing */
    x[0] = first - alpha;
    *beta = 2 / (x[0] * x[0] + rest);
    return alpha;
}

/* a := H a H with H = I - beta v v^T, n by n with rows `stride` apart: a rank-two update. `w` is
 * scratch, [n]. */
static void reflect(size_t n, double *a, size_t stride, const double *v, double beta, double *w)
{
    for (size_t i = 0; i < n; i++)
        w[i] = beta * dot(n, a + i * stride, v);
    double half = beta / 2 * dot(n, w, v);
    for (size_t i = 0; i < n; i++)
        w[i] -= half * v[i];
    for (size_t i = 0; i < n; i++) {
        double *row = a + i * stride, vi = v[i], wi = w[i];
        for (size_t j = 0; j < n; j++)
            row[j] -= vi * w[j] + wi * v[j];
    }
}

/* a = Q T Q^T: T's diagonal and off-diagonal to d[n] and e[n], Q^T to z[n][n]. */
static void tridiagonalize(size_t n, double *a, double *d, double *e, double *betas, double *z)
{
    for (size_t k = 0; k + 1 < n; k++) {
        double *v = a + k * n + k + 1; /* row k right of the diagonal: the column below it */
        d[k] = a[k * n + k];
        e[k] = reflector(n - k - 1, v, &betas[k]);
        if (betas[k] != 0)
            reflect(n - k - 1, a + (k + 1) * n + k + 1, n, v, betas[k], z);
    }
    d[n - 1] = a[n * n - 1];
    memset(z, 0, n * n * sizeof *z);
    for (size_t i = 0; i < n; i++)
        z[i * n + i] = 1;
    /* Backwards, so that what is not yet an identity is the lower right corner only. */
    for (size_t k = n - 1; k-- > 0;) {
        const double *v = a + k * n + k + 1;
        for (size_t i = k + 1; i < n; i++) {
            double *row = z + i * n + k + 1;
            double s = betas[k] * dot(n - k - 1, row, v);
            for (size_t j = 0; j < n - k - 1; j++)
                row[j] -= s * v[j];
        }
    }
}

/* The eigenvalue of the trailing two by two block that is nearer to its last element. */
static double shift_of(const double *d, const double *e, size_t last)
{
    double delta = (d[last - 1] - d[last]) / 2, off = e[last - 1];
    double root = sqrt(delta * delta + off * off);
    return d[last] - off * off / (delta + (delta < 0 ? -root : root));
}

static void rotate_rows(size_t n, double c, double s, double *upper, double *lower)
{
    for (size_t j = 0; j < n; j++) {
        double u = upper[j], l = lower[j];
        upper[j] = c * u + s * l;
        lower[j] = c * l - s * u;
    }
}

/* One implicit QR step on the unreduced block [first, last]: the first rotation is that of T -
 * shift I, the others chase what it puts off the three diagonals down and out. */
static void qr_step(size_t n, double *d, double *e, size_t first, size_t last, double *z)
{
    double x = d[first] - shift_of(d, e, last), bulge = e[first];
    for (size_t k = first; k < last; k++) {
        double r = sqrt(x * x + bulge * bulge), c = r > 0 ? x / r : 1, s = r > 0 ? bulge / r : 0;
        double upper = d[k], lower = d[k + 1], off = e[k], cross = 2 * c * s * off;
        if (k > first)
            e[k - 1] = r;
        d[k] = c * c * upper + cross + s * s * lower;
        d[k + 1] = s * s * upper - cross + c * c * lower;
        e[k] = (c * c - s * s) * off + c * s * (lower - upper);
        if (k + 1 < last) {
            x = e[k];
            bulge = s * e[k + 1];
            e[k + 1] *= c;
        }
        rotate_rows(n, c, s, z + k * n, z + (k + 1) * n);
    }
}

/* The largest element is 1, so what is far below its last bit is nothing, however small its
 * neighbours. */
static bool is_small(const double *d, const double *e, size_t k)
{
    return fabs(e[k]) <= DBL_EPSILON * (fabs(d[k]) + fabs(d[k + 1]) + 1.0 / 16);
}

static bool diagonalize(size_t n, double *d, double *e, double *z)
{
    size_t left = MOST_STEPS * n;
    for (size_t last = n - 1; last > 0;) {
        if (is_small(d, e, last - 1)) {
            last--;
            continue;
        }
        size_t first = last - 1;
        while (first > 0 && !is_small(d, e, first - 1))
            first--;
        if (left-- == 0)
            return false;
        qr_step(n, d, e, first, last, z);
    }
    return true;
}

/* z's rows to `a` in descending order of d; equal ones stay in theirs. */
static void sort(size_t n, const double *d, const double *z, double *a, double *values)
{
    for (size_t i = 0; i < n; i++) {
        size_t rank = 0;
        for (size_t j = 0; j < n; j++)
            rank += j < i ? d[j] >= d[i] : d[j] > d[i];
        values[rank] = d[i];
        memcpy(a + rank * n, z + i * n, n * sizeof *a);
    }
}

static double largest(size_t n, const double *a)
{
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(a[i]))
            return INFINITY;
        most = fabs(a[i]) > most ? fabs(a[i]) : most;
    }
    return most;
}

bool symmetric_eigen(size_t n, double *a, double *values, struct error *err)
{
    if (n == 0)
        return true;
    double most = largest(n * n, a), unit = most > 0 ? most : 1;
    if (most == INFINITY)
        return error_set(err, ERROR_INTERNAL, "a matrix to decompose is not finite");
    double *z = memory_new_raw(n * n, sizeof *z, err);
    double *d = memory_new(3 * n, sizeof *d, err);
    bool ok = z != NULL && d != NULL;
    if (ok) {
        for (size_t i = 0; i < n * n; i++)
            a[i] /= unit; /* so that no square overflows */
        tridiagonalize(n, a, d, d + n, d + 2 * n, z);
        ok = diagonalize(n, d, d + n, z) ||
             error_set(err, ERROR_INTERNAL, "eigenvalues were not found");
    }
    if (ok) {
        sort(n, d, z, a, values);
        for (size_t i = 0; i < n; i++)
            values[i] *= unit;
    }
    memory_free(z);
    memory_free(d);
    return ok;
}
