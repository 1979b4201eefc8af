/* immintrin.h - stands before the compiler's own: the AVX-512, VNNI and AVX-VNNI instructions that
 * kernels/x86 uses, in plain C loops over AVX2, so that those files can be held to the definition
 * on machines without the instructions. Each function does what the instruction's description says,
 * lane by lane; masked loads and stores touch only the lanes of the mask. */
#ifndef DRAGOMAN_TESTS_KERNELS_SOFT_IMMINTRIN_H
#define DRAGOMAN_TESTS_KERNELS_SOFT_IMMINTRIN_H

#include_next <immintrin.h>

#include <stdint.h>
#include <string.h>

typedef struct {
    float lanes[16];
} soft_floats;

typedef struct {
    int32_t lanes[16];
} soft_ints;

#define FOR_LANES for (int i = 0; i < 16; i++)

/* ---- floats ------------------------------------------------------------------------------- */

#define SOFT_BINARY(name, type, expression)                                                        \
    static inline type name(type a, type b)                                                        \
    {                                                                                              \
        type y;                                                                                    \
        FOR_LANES y.lanes[i] = expression;                                                         \
        return y;                                                                                  \
    }

SOFT_BINARY(soft_add_ps, soft_floats, a.lanes[i] + b.lanes[i])
SOFT_BINARY(soft_sub_ps, soft_floats, a.lanes[i] - b.lanes[i])
SOFT_BINARY(soft_mul_ps, soft_floats, a.lanes[i] * b.lanes[i])
SOFT_BINARY(soft_div_ps, soft_floats, a.lanes[i] / b.lanes[i])
SOFT_BINARY(soft_max_ps, soft_floats, a.lanes[i] > b.lanes[i] ? a.lanes[i] : b.lanes[i])
SOFT_BINARY(soft_min_ps, soft_floats, a.lanes[i] < b.lanes[i] ? a.lanes[i] : b.lanes[i])
SOFT_BINARY(soft_add_epi32, soft_ints, (int32_t)((uint32_t)a.lanes[i] + (uint32_t)b.lanes[i]))
SOFT_BINARY(soft_sub_epi32, soft_ints, (int32_t)((uint32_t)a.lanes[i] - (uint32_t)b.lanes[i]))
SOFT_BINARY(soft_and_si512, soft_ints, a.lanes[i] & b.lanes[i])
SOFT_BINARY(soft_or_si512, soft_ints, a.lanes[i] | b.lanes[i])
SOFT_BINARY(soft_xor_si512, soft_ints, a.lanes[i] ^ b.lanes[i])
SOFT_BINARY(soft_max_epu32, soft_ints,
            (uint32_t)a.lanes[i] > (uint32_t)b.lanes[i] ? a.lanes[i] : b.lanes[i])

static inline soft_ints soft_castps_si512(soft_floats a)
{
    soft_ints y;
    memcpy(&y, &a, sizeof y);
    return y;
}

static inline soft_floats soft_castsi512_ps(soft_ints a)
{
    soft_floats y;
    memcpy(&y, &a, sizeof y);
    return y;
}

static inline soft_floats soft_and_ps(soft_floats a, soft_floats b)
{
    return soft_castsi512_ps(soft_and_si512(soft_castps_si512(a), soft_castps_si512(b)));
}

static inline soft_floats soft_or_ps(soft_floats a, soft_floats b)
{
    return soft_castsi512_ps(soft_or_si512(soft_castps_si512(a), soft_castps_si512(b)));
}

static inline soft_floats soft_fmadd_ps(soft_floats a, soft_floats b, soft_floats c)
{
    soft_floats y;
    FOR_LANES y.lanes[i] = __builtin_fmaf(a.lanes[i], b.lanes[i], c.lanes[i]);
    return y;
}

static inline soft_floats soft_set1_ps(float x)
{
    soft_floats y;
    FOR_LANES y.lanes[i] = x;
    return y;
}

static inline soft_floats soft_maskz_loadu_ps(uint16_t mask, const float *p)
{
    soft_floats y;
    FOR_LANES y.lanes[i] = mask >> i & 1 ? p[i] : 0;
    return y;
}

static inline soft_floats soft_loadu_ps(const float *p)
{
    return soft_maskz_loadu_ps(0xffff, p);
}

static inline void soft_mask_storeu_ps(float *p, uint16_t mask, soft_floats a)
{
    FOR_LANES if (mask >> i & 1) p[i] = a.lanes[i];
}

static inline void soft_storeu_ps(float *p, soft_floats a)
{
    soft_mask_storeu_ps(p, 0xffff, a);
}

static inline soft_floats soft_mask_mov_ps(soft_floats no, uint16_t mask, soft_floats yes)
{
    FOR_LANES if (mask >> i & 1) no.lanes[i] = yes.lanes[i];
    return no;
}

static inline soft_floats soft_maskz_mov_ps(uint16_t mask, soft_floats a)
{
    return soft_mask_mov_ps(soft_set1_ps(0), mask, a);
}

static inline void soft_storeu_si512(void *p, soft_ints a)
{
    memcpy(p, &a, sizeof a);
}

static inline soft_ints soft_maskz_compress_epi32(uint16_t mask, soft_ints a)
{
    soft_ints y = {{0}};
    int n = 0;
    FOR_LANES if (mask >> i & 1) y.lanes[n++] = a.lanes[i];
    return y;
}

static inline uint16_t soft_cmp_ps_mask(soft_floats a, soft_floats b, int predicate)
{
    unsigned mask = 0;
    FOR_LANES
    {
        float x = a.lanes[i], y = b.lanes[i];
        unsigned holds = predicate == _CMP_LT_OQ     ? x < y
                         : predicate == _CMP_GE_OQ   ? x >= y
                         : predicate == _CMP_UNORD_Q ? x != x || y != y
                                                     : 2;
        if (holds > 1)
            __builtin_trap(); /* a predicate not written down here */
        mask |= holds << i;
    }
    return (uint16_t)mask;
}

static inline __m256 soft_half(soft_floats a, int half)
{
    return _mm256_loadu_ps(a.lanes + half * 8);
}

static inline soft_floats soft_halves(__m256 low, __m256 high)
{
    soft_floats y;
    _mm256_storeu_ps(y.lanes, low);
    _mm256_storeu_ps(y.lanes + 8, high);
    return y;
}

/* ---- integers ----------------------------------------------------------------------------- */

static inline soft_ints soft_loadu_si512(const void *p)
{
    soft_ints y;
    memcpy(&y, p, sizeof y);
    return y;
}

static inline soft_ints soft_set1_epi32(int32_t x)
{
    soft_ints y;
    FOR_LANES y.lanes[i] = x;
    return y;
}

static inline soft_ints soft_set1_epi16(int16_t x)
{
    return soft_set1_epi32((int32_t)((uint32_t)(uint16_t)x << 16 | (uint16_t)x));
}

static inline soft_ints soft_slli_epi32(soft_ints a, unsigned count)
{
    FOR_LANES a.lanes[i] = (int32_t)((uint32_t)a.lanes[i] << count);
    return a;
}

static inline soft_ints soft_srli_epi32(soft_ints a, unsigned count)
{
    FOR_LANES a.lanes[i] = (int32_t)((uint32_t)a.lanes[i] >> count);
    return a;
}

static inline soft_ints soft_mask_mov_epi32(soft_ints no, uint16_t mask, soft_ints yes)
{
    FOR_LANES if (mask >> i & 1) no.lanes[i] = yes.lanes[i];
    return no;
}

/* Products of unsigned and signed bytes, added in pairs with saturation to int16. */
static inline soft_ints soft_maddubs_epi16(soft_ints a, soft_ints b)
{
    uint8_t u[64];
    int8_t s[64];
    int16_t y[32];
    memcpy(u, &a, sizeof u);
    memcpy(s, &b, sizeof s);
    for (int i = 0; i < 32; i++) {
        int sum = u[2 * i] * s[2 * i] + u[2 * i + 1] * s[2 * i + 1];
        y[i] = (int16_t)(sum > INT16_MAX ? INT16_MAX : sum < INT16_MIN ? INT16_MIN : sum);
    }
    return soft_loadu_si512(y);
}

static inline soft_ints soft_madd_epi16(soft_ints a, soft_ints b)
{
    int16_t x[32], y[32];
    memcpy(x, &a, sizeof x);
    memcpy(y, &b, sizeof y);
    FOR_LANES a.lanes[i] = x[2 * i] * y[2 * i] + x[2 * i + 1] * y[2 * i + 1];
    return a;
}

/* Four products of unsigned and signed bytes added to each int32, without saturation. */
static inline int32_t soft_dot(int32_t sum, int32_t a, int32_t b)
{
    uint8_t u[4];
    int8_t s[4];
    memcpy(u, &a, sizeof u);
    memcpy(s, &b, sizeof s);
    int32_t products = u[0] * s[0] + u[1] * s[1] + u[2] * s[2] + u[3] * s[3];
    return (int32_t)((uint32_t)sum + (uint32_t)products);
}

static inline soft_ints soft_dpbusd_epi32(soft_ints sum, soft_ints a, soft_ints b)
{
    FOR_LANES sum.lanes[i] = soft_dot(sum.lanes[i], a.lanes[i], b.lanes[i]);
    return sum;
}

static inline __m256i soft_dpbusd_avx_epi32(__m256i sum, __m256i a, __m256i b)
{
    int32_t s[8], x[8], y[8];
    memcpy(s, &sum, sizeof s);
    memcpy(x, &a, sizeof x);
    memcpy(y, &b, sizeof y);
    for (int i = 0; i < 8; i++)
        s[i] = soft_dot(s[i], x[i], y[i]);
    memcpy(&sum, s, sizeof s);
    return sum;
}

/* ---- conversions -------------------------------------------------------------------------- */

static inline soft_floats soft_cvtepi32_ps(soft_ints a)
{
    soft_floats y;
    FOR_LANES y.lanes[i] = (float)a.lanes[i];
    return y;
}

static inline soft_ints soft_cvtps_epi32(soft_floats a)
{
    soft_ints y;
    FOR_LANES y.lanes[i] = _mm_cvtss_si32(_mm_set_ss(a.lanes[i]));
    return y;
}

static inline __m128i soft_cvtepi32_epi8(soft_ints a)
{
    uint8_t y[16];
    FOR_LANES y[i] = (uint8_t)a.lanes[i];
    return _mm_loadu_si128((const __m128i *)(const void *)y);
}

static inline __m256i soft_cvtepi32_epi16(soft_ints a)
{
    uint16_t y[16];
    FOR_LANES y[i] = (uint16_t)a.lanes[i];
    return _mm256_loadu_si256((const __m256i *)(const void *)y);
}

static inline soft_ints soft_cvtepu16_epi32(__m256i a)
{
    uint16_t x[16];
    soft_ints y;
    memcpy(x, &a, sizeof x);
    FOR_LANES y.lanes[i] = x[i];
    return y;
}

static inline soft_floats soft_cvtph_ps(__m256i a)
{
    return soft_halves(_mm256_cvtph_ps(_mm256_castsi256_si128(a)),
                       _mm256_cvtph_ps(_mm256_extracti128_si256(a, 1)));
}

static inline __m256i soft_cvtps_ph(soft_floats a)
{
    __m256 low, high;
    memcpy(&low, a.lanes, sizeof low);
    memcpy(&high, a.lanes + 8, sizeof high);
    return _mm256_set_m128i(_mm256_cvtps_ph(high, 0), _mm256_cvtps_ph(low, 0));
}

/* Blocks of four lanes: two of a, then two of b, two bits of `from` for each. */
static inline soft_floats soft_shuffle_f32x4(soft_floats a, soft_floats b, int from)
{
    soft_floats y;
    FOR_LANES y.lanes[i] = (i < 8 ? &a : &b)->lanes[(from >> (i / 4 * 2) & 3) * 4 + i % 4];
    return y;
}

/* The same with lanes, within each block of four. */
static inline soft_floats soft_shuffle_ps(soft_floats a, soft_floats b, int from)
{
    soft_floats y;
    FOR_LANES y.lanes[i] = (i % 4 < 2 ? &a : &b)->lanes[(from >> (i % 4 * 2) & 3) + i / 4 * 4];
    return y;
}

static inline soft_floats soft_permutexvar_ps(soft_ints from, soft_floats a)
{
    soft_floats y;
    FOR_LANES y.lanes[i] = a.lanes[from.lanes[i] & 15];
    return y;
}

#undef _mm512_cmp_ps_mask
#undef _mm512_extractf32x8_ps
#undef _mm512_shuffle_f32x4
#undef _mm512_shuffle_ps
#undef _mm512_slli_epi32
#undef _mm512_srli_epi32

#define __m512 soft_floats
#define __m512i soft_ints
#define _mm256_dpbusd_avx_epi32 soft_dpbusd_avx_epi32
#define _mm512_add_epi32 soft_add_epi32
#define _mm512_add_ps soft_add_ps
#define _mm512_and_ps soft_and_ps
#define _mm512_and_si512 soft_and_si512
#define _mm512_castps512_ps128(a) _mm256_castps256_ps128(soft_half(a, 0))
#define _mm512_castps512_ps256(a) soft_half(a, 0)
#define _mm512_castps_si512 soft_castps_si512
#define _mm512_castsi512_ps soft_castsi512_ps
#define _mm512_cmp_ps_mask soft_cmp_ps_mask
#define _mm512_cvtepi32_epi16 soft_cvtepi32_epi16
#define _mm512_cvtepi32_epi8 soft_cvtepi32_epi8
#define _mm512_cvtepi32_ps soft_cvtepi32_ps
#define _mm512_cvtepu16_epi32 soft_cvtepu16_epi32
#define _mm512_cvtph_ps soft_cvtph_ps
#undef _mm512_cvtps_ph
#define _mm512_cvtps_ph(a, rounding) soft_cvtps_ph(a) /* to nearest even */
#define _mm512_cvtps_epi32 soft_cvtps_epi32
#define _mm512_div_ps soft_div_ps
#define _mm512_dpbusd_epi32 soft_dpbusd_epi32
#define _mm512_extractf32x8_ps soft_half
#define _mm512_fmadd_ps soft_fmadd_ps
#define _mm512_loadu_ps soft_loadu_ps
#define _mm512_loadu_si512 soft_loadu_si512
#define _mm512_madd_epi16 soft_madd_epi16
#define _mm512_maddubs_epi16 soft_maddubs_epi16
#define _mm512_mask_mov_epi32 soft_mask_mov_epi32
#define _mm512_mask_mov_ps soft_mask_mov_ps
#define _mm512_mask_storeu_ps soft_mask_storeu_ps
#define _mm512_maskz_compress_epi32 soft_maskz_compress_epi32
#define _mm512_maskz_loadu_ps soft_maskz_loadu_ps
#define _mm512_maskz_mov_ps soft_maskz_mov_ps
#define _mm512_max_epu32 soft_max_epu32
#define _mm512_max_ps soft_max_ps
#define _mm512_min_ps soft_min_ps
#define _mm512_mul_ps soft_mul_ps
#define _mm512_or_ps soft_or_ps
#define _mm512_or_si512 soft_or_si512
#define _mm512_permutexvar_ps soft_permutexvar_ps
#define _mm512_set1_epi16 soft_set1_epi16
#define _mm512_set1_epi32 soft_set1_epi32
#define _mm512_set1_ps soft_set1_ps
#define _mm512_shuffle_f32x4 soft_shuffle_f32x4
#define _mm512_shuffle_ps soft_shuffle_ps
#define _mm512_slli_epi32 soft_slli_epi32
#define _mm512_srli_epi32 soft_srli_epi32
#define _mm512_storeu_ps soft_storeu_ps
#define _mm512_storeu_si512 soft_storeu_si512
#define _mm512_sub_epi32 soft_sub_epi32
#define _mm512_sub_ps soft_sub_ps
#define _mm512_xor_si512 soft_xor_si512

#endif
