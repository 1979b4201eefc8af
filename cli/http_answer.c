/* Translations as LibreTranslate's clients expect them. */
#include "cli/http.h"

#include "cli/engine.h"
#include "cli/json_line.h"

#include <string.h>

#define MAX_HYPOTHESES 64
#define MAX_WARNINGS 100

/* Where in the request's texts the next line is. */
struct place {
    size_t text;     /* index */
    size_t at;       /* in the text */
    uint64_t number; /* of lines before, in the text */
};

struct found_line {
    const char *bytes;
    size_t n_bytes;
    bool has_byte_order_mark, has_carriage_return, has_newline;
    bool is_last; /* of its text */
    uint64_t number;
};

struct job {
    const struct http_request *request;
    struct dragoman_stream *stream;
    struct place put, taken;
    size_t n_lines, n_bytes;                     /* under way */
    struct buffer ranks[MAX_HYPOTHESES];         /* the text at hand, [n_ranks] best first */
    uint32_t n_ranks, n_found;                   /* wanted; there */
    struct buffer texts, alternatives, warnings; /* JSON */
    size_t n_warnings;
};

/* The next line, by the rules of lines.h: "\r\n" ends one, too, and a byte order mark at the very
 * beginning is no text. */
static bool next_line(const struct http_request *request, struct place *place,
                      struct found_line *line)
{
    if (place->text == request->n_texts)
        return false;
    const struct http_text *text = &request->texts[place->text];
    const char *all = request->values[HTTP_Q].bytes;
    const char *start = text->n_bytes > 0 ? all + text->start + place->at : "";
    size_t n_left = text->n_bytes - place->at;
    *line = (struct found_line){.number = ++place->number};
    if (place->at == 0 && n_left >= 3 && memcmp(start, "\xef\xbb\xbf", 3) == 0) {
        line->has_byte_order_mark = true;
        start += 3;
        n_left -= 3;
    }
    const char *newline = n_left > 0 ? memchr(start, '\n', n_left) : NULL;
    line->bytes = start;
    line->n_bytes = newline != NULL ? (size_t)(newline - start) : n_left;
    line->has_newline = newline != NULL;
    size_t used = line->n_bytes + (newline != NULL ? 1 : 0);
    if (newline != NULL && line->n_bytes > 0 && start[line->n_bytes - 1] == '\r') {
        line->has_carriage_return = true;
        line->n_bytes--;
    }
    line->is_last = used == n_left;
    place->at += used + (line->has_byte_order_mark ? 3 : 0);
    if (line->is_last)
        *place = (struct place){.text = place->text + 1};
    return true;
}

/* Puts as many lines as can be put before one is taken, for one thread does both; *is_all: there are
 * no more. */
static bool put_lines(struct job *job, bool *is_all, struct error *err)
{
    struct dragoman_error fault = {0};
    while (!*is_all && job->n_lines < DRAGOMAN_MIN_LINES && job->n_bytes < DRAGOMAN_MIN_BYTES) {
        struct found_line found;
        if (!next_line(job->request, &job->put, &found)) {
            *is_all = true;
            dragoman_finish(job->stream);
            break;
        }
        struct dragoman_line line = {.text = found.bytes,
                                     .n_bytes = found.n_bytes,
                                     .number = found.number,
                                     .n_best = job->n_ranks};
        if (!dragoman_put(job->stream, &line, &fault))
            return engine_fault(&fault, err);
        job->n_lines++;
        job->n_bytes += found.n_bytes;
    }
    return true;
}

static bool add_line(struct job *job, const struct found_line *line,
                     const struct dragoman_result *result, struct error *err)
{
    bool ok = true;
    for (uint32_t rank = 0; ok && rank < job->n_ranks; rank++) {
        uint32_t last = result->n_hypotheses - 1;
        const struct dragoman_hypothesis *h = &result->hypotheses[rank < last ? rank : last];
        struct buffer *out = &job->ranks[rank];
        ok = (!line->has_byte_order_mark || buffer_append_text(out, "\xef\xbb\xbf", err)) &&
             buffer_append(out, h->text, h->n_bytes, err) &&
             (!line->has_carriage_return || buffer_append_byte(out, '\r', err)) &&
             (!line->has_newline || buffer_append_byte(out, '\n', err));
    }
    if (result->n_hypotheses > job->n_found)
        job->n_found = result->n_hypotheses;
    return ok;
}

static bool add_warnings(struct job *job, size_t text, const struct found_line *line,
                         const struct dragoman_result *result, struct error *err)
{
    struct buffer *out = &job->warnings, message = {0};
    bool ok = true;
    for (uint32_t i = 0; ok && i < result->n_warnings && job->n_warnings < MAX_WARNINGS; i++) {
        buffer_clear(&message);
        ok = (!job->request->is_array || buffer_printf(&message, err, "text %zu, ", text + 1)) &&
             buffer_printf(&message, err, "line %llu: %s", (unsigned long long)line->number,
                           result->warnings[i]) &&
             (job->n_warnings++ == 0 || buffer_append_byte(out, ',', err)) &&
             json_append_string(out, message.bytes, message.n_bytes, err);
    }
    buffer_free(&message);
    return ok;
}

static bool append_rank(const struct buffer *rank, struct buffer *out, struct error *err)
{
    return json_append_string(out, rank->n_bytes > 0 ? rank->bytes : "", rank->n_bytes, err);
}

static bool same(const struct buffer *a, const struct buffer *b)
{
    return a->n_bytes == b->n_bytes &&
           (a->n_bytes == 0 || memcmp(a->bytes, b->bytes, a->n_bytes) == 0);
}

/* The other hypotheses, each once and none empty, as a list. */
static bool append_alternatives(struct job *job, struct error *err)
{
    struct buffer *out = &job->alternatives;
    bool ok = buffer_append_byte(out, '[', err), is_first = true;
    uint32_t n = job->n_found < job->n_ranks ? job->n_found : job->n_ranks;
    for (uint32_t rank = 1; ok && rank < n; rank++) {
        bool is_new = job->ranks[rank].n_bytes > 0;
        for (uint32_t i = 0; is_new && i < rank; i++)
            is_new = !same(&job->ranks[i], &job->ranks[rank]);
        if (!is_new)
            continue;
        ok = (is_first || buffer_append_byte(out, ',', err)) &&
             append_rank(&job->ranks[rank], out, err);
        is_first = false;
    }
    return ok && buffer_append_byte(out, ']', err);
}

static bool end_text(struct job *job, size_t text, struct error *err)
{
    bool ok = (text == 0 || (buffer_append_byte(&job->texts, ',', err) &&
                             buffer_append_byte(&job->alternatives, ',', err))) &&
              append_rank(&job->ranks[0], &job->texts, err) && append_alternatives(job, err);
    for (uint32_t rank = 0; rank < job->n_ranks; rank++)
        buffer_clear(&job->ranks[rank]);
    job->n_found = 0;
    return ok;
}

static bool take_line(struct job *job, struct error *err)
{
    struct dragoman_result *result = NULL;
    struct dragoman_error fault = {0};
    struct found_line line;
    size_t text = job->taken.text;
    if (!dragoman_take(job->stream, true, &result, &fault))
        return engine_fault(&fault, err);
    if (result == NULL || !next_line(job->request, &job->taken, &line)) {
        dragoman_result_free(result);
        return error_set(err, ERROR_INTERNAL, "a result is missing");
    }
    job->n_lines--;
    job->n_bytes -= line.n_bytes;
    bool ok = add_line(job, &line, result, err) && add_warnings(job, text, &line, result, err) &&
              (!line.is_last || end_text(job, text, err));
    dragoman_result_free(result);
    return ok;
}

/* ,"NAME": and the list or its only member. */
static bool append_member(const struct http_request *request, const char *name,
                          const struct buffer *json, struct buffer *answer, struct error *err)
{
    return buffer_printf(answer, err, "%s\"%s\":%s",
                         answer->bytes[answer->n_bytes - 1] == '{' ? "" : ",", name,
                         request->is_array ? "[" : "") &&
           buffer_append(answer, json->bytes, json->n_bytes, err) &&
           (!request->is_array || buffer_append_byte(answer, ']', err));
}

/* {"confidence":..., "language":...} for each text. The confidence is LibreTranslate's of a
 * language that it did not detect but took for granted. */
static bool append_detected(const struct http_request *request, const char *tag,
                            struct buffer *answer, struct error *err)
{
    struct buffer list = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < request->n_texts; i++)
        ok = (i == 0 || buffer_append_byte(&list, ',', err)) &&
             buffer_append_text(&list, "{\"confidence\":0,\"language\":", err) &&
             json_append_string(&list, tag, strlen(tag), err) &&
             buffer_append_byte(&list, '}', err);
    ok = ok && append_member(request, "detectedLanguage", &list, answer, err);
    buffer_free(&list);
    return ok;
}

static bool append_answer(const struct job *job, const char *detected, struct buffer *answer,
                          struct error *err)
{
    const struct http_request *request = job->request;
    return buffer_append_byte(answer, '{', err) &&
           (request->alternatives == 0 ||
            append_member(request, "alternatives", &job->alternatives, answer, err)) &&
           (detected == NULL || append_detected(request, detected, answer, err)) &&
           append_member(request, "translatedText", &job->texts, answer, err) &&
           (job->n_warnings == 0 ||
            (buffer_append_text(answer, ",\"warnings\":[", err) &&
             buffer_append(answer, job->warnings.bytes, job->warnings.n_bytes, err) &&
             buffer_append_byte(answer, ']', err))) &&
           buffer_append_text(answer, "}\n", err);
}

bool http_translate(struct dragoman_stream *stream, const struct http_request *request,
                    const char *detected, struct buffer *answer, struct error *err)
{
    struct job *job = memory_new(1, sizeof *job, err);
    if (job == NULL)
        return false;
    *job = (struct job){.request = request, .stream = stream, .n_ranks = request->alternatives + 1};
    bool ok = true, is_all = false;
    while (ok && (ok = put_lines(job, &is_all, err)) && job->n_lines > 0)
        ok = take_line(job, err);
    ok = ok && append_answer(job, detected, answer, err);
    for (uint32_t rank = 0; rank < job->n_ranks; rank++)
        buffer_free(&job->ranks[rank]);
    buffer_free(&job->texts);
    buffer_free(&job->alternatives);
    buffer_free(&job->warnings);
    memory_free(job);
    return ok;
}

bool http_append_error(struct buffer *answer, const char *text, struct error *err)
{
    return buffer_append_text(answer, "{\"error\":", err) &&
           json_append_string(answer, text, strlen(text), err) &&
           buffer_append_text(answer, "}\n", err);
}
