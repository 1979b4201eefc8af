#include "model/shortlist.h"

#include "base/checked.h"
#include "model/source.h"

#include <stdlib.h>
#include <string.h>

/* slimt and marian call it BINARY_SHORTLIST_MAGIC. */
#define MAGIC 0xF11A48D5013417F5u

/* magic, checksum, firstNum, bestNum, wordToOffsetSize, shortListsSize */
#define HEADER_BYTES 48

/* Candidates are filled up to a multiple of this, as in Marian, whose products want it. */
#define UNIT 8

struct shortlist {
    uint32_t target_vocabulary;
    bool shared;
    uint32_t n_first;  /* target tokens 0 .. n_first - 1 are always candidates */
    size_t n_words;    /* source tokens that have a list */
    uint64_t *offsets; /* [n_words + 1] into ids */
    uint32_t *ids;     /* each list ascending */
};

struct header {
    uint64_t magic, checksum, n_first, n_best, n_offsets, n_ids;
};

/* marian's util::hash_combine over 64-bit words. */
static bool check_sum(const struct source *source, uint64_t expected, struct error *err)
{
    struct cursor cursor;
    uint64_t seed = 0, word;
    cursor_init(&cursor, source, 16, source->n_bytes - 16);
    while (cursor_left(&cursor) >= sizeof word) {
        if (!cursor_u64(&cursor, &word, err))
            return false;
        seed ^= word + 0x9e3779b9u + (seed << 6) + (seed >> 2);
    }
    return seed == expected || source_fault(source, err, "checksum: the file is damaged");
}

static bool read_header(const struct source *source, struct header *header, struct error *err)
{
    struct cursor cursor;
    cursor_init(&cursor, source, 0, HEADER_BYTES);
    if (!cursor_u64(&cursor, &header->magic, err))
        return false;
    if (header->magic != MAGIC)
        return source_fault(source, err, "not a binary shortlist (lex.*.s2t.bin)");
    return cursor_u64(&cursor, &header->checksum, err) &&
           cursor_u64(&cursor, &header->n_first, err) &&
           cursor_u64(&cursor, &header->n_best, err) &&
           cursor_u64(&cursor, &header->n_offsets, err) && cursor_u64(&cursor, &header->n_ids, err);
}

/* The two counts must account for every byte of the file. */
static bool check_size(const struct source *source, const struct header *header, struct error *err)
{
    size_t offset_bytes, id_bytes, total;
    if (!checked_mul(header->n_offsets, sizeof(uint64_t), &offset_bytes) ||
        !checked_mul(header->n_ids, sizeof(uint32_t), &id_bytes) ||
        !checked_add(offset_bytes, id_bytes, &total) || !checked_add(total, HEADER_BYTES, &total) ||
        total != source->n_bytes)
        return source_fault(source, err,
                            "its sizes (%llu words, %llu entries) do not fit %zu bytes",
                            (unsigned long long)header->n_offsets,
                            (unsigned long long)header->n_ids, source->n_bytes);
    return header->n_offsets > 0 || source_fault(source, err, "no words");
}

static bool read_tables(struct shortlist *shortlist, const struct source *source,
                        const struct header *header, struct error *err)
{
    size_t offset_bytes = header->n_offsets * sizeof(uint64_t); /* check_size() has checked */
    if (!source_read(source, HEADER_BYTES, shortlist->offsets, offset_bytes, err) ||
        !source_read(source, HEADER_BYTES + offset_bytes, shortlist->ids,
                     header->n_ids * sizeof(uint32_t), err))
        return false;
    uint64_t before = 0;
    for (size_t i = 0; i < header->n_offsets; i++) {
        if (shortlist->offsets[i] < before || shortlist->offsets[i] > header->n_ids)
            return source_fault(source, err, "offset %zu is out of order or range", i);
        before = shortlist->offsets[i];
    }
    if (before != header->n_ids)
        return source_fault(source, err, "the last offset is not the end of the lists");
    for (size_t i = 0; i < header->n_ids; i++)
        if (shortlist->ids[i] >= shortlist->target_vocabulary)
            return source_fault(source, err, "entry %zu: token %u is not one of %u", i,
                                shortlist->ids[i], shortlist->target_vocabulary);
    return true;
}

bool shortlist_parse(struct shortlist **out, const struct source *source,
                     uint32_t source_vocabulary, uint32_t target_vocabulary, bool shared,
                     struct error *err)
{
    struct header header;
    if (!read_header(source, &header, err) || !check_size(source, &header, err) ||
        !check_sum(source, header.checksum, err))
        return false;
    if (header.n_offsets - 1 > source_vocabulary)
        return source_fault(source, err, "it is for %llu source tokens, the model has %u",
                            (unsigned long long)(header.n_offsets - 1), source_vocabulary);
    struct shortlist *shortlist = memory_new(1, sizeof *shortlist, err);
    if (shortlist == NULL)
        return false;
    shortlist->target_vocabulary = target_vocabulary;
    shortlist->shared = shared;
    shortlist->n_first =
        header.n_first < target_vocabulary ? (uint32_t)header.n_first : target_vocabulary;
    shortlist->n_words = header.n_offsets - 1;
    shortlist->offsets = memory_new(header.n_offsets, sizeof shortlist->offsets[0], err);
    shortlist->ids = memory_new(header.n_ids, sizeof shortlist->ids[0], err);
    if (shortlist->offsets == NULL || shortlist->ids == NULL ||
        !read_tables(shortlist, source, &header, err)) {
        shortlist_close(shortlist);
        return false;
    }
    *out = shortlist;
    return true;
}

bool shortlist_open(struct shortlist **shortlist, const char *path, uint32_t source_vocabulary,
                    uint32_t target_vocabulary, bool shared, struct error *err)
{
    struct source source;
    if (!source_open(&source, NULL, path, err))
        return false;
    bool ok =
        shortlist_parse(shortlist, &source, source_vocabulary, target_vocabulary, shared, err);
    if (!source_close(&source, err) && ok) {
        shortlist_close(*shortlist);
        ok = false;
    }
    return ok;
}

void shortlist_close(struct shortlist *shortlist)
{
    if (shortlist == NULL)
        return;
    memory_free(shortlist->offsets);
    memory_free(shortlist->ids);
    memory_free(shortlist);
}

static int by_id(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t sort_unique(uint32_t *ids, size_t count)
{
    if (count == 0)
        return 0;
    qsort(ids, count, sizeof ids[0], by_id);
    uint32_t kept = 1;
    for (size_t i = 1; i < count; i++)
        if (ids[i] != ids[kept - 1])
            ids[kept++] = ids[i];
    return kept;
}

/* Adds n_first, n_first + 1, ... where missing, until the count is a multiple of UNIT. */
static uint32_t fill_up(const struct shortlist *shortlist, uint32_t *ids, uint32_t count)
{
    uint32_t sorted = count, at = 0;
    for (uint32_t id = shortlist->n_first; count % UNIT != 0 && id < shortlist->target_vocabulary;
         id++) {
        while (at < sorted && ids[at] < id)
            at++;
        if (at == sorted || ids[at] != id)
            ids[count++] = id;
    }
    return sort_unique(ids, count);
}

bool shortlist_select(const struct shortlist *shortlist, const uint32_t *ids, size_t n_ids,
                      uint32_t **list, uint32_t *n_list, struct error *err)
{
    size_t room;
    if (!checked_add(n_ids, shortlist->n_first + UNIT, &room))
        return error_set(err, ERROR_MEMORY, "out of memory");
    uint32_t *words = memory_new(n_ids, sizeof words[0], err);
    if (words == NULL)
        return false;
    if (n_ids > 0)
        memcpy(words, ids, n_ids * sizeof words[0]);
    uint32_t n_words = sort_unique(words, n_ids);
    for (uint32_t i = 0; i < n_words; i++)
        if (words[i] < shortlist->n_words)
            room += shortlist->offsets[words[i] + 1] - shortlist->offsets[words[i]];
    uint32_t *found = memory_new(room, sizeof found[0], err);
    size_t count = 0;
    for (uint32_t i = 0; found != NULL && i < shortlist->n_first; i++)
        found[count++] = i;
    for (uint32_t i = 0; found != NULL && i < n_words; i++) {
        uint32_t word = words[i];
        for (uint64_t at = word < shortlist->n_words ? shortlist->offsets[word] : 0;
             word < shortlist->n_words && at < shortlist->offsets[word + 1]; at++)
            found[count++] = shortlist->ids[at];
        if (shortlist->shared && word < shortlist->target_vocabulary)
            found[count++] = word;
    }
    memory_free(words);
    if (found == NULL)
        return false;
    *n_list = fill_up(shortlist, found, sort_unique(found, count));
    *list = found;
    return true;
}
