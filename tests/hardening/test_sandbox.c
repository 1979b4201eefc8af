/* A planted intruder: what code that has taken over the process could try next. Each attempt is
 * made in a child that has entered the sandbox; it must be refused, or die of SIGSYS. What
 * translating needs must go on working there. */
#include "base/sandbox.h"
#include "base/threads.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pcre2.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unicode/ubrk.h>
#include <unicode/ucnv.h>
#include <unicode/unorm2.h>
#include <unistd.h>

enum outcome { WENT_THROUGH, REFUSED, DIED_OF_SIGSYS, OTHER };

enum { EXIT_WENT_THROUGH = 10, EXIT_REFUSED = 11, EXIT_NOT_CONFINED = 12 };

static char directory[] = "/tmp/dragoman-sandbox-XXXXXX";
static char inside[64], outside[] = "/etc/passwd";

static const char *const the_directory[] = {directory, NULL};
static const char *const the_file[] = {inside, NULL};

static bool confined(void)
{
    return strcmp(sandbox_available(), "none") != 0;
}

static bool has_landlock(void)
{
    return strncmp(sandbox_available(), "landlock", 8) == 0;
}

/* Runs `act` (0: went through, else refused with errno set) in a child, inside the sandbox; with
 * `needs` NULL outside, for what enters it itself. Always in a child: Check, whose clocks and
 * timers the filter refuses, stays outside. */
static enum outcome attempt_with(int (*act)(void), const struct sandbox_needs *needs)
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct error err = {0};
        signal(SIGSYS, SIG_DFL);
        if (needs != NULL && !sandbox_enter(SANDBOX_AUTO, needs, NULL, &err))
            _exit(EXIT_NOT_CONFINED);
        if (act() == 0)
            _exit(EXIT_WENT_THROUGH);
        _exit(errno == EACCES || errno == EPERM || errno == ENOSYS ? EXIT_REFUSED : 99);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGSYS ? DIED_OF_SIGSYS : OTHER;
    return WEXITSTATUS(status) == EXIT_WENT_THROUGH ? WENT_THROUGH
           : WEXITSTATUS(status) == EXIT_REFUSED    ? REFUSED
                                                    : OTHER;
}

/* For what is run by attempt_with(): Check's own assertions report from Check's process alone. */
static bool holds(bool condition, const char *what)
{
    if (!condition)
        fprintf(stderr, "test_sandbox: not so: %s (errno %d)\n", what, errno);
    return condition;
}

#define HOLDS(condition) holds(condition, #condition)

static enum outcome attempt(int (*act)(void))
{
    return attempt_with(act, &(struct sandbox_needs){0});
}

static int open_to_read(void)
{
    return open(outside, O_RDONLY) < 0;
}

static int open_to_write(void)
{
    return open(inside, O_WRONLY | O_CREAT, 0600) < 0;
}

static int open_directly(void)
{
    return syscall(SYS_openat, AT_FDCWD, outside, O_RDONLY, 0) < 0;
}

static int look_at_file(void)
{
    struct stat status;
    return stat(outside, &status);
}

static int remove_file(void)
{
    return unlink(inside);
}

static int make_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) < 0;
}

static int make_local_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0) < 0;
}

static int run_program(void)
{
    char *arguments[] = {(char[]){"true"}, NULL};
    return execv("/bin/true", arguments);
}

static int make_process(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    return child < 0;
}

static int make_process_vfork(void)
{
    /* as vfork() and posix_spawn() do */
    long child = syscall(SYS_clone, CLONE_VFORK | SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0)
        _exit(0);
    return child < 0;
}

static int run_shell(void)
{
    return system("true") != 0;
}

static int trace_parent(void)
{
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) != 0;
}

static int read_parent(void)
{
    char byte;
    struct iovec here = {&byte, 1}, there = {directory, 1};
    return process_vm_readv(getppid(), &here, 1, &there, 1, 0) < 0;
}

static int kill_parent(void)
{
    return kill(getppid(), 0);
}

static int map_executable(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) == MAP_FAILED;
}

static int make_executable(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static int type_into_terminal(void)
{
    char byte = 'x';
    int fault = ioctl(STDIN_FILENO, TIOCSTI, &byte);
    if (fault != 0 && errno == ENOTTY)
        errno = EPERM;
    return fault;
}

static int ring(void)
{
    return syscall(SYS_io_uring_setup, 1, NULL) < 0;
}

static int dump_core(void)
{
    struct rlimit limit = {1 << 20, 1 << 20};
    return setrlimit(RLIMIT_CORE, &limit); /* root could raise it again */
}

static const struct {
    const char *name;
    int (*act)(void);
} attacks[] = {{"open", open_to_read},
               {"create", open_to_write},
               {"openat by number", open_directly},
               {"stat", look_at_file},
               {"unlink", remove_file},
               {"socket", make_socket},
               {"unix socket", make_local_socket},
               {"execve", run_program},
               {"fork", make_process},
               {"vfork", make_process_vfork},
               {"system", run_shell},
               {"ptrace", trace_parent},
               {"process_vm_readv", read_parent},
               {"kill", kill_parent},
               {"mmap exec", map_executable},
               {"mprotect exec", make_executable},
               {"TIOCSTI", type_into_terminal},
               {"io_uring", ring}};

START_TEST(test_attack)
{
    ck_assert_msg(strstr(sandbox_available(), "seccomp") != NULL,
                  "this kernel has no seccomp: the test cannot say anything");
    enum outcome outcome = attempt(attacks[_i].act);
    ck_assert_msg(outcome == REFUSED || outcome == DIED_OF_SIGSYS, "%s: outcome %d",
                  attacks[_i].name, outcome);
}
END_TEST

/* The attacks are real: outside the sandbox those that need no privilege go through. */
START_TEST(test_attack_outside)
{
    static int (*const harmless[])(void) = {
        open_to_read, open_directly, look_at_file,       make_socket,    run_shell,
        make_process, kill_parent,   make_process_vfork, map_executable, make_executable};
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++)
        ck_assert_msg(harmless[i]() == 0, "attack %zu fails outside too: errno %d", i, errno);
}
END_TEST

START_TEST(test_deadly)
{
    ck_assert_int_eq(attempt(run_program), DIED_OF_SIGSYS);
    ck_assert_int_eq(attempt(make_process), DIED_OF_SIGSYS);
    ck_assert_int_eq(attempt(run_shell), DIED_OF_SIGSYS);
    ck_assert_int_eq(attempt(trace_parent), DIED_OF_SIGSYS);
}
END_TEST

static void *touch_memory(void *argument)
{
    size_t n_bytes = (size_t)3 << 20;
    char *bytes = malloc(n_bytes);
    if (bytes == NULL)
        return NULL;
    memset(bytes, 1, n_bytes);
    bytes = realloc(bytes, 2 * n_bytes);
    free(bytes);
    struct timespec moment = {0, 1000};
    nanosleep(&moment, NULL);
    return open(outside, O_RDONLY) < 0 ? argument : NULL;
}

/* Everything that translating does once its files are open. `inherited` is one of them. */
static int inherited = -1;

static int work(void)
{
    struct error err = {0};
    pthread_t threads[4];
    int marker;
    for (size_t i = 0; i < 4; i++)
        if (!thread_start(&threads[i], touch_memory, &marker, &err))
            return 1;
    for (size_t i = 0; i < 4; i++) {
        void *result = NULL;
        if (pthread_join(threads[i], &result) != 0 || result != &marker)
            return 1;
    }
    char text[6] = "";
    struct stat status;
    int pipe_ends[2];
    void *page = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool ok = page != MAP_FAILED && munmap(page, 1 << 20) == 0;
    ok = ok && write(inherited, "hello", 5) == 5 && lseek(inherited, 0, SEEK_SET) == 0;
    ok = ok && read(inherited, text, 5) == 5 && strcmp(text, "hello") == 0;
    ok = ok && pread(inherited, text, 2, 3) == 2 && fstat(inherited, &status) == 0;
    ok = ok && ftruncate(inherited, 0) == 0 && fsync(inherited) == 0 && isatty(inherited) == 0;
    ok = ok && pipe(pipe_ends) == 0 && fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK) == 0;
    ok = ok && raise(0) == 0 && close(inherited) == 0 && time(NULL) > 0;
    return !ok;
}

START_TEST(test_work_goes_on)
{
    inherited = open(inside, O_RDWR | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(inherited, 0);
    ck_assert_int_eq(attempt(work), WENT_THROUGH);
    close(inherited);
    unlink(inside);
}
END_TEST

/* The filter also reaches threads that were there before. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *open_later(void *argument)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return open(outside, O_RDONLY) < 0 && errno == EACCES ? argument : NULL;
}

static int enter_after_thread(void)
{
    struct error err = {0};
    pthread_t thread;
    void *result = NULL;
    int marker;
    pthread_mutex_lock(&gate);
    bool ok = HOLDS(thread_start(&thread, open_later, &marker, &err)) &&
              HOLDS(sandbox_enter(SANDBOX_REQUIRE, &(struct sandbox_needs){0}, NULL, &err));
    pthread_mutex_unlock(&gate);
    ok = ok && HOLDS(pthread_join(thread, &result) == 0) && HOLDS(result == &marker);
    return !ok;
}

START_TEST(test_earlier_thread)
{
    ck_assert_int_eq(attempt_with(enter_after_thread, NULL), WENT_THROUGH);
}
END_TEST

/* Paths that are named stay open, and no others. */
static int use_directory(void)
{
    char renamed[80];
    snprintf(renamed, sizeof renamed, "%s.new", inside);
    int descriptor = open(inside, O_RDWR | O_CREAT | O_TRUNC, 0600);
    return descriptor < 0 || write(descriptor, "x", 1) != 1 || rename(inside, renamed) != 0 ||
           unlink(renamed) != 0;
}

START_TEST(test_named_paths)
{
    const struct sandbox_needs write_there = {.writable = the_directory};
    const struct sandbox_needs read_there = {.readable = the_directory};
    ck_assert_int_eq(attempt_with(use_directory, &write_there), WENT_THROUGH);
    if (!has_landlock())
        return;
    ck_assert_int_eq(attempt_with(use_directory, &read_there), REFUSED);
    ck_assert_int_eq(attempt_with(open_to_read, &write_there), REFUSED);
    ck_assert_int_eq(attempt_with(run_program, &write_there), DIED_OF_SIGSYS);
    ck_assert_int_eq(attempt_with(make_socket, &write_there), REFUSED);
    int descriptor = open(inside, O_RDWR | O_CREAT, 0600);
    close(descriptor);
    const struct sandbox_needs one_file = {.writable = the_file};
    ck_assert_int_eq(attempt_with(open_to_write, &one_file), WENT_THROUGH);
    ck_assert_int_eq(attempt_with(remove_file, &one_file), REFUSED);
    unlink(inside);
}
END_TEST

/* Libraries that are first used inside, and load what they need then. */
static int use_icu(void)
{
    static const UChar text[] = {'O', 'n', 'e', '.', ' ', 'T', 'w', 'o', '.', 0};
    UErrorCode status = U_ZERO_ERROR;
    UBreakIterator *sentences = ubrk_open(UBRK_SENTENCE, "de", text, 9, &status);
    int32_t first = U_SUCCESS(status) ? ubrk_next(sentences) : 0;
    const UNormalizer2 *form = unorm2_getNFKCInstance(&status);
    UConverter *converter = ucnv_open("UTF-16", &status);
    bool ok = U_SUCCESS(status) && first == 5 && form != NULL;
    ucnv_close(converter);
    ubrk_close(sentences);
    errno = EACCES;
    return !ok;
}

static int use_pcre(void)
{
    int number;
    PCRE2_SIZE at;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR) "b+c", 3, PCRE2_UTF, &number, &at, NULL);
    (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* refused, and done without */
    pcre2_match_data *match = pcre2_match_data_create_from_pattern(code, NULL);
    bool ok = pcre2_match(code, (PCRE2_SPTR) "abbc", 4, 0, 0, match, NULL) == 1;
    pcre2_match_data_free(match);
    pcre2_code_free(code);
    errno = EACCES;
    return !ok;
}

static int use_sqlite(void)
{
    sqlite3 *database = NULL;
    bool ok = sqlite3_open(inside, &database) == SQLITE_OK &&
              sqlite3_exec(database,
                           "PRAGMA journal_mode=WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1);"
                           "PRAGMA journal_mode=DELETE; INSERT INTO t VALUES (2)",
                           NULL, NULL, NULL) == SQLITE_OK;
    ok = sqlite3_close(database) == SQLITE_OK && ok;
    errno = EACCES;
    return !ok;
}

START_TEST(test_libraries)
{
    const struct sandbox_needs write_there = {.writable = the_directory};
    ck_assert_int_eq(attempt(use_icu), WENT_THROUGH);
    ck_assert_int_eq(attempt(use_pcre), WENT_THROUGH);
    ck_assert_int_eq(attempt(use_sqlite), REFUSED);
    ck_assert_int_eq(attempt_with(use_sqlite, &write_there), WENT_THROUGH);
    unlink(inside);
}
END_TEST

static int listener = -1;

static int accept_connection(void)
{
    char text[3] = "";
    int connection = accept(listener, NULL, NULL);
    return connection < 0 || recv(connection, text, 2, 0) != 2 || send(connection, "ok", 2, 0) != 2;
}

START_TEST(test_connections)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n_bytes = sizeof address;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, n_bytes), 0);
    ck_assert_int_eq(listen(listener, 4), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &n_bytes), 0);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(client, (struct sockaddr *)&address, n_bytes), 0);
    ck_assert_int_eq(write(client, "hi", 2), 2);
    ck_assert_int_eq(attempt_with(accept_connection, &(struct sandbox_needs){.connections = true}),
                     WENT_THROUGH);
    ck_assert_int_eq(attempt_with(make_socket, &(struct sandbox_needs){.connections = true}),
                     REFUSED);
    close(client);
    close(listener);
}
END_TEST

static int enter_nowhere(void)
{
    static const char *const nowhere[] = {"/nonexistent/path", NULL};
    const struct sandbox_needs missing = {.readable = nowhere};
    struct error err = {0};
    bool ok = HOLDS(!sandbox_enter(SANDBOX_AUTO, &missing, NULL, &err)) &&
              HOLDS(err.code == ERROR_SYSTEM) &&
              HOLDS(strcmp(err.text, "/nonexistent/path: No such file or directory") == 0);
    return !ok;
}

static int enter_in_each_mode(void)
{
    struct error err = {0};
    struct rlimit limit;
    const struct sandbox_needs nothing = {0};
    const char *state = NULL, *available = sandbox_available();
    bool ok = HOLDS(sandbox_enter(SANDBOX_OFF, &nothing, &state, &err)) &&
              HOLDS(strcmp(state, "none") == 0) && HOLDS(open_to_read() == 0);
    ok = ok && HOLDS(sandbox_enter(SANDBOX_REQUIRE, &nothing, &state, &err)) &&
         HOLDS(strcmp(state, available) == 0) && HOLDS(open_to_read() != 0);
    ok = ok && HOLDS(getrlimit(RLIMIT_CORE, &limit) == 0) && HOLDS(limit.rlim_cur == 0) &&
         HOLDS(dump_core() != 0);
    return !ok;
}

/* First the model can be read, and sockets made; then nothing more. */
static int enter_twice(void)
{
    struct error err = {0};
    const char *state = NULL;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const struct sandbox_needs first = {
        .readable = the_directory, .connections = true, .listens = true, .narrows = true};
    const struct sandbox_needs then = {.connections = true};
    bool ok = HOLDS(sandbox_enter(SANDBOX_REQUIRE, &first, &state, &err)) &&
              HOLDS(open(directory, O_RDONLY | O_DIRECTORY) >= 0) && HOLDS(open_to_read() != 0) &&
              HOLDS(make_socket() == 0);
    int server = socket(AF_INET, SOCK_STREAM, 0);
    ok =
        ok && HOLDS(bind(server, (struct sockaddr *)&address, sizeof address) == 0) &&
        HOLDS(listen(server, 1) == 0) &&
        HOLDS(connect(server, (struct sockaddr *)&address, sizeof address) != 0 && errno == EACCES);
    ok = ok && HOLDS(sandbox_enter(SANDBOX_REQUIRE, &then, &state, &err)) &&
         HOLDS(strcmp(state, "landlock+seccomp") == 0) &&
         HOLDS(open(directory, O_RDONLY | O_DIRECTORY) < 0) && HOLDS(make_socket() != 0) &&
         HOLDS(!sandbox_enter(SANDBOX_REQUIRE, &first, &state, &err));
    return !ok;
}

static int use_sockets(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", directory);
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    bool ok = HOLDS(bind(server, (struct sockaddr *)&address, sizeof address) == 0) &&
              HOLDS(open_to_write() != 0) && HOLDS(unlink(address.sun_path) == 0);
    return !ok;
}

START_TEST(test_narrowing)
{
    const struct sandbox_needs sockets = {.sockets = the_directory, .listens = true};
    if (!has_landlock())
        return;
    ck_assert_int_eq(attempt_with(enter_twice, NULL), WENT_THROUGH);
    ck_assert_int_eq(attempt_with(use_sockets, &sockets), WENT_THROUGH);
}
END_TEST

START_TEST(test_modes)
{
    if (has_landlock())
        ck_assert_int_eq(attempt_with(enter_nowhere, NULL), WENT_THROUGH);
    ck_assert_int_eq(attempt_with(enter_in_each_mode, NULL), WENT_THROUGH);
}
END_TEST

int main(void)
{
    if (!confined()) {
        printf("test_sandbox: no sandbox on this kernel or in this build; nothing to test\n");
        return 0;
    }
    if (mkdtemp(directory) == NULL)
        return 1;
    snprintf(inside, sizeof inside, "%s/file", directory);
    Suite *suite = suite_create("sandbox");
    TCase *tests = tcase_create("sandbox");
    tcase_add_loop_test(tests, test_attack, 0, (int)(sizeof attacks / sizeof attacks[0]));
    tcase_add_test(tests, test_attack_outside);
    tcase_add_test(tests, test_deadly);
    tcase_add_test(tests, test_work_goes_on);
    tcase_add_test(tests, test_earlier_thread);
    tcase_add_test(tests, test_named_paths);
    tcase_add_test(tests, test_libraries);
    tcase_add_test(tests, test_connections);
    tcase_add_test(tests, test_narrowing);
    tcase_add_test(tests, test_modes);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    rmdir(directory);
    return failed != 0;
}
