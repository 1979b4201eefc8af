/* Damaged model files by the hundred thousand (mutate.h): each is opened with the rest of its model
 * and, if it opens, translates a line. It must open or be refused with one clean line: no crash, no
 * hang, no memory beyond its size and a bound, nothing on standard error.
 *
 *     malformed [--every N] [--seed S] [--only TEXT] [--program PATH] [--keep DIRECTORY]
 *
 * --every N tries one case of N, chosen by the seed, and, but with --program, all that were made by
 * hand; --only those whose name holds TEXT, as in "npz/model.npz/flip/1234"; --program runs the
 * program on each instead of the library; --keep leaves the last case there. Children do the work:
 * one that dies is a fault, and another goes on behind its case. */
#include "tests/malformed/mutate.h"
#include "translate/dragoman.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif

/* Of one case. Refusing a file takes less than a second; translating a line is in it here. */
#define CPU_SECONDS (IS_SANITIZED ? 20 : 2)
#define WALL_SECONDS 60
#define MEMORY_BYTES ((size_t)64 << 20) /* beyond what a good model takes */
#define MOST_FAULTS 40
#define CASES_A_CHILD 20000
#define MORE_TO_DO 3 /* a child's status; sanitizers have 1 and 23 */

static const char text[] = "ab ba, c a.";

/* What parent and child share. */
struct progress {
    size_t at; /* number of the case under way */
    char name[160];
    size_t n_run, n_loaded, n_refused, n_faults, n_by_damage[DAMAGE_COUNT];
    double slowest;
    char slowest_name[160];
};

struct run {
    uint64_t seed, every;
    const char *only, *program;
    char directory[64];
    int messages; /* where standard error goes */
    struct progress *progress;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void note_fault(struct run *run, const char *what, const char *detail)
{
    if (run->progress->n_faults++ < MOST_FAULTS)
        printf("FAULT %s: %s%s%.500s\n", run->progress->name, what, detail[0] ? ": " : "", detail);
    fflush(stdout);
}

/* ---- one case, in process ---------------------------------------------------------------------
 */

static bool is_one_line(const char *line, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            return false;
    return n_bytes > 0 && n_bytes < 512;
}

static void check_refusal(struct run *run, const struct dragoman_error *err)
{
    run->progress->n_refused++;
    if (err->status != DRAGOMAN_MODEL && err->status != DRAGOMAN_LIMIT &&
        err->status != DRAGOMAN_USAGE)
        note_fault(run, "a refusal of the wrong kind", err->text);
    else if (!is_one_line(err->text, strlen(err->text)))
        note_fault(run, "not one clean line", err->text);
}

static void use(struct run *run, struct dragoman *dragoman)
{
    struct dragoman_error err = {0};
    char *translation = dragoman_translate(dragoman, text, &err);
    run->progress->n_loaded++;
    if (translation != NULL && strchr(translation, '\n') != NULL)
        note_fault(run, "a translation of several lines", translation);
    else if (translation == NULL && !is_one_line(err.text, strlen(err.text)))
        note_fault(run, "not one clean line", err.text);
    else if (translation == NULL &&
             (err.status == DRAGOMAN_INTERNAL || err.status == DRAGOMAN_MEMORY))
        note_fault(run, "the translation failed", err.text);
    free(translation);
}

static void open_and_use(struct run *run, const struct tiny_model *model)
{
    char shortlist[128];
    const char *path = run->directory;
    struct dragoman *dragoman;
    struct dragoman_error err = {0};
    struct dragoman_options options;
    dragoman_options_init(&options);
    options.threads = 1;
    if (model->shortlist != NULL) {
        snprintf(shortlist, sizeof shortlist, "%s/%s", run->directory, model->shortlist);
        options.shortlist_path = shortlist;
    }
    if (dragoman_open(&dragoman, &path, 1, &options, &err)) {
        use(run, dragoman);
        dragoman_close(dragoman);
    } else {
        check_refusal(run, &err);
    }
}

/* ---- one case, through the program ------------------------------------------------------------
 */

static size_t read_back(const char *path, char *out, size_t n_out)
{
    FILE *in = fopen(path, "r");
    size_t n = in != NULL ? fread(out, 1, n_out - 1, in) : 0;
    if (in != NULL)
        fclose(in);
    out[n] = '\0';
    return n;
}

static void become_program(const struct run *run, const struct tiny_model *model, const char *out,
                           const char *err)
{
    char shortlist[128], input[128];
    snprintf(shortlist, sizeof shortlist, "--shortlist=%s/%s", run->directory,
             model->shortlist != NULL ? model->shortlist : "");
    snprintf(input, sizeof input, "%s.in", run->directory);
    if (freopen(input, "r", stdin) == NULL || freopen(out, "w", stdout) == NULL ||
        freopen(err, "w", stderr) == NULL)
        _exit(126);
    execl(run->program, "dragoman", "-q", "-m", run->directory,
          model->shortlist != NULL ? shortlist : (char *)NULL, (char *)NULL);
    _exit(127);
}

static void run_program(struct run *run, const struct tiny_model *model)
{
    char out_path[128], err_path[128], out[4096], message[4096];
    snprintf(out_path, sizeof out_path, "%s.out", run->directory);
    snprintf(err_path, sizeof err_path, "%s.err", run->directory);
    pid_t child = fork();
    if (child == 0)
        become_program(run, model, out_path, err_path);
    int status;
    waitpid(child, &status, 0);
    size_t n_out = read_back(out_path, out, sizeof out);
    size_t n_message = read_back(err_path, message, sizeof message);
    size_t n_lines = 0;
    for (size_t i = 0; i < n_out; i++)
        n_lines += out[i] == '\n';
    if (!WIFEXITED(status)) {
        note_fault(run, "killed by a signal", strsignal(WTERMSIG(status)));
    } else if (WEXITSTATUS(status) == 0) {
        run->progress->n_loaded++;
        if (n_lines != 1 || out[n_out - 1] != '\n')
            note_fault(run, "status 0 and not one line", out);
    } else {
        run->progress->n_refused++;
        bool clean = n_message > 0 && message[n_message - 1] == '\n' &&
                     is_one_line(message, n_message - 1) && strncmp(message, "dragoman: ", 10) == 0;
        if (WEXITSTATUS(status) > 2)
            note_fault(run, "an unknown status", message);
        else if (n_out > 0)
            note_fault(run, "refused, and something on standard output", out);
        else if (!clean)
            note_fault(run, "not one clean line", message);
    }
}

/* ---- all cases --------------------------------------------------------------------------------
 */

/* After a second of CPU time something hangs; so it does after a minute of any. */
static void set_timers(int on)
{
    struct itimerval cpu = {.it_value = {.tv_sec = on ? CPU_SECONDS : 0}};
    struct itimerval wall = {.it_value = {.tv_sec = on ? WALL_SECONDS : 0}};
    setitimer(ITIMER_PROF, &cpu, NULL);
    setitimer(ITIMER_REAL, &wall, NULL);
}

/* Memory of this process that a file could make it take, now and from now on. */
static void limit_memory(size_t file_bytes)
{
    size_t fields[6] = {0};
    FILE *statm = fopen("/proc/self/statm", "r");
    if (IS_SANITIZED || statm == NULL)
        return;
    for (size_t i = 0; i < 6; i++)
        if (fscanf(statm, "%zu", &fields[i]) != 1)
            break;
    fclose(statm);
    size_t bytes = fields[5] * (size_t)sysconf(_SC_PAGESIZE) + MEMORY_BYTES + file_bytes;
    struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
    setrlimit(RLIMIT_DATA, &limit);
}

static void run_case(struct run *run, const struct target *target, enum damage damage, size_t index)
{
    struct buffer bytes = {0};
    struct progress *progress = run->progress;
    char message[600];
    double start = now();
    target_damage(target, damage, index, run->seed, &bytes);
    tiny_write(run->directory, target->file->name, bytes.bytes, bytes.n_bytes);
    set_timers(1);
    if (run->program != NULL)
        run_program(run, target->model);
    else
        open_and_use(run, target->model);
    set_timers(0);
    progress->n_run++;
    progress->n_by_damage[damage]++;
    if (now() - start > progress->slowest) {
        progress->slowest = now() - start;
        snprintf(progress->slowest_name, sizeof progress->slowest_name, "%s", progress->name);
    }
    if (lseek(run->messages, 0, SEEK_END) > 0) {
        ssize_t n = pread(run->messages, message, sizeof message - 1, 0);
        message[n > 0 ? n : 0] = '\0';
        note_fault(run, "a library speaks", message);
        if (ftruncate(run->messages, 0) != 0)
            abort();
        lseek(run->messages, 0, SEEK_SET);
    }
    buffer_free(&bytes);
}

static bool is_wanted(const struct run *run, enum damage damage, size_t number)
{
    return ((damage == DAMAGE_HAND && run->program == NULL) ||
            mix_bits(run->seed, number) % run->every == 0) &&
           (run->only == NULL || strstr(run->progress->name, run->only) != NULL);
}

/* Cases of a target from number progress->at on; *number counts all there are. At most `most`. */
static bool run_target(struct run *run, const struct target *target, size_t *number, size_t most)
{
    static const char *const parts[] = {"", ":pickle", ":options", ":array", ":summed", ":header"};
    struct progress *progress = run->progress;
    for (enum damage damage = 0; damage < DAMAGE_COUNT; damage++) {
        size_t count = target_count(target, damage);
        if (*number + count <= progress->at) {
            *number += count;
            continue;
        }
        for (size_t i = 0; i < count; i++, ++*number) {
            if (*number < progress->at)
                continue;
            progress->at = *number;
            snprintf(progress->name, sizeof progress->name, "%s/%s%s/%s/%zu", target->model->name,
                     target->file->name, parts[target->part], damage_names[damage], i);
            if (!is_wanted(run, damage, *number))
                continue;
            if (progress->n_run >= most)
                return false;
            run_case(run, target, damage, i);
        }
    }
    tiny_write(run->directory, target->file->name, target->file->bytes.bytes,
               target->file->bytes.n_bytes);
    return true;
}

/* Which parts of a file have a target of their own. */
static size_t parts_of(const struct tiny_model *model, const char *name, enum tiny_part parts[3])
{
    size_t n = 1;
    parts[0] = TINY_WHOLE;
    if (model->kind == TINY_TORCH_ZIP && strcmp(name, "pytorch_model.bin") == 0)
        parts[n++] = TINY_PICKLE;
    if (model->kind == TINY_NPZ && strcmp(name, "model.npz") == 0) {
        parts[n++] = TINY_OPTIONS;
        parts[n++] = TINY_ARRAY;
    }
    if ((model->kind == TINY_SAFETENSORS && strcmp(name, "model.safetensors") == 0) ||
        (model->kind == TINY_PREVIEW && strcmp(name, "b.safetensors") == 0))
        parts[n++] = TINY_HEADER;
    if (model->shortlist != NULL && strcmp(name, model->shortlist) == 0)
        parts[n++] = TINY_SUMMED;
    return n;
}

/* What each model has beyond the others: the checkpoint and what names it; the rest once. */
static bool is_target(enum tiny_kind kind, const char *name)
{
    bool shared = kind == TINY_SHARDS || kind == TINY_TORCH_ZIP || kind == TINY_TORCH_STREAM;
    bool spm = strcmp(name, "source.spm") == 0 || strcmp(name, "target.spm") == 0;
    if (kind == TINY_PREVIEW)
        return strcmp(name, "b.safetensors") == 0;
    if (shared)
        return strstr(name, "safetensors") != NULL || strstr(name, ".bin") != NULL;
    return !spm || kind == TINY_SAFETENSORS;
}

/* Leaves nothing but this model's files in the directory. */
static void write_model(const struct run *run, const struct tiny_model *model)
{
    char path[400];
    DIR *listing = opendir(run->directory);
    if (listing == NULL)
        abort();
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", run->directory, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(path);
    }
    closedir(listing);
    tiny_model_write(model, run->directory);
}

/* False: there is more to do for another child. */
static bool run_model(struct run *run, enum tiny_kind kind, size_t *number, size_t most)
{
    struct tiny_model model;
    bool done = true;
    tiny_model_make(&model, kind);
    write_model(run, &model);
    snprintf(run->progress->name, sizeof run->progress->name, "%s", model.name);
    if (run->program == NULL) { /* it must be good to begin with */
        size_t before = run->progress->n_loaded;
        open_and_use(run, &model);
        if (run->progress->n_loaded != before + 1)
            note_fault(run, "the undamaged model is refused", "");
        run->progress->n_loaded = before;
        limit_memory((size_t)4 << 20);
    }
    for (size_t i = 0; done && i < model.n_files; i++) {
        enum tiny_part parts[3];
        size_t n_parts = parts_of(&model, model.files[i].name, parts);
        for (size_t p = 0; done && p < n_parts && is_target(kind, model.files[i].name); p++) {
            struct target target;
            target_make(&target, &model, &model.files[i], parts[p]);
            done = run_target(run, &target, number, most);
            target_free(&target);
        }
    }
    tiny_model_free(&model);
    return done;
}

static int child_main(struct run *run)
{
    size_t number = 0, most = run->progress->n_run + CASES_A_CHILD;
    dup2(run->messages, 2);
    for (enum tiny_kind kind = 0; kind < TINY_COUNT; kind++)
        if (!run_model(run, kind, &number, most))
            return MORE_TO_DO;
    run->progress->at = number;
    return 0;
}

/* Children until all cases are done. */
static void run_children(struct run *run)
{
    char message[4000];
    for (bool done = false; !done && run->progress->n_faults < MOST_FAULTS;) {
        int status;
        fflush(stdout);
        pid_t child = fork();
        if (child == 0)
            exit(child_main(run));
        waitpid(child, &status, 0);
        done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (done || (WIFEXITED(status) && WEXITSTATUS(status) == MORE_TO_DO))
            continue;
        ssize_t n = pread(run->messages, message, sizeof message - 1, 0);
        message[n > 0 ? n : 0] = '\0';
        if (ftruncate(run->messages, 0) != 0)
            abort();
        int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        bool hung = number == SIGPROF || number == SIGALRM;
        note_fault(run, hung ? "hangs" : number != 0 ? strsignal(number) : "exits", message);
        run->progress->n_run++;
        run->progress->at++;
    }
}

static uint64_t to_number(const char *digits)
{
    char *end;
    uint64_t number = strtoull(digits, &end, 10);
    if (*digits == '\0' || *end != '\0') {
        fprintf(stderr, "malformed: not a number: %s\n", digits);
        exit(2);
    }
    return number;
}

static void read_arguments(struct run *run, int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--every") == 0)
            run->every = to_number(argv[i + 1]);
        else if (strcmp(argv[i], "--seed") == 0)
            run->seed = to_number(argv[i + 1]);
        else if (strcmp(argv[i], "--only") == 0)
            run->only = argv[i + 1];
        else if (strcmp(argv[i], "--program") == 0)
            run->program = argv[i + 1];
        else if (strcmp(argv[i], "--keep") == 0)
            snprintf(run->directory, sizeof run->directory, "%s", argv[i + 1]);
        else
            argc = 0;
    }
    if (argc % 2 == 0 || run->every == 0) {
        fprintf(stderr, "malformed: wrong arguments\n");
        exit(2);
    }
}

static void make_directory(struct run *run)
{
    char path[128];
    if (run->directory[0] != '\0') {
        mkdir(run->directory, 0777);
    } else {
        /* In memory if it can be: files are written all the time. */
        const char *where = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        snprintf(run->directory, sizeof run->directory, "%s/dragoman-malformed-XXXXXX", where);
        if (mkdtemp(run->directory) == NULL)
            abort();
    }
    snprintf(path, sizeof path, "%s.said", run->directory);
    run->messages = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    snprintf(path, sizeof path, "%s.in", run->directory);
    FILE *in = fopen(path, "w");
    if (run->messages < 0 || in == NULL || fprintf(in, "%s\n", text) < 0 || fclose(in) != 0)
        abort();
}

int main(int argc, char **argv)
{
    struct run run = {.seed = 1, .every = 1};
    read_arguments(&run, argc, argv);
    bool keep = run.directory[0] != '\0';
    run.progress =
        mmap(NULL, sizeof *run.progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (run.progress == MAP_FAILED)
        abort();
    make_directory(&run);
    double start = now();
    run_children(&run);
    const struct progress *progress = run.progress;
    printf("%zu of %zu damaged files (seed %llu, one of %llu), %s:", progress->n_run, progress->at,
           (unsigned long long)run.seed, (unsigned long long)run.every,
           run.program != NULL ? "program" : "library");
    for (enum damage damage = 0; damage < DAMAGE_COUNT; damage++)
        printf(" %s %zu", damage_names[damage], progress->n_by_damage[damage]);
    printf("; %zu refused, %zu opened, %zu FAULTS; slowest %.0f ms (%s); %.0f s\n",
           progress->n_refused, progress->n_loaded, progress->n_faults, 1e3 * progress->slowest,
           progress->slowest_name, now() - start);
    if (!keep) {
        char command[600];
        snprintf(command, sizeof command, "rm -rf %s %s.in %s.out %s.err %s.said", run.directory,
                 run.directory, run.directory, run.directory, run.directory);
        if (system(command) != 0)
            return 1;
    }
    return progress->n_faults == 0 && progress->n_run > 0 ? 0 : 1;
}
