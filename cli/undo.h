/* undo.h - takes back files that were made too early.
 *
 * What a run will write is made before the sandbox is entered, for inside nothing can be. If then
 * the model is refused, an empty file would be left, and inside it cannot be removed either. So a
 * small process stays outside, which reads no model, and removes what was made when it is told so.
 * If this one dies before, the files stay: by then they may be another run's.
 *
 *     struct undo undo = {0};
 *     undo_add(&undo, "out.txt");     it was made just now
 *     undo_start(&undo);
 *     undo_forget(&undo) when the run begins, or undo_now(&undo) when it is refused
 */
#ifndef DRAGOMAN_CLI_UNDO_H
#define DRAGOMAN_CLI_UNDO_H

#include <stdatomic.h>
#include <sys/stat.h>

#define UNDO_MAX 2

/* {0}: nothing to take back. */
struct undo {
    const char *paths[UNDO_MAX]; /* the caller's, up to undo_start() */
    struct stat files[UNDO_MAX]; /* as they were made */
    unsigned count;
    int word[2]; /* a pipe: there the process is told. We keep the end it reads too, so that writing
                    never raises SIGPIPE. */
    int end;     /* closed by the process when it has ended */
    atomic_bool is_waiting;
};

/* An empty file or directory that was made just now; at most UNDO_MAX. */
void undo_add(struct undo *undo, const char *path);

/* Starts the process, before any thread. If it cannot be had, what was made will stay. */
void undo_start(struct undo *undo);

/* The run has begun: all stays. */
void undo_forget(struct undo *undo);

/* The run is refused: removes what is still there and empty. Any thread may call it, and it may
 * come after undo_forget(). */
void undo_now(struct undo *undo);

#endif
