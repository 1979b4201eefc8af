/* bisect.h - the order of floats, as integers: what rank_threshold() bisects. */
#ifndef DRAGOMAN_KERNELS_BISECT_H
#define DRAGOMAN_KERNELS_BISECT_H

#include <stdint.h>
#include <string.h>

/* Floats in ascending order have ascending keys; these are the keys of the infinities. Outside them
 * are NaN. */
#define KEY_LOWEST 0x007fffffu
#define KEY_HIGHEST 0xff800000u

/* The float of a key from KEY_LOWEST to KEY_HIGHEST. */
static inline float key_float(uint32_t key)
{
    uint32_t bits = key & 0x80000000u ? key ^ 0x80000000u : ~key;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* rank_threshold() by a function that counts the x at or above a float. */
static inline float bisect_rank(size_t n, const float *x, size_t rank,
                                size_t (*count_above)(size_t n, const float *x, float threshold))
{
    uint32_t key = 0;
    for (uint32_t bit = 0x80000000u; bit != 0; bit >>= 1) {
        uint32_t higher = key | bit;
        if (higher > KEY_HIGHEST)
            continue;
        size_t count = higher < KEY_LOWEST ? n : count_above(n, x, key_float(higher));
        if (count >= rank)
            key = higher;
        if (count == rank && higher >= KEY_LOWEST)
            break;
    }
    return key_float(key) + 0.0f;
}

#endif
