#include "translate/vocabulary.h"

#include "model/names.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static enum tokenizer_family tokenizer_family_of(enum family family)
{
    switch (family) {
    case FAMILY_MARIAN:
        return TOKENIZER_MARIAN;
    case FAMILY_M2M100:
        return TOKENIZER_M2M100;
    case FAMILY_NLLB:
        return TOKENIZER_NLLB;
    case FAMILY_MBART:
        return TOKENIZER_MBART;
    case FAMILY_T5:
        return TOKENIZER_T5;
    case FAMILY_MARIAN_NATIVE:
        return TOKENIZER_MARIAN_NATIVE;
    case FAMILY_CT2:
        break;
    }
    return TOKENIZER_CT2;
}

bool vocabulary_directory(const char *path, struct buffer *out, struct error *err)
{
    struct stat status;
    if (stat(path, &status) != 0 || S_ISDIR(status.st_mode))
        return buffer_append_text(out, path, err);
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return buffer_append_byte(out, '.', err);
    return buffer_append(out, path, slash == path ? 1 : (size_t)(slash - path), err);
}

static bool open_tokenizer(struct tokenizer **tokenizer, const char *path,
                           const struct config *config, const struct tokenizer_options *extra,
                           struct error *err)
{
    struct buffer directory = {0};
    struct tokenizer_options options = *extra;
    options.family = tokenizer_family_of(config->family);
    options.source_bos = config->source_bos;
    options.source_eos = config->source_eos;
    options.language_starts = config->generation.start == CONFIG_NONE;
    bool ok = vocabulary_directory(path, &directory, err) &&
              tokenizer_open(tokenizer, directory.bytes, &options, err);
    buffer_free(&directory);
    return ok;
}

bool vocabulary_of_model(struct tokenizer **tokenizer, const char *path,
                         const struct config *config, bool pieces_only, struct error *err)
{
    struct tokenizer_options options = {.source_rows = config->source_vocabulary,
                                        .target_rows = config->target_vocabulary,
                                        .encodes_target = !pieces_only,
                                        .pieces_only = pieces_only};
    return open_tokenizer(tokenizer, path, config, &options, err);
}

/* The embedding of a side, or NULL. */
static const struct tensor *find_embedding(const struct tensors *tensors,
                                           const struct config *config, enum stack_side side)
{
    const struct tensor *found = NULL;
    const char *const *names = weight_names_embedding(config, side);
    for (; found == NULL && *names != NULL; names++)
        found = tensors_find(tensors, *names);
    return found;
}

static void explain(const char *path, const struct tensors *tensors, const struct config *config,
                    struct error *err)
{
    static const char *const keys[] = {"vocab_size", "decoder_vocab_size"};
    const uint32_t sizes[] = {config->source_vocabulary, config->target_vocabulary};
    struct tokenizer_options options = {.pieces_only = true};
    struct tokenizer *tokenizer = NULL;
    for (int side = 0; side < 2; side++) {
        const struct tensor *t = find_embedding(tensors, config, (enum stack_side)side);
        if (t == NULL || t->rank != 2 || t->shape[0] == sizes[side])
            continue;
        char count[64] = "unknown (no vocabulary)";
        if (open_tokenizer(&tokenizer, path, config, &options, NULL))
            snprintf(count, sizeof count, "%u",
                     tokenizer_count(tokenizer, (enum tokenizer_side)side));
        error_clear(err);
        error_set(err, ERROR_MODEL,
                  "config.json: %s is %u, but '%.100s' in %.150s has %zu rows (tokens of the "
                  "tokenizer: %s)",
                  keys[side], sizes[side], t->name, tensors_file_name(tensors, t->file),
                  t->shape[0], count);
        tokenizer_close(tokenizer);
        return;
    }
}

void vocabulary_explain(const char *path, enum tensor_format format, struct error *err)
{
    struct tensors *tensors;
    struct config config;
    if (err->code != ERROR_MODEL || !tensors_open(&tensors, path, format, NULL))
        return;
    /* A configuration that is refused tells its sizes, too, if it came so far. */
    enum tensor_format found = tensors_format(tensors);
    (void)config_load(&config, path, tensors, NULL);
    if (config.source_vocabulary != 0 && config.target_vocabulary != 0 &&
        (found == FORMAT_SAFETENSORS || found == FORMAT_TORCH))
        explain(path, tensors, &config, err);
    tensors_close(tensors, NULL);
}
