/* sandbox.h - gives away what the process does not need, so that a fault in a parser that a hostile
 * model or text reaches leads nowhere: no file, no network, no program, no other process.
 *
 * Enter it when the inputs and the outputs are open, before a byte of a model is read, and before
 * threads are started (they inherit it; threads that are there already get the filter, but not
 * Landlock); and once more for less, when the model is there:
 *
 *     struct sandbox_needs reading = {.readable = model, .narrows = true};
 *     if (!sandbox_enter(SANDBOX_AUTO, &reading, NULL, &err)) ...
 *     ... the model is opened ...
 *     if (!sandbox_enter(SANDBOX_AUTO, &(struct sandbox_needs){0}, &state, &err)) ...
 *
 * Three layers: no_new_privs, with no core dumps and no attaching; Landlock, every kind of access
 * the kernel knows (ABI 1 to 7) except below the paths that are named; and a seccomp filter that
 * lists the system calls which translating takes. From then on
 *   - files cannot be opened (EACCES) unless paths are named; descriptors that are open stay usable
 *     for reading, writing, seeking, truncating, syncing, polling;
 *   - a socket cannot be made (EACCES), memory cannot become executable (EACCES), a signal can only
 *     be sent to this process (EPERM);
 *   - execve, fork, ptrace and what else only an intruder would call kill the process (SIGSYS);
 *   - any other call that is not listed gives ENOSYS, as on an older kernel: the C library copes;
 *   - threads, memory, clocks, signals of our own work as ever.
 * There is no way back. Built with a sanitizer, whose run-time opens files and forks, the sandbox
 * is never there. */
#ifndef DRAGOMAN_BASE_SANDBOX_H
#define DRAGOMAN_BASE_SANDBOX_H

#include "base/error.h"

enum sandbox_mode {
    SANDBOX_AUTO,    /* what the kernel offers, nothing being fine too */
    SANDBOX_REQUIRE, /* an ERROR_LIMIT if a layer that is needed is missing */
    SANDBOX_OFF      /* nothing is given away */
};

/* What is still needed afterwards; {0} is nothing but open descriptors. */
struct sandbox_needs {
    /* Existing files and directories (all that is below) that may still be opened: for reading, or
     * for reading, writing, creating, renaming and removing (a cache beside its journal, `-o DIR`);
     * in directories of the third list, sockets can be made and files removed. Each list ends with
     * NULL; NULL alone is the empty one. Pipes (/dev/fd/63) may be named and need no rule. */
    const char *const *readable;
    const char *const *writable;
    const char *const *sockets;
    bool connections; /* accept and answer connections on sockets that are already there */
    bool listens;     /* make sockets and listen on them; never connect */
    bool narrows;     /* sandbox_enter() will be called once more, for less */
};

/* Enters the sandbox; inside one that narrows, the needs of both calls must allow a thing. `state`
 * (may be NULL) gets the layers now in force, a constant: "landlock+seccomp", "seccomp", "landlock"
 * or "none". Faults: ERROR_LIMIT in SANDBOX_REQUIRE if seccomp is missing, or Landlock when paths
 * are named (without paths, seccomp alone keeps every file shut); ERROR_SYSTEM for a path that
 * cannot be opened. After a fault the process may be confined in part and should end. */
bool sandbox_enter(enum sandbox_mode mode, const struct sandbox_needs *needs, const char **state,
                   struct error *err);

/* What sandbox_enter(SANDBOX_AUTO) would reach on this kernel, in the same words, for --version. To
 * be asked before entering: inside, there is nothing more to be had. */
const char *sandbox_available(void);

#endif
