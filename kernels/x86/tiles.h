/* tiles.h - the AMX instructions the int8 product needs, as assembly: the intrinsics of GCC 12 do
 * not tell the compiler that a tile load reads memory, nor that a configuration is 64 bytes long,
 * so earlier stores may be moved behind them or dropped. Tile numbers are literal digits. */
#ifndef DRAGOMAN_KERNELS_X86_TILES_H
#define DRAGOMAN_KERNELS_X86_TILES_H

#include <stddef.h>
#include <stdint.h>

/* Intel SDM volume 2, LDTILECFG: palette 1 is eight tiles of at most sixteen rows of 64 bytes. */
struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} __attribute__((aligned(64)));

static inline void tile_configure(const struct tile_config *config)
{
    __asm__ volatile("ldtilecfg %0" ::"m"(*config) : "memory");
}

static inline void tile_release(void)
{
    __asm__ volatile("tilerelease" ::: "memory");
}

#define TILE_ZERO(tile) __asm__ volatile("tilezero %%tmm" #tile ::)

#define TILE_LOAD(tile, from, stride)                                                              \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #tile ::"r"(from), "r"((size_t)(stride))         \
                     : "memory")

#define TILE_STORE(tile, to, stride)                                                               \
    __asm__ volatile("tilestored %%tmm" #tile ", (%0,%1,1)" ::"r"(to), "r"((size_t)(stride))       \
                     : "memory")

/* sum += a times w: signed bytes, four to an int32 */
#define TILE_MULTIPLY(sum, a, w) __asm__ volatile("tdpbssd %%tmm" #w ", %%tmm" #a ", %%tmm" #sum ::)

#endif
