/* model_languages.h - from which languages into which a model translates, as its small JSON files
 * say; the model itself is not opened.
 *
 *     struct model_languages languages;
 *     model_languages_read(&languages, "/path/of/model", &err);
 *     if (model_languages_match(&languages, "de", "fr")) ...
 *     model_languages_free(&languages);
 *
 * MarianMT: source_lang and target_lang of tokenizer_config.json, the targets of a multilingual one
 * by the >>xx<< tokens of vocab.json. M2M100, NLLB and mBART: the codes among the special tokens.
 * Other files say nothing of languages, and such a model matches none. */
#ifndef DRAGOMAN_CLI_MODEL_LANGUAGES_H
#define DRAGOMAN_CLI_MODEL_LANGUAGES_H

#include "base/memory.h"

struct model_languages {
    const char **sources, **targets; /* [n_sources], [n_targets] codes as the model writes them */
    size_t n_sources, n_targets;
    struct arena arena;
};

/* False only for want of memory: files that are missing or malformed say nothing. `type` is
 * config.json's model_type. */
bool model_languages_read(struct model_languages *languages, const char *path, const char *type,
                          struct error *err);
void model_languages_free(struct model_languages *languages);

/* Whether it translates from `from` into `to` (codes as users write them; NULL: any). */
bool model_languages_match(const struct model_languages *languages, const char *from,
                           const char *to);

/* "en-de", "en-deu,fra", "202 languages", "en-25 languages", or "". */
void model_languages_describe(const struct model_languages *languages, char *out, size_t n_bytes);

/* config.json's model_type into `type`; false if it has none. */
bool model_type_read(const char *path, char *type, size_t n_bytes);

#endif
