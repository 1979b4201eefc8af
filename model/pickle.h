/* pickle.h - a pickle read as data: a tree of values, never executed.
 *
 * Only the opcodes that PyTorch writes for a state dict are known, and only the globals that the
 * caller allows; a call of one makes a record that the caller interprets. Everything else is
 * refused with its name and offset. Values are kept in arrays by index, without recursion, and
 * limits hold for opcodes, text, nesting and memo.
 *
 *     struct pickle pickle;
 *     if (!pickle_parse(&pickle, &cursor, allowed, n_allowed, &err)) ...
 *     struct pickle_item item = pickle_items(&pickle, pickle.root);
 *     for (uint32_t id; pickle_next(&pickle, &item, &id);) ...
 *     pickle_free(&pickle); */
#ifndef DRAGOMAN_MODEL_PICKLE_H
#define DRAGOMAN_MODEL_PICKLE_H

#include "model/source.h"

#define PICKLE_MAX_OPCODES 1000000
#define PICKLE_MAX_STRING 65536
#define PICKLE_MAX_TEXT ((size_t)16 << 20) /* all strings together */
#define PICKLE_MAX_DEPTH 64                /* nesting of containers, and open marks */

enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INT,
    PICKLE_FLOAT,
    PICKLE_TEXT,
    PICKLE_TUPLE,
    PICKLE_LIST,
    PICKLE_DICT,       /* items alternate: key, value */
    PICKLE_GLOBAL,     /* `integer` is its index in the caller's list */
    PICKLE_CALL,       /* two items: the global, the tuple of arguments */
    PICKLE_PERSISTENT, /* one item: the tuple that names it */
};

struct pickle_value {
    uint8_t kind;
    bool sealed; /* is inside another value, and so can no longer change */
    uint16_t depth;
    uint32_t n_items; /* of containers and records; bytes of a text */
    union {
        int64_t integer;
        double number;
        size_t text; /* offset in pickle->text, NUL-terminated */
        struct {
            uint32_t first, last; /* links, + 1; 0 is none */
        } items;
    };
};

struct pickle_link {
    uint32_t value, next;
};

/* What may be done with a global. */
enum pickle_use {
    PICKLE_USE_NAME, /* stand somewhere as an argument */
    PICKLE_USE_CALL, /* be called: gives a PICKLE_CALL */
    PICKLE_USE_MAP   /* be called without arguments: gives an empty PICKLE_DICT */
};

struct pickle_global {
    const char *module, *name;
    enum pickle_use use;
    int tag; /* the caller's */
};

struct pickle {
    struct pickle_value *values;
    size_t n_values, value_capacity;
    struct pickle_link *links;
    size_t n_links, link_capacity;
    struct buffer text;
    uint32_t root;
};

/* Reads one pickle from the cursor up to and including its STOP. On failure there is nothing to
 * free. */
bool pickle_parse(struct pickle *pickle, struct cursor *cursor, const struct pickle_global *allowed,
                  size_t n_allowed, struct error *err);

void pickle_free(struct pickle *pickle);

enum pickle_kind pickle_kind(const struct pickle *pickle, uint32_t id);

/* The bytes of a PICKLE_TEXT, NUL-terminated; `n_bytes` may be NULL. */
const char *pickle_text(const struct pickle *pickle, uint32_t id, size_t *n_bytes);

/* True if `id` is a text equal to `text`. */
bool pickle_text_is(const struct pickle *pickle, uint32_t id, const char *text);

/* The items of a container or record in order. */
struct pickle_item {
    uint32_t link;
};
struct pickle_item pickle_items(const struct pickle *pickle, uint32_t id);
bool pickle_next(const struct pickle *pickle, struct pickle_item *item, uint32_t *id);

/* Copies the items of a tuple to `items` (room for `room`) and returns their number, which may be
 * larger than the room; 0 if it is not a tuple. */
size_t pickle_tuple(const struct pickle *pickle, uint32_t id, uint32_t *items, size_t room);

#endif
