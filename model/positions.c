#include "model/positions.h"

#include "base/memory.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

#define LN_10000 9.210340371976184 /* ln 10000 */

/* Taylor's series, by Horner's rule, for |x| <= pi/4: the first term left out is below 2^-55. */
static double sine_near_zero(double x)
{
    double z = x * x;
    double s = -1.0 / 1307674368000.0; /* 15! */
    s = s * z + 1.0 / 6227020800.0;    /* 13! */
    s = s * z - 1.0 / 39916800.0;
    s = s * z + 1.0 / 362880.0;
    s = s * z - 1.0 / 5040.0;
    s = s * z + 1.0 / 120.0;
    s = s * z - 1.0 / 6.0;
    return x + x * (z * s);
}

static double cosine_near_zero(double x)
{
    double z = x * x;
    double s = 1.0 / 20922789888000.0; /* 16! */
    s = s * z - 1.0 / 87178291200.0;   /* 14! */
    s = s * z + 1.0 / 479001600.0;
    s = s * z - 1.0 / 3628800.0;
    s = s * z + 1.0 / 40320.0;
    s = s * z - 1.0 / 720.0;
    s = s * z + 1.0 / 24.0;
    s = s * z - 0.5;
    return 1.0 + z * s;
}

void positions_sincos(double x, double *sine, double *cosine)
{
    /* x = quarter * pi/2 + r (Cody and Waite 1980): the first two parts of pi/2 have 33 bits each,
     * so that their products with quarter are exact. */
    static const double part1 = 1.57079632673412561417e+00, part2 = 6.07710050630396597660e-11,
                        part3 = 2.02226624879595063154e-21;
    double quarter = (double)(int64_t)(x * 0.63661977236758134308 + 0.5); /* 2/pi */
    double r = ((x - quarter * part1) - quarter * part2) - quarter * part3;
    double s = sine_near_zero(r), c = cosine_near_zero(r);
    switch ((int64_t)quarter & 3) {
    case 0:
        *sine = s;
        *cosine = c;
        break;
    case 1:
        *sine = c;
        *cosine = -s;
        break;
    case 2:
        *sine = -s;
        *cosine = -c;
        break;
    default:
        *sine = -c;
        *cosine = s;
    }
}

double positions_exp(double x)
{
    /* exp(x) = 2^n exp(r), |r| <= ln(2)/2; ln 2 in two parts, the first exact with n. */
    static const double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
    int n = (int)(x * 1.44269504088896338700 - 0.5); /* 1 / ln 2; x <= 0 */
    double r = (x - n * ln2_high) - n * ln2_low;
    double sum = 1.0;
    for (int i = 14; i >= 1; i--)
        sum = 1.0 + r * sum / i;
    return ldexp(sum, n);
}

bool sinusoids_reserve(struct sinusoids *sinusoids, uint32_t width, bool native, uint32_t n,
                       struct error *err)
{
    if (n <= sinusoids->n_rows)
        return true;
    uint32_t rows = (n + 63) / 64 * 64, old = sinusoids->n_rows;
    if (!memory_resize(&sinusoids->rows, (size_t)old * width, (size_t)rows * width, sizeof(float),
                       err))
        return false;
    sinusoids->n_rows = rows;
    uint32_t sines = native ? width / 2 : (width + 1) / 2, cosines = width / 2;
    double divisor = native ? (double)cosines - 1 : (double)width / 2;
    for (uint32_t i = 0; i < sines; i++) {
        double frequency = i == 0 ? 1.0 : positions_exp(-(double)i * (LN_10000 / divisor));
        for (uint32_t p = old; p < rows; p++) {
            double sine, cosine;
            positions_sincos((double)p * frequency, &sine, &cosine);
            float *row = sinusoids->rows + (size_t)p * width;
            row[i] = (float)sine;
            if (i < cosines)
                row[sines + i] = (float)cosine;
        }
    }
    return true;
}

uint32_t relative_bucket(int64_t relative, uint32_t n_buckets, uint32_t max_distance,
                         bool bidirectional)
{
    uint32_t n = bidirectional ? n_buckets / 2 : n_buckets;
    uint32_t base = bidirectional && relative > 0 ? n : 0;
    uint32_t distance = (uint32_t)(relative < 0 ? -relative : bidirectional ? relative : 0);
    uint32_t exact = n / 2;
    if (distance < exact)
        return base + distance;
    /* Distances that fall on a boundary (16, 32, 64 of T5) must not miss it by rounding. */
    double steps = kernel_log((double)distance / exact) / kernel_log((double)max_distance / exact) *
                       (n - exact) +
                   1e-6;
    uint32_t bucket = steps < (double)n ? exact + (uint32_t)steps : n - 1;
    return base + (bucket < n - 1 ? bucket : n - 1);
}

bool relative_bias_reserve(struct relative_bias *bias, const float *table, uint32_t n_buckets,
                           uint32_t max_distance, uint32_t n_heads, bool bidirectional, uint32_t n,
                           struct error *err)
{
    if (bias->values != NULL && n <= bias->centre)
        return true;
    uint32_t centre = n + bias->centre + 63, stride = 2 * centre + 1;
    float *values = memory_new((size_t)n_heads * stride, sizeof *values, err);
    if (values == NULL)
        return false;
    for (uint32_t i = 0; i < stride; i++) {
        uint32_t bucket =
            relative_bucket((int64_t)i - (int64_t)centre, n_buckets, max_distance, bidirectional);
        for (uint32_t h = 0; h < n_heads; h++)
            values[(size_t)h * stride + i] = table[(size_t)bucket * n_heads + h];
    }
    memory_free(bias->values);
    *bias = (struct relative_bias){
        .values = values, .centre = centre, .stride = stride, .n_heads = n_heads};
    return true;
}
