#include "cli/calibrate.h"

#include "cli/engine.h"
#include "cli/lines.h"
#include "model/calibrated.h"
#include "model/model.h"

#define MAX_LINE ((size_t)16 << 20)

static bool translate_lines(struct calibrator *calibrator, struct line_input *input,
                            struct error *err)
{
    struct line line;
    enum line_state state;
    while ((state = line_input_next(input, &line, err)) == LINE_READ)
        if (!calibrator_add(calibrator, line.bytes, line.n_bytes, err))
            return false;
    return state == LINE_END;
}

static bool finish(struct calibrator *calibrator, const char *path, struct error *err)
{
    if (calibrator_finish(calibrator, err))
        return true;
    error_prefix(err, "--calibrate %s", path);
    return false;
}

/* Before all the work, not after it. */
static bool check_rank(const struct options *options, const struct calibrator *calibrator,
                       struct error *err)
{
    const struct config *config = model_config(calibrator_model(calibrator));
    return calibrated_check_rank(options->preview_rank, config->width, err);
}

struct calibrator *calibrate(const struct options *options, const char *model, struct error *err)
{
    struct line_input_options how = {.max_bytes = MAX_LINE, .terminator = '\n'};
    struct line_input *input = NULL;
    struct calibrator *calibrator = NULL;
    struct dragoman_options settings;
    dragoman_options_init(&settings);
    settings.format = engine_format(options);
    settings.cpu = options->cpu;
    settings.from = options->from;
    settings.to = options->to;
    settings.pieces = options->pieces;
    bool ok = line_input_open(&input, options->calibrate, &how, err) &&
              calibrator_open(&calibrator, model, &settings, err) &&
              check_rank(options, calibrator, err) && translate_lines(calibrator, input, err) &&
              finish(calibrator, options->calibrate, err);
    line_input_close(input);
    if (ok)
        return calibrator;
    calibrator_close(calibrator);
    return NULL;
}
