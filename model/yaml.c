#include "model/yaml.h"

#include <stdio.h>
#include <string.h>

/* One line being taken apart. */
struct line {
    struct yaml *yaml;
    const char *file;
    size_t number;
    struct error *err;
};

static bool fault(const struct line *line, const char *what)
{
    return error_set(line->err, ERROR_MODEL, "%s: line %zu: %s", line->file, line->number, what);
}

static bool add_entry(const struct line *line, const char *key, size_t n_bytes)
{
    struct yaml *yaml = line->yaml;
    if (yaml->n_entries == yaml->capacity) {
        size_t capacity = yaml->capacity * 2 + 64;
        if (!memory_resize(&yaml->entries, yaml->capacity, capacity, sizeof *yaml->entries,
                           line->err))
            return false;
        yaml->capacity = capacity;
    }
    char *copy = arena_text(&yaml->arena, key, n_bytes, line->err);
    if (copy == NULL)
        return false;
    if (yaml_find(yaml, copy) != NULL)
        return fault(line, "duplicate key");
    yaml->entries[yaml->n_entries++] = (struct yaml_entry){.key = copy};
    return true;
}

/* Appends to the last entry. */
static bool add_value(const struct line *line, const char *value)
{
    struct yaml_entry *entry = &line->yaml->entries[line->yaml->n_entries - 1];
    if (entry->n_values == entry->capacity) {
        size_t capacity = entry->capacity * 2 + 1;
        const char **values = arena_new(&line->yaml->arena, capacity, sizeof *values, line->err);
        if (values == NULL)
            return false;
        if (entry->n_values > 0)
            memcpy(values, entry->values, entry->n_values * sizeof *values);
        entry->values = values;
        entry->capacity = capacity;
    }
    entry->values[entry->n_values++] = value;
    return true;
}

static const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    return p;
}

/* A quoted scalar at p; *next is after the closing quote. */
static bool take_quoted(const struct line *line, const char *p, const char *end, const char **value,
                        const char **next)
{
    char quote = *p++;
    char *out = arena_new(&line->yaml->arena, (size_t)(end - p) + 1, 1, line->err);
    if (out == NULL)
        return false;
    *value = out;
    for (; p < end; p++) {
        if (*p == quote && quote == '\'' && p + 1 < end && p[1] == '\'')
            p++; /* NOLINT(bugprone-branch-clone): the order counts */
        else if (*p == quote)
            break;
        else if (*p == '\\' && quote == '"' && p + 1 < end && (p[1] == '"' || p[1] == '\\'))
            p++;
        else if (*p == '\\' && quote == '"')
            return fault(line, "unsupported escape");
        *out++ = *p;
    }
    if (p >= end)
        return fault(line, "quote without its end");
    *next = p + 1;
    return true;
}

/* A scalar that ends at one of `stops` (or the line's end), added to the last entry. */
static bool take_scalar(const struct line *line, const char **at, const char *end,
                        const char *stops)
{
    const char *p = skip_blanks(*at, end), *value = NULL;
    if (p < end && (*p == '"' || *p == '\'')) {
        if (!take_quoted(line, p, end, &value, &p))
            return false;
        *at = skip_blanks(p, end);
        return add_value(line, value);
    }
    if (p < end && strchr("&*!|>{", *p) != NULL)
        return fault(line, "unsupported YAML");
    const char *from = p;
    while (p < end && strchr(stops, *p) == NULL && !(*p == '#' && p > from && p[-1] == ' '))
        p++;
    const char *to = p;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
        to--;
    *at = p;
    if (to == from || (to - from == 1 && *from == '~') ||
        (to - from == 4 && memcmp(from, "null", 4) == 0))
        return true;
    value = arena_text(&line->yaml->arena, from, (size_t)(to - from), line->err);
    return value != NULL && add_value(line, value);
}

static bool at_end(const struct line *line, const char *p, const char *end)
{
    p = skip_blanks(p, end);
    return p == end || *p == '#' || fault(line, "text after the value");
}

static bool take_list(const struct line *line, const char *p, const char *end)
{
    p = skip_blanks(p + 1, end);
    while (p < end && *p != ']') {
        if (!take_scalar(line, &p, end, ",]"))
            return false;
        if (p < end && *p == ',')
            p = skip_blanks(p + 1, end);
        else if (p < end && *p != ']')
            return fault(line, "text after the value");
    }
    if (p >= end)
        return fault(line, "list without its end");
    return at_end(line, p + 1, end);
}

static bool take_line(const struct line *line, const char *p, const char *end)
{
    const char *start = p;
    p = skip_blanks(p, end);
    if (p == end || *p == '#' || (end - p == 3 && memcmp(p, "---", 3) == 0))
        return true;
    if (*p == '-' && (p + 1 == end || p[1] == ' ')) {
        if (line->yaml->n_entries == 0)
            return fault(line, "a list without a key");
        p++;
        return take_scalar(line, &p, end, "") && at_end(line, p, end);
    }
    if (p != start)
        return fault(line, "nested values are not supported");
    const char *colon = p;
    while (colon < end && !(*colon == ':' && (colon + 1 == end || colon[1] == ' ')))
        colon++;
    if (colon == end)
        return fault(line, "no key");
    if (!add_entry(line, p, (size_t)(colon - p)))
        return false;
    p = skip_blanks(colon + 1, end);
    if (p < end && *p == '[')
        return take_list(line, p, end);
    return take_scalar(line, &p, end, "") && at_end(line, p, end);
}

bool yaml_parse(struct yaml *yaml, const char *file, const char *text, size_t n_bytes,
                struct error *err)
{
    *yaml = (struct yaml){0};
    const char *nul = memchr(text, '\0', n_bytes);
    const char *end = nul != NULL ? nul : text + n_bytes;
    struct line line = {.yaml = yaml, .file = file, .err = err};
    for (const char *p = text; p < end;) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        if (stop == NULL)
            stop = end;
        line.number++;
        if (!take_line(&line, p, stop > p && stop[-1] == '\r' ? stop - 1 : stop)) {
            yaml_free(yaml);
            return false;
        }
        p = stop < end ? stop + 1 : end;
    }
    return true;
}

void yaml_free(struct yaml *yaml)
{
    memory_free(yaml->entries);
    arena_free(&yaml->arena);
    *yaml = (struct yaml){0};
}

const struct yaml_entry *yaml_find(const struct yaml *yaml, const char *key)
{
    for (size_t i = 0; i < yaml->n_entries; i++)
        if (strcmp(yaml->entries[i].key, key) == 0)
            return &yaml->entries[i];
    return NULL;
}

const char *yaml_scalar(const struct yaml *yaml, const char *key)
{
    const struct yaml_entry *entry = yaml_find(yaml, key);
    return entry != NULL && entry->n_values == 1 ? entry->values[0] : NULL;
}
