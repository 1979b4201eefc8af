#include "cli/vocabulary.h"

#include "model/config.h"
#include "translate/vocabulary.h"

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
    if (!tensors_open(&tensors, path, format, err))
        return false;
    bool ok = config_load(&config, path, tensors, err) &&
              vocabulary_of_model(tokenizer, path, &config, false, err);
    struct error ignored = {0};
    bool closed = tensors_close(tensors, ok ? err : &ignored);
    if (ok && !closed)
        tokenizer_close(*tokenizer);
    return ok && closed;
}
