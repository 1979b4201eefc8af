/* Hand-made shortlist files: the format's own example, the choice for a sentence, and what is
 * refused. */
#include "model/shortlist.h"
#include "model/source.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC 0xF11A48D5013417F5u

/* A file in memory: six header words, offsets, ids. */
struct file_bytes {
    unsigned char bytes[512];
    size_t n_bytes;
};

static void seal(struct file_bytes *file)
{
    uint64_t seed = 0, word;
    for (size_t at = 16; at + 8 <= file->n_bytes; at += 8) {
        memcpy(&word, file->bytes + at, 8);
        seed ^= word + 0x9e3779b9u + (seed << 6) + (seed >> 2);
    }
    memcpy(file->bytes + 8, &seed, 8);
}

static struct file_bytes make(uint64_t n_first, const uint64_t *offsets, uint64_t n_offsets,
                              const uint32_t *ids, uint64_t n_ids)
{
    struct file_bytes file = {.n_bytes = 48 + 8 * n_offsets + 4 * n_ids};
    const uint64_t header[] = {MAGIC, 0, n_first, 2, n_offsets, n_ids};
    memcpy(file.bytes, header, sizeof header);
    memcpy(file.bytes + 48, offsets, 8 * n_offsets);
    memcpy(file.bytes + 48 + 8 * n_offsets, ids, 4 * n_ids);
    seal(&file);
    return file;
}

static bool parse(struct shortlist **shortlist, const struct file_bytes *file, bool shared,
                  struct error *err)
{
    struct source source;
    source_of_bytes(&source, "lex.bin", file->bytes, file->n_bytes);
    return shortlist_parse(shortlist, &source, 8, 100, shared, err);
}

static void expect_fault(const struct file_bytes *file, const char *fault)
{
    struct error err = {0};
    struct shortlist *shortlist;
    ck_assert(!parse(&shortlist, file, false, &err));
    ck_assert_int_eq(err.code, ERROR_MODEL);
    ck_assert_msg(strstr(err.text, fault) != NULL, "%s", err.text);
}

static const uint64_t offsets[] = {0, 1, 3, 3, 5};
static const uint32_t ids[] = {3, 50, 60, 3, 99};

/* The checksum of the format's description. */
START_TEST(known_checksum)
{
    const uint64_t two[] = {0, 1, 2};
    const uint32_t lists[] = {3, 4};
    struct file_bytes file = make(2, two, 3, lists, 2);
    uint64_t sum;
    memcpy(&sum, file.bytes + 8, 8);
    ck_assert(sum == 0xebe2625aa494e1bfu);
    struct error err = {0};
    struct shortlist *shortlist;
    ck_assert_msg(parse(&shortlist, &file, false, &err), "%s", err.text);
    shortlist_close(shortlist);
}
END_TEST

static void expect_list(bool shared, const uint32_t *source, size_t n_source,
                        const uint32_t *expected, uint32_t n_expected)
{
    struct error err = {0};
    struct shortlist *shortlist;
    struct file_bytes file = make(2, offsets, 5, ids, 5);
    uint32_t *list, n_list;
    ck_assert(parse(&shortlist, &file, shared, &err));
    ck_assert(shortlist_select(shortlist, source, n_source, &list, &n_list, &err));
    ck_assert_uint_eq(n_list, n_expected);
    ck_assert_mem_eq(list, expected, n_expected * sizeof expected[0]);
    memory_free(list);
    shortlist_close(shortlist);
}

START_TEST(selection)
{
    const uint32_t source[] = {3, 0, 3, 7, 1};
    const uint32_t plain[] = {0, 1, 2, 3, 4, 50, 60, 99}, own[] = {0, 1, 2, 3, 7, 50, 60, 99};
    const uint32_t nothing[] = {0, 1, 2, 3, 4, 5, 6, 7};
    expect_list(false, source, 5, plain, 8);
    expect_list(true, source, 5, own, 8);
    expect_list(false, source, 0, nothing, 8);
}
END_TEST

START_TEST(refused)
{
    struct file_bytes good = make(2, offsets, 5, ids, 5), bad;
    for (size_t n = 0; n < good.n_bytes; n++) {
        bad = good;
        bad.n_bytes = n;
        expect_fault(&bad, "lex.bin: ");
    }
    for (size_t bit = 0; bit < 8 * (good.n_bytes - 4); bit++) {
        bad = good;
        bad.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        expect_fault(&bad, "lex.bin: ");
    }
    bad = good;
    bad.bytes[0] ^= 1;
    expect_fault(&bad, "not a binary shortlist");
    bad = good;
    memset(bad.bytes + 32, 0xff, 8);
    expect_fault(&bad, "do not fit");
    const uint64_t back[] = {0, 3, 1, 3, 5}, beyond[] = {0, 1, 9, 9, 5}, early[] = {0, 1, 3, 3, 4};
    bad = make(2, back, 5, ids, 5);
    expect_fault(&bad, "offset 2");
    bad = make(2, beyond, 5, ids, 5);
    expect_fault(&bad, "offset 2");
    bad = make(2, early, 5, ids, 5);
    expect_fault(&bad, "last offset");
    const uint32_t large[] = {3, 50, 100, 3, 99};
    bad = make(2, offsets, 5, large, 5);
    expect_fault(&bad, "entry 2: token 100");
    const uint64_t many[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5};
    bad = make(2, many, 11, ids, 5);
    expect_fault(&bad, "the model has 8");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shortlist");
    TCase *cases = tcase_create("shortlist");
    tcase_add_test(cases, known_checksum);
    tcase_add_test(cases, selection);
    tcase_add_test(cases, refused);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
