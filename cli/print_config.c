/* --print-config: a line for each option, with the value in force and where it came from, then what
 * only the model decides. */
#include "cli/engine.h"

#include "cli/commands.h"
#include "cli/paths.h"

#include <stdio.h>
#include <string.h>

/* Options whose value the library knows better: the model may have decided it. */
static const struct {
    const char *option, *setting;
} known_to_library[] = {
    {"beam", "num_beams"},
    {"n-best", "n_best"},
    {"max-length", "max_length"},
    {"min-length", "min_length"},
    {"max-length-ratio", "max_length_ratio"},
    {"length-penalty", "length_penalty"},
    {"word-penalty", "word_penalty"},
    {"stop", "early_stopping"},
    {"compat", "compat"},
    {"no-repeat-ngram", "no_repeat_ngram_size"},
    {"repetition-penalty", "repetition_penalty"},
    {"loop-guard", "loop_guard"},
};

#define N_KNOWN (sizeof known_to_library / sizeof known_to_library[0])

static bool find_setting(struct dragoman *dragoman, const char *name,
                         struct dragoman_setting *setting)
{
    for (size_t i = 0; dragoman != NULL && dragoman_get_setting(dragoman, i, setting); i++)
        if (strcmp(setting->name, name) == 0)
            return true;
    return false;
}

static bool append_origin(const struct option *row, enum option_origin origin, struct buffer *out,
                          struct error *err)
{
    char name[64];
    switch (origin) {
    case OPTION_FROM_COMMAND_LINE:
        return buffer_printf(out, err, "--%s", row->name);
    case OPTION_FROM_ENVIRONMENT:
        option_environment_name(row, name);
        return buffer_append_text(out, name, err);
    case OPTION_FROM_FILE:
        return options_file_path(out, err);
    case OPTION_CHOSEN:
        return buffer_append_text(out, "--from, --to", err);
    case OPTION_FROM_MODEL:
        return buffer_append_text(out, "model", err);
    case OPTION_DEFAULT:
        break;
    }
    return buffer_append_text(out, "default", err);
}

/* What the table has no value for. */
static bool append_unset(struct dragoman *dragoman, const struct option *row, struct buffer *out,
                         struct error *err)
{
    if (strcmp(row->name, "model") == 0)
        return default_model_path(out, err);
    if (strcmp(row->name, "threads") == 0) {
        struct dragoman_statistics statistics;
        dragoman_get_statistics(dragoman, &statistics);
        return buffer_printf(out, err, "%u", statistics.threads);
    }
    return buffer_append_text(out, row->when_unset != NULL ? row->when_unset : "none", err);
}

/* Never given, or taken back (--no-NAME). */
static bool is_unset(const struct options *options, const struct option *row,
                     enum option_origin origin)
{
    const void *field = (const char *)options + row->field;
    if (row->type == OPTION_TEXT)
        return *(const char *const *)field == NULL;
    if (row->type == OPTION_TEXTS)
        return ((const struct texts *)field)->count == 0;
    return origin == OPTION_DEFAULT && row->initial == NULL;
}

/* "name = value  # origin" */
static bool append_option(struct dragoman *dragoman, const struct options *options,
                          const struct option *row, enum option_origin origin, struct buffer *out,
                          struct error *err)
{
    struct dragoman_setting setting = {.origin = ""};
    bool is_known = false;
    for (size_t i = 0; i < N_KNOWN && !is_known; i++)
        is_known = strcmp(row->name, known_to_library[i].option) == 0 &&
                   find_setting(dragoman, known_to_library[i].setting, &setting);
    if (!buffer_printf(out, err, "%s = ", row->name))
        return false;
    if (!is_known)
        return (is_unset(options, row, origin) ? append_unset(dragoman, row, out, err)
                                               : option_format(options, row, out, err)) &&
               buffer_append_text(out, "  # ", err) && append_origin(row, origin, out, err) &&
               buffer_append_byte(out, '\n', err);
    bool is_given = origin >= OPTION_FROM_FILE;
    bool is_option = strcmp(setting.origin, "option") == 0 ||
                     (is_given && strcmp(setting.origin, "default") == 0);
    if (!buffer_printf(out, err, "%s  # ", setting.value))
        return false;
    /* An option that is not given has been set by another: --n-best widens the beam. */
    bool ok = !is_option ? buffer_append_text(out, setting.origin, err)
              : is_given ? append_origin(row, origin, out, err)
                         : buffer_append_text(out, "--n-best", err);
    return ok && buffer_append_byte(out, '\n', err);
}

static bool append_rest(struct dragoman *dragoman, struct buffer *out, struct error *err)
{
    struct dragoman_setting setting;
    for (size_t i = 0; dragoman_get_setting(dragoman, i, &setting); i++) {
        bool is_known = false;
        for (size_t j = 0; j < N_KNOWN && !is_known; j++)
            is_known = strcmp(setting.name, known_to_library[j].setting) == 0;
        if (!is_known && !buffer_printf(out, err, "%s = %s  # %s\n", setting.name, setting.value,
                                        setting.origin))
            return false;
    }
    return true;
}

static bool is_shown(const struct option *row, const struct options *options)
{
    static const char *const not_these[] = {"print-config", "help", "version", "limits"};
    for (size_t i = 0; i < sizeof not_these / sizeof not_these[0]; i++)
        if (strcmp(row->name, not_these[i]) == 0)
            return false;
    return (row->commands & options->command) != 0;
}

bool engine_append_config(struct dragoman *dragoman, const struct options *options,
                          struct buffer *out, struct error *err)
{
    size_t count;
    const struct option *table = options_table(&count);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++)
        if (is_shown(&table[i], options))
            ok = append_option(dragoman, options, &table[i], options->origins[i], out, err);
    return ok && append_rest(dragoman, out, err);
}

bool engine_print_config(struct dragoman *dragoman, const struct options *options,
                         struct error *err)
{
    struct buffer out = {0};
    bool ok = engine_append_config(dragoman, options, &out, err) &&
              print_text(out.bytes, out.n_bytes, err);
    buffer_free(&out);
    return ok;
}

/* ---- of a server ------------------------------------------------------------------------------
 */

/* The next line of the server's, and the option it is of, or NULL; NULL after the last. */
static const char *next_line(const char **at, size_t *n_bytes, const struct option **row)
{
    const char *line = *at;
    const char *end = strchr(line, '\n');
    char name[64] = "";
    if (end == NULL)
        return NULL;
    *n_bytes = (size_t)(end - line);
    *at = end + 1;
    size_t n_name = strcspn(line, " \n");
    if (n_name < sizeof name)
        memcpy(name, line, n_name);
    *row = option_find(name);
    return line;
}

static bool append_servers(const struct options *options, const char *line, size_t n_bytes,
                           struct buffer *out, struct error *err)
{
    return buffer_append(out, line, n_bytes, err) &&
           buffer_printf(out, err, " (the server at %s)\n", options->socket);
}

/* Whether the server's value counts: what it was started with, but for the languages, which a
 * client may choose. */
static bool is_servers(const struct options *options, const struct option *row)
{
    bool is_language = strcmp(row->name, "from") == 0 || strcmp(row->name, "to") == 0;
    return (row->commands & COMMAND_SERVE) != 0 && row->group != GROUP_MESSAGES &&
           row->group != GROUP_OTHER && row->group != GROUP_HTTP &&
           !(is_language && option_is_given(options, row->name)) &&
           !(strcmp(row->name, "split") == 0 && options->split == SPLIT_PARAGRAPH);
}

/* The server's lines of one option, or with `row` NULL those that are of none. */
static bool append_lines(const struct options *options, const struct option *row,
                         const char *server, struct buffer *out, struct error *err)
{
    const struct option *of;
    const char *line;
    size_t n_bytes;
    bool ok = true;
    while (ok && (line = next_line(&server, &n_bytes, &of)) != NULL)
        if (of == row)
            ok = append_servers(options, line, n_bytes, out, err);
    return ok;
}

bool engine_print_server_config(const char *server, const struct options *options,
                                struct error *err)
{
    struct buffer out = {0};
    size_t count;
    const struct option *table = options_table(&count);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        if (!is_shown(&table[i], options))
            continue;
        ok = is_servers(options, &table[i])
                 ? append_lines(options, &table[i], server, &out, err)
                 : append_option(NULL, options, &table[i], options->origins[i], &out, err);
    }
    ok = ok && append_lines(options, NULL, server, &out, err) &&
         print_text(out.bytes, out.n_bytes, err);
    buffer_free(&out);
    return ok;
}
