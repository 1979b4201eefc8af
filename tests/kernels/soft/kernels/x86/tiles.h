/* tiles.h - stands before kernels/x86/tiles.h: AMX tiles in memory. Use without configuration
 * traps, as it does in hardware; a release forgets what the tiles held. */
#ifndef DRAGOMAN_TESTS_KERNELS_SOFT_TILES_H
#define DRAGOMAN_TESTS_KERNELS_SOFT_TILES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct tile_config) == 64, "the layout LDTILECFG reads");

struct soft_tile {
    size_t n_rows, n_bytes;
    uint8_t rows[16][64];
};

static _Thread_local struct soft_tile soft_tiles[8];
static _Thread_local int soft_tiles_configured;

static inline struct soft_tile *soft_tile(size_t index)
{
    if (!soft_tiles_configured || index >= 8)
        __builtin_trap();
    return &soft_tiles[index];
}

static inline void tile_configure(const struct tile_config *config)
{
    static const struct tile_config zeros;
    if (config->palette != 1 || config->start_row != 0 ||
        memcmp(config->reserved, zeros.reserved, sizeof zeros.reserved) != 0 ||
        memcmp(config->rows + 8, zeros.rows + 8, 8) != 0)
        __builtin_trap();
    for (size_t i = 0; i < 8; i++) {
        if (config->rows[i] > 16 || config->row_bytes[i] > 64)
            __builtin_trap();
        memset(&soft_tiles[i], 0, sizeof soft_tiles[i]);
        soft_tiles[i].n_rows = config->rows[i];
        soft_tiles[i].n_bytes = config->row_bytes[i];
    }
    soft_tiles_configured = 1;
}

static inline void tile_release(void)
{
    memset(soft_tiles, 0xff, sizeof soft_tiles);
    soft_tiles_configured = 0;
}

static inline void soft_tile_zero(size_t index)
{
    memset(soft_tile(index)->rows, 0, sizeof soft_tile(index)->rows);
}

static inline void soft_tile_load(size_t index, const void *from, size_t stride)
{
    struct soft_tile *tile = soft_tile(index);
    soft_tile_zero(index);
    for (size_t r = 0; r < tile->n_rows; r++)
        memcpy(tile->rows[r], (const char *)from + r * stride, tile->n_bytes);
}

static inline void soft_tile_store(size_t index, void *to, size_t stride)
{
    const struct soft_tile *tile = soft_tile(index);
    for (size_t r = 0; r < tile->n_rows; r++)
        memcpy((char *)to + r * stride, tile->rows[r], tile->n_bytes);
}

static inline void soft_tile_multiply(size_t sum, size_t a, size_t w)
{
    struct soft_tile *c = soft_tile(sum);
    const struct soft_tile *x = soft_tile(a), *y = soft_tile(w);
    for (size_t r = 0; r < c->n_rows; r++)
        for (size_t n = 0; n < c->n_bytes / 4; n++) {
            int32_t total;
            memcpy(&total, &c->rows[r][n * 4], 4);
            for (size_t k = 0; k < x->n_bytes; k++)
                total += (int8_t)x->rows[r][k] * (int8_t)y->rows[k / 4][n * 4 + k % 4];
            memcpy(&c->rows[r][n * 4], &total, 4);
        }
}

#define TILE_ZERO(tile) soft_tile_zero(tile)
#define TILE_LOAD(tile, from, stride) soft_tile_load(tile, from, stride)
#define TILE_STORE(tile, to, stride) soft_tile_store(tile, to, stride)
#define TILE_MULTIPLY(sum, a, w) soft_tile_multiply(sum, a, w)

#endif
