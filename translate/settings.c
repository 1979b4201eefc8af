#include "translate/settings.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A translation longer than this many times its source (and than the least) has gone astray: Marian
 * stops there too. */
#define GUARD_RATIO 3
#define GUARD_LEAST 16

/* Where neither model nor option says how long a translation may be. */
#define UNSAID_LIMIT 512
#define UNSAID_RATIO 3
#define UNSAID_MORE 50

#define LONGEST (1u << 20)

/* ---- options over the model ----------------------------------------------------------------- */

static bool set_number(uint32_t *field, enum origin *origin, const char *name, uint32_t value,
                       uint32_t minimum, uint32_t maximum, struct error *err)
{
    if (value == DRAGOMAN_UNSET)
        return true;
    if (value < minimum || value > maximum)
        return error_set(err, ERROR_USAGE, "--%s: must be a number from %u to %u, not %u", name,
                         minimum, maximum, value);
    *field = value;
    *origin = ORIGIN_OPTION;
    return true;
}

static bool is_unset(double value)
{
    return value <= DRAGOMAN_UNSET_REAL;
}

static bool set_real(float *field, enum origin *origin, const char *name, double value,
                     double minimum, double maximum, struct error *err)
{
    if (is_unset(value))
        return true;
    if (!(value >= minimum && value <= maximum))
        return error_set(err, ERROR_USAGE, "--%s: must be from %g to %g", name, minimum, maximum);
    *field = (float)value;
    *origin = ORIGIN_OPTION;
    return true;
}

static enum search_compat compat_of(enum dragoman_compat compat, enum family family)
{
    switch (compat) {
    case DRAGOMAN_HF:
        return COMPAT_HF;
    case DRAGOMAN_CT2:
        return COMPAT_CT2;
    case DRAGOMAN_COMPAT_MARIAN:
        return COMPAT_MARIAN;
    case DRAGOMAN_FAIRSEQ:
        return COMPAT_FAIRSEQ;
    case DRAGOMAN_COMPAT_MODEL:
        break;
    }
    return family == FAMILY_MARIAN_NATIVE ? COMPAT_MARIAN
           : family == FAMILY_CT2         ? COMPAT_CT2
                                          : COMPAT_HF;
}

static void set_stop(struct settings *settings, enum dragoman_stop stop)
{
    static const enum stop_rule rules[] = {[DRAGOMAN_STOP_FINISHED] = STOP_FINISHED,
                                           [DRAGOMAN_STOP_HEURISTIC] = STOP_HEURISTIC,
                                           [DRAGOMAN_STOP_EXHAUSTIVE] = STOP_NEVER};
    if (stop == DRAGOMAN_STOP_MODEL)
        return;
    settings->generation.stop = rules[stop];
    settings->generation.stop_origin = ORIGIN_OPTION;
}

static bool check_sampling(const struct dragoman_options *options, struct error *err)
{
    if (!(options->top_p > 0 && options->top_p <= 1))
        return error_set(err, ERROR_USAGE, "--top-p: must be more than 0 and at most 1");
    if (!(options->temperature >= 0.01 && options->temperature <= 100))
        return error_set(err, ERROR_USAGE, "--temperature: must be from 0.01 to 100");
    return true;
}

static bool set_lengths(struct settings *settings, const struct dragoman_options *options,
                        struct error *err)
{
    struct generation *g = &settings->generation;
    if (!set_number(&g->max_length, &g->max_length_origin, "max-length", options->max_length, 1,
                    LONGEST, err) ||
        !set_number(&g->min_length, &g->min_length_origin, "min-length", options->min_length, 0,
                    LONGEST, err))
        return false;
    settings->is_length_given = options->max_length != DRAGOMAN_UNSET;
    if (is_unset(options->max_length_ratio))
        return true;
    if (!(options->max_length_ratio >= 0 && options->max_length_ratio <= 1000))
        return error_set(err, ERROR_USAGE, "--max-length-ratio: must be from 0 to 1000");
    settings->max_length_ratio = options->max_length_ratio;
    settings->ratio_origin = ORIGIN_OPTION;
    return true;
}

bool settings_make(struct settings *settings, const struct config *config,
                   const struct dragoman_options *options, struct error *err)
{
    *settings = (struct settings){.generation = config->generation,
                                  .compat = compat_of(options->compat, config->family),
                                  .target_positions = CONFIG_NONE,
                                  .n_best = 1};
    struct generation *g = &settings->generation;
    if (config->positions == POSITIONS_LEARNED)
        settings->target_positions = config->max_positions;
    settings->word_penalty_origin =
        g->word_penalty < 0 || g->word_penalty > 0 ? ORIGIN_MODEL : ORIGIN_DEFAULT;
    if (options->compat != DRAGOMAN_COMPAT_MODEL)
        settings->compat_origin = ORIGIN_OPTION;
    settings->loop_guard = options->loop_guard && settings->compat == COMPAT_HF;
    set_stop(settings, options->stop);
    if (!set_number(&g->num_beams, &g->num_beams_origin, "beam", options->beam, 1, SEARCH_MAX_BEAMS,
                    err) ||
        !set_number(&settings->n_best, &settings->n_best_origin, "n-best", options->n_best, 1,
                    SEARCH_MAX_BEAMS, err) ||
        !set_lengths(settings, options, err) ||
        !set_number(&g->no_repeat_ngram_size, &g->no_repeat_ngram_size_origin, "no-repeat-ngram",
                    options->no_repeat_ngram, 0, 1000, err) ||
        !set_real(&g->length_penalty, &g->length_penalty_origin, "length-penalty",
                  options->length_penalty, -10, 10, err) ||
        !set_real(&g->word_penalty, &settings->word_penalty_origin, "word-penalty",
                  options->word_penalty, -100, 100, err) ||
        !set_real(&g->repetition_penalty, &g->repetition_penalty_origin, "repetition-penalty",
                  options->repetition_penalty, 0.01, 100, err) ||
        !check_sampling(options, err))
        return false;
    if (settings->n_best > g->num_beams && !options->sample) {
        if (options->beam != DRAGOMAN_UNSET)
            return error_set(err, ERROR_USAGE, "--n-best %u needs --beam %u, not %u",
                             settings->n_best, settings->n_best, g->num_beams);
        g->num_beams = settings->n_best; /* the model's beam is too narrow for what is asked */
        g->num_beams_origin = ORIGIN_OPTION;
    }
    return true;
}

/* ---- lengths -------------------------------------------------------------------------------- */

static uint32_t least_of(uint32_t a, double b)
{
    return b < a ? (uint32_t)b : a;
}

uint32_t settings_max_length(const struct settings *settings, uint32_t source_length,
                             uint32_t prefix_length)
{
    const struct generation *g = &settings->generation;
    uint32_t limit = g->max_length;
    if (limit == CONFIG_NONE)
        limit = g->max_length_factor > 0
                    ? LONGEST
                    : least_of(UNSAID_LIMIT, (double)UNSAID_RATIO * source_length + UNSAID_MORE);
    if (g->max_length_factor > 0)
        limit = least_of(limit, ceil((double)g->max_length_factor * source_length));
    if (settings->max_length_ratio > 0)
        limit = least_of(limit, ceil(settings->max_length_ratio * source_length));
    if (settings->loop_guard && !settings->is_length_given) {
        double guard = (double)GUARD_RATIO * source_length;
        limit = least_of(limit, guard > GUARD_LEAST ? guard : GUARD_LEAST);
    }
    if (!settings->is_length_given)
        limit += prefix_length;
    if (limit > settings->target_positions)
        limit = settings->target_positions;
    return limit > 0 ? limit : 1;
}

/* ---- --print-config ------------------------------------------------------------------------- */

static const char *origin_name(enum origin origin)
{
    switch (origin) {
    case ORIGIN_CONFIG:
        return "config.json";
    case ORIGIN_GENERATION_CONFIG:
        return "generation_config.json";
    case ORIGIN_MODEL:
        return "model";
    case ORIGIN_OPTION:
        return "option";
    case ORIGIN_DEFAULT:
        break;
    }
    return "default";
}

static void put_number(struct dragoman_setting *out, uint32_t value, enum origin origin)
{
    if (value == CONFIG_NONE)
        snprintf(out->value, sizeof out->value, "none");
    else
        snprintf(out->value, sizeof out->value, "%u", value);
    snprintf(out->origin, sizeof out->origin, "%s", origin_name(origin));
}

static void put_real(struct dragoman_setting *out, double value, enum origin origin)
{
    snprintf(out->value, sizeof out->value, "%.6g", value);
    snprintf(out->origin, sizeof out->origin, "%s", origin_name(origin));
}

static void put_text(struct dragoman_setting *out, const char *value, enum origin origin)
{
    snprintf(out->value, sizeof out->value, "%s", value);
    snprintf(out->origin, sizeof out->origin, "%s", origin_name(origin));
}

static void put_list(struct dragoman_setting *out, const uint32_t *ids, uint32_t count,
                     enum origin origin)
{
    size_t used = 0;
    put_text(out, count == 0 ? "none" : "", origin);
    for (uint32_t i = 0; i < count && used + 16 < sizeof out->value; i++) {
        int n =
            snprintf(out->value + used, sizeof out->value - used, i == 0 ? "%u" : " %u", ids[i]);
        used += n > 0 ? (size_t)n : 0;
    }
}

bool settings_describe(const struct settings *settings, size_t index, struct dragoman_setting *out)
{
    static const char *const names[] = {"compat",
                                        "num_beams",
                                        "n_best",
                                        "max_length",
                                        "min_length",
                                        "max_length_ratio",
                                        "length_penalty",
                                        "early_stopping",
                                        "no_repeat_ngram_size",
                                        "repetition_penalty",
                                        "renormalize_logits",
                                        "banned_tokens",
                                        "eos_token_id",
                                        "decoder_start_token_id",
                                        "forced_bos_token_id",
                                        "forced_eos_token_id",
                                        "word_penalty",
                                        "loop_guard"};
    static const char *const compats[] = {"hf", "ct2", "marian", "fairseq"};
    static const char *const stops[] = {"finished", "heuristic", "limit", "exhaustive"};
    const struct generation *g = &settings->generation;
    if (index >= sizeof names / sizeof names[0])
        return false;
    snprintf(out->name, sizeof out->name, "%s", names[index]);
    switch (index) {
    case 0:
        put_text(out, compats[settings->compat], settings->compat_origin);
        break;
    case 1:
        put_number(out, g->num_beams, g->num_beams_origin);
        break;
    case 2:
        put_number(out, settings->n_best, settings->n_best_origin);
        break;
    case 3:
        put_number(out, g->max_length, g->max_length_origin);
        break;
    case 4:
        put_number(out, g->min_length, g->min_length_origin);
        break;
    case 5:
        put_real(out,
                 settings->max_length_ratio > 0 ? settings->max_length_ratio
                                                : (double)g->max_length_factor,
                 settings->max_length_ratio > 0 ? settings->ratio_origin
                 : g->max_length_factor > 0     ? g->max_length_origin
                                                : ORIGIN_DEFAULT);
        break;
    case 6:
        put_real(out, (double)g->length_penalty, g->length_penalty_origin);
        break;
    case 7:
        put_text(out, stops[g->stop], g->stop_origin);
        break;
    case 8:
        put_number(out, g->no_repeat_ngram_size, g->no_repeat_ngram_size_origin);
        break;
    case 9:
        put_real(out, (double)g->repetition_penalty, g->repetition_penalty_origin);
        break;
    case 10:
        put_text(out, g->renormalize ? "true" : "false", g->renormalize_origin);
        break;
    case 11:
        put_list(out, g->banned, g->n_banned, g->banned_origin);
        break;
    case 12:
        put_list(out, g->eos, g->n_eos, g->eos_origin);
        break;
    case 13:
        put_number(out, g->start, g->start_origin);
        break;
    case 14:
        put_number(out, g->forced_bos, g->forced_bos_origin);
        break;
    case 15:
        put_number(out, g->forced_eos, g->forced_eos_origin);
        break;
    case 16:
        put_real(out, (double)g->word_penalty, settings->word_penalty_origin);
        break;
    default:
        put_text(out, settings->loop_guard ? "yes" : "no",
                 settings->loop_guard ? ORIGIN_DEFAULT : ORIGIN_OPTION);
        if (settings->compat != COMPAT_HF)
            snprintf(out->origin, sizeof out->origin, "compat");
        break;
    }
    return true;
}
