/* The choice of the best columns against a sort of all of them: the same set, in ascending order,
 * however the columns are cut into blocks and shared out. */
#include "model/output_inside.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_COLUMNS 3000
#define MOST_SHARES 5

static uint64_t seed;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((seed >> 33) % n);
}

/* Logits of five kinds: all different or nearly; few values, so that most are equal; rising, so
 * that every block beats the ones before; all equal; none. With minus infinity among them. */
static void fill(float *x, uint32_t n, unsigned kind)
{
    uint32_t one_in = kind % 2 == 0 ? 3 : 1000;
    for (uint32_t i = 0; i < n; i++) {
        float value = (float)random_below(1 << 20) / 1024 - 512;
        if (kind % 5 == 1)
            value = (float)random_below(7) - 3;
        if (kind % 5 == 2)
            value += (float)i;
        if (kind % 5 == 3)
            value = -2.5f;
        x[i] = kind % 5 == 4 || random_below(one_in) == 0 ? -INFINITY : value;
    }
}

/* ---- the plain way ----------------------------------------------------------------------------
 */

static const float *sorted_by;

static int by_logit(const void *a, const void *b)
{
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    if (sorted_by[i] != sorted_by[j])
        return sorted_by[i] < sorted_by[j] ? 1 : -1;
    return (i > j) - (i < j);
}

static int by_column(const void *a, const void *b)
{
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    return (i > j) - (i < j);
}

/* The best n_kept columns above minus infinity, ascending; returns how many there are. */
static uint32_t sort_best(const float *x, uint32_t n, uint32_t n_kept, uint32_t *best)
{
    uint32_t n_best = 0;
    for (uint32_t i = 0; i < n; i++)
        best[i] = i;
    sorted_by = x;
    qsort(best, n, sizeof *best, by_logit);
    while (n_best < n && n_best < n_kept && x[best[n_best]] > -INFINITY)
        n_best++;
    qsort(best, n_best, sizeof *best, by_column);
    return n_best;
}

/* ---- the output layer's way -------------------------------------------------------------------
 */

struct lists {
    struct output_row rows[MOST_SHARES];
    uint32_t indices[OUTPUT_BLOCK];
};

static void lists_new(struct lists *lists, uint32_t n_shares, uint32_t n_kept)
{
    for (uint32_t i = 0; i < n_shares; i++) {
        lists->rows[i] = (struct output_row){.n_kept = n_kept, .threshold = -INFINITY};
        /* Exactly the room that is promised: sanitizers see what is beyond. */
        lists->rows[i].logits = malloc((size_t)2 * n_kept * sizeof(float));
        lists->rows[i].columns = malloc((size_t)2 * n_kept * sizeof(uint32_t));
    }
}

static void lists_free(struct lists *lists, uint32_t n_shares)
{
    for (uint32_t i = 0; i < n_shares; i++) {
        free(lists->rows[i].logits);
        free(lists->rows[i].columns);
    }
}

/* Blocks of at most `block` columns, of that size or of any, in one run of blocks a share. */
static void append_all(struct lists *lists, const struct kernels *kernels, const float *x,
                       uint32_t n, uint32_t n_shares, uint32_t block, bool any_size)
{
    for (uint32_t s = 0; s < n_shares; s++) {
        uint32_t end = (uint32_t)((uint64_t)n * (s + 1) / n_shares);
        for (uint32_t at = (uint32_t)((uint64_t)n * s / n_shares), count; at < end; at += count) {
            count = any_size ? 1 + random_below(block) : block;
            count = count < end - at ? count : end - at;
            output_append_block(&lists->rows[s], kernels, lists->indices, at, count, x + at);
            ck_assert_uint_lt(lists->rows[s].n, 2 * lists->rows[s].n_kept);
        }
    }
    for (uint32_t s = 1; s < n_shares; s++)
        for (uint32_t i = 0; i < lists->rows[s].n; i++)
            output_append(&lists->rows[0], kernels, lists->rows[s].columns[i],
                          lists->rows[s].logits[i]);
    output_keep_best(&lists->rows[0], kernels);
}

static void check_case(const struct kernels *kernels, const float *x, uint32_t n, uint32_t n_shares,
                       uint32_t block, bool any_size, uint32_t n_kept)
{
    static uint32_t best[MOST_COLUMNS];
    struct lists lists;
    uint32_t n_best = sort_best(x, n, n_kept, best);
    lists_new(&lists, n_shares, n_kept);
    append_all(&lists, kernels, x, n, n_shares, block, any_size);
    const struct output_row *row = &lists.rows[0];
    ck_assert_uint_eq(row->n, n_best);
    for (uint32_t i = 0; i < n_best; i++) {
        ck_assert_msg(row->columns[i] == best[i],
                      "%u of %u columns, %u shares, blocks of %u: column %u is not %u", n_kept, n,
                      n_shares, block, row->columns[i], best[i]);
        ck_assert(memcmp(&row->logits[i], &x[best[i]], sizeof(float)) == 0);
    }
    lists_free(&lists, n_shares);
}

START_TEST(random_cases)
{
    static const uint32_t kept[] = {1, 2, 3, 25, 32, 280, 511, 512, 513, 1000, 5000};
    static float x[MOST_COLUMNS];
    size_t n_tables;
    const struct kernels *const *tables = kernels_usable(&n_tables);
    seed = (uint64_t)_i + 1;
    for (uint32_t i = 0; i < 60; i++) {
        uint32_t n = 1 + random_below(i % 3 == 0 ? 40 : MOST_COLUMNS);
        uint32_t block = i % 4 == 0 ? OUTPUT_BLOCK : 1 + random_below(OUTPUT_BLOCK);
        uint32_t n_shares = i % 2 == 0 ? 1 : 1 + random_below(MOST_SHARES);
        fill(x, n, (unsigned)_i);
        for (size_t k = 0; k < sizeof kept / sizeof kept[0]; k++)
            check_case(tables[i % n_tables], x, n, n_shares, block, i % 5 == 0, kept[k]);
        check_case(tables[i % n_tables], x, n, n_shares, block, true, 1 + random_below(600));
    }
}
END_TEST

/* What is shorter than the list is left as it is; the best are left as they are. */
START_TEST(nothing_to_do)
{
    static float x[10] = {3, 1, 2, 2, -INFINITY, 5, 0, -1, 2, 4};
    const struct kernels *kernels = kernels_find(NULL, NULL);
    struct lists lists;
    lists_new(&lists, 1, 9);
    struct output_row *row = &lists.rows[0];
    output_keep_best(row, kernels);
    ck_assert_uint_eq(row->n, 0);
    output_append(row, kernels, 7, -INFINITY);
    ck_assert_uint_eq(row->n, 0);
    output_append_block(row, kernels, lists.indices, 20, 10, x);
    ck_assert(row->has_threshold);
    for (int twice = 0; twice < 2; twice++) {
        output_keep_best(row, kernels);
        ck_assert_uint_eq(row->n, 9);
        ck_assert_uint_eq(row->columns[3], 23);
        ck_assert_uint_eq(row->columns[4], 25);
    }
    lists_free(&lists, 1);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("output select");
    tcase_add_loop_test(tcase, random_cases, 0, 10);
    tcase_add_test(tcase, nothing_to_do);
    tcase_set_timeout(tcase, 120);
    Suite *suite = suite_create("engine");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
