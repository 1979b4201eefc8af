#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sandbox_calls.h"

#ifdef __has_feature
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    HAS_FEATURE(address_sanitizer) || HAS_FEATURE(thread_sanitizer) ||                             \
    HAS_FEATURE(memory_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#define NATIVE_ARCH 0 /* no list of system calls for it: no seccomp */
#endif

/* Landlock's interface, which not every <linux/landlock.h> has in full; its calls are in
 * sandbox_calls.h. */
enum { LANDLOCK_VERSION_FLAG = 1, LANDLOCK_PATH_BENEATH = 1 };

enum {
    ACCESS_WRITE_FILE = 1 << 1,
    ACCESS_READ_FILE = 1 << 2,
    ACCESS_READ_DIR = 1 << 3,
    ACCESS_REMOVE_DIR = 1 << 4,
    ACCESS_REMOVE_FILE = 1 << 5,
    ACCESS_MAKE_DIR = 1 << 7,
    ACCESS_MAKE_REG = 1 << 8,
    ACCESS_MAKE_SOCK = 1 << 9,
    ACCESS_MAKE_SYM = 1 << 12,
    ACCESS_REFER = 1 << 13,
    ACCESS_TRUNCATE = 1 << 14
};

#define ACCESS_READABLE (ACCESS_READ_FILE | ACCESS_READ_DIR)
#define ACCESS_WRITABLE                                                                            \
    (ACCESS_READABLE | ACCESS_WRITE_FILE | ACCESS_REMOVE_DIR | ACCESS_REMOVE_FILE |                \
     ACCESS_MAKE_DIR | ACCESS_MAKE_REG | ACCESS_MAKE_SOCK | ACCESS_MAKE_SYM | ACCESS_REFER |       \
     ACCESS_TRUNCATE)
#define ACCESS_SOCKETS (ACCESS_MAKE_SOCK | ACCESS_REMOVE_FILE)
#define ACCESS_OF_A_FILE (ACCESS_READ_FILE | ACCESS_WRITE_FILE | ACCESS_TRUNCATE)

struct ruleset {
    uint64_t files, network, scoped; /* kinds of access that are forbidden unless a rule allows */
};

struct path_rule {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

/* Landlock's ABI version, 0 if the kernel has none (or it is switched off). */
static int landlock_abi(void)
{
    if (SANITIZED)
        return 0;
    long version = syscall(LANDLOCK_CREATE_RULESET, NULL, 0, LANDLOCK_VERSION_FLAG);
    return version > 0 ? (int)version : 0;
}

static bool seccomp_available(void)
{
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    return !SANITIZED && NATIVE_ARCH != 0 &&
           syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static bool names_any(const char *const *paths)
{
    return paths != NULL && paths[0] != NULL;
}

static bool names_paths(const struct sandbox_needs *needs)
{
    return names_any(needs->readable) || names_any(needs->writable) || names_any(needs->sockets);
}

static const char *state_name(bool landlock, bool seccomp)
{
    if (landlock)
        return seccomp ? "landlock+seccomp" : "landlock";
    return seccomp ? "seccomp" : "none";
}

const char *sandbox_available(void)
{
    return state_name(landlock_abi() > 0, seccomp_available());
}

/* Every kind of access that this ABI can forbid. */
static size_t fill_ruleset(struct ruleset *rules, int abi, bool listens)
{
    *rules = (struct ruleset){.files = (1 << 13) - 1};
    if (abi >= 2)
        rules->files |= ACCESS_REFER;
    if (abi >= 3)
        rules->files |= ACCESS_TRUNCATE;
    if (abi >= 5)
        rules->files |= 1 << 15; /* ioctl on devices */
    if (abi >= 4)
        rules->network = listens ? 2 : 3; /* TCP bind (1), connect (2) */
    if (abi >= 6)
        rules->scoped = 3; /* abstract sockets and signals of others */
    return abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
}

static bool add_paths(int ruleset, const char *const *paths, uint64_t allowed, struct error *err)
{
    for (; paths != NULL && *paths != NULL; paths++) {
        struct stat status;
        int descriptor = open(*paths, O_PATH | O_CLOEXEC);
        if (descriptor < 0 || fstat(descriptor, &status) != 0) {
            int number = errno;
            if (descriptor >= 0)
                close(descriptor);
            return error_set_errno(err, ERROR_SYSTEM, number, "%s", *paths);
        }
        struct path_rule rule = {.allowed = allowed, .parent = descriptor};
        if (!S_ISDIR(status.st_mode))
            rule.allowed &= ACCESS_OF_A_FILE;
        long fault = syscall(LANDLOCK_ADD_RULE, ruleset, LANDLOCK_PATH_BENEATH, &rule, 0);
        int number = errno;
        close(descriptor);
        if (fault != 0 && number != EBADFD) /* a pipe: out of Landlock's reach */
            return error_set_errno(err, ERROR_SYSTEM, number, "%s: sandbox rule", *paths);
    }
    return true;
}

/* `entered` becomes true if the kernel took the rules; a kernel that does not is no fault. */
static bool enter_landlock(const struct sandbox_needs *needs, bool *entered, struct error *err)
{
    struct ruleset rules;
    int abi = landlock_abi();
    *entered = false;
    if (abi == 0)
        return true;
    size_t n_bytes = fill_ruleset(&rules, abi, needs->listens);
    int ruleset = (int)syscall(LANDLOCK_CREATE_RULESET, &rules, n_bytes, 0);
    if (ruleset < 0)
        return true;
    bool ok = add_paths(ruleset, needs->readable, rules.files & ACCESS_READABLE, err) &&
              add_paths(ruleset, needs->writable, rules.files & ACCESS_WRITABLE, err) &&
              add_paths(ruleset, needs->sockets, rules.files & ACCESS_SOCKETS, err);
    if (ok)
        *entered = syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0;
    close(ruleset);
    return ok;
}

/* The filter: straight-line code, a few instructions for each system call. */
struct filter {
    struct sock_filter code[768];
    unsigned short count;
};

#define REFUSE(number) (SECCOMP_RET_ERRNO | ((number)&SECCOMP_RET_DATA))

static void emit(struct filter *filter, unsigned op, unsigned then, unsigned otherwise,
                 uint32_t value)
{
    /* The lists are constants and fit, which the test of the sandbox shows. */
    if (filter->count < sizeof filter->code / sizeof filter->code[0])
        filter->code[filter->count++] = (struct sock_filter){
            (unsigned short)op, (unsigned char)then, (unsigned char)otherwise, value};
}

static void load(struct filter *filter, size_t offset)
{
    emit(filter, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void give(struct filter *filter, uint32_t action)
{
    emit(filter, BPF_RET | BPF_K, 0, 0, action);
}

/* The low word of an argument; both architectures are little-endian. */
static void load_argument(struct filter *filter, unsigned argument)
{
    load(filter, offsetof(struct seccomp_data, args) + 8 * (size_t)argument);
}

static void give_each(struct filter *filter, const uint16_t *calls, size_t count, uint32_t action)
{
    for (size_t i = 0; i < count; i++) {
        emit(filter, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, calls[i]);
        give(filter, action);
    }
}

/* `call` is allowed if its argument is one of `values`. */
static void allow_values(struct filter *filter, unsigned call, unsigned argument,
                         const uint32_t *values, size_t count, uint32_t otherwise)
{
    emit(filter, BPF_JMP | BPF_JEQ | BPF_K, 0, (unsigned)(2 * count + 2), call);
    load_argument(filter, argument);
    for (size_t i = 0; i < count; i++) {
        emit(filter, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, values[i]);
        give(filter, SECCOMP_RET_ALLOW);
    }
    give(filter, otherwise);
}

/* What `call` gets when `bits` of its argument are set, and when they are clear. */
static void split_bits(struct filter *filter, unsigned call, unsigned argument, uint32_t bits,
                       uint32_t if_set, uint32_t if_clear)
{
    emit(filter, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, call);
    load_argument(filter, argument);
    emit(filter, BPF_JMP | BPF_JSET | BPF_K, 0, 1, bits);
    give(filter, if_set);
    give(filter, if_clear);
}

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void allow_by_argument(struct filter *filter, const struct sandbox_needs *needs)
{
    bool paths = names_paths(needs);
    uint32_t self = (uint32_t)getpid();
    uint32_t zero = 0;
    split_bits(filter, SYS_mmap, 2, PROT_EXEC, REFUSE(EACCES), SECCOMP_RET_ALLOW);
    split_bits(filter, SYS_mprotect, 2, PROT_EXEC, REFUSE(EACCES), SECCOMP_RET_ALLOW);
    split_bits(filter, SYS_clone, 0, CLONE_THREAD, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS);
    /* fstat() of a newer C library is newfstatat() of an empty path. */
    if (!paths)
        split_bits(filter, SYS_newfstatat, 3, AT_EMPTY_PATH, SECCOMP_RET_ALLOW, REFUSE(EACCES));
    allow_values(filter, SYS_kill, 0, &self, 1, REFUSE(EPERM));
    allow_values(filter, SYS_tgkill, 0, &self, 1, REFUSE(EPERM));
    allow_values(filter, SYS_prlimit64, 0, &zero, 1, REFUSE(EPERM));
    allow_values(filter, SYS_ioctl, 1, allowed_ioctls, COUNT(allowed_ioctls), REFUSE(ENOTTY));
    allow_values(filter, SYS_fcntl, 1, allowed_fcntls, COUNT(allowed_fcntls), REFUSE(EPERM));
    allow_values(filter, SYS_prctl, 0, allowed_prctls,
                 COUNT(allowed_prctls) - (needs->narrows ? 0 : NARROWING_PRCTLS), REFUSE(EPERM));
#ifdef __x86_64__
    allow_values(filter, SYS_arch_prctl, 0, allowed_arch_prctls, COUNT(allowed_arch_prctls),
                 REFUSE(EPERM));
#endif
}

static void fill_filter(struct filter *filter, const struct sandbox_needs *needs)
{
    bool paths = names_paths(needs);
    load(filter, offsetof(struct seccomp_data, arch));
    emit(filter, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, NATIVE_ARCH);
    give(filter, SECCOMP_RET_KILL_PROCESS);
    load(filter, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
    /* The x32 interface has the same arch: its numbers have bit 30. */
    emit(filter, BPF_JMP | BPF_JGE | BPF_K, 0, 1, 0x40000000);
    give(filter, SECCOMP_RET_KILL_PROCESS);
#endif
    give_each(filter, allowed_calls, COUNT(allowed_calls), SECCOMP_RET_ALLOW);
    if (needs->listens)
        give_each(filter, listening_calls, COUNT(listening_calls), SECCOMP_RET_ALLOW);
    if (needs->narrows)
        give_each(filter, narrowing_calls, COUNT(narrowing_calls), SECCOMP_RET_ALLOW);
    if (needs->connections)
        give_each(filter, connection_calls, COUNT(connection_calls), SECCOMP_RET_ALLOW);
    if (paths)
        give_each(filter, path_calls, COUNT(path_calls), SECCOMP_RET_ALLOW);
    allow_by_argument(filter, needs);
    give_each(filter, path_calls, paths ? 0 : COUNT(path_calls), REFUSE(EACCES));
    give_each(filter, refused_calls, COUNT(refused_calls), REFUSE(EACCES));
    give_each(filter, deadly_calls, COUNT(deadly_calls), SECCOMP_RET_KILL_PROCESS);
    give(filter, REFUSE(ENOSYS));
}

static bool enter_seccomp(const struct sandbox_needs *needs)
{
    struct filter filter = {.count = 0};
    if (!seccomp_available())
        return false;
    fill_filter(&filter, needs);
    struct sock_fprog program = {.len = filter.count, .filter = filter.code};
    /* On kernels before 5.16 a filter brings speculation barriers that slow every load after a
     * store, unless they are declined. */
    unsigned flags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) == 0)
        return true;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}

bool sandbox_enter(enum sandbox_mode mode, const struct sandbox_needs *needs, const char **state,
                   struct error *err)
{
    bool landlock = false, seccomp = false;
    bool paths = names_paths(needs);
    if (state != NULL)
        *state = "none";
    if (mode == SANDBOX_OFF)
        return true;
    if (!SANITIZED && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
        struct rlimit no_core = {0, 0};
        if (!needs->narrows) /* hides /dev/fd, which may be what a path leads to */
            (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        (void)setrlimit(RLIMIT_CORE, &no_core);
        if (!enter_landlock(needs, &landlock, err))
            return false;
        seccomp = enter_seccomp(needs);
    }
    if (state != NULL)
        *state = state_name(landlock, seccomp);
    if (mode == SANDBOX_REQUIRE && !seccomp)
        return error_set(err, ERROR_LIMIT,
                         "no sandbox: this kernel or this build does not have seccomp filters");
    if (mode == SANDBOX_REQUIRE && paths && !landlock)
        return error_set(err, ERROR_LIMIT, "no sandbox: this kernel does not have Landlock");
    return true;
}
