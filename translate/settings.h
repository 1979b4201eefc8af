/* settings.h - what the model's configuration says about the search, with the options put over it.
 *
 *     struct settings settings;
 *     settings_make(&settings, model_config(model), &options, &err);
 *     uint32_t T = settings_max_length(&settings, source_length, prefix_length);
 */
#ifndef DRAGOMAN_TRANSLATE_SETTINGS_H
#define DRAGOMAN_TRANSLATE_SETTINGS_H

#include "model/beam.h"
#include "translate/dragoman.h"

struct settings {
    struct generation generation; /* options included */
    enum search_compat compat;
    uint32_t n_best;
    double max_length_ratio;   /* 0: none */
    uint32_t target_positions; /* most decoder positions the model has; CONFIG_NONE: no limit */
    bool loop_guard;           /* off where a peer's very behaviour is wanted */
    bool is_length_given;      /* by an option */
    enum origin compat_origin, n_best_origin, ratio_origin, word_penalty_origin;
};

/* ERROR_USAGE for values that make no sense ("--beam: must be from 1 to 64"). */
bool settings_make(struct settings *settings, const struct config *config,
                   const struct dragoman_options *options, struct error *err);

/* Most target tokens of a sentence of source_length tokens (</s> included) whose first
 * prefix_length target tokens are given. Depends on the sentence alone. */
uint32_t settings_max_length(const struct settings *settings, uint32_t source_length,
                             uint32_t prefix_length);

/* Setting `index` as text; false beyond the last. */
bool settings_describe(const struct settings *settings, size_t index,
                       struct dragoman_setting *setting);

#endif
