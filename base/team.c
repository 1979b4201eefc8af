#include "base/team.h"

#include "base/memory.h"
#include "base/threads.h"

#include <stdatomic.h>

/* How often a waiting member looks before it sleeps: some tens of microseconds. */
#define TEAM_SPINS 20000

struct team {
    unsigned n_members;
    pthread_t *threads; /* [n_members - 1] */

    void (*work)(void *argument, unsigned member, unsigned n_members);
    void *argument;
    bool stop;

    /* A round starts when `round` grows and ends when `n_busy` reaches 0. The counters of sleepers
     * are raised before a last look at the condition, and read after it is changed (both
     * sequentially consistent), so a wake-up cannot be lost and is not sent when nobody sleeps. */
    atomic_uint round, n_busy, n_sleeping;
    atomic_bool caller_sleeps;
    pthread_mutex_t mutex;
    pthread_cond_t started, finished;
};

struct member {
    struct team *team;
    unsigned index;
};

static inline void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

static void wait_for_round(struct team *team, unsigned seen)
{
    for (unsigned i = 0; i < TEAM_SPINS; i++) {
        if (atomic_load(&team->round) != seen)
            return;
        pause_briefly();
    }
    pthread_mutex_lock(&team->mutex);
    atomic_fetch_add(&team->n_sleeping, 1);
    while (atomic_load(&team->round) == seen)
        pthread_cond_wait(&team->started, &team->mutex);
    atomic_fetch_sub(&team->n_sleeping, 1);
    pthread_mutex_unlock(&team->mutex);
}

static void *member_run(void *argument)
{
    struct member member = *(struct member *)argument;
    struct team *team = member.team;
    memory_free(argument);
    for (unsigned seen = 0;; seen++) {
        wait_for_round(team, seen);
        if (team->stop)
            return NULL;
        team->work(team->argument, member.index, team->n_members);
        if (atomic_fetch_sub(&team->n_busy, 1) == 1 && atomic_load(&team->caller_sleeps)) {
            pthread_mutex_lock(&team->mutex);
            pthread_cond_signal(&team->finished);
            pthread_mutex_unlock(&team->mutex);
        }
    }
}

static void start_round(struct team *team)
{
    atomic_fetch_add(&team->round, 1);
    if (atomic_load(&team->n_sleeping) > 0) {
        pthread_mutex_lock(&team->mutex);
        pthread_cond_broadcast(&team->started);
        pthread_mutex_unlock(&team->mutex);
    }
}

static void wait_for_end(struct team *team)
{
    for (unsigned i = 0; i < TEAM_SPINS; i++) {
        if (atomic_load(&team->n_busy) == 0)
            return;
        pause_briefly();
    }
    pthread_mutex_lock(&team->mutex);
    atomic_store(&team->caller_sleeps, true);
    while (atomic_load(&team->n_busy) != 0)
        pthread_cond_wait(&team->finished, &team->mutex);
    atomic_store(&team->caller_sleeps, false);
    pthread_mutex_unlock(&team->mutex);
}

bool team_new(struct team **out, unsigned n_members, struct error *err)
{
    struct team *team = memory_new(1, sizeof *team, err);
    if (team == NULL)
        return false;
    team->n_members = 1;
    team->threads = memory_new(n_members, sizeof *team->threads, err);
    if (team->threads == NULL) {
        memory_free(team);
        return false;
    }
    pthread_mutex_init(&team->mutex, NULL);
    pthread_cond_init(&team->started, NULL);
    pthread_cond_init(&team->finished, NULL);
    /* No round starts before the last thread has, so n_members is constant once it is read. */
    for (unsigned i = 1; i < n_members; i++) {
        struct member *member = memory_new(1, sizeof *member, err);
        if (member == NULL) {
            team_free(team);
            return false;
        }
        *member = (struct member){.team = team, .index = i};
        if (!thread_start(&team->threads[i - 1], member_run, member, NULL)) {
            memory_free(member);
            break;
        }
        team->n_members++;
    }
    *out = team;
    return true;
}

void team_free(struct team *team)
{
    if (team == NULL)
        return;
    team->stop = true;
    start_round(team);
    for (unsigned i = 1; i < team->n_members; i++)
        pthread_join(team->threads[i - 1], NULL);
    pthread_cond_destroy(&team->finished);
    pthread_cond_destroy(&team->started);
    pthread_mutex_destroy(&team->mutex);
    memory_free(team->threads);
    memory_free(team);
}

unsigned team_size(const struct team *team)
{
    return team != NULL ? team->n_members : 1;
}

void team_run(struct team *team, void (*work)(void *argument, unsigned member, unsigned n_members),
              void *argument)
{
    if (team_size(team) == 1) {
        work(argument, 0, 1);
        return;
    }
    team->work = work;
    team->argument = argument;
    atomic_store(&team->n_busy, team->n_members - 1);
    start_round(team);
    work(argument, 0, team->n_members);
    wait_for_end(team);
}
