#include "model/pickle.h"

#include "base/utf8.h"

#include <stdio.h>
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

#define MAX_GLOBAL_NAME 256
#define NOT_SET UINT32_MAX

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
    uint32_t *memo; /* NOT_SET where nothing was put */
    size_t n_memo, memo_capacity;
    size_t n_memoized;
    size_t opcode_at;
    struct error *err;
};

static bool fault(struct machine *m, const char *reason)
{
    source_fault(m->cursor->source, m->err, "pickle: offset %zu: %s", m->opcode_at, reason);
    return false;
}

/* Doubles an array of items so that one more fits. */
static bool make_room(void *items, size_t count, size_t *capacity, size_t size, struct error *err)
{
    if (count < *capacity)
        return true;
    size_t grown = *capacity != 0 ? 2 * *capacity : 256;
    if (!memory_resize(items, count, grown, size, err))
        return false;
    *capacity = grown;
    return true;
}

static bool push(struct machine *m, uint32_t id)
{
    if (!make_room(&m->stack, m->height, &m->stack_capacity, sizeof *m->stack, m->err))
        return false;
    m->stack[m->height++] = id;
    return true;
}

/* How many values stand above the last mark: an operation may not reach below it. */
static size_t reachable(const struct machine *m)
{
    return m->height - (m->n_marks > 0 ? m->marks[m->n_marks - 1] : 0);
}

static bool pop(struct machine *m, uint32_t *id)
{
    if (reachable(m) == 0)
        return fault(m, "the stack is empty");
    *id = m->stack[--m->height];
    return true;
}

static bool top(struct machine *m, uint32_t *id)
{
    if (reachable(m) == 0)
        return fault(m, "the stack is empty");
    *id = m->stack[m->height - 1];
    return true;
}

static bool new_value(struct machine *m, struct pickle_value value, uint32_t *id)
{
    struct pickle *p = m->pickle;
    if (!make_room(&p->values, p->n_values, &p->value_capacity, sizeof *p->values, m->err))
        return false;
    p->values[p->n_values] = value;
    *id = (uint32_t)p->n_values++; /* at most one an opcode */
    return true;
}

static bool push_value(struct machine *m, struct pickle_value value)
{
    uint32_t id;
    return new_value(m, value, &id) && push(m, id);
}

static bool push_integer(struct machine *m, int64_t integer)
{
    return push_value(m, (struct pickle_value){.kind = PICKLE_INT, .integer = integer});
}

/* Puts `item` at the end of `container`. What is inside something can no longer change, which is
 * how a pickle is written unless it is recursive. */
static bool add_item(struct machine *m, uint32_t container, uint32_t item)
{
    struct pickle *p = m->pickle;
    if (p->values[container].sealed || container == item)
        return fault(m, "recursive structure");
    struct pickle_value *inner = &p->values[item], *outer = &p->values[container];
    inner->sealed = true;
    if (inner->depth + 1 > outer->depth)
        outer->depth = (uint16_t)(inner->depth + 1);
    if (outer->depth > PICKLE_MAX_DEPTH)
        return fault(m, "nested more than 64 deep (limit)");
    if (!make_room(&p->links, p->n_links, &p->link_capacity, sizeof *p->links, m->err))
        return false;
    p->links[p->n_links++] = (struct pickle_link){.value = item};
    uint32_t link = (uint32_t)p->n_links; /* + 1; at most two an opcode */
    if (outer->items.last != 0)
        p->links[outer->items.last - 1].next = link;
    else
        outer->items.first = link;
    outer->items.last = link;
    outer->n_items++;
    return true;
}

/* Adds the `count` topmost values in order and pops them. */
static bool add_top(struct machine *m, uint32_t container, size_t count)
{
    for (size_t i = m->height - count; i < m->height; i++)
        if (!add_item(m, container, m->stack[i]))
            return false;
    m->height -= count;
    return true;
}

static bool pop_mark(struct machine *m, size_t *count)
{
    if (m->n_marks == 0)
        return fault(m, "a mark is missing");
    *count = m->height - m->marks[--m->n_marks];
    return true;
}

static bool push_mark(struct machine *m)
{
    if (m->n_marks == PICKLE_MAX_DEPTH)
        return fault(m, "more than 64 open marks (limit)");
    m->marks[m->n_marks++] = m->height;
    return true;
}

static bool make_tuple(struct machine *m, size_t count)
{
    uint32_t tuple;
    if (reachable(m) < count)
        return fault(m, "the stack is empty");
    return new_value(m, (struct pickle_value){.kind = PICKLE_TUPLE}, &tuple) &&
           add_top(m, tuple, count) && push(m, tuple);
}

/* Adds the `count` topmost values to the list or dict below them. */
static bool extend(struct machine *m, enum pickle_kind kind, size_t count)
{
    if (reachable(m) < count + 1)
        return fault(m, "the stack is empty");
    uint32_t container = m->stack[m->height - count - 1];
    if (m->pickle->values[container].kind != kind)
        return fault(m, kind == PICKLE_DICT ? "items are set on what is no dict"
                                            : "items are appended to what is no list");
    if (kind == PICKLE_DICT && count % 2 != 0)
        return fault(m, "a key without a value");
    return add_top(m, container, count);
}

static bool read_string(struct machine *m, uint64_t n_bytes, bool utf8)
{
    struct buffer *text = &m->pickle->text;
    if (n_bytes > PICKLE_MAX_STRING)
        return fault(m, "a string of more than 65536 bytes (limit)");
    if (text->n_bytes + n_bytes > PICKLE_MAX_TEXT)
        return fault(m, "more than 16 MiB of strings (limit)");
    size_t length = (size_t)n_bytes, at = text->n_bytes;
    if (length > cursor_left(m->cursor))
        return fault(m, "truncated: a string reaches past the end");
    if (!buffer_reserve(text, length + 1, m->err) ||
        !cursor_read(m->cursor, text->bytes + at, length, m->err))
        return false;
    if (utf8 && !utf8_valid(text->bytes + at, length, NULL))
        return fault(m, "a string is not UTF-8");
    text->bytes[at + length] = '\0';
    text->n_bytes = at + length + 1;
    return push_value(
        m, (struct pickle_value){.kind = PICKLE_TEXT, .n_items = (uint32_t)length, .text = at});
}

static bool push_global(struct machine *m, const char *module, const char *name)
{
    for (size_t i = 0; i < m->n_allowed; i++)
        if (strcmp(m->allowed[i].module, module) == 0 && strcmp(m->allowed[i].name, name) == 0)
            return push_value(m,
                              (struct pickle_value){.kind = PICKLE_GLOBAL, .integer = (int64_t)i});
    return source_fault(m->cursor->source, m->err,
                        "pickle: offset %zu: global '%.128s.%.128s' is refused", m->opcode_at,
                        module, name);
}

static bool read_line(struct machine *m, char line[MAX_GLOBAL_NAME])
{
    for (size_t i = 0; i < MAX_GLOBAL_NAME; i++) {
        if (!cursor_read(m->cursor, line + i, 1, m->err))
            return false;
        if (line[i] == '\n') {
            line[i] = '\0';
            return strlen(line) == i || fault(m, "a NUL in the name of a global");
        }
    }
    return fault(m, "the name of a global is longer than 255 bytes (limit)");
}

static bool do_global(struct machine *m)
{
    char module[MAX_GLOBAL_NAME], name[MAX_GLOBAL_NAME];
    return read_line(m, module) && read_line(m, name) && push_global(m, module, name);
}

static bool do_stack_global(struct machine *m)
{
    uint32_t name, module;
    if (!pop(m, &name) || !pop(m, &module))
        return false;
    size_t n_name, n_module;
    const char *name_text = pickle_text(m->pickle, name, &n_name);
    const char *module_text = pickle_text(m->pickle, module, &n_module);
    if (name_text == NULL || module_text == NULL || strlen(name_text) != n_name ||
        strlen(module_text) != n_module)
        return fault(m, "the name of a global is not a string");
    return push_global(m, module_text, name_text);
}

/* A global applied to a tuple: an empty dict or a record. */
static bool do_call(struct machine *m)
{
    uint32_t arguments, callable, call;
    if (!pop(m, &arguments) || !pop(m, &callable))
        return false;
    const struct pickle_value *values = m->pickle->values;
    if (values[arguments].kind != PICKLE_TUPLE || values[callable].kind != PICKLE_GLOBAL)
        return fault(m, "a call of what is no global, or without a tuple");
    switch (m->allowed[values[callable].integer].use) {
    case PICKLE_USE_MAP:
        if (values[arguments].n_items != 0)
            return fault(m, "a map is made with arguments");
        return push_value(m, (struct pickle_value){.kind = PICKLE_DICT});
    case PICKLE_USE_CALL:
        return new_value(m, (struct pickle_value){.kind = PICKLE_CALL}, &call) &&
               add_item(m, call, callable) && add_item(m, call, arguments) && push(m, call);
    default:
        return fault(m, "a call of a global that is only a name");
    }
}

static bool do_persistent(struct machine *m)
{
    uint32_t name, value;
    if (!pop(m, &name))
        return false;
    if (m->pickle->values[name].kind != PICKLE_TUPLE)
        return fault(m, "a persistent id that is no tuple");
    return new_value(m, (struct pickle_value){.kind = PICKLE_PERSISTENT}, &value) &&
           add_item(m, value, name) && push(m, value);
}

/* State given to an object is dropped: a state dict's attributes name no tensors. */
static bool do_build(struct machine *m)
{
    uint32_t state, object;
    if (!pop(m, &state) || !top(m, &object))
        return false;
    return m->pickle->values[object].kind == PICKLE_DICT ||
           fault(m, "state is given to what is no map");
}

static bool memo_put(struct machine *m, uint64_t index)
{
    uint32_t id;
    if (!top(m, &id))
        return false;
    if (index >= PICKLE_MAX_OPCODES)
        return fault(m, "a memo index of 1000000 or more (limit)");
    while (m->n_memo <= index) {
        if (!make_room(&m->memo, m->n_memo, &m->memo_capacity, sizeof *m->memo, m->err))
            return false;
        m->memo[m->n_memo++] = NOT_SET;
    }
    m->memo[index] = id;
    m->n_memoized++;
    return true;
}

static bool memo_get(struct machine *m, uint64_t index)
{
    if (index >= m->n_memo || m->memo[index] == NOT_SET)
        return fault(m, "the memo has nothing at this index");
    return push(m, m->memo[index]);
}

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
        return fault(m, "an integer of more than 64 bits");
    if (!cursor_read(m->cursor, bytes, (size_t)length, m->err))
        return false;
    bool negative = length > 0 && bytes[length - 1] >= 0x80;
    memset(bytes + length, negative ? 0xff : 0, sizeof bytes - (size_t)length);
    return push_integer(m, (int64_t)little_u64(bytes));
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
    return push_value(m, (struct pickle_value){.kind = PICKLE_FLOAT, .number = number});
}

/* Opcodes without an argument. */
static bool do_plain(struct machine *m, uint8_t opcode, bool *known)
{
    size_t count;
    *known = true;
    switch (opcode) {
    case OP_NONE:
        return push_value(m, (struct pickle_value){.kind = PICKLE_NONE});
    case OP_NEWTRUE:
    case OP_NEWFALSE:
        return push_value(
            m, (struct pickle_value){.kind = PICKLE_BOOL, .integer = opcode == OP_NEWTRUE});
    case OP_EMPTY_LIST:
        return push_value(m, (struct pickle_value){.kind = PICKLE_LIST});
    case OP_EMPTY_DICT:
        return push_value(m, (struct pickle_value){.kind = PICKLE_DICT});
    case OP_EMPTY_TUPLE:
        return make_tuple(m, 0);
    case OP_TUPLE1:
    case OP_TUPLE2:
    case OP_TUPLE3:
        return make_tuple(m, (size_t)(opcode - OP_TUPLE1) + 1);
    case OP_TUPLE:
        return pop_mark(m, &count) && make_tuple(m, count);
    case OP_MARK:
        return push_mark(m);
    case OP_APPEND:
        return extend(m, PICKLE_LIST, 1);
    case OP_APPENDS:
        return pop_mark(m, &count) && extend(m, PICKLE_LIST, count);
    case OP_SETITEM:
        return extend(m, PICKLE_DICT, 2);
    case OP_SETITEMS:
        return pop_mark(m, &count) && extend(m, PICKLE_DICT, count);
    case OP_STACK_GLOBAL:
        return do_stack_global(m);
    case OP_REDUCE:
    case OP_NEWOBJ:
        return do_call(m);
    case OP_BINPERSID:
        return do_persistent(m);
    case OP_BUILD:
        return do_build(m);
    case OP_MEMOIZE:
        return memo_put(m, m->n_memoized);
    case OP_GLOBAL:
        return do_global(m);
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
        return push_integer(m, (int32_t)(uint32_t)value);
    case OP_BININT1:
    case OP_BININT2:
        return push_integer(m, (int64_t)value);
    case OP_BINSTRING:
    case OP_SHORT_BINSTRING:
        return read_string(m, value, false);
    case OP_BINUNICODE:
    case OP_SHORT_BINUNICODE:
    case OP_BINUNICODE8:
        return read_string(m, value, true);
    case OP_BINGET:
    case OP_LONG_BINGET:
        return memo_get(m, value);
    case OP_BINPUT:
    case OP_LONG_BINPUT:
        return memo_put(m, value);
    default: /* OP_FRAME: a hint on how much to read ahead */
        return value <= cursor_left(m->cursor) || fault(m, "truncated: a frame past the end");
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
                return fault(m, "the pickle does not end with one value");
            m->pickle->root = m->stack[0];
            return true;
        }
        if (!do_plain(m, opcode, &known) || (!known && !do_number(m, opcode)))
            return false;
    }
    return fault(m, "more than 1000000 opcodes (limit)");
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
