/* Threads: room for recursion, signals left to the main thread, and failing to start one. */
#include "base/threads.h"

#include <check.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

/* Touches most of the promised stack, a page at a time. */
static void *use_stack(void *argument)
{
    volatile char bytes[THREAD_STACK_BYTES - (256 << 10)];
    for (size_t i = 0; i < sizeof bytes; i += 4096)
        bytes[i] = 1;
    return argument;
}

static void *look_at_signals(void *argument)
{
    sigset_t *mask = argument;
    pthread_sigmask(SIG_SETMASK, NULL, mask);
    return NULL;
}

START_TEST(test_start)
{
    struct error err = {0};
    pthread_t thread;
    void *result = NULL;
    int marker;
    sigset_t before, inside, after;
    ck_assert(thread_start(&thread, use_stack, &marker, &err));
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    ck_assert_ptr_eq(result, &marker);
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    ck_assert(thread_start(&thread, look_at_signals, &inside, &err));
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGWINCH, SIGUSR1};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        ck_assert_int_eq(sigismember(&inside, signals[i]), 1);
        ck_assert_int_eq(sigismember(&after, signals[i]), sigismember(&before, signals[i]));
    }
}
END_TEST

START_TEST(test_cannot_start)
{
    struct error err = {0};
    pthread_t thread;
    sigset_t before, after;
    struct rlimit none = {1 << 20, 1 << 20}; /* of address space: no room for a stack */
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &none), 0);
    ck_assert(!thread_start(&thread, use_stack, NULL, &err));
    ck_assert_int_eq(err.code, ERROR_SYSTEM);
    ck_assert_str_eq(err.text, "starting a thread: Resource temporarily unavailable");
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    ck_assert_int_eq(sigismember(&after, SIGINT), sigismember(&before, SIGINT));
}
END_TEST

START_TEST(test_cpus)
{
    cpu_set_t one;
    unsigned all = thread_cpus();
    ck_assert_uint_ge(all, 1);
    ck_assert_int_eq(sched_getaffinity(0, sizeof one, &one), 0);
    ck_assert_uint_le(all, (unsigned)CPU_COUNT(&one));
    int first = 0;
    while (!CPU_ISSET(first, &one))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    ck_assert_uint_eq(thread_cpus(), 1);
}
END_TEST

#ifdef __has_feature
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif

/* Sanitizers reserve terabytes of addresses, so that a limit on them says nothing. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    HAS_FEATURE(address_sanitizer) || HAS_FEATURE(thread_sanitizer)
#define LIMITS_ADDRESSES 0
#else
#define LIMITS_ADDRESSES 1
#endif

int main(void)
{
    Suite *suite = suite_create("threads");
    TCase *tests = tcase_create("threads");
    tcase_add_test(tests, test_start);
    if (LIMITS_ADDRESSES)
        tcase_add_test(tests, test_cannot_start);
    tcase_add_test(tests, test_cpus);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
