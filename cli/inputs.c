#include "cli/inputs.h"

#include "base/utf8.h"

#include <string.h>
#include <sys/resource.h>

static const struct format *const formats[] = {NULL, &format_text, &format_tsv, &format_jsonl};

static struct line_input_options how_to_read(const struct options *options)
{
    return (struct line_input_options){.max_bytes = options->max_line,
                                       .terminator = options->nul ? '\0' : '\n'};
}

/* A named file that cannot be opened is wrong usage: nothing has begun yet. */
static bool open_lines(struct line_input **lines, const char *path, const struct options *options,
                       struct error *err)
{
    struct line_input_options how = how_to_read(options);
    if (line_input_open(lines, path, &how, err))
        return true;
    if (err->code == ERROR_INPUT && strcmp(path, "-") != 0)
        err->code = ERROR_USAGE;
    return false;
}

static bool open_one(struct input_file *file, const char *path, const struct options *options,
                     struct error *err)
{
    file->path = path;
    if (options->command == COMMAND_SCORE)
        file->format = &format_pairs;
    else
        file->format =
            formats[options->format] != NULL ? formats[options->format] : format_by_name(path);
    return open_lines(&file->lines, path, options, err);
}

/* All files are open at once: the soft limit is there for programs that use select(). */
static void allow_many_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

bool inputs_open(struct inputs *inputs, const struct options *options, struct error *err)
{
    static const char *const only_standard_input[] = {"-"};
    const char *const *paths = options->n_operands > 0 ? options->operands : only_standard_input;
    size_t count = options->n_operands > 0 ? options->n_operands : 1;
    bool has_partner = options->command == COMMAND_SCORE && count == 2;
    *inputs = (struct inputs){.strict = options->strict,
                              .joins_paragraphs = options->split == SPLIT_PARAGRAPH,
                              .max_bytes = options->max_line};
    inputs->settings = (struct format_settings){.column = options->column,
                                                .prefix_column = options->prefix_column,
                                                .field = options->field,
                                                .terminator = options->nul ? '\0' : '\n',
                                                .score = options->score,
                                                .token_scores = options->token_scores,
                                                .align = options->align,
                                                .n_best = options->n_best > 0};
    inputs->files = memory_new(count, sizeof *inputs->files, err);
    if (inputs->files == NULL)
        return false;
    if (has_partner) {
        count = 1;
        if (!open_lines(&inputs->partner, paths[1], options, err))
            return false;
    }
    if (count > 64)
        allow_many_files();
    for (size_t i = 0; i < count; i++) {
        inputs->count = i + 1;
        if (!open_one(&inputs->files[i], paths[i], options, err))
            return false;
        if (inputs->joins_paragraphs && inputs->files[i].format != &format_text)
            return error_set(err, ERROR_USAGE, "--split paragraph: only for plain text");
    }
    return true;
}

void inputs_close(struct inputs *inputs)
{
    for (size_t i = 0; i < inputs->count; i++)
        line_input_close(inputs->files[i].lines);
    line_input_close(inputs->partner);
    record_free(inputs->held);
    memory_free(inputs->files);
    *inputs = (struct inputs){0};
}

uint64_t inputs_size(const struct inputs *inputs)
{
    uint64_t total = 0;
    for (size_t i = 0; i < inputs->count; i++) {
        uint64_t size = line_input_size(inputs->files[i].lines);
        if (size == 0)
            return 0;
        total += size;
    }
    return total;
}

const char *inputs_name(const struct inputs *inputs, size_t file)
{
    return line_input_name(inputs->files[file].lines);
}

/* Appends the partner's next line as the translation of the record's. */
static bool add_partner(struct line_input *partner, struct record *record, struct error *err)
{
    struct line line;
    enum line_state state = line_input_next(partner, &line, err);
    if (state == LINE_END)
        return error_set(err, ERROR_INPUT, "%.200s: ends before line %llu",
                         line_input_name(partner), (unsigned long long)record->number);
    if (state == LINE_FAILED)
        return false;
    record->has_text = record->has_target = record->line.n_bytes > 0 || line.n_bytes > 0;
    record->n_text = record->target_at = record->line.n_bytes;
    record->n_target = line.n_bytes;
    return buffer_append(&record->line, line.bytes, line.n_bytes, err);
}

/* Fills the record from a line and finds its text. */
static bool fill_record(struct inputs *inputs, struct record *record, const struct line *line,
                        struct error *err)
{
    if (!buffer_append(&record->line, line->bytes, line->n_bytes, err))
        return false;
    if (inputs->strict && !utf8_valid(line->bytes, line->n_bytes, NULL))
        return error_set(err, ERROR_INPUT, "not UTF-8 (--strict)");
    if (inputs->partner != NULL)
        return add_partner(inputs->partner, record, err);
    return inputs->files[record->file].format->find_text(&inputs->settings, record, err);
}

/* The record of a line; faults are named "FILE:LINE: ...". */
static struct record *make_record(struct inputs *inputs, size_t file, const struct line *line,
                                  struct error *err)
{
    struct record *record = record_new(err);
    if (record == NULL)
        return NULL;
    record->number = line->number;
    record->file = file;
    record->has_carriage_return = line->has_carriage_return;
    record->has_byte_order_mark = line->has_byte_order_mark;
    if (fill_record(inputs, record, line, err))
        return record;
    error_prefix(err, "%.200s:%llu", inputs_name(inputs, file), (unsigned long long)line->number);
    record_free(record);
    return NULL;
}

/* After the last line: the partner must be at its end too. */
static bool check_partner(const struct inputs *inputs, struct error *err)
{
    struct line line;
    if (inputs->partner == NULL || line_input_next(inputs->partner, &line, err) == LINE_END)
        return true;
    return error_set(err, ERROR_INPUT, "%.200s: has more lines than %.200s",
                     line_input_name(inputs->partner), inputs_name(inputs, 0));
}

static bool is_blank(const char *text, size_t n_bytes)
{
    size_t n = 0;
    while (n < n_bytes && memchr(" \t\f\v\r", text[n], 5) != NULL)
        n++;
    return n == n_bytes;
}

/* Appends a line to the paragraph before it, a space between. */
static bool join(const struct inputs *inputs, struct record *paragraph, const struct line *line,
                 struct error *err)
{
    if (line->n_bytes >= inputs->max_bytes - paragraph->line.n_bytes)
        return error_set(err, ERROR_INPUT,
                         "%.200s:%llu: the paragraph is longer than %zu bytes "
                         "(see --max-line)",
                         inputs_name(inputs, paragraph->file),
                         (unsigned long long)paragraph->number, inputs->max_bytes);
    bool ok = buffer_append_byte(&paragraph->line, ' ', err) &&
              buffer_append(&paragraph->line, line->bytes, line->n_bytes, err);
    paragraph->n_text = paragraph->line.n_bytes;
    return ok;
}

/* The next paragraph, or blank line, of one file. */
static enum line_state next_paragraph(struct inputs *inputs, size_t file, struct record **record,
                                      struct error *err)
{
    struct record *paragraph = NULL;
    struct line line;
    enum line_state state;
    while ((state = line_input_next(inputs->files[file].lines, &line, err)) == LINE_READ) {
        bool ends = is_blank(line.bytes, line.n_bytes);
        if (paragraph != NULL && !ends && join(inputs, paragraph, &line, err))
            continue;
        struct record *next =
            err->code == ERROR_NONE ? make_record(inputs, file, &line, err) : NULL;
        if (next == NULL) {
            state = LINE_FAILED;
            break;
        }
        if (paragraph == NULL && !ends) {
            paragraph = next;
            continue;
        }
        inputs->held = paragraph != NULL ? next : NULL;
        *record = paragraph != NULL ? paragraph : next;
        return LINE_READ;
    }
    if (state == LINE_END && paragraph != NULL) {
        *record = paragraph;
        return LINE_READ;
    }
    record_free(paragraph);
    return state;
}

static enum line_state next_of_file(struct inputs *inputs, size_t file, struct record **record,
                                    struct error *err)
{
    struct line line;
    if (inputs->joins_paragraphs)
        return next_paragraph(inputs, file, record, err);
    enum line_state state = line_input_next(inputs->files[file].lines, &line, err);
    if (state != LINE_READ)
        return state;
    *record = make_record(inputs, file, &line, err);
    return *record != NULL ? LINE_READ : LINE_FAILED;
}

enum line_state inputs_next(struct inputs *inputs, size_t *file, struct record **record,
                            struct error *err)
{
    if (inputs->held != NULL) {
        *record = inputs->held;
        inputs->held = NULL;
        return LINE_READ;
    }
    for (; *file < inputs->count; ++*file) {
        enum line_state state = next_of_file(inputs, *file, record, err);
        if (state != LINE_END)
            return state;
    }
    return check_partner(inputs, err) ? LINE_END : LINE_FAILED;
}

bool inputs_read(struct inputs *inputs, bool (*take)(void *context, struct record *record),
                 void *context, struct error *err)
{
    size_t file = 0;
    struct record *record;
    enum line_state state;
    while ((state = inputs_next(inputs, &file, &record, err)) == LINE_READ)
        if (!take(context, record))
            return false;
    return state == LINE_END;
}
