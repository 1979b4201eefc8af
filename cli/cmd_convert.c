/* dragoman convert: a model in another form. */
#include "cli/calibrate.h"
#include "cli/commands.h"
#include "cli/confine.h"
#include "cli/message.h"
#include "cli/trim.h"
#include "cli/undo.h"
#include "cli/vocabulary.h"
#include "model/convert.h"
#include "model/convert_files.h"

#include <string.h>
#include <sys/stat.h>

/* By a calibration, or without one. */
static bool write_model(const struct options *options, const char *from,
                        struct convert_options *how, struct buffer *faults, struct error *err)
{
    const char *to = options->operands[1];
    if (options->calibrate == NULL)
        return convert_model(from, to, how, faults, err);
    struct calibrator *calibrator = calibrate(options, from, err);
    if (calibrator == NULL)
        return false;
    how->model = calibrator_model(calibrator);
    how->calibration = calibrator_calibration(calibrator);
    how->preview_rank = options->preview_rank;
    bool ok = convert_model(from, to, how, faults, err);
    calibrator_close(calibrator);
    return ok;
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
        kept = trim_tokens(options, from, &how.n_kept, err);
        if (kept == NULL)
            return false;
        how.kept = kept;
    }
    bool ok = write_model(options, from, &how, faults, err);
    memory_free(kept);
    return ok;
}

static bool check_usage(const struct options *options, struct error *err)
{
    if (options->n_operands != 2)
        return error_set(err, ERROR_USAGE, "convert: needs a model and a new directory");
    if (options->int8 + options->f16 + options->f32 > 1)
        return error_set(err, ERROR_USAGE, "convert: --int8, --f16, --f32: only one of them");
    if (options->preview_rank != 0 && options->calibrate == NULL)
        return error_set(err, ERROR_USAGE, "convert: --preview-rank needs --calibrate");
    return options->calibrate == NULL || !(options->f16 || options->f32) ||
           error_set(err, ERROR_USAGE, "convert: --calibrate is for int8, not for --%s",
                     options->f16 ? "f16" : "f32");
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
    bool ok = check_usage(options, &err) && can_confine(options, &err) &&
              model_paths_find(&models, options->operands, 1, &err) &&
              make_directory(options->operands[1], &undo, &err) &&
              confine_reading(options, &models, options->operands[1], &err) &&
              model_paths_verify(&models, options, &err) &&
              convert(options, models.items[0], &faults, &err);
    if (ok)
        undo_forget(&undo);
    undo_now(&undo);
    model_paths_free(&models);
    buffer_free(&faults);
    return ok ? EXIT_DONE : (int)message_fail(&err, false);
}
