/* reuse.h - `--cache FILE`: a sentence that was translated before by the same model under the same
 * settings is not translated again. Stands between the pipeline (translator.h) and the file
 * (sentence_cache.h): what a result is written as, and what makes two runs the same.
 *
 * Only best translations are kept: runs that want n-best lists, tokens or alignments, or that
 * sample, go without. */
#ifndef DRAGOMAN_TRANSLATE_REUSE_H
#define DRAGOMAN_TRANSLATE_REUSE_H

#include "translate/line.h"
#include "translate/settings.h"

struct reuse;

/* Opens options->cache_path for the model of `directory`. *reuse is NULL if these options cannot
 * use it. ERROR_USAGE as sentence_cache_open(). */
bool reuse_open(struct reuse **reuse, const char *directory, const struct settings *settings,
                const struct dragoman_options *options, struct error *err);
bool reuse_close(struct reuse *reuse, struct error *err); /* NULL is allowed */

/* Gives the part its outcome if it is known: *found. Any thread. */
bool reuse_find(struct reuse *reuse, const struct direction *direction, struct part *part,
                bool *found, struct error *err);

/* Keeps the part's outcome. */
bool reuse_keep(struct reuse *reuse, const struct direction *direction, const struct part *part,
                struct error *err);

#endif
