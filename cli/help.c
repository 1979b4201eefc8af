#include "cli/help.h"

#include <string.h>

#define HELP_COLUMN 26
#define HELP_WIDTH 80

static const char *const group_titles[GROUP_COUNT] = {
    "Model", "Text", "Search", "Output", "Speed and memory", "Messages", "HTTP", "Other",
};

const char *help_group_title(enum option_group group)
{
    return group_titles[group];
}

/* Appends text with its words wrapped at HELP_WIDTH, continuation lines indented; `at` is the
 * column the cursor is in. */
static bool wrap(struct buffer *out, const char *text, size_t at, size_t indent, struct error *err)
{
    while (*text != '\0') {
        size_t n = strcspn(text, " ");
        if (at > indent && at + 1 + n > HELP_WIDTH) {
            if (!buffer_printf(out, err, "\n%*s", (int)indent, ""))
                return false;
            at = indent;
        } else if (at > indent) {
            if (!buffer_append_byte(out, ' ', err))
                return false;
            at++;
        }
        if (!buffer_append(out, text, n, err))
            return false;
        at += n;
        text += n;
        text += strspn(text, " ");
    }
    return true;
}

/* "  -t, --threads N", "      --stats[=KIND]", "      --[no-]keep" */
static bool write_synopsis(const struct option *row, struct buffer *out, struct error *err)
{
    bool is_on = row->type == OPTION_FLAG && strcmp(row->initial, "yes") == 0;
    const char *no = is_on ? "[no-]" : "";
    if (row->letter != 0 ? !buffer_printf(out, err, "  -%c, --%s%s", row->letter, no, row->name)
                         : !buffer_printf(out, err, "      --%s%s", no, row->name))
        return false;
    if (row->type == OPTION_FLAG)
        return true;
    return buffer_printf(out, err, row->implied != NULL ? "[=%s]" : " %s", row->argument);
}

static bool write_default(const struct option *row, struct buffer *out, struct error *err)
{
    const char *value = row->initial != NULL ? row->initial : row->when_unset;
    if (value == NULL || strcmp(value, "no") == 0)
        return true;
    return buffer_printf(out, err, " (default: %s)", value);
}

static bool write_option(const struct option *row, struct buffer *out, struct error *err)
{
    size_t before = out->n_bytes;
    struct buffer text = {0};
    bool ok = write_synopsis(row, out, err);
    size_t at = out->n_bytes - before;
    if (ok && at + 2 > HELP_COLUMN)
        ok = buffer_printf(out, err, "\n%*s", HELP_COLUMN, "");
    else if (ok)
        ok = buffer_printf(out, err, "%*s", (int)(HELP_COLUMN - at), "");
    ok = ok && buffer_append_text(&text, row->help, err) && write_default(row, &text, err) &&
         wrap(out, text.bytes, HELP_COLUMN, HELP_COLUMN, err) && buffer_append_byte(out, '\n', err);
    buffer_free(&text);
    return ok;
}

static bool write_group(const struct command_row *command, enum option_group group, bool all,
                        struct buffer *out, struct error *err)
{
    size_t count;
    const struct option *table = options_table(&count);
    bool is_first = true;
    for (size_t i = 0; i < count; i++) {
        const struct option *row = &table[i];
        if (row->group != group || (row->commands & command->command) == 0 ||
            (!all && !row->is_basic))
            continue;
        if (is_first && all && !buffer_printf(out, err, "\n%s\n", group_titles[group]))
            return false;
        is_first = false;
        if (!write_option(row, out, err))
            return false;
    }
    return true;
}

static bool write_commands(struct buffer *out, struct error *err)
{
    size_t count;
    const struct command_row *rows = commands_table(&count);
    if (count == 1)
        return true;
    if (!buffer_append_text(out, "\nCommands (dragoman COMMAND --help tells of each)\n", err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!buffer_printf(out, err, "  %-*s%s\n", HELP_COLUMN - 2, rows[i].name, rows[i].summary))
            return false;
    return true;
}

static const char notes[] =
    "\nSettings\n"
    "  Options that are settings may stand in the configuration file,\n"
    "  $XDG_CONFIG_HOME/dragoman/config, as lines 'name = value', and in the\n"
    "  environment, as DRAGOMAN_NAME. The command line wins, then the environment,\n"
    "  then the file, then the model; --print-config shows what came of it.\n"
    "  --no-NAME switches off what a setting or the default switched on, and takes\n"
    "  back a text that a setting gave (--no-cache, --no-terms).\n"
    "\nExit status\n"
    "  0  every input line has its output line, and all of it was written\n"
    "  1  the run could not finish; the output is whole lines, right up to its end\n"
    "  2  nothing was translated: wrong usage, or a model that cannot be used\n";

/* Paragraphs between "\n\n", wrapped. */
static bool write_details(const char *details, struct buffer *out, struct error *err)
{
    while (*details != '\0') {
        const char *end = strstr(details, "\n\n");
        size_t n = end != NULL ? (size_t)(end - details) : strlen(details);
        char *paragraph = memory_text(details, n, err);
        bool ok = paragraph != NULL && buffer_append_byte(out, '\n', err) &&
                  wrap(out, paragraph, 0, 0, err) && buffer_append_byte(out, '\n', err);
        memory_free(paragraph);
        if (!ok)
            return false;
        details += end != NULL ? n + 2 : n;
    }
    return true;
}

bool help_write(const struct command_row *command, bool all, struct buffer *out, struct error *err)
{
    bool is_default = command->command == COMMAND_TRANSLATE;
    if (!buffer_printf(out, err, "Usage: dragoman %s%s%s\n%s\n%s", is_default ? "" : command->name,
                       is_default ? "" : " ", command->arguments, command->summary,
                       all ? "" : "\n"))
        return false;
    if (all && command->details != NULL && !write_details(command->details, out, err))
        return false;
    for (int group = 0; group < GROUP_COUNT; group++)
        if (!write_group(command, (enum option_group)group, all, out, err))
            return false;
    if (is_default && !write_commands(out, err))
        return false;
    if (all && !buffer_append_text(out, notes, err))
        return false;
    return all || buffer_append_text(out, "\n--help=all tells of every option.\n", err);
}
