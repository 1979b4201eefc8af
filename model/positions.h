/* positions.h - how a token's place in its sentence gets into the network: sinusoids (Vaswani et
 * al. 2017, section 3.5) and T5's relative buckets (Raffel et al. 2020, section 2.1). Computed to
 * what is needed, in double precision by code of our own, so that they are the same bytes whatever
 * the machine's mathematical library. */
#ifndef DRAGOMAN_MODEL_POSITIONS_H
#define DRAGOMAN_MODEL_POSITIONS_H

#include "base/error.h"

#include <stdint.h>

/* Rows of sinusoids, grown on demand. */
struct sinusoids {
    float *rows; /* [n_rows][width]: row p is position p */
    uint32_t n_rows;
};

/* Makes rows 0 .. n - 1 exist. Column i of the first half is sin(p * 10000^(-i / divisor)), of the
 * second half the cosine; an odd width has one more sine (divisor D/2) or a last zero. `native`
 * chooses the divisor: width/2 - 1, else width/2. */
bool sinusoids_reserve(struct sinusoids *sinusoids, uint32_t width, bool native, uint32_t n,
                       struct error *err);

/* T5's bias of attention scores: of head h for a key `r` positions after the query,
 * values[h * stride + centre + r], -centre <= r <= centre. */
struct relative_bias {
    float *values; /* [heads][stride] */
    uint32_t centre, stride, n_heads;
};

/* Makes distances up to n exist. `table` is [n_buckets][n_heads]. */
bool relative_bias_reserve(struct relative_bias *bias, const float *table, uint32_t n_buckets,
                           uint32_t max_distance, uint32_t n_heads, bool bidirectional, uint32_t n,
                           struct error *err);

/* Bucket of a key `relative` positions after the query. */
uint32_t relative_bucket(int64_t relative, uint32_t n_buckets, uint32_t max_distance,
                         bool bidirectional);

/* sin and cos of 0 <= x < 2^30; exp of -700 < x <= 0: within 2 units of the last place. */
void positions_sincos(double x, double *sine, double *cosine);
double positions_exp(double x);

#endif
