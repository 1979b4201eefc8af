#include "model/source.h"

#include "base/checked.h"

#include <stdio.h>
#include <string.h>

bool source_open(struct source *source, const char *directory, const char *name, struct error *err)
{
    *source = (struct source){.file = {.descriptor = -1}};
    if (!file_open(&source->file, directory, name, 0, err))
        return false;
    source->n_bytes = source->file.n_bytes;
    return true;
}

void source_of_bytes(struct source *source, const char *name, const void *bytes, size_t n_bytes)
{
    *source = (struct source){.file = {.descriptor = -1}, .bytes = bytes, .n_bytes = n_bytes};
    snprintf(source->file.name, sizeof source->file.name, "%s", name);
}

bool source_read(const struct source *source, size_t offset, void *out, size_t n_bytes,
                 struct error *err)
{
    if (!checked_range(offset, n_bytes, source->n_bytes))
        return source_fault(source, err, "truncated: %zu bytes are needed at offset %zu of %zu",
                            n_bytes, offset, source->n_bytes);
    if (source->bytes == NULL)
        return file_read(&source->file, offset, out, n_bytes, err);
    if (n_bytes > 0)
        memcpy(out, source->bytes + offset, n_bytes);
    return true;
}

bool source_close(struct source *source, struct error *err)
{
    return file_close(&source->file, err);
}

bool source_fault(const struct source *source, struct error *err, const char *format, ...)
{
    char text[ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return error_set(err, ERROR_MODEL, "%s: %s", source->file.name, text);
}

void cursor_init(struct cursor *cursor, const struct source *source, size_t at, size_t n_bytes)
{
    cursor->source = source;
    cursor->at = at < source->n_bytes ? at : source->n_bytes;
    size_t left = source->n_bytes - cursor->at;
    cursor->end = cursor->at + (n_bytes < left ? n_bytes : left);
    cursor->window_at = cursor->at;
    cursor->window_bytes = 0;
}

size_t cursor_left(const struct cursor *cursor)
{
    return cursor->end - cursor->at;
}

static bool has_left(const struct cursor *cursor, size_t n_bytes, struct error *err)
{
    return n_bytes <= cursor_left(cursor) ||
           source_fault(cursor->source, err,
                        "truncated: %zu bytes are needed at offset %zu, %zu are left", n_bytes,
                        cursor->at, cursor_left(cursor));
}

/* Makes the window hold the `n_bytes` (at most CURSOR_WINDOW) at the cursor. */
static bool fill_window(struct cursor *cursor, size_t n_bytes, struct error *err)
{
    if (cursor->at >= cursor->window_at &&
        checked_range(cursor->at - cursor->window_at, n_bytes, cursor->window_bytes))
        return true;
    size_t ahead = cursor_left(cursor) < CURSOR_WINDOW ? cursor_left(cursor) : CURSOR_WINDOW;
    cursor->window_bytes = 0;
    if (!source_read(cursor->source, cursor->at, cursor->window, ahead, err))
        return false;
    cursor->window_at = cursor->at;
    cursor->window_bytes = ahead;
    return true;
}

bool cursor_read(struct cursor *cursor, void *out, size_t n_bytes, struct error *err)
{
    if (!has_left(cursor, n_bytes, err))
        return false;
    if (n_bytes > CURSOR_WINDOW) {
        if (!source_read(cursor->source, cursor->at, out, n_bytes, err))
            return false;
    } else if (n_bytes > 0) {
        if (!fill_window(cursor, n_bytes, err))
            return false;
        memcpy(out, cursor->window + (cursor->at - cursor->window_at), n_bytes);
    }
    cursor->at += n_bytes;
    return true;
}

bool cursor_skip(struct cursor *cursor, size_t n_bytes, struct error *err)
{
    if (!has_left(cursor, n_bytes, err))
        return false;
    cursor->at += n_bytes;
    return true;
}

bool cursor_u8(struct cursor *cursor, uint8_t *out, struct error *err)
{
    return cursor_read(cursor, out, 1, err);
}

bool cursor_u16(struct cursor *cursor, uint16_t *out, struct error *err)
{
    unsigned char bytes[2];
    if (!cursor_read(cursor, bytes, sizeof bytes, err))
        return false;
    *out = little_u16(bytes);
    return true;
}

bool cursor_u32(struct cursor *cursor, uint32_t *out, struct error *err)
{
    unsigned char bytes[4];
    if (!cursor_read(cursor, bytes, sizeof bytes, err))
        return false;
    *out = little_u32(bytes);
    return true;
}

bool cursor_u64(struct cursor *cursor, uint64_t *out, struct error *err)
{
    unsigned char bytes[8];
    if (!cursor_read(cursor, bytes, sizeof bytes, err))
        return false;
    *out = little_u64(bytes);
    return true;
}

uint16_t little_u16(const unsigned char *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

uint32_t little_u32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

uint64_t little_u64(const unsigned char *bytes)
{
    return (uint64_t)little_u32(bytes) | (uint64_t)little_u32(bytes + 4) << 32;
}
