/* pieces.h - a vocabulary: id -> piece and piece -> id, compactly. One block of text, one array of
 * ids, one open hash table; no pointer and no allocation a piece.
 *
 *     struct pieces pieces = {0};
 *     if (!pieces_put(&pieces, id, text, n_bytes, PIECE_NORMAL, &fault, err)) ...
 *     if (!pieces_finish(&pieces, err)) ...               builds the hash table
 *     uint32_t id = pieces_find(&pieces, text, n_bytes);
 *     pieces_free(&pieces);
 *
 * Const after pieces_finish(), and then shared by threads. */
#ifndef DRAGOMAN_TOKENIZER_PIECES_H
#define DRAGOMAN_TOKENIZER_PIECES_H

#include "base/memory.h"

/* As SentencePiece distinguishes them, and language tags. */
enum piece_kind {
    PIECE_NONE, /* a hole: no piece has this id */
    PIECE_NORMAL,
    PIECE_UNKNOWN,
    PIECE_CONTROL, /* never made from text, left out of text */
    PIECE_USER,
    PIECE_UNUSED,
    PIECE_BYTE, /* "<0x0A>" */
    PIECE_TAG   /* ">>de<<", "<2de>": never made from text, but printed */
};

struct piece {
    uint32_t offset, n_bytes; /* in pieces.text; a NUL follows */
    enum piece_kind kind;
};

/* More than any vocabulary has, and a bound on what a hostile one can cost, whatever the size of its
 * file: 12 MiB of items, 8 of slots, 16 of text, and half of one of them more while it grows. */
#define PIECES_MAX ((uint32_t)1 << 20)
#define PIECES_TEXT_MAX_BYTES ((size_t)16 << 20) /* a NUL after each piece included */
#define PIECES_NONE UINT32_MAX
#define PIECE_MAX_BYTES 1024

struct pieces {
    struct buffer text;
    struct piece *items; /* [count] by id */
    uint32_t count, capacity;
    uint32_t n_used;    /* items that are not holes */
    uint32_t *slots;    /* [n_slots] id + 1, or 0 */
    size_t n_slots;     /* a power of two */
    uint64_t hash_seed; /* from the kernel, so that a file cannot aim at one slot */
};

/* Gives `id` its piece. Faults, for the caller to put into words: *fault is "id twice", "longer
 * than 1024 bytes", "more than 1048576 ids", "more than 16 MiB of pieces", or NULL if `err` holds an
 * ERROR_MEMORY. */
bool pieces_put(struct pieces *pieces, uint32_t id, const char *text, size_t n_bytes,
                enum piece_kind kind, const char **fault, struct error *err);

/* Makes pieces findable. If two ids have one piece, *twice (may be NULL: then the smaller id is
 * found) is the second of them and the result is false with `err` untouched. */
bool pieces_finish(struct pieces *pieces, uint32_t *twice, struct error *err);

/* The id of a piece, or PIECES_NONE. */
uint32_t pieces_find(const struct pieces *pieces, const char *text, size_t n_bytes);

/* The piece of an id, NUL-terminated, "" if it has none. */
const char *pieces_text(const struct pieces *pieces, uint32_t id, size_t *n_bytes);
enum piece_kind pieces_kind(const struct pieces *pieces, uint32_t id);

/* The lowest id that is a hole, or PIECES_NONE. */
uint32_t pieces_hole(const struct pieces *pieces);

void pieces_free(struct pieces *pieces);

#endif
