#include "cli/stats.h"

#include "cli/message.h"
#include "cli/progress.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

void stats_start(struct stats *stats)
{
    *stats = (struct stats){.started = progress_now()};
}

void stats_add(struct stats *stats, const struct record *record,
               const struct dragoman_result *result)
{
    stats->n_lines++;
    stats->n_bytes += record->line.n_bytes + 1;
    if (result == NULL)
        return;
    size_t n_bytes;
    const char *text = record_text(record, &n_bytes);
    bool in_word = false;
    for (size_t i = 0; i < n_bytes; i++) {
        bool is_space = memchr(" \t\r\n\f\v", text[i], 6) != NULL;
        stats->n_words += !is_space && !in_word ? 1 : 0;
        in_word = !is_space;
    }
}

static double peak_megabytes(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (double)usage.ru_maxrss / 1024 : 0;
}

void stats_print(const struct stats *stats, struct dragoman *dragoman, enum stats_kind kind)
{
    if (kind == STATS_NONE)
        return;
    struct dragoman_statistics s;
    char line[1200];
    dragoman_get_statistics(dragoman, &s);
    double seconds = (double)(progress_now() - stats->started) / 1000;
    double per_second = seconds > 0 ? 1 / seconds : 0;
    unsigned long long n_lines = stats->n_lines, n_words = stats->n_words;
    unsigned long long sentences = s.sentences, source = s.source_tokens, target = s.target_tokens;
    unsigned long long cut = s.cut, limit = s.limit, loop = s.loop, lost = s.lost;
    unsigned long long mended = s.mended, cached = s.cached;
    int n;
    if (kind == STATS_JSON)
        n = snprintf(line, sizeof line,
                     "{\"lines\":%llu,\"words\":%llu,\"sentences\":%llu,\"source_tokens\":%llu,"
                     "\"target_tokens\":%llu,\"seconds\":%.3f,\"words_per_second\":%.1f,"
                     "\"target_tokens_per_second\":%.1f,\"load_seconds\":%.4f,\"threads\":%u,"
                     "\"peak_mib\":%.1f,\"cut\":%llu,\"limit\":%llu,\"loop\":%llu,\"lost\":%llu,"
                     "\"mended\":%llu,\"cached\":%llu}\n",
                     n_lines, n_words, sentences, source, target, seconds,
                     (double)n_words * per_second, (double)target * per_second, s.load_seconds,
                     s.threads, peak_megabytes(), cut, limit, loop, lost, mended, cached);
    else
        n = snprintf(line, sizeof line,
                     "dragoman: %llu lines, %llu sentences, %llu words, %llu source tokens, %llu "
                     "target tokens in %.2f s (%.0f words/s, %.0f target tokens/s); loaded in %.3f "
                     "s; %u threads; %.0f MiB; cut %llu, at the limit %llu, loops %llu, lost %llu, "
                     "mended %llu, cached %llu\n",
                     n_lines, sentences, n_words, source, target, seconds,
                     (double)n_words * per_second, (double)target * per_second, s.load_seconds,
                     s.threads, peak_megabytes(), cut, limit, loop, lost, mended, cached);
    ssize_t written;
    do {
        written = n > 0 ? write(STDERR_FILENO, line, (size_t)n) : 0;
    } while (written < 0 && errno == EINTR);
}
