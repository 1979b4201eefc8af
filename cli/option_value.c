/* One value: from text, checked against its row; and back to text. */
#include "cli/options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_digits(const char *text)
{
    size_t n = strspn(text, "0123456789");
    return n > 0 && n <= 18 && text[n] == '\0';
}

/* A whole number as people write one, up to 18 digits, or a fault naming the range. */
static bool parse_number(const struct option *row, const char *value, uint64_t *out,
                         const char *label, struct error *err)
{
    if (is_digits(value)) {
        uint64_t number = strtoull(value, NULL, 10);
        if ((double)number >= row->minimum && (double)number <= row->maximum) {
            *out = number;
            return true;
        }
    }
    return error_set(err, ERROR_USAGE, "%s: must be a number from %.0f to %.0f, not '%.60s'", label,
                     row->minimum, row->maximum, value);
}

static bool parse_real(const struct option *row, const char *value, double *out, const char *label,
                       struct error *err)
{
    /* strtod() alone would take "inf", "nan", "0x1p3" and leading spaces. */
    if (value[0] != '\0' && value[strspn(value, "+-.0123456789eE")] == '\0') {
        char *end;
        double number = strtod(value, &end);
        if (*end == '\0' && isfinite(number) && number >= row->minimum && number <= row->maximum) {
            *out = number;
            return true;
        }
    }
    return error_set(err, ERROR_USAGE, "%s: must be a number from %g to %g, not '%.60s'", label,
                     row->minimum, row->maximum, value);
}

static void format_size(double bytes, char out[32])
{
    static const char units[] = "\0KMGT";
    size_t unit = 0;
    while (unit < 4 && bytes >= 1024 && fmod(bytes, 1024) == 0) {
        bytes /= 1024;
        unit++;
    }
    snprintf(out, 32, "%.0f%.1s", bytes, units + unit);
}

static bool parse_size(const struct option *row, const char *value, uint64_t *out,
                       const char *label, struct error *err)
{
    size_t n = strspn(value, "0123456789");
    unsigned shift = 0;
    const char *unit = value + n;
    if (unit[0] == 'K' || unit[0] == 'k')
        shift = 10;
    else if (unit[0] == 'M' || unit[0] == 'm')
        shift = 20;
    else if (unit[0] == 'G' || unit[0] == 'g')
        shift = 30;
    bool ok = n > 0 && n <= 12 && unit[shift != 0 ? 1 : 0] == '\0';
    if (ok) {
        double bytes = (double)(strtoull(value, NULL, 10) << shift);
        if (bytes >= row->minimum && bytes <= row->maximum) {
            *out = (uint64_t)bytes;
            return true;
        }
    }
    char low[32], high[32];
    format_size(row->minimum, low);
    format_size(row->maximum, high);
    return error_set(err, ERROR_USAGE, "%s: must be a size from %s to %s, such as 64M, not '%.60s'",
                     label, low, high, value);
}

static bool parse_flag(const char *value, bool *out, const char *label, struct error *err)
{
    bool yes = strcmp(value, "yes") == 0 || strcmp(value, "1") == 0;
    if (yes || strcmp(value, "no") == 0 || strcmp(value, "0") == 0) {
        *out = yes;
        return true;
    }
    return error_set(err, ERROR_USAGE, "%s: must be yes or no, not '%.60s'", label, value);
}

static bool parse_choice(const struct option *row, const char *value, int *out, const char *label,
                         struct error *err)
{
    char words[200] = "";
    size_t used = 0;
    for (int i = 0; row->choices[i] != NULL; i++) {
        if (strcmp(row->choices[i], value) == 0) {
            *out = i;
            return true;
        }
        const char *gap = i == 0 ? "" : row->choices[i + 1] == NULL ? " or " : ", ";
        int more = snprintf(words + used, sizeof words - used, "%s%s", gap, row->choices[i]);
        used += more > 0 && (size_t)more < sizeof words - used ? (size_t)more : 0;
    }
    return error_set(err, ERROR_USAGE, "%s: must be %s, not '%.60s'", label, words, value);
}

static bool add_text(struct options *options, struct texts *texts, const char *text,
                     struct error *err)
{
    const char **items = arena_new(&options->arena, texts->count + 1, sizeof *items, err);
    if (items == NULL)
        return false;
    if (texts->count > 0)
        memcpy(items, texts->items, texts->count * sizeof *items);
    items[texts->count] = text;
    texts->items = items;
    texts->count++;
    return true;
}

static bool set_text(struct options *options, const struct option *row, const char *value,
                     const char *label, struct error *err)
{
    if (value[0] == '\0')
        return error_set(err, ERROR_USAGE, "%s: must not be empty", label);
    const char *copy = arena_text(&options->arena, value, strlen(value), err);
    if (copy == NULL)
        return false;
    void *field = (char *)options + row->field;
    if (row->type == OPTION_TEXTS)
        return add_text(options, field, copy, err);
    *(const char **)field = copy;
    return true;
}

bool option_set(struct options *options, const struct option *row, const char *value,
                enum option_origin source, const char *label, struct error *err)
{
    size_t count;
    enum option_origin *origin = &options->origins[row - options_table(&count)];
    void *field = (char *)options + row->field;
    bool ok = false;
    /* A list from a stronger source replaces the one from a weaker. */
    if (row->type == OPTION_TEXTS && *origin != source)
        *(struct texts *)field = (struct texts){0};
    switch (row->type) {
    case OPTION_FLAG:
        ok = parse_flag(value, field, label, err);
        break;
    case OPTION_NUMBER:
        ok = parse_number(row, value, field, label, err);
        break;
    case OPTION_REAL:
        ok = parse_real(row, value, field, label, err);
        break;
    case OPTION_SIZE:
        ok = parse_size(row, value, field, label, err);
        break;
    case OPTION_CHOICE:
        ok = parse_choice(row, value, field, label, err);
        break;
    case OPTION_TEXT:
    case OPTION_TEXTS:
        ok = set_text(options, row, value, label, err);
        break;
    }
    *origin = source;
    return ok;
}

static bool is_text(const struct option *row)
{
    return row->type == OPTION_TEXT || row->type == OPTION_TEXTS;
}

bool option_can_be_off(const struct option *row)
{
    if (is_text(row))
        return row->initial == NULL;
    return row->implied != NULL && strcmp(row->name, "help") != 0 &&
           strcmp(row->name, "version") != 0 && strcmp(row->name, "limits") != 0;
}

bool option_switch_off(struct options *options, const struct option *row, struct error *err)
{
    size_t count;
    if (!is_text(row))
        return option_set(options, row, "no", OPTION_FROM_COMMAND_LINE, row->name, err);
    void *field = (char *)options + row->field;
    if (row->type == OPTION_TEXTS)
        *(struct texts *)field = (struct texts){0};
    else
        *(const char **)field = NULL;
    options->origins[row - options_table(&count)] = OPTION_FROM_COMMAND_LINE;
    return true;
}

bool option_format(const struct options *options, const struct option *row, struct buffer *out,
                   struct error *err)
{
    const void *field = (const char *)options + row->field;
    char size[32];
    switch (row->type) {
    case OPTION_FLAG:
        return buffer_append_text(out, *(const bool *)field ? "yes" : "no", err);
    case OPTION_NUMBER:
        return buffer_printf(out, err, "%llu", (unsigned long long)*(const uint64_t *)field);
    case OPTION_REAL:
        return buffer_printf(out, err, "%g", *(const double *)field);
    case OPTION_SIZE:
        format_size((double)*(const uint64_t *)field, size);
        return buffer_append_text(out, size, err);
    case OPTION_CHOICE:
        return buffer_append_text(out, row->choices[*(const int *)field], err);
    case OPTION_TEXT: {
        const char *text = *(const char *const *)field;
        return buffer_append_text(out, text != NULL ? text : "", err);
    }
    case OPTION_TEXTS: {
        const struct texts *texts = field;
        for (size_t i = 0; i < texts->count; i++)
            if (!buffer_printf(out, err, "%s%s", i > 0 ? " " : "", texts->items[i]))
                return false;
        return true;
    }
    }
    return true;
}
