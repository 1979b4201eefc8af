#include "cli/trim.h"

#include "cli/lines.h"
#include "cli/vocabulary.h"
#include "tokenizer/scripts.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MAX_LINE ((size_t)16 << 20)

/* Target tokens: one mark for each id. */
struct token_set {
    bool *is_in; /* [count] */
    uint32_t count;
    uint32_t n_in;
};

static void token_set_add(struct token_set *set, const struct token_ids *ids)
{
    for (size_t i = 0; i < ids->n_ids; i++) {
        if (ids->ids[i] >= set->count || set->is_in[ids->ids[i]])
            continue;
        set->is_in[ids->ids[i]] = true;
        set->n_in++;
    }
}

static bool read_tokens(struct token_set *set, const struct tokenizer *tokenizer,
                        struct line_input *input, struct error *err)
{
    static const struct tokenizer_direction none = {
        .source_tag = TOKENIZER_NO_ID, .forced_first = TOKENIZER_NO_ID, .start = TOKENIZER_NO_ID};
    struct token_ids ids = {0};
    struct line line;
    enum line_state state;
    while ((state = line_input_next(input, &line, err)) == LINE_READ) {
        token_ids_clear(&ids);
        if (!tokenizer_encode_target(tokenizer, &none, line.bytes, line.n_bytes, &ids, NULL, err))
            break;
        token_set_add(set, &ids);
    }
    token_ids_free(&ids);
    return state == LINE_END;
}

/* The ids, ascending, for memory_free(). */
static uint32_t *token_set_list(const struct token_set *set, struct error *err)
{
    uint32_t *list = memory_new(set->n_in, sizeof *list, err);
    uint32_t n = 0;
    for (uint32_t id = 0; list != NULL && id < set->count; id++)
        if (set->is_in[id])
            list[n++] = id;
    return list;
}

static bool token_set_new(struct token_set *set, const struct tokenizer *tokenizer,
                          struct error *err)
{
    set->count = tokenizer_count(tokenizer, TOKENIZER_TARGET);
    set->is_in = memory_new(set->count, sizeof *set->is_in, err);
    return set->is_in != NULL;
}

static bool tokens_of_text(struct token_set *set, const struct tokenizer *tokenizer,
                           const char *path, struct error *err)
{
    struct line_input_options how = {.max_bytes = MAX_LINE, .terminator = '\n'};
    struct line_input *input = NULL;
    bool ok = line_input_open(&input, path, &how, err) && read_tokens(set, tokenizer, input, err);
    line_input_close(input);
    return ok;
}

/* ">>de<<": says a language, and is of none. */
static bool is_tag(const char *piece, size_t n_bytes)
{
    return n_bytes > 4 && memcmp(piece, ">>", 2) == 0 && memcmp(piece + n_bytes - 2, "<<", 2) == 0;
}

static bool tokens_of_language(struct token_set *set, const struct tokenizer *tokenizer,
                               const char *language, struct error *err)
{
    struct scripts scripts;
    if (!scripts_of_language(language, &scripts, err)) {
        error_prefix(err, "--trim");
        return false;
    }
    for (uint32_t id = 0; id < set->count; id++) {
        const char *piece = tokenizer_piece(tokenizer, TOKENIZER_TARGET, id);
        size_t n_bytes = strlen(piece);
        set->is_in[id] = tokenizer_is_special(tokenizer, TOKENIZER_TARGET, id) ||
                         is_tag(piece, n_bytes) || scripts_allow(&scripts, piece, n_bytes);
        set->n_in += set->is_in[id];
    }
    return set->n_in < set->count ||
           error_set(err, ERROR_USAGE,
                     "--trim %s: all %u target pieces are of its scripts (%s): give a text to trim "
                     "by",
                     language, set->count, scripts.names);
}

uint32_t *trim_tokens(const struct options *options, const char *model, uint32_t *count,
                      struct error *err)
{
    struct tokenizer *tokenizer = NULL;
    struct token_set set = {0};
    uint32_t *list = NULL;
    bool is_text = access(options->trim, F_OK) == 0 || errno != ENOENT;
    if (vocabulary_open(&tokenizer, model, vocabulary_format(options), err) &&
        token_set_new(&set, tokenizer, err) &&
        (is_text ? tokens_of_text(&set, tokenizer, options->trim, err)
                 : tokens_of_language(&set, tokenizer, options->trim, err)))
        list = token_set_list(&set, err);
    *count = set.n_in;
    memory_free(set.is_in);
    tokenizer_close(tokenizer);
    return list;
}
