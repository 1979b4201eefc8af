#include "cli/inputs.h"

#include "base/utf8.h"

#include <string.h>
#include <sys/resource.h>

static const struct format *const formats[] = {NULL, &format_text, &format_tsv, &format_jsonl};

static bool open_one(struct input_file *file, const char *path, const struct options *options,
                     struct error *err)
{
    struct line_input_options how = {.max_bytes = options->max_line,
                                     .terminator = options->nul ? '\0' : '\n'};
    file->path = path;
    file->format =
        formats[options->format] != NULL ? formats[options->format] : format_by_name(path);
    if (line_input_open(&file->lines, path, &how, err))
        return true;
    if (err->code == ERROR_INPUT && strcmp(path, "-") != 0)
        err->code = ERROR_USAGE;
    return false;
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
    *inputs = (struct inputs){.strict = options->strict};
    inputs->settings = (struct format_settings){.column = options->column,
                                                .field = options->field,
                                                .terminator = options->nul ? '\0' : '\n',
                                                .score = options->score,
                                                .n_best = options->n_best > 0};
    inputs->files = memory_new(count, sizeof *inputs->files, err);
    if (inputs->files == NULL)
        return false;
    if (count > 64)
        allow_many_files();
    for (size_t i = 0; i < count; i++) {
        inputs->count = i + 1;
        if (!open_one(&inputs->files[i], paths[i], options, err))
            return false;
    }
    return true;
}

void inputs_close(struct inputs *inputs)
{
    for (size_t i = 0; i < inputs->count; i++)
        line_input_close(inputs->files[i].lines);
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

/* The record of a line, its text found; faults are named "FILE:LINE: ...". */
static struct record *make_record(const struct inputs *inputs, size_t file, const struct line *line,
                                  struct error *err)
{
    struct record *record = record_new(err);
    if (record == NULL)
        return NULL;
    record->number = line->number;
    record->file = file;
    record->has_carriage_return = line->has_carriage_return;
    record->has_byte_order_mark = line->has_byte_order_mark;
    bool ok = buffer_append(&record->line, line->bytes, line->n_bytes, err);
    ok = ok && (!inputs->strict || utf8_valid(line->bytes, line->n_bytes, NULL) ||
                error_set(err, ERROR_INPUT, "not UTF-8 (--strict)"));
    ok = ok && inputs->files[file].format->find_text(&inputs->settings, record, err);
    if (ok)
        return record;
    error_prefix(err, "%.200s:%llu", inputs_name(inputs, file), (unsigned long long)line->number);
    record_free(record);
    return NULL;
}

enum line_state inputs_next(struct inputs *inputs, size_t *file, struct record **record,
                            struct error *err)
{
    for (; *file < inputs->count; ++*file) {
        struct line line;
        enum line_state state = line_input_next(inputs->files[*file].lines, &line, err);
        if (state == LINE_FAILED)
            return LINE_FAILED;
        if (state == LINE_READ) {
            *record = make_record(inputs, *file, &line, err);
            return *record != NULL ? LINE_READ : LINE_FAILED;
        }
    }
    return LINE_END;
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
