#include "translate/calibrator.h"

#include "model/calibration.h"
#include "translate/scheduler.h"

/* Hypotheses advanced at once: a number of this file, not of the machine, for the order of the sums
 * goes by it. */
#define CALIBRATOR_ROWS 64

struct calibrator {
    struct translator *translator;
    struct calibration *calibration;
    struct scheduler *scheduler;
    struct stream *stream;
    size_t n_waiting, n_waiting_bytes; /* put and not taken */
};

static bool refuse_quantized(const struct model *model, const char *path, struct error *err)
{
    return !model_is_stored_quantized(model) ||
           error_set(err, ERROR_USAGE,
                     "%s: its weights are int8 already: calibrate the float model it was made from",
                     path);
}

bool calibrator_open(struct calibrator **out, const char *directory,
                     const struct dragoman_options *options, struct error *err)
{
    struct dragoman_options own = *options;
    own.precision = DRAGOMAN_F32;
    struct calibrator *calibrator = memory_new(1, sizeof *calibrator, err);
    bool ok = calibrator != NULL && translator_open(&calibrator->translator, directory, &own, err);
    const struct model *model = ok ? calibrator->translator->model : NULL;
    ok = ok && refuse_quantized(model, directory, err);
    if (ok) {
        calibrator->calibration = calibration_new(model_network(model), model_kernels(model), err);
        ok = calibrator->calibration != NULL &&
             scheduler_new(&calibrator->scheduler, &calibrator->translator, 1, 1, CALIBRATOR_ROWS,
                           err);
    }
    if (ok) {
        scheduler_without_threads(calibrator->scheduler);
        calibrator->scheduler->observer = calibration_observer(calibrator->calibration);
        ok = stream_new(calibrator->scheduler, own.from, own.to, &calibrator->stream, err);
    }
    if (!ok) {
        calibrator_close(calibrator);
        return false;
    }
    *out = calibrator;
    return true;
}

void calibrator_close(struct calibrator *calibrator)
{
    if (calibrator == NULL)
        return;
    stream_free(calibrator->stream);
    scheduler_free(calibrator->scheduler);
    calibration_free(calibrator->calibration);
    translator_close(calibrator->translator);
    memory_free(calibrator);
}

static bool take_all(struct calibrator *calibrator, struct error *err)
{
    for (; calibrator->n_waiting > 0; calibrator->n_waiting--) {
        struct line *line;
        if (!stream_take(calibrator->stream, true, &line, err))
            return false;
        line_free(line);
    }
    calibrator->n_waiting_bytes = 0;
    return true;
}

bool calibrator_add(struct calibrator *calibrator, const char *text, size_t n_bytes,
                    struct error *err)
{
    struct dragoman_line line = {.text = text, .n_bytes = n_bytes};
    bool is_full = calibrator->n_waiting == DRAGOMAN_MIN_LINES ||
                   calibrator->n_waiting_bytes >= DRAGOMAN_MIN_BYTES;
    if ((is_full && !take_all(calibrator, err)) || !stream_put(calibrator->stream, &line, err))
        return false;
    calibrator->n_waiting++;
    calibrator->n_waiting_bytes += n_bytes;
    return true;
}

bool calibrator_finish(struct calibrator *calibrator, struct error *err)
{
    return take_all(calibrator, err) && calibration_finish(calibrator->calibration, err);
}

const struct model *calibrator_model(const struct calibrator *calibrator)
{
    return calibrator->translator->model;
}

const struct calibration *calibrator_calibration(const struct calibrator *calibrator)
{
    return calibrator->calibration;
}
