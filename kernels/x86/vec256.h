/* vec256.h - sixteen floats in two ymm registers (AVX2, FMA, F16C), for the kernels/vector_*.h
 * files.
 *
 * The vocabulary is the same as in vec512.h and arm/vec128.h: vec_max(a, b) is a > b ? a : b and
 * vec_min(a, b) is a < b ? a : b, so a NaN in b stays; "part" functions touch only the first n
 * lanes of memory and read zeros for the rest. */
#ifndef DRAGOMAN_KERNELS_X86_VEC256_H
#define DRAGOMAN_KERNELS_X86_VEC256_H

#include "kernels/constants.h"
#include "kernels/kernels.h"
#include "kernels/x86/fold.h"

#include <immintrin.h>
#include <string.h>

/* Rows of the float product's register block: 12 accumulators, 2 weights, 1 input. */
#define VEC_MATMUL_ROWS 6
#define VEC_MATMUL_PANELS 1

typedef struct {
    __m256 low, high;
} vec;

/* Sixteen int32, one for each channel of a panel; or its 64 bytes, four to a channel. */
typedef struct {
    __m256i low, high;
} vec_int;

typedef struct {
    __m256 low, high; /* all ones or all zeros in each lane */
} vec_mask;

/* sixteen lanes set, sixteen clear: a window of it is the mask of the first n lanes */
static const int32_t vec_part_lanes[2 * KERNEL_LANES] = {-1, -1, -1, -1, -1, -1, -1, -1,
                                                         -1, -1, -1, -1, -1, -1, -1, -1};

static inline __m256i vec_part_mask(size_t n, size_t half)
{
    const int32_t *lanes = vec_part_lanes + KERNEL_LANES - n + half * 8;
    return _mm256_loadu_si256((const __m256i *)(const void *)lanes);
}

static inline vec vec_load(const float *p)
{
    return (vec){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}

static inline vec vec_load_part(const float *p, size_t n)
{
    return (vec){_mm256_maskload_ps(p, vec_part_mask(n, 0)),
                 _mm256_maskload_ps(p + 8, vec_part_mask(n, 1))};
}

static inline void vec_store(float *p, vec a)
{
    _mm256_storeu_ps(p, a.low);
    _mm256_storeu_ps(p + 8, a.high);
}

static inline void vec_store_part(float *p, size_t n, vec a)
{
    _mm256_maskstore_ps(p, vec_part_mask(n, 0), a.low);
    _mm256_maskstore_ps(p + 8, vec_part_mask(n, 1), a.high);
}

static inline vec vec_set(float x)
{
    return (vec){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}

static inline vec vec_add(vec a, vec b)
{
    return (vec){_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}

static inline vec vec_sub(vec a, vec b)
{
    return (vec){_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}

static inline vec vec_mul(vec a, vec b)
{
    return (vec){_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}

static inline vec vec_div(vec a, vec b)
{
    return (vec){_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return (vec){_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}

static inline vec vec_max(vec a, vec b)
{
    return (vec){_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}

static inline vec vec_min(vec a, vec b)
{
    return (vec){_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
}

static inline vec vec_and(vec a, vec b)
{
    return (vec){_mm256_and_ps(a.low, b.low), _mm256_and_ps(a.high, b.high)};
}

static inline vec vec_or(vec a, vec b)
{
    return (vec){_mm256_or_ps(a.low, b.low), _mm256_or_ps(a.high, b.high)};
}

static inline vec_mask vec_less(vec a, vec b)
{
    return (vec_mask){_mm256_cmp_ps(a.low, b.low, _CMP_LT_OQ),
                      _mm256_cmp_ps(a.high, b.high, _CMP_LT_OQ)};
}

/* Bit i is a_i >= b_i. */
static inline uint32_t vec_bits_not_less(vec a, vec b)
{
    return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(a.low, b.low, _CMP_GE_OQ)) |
           (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(a.high, b.high, _CMP_GE_OQ)) << 8;
}

static inline vec vec_select(vec_mask mask, vec yes, vec no)
{
    return (vec){_mm256_blendv_ps(no.low, yes.low, mask.low),
                 _mm256_blendv_ps(no.high, yes.high, mask.high)};
}

/* 0 where the mask is set. */
static inline vec vec_clear(vec_mask mask, vec a)
{
    return (vec){_mm256_andnot_ps(mask.low, a.low), _mm256_andnot_ps(mask.high, a.high)};
}

/* Zeros in the lanes from n on. */
static inline vec vec_first(size_t n, vec a)
{
    return (vec){_mm256_and_ps(_mm256_castsi256_ps(vec_part_mask(n, 0)), a.low),
                 _mm256_and_ps(_mm256_castsi256_ps(vec_part_mask(n, 1)), a.high)};
}

/* The larger bit pattern, as unsigned integers. */
static inline vec vec_max_bits(vec a, vec b)
{
    return (vec){_mm256_castsi256_ps(
                     _mm256_max_epu32(_mm256_castps_si256(a.low), _mm256_castps_si256(b.low))),
                 _mm256_castsi256_ps(
                     _mm256_max_epu32(_mm256_castps_si256(a.high), _mm256_castps_si256(b.high)))};
}

/* bits(a) + (bits(shifted) << 23): a * 2^n for the n in the low bits of `shifted`. */
static inline __m256 vec_scale_half(__m256 a, __m256 shifted)
{
    __m256i n = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), n));
}

static inline vec vec_scale(vec a, vec shifted)
{
    return (vec){vec_scale_half(a.low, shifted.low), vec_scale_half(a.high, shifted.high)};
}

/* The floats whose bits are the integers a, all below 2^31. */
static inline vec vec_as_float(vec a)
{
    return (vec){_mm256_castsi256_ps(_mm256_cvtps_epi32(a.low)),
                 _mm256_castsi256_ps(_mm256_cvtps_epi32(a.high))};
}

/* Lanes folded by 8, 4, 2, 1. */
static inline float vec_fold(vec a)
{
    return fold_8(_mm256_add_ps(a.low, a.high));
}

/* The folds of four vectors. */
static inline void vec_fold4(vec a, vec b, vec c, vec d, float out[4])
{
    fold_4_of_8(_mm256_add_ps(a.low, a.high), _mm256_add_ps(b.low, b.high),
                _mm256_add_ps(c.low, c.high), _mm256_add_ps(d.low, d.high), out);
}

static inline uint32_t vec_fold_max_bits(vec a)
{
    vec swapped = {a.high, a.low};
    return fold_max_bits_8(_mm256_castps_si256(vec_max_bits(a, swapped).low));
}

static inline float vec_fold_max(vec a)
{
    return fold_max_8(_mm256_max_ps(a.low, a.high));
}

/* Sixteen int8, rounded to nearest even; the values fit. */
static inline void vec_store_i8(int8_t *p, vec a)
{
    __m256i words = _mm256_packs_epi32(_mm256_cvtps_epi32(a.low), _mm256_cvtps_epi32(a.high));
    words = _mm256_permute4x64_epi64(words, 0xd8);
    __m128i bytes =
        _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128((__m128i *)(void *)p, bytes);
}

static inline __m128i vec_load_half_words(const uint16_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline vec vec_load_f16(const uint16_t *p)
{
    return (vec){_mm256_cvtph_ps(vec_load_half_words(p)),
                 _mm256_cvtph_ps(vec_load_half_words(p + 8))};
}

static inline void vec_store_f16(uint16_t *p, vec a)
{
    a = vec_min(vec_set(HALF_MAX), vec_max(vec_set(-HALF_MAX), a));
    __m128i *to = (__m128i *)(void *)p;
    _mm_storeu_si128(to, _mm256_cvtps_ph(a.low, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    _mm_storeu_si128(to + 1,
                     _mm256_cvtps_ph(a.high, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

/* ---- integers of a panel ------------------------------------------------------------------ */

static inline vec_int vec_int_load(const void *p)
{
    const __m256i *halves = p;
    return (vec_int){_mm256_loadu_si256(halves), _mm256_loadu_si256(halves + 1)};
}

static inline vec_int vec_int_set(int32_t x)
{
    return (vec_int){_mm256_set1_epi32(x), _mm256_set1_epi32(x)};
}

/* Four bytes in every lane. */
static inline vec_int vec_int_repeat(const void *p)
{
    int32_t group;
    memcpy(&group, p, sizeof group);
    return vec_int_set(group);
}

static inline vec_int vec_int_xor(vec_int a, vec_int b)
{
    return (vec_int){_mm256_xor_si256(a.low, b.low), _mm256_xor_si256(a.high, b.high)};
}

static inline vec_int vec_int_add(vec_int a, vec_int b)
{
    return (vec_int){_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
}

static inline vec_int vec_int_shift_left(vec_int a, int count)
{
    return (vec_int){_mm256_slli_epi32(a.low, count), _mm256_slli_epi32(a.high, count)};
}

static inline vec_int vec_int_sub(vec_int a, vec_int b)
{
    return (vec_int){_mm256_sub_epi32(a.low, b.low), _mm256_sub_epi32(a.high, b.high)};
}

static inline vec vec_from_int(vec_int a)
{
    return (vec){_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)};
}

#endif
