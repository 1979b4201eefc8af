#include "cli/hub.h"

#include "base/file.h"
#include "base/json.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Most files of a repository that are looked at, and the largest number JSON can hold exactly. */
#define MAX_FILES 10000
#define MAX_EXACT 9007199254740992.0

/* Files that are taken whenever they are there. */
static const char *const always[] = {
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "added_tokens.json",
    "special_tokens_map.json",
    "vocab.json",
    "vocab-src.json",
    "vocab-tgt.json",
    "merges.txt",
    "decoder.yml",
    "vocab.yml",
};

static bool ends_with(const char *name, const char *tail)
{
    size_t length = strlen(name), n = strlen(tail);
    return length >= n && strcmp(name + length - n, tail) == 0;
}

static bool begins_with(const char *name, const char *head)
{
    return strncmp(name, head, strlen(head)) == 0;
}

/* SentencePiece models, whatever they are called. */
static bool is_sentencepiece(const char *name)
{
    return ends_with(name, ".spm") || ends_with(name, ".model");
}

/* CTranslate2's and Marian's vocabularies. */
static bool is_vocabulary(const char *name)
{
    return begins_with(name, "shared_vocabulary.") || begins_with(name, "source_vocabulary.") ||
           begins_with(name, "target_vocabulary.") || strcmp(name, "vocabulary.txt") == 0 ||
           strcmp(name, "vocabulary.json") == 0 || ends_with(name, ".vocab.yml") ||
           (begins_with(name, "vocab.") && ends_with(name, ".yml"));
}

/* Every part between slashes a plain name, and nothing that a terminal would act on. */
static bool path_is_harmless(const char *path)
{
    for (const char *at = path; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            return false;
    for (;;) {
        size_t length = strcspn(path, "/");
        if (!file_name_is_plain(path, length))
            return false;
        if (path[length] == '\0')
            return true;
        path += length + 1;
    }
}

static const char *text_at(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

static bool number_at(const cJSON *object, const char *key, uint64_t *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= MAX_EXACT) ||
        floor(item->valuedouble) < item->valuedouble)
        return false;
    *out = (uint64_t)item->valuedouble;
    return true;
}

/* Copies a digest of n digits in lower case; false if it is none. */
static bool copy_digest(char *out, const char *text, size_t n_digits)
{
    if (text == NULL || strlen(text) != n_digits)
        return false;
    for (size_t i = 0; i < n_digits; i++) {
        if (!isxdigit((unsigned char)text[i]))
            return false;
        out[i] = (char)tolower((unsigned char)text[i]);
    }
    out[n_digits] = '\0';
    return true;
}

static bool parse_file(struct hub_file *file, const cJSON *sibling, struct error *err)
{
    const char *name = text_at(sibling, "rfilename");
    if (name == NULL)
        return error_set(err, ERROR_SYSTEM, "the hub's listing has a file without a name");
    if (!path_is_harmless(name))
        return error_set(err, ERROR_MODEL, "refused: the listing has a file called '%s'", name);
    file->name = memory_text(name, strlen(name), err);
    if (file->name == NULL)
        return false;
    const cJSON *large = cJSON_GetObjectItemCaseSensitive(sibling, "lfs");
    file->is_sha256 = cJSON_IsObject(large);
    bool ok = file->is_sha256 ? copy_digest(file->digest, text_at(large, "sha256"), 64) &&
                                    (number_at(large, "size", &file->n_bytes) ||
                                     number_at(sibling, "size", &file->n_bytes))
                              : copy_digest(file->digest, text_at(sibling, "blobId"), 40) &&
                                    number_at(sibling, "size", &file->n_bytes);
    return ok || error_set(err, ERROR_SYSTEM, "the hub's listing has no size or digest of %s",
                           file->name);
}

bool hub_listing_parse(struct hub_listing *listing, const char *json, size_t n_bytes,
                       struct error *err)
{
    *listing = (struct hub_listing){0};
    cJSON *root = NULL;
    if (!json_parse(&root, "listing", json, n_bytes, NULL))
        root = NULL;
    const cJSON *siblings = cJSON_GetObjectItemCaseSensitive(root, "siblings");
    int count = cJSON_IsArray(siblings) ? cJSON_GetArraySize(siblings) : -1;
    bool ok = true;
    if (count < 0 || !copy_digest(listing->commit, text_at(root, "sha"), 40))
        ok = error_set(err, ERROR_SYSTEM, "the hub's answer is not a model's listing");
    else if (count > MAX_FILES)
        ok = error_set(err, ERROR_MODEL, "more than %d files", MAX_FILES);
    if (ok) {
        listing->files = memory_new((size_t)count, sizeof *listing->files, err);
        ok = listing->files != NULL;
    }
    const cJSON *sibling;
    if (ok)
        cJSON_ArrayForEach(sibling, siblings)
        {
            ok = parse_file(&listing->files[listing->count++], sibling, err);
            if (!ok)
                break;
        }
    cJSON_Delete(root);
    if (!ok)
        hub_listing_free(listing);
    return ok;
}

void hub_listing_free(struct hub_listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        /* None without `files`. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
        memory_free(listing->files[i].name);
    memory_free(listing->files);
    *listing = (struct hub_listing){0};
}

static struct hub_file *find_file(const struct hub_listing *listing, const char *name)
{
    for (size_t i = 0; i < listing->count; i++)
        if (strcmp(listing->files[i].name, name) == 0)
            return &listing->files[i];
    return NULL;
}

static bool choose_one(struct hub_listing *listing, const char *name)
{
    struct hub_file *file = find_file(listing, name);
    if (file != NULL)
        file->needed = true;
    return file != NULL;
}

/* N if the name is STEM-XXXXX-of-NNNNN.TAIL, else 0. */
static unsigned shards_by_name(const char *name, const char *stem, const char *tail)
{
    unsigned number, total;
    char again[64];
    size_t length = strlen(stem);
    if (!begins_with(name, stem) || sscanf(name + length, "-%5u-of-%5u.", &number, &total) != 2)
        return 0;
    snprintf(again, sizeof again, "%s-%05u-of-%05u.%s", stem, number, total, tail);
    return strcmp(again, name) == 0 ? total : 0;
}

/* The index and all of STEM-00001-of-0000N.TAIL; false if there is no index. */
static bool choose_shards(struct hub_listing *listing, const char *stem, const char *tail,
                          struct error *err)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s.index.json", stem, tail);
    if (!choose_one(listing, name))
        return false;
    unsigned total = 0;
    for (size_t i = 0; i < listing->count && total == 0; i++)
        total = shards_by_name(listing->files[i].name, stem, tail);
    if (total == 0)
        return error_set(err, ERROR_MODEL, "%s without shards", name);
    for (unsigned number = 1; number <= total; number++) {
        snprintf(name, sizeof name, "%s-%05u-of-%05u.%s", stem, number, total, tail);
        if (!choose_one(listing, name))
            return error_set(err, ERROR_MODEL, "%s is missing", name);
    }
    return true;
}

/* Marian's own: the first *.npz, else the first *.bin of Bergamot, with its shortlist. */
static bool choose_marian(struct hub_listing *listing)
{
    static const char *const tails[] = {".npz", ".intgemm.alphas.bin", ".intgemm8.bin"};
    for (size_t t = 0; t < sizeof tails / sizeof tails[0]; t++)
        for (size_t i = 0; i < listing->count; i++)
            if (strchr(listing->files[i].name, '/') == NULL &&
                ends_with(listing->files[i].name, tails[t])) {
                listing->files[i].needed = true;
                return true;
            }
    return false;
}

static bool is_open(const struct error *err)
{
    return err->code == ERROR_NONE;
}

bool hub_listing_choose(struct hub_listing *listing, struct error *err)
{
    struct error fault = {0};
    bool found = choose_one(listing, "model.safetensors") ||
                 choose_shards(listing, "model", "safetensors", &fault) ||
                 (is_open(&fault) && choose_one(listing, "pytorch_model.bin")) ||
                 (is_open(&fault) && choose_shards(listing, "pytorch_model", "bin", &fault)) ||
                 (is_open(&fault) && choose_one(listing, "model.bin")) ||
                 (is_open(&fault) && choose_marian(listing));
    if (!is_open(&fault))
        return error_set(err, fault.code, "%s", fault.text);
    if (!found)
        return error_set(err, ERROR_MODEL,
                         "no weights in a format that dragoman reads (safetensors, PyTorch, "
                         "CTranslate2, Marian)");
    bool pieces = false;
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        (void)choose_one(listing, always[i]);
    for (size_t i = 0; i < listing->count; i++) {
        struct hub_file *file = &listing->files[i];
        if (strchr(file->name, '/') != NULL)
            continue;
        pieces = pieces || is_sentencepiece(file->name);
        if (is_sentencepiece(file->name) || is_vocabulary(file->name) ||
            (begins_with(file->name, "lex.") && ends_with(file->name, ".bin")))
            file->needed = true;
    }
    if (!pieces) /* it repeats what the SentencePiece model has, at four times the size */
        (void)choose_one(listing, "tokenizer.json");
    return true;
}
