/* dragoman get NAME...: models from the hub into the store. */
#include "cli/commands.h"
#include "cli/hub.h"
#include "cli/message.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How often the line on a terminal is drawn anew. */
#define DRAW_MILLISECONDS 100

/* A bar on standard error, if that is a terminal. */
struct display {
    bool is_terminal, is_drawn;
    int64_t began_at, drawn_at; /* milliseconds */
    uint64_t fetched_before;    /* bytes that were there when it began */
    bool has_begun;
};

static int64_t now_milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void erase(struct display *display)
{
    if (display->is_drawn)
        fputs("\r\033[K", stderr);
    display->is_drawn = false;
}

static void draw(void *context, const struct hub_progress *progress)
{
    struct display *display = context;
    if (!display->is_terminal)
        return;
    int64_t now = now_milliseconds();
    if (!display->has_begun) {
        display->has_begun = true;
        display->began_at = now;
        display->fetched_before = progress->all_done;
    }
    bool is_done = progress->all_done == progress->all_bytes && !progress->checking;
    if (now - display->drawn_at < DRAW_MILLISECONDS && !is_done)
        return;
    display->drawn_at = now;
    double part =
        progress->all_bytes > 0 ? (double)progress->all_done / (double)progress->all_bytes : 1.0;
    double seconds = (double)(now - display->began_at) / 1000;
    double rate =
        seconds > 0 ? (double)(progress->all_done - display->fetched_before) / seconds : 0;
    double left = rate > 0 ? (double)(progress->all_bytes - progress->all_done) / rate : 0;
    char file[28];
    error_escape(file, sizeof file, progress->file, strlen(progress->file));
    static const char full[] = "####################";
    int n_full = (int)(part * (double)(sizeof full - 1));
    fprintf(stderr, "\r\033[K%3.0f%% [%-*.*s] ", 100 * part, (int)sizeof full - 1, n_full, full);
    if (progress->checking)
        fprintf(stderr, "checking %s", file);
    else
        fprintf(stderr, "%.1f MB/s, %u:%02u left, %s", rate / 1e6, (unsigned)left / 60,
                (unsigned)left % 60, file);
    fflush(stderr);
    display->is_drawn = true;
}

static void tell(void *context, const char *text)
{
    erase(context);
    message_note("%s", text);
}

/* Fetches one model; its path is added to `paths`. */
static int get_one(const char *text, const struct options *options, struct buffer *paths)
{
    struct error err = {0};
    struct store_name name;
    bool was_there = false;
    struct display display = {.is_terminal = !options->quiet && isatty(STDERR_FILENO) == 1};
    struct hub_options hub = {.progress = draw, .notice = tell, .context = &display};
    bool ok = store_name_parse(&name, text, &err) && hub_get(&name, &hub, paths, &was_there, &err);
    erase(&display);
    if (ok && was_there)
        message_note("%s: already there", text);
    ok = ok && buffer_append_byte(paths, '\n', &err);
    return ok ? EXIT_DONE : (int)message_fail(&err, false);
}

int cmd_get(struct options *options)
{
    int worst = EXIT_DONE;
    struct error err = {0};
    if (options->n_operands == 0) {
        error_set(&err, ERROR_USAGE, "get: which model? (OWNER/NAME[@REVISION])");
        return (int)message_fail(&err, false);
    }
    struct buffer paths = {0};
    for (size_t i = 0; i < options->n_operands; i++) {
        size_t before = paths.n_bytes;
        int status = get_one(options->operands[i], options, &paths);
        if (status != EXIT_DONE)
            paths.n_bytes = before;
        if (worst == EXIT_DONE)
            worst = status;
    }
    if (paths.n_bytes > 0 && !print_text(paths.bytes, paths.n_bytes, &err) && worst == EXIT_DONE)
        worst = (int)message_fail(&err, false);
    buffer_free(&paths);
    return worst;
}
