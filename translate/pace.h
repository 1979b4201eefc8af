/* pace.h - whether a lone sentence is searched faster by all cores together or by one of them.
 *
 * That is the machine's business: two cores may share their units, or a host may hand them out in
 * turn, and then waiting for each other costs more than it gives. So it is measured, with the
 * sentences that come. What is chosen never shows in the results. Not shared between threads
 * without a lock. */
#ifndef DRAGOMAN_TRANSLATE_PACE_H
#define DRAGOMAN_TRANSLATE_PACE_H

#include <stdbool.h>

struct pace {
    double seconds[2]; /* for a token: alone, together */
    unsigned n[2];     /* measurements of each */
    unsigned n_turns;  /* sentences since the slower way was tried */
};

/* How the next sentence should be searched. */
bool pace_together(struct pace *pace);

/* What a sentence took, in seconds for each of its source and target tokens. */
void pace_note(struct pace *pace, bool together, double seconds);

#endif
