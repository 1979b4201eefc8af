/* cpu.h - what this CPU can do *and this operating system lets it do*. kernels.c asks once. */
#ifndef DRAGOMAN_KERNELS_CPU_H
#define DRAGOMAN_KERNELS_CPU_H

#include <stdbool.h>

struct cpu {
    bool avx2;     /* with FMA and F16C; the OS saves ymm registers */
    bool avx512;   /* F, BW, DQ, VL; the OS saves zmm and mask registers */
    bool avxvnni;  /* vpdpbusd on ymm registers, VEX encoded */
    bool vnni;     /* AVX512-VNNI */
    bool amx_int8; /* tiles; the OS saves them and has granted their use to this process */
    bool dotprod;  /* Arm sdot */
};

/* Fills `cpu`. Asks Linux for permission to use AMX tiles (arch_prctl), which holds for the process
 * and its threads from then on. */
void cpu_detect(struct cpu *cpu);

#endif
