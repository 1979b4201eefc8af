#include "translate/dragoman.h"

#include "base/threads.h"
#include "translate/scheduler.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_THREADS 1024

struct dragoman {
    struct translator *translators[SCHEDULER_MAX_STAGES];
    size_t n_stages;
    struct scheduler *scheduler;
    char *from, *to;  /* or NULL */
    const char **via; /* [n_stages - 1], or NULL */
    double load_seconds;
    struct arena arena;
};

/* A fault of ours as one of the public header's: the codes are the same, and so are the texts. */
static bool hand_over(const struct error *from, struct dragoman_error *err)
{
    _Static_assert((int)DRAGOMAN_INTERNAL == (int)ERROR_INTERNAL, "the same kinds of fault");
    _Static_assert(sizeof err->text == sizeof from->text, "texts fit");
    if (err != NULL) {
        err->status = (enum dragoman_status)from->code;
        memcpy(err->text, from->text, sizeof err->text);
    }
    return false;
}

void dragoman_options_init(struct dragoman_options *options)
{
    *options = (struct dragoman_options){.protect = true,
                                         .loop_guard = true,
                                         .beam = DRAGOMAN_UNSET,
                                         .n_best = DRAGOMAN_UNSET,
                                         .max_length = DRAGOMAN_UNSET,
                                         .min_length = DRAGOMAN_UNSET,
                                         .max_length_ratio = DRAGOMAN_UNSET_REAL,
                                         .length_penalty = DRAGOMAN_UNSET_REAL,
                                         .word_penalty = DRAGOMAN_UNSET_REAL,
                                         .no_repeat_ngram = DRAGOMAN_UNSET,
                                         .repetition_penalty = DRAGOMAN_UNSET_REAL,
                                         .top_p = 1,
                                         .temperature = 1};
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static bool copy_text(struct dragoman *dragoman, const char *text, char **copy, struct error *err)
{
    *copy = text != NULL ? arena_text(&dragoman->arena, text, strlen(text), err) : NULL;
    return text == NULL || *copy != NULL;
}

static bool copy_languages(struct dragoman *dragoman, const struct dragoman_options *options,
                           size_t n_paths, struct error *err)
{
    if (!copy_text(dragoman, options->from, &dragoman->from, err) ||
        !copy_text(dragoman, options->to, &dragoman->to, err))
        return false;
    if (options->n_via == 0)
        return true;
    if (options->n_via + 1 != n_paths)
        return error_set(err, ERROR_USAGE, "%zu models have %zu languages between, not %zu",
                         n_paths, n_paths - 1, options->n_via);
    dragoman->via = arena_new(&dragoman->arena, options->n_via, sizeof dragoman->via[0], err);
    bool ok = dragoman->via != NULL;
    for (size_t i = 0; ok && i < options->n_via; i++) {
        char *copy;
        ok = copy_text(dragoman, options->via[i], &copy, err);
        dragoman->via[i] = copy;
    }
    return ok;
}

static bool open_all(struct dragoman *dragoman, const char *const *paths, size_t n_paths,
                     const struct dragoman_options *options, struct error *err)
{
    unsigned n_threads = options->threads != 0 ? options->threads : thread_cpus();
    if (n_paths == 0 || n_paths > SCHEDULER_MAX_STAGES)
        return error_set(err, ERROR_USAGE, "a chain has 1 to %d models, not %zu",
                         SCHEDULER_MAX_STAGES, n_paths);
    if (n_threads > MAX_THREADS)
        return error_set(err, ERROR_USAGE, "--threads: must be a number from 1 to %d, not %u",
                         MAX_THREADS, n_threads);
    for (size_t i = 0; i < n_paths; i++) {
        struct dragoman_options own = *options;
        if (i + 1 < n_paths) /* only the last model's hypotheses are seen */
            own.n_best = DRAGOMAN_UNSET;
        if (!translator_open(&dragoman->translators[i], paths[i], &own, err))
            return false;
        dragoman->n_stages++;
    }
    /* Languages are checked now, so that a wrong one is known before any text is read. */
    if (!copy_languages(dragoman, options, n_paths, err) ||
        !scheduler_new(&dragoman->scheduler, dragoman->translators, n_paths, n_threads,
                       options->max_rows, err))
        return false;
    dragoman->scheduler->via = dragoman->via;
    dragoman->scheduler->has_profile = options->profile;
    bool is_said = !options->streams_say || (options->from != NULL && options->to != NULL);
    return !is_said ||
           scheduler_course(dragoman->scheduler, dragoman->from, dragoman->to, err) != NULL;
}

bool dragoman_open(struct dragoman **out, const char *const *paths, size_t n_paths,
                   const struct dragoman_options *options, struct dragoman_error *err)
{
    struct error fault = {0};
    double start = now();
    struct dragoman *dragoman = memory_new(1, sizeof *dragoman, &fault);
    if (dragoman == NULL || !open_all(dragoman, paths, n_paths, options, &fault)) {
        dragoman_close(dragoman);
        return hand_over(&fault, err);
    }
    dragoman->load_seconds = now() - start;
    *out = dragoman;
    return true;
}

void dragoman_close(struct dragoman *dragoman)
{
    if (dragoman == NULL)
        return;
    scheduler_free(dragoman->scheduler);
    for (size_t i = 0; i < dragoman->n_stages; i++)
        translator_close(dragoman->translators[i]);
    arena_free(&dragoman->arena);
    memory_free(dragoman);
}

/* ---- streams -------------------------------------------------------------------------------- */

struct dragoman_stream {
    struct stream *stream;
};

bool dragoman_stream_open(struct dragoman *dragoman, const struct dragoman_stream_options *options,
                          struct dragoman_stream **out, struct dragoman_error *err)
{
    struct error fault = {0};
    const char *from = options != NULL && options->from != NULL ? options->from : dragoman->from;
    const char *to = options != NULL && options->to != NULL ? options->to : dragoman->to;
    struct dragoman_stream *stream = memory_new(1, sizeof *stream, &fault);
    if (stream == NULL || !stream_new(dragoman->scheduler, from, to, &stream->stream, &fault)) {
        memory_free(stream);
        return hand_over(&fault, err);
    }
    *out = stream;
    return true;
}

bool dragoman_put(struct dragoman_stream *stream, const struct dragoman_line *line,
                  struct dragoman_error *err)
{
    struct error fault = {0};
    return stream_put(stream->stream, line, &fault) || hand_over(&fault, err);
}

void dragoman_finish(struct dragoman_stream *stream)
{
    stream_finish(stream->stream);
}

bool dragoman_take(struct dragoman_stream *stream, bool wait, struct dragoman_result **result,
                   struct dragoman_error *err)
{
    struct error fault = {0};
    struct line *line;
    *result = NULL;
    if (!stream_take(stream->stream, wait, &line, &fault))
        return hand_over(&fault, err);
    if (line != NULL)
        *result = &line->result;
    return true;
}

bool dragoman_at_end(struct dragoman_stream *stream)
{
    return stream_at_end(stream->stream);
}

void dragoman_cancel(struct dragoman_stream *stream)
{
    stream_cancel(stream->stream);
}

void dragoman_stream_close(struct dragoman_stream *stream)
{
    if (stream == NULL)
        return;
    stream_free(stream->stream);
    memory_free(stream);
}

void dragoman_result_free(struct dragoman_result *result)
{
    line_free((struct line *)result); /* its first member */
}

/* ---- one text ------------------------------------------------------------------------------- */

/* Takes `n` results and appends their texts with newlines between and after. */
static bool take_texts(struct dragoman_stream *stream, size_t n, struct buffer *out,
                       struct dragoman_error *err)
{
    for (size_t i = 0; i < n; i++) {
        struct dragoman_result *result;
        struct error fault = {0};
        if (!dragoman_take(stream, true, &result, err))
            return false;
        /* As many were put. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
        const struct dragoman_hypothesis *best = &result->hypotheses[0];
        bool ok = buffer_append(out, best->text, best->n_bytes, &fault) &&
                  buffer_append_byte(out, '\n', &fault);
        dragoman_result_free(result);
        if (!ok)
            return hand_over(&fault, err);
    }
    return true;
}

static bool translate_lines(struct dragoman_stream *stream, const char *text, struct buffer *out,
                            struct dragoman_error *err)
{
    const char *end = text + strlen(text);
    bool ok = true;
    while (ok && text <= end) {
        size_t n = 0, n_bytes = 0;
        for (; ok && n < DRAGOMAN_MIN_LINES && n_bytes < DRAGOMAN_MIN_BYTES && text <= end; n++) {
            const char *newline = memchr(text, '\n', (size_t)(end - text));
            const char *stop = newline != NULL ? newline : end;
            struct dragoman_line line = {.text = text, .n_bytes = (size_t)(stop - text)};
            ok = dragoman_put(stream, &line, err);
            n_bytes += line.n_bytes;
            text = stop + 1;
        }
        ok = ok && take_texts(stream, n, out, err);
    }
    return ok;
}

char *dragoman_translate(struct dragoman *dragoman, const char *text, struct dragoman_error *err)
{
    struct dragoman_stream *stream;
    struct buffer out = {0};
    char *copy = NULL;
    if (!dragoman_stream_open(dragoman, NULL, &stream, err))
        return NULL;
    if (translate_lines(stream, text, &out, err)) {
        size_t n_bytes = out.n_bytes - 1; /* the last newline is ours */
        /* For free(), as the header promises. NOLINTNEXTLINE(*-optin.portability.UnixAPI) */
        copy = malloc(n_bytes + 1);
        if (copy != NULL) {
            memcpy(copy, out.bytes, n_bytes);
            copy[n_bytes] = '\0';
        } else {
            hand_over(&(struct error){ERROR_MEMORY, "out of memory"}, err);
        }
    }
    dragoman_stream_close(stream);
    buffer_free(&out);
    return copy;
}

/* ---- what can be asked ---------------------------------------------------------------------- */

void dragoman_get_statistics(struct dragoman *dragoman, struct dragoman_statistics *statistics)
{
    struct scheduler *scheduler = dragoman->scheduler;
    pthread_mutex_lock(&scheduler->mutex);
    *statistics = scheduler->statistics;
    statistics->threads = scheduler->n_workers;
    for (size_t i = 0; i < DRAGOMAN_STAGES; i++)
        statistics->stages[i] = (struct dragoman_stage){
            .nanoseconds = atomic_load(&scheduler->profile.stages[i].nanoseconds),
            .multiply_adds = atomic_load(&scheduler->profile.stages[i].multiply_adds),
            .bytes = atomic_load(&scheduler->profile.stages[i].bytes)};
    pthread_mutex_unlock(&scheduler->mutex);
    for (size_t i = 0; i < dragoman->n_stages; i++)
        statistics->model_bytes += model_bytes(dragoman->translators[i]->model);
    statistics->load_seconds = dragoman->load_seconds;
}

_Static_assert((int)DRAGOMAN_STAGES == (int)PROFILE_STAGES &&
                   (int)DRAGOMAN_STAGE_TEXT == (int)PROFILE_TEXT,
               "the profile's stages are the header's");

bool dragoman_measure_machine(const struct dragoman *dragoman, double *multiply_adds, double *bytes,
                              struct dragoman_error *err)
{
    struct error fault = {0};
    const struct model *model = dragoman->translators[0]->model;
    return profile_machine(model_kernels(model), model_bytes(model), multiply_adds, bytes,
                           &fault) ||
           hand_over(&fault, err);
}

bool dragoman_get_setting(const struct dragoman *dragoman, size_t index,
                          struct dragoman_setting *setting)
{
    return settings_describe(&dragoman->translators[dragoman->n_stages - 1]->settings, index,
                             setting);
}

const char *dragoman_language(const struct dragoman *dragoman, bool is_target, size_t index)
{
    const struct translator *translator =
        dragoman->translators[is_target ? dragoman->n_stages - 1 : 0];
    const struct tokenizer *tokenizer = translator->tokenizer;
    if (tokenizer_n_languages(tokenizer) > 0 && (is_target || tokenizer_lists_sources(tokenizer)))
        return tokenizer_language(tokenizer, index);
    const char *given = is_target ? dragoman->to : dragoman->from;
    const char *code = given != NULL ? given : is_target ? translator->target : translator->source;
    return index == 0 && code[0] != '\0' ? code : NULL;
}

const char *dragoman_warning(const struct dragoman *dragoman, size_t index)
{
    const char *warning = dragoman->scheduler->warning;
    return index == 0 && warning[0] != '\0' ? warning : NULL;
}
