/* From the user's languages to the model's tags and prompts. */
#include "tokenizer/family.h"
#include "tokenizer/languages.h"

#include <stdio.h>
#include <string.h>

static const struct language *find(const struct tokenizer *tokenizer, const char *wanted,
                                   const char *what, struct error *err)
{
    size_t index;
    const char **codes = memory_new(tokenizer->n_languages, sizeof *codes, err);
    if (codes == NULL)
        return NULL;
    for (size_t i = 0; i < tokenizer->n_languages; i++)
        codes[i] = tokenizer->languages[i].code;
    bool found = languages_match(codes, tokenizer->n_languages, wanted, what, &index, err);
    memory_free(codes);
    return found ? &tokenizer->languages[index] : NULL;
}

/* What the user wants, or the configuration says, or NULL. */
static const char *choose(const char *wanted, const char *fallback)
{
    if (wanted != NULL && wanted[0] != '\0')
        return wanted;
    return fallback[0] != '\0' ? fallback : NULL;
}

static bool find_source(const struct tokenizer *tokenizer, const char *wanted,
                        struct tokenizer_direction *direction, struct error *err)
{
    if (tokenizer->tag_place != TAG_FIRST && tokenizer->tag_place != TAG_LAST)
        return true;
    wanted = choose(wanted, tokenizer->default_source);
    if (wanted == NULL)
        return error_set(err, ERROR_USAGE, "this model must be told the source language");
    const struct language *language = find(tokenizer, wanted, "source", err);
    if (language == NULL)
        return false;
    snprintf(direction->source, sizeof direction->source, "%s", language->code);
    direction->source_tag = language->source_id;
    return true;
}

static bool find_target(const struct tokenizer *tokenizer, const char *wanted,
                        struct tokenizer_direction *direction, struct error *err)
{
    bool needed = tokenizer->forces_target || tokenizer->starts_with_target;
    wanted = choose(wanted, tokenizer->default_target);
    if (tokenizer->n_languages == 0 || (wanted == NULL && !needed))
        return true;
    if (wanted == NULL)
        return error_set(err, ERROR_USAGE, "this model must be told the target language");
    const struct language *language = find(tokenizer, wanted, "target", err);
    if (language == NULL)
        return false;
    snprintf(direction->target, sizeof direction->target, "%s", language->code);
    if (tokenizer->tag_place == TAG_TARGET)
        direction->source_tag = language->source_id;
    if (tokenizer->forces_target)
        direction->forced_first = language->id;
    if (tokenizer->starts_with_target)
        direction->start = language->id;
    if (tokenizer->prompt == PROMPT_TAG)
        snprintf(direction->prompt, sizeof direction->prompt, "<2%s> ", language->code);
    return true;
}

/* "translate English to German: " */
static bool make_prompt(const char *source, const char *target,
                        struct tokenizer_direction *direction, struct error *err)
{
    char from[48], to[48];
    if (target == NULL || target[0] == '\0')
        return true;
    if (!languages_english_name(source != NULL && source[0] != '\0' ? source : "en", from,
                                sizeof from, err) ||
        !languages_english_name(target, to, sizeof to, err))
        return false;
    snprintf(direction->source, sizeof direction->source, "%s", source != NULL ? source : "en");
    snprintf(direction->target, sizeof direction->target, "%s", target);
    snprintf(direction->prompt, sizeof direction->prompt, "translate %s to %s: ", from, to);
    return true;
}

bool tokenizer_direct(const struct tokenizer *tokenizer, const char *source, const char *target,
                      struct tokenizer_direction *direction, struct error *err)
{
    *direction = (struct tokenizer_direction){
        .source_tag = TOKENIZER_NO_ID, .forced_first = TOKENIZER_NO_ID, .start = TOKENIZER_NO_ID};
    if (tokenizer->prompt == PROMPT_SENTENCE)
        return make_prompt(source, target, direction, err);
    return find_source(tokenizer, source, direction, err) &&
           find_target(tokenizer, target, direction, err);
}
