#include "cli/pipeline.h"

#include "base/threads.h"
#include "cli/confine.h"
#include "cli/engine.h"
#include "cli/inputs.h"
#include "cli/message.h"
#include "cli/no_memory.h"
#include "cli/outputs.h"
#include "cli/progress.h"
#include "cli/queue.h"
#include "cli/remote.h"
#include "cli/resume.h"
#include "cli/signals.h"
#include "cli/stats.h"
#include "cli/warnings.h"
#include "cli/wire.h"

#include <string.h>
#include <unistd.h>

/* A result waits no longer than this for company on its way out. */
#define FLUSH_MILLISECONDS 100

struct run {
    const struct options *options;
    struct inputs inputs;
    struct outputs outputs;
    struct dragoman *dragoman;
    struct dragoman_stream *stream;
    struct remote *remote; /* a server does the work: no dragoman and no stream */
    struct queue *queue;
    struct undo undo;
    struct resume *resume; /* NULL: there is nothing to go on with later */
    struct warnings warnings;
    struct progress progress;
    struct stats stats;
    struct pipeline_totals totals;
    struct buffer out; /* records of one result */
    bool shows_progress;
    int64_t flushed;        /* progress_now() */
    struct error put_fault; /* why the library took no more lines */
};

/* ---- the reading side -------------------------------------------------------------------------
 */

static bool put(struct run *run, const struct dragoman_line *line, struct error *err)
{
    struct dragoman_error fault = {0};
    if (run->remote != NULL)
        return remote_put(run->remote, line, err);
    return dragoman_put(run->stream, line, &fault) || engine_fault(&fault, err);
}

/* Hands a record's text to the library or the server, then the record to the queue: the writer, who
 * finds it there, may wait for its result. */
static bool submit(void *context, struct record *record)
{
    struct run *run = context;
    if (record->has_text) {
        struct dragoman_line line = {.number = record->number};
        line.text = record_text(record, &line.n_bytes);
        line.prefix = run->options->prefix;
        line.n_prefix_bytes = line.prefix != NULL ? strlen(line.prefix) : 0;
        if (record->n_prefix > 0) {
            line.prefix = record->line.bytes + record->prefix_at;
            line.n_prefix_bytes = record->n_prefix;
        }
        if (record->has_target) {
            line.target = record->line.bytes + record->target_at;
            line.n_target_bytes = record->n_target;
        }
        if (!put(run, &line, &run->put_fault)) {
            record_free(record);
            return false;
        }
    }
    return queue_push(run->queue, record);
}

static void *read_all(void *context)
{
    struct run *run = context;
    struct error err = {0};
    if (!inputs_read(&run->inputs, submit, run, &err) && err.code == ERROR_NONE)
        err = run->put_fault;
    if (run->remote != NULL)
        remote_finish(run->remote);
    else
        dragoman_finish(run->stream);
    queue_end(run->queue, &err);
    return NULL;
}

/* ---- the writing side -------------------------------------------------------------------------
 */

static bool write_record(struct run *run, const struct record *record,
                         const struct dragoman_result *result, struct error *err)
{
    const struct format_settings *settings = &run->inputs.settings;
    buffer_clear(&run->out);
    bool ok = result != NULL ? run->inputs.files[record->file].format->write(settings, record,
                                                                             result, &run->out, err)
                             : format_pass(settings, record, &run->out, err);
    return ok && outputs_add(&run->outputs, record->file, run->out.bytes, run->out.n_bytes, err);
}

static void note_result(struct run *run, const struct record *record,
                        const struct dragoman_result *result)
{
    if (result != NULL) {
        if (warnings_want_to_tell(&run->warnings, result))
            progress_wipe(&run->progress);
        warnings_add(&run->warnings, inputs_name(&run->inputs, record->file), record->number,
                     result);
    }
    stats_add(&run->stats, record, result);
    if (result != NULL) {
        run->totals.n_lines++;
        run->totals.n_tokens += result->hypotheses[0].length;
        run->totals.sum += result->hypotheses[0].sum;
    }
    progress_show(&run->progress, run->stats.n_lines, run->stats.n_words, run->stats.n_bytes);
}

/* Hands on what is written so far. */
static bool flush(struct run *run, struct error *err)
{
    run->flushed = progress_now();
    if (!outputs_flush(&run->outputs, err))
        return false;
    if (run->resume != NULL)
        resume_save(run->resume);
    return true;
}

static bool take_one(struct run *run, bool wait, struct dragoman_result **result, struct error *err)
{
    struct dragoman_error fault = {0};
    if (run->remote != NULL)
        return remote_take(run->remote, wait, result, err);
    return dragoman_take(run->stream, wait, result, &fault) || engine_fault(&fault, err);
}

/* The result of a record that has text. What is written so far is handed on before waiting. */
static bool take(struct run *run, const struct record *record, struct dragoman_result **result,
                 struct error *err)
{
    bool ok = take_one(run, false, result, err);
    if (ok && *result == NULL) {
        if (!flush(run, err))
            return false;
        ok = take_one(run, true, result, err);
    }
    if (ok && *result == NULL)
        return error_set(err, ERROR_INTERNAL, "a result is missing");
    if (ok)
        return true;
    error_prefix(err, "%.200s:%llu", inputs_name(&run->inputs, record->file),
                 (unsigned long long)record->number);
    return false;
}

static bool handle(struct run *run, const struct record *record, struct error *err)
{
    struct dragoman_result *result = NULL;
    if (record->has_text && !take(run, record, &result, err))
        return false;
    bool ok = write_record(run, record, result, err);
    if (run->resume != NULL)
        ok = ok && resume_note(run->resume, record, err);
    if (ok)
        note_result(run, record, result);
    if (run->remote != NULL)
        wire_result_free(result);
    else
        dragoman_result_free(result);
    return ok;
}

static bool write_all(struct run *run, struct error *err)
{
    for (;;) {
        if (!queue_ready(run->queue) && !flush(run, err))
            return false;
        struct record *record = queue_pop(run->queue);
        if (record == NULL)
            return queue_error(run->queue, err);
        bool ok = handle(run, record, err);
        if (ok && progress_now() - run->flushed >= FLUSH_MILLISECONDS)
            ok = flush(run, err);
        record_free(record);
        if (!ok)
            return false;
    }
}

/* Without a second thread: a line is read, translated and written before the next. */
static bool write_one_by_one(struct run *run, struct error *err)
{
    size_t file = 0;
    struct record *record;
    enum line_state state;
    while ((state = inputs_next(&run->inputs, &file, &record, err)) == LINE_READ) {
        if (!submit(run, record)) {
            *err = run->put_fault;
            return false;
        }
        struct record *same = queue_pop(run->queue);
        bool ok = handle(run, same, err) && flush(run, err);
        record_free(same);
        if (!ok)
            return false;
    }
    return state == LINE_END;
}

/* ---- the run ----------------------------------------------------------------------------------
 */

/* Says where the output ends when a run could not finish. */
static void say_where(struct run *run, struct error *err)
{
    struct error before = *err;
    uint64_t n_lines = outputs_count(&run->outputs);
    if (run->resume != NULL)
        n_lines += resume_lines(run->resume);
    if (n_lines == 0)
        return;
    error_clear(err);
    error_set(err, before.code, "%.400s (the output ends after line %llu%s)", before.text,
              (unsigned long long)n_lines,
              resume_is_kept(run->resume) ? "; rerun with --resume" : "");
}

static bool translate(struct run *run, struct error *err)
{
    pthread_t reader;
    struct error no_thread = {0};
    struct error end_err = {0};
    bool is_threaded = thread_start(&reader, read_all, run, &no_thread);
    if (!is_threaded)
        message_note("%s: reading and translating take turns", no_thread.text);
    bool ok = flush(run, err) && (is_threaded ? write_all(run, err) : write_one_by_one(run, err));
    progress_wipe(&run->progress);
    bool ended = flush(run, &end_err);
    if (!ok || !ended) {
        /* The reader may be waiting for its input: it is left to die with the process. */
        if (ok)
            *err = end_err;
        say_where(run, err);
        outputs_end(&run->outputs, false, &end_err);
        resume_close(run->resume, false);
        return false;
    }
    if (is_threaded)
        pthread_join(reader, NULL);
    ok = outputs_end(&run->outputs, true, err);
    resume_close(run->resume, ok);
    run->resume = NULL;
    return ok;
}

static bool wants_scores(const struct run *run)
{
    bool wanted = run->options->score || run->options->n_best > 0;
    for (size_t i = 0; i < run->inputs.count; i++)
        wanted = wanted || run->inputs.files[i].format == &format_jsonl;
    return wanted;
}

/* Asked for, or on a terminal that is not the output's too. */
static bool wants_progress(const struct options *options)
{
    if (option_is_given(options, "progress"))
        return options->progress;
    return !options->quiet && isatty(STDERR_FILENO) == 1 && isatty(STDOUT_FILENO) == 0 &&
           isatty(STDIN_FILENO) == 0;
}

/* For the thread that handles signals. */
static void last_words(void *context)
{
    struct run *run = context;
    undo_now(&run->undo);
    outputs_abandon(&run->outputs);
    unsigned long long n_lines = outputs_count(&run->outputs);
    if (resume_is_kept(run->resume))
        message_note("interrupted after line %llu: the same command goes on from there",
                     n_lines + (unsigned long long)resume_lines(run->resume));
    else if (n_lines > 0)
        message_note("interrupted after line %llu (a run with -o FILE --resume can go on)",
                     n_lines);
}

/* --resume: passes over the lines that the output has already. *is_done: there is nothing more. */
static bool skip_lines(struct run *run, bool *is_done, struct error *err)
{
    size_t file = 0;
    struct record *record;
    enum line_state state = LINE_READ;
    uint64_t left = resume_lines(run->resume);
    while (left > 0 && (state = inputs_next(&run->inputs, &file, &record, err)) == LINE_READ) {
        bool ok = resume_note(run->resume, record, err);
        record_free(record);
        if (!ok)
            return false;
        left--;
    }
    if (left == 0 && resume_is_complete(run->resume)) {
        state = inputs_next(&run->inputs, &file, &record, err);
        if (state == LINE_READ)
            record_free(record);
        *is_done = state == LINE_END;
    }
    return state != LINE_FAILED && resume_check_end(run->resume, state == LINE_END, err);
}

/* Looks at what there is to go on with. */
static bool find_resume(struct run *run, struct error *err)
{
    if (!run->options->resume)
        return true;
    if (!outputs_can_resume(&run->outputs))
        return error_set(err, ERROR_USAGE, "--resume: the output is not a file");
    const char *server = run->remote != NULL ? remote_settings(run->remote) : NULL;
    if (!resume_open(&run->resume, run->options, server, err))
        return false;
    run->outputs.options.keep_bytes = resume_bytes(run->resume);
    return true;
}

/* Opens what will be written. */
static bool open_outputs(struct run *run, bool *has_begun, struct error *err)
{
    *has_begun = true; /* an output that cannot be written is no wrong usage */
    if (!outputs_open(&run->outputs, &run->undo, err))
        return false;
    *has_begun = false;
    if (run->resume != NULL)
        resume_create(run->resume, &run->undo);
    undo_start(&run->undo);
    return true;
}

/* Opens what translates. The model's files are read inside the sandbox. */
static bool open_model(struct run *run, const struct model_paths *models, struct error *err)
{
    struct error no_thread = {0};
    /* Without a thread to handle them the signals do what they always do. */
    if (run->remote != NULL) {
        signals_watch(last_words, run, &no_thread);
        return true;
    }
    if (!confine_reading(run->options, models, outputs_directory(&run->outputs), err))
        return false;
    signals_watch(last_words, run, &no_thread);
    return model_paths_verify(models, run->options, err) &&
           engine_open(&run->dragoman, run->options, models, wants_scores(run), err);
}

/* Everything that can refuse the run, in this order: nothing is lost before all is well, and
 * *has_begun. *is_done: there is nothing left to do. */
static bool prepare(struct run *run, struct model_paths *models, bool *is_done, bool *has_begun,
                    struct error *err)
{
    const struct options *options = run->options;
    if (!can_confine(options, err) || !inputs_open(&run->inputs, options, err) ||
        !outputs_check(&run->outputs, options, &run->inputs, err) || !queue_new(&run->queue, err))
        return false;
    /* A server that is not there, or that has other settings, is known before anything is done. */
    if (remote_is_wanted(options)
            ? !remote_open(&run->remote, options, err)
            : !model_paths_find(models, options->model.items, options->model.count, err))
        return false;
    if (!find_resume(run, err) || (!options->print_config && !open_outputs(run, has_begun, err)) ||
        (run->resume != NULL && !skip_lines(run, is_done, err)))
        return false;
    if (*is_done)
        return true;
    if (!open_model(run, models, err))
        return false;
    stats_start(&run->stats);
    if (options->print_config)
        return true;
    run->shows_progress = wants_progress(options);
    if (options->n_operands == 0 && isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1)
        message_note("type lines of text; Ctrl-D ends");
    *has_begun = true;
    undo_forget(&run->undo);
    if (!outputs_begin(&run->outputs, err))
        return false;
    no_memory_last_words(outputs_abandon, &run->outputs);
    if (run->resume != NULL)
        resume_begin(run->resume);
    if (!confine(options, outputs_directory(&run->outputs), err))
        return false;
    return run->dragoman == NULL || engine_stream(run->dragoman, &run->stream, err);
}

/* No thread but that of the signals is left. */
static void clean_up(struct run *run)
{
    if (run->stream != NULL)
        dragoman_stream_close(run->stream);
    dragoman_close(run->dragoman);
    remote_close(run->remote);
    queue_free(run->queue);
    resume_free(run->resume);
    inputs_close(&run->inputs);
    buffer_free(&run->out);
}

/* Everything after preparation; true if all of it was done. */
static bool run_through(struct run *run, struct error *err)
{
    const struct options *options = run->options;
    progress_start(&run->progress, run->shows_progress, inputs_size(&run->inputs));
    bool ok = translate(run, err);
    if (ok)
        warnings_end(&run->warnings);
    else
        message_error(err);
    stats_print(&run->stats, run->dragoman, (enum stats_kind)options->stats);
    return ok;
}

static bool print_config(const struct run *run, struct error *err)
{
    return run->remote != NULL
               ? engine_print_server_config(remote_config(run->remote), run->options, err)
               : engine_print_config(run->dragoman, run->options, err);
}

enum exit_status pipeline_run(struct options *options, struct pipeline_totals *totals)
{
    /* Not on the stack: after a fault the reading thread may still use it, up to the end of the
     * process. */
    static struct run run;
    struct error err = {0};
    struct model_paths models = {0};
    bool is_done = false, has_begun = false;
    enum exit_status status = EXIT_DONE;
    run.options = options;
    bool ok = prepare(&run, &models, &is_done, &has_begun, &err);
    model_paths_free(&models);
    if (!ok) {
        undo_now(&run.undo);
        status = message_fail(&err, has_begun);
    } else if (!is_done && options->print_config)
        status = print_config(&run, &err) ? EXIT_DONE : message_fail(&err, true);
    else if (!is_done && !run_through(&run, &err))
        /* Without cleaning up: threads are at work on what would be freed. */
        _exit((int)exit_status_of(&err, true));
    if (totals != NULL)
        *totals = run.totals;
    clean_up(&run);
    return status;
}
