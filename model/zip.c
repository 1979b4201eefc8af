#include "model/zip.h"

#include "base/checked.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Signatures and fixed sizes: APPNOTE.TXT 4.3.7, 4.3.9, 4.3.12, 4.3.14 to 4.3.16. */
#define LOCAL_SIGNATURE 0x04034b50
#define LOCAL_BYTES 30
#define DESCRIPTOR_SIGNATURE 0x08074b50
#define CENTRAL_SIGNATURE 0x02014b50
#define CENTRAL_BYTES 46
#define END_SIGNATURE 0x06054b50
#define END_BYTES 22
#define END64_SIGNATURE 0x06064b50
#define END64_BYTES 56
#define LOCATOR_SIGNATURE 0x07064b50
#define LOCATOR_BYTES 20

#define EXTRA_ZIP64 0x0001
#define IN_ZIP64 0xffffffffu /* a 32-bit field whose value is in the Zip64 record */

#define FLAG_ENCRYPTED 0x0001
#define FLAG_DESCRIPTOR 0x0008                            /* CRC and sizes follow the contents */
#define FLAGS_ALLOWED (0x0006 | FLAG_DESCRIPTOR | 0x0800) /* 1, 2: for deflate; 11: UTF-8 name */

#define MAX_NAME 4096
#define SHOWN_NAME_BYTES 128

/* Where the central directory lies. */
struct directory {
    uint64_t offset, n_bytes, count;
    size_t end; /* where it must end: the first end record */
};

static bool entry_fault(const struct source *source, const struct zip_entry *entry,
                        struct error *err, const char *reason)
{
    char shown[SHOWN_NAME_BYTES];
    error_escape(shown, sizeof shown, entry->name, entry->n_name);
    return source_fault(source, err, "zip member '%s': %s", shown, reason);
}

/* Replaces what the end record says by what the Zip64 one says, if there is one. */
static bool read_end64(const struct source *source, struct directory *directory, struct error *err)
{
    unsigned char locator[LOCATOR_BYTES], end[END64_BYTES];
    if (directory->end < LOCATOR_BYTES + END64_BYTES)
        return true;
    size_t locator_at = directory->end - LOCATOR_BYTES;
    if (!source_read(source, locator_at, locator, sizeof locator, err))
        return false;
    if (little_u32(locator) != LOCATOR_SIGNATURE)
        return true;
    uint64_t at = little_u64(locator + 8);
    if (little_u32(locator + 4) != 0 || little_u32(locator + 16) > 1)
        return source_fault(source, err, "zip: split over several disks");
    if (at != locator_at - END64_BYTES)
        return source_fault(source, err, "zip: the Zip64 end record is not before its locator");
    if (!source_read(source, (size_t)at, end, sizeof end, err))
        return false;
    if (little_u32(end) != END64_SIGNATURE || little_u64(end + 4) != END64_BYTES - 12)
        return source_fault(source, err, "zip: malformed Zip64 end record");
    uint64_t count = little_u64(end + 32), n_bytes = little_u64(end + 40);
    uint64_t offset = little_u64(end + 48);
    if (little_u32(end + 16) != 0 || little_u32(end + 20) != 0 || little_u64(end + 24) != count)
        return source_fault(source, err, "zip: split over several disks");
    if ((directory->count != 0xffff && directory->count != count) ||
        (directory->n_bytes != IN_ZIP64 && directory->n_bytes != n_bytes) ||
        (directory->offset != IN_ZIP64 && directory->offset != offset))
        return source_fault(source, err, "zip: the two end records disagree");
    *directory =
        (struct directory){.offset = offset, .n_bytes = n_bytes, .count = count, .end = (size_t)at};
    return true;
}

static bool read_end(const struct source *source, struct directory *directory, struct error *err)
{
    unsigned char end[END_BYTES];
    if (source->n_bytes < END_BYTES)
        return source_fault(source, err, "truncated: %zu bytes are no zip archive",
                            source->n_bytes);
    size_t end_at = source->n_bytes - END_BYTES;
    if (!source_read(source, end_at, end, sizeof end, err))
        return false;
    if (little_u32(end) != END_SIGNATURE || little_u16(end + 20) != 0)
        return source_fault(source, err,
                            "truncated: the zip archive's end record is not at its end");
    if (little_u16(end + 4) != 0 || little_u16(end + 6) != 0 ||
        little_u16(end + 8) != little_u16(end + 10))
        return source_fault(source, err, "zip: split over several disks");
    *directory = (struct directory){.count = little_u16(end + 10),
                                    .n_bytes = little_u32(end + 12),
                                    .offset = little_u32(end + 16),
                                    .end = end_at};
    if (!read_end64(source, directory, err))
        return false;
    if (directory->offset > directory->end ||
        directory->n_bytes != directory->end - directory->offset)
        return source_fault(source, err,
                            "zip: the central directory does not end where the end "
                            "record begins");
    if (directory->count > directory->n_bytes / CENTRAL_BYTES)
        return source_fault(source, err, "zip: %llu members do not fit its central directory",
                            (unsigned long long)directory->count);
    if (directory->count > ZIP_MAX_ENTRIES)
        return source_fault(source, err, "zip: more than %d members", ZIP_MAX_ENTRIES);
    return true;
}

static bool name_is_safe(const char *name, size_t n_bytes)
{
    if (n_bytes == 0 || name[0] == '/' || memchr(name, '\0', n_bytes) != NULL ||
        memchr(name, '\\', n_bytes) != NULL || !utf8_valid(name, n_bytes, NULL))
        return false;
    for (size_t at = 0; at <= n_bytes;) {
        const char *slash = at < n_bytes ? memchr(name + at, '/', n_bytes - at) : NULL;
        size_t length = slash != NULL ? (size_t)(slash - name) - at : n_bytes - at;
        if (length == 2 && name[at] == '.' && name[at + 1] == '.')
            return false;
        at += length + 1;
    }
    return true;
}

/* Walks `n_bytes` of extra fields and takes from the Zip64 one those of the `n_values` that are
 * IN_ZIP64, in their fixed order. */
static bool read_extra(struct cursor *cursor, size_t n_bytes, uint64_t *values, size_t n_values,
                       struct error *err)
{
    size_t end;
    if (!checked_add(cursor->at, n_bytes, &end) || end > cursor->end)
        return source_fault(cursor->source, err, "truncated: a zip header's extra fields");
    while (end - cursor->at >= 4) {
        uint16_t id, length;
        if (!cursor_u16(cursor, &id, err) || !cursor_u16(cursor, &length, err))
            return false;
        if (length > end - cursor->at)
            return source_fault(cursor->source, err, "zip: an extra field is longer than its room");
        size_t next = cursor->at + length;
        for (size_t i = 0; id == EXTRA_ZIP64 && i < n_values; i++) {
            if (values[i] != IN_ZIP64)
                continue;
            if (next - cursor->at < 8)
                return source_fault(cursor->source, err, "zip: a Zip64 field is too short");
            if (!cursor_u64(cursor, &values[i], err))
                return false;
        }
        if (!cursor_skip(cursor, next - cursor->at, err))
            return false;
    }
    return cursor_skip(cursor, end - cursor->at, err);
}

/* Reads one entry of the central directory. */
static bool read_central(struct zip *zip, struct cursor *cursor, struct zip_entry *entry,
                         struct error *err)
{
    const struct source *source = cursor->source;
    unsigned char fixed[CENTRAL_BYTES];
    if (!cursor_read(cursor, fixed, sizeof fixed, err))
        return false;
    if (little_u32(fixed) != CENTRAL_SIGNATURE)
        return source_fault(source, err, "zip: malformed central directory");
    entry->flags = little_u16(fixed + 8);
    entry->crc = little_u32(fixed + 16);
    entry->n_name = little_u16(fixed + 28);
    if (entry->n_name > MAX_NAME)
        return source_fault(source, err, "zip: a member's name is longer than %d bytes", MAX_NAME);
    char *name = arena_new(&zip->names, entry->n_name + 1, 1, err);
    if (name == NULL || !cursor_read(cursor, name, entry->n_name, err))
        return false;
    entry->name = name;
    if (!name_is_safe(name, entry->n_name))
        return entry_fault(source, entry, err, "its name must be a plain relative path");
    /* The order of the Zip64 field: size, compressed size, offset. */
    uint64_t values[3] = {little_u32(fixed + 24), little_u32(fixed + 20), little_u32(fixed + 42)};
    if (!read_extra(cursor, little_u16(fixed + 30), values, 3, err) ||
        !cursor_skip(cursor, little_u16(fixed + 32), err))
        return false;
    if (entry->flags & FLAG_ENCRYPTED)
        return entry_fault(source, entry, err, "encrypted members are not supported");
    if (entry->flags & ~FLAGS_ALLOWED)
        return entry_fault(source, entry, err, "unsupported flags");
    if (little_u16(fixed + 10) != 0)
        return entry_fault(source, entry, err, "compressed members are not supported");
    if (values[0] != values[1])
        return entry_fault(source, entry, err, "stored, but its two sizes differ");
    if (little_u16(fixed + 34) != 0)
        return source_fault(source, err, "zip: split over several disks");
    entry->n_bytes = values[0];
    entry->header = values[2];
    return true;
}

/* The record after the contents must say again what the central directory says, with sizes of
 * either width. */
static bool check_descriptor(const struct source *source, const struct zip_entry *entry,
                             size_t limit, struct error *err)
{
    unsigned char bytes[24];
    size_t at = entry->offset + entry->n_bytes; /* the caller has checked that it is in the file */
    size_t room = limit - at < sizeof bytes ? limit - at : sizeof bytes;
    if (!source_read(source, at, bytes, room, err))
        return false;
    bool agrees = room >= 16 && little_u32(bytes) == DESCRIPTOR_SIGNATURE &&
                  little_u32(bytes + 4) == entry->crc;
    bool narrow = agrees && little_u32(bytes + 8) == entry->n_bytes &&
                  little_u32(bytes + 12) == entry->n_bytes;
    bool wide = agrees && room == sizeof bytes && little_u64(bytes + 8) == entry->n_bytes &&
                little_u64(bytes + 16) == entry->n_bytes;
    return narrow || wide || entry_fault(source, entry, err, "headers disagree (data descriptor)");
}

/* Reads the local header of an entry, holds it to the central one, and finds the contents, which
 * must end at or before `limit`, the central directory. */
static bool read_local(const struct source *source, struct zip_entry *entry, size_t limit,
                       struct error *err)
{
    unsigned char fixed[LOCAL_BYTES];
    char name[MAX_NAME];
    struct cursor cursor;
    if (!checked_range(entry->header, LOCAL_BYTES, limit))
        return entry_fault(source, entry, err, "truncated: its header lies outside");
    cursor_init(&cursor, source, entry->header, limit - entry->header);
    if (!cursor_read(&cursor, fixed, sizeof fixed, err))
        return false;
    if (little_u32(fixed) != LOCAL_SIGNATURE || little_u16(fixed + 6) != entry->flags ||
        little_u16(fixed + 8) != 0 || little_u16(fixed + 26) != entry->n_name)
        return entry_fault(source, entry, err, "headers disagree");
    uint32_t crc = little_u32(fixed + 14);
    uint64_t sizes[2] = {little_u32(fixed + 22), little_u32(fixed + 18)};
    if (!cursor_read(&cursor, name, entry->n_name, err) ||
        !read_extra(&cursor, little_u16(fixed + 28), sizes, 2, err))
        return false;
    if (memcmp(name, entry->name, entry->n_name) != 0)
        return entry_fault(source, entry, err, "headers disagree (name)");
    entry->offset = cursor.at;
    if (entry->n_bytes > cursor_left(&cursor))
        return entry_fault(source, entry, err, "truncated: its contents reach too far");
    if (crc == entry->crc && sizes[0] == entry->n_bytes && sizes[1] == entry->n_bytes)
        return true;
    bool left_open = (entry->flags & FLAG_DESCRIPTOR) && (crc == 0 || crc == entry->crc) &&
                     (sizes[0] == 0 || sizes[0] == entry->n_bytes) && sizes[0] == sizes[1];
    return left_open ? check_descriptor(source, entry, limit, err)
                     : entry_fault(source, entry, err, "headers disagree (size or checksum)");
}

static int by_header(const void *a, const void *b)
{
    size_t first = ((const struct zip_entry *)a)->header;
    size_t second = ((const struct zip_entry *)b)->header;
    return first < second ? -1 : first > second;
}

static int by_name(const void *a, const void *b, void *entries)
{
    const struct zip_entry *e = entries;
    return strcmp(e[*(const uint32_t *)a].name, e[*(const uint32_t *)b].name);
}

static bool check_overlap(const struct zip *zip, const struct source *source, struct error *err)
{
    for (size_t i = 1; i < zip->count; i++) {
        const struct zip_entry *before = &zip->entries[i - 1];
        if (zip->entries[i].header < before->offset + before->n_bytes)
            return entry_fault(source, &zip->entries[i], err, "overlap with another member");
    }
    return true;
}

static bool check_names(struct zip *zip, const struct source *source, struct error *err)
{
    zip->by_name = memory_new(zip->count, sizeof *zip->by_name, err);
    if (zip->by_name == NULL)
        return false;
    for (size_t i = 0; i < zip->count; i++)
        zip->by_name[i] = (uint32_t)i;
    qsort_r(zip->by_name, zip->count, sizeof *zip->by_name, by_name, zip->entries);
    for (size_t i = 1; i < zip->count; i++) {
        const struct zip_entry *entry = &zip->entries[zip->by_name[i]];
        if (strcmp(zip->entries[zip->by_name[i - 1]].name, entry->name) == 0)
            return entry_fault(source, entry, err, "duplicate name");
    }
    return true;
}

static bool read_entries(struct zip *zip, const struct source *source,
                         const struct directory *directory, struct error *err)
{
    size_t start = (size_t)directory->offset;
    struct cursor cursor;
    cursor_init(&cursor, source, start, (size_t)directory->n_bytes);
    zip->count = (size_t)directory->count;
    zip->entries = memory_new(zip->count, sizeof *zip->entries, err);
    if (zip->entries == NULL)
        return false;
    for (size_t i = 0; i < zip->count; i++)
        if (!read_central(zip, &cursor, &zip->entries[i], err))
            return false;
    if (cursor_left(&cursor) != 0)
        return source_fault(source, err, "zip: the central directory holds more than its members");
    qsort(zip->entries, zip->count, sizeof *zip->entries, by_header);
    for (size_t i = 0; i < zip->count; i++)
        if (!read_local(source, &zip->entries[i], start, err))
            return false;
    return check_overlap(zip, source, err) && check_names(zip, source, err);
}

bool zip_parse(struct zip *zip, const struct source *source, struct error *err)
{
    struct directory directory;
    *zip = (struct zip){0};
    if (read_end(source, &directory, err) && read_entries(zip, source, &directory, err))
        return true;
    zip_free(zip);
    return false;
}

const struct zip_entry *zip_find(const struct zip *zip, const char *name)
{
    size_t low = 0, high = zip->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct zip_entry *entry = &zip->entries[zip->by_name[middle]];
        int order = strcmp(name, entry->name);
        if (order == 0)
            return entry;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

void zip_free(struct zip *zip)
{
    memory_free(zip->entries);
    memory_free(zip->by_name);
    arena_free(&zip->names);
    *zip = (struct zip){0};
}
