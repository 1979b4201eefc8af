/* Opening a tokenizer, encoding and decoding, with the first, second, third ... allocation failing:
 * each ends in one clean fault, and nothing is leaked or left half done. */
#include "tokenizer/tokenizer.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

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

int main(void)
{
    Suite *suite = suite_create("out of memory");
    TCase *tests = tcase_create("tokenizer");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, every_allocation_may_fail, 0,
                        (int)(sizeof fixtures / sizeof fixtures[0]));
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
