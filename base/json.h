/* json.h - small JSON files as a cJSON tree, after a strict check (RFC 8259) of what cJSON lets
 * through: text after the end, duplicate keys, ill-formed UTF-8, control bytes, numbers like 01 or
 * 1e999, "\u0000", deep nesting. One tree costs some forty times the file: for configurations, not
 * for vocabularies. */
#ifndef DRAGOMAN_BASE_JSON_H
#define DRAGOMAN_BASE_JSON_H

#include "base/file.h"
#include "base/json_scan.h"

#include <cJSON.h>

#define JSON_MAX_DEPTH JSON_SCAN_MAX_DEPTH

/* Reads and parses directory/name (see file_load()). Faults are ERROR_MODEL: "config.json: line 3:
 * duplicate key". *root is for cJSON_Delete(). */
bool json_load(cJSON **root, const char *directory, const char *name, size_t max_bytes,
               struct error *err);

/* The same for text in memory; `name` is for messages. A byte order mark is skipped. */
bool json_parse(cJSON **root, const char *name, const char *text, size_t n_bytes,
                struct error *err);

#endif
