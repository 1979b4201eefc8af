/* Every part of every round is done once, and the caller sees it. */
#include "base/team.h"

#include <check.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define MOST_PARTS 40

static pthread_t caller;

struct job {
    unsigned round;
    unsigned done[MOST_PARTS]; /* the round in which each part was done last */
    unsigned counts[MOST_PARTS];
};

static void work(void *argument, unsigned part, unsigned n_parts)
{
    struct job *job = argument;
    ck_assert_uint_lt(part, n_parts);
    job->done[part] = job->round;
    job->counts[part]++;
}

static void run_rounds(struct team *team, unsigned n_rounds)
{
    struct job job = {0};
    unsigned counts[MOST_PARTS] = {0};
    for (unsigned i = 1; i <= n_rounds; i++) {
        unsigned n_parts = 1 + i * 7 % MOST_PARTS;
        job.round = i;
        team_run(team, n_parts, work, &job);
        for (unsigned part = 0; part < n_parts; part++) {
            counts[part]++;
            ck_assert_uint_eq(job.done[part], i);
        }
        ck_assert(memcmp(counts, job.counts, sizeof counts) == 0);
    }
}

START_TEST(all_parts_once)
{
    struct error err = {0};
    struct team *team;
    ck_assert(team_new(&team, (unsigned)_i, &err));
    ck_assert_uint_eq(team_size(team), (unsigned)_i);
    run_rounds(team, 1000);
    /* After a pause the members sleep and must be woken. */
    for (int i = 0; i < 5; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        run_rounds(team, 3);
    }
    team_free(team);
}
END_TEST

/* The caller is the only one at work while the others rest. */
static void work_alone(void *argument, unsigned part, unsigned n_parts)
{
    (void)part, (void)n_parts;
    unsigned *n_others = argument;
    *n_others += pthread_equal(pthread_self(), caller) == 0;
}

START_TEST(members_rest)
{
    struct error err = {0};
    struct team *team;
    unsigned n_others = 0;
    caller = pthread_self();
    ck_assert(team_new(&team, 4, &err));
    team_rest(team, true);
    for (int i = 0; i < 1000; i++)
        team_run(team, 8, work_alone, &n_others);
    ck_assert_uint_eq(n_others, 0);
    ck_assert_uint_eq(team_size(team), 4);
    team_rest(team, false);
    run_rounds(team, 100);
    team_free(team);
}
END_TEST

START_TEST(no_team)
{
    ck_assert_uint_eq(team_size(NULL), 1);
    run_rounds(NULL, 100);
    team_free(NULL);
}
END_TEST

START_TEST(idle_team)
{
    struct error err = {0};
    struct team *team;
    ck_assert(team_new(&team, 3, &err));
    team_free(team);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("team");
    tcase_add_loop_test(tcase, all_parts_once, 1, 5);
    tcase_add_test(tcase, no_team);
    tcase_add_test(tcase, members_rest);
    tcase_add_test(tcase, idle_team);
    tcase_set_timeout(tcase, 60);
    Suite *suite = suite_create("base");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
