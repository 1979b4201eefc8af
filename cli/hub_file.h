/* hub_file.h - one file of a model: fetched, resumed, tried again, checked. What hub_get() is made
 * of. */
#ifndef DRAGOMAN_CLI_HUB_FILE_H
#define DRAGOMAN_CLI_HUB_FILE_H

#include "cli/fetch.h"
#include "cli/hub.h"

/* One run of hub_get(). */
struct hub_job {
    const struct store_name *name;
    const struct hub_options *options;
    struct fetch *fetch;
    char *endpoint; /* without "/" at the end */
    bool has_token;
    char *part_path; /* the directory where files gather */
    int directory;   /* open on it */
    struct hub_progress progress;
};

/* The body of a small GET (the listing), tried again like a file. Appends to `out`. */
bool hub_fetch_text(struct hub_job *job, const char *url, struct buffer *out, struct error *err);

/* Brings `file` into the job's directory, complete and checked. NAME.part there is gone on with. */
bool hub_fetch_file(struct hub_job *job, const char *commit, const struct hub_file *file,
                    struct error *err);

/* Bytes of `file` that the job's directory has already. */
uint64_t hub_file_bytes_there(const struct hub_job *job, const struct hub_file *file);

/* Writes n_bytes at `offset`, going on after interruptions and short writes. False with errno set;
 * *n_done, which may be NULL, says how many bytes were written in any case. */
bool hub_write(int descriptor, const char *bytes, size_t n_bytes, uint64_t offset, size_t *n_done);

/* Appends `text` percent-encoded; bytes of `kept` and the unreserved ones of RFC 3986 stay. */
bool hub_append_encoded(struct buffer *url, const char *text, const char *kept, struct error *err);

#endif
