#include "base/team.h"

#include "base/memory.h"
#include "base/threads.h"

#include <stdatomic.h>

/* How often a waiting member looks before it sleeps: some tens of microseconds. */
#define TEAM_SPINS 2000

struct team {
    unsigned n_members;
    bool rests;         /* the caller's alone */
    pthread_t *threads; /* [n_members - 1] */

    /* Of the present round: written by the caller between rounds, read by whoever has taken a part
     * of it. */
    void (*work)(void *argument, unsigned part, unsigned n_parts);
    void *argument;

    /* round << 32 | n_parts << 16 | parts taken. Taking a part is one compare-and-exchange of all
     * three, so that a member which comes late cannot take a part of a round it has not seen. */
    _Atomic uint64_t state;
    atomic_uint n_done;
    atomic_bool stop;

    /* Counters of sleepers are raised before a last look at the condition, and read after it is
     * changed (both sequentially consistent), so a wake-up cannot be lost and is not sent when
     * nobody sleeps. */
    atomic_uint n_sleeping;
    atomic_bool caller_sleeps;
    pthread_mutex_t mutex;
    pthread_cond_t started, finished;
};

static inline void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

static unsigned parts_of(uint64_t state)
{
    return (unsigned)(state >> 16 & 0xffff);
}

static unsigned taken_of(uint64_t state)
{
    return (unsigned)(state & 0xffff);
}

/* Takes parts and does them until none is left. */
static void work_on(struct team *team)
{
    uint64_t state = atomic_load(&team->state);
    while (taken_of(state) < parts_of(state)) {
        if (!atomic_compare_exchange_weak(&team->state, &state, state + 1))
            continue;
        unsigned n_parts = parts_of(state);
        team->work(team->argument, taken_of(state), n_parts);
        if (atomic_fetch_add(&team->n_done, 1) + 1 == n_parts &&
            atomic_load(&team->caller_sleeps)) {
            pthread_mutex_lock(&team->mutex);
            pthread_cond_signal(&team->finished);
            pthread_mutex_unlock(&team->mutex);
        }
        state = atomic_load(&team->state);
    }
}

static bool is_work(struct team *team)
{
    uint64_t state = atomic_load(&team->state);
    return taken_of(state) < parts_of(state) || atomic_load(&team->stop);
}

static void wait_for_work(struct team *team)
{
    for (unsigned i = 0; i < TEAM_SPINS; i++) {
        if (is_work(team))
            return;
        pause_briefly();
    }
    pthread_mutex_lock(&team->mutex);
    atomic_fetch_add(&team->n_sleeping, 1);
    while (!is_work(team))
        pthread_cond_wait(&team->started, &team->mutex);
    atomic_fetch_sub(&team->n_sleeping, 1);
    pthread_mutex_unlock(&team->mutex);
}

static void *member_run(void *argument)
{
    struct team *team = argument;
    while (!atomic_load(&team->stop)) {
        wait_for_work(team);
        work_on(team);
    }
    return NULL;
}

static void wake_members(struct team *team)
{
    if (atomic_load(&team->n_sleeping) == 0)
        return;
    pthread_mutex_lock(&team->mutex);
    pthread_cond_broadcast(&team->started);
    pthread_mutex_unlock(&team->mutex);
}

/* Until the parts that others have taken are done. */
static void wait_for_end(struct team *team, unsigned n_parts)
{
    for (unsigned i = 0; i < TEAM_SPINS; i++) {
        if (atomic_load(&team->n_done) == n_parts)
            return;
        pause_briefly();
    }
    pthread_mutex_lock(&team->mutex);
    atomic_store(&team->caller_sleeps, true);
    while (atomic_load(&team->n_done) != n_parts)
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
    for (unsigned i = 1; i < n_members; i++) {
        if (!thread_start(&team->threads[i - 1], member_run, team, NULL))
            break;
        team->n_members++;
    }
    *out = team;
    return true;
}

void team_free(struct team *team)
{
    if (team == NULL)
        return;
    atomic_store(&team->stop, true);
    wake_members(team);
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

void team_rest(struct team *team, bool rests)
{
    team->rests = rests;
}

void team_run(struct team *team, unsigned n_parts,
              void (*work)(void *argument, unsigned part, unsigned n_parts), void *argument)
{
    if (team_size(team) == 1 || team->rests || n_parts == 1) {
        for (unsigned part = 0; part < n_parts; part++)
            work(argument, part, n_parts);
        return;
    }
    team->work = work;
    team->argument = argument;
    atomic_store(&team->n_done, 0);
    uint64_t round = (atomic_load(&team->state) >> 32) + 1;
    atomic_store(&team->state, round << 32 | (uint64_t)n_parts << 16);
    wake_members(team);
    work_on(team);
    wait_for_end(team, n_parts);
}
