#include "translate/pace.h"

/* Each way is tried so often first, and the best of these counts: the first sentences find cold
 * caches. */
#define PACE_TRIALS 3

/* The slower way is tried again once in so many sentences, for the machine may have changed. */
#define PACE_TURNS 32

/* Weight of a new measurement. */
#define PACE_WEIGHT 0.25

bool pace_together(struct pace *pace)
{
    if (pace->n[1] < PACE_TRIALS)
        return true;
    if (pace->n[0] < PACE_TRIALS)
        return false;
    bool faster = pace->seconds[1] < pace->seconds[0];
    if (++pace->n_turns < PACE_TURNS)
        return faster;
    pace->n_turns = 0;
    return !faster;
}

void pace_note(struct pace *pace, bool together, double seconds)
{
    double *known = &pace->seconds[together];
    unsigned n = pace->n[together];
    if (n == 0 || (n < PACE_TRIALS && seconds < *known))
        *known = seconds;
    else if (n >= PACE_TRIALS)
        *known += PACE_WEIGHT * (seconds - *known);
    if (n < PACE_TRIALS)
        pace->n[together]++;
}
