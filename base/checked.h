/* checked.h - arithmetic on sizes that come from files. No raw * or + on such numbers anywhere
 * else. Each function returns false on overflow and leaves *out alone. */
#ifndef DRAGOMAN_BASE_CHECKED_H
#define DRAGOMAN_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool checked_add(size_t a, size_t b, size_t *out)
{
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *out = sum;
    return true;
}

static inline bool checked_mul(size_t a, size_t b, size_t *out)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *out = product;
    return true;
}

/* Rounds `a` up to a multiple of `unit`, a power of two. */
static inline bool checked_round_up(size_t a, size_t unit, size_t *out)
{
    size_t sum;
    if (__builtin_add_overflow(a, unit - 1, &sum))
        return false;
    *out = sum & ~(unit - 1);
    return true;
}

/* True if [offset, offset + n_bytes) lies inside [0, total). */
static inline bool checked_range(size_t offset, size_t n_bytes, size_t total)
{
    return offset <= total && n_bytes <= total - offset;
}

#endif
