/* JSONL: an object a line. The fields of the result are added at its end; every other byte stays.
 */
#include "cli/format.h"
#include "cli/json_line.h"

#include <string.h>

/* What a result adds. */
static const char *const added[] = {"translation",  "score",     "sum_logprob", "length", "tokens",
                                    "token_scores", "alignment", "flags",       "n_best", NULL};

static bool is_blank(const struct buffer *line)
{
    return line->n_bytes == 0 || strspn(line->bytes, " \t\r") == line->n_bytes;
}

static bool find_text(const struct format_settings *settings, struct record *record,
                      struct error *err)
{
    struct json_line found;
    if (is_blank(&record->line))
        return true;
    if (!json_line_scan(record->line.bytes, record->line.n_bytes, settings->field, added, &found,
                        err))
        return false;
    if (!found.has_field)
        return error_set(err, ERROR_INPUT, "there is no field '%.60s'", settings->field);
    if (!found.is_string)
        return error_set(err, ERROR_INPUT, "the field '%.60s' is not a string", settings->field);
    record->has_text = true;
    record->is_decoded = true;
    record->close_at = found.close_at;
    return json_unescape(record->line.bytes + found.value_at, found.n_value, &record->decoded, err);
}

static bool append_numbers(const struct dragoman_hypothesis *h, struct buffer *out,
                           struct error *err)
{
    return buffer_printf(out, err, ",\"score\":%.5f,\"sum_logprob\":%.5f,\"length\":%u", h->score,
                         h->sum, h->length);
}

static bool append_tokens(const struct dragoman_hypothesis *h, struct buffer *out,
                          struct error *err)
{
    bool ok = buffer_append_text(out, ",\"tokens\":[", err);
    for (uint32_t i = 0; ok && h->pieces != NULL && i < h->length; i++)
        ok = (i == 0 || buffer_append_byte(out, ',', err)) &&
             json_append_string(out, h->pieces[i], strlen(h->pieces[i]), err);
    return ok && buffer_append_text(out, "],\"token_scores\":[", err) &&
           format_append_token_scores(h, ',', out, err) && buffer_append_byte(out, ']', err);
}

static bool append_hypothesis(const struct format_settings *settings,
                              const struct dragoman_hypothesis *h, struct buffer *out,
                              struct error *err)
{
    bool ok = buffer_append_text(out, "\"translation\":", err) &&
              json_append_string(out, h->text, h->n_bytes, err) && append_numbers(h, out, err) &&
              (!settings->token_scores || append_tokens(h, out, err));
    if (ok && settings->align)
        ok = buffer_append_text(out, ",\"alignment\":\"", err) &&
             format_append_links(h, out, err) && buffer_append_byte(out, '"', err);
    return ok;
}

static bool append_flags(const struct dragoman_result *result, struct buffer *out,
                         struct error *err)
{
    static const struct {
        unsigned flag;
        const char *name;
    } names[] = {{DRAGOMAN_FLAG_SPLIT, "split"},   {DRAGOMAN_FLAG_CUT, "cut"},
                 {DRAGOMAN_FLAG_LIMIT, "limit"},   {DRAGOMAN_FLAG_LOOP, "loop"},
                 {DRAGOMAN_FLAG_MENDED, "mended"}, {DRAGOMAN_FLAG_UNKNOWN, "unknown"},
                 {DRAGOMAN_FLAG_LOST, "lost"},     {DRAGOMAN_FLAG_FORBIDDEN, "forbidden"}};
    bool ok = buffer_append_text(out, ",\"flags\":[", err);
    bool is_first = true;
    for (size_t i = 0; ok && i < sizeof names / sizeof names[0]; i++) {
        if ((result->flags & names[i].flag) == 0)
            continue;
        ok = buffer_printf(out, err, "%s\"%s\"", is_first ? "" : ",", names[i].name);
        is_first = false;
    }
    return ok && buffer_append_byte(out, ']', err);
}

static bool append_n_best(const struct format_settings *settings,
                          const struct dragoman_result *result, struct buffer *out,
                          struct error *err)
{
    bool ok = buffer_append_text(out, ",\"n_best\":[", err);
    for (size_t i = 0; ok && i < result->n_hypotheses; i++)
        ok = buffer_append_text(out, i > 0 ? ",{" : "{", err) &&
             append_hypothesis(settings, &result->hypotheses[i], out, err) &&
             buffer_append_byte(out, '}', err);
    return ok && buffer_append_byte(out, ']', err);
}

static bool write_jsonl(const struct format_settings *settings, const struct record *record,
                        const struct dragoman_result *result, struct buffer *out, struct error *err)
{
    const char *line = record->line.bytes;
    return (!record->has_byte_order_mark || buffer_append_text(out, "\xef\xbb\xbf", err)) &&
           buffer_append(out, line, record->close_at, err) && buffer_append_byte(out, ',', err) &&
           append_hypothesis(settings, &result->hypotheses[0], out, err) &&
           append_flags(result, out, err) &&
           (!settings->n_best || append_n_best(settings, result, out, err)) &&
           buffer_append(out, line + record->close_at, record->line.n_bytes - record->close_at,
                         err) &&
           format_end(settings, record, out, err);
}

const struct format format_jsonl = {
    .name = "jsonl", .extension = ".jsonl", .find_text = find_text, .write = write_jsonl};
