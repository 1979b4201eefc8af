/* matrix.c - packing weights into panels, and reading them back. Runs once a channel at load. */
#include "kernels/matrix.h"

#include "base/checked.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

#define GROUP 4 /* consecutive k of a channel that lie together in an int8 panel */

bool matrix_bytes(enum matrix_kind kind, size_t n, size_t k, size_t *n_bytes)
{
    size_t n_padded, k_padded = k, values, channels, total;
    if (kind == MATRIX_F16)
        return checked_mul(n, k, &values) && checked_mul(values, sizeof(uint16_t), n_bytes);
    if (!checked_round_up(n, MATRIX_PANEL, &n_padded))
        return false;
    if (kind == MATRIX_I8 && !checked_round_up(k, MATRIX_DEPTH, &k_padded))
        return false;
    size_t value_bytes = kind == MATRIX_I8 ? sizeof(int8_t) : sizeof(float);
    size_t channel_bytes = kind == MATRIX_I8 ? sizeof(float) + sizeof(int32_t) : 0;
    if (!checked_mul(n_padded, k_padded, &values) || !checked_mul(values, value_bytes, &values) ||
        !checked_mul(n_padded, channel_bytes, &channels) || !checked_add(values, channels, &total))
        return false;
    *n_bytes = total;
    return true;
}

void matrix_place(struct matrix *w, enum matrix_kind kind, size_t n, size_t k, void *memory)
{
    size_t n_padded = (n + MATRIX_PANEL - 1) / MATRIX_PANEL * MATRIX_PANEL;
    *w = (struct matrix){.kind = kind, .n = n, .k = k, .k_padded = k};
    if (kind == MATRIX_F32) {
        w->f32 = memory;
        return;
    }
    if (kind == MATRIX_F16) {
        w->f16 = memory;
        return;
    }
    w->k_padded = (k + MATRIX_DEPTH - 1) / MATRIX_DEPTH * MATRIX_DEPTH;
    w->i8 = memory;
    w->scales = (float *)(void *)(w->i8 + n_padded * w->k_padded);
    w->sums = (int32_t *)(void *)(w->scales + n_padded);
}

void matrix_clear_padding(struct matrix *w)
{
    size_t whole = w->n / MATRIX_PANEL * MATRIX_PANEL, rest = whole < w->n ? MATRIX_PANEL : 0;
    if (w->kind == MATRIX_F32)
        memset(w->f32 + whole * w->k, 0, rest * w->k * sizeof w->f32[0]);
    if (w->kind != MATRIX_I8)
        return;
    size_t first = w->k < w->k_padded ? 0 : whole; /* values that are padding lie among others */
    memset(w->i8 + first * w->k_padded, 0, (whole + rest - first) * w->k_padded);
    memset(w->scales + whole, 0, rest * sizeof w->scales[0]);
    memset(w->sums + whole, 0, rest * sizeof w->sums[0]);
}

/* Where channel j begins; its k-th value is at [k * MATRIX_PANEL] (float) or
 * [k / GROUP * GROUP * MATRIX_PANEL + k % GROUP] (int8) from there. */
static float *channel_f32(const struct matrix *w, size_t j)
{
    return w->f32 + j / MATRIX_PANEL * MATRIX_PANEL * w->k_padded + j % MATRIX_PANEL;
}

static int8_t *channel_i8(const struct matrix *w, size_t j)
{
    return w->i8 + j / MATRIX_PANEL * MATRIX_PANEL * w->k_padded + j % MATRIX_PANEL * GROUP;
}

static int8_t *value_i8(int8_t *channel, size_t k)
{
    return channel + k / GROUP * GROUP * MATRIX_PANEL + k % GROUP;
}

/* Stores a group of a channel's values, the k-th lowest, at once; returns their sum. */
static int32_t put_group(int8_t *channel, size_t k, uint32_t group)
{
    memcpy(channel + k * MATRIX_PANEL, &group, GROUP);
    return (int8_t)group + (int8_t)(group >> 8) + (int8_t)(group >> 16) + (int8_t)(group >> 24);
}

/* Quantizes like quantize_rows(), with the same arithmetic: adding 1.5 * 2^23 rounds to the nearest
 * integer, ties to even, and leaves that integer in the low bits. */
static uint32_t quantized(float value, float inverse)
{
    float shifted = value * inverse + 0x1.8p+23f;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    return bits & 0xff;
}

static void quantize_channel(struct matrix *w, size_t j, const float *row, float max)
{
    int8_t *channel = channel_i8(w, j);
    float inverse = max < 0x1p-100f ? 0 : 127.0f / max;
    int32_t sum = 0;
    size_t k = 0;
    for (; w->k - k >= GROUP; k += GROUP)
        sum += put_group(channel, k,
                         quantized(row[k], inverse) | quantized(row[k + 1], inverse) << 8 |
                             quantized(row[k + 2], inverse) << 16 |
                             quantized(row[k + 3], inverse) << 24);
    uint32_t rest = 0;
    for (size_t i = 0; k + i < w->k; i++)
        rest |= quantized(row[k + i], inverse) << 8 * i;
    if (k < w->k)
        sum += put_group(channel, k, rest);
    w->scales[j] = inverse > 0 ? max / 127.0f : 0;
    w->sums[j] = sum;
}

bool matrix_set_channel_f32(struct matrix *w, size_t j, const float *row,
                            const struct kernels *kernels, size_t *bad_at)
{
    float max = kernels->finite_max(w->k, row);
    if (max != max) {
        size_t k = 0;
        while (isfinite(row[k]))
            k++;
        *bad_at = k;
        return false;
    }
    if (w->kind == MATRIX_I8) {
        quantize_channel(w, j, row, max);
        return true;
    }
    if (w->kind == MATRIX_F16) {
        kernels->narrow_f16(w->k, row, w->f16 + j * w->k);
        return true;
    }
    float *channel = channel_f32(w, j);
    for (size_t k = 0; k < w->k; k++)
        channel[k * MATRIX_PANEL] = row[k];
    return true;
}

/* Each of the four values -128 as -127: bytes that are 0x80 get their lowest bit. */
static uint32_t without_minimum(uint32_t group)
{
    uint32_t low = group & 0x7f7f7f7f;
    return group | (~((low + 0x7f7f7f7f) | low) & group & 0x80808080) >> 7;
}

void matrix_set_channel_i8(struct matrix *w, size_t j, const int8_t *row, float scale)
{
    int8_t *channel = channel_i8(w, j);
    int32_t sum = 0;
    size_t k = 0;
    uint32_t group = 0;
    for (; w->k - k >= GROUP; k += GROUP) {
        memcpy(&group, row + k, GROUP);
        sum += put_group(channel, k, without_minimum(group));
    }
    group = 0;
    memcpy(&group, row + k, w->k - k);
    if (k < w->k)
        sum += put_group(channel, k, without_minimum(group));
    w->scales[j] = scale;
    w->sums[j] = sum;
}

/* The value of a finite IEEE half, which every float can hold. */
static float half_value(uint16_t half)
{
    /* The fields of a half are a float's whose exponent is 112 too small. */
    uint32_t bits = (uint32_t)(half & 0x7fff) << 13;
    float magnitude;
    memcpy(&magnitude, &bits, sizeof magnitude);
    magnitude *= 0x1p112f;
    return half & 0x8000 ? -magnitude : magnitude;
}

void matrix_get_channel(const struct matrix *w, size_t j, float *row)
{
    if (w->kind == MATRIX_F16) {
        for (size_t k = 0; k < w->k; k++)
            row[k] = half_value(w->f16[j * w->k + k]);
        return;
    }
    if (w->kind == MATRIX_I8) {
        int8_t *channel = channel_i8(w, j);
        for (size_t k = 0; k < w->k; k++)
            row[k] = (float)*value_i8(channel, k) * w->scales[j];
        return;
    }
    const float *channel = channel_f32(w, j);
    for (size_t k = 0; k < w->k; k++)
        row[k] = channel[k * MATRIX_PANEL];
}

void matrix_get_channel_i8(const struct matrix *w, size_t j, int8_t *row)
{
    int8_t *channel = channel_i8(w, j);
    for (size_t k = 0; k < w->k; k++)
        row[k] = *value_i8(channel, k);
}
