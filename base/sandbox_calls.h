/* sandbox_calls.h - the system calls that sandbox.c sorts: the lists, apart from the mechanism.
 * Included by sandbox.c alone. The most frequent come first: older kernels walk the list. */
#ifndef DRAGOMAN_BASE_SANDBOX_CALLS_H
#define DRAGOMAN_BASE_SANDBOX_CALLS_H

#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* The numbers of Landlock's calls, the same on every architecture. */
enum { LANDLOCK_CREATE_RULESET = 444, LANDLOCK_ADD_RULE = 445, LANDLOCK_RESTRICT_SELF = 446 };

/* Descriptors that are open, memory, threads, clocks, our own signals. */
static const uint16_t allowed_calls[] = {
    SYS_futex,
    SYS_read,
    SYS_write,
    SYS_readv,
    SYS_writev,
    SYS_pread64,
    SYS_pwrite64,
    SYS_preadv,
    SYS_pwritev,
    SYS_preadv2,
    SYS_pwritev2,
    SYS_lseek,
    SYS_close,
    SYS_close_range,
    SYS_fstat,
    SYS_ftruncate,
    SYS_fallocate,
    SYS_fsync,
    SYS_fdatasync,
    SYS_sync_file_range,
    SYS_fadvise64,
    SYS_flock,
    SYS_dup,
    SYS_dup3,
    SYS_pipe2,
    SYS_ppoll,
    SYS_pselect6,
    SYS_epoll_create1,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_eventfd2,
    SYS_signalfd4,
    SYS_timerfd_create,
    SYS_timerfd_settime,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_brk,
    SYS_msync,
    SYS_mincore,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_sched_setaffinity,
    SYS_getcpu,
    SYS_membarrier,
    SYS_clock_gettime,
    SYS_clock_getres,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_gettimeofday,
    SYS_times,
    SYS_getrusage,
    SYS_sysinfo,
    SYS_uname,
    SYS_getrandom,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_rt_sigtimedwait,
    SYS_rt_sigsuspend,
    SYS_rt_sigpending,
    SYS_sigaltstack,
    SYS_restart_syscall,
    SYS_setitimer,
    SYS_getpid,
    SYS_gettid,
    SYS_getppid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_set_robust_list,
    SYS_get_robust_list,
    SYS_set_tid_address,
    SYS_rseq,
    SYS_exit,
    SYS_exit_group,
#ifdef __x86_64__
    SYS_poll,
    SYS_select,
    SYS_dup2,
    SYS_pipe,
    SYS_epoll_wait,
    SYS_epoll_create,
    SYS_time,
    SYS_alarm,
    SYS_pause,
#endif
};

/* Connections on sockets that are already there. */
static const uint16_t connection_calls[] = {
    SYS_accept,   SYS_accept4,     SYS_sendto,      SYS_recvfrom,   SYS_sendmsg,    SYS_recvmsg,
    SYS_shutdown, SYS_getsockname, SYS_getpeername, SYS_getsockopt, SYS_setsockopt, SYS_sendfile,
};

/* Sockets that others connect to. */
static const uint16_t listening_calls[] = {
    SYS_socket, SYS_bind, SYS_listen, SYS_setsockopt, SYS_getsockname, SYS_getsockopt, SYS_umask,
};

/* What takes still more away. */
static const uint16_t narrowing_calls[] = {
    SYS_seccomp,
    LANDLOCK_CREATE_RULESET,
    LANDLOCK_ADD_RULE,
    LANDLOCK_RESTRICT_SELF,
};

/* Calls with a path that Landlock watches over (or that only look), allowed when paths are named.
 * Without paths they are refused. */
static const uint16_t path_calls[] = {
    SYS_openat,     SYS_openat2,    SYS_newfstatat, SYS_statx,    SYS_faccessat,
    SYS_faccessat2, SYS_readlinkat, SYS_getdents64, SYS_unlinkat, SYS_renameat,
    SYS_renameat2,  SYS_mkdirat,    SYS_getcwd,     SYS_statfs,   SYS_fstatfs,
#ifdef __x86_64__
    SYS_open,       SYS_creat,      SYS_stat,       SYS_lstat,    SYS_access,
    SYS_readlink,   SYS_unlink,     SYS_rename,     SYS_mkdir,    SYS_rmdir,
#endif
};

/* Refused with EACCES, never allowed: new sockets, and what changes files by path or ownership and
 * mode, which Landlock does not watch. Libraries try some of these and take no for an answer. */
static const uint16_t refused_calls[] = {
    SYS_socket,    SYS_socketpair, SYS_connect,   SYS_bind,         SYS_listen,
    SYS_truncate,  SYS_linkat,     SYS_symlinkat, SYS_mknodat,      SYS_fchmod,
    SYS_fchmodat,  SYS_fchown,     SYS_fchownat,  SYS_utimensat,    SYS_setxattr,
    SYS_fsetxattr, SYS_chdir,      SYS_fchdir,    SYS_memfd_create,
#ifdef __x86_64__
    SYS_link,      SYS_symlink,    SYS_mknod,     SYS_chmod,        SYS_chown,
    SYS_lchown,    SYS_utime,      SYS_utimes,
#endif
};

/* Nothing that we link ever makes these: whoever does has taken over. (fork() is clone() without
 * CLONE_THREAD, which is sorted by its argument; clone3() gets ENOSYS, and the C library falls
 * back.) */
static const uint16_t deadly_calls[] = {
    SYS_execve,
    SYS_execveat,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_pidfd_open,
    SYS_pidfd_getfd,
    SYS_pidfd_send_signal,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_unshare,
    SYS_setns,
    SYS_open_by_handle_at,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_setuid,
    SYS_setgid,
    SYS_setreuid,
    SYS_setregid,
    SYS_setresuid,
    SYS_setresgid,
    SYS_setgroups,
    SYS_capset,
    SYS_personality,
    SYS_reboot,
    SYS_swapon,
    SYS_tkill,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
#ifdef __x86_64__
    SYS_fork,
    SYS_vfork,
    SYS_modify_ldt,
    SYS_ioperm,
    SYS_iopl,
    SYS_kexec_file_load,
#endif
};

/* Whether it is a terminal, how wide it is, how much waits. Not TIOCSTI, which types into it. */
static const uint32_t allowed_ioctls[] = {
    TCGETS, 0x802c542a /* TCGETS2 */, TIOCGWINSZ, FIONREAD, FIONBIO,
};

static const uint32_t allowed_fcntls[] = {
    F_GETFD,  F_SETFD,     F_GETFL,     F_SETFL,      F_GETLK, F_SETLK,
    F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW, F_DUPFD, F_DUPFD_CLOEXEC,
};

/* Names of threads and of memory areas; last those that take more away. */
enum { NARROWING_PRCTLS = 2 };
static const uint32_t allowed_prctls[] = {
    PR_SET_NAME, PR_GET_NAME, 0x53564d41 /* PR_SET_VMA */, PR_SET_NO_NEW_PRIVS, PR_SET_DUMPABLE,
};

#ifdef __x86_64__
/* ARCH_GET_XCOMP_SUPP, ARCH_GET_XCOMP_PERM, ARCH_REQ_XCOMP_PERM: the tile registers. */
static const uint32_t allowed_arch_prctls[] = {0x1021, 0x1022, 0x1023};
#endif

#endif
