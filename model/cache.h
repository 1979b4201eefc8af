/* cache.h - keys and values of cross attention, kept in pages and never moved; and where pages come
 * from. (A decoder's own past is history.h's.)
 *
 * A row is the keys and values of all heads of one position in one layer: [K|V], 2HK numbers. A
 * page holds a few positions in all layers:
 *
 *     page[layer][position][slot][row_bytes]
 *
 * so that a pointer to a row of layer 0 leads to the other layers by a constant distance. Pages
 * come from a pool and go back to it: after the first sentences nothing is allocated.
 *
 * A recurrent decoder keeps its state in the same way: a "row" is the state after a step of one of
 * N slots, and only the last two positions are kept (`window` 2). */
#ifndef DRAGOMAN_MODEL_CACHE_H
#define DRAGOMAN_MODEL_CACHE_H

#include "base/memory.h"

/* Free pages of one size, aligned to MEMORY_ALIGNMENT. Small ones are made some at a time. */
struct page_pool {
    struct page *free;
    struct slab *slabs;
    size_t page_bytes; /* set once, before the first page is taken */
    uint64_t n_bytes;  /* of all pages it ever made */
};

/* A page, or NULL for want of memory; what is in it is left over from its last use. */
void *page_take(struct page_pool *pool, struct error *err);
void page_give(struct page_pool *pool, void *page);

/* Frees all pages, those that were not given back among them. */
void page_pool_free(struct page_pool *pool);

/* How rows lie in pages. */
struct cache_shape {
    size_t row_bytes;
    uint32_t n_layers, n_slots;
    uint32_t positions; /* in one page */
    uint32_t window;    /* position p is kept where p % window was; 0: all are kept */
};

/* The rows of one sentence. */
struct cache {
    void **pages;
    uint32_t n_pages, capacity;
};

/* The size of a page; false on overflow. */
bool cache_page_bytes(const struct cache_shape *shape, size_t *n_bytes);

/* Bytes from a row to the same row of the next layer. */
size_t cache_layer_bytes(const struct cache_shape *shape);

/* Makes sure that `position` has its page. */
bool cache_reserve(struct cache *cache, const struct cache_shape *shape, struct page_pool *pool,
                   uint32_t position, struct error *err);

/* The row of layer 0. */
void *cache_row(const struct cache *cache, const struct cache_shape *shape, uint32_t position,
                uint32_t slot);

/* Gives the pages back. */
void cache_clear(struct cache *cache, struct page_pool *pool);
void cache_free(struct cache *cache, struct page_pool *pool);

#endif
