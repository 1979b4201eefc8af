#include "model/history.h"

#include "base/checked.h"

#include <string.h>

struct history_row {
    struct history_row *parent; /* of the position before, or NULL */
    uint32_t n_users;           /* rows that go on from it, and slots that end with it */
};

#define ROW_HEADER_BYTES ((size_t)MEMORY_ALIGNMENT)

bool history_page_bytes(size_t layer_bytes, uint32_t n_layers, size_t *n_bytes)
{
    return checked_mul(layer_bytes, n_layers, n_bytes) &&
           checked_add(*n_bytes, ROW_HEADER_BYTES, n_bytes);
}

/* Room for `n` positions, of which `used` are kept. */
static bool reserve_rows(struct history *history, uint32_t n, uint32_t used, struct error *err)
{
    uint32_t n_slots = history->n_slots;
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
    return true;
}

static bool reserve(struct history *history, uint32_t n_slots, uint32_t position, struct error *err)
{
    history->n_slots = n_slots;
    for (unsigned i = 0; i < 2; i++) {
        if (history->tips[i] == NULL)
            history->tips[i] = memory_new(n_slots, sizeof(struct history_row *), err);
        if (history->tips[i] == NULL)
            return false;
    }
    return reserve_rows(history, position + 1, position, err);
}

/* One user less; rows without users go. */
static void release(struct history_row *row, struct page_pool *pool)
{
    while (row != NULL && --row->n_users == 0) {
        struct history_row *parent = row->parent;
        page_give(pool, row);
        row = parent;
    }
}

static void release_all(struct history *history, unsigned set, struct page_pool *pool)
{
    for (uint32_t s = 0; history->tips[set] != NULL && s < history->n_slots; s++) {
        release(history->tips[set][s], pool);
        history->tips[set][s] = NULL;
    }
}

/* A new row for each slot, behind its parent's last. */
static bool grow_tips(struct history *history, struct page_pool *pool, uint32_t n_rows,
                      const uint32_t *slots, const uint32_t *parents, uint32_t position,
                      struct error *err)
{
    struct history_row **old = history->tips[history->current];
    struct history_row **new = history->tips[1 - history->current];
    for (uint32_t i = 0; i < n_rows; i++) {
        struct history_row *parent = position > 0 ? old[parents[i]] : NULL;
        if (position > 0 && parent == NULL)
            return error_set(err, ERROR_INTERNAL,
                             "a step goes on from a hypothesis that has ended");
        struct history_row *row = page_take(pool, err);
        if (row == NULL)
            return false;
        *row = (struct history_row){.parent = parent, .n_users = 1};
        if (parent != NULL)
            parent->n_users++;
        new[slots[i]] = row;
    }
    return true;
}

/* Whether every slot goes on from itself. */
static bool all_stay(uint32_t n_rows, const uint32_t *slots, const uint32_t *parents)
{
    bool stay = true;
    for (uint32_t i = 0; i < n_rows; i++)
        stay = stay && slots[i] == parents[i];
    return stay;
}

static const void **rows_of(const struct history *history, unsigned set, uint32_t slot)
{
    return history->rows[set] + (size_t)slot * history->capacity;
}

bool history_step(struct history *history, struct page_pool *pool, uint32_t n_slots,
                  uint32_t n_rows, const uint32_t *slots, const uint32_t *parents,
                  uint32_t position, struct error *err)
{
    unsigned other = 1 - history->current;
    if (!reserve(history, n_slots, position, err))
        return false;
    if (!grow_tips(history, pool, n_rows, slots, parents, position, err)) {
        release_all(history, other, pool);
        return false;
    }
    release_all(history, history->current, pool);
    if (position > 0 && all_stay(n_rows, slots, parents)) {
        struct history_row **tips = history->tips[other]; /* the lists stay where they are */
        history->tips[other] = history->tips[history->current];
        history->tips[history->current] = tips;
    } else {
        for (uint32_t i = 0; i < n_rows && position > 0; i++)
            memcpy(rows_of(history, other, slots[i]), history_rows(history, parents[i]),
                   position * sizeof(void *));
        history->current = other;
    }
    for (uint32_t i = 0; i < n_rows; i++) {
        const char *row = (const char *)history->tips[history->current][slots[i]];
        rows_of(history, history->current, slots[i])[position] = row + ROW_HEADER_BYTES;
    }
    return true;
}

const void *const *history_rows(const struct history *history, uint32_t slot)
{
    return rows_of(history, history->current, slot);
}

uint32_t history_shared(const struct history *history, uint32_t n_rows, const uint32_t *slots,
                        uint32_t n_positions)
{
    const void *const *first = history_rows(history, slots[0]);
    uint32_t n = n_positions;
    /* Rows that are the same have the same rows before them. */
    for (uint32_t i = 1; i < n_rows; i++) {
        const void *const *rows = history_rows(history, slots[i]);
        while (n > 0 && rows[n - 1] != first[n - 1])
            n--;
    }
    return n;
}

void history_clear(struct history *history, struct page_pool *pool)
{
    release_all(history, history->current, pool);
}

void history_free(struct history *history, struct page_pool *pool)
{
    history_clear(history, pool);
    for (unsigned i = 0; i < 2; i++) {
        memory_free(history->tips[i]);
        memory_free(history->rows[i]);
    }
    *history = (struct history){0};
}
