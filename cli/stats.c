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
    stats->target_tokens += result->hypotheses[0].length;
    stats->cut += (result->flags & DRAGOMAN_FLAG_CUT) != 0;
    stats->limit += (result->flags & DRAGOMAN_FLAG_LIMIT) != 0;
    stats->loop += (result->flags & DRAGOMAN_FLAG_LOOP) != 0;
    stats->lost += (result->flags & DRAGOMAN_FLAG_LOST) != 0;
    stats->mended += (result->flags & DRAGOMAN_FLAG_MENDED) != 0;
}

static double peak_megabytes(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (double)usage.ru_maxrss / 1024 : 0;
}

static int write_all(char *line, size_t room, const struct stats *stats, struct dragoman *dragoman,
                     bool is_json)
{
    struct dragoman_statistics s;
    dragoman_get_statistics(dragoman, &s);
    double seconds = (double)(progress_now() - stats->started) / 1000;
    double per_second = seconds > 0 ? 1 / seconds : 0;
    unsigned long long n_lines = stats->n_lines, n_words = stats->n_words;
    unsigned long long sentences = s.sentences, source = s.source_tokens, target = s.target_tokens;
    unsigned long long cut = s.cut, limit = s.limit, loop = s.loop, lost = s.lost;
    unsigned long long mended = s.mended, cached = s.cached;
    if (is_json)
        return snprintf(line, room,
                        "{\"lines\":%llu,\"words\":%llu,\"sentences\":%llu,\"source_tokens\":%llu,"
                        "\"target_tokens\":%llu,\"seconds\":%.3f,\"words_per_second\":%.1f,"
                        "\"target_tokens_per_second\":%.1f,\"load_seconds\":%.4f,\"threads\":%u,"
                        "\"peak_mib\":%.1f,\"cut\":%llu,\"limit\":%llu,\"loop\":%llu,\"lost\":%llu,"
                        "\"mended\":%llu,\"cached\":%llu}\n",
                        n_lines, n_words, sentences, source, target, seconds,
                        (double)n_words * per_second, (double)target * per_second, s.load_seconds,
                        s.threads, peak_megabytes(), cut, limit, loop, lost, mended, cached);
    return snprintf(line, room,
                    "dragoman: %llu lines, %llu sentences, %llu words, %llu source tokens, %llu "
                    "target tokens in %.2f s (%.0f words/s, %.0f target tokens/s); loaded in %.3f "
                    "s; %u threads; %.0f MiB; cut %llu, at the limit %llu, loops %llu, lost %llu, "
                    "mended %llu, cached %llu\n",
                    n_lines, sentences, n_words, source, target, seconds,
                    (double)n_words * per_second, (double)target * per_second, s.load_seconds,
                    s.threads, peak_megabytes(), cut, limit, loop, lost, mended, cached);
}

/* What can be counted at this end of a server's socket, under the same names. */
static int write_ours(char *line, size_t room, const struct stats *stats, bool is_json)
{
    double seconds = (double)(progress_now() - stats->started) / 1000;
    double per_second = seconds > 0 ? 1 / seconds : 0;
    unsigned long long lines = stats->n_lines, words = stats->n_words;
    unsigned long long target = stats->target_tokens, cut = stats->cut, limit = stats->limit;
    unsigned long long loop = stats->loop, lost = stats->lost, mended = stats->mended;
    double word_rate = (double)words * per_second, token_rate = (double)target * per_second;
    if (is_json)
        return snprintf(line, room,
                        "{\"lines\":%llu,\"words\":%llu,\"target_tokens\":%llu,\"seconds\":%.3f,"
                        "\"words_per_second\":%.1f,\"target_tokens_per_second\":%.1f,\"cut\":%llu,"
                        "\"limit\":%llu,\"loop\":%llu,\"lost\":%llu,\"mended\":%llu}\n",
                        lines, words, target, seconds, word_rate, token_rate, cut, limit, loop,
                        lost, mended);
    return snprintf(line, room,
                    "dragoman: %llu lines, %llu words, %llu target tokens in %.2f s (%.0f words/s, "
                    "%.0f target tokens/s); cut %llu, at the limit %llu, loops %llu, lost %llu, "
                    "mended %llu; by a server\n",
                    lines, words, target, seconds, word_rate, token_rate, cut, limit, loop, lost,
                    mended);
}

void stats_print(const struct stats *stats, struct dragoman *dragoman, enum stats_kind kind)
{
    char line[1200];
    if (kind == STATS_NONE)
        return;
    bool is_json = kind == STATS_JSON;
    int n = dragoman != NULL ? write_all(line, sizeof line, stats, dragoman, is_json)
                             : write_ours(line, sizeof line, stats, is_json);
    ssize_t written;
    do {
        written = n > 0 ? write(STDERR_FILENO, line, (size_t)n) : 0;
    } while (written < 0 && errno == EINTR);
}
