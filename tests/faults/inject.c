/* inject.c - preloaded into the program: makes the Nth allocation or system call fail.
 *
 *     FAULT_CALL    "allocation", or the name of a system call as in the table below
 *     FAULT_AT      which of these calls fails, counted from 1; 0: none, they are only counted
 *     FAULT_ALWAYS  "1": so do all that follow
 *     FAULT_ERRNO   number that errno gets; 0: the call does less than asked (read, write: one
 * byte) FAULT_REPORT  a file of at least sizeof(struct report) bytes that is mapped and filled
 *
 * Allocations are counted wherever they are made, in libraries too, from the end of their
 * initialisation on (a library that cannot initialise is the loader's affair). System calls are
 * counted where the program itself makes them: what libraries do with theirs is not ours to test.
 *
 * Blocks from aligned_alloc(), where all of the program's own memory comes from, carry a head, so
 * that those still there at the end can be told. Lost are those that no variable of the program and
 * of its libraries leads to, directly or through other blocks. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

extern void *__libc_malloc(size_t n_bytes);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *pointer, size_t n_bytes);
extern void *__libc_memalign(size_t alignment, size_t n_bytes);
extern void __libc_free(void *pointer);

/* What the one who runs it reads back; also after a crash, since it is a shared mapping. */
struct report {
    _Atomic uint64_t counted, failed, lost, ended;
};

enum target {
    TARGET_NONE,
    TARGET_ALLOCATION,
    TARGET_OPEN,
    TARGET_STAT,
    TARGET_READ,
    TARGET_PREAD,
    TARGET_PWRITE,
    TARGET_WRITE,
    TARGET_CLOSE,
    TARGET_FSYNC,
    TARGET_FTRUNCATE,
    TARGET_LSEEK,
    TARGET_POLL,
    TARGET_PIPE,
    TARGET_FCNTL,
    TARGET_MMAP,
    TARGET_THREAD,
    TARGET_COUNT
};

static const char *const target_names[TARGET_COUNT] = {
    "none",  "allocation", "open",  "stat", "read", "pread", "pwrite", "write",         "close",
    "fsync", "ftruncate",  "lseek", "poll", "pipe", "fcntl", "mmap",   "pthread_create"};

static struct report unseen;
static struct report *report = &unseen;
static enum target wanted;
static uint64_t fail_at;
static bool fail_always, is_armed;
static int fail_errno;
static uintptr_t program_begin, program_end;

static int note_program(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    (void)context;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X) != 0) {
            program_begin = info->dlpi_addr + segment->p_vaddr;
            program_end = program_begin + segment->p_memsz;
        }
    }
    return 1; /* the program is the first; the rest are libraries */
}

static uint64_t number_of(const char *variable)
{
    const char *value = getenv(variable);
    return value != NULL ? strtoull(value, NULL, 10) : 0;
}

__attribute__((constructor)) static void arm(void)
{
    const char *call = getenv("FAULT_CALL"), *path = getenv("FAULT_REPORT");
    int descriptor = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (call == NULL || descriptor < 0)
        return;
    void *shared = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (shared == MAP_FAILED)
        return;
    report = shared;
    for (int i = 1; i < TARGET_COUNT; i++)
        if (strcmp(call, target_names[i]) == 0)
            wanted = (enum target)i;
    fail_at = number_of("FAULT_AT");
    fail_always = number_of("FAULT_ALWAYS") != 0;
    fail_errno = (int)number_of("FAULT_ERRNO");
    dl_iterate_phdr(note_program, NULL);
    unsetenv("LD_PRELOAD");
    is_armed = wanted != TARGET_NONE;
}

/* True if this call has to fail; errno is set. */
static bool fails(enum target target, const void *caller)
{
    if (!is_armed || target != wanted)
        return false;
    uintptr_t at = (uintptr_t)caller;
    if (target != TARGET_ALLOCATION && (at < program_begin || at >= program_end))
        return false;
    uint64_t number = atomic_fetch_add(&report->counted, 1) + 1;
    if (fail_at == 0 || number < fail_at || (number > fail_at && !fail_always))
        return false;
    atomic_fetch_add(&report->failed, 1);
    errno = fail_errno;
    return true;
}

#define CALLER __builtin_return_address(0)

/* Allocations. */

#define MARK 0x64726167506d616eULL
#define HEAD_BYTES 64

/* Stands in front of a block. */
struct head {
    struct head *before, *after;
    size_t n_bytes;
    bool is_reached;
    char room[HEAD_BYTES - 5 * 8];
    uint64_t mark;
};
_Static_assert(sizeof(struct head) == HEAD_BYTES, "the block after it is aligned");

static struct head *heads;
static atomic_flag heads_busy = ATOMIC_FLAG_INIT;

static void lock_heads(void)
{
    while (atomic_flag_test_and_set(&heads_busy))
        ;
}

static void unlock_heads(void)
{
    atomic_flag_clear(&heads_busy);
}

/* Looks for addresses of blocks in memory; true if one was found that had not been reached. */
static bool reach_from(const void *memory, size_t n_bytes)
{
    bool found = false;
    for (size_t i = 0; i + sizeof(uintptr_t) <= n_bytes; i += sizeof(uintptr_t)) {
        uintptr_t word;
        memcpy(&word, (const char *)memory + i, sizeof word);
        for (struct head *head = heads; head != NULL; head = head->after) {
            uintptr_t begin = (uintptr_t)(head + 1);
            if (!head->is_reached && word >= begin && word <= begin + head->n_bytes)
                head->is_reached = found = true;
        }
    }
    return found;
}

static int reach_from_variables(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    (void)context;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t begin = info->dlpi_addr + segment->p_vaddr;
        bool is_ours = (uintptr_t)&heads >= begin && (uintptr_t)&heads < begin + segment->p_memsz;
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_W) != 0 && !is_ours) {
            void *start;
            memcpy(&start, &begin, sizeof start);
            reach_from(start, segment->p_memsz);
        }
    }
    return 0;
}

/* After the program's own destructors. */
__attribute__((destructor)) static void tell_the_end(void)
{
    bool more = true;
    lock_heads();
    dl_iterate_phdr(reach_from_variables, NULL);
    while (more) {
        more = false;
        for (struct head *head = heads; head != NULL; head = head->after)
            if (head->is_reached && reach_from(head + 1, head->n_bytes))
                more = true;
    }
    uint64_t lost = 0;
    for (struct head *head = heads; head != NULL; head = head->after)
        lost += !head->is_reached;
    unlock_heads();
    atomic_store(&report->lost, lost);
    atomic_store(&report->ended, 1);
}

void *malloc(size_t n_bytes)
{
    if (!fails(TARGET_ALLOCATION, CALLER))
        return __libc_malloc(n_bytes);
    errno = ENOMEM;
    return NULL;
}

void *calloc(size_t count, size_t size)
{
    if (!fails(TARGET_ALLOCATION, CALLER))
        return __libc_calloc(count, size);
    errno = ENOMEM;
    return NULL;
}

void *realloc(void *pointer, size_t n_bytes)
{
    if (!fails(TARGET_ALLOCATION, CALLER))
        return __libc_realloc(pointer, n_bytes);
    errno = ENOMEM;
    return NULL;
}

int posix_memalign(void **out, size_t alignment, size_t n_bytes)
{
    if (fails(TARGET_ALLOCATION, CALLER))
        return ENOMEM;
    *out = __libc_memalign(alignment, n_bytes);
    return *out != NULL ? 0 : ENOMEM;
}

void *aligned_alloc(size_t alignment, size_t n_bytes)
{
    if (fails(TARGET_ALLOCATION, CALLER) || alignment > HEAD_BYTES ||
        n_bytes > SIZE_MAX - HEAD_BYTES) {
        errno = ENOMEM;
        return NULL;
    }
    struct head *head = __libc_memalign(HEAD_BYTES, n_bytes + HEAD_BYTES);
    if (head == NULL)
        return NULL;
    lock_heads();
    *head = (struct head){.after = heads, .n_bytes = n_bytes, .mark = MARK};
    if (heads != NULL)
        heads->before = head;
    heads = head;
    unlock_heads();
    return head + 1;
}

static void unlink_head(struct head *head)
{
    lock_heads();
    if (head->before != NULL)
        head->before->after = head->after;
    else
        heads = head->after;
    if (head->after != NULL)
        head->after->before = head->before;
    unlock_heads();
}

/* In front of any other block stands its size, which no size can be MARK. */
void free(void *pointer)
{
    if (pointer == NULL)
        return;
    uint64_t mark;
    memcpy(&mark, (char *)pointer - sizeof mark, sizeof mark);
    if (mark != MARK) {
        __libc_free(pointer);
        return;
    }
    struct head *head = (struct head *)pointer - 1;
    head->mark = 0;
    unlink_head(head);
    __libc_free(head);
}

/* System calls. `real` is looked up at the first call. */

#define REAL(type, name)                                                                           \
    static __typeof__(type) real;                                                                  \
    if (real == NULL) {                                                                            \
        void *address = dlsym(RTLD_NEXT, name);                                                    \
        memcpy(&real, &address, sizeof real);                                                      \
    }

static int open_any(const char *path, int flags, mode_t mode, const void *caller)
{
    REAL(int (*)(const char *, int, ...), "open")
    return fails(TARGET_OPEN, caller) ? -1 : real(path, flags, mode);
}

static mode_t mode_of(int flags, va_list arguments)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_any(path, flags, mode, CALLER);
}

int open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_any(path, flags, mode, CALLER);
}

int __open_2(const char *path, int flags)
{
    return open_any(path, flags, 0, CALLER);
}

int __open64_2(const char *path, int flags)
{
    return open_any(path, flags, 0, CALLER);
}

int fstat(int descriptor, struct stat *status)
{
    REAL(int (*)(int, struct stat *), "fstat")
    return fails(TARGET_STAT, CALLER) ? -1 : real(descriptor, status);
}

int stat(const char *path, struct stat *status)
{
    REAL(int (*)(const char *, struct stat *), "stat")
    return fails(TARGET_STAT, CALLER) ? -1 : real(path, status);
}

static ssize_t read_any(int descriptor, void *out, size_t n_bytes, const void *caller)
{
    REAL(ssize_t(*)(int, void *, size_t), "read")
    if (!fails(TARGET_READ, caller))
        return real(descriptor, out, n_bytes);
    return fail_errno != 0 ? -1 : real(descriptor, out, n_bytes < 1 ? n_bytes : 1);
}

ssize_t read(int descriptor, void *out, size_t n_bytes)
{
    return read_any(descriptor, out, n_bytes, CALLER);
}

ssize_t __read_chk(int descriptor, void *out, size_t n_bytes, size_t room)
{
    (void)room;
    return read_any(descriptor, out, n_bytes, CALLER);
}

static ssize_t pread_any(int descriptor, void *out, size_t n_bytes, off_t offset,
                         const void *caller)
{
    REAL(ssize_t(*)(int, void *, size_t, off_t), "pread")
    if (!fails(TARGET_PREAD, caller))
        return real(descriptor, out, n_bytes, offset);
    return fail_errno != 0 ? -1 : real(descriptor, out, n_bytes < 1 ? n_bytes : 1, offset);
}

ssize_t pread(int descriptor, void *out, size_t n_bytes, off_t offset)
{
    return pread_any(descriptor, out, n_bytes, offset, CALLER);
}

ssize_t __pread_chk(int descriptor, void *out, size_t n_bytes, off_t offset, size_t room)
{
    (void)room;
    return pread_any(descriptor, out, n_bytes, offset, CALLER);
}

ssize_t write(int descriptor, const void *bytes, size_t n_bytes)
{
    REAL(ssize_t(*)(int, const void *, size_t), "write")
    if (!fails(TARGET_WRITE, CALLER))
        return real(descriptor, bytes, n_bytes);
    return fail_errno != 0 ? -1 : real(descriptor, bytes, n_bytes < 1 ? n_bytes : 1);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t n_bytes, off_t offset)
{
    REAL(ssize_t(*)(int, const void *, size_t, off_t), "pwrite")
    if (!fails(TARGET_PWRITE, CALLER))
        return real(descriptor, bytes, n_bytes, offset);
    return fail_errno != 0 ? -1 : real(descriptor, bytes, n_bytes < 1 ? n_bytes : 1, offset);
}

int close(int descriptor)
{
    REAL(int (*)(int), "close")
    bool failed = fails(TARGET_CLOSE, CALLER);
    int number = errno, result = real(descriptor); /* Linux closes even if it says it did not */
    if (failed)
        errno = number;
    return failed ? -1 : result;
}

int fsync(int descriptor)
{
    REAL(int (*)(int), "fsync")
    return fails(TARGET_FSYNC, CALLER) ? -1 : real(descriptor);
}

int fdatasync(int descriptor)
{
    REAL(int (*)(int), "fdatasync")
    return fails(TARGET_FSYNC, CALLER) ? -1 : real(descriptor);
}

int ftruncate(int descriptor, off_t n_bytes)
{
    REAL(int (*)(int, off_t), "ftruncate")
    return fails(TARGET_FTRUNCATE, CALLER) ? -1 : real(descriptor, n_bytes);
}

off_t lseek(int descriptor, off_t offset, int whence)
{
    REAL(off_t(*)(int, off_t, int), "lseek")
    return fails(TARGET_LSEEK, CALLER) ? -1 : real(descriptor, offset, whence);
}

static int poll_any(struct pollfd *items, nfds_t count, int timeout, const void *caller)
{
    REAL(int (*)(struct pollfd *, nfds_t, int), "poll")
    return fails(TARGET_POLL, caller) ? -1 : real(items, count, timeout);
}

int poll(struct pollfd *items, nfds_t count, int timeout)
{
    return poll_any(items, count, timeout, CALLER);
}

int __poll_chk(struct pollfd *items, nfds_t count, int timeout, size_t room)
{
    (void)room;
    return poll_any(items, count, timeout, CALLER);
}

int ppoll(struct pollfd *items, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
    REAL(int (*)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *), "ppoll")
    return fails(TARGET_POLL, CALLER) ? -1 : real(items, count, timeout, mask);
}

int pipe2(int ends[2], int flags)
{
    REAL(int (*)(int *, int), "pipe2")
    return fails(TARGET_PIPE, CALLER) ? -1 : real(ends, flags);
}

int fcntl(int descriptor, int command, ...)
{
    REAL(int (*)(int, int, ...), "fcntl")
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return fails(TARGET_FCNTL, CALLER) ? -1 : real(descriptor, command, argument);
}

void *mmap(void *at, size_t n_bytes, int protection, int flags, int descriptor, off_t offset)
{
    REAL(void *(*)(void *, size_t, int, int, int, off_t), "mmap")
    return fails(TARGET_MMAP, CALLER) ? MAP_FAILED
                                      : real(at, n_bytes, protection, flags, descriptor, offset);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *argument)
{
    REAL(int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *), "pthread_create")
    return fails(TARGET_THREAD, CALLER) ? fail_errno : real(thread, attributes, run, argument);
}
