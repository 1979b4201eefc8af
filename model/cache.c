#include "model/cache.h"

#include "base/checked.h"

/* Pages that are made together have about this many bytes; a larger one is made alone. */
#define SLAB_BYTES ((size_t)32 << 10)

/* What a free page holds. */
struct page {
    struct page *next;
};

/* Stands before the pages that were made together. */
struct slab {
    struct slab *next;
};

#define SLAB_HEADER_BYTES ((size_t)MEMORY_ALIGNMENT)

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

/* Makes some pages and puts them on the list of free ones. */
static bool make_pages(struct page_pool *pool, struct error *err)
{
    size_t stride, n_bytes, page_bytes = pool->page_bytes;
    if (page_bytes < sizeof(struct page))
        page_bytes = sizeof(struct page);
    if (!checked_add(page_bytes, MEMORY_ALIGNMENT - 1, &stride))
        return error_set(err, ERROR_MEMORY, "out of memory");
    stride -= stride % MEMORY_ALIGNMENT;
    size_t n = stride < SLAB_BYTES ? SLAB_BYTES / stride : 1;
    if (!checked_mul(stride, n, &n_bytes) || !checked_add(n_bytes, SLAB_HEADER_BYTES, &n_bytes))
        return error_set(err, ERROR_MEMORY, "out of memory");
    struct slab *slab = memory_new_raw(n_bytes, 1, err);
    if (slab == NULL)
        return false;
    slab->next = pool->slabs;
    pool->slabs = slab;
    pool->n_bytes += n_bytes;
    for (size_t i = n; i-- > 0;)
        page_give(pool, (char *)slab + SLAB_HEADER_BYTES + i * stride);
    return true;
}

void *page_take(struct page_pool *pool, struct error *err)
{
    if (pool->free == NULL && !make_pages(pool, err))
        return NULL;
    struct page *page = pool->free;
    pool->free = page->next;
    return page;
}

void page_give(struct page_pool *pool, void *memory)
{
    struct page *page = memory;
    page->next = pool->free;
    pool->free = page;
}

void page_pool_free(struct page_pool *pool)
{
    while (pool->slabs != NULL) {
        struct slab *slab = pool->slabs;
        pool->slabs = slab->next;
        memory_free(slab);
    }
    pool->free = NULL;
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
