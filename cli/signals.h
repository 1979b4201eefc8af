/* signals.h - an interrupted run leaves whole lines: SIGINT, SIGTERM and SIGHUP go to a thread of
 * their own, which has the finished lines written and then lets the signal do what it always does.
 */
#ifndef DRAGOMAN_CLI_SIGNALS_H
#define DRAGOMAN_CLI_SIGNALS_H

#include "base/error.h"

/* At the start of the program: a file size limit is an error of write(), not a death. */
void signals_prepare(void);

/* Before other threads are started: from now on `last_words(argument)` runs, on another thread,
 * before the process dies of one of the three signals. A second signal kills at once. Signals that
 * were ignored when we were started stay ignored. Without a thread (false, err filled) the signals
 * keep their usual effect. */
bool signals_watch(void (*last_words)(void *), void *argument, struct error *err);

#endif
