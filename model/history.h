/* history.h - keys and values of a decoder's own past, for the hypotheses of one sentence.
 *
 * A row is what a hypothesis left at one position: [K|V] of all heads in each layer, [layer][2HK],
 * so that a pointer to layer 0 leads to the other layers by a constant distance. Hypotheses are a
 * tree, for those that go on from the same one share all rows before; the past of a hypothesis is
 * an array of pointers, and when hypotheses change places the arrays are copied, never the rows. A
 * row that no live hypothesis comes from any more goes back to the pool at once: a beam of 4 keeps
 * about 1.3 rows for each position of a long sentence, not 4. */
#ifndef DRAGOMAN_MODEL_HISTORY_H
#define DRAGOMAN_MODEL_HISTORY_H

#include "model/cache.h"

/* What stands before the numbers of a row. */
struct history_row;

struct history {
    struct history_row **tips[2]; /* [N] of each slot the last row, or NULL: no hypothesis */
    const void **rows[2];         /* [N][capacity] of each slot the rows (layer 0) */
    uint32_t capacity, n_slots;
    unsigned current; /* a step reads one of the two and may write the other */
};

/* Bytes of a pool's page for a row of n_layers times layer_bytes; false on overflow. */
bool history_page_bytes(size_t layer_bytes, uint32_t n_layers, size_t *n_bytes);

/* Step number `position` (0, 1, ...): slot slots[i] goes on from what parents[i] (any, at position
 * 0) had, with a new row whose numbers are the caller's to write. Slots are distinct and below
 * n_slots, which never changes; those not listed end. Fails, changing nothing, for want of memory
 * or when a parent has ended. */
bool history_step(struct history *history, struct page_pool *pool, uint32_t n_slots,
                  uint32_t n_rows, const uint32_t *slots, const uint32_t *parents,
                  uint32_t position, struct error *err);

/* The rows of a live slot, oldest first; until the next step. */
const void *const *history_rows(const struct history *history, uint32_t slot);

/* How many of the n_positions rows of a slot are those of the other slots, too. */
uint32_t history_shared(const struct history *history, uint32_t n_rows, const uint32_t *slots,
                        uint32_t n_positions);

/* Ends all hypotheses; what is left is ready for another sentence. */
void history_clear(struct history *history, struct page_pool *pool);
void history_free(struct history *history, struct page_pool *pool);

#endif
