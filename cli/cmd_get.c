/* dragoman get: models from the hub. */
#include "cli/commands.h"
#include "cli/hub.h"
#include "cli/message.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define REDRAW_MILLISECONDS 100

struct get_state {
    bool is_terminal;
    bool is_drawn;
    int64_t drawn_at;
};

static int64_t now_milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Wipes the progress line, so that a message stands alone. */
static void wipe(struct get_state *state)
{
    if (state->is_drawn)
        dprintf(STDERR_FILENO, "\r\033[K");
    state->is_drawn = false;
}

/* One line, drawn over and over; nothing unless standard error is a terminal. */
static void show(void *context, const struct hub_progress *progress)
{
    struct get_state *state = context;
    int64_t now = now_milliseconds();
    if (!state->is_terminal || (state->is_drawn && now - state->drawn_at < REDRAW_MILLISECONDS))
        return;
    double percent = progress->all_bytes == 0
                         ? 100.0
                         : 100.0 * (double)progress->all_done / (double)progress->all_bytes;
    char name[60];
    size_t n = 0;
    while (progress->file != NULL && progress->file[n] != '\0')
        n++;
    error_escape(name, sizeof name, progress->file != NULL ? progress->file : "", n);
    dprintf(STDERR_FILENO, "\r\033[K%3.0f %%  %.1f of %.1f MB  %s%s", percent,
            (double)progress->all_done / 1e6, (double)progress->all_bytes / 1e6,
            progress->checking ? "checking " : "", name);
    state->is_drawn = true;
    state->drawn_at = now;
}

static void notice(void *context, const char *text)
{
    wipe(context);
    message_note("%s", text);
}

static bool get(const char *text, bool quiet, struct error *err)
{
    struct store_name name;
    struct get_state state = {.is_terminal = !quiet && isatty(STDERR_FILENO) == 1};
    struct hub_options hub = {.progress = show, .notice = notice, .context = &state};
    struct buffer path = {0};
    bool was_there = false;
    bool ok = store_name_parse(&name, text, err) && hub_get(&name, &hub, &path, &was_there, err);
    wipe(&state);
    if (ok)
        message_note("%s: %s %s", text, was_there ? "is up to date in" : "is now in", path.bytes);
    buffer_free(&path);
    return ok;
}

int cmd_get(struct options *options)
{
    struct error err = {0};
    if (options->n_operands == 0) {
        error_set(&err, ERROR_USAGE, "get: names no model");
        return (int)message_fail(&err, false);
    }
    for (size_t i = 0; i < options->n_operands; i++)
        if (!get(options->operands[i], options->quiet, &err))
            return (int)message_fail(&err, i > 0);
    return EXIT_DONE;
}
