/* pickle_machine.h - what the opcodes of a pickle (pickle.c) do: a stack with marks, values and
 * containers that are built on it, a memo. For pickle.c alone.
 *
 * Each function fails with an ERROR_MODEL that names the opcode's offset, or for want of memory. */
#ifndef DRAGOMAN_MODEL_PICKLE_MACHINE_H
#define DRAGOMAN_MODEL_PICKLE_MACHINE_H

#include "model/pickle.h"

/* The machine while it runs. */
struct machine {
    struct pickle *pickle;
    struct cursor *cursor;
    const struct pickle_global *allowed;
    size_t n_allowed;
    uint32_t *stack;
    size_t height, stack_capacity;
    size_t marks[PICKLE_MAX_DEPTH]; /* heights of the stack */
    size_t n_marks;
    uint32_t *memo; /* UINT32_MAX where nothing was put */
    size_t n_memo, memo_capacity;
    size_t n_memoized;
    size_t opcode_at;
    struct error *err;
};

/* Sets "FILE: pickle: offset N: REASON"; returns false. */
bool pickle_fault(struct machine *m, const char *reason);

bool pickle_push_value(struct machine *m, struct pickle_value value);
bool pickle_push_integer(struct machine *m, int64_t integer);
bool pickle_push_mark(struct machine *m);

/* *count: how many values stand above the mark that is taken away. */
bool pickle_pop_mark(struct machine *m, size_t *count);

/* The `count` topmost values as a tuple; the same, added to the list or dict below them. */
bool pickle_make_tuple(struct machine *m, size_t count);
bool pickle_extend(struct machine *m, enum pickle_kind kind, size_t count);

/* Takes a string of n_bytes from the cursor. */
bool pickle_read_string(struct machine *m, uint64_t n_bytes, bool utf8);

/* Opcodes with these names; a global that is not allowed is refused by name. */
bool pickle_do_global(struct machine *m);
bool pickle_do_stack_global(struct machine *m);
bool pickle_do_call(struct machine *m);
bool pickle_do_persistent(struct machine *m);
bool pickle_do_build(struct machine *m);

bool pickle_memo_put(struct machine *m, uint64_t index);
bool pickle_memo_get(struct machine *m, uint64_t index);

#endif
