/* Memory: sizes that overflow, allocations that fail, and what is left of the contents then. */
#include "base/checked.h"
#include "base/memory.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Stands in for the C library's function in this program: the only one that memory.c takes memory
 * from. When `until_failure` has counted down to 0, a call fails, or all do from then on. */
static long until_failure = -1;
static bool for_good;

void *aligned_alloc(size_t alignment, size_t n_bytes)
{
    void *pointer = NULL;
    if (until_failure == 0) {
        if (!for_good)
            until_failure = -1;
        return NULL;
    }
    if (until_failure > 0)
        until_failure--;
    if (n_bytes > PTRDIFF_MAX) /* a sanitizer's allocator takes that for a mistake */
        return NULL;
    return posix_memalign(&pointer, alignment, n_bytes) == 0 ? pointer : NULL;
}

static void fail_after(long calls, bool from_then_on)
{
    until_failure = calls;
    for_good = from_then_on;
}

START_TEST(test_checked)
{
    size_t out = 7;
    ck_assert(checked_add(SIZE_MAX - 1, 1, &out) && out == SIZE_MAX);
    ck_assert(!checked_add(SIZE_MAX, 1, &out) && out == SIZE_MAX);
    ck_assert(checked_mul((size_t)1 << 32, ((size_t)1 << 32) - 1, &out));
    ck_assert_uint_eq(out, SIZE_MAX - (((size_t)1 << 32) - 1));
    out = 7;
    ck_assert(!checked_mul((size_t)1 << 32, (size_t)1 << 32, &out) && out == 7);
    ck_assert(checked_mul(0, SIZE_MAX, &out) && out == 0);
    ck_assert(checked_round_up(0, 64, &out) && out == 0);
    ck_assert(checked_round_up(1, 64, &out) && out == 64);
    ck_assert(checked_round_up(64, 64, &out) && out == 64);
    ck_assert(checked_round_up(SIZE_MAX - 63, 64, &out) && out == SIZE_MAX - 63);
    ck_assert(!checked_round_up(SIZE_MAX - 62, 64, &out) && out == SIZE_MAX - 63);
    ck_assert(checked_range(0, 0, 0) && checked_range(3, 7, 10) && checked_range(10, 0, 10));
    ck_assert(!checked_range(11, 0, 10) && !checked_range(3, 8, 10));
    ck_assert(!checked_range(SIZE_MAX, 2, 10) && !checked_range(2, SIZE_MAX, 10));
}
END_TEST

static bool is_aligned(const void *pointer)
{
    return pointer != NULL && (uintptr_t)pointer % MEMORY_ALIGNMENT == 0;
}

static bool is_zero(const void *pointer, size_t n_bytes)
{
    const char *bytes = pointer;
    for (size_t i = 0; i < n_bytes; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

START_TEST(test_new)
{
    struct error err = {0};
    for (size_t n = 0; n < 200; n += 13) {
        char *bytes = memory_new(n, 3, &err);
        ck_assert(is_aligned(bytes) && is_zero(bytes, 3 * n));
        memset(bytes, 1, 3 * n);
        memory_free(bytes);
    }
    memory_free(NULL);
    ck_assert_ptr_null(memory_new(SIZE_MAX / 2, 3, &err));
    ck_assert_int_eq(err.code, ERROR_MEMORY);
    error_clear(&err);
    ck_assert_ptr_null(memory_new_raw(SIZE_MAX, 1, &err));
    ck_assert_int_eq(err.code, ERROR_MEMORY);
    error_clear(&err);
    ck_assert_ptr_null(memory_new(SIZE_MAX, SIZE_MAX, NULL));
    fail_after(0, false);
    ck_assert_ptr_null(memory_new(10, 10, &err));
    ck_assert_str_eq(err.text, "out of memory (128 bytes needed at once)");
}
END_TEST

START_TEST(test_text)
{
    struct error err = {0};
    char *text = memory_text("abc\0d", 5, &err);
    ck_assert_mem_eq(text, "abc\0d", 6);
    memory_free(text);
    text = memory_text("", 0, &err);
    ck_assert_str_eq(text, "");
    memory_free(text);
    ck_assert_ptr_null(memory_text("a", SIZE_MAX, &err));
    ck_assert_int_eq(err.code, ERROR_MEMORY);
    fail_after(0, false);
    ck_assert_ptr_null(memory_text("a", 1, NULL));
}
END_TEST

START_TEST(test_resize)
{
    struct error err = {0};
    int *numbers = NULL;
    ck_assert(memory_resize(&numbers, 0, 3, sizeof *numbers, &err));
    ck_assert(is_aligned(numbers) && is_zero(numbers, 3 * sizeof *numbers));
    numbers[0] = 1;
    numbers[2] = 3;
    ck_assert(memory_resize(&numbers, 3, 1000, sizeof *numbers, &err));
    ck_assert(numbers[0] == 1 && numbers[2] == 3);
    ck_assert(is_zero(numbers + 3, 997 * sizeof *numbers));
    int *before = numbers;
    fail_after(0, false);
    ck_assert(!memory_resize(&numbers, 1000, 2000, sizeof *numbers, &err));
    ck_assert(numbers == before && numbers[2] == 3 && err.code == ERROR_MEMORY);
    error_clear(&err);
    ck_assert(!memory_resize(&numbers, 1000, SIZE_MAX / 2, sizeof *numbers, &err));
    ck_assert(numbers == before && err.code == ERROR_MEMORY);
    ck_assert(memory_resize(&numbers, 1000, 2, sizeof *numbers, NULL));
    ck_assert_int_eq(numbers[0], 1);
    memory_free(numbers);
}
END_TEST

START_TEST(test_arena)
{
    struct arena arena = {0};
    struct error err = {0};
    char *first = arena_new(&arena, 100, 1, &err);
    char *second = arena_new(&arena, 1, 1, &err);
    ck_assert(is_aligned(first) && is_aligned(second) && is_zero(first, 100));
    ck_assert(second - first >= 100);
    memset(first, 1, 100);
    ck_assert_str_eq(arena_text(&arena, "text", 4, &err), "text");
    char *raw = arena_new_raw(&arena, 100, 1, &err);
    ck_assert(raw != NULL && (uintptr_t)raw % MEMORY_ALIGNMENT == 0);
    memset(raw, 1, 100);
    ck_assert_ptr_null(arena_new_raw(&arena, SIZE_MAX / 2, 3, &err));
    ck_assert_int_eq(err.code, ERROR_MEMORY);
    error_clear(&err);
    ck_assert_str_eq(arena_text(&arena, "", 0, &err), "");
    char *large = arena_new(&arena, 1 << 20, 1, &err);
    ck_assert(is_aligned(large) && is_zero(large, 1 << 20));
    size_t n_bytes = arena.n_bytes;
    arena_reset(&arena); /* two blocks become one that holds as much */
    ck_assert_uint_ge(arena.n_bytes, n_bytes);
    n_bytes = arena.n_bytes;
    char *again = arena_new(&arena, n_bytes - 4096, 1, &err);
    ck_assert(is_aligned(again) && is_zero(again, n_bytes - 4096));
    ck_assert_uint_eq(arena.n_bytes, n_bytes);
    memset(again, 1, n_bytes - 4096);
    arena_reset(&arena); /* one block stays */
    ck_assert_ptr_eq(arena_new(&arena, 8, 1, &err), again);
    ck_assert(is_zero(again, 8));
    arena_free(&arena);
    ck_assert(arena.n_bytes == 0 && arena.blocks == NULL);
    arena_reset(&arena);
    arena_free(&arena);
}
END_TEST

/* A round that needs more than the last must not make the arena grow for ever. */
START_TEST(test_arena_is_steady)
{
    struct arena arena = {0};
    size_t settled = 0;
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 100; i++)
            ck_assert_ptr_nonnull(arena_new(&arena, 5000, 1, NULL));
        arena_reset(&arena);
        if (round == 3)
            settled = arena.n_bytes;
    }
    ck_assert_uint_eq(arena.n_bytes, settled);
    ck_assert_uint_lt(settled, (size_t)4 << 20);
    arena_free(&arena);
}
END_TEST

START_TEST(test_arena_failures)
{
    struct arena arena = {0};
    struct error err = {0};
    fail_after(0, false);
    ck_assert_ptr_null(arena_new(&arena, 1, 1, &err));
    ck_assert(err.code == ERROR_MEMORY && arena.blocks == NULL);
    char *kept = arena_text(&arena, "kept", 4, NULL);
    fail_after(0, false);
    ck_assert_ptr_null(arena_new(&arena, 1 << 20, 1, NULL));
    ck_assert_str_eq(kept, "kept");
    ck_assert_ptr_null(arena_new(&arena, SIZE_MAX, 2, NULL));
    ck_assert_ptr_null(arena_new(&arena, SIZE_MAX - 32, 1, NULL));
    ck_assert_ptr_null(arena_new(&arena, SIZE_MAX - 127, 1, NULL));
    ck_assert_ptr_null(arena_text(&arena, "x", SIZE_MAX, NULL));
    ck_assert_str_eq(kept, "kept");
    fail_after(0, false);
    ck_assert_ptr_null(arena_text(&arena, kept, 1 << 20, NULL));
    ck_assert_ptr_nonnull(arena_new(&arena, 1 << 20, 1, NULL));
    fail_after(0, false);
    arena_reset(&arena); /* the one large block cannot be had: the arena is empty, and works */
    ck_assert(arena.blocks == NULL && arena.n_bytes == 0);
    ck_assert_ptr_nonnull(arena_new(&arena, 8, 1, NULL));
    arena_free(&arena);
}
END_TEST

START_TEST(test_buffer)
{
    struct buffer buffer = {0};
    struct error err = {0};
    ck_assert(buffer_append(&buffer, "", 0, &err));
    ck_assert_str_eq(buffer.bytes, "");
    ck_assert(buffer_append_text(&buffer, "ab", &err) && buffer_append_byte(&buffer, 'c', &err));
    ck_assert(buffer_printf(&buffer, &err, "%d-%s", 12, "x"));
    ck_assert_str_eq(buffer.bytes, "abc12-x");
    for (int i = 0; i < 1000; i++)
        ck_assert(buffer_printf(&buffer, &err, "%03d", i));
    ck_assert_uint_eq(buffer.n_bytes, 3007);
    ck_assert_uint_eq(strlen(buffer.bytes), 3007);
    ck_assert_uint_lt(buffer.n_bytes, buffer.capacity);
    buffer_clear(&buffer);
    ck_assert_str_eq(buffer.bytes, "");
    ck_assert(buffer_append(&buffer, "a\0b", 3, &err) && buffer.n_bytes == 3);
    buffer_free(&buffer);
    ck_assert(buffer.bytes == NULL && buffer.n_bytes == 0 && buffer.capacity == 0);
    buffer_clear(&buffer);
    buffer_free(&buffer);
}
END_TEST

START_TEST(test_buffer_failures)
{
    struct buffer buffer = {0};
    struct error err = {0};
    fail_after(0, true);
    ck_assert(!buffer_append(&buffer, "abc", 3, &err) && err.code == ERROR_MEMORY);
    ck_assert(!buffer_printf(&buffer, NULL, "%d", 1));
    ck_assert(!buffer_reserve(&buffer, 1, NULL));
    ck_assert(buffer.bytes == NULL && buffer.n_bytes == 0);
    fail_after(-1, false);
    ck_assert(buffer_append(&buffer, "abc", 3, NULL));
    fail_after(0, true);
    char more[1000];
    memset(more, 'm', sizeof more);
    ck_assert(!buffer_append(&buffer, more, sizeof more, NULL));
    ck_assert_str_eq(buffer.bytes, "abc");
    fail_after(-1, false);
    ck_assert(!buffer_reserve(&buffer, SIZE_MAX, NULL));
    ck_assert(!buffer_reserve(&buffer, SIZE_MAX - 3, NULL));
    ck_assert_str_eq(buffer.bytes, "abc");
    buffer_free(&buffer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memory");
    TCase *tests = tcase_create("memory");
    tcase_add_test(tests, test_checked);
    tcase_add_test(tests, test_new);
    tcase_add_test(tests, test_text);
    tcase_add_test(tests, test_resize);
    tcase_add_test(tests, test_arena);
    tcase_add_test(tests, test_arena_is_steady);
    tcase_add_test(tests, test_arena_failures);
    tcase_add_test(tests, test_buffer);
    tcase_add_test(tests, test_buffer_failures);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
