/* calibrator.h - a float32 model that translates text while its products are watched
 * (model/calibration.h).
 *
 *     struct calibrator *calibrator;
 *     calibrator_open(&calibrator, "opus-mt-en-de", &options, &err);
 *     for each line: calibrator_add(calibrator, text, n_bytes, &err);
 *     calibrator_finish(calibrator, &err);
 *     ... calibrator_model(calibrator), calibrator_calibration(calibrator) ...
 *     calibrator_close(calibrator);
 *
 * One thread does all of it, so that the same lines give the same sums. */
#ifndef DRAGOMAN_TRANSLATE_CALIBRATOR_H
#define DRAGOMAN_TRANSLATE_CALIBRATOR_H

#include "base/error.h"
#include "translate/dragoman.h"

struct calibrator;

/* Opens the model in `directory`, as float32 whatever `options` say of precision. ERROR_USAGE if it
 * is stored as int8 already: what rounding took away, calibration does not bring back. */
bool calibrator_open(struct calibrator **calibrator, const char *directory,
                     const struct dragoman_options *options, struct error *err);
void calibrator_close(struct calibrator *calibrator);

/* Translates a line, sooner or later; the translation is dropped. */
bool calibrator_add(struct calibrator *calibrator, const char *text, size_t n_bytes,
                    struct error *err);

/* No more lines. ERROR_USAGE if there was nothing to translate. */
bool calibrator_finish(struct calibrator *calibrator, struct error *err);

/* Live as long as the calibrator. */
const struct model *calibrator_model(const struct calibrator *calibrator);
const struct calibration *calibrator_calibration(const struct calibrator *calibrator);

#endif
