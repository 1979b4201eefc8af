#include "model/convert_files.h"

#include "base/json.h"
#include "model/config_family.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Largest file that is copied. */
#define COPY_MAX_BYTES ((size_t)64 << 20)

/* ---- directories and files --------------------------------------------------------------------
 */

bool convert_directory(const char *to, struct error *err)
{
    bool empty = true;
    if (mkdir(to, 0777) == 0)
        return true;
    if (errno != EEXIST)
        return error_set_errno(err, ERROR_OUTPUT, errno, "%s", to);
    DIR *directory = opendir(to);
    if (directory == NULL)
        return error_set_errno(err, ERROR_OUTPUT, errno, "%s", to);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            empty = false;
    closedir(directory);
    return empty || error_set(err, ERROR_OUTPUT, "%s: is there already and not empty", to);
}

static bool write_file(const char *to, const char *name, const char *bytes, size_t n_bytes,
                       struct error *err)
{
    struct buffer path = {0};
    if (!buffer_printf(&path, err, "%s/%s", to, name))
        return false;
    int descriptor = open(path.bytes, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    bool ok = descriptor >= 0;
    while (ok && n_bytes > 0) {
        ssize_t written = write(descriptor, bytes, n_bytes);
        if (written < 0 && errno == EINTR)
            continue;
        ok = written > 0;
        bytes += ok ? written : 0;
        n_bytes -= ok ? (size_t)written : 0;
    }
    ok = ok && fsync(descriptor) == 0;
    if (!ok)
        error_set_errno(err, ERROR_OUTPUT, errno, "%s", path.bytes);
    if (descriptor >= 0 && close(descriptor) != 0 && ok)
        ok = error_set_errno(err, ERROR_OUTPUT, errno, "%s", path.bytes);
    buffer_free(&path);
    return ok;
}

static bool write_json(const char *to, const char *name, const cJSON *root, struct error *err)
{
    char *text = cJSON_Print(root);
    if (text == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    bool ok = write_file(to, name, text, strlen(text), err);
    cJSON_free(text);
    return ok;
}

static bool ends_with(const char *name, const char *end)
{
    size_t n_name = strlen(name), n_end = strlen(end);
    return n_name >= n_end && strcmp(name + n_name - n_end, end) == 0;
}

/* Vocabularies, SentencePiece models, their settings, shortlists, notes: by name, for nobody wants
 * a second copy of the weights. */
static bool is_companion(const char *name)
{
    static const char *const ends[] = {".json", ".spm",   ".model", ".txt",    ".yml",
                                       ".yaml", ".vocab", ".md",    ".s2t.bin"};
    if (name[0] == '.' || strcmp(name, "config.json") == 0 || ends_with(name, ".index.json"))
        return false;
    if (strncmp(name, "LICENSE", 7) == 0)
        return true;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (ends_with(name, ends[i]))
            return true;
    return false;
}

/* Files that are written anew when the vocabulary was trimmed. */
static bool is_rewritten(const char *name)
{
    return strcmp(name, "generation_config.json") == 0 ||
           strcmp(name, "tokenizer_config.json") == 0 || strcmp(name, "target_vocab.json") == 0;
}

static bool copy_files(const char *from, const char *to, bool is_trimmed, struct error *err)
{
    DIR *directory = opendir(from);
    bool ok = directory != NULL || error_set_errno(err, ERROR_MODEL, errno, "%s", from);
    for (struct dirent *entry; ok && (entry = readdir(directory)) != NULL;) {
        size_t n_bytes;
        if (!is_companion(entry->d_name) || (is_trimmed && is_rewritten(entry->d_name)))
            continue;
        char *bytes = file_load(from, entry->d_name, COPY_MAX_BYTES, &n_bytes, err);
        ok = bytes != NULL && write_file(to, entry->d_name, bytes, n_bytes, err);
        memory_free(bytes);
    }
    if (directory != NULL)
        closedir(directory);
    return ok;
}

/* ---- trimming ---------------------------------------------------------------------------------
 */

/* The new id of a token, or CONFIG_NONE if it is not kept. */
static uint32_t new_id(const struct trimmed *trimmed, double old)
{
    uint32_t low = 0, high = trimmed->n_kept;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if ((double)trimmed->kept[middle] < old)
            low = middle + 1;
        else
            high = middle;
    }
    return low < trimmed->n_kept && (double)trimmed->kept[low] == old ? low : CONFIG_NONE;
}

static void renumber(const struct trimmed *trimmed, uint32_t *id)
{
    if (*id != CONFIG_NONE)
        *id = new_id(trimmed, *id);
}

/* The target vocabulary's file. */
static const char *vocabulary_file(const char *from)
{
    return file_exists(from, "target_vocab.json") ? "target_vocab.json" : "vocab.json";
}

/* Marks the special tokens in keep[V]. */
static bool mark_specials(const struct config *config, const char *from, char *keep,
                          struct error *err)
{
    const struct generation *g = &config->generation;
    const uint32_t single[] = {g->pad, g->start, g->forced_bos, g->forced_eos};
    cJSON *vocabulary;
    if (!json_load(&vocabulary, from, vocabulary_file(from), COPY_MAX_BYTES, err))
        return false;
    const cJSON *unknown = cJSON_GetObjectItemCaseSensitive(vocabulary, "<unk>");
    if (cJSON_IsNumber(unknown) && unknown->valuedouble >= 0 &&
        unknown->valuedouble < config->target_vocabulary)
        keep[(uint32_t)unknown->valuedouble] = 1;
    cJSON_Delete(vocabulary);
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++)
        if (single[i] != CONFIG_NONE)
            keep[single[i]] = 1;
    for (uint32_t i = 0; i < g->n_eos; i++)
        keep[g->eos[i]] = 1;
    for (uint32_t i = 0; i < g->n_banned; i++)
        keep[g->banned[i]] = 1;
    return true;
}

/* The kept channels of a matrix. */
static bool gather_matrix(struct trimmed *trimmed, const struct kernels *kernels,
                          const struct matrix *old, struct matrix *new, struct error *err)
{
    size_t n_bytes, bad_at;
    if (!matrix_bytes(old->kind, trimmed->n_kept, old->k, &n_bytes))
        return error_set(err, ERROR_MEMORY, "out of memory");
    void *memory = arena_new(&trimmed->arena, n_bytes, 1, err);
    float *row = arena_new(&trimmed->arena, old->k_padded, sizeof *row, err);
    if (memory == NULL || row == NULL)
        return false;
    matrix_place(new, old->kind, trimmed->n_kept, old->k, memory);
    new->smooth = old->smooth;
    for (uint32_t i = 0; i < trimmed->n_kept; i++) {
        uint32_t id = trimmed->kept[i];
        if (old->kind == MATRIX_I8) {
            matrix_get_channel_i8(old, id, (int8_t *)row);
            matrix_set_channel_i8(new, i, (int8_t *)row, old->scales[id]);
        } else {
            matrix_get_channel(old, id, row);
            (void)matrix_set_channel_f32(new, i, row, kernels, &bad_at);
        }
    }
    return true;
}

/* The kept channels of the output matrix, which is the target's embedding, too, and of its preview.
 */
static bool gather(struct trimmed *trimmed, const struct kernels *kernels, struct error *err)
{
    struct network *network = &trimmed->network;
    const struct linear old = network->output;
    const struct matrix preview = network->preview.product.w;
    struct linear *new = &network->output;
    if (!gather_matrix(trimmed, kernels, &old.w, &new->w, err) ||
        (preview.n != 0 &&
         !gather_matrix(trimmed, kernels, &preview, &network->preview.product.w, err)))
        return false;
    if (old.bias != NULL) {
        new->bias = arena_new(&trimmed->arena, trimmed->n_kept, sizeof *new->bias, err);
        if (new->bias == NULL)
            return false;
        for (uint32_t i = 0; i < trimmed->n_kept; i++)
            new->bias[i] = old.bias[trimmed->kept[i]];
    }
    network->preview.product.bias = new->bias;
    network->decoder.embedding = new->w;
    return true;
}

bool trim_network(struct trimmed *trimmed, const struct kernels *kernels, const char *from,
                  const uint32_t *kept, uint32_t n_kept, struct error *err)
{
    struct config *config = &trimmed->config;
    struct generation *g = &config->generation;
    if (config->family != FAMILY_MARIAN || config->names != FAMILY_MARIAN || !config->tie_output)
        return error_set(err, ERROR_USAGE,
                         "only Hugging Face Marian with a tied output can be trimmed");
    char *keep = arena_new(&trimmed->arena, config->target_vocabulary, 1, err);
    trimmed->kept =
        arena_new(&trimmed->arena, config->target_vocabulary, sizeof *trimmed->kept, err);
    if (keep == NULL || trimmed->kept == NULL || !mark_specials(config, from, keep, err))
        return false;
    for (uint32_t i = 0; i < n_kept; i++) {
        if (kept[i] >= config->target_vocabulary)
            return error_set(err, ERROR_USAGE, "token %u is outside the target vocabulary of %u",
                             kept[i], config->target_vocabulary);
        keep[kept[i]] = 1;
    }
    for (uint32_t i = 0; i < config->target_vocabulary; i++)
        if (keep[i])
            trimmed->kept[trimmed->n_kept++] = i;
    config->share_embeddings = false;
    config->target_vocabulary = trimmed->n_kept;
    renumber(trimmed, &g->pad);
    renumber(trimmed, &g->start);
    renumber(trimmed, &g->forced_bos);
    renumber(trimmed, &g->forced_eos);
    renumber(trimmed, &g->bos);
    for (uint32_t i = 0; i < g->n_eos; i++)
        renumber(trimmed, &g->eos[i]);
    for (uint32_t i = 0; i < g->n_banned; i++)
        renumber(trimmed, &g->banned[i]);
    return gather(trimmed, kernels, err);
}

void trim_free(struct trimmed *trimmed)
{
    arena_free(&trimmed->arena);
}

/* ---- trimmed files ----------------------------------------------------------------------------
 */

static bool put_id(cJSON *root, const char *key, uint32_t id)
{
    cJSON_DeleteItemFromObjectCaseSensitive(root, key);
    return id == CONFIG_NONE || cJSON_AddNumberToObject(root, key, id) != NULL;
}

/* Special tokens of config.json or generation_config.json, by their new numbers. */
static bool put_specials(cJSON *root, const struct generation *g)
{
    static const char *const bad_words = "bad_words_ids";
    bool ok = put_id(root, "pad_token_id", g->pad) && put_id(root, "bos_token_id", g->bos) &&
              put_id(root, "decoder_start_token_id", g->start) &&
              put_id(root, "forced_bos_token_id", g->forced_bos) &&
              put_id(root, "forced_eos_token_id", g->forced_eos) &&
              put_id(root, "eos_token_id", g->eos[0]);
    if (g->n_eos > 1) {
        cJSON_DeleteItemFromObjectCaseSensitive(root, "eos_token_id");
        cJSON *list = cJSON_AddArrayToObject(root, "eos_token_id");
        for (uint32_t i = 0; i < g->n_eos; i++)
            ok = ok && cJSON_AddItemToArray(list, cJSON_CreateNumber(g->eos[i]));
    }
    cJSON_DeleteItemFromObjectCaseSensitive(root, "suppress_tokens");
    cJSON_DeleteItemFromObjectCaseSensitive(root, bad_words);
    cJSON *words = g->n_banned > 0 ? cJSON_AddArrayToObject(root, bad_words) : NULL;
    for (uint32_t i = 0; i < g->n_banned; i++) {
        cJSON *word = cJSON_CreateArray();
        ok = ok && cJSON_AddItemToArray(words, word) &&
             cJSON_AddItemToArray(word, cJSON_CreateNumber(g->banned[i]));
    }
    return ok;
}

/* A JSON file of the model, changed; one that is not there begins empty if `may_begin`. */
static bool rewrite(const char *from, const char *to, const char *name, bool may_begin,
                    const struct trimmed *trimmed,
                    bool (*change)(cJSON *root, const struct trimmed *trimmed), struct error *err)
{
    cJSON *root = NULL;
    if (!file_exists(from, name)) {
        if (!may_begin)
            return true;
        root = cJSON_CreateObject();
    } else if (!json_load(&root, from, name, CONFIG_MAX_BYTES, err)) {
        return false;
    }
    bool ok = change(root, trimmed) || error_set(err, ERROR_MEMORY, "out of memory");
    ok = ok && write_json(to, name, root, err);
    cJSON_Delete(root);
    return ok;
}

static bool change_config(cJSON *root, const struct trimmed *trimmed)
{
    static const char *const size = "decoder_vocab_size", *const share =
                                                              "share_encoder_decoder_embeddings";
    cJSON_DeleteItemFromObjectCaseSensitive(root, size);
    cJSON_DeleteItemFromObjectCaseSensitive(root, share);
    return cJSON_AddNumberToObject(root, size, trimmed->n_kept) != NULL &&
           cJSON_AddFalseToObject(root, share) != NULL &&
           put_specials(root, &trimmed->config.generation);
}

static bool change_generation(cJSON *root, const struct trimmed *trimmed)
{
    return put_specials(root, &trimmed->config.generation);
}

static bool change_tokenizer(cJSON *root, const struct trimmed *trimmed)
{
    (void)trimmed;
    cJSON_DeleteItemFromObjectCaseSensitive(root, "separate_vocabs");
    return cJSON_AddTrueToObject(root, "separate_vocabs") != NULL;
}

/* target_vocab.json: the kept tokens under their new numbers. */
static bool write_vocabulary(const char *from, const char *to, const struct trimmed *trimmed,
                             struct error *err)
{
    cJSON *old, *new = cJSON_CreateObject();
    const cJSON *item;
    if (!json_load(&old, from, vocabulary_file(from), COPY_MAX_BYTES, err)) {
        cJSON_Delete(new);
        return false;
    }
    bool ok = new != NULL;
    cJSON_ArrayForEach(item, old)
    {
        uint32_t id = cJSON_IsNumber(item) ? new_id(trimmed, item->valuedouble) : CONFIG_NONE;
        if (id != CONFIG_NONE && ok)
            ok = cJSON_AddNumberToObject(new, item->string, id) != NULL;
    }
    ok = ok ? write_json(to, "target_vocab.json", new, err)
            : error_set(err, ERROR_MEMORY, "out of memory");
    cJSON_Delete(old);
    cJSON_Delete(new);
    return ok;
}

/* CTranslate2's names of special tokens, which its vocabularies need. */
static bool add_token_names(cJSON *root, const char *from, struct error *err)
{
    static const char *const keys[] = {"unk_token", "bos_token", "eos_token"};
    cJSON *old;
    bool ok = true;
    if (!file_exists(from, "config.json"))
        return true;
    if (!json_load(&old, from, "config.json", CONFIG_MAX_BYTES, err))
        return false;
    for (size_t i = 0; ok && i < sizeof keys / sizeof keys[0]; i++) {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(old, keys[i]));
        ok = name == NULL || cJSON_AddStringToObject(root, keys[i], name) != NULL ||
             error_set(err, ERROR_MEMORY, "out of memory");
    }
    cJSON_Delete(old);
    return ok;
}

bool convert_files(const char *from, const char *to, const struct trimmed *trimmed, bool as_own,
                   struct error *err)
{
    static const char *const config = "config.json";
    char folder[CONFIG_PATH_BYTES];
    if (!config_directory(folder, from, err) || !copy_files(folder, to, trimmed->kept != NULL, err))
        return false;
    if (trimmed->kept != NULL)
        return rewrite(folder, to, config, false, trimmed, change_config, err) &&
               rewrite(folder, to, "generation_config.json", false, trimmed, change_generation,
                       err) &&
               rewrite(folder, to, "tokenizer_config.json", true, trimmed, change_tokenizer, err) &&
               write_vocabulary(folder, to, trimmed, err);
    if (as_own) {
        cJSON *root = config_write_own(&trimmed->config, err);
        bool ok = root != NULL &&
                  (trimmed->config.family != FAMILY_CT2 || add_token_names(root, folder, err)) &&
                  write_json(to, config, root, err);
        cJSON_Delete(root);
        return ok;
    }
    size_t n_bytes;
    char *bytes = file_load(folder, config, CONFIG_MAX_BYTES, &n_bytes, err);
    bool ok = bytes != NULL && write_file(to, config, bytes, n_bytes, err);
    memory_free(bytes);
    return ok;
}
