#include "translate/translator.h"

#include "base/file.h"
#include "base/json.h"
#include "kernels/kernels.h"
#include "translate/vocabulary.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of a list of forbidden words. */
#define FORBID_MAX_BYTES ((size_t)16 << 20)

/* Bytes of tokenizer_config.json, which can list hundreds of languages. */
#define LANGUAGES_MAX_BYTES ((size_t)8 << 20)

/* ---- opening -------------------------------------------------------------------------------- */

static bool open_model(struct translator *translator, const char *path,
                       const struct dragoman_options *options, struct error *err)
{
    static const enum precision precisions[] = {[DRAGOMAN_PRECISION_AUTO] = PRECISION_AUTO,
                                                [DRAGOMAN_INT8] = PRECISION_INT8,
                                                [DRAGOMAN_F32] = PRECISION_F32};
    static const enum tensor_format formats[] = {[DRAGOMAN_FORMAT_AUTO] = FORMAT_AUTO,
                                                 [DRAGOMAN_FORMAT_HF] = FORMAT_HF,
                                                 [DRAGOMAN_FORMAT_SAFETENSORS] = FORMAT_SAFETENSORS,
                                                 [DRAGOMAN_FORMAT_TORCH] = FORMAT_TORCH,
                                                 [DRAGOMAN_FORMAT_MARIAN] = FORMAT_MARIAN,
                                                 [DRAGOMAN_FORMAT_CT2] = FORMAT_CT2};
    const char *why = NULL;
    const char *cpu = options->cpu != NULL ? options->cpu : getenv("DRAGOMAN_CPU");
    struct model_options model_options = {.precision = precisions[options->precision],
                                          .format = formats[options->format],
                                          .kernels = kernels_find(cpu, &why),
                                          .max_bytes = options->max_memory};
    if (model_options.kernels == NULL)
        return error_set(err, ERROR_USAGE, "CPU unit '%s': %s", cpu, why);
    if (model_open(&translator->model, path, &model_options, NULL, err))
        return true;
    vocabulary_explain(path, model_options.format, err);
    return false;
}

static void copy_code(char out[TOKENIZER_CODE_BYTES], const cJSON *item)
{
    const char *code = cJSON_GetStringValue(item);
    if (code != NULL && strlen(code) < TOKENIZER_CODE_BYTES)
        memcpy(out, code, strlen(code) + 1);
}

/* Bilingual models need no language codes, but their texts have languages. */
static bool read_languages(struct translator *translator, const char *directory, struct error *err)
{
    static const char name[] = "tokenizer_config.json";
    cJSON *root;
    if (!file_exists(directory, name))
        return true;
    if (!json_load(&root, directory, name, LANGUAGES_MAX_BYTES, err))
        return false;
    copy_code(translator->source, cJSON_GetObjectItemCaseSensitive(root, "source_lang"));
    copy_code(translator->target, cJSON_GetObjectItemCaseSensitive(root, "target_lang"));
    cJSON_Delete(root);
    return true;
}

static bool open_tokenizer(struct translator *translator, const char *path, struct error *err)
{
    struct buffer directory = {0};
    bool ok = vocabulary_of_model(&translator->tokenizer, path, translator->config,
                                  translator->pieces, err) &&
              vocabulary_directory(path, &directory, err) &&
              read_languages(translator, directory.bytes, err);
    buffer_free(&directory);
    return ok;
}

/* Adds a row of pieces to what is forbidden. */
static bool forbid(struct translator *translator, const char *text, size_t n_bytes,
                   struct error *err)
{
    struct tokenizer_direction none = {
        .source_tag = TOKENIZER_NO_ID, .forced_first = TOKENIZER_NO_ID, .start = TOKENIZER_NO_ID};
    struct token_ids ids = {0};
    struct phrase phrase = {0};
    bool ok = translator_encode_target(translator, &none, text, n_bytes, false, &ids, NULL, err);
    if (ok && ids.n_ids > 0) {
        uint32_t *copy = arena_new(&translator->arena, ids.n_ids, sizeof *copy, err);
        ok = copy != NULL &&
             memory_resize(&translator->forbidden, translator->n_forbidden,
                           translator->n_forbidden + 1, sizeof translator->forbidden[0], err);
        if (ok) {
            memcpy(copy, ids.ids, ids.n_ids * sizeof *copy);
            phrase = (struct phrase){.tokens = copy, .n_tokens = (uint32_t)ids.n_ids};
            translator->forbidden[translator->n_forbidden++] = phrase;
        }
    }
    token_ids_free(&ids);
    return ok;
}

/* With `pieces`: one row of them a line; blank lines and lines that begin with '#' are skipped. */
static bool open_forbidden(struct translator *translator, const char *path, struct error *err)
{
    size_t n_bytes = 0;
    char *text = file_load_stream(path, FORBID_MAX_BYTES, &n_bytes, err);
    bool ok = text != NULL;
    for (size_t start = 0; ok && start < n_bytes;) {
        const char *line = text + start;
        const char *newline = memchr(line, '\n', n_bytes - start);
        size_t n = newline != NULL ? (size_t)(newline - line) : n_bytes - start;
        start += n + 1;
        if (n > 0 && line[n - 1] == '\r')
            n--;
        if (n > 0 && line[0] != '#')
            ok = forbid(translator, line, n, err);
    }
    memory_free(text);
    return ok;
}

static bool open_extras(struct translator *translator, const struct dragoman_options *options,
                        struct error *err)
{
    bool protects = options->protect || options->n_protect_patterns > 0;
    if (!translator->pieces && protects &&
        !protect_new(&translator->protect, options->protect, options->protect_patterns,
                     options->n_protect_patterns, err))
        return false;
    if (options->terms_path != NULL && !terms_open(&translator->terms, options->terms_path, err))
        return false;
    if (options->forbid_path != NULL &&
        !(translator->pieces
              ? open_forbidden(translator, options->forbid_path, err)
              : terms_open_words(&translator->forbidden_words, options->forbid_path, err)))
        return false;
    const struct config *config = translator->config;
    return options->shortlist_path == NULL ||
           shortlist_open(&translator->shortlist, options->shortlist_path,
                          config->source_vocabulary, config->target_vocabulary,
                          config->share_embeddings, err);
}

static void take_options(struct translator *translator, const struct dragoman_options *options)
{
    translator->splits = options->split == DRAGOMAN_SPLIT_LINE && !options->pieces;
    translator->pieces = options->pieces;
    translator->strict = options->strict;
    translator->wants_tokens = options->tokens;
    translator->wants_alignment = options->align;
    translator->scores = options->scores || options->tokens;
    translator->sample = options->sample;
    translator->top_k = options->top_k;
    translator->top_p = (float)options->top_p;
    translator->temperature = (float)options->temperature;
    translator->seed = options->seed;
}

bool translator_open(struct translator **out, const char *path,
                     const struct dragoman_options *options, struct error *err)
{
    struct translator *translator = memory_new(1, sizeof *translator, err);
    if (translator == NULL)
        return false;
    take_options(translator, options);
    bool ok = open_model(translator, path, options, err);
    if (ok) {
        translator->config = model_config(translator->model);
        translator->max_source = TRANSLATOR_MAX_SOURCE;
        if (translator->config->max_positions < TRANSLATOR_MAX_SOURCE)
            translator->max_source = translator->config->max_positions;
    }
    ok = ok && settings_make(&translator->settings, translator->config, options, err) &&
         open_tokenizer(translator, path, err) && open_extras(translator, options, err) &&
         reuse_open(&translator->reuse, path, &translator->settings, options, err);
    if (!ok) {
        translator_close(translator);
        return false;
    }
    *out = translator;
    return true;
}

uint32_t translator_width(const struct translator *translator)
{
    const struct settings *settings = &translator->settings;
    return translator->sample ? settings->n_best : settings->generation.num_beams;
}

void translator_close(struct translator *translator)
{
    if (translator == NULL)
        return;
    (void)reuse_close(translator->reuse, NULL); /* a cache that is not complete is no loss */
    shortlist_close(translator->shortlist);
    protect_free(translator->protect);
    terms_close(translator->terms);
    terms_close(translator->forbidden_words);
    tokenizer_close(translator->tokenizer);
    model_close(translator->model);
    memory_free(translator->forbidden);
    arena_free(&translator->arena);
    memory_free(translator);
}

/* ---- languages ------------------------------------------------------------------------------ */

/* Adds an id to the banned ones, which are ascending. */
static void ban(struct generation *generation, uint32_t id)
{
    uint32_t at = 0;
    while (at < generation->n_banned && generation->banned[at] < id)
        at++;
    if (id == TOKENIZER_NO_ID || generation->n_banned == CONFIG_MAX_LISTED ||
        (at < generation->n_banned && generation->banned[at] == id))
        return;
    memmove(generation->banned + at + 1, generation->banned + at,
            (generation->n_banned - at) * sizeof generation->banned[0]);
    generation->banned[at] = id;
    generation->n_banned++;
}

/* The first code that is given. */
static void write_code(char out[TOKENIZER_CODE_BYTES], const char *asked, const char *model,
                       const char *file)
{
    const char *code = asked != NULL && asked[0] != '\0' ? asked : model[0] != '\0' ? model : file;
    if (strlen(code) < TOKENIZER_CODE_BYTES)
        memcpy(out, code, strlen(code) + 1);
    else
        out[0] = '\0';
}

bool translator_direct(const struct translator *translator, const char *from, const char *to,
                       struct direction *direction, struct error *err)
{
    const struct settings *settings = &translator->settings;
    struct generation *generation = &direction->generation;
    if (!tokenizer_direct(translator->tokenizer, from, to, &direction->languages, err))
        return false;
    write_code(direction->source, from, direction->languages.source, translator->source);
    write_code(direction->target, to, direction->languages.target, translator->target);
    *generation = settings->generation;
    if (direction->languages.forced_first != TOKENIZER_NO_ID)
        generation->forced_bos = direction->languages.forced_first;
    if (direction->languages.start != TOKENIZER_NO_ID)
        generation->start = direction->languages.start;
    if (settings->compat == COMPAT_MARIAN && !generation->allows_unknown)
        ban(generation, tokenizer_unknown(translator->tokenizer, TOKENIZER_TARGET));
    direction->search = (struct search_options){.generation = generation,
                                                .compat = settings->compat,
                                                .vocabulary = translator->config->target_vocabulary,
                                                .n_best = settings->n_best,
                                                .scores = translator->scores,
                                                .align = translator->wants_alignment,
                                                .forbidden = translator->forbidden,
                                                .n_forbidden = translator->n_forbidden,
                                                .sample = translator->sample,
                                                .top_k = translator->top_k,
                                                .top_p = translator->top_p,
                                                .temperature = translator->temperature,
                                                .seed = translator->seed};
    return true;
}

/* ---- target text ---------------------------------------------------------------------------- */

bool translator_encode_target(const struct translator *translator,
                              const struct tokenizer_direction *languages, const char *text,
                              size_t n_bytes, bool whole, struct token_ids *ids,
                              struct tokenizer_report *report, struct error *err)
{
    const struct tokenizer *tokenizer = translator->tokenizer;
    ids->n_ids = 0;
    bool ok = translator->pieces
                  ? tokenizer_encode_pieces(tokenizer, languages, TOKENIZER_TARGET, text, n_bytes,
                                            ids, report, err)
                  : tokenizer_encode_target(tokenizer, languages, text, n_bytes, ids, report, err);
    if (!ok)
        return false;
    if (ids->n_ids > 0 && languages->forced_first != TOKENIZER_NO_ID &&
        ids->ids[0] == languages->forced_first)
        memmove(ids->ids, ids->ids + 1, --ids->n_ids * sizeof ids->ids[0]);
    if (!whole && ids->n_ids > 0 &&
        ids->ids[ids->n_ids - 1] == tokenizer_end(tokenizer, TOKENIZER_TARGET))
        ids->n_ids--;
    return true;
}
