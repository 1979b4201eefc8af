/* Pairs to be scored: source TAB translation. The result is S TAB T TAB score: the sum of the T
 * tokens' log-probabilities, and S / T^a. */
#include "cli/format.h"

#include <string.h>

static bool find_text(const struct format_settings *settings, struct record *record,
                      struct error *err)
{
    (void)settings;
    const char *bytes = record->line.bytes;
    size_t n_bytes = record->line.n_bytes;
    if (n_bytes == 0)
        return true;
    const char *tab = memchr(bytes, '\t', n_bytes);
    if (tab == NULL)
        return error_set(err, ERROR_INPUT, "there is no tab between source and translation");
    record->has_text = record->has_target = true;
    record->n_text = (size_t)(tab - bytes);
    record->target_at = record->n_text + 1;
    record->n_target = n_bytes - record->target_at;
    return true;
}

static bool write_pairs(const struct format_settings *settings, const struct record *record,
                        const struct dragoman_result *result, struct buffer *out, struct error *err)
{
    const struct dragoman_hypothesis *h = &result->hypotheses[0];
    return buffer_printf(out, err, "%.5f\t%u\t%.5f", h->sum, h->length, h->score) &&
           format_add(settings, h, out, err) && format_end(settings, record, out, err);
}

const struct format format_pairs = {.name = "pairs", .find_text = find_text, .write = write_pairs};
