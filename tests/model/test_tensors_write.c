/* The safetensors writer: what it writes reads back, and no half file is ever seen. */
#include "model/safetensors_write.h"
#include "tests/support/check_tensors.h"
#include "tests/support/checkpoints.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64], path[96], partial[112];

static void setup(void)
{
    strcpy(directory, "/tmp/dragoman-write-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/model.safetensors", directory);
    snprintf(partial, sizeof partial, "%s.partial", path);
}

static void teardown(void)
{
    unlink(path);
    unlink(partial);
    ck_assert_int_eq(rmdir(directory), 0); /* nothing else is left */
}

static const float matrix[6] = {1, 2, 3, 4, 5, 6};
static const int8_t codes[3] = {-127, 0, 127};
static const uint16_t halves[2] = {0x3c00, 0xc000};

static bool write_all(bool replace, struct error *err)
{
    struct safetensors_writer *writer;
    const size_t two_three[2] = {2, 3}, three[1] = {3}, two[1] = {2};
    size_t b, a, quoted, h, scalar;
    return safetensors_writer_open(&writer, path, replace, err) &&
           safetensors_writer_declare(writer, "h", TENSOR_F16, 1, two, &h, err) &&
           safetensors_writer_declare(writer, "b.codes", TENSOR_I8, 1, three, &b, err) &&
           safetensors_writer_declare(writer, "b", TENSOR_F32, 2, two_three, &a, err) &&
           safetensors_writer_declare(writer, "a\"\\\n\xc3\xa9", TENSOR_F32, 1, three, &quoted,
                                      err) &&
           safetensors_writer_declare(writer, "c", TENSOR_F32, 0, NULL, &scalar, err) &&
           safetensors_writer_begin(writer, err) &&
           safetensors_writer_put(writer, b, codes, 2, err) && /* in pieces, in any order */
           safetensors_writer_put(writer, a, matrix, sizeof matrix, err) &&
           safetensors_writer_put(writer, b, codes + 2, 1, err) &&
           safetensors_writer_put(writer, scalar, matrix + 5, 4, err) &&
           safetensors_writer_put(writer, quoted, matrix, 12, err) &&
           safetensors_writer_put(writer, h, halves, 4, err) &&
           safetensors_writer_close(writer, true, err);
}

START_TEST(reads_back)
{
    struct error err = {0};
    if (!write_all(false, &err))
        ck_abort_msg("%s", err.text);
    struct tensors *tensors;
    if (!tensors_open(&tensors, directory, FORMAT_AUTO, &err))
        ck_abort_msg("%s", err.text);
    /* Large elements first, then by name. */
    static const char *const order[] = {"a\"\\\n\xc3\xa9", "b", "c", "h", "b.codes"};
    ck_assert_uint_eq(tensors_count(tensors), 5);
    for (size_t i = 0; i < 5; i++)
        ck_assert_str_eq(tensors_at(tensors, i)->name, order[i]);
    ck_assert_uint_eq(tensors_at(tensors, 0)->offset % 8, 0);
    ck_assert_float_eq(value_at(tensors, "b", 5), 6);
    ck_assert_float_eq(value_at(tensors, order[0], 2), 3);
    ck_assert_float_eq(value_at(tensors, "c", 0), 6);
    ck_assert_float_eq(value_at(tensors, "b.codes", 0), -127);
    ck_assert_float_eq(value_at(tensors, "b.codes", 2), 127);
    ck_assert_float_eq(value_at(tensors, "h", 1), -2);
    ck_assert(tensors_close(tensors, &err));
    struct buffer first = load_bytes(path);
    ck_assert_ptr_nonnull(strstr(first.bytes + 8, "{\"__metadata__\":{\"format\":\"pt\"},\"a"));
    ck_assert(write_all(true, &err)); /* the same bytes again */
    struct buffer second = load_bytes(path);
    ck_assert_uint_eq(first.n_bytes, second.n_bytes);
    ck_assert_mem_eq(first.bytes, second.bytes, first.n_bytes);
    buffer_free(&first);
    buffer_free(&second);
    ck_assert_int_ne(access(partial, F_OK), 0);
}
END_TEST

START_TEST(empty_file)
{
    struct error err = {0};
    struct safetensors_writer *writer;
    struct tensors *tensors;
    ck_assert(safetensors_writer_open(&writer, path, false, &err));
    ck_assert(safetensors_writer_begin(writer, &err));
    ck_assert(safetensors_writer_close(writer, true, &err));
    ck_assert(tensors_open(&tensors, path, FORMAT_AUTO, &err));
    ck_assert_uint_eq(tensors_count(tensors), 0);
    ck_assert(tensors_close(tensors, &err));
}
END_TEST

static void check_fault(struct error *err, enum error_code code, const char *reason)
{
    ck_assert_int_eq(err->code, code);
    if (strstr(err->text, reason) == NULL)
        ck_abort_msg("'%s' does not say '%s'", err->text, reason);
    error_clear(err);
}

START_TEST(existing_files)
{
    struct error err = {0};
    struct safetensors_writer *writer;
    ck_assert(write_all(false, &err));
    struct buffer before = load_bytes(path);
    ck_assert(!safetensors_writer_open(&writer, path, false, &err));
    check_fault(&err, ERROR_OUTPUT, "File exists");
    ck_assert(safetensors_writer_open(&writer, path, true, &err));
    ck_assert(safetensors_writer_close(writer, false, &err)); /* given up */
    struct buffer after = load_bytes(path);
    ck_assert_uint_eq(before.n_bytes, after.n_bytes);
    unlink(path);
    ck_assert(safetensors_writer_open(&writer, path, false, &err));
    struct safetensors_writer *second; /* another one is writing, or was killed */
    ck_assert(!safetensors_writer_open(&second, path, false, &err));
    check_fault(&err, ERROR_OUTPUT, ".partial: File exists");
    ck_assert(safetensors_writer_begin(writer, &err));
    FILE *file = fopen(path, "w"); /* the name is taken meanwhile */
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert(!safetensors_writer_close(writer, true, &err));
    check_fault(&err, ERROR_OUTPUT, "File exists");
    ck_assert(!safetensors_writer_open(&writer, "/nonexistent/x", false, &err));
    check_fault(&err, ERROR_OUTPUT, "No such file or directory");
    buffer_free(&before);
    buffer_free(&after);
}
END_TEST

START_TEST(mistakes)
{
    struct error err = {0};
    struct safetensors_writer *writer;
    size_t index;
    const size_t shape[1] = {3}, huge[2] = {SIZE_MAX, 2};
    ck_assert(safetensors_writer_close(NULL, true, &err));
    ck_assert(safetensors_writer_open(&writer, path, false, &err));
    ck_assert(!safetensors_writer_declare(writer, "", TENSOR_F32, 1, shape, &index, &err));
    check_fault(&err, ERROR_INTERNAL, "cannot be written");
    ck_assert(
        !safetensors_writer_declare(writer, "__metadata__", TENSOR_F32, 1, shape, &index, &err));
    check_fault(&err, ERROR_INTERNAL, "cannot be written");
    ck_assert(!safetensors_writer_declare(writer, "a", TENSOR_INTGEMM8, 1, shape, &index, &err));
    check_fault(&err, ERROR_INTERNAL, "cannot be written");
    ck_assert(!safetensors_writer_declare(writer, "a", TENSOR_F32, 2, huge, &index, &err));
    check_fault(&err, ERROR_INTERNAL, "overflows");
    ck_assert(safetensors_writer_declare(writer, "a", TENSOR_F32, 1, shape, &index, &err));
    ck_assert(!safetensors_writer_put(writer, index, matrix, 4, &err));
    check_fault(&err, ERROR_INTERNAL, "no tensor");
    ck_assert(safetensors_writer_begin(writer, &err));
    ck_assert(!safetensors_writer_declare(writer, "b", TENSOR_F32, 1, shape, &index, &err));
    check_fault(&err, ERROR_INTERNAL, "cannot be written");
    ck_assert(!safetensors_writer_put(writer, 1, matrix, 4, &err));
    check_fault(&err, ERROR_INTERNAL, "no tensor");
    ck_assert(!safetensors_writer_put(writer, 0, matrix, 16, &err));
    check_fault(&err, ERROR_INTERNAL, "more values");
    ck_assert(safetensors_writer_put(writer, 0, matrix, 8, &err));
    ck_assert(!safetensors_writer_close(writer, true, &err));
    check_fault(&err, ERROR_INTERNAL, "8 of 12 bytes");
    ck_assert(safetensors_writer_open(&writer, path, false, &err));
    ck_assert(safetensors_writer_declare(writer, "a", TENSOR_F32, 1, shape, &index, &err));
    ck_assert(safetensors_writer_declare(writer, "a", TENSOR_I8, 1, shape, &index, &err));
    ck_assert(!safetensors_writer_begin(writer, &err));
    check_fault(&err, ERROR_INTERNAL, "declared twice");
    ck_assert(!safetensors_writer_close(writer, true, &err));
    check_fault(&err, ERROR_INTERNAL, "no header");
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_assert_int_ne(access(partial, F_OK), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("write");
    TCase *cases = tcase_create("files");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, reads_back);
    tcase_add_test(cases, empty_file);
    tcase_add_test(cases, existing_files);
    tcase_add_test(cases, mistakes);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
