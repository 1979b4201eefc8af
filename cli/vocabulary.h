/* vocabulary.h - the tokenizer of a model without its weights, for the commands that need no more.
 */
#ifndef DRAGOMAN_CLI_VOCABULARY_H
#define DRAGOMAN_CLI_VOCABULARY_H

#include "cli/options.h"
#include "model/tensors.h"
#include "tokenizer/tokenizer.h"

/* What --model-format says. */
enum tensor_format vocabulary_format(const struct options *options);

/* Opens the tokenizer of the model at `path` (model_path()), for tokenizer_close(). */
bool vocabulary_open(struct tokenizer **tokenizer, const char *path, enum tensor_format format,
                     struct error *err);

#endif
