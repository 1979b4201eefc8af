#include "cli/engine.h"

#include "cli/message.h"

bool engine_fault(const struct dragoman_error *from, struct error *err)
{
    static const enum error_code codes[] = {
        [DRAGOMAN_OK] = ERROR_INTERNAL,
        [DRAGOMAN_USAGE] = ERROR_USAGE,
        [DRAGOMAN_MODEL] = ERROR_MODEL,
        [DRAGOMAN_LIMIT] = ERROR_LIMIT,
        [DRAGOMAN_INPUT] = ERROR_INPUT,
        [DRAGOMAN_OUTPUT] = ERROR_OUTPUT,
        [DRAGOMAN_MEMORY] = ERROR_MEMORY,
        [DRAGOMAN_SYSTEM] = ERROR_SYSTEM,
        [DRAGOMAN_INTERRUPTED] = ERROR_INTERRUPTED,
        [DRAGOMAN_INTERNAL] = ERROR_INTERNAL,
    };
    return error_set(err, codes[from->status], "%s", from->text);
}

/* A number of the command line, or "the model decides". */
static uint32_t number_or_unset(uint64_t value)
{
    return value != 0 ? (uint32_t)value : DRAGOMAN_UNSET;
}

static void set_text(struct dragoman_options *to, const struct options *from)
{
    static const enum dragoman_split splits[] = {[SPLIT_LINE] = DRAGOMAN_SPLIT_LINE,
                                                 [SPLIT_NONE] = DRAGOMAN_SPLIT_NONE,
                                                 [SPLIT_PARAGRAPH] = DRAGOMAN_SPLIT_LINE};
    to->from = from->from;
    to->to = from->to;
    to->via = from->via.items;
    to->n_via = from->via.count;
    to->split = splits[from->split];
    to->pieces = from->pieces;
    to->strict = from->strict;
    to->protect = from->keep;
    to->protect_patterns = from->protect.items;
    to->n_protect_patterns = from->protect.count;
    to->terms_path = from->terms;
    to->forbid_path = from->forbid;
}

static void set_search(struct dragoman_options *to, const struct options *from)
{
    static const enum dragoman_stop stops[] = {DRAGOMAN_STOP_MODEL, DRAGOMAN_STOP_FINISHED,
                                               DRAGOMAN_STOP_HEURISTIC, DRAGOMAN_STOP_EXHAUSTIVE};
    static const enum dragoman_compat compats[] = {DRAGOMAN_COMPAT_MODEL, DRAGOMAN_HF, DRAGOMAN_CT2,
                                                   DRAGOMAN_COMPAT_MARIAN, DRAGOMAN_FAIRSEQ};
    to->beam = number_or_unset(from->beam);
    to->n_best = number_or_unset(from->n_best);
    to->max_length = number_or_unset(from->max_length);
    to->min_length = number_or_unset(from->min_length);
    if (option_is_given(from, "max-length-ratio"))
        to->max_length_ratio = from->max_length_ratio;
    if (option_is_given(from, "length-penalty"))
        to->length_penalty = from->length_penalty;
    if (option_is_given(from, "word-penalty"))
        to->word_penalty = from->word_penalty;
    to->stop = stops[from->stop];
    to->compat = compats[from->compat];
    if (option_is_given(from, "no-repeat-ngram"))
        to->no_repeat_ngram = (uint32_t)from->no_repeat_ngram;
    if (option_is_given(from, "repetition-penalty"))
        to->repetition_penalty = from->repetition_penalty;
    to->loop_guard = from->loop_guard;
    to->sample = from->sample;
    to->top_k = (uint32_t)from->top_k;
    to->top_p = from->top_p;
    to->temperature = from->temperature;
    to->seed = from->seed;
    to->shortlist_path = from->shortlist;
}

enum dragoman_format engine_format(const struct options *options)
{
    static const enum dragoman_format formats[] = {
        DRAGOMAN_FORMAT_AUTO,  DRAGOMAN_FORMAT_HF,     DRAGOMAN_FORMAT_SAFETENSORS,
        DRAGOMAN_FORMAT_TORCH, DRAGOMAN_FORMAT_MARIAN, DRAGOMAN_FORMAT_CT2};
    return formats[options->model_format];
}

static void set_options(struct dragoman_options *to, const struct options *from)
{
    static const enum dragoman_precision precisions[] = {DRAGOMAN_PRECISION_AUTO, DRAGOMAN_INT8,
                                                         DRAGOMAN_F32};
    dragoman_options_init(to);
    to->precision = precisions[from->precision];
    to->format = engine_format(from);
    to->cpu = from->cpu;
    to->max_memory = from->max_memory;
    set_text(to, from);
    set_search(to, from);
    to->tokens = from->token_scores;
    to->align = from->align;
    to->threads = (uint32_t)from->threads;
    to->max_rows = (uint32_t)from->batch;
    to->cache_path = from->cache;
}

bool engine_open(struct dragoman **dragoman, const struct options *options,
                 const struct model_paths *models, bool scores, struct error *err)
{
    struct dragoman_options settings;
    struct dragoman_error fault = {0};
    set_options(&settings, options);
    settings.scores = scores;
    settings.streams_say = options->command == COMMAND_SERVE;
    settings.profile = options->profile;
    if (!dragoman_open(dragoman, (const char *const *)models->items, models->count, &settings,
                       &fault))
        return engine_fault(&fault, err);
    return true;
}

bool engine_stream(struct dragoman *dragoman, struct dragoman_stream **stream, struct error *err)
{
    struct dragoman_error fault = {0};
    if (!dragoman_stream_open(dragoman, NULL, stream, &fault))
        return engine_fault(&fault, err);
    const char *warning;
    for (size_t i = 0; (warning = dragoman_warning(dragoman, i)) != NULL; i++)
        message_note("%s", warning);
    return true;
}
