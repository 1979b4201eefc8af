/* http.h - the parts of `dragoman serve --http`, from a request's bytes to an answer's. They know
 * nothing of sockets and of the library that speaks HTTP (serve_http.c):
 *
 *     http_request_parse_json(&request, body, n_body, &limits, &err)   or http_request_add() ...
 *     http_request_check(&request, &limits, &err)
 *     http_languages_choose(languages, &request, &from, &to, &err)
 *     http_translate(stream, &request, ..., &answer, &err)
 *
 * The interface is LibreTranslate's: https://github.com/LibreTranslate/LibreTranslate, app.py.
 * Faults are ERROR_USAGE where the client is to blame: status 400. */
#ifndef DRAGOMAN_CLI_HTTP_H
#define DRAGOMAN_CLI_HTTP_H

#include "base/memory.h"
#include "cli/options.h"
#include "translate/dragoman.h"

/* ---- requests ------------------------------------------------------------------------------- */

enum http_field {
    HTTP_Q,
    HTTP_SOURCE,
    HTTP_TARGET,
    HTTP_FORMAT,
    HTTP_ALTERNATIVES,
    HTTP_API_KEY,
    HTTP_N_FIELDS
};

struct http_limits {
    uint64_t max_characters; /* of all texts; 0: no limit */
    uint64_t max_texts;
};

/* Part of `bytes`: a text to translate. */
struct http_text {
    size_t start, n_bytes;
};

/* What /translate was asked. {0} is the empty one; http_request_free() in any case. Values are
 * UTF-8 without NUL. */
struct http_request {
    struct buffer values[HTTP_N_FIELDS]; /* of HTTP_Q: all texts, one after the other */
    bool is_given[HTTP_N_FIELDS];
    bool is_array; /* q was one, and so is the answer */
    uint64_t n_given_texts;
    struct http_text *texts; /* [n_texts], at most max_texts */
    size_t n_texts, texts_room;
    uint32_t alternatives;
};

/* Takes a body of JSON apart, strictly; fields that are not known are passed over. */
bool http_request_parse_json(struct http_request *request, const char *body, size_t n_bytes,
                             const struct http_limits *limits, struct error *err);

/* Takes a body of application/x-www-form-urlencoded apart. */
bool http_request_parse_form(struct http_request *request, const char *body, size_t n_bytes,
                             struct error *err);

/* Takes part of a value over, as it comes: `offset` bytes of it came before. Of several values of a
 * name the first one counts. */
bool http_request_add(struct http_request *request, const char *name, size_t n_name,
                      const char *value, size_t n_value, size_t offset, struct error *err);

/* After a form's last value: takes q for a text and sees that all are well formed. */
bool http_request_end_form(struct http_request *request, struct error *err);

/* Whether everything is there, makes sense, and is within the limits. */
bool http_request_check(struct http_request *request, const struct http_limits *limits,
                        struct error *err);

void http_request_free(struct http_request *request);

/* ---- languages ------------------------------------------------------------------------------ */

struct http_languages;

/* Of an opened model. ERROR_USAGE if it does not say what its languages are. */
bool http_languages_new(struct http_languages **languages, const struct dragoman *dragoman,
                        const struct options *options, struct error *err);
void http_languages_free(struct http_languages *languages);

/* The bodies of /languages and /frontend/settings. */
const char *http_languages_json(const struct http_languages *languages);
const char *http_settings_json(const struct http_languages *languages);

/* The model's codes of what a request asks for; "auto" is the only language there is, or that of
 * --from. *detected: the tag of the latter case, else NULL. */
bool http_languages_choose(const struct http_languages *languages,
                           const struct http_request *request, const char **from, const char **to,
                           const char **detected, struct error *err);

/* ---- answers -------------------------------------------------------------------------------- */

/* Translates the request's texts, line by line, and appends the answer. The stream is the request's
 * own, and can be cancelled from outside. */
bool http_translate(struct dragoman_stream *stream, const struct http_request *request,
                    const char *detected, struct buffer *answer, struct error *err);

/* Appends {"error": TEXT}. */
bool http_append_error(struct buffer *answer, const char *text, struct error *err);

/* ---- who may, and how often ----------------------------------------------------------------- */

struct http_guard;

/* Reads --api-key-file. */
bool http_guard_new(struct http_guard **guard, const struct options *options, struct error *err);
void http_guard_free(struct http_guard *guard);

/* 0, or the status of the refusal and its reason. `address` is that of the client ("" if it is not
 * known); *wait: seconds after which a client that was too fast may come again. Threads may call it
 * at once. */
unsigned http_guard_admit(struct http_guard *guard, const struct http_request *request,
                          const void *address, size_t n_address, unsigned *wait,
                          struct error *reason);

/* What Access-Control-Allow-Origin is to say to a page of `origin`; NULL: nothing, it is refused.
 */
const char *http_guard_origin(const struct http_guard *guard, const char *origin);

/* ---- where ---------------------------------------------------------------------------------- */

/* Binds a socket to `address` ("127.0.0.1:5000", "[::1]:5000", ":5000") without listening yet.
 * `url` gets where it is, with the real port; *is_open: other machines may reach it. ERROR_USAGE.
 */
#define HTTP_URL_BYTES 80
bool http_bind(const char *address, int *descriptor, char url[HTTP_URL_BYTES], bool *is_open,
               struct error *err);

#endif
