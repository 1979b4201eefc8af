/* hub.h - models from the Hugging Face hub, or a mirror that speaks its URLs, into the store.
 *
 *     GET {endpoint}/api/models/{model}/revision/{revision}?blobs=true       what there is
 *     GET {endpoint}/{model}/resolve/{commit}/{file}                         each file
 *
 * Only the files that translating needs are fetched, weights in one format. Each is checked for
 * size and for SHA-256 (large files) or git's blob SHA-1 (small ones). They gather in a hidden
 * directory of the store, where a later run goes on from the last byte, and appear under the
 * model's name all at once. */
#ifndef DRAGOMAN_CLI_HUB_H
#define DRAGOMAN_CLI_HUB_H

#include "cli/store.h"

/* One file of a model, as the hub lists it. */
struct hub_file {
    char *name; /* plain if `needed`; else possibly with "/" */
    uint64_t n_bytes;
    bool is_sha256;  /* else git's blob SHA-1 */
    char digest[65]; /* 64 or 40 hexadecimal digits, lower case */
    bool needed;
};

struct hub_listing {
    char commit[41]; /* what the revision stands for now */
    struct hub_file *files;
    size_t count;
};

/* Reads the hub's JSON. ERROR_SYSTEM if it is not of that shape; ERROR_MODEL for a file name that
 * leads out of the directory or has control characters: such a listing is refused as a whole. */
bool hub_listing_parse(struct hub_listing *listing, const char *json, size_t n_bytes,
                       struct error *err);

/* Marks what translating needs: configuration, vocabularies, and one set of weights: safetensors,
 * else safetensors in shards, else pytorch_model.bin, else that in shards, else CTranslate2's
 * model.bin, else Marian's *.npz or *.bin. ERROR_MODEL if there are no such weights. */
bool hub_listing_choose(struct hub_listing *listing, struct error *err);

void hub_listing_free(struct hub_listing *listing);

/* Where the download is, for a progress bar. */
struct hub_progress {
    const char *file;             /* being fetched or checked */
    uint64_t n_done, n_bytes;     /* of that file */
    uint64_t all_done, all_bytes; /* of all files */
    bool checking;
};

struct hub_options {
    const char *endpoint; /* NULL: HF_ENDPOINT, or https://huggingface.co */
    const char *token;    /* NULL: HF_TOKEN, or none */
    /* Called often, and once for each finished file with n_done == n_bytes. May be NULL. */
    void (*progress)(void *context, const struct hub_progress *progress);
    /* Something the user should know, such as a connection that broke. May be NULL. */
    void (*notice)(void *context, const char *text);
    void *context;
};

/* Fetches a model, or brings it up to date, and appends its path to `path`. `was_there` (may be
 * NULL) becomes true if nothing had to be fetched. With HF_HUB_OFFLINE an installed model is found
 * and another is an ERROR_USAGE. Other faults: ERROR_USAGE (no such model, no access), ERROR_MODEL
 * (not a model for us, or its files are not what the hub says), ERROR_SYSTEM (network),
 * ERROR_OUTPUT (disk). What was fetched stays for the next try unless it was wrong. */
bool hub_get(const struct store_name *name, const struct hub_options *options, struct buffer *path,
             bool *was_there, struct error *err);

#endif
