/* The past of hypotheses: each sees the rows it comes from, whatever changes places and ends, and
 * no more rows are kept than are seen. */
#include "model/history.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Few enough rows for one of the pool's slabs, so that pages_made() need not know of them. */
enum { N_SLOTS = 5, N_STEPS = 50, LAYER_BYTES = 24, N_LAYERS = 2 };

static struct error err;
static uint64_t state = 1;

static uint32_t random_below(uint32_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % n;
}

/* What each slot should see: the stamps of its rows. */
static uint32_t stamps[N_SLOTS][N_STEPS];

static struct page_pool new_pool(void)
{
    struct page_pool pool = {0};
    ck_assert(history_page_bytes(LAYER_BYTES, N_LAYERS, &pool.page_bytes));
    return pool;
}

static void *numbers(const void *row)
{
    return (void *)(uintptr_t)row;
}

/* Stamps every byte of a row, so that rows that overlap are found. */
static void write_stamp(const void *row, uint32_t stamp)
{
    for (size_t i = 0; i < N_LAYERS * LAYER_BYTES; i += sizeof stamp)
        memcpy((char *)numbers(row) + i, &stamp, sizeof stamp);
}

static bool has_stamp(const void *row, uint32_t stamp)
{
    bool has = true;
    for (size_t i = 0; i < N_LAYERS * LAYER_BYTES; i += sizeof stamp) {
        uint32_t found;
        memcpy(&found, (const char *)row + i, sizeof found);
        has &= found == stamp;
    }
    return has;
}

/* Pages that are in use: as many as can be taken before the pool grows are not. */
static size_t pages_in_use(struct page_pool *pool, size_t n_made)
{
    void *taken[1024];
    size_t n_free = 0;
    while (pool->free != NULL)
        taken[n_free++] = page_take(pool, &err);
    for (size_t i = n_free; i-- > 0;)
        page_give(pool, taken[i]);
    return n_made - n_free;
}

static size_t pages_made(const struct page_pool *pool)
{
    size_t stride = (pool->page_bytes + MEMORY_ALIGNMENT - 1) / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
    return (size_t)pool->n_bytes / stride;
}

/* Different rows among what the slots see. */
static size_t count_seen(const struct history *history, uint32_t n_rows, const uint32_t *slots,
                         uint32_t n)
{
    size_t count = 0;
    for (uint32_t p = 0; p < n; p++)
        for (uint32_t i = 0; i < n_rows; i++) {
            bool first = true;
            for (uint32_t j = 0; j < i; j++)
                first &= history_rows(history, slots[i])[p] != history_rows(history, slots[j])[p];
            count += first;
        }
    return count;
}

static void check_shared(const struct history *history, uint32_t n_rows, const uint32_t *slots,
                         uint32_t n)
{
    uint32_t shared = 0;
    for (bool same = true; shared < n && same; shared += same)
        for (uint32_t i = 1; i < n_rows; i++)
            same &= stamps[slots[i]][shared] == stamps[slots[0]][shared];
    ck_assert_uint_eq(history_shared(history, n_rows, slots, n), shared);
}

/* A step from the live slots to others, at random, kept in `stamps`. */
static uint32_t random_step(struct history *history, struct page_pool *pool, uint32_t n_live,
                            uint32_t *slots, uint32_t position)
{
    static uint32_t stamp;
    uint32_t parents[N_SLOTS] = {0}, next[N_SLOTS] = {0}, order[N_SLOTS];
    uint32_t n = 1 + random_below(N_SLOTS);
    uint32_t before[N_SLOTS][N_STEPS];
    bool stay = n_live > 0 && random_below(4) == 0;
    memcpy(before, stamps, sizeof before);
    for (uint32_t i = 0; i < N_SLOTS; i++)
        order[i] = i;
    for (uint32_t i = N_SLOTS - 1; i > 0; i--) {
        uint32_t j = random_below(i + 1), other = order[j];
        order[j] = order[i];
        order[i] = other;
    }
    n = stay ? n_live : n;
    for (uint32_t i = 0; i < n; i++) {
        next[i] = stay ? slots[i] : order[i];
        parents[i] = stay ? slots[i] : n_live > 0 ? slots[random_below(n_live)] : 99;
    }
    ck_assert(history_step(history, pool, N_SLOTS, n, next, parents, position, &err));
    for (uint32_t i = 0; i < n; i++) {
        if (position > 0)
            memcpy(stamps[next[i]], before[parents[i]], sizeof stamps[0]);
        stamps[next[i]][position] = ++stamp;
        write_stamp(history_rows(history, next[i])[position], stamp);
    }
    memcpy(slots, next, sizeof next);
    return n;
}

START_TEST(hypotheses_see_what_they_come_from)
{
    struct page_pool pool = new_pool();
    struct history history = {0};
    for (int sentence = 0; sentence < 20; sentence++) {
        uint32_t slots[N_SLOTS], n_live = 0;
        for (uint32_t position = 0; position < N_STEPS; position++) {
            n_live = random_step(&history, &pool, n_live, slots, position);
            bool right = true;
            for (uint32_t i = 0; i < n_live; i++)
                for (uint32_t p = 0; p <= position; p++)
                    right &= has_stamp(history_rows(&history, slots[i])[p], stamps[slots[i]][p]);
            ck_assert(right);
            check_shared(&history, n_live, slots, position + 1);
            ck_assert_uint_eq(pages_in_use(&pool, pages_made(&pool)),
                              count_seen(&history, n_live, slots, position + 1));
        }
        history_clear(&history, &pool);
        ck_assert_uint_eq(pages_in_use(&pool, pages_made(&pool)), 0);
    }
    history_free(&history, &pool);
    page_pool_free(&pool);
}
END_TEST

START_TEST(a_step_from_an_ended_hypothesis_is_refused)
{
    struct page_pool pool = new_pool();
    struct history history = {0};
    const uint32_t both[] = {0, 1}, swapped[] = {1, 0}, first[] = {0};
    ck_assert(history_step(&history, &pool, 2, 2, both, both, 0, &err));
    ck_assert(history_step(&history, &pool, 2, 1, first, first, 1, &err));
    const void *rows[2];
    memcpy(rows, history_rows(&history, 0), sizeof rows);
    ck_assert(!history_step(&history, &pool, 2, 2, both, swapped, 2, &err));
    ck_assert_int_eq(err.code, ERROR_INTERNAL);
    error_clear(&err);
    /* Nothing has changed. */
    ck_assert_mem_eq(history_rows(&history, 0), rows, sizeof rows);
    ck_assert_uint_eq(pages_in_use(&pool, pages_made(&pool)), 2);
    ck_assert(history_step(&history, &pool, 2, 1, first, first, 2, &err));
    ck_assert_mem_eq(history_rows(&history, 0), rows, sizeof rows);
    history_free(&history, &pool);
    ck_assert_uint_eq(pages_in_use(&pool, pages_made(&pool)), 0);
    page_pool_free(&pool);
}
END_TEST

START_TEST(a_beam_keeps_little_more_than_one_hypothesis)
{
    /* All go on from the first: behind the last row there is one row a position. */
    struct page_pool pool = new_pool();
    struct history history = {0};
    const uint32_t slots[] = {0, 1, 2, 3}, from_first[4] = {0};
    for (uint32_t position = 0; position < 50; position++)
        ck_assert(history_step(&history, &pool, 4, 4, slots, from_first, position, &err));
    ck_assert_uint_eq(pages_in_use(&pool, pages_made(&pool)), 49 + 4);
    ck_assert_uint_eq(history_shared(&history, 4, slots, 50), 49);
    history_free(&history, &pool);
    page_pool_free(&pool);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("history");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, hypotheses_see_what_they_come_from);
    tcase_add_test(tests, a_step_from_an_ended_hypothesis_is_refused);
    tcase_add_test(tests, a_beam_keeps_little_more_than_one_hypothesis);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
