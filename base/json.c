#include "base/json.h"

#include "base/json_scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- what only the tree shows -----------------------------------------------------------------
 */

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool check_keys(const cJSON *object, const char *name, struct error *err)
{
    size_t n = 0, i = 0;
    const cJSON *member;
    char escaped[128];
    cJSON_ArrayForEach(member, object) n++;
    const char **keys = memory_new(n, sizeof *keys, err);
    if (keys == NULL)
        return false;
    cJSON_ArrayForEach(member, object) keys[i++] = member->string;
    qsort(keys, n, sizeof *keys, compare_keys);
    bool ok = true;
    for (i = 1; ok && i < n; i++)
        if (strcmp(keys[i - 1], keys[i]) == 0)
            ok = error_set(err, ERROR_MODEL, "%s: duplicate key '%s'", name,
                           error_escape(escaped, sizeof escaped, keys[i], strlen(keys[i])));
    memory_free(keys);
    return ok;
}

/* Every object's keys and every number. */
static bool check_tree(const cJSON *root, const char *name, struct error *err)
{
    const cJSON *path[JSON_MAX_DEPTH + 1];
    size_t depth = 0;
    for (const cJSON *item = root; item != NULL;) {
        if (cJSON_IsNumber(item) && !isfinite(item->valuedouble))
            return error_set(err, ERROR_MODEL, "%s: a number is too large", name);
        if (cJSON_IsObject(item) && !check_keys(item, name, err))
            return false;
        if (item->child != NULL) {
            path[depth++] = item;
            item = item->child;
            continue;
        }
        while (item != root && item->next == NULL && depth > 0)
            item = path[--depth];
        item = item != root ? item->next : NULL;
    }
    return true;
}

bool json_parse(cJSON **root, const char *name, const char *text, size_t n_bytes, struct error *err)
{
    struct json_scan scan = {.at = text, .end = text + n_bytes};
    if (n_bytes >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
        return error_set(err, ERROR_MODEL, "%s: UTF-16, not UTF-8", name);
    if (n_bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        scan.at += 3;
    const char *start = scan.at;
    if (json_scan_skip(&scan) && !json_scan_end(&scan))
        scan.fault = "text after the end";
    if (scan.fault != NULL) {
        size_t line = 1;
        for (const char *p = text; p < scan.at; p++)
            line += *p == '\n';
        return error_set(err, json_scan_code(&scan), "%s: line %zu: %s", name, line, scan.fault);
    }
    *root = cJSON_ParseWithLength(start, (size_t)(scan.end - start));
    if (*root == NULL)
        return error_set(err, ERROR_MEMORY, "%s: out of memory", name);
    if (check_tree(*root, name, err))
        return true;
    cJSON_Delete(*root);
    *root = NULL;
    return false;
}

bool json_load(cJSON **root, const char *directory, const char *name, size_t max_bytes,
               struct error *err)
{
    size_t n_bytes;
    char *text = file_load(directory, name, max_bytes, &n_bytes, err);
    bool ok = text != NULL && json_parse(root, name, text, n_bytes, err);
    memory_free(text);
    return ok;
}
