/* matrix.h - a weight matrix in the layout the products read: packed once, at load.
 *
 * A matrix has n output channels (rows of a Hugging Face Linear weight) and k input channels.
 * Channels are packed in panels of MATRIX_PANEL, so that one vector load feeds sixteen outputs:
 *
 *   float   packed[n / 16][k][16]                      zero beyond n
 *   int8    packed[n / 16][k_padded / 4][16][4]        zero beyond n and k; k_padded a multiple of
 * 64
 *   half    [n][k]                                     one channel after the other
 *
 * The int8 layout is at once the order of VNNI (four k to a 32-bit lane), of NEON's sdot, and of
 * AMX tiles (sixteen consecutive groups are one 1 KiB tile). Values are in +-127, never -128.
 *
 *     size_t n_bytes;
 *     matrix_bytes(MATRIX_I8, n, k, &n_bytes);            false if it overflows
 *     struct matrix w;
 *     matrix_place(&w, MATRIX_I8, n, k, memory);          memory: n_bytes, zeroed, 64-byte aligned
 *     for each channel: matrix_set_channel_f32(&w, j, row, kernels);  */
#ifndef DRAGOMAN_KERNELS_MATRIX_H
#define DRAGOMAN_KERNELS_MATRIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MATRIX_PANEL 16
#define MATRIX_DEPTH 64 /* k_padded of an int8 matrix is a multiple of this */

enum matrix_kind {
    MATRIX_F32,
    MATRIX_I8,
    MATRIX_F16 /* a table of IEEE halves: channels are read, products have no kernel for it */
};

struct kernels;

struct matrix {
    enum matrix_kind kind;
    size_t n, k;     /* output and input channels */
    size_t k_padded; /* k rounded up to MATRIX_DEPTH (int8) or k (float) */
    float *f32;      /* MATRIX_F32: packed */
    int8_t *i8;      /* MATRIX_I8: packed */
    uint16_t *f16;   /* MATRIX_F16: row-major */
    float *scales;   /* MATRIX_I8: [n rounded up to MATRIX_PANEL], one for each output channel */
    int32_t *sums;   /* MATRIX_I8: [same], sum over k of the channel: units that shift a to unsigned
                        need it */
    const float *smooth; /* [k] factors on the input before quantization (their inverse is in the
                            weights), or NULL */
    const void *next; /* what is read after this matrix: a product may ask for it early, or NULL */
    size_t n_next;    /* bytes of it */
};

/* Bytes matrix_place() needs; false on overflow. */
bool matrix_bytes(enum matrix_kind kind, size_t n, size_t k, size_t *n_bytes);

/* Makes `w` a matrix in `memory` (matrix_bytes() of it, 64-byte aligned, owned by the caller;
 * zeroed, or matrix_clear_padding() follows). */
void matrix_place(struct matrix *w, enum matrix_kind kind, size_t n, size_t k, void *memory);

/* Zeroes what no channel fills: the rest of the last panel, and of channels whose k is padded. For
 * memory that is not zeros already. */
void matrix_clear_padding(struct matrix *w);

/* Sets output channel j from k floats: copied (float), rounded to the nearest half, or quantized
 * with scale = max |row| / 127 (int8). Returns false if a value is not finite; *bad_at: which. */
bool matrix_set_channel_f32(struct matrix *w, size_t j, const float *row,
                            const struct kernels *kernels, size_t *bad_at);

/* Sets channel j of an int8 matrix as stored elsewhere: k values (-128 becomes -127) and the
 * channel's scale. */
void matrix_set_channel_i8(struct matrix *w, size_t j, const int8_t *row, float scale);

/* The k values of channel j as floats (int8: value * scale): embedding lookup in a tied table. */
void matrix_get_channel(const struct matrix *w, size_t j, float *row);

/* The k int8 values of channel j, for writing a model. */
void matrix_get_channel_i8(const struct matrix *w, size_t j, int8_t *row);

#endif
