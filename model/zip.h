/* zip.h - the index of a zip archive of stored members, as PyTorch and numpy write them.
 *
 * Strict, so that no two readers can see different archives: the end record is the file's last 22
 * bytes, the central directory ends where the end records begin, every local header agrees with it,
 * members do not overlap, names are plain relative paths and there once. Compressed, encrypted and
 * split archives are refused.
 *
 *     struct zip zip;
 *     if (!zip_parse(&zip, source, &err)) ...
 *     const struct zip_entry *entry = zip_find(&zip, "archive/data.pkl");
 *     ... entry->offset, entry->n_bytes ...        contents are not checksummed here
 *     zip_free(&zip); */
#ifndef DRAGOMAN_MODEL_ZIP_H
#define DRAGOMAN_MODEL_ZIP_H

#include "model/source.h"

#define ZIP_MAX_ENTRIES (65536 + 64) /* a member for each tensor, and a few */

struct zip_entry {
    const char *name; /* UTF-8, n_name bytes and a NUL */
    size_t n_name;
    size_t header;          /* offset of its local header */
    size_t offset, n_bytes; /* its contents in the file */
    uint32_t crc;           /* CRC-32 of its contents */
    uint16_t flags;
};

struct zip {
    struct zip_entry *entries; /* by offset */
    size_t count;
    uint32_t *by_name; /* indices into entries */
    struct arena names;
};

/* Reads the index. On failure there is nothing to free. */
bool zip_parse(struct zip *zip, const struct source *source, struct error *err);

/* The member called `name`, or NULL. */
const struct zip_entry *zip_find(const struct zip *zip, const char *name);

void zip_free(struct zip *zip);

#endif
