#include "model/cache.h"

#include "base/checked.h"

#include <string.h>

/* Stands before a page's rows. */
struct page {
    struct page *next;
};

#define PAGE_HEADER_BYTES ((size_t)MEMORY_ALIGNMENT)

size_t cache_layer_bytes(const struct cache_shape *shape)
{
    return (size_t)shape->positions * shape->n_slots * shape->row_bytes;
}

bool cache_page_bytes(const struct cache_shape *shape, size_t *n_bytes)
{
    size_t n = shape->row_bytes;
    return checked_mul(n, shape->positions, &n) && checked_mul(n, shape->n_slots, &n) &&
           checked_mul(n, shape->n_layers, n_bytes);
}

static void *page_take(struct page_pool *pool, struct error *err)
{
    struct page *page = pool->free;
    if (page != NULL) {
        pool->free = page->next;
    } else {
        size_t n_bytes;
        if (!checked_add(pool->page_bytes, PAGE_HEADER_BYTES, &n_bytes)) {
            error_set(err, ERROR_MEMORY, "out of memory");
            return NULL;
        }
        page = memory_new_raw(n_bytes, 1, err);
        if (page == NULL)
            return NULL;
        pool->n_bytes += n_bytes;
    }
    return (char *)page + PAGE_HEADER_BYTES;
}

static void page_give(struct page_pool *pool, void *rows)
{
    struct page *page = (struct page *)(void *)((char *)rows - PAGE_HEADER_BYTES);
    page->next = pool->free;
    pool->free = page;
}

void page_pool_free(struct page_pool *pool)
{
    while (pool->free != NULL) {
        struct page *page = pool->free;
        pool->free = page->next;
        memory_free(page);
    }
    pool->n_bytes = 0;
}

static uint32_t wrap(const struct cache_shape *shape, uint32_t position)
{
    return shape->window != 0 ? position % shape->window : position;
}

bool cache_reserve(struct cache *cache, const struct cache_shape *shape, struct page_pool *pool,
                   uint32_t position, struct error *err)
{
    uint32_t needed = wrap(shape, position) / shape->positions + 1;
    if (needed > cache->capacity) {
        uint32_t capacity = needed + cache->capacity;
        if (!memory_resize(&cache->pages, cache->capacity, capacity, sizeof *cache->pages, err))
            return false;
        cache->capacity = capacity;
    }
    while (cache->n_pages < needed) {
        void *page = page_take(pool, err);
        if (page == NULL)
            return false;
        cache->pages[cache->n_pages++] = page;
    }
    return true;
}

void *cache_row(const struct cache *cache, const struct cache_shape *shape, uint32_t position,
                uint32_t slot)
{
    uint32_t p = wrap(shape, position);
    char *page = cache->pages[p / shape->positions];
    return page + ((size_t)(p % shape->positions) * shape->n_slots + slot) * shape->row_bytes;
}

void cache_clear(struct cache *cache, struct page_pool *pool)
{
    while (cache->n_pages > 0)
        page_give(pool, cache->pages[--cache->n_pages]);
}

void cache_free(struct cache *cache, struct page_pool *pool)
{
    cache_clear(cache, pool);
    memory_free(cache->pages);
    *cache = (struct cache){0};
}

bool history_reserve(struct history *history, uint32_t n_slots, uint32_t n, uint32_t used,
                     struct error *err)
{
    if (n <= history->capacity)
        return true;
    uint32_t capacity = n + history->capacity + 32;
    const void **rows[2];
    rows[0] = memory_new((size_t)n_slots * capacity, sizeof(void *), err);
    rows[1] = memory_new((size_t)n_slots * capacity, sizeof(void *), err);
    if (rows[0] == NULL || rows[1] == NULL) {
        memory_free(rows[0]);
        memory_free(rows[1]);
        return false;
    }
    for (unsigned i = 0; i < 2; i++) {
        for (uint32_t s = 0; s < n_slots && used > 0; s++)
            memcpy(rows[i] + (size_t)s * capacity, history->rows[i] + (size_t)s * history->capacity,
                   used * sizeof(void *));
        memory_free(history->rows[i]);
        history->rows[i] = rows[i];
    }
    history->capacity = capacity;
    history->n_slots = n_slots;
    return true;
}

const void **history_rows(const struct history *history, uint32_t slot)
{
    return history->rows[history->current] + (size_t)slot * history->capacity;
}

void history_permute(struct history *history, uint32_t n_rows, const uint32_t *slots,
                     const uint32_t *parents, uint32_t n)
{
    bool stays = true;
    for (uint32_t i = 0; i < n_rows; i++)
        stays = stays && slots[i] == parents[i];
    if (stays || n == 0)
        return;
    unsigned other = 1 - history->current;
    for (uint32_t i = 0; i < n_rows; i++)
        memcpy(history->rows[other] + (size_t)slots[i] * history->capacity,
               history_rows(history, parents[i]), n * sizeof(void *));
    history->current = other;
}

void history_free(struct history *history)
{
    memory_free(history->rows[0]);
    memory_free(history->rows[1]);
    *history = (struct history){0};
}
