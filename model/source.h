/* source.h - the bytes a parser reads: an open file or a block of memory, bounded either way.
 *
 * Parsers see nothing else of a file, so that tests and fuzzers can call them on bytes. All reads
 * are by offset and length and are checked against the size; a cursor reads forward through a
 * window, for headers of many small fields.
 *
 *     struct cursor cursor;
 *     cursor_init(&cursor, source, 8, header_bytes);
 *     if (!cursor_u32(&cursor, &count, err)) ...             "model.bin: truncated: ..." */
#ifndef DRAGOMAN_MODEL_SOURCE_H
#define DRAGOMAN_MODEL_SOURCE_H

#include "base/file.h"

struct source {
    struct file file;           /* its name serves messages; descriptor -1 if in memory */
    const unsigned char *bytes; /* NULL if in the file */
    size_t n_bytes;
};

/* Opens directory/name as file_open() does, without a size limit. */
bool source_open(struct source *source, const char *directory, const char *name, struct error *err);

/* A source of bytes in memory, which must outlive it. */
void source_of_bytes(struct source *source, const char *name, const void *bytes, size_t n_bytes);

/* Reads exactly [offset, offset + n_bytes), or fails with "truncated". */
bool source_read(const struct source *source, size_t offset, void *out, size_t n_bytes,
                 struct error *err);

/* As file_close(); nothing to do for bytes in memory. */
bool source_close(struct source *source, struct error *err);

/* Sets "FILE: ..." as ERROR_MODEL; returns false. */
bool source_fault(const struct source *source, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define CURSOR_WINDOW 4096

/* Reads forward from `at` to `end`. */
struct cursor {
    const struct source *source;
    size_t at, end;
    size_t window_at, window_bytes; /* what part of the source `window` holds */
    unsigned char window[CURSOR_WINDOW];
};

/* A cursor on [at, at + n_bytes) of the source, cut at the source's end. */
void cursor_init(struct cursor *cursor, const struct source *source, size_t at, size_t n_bytes);

/* Bytes from here to the cursor's end. */
size_t cursor_left(const struct cursor *cursor);

/* The next bytes, or little-endian numbers. On failure ("truncated") the position is unchanged. */
bool cursor_read(struct cursor *cursor, void *out, size_t n_bytes, struct error *err);
bool cursor_skip(struct cursor *cursor, size_t n_bytes, struct error *err);
bool cursor_u8(struct cursor *cursor, uint8_t *out, struct error *err);
bool cursor_u16(struct cursor *cursor, uint16_t *out, struct error *err);
bool cursor_u32(struct cursor *cursor, uint32_t *out, struct error *err);
bool cursor_u64(struct cursor *cursor, uint64_t *out, struct error *err);

/* Little-endian numbers in memory, at any alignment. */
uint16_t little_u16(const unsigned char *bytes);
uint32_t little_u32(const unsigned char *bytes);
uint64_t little_u64(const unsigned char *bytes);

#endif
