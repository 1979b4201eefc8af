#include "tests/support/checkpoints.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void must(bool done)
{
    if (!done)
        abort();
}

void put_bytes(struct buffer *out, const void *bytes, size_t n_bytes)
{
    must(buffer_append(out, bytes, n_bytes, NULL));
}

void put_text(struct buffer *out, const char *text)
{
    put_bytes(out, text, strlen(text));
}

void put_u8(struct buffer *out, unsigned value)
{
    unsigned char byte = (unsigned char)value;
    put_bytes(out, &byte, 1);
}

void put_u16(struct buffer *out, unsigned value)
{
    put_u8(out, value & 0xff);
    put_u8(out, value >> 8 & 0xff);
}

void put_u32(struct buffer *out, uint64_t value)
{
    put_u16(out, (unsigned)(value & 0xffff));
    put_u16(out, (unsigned)(value >> 16 & 0xffff));
}

void put_u64(struct buffer *out, uint64_t value)
{
    put_u32(out, value & 0xffffffff);
    put_u32(out, value >> 32);
}

void put_zeros(struct buffer *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_u8(out, 0);
}

static size_t type_bytes(enum tensor_type type)
{
    switch (type) {
    case TENSOR_F64:
    case TENSOR_I64:
        return 8;
    case TENSOR_F32:
    case TENSOR_I32:
        return 4;
    case TENSOR_F16:
    case TENSOR_BF16:
    case TENSOR_I16:
        return 2;
    default:
        return 1;
    }
}

static size_t element_count(const struct array *array)
{
    size_t count = 1;
    for (size_t i = 0; i < array->rank; i++)
        count *= array->shape[i];
    return count;
}

size_t array_bytes(const struct array *array)
{
    return element_count(array) * type_bytes(array->type);
}

uint16_t half_of(float value)
{
    int exponent;
    unsigned sign = signbit(value) ? 0x8000 : 0;
    float magnitude = fabsf(value);
    if (magnitude == 0)
        return (uint16_t)sign;
    (void)frexpf(magnitude, &exponent); /* magnitude < 2^exponent */
    int step = exponent - 11 > -24 ? exponent - 11 : -24;
    float steps = rintf(ldexpf(magnitude, -step)); /* in units of 2^step */
    must(steps * ldexpf(1, step) < 65520);
    /* Steps beyond 10 bits carry into the exponent, which counts the steps of 2^-24. */
    return (uint16_t)(sign + ((unsigned)(step + 24) << 10) + (unsigned)steps);
}

void checkpoint_safetensors(struct buffer *out, const struct array *arrays, size_t n_arrays)
{
    struct buffer header = {0};
    size_t at = 0;
    put_text(&header, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < n_arrays; i++) {
        const struct array *a = &arrays[i];
        must(buffer_printf(&header, NULL, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", a->name,
                           tensor_type_name(a->type)));
        for (size_t d = 0; d < a->rank; d++)
            must(buffer_printf(&header, NULL, "%s%zu", d > 0 ? "," : "", a->shape[d]));
        must(
            buffer_printf(&header, NULL, "],\"data_offsets\":[%zu,%zu]}", at, at + array_bytes(a)));
        at += array_bytes(a);
    }
    put_text(&header, "}");
    while (header.n_bytes % 8 != 0)
        put_text(&header, " ");
    put_u64(out, header.n_bytes);
    put_bytes(out, header.bytes, header.n_bytes);
    for (size_t i = 0; i < n_arrays; i++)
        put_bytes(out, arrays[i].values, array_bytes(&arrays[i]));
    buffer_free(&header);
}

static uint32_t checksum(const void *bytes, size_t n_bytes)
{
    return (uint32_t)crc32_z(0, bytes, n_bytes);
}

/* Bytes of padding so that contents after `at` plus a 4-byte field header are aligned. */
static size_t padding_after(size_t at, size_t alignment)
{
    return alignment == 0 ? 0 : (alignment - (at + 4) % alignment) % alignment;
}

void zip_writer_add(struct zip_writer *zip, const char *name, const void *bytes, size_t n_bytes)
{
    uint32_t crc = checksum(bytes, n_bytes);
    size_t header = zip->out->n_bytes, n_name = strlen(name);
    unsigned flags = zip->descriptors ? 0x0008 : 0;
    uint64_t local_size = zip->zip64 ? 0xffffffff : n_bytes;
    size_t n_zip64 = zip->zip64 && !zip->descriptors ? 20 : 0;
    size_t n_padding = padding_after(header + 30 + n_name + n_zip64, zip->alignment);
    size_t n_extra = n_zip64 + (zip->alignment != 0 ? 4 + n_padding : 0);
    put_u32(zip->out, 0x04034b50);
    put_u16(zip->out, 20);
    put_u16(zip->out, flags);
    put_u16(zip->out, 0); /* stored */
    put_u32(zip->out, 0); /* time, date */
    put_u32(zip->out, zip->descriptors ? 0 : crc);
    put_u32(zip->out, zip->descriptors ? 0 : local_size);
    put_u32(zip->out, zip->descriptors ? 0 : local_size);
    put_u16(zip->out, (unsigned)n_name);
    put_u16(zip->out, (unsigned)n_extra);
    put_text(zip->out, name);
    if (n_zip64 != 0) {
        put_u16(zip->out, 0x0001);
        put_u16(zip->out, 16);
        put_u64(zip->out, n_bytes);
        put_u64(zip->out, n_bytes);
    }
    if (zip->alignment != 0) {
        put_text(zip->out, "FB");
        put_u16(zip->out, (unsigned)n_padding);
        put_zeros(zip->out, n_padding);
    }
    put_bytes(zip->out, bytes, n_bytes);
    if (zip->descriptors) {
        put_u32(zip->out, 0x08074b50);
        put_u32(zip->out, crc);
        if (zip->zip64) {
            put_u64(zip->out, n_bytes);
            put_u64(zip->out, n_bytes);
        } else {
            put_u32(zip->out, n_bytes);
            put_u32(zip->out, n_bytes);
        }
    }
    struct buffer *central = &zip->central;
    put_u32(central, 0x02014b50);
    put_u16(central, 20);
    put_u16(central, 20);
    put_u16(central, flags);
    put_u16(central, 0);
    put_u32(central, 0);
    put_u32(central, crc);
    put_u32(central, local_size);
    put_u32(central, local_size);
    put_u16(central, (unsigned)n_name);
    put_u16(central, zip->zip64 ? 28 : 0);
    put_zeros(central, 10); /* comment, disk, attributes */
    put_u32(central, zip->zip64 ? 0xffffffff : header);
    put_text(central, name);
    if (zip->zip64) {
        put_u16(central, 0x0001);
        put_u16(central, 24);
        put_u64(central, n_bytes);
        put_u64(central, n_bytes);
        put_u64(central, header);
    }
    zip->n_members++;
}

void zip_writer_end(struct zip_writer *zip)
{
    struct buffer *out = zip->out;
    size_t start = out->n_bytes;
    put_bytes(out, zip->central.bytes, zip->central.n_bytes);
    size_t end = out->n_bytes;
    if (zip->zip64) {
        put_u32(out, 0x06064b50);
        put_u64(out, 44);
        put_u16(out, 45);
        put_u16(out, 45);
        put_u64(out, 0); /* disks */
        put_u64(out, zip->n_members);
        put_u64(out, zip->n_members);
        put_u64(out, end - start);
        put_u64(out, start);
        put_u32(out, 0x07064b50);
        put_u32(out, 0);
        put_u64(out, end);
        put_u32(out, 1);
    }
    put_u32(out, 0x06054b50);
    put_u32(out, 0); /* disks */
    put_u16(out, zip->zip64 ? 0xffff : (unsigned)zip->n_members);
    put_u16(out, zip->zip64 ? 0xffff : (unsigned)zip->n_members);
    put_u32(out, zip->zip64 ? 0xffffffff : end - start);
    put_u32(out, zip->zip64 ? 0xffffffff : start);
    put_u16(out, 0);
    buffer_free(&zip->central);
}

void put_npy(struct buffer *out, const char *descr, const char *order, const char *shape,
             const void *values, size_t n_bytes)
{
    struct buffer header = {0};
    must(buffer_printf(&header, NULL, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", descr,
                       order, shape));
    while ((10 + header.n_bytes + 1) % 64 != 0)
        put_text(&header, " ");
    put_text(&header, "\n");
    put_text(out, "\x93NUMPY");
    put_u8(out, 1);
    put_u8(out, 0);
    put_u16(out, (unsigned)header.n_bytes);
    put_bytes(out, header.bytes, header.n_bytes);
    put_bytes(out, values, n_bytes);
    buffer_free(&header);
}

static const char *npy_type(enum tensor_type type)
{
    static const char *const names[] = {
        [TENSOR_F32] = "<f4",  [TENSOR_F16] = "<f2",      [TENSOR_BF16] = "<V2",
        [TENSOR_F64] = "<f8",  [TENSOR_I8] = "|i1",       [TENSOR_I16] = "<i2",
        [TENSOR_I32] = "<i4",  [TENSOR_I64] = "<i8",      [TENSOR_U8] = "|u1",
        [TENSOR_BOOL] = "|b1", [TENSOR_INTGEMM8] = "|i1",
    };
    return names[type];
}

static void add_npy(struct zip_writer *zip, const char *name, const struct array *a)
{
    struct buffer member = {0}, file = {0}, shape = {0};
    put_text(&shape, "(");
    for (size_t d = 0; d < a->rank; d++)
        must(buffer_printf(&shape, NULL, d + 1 < a->rank ? "%zu, " : "%zu", a->shape[d]));
    put_text(&shape, a->rank == 1 ? ",)" : ")");
    put_npy(&file, npy_type(a->type), a->column_major ? "True" : "False", shape.bytes, a->values,
            array_bytes(a));
    must(buffer_printf(&member, NULL, "%s.npy", name));
    zip_writer_add(zip, member.bytes, file.bytes, file.n_bytes);
    buffer_free(&member);
    buffer_free(&file);
    buffer_free(&shape);
}

void checkpoint_npz(struct buffer *out, const struct array *arrays, size_t n_arrays,
                    const char *model_yml)
{
    struct zip_writer zip = {.out = out};
    for (size_t i = 0; i < n_arrays; i++)
        add_npy(&zip, arrays[i].name, &arrays[i]);
    if (model_yml != NULL) {
        struct array note = {
            .type = TENSOR_I8, .rank = 1, .shape = {strlen(model_yml) + 1}, .values = model_yml};
        add_npy(&zip, "special:model.yml", &note);
    }
    zip_writer_end(&zip);
}

static unsigned marian_type(enum tensor_type type)
{
    static const unsigned codes[] = {
        [TENSOR_F32] = 0x0404,  [TENSOR_F16] = 0x0402,      [TENSOR_BF16] = 0x0502,
        [TENSOR_F64] = 0x0408,  [TENSOR_I8] = 0x0101,       [TENSOR_I16] = 0x0102,
        [TENSOR_I32] = 0x0104,  [TENSOR_I64] = 0x0108,      [TENSOR_U8] = 0x0201,
        [TENSOR_BOOL] = 0x0201, [TENSOR_INTGEMM8] = 0x4101,
    };
    return codes[type];
}

/* Bytes of an item: those of the array, a multiplier, and padding to a multiple of 256. */
static size_t marian_bytes(const struct array *a)
{
    size_t n_bytes = array_bytes(a) + (a->type == TENSOR_INTGEMM8 ? sizeof(float) : 0);
    return (n_bytes + 255) / 256 * 256;
}

void checkpoint_marian_bin(struct buffer *out, const struct array *arrays, size_t n_arrays,
                           const char *model_yml)
{
    struct array *items = memory_new(n_arrays + 1, sizeof *items, NULL);
    must(items != NULL);
    if (n_arrays > 0)
        memcpy(items, arrays, n_arrays * sizeof *items);
    size_t n_items = n_arrays;
    if (model_yml != NULL)
        items[n_items++] = (struct array){.name = "special:model.yml",
                                          .type = TENSOR_I8,
                                          .rank = 1,
                                          .shape = {strlen(model_yml) + 1},
                                          .values = model_yml};
    put_u64(out, 1);
    put_u64(out, n_items);
    for (size_t i = 0; i < n_items; i++) {
        put_u64(out, strlen(items[i].name) + 1);
        put_u64(out, marian_type(items[i].type));
        put_u64(out, items[i].rank);
        put_u64(out, marian_bytes(&items[i]));
    }
    for (size_t i = 0; i < n_items; i++)
        put_bytes(out, items[i].name, strlen(items[i].name) + 1);
    for (size_t i = 0; i < n_items; i++)
        for (size_t d = 0; d < items[i].rank; d++)
            put_u32(out, items[i].shape[d]);
    size_t padding = ((out->n_bytes + 8) / 256 + 1) * 256 - (out->n_bytes + 8);
    put_u64(out, padding);
    put_zeros(out, padding);
    for (size_t i = 0; i < n_items; i++) {
        size_t start = out->n_bytes;
        put_bytes(out, items[i].values, array_bytes(&items[i]));
        if (items[i].type == TENSOR_INTGEMM8)
            put_bytes(out, &items[i].multiplier, sizeof items[i].multiplier);
        put_zeros(out, start + marian_bytes(&items[i]) - out->n_bytes);
    }
    memory_free(items);
}

static void put_ct2_string(struct buffer *out, const char *text)
{
    put_u16(out, (unsigned)strlen(text) + 1);
    put_bytes(out, text, strlen(text) + 1);
}

static unsigned ct2_type(enum tensor_type type)
{
    static const unsigned codes[] = {
        [TENSOR_F32] = 0, [TENSOR_I8] = 1,  [TENSOR_I16] = 2,
        [TENSOR_I32] = 3, [TENSOR_F16] = 4, [TENSOR_BF16] = 5,
    };
    return codes[type];
}

void checkpoint_ct2(struct buffer *out, uint32_t version, const struct array *arrays,
                    size_t n_arrays)
{
    size_t n_aliases = 0;
    for (size_t i = 0; i < n_arrays; i++)
        n_aliases += arrays[i].alias_of != NULL;
    put_u32(out, version);
    if (version >= 2) {
        put_ct2_string(out, "TransformerSpec");
        put_u32(out, 7);
    }
    put_u32(out, n_arrays - n_aliases);
    for (size_t i = 0; i < n_arrays; i++) {
        const struct array *a = &arrays[i];
        if (a->alias_of != NULL)
            continue;
        put_ct2_string(out, a->name);
        put_u8(out, (unsigned)a->rank);
        for (size_t d = 0; d < a->rank; d++)
            put_u32(out, a->shape[d]);
        put_u8(out, version >= 4 ? ct2_type(a->type) : (unsigned)type_bytes(a->type));
        put_u32(out, version >= 4 ? array_bytes(a) : element_count(a));
        put_bytes(out, a->values, array_bytes(a));
    }
    if (version < 3)
        return;
    put_u32(out, n_aliases);
    for (size_t i = 0; i < n_arrays; i++)
        if (arrays[i].alias_of != NULL) {
            put_ct2_string(out, arrays[i].name);
            put_ct2_string(out, arrays[i].alias_of);
        }
}
