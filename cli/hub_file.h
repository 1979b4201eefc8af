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

/* Appends `text` percent-encoded; bytes of `kept` and the unreserved ones of RFC 3986 stay. */
bool hub_append_encoded(struct buffer *url, const char *text, const char *kept, struct error *err);

#endif
