/* forbid.h - `--forbid FILE`: words and phrases that must not occur in a translation.
 *
 * What counts is the text, however the model cuts it into tokens: each finished translation is
 * looked through, and where a forbidden word stands the sentence is searched again without the
 * tokens that made it there, until none is left or FORBID_TRIES are spent. So a sentence without
 * forbidden words is translated as ever, and a longer word that begins like a forbidden one can
 * stay. Words in a protected text of the source stay too.
 *
 * With `--pieces` there is no text: the lines are rows of pieces, which the search never makes. */
#ifndef DRAGOMAN_TRANSLATE_FORBID_H
#define DRAGOMAN_TRANSLATE_FORBID_H

#include "model/beam.h"
#include "translate/line.h"

/* Searches of a sentence after the first. A model has a handful of ways to write a word that are
 * not absurd; 16 leaves room for several words. */
#define FORBID_TRIES 16

struct translator;

/* Looks through a finished part. *again: to be searched once more, without what part->avoided has
 * now; otherwise the part's flags tell whether forbidden words are left. */
bool forbid_check(const struct translator *translator, struct part *part, struct search *search,
                  bool *again, struct error *err);

#endif
