#include "translate/scheduler.h"

#include <stdio.h>
#include <string.h>

/* Hypotheses a worker advances at once: each weight read serves all of them, but their keys and
 * values have to be read, too. While the weights are small, keys and values are most of what a step
 * reads, and the fewer rows, the more of them stay in the second-level cache: of 24, 32, 48, 64 and
 * 128 rows, 32 was fastest with a beam and second best without (11 MB of weights, 2 threads). Large
 * weights want more rows: 64 beat 32 by 12 % with a beam (80 MB). Without one each row is a
 * sentence, which brings the keys and values of its source along: 40 took 1 % more time than 64 and
 * 30 MB less, 32 took 5 % more. A tile unit multiplies so fast that it takes twice as many before
 * the weights' way from memory no longer counts. */
#define SMALL_MODEL_ROWS 32
#define LARGE_MODEL_ROWS 64
#define LARGE_MODEL_SENTENCES 40
#define LARGE_MODEL_BYTES ((uint64_t)32 << 20)
#define TILE_ROWS 128

/* Lines and bytes of a stream that may be under way, so that memory does not grow with the input. A
 * single line may be longer. */
#define LINES_A_ROW 4 /* of a worker's rows: one may be slow, the others must not wait for it */
#define MAX_STREAM_BYTES (16 * DRAGOMAN_MIN_BYTES)

/* ---- queues --------------------------------------------------------------------------------- */

void scheduler_push_line(struct scheduler *scheduler, struct line *line, bool in_front)
{
    line->queue = NULL;
    if (scheduler->first_line == NULL) {
        scheduler->first_line = scheduler->last_line = line;
    } else if (in_front) {
        line->queue = scheduler->first_line;
        scheduler->first_line = line;
    } else {
        scheduler->last_line->queue = line;
        scheduler->last_line = line;
    }
    scheduler->n_lines++;
}

struct line *scheduler_pop_line(struct scheduler *scheduler)
{
    struct line *line = scheduler->first_line;
    scheduler->first_line = line->queue;
    scheduler->n_lines--;
    return line;
}

void scheduler_push_part(struct scheduler *scheduler, struct part *part, bool in_front)
{
    part->next = NULL;
    if (scheduler->first_part == NULL) {
        scheduler->first_part = scheduler->last_part = part;
    } else if (in_front) {
        part->next = scheduler->first_part;
        scheduler->first_part = part;
    } else {
        scheduler->last_part->next = part;
        scheduler->last_part = part;
    }
    scheduler->n_parts++;
}

struct part *scheduler_pop_part(struct scheduler *scheduler)
{
    struct part *part = scheduler->first_part;
    scheduler->first_part = part->next;
    scheduler->n_parts--;
    return part;
}

static void count_line(struct dragoman_statistics *statistics, const struct line *line)
{
    unsigned flags = line->result.flags;
    statistics->lines++;
    statistics->sentences += line->n_parts;
    statistics->cut += (flags & DRAGOMAN_FLAG_CUT) != 0;
    statistics->limit += (flags & DRAGOMAN_FLAG_LIMIT) != 0;
    statistics->loop += (flags & DRAGOMAN_FLAG_LOOP) != 0;
    statistics->lost += (flags & DRAGOMAN_FLAG_LOST) != 0;
    statistics->mended += (flags & DRAGOMAN_FLAG_MENDED) != 0;
    for (size_t i = 0; i < line->n_parts; i++) {
        statistics->source_tokens += line->parts[i].ids.n_ids;
        statistics->cached += line->parts[i].is_cached;
    }
    statistics->target_tokens += line->result.hypotheses[0].length;
}

void scheduler_settle(struct scheduler *scheduler, struct line *line)
{
    struct stream *stream = line->stream;
    if (!line->is_failed)
        count_line(&scheduler->statistics, line);
    line->is_settled = true;
    stream->n_open--;
    pthread_cond_broadcast(&stream->changed);
}

/* ---- life ----------------------------------------------------------------------------------- */

static uint32_t usual_rows(const struct translator *translator)
{
    const struct model *model = translator->model;
    if (strcmp(model_kernels(model)->name, "amx") == 0)
        return TILE_ROWS;
    if (model_bytes(model) < LARGE_MODEL_BYTES)
        return SMALL_MODEL_ROWS;
    return translator_width(translator) == 1 ? LARGE_MODEL_SENTENCES : LARGE_MODEL_ROWS;
}

bool scheduler_new(struct scheduler **out, struct translator *const *translators, size_t n_stages,
                   unsigned n_threads, uint32_t max_rows, struct error *err)
{
    struct scheduler *scheduler = memory_new(1, sizeof *scheduler, err);
    if (scheduler == NULL)
        return false;
    scheduler->translators = translators;
    scheduler->n_stages = n_stages;
    scheduler->n_workers = n_threads;
    scheduler->max_rows = max_rows != 0 ? max_rows : usual_rows(translators[0]);
    pthread_mutex_init(&scheduler->mutex, NULL);
    pthread_cond_init(&scheduler->work, NULL);
    scheduler->workers = memory_new(n_threads, sizeof scheduler->workers[0], err);
    if (scheduler->workers == NULL) {
        scheduler_free(scheduler);
        return false;
    }
    *out = scheduler;
    return true;
}

static void start_workers(struct scheduler *scheduler)
{
    unsigned wanted = scheduler->n_workers;
    struct error fault = {0};
    for (unsigned i = 0; i < wanted; i++) {
        struct worker *worker = &scheduler->workers[i];
        worker->scheduler = scheduler;
        worker->index = i;
        if (!thread_start(&worker->thread, worker_run, worker, &fault))
            break;
        scheduler->n_started++;
    }
    scheduler->has_no_thread = scheduler->n_started == 0;
    scheduler->n_workers = scheduler->has_no_thread ? 1 : scheduler->n_started;
    scheduler->statistics.threads = scheduler->n_workers;
    if (scheduler->has_no_thread)
        snprintf(scheduler->warning, sizeof scheduler->warning, "%.90s: working without threads",
                 fault.text);
    else if (scheduler->n_started < wanted)
        snprintf(scheduler->warning, sizeof scheduler->warning,
                 "only %u of %u threads could be started", scheduler->n_started, wanted);
}

void scheduler_start(struct scheduler *scheduler)
{
    pthread_mutex_lock(&scheduler->mutex);
    if (scheduler->n_started == 0 && !scheduler->has_no_thread)
        start_workers(scheduler);
    pthread_mutex_unlock(&scheduler->mutex);
}

void scheduler_without_threads(struct scheduler *scheduler)
{
    scheduler->has_no_thread = true;
    scheduler->n_workers = 1;
    scheduler->workers[0].scheduler = scheduler;
    scheduler->statistics.threads = 1;
}

void scheduler_free(struct scheduler *scheduler)
{
    if (scheduler == NULL)
        return;
    pthread_mutex_lock(&scheduler->mutex);
    scheduler->is_stopping = true;
    pthread_cond_broadcast(&scheduler->work);
    pthread_mutex_unlock(&scheduler->mutex);
    for (unsigned i = 0; i < scheduler->n_started; i++)
        pthread_join(scheduler->workers[i].thread, NULL);
    if (scheduler->has_no_thread)
        worker_close(&scheduler->workers[0]);
    engine_close(&scheduler->solo);
    team_free(scheduler->team);
    arena_free(&scheduler->arena);
    memory_free(scheduler->workers);
    pthread_cond_destroy(&scheduler->work);
    pthread_mutex_destroy(&scheduler->mutex);
    memory_free(scheduler);
}

/* ---- streams -------------------------------------------------------------------------------- */

static bool same_code(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static char *copy_code(struct arena *arena, const char *code, bool *ok, struct error *err)
{
    char *copy = code != NULL && *ok ? arena_text(arena, code, strlen(code), err) : NULL;
    *ok = *ok && (code == NULL || copy != NULL);
    return copy;
}

static const struct course *find_course(struct scheduler *scheduler, const char *from,
                                        const char *to, struct error *err)
{
    size_t n = scheduler->n_stages;
    for (struct course *course = scheduler->courses; course != NULL; course = course->next)
        if (same_code(course->from, from) && same_code(course->to, to))
            return course;
    struct course *course = arena_new(&scheduler->arena, 1, sizeof *course, err);
    bool ok = course != NULL;
    /* A chain's ends are what the user names; what goes between may be the models' business. */
    for (size_t i = 0; ok && i < n; i++) {
        const char *source = i == 0 ? from : scheduler->via != NULL ? scheduler->via[i - 1] : NULL;
        const char *target = i + 1 == n ? to : scheduler->via != NULL ? scheduler->via[i] : NULL;
        ok = translator_direct(scheduler->translators[i], source, target, &course->directions[i],
                               err);
    }
    if (ok) {
        course->from = copy_code(&scheduler->arena, from, &ok, err);
        course->to = copy_code(&scheduler->arena, to, &ok, err);
    }
    if (!ok)
        return NULL;
    course->next = scheduler->courses;
    scheduler->courses = course;
    return course;
}

const struct course *scheduler_course(struct scheduler *scheduler, const char *from, const char *to,
                                      struct error *err)
{
    pthread_mutex_lock(&scheduler->mutex);
    const struct course *course = find_course(scheduler, from, to, err);
    pthread_mutex_unlock(&scheduler->mutex);
    return course;
}

bool stream_new(struct scheduler *scheduler, const char *from, const char *to, struct stream **out,
                struct error *err)
{
    const struct course *course = scheduler_course(scheduler, from, to, err);
    if (course == NULL)
        return false;
    scheduler_start(scheduler);
    struct stream *stream = memory_new(1, sizeof *stream, err);
    if (stream == NULL)
        return false;
    stream->scheduler = scheduler;
    stream->course = course;
    pthread_cond_init(&stream->changed, NULL);
    *out = stream;
    return true;
}

/* Waits until something of the stream has changed. Where there is no thread, the one who waits does
 * a round of the work, or waits for who is at it. Called and left with the lock held. */
static void wait_for_change(struct stream *stream)
{
    struct scheduler *scheduler = stream->scheduler;
    if (scheduler->has_no_thread && scheduler->is_worked) {
        pthread_cond_wait(&scheduler->work, &scheduler->mutex);
        return;
    }
    if (scheduler->has_no_thread) {
        scheduler->is_worked = true;
        bool did_something = worker_round(&scheduler->workers[0]);
        scheduler->is_worked = false;
        pthread_cond_broadcast(&scheduler->work);
        if (did_something)
            return;
    }
    pthread_cond_wait(&stream->changed, &scheduler->mutex);
}

void stream_free(struct stream *stream)
{
    if (stream == NULL)
        return;
    struct scheduler *scheduler = stream->scheduler;
    stream_cancel(stream);
    pthread_mutex_lock(&scheduler->mutex);
    while (stream->n_open > 0)
        wait_for_change(stream);
    pthread_mutex_unlock(&scheduler->mutex);
    for (struct line *line = stream->first, *next; line != NULL; line = next) {
        next = line->next;
        line_free(line);
    }
    pthread_cond_destroy(&stream->changed);
    memory_free(stream);
}

void stream_cancel(struct stream *stream)
{
    struct scheduler *scheduler = stream->scheduler;
    pthread_mutex_lock(&scheduler->mutex);
    atomic_store(&stream->is_cancelled, true);
    pthread_cond_broadcast(&stream->changed);
    pthread_cond_broadcast(&scheduler->work);
    pthread_mutex_unlock(&scheduler->mutex);
}

void stream_finish(struct stream *stream)
{
    pthread_mutex_lock(&stream->scheduler->mutex);
    stream->is_finished = true;
    pthread_cond_broadcast(&stream->changed);
    pthread_mutex_unlock(&stream->scheduler->mutex);
}

/* A copy of what is put. */
static struct line *make_line(const struct dragoman_line *from, struct error *err)
{
    struct line *line = memory_new(1, sizeof *line, err);
    if (line == NULL)
        return NULL;
    line->n_bytes = line->n_put_bytes = from->n_bytes;
    line->n_best = from->n_best;
    line->text = arena_text(&line->arena, from->text, from->n_bytes, err);
    bool ok = line->text != NULL;
    if (ok && from->prefix != NULL) {
        line->n_prefix_bytes = from->n_prefix_bytes;
        line->prefix = arena_text(&line->arena, from->prefix, from->n_prefix_bytes, err);
        ok = line->prefix != NULL;
    }
    if (ok && from->target != NULL) {
        line->n_target_bytes = from->n_target_bytes;
        line->target = arena_text(&line->arena, from->target, from->n_target_bytes, err);
        ok = line->target != NULL;
    }
    if (ok)
        return line;
    line_free(line);
    return NULL;
}

static bool is_full(const struct stream *stream)
{
    size_t a_worker = (size_t)LINES_A_ROW * stream->scheduler->max_rows;
    a_worker = a_worker > DRAGOMAN_MIN_LINES ? a_worker : DRAGOMAN_MIN_LINES;
    size_t max_lines = a_worker * stream->scheduler->n_workers;
    return stream->n_lines >= max_lines ||
           (stream->n_lines > 0 && stream->n_bytes >= MAX_STREAM_BYTES);
}

bool stream_put(struct stream *stream, const struct dragoman_line *text, struct error *err)
{
    struct scheduler *scheduler = stream->scheduler;
    struct line *line = make_line(text, err);
    if (line == NULL)
        return false;
    pthread_mutex_lock(&scheduler->mutex);
    while (is_full(stream) && !atomic_load(&stream->is_cancelled))
        wait_for_change(stream);
    bool ok = !atomic_load(&stream->is_cancelled);
    if (ok) {
        line->stream = stream;
        line->result.number = text->number != 0 ? text->number : stream->n_put + 1;
        stream->n_put++;
        if (stream->first == NULL)
            stream->first = line;
        else
            stream->last->next = line;
        stream->last = line;
        stream->n_lines++;
        stream->n_open++;
        stream->n_bytes += line->n_put_bytes;
        scheduler_push_line(scheduler, line, false);
        pthread_cond_signal(&scheduler->work);
        if (scheduler->has_no_thread)
            pthread_cond_broadcast(&stream->changed);
    }
    pthread_mutex_unlock(&scheduler->mutex);
    if (ok)
        return true;
    line_free(line);
    return error_set(err, ERROR_INTERRUPTED, "interrupted");
}

bool stream_take(struct stream *stream, bool wait, struct line **out, struct error *err)
{
    struct scheduler *scheduler = stream->scheduler;
    struct line *line = NULL;
    bool ok = true;
    *out = NULL;
    pthread_mutex_lock(&scheduler->mutex);
    while (wait && !atomic_load(&stream->is_cancelled) &&
           (stream->first == NULL ? !stream->is_finished : !stream->first->is_settled))
        wait_for_change(stream);
    line = stream->first;
    if (line == NULL || !line->is_settled) {
        ok =
            !atomic_load(&stream->is_cancelled) || error_set(err, ERROR_INTERRUPTED, "interrupted");
    } else if (line->is_failed) { /* it stays where it is: nothing comes after it */
        ok = error_set(err, line->error.code, "%s", line->error.text);
    } else {
        stream->first = line->next;
        stream->n_lines--;
        stream->n_bytes -= line->n_put_bytes;
        pthread_cond_broadcast(&stream->changed);
        *out = line;
    }
    pthread_mutex_unlock(&scheduler->mutex);
    return ok;
}

bool stream_at_end(struct stream *stream)
{
    pthread_mutex_lock(&stream->scheduler->mutex);
    bool at_end = stream->is_finished && stream->first == NULL;
    pthread_mutex_unlock(&stream->scheduler->mutex);
    return at_end;
}
