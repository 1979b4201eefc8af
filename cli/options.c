#include "cli/options.h"

#include "cli/lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_FILE_LINE ((size_t)64 << 10)

static bool name_equals(const struct option *row, const char *name, size_t n_bytes)
{
    return strlen(row->name) == n_bytes && memcmp(row->name, name, n_bytes) == 0;
}

static const struct option *find(const char *name, size_t n_bytes)
{
    size_t count;
    const struct option *table = options_table(&count);
    for (size_t i = 0; i < count; i++)
        if (name_equals(&table[i], name, n_bytes))
            return &table[i];
    return NULL;
}

const struct option *option_find(const char *name)
{
    return find(name, strlen(name));
}

bool option_is_given(const struct options *options, const char *name)
{
    size_t count;
    const struct option *row = option_find(name);
    return row != NULL && options->origins[row - options_table(&count)] >= OPTION_FROM_FILE;
}

void option_note_chosen(struct options *options, const char *name)
{
    size_t count;
    const struct option *row = option_find(name);
    if (row != NULL)
        options->origins[row - options_table(&count)] = OPTION_CHOSEN;
}

void option_environment_name(const struct option *row, char out[64])
{
    size_t used = 9;
    memcpy(out, "DRAGOMAN_", used);
    for (const char *c = row->name; *c != '\0' && used < 63; c++, used++)
        out[used] = *c == '-' ? '_' : (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    out[used] = '\0';
}

/* Levenshtein distance of two short names, 99 if they are long. */
static unsigned distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    unsigned row[33];
    if (n_a > 32 || n_b > 32)
        return 99;
    for (unsigned j = 0; j <= n_b; j++)
        row[j] = j;
    for (unsigned i = 1; i <= n_a; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= n_b; j++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1] ? 1 : 0);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[n_b];
}

bool is_typo(const char *word, const char *name)
{
    unsigned d = distance(word, strlen(word), name, strlen(name));
    return d > 0 && d < 3 && d < strlen(name) / 2;
}

static bool unknown(const char *shown, const char *name, size_t n_bytes, enum command command,
                    struct error *err)
{
    size_t count;
    const struct option *table = options_table(&count);
    const struct option *nearest = NULL;
    const char *before = "";
    unsigned least = 3;
    bool is_off = n_bytes > 3 && memcmp(name, "no-", 3) == 0;
    for (size_t i = 0; i < count; i++) {
        unsigned d = distance(name, n_bytes, table[i].name, strlen(table[i].name));
        if (is_off && option_can_be_off(&table[i])) {
            unsigned off = distance(name + 3, n_bytes - 3, table[i].name, strlen(table[i].name));
            if ((table[i].commands & command) != 0 && off < least && off < d) {
                least = off;
                nearest = &table[i];
                before = "no-";
                continue;
            }
        }
        if ((table[i].commands & command) != 0 && d < least) {
            least = d;
            nearest = &table[i];
            before = "";
        }
    }
    if (nearest != NULL)
        return error_set(err, ERROR_USAGE, "%.60s: unknown option (did you mean --%s%s?)", shown,
                         before, nearest->name);
    return error_set(err, ERROR_USAGE, "%.60s: unknown option (see --help)", shown);
}

static bool is_of_command(const struct options *options, const struct option *row,
                          struct error *err)
{
    return (row->commands & options->command) != 0 ||
           error_set(err, ERROR_USAGE, "--%s: not an option of this command (see --help)",
                     row->name);
}

/* Sets an option of the command line, or refuses it if it belongs to other commands. */
static bool set_argument(struct options *options, const struct option *row, const char *value,
                         struct error *err)
{
    char label[64];
    if (!is_of_command(options, row, err))
        return false;
    snprintf(label, sizeof label, "--%s", row->name);
    return option_set(options, row, value, OPTION_FROM_COMMAND_LINE, label, err);
}

/* "--no-name"; *is_one: it is of this form, and the option can be off. */
static bool read_off(struct options *options, const char *name, size_t n_name, bool *is_one,
                     struct error *err)
{
    const struct option *row =
        n_name > 3 && memcmp(name, "no-", 3) == 0 ? find(name + 3, n_name - 3) : NULL;
    *is_one = row != NULL && option_can_be_off(row);
    if (!*is_one)
        return true;
    if (name[n_name] == '=')
        return error_set(err, ERROR_USAGE, "--no-%s: takes no value", row->name);
    return is_of_command(options, row, err) && option_switch_off(options, row, err);
}

/* "--name", "--name=value", "--name value", "--no-name". Moves *at to the last argument used. */
static bool read_long(struct options *options, int argc, char *const *argv, int *at,
                      struct error *err)
{
    const char *name = argv[*at] + 2;
    size_t n_name = strcspn(name, "=");
    const struct option *row = find(name, n_name);
    if (row == NULL) {
        bool is_off = false;
        bool ok = read_off(options, name, n_name, &is_off, err);
        return is_off ? ok : unknown(argv[*at], name, n_name, options->command, err);
    }
    if (name[n_name] == '=')
        return set_argument(options, row, name + n_name + 1, err);
    if (row->implied != NULL)
        return set_argument(options, row, row->implied, err);
    if (*at + 1 >= argc)
        return error_set(err, ERROR_USAGE, "--%s: needs a value", row->name);
    return set_argument(options, row, argv[++*at], err);
}

/* "-q", "-t4", "-t 4", "-qt4". */
static bool read_letters(struct options *options, int argc, char *const *argv, int *at,
                         struct error *err)
{
    size_t count;
    const struct option *table = options_table(&count);
    const char *word = argv[*at] + 1;
    size_t n_word = strcspn(word, "=");
    if (n_word > 1 && find(word, n_word) != NULL)
        return error_set(err, ERROR_USAGE, "%.60s: unknown option (did you mean --%.*s?)",
                         argv[*at], (int)n_word, word);
    for (const char *letter = word; *letter != '\0'; letter++) {
        const struct option *row = NULL;
        for (size_t i = 0; i < count; i++)
            if (table[i].letter == *letter)
                row = &table[i];
        if (row == NULL)
            return error_set(err, ERROR_USAGE, "-%c: unknown option (see --help)", *letter);
        if (row->implied != NULL) {
            if (!set_argument(options, row, row->implied, err))
                return false;
            continue;
        }
        if (letter[1] != '\0')
            return set_argument(options, row, letter + 1, err);
        if (*at + 1 >= argc)
            return error_set(err, ERROR_USAGE, "-%c: needs a value", *letter);
        return set_argument(options, row, argv[++*at], err);
    }
    return true;
}

static bool read_arguments(struct options *options, int argc, char *const *argv, struct error *err)
{
    options->operands =
        arena_new(&options->arena, (size_t)(argc > 0 ? argc : 1), sizeof *options->operands, err);
    if (options->operands == NULL)
        return false;
    bool only_operands = false;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (only_operands || word[0] != '-' || word[1] == '\0') {
            options->operands[options->n_operands++] = word;
        } else if (strcmp(word, "--") == 0) {
            only_operands = true;
        } else if (word[1] == '-') {
            if (!read_long(options, argc, argv, &i, err))
                return false;
        } else if (!read_letters(options, argc, argv, &i, err)) {
            return false;
        }
    }
    return true;
}

static bool read_environment(struct options *options, struct error *err)
{
    size_t count;
    const struct option *table = options_table(&count);
    for (size_t i = 0; i < count; i++) {
        if (!table[i].is_setting)
            continue;
        char name[64];
        option_environment_name(&table[i], name);
        const char *value = getenv(name);
        if (value != NULL && value[0] != '\0' && options->origins[i] < OPTION_FROM_ENVIRONMENT &&
            !option_set(options, &table[i], value, OPTION_FROM_ENVIRONMENT, name, err))
            return false;
    }
    return true;
}

bool options_file_path(struct buffer *out, struct error *err)
{
    const char *base = getenv("XDG_CONFIG_HOME");
    if (base != NULL && base[0] == '/')
        return buffer_printf(out, err, "%s/dragoman/config", base);
    const char *home = getenv("HOME");
    return home != NULL && home[0] == '/' &&
           buffer_printf(out, err, "%s/.config/dragoman/config", home);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* One line of the configuration file: blank, "# comment", or "name = value". */
static bool read_setting(struct options *options, const char *label, const struct line *line,
                         struct error *err)
{
    const char *start = line->bytes;
    const char *end = start + line->n_bytes;
    while (start < end && is_space(*start))
        start++;
    while (end > start && is_space(end[-1]))
        end--;
    if (start == end || *start == '#')
        return true;
    const char *equals = memchr(start, '=', (size_t)(end - start));
    if (equals == NULL || memchr(start, '\0', (size_t)(end - start)) != NULL)
        return error_set(err, ERROR_USAGE, "%s: must be 'name = value'", label);
    const char *name_end = equals;
    while (name_end > start && is_space(name_end[-1]))
        name_end--;
    const char *value = equals + 1;
    while (value < end && is_space(*value))
        value++;
    const struct option *row = find(start, (size_t)(name_end - start));
    if (row == NULL || !row->is_setting)
        return error_set(err, ERROR_USAGE, "%s: '%.*s' is not a setting", label,
                         (int)(name_end - start < 60 ? name_end - start : 60), start);
    size_t count;
    if (options->origins[row - options_table(&count)] > OPTION_FROM_FILE)
        return true;
    const char *text = arena_text(&options->arena, value, (size_t)(end - value), err);
    char full[400];
    snprintf(full, sizeof full, "%s: %s", label, row->name);
    return text != NULL && option_set(options, row, text, OPTION_FROM_FILE, full, err);
}

static bool read_lines(struct options *options, struct line_input *input, struct error *err)
{
    struct line line;
    enum line_state state;
    while ((state = line_input_next(input, &line, err)) == LINE_READ) {
        char label[300];
        snprintf(label, sizeof label, "%.250s:%llu", line_input_name(input),
                 (unsigned long long)line.number);
        if (!read_setting(options, label, &line, err))
            return false;
    }
    return state == LINE_END;
}

static bool read_file(struct options *options, struct error *err)
{
    struct buffer path = {0};
    struct stat status;
    /* No home, no file, or a home that is not ours to look into: there are no settings. */
    if (!options_file_path(&path, err) || stat(path.bytes, &status) != 0) {
        buffer_free(&path);
        return err->code == ERROR_NONE;
    }
    struct line_input_options how = {.max_bytes = MAX_FILE_LINE, .terminator = '\n'};
    struct line_input *input = NULL;
    bool ok = S_ISREG(status.st_mode) ||
              error_set(err, ERROR_USAGE, "%s: not a regular file", path.bytes);
    ok = ok && line_input_open(&input, path.bytes, &how, err) && read_lines(options, input, err);
    line_input_close(input);
    buffer_free(&path);
    if (!ok && err->code == ERROR_INPUT)
        err->code = ERROR_USAGE;
    return ok;
}

static bool set_defaults(struct options *options, struct error *err)
{
    size_t count;
    const struct option *table = options_table(&count);
    for (size_t i = 0; i < count; i++)
        if (table[i].initial != NULL &&
            !option_set(options, &table[i], table[i].initial, OPTION_DEFAULT, table[i].name, err))
            return false;
    return true;
}

bool options_read(struct options *options, enum command command, int argc, char *const *argv,
                  struct error *err)
{
    *options = (struct options){.command = command};
    /* From the strongest source to the weakest; what is set already is left alone. */
    if (!set_defaults(options, err) || !read_arguments(options, argc, argv, err))
        return false;
    if (options->help != HELP_NONE || options->version || options->limits)
        return true; /* help must not depend on a file that may be wrong */
    return read_environment(options, err) && read_file(options, err);
}

void options_free(struct options *options)
{
    arena_free(&options->arena);
}
