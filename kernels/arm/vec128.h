/* vec128.h - sixteen floats in four registers (Armv8.2 with dot products), for the
 * kernels/vector_*.h files. The vocabulary is that of kernels/x86/vec256.h. */
#ifndef DRAGOMAN_KERNELS_ARM_VEC128_H
#define DRAGOMAN_KERNELS_ARM_VEC128_H

#include "kernels/constants.h"
#include "kernels/kernels.h"

#include <arm_neon.h>
#include <string.h>

/* Rows of the float product's register block: 24 accumulators, 4 weights, 1 input. */
#define VEC_MATMUL_ROWS 6
#define VEC_MATMUL_PANELS 1

typedef struct {
    float32x4_t a, b, c, d; /* lanes 0-3, 4-7, 8-11, 12-15 */
} vec;

typedef struct {
    int32x4_t a, b, c, d;
} vec_int;

typedef struct {
    uint32x4_t a, b, c, d; /* all ones or all zeros in each lane */
} vec_mask;

static inline vec vec_load(const float *p)
{
    return (vec){vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)};
}

static inline void vec_store(float *p, vec x)
{
    vst1q_f32(p, x.a);
    vst1q_f32(p + 4, x.b);
    vst1q_f32(p + 8, x.c);
    vst1q_f32(p + 12, x.d);
}

static inline vec vec_load_part(const float *p, size_t n)
{
    float lanes[KERNEL_LANES] = {0};
    memcpy(lanes, p, n * sizeof *p);
    return vec_load(lanes);
}

static inline void vec_store_part(float *p, size_t n, vec x)
{
    float lanes[KERNEL_LANES];
    vec_store(lanes, x);
    memcpy(p, lanes, n * sizeof *p);
}

/* Zeros in the lanes from n on. */
static inline vec vec_first(size_t n, vec x)
{
    float lanes[KERNEL_LANES];
    vec_store(lanes, x);
    return vec_load_part(lanes, n);
}

static inline vec vec_set(float x)
{
    float32x4_t y = vdupq_n_f32(x);
    return (vec){y, y, y, y};
}

static inline vec vec_add(vec a, vec b)
{
    return (vec){vaddq_f32(a.a, b.a), vaddq_f32(a.b, b.b), vaddq_f32(a.c, b.c),
                 vaddq_f32(a.d, b.d)};
}

static inline vec vec_sub(vec a, vec b)
{
    return (vec){vsubq_f32(a.a, b.a), vsubq_f32(a.b, b.b), vsubq_f32(a.c, b.c),
                 vsubq_f32(a.d, b.d)};
}

static inline vec vec_mul(vec a, vec b)
{
    return (vec){vmulq_f32(a.a, b.a), vmulq_f32(a.b, b.b), vmulq_f32(a.c, b.c),
                 vmulq_f32(a.d, b.d)};
}

static inline vec vec_div(vec a, vec b)
{
    return (vec){vdivq_f32(a.a, b.a), vdivq_f32(a.b, b.b), vdivq_f32(a.c, b.c),
                 vdivq_f32(a.d, b.d)};
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return (vec){vfmaq_f32(c.a, a.a, b.a), vfmaq_f32(c.b, a.b, b.b), vfmaq_f32(c.c, a.c, b.c),
                 vfmaq_f32(c.d, a.d, b.d)};
}

static inline vec_mask vec_less(vec a, vec b)
{
    return (vec_mask){vcltq_f32(a.a, b.a), vcltq_f32(a.b, b.b), vcltq_f32(a.c, b.c),
                      vcltq_f32(a.d, b.d)};
}

static inline vec vec_select(vec_mask mask, vec yes, vec no)
{
    return (vec){vbslq_f32(mask.a, yes.a, no.a), vbslq_f32(mask.b, yes.b, no.b),
                 vbslq_f32(mask.c, yes.c, no.c), vbslq_f32(mask.d, yes.d, no.d)};
}

/* 0 where the mask is set. */
static inline vec vec_clear(vec_mask mask, vec a)
{
    return vec_select(mask, vec_set(0.0f), a);
}

static inline vec vec_max(vec a, vec b)
{
    return vec_select(vec_less(b, a), a, b);
}

static inline vec vec_min(vec a, vec b)
{
    return vec_select(vec_less(a, b), a, b);
}

/* Bit i is x_i >= y_i. */
static inline uint32_t vec_bits_quarter(float32x4_t x, float32x4_t y)
{
    static const uint32_t bits[4] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(vcgeq_f32(x, y), vld1q_u32(bits)));
}

static inline uint32_t vec_bits_not_less(vec x, vec y)
{
    return vec_bits_quarter(x.a, y.a) | vec_bits_quarter(x.b, y.b) << 4 |
           vec_bits_quarter(x.c, y.c) << 8 | vec_bits_quarter(x.d, y.d) << 12;
}

/* ---- bit patterns ------------------------------------------------------------------------- */

static inline vec_mask vec_to_bits(vec x)
{
    return (vec_mask){vreinterpretq_u32_f32(x.a), vreinterpretq_u32_f32(x.b),
                      vreinterpretq_u32_f32(x.c), vreinterpretq_u32_f32(x.d)};
}

static inline vec vec_from_bits(vec_mask x)
{
    return (vec){vreinterpretq_f32_u32(x.a), vreinterpretq_f32_u32(x.b), vreinterpretq_f32_u32(x.c),
                 vreinterpretq_f32_u32(x.d)};
}

static inline vec vec_and(vec x, vec y)
{
    vec_mask p = vec_to_bits(x), q = vec_to_bits(y);
    return vec_from_bits((vec_mask){vandq_u32(p.a, q.a), vandq_u32(p.b, q.b), vandq_u32(p.c, q.c),
                                    vandq_u32(p.d, q.d)});
}

static inline vec vec_or(vec x, vec y)
{
    vec_mask p = vec_to_bits(x), q = vec_to_bits(y);
    return vec_from_bits((vec_mask){vorrq_u32(p.a, q.a), vorrq_u32(p.b, q.b), vorrq_u32(p.c, q.c),
                                    vorrq_u32(p.d, q.d)});
}

static inline vec vec_max_bits(vec x, vec y)
{
    vec_mask p = vec_to_bits(x), q = vec_to_bits(y);
    return vec_from_bits((vec_mask){vmaxq_u32(p.a, q.a), vmaxq_u32(p.b, q.b), vmaxq_u32(p.c, q.c),
                                    vmaxq_u32(p.d, q.d)});
}

/* bits(x) + (bits(shifted) << 23): x * 2^n for the n in the low bits of `shifted`. */
static inline vec vec_scale(vec x, vec shifted)
{
    vec_mask p = vec_to_bits(x), n = vec_to_bits(shifted);
    return vec_from_bits(
        (vec_mask){vaddq_u32(p.a, vshlq_n_u32(n.a, 23)), vaddq_u32(p.b, vshlq_n_u32(n.b, 23)),
                   vaddq_u32(p.c, vshlq_n_u32(n.c, 23)), vaddq_u32(p.d, vshlq_n_u32(n.d, 23))});
}

/* The floats whose bits are the integers x, all below 2^31. */
static inline vec vec_as_float(vec x)
{
    return vec_from_bits(
        (vec_mask){vcvtq_u32_f32(x.a), vcvtq_u32_f32(x.b), vcvtq_u32_f32(x.c), vcvtq_u32_f32(x.d)});
}

/* ---- folds -------------------------------------------------------------------------------- */

/* Folded by 8, then by 4. */
static inline float32x4_t vec_fold_to_four(vec x)
{
    return vaddq_f32(vaddq_f32(x.a, x.c), vaddq_f32(x.b, x.d));
}

static inline float32x2_t vec_fold_to_two(vec x)
{
    float32x4_t four = vec_fold_to_four(x);
    return vadd_f32(vget_low_f32(four), vget_high_f32(four));
}

static inline float vec_fold(vec x)
{
    float32x2_t two = vec_fold_to_two(x);
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

static inline void vec_fold4(vec a, vec b, vec c, vec d, float out[4])
{
    float32x4_t ab = vcombine_f32(vec_fold_to_two(a), vec_fold_to_two(b));
    float32x4_t cd = vcombine_f32(vec_fold_to_two(c), vec_fold_to_two(d));
    vst1q_f32(out, vpaddq_f32(ab, cd));
}

static inline uint32_t vec_fold_max_bits(vec x)
{
    vec_mask p = vec_to_bits(x);
    return vmaxvq_u32(vmaxq_u32(vmaxq_u32(p.a, p.b), vmaxq_u32(p.c, p.d)));
}

static inline float vec_fold_max(vec x)
{
    return vmaxvq_f32(vmaxq_f32(vmaxq_f32(x.a, x.b), vmaxq_f32(x.c, x.d)));
}

/* ---- conversions -------------------------------------------------------------------------- */

/* Sixteen int8, rounded to nearest even; the values fit. */
static inline void vec_store_i8(int8_t *p, vec x)
{
    int16x8_t low = vcombine_s16(vmovn_s32(vcvtnq_s32_f32(x.a)), vmovn_s32(vcvtnq_s32_f32(x.b)));
    int16x8_t high = vcombine_s16(vmovn_s32(vcvtnq_s32_f32(x.c)), vmovn_s32(vcvtnq_s32_f32(x.d)));
    vst1q_s8(p, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
}

static inline vec vec_load_f16(const uint16_t *p)
{
    uint16x8_t low = vld1q_u16(p), high = vld1q_u16(p + 8);
    return (vec){vcvt_f32_f16(vreinterpret_f16_u16(vget_low_u16(low))),
                 vcvt_f32_f16(vreinterpret_f16_u16(vget_high_u16(low))),
                 vcvt_f32_f16(vreinterpret_f16_u16(vget_low_u16(high))),
                 vcvt_f32_f16(vreinterpret_f16_u16(vget_high_u16(high)))};
}

static inline void vec_store_f16(uint16_t *p, vec x)
{
    x = vec_min(vec_set(HALF_MAX), vec_max(vec_set(-HALF_MAX), x));
    vst1q_u16(p, vcombine_u16(vreinterpret_u16_f16(vcvt_f16_f32(x.a)),
                              vreinterpret_u16_f16(vcvt_f16_f32(x.b))));
    vst1q_u16(p + 8, vcombine_u16(vreinterpret_u16_f16(vcvt_f16_f32(x.c)),
                                  vreinterpret_u16_f16(vcvt_f16_f32(x.d))));
}

/* ---- integers of a panel ------------------------------------------------------------------ */

static inline vec_int vec_int_load(const void *p)
{
    const int32_t *lanes = p;
    return (vec_int){vld1q_s32(lanes), vld1q_s32(lanes + 4), vld1q_s32(lanes + 8),
                     vld1q_s32(lanes + 12)};
}

static inline vec vec_from_int(vec_int x)
{
    return (vec){vcvtq_f32_s32(x.a), vcvtq_f32_s32(x.b), vcvtq_f32_s32(x.c), vcvtq_f32_s32(x.d)};
}

#endif
