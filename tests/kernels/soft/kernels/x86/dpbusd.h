/* dpbusd.h - stands before kernels/x86/dpbusd.h: the instruction in plain C. */
#ifndef DRAGOMAN_TESTS_KERNELS_SOFT_DPBUSD_H
#define DRAGOMAN_TESTS_KERNELS_SOFT_DPBUSD_H

#include <immintrin.h>

#define DPBUSD_512(sum, u, w) ((sum) = _mm512_dpbusd_epi32(sum, u, w))
#define DPBUSD_256(sum, u, w) ((sum) = _mm256_dpbusd_avx_epi32(sum, u, w))

#endif
