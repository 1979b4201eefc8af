#include "cli/outputs.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* How long an interrupted run may still write: it must be gone in 200 ms. */
#define LAST_WORDS_MILLISECONDS 150

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* DIR/NAME of input number `file`, for buffer_free(). */
static bool path_in_directory(const struct outputs *outputs, size_t file, struct buffer *path,
                              struct error *err)
{
    size_t n = strlen(outputs->directory);
    while (n > 1 && outputs->directory[n - 1] == '/')
        n--;
    return buffer_append(path, outputs->directory, n, err) &&
           buffer_printf(path, err, "/%s", base_name(outputs->inputs->files[file].path));
}

static bool check_directory(const struct outputs *outputs, const char *const *paths,
                            struct error *err)
{
    const struct inputs *inputs = outputs->inputs;
    struct stat status;
    if (stat(outputs->directory, &status) != 0 && errno != ENOENT)
        return error_set_errno(err, ERROR_USAGE, errno, "%s", outputs->directory);
    for (size_t i = 0; i < inputs->count; i++) {
        const char *name = base_name(paths[i]);
        if (strcmp(paths[i], "-") == 0 || name[0] == '\0')
            return error_set(err, ERROR_USAGE, "--output: a directory needs named input files");
        for (size_t j = 0; j < i; j++)
            if (strcmp(base_name(paths[j]), name) == 0)
                return error_set(err, ERROR_USAGE, "%s and %s have the same output file", paths[j],
                                 paths[i]);
        struct buffer path = {0};
        bool ok = path_in_directory(outputs, i, &path, err) &&
                  line_output_check(path.bytes, &outputs->options, paths, inputs->count, err);
        buffer_free(&path);
        if (!ok)
            return false;
    }
    return true;
}

static bool is_directory(const char *path)
{
    struct stat status;
    return path[strlen(path) - 1] == '/' || (stat(path, &status) == 0 && S_ISDIR(status.st_mode));
}

bool outputs_check(struct outputs *outputs, const struct options *options,
                   const struct inputs *inputs, struct error *err)
{
    *outputs = (struct outputs){.inputs = inputs};
    pthread_mutex_init(&outputs->lock, NULL);
    outputs->options = (struct line_output_options){.terminator = options->nul ? '\0' : '\n',
                                                    .force = options->force};
    outputs->options.is_resumed = options->resume;
    if (options->output != NULL && strcmp(options->output, "-") != 0) {
        if (is_directory(options->output))
            outputs->directory = options->output;
        else
            outputs->path = options->output;
    }
    if (options->resume && outputs->path == NULL)
        return error_set(err, ERROR_USAGE, "--resume: needs --output FILE");
    if (options->resume && options->n_best > 0)
        return error_set(err, ERROR_USAGE, "--resume: does not go with --n-best");
    const char **paths = memory_new(inputs->count, sizeof *paths, err);
    if (paths == NULL)
        return false;
    for (size_t i = 0; i < inputs->count; i++)
        paths[i] = inputs->files[i].path;
    bool ok = outputs->directory != NULL
                  ? check_directory(outputs, paths, err)
                  : line_output_check(outputs->path, &outputs->options, paths, inputs->count, err);
    memory_free(paths);
    return ok;
}

/* Opens the output of input number `file` and makes it the current one. */
static bool open_output(struct outputs *outputs, size_t file, bool *is_new, struct error *err)
{
    struct line_output *output = NULL;
    struct buffer path = {0};
    bool ok = outputs->directory != NULL
                  ? path_in_directory(outputs, file, &path, err) &&
                        line_output_open(&output, path.bytes, &outputs->options, is_new, err)
                  : line_output_open(&output, outputs->path, &outputs->options, is_new, err);
    buffer_free(&path);
    if (!ok)
        return false;
    pthread_mutex_lock(&outputs->lock);
    outputs->current = output;
    outputs->file = file;
    pthread_mutex_unlock(&outputs->lock);
    return true;
}

static bool close_output(struct outputs *outputs, struct error *err)
{
    if (outputs->current == NULL)
        return true;
    /* Flushed first, unlocked: an interrupt may come while a reader makes us wait. */
    bool ok = line_output_flush(outputs->current, err);
    pthread_mutex_lock(&outputs->lock);
    struct line_output *output = outputs->current;
    outputs->current = NULL;
    pthread_mutex_unlock(&outputs->lock);
    return line_output_close(output, err) && ok;
}

bool outputs_open(struct outputs *outputs, struct undo *undo, struct error *err)
{
    bool is_new = false;
    if (outputs->directory != NULL) {
        if (mkdir(outputs->directory, 0777) == 0)
            undo_add(undo, outputs->directory);
        else if (errno != EEXIST)
            return error_set_errno(err, ERROR_OUTPUT, errno, "%s", outputs->directory);
        return true; /* the files in it are made as the run goes on */
    }
    if (!open_output(outputs, 0, &is_new, err))
        return false;
    if (is_new)
        undo_add(undo, outputs->path);
    return true;
}

bool outputs_begin(struct outputs *outputs, struct error *err)
{
    if (outputs->current == NULL && !open_output(outputs, 0, NULL, err))
        return false;
    return line_output_begin(outputs->current, &outputs->options, err);
}

/* Moves on to input number `file`; those between had no lines. */
static bool move_to(struct outputs *outputs, size_t file, struct error *err)
{
    while (outputs->directory != NULL && outputs->file < file)
        if (!close_output(outputs, err) || !open_output(outputs, outputs->file + 1, NULL, err) ||
            !line_output_begin(outputs->current, &outputs->options, err))
            return false;
    return true;
}

bool outputs_add(struct outputs *outputs, size_t file, const char *bytes, size_t n_bytes,
                 struct error *err)
{
    return move_to(outputs, file, err) && line_output_add(outputs->current, bytes, n_bytes, err);
}

bool outputs_flush(struct outputs *outputs, struct error *err)
{
    return line_output_flush(outputs->current, err);
}

uint64_t outputs_count(struct outputs *outputs)
{
    pthread_mutex_lock(&outputs->lock);
    uint64_t count = outputs->current != NULL ? line_output_count(outputs->current) : 0;
    pthread_mutex_unlock(&outputs->lock);
    return count;
}

const char *outputs_directory(const struct outputs *outputs)
{
    return outputs->directory;
}

bool outputs_can_resume(const struct outputs *outputs)
{
    struct stat status;
    return outputs->path != NULL && (stat(outputs->path, &status) != 0 || S_ISREG(status.st_mode));
}

void outputs_abandon(void *outputs)
{
    struct outputs *o = outputs;
    pthread_mutex_lock(&o->lock);
    if (o->current != NULL)
        line_output_abandon(o->current, LAST_WORDS_MILLISECONDS);
    pthread_mutex_unlock(&o->lock);
}

bool outputs_end(struct outputs *outputs, bool complete, struct error *err)
{
    bool ok = !complete || move_to(outputs, outputs->inputs->count - 1, err);
    return close_output(outputs, err) && ok;
}
