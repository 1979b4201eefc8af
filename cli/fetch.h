/* fetch.h - one HTTP GET at a time, through libcurl, which is loaded when it is first needed:
 * translating does not pay for it, and runs where it is not installed.
 *
 * Proxies and certificates are libcurl's own business (https_proxy, NO_PROXY, SSL_CERT_FILE...).
 * Redirects are followed here, not there: at most eight, to http and https only, never from https
 * to http, and the token goes to the server it is for (same scheme, host and port) and to no other.
 *
 *     struct fetch *fetch;
 *     if (!fetch_open(&fetch, &(struct fetch_options){.endpoint = ..., .token = ...}, &err)) ...
 *     enum fetch_result result = fetch_run(fetch, &request, &response, &err);
 *     fetch_close(fetch);
 */
#ifndef DRAGOMAN_CLI_FETCH_H
#define DRAGOMAN_CLI_FETCH_H

#include "base/error.h"

#include <stdint.h>

struct fetch;

struct fetch_options {
    const char *endpoint; /* "https://huggingface.co": where the token may be sent */
    const char *token;    /* or NULL; printable ASCII */
};

enum fetch_result {
    FETCH_DONE,   /* status 200 or 206, the body is complete and was taken */
    FETCH_STATUS, /* another status, in response.status */
    FETCH_CUT,    /* the connection failed or broke off; `err` says how; another try may help */
    FETCH_FAILED  /* another try will not help, or take() failed: `err` says why */
};

struct fetch_response {
    long status;
    char etag[200];        /* "" if none, or a weak one, which cannot stand for bytes */
    char hub_error[64];    /* X-Error-Code, or "" */
    uint64_t first, total; /* Content-Range of a 206; first is 0 for a 200 */
    unsigned retry_after;  /* seconds, 0 if not given */
    bool has_content_range;
};

struct fetch_request {
    const char *url;
    uint64_t offset;     /* not 0: only the bytes from there on are asked for ... */
    const char *if_etag; /* ... if the file still has this ETag (NULL: in any case) */
    /* Takes the next bytes of the body of a 200 or 206; returning false, with err filled, ends the
     * transfer. The response's header fields are there. */
    bool (*take)(void *context, const struct fetch_response *response, const char *bytes,
                 size_t n_bytes, struct error *err);
    void *context;
};

/* Loads libcurl. ERROR_SYSTEM if it is not installed, or was not there when this was built. */
bool fetch_open(struct fetch **fetch, const struct fetch_options *options, struct error *err);
void fetch_close(struct fetch *fetch);

/* Runs one request. One thread at a time. */
enum fetch_result fetch_run(struct fetch *fetch, const struct fetch_request *request,
                            struct fetch_response *response, struct error *err);

/* Length of the "scheme://host:port" at the beginning of a URL. Two URLs with the same one go to
 * the same server. */
unsigned long fetch_origin_length(const char *url);

#endif
