#include "tokenizer/pieces.h"

#include <string.h>
#include <sys/auxv.h>

static bool grow(struct pieces *pieces, uint32_t count, struct error *err)
{
    if (count > pieces->capacity) {
        uint32_t capacity = pieces->capacity < 1024 ? 1024 : pieces->capacity * 2;
        if (capacity < count)
            capacity = count;
        if (!memory_resize(&pieces->items, pieces->count, capacity, sizeof *pieces->items, err))
            return false;
        pieces->capacity = capacity;
    }
    if (count > pieces->count)
        pieces->count = count;
    return true;
}

bool pieces_put(struct pieces *pieces, uint32_t id, const char *text, size_t n_bytes,
                enum piece_kind kind, const char **fault, struct error *err)
{
    *fault = NULL;
    if (id >= PIECES_MAX)
        *fault = "more than 1048576 ids";
    else if (n_bytes > PIECE_MAX_BYTES)
        *fault = "longer than 1024 bytes";
    else if (n_bytes + 1 >= PIECES_TEXT_MAX_BYTES - pieces->text.n_bytes)
        *fault = "more than 16 MiB of pieces";
    else if (pieces_kind(pieces, id) != PIECE_NONE)
        *fault = "id twice";
    size_t offset = pieces->text.n_bytes;
    if (*fault != NULL || !grow(pieces, id + 1, err) ||
        !buffer_append(&pieces->text, text, n_bytes, err) ||
        !buffer_append_byte(&pieces->text, '\0', err))
        return false;
    pieces->items[id] =
        (struct piece){.offset = (uint32_t)offset, .n_bytes = (uint32_t)n_bytes, .kind = kind};
    pieces->n_used++;
    return true;
}

/* Multiply and fold, eight bytes at a time, from a secret start. */
static uint64_t hash(uint64_t seed, const char *text, size_t n_bytes)
{
    uint64_t state = seed ^ n_bytes * UINT64_C(0x9e3779b97f4a7c15);
    while (n_bytes > 0) {
        uint64_t word = 0;
        size_t taken = n_bytes < sizeof word ? n_bytes : sizeof word;
        memcpy(&word, text, taken);
        unsigned __int128 product =
            (unsigned __int128)(state ^ word) * UINT64_C(0xd6e8feb86659fd93);
        state = ((uint64_t)product ^ (uint64_t)(product >> 64)) + seed;
        text += taken;
        n_bytes -= taken;
    }
    return state ^ state >> 32;
}

static uint64_t random_seed(void)
{
    uint64_t seed = 0;
    const void *random = (const void *)getauxval(AT_RANDOM); /* 16 bytes of the kernel's */
    if (random != NULL)
        memcpy(&seed, random, sizeof seed);
    return seed | 1;
}

/* The slot that holds the piece, or the empty one where it would go. */
static size_t find_slot(const struct pieces *pieces, const char *text, size_t n_bytes)
{
    size_t mask = pieces->n_slots - 1;
    size_t slot = (size_t)hash(pieces->hash_seed, text, n_bytes) & mask;
    while (pieces->slots[slot] != 0) {
        const struct piece *piece = &pieces->items[pieces->slots[slot] - 1];
        if (piece->n_bytes == n_bytes &&
            memcmp(pieces->text.bytes + piece->offset, text, n_bytes) == 0)
            break;
        slot = (slot + 1) & mask;
    }
    return slot;
}

bool pieces_finish(struct pieces *pieces, uint32_t *twice, struct error *err)
{
    size_t n_slots = 64;
    while (n_slots < (size_t)pieces->n_used * 2)
        n_slots *= 2;
    memory_free(pieces->slots);
    pieces->slots = memory_new(n_slots, sizeof *pieces->slots, err);
    if (pieces->slots == NULL)
        return false;
    pieces->n_slots = n_slots;
    pieces->hash_seed = random_seed();
    for (uint32_t id = 0; id < pieces->count; id++) {
        const struct piece *piece = &pieces->items[id];
        if (piece->kind == PIECE_NONE)
            continue;
        size_t slot = find_slot(pieces, pieces->text.bytes + piece->offset, piece->n_bytes);
        if (pieces->slots[slot] == 0) {
            pieces->slots[slot] = id + 1;
        } else if (twice != NULL) {
            *twice = id;
            return false;
        }
    }
    return true;
}

uint32_t pieces_find(const struct pieces *pieces, const char *text, size_t n_bytes)
{
    if (pieces->n_slots == 0)
        return PIECES_NONE;
    size_t slot = find_slot(pieces, text, n_bytes);
    return pieces->slots[slot] != 0 ? pieces->slots[slot] - 1 : PIECES_NONE;
}

const char *pieces_text(const struct pieces *pieces, uint32_t id, size_t *n_bytes)
{
    bool known = pieces_kind(pieces, id) != PIECE_NONE;
    if (n_bytes != NULL)
        *n_bytes = known ? pieces->items[id].n_bytes : 0;
    return known ? pieces->text.bytes + pieces->items[id].offset : "";
}

enum piece_kind pieces_kind(const struct pieces *pieces, uint32_t id)
{
    return id < pieces->count ? pieces->items[id].kind : PIECE_NONE;
}

uint32_t pieces_hole(const struct pieces *pieces)
{
    for (uint32_t id = 0; id < pieces->count; id++)
        if (pieces->items[id].kind == PIECE_NONE)
            return id;
    return PIECES_NONE;
}

void pieces_free(struct pieces *pieces)
{
    buffer_free(&pieces->text);
    memory_free(pieces->items);
    memory_free(pieces->slots);
    *pieces = (struct pieces){0};
}
