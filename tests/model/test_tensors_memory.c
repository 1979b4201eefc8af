/* Opening and reading every format, and writing, with the first, second, third ... allocation
 * failing, and with all from there on: each ends in one clean fault and leaks nothing. */
#include "model/safetensors_write.h"
#include "tests/support/checkpoints.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long until_failure = -1; /* allocations that still succeed; negative: all do */
static bool for_good;           /* all after the failing one fail, too */
static bool has_failed;

/* Stands before the C library's: base/memory.c has all its memory from here. */
void *aligned_alloc(size_t alignment, size_t size)
{
    void *pointer;
    if (until_failure == 0) {
        until_failure = for_good ? 0 : -1;
        has_failed = true;
        return NULL;
    }
    if (until_failure > 0)
        until_failure--;
    return posix_memalign(&pointer, alignment, size) == 0 ? pointer : NULL;
}

static const float values[6] = {1, 2, 3, 4, 5, 6};
static const struct array arrays[] = {
    {.name = "a", .type = TENSOR_F32, .rank = 2, .shape = {2, 3}, .values = values},
    {.name = "b",
     .type = TENSOR_F32,
     .rank = 2,
     .shape = {3, 2},
     .values = values,
     .column_major = true},
};

static char directory[64];

static const char *in_directory(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

/* Opens, reads a row-major and a strided tensor, and closes. */
static bool use(struct tensors *tensors, struct error *err)
{
    float read[6];
    bool ok = true;
    for (size_t i = 0; i < tensors_count(tensors); i++) {
        const struct tensor *t = tensors_at(tensors, i);
        ok = ok && tensors_read_f32(tensors, t, 0, t->n_elements, read, err);
    }
    return tensors_close(tensors, err) && ok;
}

static bool open_bytes(const struct buffer *file, struct error *err)
{
    struct tensors *tensors;
    return tensors_open_bytes(&tensors, "test", file->bytes, file->n_bytes, FORMAT_AUTO, err) &&
           use(tensors, err);
}

static bool open_shards(const struct buffer *unused, struct error *err)
{
    (void)unused;
    struct tensors *tensors;
    return tensors_open(&tensors, directory, FORMAT_AUTO, err) && use(tensors, err);
}

static bool write_file(const struct buffer *unused, struct error *err)
{
    (void)unused;
    struct safetensors_writer *writer;
    size_t index;
    if (!safetensors_writer_open(&writer, in_directory("written"), true, err))
        return false;
    bool ok =
        safetensors_writer_declare(writer, "a", TENSOR_F32, 2, arrays[0].shape, &index, err) &&
        safetensors_writer_begin(writer, err) &&
        safetensors_writer_put(writer, index, values, sizeof values, err);
    return safetensors_writer_close(writer, ok, err) && ok;
}

static void fail_each(bool (*run)(const struct buffer *, struct error *), const struct buffer *file)
{
    for (int good = 0; good < 2; good++) {
        bool failed = true; /* an allocation did, in the last round */
        for (long n = 0; failed; n++) {
            struct error err = {0};
            ck_assert_int_lt(n, 1000);
            until_failure = n;
            has_failed = false;
            for_good = good != 0;
            bool ok = run(file, &err);
            failed = has_failed;
            until_failure = -1;
            ck_assert(ok != failed);
            if (failed)
                ck_assert_ptr_nonnull(strstr(err.text, "out of memory"));
        }
    }
}

START_TEST(every_format)
{
    struct buffer file = {0};
    for (int format = 0; format < 6; format++) {
        buffer_clear(&file);
        switch (format) {
        case 0:
            checkpoint_safetensors(&file, arrays, 1);
            break;
        case 1:
            checkpoint_torch_zip(&file, arrays, 2);
            break;
        case 2:
            checkpoint_torch_stream(&file, arrays, 2);
            break;
        case 3:
            checkpoint_npz(&file, arrays, 2, "a: b");
            break;
        case 4:
            checkpoint_marian_bin(&file, arrays, 1, "a: b");
            break;
        default:
            checkpoint_ct2(&file, 6, arrays, 1);
        }
        fail_each(open_bytes, &file);
    }
    buffer_free(&file);
}
END_TEST

START_TEST(directories)
{
    strcpy(directory, "/tmp/dragoman-memory-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    struct buffer file = {0};
    checkpoint_safetensors(&file, arrays, 1);
    FILE *shard = fopen(in_directory("s-1"), "wb");
    ck_assert_uint_eq(fwrite(file.bytes, 1, file.n_bytes, shard), file.n_bytes);
    ck_assert_int_eq(fclose(shard), 0);
    FILE *index = fopen(in_directory("model.safetensors.index.json"), "w");
    ck_assert_int_gt(fputs("{\"metadata\":{\"x\":\"\"},\"weight_map\":{\"a\":\"s-1\"}}", index), 0);
    ck_assert_int_eq(fclose(index), 0);
    fail_each(open_shards, NULL);
    fail_each(write_file, NULL);
    unlink(in_directory("s-1"));
    unlink(in_directory("model.safetensors.index.json"));
    unlink(in_directory("written"));
    ck_assert_int_eq(rmdir(directory), 0);
    buffer_free(&file);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memory");
    TCase *cases = tcase_create("allocations");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, every_format);
    tcase_add_test(cases, directories);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
