/* constants.h - the coefficients of exp, erf and tanh, and the limits that every table shares.
 *
 * Polynomials are minimax fits (Remez exchange in 40 digits, then rounded to float); the error
 * named beside each is that of the fit, before float arithmetic. Lowest power first. */
#ifndef DRAGOMAN_KERNELS_CONSTANTS_H
#define DRAGOMAN_KERNELS_CONSTANTS_H

/* exp(x) = 2^n exp(r), n = round(x / ln 2), r = x - n ln 2 in [-ln 2 / 2, ln 2 / 2].
 * Below EXP_LOW the result would not be a normal float and is 0; above EXP_HIGH it is
 * exp(EXP_HIGH), the largest whose 2^n is one exponent field. */
#define EXP_LOW (-87.33f)
#define EXP_HIGH 88.37f
#define EXP_LOG2E 0x1.715476p+0f
#define EXP_LN2_HIGH 0x1.62e4p-1f   /* 15 bits: n * EXP_LN2_HIGH is exact */
#define EXP_LN2_LOW 0x1.7f7d1cp-20f /* ln 2 - EXP_LN2_HIGH */
#define EXP_ROUND 0x1.8p+23f        /* x + this - this rounds to an integer, ties to even */
#define HALF_MAX 65504.0f           /* the largest finite IEEE half */
/* (exp(r) - 1 - r) / r^2, 3.1e-9 of exp(r) */
#define EXP_0 0x1.fffffcp-2f
#define EXP_1 0x1.555492p-3f
#define EXP_2 0x1.5558f2p-5f
#define EXP_3 0x1.123a2p-7f
#define EXP_4 0x1.6a23cep-10f

/* Of kernel_quick_exp(): 2^23 / ln 2; 2^23 times the exponent field of 1, less the logarithm to
 * base 2 of the mean of (1 + f) / 2^f, so that the errors have mean 0; limits of normal floats. */
#define QUICK_EXP_SCALE 0x1.715476p+23f
#define QUICK_EXP_ONE 0x1.fbc516p+29f
#define QUICK_EXP_LOW 0x1p+23f
#define QUICK_EXP_HIGH 0x1.5p+30f

/* erf(x) / x - 1 in powers of x^2, |x| < 1: 1.9e-8 */
#define ERF_SMALL 1.0f
#define ERF_SMALL_0 0x1.06eb88p-3f
#define ERF_SMALL_1 -0x1.812572p-2f
#define ERF_SMALL_2 0x1.cdf314p-4f
#define ERF_SMALL_3 -0x1.b4dc2p-6f
#define ERF_SMALL_4 0x1.3f34d4p-8f
#define ERF_SMALL_5 -0x1.1e6a26p-11f
/* log(1 - erf(x)) in powers of x, 1 <= x <= 4 (erf(4) rounds to 1): 1.0e-9 of erf */
#define ERF_LIMIT 4.0f
#define ERF_LARGE_0 -0x1.72e79p-12f
#define ERF_LARGE_1 -0x1.2085b2p+0f
#define ERF_LARGE_2 -0x1.46c584p-1f
#define ERF_LARGE_3 -0x1.a60a7ep-4f
#define ERF_LARGE_4 0x1.654218p-6f
#define ERF_LARGE_5 -0x1.814cc6p-9f
#define ERF_LARGE_6 0x1.852d26p-13f

/* (tanh(x) / x - 1) / x^2 in powers of x^2, |x| < 0.625: 4.1e-9 of x^2 */
#define TANH_SMALL 0.625f
#define TANH_0 -0x1.555534p-2f
#define TANH_1 0x1.110768p-3f
#define TANH_2 -0x1.b84448p-5f
#define TANH_3 0x1.5256d6p-6f
#define TANH_4 -0x1.76ac12p-8f

#define SQRT_HALF 0x1.6a09e6p-1f   /* sqrt(1 / 2) */
#define GELU_TANH_1 0x1.988454p-1f /* sqrt(2 / pi) */
#define GELU_TANH_3 0x1.2444f2p-5f /* sqrt(2 / pi) * 0.044715 */
#define GELU_QUICK 1.702f

/* A row whose largest |x| is below this quantizes to zeros: 127 / max stays finite and accurate. */
#define QUANTIZE_TINY 0x1p-100f

/* The bit pattern of infinity: larger patterns (sign cleared) are NaN. */
#define BITS_INFINITY 0x7f800000u
#define BITS_NAN 0x7fc00000u

#endif
