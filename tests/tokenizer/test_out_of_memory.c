/* Opening a tokenizer, encoding and decoding, with the first, second, third ... allocation failing:
 * each ends in one clean fault, and nothing is leaked or left half done. */
#include "tokenizer/tokenizer.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static long until_failure = -1; /* allocations that still succeed; negative: all do */

/* Stands before the C library's: base/memory.c has all its memory from here. */
void *aligned_alloc(size_t alignment, size_t size)
{
    void *pointer;
    if (until_failure == 0)
        return NULL;
    if (until_failure > 0)
        until_failure--;
    return posix_memalign(&pointer, alignment, size) == 0 ? pointer : NULL;
}

static const struct {
    const char *directory;
    enum tokenizer_family family;
} fixtures[] = {
    {"tests/fixtures/marian", TOKENIZER_MARIAN},
    {"tests/fixtures/m2m100", TOKENIZER_M2M100},
    {"tests/fixtures/nllb", TOKENIZER_NLLB},
    {"tests/fixtures/t5", TOKENIZER_T5},
    {"tests/fixtures/npz_ssru", TOKENIZER_MARIAN_NATIVE},
};

static bool use(size_t fixture, struct error *err)
{
    static const char text[] = "A dog \xff runs. A dog runs. A dog runs. A dog runs. A dog runs.";
    struct tokenizer *tokenizer = NULL;
    struct tokenizer_options options = {.family = fixtures[fixture].family};
    struct tokenizer_direction direction;
    struct token_ids ids = {0};
    struct buffer out = {0};
    options.pieces_only = options.family == TOKENIZER_MARIAN_NATIVE;
    bool ok = tokenizer_open(&tokenizer, fixtures[fixture].directory, &options, err) &&
              tokenizer_direct(tokenizer, "en", "de", &direction, err);
    if (ok && options.pieces_only)
        ok = tokenizer_encode_pieces(tokenizer, &direction, TOKENIZER_SOURCE, text, sizeof text - 1,
                                     &ids, NULL, err) &&
             tokenizer_decode_pieces(tokenizer, ids.ids, ids.n_ids, &out, err);
    else if (ok)
        ok = tokenizer_encode(tokenizer, &direction, text, sizeof text - 1, &ids, NULL, err) &&
             tokenizer_decode(tokenizer, ids.ids, ids.n_ids, &out, err);
    token_ids_free(&ids);
    buffer_free(&out);
    tokenizer_close(tokenizer);
    return ok;
}

START_TEST(every_allocation_may_fail)
{
    for (long n = 0;; n++) {
        struct error err = {0};
        until_failure = n;
        bool ok = use((size_t)_i, &err);
        until_failure = -1;
        if (ok) {
            ck_assert_int_gt(n, 10);
            break;
        }
        ck_assert_msg(err.code == ERROR_MEMORY, "allocation %ld: %d: %s", n, err.code, err.text);
        ck_assert_ptr_nonnull(strstr(err.text, "out of memory"));
        ck_assert_int_lt(n, 1000);
    }
}
END_TEST

static size_t address_space(void)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%zu", &pages), 1);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* The library's own allocations, too: an address space of ever more, in which it ends by itself
 * whether or not it suffices. */
START_TEST(little_memory_is_no_crash)
{
    int n_failed = 0, n_done = 0;
    if (address_space() > (size_t)1 << 40)
        return; /* a sanitizer's shadow: no limit can be set */
    for (size_t i = 0; i < 40; i++) {
        pid_t child = fork();
        if (child == 0) {
            size_t bytes = address_space() + (i << 17); /* 128 KiB */
            struct rlimit limit = {.rlim_cur = bytes, .rlim_max = bytes};
            struct error err = {0};
            bool ok = setrlimit(RLIMIT_AS, &limit) == 0 && use(0, &err);
            _exit(ok ? 0 : err.code == ERROR_MEMORY ? 1 : 2);
        }
        int status;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_msg(WIFEXITED(status), "step %zu: signal %d", i, WTERMSIG(status));
        ck_assert_int_le(WEXITSTATUS(status), 1);
        n_failed += WEXITSTATUS(status) == 1;
        n_done += WEXITSTATUS(status) == 0;
    }
    ck_assert_int_gt(n_failed, 2);
    ck_assert_int_gt(n_done, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("out of memory");
    TCase *tests = tcase_create("tokenizer");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, every_allocation_may_fail, 0,
                        (int)(sizeof fixtures / sizeof fixtures[0]));
    tcase_add_test(tests, little_memory_is_no_crash);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
