/* amx.c - AMX-INT8: the int8 product in tiles, for sixteen rows or more.
 *
 * A tile of `a` is sixteen rows of 64 inputs, read where they are; a tile of `w` is sixteen groups
 * of four inputs of a panel, which the packed layout keeps together (1 KiB); a tile of sums is
 * sixteen rows of a panel's sixteen channels. Two by two of them are computed at a time, so that
 * each load serves two products. The last tile of rows may overlap the one before: its early rows
 * are computed again and thrown away, and no row beyond the last is read. */
#include "kernels/x86/vec512.h"

#include "kernels/tables.h"
#include "kernels/vector_finish.h"
#include "kernels/x86/tiles.h"

#define TILE_ROWS ((size_t)16)
#define TILE_BYTES 64

/* Tiles 0-3: sums (rows 0, panel 0; 0, 1; 1, 0; 1, 1); 4, 5: rows; 6, 7: panels. */
struct sums {
    int32_t tiles[4][TILE_ROWS][MATRIX_PANEL] __attribute__((aligned(64)));
};

/* Two tiles of rows times two panels, `k_padded` deep. */
static void multiply_2_by_2(const int8_t *a0, const int8_t *a1, size_t a_stride, const int8_t *w0,
                            const int8_t *w1, size_t k_padded, struct sums *sums)
{
    TILE_ZERO(0);
    TILE_ZERO(1);
    TILE_ZERO(2);
    TILE_ZERO(3);
    for (size_t k = 0; k < k_padded; k += TILE_BYTES) {
        TILE_LOAD(6, w0 + k * MATRIX_PANEL, TILE_BYTES);
        TILE_LOAD(4, a0 + k, a_stride);
        TILE_MULTIPLY(0, 4, 6);
        TILE_LOAD(7, w1 + k * MATRIX_PANEL, TILE_BYTES);
        TILE_MULTIPLY(1, 4, 7);
        TILE_LOAD(5, a1 + k, a_stride);
        TILE_MULTIPLY(2, 5, 6);
        TILE_MULTIPLY(3, 5, 7);
    }
    TILE_STORE(0, sums->tiles[0], TILE_BYTES);
    TILE_STORE(1, sums->tiles[1], TILE_BYTES);
    TILE_STORE(2, sums->tiles[2], TILE_BYTES);
    TILE_STORE(3, sums->tiles[3], TILE_BYTES);
}

/* One tile of rows times two panels. */
static void multiply_1_by_2(const int8_t *a0, size_t a_stride, const int8_t *w0, const int8_t *w1,
                            size_t k_padded, struct sums *sums)
{
    TILE_ZERO(0);
    TILE_ZERO(1);
    for (size_t k = 0; k < k_padded; k += TILE_BYTES) {
        TILE_LOAD(4, a0 + k, a_stride);
        TILE_LOAD(6, w0 + k * MATRIX_PANEL, TILE_BYTES);
        TILE_MULTIPLY(0, 4, 6);
        TILE_LOAD(7, w1 + k * MATRIX_PANEL, TILE_BYTES);
        TILE_MULTIPLY(1, 4, 7);
    }
    TILE_STORE(0, sums->tiles[0], TILE_BYTES);
    TILE_STORE(1, sums->tiles[1], TILE_BYTES);
}

/* A product, as its tiles need it. */
struct product {
    size_t m;
    const int8_t *a;
    size_t a_stride;
    const float *a_scales;
    const struct matrix *w;
    struct tile_output to;
};

/* The epilogue of one tile of sums; rows before `first` are done already. */
static void finish_tile(const struct product *p, size_t row, size_t first, size_t j, size_t n,
                        const int32_t sums[TILE_ROWS][MATRIX_PANEL])
{
    tile_finish_i8(&p->to, p->a_scales, p->w, first, row + TILE_ROWS - first, j, n,
                   sums + (first - row), sizeof *sums);
}

/* All rows times the panels at j and, if `n1` is not 0, at j + 16; n0 and n1 channels of them. */
static void multiply_panels(const struct product *p, size_t j, size_t n0, size_t n1)
{
    struct sums sums;
    size_t k_padded = p->w->k_padded, last = p->m - TILE_ROWS;
    const int8_t *w0 = p->w->i8 + j * k_padded;
    const int8_t *w1 = n1 > 0 ? w0 + MATRIX_PANEL * k_padded : w0;
    for (size_t done = 0; done < p->m;) {
        size_t row0 = size_min(done, last), row1 = size_min(done + TILE_ROWS, last);
        const int8_t *a0 = p->a + row0 * p->a_stride, *a1 = p->a + row1 * p->a_stride;
        bool two = done + TILE_ROWS < p->m;
        if (two)
            multiply_2_by_2(a0, a1, p->a_stride, w0, w1, k_padded, &sums);
        else
            multiply_1_by_2(a0, p->a_stride, w0, w1, k_padded, &sums);
        finish_tile(p, row0, done, j, n0, sums.tiles[0]);
        if (n1 > 0)
            finish_tile(p, row0, done, j + MATRIX_PANEL, n1, sums.tiles[1]);
        done = row0 + TILE_ROWS;
        if (!two)
            continue;
        finish_tile(p, row1, done, j, n0, sums.tiles[2]);
        if (n1 > 0)
            finish_tile(p, row1, done, j + MATRIX_PANEL, n1, sums.tiles[3]);
        done = row1 + TILE_ROWS;
    }
}

static void matmul_i8(size_t m, const int8_t *a, size_t a_stride, const float *a_scales,
                      const struct matrix *w, size_t first, size_t count,
                      const struct epilogue *epilogue, float *out, size_t out_stride)
{
    if (m < TILE_ROWS) { /* a tile costs as much half full; below that bandwidth decides */
        struct kernels vnni;
        vnni_fill(&vnni);
        vnni.matmul_i8(m, a, a_stride, a_scales, w, first, count, epilogue, out, out_stride);
        return;
    }
    struct tile_config config = {.palette = 1};
    for (size_t i = 0; i < 8; i++) {
        config.row_bytes[i] = TILE_BYTES;
        config.rows[i] = TILE_ROWS;
    }
    const struct product product = {m, a, a_stride, a_scales, w, {epilogue, out, out_stride}};
    tile_configure(&config);
    for (size_t j = first, end = first + count; j < end; j += 2 * MATRIX_PANEL) {
        size_t n = size_min(end - j, 2 * MATRIX_PANEL), n0 = size_min(n, MATRIX_PANEL);
        multiply_panels(&product, j, n0, n - n0);
    }
    tile_release();
}

void amx_fill(struct kernels *table)
{
    table->name = "amx";
    table->matmul_i8 = matmul_i8;
}
