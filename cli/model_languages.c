#include "cli/model_languages.h"

#include "base/file.h"
#include "base/json.h"
#include "tokenizer/languages.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

/* Largest JSON file that is looked into, and largest vocabulary. */
#define MAX_JSON_BYTES ((size_t)1 << 20)
#define MAX_VOCABULARY_BYTES ((size_t)64 << 20)

/* Longest code of a language. */
#define MAX_CODE_BYTES 32

static cJSON *load_json(const char *directory, const char *name)
{
    cJSON *json;
    return json_load(&json, directory, name, MAX_JSON_BYTES, NULL) ? json : NULL;
}

static const char *text_at(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    return text != NULL && text[0] != '\0' && strlen(text) <= MAX_CODE_BYTES ? text : NULL;
}

bool model_type_read(const char *path, char *type, size_t n_bytes)
{
    cJSON *config = load_json(path, "config.json");
    const char *text = text_at(config, "model_type");
    if (text != NULL)
        error_escape(type, n_bytes, text, strlen(text));
    cJSON_Delete(config);
    return text != NULL;
}

/* Adds a code to a list that has room for it. */
static bool add(struct model_languages *languages, const char **list, size_t *count,
                const char *code, size_t n_bytes, struct error *err)
{
    char *copy = arena_text(&languages->arena, code, n_bytes, err);
    if (copy == NULL)
        return false;
    list[(*count)++] = copy;
    return true;
}

/* M2M100, NLLB, mBART: any of the special tokens' languages into any other; "__de__" is de. */
static bool read_special(struct model_languages *languages, const char *path, struct error *err)
{
    cJSON *root = load_json(path, "special_tokens_map.json");
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "additional_special_tokens"), *item;
    size_t room = (size_t)cJSON_GetArraySize(list);
    bool ok = true;
    if (room > 0) {
        languages->sources = arena_new(&languages->arena, room, sizeof languages->sources[0], err);
        ok = languages->sources != NULL;
    }
    cJSON_ArrayForEach(item, list)
    {
        /* A token is its text, or an object that has it. */
        const char *code = cJSON_IsString(item) ? item->valuestring : text_at(item, "content");
        size_t n = code != NULL ? strlen(code) : 0;
        if (!ok || n < 2 || n > MAX_CODE_BYTES)
            continue;
        bool is_wrapped = n > 4 && memcmp(code, "__", 2) == 0 && memcmp(code + n - 2, "__", 2) == 0;
        ok = add(languages, languages->sources, &languages->n_sources, code + 2 * is_wrapped,
                 n - 4 * is_wrapped, err);
    }
    languages->targets = languages->sources;
    languages->n_targets = languages->n_sources;
    cJSON_Delete(root);
    return ok;
}

/* The next ">>xx<<" of a vocabulary at or after `at`, or NULL. */
static const char *next_tag(const char *at, const char *end, size_t *n_bytes)
{
    while (at < end && (at = memmem(at, (size_t)(end - at), "\">>", 3)) != NULL) {
        const char *code = at + 3;
        const char *stop = memmem(code, (size_t)(end - code), "<<\"", 3);
        if (stop == NULL)
            return NULL;
        *n_bytes = (size_t)(stop - code);
        if (*n_bytes >= 2 && *n_bytes <= MAX_CODE_BYTES && memchr(code, '"', *n_bytes) == NULL)
            return code;
        at = code;
    }
    return NULL;
}

/* The targets of a multilingual MarianMT. */
static bool read_tags(struct model_languages *languages, const char *path, struct error *err)
{
    size_t n_bytes, n_code, room = 0;
    char *text = file_load(path, "vocab.json", MAX_VOCABULARY_BYTES, &n_bytes, NULL);
    if (text == NULL)
        return true;
    const char *end = text + n_bytes, *code;
    for (const char *at = text; (code = next_tag(at, end, &n_code)) != NULL; at = code + n_code)
        room++;
    bool ok = true;
    if (room > 0) {
        languages->n_targets = 0;
        languages->targets = arena_new(&languages->arena, room, sizeof languages->targets[0], err);
        ok = languages->targets != NULL;
        for (const char *at = text; ok && (code = next_tag(at, end, &n_code)) != NULL;
             at = code + n_code)
            ok = add(languages, languages->targets, &languages->n_targets, code, n_code, err);
    }
    memory_free(text);
    return ok;
}

static bool read_pair(struct model_languages *languages, const char *path, struct error *err)
{
    cJSON *root = load_json(path, "tokenizer_config.json");
    const char *source = text_at(root, "source_lang"), *target = text_at(root, "target_lang");
    bool ok = true;
    if (source != NULL && target != NULL) {
        languages->sources = arena_new(&languages->arena, 1, sizeof languages->sources[0], err);
        languages->targets = arena_new(&languages->arena, 1, sizeof languages->targets[0], err);
        ok = languages->sources != NULL && languages->targets != NULL &&
             add(languages, languages->sources, &languages->n_sources, source, strlen(source),
                 err) &&
             add(languages, languages->targets, &languages->n_targets, target, strlen(target), err);
    }
    cJSON_Delete(root);
    return ok;
}

bool model_languages_read(struct model_languages *languages, const char *path, const char *type,
                          struct error *err)
{
    *languages = (struct model_languages){0};
    bool ok = strcmp(type, "m2m_100") == 0 || strcmp(type, "mbart") == 0
                  ? read_special(languages, path, err)
                  : read_pair(languages, path, err) &&
                        (strcmp(type, "marian") != 0 || read_tags(languages, path, err));
    if (!ok)
        model_languages_free(languages);
    return ok;
}

void model_languages_free(struct model_languages *languages)
{
    arena_free(&languages->arena);
    *languages = (struct model_languages){0};
}

static bool has(const char *const *codes, size_t n_codes, const char *wanted)
{
    size_t index;
    return n_codes > 0 &&
           (wanted == NULL || languages_match(codes, n_codes, wanted, "", &index, NULL));
}

bool model_languages_match(const struct model_languages *languages, const char *from,
                           const char *to)
{
    return has(languages->sources, languages->n_sources, from) &&
           has(languages->targets, languages->n_targets, to);
}

/* Codes with commas between, or how many there are. */
static void list_codes(const char *const *codes, size_t n_codes, char *out, size_t n_bytes)
{
    size_t used = 0;
    for (size_t i = 0; i < n_codes; i++) {
        size_t n = strlen(codes[i]) + (i > 0);
        if (used + n + 1 > n_bytes) {
            snprintf(out, n_bytes, "%zu languages", n_codes);
            return;
        }
        used += (size_t)snprintf(out + used, n_bytes - used, "%s%s", i > 0 ? "," : "", codes[i]);
    }
}

void model_languages_describe(const struct model_languages *languages, char *out, size_t n_bytes)
{
    char sources[MAX_CODE_BYTES + 1] = "", targets[MAX_CODE_BYTES + 1] = "", pair[80];
    size_t n_sources = languages->n_sources, n_targets = languages->n_targets;
    list_codes(languages->sources, n_sources, sources, sizeof sources);
    list_codes(languages->targets, n_targets, targets, sizeof targets);
    pair[0] = '\0';
    if (languages->sources == languages->targets && n_sources > 0)
        snprintf(pair, sizeof pair, "%zu languages", n_sources);
    else if (n_sources > 0 && n_targets > 0)
        snprintf(pair, sizeof pair, "%s-%s", sources, targets);
    error_escape(out, n_bytes, pair, strlen(pair));
}
