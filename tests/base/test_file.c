/* Files: what is not a plain file is refused at once, and a file that changes while it is read is
 * noticed. */
#include "base/file.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static char directory[] = "/tmp/dragoman-file-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[100];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void put(const char *name, const char *bytes)
{
    FILE *stream = fopen(path_of(name), "w");
    ck_assert_ptr_nonnull(stream);
    ck_assert_int_ge(fputs(bytes, stream), 0);
    ck_assert_int_eq(fclose(stream), 0);
}

/* Opening `name` fails with `reason` at the end of the message. */
static void refused(const char *in, const char *name, size_t max_bytes, const char *reason)
{
    struct file file;
    struct error err = {0};
    ck_assert(!file_open(&file, in, name, max_bytes, &err));
    ck_assert_int_eq(err.code, ERROR_MODEL);
    ck_assert_int_eq(file.descriptor, -1);
    size_t length = strlen(err.text), tail = strlen(reason);
    ck_assert_msg(length >= tail && strcmp(err.text + length - tail, reason) == 0,
                  "'%s' does not end in '%s'", err.text, reason);
}

START_TEST(test_read)
{
    struct file file;
    struct error err = {0};
    char bytes[8] = "";
    put("plain", "0123456789");
    ck_assert(file_open(&file, directory, "plain", 10, &err));
    ck_assert_uint_eq(file.n_bytes, 10);
    ck_assert(file_read(&file, 3, bytes, 4, &err));
    ck_assert_str_eq(bytes, "3456");
    ck_assert(file_read(&file, 10, bytes, 0, &err));
    ck_assert(!file_read(&file, 7, bytes, 4, &err));
    ck_assert_ptr_nonnull(
        strstr(err.text, "plain: truncated: it ends at byte 10, 1 more are needed"));
    error_clear(&err);
    ck_assert(file_close(&file, &err));
    ck_assert(file_close(&file, &err)); /* twice is harmless */
    ck_assert(file_open(&file, NULL, path_of("plain"), 0, &err));
    close(file.descriptor);
    ck_assert(!file_read(&file, 0, bytes, 1, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "Bad file descriptor"));
}
END_TEST

START_TEST(test_refused)
{
    refused(directory, "missing", 0, "missing: No such file or directory");
    refused("/etc/passwd", "x", 0, "Not a directory");
    mkdir(path_of("inner"), 0755);
    refused(directory, "inner", 0, "inner: not a regular file");
    ck_assert_int_eq(mkfifo(path_of("fifo"), 0600), 0);
    refused(directory, "fifo", 0, "fifo: not a regular file"); /* and does not wait for a writer */
    refused(NULL, "/dev/zero", 0, "/dev/zero: not a regular file");
    ck_assert_int_eq(symlink("loop", path_of("loop")), 0);
    refused(directory, "loop", 0, "loop: Too many levels of symbolic links");
    put("empty", "");
    refused(directory, "empty", 0, "empty: empty file");
    put("plain", "0123456789");
    refused(directory, "plain", 9, "plain: larger than 9 bytes");
    ck_assert_int_eq(truncate(path_of("plain"), (3 << 20) + 1), 0);
    refused(directory, "plain", 3 << 20, "plain: larger than 3 MiB");
    refused(NULL, "", 0, "the path is empty or too long");
    if (geteuid() != 0) {
        chmod(path_of("empty"), 0);
        refused(directory, "empty", 0, "empty: Permission denied");
    }
}
END_TEST

START_TEST(test_refused_names)
{
    char name[5001];
    memset(name, 'n', sizeof name - 1);
    name[5000] = '\0';
    refused(directory, name, 0, "...");
    name[300] = '\0';
    refused(directory, name, 0, "File name too long");
}
END_TEST

START_TEST(test_refused_socket)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", directory);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    refused(directory, "socket", 0, "socket: No such device or address");
    close(listener);
}
END_TEST

START_TEST(test_no_descriptors)
{
    struct rlimit limit, none;
    put("plain", "x");
    getrlimit(RLIMIT_NOFILE, &limit);
    none = limit;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
    refused(directory, "plain", 0, "plain: Too many open files");
    setrlimit(RLIMIT_NOFILE, &limit);
}
END_TEST

/* The end of a long path is kept: it says more than the beginning. */
START_TEST(test_long_path)
{
    char path[400] = "";
    struct file file;
    struct error err = {0};
    put("plain", "x");
    size_t length = (size_t)snprintf(path, sizeof path, "%s", directory);
    while (length < 300)
        length += (size_t)snprintf(path + length, sizeof path - length, "/.");
    ck_assert(file_open(&file, path, "plain", 0, &err));
    ck_assert_mem_eq(file.name, "...", 3);
    ck_assert_uint_eq(strlen(file.name), sizeof file.name - 1);
    ck_assert_str_eq(file.name + strlen(file.name) - 6, "/plain");
    ck_assert(file_close(&file, &err));
}
END_TEST

START_TEST(test_truncated_while_reading)
{
    struct file file;
    struct error err = {0};
    char bytes[10];
    put("plain", "0123456789");
    ck_assert(file_open(&file, directory, "plain", 0, &err));
    ck_assert_int_eq(truncate(path_of("plain"), 5), 0);
    ck_assert(!file_read(&file, 0, bytes, 10, &err));
    error_clear(&err);
    ck_assert(!file_close(&file, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "plain: changed while reading"));
    ck_assert_int_eq(file.descriptor, -1);
}
END_TEST

/* Written again with the same size: the time tells, to the microsecond at least. */
START_TEST(test_rewritten_while_reading)
{
    put("plain", "0123456789");
    for (int microsecond = 5; microsecond < 7; microsecond++) {
        struct file file;
        struct error err = {0};
        struct timeval times[2] = {{1000, 0}, {1000, microsecond}};
        ck_assert(file_open(&file, directory, "plain", 0, &err));
        ck_assert_int_eq(utimes(path_of("plain"), times), 0);
        ck_assert(!file_close(&file, &err));
        ck_assert_int_eq(err.code, ERROR_MODEL);
    }
}
END_TEST

START_TEST(test_load)
{
    struct error err = {0};
    size_t n_bytes = 0;
    put("plain", "01234");
    char *text = file_load(directory, "plain", 5, &n_bytes, &err);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_eq(n_bytes, 5);
    ck_assert_str_eq(text, "01234");
    memory_free(text);
    ck_assert_ptr_null(file_load(directory, "plain", 4, &n_bytes, &err));
    ck_assert_int_eq(err.code, ERROR_MODEL);
}
END_TEST

START_TEST(test_names)
{
    char name[300];
    memset(name, 'n', sizeof name);
    ck_assert(file_name_is_plain("a", 1) && file_name_is_plain("model.safetensors", 17));
    ck_assert(file_name_is_plain("...", 3) && file_name_is_plain(".a", 2));
    ck_assert(file_name_is_plain(name, 255) && !file_name_is_plain(name, 256));
    ck_assert(!file_name_is_plain("", 0) && !file_name_is_plain(".", 1));
    ck_assert(!file_name_is_plain("..", 2) && !file_name_is_plain("a/b", 3));
    ck_assert(!file_name_is_plain("/a", 2) && !file_name_is_plain("a\0b", 3));
    put("plain", "x");
    ck_assert(file_exists(directory, "plain") && file_exists(NULL, directory));
    ck_assert(!file_exists(directory, "missing") && !file_exists(NULL, ""));
}
END_TEST

int main(void)
{
    if (mkdtemp(directory) == NULL)
        return 1;
    Suite *suite = suite_create("file");
    TCase *tests = tcase_create("file");
    tcase_add_test(tests, test_read);
    tcase_add_test(tests, test_refused);
    tcase_add_test(tests, test_refused_names);
    tcase_add_test(tests, test_refused_socket);
    tcase_add_test(tests, test_no_descriptors);
    tcase_add_test(tests, test_long_path);
    tcase_add_test(tests, test_truncated_while_reading);
    tcase_add_test(tests, test_rewritten_while_reading);
    tcase_add_test(tests, test_load);
    tcase_add_test(tests, test_names);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    static const char *const made[] = {"plain", "empty", "fifo", "loop", "socket"};
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++)
        unlink(path_of(made[i]));
    rmdir(path_of("inner"));
    rmdir(directory);
    return failed != 0;
}
