/* vector_math.h - exp, erf, tanh and the activations on sixteen lanes, operation for operation what
 * scalar.c does on one. Included by a unit's file after its vec*.h, which defines `vec`. */
#ifndef DRAGOMAN_KERNELS_VECTOR_MATH_H
#define DRAGOMAN_KERNELS_VECTOR_MATH_H

#include "kernels/constants.h"
#include "kernels/kernels.h"

static inline float vec_bits_float(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline vec vec_bits(uint32_t bits)
{
    return vec_set(vec_bits_float(bits));
}

static inline vec vec_abs(vec a)
{
    return vec_and(a, vec_bits(0x7fffffffu));
}

/* |y| with the sign of x, for y >= 0. */
static inline vec vec_with_sign(vec y, vec x)
{
    return vec_or(y, vec_and(x, vec_bits(0x80000000u)));
}

static inline vec vec_negative(vec a)
{
    return vec_mul(a, vec_set(-1.0f));
}

static inline vec vec_exp(vec x)
{
    vec low = vec_set(EXP_LOW), round = vec_set(EXP_ROUND);
    vec clamped = vec_max(low, vec_min(vec_set(EXP_HIGH), x));
    vec shifted = vec_fma(clamped, vec_set(EXP_LOG2E), round);
    vec n = vec_sub(shifted, round);
    vec r = vec_fma(n, vec_set(-EXP_LN2_HIGH), clamped);
    r = vec_fma(n, vec_set(-EXP_LN2_LOW), r);
    vec p = vec_fma(vec_set(EXP_4), r, vec_set(EXP_3));
    p = vec_fma(p, r, vec_set(EXP_2));
    p = vec_fma(p, r, vec_set(EXP_1));
    p = vec_fma(p, r, vec_set(EXP_0));
    p = vec_add(vec_fma(p, vec_mul(r, r), r), vec_set(1.0f));
    return vec_clear(vec_less(x, low), vec_scale(p, shifted));
}

static inline vec vec_erf(vec x)
{
    vec t = vec_abs(x), s = vec_mul(t, t);
    vec p = vec_fma(vec_set(ERF_SMALL_5), s, vec_set(ERF_SMALL_4));
    p = vec_fma(p, s, vec_set(ERF_SMALL_3));
    p = vec_fma(p, s, vec_set(ERF_SMALL_2));
    p = vec_fma(p, s, vec_set(ERF_SMALL_1));
    p = vec_fma(p, s, vec_set(ERF_SMALL_0));
    vec small = vec_fma(p, t, t);

    vec u = vec_min(vec_set(ERF_LIMIT), t);
    p = vec_fma(vec_set(ERF_LARGE_6), u, vec_set(ERF_LARGE_5));
    p = vec_fma(p, u, vec_set(ERF_LARGE_4));
    p = vec_fma(p, u, vec_set(ERF_LARGE_3));
    p = vec_fma(p, u, vec_set(ERF_LARGE_2));
    p = vec_fma(p, u, vec_set(ERF_LARGE_1));
    p = vec_fma(p, u, vec_set(ERF_LARGE_0));
    vec large = vec_sub(vec_set(1.0f), vec_exp(p));
    return vec_with_sign(vec_select(vec_less(t, vec_set(ERF_SMALL)), small, large), x);
}

static inline vec vec_tanh(vec x)
{
    vec t = vec_abs(x), s = vec_mul(t, t), one = vec_set(1.0f);
    vec p = vec_fma(vec_set(TANH_4), s, vec_set(TANH_3));
    p = vec_fma(p, s, vec_set(TANH_2));
    p = vec_fma(p, s, vec_set(TANH_1));
    p = vec_fma(p, s, vec_set(TANH_0));
    vec small = vec_fma(p, vec_mul(s, t), t);
    vec e = vec_exp(vec_add(t, t));
    vec large = vec_sub(one, vec_div(vec_set(2.0f), vec_add(e, one)));
    return vec_with_sign(vec_select(vec_less(t, vec_set(TANH_SMALL)), small, large), x);
}

/* x / (1 + exp(argument)) */
static inline vec vec_logistic(vec x, vec argument)
{
    return vec_div(x, vec_add(vec_set(1.0f), vec_exp(argument)));
}

/* Not inlined: a product's epilogue calls it, and only for activations that cost more than a call.
 */
static __attribute__((noinline)) void vec_activate(vec *value, enum activation activation)
{
    vec x = *value, half = vec_mul(vec_set(0.5f), x), inner;
    switch (activation) {
    case ACTIVATION_NONE:
        return;
    case ACTIVATION_RELU:
        *value = vec_max(vec_set(0.0f), x);
        return;
    case ACTIVATION_SWISH:
        *value = vec_logistic(x, vec_negative(x));
        return;
    case ACTIVATION_GELU:
        *value = vec_fma(half, vec_erf(vec_mul(x, vec_set(SQRT_HALF))), half);
        return;
    case ACTIVATION_GELU_TANH:
        inner = vec_fma(vec_mul(x, x), vec_set(GELU_TANH_3), vec_set(GELU_TANH_1));
        *value = vec_fma(half, vec_tanh(vec_mul(x, inner)), half);
        return;
    case ACTIVATION_GELU_QUICK:
        *value = vec_logistic(x, vec_mul(x, vec_set(-GELU_QUICK)));
        return;
    case ACTIVATION_TANH:
        *value = vec_tanh(x);
        return;
    case ACTIVATION_SIGMOID:
        *value = vec_logistic(vec_set(1.0f), vec_negative(x));
        return;
    }
}

#endif
