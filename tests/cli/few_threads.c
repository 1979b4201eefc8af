/* Preloaded by threads.sh: only the first THREADS_ALLOWED threads can be started. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_int n_started;

typedef int create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *argument)
{
    create *real;
    void *symbol = dlsym(RTLD_NEXT, "pthread_create");
    memcpy(&real, &symbol, sizeof real);
    if (atomic_fetch_add(&n_started, 1) >= atoi(getenv("THREADS_ALLOWED")))
        return EAGAIN;
    return real(thread, attributes, run, argument);
}
