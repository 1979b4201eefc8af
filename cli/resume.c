#include "cli/resume.h"

#include "base/file.h"
#include "cli/paths.h"
#include "cli/progress.h"
#include "cli/remote.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEX_BYTES (2 * SHA256_DIGEST_LENGTH + 1)
_Static_assert(HEX_BYTES == RESUME_MODELS_BYTES, "as the header says");
#define SAVE_MILLISECONDS 10
/* The file: a head, then two slots that are written in turn, so that one is always whole. */
#define SLOT_BYTES 160
#define HEAD_FORMAT "dragoman state 1 %s\n"
#define SLOT_FORMAT "lines %020llu sha256 %s %s"
/* Bytes of each model file that go into the fingerprint, at its beginning. */
#define MODEL_SAMPLE_BYTES 4096

struct slot {
    bool is_valid, is_complete;
    uint64_t n_lines;
    char digest[HEX_BYTES]; /* of the first n_lines lines of input */
};

struct resume {
    char *path;     /* of the state file */
    int descriptor; /* -1: not there yet */
    bool is_empty;  /* it has no head yet */
    char fingerprint[HEX_BYTES];
    uint64_t n_done, n_bytes; /* the output's whole lines */
    struct slot before;       /* as found */
    SHA2_CTX hash;            /* of the lines so far */
    uint64_t n_lines;
    int next_slot;
    int64_t saved;
};

static void to_hex(const SHA2_CTX *hash, char out[HEX_BYTES])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA2_CTX copy = *hash;
    SHA256Final(digest, &copy);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static void hash_text(SHA2_CTX *hash, const char *text)
{
    SHA256Update(hash, (const uint8_t *)text, strlen(text) + 1);
}

/* ---- the fingerprint --------------------------------------------------------------------------
 */

/* Name, size and beginning of a file. */
static void hash_file(SHA2_CTX *hash, const char *directory, const char *name)
{
    unsigned char sample[MODEL_SAMPLE_BYTES];
    struct file file;
    struct error ignored = {0};
    if (!file_open(&file, directory, name, 0, &ignored))
        return;
    char size[32];
    snprintf(size, sizeof size, "%zu", file.n_bytes);
    size_t n = file.n_bytes < sizeof sample ? file.n_bytes : sizeof sample;
    hash_text(hash, name);
    hash_text(hash, size);
    if (file_read(&file, 0, sample, n, &ignored))
        SHA256Update(hash, sample, n);
    file_close(&file, &ignored);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void hash_model(SHA2_CTX *hash, const char *path)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_visible, alphasort);
    if (count < 0)
        hash_file(hash, NULL, path);
    for (int i = 0; i < count; i++) {
        hash_file(hash, path, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

/* What cannot change the output is left out. */
static bool changes_output(const struct option *row)
{
    static const char *const not_these[] = {"model", "output", "force", "resume", "cpu", "strict"};
    if (row->group == GROUP_SPEED || row->group == GROUP_MESSAGES || row->group == GROUP_OTHER)
        return false;
    for (size_t i = 0; i < sizeof not_these / sizeof not_these[0]; i++)
        if (strcmp(row->name, not_these[i]) == 0)
            return false;
    return true;
}

/* All models of a chain. */
static bool hash_models(SHA2_CTX *hash, const struct texts *models, struct error *err)
{
    struct buffer path = {0};
    bool ok = true;
    for (size_t i = 0; ok && (i < models->count || i == 0); i++) {
        buffer_clear(&path);
        ok = model_path(models->count > 0 ? models->items[i] : NULL, &path, err);
        if (ok)
            hash_model(hash, path.bytes);
    }
    buffer_free(&path);
    return ok;
}

bool resume_models(const struct options *options, char models[RESUME_MODELS_BYTES],
                   struct error *err)
{
    SHA2_CTX hash;
    SHA256Init(&hash);
    bool ok = hash_models(&hash, &options->model, err);
    to_hex(&hash, models);
    return ok;
}

static bool make_fingerprint(struct resume *resume, const struct options *options,
                             const char *server, struct error *err)
{
    SHA2_CTX hash;
    struct buffer value = {0};
    size_t count;
    const struct option *table = options_table(&count);
    bool ok = true;
    SHA256Init(&hash);
    hash_text(&hash, DRAGOMAN_VERSION);
    for (size_t i = 0; ok && i < count; i++) {
        if ((table[i].commands & options->command) == 0 || !changes_output(&table[i]) ||
            (server != NULL && remote_is_servers(&table[i])))
            continue;
        buffer_clear(&value);
        ok = option_format(options, &table[i], &value, err);
        hash_text(&hash, table[i].name);
        hash_text(&hash, ok && value.bytes != NULL ? value.bytes : "");
    }
    buffer_free(&value);
    if (server != NULL)
        hash_text(&hash, server);
    else
        ok = ok && hash_models(&hash, &options->model, err);
    to_hex(&hash, resume->fingerprint);
    return ok;
}

/* ---- the state file ---------------------------------------------------------------------------
 */

static struct slot read_slot(int descriptor, int number)
{
    struct slot slot = {0};
    char text[SLOT_BYTES + 1] = {0};
    unsigned long long n_lines;
    char end[16];
    if (pread(descriptor, text, SLOT_BYTES, (off_t)(number + 1) * SLOT_BYTES) == SLOT_BYTES &&
        text[SLOT_BYTES - 1] == '\n' &&
        sscanf(text, "lines %llu sha256 %64[0-9a-f] %15[a-z]", &n_lines, slot.digest, end) == 3) {
        slot.is_valid = strcmp(end, "going") == 0 || strcmp(end, "complete") == 0;
        slot.is_complete = strcmp(end, "complete") == 0;
        slot.n_lines = n_lines;
    }
    return slot;
}

static bool mismatch(const struct resume *resume, const char *what, struct error *err)
{
    return error_set(err, ERROR_USAGE, "%s: does not match: %s (--force begins anew)", resume->path,
                     what);
}

static bool read_state(struct resume *resume, struct error *err)
{
    char head[SLOT_BYTES + 1] = {0};
    char fingerprint[HEX_BYTES] = "";
    struct stat status;
    /* A run that was killed before it began. */
    resume->is_empty = fstat(resume->descriptor, &status) == 0 && status.st_size == 0;
    if (resume->is_empty && resume->n_done == 0)
        return true;
    if (pread(resume->descriptor, head, SLOT_BYTES, 0) <= 0 ||
        sscanf(head, "dragoman state 1 %64[0-9a-f]", fingerprint) != 1)
        return mismatch(resume, "not a state file of dragoman", err);
    if (strcmp(fingerprint, resume->fingerprint) != 0)
        return mismatch(resume, "the output was made with another model or other options", err);
    struct slot slots[] = {read_slot(resume->descriptor, 0), read_slot(resume->descriptor, 1)};
    int newer = slots[1].is_valid && (!slots[0].is_valid || slots[1].n_lines > slots[0].n_lines ||
                                      slots[1].is_complete)
                    ? 1
                    : 0;
    resume->before = slots[newer];
    resume->next_slot = 1 - newer;
    return true;
}

/* Counts the whole lines of the output. */
static bool measure_output(struct resume *resume, const char *path, char terminator,
                           struct error *err)
{
    char chunk[16384];
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0 && errno == ENOENT)
        return true;
    if (descriptor < 0)
        return error_set_errno(err, ERROR_USAGE, errno, "%s", path);
    uint64_t at = 0;
    ssize_t got;
    while ((got = read(descriptor, chunk, sizeof chunk)) > 0 || (got < 0 && errno == EINTR)) {
        for (ssize_t i = 0; i < got; i++) {
            if (chunk[i] != terminator)
                continue;
            resume->n_done++;
            resume->n_bytes = at + (uint64_t)i + 1;
        }
        at += got > 0 ? (uint64_t)got : 0;
    }
    int number = errno;
    close(descriptor);
    return got == 0 || error_set_errno(err, ERROR_USAGE, number, "%s", path);
}

static bool open_state(struct resume *resume, struct error *err)
{
    resume->descriptor = open(resume->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (resume->descriptor < 0) {
        if (errno != ENOENT)
            return error_set_errno(err, ERROR_USAGE, errno, "%s", resume->path);
        if (resume->n_done > 0)
            return mismatch(resume, "nothing is known of how the output was made", err);
        return true;
    }
    if (flock(resume->descriptor, LOCK_EX | LOCK_NB) != 0)
        return error_set(err, ERROR_USAGE, "%s: in use by another run", resume->path);
    return read_state(resume, err);
}

bool resume_open(struct resume **resume, const struct options *options, const char *server,
                 struct error *err)
{
    struct resume *r = memory_new(1, sizeof *r, err);
    struct buffer path = {0};
    if (r == NULL)
        return false;
    r->descriptor = -1;
    r->saved = progress_now();
    SHA256Init(&r->hash);
    bool ok = buffer_printf(&path, err, "%s.state", options->output);
    r->path = path.bytes;
    ok = ok && make_fingerprint(r, options, server, err);
    ok = ok && measure_output(r, options->output, options->nul ? '\0' : '\n', err) &&
         open_state(r, err);
    if (ok) {
        *resume = r;
        return true;
    }
    resume_free(r);
    return false;
}

uint64_t resume_lines(const struct resume *resume)
{
    return resume->n_done;
}

uint64_t resume_bytes(const struct resume *resume)
{
    return resume->n_bytes;
}

/* The input's lines so far against what was noted when the state was saved. */
static bool is_same_input(const struct resume *resume)
{
    char digest[HEX_BYTES];
    if (!resume->before.is_valid || resume->n_lines != resume->before.n_lines)
        return true;
    to_hex(&resume->hash, digest);
    return strcmp(digest, resume->before.digest) == 0;
}

bool resume_note(struct resume *resume, const struct record *record, struct error *err)
{
    char end = record->has_carriage_return ? '\r' : '\n';
    SHA256Update(&resume->hash, (const uint8_t *)record->line.bytes, record->line.n_bytes);
    SHA256Update(&resume->hash, (const uint8_t *)&end, 1);
    resume->n_lines++;
    return is_same_input(resume) || mismatch(resume, "the input has changed", err);
}

bool resume_is_complete(const struct resume *resume)
{
    return resume->before.is_complete && resume->n_done == resume->before.n_lines;
}

bool resume_check_end(const struct resume *resume, bool is_input_at_end, struct error *err)
{
    if (resume->n_lines < resume->n_done)
        return mismatch(resume, "the output has more lines than the input", err);
    if (resume_is_complete(resume) && !is_input_at_end)
        return mismatch(resume, "the input has changed", err);
    return true;
}

bool resume_is_kept(const struct resume *resume)
{
    return resume != NULL && resume->descriptor >= 0;
}

void resume_create(struct resume *resume, struct undo *undo)
{
    if (resume->descriptor >= 0)
        return;
    resume->descriptor =
        open(resume->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (resume->descriptor < 0)
        return;
    undo_add(undo, resume->path);
    resume->is_empty = true;
    if (flock(resume->descriptor, LOCK_EX | LOCK_NB) != 0) {
        close(resume->descriptor);
        resume->descriptor = -1;
    }
}

/* With room for the slots: later the disk may be full. */
static void write_head(struct resume *resume)
{
    char head[3 * SLOT_BYTES + 1];
    memset(head, ' ', sizeof head);
    int n = snprintf(head, sizeof head, HEAD_FORMAT, resume->fingerprint);
    head[n] = ' ';
    if (pwrite(resume->descriptor, head, 3 * SLOT_BYTES, 0) == 3 * SLOT_BYTES)
        return;
    close(resume->descriptor);
    resume->descriptor = -1;
}

static void write_slot(struct resume *resume, bool is_complete)
{
    char text[SLOT_BYTES + 1], digest[HEX_BYTES];
    if (resume->descriptor < 0)
        return;
    to_hex(&resume->hash, digest);
    memset(text, ' ', sizeof text);
    int n = snprintf(text, sizeof text, SLOT_FORMAT, (unsigned long long)resume->n_lines, digest,
                     is_complete ? "complete" : "going");
    text[n] = ' ';
    text[SLOT_BYTES - 1] = '\n';
    if (pwrite(resume->descriptor, text, SLOT_BYTES, (off_t)(resume->next_slot + 1) * SLOT_BYTES) ==
        SLOT_BYTES)
        resume->next_slot = 1 - resume->next_slot;
    resume->saved = progress_now();
}

void resume_begin(struct resume *resume)
{
    if (resume->descriptor >= 0 && resume->is_empty)
        write_head(resume);
    write_slot(resume, false);
}

void resume_save(struct resume *resume)
{
    if (progress_now() - resume->saved >= SAVE_MILLISECONDS)
        write_slot(resume, false);
}

void resume_free(struct resume *resume)
{
    if (resume == NULL)
        return;
    if (resume->descriptor >= 0)
        close(resume->descriptor);
    memory_free(resume->path);
    memory_free(resume);
}

void resume_close(struct resume *resume, bool is_complete)
{
    if (resume == NULL)
        return;
    write_slot(resume, is_complete);
    resume_free(resume);
}
