/* Directories: which file is used, what is said of files that are none, shards, changes. */
#include "tests/support/check_tensors.h"
#include "tests/support/checkpoints.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const float values[2] = {1, 2};
static const float other[2] = {3, 4};
static const struct array one = {
    .name = "a", .type = TENSOR_F32, .rank = 1, .shape = {2}, .values = values};
static const struct array two = {
    .name = "b", .type = TENSOR_F32, .rank = 1, .shape = {2}, .values = other};

static char directory[64];

static void make_directory(void)
{
    strcpy(directory, "/tmp/dragoman-tensors-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void remove_directory(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    ck_assert_int_eq(system(command), 0);
}

static const char *in_directory(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void write_file(const char *name, const void *bytes, size_t n_bytes)
{
    FILE *file = fopen(in_directory(name), "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, n_bytes, file), n_bytes);
    ck_assert_int_eq(fclose(file), 0);
}

static void write_text(const char *name, const char *text)
{
    write_file(name, text, strlen(text));
}

enum kind { SAFETENSORS, TORCH, NPZ, BIN, CT2 };

static void write_checkpoint(const char *name, enum kind kind, const struct array *array)
{
    struct buffer file = {0};
    switch (kind) {
    case SAFETENSORS:
        checkpoint_safetensors(&file, array, 1);
        break;
    case TORCH:
        checkpoint_torch_zip(&file, array, 1);
        break;
    case NPZ:
        checkpoint_npz(&file, array, 1, "a: b");
        break;
    case BIN:
        checkpoint_marian_bin(&file, array, 1, "a: b");
        break;
    case CT2:
        checkpoint_ct2(&file, 6, array, 1);
        break;
    }
    write_file(name, file.bytes, file.n_bytes);
    buffer_free(&file);
}

static void check_opens(const char *path, enum tensor_format told, enum tensor_format format,
                        const char *file)
{
    struct error err = {0};
    struct tensors *tensors;
    if (!tensors_open(&tensors, path, told, &err))
        ck_abort_msg("%s", err.text);
    ck_assert_int_eq(tensors_format(tensors), format);
    ck_assert_ptr_nonnull(strstr(tensors_file_name(tensors, 0), file));
    ck_assert(tensors_close(tensors, &err));
}

static void check_fails(const char *path, enum tensor_format told, const char *reason)
{
    struct error err = {0};
    struct tensors *tensors;
    if (tensors_open(&tensors, path, told, &err))
        ck_abort_msg("opened, but '%s' was expected", reason);
    ck_assert_int_eq(err.code, ERROR_MODEL);
    if (strstr(err.text, reason) == NULL)
        ck_abort_msg("'%s' does not say '%s'", err.text, reason);
}

START_TEST(precedence) /* A7 */
{
    make_directory();
    check_fails(directory, FORMAT_AUTO, "no model file");
    write_checkpoint("lex.bin", CT2, &one); /* neither a Marian binary nor model.bin */
    write_text("x.bin", "not a model");
    check_fails(directory, FORMAT_AUTO, "no model file");
    write_checkpoint("model.enfr.bin", BIN, &one);
    check_opens(directory, FORMAT_AUTO, FORMAT_MARIAN, "model.enfr.bin");
    write_checkpoint("x.npz", NPZ, &one);
    check_opens(directory, FORMAT_AUTO, FORMAT_MARIAN, "x.npz");
    write_checkpoint("y.npz", NPZ, &one);
    check_fails(directory, FORMAT_AUTO, "several Marian models");
    check_opens(in_directory("y.npz"), FORMAT_AUTO, FORMAT_MARIAN, "y.npz");
    write_checkpoint("model.npz", NPZ, &one);
    check_opens(directory, FORMAT_AUTO, FORMAT_MARIAN, "model.npz");
    write_checkpoint("model.bin", BIN, &one);
    check_opens(directory, FORMAT_AUTO, FORMAT_MARIAN, "model.npz");
    write_checkpoint("model.bin", CT2, &one);
    check_opens(directory, FORMAT_AUTO, FORMAT_CT2, "model.bin");
    check_opens(directory, FORMAT_MARIAN, FORMAT_MARIAN, "model.npz");
    write_text("pytorch_model.bin.index.json", "{\"weight_map\":{\"a\":\"p-1.bin\"}}");
    write_checkpoint("p-1.bin", TORCH, &one);
    check_opens(directory, FORMAT_AUTO, FORMAT_TORCH, "p-1.bin");
    write_checkpoint("pytorch_model.bin", TORCH, &one);
    check_opens(directory, FORMAT_AUTO, FORMAT_TORCH, "pytorch_model.bin");
    write_text("model.safetensors.index.json", "{\"weight_map\":{\"a\":\"s-1.safetensors\"}}");
    write_checkpoint("s-1.safetensors", SAFETENSORS, &one);
    check_opens(directory, FORMAT_AUTO, FORMAT_SAFETENSORS, "s-1.safetensors");
    write_checkpoint("model.safetensors", SAFETENSORS, &one);
    check_opens(directory, FORMAT_AUTO, FORMAT_SAFETENSORS, "model.safetensors");
    check_opens(directory, FORMAT_TORCH, FORMAT_TORCH, "pytorch_model.bin");
    /* A bad safetensors file does not make the pickle be read. */
    write_text("model.safetensors", "xxxxxxxxxxxxxxxx");
    check_fails(directory, FORMAT_AUTO, "model.safetensors");
    remove_directory();
}
END_TEST

START_TEST(not_files) /* A1 to A5, A10 */
{
    make_directory();
    check_fails(in_directory("absent"), FORMAT_AUTO, "No such file or directory");
    check_fails("", FORMAT_AUTO, "No such file or directory");
    check_fails("/dev/zero", FORMAT_AUTO, "not a regular file");
    ck_assert_int_eq(mkfifo(in_directory("model.safetensors"), 0600), 0);
    check_fails(directory, FORMAT_AUTO, "not a regular file");
    check_fails(in_directory("model.safetensors"), FORMAT_AUTO, "not a regular file");
    unlink(in_directory("model.safetensors"));
    ck_assert_int_eq(mkdir(in_directory("model.safetensors"), 0700), 0);
    check_fails(directory, FORMAT_AUTO, "not a regular file");
    rmdir(in_directory("model.safetensors"));
    write_text("model.safetensors", "");
    check_fails(directory, FORMAT_AUTO, "empty file");
    if (geteuid() != 0) {
        ck_assert_int_eq(chmod(in_directory("model.safetensors"), 0), 0);
        check_fails(directory, FORMAT_AUTO, "Permission denied");
    }
    unlink(in_directory("model.safetensors"));
    ck_assert_int_eq(symlink("model.safetensors", in_directory("model.safetensors")), 0);
    check_fails(directory, FORMAT_AUTO, "Too many levels of symbolic links");
    unlink(in_directory("model.safetensors"));
    write_text("secret", "root:secret");
    ck_assert_int_eq(symlink("secret", in_directory("model.safetensors")), 0);
    check_fails(directory, FORMAT_AUTO, "model.safetensors: truncated, or not a safetensors");
    unlink(in_directory("model.safetensors"));
    write_checkpoint("blob", SAFETENSORS, &one);
    ck_assert_int_eq(symlink("blob", in_directory("model.safetensors")), 0);
    check_opens(directory, FORMAT_AUTO, FORMAT_SAFETENSORS, "model.safetensors");
    remove_directory();
}
END_TEST

START_TEST(other_contents) /* A6, A8 */
{
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n",
         "git-lfs pointer, not a model"},
        {"<!DOCTYPE html>\n<html></html>", "not a safetensors, npz or PyTorch file"},
        {"\n <HTML><head>", "not a safetensors, npz or PyTorch file"},
        {"\x1f\x8b\x08 gzip", "gzip"},
        {"\x80\x02}.", "legacy PyTorch format; convert to safetensors"},
    };
    make_directory();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_text("model.safetensors", cases[i].text);
        check_fails(directory, FORMAT_AUTO, cases[i].reason);
        check_fails(in_directory("model.safetensors"), FORMAT_AUTO, cases[i].reason);
    }
    static const struct {
        enum kind kind;
        const char *reason;
    } kinds[] = {{TORCH, "but a zip archive"},
                 {NPZ, "but a zip archive"},
                 {BIN, "but a Marian binary"},
                 {CT2, "but a CTranslate2 model"}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        write_checkpoint("model.safetensors", kinds[i].kind, &one);
        check_fails(directory, FORMAT_AUTO, kinds[i].reason);
    }
    write_text("note", "some text that is no model");
    check_fails(in_directory("note"), FORMAT_AUTO, "not a safetensors, npz or PyTorch file");
    check_fails(in_directory("note"), FORMAT_MARIAN, "not a Marian model");
    check_fails(in_directory("note"), FORMAT_TORCH, "not a PyTorch file");
    struct buffer shortlist = {0};
    put_u64(&shortlist, UINT64_C(0xF11A48D5013417F5));
    put_zeros(&shortlist, 64);
    write_file("lex.s2t.bin", shortlist.bytes, shortlist.n_bytes);
    check_fails(in_directory("lex.s2t.bin"), FORMAT_MARIAN, "but a lexical shortlist");
    buffer_free(&shortlist);
    remove_directory();
}
END_TEST

#define INDEX "model.safetensors.index.json"
#define MAP(entries) "{\"metadata\":{\"total_size\":16},\"weight_map\":{" entries "}}"

START_TEST(shards) /* A9, C16 */
{
    make_directory();
    write_checkpoint("s-1", SAFETENSORS, &one);
    write_checkpoint("s-2", SAFETENSORS, &two);
    write_checkpoint("s-3", SAFETENSORS, &two);
    write_checkpoint("torch", TORCH, &two);
    write_text(INDEX, MAP("\"b\":\"s-2\",\"a\":\"s-1\""));
    struct error err = {0};
    struct tensors *tensors;
    if (!tensors_open(&tensors, directory, FORMAT_AUTO, &err))
        ck_abort_msg("%s", err.text);
    ck_assert_uint_eq(tensors_file_count(tensors), 2);
    ck_assert_uint_eq(tensors_count(tensors), 2);
    ck_assert_float_eq(value_at(tensors, "a", 1), 2);
    ck_assert_float_eq(value_at(tensors, "b", 1), 4);
    ck_assert_ptr_nonnull(
        strstr(tensors_file_name(tensors, tensors_find(tensors, "a")->file), "s-1"));
    ck_assert(tensors_close(tensors, &err));
    static const struct {
        const char *index, *reason;
    } cases[] = {
        {MAP("\"a\":\"s-1\",\"b\":\"s-9\""), "No such file or directory"},
        {MAP("\"a\":\"../s-1\""), "file name must be a plain name"},
        {MAP("\"a\":\"a/../../x\""), "file name must be a plain name"},
        {MAP("\"a\":\"/etc/passwd\""), "file name must be a plain name"},
        {MAP("\"a\":\"x/y\""), "file name must be a plain name"},
        {MAP("\"a\":\"\""), "file name must be a plain name"},
        {MAP("\"a\":\".\""), "file name must be a plain name"},
        {MAP("\"a\":\"..\""), "file name must be a plain name"},
        {MAP("\"a\":\"s\\u00001\""), "NUL"},
        {MAP("\"a\":\"s-1\",\"b\":\"s-1\""), "'b' is not in s-1"},
        {MAP("\"a\":\"s-2\",\"b\":\"s-1\""), "is not in"},
        {MAP("\"b\":\"s-2\",\"a\":\"s-1\",\"c\":\"s-3\""), "'b': duplicate"},
        {MAP("\"a\":\"" INDEX "\""), "not a safetensors file"},
        {MAP("\"a\":\"s-1\",\"b\":\"torch\""), "not a safetensors file"},
        {MAP("\"a\":1"), "expected a string"},
        {MAP(""), "weight_map: missing or empty"},
        {"{\"weight_map\":[]}", "expected '{'"},
        {"{}", "weight_map: missing or empty"},
        {"[]", "expected '{'"},
        {MAP("\"a\":\"s-1\"") "x", "text after the end"},
        {"{\"weight_map\":{\"a\":\"s-1\"},\"weight_map\":{\"a\":\"s-1\"}}", "duplicate"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_text(INDEX, cases[i].index);
        check_fails(directory, FORMAT_AUTO, cases[i].reason);
    }
    struct buffer index = {0};
    put_text(&index, "{\"weight_map\":{\"a\":\"");
    for (size_t i = 0; i < 5000; i++)
        put_u8(&index, 'n');
    put_text(&index, "\"}}");
    write_file(INDEX, index.bytes, index.n_bytes);
    check_fails(directory, FORMAT_AUTO, "file name must be a plain name");
    buffer_clear(&index);
    put_text(&index, "{\"weight_map\":{");
    for (size_t i = 0; i <= TENSORS_MAX_FILES; i++)
        ck_assert(buffer_printf(&index, NULL, "%s\"%zu\":\"f-%zu\"", i > 0 ? "," : "", i, i));
    put_text(&index, "}}");
    write_file(INDEX, index.bytes, index.n_bytes);
    check_fails(directory, FORMAT_AUTO, "limit");
    buffer_free(&index);
    remove_directory();
}
END_TEST

START_TEST(changed_while_reading) /* C17 */
{
    for (int grows = 0; grows < 2; grows++) {
        struct error err = {0};
        struct tensors *tensors;
        float read[2];
        make_directory();
        write_checkpoint("model.safetensors", SAFETENSORS, &one);
        ck_assert(tensors_open(&tensors, directory, FORMAT_AUTO, &err));
        struct stat status;
        ck_assert_int_eq(stat(in_directory("model.safetensors"), &status), 0);
        ck_assert_int_eq(
            truncate(in_directory("model.safetensors"), status.st_size + (grows ? 1 : -4)), 0);
        if (!grows) {
            ck_assert(!tensors_read_f32(tensors, tensors_at(tensors, 0), 0, 2, read, &err));
            ck_assert_ptr_nonnull(strstr(err.text, "truncated"));
            error_clear(&err);
        }
        ck_assert(!tensors_close(tensors, &err));
        ck_assert_ptr_nonnull(strstr(err.text, "changed while reading"));
        remove_directory();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("open");
    TCase *cases = tcase_create("directories");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, precedence);
    tcase_add_test(cases, not_files);
    tcase_add_test(cases, other_contents);
    tcase_add_test(cases, shards);
    tcase_add_test(cases, changed_while_reading);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
