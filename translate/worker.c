/* A worker: takes lines and parts from the scheduler's queues, keeps its searches going, gives back
 * what is done. */
#include "translate/scheduler.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Source tokens encoded at once: enough to use each weight often, few enough for the caches. */
#define ENCODE_TOKENS 384

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* ---- an engine ------------------------------------------------------------------------------ */

static struct profile *profile_of(struct scheduler *scheduler)
{
    return scheduler->has_profile ? &scheduler->profile : NULL;
}

static bool engine_open(struct engine *engine, struct scheduler *scheduler,
                        const struct translator *translator, uint32_t max_rows, struct team *team,
                        struct error *err)
{
    uint32_t width = translator_width(translator);
    uint32_t n_places = max_rows / width > 0 ? max_rows / width : 1;
    struct session_limits limits = {.n_slots = width,
                                    .max_rows = n_places * width,
                                    .max_tokens = ENCODE_TOKENS,
                                    .team = team,
                                    .profile = profile_of(scheduler),
                                    .observer = scheduler->observer};
    engine->translator = translator;
    engine->width = width;
    engine->places = memory_new(n_places, sizeof engine->places[0], err);
    engine->rows = memory_new(limits.max_rows, sizeof engine->rows[0], err);
    if (engine->places == NULL || engine->rows == NULL ||
        !session_new(&engine->session, translator->model, &limits, err)) {
        engine_close(engine);
        return false;
    }
    engine->n_places = n_places;
    return true;
}

void engine_close(struct engine *engine)
{
    for (uint32_t i = 0; i < engine->n_places; i++)
        /* None without `places`. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
        search_free(engine->places[i].search);
    session_free(engine->session);
    memory_free(engine->places);
    memory_free(engine->rows);
    *engine = (struct engine){0};
}

static const struct direction *direction_of(const struct part *part)
{
    return &part->line->stream->course->directions[part->line->stage];
}

/* The place's search, made anew if it is for other languages. */
static bool begin_search(struct engine *engine, struct place *place, struct error *err)
{
    const struct direction *direction = direction_of(place->part);
    struct search_request request;
    if (place->direction != direction) {
        search_free(place->search);
        place->search = NULL;
        place->direction = NULL;
        if (!search_new(&place->search, &direction->search, err))
            return false;
        place->direction = direction;
    }
    translator_request(engine->translator, place->part, &request);
    return search_begin(place->search, &request, err);
}

/* Takes the parts in; they are all alive afterwards, or none of them. */
static bool engine_begin(struct engine *engine, struct part *const *parts, uint32_t n,
                         struct error *err)
{
    struct source_ids *sources = memory_new(n, sizeof *sources, err);
    struct sentence **sentences = memory_new(n, sizeof *sentences, err);
    bool ok = sources != NULL && sentences != NULL;
    for (uint32_t i = 0; ok && i < n; i++) {
        struct place *place = &engine->places[engine->n_live + i];
        place->part = parts[i];
        place->has_failed = false;
        error_clear(&place->fault);
        sources[i] = (struct source_ids){parts[i]->ids.ids, (uint32_t)parts[i]->ids.n_ids};
        ok = begin_search(engine, place, err);
    }
    ok = ok && session_encode(engine->session, n, sources, sentences, err);
    for (uint32_t i = 0; ok && i < n; i++)
        engine->places[engine->n_live + i].sentence = sentences[i];
    engine->n_live += ok ? n : 0;
    memory_free(sources);
    memory_free(sentences);
    return ok;
}

/* Frees the place; the last live one moves into it. */
static void engine_leave(struct engine *engine, uint32_t index)
{
    session_release(engine->session, engine->places[index].sentence);
    struct place place = engine->places[index];
    engine->places[index] = engine->places[--engine->n_live];
    engine->places[engine->n_live] = place;
}

/* One token more for every live hypothesis. */
static bool engine_step(struct engine *engine, struct error *err)
{
    uint32_t n_rows = 0;
    for (uint32_t i = 0; i < engine->n_live; i++) {
        struct place *place = &engine->places[i];
        place->n_rows = search_rows(place->search, place->sentence, engine->rows + n_rows);
        if (place->n_rows == 0)
            return error_set(err, ERROR_MEMORY, "out of memory");
        n_rows += place->n_rows;
    }
    if (!session_step(engine->session, n_rows, engine->rows, err))
        return false;
    const struct step_row *rows = engine->rows;
    for (uint32_t i = 0; i < engine->n_live; i++) {
        struct place *place = &engine->places[i];
        bool is_nan = false;
        for (uint32_t r = 0; r < place->n_rows; r++)
            is_nan |= rows[r].is_nan;
        place->has_failed = is_nan ? !error_set(&place->fault, ERROR_MODEL, "model produced NaN")
                                   : !search_advance(place->search, rows, &place->fault);
        rows += place->n_rows;
    }
    return true;
}

/* ---- parts and lines that are done ---------------------------------------------------------- */

static void fail_line(struct line *line, const struct error *fault)
{
    if (line->is_failed)
        return;
    line->is_failed = true;
    line->error = *fault;
}

/* The text of a finished stage is what the next model translates. */
static bool pass_on(struct line *line, struct error *err)
{
    const struct dragoman_hypothesis *best = &line->result.hypotheses[0];
    char *text = arena_text(&line->arena, best->text, best->n_bytes, err);
    if (text == NULL)
        return false;
    line->text = text;
    line->n_bytes = best->n_bytes;
    line->stage++;
    line->result.n_hypotheses = 0;
    line_free_parts(line);
    return true;
}

/* Queues the parts that wait for a search. Without the lock. */
static void push_parts(struct scheduler *scheduler, struct line *line, size_t n_open, bool in_front)
{
    line->n_open = n_open;
    pthread_mutex_lock(&scheduler->mutex);
    for (size_t i = 0; i < line->n_parts; i++) {
        struct part *part = &line->parts[in_front ? line->n_parts - 1 - i : i];
        if (part->n_outcomes == 0)
            scheduler_push_part(scheduler, part, in_front);
    }
    if (n_open > 1)
        pthread_cond_broadcast(&scheduler->work);
    else
        pthread_cond_signal(&scheduler->work);
    pthread_mutex_unlock(&scheduler->mutex);
}

/* All parts are settled: makes the result, or hands the line to the next model. Without the lock.
 */
static void finish_line(struct scheduler *scheduler, struct line *line)
{
    struct error fault = {0};
    const struct translator *translator = scheduler->translators[line->stage];
    const struct direction *direction = &line->stream->course->directions[line->stage];
    bool is_last = line->stage + 1 == scheduler->n_stages;
    size_t n_open = 0;
    if (!line->is_failed && !translator_recut(translator, direction, line, &n_open, &fault))
        fail_line(line, &fault);
    if (!line->is_failed && n_open > 0) {
        push_parts(scheduler, line, n_open, true);
        return;
    }
    if (!line->is_failed && (!translator_join(translator, direction, line, &fault) ||
                             (!is_last && !pass_on(line, &fault))))
        fail_line(line, &fault);
    pthread_mutex_lock(&scheduler->mutex);
    if (line->is_failed || is_last) {
        scheduler_settle(scheduler, line);
    } else {
        scheduler_push_line(scheduler, line, true);
        pthread_cond_signal(&scheduler->work);
    }
    pthread_mutex_unlock(&scheduler->mutex);
}

/* A part is done, well or with a fault (NULL: well). */
static void settle_part(struct scheduler *scheduler, struct part *part, const struct error *fault)
{
    struct line *line = part->line;
    pthread_mutex_lock(&scheduler->mutex);
    if (fault != NULL)
        fail_line(line, fault);
    bool is_last = --line->n_open == 0;
    pthread_mutex_unlock(&scheduler->mutex);
    if (is_last)
        finish_line(scheduler, line);
}

static const struct error interrupted = {ERROR_INTERRUPTED, "interrupted"};

static bool is_cancelled(const struct part *part)
{
    return atomic_load_explicit(&part->line->stream->is_cancelled, memory_order_relaxed);
}

/* Takes out what is done or no longer wanted. */
static void engine_collect(struct scheduler *scheduler, struct engine *engine)
{
    for (uint32_t i = engine->n_live; i-- > 0;) {
        struct place *place = &engine->places[i];
        struct part *part = place->part;
        struct error fault = {0};
        bool again = false;
        if (is_cancelled(part)) {
            engine_leave(engine, i);
            settle_part(scheduler, part, &interrupted);
            continue;
        }
        if (place->has_failed) {
            fault = place->fault;
            engine_leave(engine, i);
            settle_part(scheduler, part, &fault);
            continue;
        }
        if (!search_done(place->search))
            continue;
        uint64_t start = profile_start(profile_of(scheduler));
        bool ok = translator_finish(engine->translator, place->direction, part, place->search,
                                    &again, &fault);
        profile_stop(profile_of(scheduler), PROFILE_TEXT, start, 0, 0);
        engine_leave(engine, i);
        if (ok && again) {
            pthread_mutex_lock(&scheduler->mutex);
            scheduler_push_part(scheduler, part, true);
            pthread_cond_signal(&scheduler->work);
            pthread_mutex_unlock(&scheduler->mutex);
        } else {
            settle_part(scheduler, part, ok ? NULL : &fault);
        }
    }
}

/* A step failed: nobody can say for whom, so all who took part fail. */
static void engine_abandon(struct scheduler *scheduler, struct engine *engine,
                           const struct error *fault)
{
    while (engine->n_live > 0) {
        struct part *part = engine->places[engine->n_live - 1].part;
        engine_leave(engine, engine->n_live - 1);
        settle_part(scheduler, part, fault);
    }
}

static void engine_advance(struct scheduler *scheduler, struct engine *engine)
{
    struct error fault = {0};
    if (engine_step(engine, &fault))
        engine_collect(scheduler, engine);
    else
        engine_abandon(scheduler, engine, &fault);
}

/* ---- preparing ------------------------------------------------------------------------------ */

/* ICU's boundaries are a language's; lines mostly stay with one. */
static struct sentences *sentences_for(struct worker *worker, const struct direction *direction,
                                       struct error *err)
{
    const char *language = direction->source;
    if (worker->sentences == NULL || strcmp(worker->language, language) != 0) {
        sentences_free(worker->sentences);
        worker->sentences = NULL;
        if (!sentences_new(&worker->sentences, language, err))
            return NULL;
        snprintf(worker->language, sizeof worker->language, "%s", language);
    }
    return worker->sentences;
}

/* Makes parts of a line and queues those that need a search. Without the lock. */
static void prepare_line(struct worker *worker, struct line *line)
{
    struct scheduler *scheduler = worker->scheduler;
    struct error fault = {0};
    const struct direction *direction = &line->stream->course->directions[line->stage];
    uint64_t start = profile_start(profile_of(scheduler));
    struct sentences *sentences = sentences_for(worker, direction, &fault);
    if (atomic_load(&line->stream->is_cancelled))
        fail_line(line, &interrupted);
    else if (sentences == NULL || !translator_prepare(scheduler->translators[line->stage],
                                                      direction, sentences, line, &fault))
        fail_line(line, &fault);
    profile_stop(profile_of(scheduler), PROFILE_TEXT, start, 0, 0);
    size_t n_open = 0;
    for (size_t i = 0; !line->is_failed && i < line->n_parts; i++)
        n_open += line->parts[i].n_outcomes == 0;
    if (n_open == 0)
        finish_line(scheduler, line);
    else /* a line of a later stage is older than what waits */
        push_parts(scheduler, line, n_open, line->stage > 0);
}

/* ---- taking work ---------------------------------------------------------------------------- */

/* How many of the waiting parts this worker should take: its share, so that a few sentences are
 * spread over the workers, when a quarter of its places are free. */
static uint32_t share_of(const struct scheduler *scheduler, const struct engine *engine)
{
    uint32_t n_free = engine->n_places - engine->n_live;
    if (engine->n_live > 0 && n_free < (engine->n_places + 3) / 4)
        return 0;
    size_t waiting = scheduler->n_parts + scheduler->n_lines;
    size_t share = (waiting + scheduler->n_workers - 1) / scheduler->n_workers;
    return share < n_free ? (uint32_t)share : n_free;
}

/* Takes parts of one stage that may be encoded together; with the lock held. */
static uint32_t take_parts(struct scheduler *scheduler, struct part **parts, uint32_t most)
{
    uint32_t n = 0;
    size_t n_tokens = 0;
    while (n < most && scheduler->first_part != NULL) {
        const struct part *next = scheduler->first_part;
        if (n > 0 && (next->line->stage != parts[0]->line->stage ||
                      n_tokens + next->ids.n_ids > ENCODE_TOKENS))
            break;
        n_tokens += next->ids.n_ids;
        parts[n++] = scheduler_pop_part(scheduler);
    }
    return n;
}

static void start_parts(struct worker *worker, struct part **parts, uint32_t n)
{
    struct scheduler *scheduler = worker->scheduler;
    struct engine *engine = &worker->engines[parts[0]->line->stage];
    struct error fault = {0};
    if (engine_begin(engine, parts, n, &fault)) {
        engine_collect(scheduler, engine); /* a search may be over before it begins */
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        settle_part(scheduler, parts[i], &fault);
}

/* ---- a sentence alone ----------------------------------------------------------------------- */

/* With the lock held: whether this is the only work there is, and others could help. */
static bool claim_solo(struct worker *worker, const struct part *part)
{
    struct scheduler *scheduler = worker->scheduler;
    if (scheduler->n_workers == 1 || scheduler->n_searching > 0 || scheduler->n_parts > 0 ||
        scheduler->n_lines > 0 || scheduler->is_solo_busy || scheduler->has_no_team ||
        part->line->stage > 0)
        return false;
    scheduler->is_solo_busy = true;
    return true;
}

static bool open_solo(struct scheduler *scheduler, struct error *err)
{
    if (scheduler->team == NULL && !team_new(&scheduler->team, scheduler->n_workers, err))
        return false;
    return scheduler->solo.session != NULL ||
           engine_open(&scheduler->solo, scheduler, scheduler->translators[0], 1, scheduler->team,
                       err);
}

/* Searches one sentence with all cores, or with one if that has been faster. Without the lock. */
static void run_solo(struct worker *worker, struct part *part)
{
    struct scheduler *scheduler = worker->scheduler;
    struct engine *engine = &scheduler->solo;
    struct error fault = {0};
    bool ok = open_solo(scheduler, &fault), together = pace_together(&scheduler->pace);
    size_t n_tokens = part->ids.n_ids;
    double start = now();
    if (ok)
        team_rest(scheduler->team, !together);
    if (!ok)
        start_parts(worker, &part, 1); /* alone, then */
    else if (!engine_begin(engine, &part, 1, &fault))
        settle_part(scheduler, part, &fault);
    else
        engine_collect(scheduler, engine);
    for (; ok && engine->n_live > 0; n_tokens++)
        engine_advance(scheduler, engine);
    if (ok && n_tokens > 0)
        pace_note(&scheduler->pace, together, (now() - start) / (double)n_tokens);
    pthread_mutex_lock(&scheduler->mutex);
    scheduler->is_solo_busy = false;
    scheduler->has_no_team = !ok;
    pthread_mutex_unlock(&scheduler->mutex);
}

/* ---- the loop ------------------------------------------------------------------------------- */

static uint32_t count_live(const struct worker *worker)
{
    uint32_t count = 0;
    for (size_t i = 0; i < worker->scheduler->n_stages; i++)
        count += worker->engines[i].n_live;
    return count;
}

/* Takes what this worker should take now; true if that was something. Called and left with the
 * lock held. */
static bool take_work(struct worker *worker, struct part **parts)
{
    struct scheduler *scheduler = worker->scheduler;
    size_t stage = scheduler->first_part != NULL   ? scheduler->first_part->line->stage
                   : scheduler->first_line != NULL ? scheduler->first_line->stage
                                                   : 0;
    uint32_t share = share_of(scheduler, &worker->engines[stage]);
    if (share == 0)
        return false;
    bool is_idle = count_live(worker) == 0;
    if (scheduler->n_parts < share && scheduler->n_lines > 0) {
        struct line *line = scheduler_pop_line(scheduler);
        pthread_mutex_unlock(&scheduler->mutex);
        prepare_line(worker, line);
        pthread_mutex_lock(&scheduler->mutex);
        return true;
    }
    uint32_t n = take_parts(scheduler, parts, share);
    if (n == 0)
        return false;
    bool solo = n == 1 && is_idle && claim_solo(worker, parts[0]);
    scheduler->n_searching += is_idle;
    pthread_mutex_unlock(&scheduler->mutex);
    if (solo)
        run_solo(worker, parts[0]);
    else
        start_parts(worker, parts, n);
    pthread_mutex_lock(&scheduler->mutex);
    scheduler->n_searching -= count_live(worker) == 0;
    return true;
}

/* Steps all that lives. Called and left with the lock held. */
static void advance_all(struct worker *worker)
{
    struct scheduler *scheduler = worker->scheduler;
    pthread_mutex_unlock(&scheduler->mutex);
    for (size_t i = 0; i < scheduler->n_stages; i++)
        if (worker->engines[i].n_live > 0)
            engine_advance(scheduler, &worker->engines[i]);
    pthread_mutex_lock(&scheduler->mutex);
    scheduler->n_searching -= count_live(worker) == 0;
}

/* The first round's: a worker that could not be set up still answers for lines, so that nobody
 * waits for ever. */
static void open_worker(struct worker *worker)
{
    struct scheduler *scheduler = worker->scheduler;
    struct error *err = &worker->fault;
    worker->parts = memory_new(scheduler->max_rows, sizeof *worker->parts, err);
    bool ok = worker->parts != NULL;
    for (size_t i = 0; ok && i < scheduler->n_stages; i++)
        ok = engine_open(&worker->engines[i], scheduler, scheduler->translators[i],
                         scheduler->max_rows, NULL, err);
    worker->is_unfit = !ok;
}

void worker_close(struct worker *worker)
{
    for (size_t i = 0; worker->scheduler != NULL && i < worker->scheduler->n_stages; i++)
        engine_close(&worker->engines[i]);
    sentences_free(worker->sentences);
    memory_free(worker->parts);
    worker->sentences = NULL;
    worker->parts = NULL;
}

/* With the lock held. */
static bool refuse_one(struct worker *worker)
{
    struct scheduler *scheduler = worker->scheduler;
    if (scheduler->first_line == NULL)
        return false;
    struct line *line = scheduler_pop_line(scheduler);
    fail_line(line, &worker->fault);
    scheduler_settle(scheduler, line);
    return true;
}

bool worker_round(struct worker *worker)
{
    struct scheduler *scheduler = worker->scheduler;
    if (worker->parts == NULL && !worker->is_unfit) {
        pthread_mutex_unlock(&scheduler->mutex);
        open_worker(worker);
        pthread_mutex_lock(&scheduler->mutex);
        return true; /* what came meanwhile has not been looked at */
    }
    if (worker->is_unfit)
        return refuse_one(worker);
    if (take_work(worker, worker->parts))
        return true;
    if (count_live(worker) == 0)
        return false;
    double start = now();
    advance_all(worker);
    scheduler->statistics.busy_seconds += now() - start;
    return true;
}

void *worker_run(void *argument)
{
    struct worker *worker = argument;
    struct scheduler *scheduler = worker->scheduler;
    pthread_mutex_lock(&scheduler->mutex);
    while (!scheduler->is_stopping)
        if (!worker_round(worker))
            pthread_cond_wait(&scheduler->work, &scheduler->mutex);
    pthread_mutex_unlock(&scheduler->mutex);
    worker_close(worker);
    return NULL;
}
