/* choose.h - which model to take when -m names none: the one that comes with the program if it goes
 * from --from to --to (what is not given fits anything), else the installed one that does; with
 * --via, one for each leg. */
#ifndef DRAGOMAN_CLI_CHOOSE_H
#define DRAGOMAN_CLI_CHOOSE_H

#include "cli/options.h"

/* Puts the paths into options->model if languages are given and no model is. ERROR_USAGE if no
 * installed model or more than one fits, telling which there are and how to get one. */
bool choose_models(struct options *options, struct error *err);

#endif
