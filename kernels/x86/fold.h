/* fold.h - the last steps of a sixteen-lane sum: lanes folded by 4, 2, 1 after two halves of eight
 * have been added. */
#ifndef DRAGOMAN_KERNELS_X86_FOLD_H
#define DRAGOMAN_KERNELS_X86_FOLD_H

#include <immintrin.h>
#include <stdint.h>

static inline float fold_8(__m256 eight)
{
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/* Four of them at once. */
static inline void fold_4_of_8(__m256 a, __m256 b, __m256 c, __m256 d, float out[4])
{
    __m256 ab = _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20),
                              _mm256_permute2f128_ps(a, b, 0x31)); /* a0-3 b0-3 */
    __m256 cd =
        _mm256_add_ps(_mm256_permute2f128_ps(c, d, 0x20), _mm256_permute2f128_ps(c, d, 0x31));
    __m256 two = _mm256_add_ps(_mm256_shuffle_ps(ab, cd, 0x44),
                               _mm256_shuffle_ps(ab, cd, 0xee)); /* a0 a1 c0 c1 b0 b1 d0 d1 */
    __m256 one = _mm256_add_ps(two, _mm256_movehdup_ps(two));    /* a . c . b . d . */
    __m128 ac = _mm256_castps256_ps128(one), bd = _mm256_extractf128_ps(one, 1);
    _mm_storeu_ps(out, _mm_movelh_ps(_mm_unpacklo_ps(ac, bd), _mm_unpackhi_ps(ac, bd)));
}

static inline float fold_max_8(__m256 eight)
{
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

static inline uint32_t fold_max_bits_8(__m256i eight)
{
    __m128i four = _mm_max_epu32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
    __m128i two = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0x4e));
    return (uint32_t)_mm_cvtsi128_si32(_mm_max_epu32(two, _mm_shuffle_epi32(two, 0xb1)));
}

#endif
