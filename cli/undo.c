#include "cli/undo.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

void undo_add(struct undo *undo, const char *path)
{
    if (undo->count == UNDO_MAX || lstat(path, &undo->files[undo->count]) != 0)
        return;
    undo->paths[undo->count++] = path;
}

/* Still what was made, and with nothing in it; a directory that is not empty stays by itself. */
static void remove_all(const struct undo *undo)
{
    for (unsigned i = 0; i < undo->count; i++) {
        const struct stat *made = &undo->files[i];
        struct stat now;
        if (lstat(undo->paths[i], &now) == 0 && now.st_dev == made->st_dev &&
            now.st_ino == made->st_ino && (S_ISDIR(now.st_mode) || now.st_size == 0))
            (void)remove(undo->paths[i]);
    }
}

static void close_range_of(unsigned first, unsigned last)
{
    if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
        return;
    long limit = sysconf(_SC_OPEN_MAX);
    for (long i = first; i <= (long)last && i < (limit > 0 ? limit : 1024); i++)
        close((int)i);
}

/* The process outside. It keeps nothing open, for others may wait for the end of a pipe. */
static _Noreturn void wait_outside(const struct undo *undo, int word, int end)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    unsigned low = (unsigned)(word < end ? word : end), high = (unsigned)(word < end ? end : word);
    char byte;
    ssize_t got;
    for (unsigned i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        signal(ignored[i], SIG_IGN);
    if (low > 0)
        close_range_of(0, low - 1);
    close_range_of(low + 1, high - 1);
    close_range_of(high + 1, ~0U);
    do {
        got = read(word, &byte, 1);
    } while (got < 0 && errno == EINTR);
    if (got == 1)
        remove_all(undo);
    _exit(0);
}

void undo_start(struct undo *undo)
{
    int end[2];
    if (undo->count == 0 || pipe2(undo->word, O_CLOEXEC) != 0)
        return;
    bool ok = pipe2(end, O_CLOEXEC) == 0;
    pid_t child = ok ? fork() : -1;
    if (child == 0) {
        /* Twice, so that nobody has to ask how it ended. */
        if (fork() == 0) {
            close(undo->word[1]);
            wait_outside(undo, undo->word[0], end[1]);
        }
        _exit(0);
    }
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        continue;
    if (ok)
        close(end[1]);
    if (child > 0) {
        undo->end = end[0];
        atomic_store(&undo->is_waiting, true);
        return;
    }
    close(undo->word[0]);
    close(undo->word[1]);
    if (ok)
        close(end[0]);
}

static void close_all(const struct undo *undo)
{
    close(undo->word[0]);
    close(undo->word[1]);
    close(undo->end);
}

void undo_forget(struct undo *undo)
{
    if (atomic_exchange(&undo->is_waiting, false))
        close_all(undo);
}

void undo_now(struct undo *undo)
{
    char byte;
    if (!atomic_exchange(&undo->is_waiting, false))
        return;
    while (write(undo->word[1], "r", 1) < 0 && errno == EINTR)
        continue;
    while (read(undo->end, &byte, 1) < 0 && errno == EINTR)
        continue;
    close_all(undo);
}
