/* cpu.c - CPUID says what the CPU has, XGETBV what state the OS saves, arch_prctl grants AMX tiles.
 */
#include "kernels/cpu.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Bits of XCR0 (Intel SDM volume 1, 13.3) */
#define STATE_AVX (1u << 1 | 1u << 2)
#define STATE_AVX512 (STATE_AVX | 1u << 5 | 1u << 6 | 1u << 7)
#define STATE_TILES (1u << 17 | 1u << 18)

/* Linux: Documentation/x86/xstate.rst */
#define ARCH_REQ_XCOMP_PERM 0x1023
#define XFEATURE_TILE_DATA 18

static uint32_t os_state(void)
{
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static bool has(uint32_t word, uint32_t mask)
{
    return (word & mask) == mask;
}

void cpu_detect(struct cpu *cpu)
{
    uint32_t a, b, c, d, unused;
    *cpu = (struct cpu){0};
    if (!__get_cpuid(1, &a, &unused, &c, &unused) || !has(c, bit_OSXSAVE))
        return;
    uint32_t state = os_state();
    if (!has(state, STATE_AVX) || !has(c, bit_FMA | bit_F16C | bit_AVX))
        return;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !has(b, bit_AVX2))
        return;
    cpu->avx2 = true;
    cpu->avx512 = has(state, STATE_AVX512) &&
                  has(b, bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL);
    cpu->vnni = cpu->avx512 && has(c, 1u << 11);
    cpu->amx_int8 = cpu->vnni && has(state, STATE_TILES) && has(d, 1u << 24 | 1u << 25) &&
                    syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_TILE_DATA) == 0;
    if (a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d))
        cpu->avxvnni = has(a, 1u << 4);
}

#elif defined(__aarch64__)

#include <asm/hwcap.h>
#include <sys/auxv.h>

void cpu_detect(struct cpu *cpu)
{
    *cpu = (struct cpu){.dotprod = (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0};
}

#else

void cpu_detect(struct cpu *cpu)
{
    *cpu = (struct cpu){0};
}

#endif
