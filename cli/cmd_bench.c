/* dragoman bench: throughput, latency, start and memory of a model on this machine. */
#include "cli/commands.h"
#include "cli/confine.h"
#include "cli/engine.h"
#include "cli/lines.h"
#include "cli/message.h"

#include "base/threads.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_LINE ((size_t)1 << 20)
#define SAMPLE_COPIES 10 /* of the sample that comes with the program: it is small */
#define LATENCY_LINES 100

struct text {
    struct buffer bytes;
    struct dragoman_line *lines; /* [count], texts point into bytes */
    size_t count;
    uint64_t n_words;
};

/* What is measured. */
struct subject {
    struct model_paths models;
    struct text text;
    int clear_refs, status; /* descriptors, or -1 */
};

struct figures {
    unsigned threads, beam;
    double source_tokens, target_tokens, words, lines; /* a second */
    double p50, p99;                                   /* ms, a line alone */
    double open, first; /* ms: to open; from then on, the first line */
    double peak;        /* MiB */
    uint64_t model_bytes;
    double seconds; /* of the run that was profiled */
    struct dragoman_stage stages[DRAGOMAN_STAGES];
};

/* What one core does at best. */
struct machine {
    double multiply_adds, bytes; /* a second */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- the text ---------------------------------------------------------------------------------
 */

static uint64_t count_words(const char *text, size_t n_bytes)
{
    uint64_t n = 0;
    for (size_t i = 0; i < n_bytes; i++)
        n += text[i] > ' ' && (i == 0 || text[i - 1] <= ' ') ? 1 : 0;
    return n;
}

static bool read_file(struct text *text, const char *path, struct error *err)
{
    struct line_input_options how = {.max_bytes = MAX_LINE, .terminator = '\n'};
    struct line_input *input;
    struct line line;
    enum line_state state;
    if (!line_input_open(&input, path, &how, err))
        return false;
    bool ok = true;
    while (ok && (state = line_input_next(input, &line, err)) != LINE_END)
        ok = state == LINE_READ && buffer_append(&text->bytes, line.bytes, line.n_bytes, err) &&
             buffer_append_byte(&text->bytes, '\n', err);
    line_input_close(input);
    return ok;
}

/* Points `lines` at the lines in `bytes`. */
static bool find_lines(struct text *text, struct error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < text->bytes.n_bytes; i++)
        count += text->bytes.bytes[i] == '\n' ? 1 : 0;
    text->lines = memory_new(count, sizeof *text->lines, err);
    if (text->lines == NULL)
        return false;
    const char *at = text->bytes.bytes;
    for (size_t i = 0; i < count; i++) {
        const char *end = memchr(at, '\n', (size_t)(text->bytes.bytes + text->bytes.n_bytes - at));
        text->lines[i] = (struct dragoman_line){.text = at, .n_bytes = (size_t)(end - at)};
        text->n_words += count_words(at, (size_t)(end - at));
        at = end + 1;
    }
    text->count = count;
    return count > 0 || error_set(err, ERROR_USAGE, "bench: the text is empty");
}

/* The sample beside the default model, several times. */
static bool read_sample(struct text *text, struct error *err)
{
    struct buffer model = {0}, path = {0};
    static const char *const names[] = {"everyday.en", "captions.en"};
    bool ok = default_model_path(&model, err);
    for (size_t i = 0; ok && i < sizeof names / sizeof names[0]; i++) {
        buffer_clear(&path);
        ok = buffer_printf(&path, err, "%s/../sample/%s", model.bytes, names[i]) &&
             read_file(text, path.bytes, err);
    }
    size_t once = text->bytes.n_bytes;
    for (int copy = 1; ok && copy < SAMPLE_COPIES; copy++)
        ok = buffer_reserve(&text->bytes, once, err) &&
             buffer_append(&text->bytes, text->bytes.bytes, once, err);
    buffer_free(&model);
    buffer_free(&path);
    return ok;
}

/* ---- measuring --------------------------------------------------------------------------------
 */

/* The kernel's note of the most memory this process had, and how to make it forget; opened before
 * the sandbox is entered. */
static void open_peak(struct subject *subject)
{
    subject->clear_refs = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    subject->status = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
}

static void close_peak(const struct subject *subject)
{
    if (subject->clear_refs >= 0)
        close(subject->clear_refs);
    if (subject->status >= 0)
        close(subject->status);
}

static void forget_peak(const struct subject *subject)
{
    (void)!write(subject->clear_refs, "5", 1);
}

static double read_peak(const struct subject *subject)
{
    char text[4096];
    ssize_t n_bytes = pread(subject->status, text, sizeof text - 1, 0);
    text[n_bytes > 0 ? n_bytes : 0] = '\0';
    const char *line = strstr(text, "VmHWM:");
    return line != NULL ? strtod(line + 6, NULL) / 1024 : 0;
}

static void *put_all(void *context)
{
    void **both = context;
    struct text *text = both[0];
    struct dragoman_error ignored;
    for (size_t i = 0; i < text->count; i++)
        if (!dragoman_put(both[1], &text->lines[i], &ignored))
            break;
    dragoman_finish(both[1]);
    return NULL;
}

/* One result; its time of arrival. */
static bool take(struct dragoman_stream *stream, bool *is_end, struct error *err)
{
    struct dragoman_error fault;
    struct dragoman_result *result = NULL;
    if (!dragoman_take(stream, true, &result, &fault))
        return engine_fault(&fault, err);
    *is_end = result == NULL;
    dragoman_result_free(result);
    return true;
}

/* All lines through one stream, from a thread of its own. */
static bool run_all(struct dragoman *dragoman, struct text *text, double *seconds,
                    struct error *err)
{
    struct dragoman_error fault;
    struct dragoman_stream *stream;
    pthread_t thread;
    if (!dragoman_stream_open(dragoman, NULL, &stream, &fault))
        return engine_fault(&fault, err);
    void *context[] = {text, stream};
    double start = now();
    if (!thread_start(&thread, put_all, context, err)) {
        dragoman_stream_close(stream);
        return false;
    }
    bool is_end = false;
    bool ok = true;
    while (ok && !is_end)
        ok = take(stream, &is_end, err);
    *seconds = now() - start;
    if (!ok)
        dragoman_cancel(stream);
    pthread_join(thread, NULL);
    dragoman_stream_close(stream);
    return ok;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Lines one at a time, each waited for. times: [LATENCY_LINES] seconds, in order; *first the first
 * one's. */
static bool run_alone(struct dragoman *dragoman, const struct text *text, size_t count,
                      double *times, struct error *err)
{
    struct dragoman_error fault;
    struct dragoman_stream *stream;
    if (!dragoman_stream_open(dragoman, NULL, &stream, &fault))
        return engine_fault(&fault, err);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        bool is_end;
        double start = now();
        ok = dragoman_put(stream, &text->lines[i], &fault) || engine_fault(&fault, err);
        ok = ok && take(stream, &is_end, err);
        times[i] = now() - start;
    }
    dragoman_stream_close(stream);
    return ok;
}

static void keep_best(struct figures *best, const struct figures *run)
{
    if (run->target_tokens > best->target_tokens) {
        best->target_tokens = run->target_tokens;
        best->source_tokens = run->source_tokens;
        best->words = run->words;
        best->lines = run->lines;
    }
    best->p50 = run->p50 < best->p50 ? run->p50 : best->p50;
    best->p99 = run->p99 < best->p99 ? run->p99 : best->p99;
    best->open = run->open < best->open ? run->open : best->open;
    best->first = run->first < best->first ? run->first : best->first;
    best->peak = run->peak < best->peak ? run->peak : best->peak;
}

/* Opens the model anew and takes all figures once. */
static bool measure_once(const struct options *options, struct subject *subject, struct figures *f,
                         struct error *err)
{
    struct text *text = &subject->text;
    double times[LATENCY_LINES] = {0};
    size_t count = text->count < LATENCY_LINES ? text->count : LATENCY_LINES;
    struct dragoman *dragoman = NULL;
    struct dragoman_statistics before, after;
    double seconds = 1;
    forget_peak(subject);
    double start = now();
    if (!engine_open(&dragoman, options, &subject->models, false, err))
        return false;
    f->open = (now() - start) * 1e3;
    bool ok = run_alone(dragoman, text, count, times, err);
    f->first = times[0] * 1e3;
    qsort(times, count, sizeof times[0], compare);
    f->p50 = times[count / 2] * 1e3;
    f->p99 = times[(count * 99) / 100] * 1e3;
    dragoman_get_statistics(dragoman, &before);
    ok = ok && run_all(dragoman, text, &seconds, err);
    dragoman_get_statistics(dragoman, &after);
    f->source_tokens = (double)(after.source_tokens - before.source_tokens) / seconds;
    f->target_tokens = (double)(after.target_tokens - before.target_tokens) / seconds;
    f->words = (double)text->n_words / seconds;
    f->lines = (double)text->count / seconds;
    f->model_bytes = after.model_bytes;
    f->peak = read_peak(subject);
    dragoman_close(dragoman);
    return ok;
}

/* One run more, with the clock at each stage. */
static bool measure_stages(const struct options *options, struct subject *subject,
                           struct machine *machine, struct figures *f, struct error *err)
{
    struct options with = *options;
    struct dragoman *dragoman = NULL;
    struct dragoman_statistics statistics;
    struct dragoman_error fault;
    with.profile = true;
    if (!engine_open(&dragoman, &with, &subject->models, false, err))
        return false;
    bool ok =
        machine->bytes > 0 ||
        dragoman_measure_machine(dragoman, &machine->multiply_adds, &machine->bytes, &fault) ||
        engine_fault(&fault, err);
    ok = ok && run_all(dragoman, &subject->text, &f->seconds, err);
    dragoman_get_statistics(dragoman, &statistics);
    memcpy(f->stages, statistics.stages, sizeof f->stages);
    dragoman_close(dragoman);
    return ok;
}

static bool measure(const struct options *options, unsigned threads, unsigned beam,
                    struct subject *subject, struct machine *machine, struct figures *best,
                    struct error *err)
{
    struct options with = *options;
    with.threads = threads;
    with.beam = beam;
    for (uint64_t i = 0; i < options->runs; i++) {
        struct figures f = {.threads = threads, .beam = beam};
        if (!measure_once(&with, subject, &f, err))
            return false;
        if (i == 0)
            *best = f;
        else
            keep_best(best, &f);
    }
    return measure_stages(&with, subject, machine, best, err);
}

/* ---- the report -------------------------------------------------------------------------------
 */

#define MAX_RUNS 4 /* two numbers of threads, two beams */

struct report {
    struct figures figures[MAX_RUNS];
    size_t count;
    struct machine machine;
};

/* The stages and, last, all of the time. */
enum { ROWS = DRAGOMAN_STAGES + 2, ROW_REST = DRAGOMAN_STAGES, ROW_ALL };

static const char *const row_names[ROWS] = {
    [DRAGOMAN_STAGE_ENCODER] = "encoder products",
    [DRAGOMAN_STAGE_DECODER] = "decoder products",
    [DRAGOMAN_STAGE_OUTPUT] = "output layer",
    [DRAGOMAN_STAGE_ATTENTION] = "attention",
    [DRAGOMAN_STAGE_TEXT] = "text and pieces",
    [ROW_REST] = "rest",
    [ROW_ALL] = "all",
};

/* Shares in percent: of the time, and while the stage ran of what its cores do at best. */
struct shares {
    double time, peak, bandwidth;
};

static void find_shares(const struct figures *f, const struct machine *machine,
                        struct shares shares[ROWS])
{
    double total = f->seconds * f->threads, known = 0;
    struct dragoman_stage all = {0};
    for (size_t i = 0; i < DRAGOMAN_STAGES; i++) {
        const struct dragoman_stage *stage = &f->stages[i];
        double seconds = (double)stage->nanoseconds * 1e-9, least = seconds > 0 ? seconds : 1;
        shares[i] = (struct shares){
            .time = 100 * seconds / total,
            .peak = 100 * (double)stage->multiply_adds / least / machine->multiply_adds,
            .bandwidth = 100 * (double)stage->bytes / least / machine->bytes};
        known += shares[i].time;
        all.multiply_adds += stage->multiply_adds;
        all.bytes += stage->bytes;
    }
    shares[ROW_REST] = (struct shares){.time = known < 100 ? 100 - known : 0};
    shares[ROW_ALL] =
        (struct shares){.time = 100,
                        .peak = 100 * (double)all.multiply_adds / total / machine->multiply_adds,
                        .bandwidth = 100 * (double)all.bytes / total / machine->bytes};
}

static bool append_json(const struct figures *f, const struct machine *machine, bool is_first,
                        struct buffer *out, struct error *err)
{
    struct shares shares[ROWS];
    find_shares(f, machine, shares);
    bool ok = buffer_printf(
        out, err,
        "%s\n{\"threads\":%u,\"beam\":%u,\"source_tokens_per_second\":%.0f,"
        "\"target_tokens_per_second\":%.0f,\"words_per_second\":%.0f,\"lines_per_second\":%.1f,"
        "\"latency_p50_ms\":%.2f,\"latency_p99_ms\":%.2f,\"open_ms\":%.2f,\"first_line_ms\":%.2f,"
        "\"peak_mib\":%.1f,\"model_mib\":%.1f,\"stages\":[",
        is_first ? "" : ",", f->threads, f->beam, f->source_tokens, f->target_tokens, f->words,
        f->lines, f->p50, f->p99, f->open, f->first, f->peak, (double)f->model_bytes / 1048576);
    for (size_t i = 0; ok && i < ROWS; i++)
        ok = buffer_printf(out, err,
                           "%s{\"stage\":\"%s\",\"time_percent\":%.1f,\"int8_peak_percent\":%.1f,"
                           "\"bandwidth_percent\":%.1f}",
                           i == 0 ? "" : ",", row_names[i], shares[i].time, shares[i].peak,
                           shares[i].bandwidth);
    return ok && buffer_append_text(out, "]}", err);
}

static bool print_json(const struct report *report, struct buffer *out, struct error *err)
{
    bool ok = buffer_printf(out, err,
                            "{\"int8_multiply_adds_per_second\":%.0f,"
                            "\"bytes_read_per_second\":%.0f,\"runs\":[",
                            report->machine.multiply_adds, report->machine.bytes);
    for (size_t i = 0; ok && i < report->count; i++)
        ok = append_json(&report->figures[i], &report->machine, i == 0, out, err);
    return ok && buffer_append_text(out, "\n]}\n", err);
}

static bool append_row(const struct figures *f, struct buffer *out, struct error *err)
{
    return buffer_printf(out, err,
                         "%7u %4u %11.0f %11.0f %9.0f %8.1f %7.2f %7.2f %8.2f %9.2f %9.1f\n",
                         f->threads, f->beam, f->source_tokens, f->target_tokens, f->words,
                         f->lines, f->p50, f->p99, f->open, f->first, f->peak);
}

static bool append_stages(const struct figures *f, const struct machine *machine,
                          struct buffer *out, struct error *err)
{
    struct shares shares[ROWS];
    find_shares(f, machine, shares);
    bool ok = true;
    for (size_t i = 0; ok && i < ROWS; i++)
        ok = buffer_printf(out, err, "%7u %4u  %-17s %6.1f %11.1f %11.1f\n", f->threads, f->beam,
                           row_names[i], shares[i].time, shares[i].peak, shares[i].bandwidth);
    return ok;
}

static bool print_table(const struct report *report, struct buffer *out, struct error *err)
{
    bool ok = buffer_append_text(out,
                                 "threads beam  source t/s  target t/s   words/s  lines/s  p50 ms  "
                                 "p99 ms  open ms  first ms  peak MiB\n",
                                 err);
    for (size_t i = 0; ok && i < report->count; i++)
        ok = append_row(&report->figures[i], out, err);
    ok = ok && buffer_printf(out, err,
                             "\nOne core at best: %.1f G int8 multiply-adds a second, "
                             "%.1f GB read a second.\n"
                             "threads beam  stage             time %%   of peak %%  of bytes %%\n",
                             report->machine.multiply_adds * 1e-9, report->machine.bytes * 1e-9);
    for (size_t i = 0; ok && i < report->count; i++)
        ok = append_stages(&report->figures[i], &report->machine, out, err);
    return ok;
}

static bool bench(const struct options *options, struct subject *subject, struct buffer *out,
                  struct error *err)
{
    unsigned threads[] = {1, thread_cpus()}, beams[] = {1, 4};
    unsigned n_threads = threads[1] > 1 ? 2 : 1, n_beams = 2;
    struct report report = {0};
    if (options->threads != 0) {
        threads[0] = (unsigned)options->threads;
        n_threads = 1;
    }
    if (options->beam != 0) {
        beams[0] = (unsigned)options->beam;
        n_beams = 1;
    }
    for (unsigned t = 0; t < n_threads; t++)
        for (unsigned b = 0; b < n_beams; b++)
            if (!measure(options, threads[t], beams[b], subject, &report.machine,
                         &report.figures[report.count++], err))
                return false;
    return options->json ? print_json(&report, out, err) : print_table(&report, out, err);
}

int cmd_bench(struct options *options)
{
    struct error err = {0};
    struct subject subject = {.clear_refs = -1, .status = -1};
    struct text *text = &subject.text;
    struct buffer out = {0};
    bool ok = options->n_operands <= 1 || error_set(&err, ERROR_USAGE, "bench: one text at a time");
    ok = ok && can_confine(options, &err);
    ok = ok && (options->n_operands == 1 ? read_file(text, options->operands[0], &err)
                                         : read_sample(text, &err));
    ok = ok && find_lines(text, &err) &&
         model_paths_find(&subject.models, options->model.items, options->model.count, &err);
    open_peak(&subject);
    ok = ok && confine_reading(options, &subject.models, NULL, &err) &&
         model_paths_verify(&subject.models, options, &err) && bench(options, &subject, &out, &err);
    ok = ok && print_text(out.bytes, out.n_bytes, &err);
    close_peak(&subject);
    model_paths_free(&subject.models);
    buffer_free(&out);
    buffer_free(&text->bytes);
    memory_free(text->lines);
    return ok ? EXIT_DONE : (int)message_fail(&err, false);
}
