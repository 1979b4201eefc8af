#include "cli/signals.h"

#include "base/threads.h"

#include <signal.h>
#include <unistd.h>

static const int watched[] = {SIGINT, SIGTERM, SIGHUP};

/* What the watching thread needs; written once, before it is started. */
static struct {
    void (*last_words)(void *);
    void *argument;
    sigset_t set;
} watch_state;

void signals_prepare(void)
{
    signal(SIGXFSZ, SIG_IGN);
}

static void *watch(void *unused)
{
    (void)unused;
    int number;
    if (sigwait(&watch_state.set, &number) != 0)
        return NULL;
    for (size_t i = 0; i < sizeof watched / sizeof watched[0]; i++)
        if (sigismember(&watch_state.set, watched[i]) == 1)
            signal(watched[i], SIG_DFL);
    /* From here on this thread takes them, and a second one is the end. */
    pthread_sigmask(SIG_UNBLOCK, &watch_state.set, NULL);
    watch_state.last_words(watch_state.argument);
    kill(getpid(), number);
    return NULL;
}

bool signals_watch(void (*last_words)(void *), void *argument, struct error *err)
{
    sigemptyset(&watch_state.set);
    for (size_t i = 0; i < sizeof watched / sizeof watched[0]; i++) {
        struct sigaction now;
        if (sigaction(watched[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            sigaddset(&watch_state.set, watched[i]);
    }
    watch_state.last_words = last_words;
    watch_state.argument = argument;
    pthread_sigmask(SIG_BLOCK, &watch_state.set, NULL);
    pthread_t thread;
    if (!thread_start(&thread, watch, NULL, err)) {
        pthread_sigmask(SIG_UNBLOCK, &watch_state.set, NULL);
        return false;
    }
    pthread_detach(thread);
    return true;
}
