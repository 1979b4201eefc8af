/* memory.h - where memory comes from: one allocation function, arenas on top of it, and a growing
 * byte string.
 *
 * Three lifetimes, three arenas (docs: README, "Memory"): the model's (const after open), a
 * worker's (reset after each batch), the caller's. memory_new() is the only caller of malloc; every
 * failure of it is an ERROR_MEMORY in the caller's `struct error`. */
#ifndef DRAGOMAN_BASE_MEMORY_H
#define DRAGOMAN_BASE_MEMORY_H

#include "base/error.h"

#include <stdarg.h>
#include <stdint.h>

/* Alignment of everything that comes from here: a cache line, and the widest vector register. */
#define MEMORY_ALIGNMENT 64

/* `count` objects of `size` bytes, zeroed, aligned to MEMORY_ALIGNMENT, for memory_free(). A count
 * of 0 gives a valid pointer to nothing. NULL and `err` filled when there is no memory or count *
 * size overflows. Thread-safe. */
void *memory_new(size_t count, size_t size, struct error *err);

/* As memory_new(), but the contents are whatever was there: for large buffers that are written at
 * once. */
void *memory_new_raw(size_t count, size_t size, struct error *err);

/* Changes `*items` (from memory_new, or NULL) to `count` objects of `size`, keeping the first
 * `old_count` and zeroing the rest. On failure nothing has changed. */
bool memory_resize(void *items, size_t old_count, size_t count, size_t size, struct error *err);

/* Frees what memory_new() or memory_resize() gave; NULL is allowed. */
void memory_free(void *pointer);

/* A NUL-terminated copy of n_bytes of text, for memory_free(). */
char *memory_text(const char *text, size_t n_bytes, struct error *err);

/* An arena: many objects, freed together. Not shared between threads while it grows. */
struct arena {
    struct arena_block *blocks; /* newest first */
    size_t n_bytes;             /* total taken from memory_new */
};

/* Zeroed, aligned memory that lives until arena_reset() or arena_free(). NULL on failure, as
 * memory_new(). */
void *arena_new(struct arena *arena, size_t count, size_t size, struct error *err);

/* The same without zeroing: for what is written before it is read. Pages that are never written
 * are never there. */
void *arena_new_raw(struct arena *arena, size_t count, size_t size, struct error *err);

/* A NUL-terminated copy in the arena. */
char *arena_text(struct arena *arena, const char *text, size_t n_bytes, struct error *err);

/* Forgets all objects but keeps the memory for the next round (one block as large as all were). */
void arena_reset(struct arena *arena);

/* Gives all memory back; the arena is empty and usable again. */
void arena_free(struct arena *arena);

/* A byte string that grows. {0} is the empty one. `bytes` is always NUL-terminated when not NULL.
 */
struct buffer {
    char *bytes;
    size_t n_bytes;
    size_t capacity;
};

bool buffer_reserve(struct buffer *buffer, size_t n_more, struct error *err);
bool buffer_append(struct buffer *buffer, const void *bytes, size_t n_bytes, struct error *err);
bool buffer_append_text(struct buffer *buffer, const char *text, struct error *err);
bool buffer_append_byte(struct buffer *buffer, char byte, struct error *err);
bool buffer_printf(struct buffer *buffer, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void buffer_clear(struct buffer *buffer); /* keeps the memory */
void buffer_free(struct buffer *buffer);

#endif
