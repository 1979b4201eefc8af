#include "base/threads.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

bool thread_start(pthread_t *thread, void *(*run)(void *), void *argument, struct error *err)
{
    pthread_attr_t attributes;
    int fault = pthread_attr_init(&attributes);
    if (fault != 0)
        return error_set_errno(err, ERROR_SYSTEM, fault, "starting a thread");
    fault = pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (fault == 0)
        fault = pthread_create(thread, &attributes, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return fault == 0 || error_set_errno(err, ERROR_SYSTEM, fault, "starting a thread");
}

/* Whole CPUs that cgroup v2's cpu.max allows, or a large number when there is no limit. */
static unsigned quota_cpus(void)
{
    long quota = 0, period = 0;
    FILE *file = fopen(THREADS_QUOTA_PATH, "re");
    if (file == NULL)
        return 1u << 16;
    int found = fscanf(file, "%ld %ld", &quota, &period);
    fclose(file);
    if (found != 2 || quota <= 0 || period <= 0)
        return 1u << 16;
    long cpus = (quota + period - 1) / period;
    return cpus < 1 ? 1 : (unsigned)(cpus < 65536 ? cpus : 65536);
}

unsigned thread_cpus(void)
{
    cpu_set_t set;
    unsigned cpus = 0;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        cpus = (unsigned)CPU_COUNT(&set);
    if (cpus == 0) {
        long online = sysconf(_SC_NPROCESSORS_ONLN);
        cpus = online > 0 ? (unsigned)online : 1;
    }
    unsigned quota = quota_cpus();
    return cpus < quota ? cpus : quota;
}
