/* dragoman convert: a model in another form. */
#include "cli/commands.h"
#include "cli/confine.h"
#include "cli/lines.h"
#include "cli/message.h"
#include "cli/undo.h"
#include "cli/vocabulary.h"
#include "model/convert.h"
#include "model/convert_files.h"

#include <string.h>
#include <sys/stat.h>

#define MAX_LINE ((size_t)16 << 20)

/* The target tokens that a text needs: one mark for each id. */
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

/* --trim: the target tokens of the text that it names, for memory_free(). */
static uint32_t *tokens_of_text(const struct options *options, const char *model, uint32_t *count,
                                struct error *err)
{
    struct line_input_options how = {.max_bytes = MAX_LINE, .terminator = '\n'};
    struct tokenizer *tokenizer = NULL;
    struct line_input *input = NULL;
    struct token_set set = {0};
    uint32_t *list = NULL;
    bool ok = line_input_open(&input, options->trim, &how, err) &&
              vocabulary_open(&tokenizer, model, vocabulary_format(options), err);
    if (ok) {
        set.count = tokenizer_count(tokenizer, TOKENIZER_TARGET);
        set.is_in = memory_new(set.count, sizeof *set.is_in, err);
        ok = set.is_in != NULL && read_tokens(&set, tokenizer, input, err);
    }
    if (ok)
        list = token_set_list(&set, err);
    *count = set.n_in;
    memory_free(set.is_in);
    tokenizer_close(tokenizer);
    line_input_close(input);
    return list;
}

static bool convert(const struct options *options, const char *from, struct buffer *faults,
                    struct error *err)
{
    struct convert_options how = {.type = options->f32   ? CONVERT_F32
                                          : options->f16 ? CONVERT_F16
                                                         : CONVERT_INT8,
                                  .format = vocabulary_format(options)};
    const char *why = NULL;
    how.kernels = kernels_find(options->cpu, &why);
    if (how.kernels == NULL)
        return error_set(err, ERROR_USAGE, "--cpu: %s", why);
    uint32_t *kept = NULL;
    if (options->trim != NULL) {
        kept = tokens_of_text(options, from, &how.n_kept, err);
        if (kept == NULL)
            return false;
        how.kept = kept;
    }
    bool ok = convert_model(from, options->operands[1], &how, faults, err);
    memory_free(kept);
    return ok;
}

/* Makes the directory, for inside the sandbox there is no making it. */
static bool make_directory(const char *to, struct undo *undo, struct error *err)
{
    struct stat status;
    bool is_new = lstat(to, &status) != 0;
    if (!convert_directory(to, err))
        return false;
    if (is_new)
        undo_add(undo, to);
    undo_start(undo);
    return true;
}

int cmd_convert(struct options *options)
{
    struct error err = {0};
    struct model_paths models = {0};
    struct undo undo = {0};
    struct buffer faults = {0};
    bool ok = options->n_operands == 2 ||
              error_set(&err, ERROR_USAGE, "convert: needs a model and a new directory");
    ok = ok && ((options->int8 + options->f16 + options->f32) <= 1 ||
                error_set(&err, ERROR_USAGE, "convert: --int8, --f16, --f32: only one of them"));
    ok = ok && can_confine(options, &err) &&
         model_paths_find(&models, options->operands, 1, &err) &&
         make_directory(options->operands[1], &undo, &err) &&
         confine_reading(options, &models, options->operands[1], &err) &&
         convert(options, models.items[0], &faults, &err);
    if (ok)
        undo_forget(&undo);
    undo_now(&undo);
    model_paths_free(&models);
    buffer_free(&faults);
    return ok ? EXIT_DONE : (int)message_fail(&err, false);
}
