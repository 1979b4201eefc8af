#include "cli/fetch.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_REDIRECTS 8

#define CONNECT_SECONDS 30L
#define STALL_SECONDS 60L /* without a byte: taken for a cut connection */

unsigned long fetch_origin_length(const char *url)
{
    const char *host = strstr(url, "://");
    size_t scheme = host != NULL ? (size_t)(host - url) + 3 : 0;
    return scheme + strcspn(url + scheme, "/?#");
}

#ifdef HAVE_LIBCURL

#include <curl/curl.h>
#include <dlfcn.h>

/* The functions that are used, looked up by name. */
struct curl_calls {
    CURLcode (*global_init)(long flags);
    CURL *(*easy_init)(void);
    void (*easy_cleanup)(CURL *handle);
    void (*easy_reset)(CURL *handle);
    CURLcode (*set)(CURL *handle, CURLoption option, ...);
    CURLcode (*get)(CURL *handle, CURLINFO info, ...);
    CURLcode (*perform)(CURL *handle);
    struct curl_slist *(*list_append)(struct curl_slist *list, const char *text);
    void (*list_free)(struct curl_slist *list);
};

struct fetch {
    struct curl_calls curl;
    void *library;
    CURL *handle;
    char *endpoint, *token;
    char fault[CURL_ERROR_SIZE]; /* libcurl's own words */
};

/* What the callbacks of one transfer share. */
struct transfer {
    struct fetch *fetch;
    const struct fetch_request *request;
    struct fetch_response *response;
    struct error *err;
    bool refused; /* take() said no */
};

static bool look_up(struct fetch *fetch, const char *name, void *function, struct error *err)
{
    void *address = dlsym(fetch->library, name);
    if (address == NULL)
        return error_set(err, ERROR_SYSTEM, "cannot download: libcurl lacks %s", name);
    memcpy(function, &address, sizeof address);
    return true;
}

static bool load_library(struct fetch *fetch, struct error *err)
{
    struct curl_calls *curl = &fetch->curl;
    fetch->library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (fetch->library == NULL)
        fetch->library = dlopen("libcurl-gnutls.so.4", RTLD_NOW | RTLD_LOCAL);
    if (fetch->library == NULL)
        return error_set(err, ERROR_SYSTEM,
                         "cannot download: libcurl.so.4 is not installed (on Debian: apt install "
                         "libcurl4)");
    return look_up(fetch, "curl_global_init", &curl->global_init, err) &&
           look_up(fetch, "curl_easy_init", &curl->easy_init, err) &&
           look_up(fetch, "curl_easy_cleanup", &curl->easy_cleanup, err) &&
           look_up(fetch, "curl_easy_reset", &curl->easy_reset, err) &&
           look_up(fetch, "curl_easy_setopt", &curl->set, err) &&
           look_up(fetch, "curl_easy_getinfo", &curl->get, err) &&
           look_up(fetch, "curl_easy_perform", &curl->perform, err) &&
           look_up(fetch, "curl_slist_append", &curl->list_append, err) &&
           look_up(fetch, "curl_slist_free_all", &curl->list_free, err);
}

bool fetch_open(struct fetch **out, const struct fetch_options *options, struct error *err)
{
    *out = NULL;
    struct fetch *fetch = memory_new(1, sizeof *fetch, err);
    if (fetch == NULL)
        return false;
    fetch->endpoint = memory_text(options->endpoint, strlen(options->endpoint), err);
    if (options->token != NULL)
        fetch->token = memory_text(options->token, strlen(options->token), err);
    bool ok = fetch->endpoint != NULL && (options->token == NULL || fetch->token != NULL);
    ok = ok && load_library(fetch, err);
    if (ok && (fetch->curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
               (fetch->handle = fetch->curl.easy_init()) == NULL))
        ok = error_set(err, ERROR_SYSTEM, "cannot download: libcurl does not start");
    if (!ok) {
        fetch_close(fetch);
        return false;
    }
    *out = fetch;
    return true;
}

void fetch_close(struct fetch *fetch)
{
    if (fetch == NULL)
        return;
    if (fetch->handle != NULL)
        fetch->curl.easy_cleanup(fetch->handle);
    /* The library stays loaded: TLS libraries below it do not like to go. */
    memory_free(fetch->endpoint);
    memory_free(fetch->token);
    memory_free(fetch);
}

/* If a header line is `name`, its value, trimmed, in `out`. */
static bool header_value(const char *line, size_t n_bytes, const char *name, char *out,
                         size_t n_out)
{
    size_t length = strlen(name);
    if (n_bytes <= length || strncasecmp(line, name, length) != 0 || line[length] != ':')
        return false;
    size_t begin = length + 1, end = n_bytes;
    while (begin < end && (line[begin] == ' ' || line[begin] == '\t'))
        begin++;
    while (end > begin && (unsigned char)line[end - 1] <= ' ')
        end--;
    if (end - begin >= n_out)
        return false;
    memcpy(out, line + begin, end - begin);
    out[end - begin] = '\0';
    return true;
}

/* libcurl hands over each header line; one response may follow another (a proxy's, a 100). */
static size_t take_header(char *line, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    struct fetch_response *response = transfer->response;
    size_t n_bytes = size * count;
    char value[200];
    if (n_bytes > 5 && memcmp(line, "HTTP/", 5) == 0) {
        *response = (struct fetch_response){0};
        return n_bytes;
    }
    unsigned long long first, last, total;
    if (header_value(line, n_bytes, "ETag", value, sizeof value)) {
        if (value[0] == '"')
            memcpy(response->etag, value, sizeof value);
    } else if (header_value(line, n_bytes, "X-Error-Code", value, sizeof value)) {
        error_escape(response->hub_error, sizeof response->hub_error, value, strlen(value));
    } else if (header_value(line, n_bytes, "Retry-After", value, sizeof value)) {
        unsigned long seconds = strtoul(value, NULL, 10);
        response->retry_after = seconds < 60 ? (unsigned)seconds : 60;
    } else if (header_value(line, n_bytes, "Content-Range", value, sizeof value)) {
        response->has_content_range =
            sscanf(value, "bytes %20llu-%20llu/%20llu", &first, &last, &total) == 3;
        if (response->has_content_range) {
            response->first = first;
            response->total = total;
        }
    }
    return n_bytes;
}

/* The body as it comes; the status is asked for first, since the page of a redirect or an error is
 * not wanted. */
static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    struct fetch *fetch = transfer->fetch;
    struct fetch_response *response = transfer->response;
    size_t n_bytes = size * count;
    fetch->curl.get(fetch->handle, CURLINFO_RESPONSE_CODE, &response->status);
    if (response->status != 200 && response->status != 206)
        return n_bytes;
    if (transfer->request->take(transfer->request->context, response, bytes, n_bytes,
                                transfer->err))
        return n_bytes;
    transfer->refused = true;
    return n_bytes == 0 ? 1 : 0; /* unlike n_bytes: libcurl stops */
}

static bool add_header(struct fetch *fetch, struct curl_slist **list, struct error *err,
                       const char *text)
{
    struct curl_slist *longer = fetch->curl.list_append(*list, text);
    if (longer == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    *list = longer;
    return true;
}

static bool fill_headers(struct fetch *fetch, const struct fetch_request *request,
                         struct curl_slist **list, struct error *err)
{
    char text[300];
    if (request->offset == 0)
        return true;
    snprintf(text, sizeof text, "Range: bytes=%llu-", (unsigned long long)request->offset);
    if (!add_header(fetch, list, err, text))
        return false;
    if (request->if_etag == NULL)
        return true;
    snprintf(text, sizeof text, "If-Range: %s", request->if_etag);
    return add_header(fetch, list, err, text);
}

/* Failures of the moment: the same request may go through a little later. */
static bool may_pass(CURLcode code)
{
    static const CURLcode passing[] = {CURLE_COULDNT_RESOLVE_PROXY,
                                       CURLE_COULDNT_RESOLVE_HOST,
                                       CURLE_COULDNT_CONNECT,
                                       CURLE_PARTIAL_FILE,
                                       CURLE_OPERATION_TIMEDOUT,
                                       CURLE_SEND_ERROR,
                                       CURLE_RECV_ERROR,
                                       CURLE_GOT_NOTHING,
                                       CURLE_HTTP2,
                                       CURLE_HTTP2_STREAM,
                                       CURLE_SSL_CONNECT_ERROR,
                                       CURLE_WEIRD_SERVER_REPLY};
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        if (code == passing[i])
            return true;
    return false;
}

static bool same_origin(const char *a, const char *b)
{
    size_t length = fetch_origin_length(a);
    return length == fetch_origin_length(b) && strncasecmp(a, b, length) == 0;
}

static CURLcode transfer_once(struct fetch *fetch, const char *url, struct transfer *transfer,
                              struct curl_slist *headers)
{
    const struct curl_calls *curl = &fetch->curl;
    CURL *handle = fetch->handle;
    curl->easy_reset(handle); /* keeps connections */
    fetch->fault[0] = '\0';
    curl->set(handle, CURLOPT_ERRORBUFFER, fetch->fault);
    curl->set(handle, CURLOPT_URL, url);
    curl->set(handle, CURLOPT_USERAGENT, "dragoman/" DRAGOMAN_VERSION);
    curl->set(handle, CURLOPT_NOSIGNAL, 1L);
    curl->set(handle, CURLOPT_FOLLOWLOCATION, 0L);
    curl->set(handle, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    curl->set(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl->set(handle, CURLOPT_LOW_SPEED_TIME, STALL_SECONDS);
    curl->set(handle, CURLOPT_HEADERFUNCTION, take_header);
    curl->set(handle, CURLOPT_HEADERDATA, transfer);
    curl->set(handle, CURLOPT_WRITEFUNCTION, take_body);
    curl->set(handle, CURLOPT_WRITEDATA, transfer);
    if (headers != NULL)
        curl->set(handle, CURLOPT_HTTPHEADER, headers);
    if (fetch->token != NULL && same_origin(url, fetch->endpoint)) {
        curl->set(handle, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        curl->set(handle, CURLOPT_XOAUTH2_BEARER, fetch->token);
    }
    return curl->perform(handle);
}

/* Puts the redirect's target into `url`. */
static bool follow(struct fetch *fetch, struct buffer *url, struct error *err)
{
    const char *target = NULL;
    fetch->curl.get(fetch->handle, CURLINFO_REDIRECT_URL, &target);
    if (target == NULL)
        return error_set(err, ERROR_SYSTEM, "%s: a redirect without a target", url->bytes);
    bool was_secure = strncasecmp(url->bytes, "https://", 8) == 0;
    bool is_secure = strncasecmp(target, "https://", 8) == 0;
    if (!is_secure && (was_secure || strncasecmp(target, "http://", 7) != 0))
        return error_set(err, ERROR_SYSTEM, "%s: refused a redirect to %s", url->bytes, target);
    buffer_clear(url);
    return buffer_append_text(url, target, err);
}

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static enum fetch_result run_at(struct fetch *fetch, struct buffer *url, struct transfer *transfer,
                                struct curl_slist *headers)
{
    struct error *err = transfer->err;
    for (int hops = 0; hops <= MAX_REDIRECTS; hops++) {
        *transfer->response = (struct fetch_response){0};
        CURLcode code = transfer_once(fetch, url->bytes, transfer, headers);
        if (transfer->refused)
            return FETCH_FAILED;
        if (code != CURLE_OK) {
            error_set(err, ERROR_SYSTEM, "%.*s: %s", (int)fetch_origin_length(url->bytes),
                      url->bytes, fetch->fault[0] != '\0' ? fetch->fault : "the transfer failed");
            return may_pass(code) ? FETCH_CUT : FETCH_FAILED;
        }
        fetch->curl.get(fetch->handle, CURLINFO_RESPONSE_CODE, &transfer->response->status);
        long status = transfer->response->status;
        if (!is_redirect(status))
            return status == 200 || status == 206 ? FETCH_DONE : FETCH_STATUS;
        if (!follow(fetch, url, err))
            return FETCH_FAILED;
    }
    error_set(err, ERROR_SYSTEM, "%s: too many redirects", transfer->request->url);
    return FETCH_FAILED;
}

enum fetch_result fetch_run(struct fetch *fetch, const struct fetch_request *request,
                            struct fetch_response *response, struct error *err)
{
    struct transfer transfer = {
        .fetch = fetch, .request = request, .response = response, .err = err};
    struct curl_slist *headers = NULL;
    struct buffer url = {0};
    enum fetch_result result = FETCH_FAILED;
    if (buffer_append_text(&url, request->url, err) && fill_headers(fetch, request, &headers, err))
        result = run_at(fetch, &url, &transfer, headers);
    fetch->curl.list_free(headers);
    buffer_free(&url);
    return result;
}

#else

bool fetch_open(struct fetch **fetch, const struct fetch_options *options, struct error *err)
{
    (void)options;
    *fetch = NULL;
    return error_set(err, ERROR_SYSTEM,
                     "cannot download: this program was built without libcurl's headers");
}

void fetch_close(struct fetch *fetch)
{
    (void)fetch;
}

enum fetch_result fetch_run(struct fetch *fetch, const struct fetch_request *request,
                            struct fetch_response *response, struct error *err)
{
    (void)fetch;
    (void)request;
    (void)response;
    (void)err;
    return FETCH_FAILED;
}

#endif
