/* vocabulary.h - the tokenizer of a model without its weights, for the commands that need no more.
 */
#ifndef DRAGOMAN_CLI_VOCABULARY_H
#define DRAGOMAN_CLI_VOCABULARY_H

#include "tokenizer/tokenizer.h"

/* Opens the tokenizer of the model at `path` (model_path()), for tokenizer_close(). `pieces_only`
 * as in struct tokenizer_options. */
bool vocabulary_open(struct tokenizer **tokenizer, const char *path, bool pieces_only,
                     struct error *err);

#endif
