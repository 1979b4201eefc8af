/* vocabulary.h - the tokenizer that goes with a model: the model's configuration says of which
 * family it is and how many tokens there may be. */
#ifndef DRAGOMAN_TRANSLATE_VOCABULARY_H
#define DRAGOMAN_TRANSLATE_VOCABULARY_H

#include "model/model.h"
#include "tokenizer/tokenizer.h"

/* The directory that the other files of the model at `path` are in: of a single file, where it
 * lies. Appended to `out`. */
bool vocabulary_directory(const char *path, struct buffer *out, struct error *err);

/* Opens the tokenizer, for tokenizer_close(). `pieces_only` as in struct tokenizer_options; without
 * it both sides can be encoded. */
bool vocabulary_of_model(struct tokenizer **tokenizer, const char *path,
                         const struct config *config, bool pieces_only, struct error *err);

/* After the model at `path` could not be opened: if its configuration and its embeddings disagree
 * on the size of the vocabulary, `err` says so instead, with the tokenizer's size beside the two.
 */
void vocabulary_explain(const char *path, enum tensor_format format, struct error *err);

#endif
