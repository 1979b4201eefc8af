#include "cli/hub_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sha1.h>
#include <sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A model's listing is some ten kilobytes; its parsed form takes up to forty times as much. */
#define MAX_LISTING_BYTES ((size_t)4 << 20)

/* Attempts in a row that bring nothing new before giving up; the pause doubles from the first. */
#define MAX_ATTEMPTS 5
#define FIRST_PAUSE_MILLISECONDS 250u

#define CHUNK_BYTES ((size_t)256 << 10)

bool hub_append_encoded(struct buffer *url, const char *text, const char *kept, struct error *err)
{
    for (; *text != '\0'; text++) {
        bool plain = isalnum((unsigned char)*text) || strchr("-._~", *text) != NULL ||
                     strchr(kept, *text) != NULL;
        if (!(plain ? buffer_append_byte(url, *text, err)
                    : buffer_printf(url, err, "%%%02X", (unsigned)(unsigned char)*text)))
            return false;
    }
    return true;
}

bool hub_write(int descriptor, const char *bytes, size_t n_bytes, uint64_t offset, size_t *n_done)
{
    size_t done = 0;
    bool ok = true;
    while (done < n_bytes && ok) {
        ssize_t put = pwrite(descriptor, bytes + done, n_bytes - done, (off_t)(offset + done));
        if (put > 0)
            done += (size_t)put;
        else if (put == 0)
            errno = ENOSPC;
        ok = put > 0 || (put < 0 && errno == EINTR);
    }
    if (n_done != NULL)
        *n_done = done;
    return ok;
}

static void notice(const struct hub_job *job, const char *file, const char *text)
{
    char line[ERROR_TEXT_BYTES];
    if (job->options->notice == NULL)
        return;
    snprintf(line, sizeof line, "%s: %s", file, text);
    job->options->notice(job->options->context, line);
}

static void show(struct hub_job *job)
{
    if (job->options->progress != NULL)
        job->options->progress(job->options->context, &job->progress);
}

/* What a status other than 200 and 206 means to the user. */
static bool fail_status(const struct hub_job *job, const char *what,
                        const struct fetch_response *response, struct error *err)
{
    const char *model = job->name->model;
    if (response->status == 401)
        return job->has_token
                   ? error_set(err, ERROR_USAGE,
                               "%s: no such model on %s, or HF_TOKEN does not open it", model,
                               job->endpoint)
                   : error_set(err, ERROR_USAGE,
                               "%s: no such model on %s, or one that needs a token (HF_TOKEN)",
                               model, job->endpoint);
    if (response->status == 403)
        return error_set(err, ERROR_USAGE,
                         "%s: access is granted on request: see %s/%s, then set HF_TOKEN", model,
                         job->endpoint, model);
    if (response->status == 404 && strcmp(response->hub_error, "RevisionNotFound") == 0)
        return error_set(err, ERROR_USAGE, "%s: no revision '%s' on %s", model, job->name->revision,
                         job->endpoint);
    if (response->status == 404 && strcmp(what, "listing") == 0)
        return error_set(err, ERROR_USAGE, "%s: no such model on %s", model, job->endpoint);
    return error_set(err, ERROR_SYSTEM, "%s: %s: the server answered %ld", model, what,
                     response->status);
}

static bool status_may_pass(long status)
{
    return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
           status == 504;
}

static void pause_before(unsigned attempt, unsigned at_least_seconds)
{
    unsigned long milliseconds = FIRST_PAUSE_MILLISECONDS << attempt;
    if (milliseconds < at_least_seconds * 1000ul)
        milliseconds = at_least_seconds * 1000ul;
    struct timespec left = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

/* After a request that failed: true if it should be made again (and the pause is over). `*attempt`
 * counts those in a row. */
static bool try_again(const struct hub_job *job, const char *what, enum fetch_result result,
                      const struct fetch_response *response, unsigned *attempt, struct error *fault,
                      struct error *err)
{
    bool passing =
        result == FETCH_CUT || (result == FETCH_STATUS && status_may_pass(response->status));
    if (result == FETCH_STATUS)
        (void)fail_status(job, what, response, fault);
    if (!passing || *attempt + 1 >= MAX_ATTEMPTS)
        return error_set(err, fault->code, "%s", fault->text);
    notice(job, fault->text, "trying again");
    error_clear(fault);
    pause_before((*attempt)++, response->retry_after);
    return true;
}

static bool take_text(void *context, const struct fetch_response *response, const char *bytes,
                      size_t n_bytes, struct error *err)
{
    struct buffer *out = context;
    (void)response;
    if (out->n_bytes + n_bytes > MAX_LISTING_BYTES)
        return error_set(err, ERROR_SYSTEM, "the hub's listing is larger than %zu MiB",
                         MAX_LISTING_BYTES >> 20);
    return buffer_append(out, bytes, n_bytes, err);
}

bool hub_fetch_text(struct hub_job *job, const char *url, struct buffer *out, struct error *err)
{
    for (unsigned attempt = 0;;) {
        struct fetch_request request = {.url = url, .take = take_text, .context = out};
        struct fetch_response response = {0};
        struct error fault = {0};
        buffer_clear(out);
        enum fetch_result result = fetch_run(job->fetch, &request, &response, &fault);
        if (result == FETCH_DONE)
            return true;
        if (!try_again(job, "listing", result, &response, &attempt, &fault, err))
            return false;
    }
}

/* A file on its way. */
struct arrival {
    struct hub_job *job;
    const struct hub_file *file;
    char part_name[272]; /* NAME.part */
    int descriptor;      /* open on it */
    uint64_t n_there;    /* bytes it has */
    uint64_t most;       /* it ever had in this run: less is no progress */
    uint64_t asked_from; /* of the request under way */
    bool body_began;     /* of that request */
    bool from_zero;      /* in this run: what is there is all of one piece */
    bool odd_range;      /* the server sent another part than was asked for */
    char etag[200];      /* of what is there, or "" */
};

static bool fail_at(const struct arrival *arrival, enum error_code code, int number,
                    struct error *err)
{
    return error_set_errno(err, code, number, "%s/%s", arrival->job->part_path, arrival->part_name);
}

static bool start_over(struct arrival *arrival, struct error *err)
{
    if (ftruncate(arrival->descriptor, 0) != 0)
        return fail_at(arrival, ERROR_OUTPUT, errno, err);
    arrival->n_there = 0;
    arrival->etag[0] = '\0';
    arrival->from_zero = true;
    return true;
}

/* Whether the body that begins goes on where the file ends. */
static bool begin_body(struct arrival *arrival, const struct fetch_response *response,
                       struct error *err)
{
    arrival->body_began = true;
    if (response->status == 200 && arrival->n_there != 0 && !start_over(arrival, err))
        return false;
    if (response->status == 206 &&
        (!response->has_content_range || response->first != arrival->n_there ||
         response->total != arrival->file->n_bytes)) {
        arrival->odd_range = true;
        return error_set(err, ERROR_SYSTEM, "%s: the server sent another part than was asked for",
                         arrival->file->name);
    }
    memcpy(arrival->etag, response->etag, sizeof arrival->etag);
    return true;
}

static bool take_bytes(void *context, const struct fetch_response *response, const char *bytes,
                       size_t n_bytes, struct error *err)
{
    struct arrival *arrival = context;
    if (!arrival->body_began && !begin_body(arrival, response, err))
        return false;
    if (n_bytes > arrival->file->n_bytes - arrival->n_there) {
        (void)start_over(arrival, NULL); /* none of it can be trusted */
        return error_set(err, ERROR_MODEL, "%s: longer than the %llu bytes that the hub lists",
                         arrival->file->name, (unsigned long long)arrival->file->n_bytes);
    }
    size_t n_written;
    bool ok = hub_write(arrival->descriptor, bytes, n_bytes, arrival->n_there, &n_written);
    int number = errno;
    arrival->n_there += n_written;
    if (!ok)
        return fail_at(arrival, ERROR_OUTPUT, number, err);
    struct hub_progress *progress = &arrival->job->progress;
    progress->all_done += arrival->n_there - progress->n_done;
    progress->n_done = arrival->n_there;
    show(arrival->job);
    return true;
}

union hash {
    SHA1_CTX sha1;
    SHA2_CTX sha256;
};

/* Digest of an open file, in hexadecimal. */
static bool compute_digest(struct arrival *arrival, int descriptor, char out[65], struct error *err)
{
    const struct hub_file *file = arrival->file;
    union hash hash;
    unsigned char digest[SHA256_DIGEST_LENGTH], *chunk = memory_new_raw(CHUNK_BYTES, 1, err);
    if (chunk == NULL)
        return false;
    if (file->is_sha256) {
        SHA256Init(&hash.sha256);
    } else {
        char head[40]; /* a blob's digest begins with its kind and size, and a NUL */
        int length = snprintf(head, sizeof head, "blob %llu", (unsigned long long)file->n_bytes);
        SHA1Init(&hash.sha1);
        SHA1Update(&hash.sha1, (const unsigned char *)head, (size_t)length + 1);
    }
    arrival->job->progress.checking = true;
    ssize_t got;
    for (off_t at = 0;; at += got) {
        do
            got = pread(descriptor, chunk, CHUNK_BYTES, at);
        while (got < 0 && errno == EINTR);
        if (got <= 0)
            break;
        if (file->is_sha256)
            SHA256Update(&hash.sha256, chunk, (size_t)got);
        else
            SHA1Update(&hash.sha1, chunk, (size_t)got);
        show(arrival->job);
    }
    arrival->job->progress.checking = false;
    int number = errno;
    memory_free(chunk);
    if (got < 0)
        return fail_at(arrival, ERROR_SYSTEM, number, err);
    if (file->is_sha256)
        SHA256Final(digest, &hash.sha256);
    else
        SHA1Final(digest, &hash.sha1);
    size_t n_digest = file->is_sha256 ? SHA256_DIGEST_LENGTH : SHA1_DIGEST_LENGTH;
    for (size_t i = 0; i < n_digest; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
    return true;
}

static bool is_whole(struct arrival *arrival, int descriptor, bool *whole, char digest[65],
                     struct error *err)
{
    if (!compute_digest(arrival, descriptor, digest, err))
        return false;
    *whole = strcmp(digest, arrival->file->digest) == 0;
    return true;
}

/* True if the directory has the finished file already; it is checked again, and removed if it is
 * not what it should be (another revision's, or the disk's fault). */
static bool is_finished(struct arrival *arrival, bool *finished, struct error *err)
{
    struct hub_job *job = arrival->job;
    struct stat status;
    char digest[65];
    *finished = false;
    int descriptor =
        openat(job->directory, arrival->file->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0)
        return errno == ENOENT || fail_at(arrival, ERROR_SYSTEM, errno, err);
    bool ok = true;
    if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) &&
        (uint64_t)status.st_size == arrival->file->n_bytes)
        ok = is_whole(arrival, descriptor, finished, digest, err);
    close(descriptor);
    if (ok && !*finished && unlinkat(job->directory, arrival->file->name, 0) != 0)
        ok = fail_at(arrival, ERROR_OUTPUT, errno, err);
    return ok;
}

/* One request for what is missing. `*attempt` and the file's state say how to go on. */
static bool fetch_more(struct arrival *arrival, const char *url, unsigned *attempt,
                       struct error *err)
{
    struct fetch_request request = {.url = url,
                                    .offset = arrival->n_there,
                                    .if_etag = arrival->etag[0] != '\0' ? arrival->etag : NULL,
                                    .take = take_bytes,
                                    .context = arrival};
    struct fetch_response response = {0};
    struct error fault = {0};
    arrival->body_began = false;
    arrival->asked_from = arrival->n_there;
    if (arrival->n_there == 0)
        arrival->from_zero = true;
    enum fetch_result result = fetch_run(arrival->job->fetch, &request, &response, &fault);
    if (arrival->n_there > arrival->most) {
        arrival->most = arrival->n_there;
        *attempt = 0;
    }
    bool beyond = result == FETCH_STATUS && response.status == 416;
    if ((beyond || arrival->odd_range) && arrival->asked_from != 0 && !arrival->from_zero) {
        arrival->odd_range = false;
        notice(arrival->job, arrival->file->name,
               "cannot go on from what is there: from the start");
        return start_over(arrival, err);
    }
    if (beyond || (result == FETCH_DONE && arrival->n_there < arrival->file->n_bytes)) {
        error_clear(&fault);
        error_set(&fault, ERROR_MODEL, "%s: ends after %llu bytes, the hub lists %llu",
                  arrival->file->name, (unsigned long long)arrival->n_there,
                  (unsigned long long)arrival->file->n_bytes);
        result = beyond ? FETCH_FAILED : FETCH_CUT;
    }
    return result == FETCH_DONE ||
           try_again(arrival->job, arrival->file->name, result, &response, attempt, &fault, err);
}

/* All bytes are there: checks them and gives the file its name. A file that was partly fetched by
 * an earlier run and is wrong is fetched once more: `*again`. */
static bool finish(struct arrival *arrival, bool *again, struct error *err)
{
    const struct hub_file *file = arrival->file;
    struct hub_job *job = arrival->job;
    bool whole = false;
    char digest[65];
    if (!is_whole(arrival, arrival->descriptor, &whole, digest, err))
        return false;
    if (!whole && !arrival->from_zero) {
        notice(job, file->name, "what was there is not part of it: from the start");
        *again = true;
        return start_over(arrival, err);
    }
    if (!whole) {
        (void)unlinkat(job->directory, arrival->part_name, 0);
        return error_set(err, ERROR_MODEL, "%s: %s is %.16s..., the hub lists %.16s...", file->name,
                         file->is_sha256 ? "SHA-256" : "git digest", digest, file->digest);
    }
    if (fsync(arrival->descriptor) != 0 ||
        renameat(job->directory, arrival->part_name, job->directory, file->name) != 0)
        return fail_at(arrival, ERROR_OUTPUT, errno, err);
    return true;
}

static bool fetch_all(struct arrival *arrival, const char *url, struct error *err)
{
    unsigned attempt = 0;
    for (bool again = true; again;) {
        struct hub_progress *progress = &arrival->job->progress;
        if (arrival->n_there > arrival->file->n_bytes && !start_over(arrival, err))
            return false;
        progress->all_done += arrival->n_there - progress->n_done;
        progress->n_done = arrival->n_there;
        while (arrival->n_there < arrival->file->n_bytes)
            if (!fetch_more(arrival, url, &attempt, err))
                return false;
        again = false;
        if (!finish(arrival, &again, err))
            return false;
    }
    return true;
}

uint64_t hub_file_bytes_there(const struct hub_job *job, const struct hub_file *file)
{
    struct stat status;
    char part[272];
    snprintf(part, sizeof part, "%.255s.part", file->name);
    uint64_t n_bytes = 0;
    if (fstatat(job->directory, file->name, &status, AT_SYMLINK_NOFOLLOW) == 0 ||
        fstatat(job->directory, part, &status, AT_SYMLINK_NOFOLLOW) == 0)
        n_bytes = (uint64_t)status.st_size;
    return n_bytes < file->n_bytes ? n_bytes : file->n_bytes;
}

static bool open_part(struct arrival *arrival, struct error *err)
{
    struct stat status;
    arrival->descriptor = openat(arrival->job->directory, arrival->part_name,
                                 O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    if (arrival->descriptor < 0 || fstat(arrival->descriptor, &status) != 0)
        return fail_at(arrival, ERROR_OUTPUT, errno, err);
    arrival->n_there = arrival->most = (uint64_t)status.st_size;
    return true;
}

bool hub_fetch_file(struct hub_job *job, const char *commit, const struct hub_file *file,
                    struct error *err)
{
    struct arrival arrival = {.job = job, .file = file, .descriptor = -1};
    struct buffer url = {0};
    bool finished = false;
    job->progress.file = file->name;
    job->progress.n_done = 0;
    job->progress.n_bytes = file->n_bytes;
    snprintf(arrival.part_name, sizeof arrival.part_name, "%.255s.part", file->name);
    bool ok = is_finished(&arrival, &finished, err);
    if (ok && !finished)
        ok = buffer_printf(&url, err, "%s/%s/resolve/%s/", job->endpoint, job->name->model,
                           commit) &&
             hub_append_encoded(&url, file->name, "", err) && open_part(&arrival, err) &&
             fetch_all(&arrival, url.bytes, err);
    if (arrival.descriptor >= 0)
        close(arrival.descriptor);
    buffer_free(&url);
    if (ok) {
        job->progress.all_done += file->n_bytes - job->progress.n_done;
        job->progress.n_done = file->n_bytes;
        show(job);
    }
    return ok;
}
