/* The queue between the reading and the writing thread: order, bounds, and both ways to end. */
#include "cli/queue.h"

#include "base/threads.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_RECORDS 100000 /* more than it holds */

struct work {
    struct queue *queue;
    size_t n_pushed; /* before a push was refused */
    const struct error *end;
};

static void *push_all(void *argument)
{
    struct work *work = argument;
    struct error err = {0};
    for (size_t i = 0; i < N_RECORDS; i++) {
        struct record *record = record_new(&err);
        if (record == NULL || !buffer_printf(&record->line, &err, "line %zu", i))
            abort();
        record->number = i + 1;
        if (!queue_push(work->queue, record))
            return NULL;
        work->n_pushed++;
    }
    queue_end(work->queue, work->end);
    return NULL;
}

START_TEST(all_in_order)
{
    struct error err = {0}, fault = {0}, end = {0};
    struct work work = {.end = &end};
    pthread_t reader;
    uint64_t number = 0;
    if (_i == 1)
        error_set(&end, ERROR_INPUT, "x: the disk is gone");
    ck_assert(queue_new(&work.queue, &err));
    ck_assert(thread_start(&reader, push_all, &work, &err));
    for (struct record *record; (record = queue_pop(work.queue)) != NULL; record_free(record)) {
        char line[32];
        snprintf(line, sizeof line, "line %llu", (unsigned long long)number);
        ck_assert_uint_eq(record->number, ++number);
        ck_assert_str_eq(record->line.bytes, line);
    }
    ck_assert_uint_eq(number, N_RECORDS);
    ck_assert(queue_ready(work.queue)); /* it answers at once, that it is over */
    ck_assert_ptr_null(queue_pop(work.queue));
    ck_assert_int_eq(queue_error(work.queue, &fault), _i == 0);
    ck_assert_str_eq(fault.text, end.text);
    pthread_join(reader, NULL);
    queue_free(work.queue);
}
END_TEST

START_TEST(the_writer_gives_up)
{
    struct error err = {0}, end = {0};
    struct work work = {.end = &end};
    pthread_t reader;
    ck_assert(queue_new(&work.queue, &err));
    ck_assert(thread_start(&reader, push_all, &work, &err));
    for (int i = 0; i < _i; i++)
        record_free(queue_pop(work.queue));
    queue_close(work.queue);
    pthread_join(reader, NULL);
    ck_assert_uint_lt(work.n_pushed, N_RECORDS); /* bounded: it waited for room */
    queue_free(work.queue);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("queue");
    tcase_add_loop_test(tcase, all_in_order, 0, 2);
    tcase_add_loop_test(tcase, the_writer_gives_up, 0, 3);
    tcase_set_timeout(tcase, 60);
    Suite *suite = suite_create("program");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
