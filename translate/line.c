#include "translate/line.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void line_free_parts(struct line *line)
{
    for (size_t i = 0; i < line->n_parts; i++) {
        token_ids_free(&line->parts[i].ids);
        token_ids_free(&line->parts[i].forced_ids);
        memory_free(line->parts[i].shortlist);
        arena_free(&line->parts[i].arena);
    }
    memory_free(line->parts);
    memory_free(line->spans);
    line->spans = NULL;
    line->n_spans = 0;
    line->parts = NULL;
    line->n_parts = 0;
}

void line_free(struct line *line)
{
    if (line == NULL)
        return;
    line_free_parts(line);
    memory_free(line->warnings);
    arena_free(&line->arena);
    memory_free(line);
}

bool line_warn(struct line *line, struct error *err, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    uint32_t count = line->result.n_warnings;
    if (count == line->warnings_room) {
        if (!memory_resize(&line->warnings, count, count + 4, sizeof line->warnings[0], err))
            return false;
        line->warnings_room = count + 4;
        line->result.warnings = line->warnings;
    }
    char *copy = arena_text(&line->arena, text, strlen(text), err);
    if (copy == NULL)
        return false;
    line->warnings[count] = copy;
    line->result.n_warnings++;
    return true;
}
