#include "cli/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define REDRAW_MILLISECONDS 100
/* A forecast made from less time than this says nothing. */
#define FORECAST_MILLISECONDS 1000

int64_t progress_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void progress_start(struct progress *progress, bool is_on, uint64_t total_bytes)
{
    *progress =
        (struct progress){.is_on = is_on, .total_bytes = total_bytes, .started = progress_now()};
}

void progress_show(struct progress *progress, uint64_t n_lines, uint64_t n_words, uint64_t n_bytes)
{
    int64_t now = progress_now();
    if (!progress->is_on || now - progress->drawn < REDRAW_MILLISECONDS)
        return;
    progress->drawn = now;
    progress->is_drawn = true;
    int64_t spent = now - progress->started;
    char forecast[64] = "";
    if (progress->total_bytes > 0 && n_bytes > 0 && spent >= FORECAST_MILLISECONDS) {
        double done = (double)n_bytes / (double)progress->total_bytes;
        done = done < 1 ? done : 1;
        uint64_t left = (uint64_t)((double)spent / 1000 * (1 - done) / done + 0.5);
        snprintf(forecast, sizeof forecast, "  %.0f %%  %llu:%02llu:%02llu left", 100 * done,
                 (unsigned long long)(left / 3600), (unsigned long long)(left / 60 % 60),
                 (unsigned long long)(left % 60));
    }
    dprintf(STDERR_FILENO, "\r\033[K%llu lines  %.0f words/s%s", (unsigned long long)n_lines,
            spent > 0 ? (double)n_words * 1000 / (double)spent : 0.0, forecast);
}

void progress_wipe(struct progress *progress)
{
    if (progress->is_drawn)
        dprintf(STDERR_FILENO, "\r\033[K");
    progress->is_drawn = false;
}
