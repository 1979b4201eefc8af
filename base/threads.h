/* threads.h - threads with room for SentencePiece's recursion, and what they wait on.
 * A thin layer over pthreads, so that stack size and failure are handled in one place. */
#ifndef DRAGOMAN_BASE_THREADS_H
#define DRAGOMAN_BASE_THREADS_H

#include "base/error.h"

#include <pthread.h>

/* Stack of every thread we start: SentencePiece and ICU recurse; 8 MiB is the main thread's usual
 * size. */
#define THREAD_STACK_BYTES ((size_t)8 << 20)

/* Starts `run(argument)` with all signals blocked (the main thread handles them). Joined with
 * pthread_join. */
bool thread_start(pthread_t *thread, void *(*run)(void *), void *argument, struct error *err);

/* The file in which the kernel says how much of the CPUs a container may use. */
#define THREADS_QUOTA_PATH "/sys/fs/cgroup/cpu.max"

/* How many CPUs this process may use (sched_getaffinity and the cgroup quota), at least 1. */
unsigned thread_cpus(void);

#endif
