/* sentences.h - a line into the pieces that are translated one by one, with the gaps between them
 * kept, so that the translations can be put together again as the line was.
 *
 *     struct sentences *sentences;
 *     sentences_new(&sentences, "en", &err);                    one for each thread
 *     sentences_split(sentences, text, n_bytes, true, 2000, &spans, &err);
 *     for (i = 0; i < spans.count; i++) ... text + spans.items[i].start ...
 *
 * Sentence boundaries are ICU's (Unicode Annex 29) with its abbreviation suppressions for the
 * source language. White space around a sentence belongs to the gaps. */
#ifndef DRAGOMAN_TRANSLATE_SENTENCES_H
#define DRAGOMAN_TRANSLATE_SENTENCES_H

#include "base/memory.h"

struct sentences;

/* Part of a line, in bytes. */
struct span {
    size_t start, n_bytes;
    bool cut; /* the sentence went on: it was too long and was cut here */
};

struct spans {
    struct span *items; /* [count] */
    size_t count, room;
};

/* `language` is a BCP 47 or ISO code ("" or NULL: none). Nothing of ICU is opened until a line
 * needs it. One thread at a time. */
bool sentences_new(struct sentences **sentences, const char *language, struct error *err);
void sentences_free(struct sentences *sentences);

/* Fills `spans` (cleared first) with the sentences of `text`, which may be ill-formed UTF-8;
 * without `split` the whole line is one. A sentence of more than max_characters is cut: after a
 * clause mark if there is one in its last half, else at white space, else between characters that
 * do not combine. White space alone gives no span. */
bool sentences_split(struct sentences *sentences, const char *text, size_t n_bytes, bool split,
                     size_t max_characters, struct spans *spans, struct error *err);

/* Cuts one span in two about its middle, by the same preferences; the first half ends at the
 * returned offset from its start, a proper part of it. 0 if it is a single character. */
size_t sentences_middle(const char *text, size_t n_bytes);

/* The first cut of a text that has more than max_characters, as sentences_split() makes it; 0 if it
 * has no more. */
size_t sentences_cut(const char *text, size_t n_bytes, size_t max_characters);

/* Takes white space off both ends of a part of a text. */
void sentences_trim(const char *text, struct span *span);

void spans_free(struct spans *spans);

#endif
