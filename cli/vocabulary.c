#include "cli/vocabulary.h"

#include "model/config.h"

#include <string.h>
#include <sys/stat.h>

static enum tokenizer_family family_of(enum family family)
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

/* The directory of the vocabularies: of a model that is one file, where that is. */
static bool directory_of(const char *path, struct buffer *directory, struct error *err)
{
    struct stat status;
    if (stat(path, &status) != 0 || S_ISDIR(status.st_mode))
        return buffer_append_text(directory, path, err);
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return buffer_append_byte(directory, '.', err);
    return buffer_append(directory, path, slash == path ? 1 : (size_t)(slash - path), err);
}

enum tensor_format vocabulary_format(const struct options *options)
{
    static const enum tensor_format formats[] = {FORMAT_AUTO,  FORMAT_HF,     FORMAT_SAFETENSORS,
                                                 FORMAT_TORCH, FORMAT_MARIAN, FORMAT_CT2};
    return formats[options->model_format];
}

bool vocabulary_open(struct tokenizer **tokenizer, const char *path, enum tensor_format format,
                     struct error *err)
{
    struct tensors *tensors;
    struct config config;
    struct buffer directory = {0};
    if (!tensors_open(&tensors, path, format, err))
        return false;
    bool ok = config_load(&config, path, tensors, err) && directory_of(path, &directory, err);
    if (ok) {
        struct tokenizer_options options = {.family = family_of(config.family),
                                            .source_rows = config.source_vocabulary,
                                            .target_rows = config.target_vocabulary,
                                            .source_bos = config.source_bos,
                                            .source_eos = config.source_eos,
                                            .language_starts =
                                                config.generation.start == CONFIG_NONE,
                                            .encodes_target = true};
        ok = tokenizer_open(tokenizer, directory.bytes, &options, err);
    }
    buffer_free(&directory);
    struct error ignored = {0};
    bool closed = tensors_close(tensors, ok ? err : &ignored);
    if (ok && !closed)
        tokenizer_close(*tokenizer);
    return ok && closed;
}
