#include "translate/forbid.h"

#include "translate/translator.h"

#include <string.h>

/* Rows of tokens that a sentence is kept from. */
#define MAX_AVOIDED 64

/* Whether the text at [at, at + n_bytes) belongs to a protected text that came out there. */
static bool is_protected(const struct part *part, const struct outcome *outcome, size_t at,
                         size_t n_bytes)
{
    for (uint32_t i = 0; i < part->n_kept; i++) {
        const struct kept_text *kept = &part->kept[i];
        size_t first = at + n_bytes > kept->n_bytes ? at + n_bytes - kept->n_bytes : 0;
        for (size_t start = first; !kept->is_term && start <= at; start++)
            if (start + kept->n_bytes <= outcome->n_bytes &&
                memcmp(outcome->text + start, kept->text, kept->n_bytes) == 0)
                return true;
    }
    return false;
}

/* The tokens [*first, *last) that make the text's bytes [start, end): the decoded beginnings of the
 * row tell which token each byte comes from. False if they do not (a text that was put in order
 * while it was decoded). */
static bool find_tokens(const struct translator *translator, const struct search_result *result,
                        size_t start, size_t end, uint32_t *first, uint32_t *last,
                        struct error *err)
{
    struct buffer text = {0};
    bool ok = true, found = false;
    *first = *last = 0;
    for (uint32_t n = 1; ok && !found && n <= result->n_tokens; n++) {
        buffer_clear(&text);
        ok = tokenizer_decode(translator->tokenizer, result->tokens, n, &text, err);
        if (text.n_bytes <= start)
            *first = n;
        *last = n;
        found = text.n_bytes >= end;
    }
    buffer_free(&text);
    return ok && found && *last > *first;
}

/* Adds the tokens to what the part avoids; *is_new: they were not there yet, and could be added. */
static bool avoid(struct part *part, const uint32_t *tokens, uint32_t n_tokens, bool *is_new,
                  struct error *err)
{
    for (uint32_t i = 0; i < part->n_avoided; i++)
        if (part->avoided[i].n_tokens == n_tokens &&
            memcmp(part->avoided[i].tokens, tokens, n_tokens * sizeof *tokens) == 0)
            return true;
    if (part->n_avoided == MAX_AVOIDED)
        return true;
    if (part->avoided == NULL)
        part->avoided = arena_new(&part->arena, MAX_AVOIDED, sizeof part->avoided[0], err);
    uint32_t *copy = arena_new(&part->arena, n_tokens, sizeof *copy, err);
    if (copy == NULL || part->avoided == NULL)
        return false;
    memcpy(copy, tokens, n_tokens * sizeof *tokens);
    part->avoided[part->n_avoided++] = (struct phrase){.tokens = copy, .n_tokens = n_tokens};
    *is_new = true;
    return true;
}

/* One of the n best: notes the tokens of each forbidden word in it. */
static bool check_outcome(const struct translator *translator, struct part *part,
                          struct search *search, uint32_t rank, bool *any, bool *is_new,
                          struct error *err)
{
    const struct outcome *outcome = &part->outcomes[rank];
    struct term_match *matches;
    struct search_result result;
    size_t n_matches;
    if (!terms_find(translator->forbidden_words, outcome->text, outcome->n_bytes, &matches,
                    &n_matches, err))
        return false;
    bool ok = n_matches == 0 || search_result(search, rank, &result) ||
              error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; ok && i < n_matches; i++) {
        uint32_t first, last;
        size_t end = matches[i].start + matches[i].n_bytes;
        if (is_protected(part, outcome, matches[i].start, matches[i].n_bytes))
            continue;
        *any = true;
        if (find_tokens(translator, &result, matches[i].start, end, &first, &last, err))
            ok = avoid(part, result.tokens + first, last - first, is_new, err);
        else
            ok = err->code == ERROR_NONE;
    }
    memory_free(matches);
    return ok;
}

bool forbid_check(const struct translator *translator, struct part *part, struct search *search,
                  bool *again, struct error *err)
{
    bool any = false, is_new = false;
    if (translator->forbidden_words == NULL)
        return true;
    for (uint32_t i = 0; i < part->n_outcomes; i++)
        if (!check_outcome(translator, part, search, i, &any, &is_new, err))
            return false;
    part->flags &= ~(unsigned)DRAGOMAN_FLAG_FORBIDDEN;
    if (is_new && part->n_avoiding < FORBID_TRIES) {
        part->n_avoiding++;
        *again = true;
    } else if (any) {
        part->flags |= DRAGOMAN_FLAG_FORBIDDEN;
    }
    return true;
}
