/* Hits only for the same bytes under the same settings; what is put is there after closing; files
 * that are not ours are left alone. */
#include "translate/sentence_cache.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[64], path[80];
static unsigned char settings_a[SENTENCE_CACHE_FINGERPRINT_BYTES] = {1};
static unsigned char settings_b[SENTENCE_CACHE_FINGERPRINT_BYTES] = {2};

static void set_up(void)
{
    strcpy(directory, "/tmp/dragoman-cache-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/cache", directory);
}

static void tear_down(void)
{
    char name[96];
    const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s%s", path, endings[i]);
        unlink(name);
    }
    rmdir(directory);
}

static struct sentence_cache *must_open(const unsigned char *settings)
{
    struct error err = {0};
    struct sentence_cache *cache = NULL;
    ck_assert_msg(sentence_cache_open(&cache, path, settings, &err), "%s", err.text);
    return cache;
}

static void expect(struct sentence_cache *cache, const char *source, size_t n_bytes,
                   const char *value)
{
    struct error err = {0};
    struct buffer found_value = {0};
    bool found;
    ck_assert(sentence_cache_get(cache, source, n_bytes, &found_value, &found, &err));
    ck_assert_int_eq(found, value != NULL);
    if (value != NULL)
        ck_assert_str_eq(found_value.bytes, value);
    buffer_free(&found_value);
}

START_TEST(round_trip)
{
    struct error err = {0};
    struct sentence_cache *cache = must_open(settings_a);
    expect(cache, "a\0b", 3, NULL);
    ck_assert(sentence_cache_put(cache, "a\0b", 3, "x", 1, &err));
    ck_assert(sentence_cache_put(cache, "a", 1, "", 0, &err));
    ck_assert(sentence_cache_put(cache, "a\0b", 3, "y", 1, &err));
    expect(cache, "a\0b", 3, "x");
    expect(cache, "a\0c", 3, NULL);
    for (int i = 0; i < 1200; i++) {
        char source[16];
        int length = snprintf(source, sizeof source, "s%d", i);
        ck_assert(sentence_cache_put(cache, source, (size_t)length, source, (size_t)length, &err));
    }
    ck_assert(sentence_cache_close(cache, &err));
    cache = must_open(settings_b);
    expect(cache, "a\0b", 3, NULL);
    ck_assert(sentence_cache_close(cache, &err));
    cache = must_open(settings_a);
    expect(cache, "a\0b", 3, "x");
    expect(cache, "s1199", 5, "s1199");
    ck_assert(sentence_cache_close(cache, &err));
}
END_TEST

START_TEST(refused)
{
    struct error err = {0};
    struct sentence_cache *cache = NULL, *first = must_open(settings_a);
    ck_assert(sentence_cache_put(first, "a", 1, "b", 1, &err));
    ck_assert(!sentence_cache_open(&cache, path, settings_a, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "in use by another process"));
    ck_assert_int_eq(err.code, ERROR_USAGE);
    ck_assert(sentence_cache_close(first, NULL));
    tear_down();
    set_up();
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    for (int i = 0; i < 1000; i++)
        fputs("not a database\n", file);
    fclose(file);
    error_clear(&err);
    ck_assert(!sentence_cache_open(&cache, path, settings_a, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "not a dragoman cache"));
    error_clear(&err);
    ck_assert(!sentence_cache_open(&cache, "/nonexistent/cache", settings_a, &err));
    ck_assert_int_eq(err.code, ERROR_USAGE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sentence_cache");
    TCase *cases = tcase_create("sentence_cache");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, round_trip);
    tcase_add_test(cases, refused);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
