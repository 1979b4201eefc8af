/* The machine's parts: a stack with marks, values, containers, the memo, strings, globals. */
#include "model/pickle_machine.h"

#include "base/utf8.h"

#include <string.h>

#define MAX_GLOBAL_NAME 256
#define NOT_SET UINT32_MAX

bool pickle_fault(struct machine *m, const char *reason)
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
        return pickle_fault(m, "the stack is empty");
    *id = m->stack[--m->height];
    return true;
}

static bool top(struct machine *m, uint32_t *id)
{
    if (reachable(m) == 0)
        return pickle_fault(m, "the stack is empty");
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

bool pickle_push_value(struct machine *m, struct pickle_value value)
{
    uint32_t id;
    return new_value(m, value, &id) && push(m, id);
}

bool pickle_push_integer(struct machine *m, int64_t integer)
{
    return pickle_push_value(m, (struct pickle_value){.kind = PICKLE_INT, .integer = integer});
}

/* Puts `item` at the end of `container`. What is inside something can no longer change, which is
 * how a pickle is written unless it is recursive. */
static bool add_item(struct machine *m, uint32_t container, uint32_t item)
{
    struct pickle *p = m->pickle;
    if (p->values[container].sealed || container == item)
        return pickle_fault(m, "recursive structure");
    struct pickle_value *inner = &p->values[item], *outer = &p->values[container];
    inner->sealed = true;
    if (inner->depth + 1 > outer->depth)
        outer->depth = (uint16_t)(inner->depth + 1);
    if (outer->depth > PICKLE_MAX_DEPTH)
        return pickle_fault(m, "nested more than 64 deep (limit)");
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

bool pickle_pop_mark(struct machine *m, size_t *count)
{
    if (m->n_marks == 0)
        return pickle_fault(m, "a mark is missing");
    *count = m->height - m->marks[--m->n_marks];
    return true;
}

bool pickle_push_mark(struct machine *m)
{
    if (m->n_marks == PICKLE_MAX_DEPTH)
        return pickle_fault(m, "more than 64 open marks (limit)");
    m->marks[m->n_marks++] = m->height;
    return true;
}

bool pickle_make_tuple(struct machine *m, size_t count)
{
    uint32_t tuple;
    if (reachable(m) < count)
        return pickle_fault(m, "the stack is empty");
    return new_value(m, (struct pickle_value){.kind = PICKLE_TUPLE}, &tuple) &&
           add_top(m, tuple, count) && push(m, tuple);
}

/* Adds the `count` topmost values to the list or dict below them. */
bool pickle_extend(struct machine *m, enum pickle_kind kind, size_t count)
{
    if (reachable(m) < count + 1)
        return pickle_fault(m, "the stack is empty");
    uint32_t container = m->stack[m->height - count - 1];
    if (m->pickle->values[container].kind != kind)
        return pickle_fault(m, kind == PICKLE_DICT ? "items are set on what is no dict"
                                                   : "items are appended to what is no list");
    if (kind == PICKLE_DICT && count % 2 != 0)
        return pickle_fault(m, "a key without a value");
    return add_top(m, container, count);
}

bool pickle_read_string(struct machine *m, uint64_t n_bytes, bool utf8)
{
    struct buffer *text = &m->pickle->text;
    if (n_bytes > PICKLE_MAX_STRING)
        return pickle_fault(m, "a string of more than 65536 bytes (limit)");
    if (text->n_bytes + n_bytes > PICKLE_MAX_TEXT)
        return pickle_fault(m, "more than 16 MiB of strings (limit)");
    size_t length = (size_t)n_bytes, at = text->n_bytes;
    if (length > cursor_left(m->cursor))
        return pickle_fault(m, "truncated: a string reaches past the end");
    if (!buffer_reserve(text, length + 1, m->err) ||
        !cursor_read(m->cursor, text->bytes + at, length, m->err))
        return false;
    if (utf8 && !utf8_valid(text->bytes + at, length, NULL))
        return pickle_fault(m, "a string is not UTF-8");
    text->bytes[at + length] = '\0';
    text->n_bytes = at + length + 1;
    return pickle_push_value(
        m, (struct pickle_value){.kind = PICKLE_TEXT, .n_items = (uint32_t)length, .text = at});
}

static bool push_global(struct machine *m, const char *module, const char *name)
{
    for (size_t i = 0; i < m->n_allowed; i++)
        if (strcmp(m->allowed[i].module, module) == 0 && strcmp(m->allowed[i].name, name) == 0)
            return pickle_push_value(
                m, (struct pickle_value){.kind = PICKLE_GLOBAL, .integer = (int64_t)i});
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
            return strlen(line) == i || pickle_fault(m, "a NUL in the name of a global");
        }
    }
    return pickle_fault(m, "the name of a global is longer than 255 bytes (limit)");
}

bool pickle_do_global(struct machine *m)
{
    char module[MAX_GLOBAL_NAME], name[MAX_GLOBAL_NAME];
    return read_line(m, module) && read_line(m, name) && push_global(m, module, name);
}

bool pickle_do_stack_global(struct machine *m)
{
    uint32_t name, module;
    if (!pop(m, &name) || !pop(m, &module))
        return false;
    size_t n_name, n_module;
    const char *name_text = pickle_text(m->pickle, name, &n_name);
    const char *module_text = pickle_text(m->pickle, module, &n_module);
    if (name_text == NULL || module_text == NULL || strlen(name_text) != n_name ||
        strlen(module_text) != n_module)
        return pickle_fault(m, "the name of a global is not a string");
    return push_global(m, module_text, name_text);
}

/* A global applied to a tuple: an empty dict or a record. */
bool pickle_do_call(struct machine *m)
{
    uint32_t arguments, callable, call;
    if (!pop(m, &arguments) || !pop(m, &callable))
        return false;
    const struct pickle_value *values = m->pickle->values;
    if (values[arguments].kind != PICKLE_TUPLE || values[callable].kind != PICKLE_GLOBAL)
        return pickle_fault(m, "a call of what is no global, or without a tuple");
    switch (m->allowed[values[callable].integer].use) {
    case PICKLE_USE_MAP:
        if (values[arguments].n_items != 0)
            return pickle_fault(m, "a map is made with arguments");
        return pickle_push_value(m, (struct pickle_value){.kind = PICKLE_DICT});
    case PICKLE_USE_CALL:
        return new_value(m, (struct pickle_value){.kind = PICKLE_CALL}, &call) &&
               add_item(m, call, callable) && add_item(m, call, arguments) && push(m, call);
    default:
        return pickle_fault(m, "a call of a global that is only a name");
    }
}

bool pickle_do_persistent(struct machine *m)
{
    uint32_t name, value;
    if (!pop(m, &name))
        return false;
    if (m->pickle->values[name].kind != PICKLE_TUPLE)
        return pickle_fault(m, "a persistent id that is no tuple");
    return new_value(m, (struct pickle_value){.kind = PICKLE_PERSISTENT}, &value) &&
           add_item(m, value, name) && push(m, value);
}

/* State given to an object is dropped: a state dict's attributes name no tensors. */
bool pickle_do_build(struct machine *m)
{
    uint32_t state, object;
    if (!pop(m, &state) || !top(m, &object))
        return false;
    return m->pickle->values[object].kind == PICKLE_DICT ||
           pickle_fault(m, "state is given to what is no map");
}

bool pickle_memo_put(struct machine *m, uint64_t index)
{
    uint32_t id;
    if (!top(m, &id))
        return false;
    if (index >= PICKLE_MAX_OPCODES)
        return pickle_fault(m, "a memo index of 1000000 or more (limit)");
    while (m->n_memo <= index) {
        if (!make_room(&m->memo, m->n_memo, &m->memo_capacity, sizeof *m->memo, m->err))
            return false;
        m->memo[m->n_memo++] = NOT_SET;
    }
    m->memo[index] = id;
    m->n_memoized++;
    return true;
}

bool pickle_memo_get(struct machine *m, uint64_t index)
{
    if (index >= m->n_memo || m->memo[index] == NOT_SET)
        return pickle_fault(m, "the memo has nothing at this index");
    return push(m, m->memo[index]);
}
