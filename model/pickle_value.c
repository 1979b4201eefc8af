/* Looking at what pickle.c has read. */
#include "model/pickle.h"

#include <string.h>

void pickle_free(struct pickle *pickle)
{
    memory_free(pickle->values);
    memory_free(pickle->links);
    buffer_free(&pickle->text);
    *pickle = (struct pickle){0};
}

enum pickle_kind pickle_kind(const struct pickle *pickle, uint32_t id)
{
    return pickle->values[id].kind;
}

const char *pickle_text(const struct pickle *pickle, uint32_t id, size_t *n_bytes)
{
    const struct pickle_value *value = &pickle->values[id];
    if (value->kind != PICKLE_TEXT)
        return NULL;
    if (n_bytes != NULL)
        *n_bytes = value->n_items;
    return pickle->text.bytes + value->text;
}

bool pickle_text_is(const struct pickle *pickle, uint32_t id, const char *text)
{
    size_t n_bytes;
    const char *bytes = pickle_text(pickle, id, &n_bytes);
    return bytes != NULL && n_bytes == strlen(text) && memcmp(bytes, text, n_bytes) == 0;
}

struct pickle_item pickle_items(const struct pickle *pickle, uint32_t id)
{
    const struct pickle_value *value = &pickle->values[id];
    bool has_items = value->kind == PICKLE_TUPLE || value->kind == PICKLE_LIST ||
                     value->kind == PICKLE_DICT || value->kind == PICKLE_CALL ||
                     value->kind == PICKLE_PERSISTENT;
    return (struct pickle_item){.link = has_items ? value->items.first : 0};
}

bool pickle_next(const struct pickle *pickle, struct pickle_item *item, uint32_t *id)
{
    if (item->link == 0)
        return false;
    const struct pickle_link *link = &pickle->links[item->link - 1];
    *id = link->value;
    item->link = link->next;
    return true;
}

size_t pickle_tuple(const struct pickle *pickle, uint32_t id, uint32_t *items, size_t room)
{
    if (pickle->values[id].kind != PICKLE_TUPLE)
        return 0;
    struct pickle_item item = pickle_items(pickle, id);
    uint32_t value;
    for (size_t i = 0; i < room && pickle_next(pickle, &item, &value); i++)
        items[i] = value;
    return pickle->values[id].n_items;
}
