/* team.h - a few threads that work on one thing at a time: the columns of one matrix product are
 * split between them. For the latency of a single sentence; many sentences are better served by one
 * thread each.
 *
 *     struct team *team;
 *     if (!team_new(&team, 4, &err)) ...
 *     team_run(team, 8, multiply_part, &product);    work(&product, part, 8) once for each part
 *     team_free(team);
 *
 * Parts are taken by whoever is free, the caller included, so that a member which the system does
 * not let run delays nobody. A member waits by spinning for some microseconds (the next product of
 * a step comes soon), then sleeps, so that an idle team costs nothing. */
#ifndef DRAGOMAN_BASE_TEAM_H
#define DRAGOMAN_BASE_TEAM_H

#include "base/error.h"

struct team;

#define TEAM_MAX_PARTS 65535

/* Starts n_members - 1 threads (the caller of team_run() is the last). When the system refuses a
 * thread the team is smaller; it fails only for want of memory. */
bool team_new(struct team **team, unsigned n_members, struct error *err);
void team_free(struct team *team);

/* How many members there are; 1 for NULL. */
unsigned team_size(const struct team *team);

/* Whether all members but the caller rest: then it does every part itself. Not during team_run().
 */
void team_rest(struct team *team, bool rests);

/* Calls work(argument, part, n_parts) for each part once, on any members at once, and returns when
 * all are done. What the caller wrote before is seen by the members, and what they wrote by the
 * caller. One thread at a time, not from inside work(). A NULL team has the caller alone. */
void team_run(struct team *team, unsigned n_parts,
              void (*work)(void *argument, unsigned part, unsigned n_parts), void *argument);

#endif
