/* The same arrays in every format read the same; views, types and orders of reading. */
#include "tests/support/check_tensors.h"
#include "tests/support/checkpoints.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float matrix[6] = {1, 2, 3, 4, 5, -6.5f};
static const float vector[3] = {0.25f, -0.5f, 1e30f};
static const float scalar[1] = {7};
static const int8_t bytes8[4] = {-128, -1, 0, 127};
static const int16_t words[2] = {-32768, 300};
static const int32_t ints[2] = {-5, 1 << 20};

static const struct array arrays[] = {
    {.name = "a.matrix", .type = TENSOR_F32, .rank = 2, .shape = {2, 3}, .values = matrix},
    {.name = "b.vector", .type = TENSOR_F32, .rank = 1, .shape = {3}, .values = vector},
    {.name = "c.scalar", .type = TENSOR_F32, .rank = 0, .values = scalar},
    {.name = "d.bytes", .type = TENSOR_I8, .rank = 2, .shape = {2, 2}, .values = bytes8},
    {.name = "e.words", .type = TENSOR_I16, .rank = 1, .shape = {2}, .values = words},
    {.name = "f.ints", .type = TENSOR_I32, .rank = 1, .shape = {2}, .values = ints},
};
#define N_ARRAYS (sizeof arrays / sizeof arrays[0])

static void check_arrays(const struct buffer *file, enum tensor_format format)
{
    /* Once by content, once because the caller says so. */
    for (int told = 0; told < 2; told++) {
        struct opened opened = open_tensors(file, told ? format : FORMAT_AUTO);
        const struct tensors *t = opened.tensors;
        int8_t read8[4];
        ck_assert_int_eq(tensors_format(t), format);
        ck_assert_uint_eq(tensors_count(t), N_ARRAYS);
        for (size_t i = 0; i < N_ARRAYS; i++) {
            const struct tensor *found = tensors_find(t, arrays[i].name);
            ck_assert_ptr_nonnull(found);
            ck_assert_ptr_eq(found, tensors_at(t, i));
            ck_assert_int_eq(found->type, arrays[i].type);
            ck_assert_uint_eq(found->rank, arrays[i].rank);
            ck_assert_mem_eq(found->shape, arrays[i].shape, arrays[i].rank * sizeof(size_t));
        }
        for (size_t i = 0; i < 6; i++)
            ck_assert_float_eq(value_at(t, "a.matrix", i), matrix[i]);
        for (size_t i = 0; i < 3; i++)
            ck_assert_float_eq(value_at(t, "b.vector", i), vector[i]);
        ck_assert_float_eq(value_at(t, "c.scalar", 0), 7);
        ck_assert_float_eq(value_at(t, "d.bytes", 0), -128);
        ck_assert_float_eq(value_at(t, "e.words", 0), -32768);
        ck_assert_float_eq(value_at(t, "f.ints", 1), 1 << 20);
        ck_assert(tensors_read_i8(t, tensors_find(t, "d.bytes"), 0, 4, read8, NULL));
        ck_assert_mem_eq(read8, bytes8, 4);
        ck_assert_ptr_null(tensors_find(t, "a"));
        ck_assert_ptr_null(tensors_find(t, ""));
        ck_assert_ptr_null(tensors_find(t, "z"));
        close_tensors(&opened);
    }
}

START_TEST(all_formats)
{
    struct buffer file = {0};
    checkpoint_safetensors(&file, arrays, N_ARRAYS);
    check_arrays(&file, FORMAT_SAFETENSORS);
    buffer_clear(&file);
    checkpoint_torch_zip(&file, arrays, N_ARRAYS);
    check_arrays(&file, FORMAT_TORCH);
    buffer_clear(&file);
    checkpoint_torch_stream(&file, arrays, N_ARRAYS);
    check_arrays(&file, FORMAT_TORCH);
    buffer_clear(&file);
    checkpoint_npz(&file, arrays, N_ARRAYS, "type: transformer\n");
    check_arrays(&file, FORMAT_MARIAN);
    buffer_clear(&file);
    checkpoint_marian_bin(&file, arrays, N_ARRAYS, "type: transformer\n");
    check_arrays(&file, FORMAT_MARIAN);
    for (uint32_t version = 4; version <= 6; version++) {
        buffer_clear(&file);
        checkpoint_ct2(&file, version, arrays, N_ARRAYS);
        check_arrays(&file, FORMAT_CT2);
    }
    buffer_free(&file);
}
END_TEST

/* A view of [3, 4] stored column after column, in the formats that have such. */
START_TEST(transposed_views)
{
    float stored[12];
    for (size_t i = 0; i < 12; i++)
        stored[i] = (float)(i % 3 * 4 + i / 3); /* element (r, c) is 4 r + c, at c * 3 + r */
    const struct array view = {.name = "w",
                               .type = TENSOR_F32,
                               .rank = 2,
                               .shape = {3, 4},
                               .values = stored,
                               .column_major = true};
    for (int format = 0; format < 3; format++) {
        struct buffer file = {0};
        if (format == 0)
            checkpoint_torch_zip(&file, &view, 1);
        else if (format == 1)
            checkpoint_torch_stream(&file, &view, 1);
        else
            checkpoint_npz(&file, &view, 1, "a: b");
        struct opened opened = open_tensors(&file, FORMAT_AUTO);
        const struct tensor *w = tensors_find(opened.tensors, "w");
        ck_assert_uint_eq(w->strides[0], 1);
        ck_assert_uint_eq(w->strides[1], 3);
        for (size_t first = 0; first <= 12; first++) /* every range */
            for (size_t count = 0; count <= 12 - first; count++) {
                float read[13];
                read[count] = -1;
                ck_assert(tensors_read_f32(opened.tensors, w, first, count, read, NULL));
                for (size_t i = 0; i < count; i++)
                    ck_assert_float_eq(read[i], (float)(first + i));
                ck_assert_float_eq(read[count], -1);
            }
        /* Transposed once more it is plain [4, 3]. */
        struct tensor back = tensor_transpose(w);
        float plain[12];
        ck_assert_uint_eq(back.shape[0], 4);
        ck_assert(tensors_read_f32(opened.tensors, &back, 0, 12, plain, NULL));
        ck_assert_mem_eq(plain, stored, sizeof stored);
        close_tensors(&opened);
        buffer_free(&file);
    }
}
END_TEST

START_TEST(transpose_of_row_major)
{
    struct buffer file = {0};
    checkpoint_npz(&file, arrays, N_ARRAYS, "a: b");
    struct opened opened = open_tensors(&file, FORMAT_AUTO);
    struct tensor t = tensor_transpose(tensors_find(opened.tensors, "a.matrix"));
    float read[6];
    const float expected[6] = {1, 4, 2, 5, 3, -6.5f};
    for (size_t i = 0; i < 6; i++)
        ck_assert(tensors_read_f32(opened.tensors, &t, i, 1, &read[i], NULL));
    ck_assert_mem_eq(read, expected, sizeof read);
    int8_t read8[4];
    const int8_t expected8[4] = {-128, 0, -1, 127};
    t = tensor_transpose(tensors_find(opened.tensors, "d.bytes"));
    ck_assert(tensors_read_i8(opened.tensors, &t, 0, 4, read8, NULL));
    ck_assert_mem_eq(read8, expected8, sizeof read8);
    close_tensors(&opened);
    buffer_free(&file);
}
END_TEST

/* What a half means, by the definition of the format. */
static float half_by_definition(unsigned half)
{
    unsigned exponent = half >> 10 & 31, fraction = half & 1023;
    float magnitude;
    if (exponent == 31)
        magnitude = fraction != 0 ? NAN : INFINITY;
    else if (exponent == 0)
        magnitude = ldexpf((float)fraction, -24);
    else
        magnitude = ldexpf((float)(1024 + fraction), (int)exponent - 25);
    return half & 0x8000 ? -magnitude : magnitude;
}

START_TEST(small_floats)
{
    static uint16_t halves[65536];
    static float read[65536];
    for (unsigned i = 0; i < 65536; i++)
        halves[i] = (uint16_t)i;
    struct array both[] = {
        {.name = "f16", .type = TENSOR_F16, .rank = 1, .shape = {65536}, .values = halves},
        {.name = "bf16", .type = TENSOR_BF16, .rank = 1, .shape = {65536}, .values = halves},
    };
    struct buffer file = {0};
    checkpoint_safetensors(&file, both, 2);
    struct opened opened = open_tensors(&file, FORMAT_AUTO);
    ck_assert(tensors_read_f32(opened.tensors, tensors_find(opened.tensors, "f16"), 0, 65536, read,
                               NULL));
    for (unsigned i = 0; i < 65536; i++) {
        float expected = half_by_definition(i);
        ck_assert(isnan(expected) ? isnan(read[i]) : read[i] == expected);
        ck_assert_int_eq(signbit(read[i]) != 0, i >> 15);
    }
    ck_assert(tensors_read_f32(opened.tensors, tensors_find(opened.tensors, "bf16"), 0, 65536, read,
                               NULL));
    for (unsigned i = 0; i < 65536; i++) {
        uint32_t bits;
        memcpy(&bits, &read[i], sizeof bits);
        ck_assert_uint_eq(bits >> 16, i);
    }
    close_tensors(&opened);
    buffer_free(&file);
}
END_TEST

START_TEST(other_types)
{
    const double doubles[2] = {0.5, -3};
    const int64_t longs[2] = {-7, 1LL << 40};
    const uint8_t bytes[2] = {0, 255};
    struct array all[] = {
        {.name = "f64", .type = TENSOR_F64, .rank = 1, .shape = {2}, .values = doubles},
        {.name = "i64", .type = TENSOR_I64, .rank = 1, .shape = {2}, .values = longs},
        {.name = "u8", .type = TENSOR_U8, .rank = 1, .shape = {2}, .values = bytes},
        {.name = "none", .type = TENSOR_F32, .rank = 2, .shape = {0, 5}, .values = bytes},
    };
    struct buffer file = {0};
    for (int format = 0; format < 3; format++) {
        buffer_clear(&file);
        if (format == 0)
            checkpoint_safetensors(&file, all, 4);
        else if (format == 1)
            checkpoint_torch_zip(&file, all, 4);
        else
            checkpoint_torch_stream(&file, all, 4);
        struct opened opened = open_tensors(&file, FORMAT_AUTO);
        ck_assert_float_eq(value_at(opened.tensors, "f64", 1), -3);
        ck_assert_float_eq(value_at(opened.tensors, "i64", 1), 1099511627776.0f);
        ck_assert_float_eq(value_at(opened.tensors, "u8", 1), 255);
        ck_assert_uint_eq(tensors_find(opened.tensors, "none")->n_elements, 0);
        /* Past the end, or int8 of what is none: our own mistakes, said so. */
        struct error err = {0};
        float value;
        int8_t value8;
        const struct tensor *f64 = tensors_find(opened.tensors, "f64");
        ck_assert(!tensors_read_f32(opened.tensors, f64, 2, 1, &value, &err));
        ck_assert_int_eq(err.code, ERROR_INTERNAL);
        ck_assert(!tensors_read_i8(opened.tensors, f64, 0, 1, &value8, NULL));
        close_tensors(&opened);
    }
    buffer_free(&file);
}
END_TEST

/* More than is read at a time, in odd pieces and at once. */
START_TEST(large_tensors)
{
    const size_t n = 300001;
    int8_t *codes = malloc(n), *read8 = malloc(n);
    float *floats = malloc(n * sizeof *floats), *read = malloc(n * sizeof *read);
    ck_assert(codes != NULL && read8 != NULL && floats != NULL && read != NULL);
    for (size_t i = 0; i < n; i++) {
        codes[i] = (int8_t)(i * 7 % 251 - 125);
        floats[i] = (float)i;
    }
    struct array both[] = {
        {.name = "f", .type = TENSOR_F32, .rank = 1, .shape = {n}, .values = floats},
        {.name = "i", .type = TENSOR_I8, .rank = 1, .shape = {n}, .values = codes},
    };
    struct buffer file = {0};
    checkpoint_safetensors(&file, both, 2);
    struct opened opened = open_tensors(&file, FORMAT_AUTO);
    const struct tensor *f = tensors_find(opened.tensors, "f");
    const struct tensor *i8 = tensors_find(opened.tensors, "i");
    static const size_t steps[] = {1009, 65537, 300001};
    for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
        for (size_t at = 0; at < n; at += steps[s]) {
            size_t count = n - at < steps[s] ? n - at : steps[s];
            ck_assert(tensors_read_f32(opened.tensors, f, at, count, read + at, NULL));
            ck_assert(tensors_read_i8(opened.tensors, i8, at, count, read8 + at, NULL));
        }
        ck_assert_mem_eq(read, floats, n * sizeof *floats);
        ck_assert_mem_eq(read8, codes, n);
    }
    ck_assert(tensors_read_f32(opened.tensors, i8, 0, n, read, NULL));
    for (size_t i = 0; i < n; i++)
        ck_assert_float_eq(read[i], codes[i]);
    ck_assert(tensors_read_i8(opened.tensors, i8, n, 0, read8, NULL));
    ck_assert(!tensors_read_i8(opened.tensors, i8, n, 1, read8, NULL));
    close_tensors(&opened);
    ck_assert(tensors_close(NULL, NULL));
    buffer_free(&file);
    free(codes);
    free(read8);
    free(floats);
    free(read);
}
END_TEST

START_TEST(tied_storages)
{
    struct array tied[] = {
        {.name = "a", .type = TENSOR_F32, .rank = 2, .shape = {2, 3}, .values = matrix},
        {.name = "b", .type = TENSOR_F32, .rank = 2, .shape = {2, 3}, .alias_of = "a"},
        {.name = "c",
         .type = TENSOR_F32,
         .rank = 2,
         .shape = {3, 2},
         .alias_of = "a",
         .column_major = true},
    };
    struct buffer file = {0};
    for (int stream = 0; stream < 2; stream++) {
        buffer_clear(&file);
        if (stream)
            checkpoint_torch_stream(&file, tied, 3);
        else
            checkpoint_torch_zip(&file, tied, 3);
        struct opened opened = open_tensors(&file, FORMAT_TORCH);
        ck_assert_uint_eq(tensors_count(opened.tensors), 3);
        const struct tensor *a = tensors_find(opened.tensors, "a");
        ck_assert_uint_eq(tensors_find(opened.tensors, "b")->offset, a->offset);
        ck_assert_uint_eq(tensors_find(opened.tensors, "c")->offset, a->offset);
        ck_assert_float_eq(value_at(opened.tensors, "b", 5), -6.5f);
        ck_assert_float_eq(value_at(opened.tensors, "c", 1), 4); /* (0, 1) of the transpose */
        close_tensors(&opened);
    }
    buffer_free(&file);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tensors");
    TCase *cases = tcase_create("formats");
    tcase_add_test(cases, all_formats);
    tcase_add_test(cases, transposed_views);
    tcase_add_test(cases, transpose_of_row_major);
    tcase_add_test(cases, small_floats);
    tcase_add_test(cases, other_types);
    tcase_add_test(cases, large_tensors);
    tcase_add_test(cases, tied_storages);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
