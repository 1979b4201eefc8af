/* calibrate.h - convert --calibrate: translates a text in float32 to see what the products of a
 * model are fed. */
#ifndef DRAGOMAN_CLI_CALIBRATE_H
#define DRAGOMAN_CLI_CALIBRATE_H

#include "cli/options.h"
#include "translate/calibrator.h"

/* Runs the lines of options->calibrate ("-": standard input) through `model`, a path. The result is
 * for calibrator_close(); NULL on failure: ERROR_USAGE if the model is stored as int8, is
 * narrower than options->preview_rank, or there is no line to translate. */
struct calibrator *calibrate(const struct options *options, const char *model, struct error *err);

#endif
