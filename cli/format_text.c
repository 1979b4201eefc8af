/* Plain text, and what the formats share. */
#include "cli/format.h"

#include <string.h>

static bool find_text(const struct format_settings *settings, struct record *record,
                      struct error *err)
{
    (void)settings;
    (void)err;
    record->text_at = 0;
    record->n_text = record->line.n_bytes;
    record->has_text = true;
    return true;
}

const char *record_text(const struct record *record, size_t *n_bytes)
{
    if (record->is_decoded) {
        *n_bytes = record->decoded.n_bytes;
        return record->decoded.bytes != NULL ? record->decoded.bytes : "";
    }
    *n_bytes = record->n_text;
    return record->line.bytes != NULL ? record->line.bytes + record->text_at : "";
}

struct record *record_new(struct error *err)
{
    return memory_new(1, sizeof(struct record), err);
}

void record_free(struct record *record)
{
    if (record == NULL)
        return;
    buffer_free(&record->line);
    buffer_free(&record->decoded);
    memory_free(record);
}

bool format_begin(const struct format_settings *settings, const struct record *record, size_t rank,
                  const struct dragoman_hypothesis *hypothesis, struct buffer *out,
                  struct error *err)
{
    if (record->has_byte_order_mark && rank <= 1 && !buffer_append_text(out, "\xef\xbb\xbf", err))
        return false;
    if (settings->n_best)
        return buffer_printf(out, err, "%llu\t%zu\t%.5f\t", (unsigned long long)record->number,
                             rank, hypothesis->score);
    return !settings->score || buffer_printf(out, err, "%.5f\t", hypothesis->score);
}

bool format_append_links(const struct dragoman_hypothesis *h, struct buffer *out, struct error *err)
{
    for (uint32_t i = 0; i < h->n_links; i++)
        if (!buffer_printf(out, err, i == 0 ? "%u-%u" : " %u-%u", h->links[i].source,
                           h->links[i].target))
            return false;
    return true;
}

bool format_append_token_scores(const struct dragoman_hypothesis *h, char separator,
                                struct buffer *out, struct error *err)
{
    for (uint32_t i = 0; h->log_probs != NULL && i < h->length; i++)
        if ((i > 0 && !buffer_append_byte(out, separator, err)) ||
            !buffer_printf(out, err, "%.5f", (double)h->log_probs[i]))
            return false;
    return true;
}

bool format_add(const struct format_settings *settings, const struct dragoman_hypothesis *h,
                struct buffer *out, struct error *err)
{
    if (settings->token_scores &&
        (!buffer_append_byte(out, '\t', err) || !format_append_token_scores(h, ' ', out, err)))
        return false;
    return !settings->align ||
           (buffer_append_byte(out, '\t', err) && format_append_links(h, out, err));
}

bool format_end(const struct format_settings *settings, const struct record *record,
                struct buffer *out, struct error *err)
{
    return (!record->has_carriage_return || buffer_append_byte(out, '\r', err)) &&
           buffer_append_byte(out, settings->terminator, err);
}

bool format_pass(const struct format_settings *settings, const struct record *record,
                 struct buffer *out, struct error *err)
{
    return (!record->has_byte_order_mark || buffer_append_text(out, "\xef\xbb\xbf", err)) &&
           buffer_append(out, record->line.bytes, record->line.n_bytes, err) &&
           format_end(settings, record, out, err);
}

bool format_append(const struct format_settings *settings, const char *text, size_t n_bytes,
                   bool is_column, struct buffer *out, struct error *err)
{
    size_t from = out->n_bytes;
    if (!buffer_append(out, text, n_bytes, err))
        return false;
    for (size_t i = from; i < out->n_bytes; i++)
        if (out->bytes[i] == settings->terminator || (is_column && out->bytes[i] == '\t'))
            out->bytes[i] = ' ';
    return true;
}

static bool write_text(const struct format_settings *settings, const struct record *record,
                       const struct dragoman_result *result, struct buffer *out, struct error *err)
{
    size_t count = settings->n_best ? result->n_hypotheses : 1;
    bool has_columns =
        settings->n_best || settings->score || settings->token_scores || settings->align;
    for (size_t i = 0; i < count; i++) {
        const struct dragoman_hypothesis *h = &result->hypotheses[i];
        if (!format_begin(settings, record, i + 1, h, out, err) ||
            !format_append(settings, h->text, h->n_bytes, has_columns, out, err) ||
            !format_add(settings, h, out, err) || !format_end(settings, record, out, err))
            return false;
    }
    return true;
}

const struct format format_text = {.name = "text", .find_text = find_text, .write = write_text};

const struct format *format_by_name(const char *path)
{
    static const struct format *const formats[] = {&format_tsv, &format_jsonl};
    size_t length = strlen(path);
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        size_t n = strlen(formats[i]->extension);
        if (length > n && strcmp(path + length - n, formats[i]->extension) == 0)
            return formats[i];
    }
    return &format_text;
}
