#include "model/pickle_machine.h"

#include <string.h>

/* Opcodes of protocols 2 to 5 (Python's pickletools). */
enum opcode {
    OP_MARK = '(',
    OP_EMPTY_TUPLE = ')',
    OP_STOP = '.',
    OP_BINFLOAT = 'G',
    OP_BININT = 'J',
    OP_BININT1 = 'K',
    OP_BININT2 = 'M',
    OP_NONE = 'N',
    OP_BINPERSID = 'Q',
    OP_REDUCE = 'R',
    OP_BINSTRING = 'T',
    OP_SHORT_BINSTRING = 'U',
    OP_BINUNICODE = 'X',
    OP_EMPTY_LIST = ']',
    OP_APPEND = 'a',
    OP_BUILD = 'b',
    OP_GLOBAL = 'c',
    OP_APPENDS = 'e',
    OP_BINGET = 'h',
    OP_LONG_BINGET = 'j',
    OP_BINPUT = 'q',
    OP_LONG_BINPUT = 'r',
    OP_SETITEM = 's',
    OP_TUPLE = 't',
    OP_SETITEMS = 'u',
    OP_EMPTY_DICT = '}',
    OP_PROTO = 0x80,
    OP_NEWOBJ = 0x81,
    OP_TUPLE1 = 0x85,
    OP_TUPLE2 = 0x86,
    OP_TUPLE3 = 0x87,
    OP_NEWTRUE = 0x88,
    OP_NEWFALSE = 0x89,
    OP_LONG1 = 0x8a,
    OP_SHORT_BINUNICODE = 0x8c,
    OP_BINUNICODE8 = 0x8d,
    OP_STACK_GLOBAL = 0x93,
    OP_MEMOIZE = 0x94,
    OP_FRAME = 0x95,
};

/* A little-endian unsigned argument of 1, 2, 4 or 8 bytes. */
static bool read_argument(struct machine *m, size_t n_bytes, uint64_t *value)
{
    unsigned char bytes[8] = {0};
    if (!cursor_read(m->cursor, bytes, n_bytes, m->err))
        return false;
    *value = little_u64(bytes);
    return true;
}

static bool do_long1(struct machine *m)
{
    unsigned char bytes[8];
    uint64_t length;
    if (!read_argument(m, 1, &length))
        return false;
    if (length > sizeof bytes)
        return pickle_fault(m, "an integer of more than 64 bits");
    if (!cursor_read(m->cursor, bytes, (size_t)length, m->err))
        return false;
    bool negative = length > 0 && bytes[length - 1] >= 0x80;
    memset(bytes + length, negative ? 0xff : 0, sizeof bytes - (size_t)length);
    return pickle_push_integer(m, (int64_t)little_u64(bytes));
}

static bool do_float(struct machine *m)
{
    unsigned char big[8], little[8];
    double number;
    if (!cursor_read(m->cursor, big, sizeof big, m->err))
        return false;
    for (size_t i = 0; i < sizeof big; i++)
        little[i] = big[sizeof big - 1 - i];
    memcpy(&number, little, sizeof number);
    return pickle_push_value(m, (struct pickle_value){.kind = PICKLE_FLOAT, .number = number});
}

/* Opcodes without an argument. */
static bool do_plain(struct machine *m, uint8_t opcode, bool *known)
{
    size_t count;
    *known = true;
    switch (opcode) {
    case OP_NONE:
        return pickle_push_value(m, (struct pickle_value){.kind = PICKLE_NONE});
    case OP_NEWTRUE:
    case OP_NEWFALSE:
        return pickle_push_value(
            m, (struct pickle_value){.kind = PICKLE_BOOL, .integer = opcode == OP_NEWTRUE});
    case OP_EMPTY_LIST:
        return pickle_push_value(m, (struct pickle_value){.kind = PICKLE_LIST});
    case OP_EMPTY_DICT:
        return pickle_push_value(m, (struct pickle_value){.kind = PICKLE_DICT});
    case OP_EMPTY_TUPLE:
        return pickle_make_tuple(m, 0);
    case OP_TUPLE1:
    case OP_TUPLE2:
    case OP_TUPLE3:
        return pickle_make_tuple(m, (size_t)(opcode - OP_TUPLE1) + 1);
    case OP_TUPLE:
        return pickle_pop_mark(m, &count) && pickle_make_tuple(m, count);
    case OP_MARK:
        return pickle_push_mark(m);
    case OP_APPEND:
        return pickle_extend(m, PICKLE_LIST, 1);
    case OP_APPENDS:
        return pickle_pop_mark(m, &count) && pickle_extend(m, PICKLE_LIST, count);
    case OP_SETITEM:
        return pickle_extend(m, PICKLE_DICT, 2);
    case OP_SETITEMS:
        return pickle_pop_mark(m, &count) && pickle_extend(m, PICKLE_DICT, count);
    case OP_STACK_GLOBAL:
        return pickle_do_stack_global(m);
    case OP_REDUCE:
    case OP_NEWOBJ:
        return pickle_do_call(m);
    case OP_BINPERSID:
        return pickle_do_persistent(m);
    case OP_BUILD:
        return pickle_do_build(m);
    case OP_MEMOIZE:
        return pickle_memo_put(m, m->n_memoized);
    case OP_GLOBAL:
        return pickle_do_global(m);
    case OP_LONG1:
        return do_long1(m);
    case OP_BINFLOAT:
        return do_float(m);
    default:
        *known = false;
        return true;
    }
}

/* Opcodes with one number as argument. */
static bool do_number(struct machine *m, uint8_t opcode)
{
    static const struct {
        uint8_t opcode, n_bytes;
    } forms[] = {
        {OP_BININT, 4},      {OP_BININT1, 1},         {OP_BININT2, 2},
        {OP_BINSTRING, 4},   {OP_SHORT_BINSTRING, 1}, {OP_BINUNICODE, 4},
        {OP_BINUNICODE8, 8}, {OP_BINGET, 1},          {OP_SHORT_BINUNICODE, 1},
        {OP_LONG_BINGET, 4}, {OP_BINPUT, 1},          {OP_LONG_BINPUT, 4},
        {OP_FRAME, 8},
    };
    size_t form = 0, n_forms = sizeof forms / sizeof forms[0];
    while (form < n_forms && forms[form].opcode != opcode)
        form++;
    if (form == n_forms)
        return source_fault(m->cursor->source, m->err,
                            "pickle: offset %zu: opcode 0x%02x is not supported", m->opcode_at,
                            opcode);
    uint64_t value;
    if (!read_argument(m, forms[form].n_bytes, &value))
        return false;
    switch (opcode) {
    case OP_BININT:
        return pickle_push_integer(m, (int32_t)(uint32_t)value);
    case OP_BININT1:
    case OP_BININT2:
        return pickle_push_integer(m, (int64_t)value);
    case OP_BINSTRING:
    case OP_SHORT_BINSTRING:
        return pickle_read_string(m, value, false);
    case OP_BINUNICODE:
    case OP_SHORT_BINUNICODE:
    case OP_BINUNICODE8:
        return pickle_read_string(m, value, true);
    case OP_BINGET:
    case OP_LONG_BINGET:
        return pickle_memo_get(m, value);
    case OP_BINPUT:
    case OP_LONG_BINPUT:
        return pickle_memo_put(m, value);
    default: /* OP_FRAME: a hint on how much to read ahead */
        return value <= cursor_left(m->cursor) ||
               pickle_fault(m, "truncated: a frame past the end");
    }
}

static bool read_protocol(struct machine *m)
{
    uint8_t start[2];
    m->opcode_at = m->cursor->at;
    if (!cursor_read(m->cursor, start, sizeof start, m->err))
        return false;
    if (start[0] != OP_PROTO)
        return source_fault(m->cursor->source, m->err,
                            "pickle: offset %zu: opcode 0x%02x: a pickle of protocol 2 to 5 "
                            "begins with 0x80",
                            m->opcode_at, start[0]);
    return (start[1] >= 2 && start[1] <= 5) ||
           source_fault(m->cursor->source, m->err,
                        "pickle: offset %zu: opcode 0x80: protocol %u is not supported",
                        m->opcode_at, start[1]);
}

static bool run(struct machine *m)
{
    if (!read_protocol(m))
        return false;
    for (size_t n_opcodes = 0; n_opcodes < PICKLE_MAX_OPCODES; n_opcodes++) {
        uint8_t opcode;
        bool known;
        m->opcode_at = m->cursor->at;
        if (!cursor_u8(m->cursor, &opcode, m->err))
            return false;
        if (opcode == OP_STOP) {
            if (m->height != 1 || m->n_marks != 0)
                return pickle_fault(m, "the pickle does not end with one value");
            m->pickle->root = m->stack[0];
            return true;
        }
        if (!do_plain(m, opcode, &known) || (!known && !do_number(m, opcode)))
            return false;
    }
    return pickle_fault(m, "more than 1000000 opcodes (limit)");
}

bool pickle_parse(struct pickle *pickle, struct cursor *cursor, const struct pickle_global *allowed,
                  size_t n_allowed, struct error *err)
{
    *pickle = (struct pickle){0};
    struct machine machine = {
        .pickle = pickle, .cursor = cursor, .allowed = allowed, .n_allowed = n_allowed, .err = err};
    bool ok = run(&machine);
    memory_free(machine.stack);
    memory_free(machine.memo);
    if (!ok)
        pickle_free(pickle);
    return ok;
}
