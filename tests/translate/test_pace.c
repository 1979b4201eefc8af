/* Whether a lone sentence should have all cores: what is faster is chosen, and chosen anew when
 * that changes. */
#include "translate/pace.h"

#include <check.h>
#include <stdlib.h>

/* A machine on which a token takes so long alone and together. */
struct machine {
    double alone, together;
};

/* Sentences of n that were searched together. */
static int run(struct pace *pace, const struct machine *machine, int n)
{
    int n_together = 0;
    for (int i = 0; i < n; i++) {
        bool together = pace_together(pace);
        n_together += together;
        pace_note(pace, together, together ? machine->together : machine->alone);
    }
    return n_together;
}

START_TEST(first_sentence_has_all_cores)
{
    struct pace pace = {0};
    ck_assert(pace_together(&pace));
}
END_TEST

START_TEST(the_faster_way_is_chosen)
{
    const struct machine good = {2e-4, 1e-4}, bad = {1e-4, 2e-4};
    struct pace pace = {0};
    run(&pace, &good, 6);
    ck_assert_int_ge(run(&pace, &good, 320), 300);
    pace = (struct pace){0};
    run(&pace, &bad, 6);
    int n_together = run(&pace, &bad, 320);
    ck_assert_int_le(n_together, 20);
    ck_assert_int_ge(n_together, 5); /* it is tried again */
}
END_TEST

START_TEST(a_change_is_noticed)
{
    const struct machine good = {2e-4, 1e-4}, bad = {1e-4, 2e-4};
    struct pace pace = {0};
    run(&pace, &bad, 100);
    run(&pace, &good, 320);
    ck_assert_int_ge(run(&pace, &good, 320), 300);
    run(&pace, &bad, 20); /* the way in use is measured each time: a few sentences are enough */
    ck_assert_int_le(run(&pace, &bad, 320), 20);
}
END_TEST

START_TEST(a_cold_start_is_forgiven)
{
    const struct machine good = {2e-4, 1e-4};
    struct pace pace = {0};
    ck_assert(pace_together(&pace));
    pace_note(&pace, true, 1e-2);
    run(&pace, &good, 5);
    ck_assert(pace_together(&pace));
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("pace");
    tcase_add_test(tcase, first_sentence_has_all_cores);
    tcase_add_test(tcase, the_faster_way_is_chosen);
    tcase_add_test(tcase, a_change_is_noticed);
    tcase_add_test(tcase, a_cold_start_is_forgiven);
    Suite *suite = suite_create("pace");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
