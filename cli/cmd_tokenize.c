/* dragoman tokenize: text to pieces of the source vocabulary; dragoman detokenize: pieces of the
 * target vocabulary to text. */
#include "cli/commands.h"
#include "cli/confine.h"
#include "cli/inputs.h"
#include "cli/message.h"
#include "cli/outputs.h"
#include "cli/paths.h"
#include "cli/vocabulary.h"

#include <string.h>

struct conversion {
    struct tokenizer *tokenizer;
    struct tokenizer_direction direction;
    bool to_ids;
    struct token_ids ids;
};

/* One line: appends its pieces (or ids), or the text of its pieces. */
typedef bool convert_line(struct conversion *c, const char *text, size_t n_bytes,
                          struct buffer *out, struct error *err);

static bool to_pieces(struct conversion *c, const char *text, size_t n_bytes, struct buffer *out,
                      struct error *err)
{
    token_ids_clear(&c->ids);
    if (!tokenizer_encode(c->tokenizer, &c->direction, text, n_bytes, &c->ids, NULL, err))
        return false;
    bool is_first = true;
    for (size_t i = 0; i < c->ids.n_ids; i++) {
        uint32_t id = c->ids.ids[i];
        /* Tags and </s> are added again by whoever reads the pieces; ids are complete. */
        if (!c->to_ids && tokenizer_is_special(c->tokenizer, TOKENIZER_SOURCE, id) &&
            id != tokenizer_unknown(c->tokenizer, TOKENIZER_SOURCE))
            continue;
        if (!is_first && !buffer_append_byte(out, ' ', err))
            return false;
        is_first = false;
        if (c->to_ids ? !buffer_printf(out, err, "%u", id)
                      : !buffer_append_text(
                            out, tokenizer_piece(c->tokenizer, TOKENIZER_SOURCE, id), err))
            return false;
    }
    return true;
}

static bool to_text(struct conversion *c, const char *text, size_t n_bytes, struct buffer *out,
                    struct error *err)
{
    token_ids_clear(&c->ids);
    return tokenizer_encode_pieces(c->tokenizer, &c->direction, TOKENIZER_TARGET, text, n_bytes,
                                   &c->ids, NULL, err) &&
           tokenizer_decode(c->tokenizer, c->ids.ids, c->ids.n_ids, out, err);
}

static bool is_blank(const char *text, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++)
        if (memchr(" \t\r\f\v", text[i], 5) == NULL)
            return false;
    return true;
}

static bool convert_all(struct conversion *c, convert_line *convert, struct inputs *inputs,
                        struct outputs *outputs, struct error *err)
{
    struct buffer out = {0};
    size_t file = 0;
    struct record *record;
    enum line_state state;
    bool ok = true;
    while (ok && (state = inputs_next(inputs, &file, &record, err)) != LINE_END) {
        if (state == LINE_FAILED)
            break;
        size_t n_bytes;
        const char *text = record_text(record, &n_bytes);
        buffer_clear(&out);
        ok = (is_blank(text, n_bytes) || convert(c, text, n_bytes, &out, err)) &&
             format_end(&inputs->settings, record, &out, err) &&
             outputs_add(outputs, record->file, out.bytes, out.n_bytes, err);
        if (!ok)
            error_prefix(err, "%.200s:%llu", inputs_name(inputs, record->file),
                         (unsigned long long)record->number);
        record_free(record);
        if (ok && !line_input_ready(inputs->files[file].lines))
            ok = outputs_flush(outputs, err);
    }
    buffer_free(&out);
    return ok && err->code == ERROR_NONE;
}

static bool open_all(struct conversion *c, const struct options *options, struct inputs *inputs,
                     struct outputs *outputs, struct undo *undo, struct error *err)
{
    struct model_paths models = {0};
    size_t count = options->model.count > 0 ? 1 : 0;
    bool ok = can_confine(options, err) && inputs_open(inputs, options, err) &&
              outputs_check(outputs, options, inputs, err) &&
              model_paths_find(&models, options->model.items, count, err) &&
              outputs_open(outputs, undo, err);
    if (ok)
        undo_start(undo);
    ok = ok && confine_reading(options, &models, outputs_directory(outputs), err) &&
         model_paths_verify(&models, options, err) &&
         vocabulary_open(&c->tokenizer, models.items[0], vocabulary_format(options), err) &&
         tokenizer_direct(c->tokenizer, options->from, options->to, &c->direction, err);
    model_paths_free(&models);
    return ok;
}

static int run(const struct options *options, convert_line *convert)
{
    struct error err = {0}, end_err = {0};
    struct conversion c = {.to_ids = options->ids};
    struct inputs inputs = {0};
    struct outputs outputs = {0};
    struct undo undo = {0};
    bool started, ok = open_all(&c, options, &inputs, &outputs, &undo, &err);
    if (ok)
        undo_forget(&undo);
    ok = ok && outputs_begin(&outputs, &err) && confine(options, outputs_directory(&outputs), &err);
    started = ok;
    ok = ok && convert_all(&c, convert, &inputs, &outputs, &err);
    if (!outputs_end(&outputs, ok, ok ? &err : &end_err))
        ok = false;
    undo_now(&undo);
    token_ids_free(&c.ids);
    tokenizer_close(c.tokenizer);
    inputs_close(&inputs);
    return ok ? EXIT_DONE : (int)message_fail(&err, started);
}

int cmd_tokenize(struct options *options)
{
    return run(options, to_pieces);
}

int cmd_detokenize(struct options *options)
{
    return run(options, to_text);
}
