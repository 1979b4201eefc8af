/* scheduler.h - lines in, results out in the same order, workers between: the only threading.
 *
 *     dragoman_put -> [lines] -> a worker prepares -> [parts] -> workers encode and search
 *                                                             -> the last part's worker joins
 *                  -> the stream's list, in order -> dragoman_take
 *
 * A worker is a thread with sessions of its own over the shared models (worker.c). It keeps about
 * `max_rows` hypotheses alive: a sentence that is done leaves at once, and when a quarter of the
 * places are free the next sentences are encoded together. With little to do nothing waits for
 * company: what is there is started. A sentence that is alone in the machine is searched by all
 * cores together (struct team), where that is faster (struct pace).
 *
 * How sentences are grouped never shows in the results. One lock guards the queues, the streams'
 * lists and the counters; nobody holds it while computing. */
#ifndef DRAGOMAN_TRANSLATE_SCHEDULER_H
#define DRAGOMAN_TRANSLATE_SCHEDULER_H

#include "base/team.h"
#include "base/threads.h"
#include "model/profile.h"
#include "translate/pace.h"
#include "translate/translator.h"

#include <stdatomic.h>

/* Models that text goes through, one after the other. */
#define SCHEDULER_MAX_STAGES 4

struct scheduler;

/* Languages that some stream has asked for; kept, for searches are made for a direction. */
struct course {
    struct course *next;
    char *from, *to; /* or NULL */
    struct direction directions[SCHEDULER_MAX_STAGES];
};

struct stream {
    struct scheduler *scheduler;
    const struct course *course;
    struct line *first, *last; /* put and not taken, in order */
    size_t n_lines, n_bytes;
    size_t n_open; /* lines that workers may still touch */
    uint64_t n_put;
    bool is_finished;
    atomic_bool is_cancelled;
    pthread_cond_t changed; /* a line settled, was taken, or the stream ended */
};

/* A sentence being searched. */
struct place {
    struct part *part;
    struct sentence *sentence;
    struct search *search;
    const struct direction *direction; /* the search was made for */
    uint32_t n_rows;                   /* of the step under way */
    bool has_failed;                   /* in that step, by its own fault */
    struct error fault;
};

/* One model's session with the sentences that live in it. */
struct engine {
    const struct translator *translator;
    struct session *session;
    uint32_t n_places, n_live;
    struct place *places; /* [n_places], the live ones first */
    struct step_row *rows;
    uint32_t width; /* rows a sentence may need */
};

struct worker {
    struct scheduler *scheduler;
    unsigned index;
    pthread_t thread;
    struct engine engines[SCHEDULER_MAX_STAGES];
    struct sentences *sentences;
    char language[TOKENIZER_CODE_BYTES]; /* that `sentences` is for */
    struct part **parts;                 /* [max_rows] taken together; NULL: not set up yet */
    bool is_unfit;                       /* it could not be set up: every line fails of `fault` */
    struct error fault;
};

struct scheduler {
    struct translator *const *translators; /* [n_stages] */
    size_t n_stages;
    const char *const *via; /* [n_stages - 1] languages between, or NULL */
    uint32_t max_rows;

    pthread_mutex_t mutex;
    pthread_cond_t work; /* something was queued, or the end */
    bool is_stopping;
    struct worker *workers;
    unsigned n_workers, n_started, n_searching; /* workers with live sentences */
    bool has_no_thread; /* none could be had: whoever waits for a result is the worker meanwhile */
    bool is_worked;     /* ... which one of them is, now */

    struct line *first_line, *last_line; /* to be prepared */
    struct part *first_part, *last_part; /* to be searched */
    size_t n_lines, n_parts;             /* in these queues */

    struct course *courses;
    struct arena arena; /* theirs */

    struct team *team;  /* for a lone sentence; made when first needed */
    struct engine solo; /* its session */
    bool is_solo_busy, has_no_team;
    struct pace pace; /* whether the team pays; whoever runs the solo has it */

    struct dragoman_statistics statistics;
    struct profile profile;
    bool has_profile;                /* it is wanted */
    const struct observer *observer; /* of the sessions' products, or NULL; only without threads */
    char warning[128];               /* "" or what was lacking */
};

/* Prepares for n_threads workers; they are started with the first stream, so that a process may
 * give up rights in between. max_rows 0: a good number. */
bool scheduler_new(struct scheduler **scheduler, struct translator *const *translators,
                   size_t n_stages, unsigned n_threads, uint32_t max_rows, struct error *err);

/* Ends the workers. All streams must be closed. */
void scheduler_free(struct scheduler *scheduler);

/* Starts the workers unless they run. When the system refuses a thread there are fewer, or none,
 * and a warning: then those who wait for room or for a result do the work. */
void scheduler_start(struct scheduler *scheduler);

/* Before the first stream: no threads; whoever waits for room or for a result does the work. Then
 * the order of all that is computed is the same in every run. */
void scheduler_without_threads(struct scheduler *scheduler);

/* The directions for these languages (NULL: what the models say), found or made. */
const struct course *scheduler_course(struct scheduler *scheduler, const char *from, const char *to,
                                      struct error *err);

bool stream_new(struct scheduler *scheduler, const char *from, const char *to,
                struct stream **stream, struct error *err);
void stream_free(struct stream *stream); /* cancels what is under way */

/* As dragoman_put() and its kin say. */
bool stream_put(struct stream *stream, const struct dragoman_line *text, struct error *err);
void stream_finish(struct stream *stream);
bool stream_take(struct stream *stream, bool wait, struct line **line, struct error *err);
bool stream_at_end(struct stream *stream);
void stream_cancel(struct stream *stream);

/* ---- between scheduler.c and worker.c ------------------------------------------------------- */

/* The life of a worker. */
void *worker_run(void *worker);

/* One round of a worker's life, with the lock held at both ends; false if there was nothing to do.
 */
bool worker_round(struct worker *worker);

/* Frees what a worker holds but its thread; {0} is allowed. */
void worker_close(struct worker *worker);

/* Frees what an engine holds; {0} is allowed. */
void engine_close(struct engine *engine);

/* Queues a line whose preparation is due; with the lock held. In front: it is older than others. */
void scheduler_push_line(struct scheduler *scheduler, struct line *line, bool in_front);
struct line *scheduler_pop_line(struct scheduler *scheduler);

void scheduler_push_part(struct scheduler *scheduler, struct part *part, bool in_front);
struct part *scheduler_pop_part(struct scheduler *scheduler);

/* The line's result is there, or it has failed: the taker may have it. With the lock held. */
void scheduler_settle(struct scheduler *scheduler, struct line *line);

#endif
