/* vec512.h - sixteen floats in one zmm register (AVX-512 F, BW, DQ, VL), for the kernels/vector_*.h
 * files. The vocabulary is that of vec256.h. */
#ifndef DRAGOMAN_KERNELS_X86_VEC512_H
#define DRAGOMAN_KERNELS_X86_VEC512_H

#include "kernels/constants.h"
#include "kernels/kernels.h"
#include "kernels/x86/fold.h"

#include <immintrin.h>
#include <string.h>

/* Rows and panels of the float product's register block: 24 sums, 2 weights, 1 input. */
#define VEC_MATMUL_ROWS 12
#define VEC_MATMUL_PANELS 2

/* Queries that attend together: sixteen sums of thirty-two registers. */
#define VEC_ATTEND_QUERIES 4

typedef __m512 vec;
typedef __m512i vec_int; /* sixteen int32, or 64 bytes, of a panel */
typedef __mmask16 vec_mask;

static inline __mmask16 vec_part_mask(size_t n)
{
    return (__mmask16)((1u << n) - 1);
}

static inline vec vec_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline vec vec_load_part(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(vec_part_mask(n), p);
}

static inline void vec_store(float *p, vec a)
{
    _mm512_storeu_ps(p, a);
}

static inline void vec_store_part(float *p, size_t n, vec a)
{
    _mm512_mask_storeu_ps(p, vec_part_mask(n), a);
}

static inline vec vec_set(float x)
{
    return _mm512_set1_ps(x);
}

static inline vec vec_add(vec a, vec b)
{
    return _mm512_add_ps(a, b);
}

static inline vec vec_sub(vec a, vec b)
{
    return _mm512_sub_ps(a, b);
}

static inline vec vec_mul(vec a, vec b)
{
    return _mm512_mul_ps(a, b);
}

static inline vec vec_div(vec a, vec b)
{
    return _mm512_div_ps(a, b);
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline vec vec_max(vec a, vec b)
{
    return _mm512_max_ps(a, b);
}

static inline vec vec_min(vec a, vec b)
{
    return _mm512_min_ps(a, b);
}

static inline vec vec_and(vec a, vec b)
{
    return _mm512_and_ps(a, b);
}

static inline vec vec_or(vec a, vec b)
{
    return _mm512_or_ps(a, b);
}

static inline vec_mask vec_less(vec a, vec b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

static inline uint32_t vec_bits_not_less(vec a, vec b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ);
}

/* i + the numbers of the bits set in `found`, ascending; writes all sixteen places. No branch on
 * the data: a loop over the bits is mispredicted once for each vector that has any. */
#define VEC_COMPRESSES
static inline void vec_compress_indices(uint32_t *indices, uint32_t i, uint32_t found)
{
    static const int32_t numbers[KERNEL_LANES] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                  8, 9, 10, 11, 12, 13, 14, 15};
    __m512i all = _mm512_add_epi32(_mm512_loadu_si512(numbers), _mm512_set1_epi32((int32_t)i));
    _mm512_storeu_si512(indices, _mm512_maskz_compress_epi32((__mmask16)found, all));
}

static inline vec vec_select(vec_mask mask, vec yes, vec no)
{
    return _mm512_mask_mov_ps(no, mask, yes);
}

static inline vec vec_clear(vec_mask mask, vec a)
{
    return _mm512_maskz_mov_ps((__mmask16)~mask, a);
}

static inline vec vec_first(size_t n, vec a)
{
    return _mm512_maskz_mov_ps(vec_part_mask(n), a);
}

static inline vec vec_max_bits(vec a, vec b)
{
    return _mm512_castsi512_ps(_mm512_max_epu32(_mm512_castps_si512(a), _mm512_castps_si512(b)));
}

static inline vec vec_scale(vec a, vec shifted)
{
    __m512i n = _mm512_slli_epi32(_mm512_castps_si512(shifted), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a), n));
}

/* The floats whose bits are the integers a, all below 2^31. */
static inline vec vec_as_float(vec a)
{
    return _mm512_castsi512_ps(_mm512_cvtps_epi32(a));
}

static inline __m256 vec_high(vec a)
{
    return _mm512_extractf32x8_ps(a, 1);
}

static inline __m256 vec_halves_added(vec a)
{
    return _mm256_add_ps(_mm512_castps512_ps256(a), vec_high(a));
}

static inline float vec_fold(vec a)
{
    return fold_8(vec_halves_added(a));
}

/* Two vectors' halves added: a in the low half, b in the high one. */
static inline vec vec_two_halves_added(vec a, vec b)
{
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
}

static inline void vec_fold4(vec a, vec b, vec c, vec d, float out[4])
{
    vec ab = vec_two_halves_added(a, b), cd = vec_two_halves_added(c, d);
    vec four = _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88),
                             _mm512_shuffle_f32x4(ab, cd, 0xdd)); /* of each in 128 bits */
    vec two = _mm512_add_ps(four, _mm512_shuffle_ps(four, four, 0xee));
    vec one = _mm512_add_ps(two, _mm512_shuffle_ps(two, two, 0x55));
    static const int32_t firsts[16] = {0, 4, 8, 12};
    vec four_sums = _mm512_permutexvar_ps(_mm512_loadu_si512(firsts), one);
    _mm_storeu_ps(out, _mm512_castps512_ps128(four_sums));
}

static inline uint32_t vec_fold_max_bits(vec a)
{
    return fold_max_bits_8(_mm256_max_epu32(_mm256_castps_si256(_mm512_castps512_ps256(a)),
                                            _mm256_castps_si256(vec_high(a))));
}

static inline float vec_fold_max(vec a)
{
    return fold_max_8(_mm256_max_ps(_mm512_castps512_ps256(a), vec_high(a)));
}

static inline void vec_store_i8(int8_t *p, vec a)
{
    _mm_storeu_si128((__m128i *)(void *)p, _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(a)));
}

static inline __m256i vec_load_words(const uint16_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

static inline vec vec_load_f16(const uint16_t *p)
{
    return _mm512_cvtph_ps(vec_load_words(p));
}

static inline void vec_store_f16(uint16_t *p, vec a)
{
    a = vec_min(vec_set(HALF_MAX), vec_max(vec_set(-HALF_MAX), a));
    _mm256_storeu_si256((__m256i *)(void *)p,
                        _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

/* ---- integers of a panel ------------------------------------------------------------------ */

static inline vec_int vec_int_load(const void *p)
{
    return _mm512_loadu_si512(p);
}

static inline vec_int vec_int_set(int32_t x)
{
    return _mm512_set1_epi32(x);
}

static inline vec_int vec_int_repeat(const void *p)
{
    int32_t group;
    memcpy(&group, p, sizeof group);
    return _mm512_set1_epi32(group);
}

static inline vec_int vec_int_xor(vec_int a, vec_int b)
{
    return _mm512_xor_si512(a, b);
}

static inline vec_int vec_int_add(vec_int a, vec_int b)
{
    return _mm512_add_epi32(a, b);
}

static inline vec_int vec_int_shift_left(vec_int a, unsigned count)
{
    return _mm512_slli_epi32(a, count);
}

static inline vec_int vec_int_sub(vec_int a, vec_int b)
{
    return _mm512_sub_epi32(a, b);
}

static inline vec vec_from_int(vec_int a)
{
    return _mm512_cvtepi32_ps(a);
}

#endif
