/* Bad safetensors files: each is refused, and says why. */
#include "tests/support/check_tensors.h"
#include "tests/support/checkpoints.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define F FORMAT_SAFETENSORS

/* A file of this header and `n_data` zero bytes. */
static void make(struct buffer *file, const char *header, size_t n_data)
{
    buffer_clear(file);
    put_u64(file, strlen(header));
    put_text(file, header);
    put_zeros(file, n_data);
}

/* A tensor of one float, with `dtype`, `shape` and `data_offsets` as given. */
#define ONE(name, dtype, shape, offsets)                                                           \
    "{\"" name "\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
#define F32 "\"F32\""
#define ENTRY(name, offsets)                                                                       \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":" offsets "}"

struct refusal {
    const char *header;
    size_t n_data;
    const char *reason;
};

static void check_refusals(const struct refusal *cases, size_t count)
{
    struct buffer file = {0};
    for (size_t i = 0; i < count; i++) {
        make(&file, cases[i].header, cases[i].n_data);
        check_refused(&file, F, cases[i].reason);
    }
    buffer_free(&file);
}
#define CHECK_REFUSALS(cases) check_refusals(cases, sizeof cases / sizeof cases[0])

START_TEST(good_files)
{
    static const struct {
        const char *header;
        size_t n_data;
    } good[] = {
        {"{}", 0},
        {" \t\r\n{} \n", 0},
        {ONE("a", F32, "[1]", "[0,4]"), 4},
        {ONE("a", F32, "[]", "[0,4]"), 4},
        {ONE("a", F32, "[0,3]", "[0,0]"), 0},
        {"{" ENTRY("b", "[4,8]") "," ENTRY("a", "[0,4]") "}", 8},
        {"{\"__metadata__\":{\"format\":\"pt\",\"x\":\"\\u00e9\\n\"}," ENTRY("a", "[0,4]") "}", 4},
        {"{\"a\":{\"more\":[{\"x\":[1.5e-3,true,null,\"\"]},-0],\"data_offsets\":[ 0 , 4 ],"
         "\"shape\":[ 1 ],\"dtype\":\"F32\"}}",
         4},
        {ONE("\\ud83d\\ude00/\\\"", F32, "[1]", "[0,4]"), 4},
    };
    struct buffer file = {0};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        make(&file, good[i].header, good[i].n_data);
        struct opened opened = open_tensors(&file, F);
        close_tensors(&opened);
    }
    make(&file, ONE("\\ud83d\\ude00", F32, "[1]", "[0,4]"), 4);
    struct opened opened = open_tensors(&file, FORMAT_AUTO);
    ck_assert_ptr_nonnull(tensors_find(opened.tensors, "\xf0\x9f\x98\x80"));
    close_tensors(&opened);
    buffer_free(&file);
}
END_TEST

START_TEST(bad_lengths) /* C1, C2 */
{
    struct buffer file = {0};
    for (size_t n = 1; n < 8; n++) {
        buffer_clear(&file);
        put_zeros(&file, n);
        check_refused(&file, F, "truncated");
    }
    static const struct {
        uint64_t length;
        const char *reason;
    } cases[] = {
        {0, "header"},
        {3, "truncated"},
        {(uint64_t)1 << 63, "truncated"},
        {UINT64_MAX, "truncated"},
        {UINT64_MAX - 7, "truncated"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buffer_clear(&file);
        put_u64(&file, cases[i].length);
        put_text(&file, "{}");
        check_refused(&file, F, cases[i].reason);
    }
    /* A length of one is refused whatever the first bytes are taken for. */
    buffer_clear(&file);
    put_u64(&file, 1);
    put_text(&file, "{}");
    check_refused(&file, F, "not a safetensors file");
    buffer_clear(&file);
    put_u64(&file, TENSORS_MAX_HEADER + 1);
    put_text(&file, "{}");
    put_zeros(&file, TENSORS_MAX_HEADER);
    check_refused(&file, F, "larger than 16 MiB");
    buffer_free(&file);
}
END_TEST

START_TEST(bad_json) /* C3 */
{
    static const struct refusal cases[] = {
        {"[]", 0, "header: offset 8: expected '{'"},
        {"  ", 0, "header"},
        {"x{}", 0, "header"},
        {"{}x", 0, "text after the end"},
        {"{}{}", 0, "text after the end"},
        {"{ ", 0, "header"},
        {"{\"", 0, "header"},
        {"{\"a", 0, "header"},
        {"{\"a\"", 0, "header"},
        {"{\"a\":", 0, "tensor 'a'"},
        {"{,}", 0, "header"},
        {"{" ENTRY("a", "[0,4]") ",}", 4, "header"},
        {"{" ENTRY("a", "[0,4]") " " ENTRY("b", "[4,8]") "}", 8, "header"},
        {"{\"\xff\":1}", 0, "ill-formed UTF-8"},
        {"{\"a\nb\":1}", 0, "control character"},
        {"{\"\\u0000\":1}", 0, "NUL"},
        {"{\"\\ud800\":1}", 0, "surrogate"},
        {"{\"\\ud800\\u0041\":1}", 0, "surrogate"},
        {"{\"\\udc00\":1}", 0, "surrogate"},
        {"{\"\\u12g4\":1}", 0, "escape"},
        {"{\"\\x\":1}", 0, "escape"},
        {"{'a':1}", 0, "header"},
        {"{\"a\":1}", 0, "'a'"},
        {"{\"a\":null}", 0, "'a'"},
        {"{\"a\":[]}", 0, "'a'"},
        {"{\"a\":{}}", 0, "is missing"},
        {"{\"\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "name is empty"},
        {"{\"a\":{\"x\":01}}", 0, "'a'"},
        {"{\"a\":{\"x\":1.}}", 0, "'a'"},
        {"{\"a\":{\"x\":.5}}", 0, "'a'"},
        {"{\"a\":{\"x\":+1}}", 0, "'a'"},
        {"{\"a\":{\"x\":1e}}", 0, "'a'"},
        {"{\"a\":{\"x\":NaN}}", 0, "'a'"},
        {"{\"a\":{\"x\":-}}", 0, "'a'"},
        {"{\"a\":{\"x\":[1,]}}", 0, "'a'"},
        {"{\"a\":{\"x\":{\"y\"}}}", 0, "'a'"},
        {"{\"a\":{\"x\":[}]}}", 0, "'a'"},
    };
    CHECK_REFUSALS(cases);
    struct buffer file = {0};
    make(&file, "{}", 3);
    check_refused(&file, F, "bytes not covered");
    buffer_free(&file);
}
END_TEST

START_TEST(deep_json)
{
    struct buffer header = {0}, file = {0};
    put_text(&header, "{\"a\":{\"x\":");
    for (size_t i = 0; i < 100000; i++)
        put_text(&header, "[");
    make(&file, header.bytes, 0);
    check_refused(&file, F, "nested too deeply");
    buffer_free(&header);
    buffer_free(&file);
}
END_TEST

START_TEST(bad_offsets) /* C4, C5 */
{
    static const struct refusal cases[] = {
        {ONE("a", F32, "[1]", "[-4,0]"), 4, "'a': data_offsets"},
        {ONE("a", F32, "[1]", "[0,4.0]"), 4, "'a': data_offsets"},
        {ONE("a", F32, "[1]", "[0,4e0]"), 4, "'a': data_offsets"},
        {ONE("a", F32, "[1]", "[0,\"4\"]"), 4, "'a': data_offsets"},
        {ONE("a", F32, "[1]", "[00,4]"), 4, "'a': data_offsets"},
        {ONE("a", F32, "[1]", "[9007199254740993,9007199254740997]"), 4, "'a': data_offsets"},
        {ONE("a", F32, "[1]", "[18446744073709551612,18446744073709551616]"), 4, "data_offsets"},
        {ONE("a", F32, "[1]", "[4]"), 4, "'a': data_offsets"},
        {ONE("a", F32, "[1]", "[]"), 4, "'a': data_offsets"},
        {ONE("a", F32, "[1]", "[0,4,4]"), 4, "'a': data_offsets"},
        {ONE("a", F32, "[1]", "4"), 4, "'a': data_offsets"},
        {ONE("a", F32, "[1]", "[4,0]"), 4, "'a': data_offsets"},
        {ONE("a", F32, "[1]", "[0,8]"), 4, "'a': truncated"},
        {ONE("a", F32, "[1]", "[4,8]"), 8, "'a': data_offsets: bytes not covered"},
        {ONE("a", F32, "[1]", "[0,4]"), 5, "bytes not covered"},
        {"{" ENTRY("a", "[0,4]") "," ENTRY("b", "[8,12]") "}", 12, "'b': data_offsets: bytes not"},
        {"{" ENTRY("a", "[0,4]") "," ENTRY("b", "[2,6]") "}", 6, "overlap"},
        {"{" ENTRY("a", "[0,4]") "," ENTRY("b", "[0,4]") "}", 4, "overlap"},
    };
    CHECK_REFUSALS(cases);
}
END_TEST

START_TEST(bad_shapes) /* C6 */
{
    static const struct refusal cases[] = {
        {ONE("a", F32, "[2]", "[0,4]"), 4, "'a': shape"},
        {ONE("a", F32, "[1]", "[0,0]"), 0, "'a': shape"},
        {ONE("a", F32, "[]", "[0,0]"), 0, "'a': shape"},
        {ONE("a", F32, "[0]", "[0,4]"), 4, "'a': shape"},
        {ONE("a", F32, "[4294967296,4294967296]", "[0,4]"), 4, "'a': shape"},
        {ONE("a", F32, "[4611686018427387904,4]", "[0,4]"), 4, "'a': shape"},
        {ONE("a", F32, "[18446744073709551615]", "[0,4]"), 4, "'a': shape"},
        {ONE("a", F32, "[16777216,16777216,16777216]", "[0,4]"), 4, "'a': shape"},
        {ONE("a", F32, "[16777217]", "[0,67108868]"), 67108868, "dimension"},
        {ONE("a", F32, "[-1]", "[0,4]"), 4, "'a': shape"},
        {ONE("a", F32, "[1.0]", "[0,4]"), 4, "'a': shape"},
        {ONE("a", F32, "[\"1\"]", "[0,4]"), 4, "'a': shape"},
        {ONE("a", F32, "1", "[0,4]"), 4, "'a': shape"},
        {ONE("a", F32, "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "'a': shape"},
        {ONE("a", F32,
             "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
             "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]",
             "[0,4]"),
         4, "'a': shape"},
    };
    CHECK_REFUSALS(cases);
}
END_TEST

START_TEST(bad_types) /* C8 */
{
    static const struct refusal cases[] = {
        {ONE("a", "\"F8_X\"", "[4]", "[0,4]"), 4, "'a': dtype 'F8_X'"},
        {ONE("a", "\"F8_E4M3\"", "[4]", "[0,4]"), 4, "'a': dtype"},
        {ONE("a", "\"U16\"", "[2]", "[0,4]"), 4, "'a': dtype"},
        {ONE("a", "\"f32\"", "[1]", "[0,4]"), 4, "'a': dtype"},
        {ONE("a", "\"INTGEMM8\"", "[4]", "[0,4]"), 4, "'a': dtype"},
        {ONE("a", "\"\"", "[1]", "[0,4]"), 4, "'a': dtype"},
        {ONE("a", "1", "[1]", "[0,4]"), 4, "'a': dtype"},
    };
    CHECK_REFUSALS(cases);
}
END_TEST

START_TEST(duplicates) /* C9, C10 */
{
    static const struct refusal cases[] = {
        {"{" ENTRY("a", "[0,4]") "," ENTRY("a", "[4,8]") "}", 8, "'a': duplicate"},
        {"{" ENTRY("a", "[0,4]") "," ENTRY("a", "[0,4]") "}", 4, "'a': duplicate"},
        {"{" ENTRY("a", "[0,4]") "," ENTRY("\\u0061", "[4,8]") "}", 8, "'a': duplicate"},
        {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
         "dtype: duplicate"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
         "shape: duplicate"},
        {"{\"__metadata__\":1}", 0, "__metadata__"},
        {"{\"__metadata__\":[]}", 0, "__metadata__"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "__metadata__"},
        {"{\"__metadata__\":{\"a\":null}}", 0, "__metadata__"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "__metadata__: duplicate"},
    };
    CHECK_REFUSALS(cases);
}
END_TEST

START_TEST(too_many) /* C11 */
{
    struct buffer header = {0}, file = {0};
    put_text(&header, "{");
    for (size_t i = 0; header.n_bytes < TENSORS_MAX_HEADER - 100; i++)
        ck_assert(buffer_printf(&header, NULL,
                                "%s\"%zx\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}",
                                i > 0 ? "," : "", i));
    put_text(&header, "}");
    make(&file, header.bytes, 0);
    clock_t start = clock();
    check_refused(&file, F, "more than 65536 tensors");
    ck_assert_int_lt((clock() - start) / CLOCKS_PER_SEC, 1);
    buffer_free(&header);
    buffer_free(&file);
}
END_TEST

START_TEST(names_in_messages) /* C15 */
{
    static const struct refusal cases[] = {
        {ONE("a\\nb\\u001b[31m", "\"X\"", "[1]", "[0,4]"), 4, "'a\\x0ab\\x1b[31m': dtype"},
    };
    CHECK_REFUSALS(cases);
    struct buffer header = {0}, file = {0};
    put_text(&header, "{\"");
    for (size_t i = 0; i < 10240; i++)
        put_text(&header, "n");
    put_text(&header, "\":{\"dtype\":\"X\",\"shape\":[1],\"data_offsets\":[0,4]}}");
    make(&file, header.bytes, 4);
    check_refused(&file, F, "...': dtype 'X' is not supported");
    buffer_clear(&header);
    put_text(&header, "{\"");
    for (size_t i = 0; i < TENSOR_MAX_NAME + 1; i++)
        put_text(&header, "n");
    put_text(&header, "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}");
    make(&file, header.bytes, 4);
    check_refused(&file, F, "longer than 1024 bytes");
    buffer_free(&header);
    buffer_free(&file);
}
END_TEST

static const float values[6] = {1, 2, 3, 4, 5, 6};
static const struct array tiny[] = {
    {.name = "enc.w", .type = TENSOR_F32, .rank = 2, .shape = {2, 3}, .values = values},
    {.name = "enc.b", .type = TENSOR_F16, .rank = 1, .shape = {3}, .values = values},
    {.name = "dec.q", .type = TENSOR_I8, .rank = 2, .shape = {2, 2}, .values = values},
};

START_TEST(truncations_and_flips) /* C13, C14 */
{
    struct buffer file = {0};
    checkpoint_safetensors(&file, tiny, 3);
    check_truncations(&file, F);
    check_flips(&file, F, file.n_bytes);
    check_flips(&file, FORMAT_AUTO, 32);
    buffer_free(&file);
}
END_TEST

/* dragoman's own int8 files are plain tensors with companions. */
START_TEST(int8_directories)
{
    const int8_t codes[4] = {-127, 5, 0, 127};
    const float scales[2] = {0.5f, 0.25f};
    struct array arrays[] = {
        {.name = "w.scale", .type = TENSOR_F32, .rank = 1, .shape = {2}, .values = scales},
        {.name = "w.smooth", .type = TENSOR_F32, .rank = 1, .shape = {2}, .values = scales},
        {.name = "w", .type = TENSOR_I8, .rank = 2, .shape = {2, 2}, .values = codes},
    };
    struct buffer file = {0};
    checkpoint_safetensors(&file, arrays, 3);
    struct opened opened = open_tensors(&file, F);
    int8_t read[4];
    ck_assert(tensors_read_i8(opened.tensors, tensors_find(opened.tensors, "w"), 0, 4, read, NULL));
    ck_assert_mem_eq(read, codes, 4);
    ck_assert_float_eq(value_at(opened.tensors, "w.scale", 1), 0.25f);
    close_tensors(&opened);
    buffer_free(&file);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("safetensors");
    TCase *cases = tcase_create("files");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, good_files);
    tcase_add_test(cases, bad_lengths);
    tcase_add_test(cases, bad_json);
    tcase_add_test(cases, deep_json);
    tcase_add_test(cases, bad_offsets);
    tcase_add_test(cases, bad_shapes);
    tcase_add_test(cases, bad_types);
    tcase_add_test(cases, duplicates);
    tcase_add_test(cases, too_many);
    tcase_add_test(cases, names_in_messages);
    tcase_add_test(cases, truncations_and_flips);
    tcase_add_test(cases, int8_directories);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
