/* TSV: columns between tabs, without quoting. One is translated, in its place; the others pass
 * through. A tab in a translation would make a column: it is written as a space. */
#include "cli/format.h"

#include <string.h>

/* Where column number `wanted` lies. */
static bool find_column(const struct record *record, size_t wanted, size_t *start, size_t *n_bytes,
                        struct error *err)
{
    const char *bytes = record->line.bytes;
    size_t total = record->line.n_bytes;
    size_t at = 0;
    for (size_t column = 1;; column++) {
        const char *tab = memchr(bytes + at, '\t', total - at);
        size_t end = tab != NULL ? (size_t)(tab - bytes) : total;
        if (column == wanted) {
            *start = at;
            *n_bytes = end - at;
            return true;
        }
        if (tab == NULL)
            return error_set(err, ERROR_INPUT, "there is no column %zu, only %zu", wanted, column);
        at = end + 1;
    }
}

static bool find_text(const struct format_settings *settings, struct record *record,
                      struct error *err)
{
    record->has_text = record->line.n_bytes > 0;
    if (!record->has_text)
        return true;
    return find_column(record, settings->column, &record->text_at, &record->n_text, err) &&
           (settings->prefix_column == 0 ||
            find_column(record, settings->prefix_column, &record->prefix_at, &record->n_prefix,
                        err));
}

static bool write_tsv(const struct format_settings *settings, const struct record *record,
                      const struct dragoman_result *result, struct buffer *out, struct error *err)
{
    size_t after = record->text_at + record->n_text;
    size_t count = settings->n_best ? result->n_hypotheses : 1;
    for (size_t i = 0; i < count; i++) {
        const struct dragoman_hypothesis *h = &result->hypotheses[i];
        if (!format_begin(settings, record, i + 1, h, out, err) ||
            !buffer_append(out, record->line.bytes, record->text_at, err) ||
            !format_append(settings, h->text, h->n_bytes, true, out, err) ||
            !buffer_append(out, record->line.bytes + after, record->line.n_bytes - after, err) ||
            !format_add(settings, h, out, err) || !format_end(settings, record, out, err))
            return false;
    }
    return true;
}

const struct format format_tsv = {
    .name = "tsv", .extension = ".tsv", .find_text = find_text, .write = write_tsv};
