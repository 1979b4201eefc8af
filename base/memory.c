#include "base/memory.h"

#include "base/checked.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Sizes are rounded up to the alignment; AddressSanitizer is told that the rest is nobody's, or it
 * would not see an access just past the end, or just before the next object of an arena. */
#ifndef __has_feature
#define __has_feature(feature) 0 /* clang's; gcc defines __SANITIZE_ADDRESS__ */
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define FENCE(pointer, n_bytes, rounded)                                                           \
    ASAN_POISON_MEMORY_REGION((char *)(pointer) + (n_bytes), (rounded) - (n_bytes))
#define UNFENCE(pointer, n_bytes) ASAN_UNPOISON_MEMORY_REGION(pointer, n_bytes)
#else
#define FENCE(pointer, n_bytes, rounded) ((void)0)
#define UNFENCE(pointer, n_bytes) ((void)0)
#endif

/* An arena's first block, and the size up to which further ones double it: many arenas hold one
 * sentence, a few hold a model. */
#define ARENA_FIRST_BYTES ((size_t)1 << 10)
#define ARENA_BLOCK_BYTES ((size_t)64 << 10)

struct arena_block {
    struct arena_block *next;
    size_t n_bytes, used; /* of the bytes after this header */
};

#define BLOCK_HEADER_BYTES ((size_t)MEMORY_ALIGNMENT)
_Static_assert(sizeof(struct arena_block) <= BLOCK_HEADER_BYTES, "header fits its slot");

void *memory_new_raw(size_t count, size_t size, struct error *err)
{
    size_t n_bytes, rounded;
    if (!checked_mul(count, size, &n_bytes) ||
        !checked_round_up(n_bytes, MEMORY_ALIGNMENT, &rounded)) {
        error_set(err, ERROR_MEMORY, "out of memory (%zu objects of %zu bytes)", count, size);
        return NULL;
    }
    void *pointer = aligned_alloc(MEMORY_ALIGNMENT, rounded != 0 ? rounded : MEMORY_ALIGNMENT);
    if (pointer == NULL)
        error_set(err, ERROR_MEMORY, "out of memory (%zu bytes needed at once)", rounded);
    else
        FENCE(pointer, n_bytes, rounded);
    return pointer;
}

void *memory_new(size_t count, size_t size, struct error *err)
{
    void *pointer = memory_new_raw(count, size, err);
    if (pointer != NULL)
        memset(pointer, 0, count * size); /* memory_new_raw has checked the product */
    return pointer;
}

bool memory_resize(void *items, size_t old_count, size_t count, size_t size, struct error *err)
{
    void *old = NULL;
    memcpy(&old, items, sizeof old); /* `items` is the address of a pointer of any type */
    void *grown = memory_new(count, size, err);
    if (grown == NULL)
        return false;
    size_t kept = old_count < count ? old_count : count;
    if (old != NULL && kept > 0)
        memcpy(grown, old, kept * size);
    memory_free(old);
    memcpy(items, &grown, sizeof grown);
    return true;
}

void memory_free(void *pointer)
{
    free(pointer);
}

char *memory_text(const char *text, size_t n_bytes, struct error *err)
{
    size_t with_nul;
    if (!checked_add(n_bytes, 1, &with_nul)) {
        error_set(err, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    char *copy = memory_new_raw(with_nul, 1, err);
    if (copy != NULL) {
        if (n_bytes > 0)
            memcpy(copy, text, n_bytes);
        copy[n_bytes] = '\0';
    }
    return copy;
}

#define HUGE_PAGE_BYTES ((size_t)2 << 20)

/* Asks for huge pages where whole ones fit, which is in a model's weights: 4,681 page faults until
 * the default model's first translation instead of 7,743, and three quarters of the time. A block
 * that large holds one object, all of it used, so nothing is wasted. A system that does not know
 * huge pages refuses, and nothing is lost. */
static void ask_for_huge_pages(void *memory, size_t n_bytes)
{
#ifdef MADV_HUGEPAGE
    uintptr_t begin = (uintptr_t)memory, end = begin + n_bytes;
    uintptr_t first = (begin + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
    uintptr_t last = end / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
    if (last > first)
        (void)madvise((char *)memory + (first - begin), last - first, MADV_HUGEPAGE);
#else
    (void)memory;
    (void)n_bytes;
#endif
}

static struct arena_block *arena_add_block(struct arena *arena, size_t n_bytes, struct error *err)
{
    size_t total, least = arena->n_bytes;
    least = least < ARENA_FIRST_BYTES ? ARENA_FIRST_BYTES : least;
    least = least > ARENA_BLOCK_BYTES ? ARENA_BLOCK_BYTES : least;
    if (n_bytes < least)
        n_bytes = least;
    if (!checked_add(n_bytes, BLOCK_HEADER_BYTES, &total)) {
        error_set(err, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    struct arena_block *block = memory_new_raw(total, 1, err);
    if (block == NULL)
        return NULL;
    ask_for_huge_pages(block, total);
    *block = (struct arena_block){.next = arena->blocks, .n_bytes = n_bytes, .used = 0};
    arena->blocks = block;
    arena->n_bytes += total;
    return block;
}

void *arena_new_raw(struct arena *arena, size_t count, size_t size, struct error *err)
{
    size_t n_bytes, rounded;
    if (!checked_mul(count, size, &n_bytes) ||
        !checked_round_up(n_bytes, MEMORY_ALIGNMENT, &rounded)) {
        error_set(err, ERROR_MEMORY, "out of memory (%zu objects of %zu bytes)", count, size);
        return NULL;
    }
    struct arena_block *block = arena->blocks;
    if (block == NULL || rounded > block->n_bytes - block->used) {
        block = arena_add_block(arena, rounded, err);
        if (block == NULL)
            return NULL;
    }
    void *pointer = (char *)block + BLOCK_HEADER_BYTES + block->used;
    block->used += rounded;
    UNFENCE(pointer, rounded); /* there may have been another object before arena_reset() */
    FENCE(pointer, n_bytes, rounded);
    return pointer;
}

void *arena_new(struct arena *arena, size_t count, size_t size, struct error *err)
{
    void *pointer = arena_new_raw(arena, count, size, err);
    if (pointer != NULL)
        memset(pointer, 0, count * size); /* arena_new_raw has checked the product */
    return pointer;
}

char *arena_text(struct arena *arena, const char *text, size_t n_bytes, struct error *err)
{
    size_t with_nul;
    if (!checked_add(n_bytes, 1, &with_nul)) {
        error_set(err, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    char *copy = arena_new(arena, with_nul, 1, err);
    if (copy != NULL && n_bytes > 0)
        memcpy(copy, text, n_bytes);
    return copy;
}

void arena_reset(struct arena *arena)
{
    struct arena_block *first = arena->blocks;
    if (first == NULL)
        return;
    if (first->next == NULL) {
        first->used = 0;
        return;
    }
    /* Several blocks: replace them by one that holds the same, so that the next round needs no
     * more. */
    size_t n_bytes = arena->n_bytes;
    arena_free(arena);
    (void)arena_add_block(arena, n_bytes, NULL); /* on failure the arena is empty, which is fine */
}

void arena_free(struct arena *arena)
{
    struct arena_block *block = arena->blocks;
    while (block != NULL) {
        struct arena_block *next = block->next;
        memory_free(block);
        block = next;
    }
    *arena = (struct arena){0};
}

bool buffer_reserve(struct buffer *buffer, size_t n_more, struct error *err)
{
    size_t need, doubled;
    if (!checked_add(buffer->n_bytes, n_more, &need) || !checked_add(need, 1, &need))
        return error_set(err, ERROR_MEMORY, "out of memory");
    if (need <= buffer->capacity)
        return true;
    if (!checked_mul(buffer->capacity, 2, &doubled) || doubled < need)
        doubled = need < 64 ? 64 : need;
    size_t used = buffer->bytes != NULL ? buffer->n_bytes + 1 : 0;
    char *grown = memory_new_raw(doubled, 1, err);
    if (grown == NULL)
        return false;
    if (used > 0)
        memcpy(grown, buffer->bytes, used);
    else
        grown[0] = '\0';
    memory_free(buffer->bytes);
    buffer->bytes = grown;
    buffer->capacity = doubled;
    return true;
}

bool buffer_append(struct buffer *buffer, const void *bytes, size_t n_bytes, struct error *err)
{
    if (!buffer_reserve(buffer, n_bytes, err))
        return false;
    if (n_bytes > 0)
        memcpy(buffer->bytes + buffer->n_bytes, bytes, n_bytes);
    buffer->n_bytes += n_bytes;
    buffer->bytes[buffer->n_bytes] = '\0';
    return true;
}

bool buffer_append_text(struct buffer *buffer, const char *text, struct error *err)
{
    return buffer_append(buffer, text, strlen(text), err);
}

bool buffer_append_byte(struct buffer *buffer, char byte, struct error *err)
{
    return buffer_append(buffer, &byte, 1, err);
}

bool buffer_printf(struct buffer *buffer, struct error *err, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    bool ok = length >= 0 && buffer_reserve(buffer, (size_t)length, err);
    if (ok) {
        vsnprintf(buffer->bytes + buffer->n_bytes, (size_t)length + 1, format, again);
        buffer->n_bytes += (size_t)length;
    }
    va_end(again);
    return ok;
}

void buffer_clear(struct buffer *buffer)
{
    buffer->n_bytes = 0;
    if (buffer->bytes != NULL)
        buffer->bytes[0] = '\0';
}

void buffer_free(struct buffer *buffer)
{
    memory_free(buffer->bytes);
    *buffer = (struct buffer){0};
}
