#include "tokenizer/spm_table.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "tokenizer/spm_gate.h"

#include <string.h>

/* A unit of a Darts-clone double array. Inner: bits 0-7 label, 8 has_leaf, 9 the offset is scaled
 * by 256, 10-30 offset. Leaf: bit 31, and the value below it. From a unit at i, the child for byte
 * b is at i ^ offset ^ b, and is one if its label is b; the leaf of i is at i ^ offset. */
#define LEAF_BIT (UINT32_C(1) << 31)
#define NONE UINT32_MAX

struct table {
    uint32_t *units; /* [n_units] */
    uint32_t n_units;
    /* Children by place: units whose label leads from base b are a list beginning at first[b]. */
    uint32_t *first, *next; /* [n_units] */
    uint8_t *matches;       /* [n_units] most leaves on a path from here; UNVISITED, ON_PATH */
    uint32_t *path, *child; /* [n_units] the path being walked, and where each list stands */
};

enum { UNVISITED = 255, ON_PATH = 254 };

static uint32_t base_of(const struct table *table, uint32_t i)
{
    uint32_t unit = table->units[i];
    uint32_t offset = (unit & (LEAF_BIT - 1)) >> 10 << ((unit & (1u << 9)) >> 6);
    return i ^ offset;
}

static bool has_leaf(uint32_t unit)
{
    return (unit & (1u << 8)) != 0;
}

/* Every step from every unit stays inside, and every leaf's text is in the pool. */
static const char *check_units(const struct table *table, const unsigned char *pool,
                               size_t pool_bytes)
{
    if (table->n_units == 0)
        return "no units";
    if ((table->units[0] & (LEAF_BIT | 0xff)) != 0)
        return "the first unit is not a root";
    for (uint32_t i = 0; i < table->n_units; i++) {
        uint32_t unit = table->units[i];
        if (unit & LEAF_BIT)
            continue;
        uint32_t base = base_of(table, i);
        if ((base | 0xff) >= table->n_units)
            return "an offset out of range";
        if (!has_leaf(unit))
            continue;
        uint32_t leaf = table->units[base];
        if ((leaf & LEAF_BIT) == 0)
            return "a leaf that is none";
        if ((leaf & ~LEAF_BIT) >= pool_bytes)
            return "a leaf value out of range";
        const unsigned char *text = pool + (leaf & ~LEAF_BIT);
        if ((*text & 0xc0) == 0x80)
            return "a leaf value inside a character";
        if (strnlen((const char *)text, SPM_MAX_REPLACEMENT_BYTES + 1) > SPM_MAX_REPLACEMENT_BYTES)
            return "a replacement of more than 64 bytes"; /* 2,000 characters would become many */
    }
    return NULL;
}

static void link_children(struct table *table)
{
    memset(table->first, 0xff, table->n_units * sizeof *table->first);
    for (uint32_t i = table->n_units; i-- > 0;) {
        if (table->units[i] & LEAF_BIT)
            continue;
        uint32_t base = i ^ (table->units[i] & 0xff);
        table->next[i] = table->first[base];
        table->first[base] = i;
    }
}

/* Depth first from the root without recursion; matches[i] becomes the most leaves on a path down
 * from i, its own included. */
static const char *check_paths(struct table *table)
{
    size_t depth = 0;
    memset(table->matches, UNVISITED, table->n_units);
    table->path[0] = 0;
    table->child[0] = table->first[base_of(table, 0)];
    table->matches[0] = ON_PATH;
    for (;;) {
        uint32_t here = table->path[depth], child = table->child[depth];
        if (child != NONE) {
            table->child[depth] = table->next[child];
            if (table->matches[child] == ON_PATH)
                return "a cycle";
            if (table->matches[child] != UNVISITED)
                continue;
            table->matches[child] = ON_PATH;
            depth++;
            table->path[depth] = child;
            table->child[depth] = table->first[base_of(table, child)];
            continue;
        }
        uint8_t most = 0;
        for (child = table->first[base_of(table, here)]; child != NONE; child = table->next[child])
            if (table->matches[child] > most)
                most = table->matches[child];
        if (here != 0 && has_leaf(table->units[here]))
            most++;
        if (most > SPM_MAX_TABLE_MATCHES)
            return "more than 32 matches at one place";
        table->matches[here] = most;
        if (depth == 0)
            return NULL;
        depth--;
    }
}

static bool table_new(struct table *table, const unsigned char *bytes, uint32_t n_units,
                      struct error *err)
{
    table->n_units = n_units;
    table->units = memory_new(n_units, sizeof *table->units, err);
    table->first = memory_new(n_units, sizeof *table->first, err);
    table->next = memory_new(n_units, sizeof *table->next, err);
    table->path = memory_new(n_units, sizeof *table->path, err);
    table->child = memory_new(n_units, sizeof *table->child, err);
    table->matches = memory_new(n_units, sizeof *table->matches, err);
    if (table->units == NULL || table->first == NULL || table->next == NULL ||
        table->path == NULL || table->child == NULL || table->matches == NULL)
        return false;
    for (uint32_t i = 0; i < n_units; i++, bytes += 4)
        table->units[i] = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                          (uint32_t)bytes[3] << 24;
    return true;
}

static void table_free(struct table *table)
{
    memory_free(table->units);
    memory_free(table->first);
    memory_free(table->next);
    memory_free(table->path);
    memory_free(table->child);
    memory_free(table->matches);
}

bool spm_table_check(const unsigned char *bytes, size_t n_bytes, const char **fault,
                     struct error *err)
{
    *fault = NULL;
    if (n_bytes == 0)
        return true;
    if (n_bytes > SPM_MAX_TABLE_BYTES)
        *fault = "larger than 4 MiB";
    else if (n_bytes <= 4)
        *fault = "truncated";
    if (*fault != NULL)
        return false;
    size_t trie_bytes =
        (size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
    if (trie_bytes > n_bytes - 4)
        *fault = "its trie is larger than the table";
    else if (trie_bytes % 4 != 0)
        *fault = "its trie is not a multiple of 4 bytes";
    if (*fault != NULL)
        return false;
    const unsigned char *pool = bytes + 4 + trie_bytes;
    size_t pool_bytes = n_bytes - 4 - trie_bytes;
    if (pool_bytes == 0 || pool[pool_bytes - 1] != 0)
        *fault = "its texts have no end";
    else if (!utf8_valid((const char *)pool, pool_bytes, NULL))
        *fault = "its texts are not UTF-8";
    if (*fault != NULL)
        return false;
    struct table table = {0};
    bool ok = table_new(&table, bytes + 4, (uint32_t)(trie_bytes / 4), err);
    if (ok) {
        *fault = check_units(&table, pool, pool_bytes);
        if (*fault == NULL) {
            link_children(&table);
            *fault = check_paths(&table);
        }
        ok = *fault == NULL;
    }
    table_free(&table);
    return ok;
}
