/* Marian's and CTranslate2's binary files. */
#include "tests/support/check_tensors.h"
#include "tests/support/checkpoints.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define YML "type: transformer\n"

static const float values[6] = {1, 2, 3, 4, 5, 6};
static const int8_t codes[6] = {1, -2, 3, -127, 5, 127};

/* Spoils a number of `n_bytes` at `offset` of a good file. */
struct spoiled {
    size_t offset, n_bytes;
    uint64_t value;
    const char *reason;
};

static void spoil(struct buffer *file, const struct spoiled *spoiled)
{
    for (size_t i = 0; i < spoiled->n_bytes; i++)
        file->bytes[spoiled->offset + i] = (char)(spoiled->value >> 8 * i & 0xff);
}

/* Items "Wemb" and "l_W" (quantized), "b" (float), and special:model.yml. */
static void make_marian(struct buffer *file)
{
    static const struct array items[] = {
        {.name = "Wemb",
         .type = TENSOR_INTGEMM8,
         .rank = 2,
         .shape = {2, 3},
         .values = codes,
         .multiplier = 2},
        {.name = "b", .type = TENSOR_F32, .rank = 2, .shape = {1, 3}, .values = values},
        {.name = "l_W",
         .type = TENSOR_INTGEMM8,
         .rank = 2,
         .shape = {2, 3},
         .values = codes,
         .multiplier = 4},
    };
    buffer_clear(file);
    checkpoint_marian_bin(file, items, 3, YML);
}

/* Where the parts of that file are. */
enum { ITEM = 16, NAMES = 16 + 4 * 32, SHAPES = NAMES + 5 + 2 + 4 + 18, PADDING = SHAPES + 28 };

START_TEST(marian_good)
{
    struct buffer file = {0};
    make_marian(&file);
    struct opened opened = open_tensors(&file, FORMAT_AUTO);
    const struct tensors *t = opened.tensors;
    ck_assert_int_eq(tensors_format(t), FORMAT_MARIAN);
    ck_assert_uint_eq(tensors_count(t), 3);
    ck_assert_str_eq(tensors_note(t, "special:model.yml", NULL), YML);
    /* Embeddings lie as declared; others are declared [in 2, out 3] and lie as [3][2]. */
    for (size_t i = 0; i < 6; i++)
        ck_assert_float_eq(value_at(t, "Wemb", i), codes[i] / 2.0f);
    for (size_t in = 0; in < 2; in++)
        for (size_t out = 0; out < 3; out++)
            ck_assert_float_eq(value_at(t, "l_W", in * 3 + out), codes[out * 2 + in] / 4.0f);
    struct tensor by_channel = tensor_transpose(tensors_find(t, "l_W"));
    int8_t read[6];
    ck_assert_uint_eq(by_channel.shape[0], 3);
    ck_assert(tensors_read_i8(t, &by_channel, 0, 6, read, NULL));
    ck_assert_mem_eq(read, codes, 6);
    ck_assert(tensors_read_i8(t, tensors_find(t, "l_W"), 1, 4, read, NULL));
    const int8_t expected[4] = {3, 5, -2, -127};
    ck_assert_mem_eq(read, expected, 4);
    ck_assert_float_eq(value_at(t, "b", 2), 3);
    close_tensors(&opened);
    buffer_free(&file);
}
END_TEST

START_TEST(marian_bad)
{
    static const struct spoiled cases[] = {
        {0, 8, 2, "not a Marian model"},
        {8, 8, UINT64_MAX, "truncated"},
        {8, 8, 1000, "truncated"},
        {8, 8, 0, "bytes not covered"},
        {ITEM, 8, 0, "a name of 0 bytes"},
        {ITEM, 8, 1, "a name of 1 bytes"},
        {ITEM, 8, UINT64_MAX, "a name of"},
        {ITEM, 8, 6, "does not end with a NUL"},
        {ITEM + 8, 8, 0x4102, "intgemm16"},
        {ITEM + 8, 8, 0x0802, "packed"},
        {ITEM + 8, 8, 0x1801, "packed"},
        {ITEM + 8, 8, 0x2801, "packed"},
        {ITEM + 8, 8, 0x0204, "dtype: unknown type 0x204"},
        {ITEM + 8, 8, UINT64_MAX, "dtype"},
        {ITEM + 16, 8, 9, "rank"},
        {ITEM + 16, 8, UINT64_MAX, "rank"},
        {ITEM + 16, 8, 1, "padding"},
        {ITEM + 24, 8, UINT64_MAX, "truncated"},
        {ITEM + 24, 8, 9, "shape"},
        {ITEM + 24, 8, 0, "shape"},
        {ITEM + 32 + 24, 8, 11, "shape"},
        {NAMES, 1, 0, "name is empty, holds a NUL"},
        {NAMES + 4, 1, 'x', "does not end with a NUL"},
        {NAMES + 1, 1, 0xff, "not UTF-8"},
        {NAMES + 11, 1, 'x', "special:model.yml"},
        {SHAPES, 4, 0, "not positive"},
        {SHAPES, 4, UINT32_MAX, "not positive"},
        {SHAPES, 4, 0x7fffffff, "shape"},
        {SHAPES, 4, 0x1000001, "shape"},
        {PADDING, 8, 257, "padding"},
        {PADDING, 8, UINT64_MAX, "padding"},
        {PADDING, 8, 0, "multiplier"},
    };
    struct buffer file = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make_marian(&file);
        spoil(&file, &cases[i]);
        check_refused(&file, FORMAT_MARIAN, cases[i].reason);
    }
    make_marian(&file); /* two items of one name */
    replace_bytes(&file, "l_W\0special", "b\0\0\0special", 11);
    check_refused(&file, FORMAT_MARIAN, "holds a NUL");
    make_marian(&file);
    put_u8(&file, 0);
    check_refused(&file, FORMAT_MARIAN, "bytes not covered");
    static const struct array untied = {.name = "decoder_ff_logit_out_Wt",
                                        .type = TENSOR_INTGEMM8,
                                        .rank = 2,
                                        .shape = {2, 3},
                                        .values = codes,
                                        .multiplier = 1};
    static const struct array twice[2] = {
        {.name = "b", .type = TENSOR_F32, .rank = 1, .shape = {1}, .values = values},
        {.name = "b", .type = TENSOR_F32, .rank = 1, .shape = {1}, .values = values},
    };
    static const struct array note = {
        .name = "special:model.yml", .type = TENSOR_I8, .rank = 1, .shape = {2}, .values = "a"};
    buffer_clear(&file);
    checkpoint_marian_bin(&file, &note, 1, YML);
    check_refused(&file, FORMAT_MARIAN, "'special:model.yml': duplicate");
    buffer_clear(&file);
    put_u64(&file, 1);
    put_u64(&file, TENSORS_MAX_COUNT + 1);
    put_zeros(&file, (TENSORS_MAX_COUNT + 1) * 32);
    check_refused(&file, FORMAT_MARIAN, "more than 65536 tensors");
    buffer_clear(&file);
    checkpoint_marian_bin(&file, &untied, 1, YML);
    check_refused(&file, FORMAT_MARIAN, "untied");
    buffer_clear(&file);
    checkpoint_marian_bin(&file, twice, 2, YML);
    check_refused(&file, FORMAT_MARIAN, "'b': duplicate");
    static const float multipliers[] = {0, -1, INFINITY, NAN};
    for (size_t i = 0; i < sizeof multipliers / sizeof multipliers[0]; i++) {
        struct array quantized = untied;
        quantized.name = "l_W";
        quantized.multiplier = multipliers[i];
        buffer_clear(&file);
        checkpoint_marian_bin(&file, &quantized, 1, YML);
        check_refused(&file, FORMAT_MARIAN, "multiplier");
    }
    buffer_free(&file);
}
END_TEST

START_TEST(marian_truncations_and_flips)
{
    struct buffer file = {0};
    make_marian(&file);
    check_truncations(&file, FORMAT_MARIAN);
    check_flips(&file, FORMAT_MARIAN, 1030);
    buffer_free(&file);
}
END_TEST

/* The quantized copy of a real model holds the same values to within half a step. */
START_TEST(marian_real_model)
{
    struct error err = {0};
    struct tensors *exact, *quantized;
    static float wanted[1 << 17], found[1 << 17];
    if (!tensors_open(&exact, "tests/fixtures/npz_ssru/model.npz", FORMAT_AUTO, &err) ||
        !tensors_open(&quantized, "tests/fixtures/npz_ssru/model.intgemm8.bin", FORMAT_AUTO, &err))
        ck_abort_msg("%s", err.text);
    ck_assert_uint_eq(tensors_count(exact), tensors_count(quantized));
    size_t n_quantized = 0;
    for (size_t i = 0; i < tensors_count(exact); i++) {
        const struct tensor *a = tensors_at(exact, i), *b = tensors_find(quantized, a->name);
        ck_assert_ptr_nonnull(b);
        ck_assert_uint_eq(a->n_elements, b->n_elements);
        ck_assert_uint_le(a->n_elements, sizeof wanted / sizeof wanted[0]);
        ck_assert(tensors_read_f32(exact, a, 0, a->n_elements, wanted, &err));
        ck_assert(tensors_read_f32(quantized, b, 0, a->n_elements, found, &err));
        float step = b->type == TENSOR_INTGEMM8 ? 1 / b->multiplier : 0;
        n_quantized += b->type == TENSOR_INTGEMM8;
        for (size_t k = 0; k < a->n_elements; k++)
            ck_assert(fabsf(wanted[k] - found[k]) <= 0.5001f * step);
    }
    ck_assert_uint_gt(n_quantized, 10);
    ck_assert(tensors_close(exact, &err));
    ck_assert(tensors_close(quantized, &err));
}
END_TEST

static const int16_t heads[1] = {8};
static const struct array variables[] = {
    {.name = "encoder/num_heads", .type = TENSOR_I16, .rank = 0, .values = heads},
    {.name = "e/weight", .type = TENSOR_I8, .rank = 2, .shape = {2, 3}, .values = codes},
    {.name = "e/weight_scale", .type = TENSOR_F32, .rank = 1, .shape = {2}, .values = values},
    {.name = "p/weight", .alias_of = "e/weight"},
    {.name = "b", .type = TENSOR_F32, .rank = 1, .shape = {3}, .values = values},
};

static void make_ct2(struct buffer *file, uint32_t version)
{
    buffer_clear(file);
    checkpoint_ct2(file, version, variables, 5);
}

START_TEST(ct2_good)
{
    struct buffer file = {0};
    for (uint32_t version = 1; version <= 6; version++) {
        char expected[2] = {(char)('0' + version)};
        make_ct2(&file, version);
        struct opened opened = open_tensors(&file, FORMAT_AUTO);
        const struct tensors *t = opened.tensors;
        ck_assert_int_eq(tensors_format(t), FORMAT_CT2);
        ck_assert_str_eq(tensors_note(t, "version", NULL), expected);
        ck_assert_float_eq(value_at(t, "encoder/num_heads", 0), 8);
        ck_assert_int_eq(tensors_find(t, "e/weight")->type, TENSOR_I8);
        ck_assert_float_eq(value_at(t, "e/weight", 3), -127);
        ck_assert_float_eq(value_at(t, "b", 2), 3);
        if (version >= 2) {
            ck_assert_str_eq(tensors_note(t, "spec", NULL), "TransformerSpec");
            ck_assert_str_eq(tensors_note(t, "revision", NULL), "7");
        } else {
            ck_assert_ptr_null(tensors_note(t, "spec", NULL));
        }
        if (version >= 3) { /* an alias brings the scale along */
            ck_assert_float_eq(value_at(t, "p/weight", 3), -127);
            ck_assert_float_eq(value_at(t, "p/weight_scale", 1), 2);
        }
        close_tensors(&opened);
        check_truncations(&file, FORMAT_CT2);
        check_flips(&file, FORMAT_CT2, file.n_bytes);
    }
    buffer_free(&file);
}
END_TEST

/* In a file of version 6: the spec's name, the number of variables, the first variable's name. */
enum { SPEC = 4, REVISION = 22, COUNT = 26, FIRST = 30, RANK = 50, TYPE = 51, BYTES = 52 };

START_TEST(ct2_bad)
{
    static const struct spoiled cases[] = {
        {0, 4, 7, "version 7"},
        {0, 4, 0, "version 0"},
        {0, 4, UINT32_MAX, "version 4294967295"},
        {SPEC, 2, 0, "a name of 0 bytes"},
        {SPEC, 2, 1, "a name of 1 bytes"},
        {SPEC, 2, 15, "NUL"},
        {SPEC, 2, 17, "NUL"},
        {SPEC, 2, 0xffff, "a name of 65535 bytes"},
        {SPEC + 2, 1, 'X', "XransformerSpec"},
        {REVISION, 4, 8, "revision 8"},
        {COUNT, 4, UINT32_MAX, "truncated"},
        {COUNT, 4, 3, "alias"},
        {FIRST, 2, 0, "a name of 0 bytes"},
        {FIRST + 2, 1, 0, "NUL"},
        {FIRST + 2, 1, 0xff, "not UTF-8"},
        {RANK, 1, 9, "rank"},
        {TYPE, 1, 6, "dtype"},
        {TYPE, 1, 0, "shape"},
        {BYTES, 4, UINT32_MAX, "truncated"},
        {BYTES, 4, 3, "shape"},
        {BYTES, 4, 1, "shape"},
    };
    struct buffer file = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make_ct2(&file, 6);
        spoil(&file, &cases[i]);
        check_refused(&file, FORMAT_CT2, cases[i].reason);
    }
    struct spoiled size = {.offset = 0, .n_bytes = 4, .value = UINT32_MAX};
    make_ct2(&file, 6); /* a dimension of the second variable */
    size.offset = find_bytes(&file, "e/weight", 9, 0) + 10;
    spoil(&file, &size);
    check_refused(&file, FORMAT_CT2, "'e/weight': shape");
    make_ct2(&file, 6);
    put_u8(&file, 0);
    check_refused(&file, FORMAT_CT2, "bytes not covered");
    make_ct2(&file, 6);
    replace_bytes(&file, "e/weight_scale", "e/weight\0scale", 14);
    check_refused(&file, FORMAT_CT2, "NUL");
    buffer_clear(&file);
    checkpoint_ct2(&file, 6, NULL, 0);
    size = (struct spoiled){.offset = COUNT, .n_bytes = 4, .value = TENSORS_MAX_COUNT + 1};
    spoil(&file, &size);
    put_zeros(&file, (TENSORS_MAX_COUNT + 1) * 9);
    check_refused(&file, FORMAT_CT2, "more than 65536 tensors");
    make_ct2(&file, 3); /* items of three bytes */
    size = (struct spoiled){.offset = TYPE, .n_bytes = 1, .value = 3};
    spoil(&file, &size);
    check_refused(&file, FORMAT_CT2, "items of 3 bytes");
    static const struct array aliases[] = {
        {.name = "b", .type = TENSOR_F32, .rank = 1, .shape = {3}, .values = values},
        {.name = "a", .alias_of = "x"},
        {.name = "b", .alias_of = "b"},
    };
    buffer_clear(&file);
    checkpoint_ct2(&file, 6, aliases, 2);
    check_refused(&file, FORMAT_CT2, "'a': an alias of 'x', which is not there");
    struct array twice[2] = {aliases[0], aliases[2]};
    buffer_clear(&file);
    checkpoint_ct2(&file, 6, twice, 2);
    check_refused(&file, FORMAT_CT2, "'b': duplicate");
    buffer_free(&file);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("binary");
    TCase *cases = tcase_create("files");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, marian_good);
    tcase_add_test(cases, marian_bad);
    tcase_add_test(cases, marian_truncations_and_flips);
    tcase_add_test(cases, marian_real_model);
    tcase_add_test(cases, ct2_good);
    tcase_add_test(cases, ct2_bad);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
