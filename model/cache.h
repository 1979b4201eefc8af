/* cache.h - keys and values of attention, kept in pages and never moved.
 *
 * A row is the keys and values of all heads of one position in one layer: [K|V], 2HK numbers. A
 * page holds a few positions (times N slots, for a decoder's own history) in all layers:
 *
 *     page[layer][position][slot][row_bytes]
 *
 * so that a pointer to a row of layer 0 leads to the other layers by a constant distance. The
 * history of a hypothesis is an array of such pointers, one for each position; when hypotheses
 * change places the arrays are copied, never the rows. Pages come from a pool and go back to it:
 * after the first sentences nothing is allocated.
 *
 * A recurrent decoder keeps its state in the same way: a "row" is the state after a step, and only
 * the last two positions are kept (`window` 2). */
#ifndef DRAGOMAN_MODEL_CACHE_H
#define DRAGOMAN_MODEL_CACHE_H

#include "base/memory.h"

/* Free pages of one size. */
struct page_pool {
    struct page *free;
    size_t page_bytes;
    uint64_t n_bytes; /* of all pages it ever made */
};

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
void page_pool_free(struct page_pool *pool);

/* For each of N slots the rows of its history (layer 0). Two sets: a step reads one and may write
 * the other. */
struct history {
    const void **rows[2]; /* [N][capacity] */
    uint32_t capacity, n_slots;
    unsigned current;
};

/* Makes room for `n` positions, of which `used` are kept. */
bool history_reserve(struct history *history, uint32_t n_slots, uint32_t n, uint32_t used,
                     struct error *err);

/* The rows of `slot` now. */
const void **history_rows(const struct history *history, uint32_t slot);

/* Slot slots[i] goes on from what parents[i] had, with n positions. Slots are distinct. */
void history_permute(struct history *history, uint32_t n_rows, const uint32_t *slots,
                     const uint32_t *parents, uint32_t n);
void history_free(struct history *history);

#endif
