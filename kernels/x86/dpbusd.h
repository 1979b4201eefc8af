/* dpbusd.h - vpdpbusd in place: sum += four products of unsigned and signed bytes in each lane.
 *
 * Assembly, since compilers (GCC 12) give the intrinsic's sum another register and move it back
 * each time: twice the instructions of a product's inner loop. */
#ifndef DRAGOMAN_KERNELS_X86_DPBUSD_H
#define DRAGOMAN_KERNELS_X86_DPBUSD_H

#define DPBUSD_512(sum, u, w) __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(u), "v"(w))

/* VEX encoded: for CPUs with AVX-VNNI and without AVX-512. */
#define DPBUSD_256(sum, u, w) __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(u), "x"(w))

#endif
