/* format.h - what a line of input is made of, and how its result is written: plain text, TSV,
 * JSONL. One file each (format_text.c, ...) behind this interface.
 *
 *     struct record *record = record_new(&err); ... record->line ...
 *     if (!format->find_text(&settings, record, &err)) ...       where the text to translate lies
 *     ... translate record_text(record, &n_bytes) ...
 *     format->write(&settings, record, &result, &out, &err);     appends whole records to `out`
 *
 * What stands before the text is the same for all but JSONL: with --n-best "LINE TAB RANK TAB SCORE
 * TAB", with --score "SCORE TAB"; --token-scores and --align are columns behind it. JSONL adds
 * fields instead. */
#ifndef DRAGOMAN_CLI_FORMAT_H
#define DRAGOMAN_CLI_FORMAT_H

#include "base/memory.h"
#include "translate/dragoman.h"

/* What the format needs to know of the options. */
struct format_settings {
    size_t column;            /* tsv: which, from 1 */
    size_t prefix_column;     /* tsv: 0: none */
    const char *field;        /* jsonl: which */
    char terminator;          /* '\n' or '\0' */
    bool score;               /* --score */
    bool token_scores, align; /* --token-scores, --align: columns behind the text */
    bool n_best; /* --n-best: all hypotheses of a result are written, not only the first */
};

/* A line of input on its way through the program. */
struct record {
    struct record *next;    /* in its queue */
    struct buffer line;     /* as read: without its end and without a byte order mark */
    size_t text_at, n_text; /* the text to translate, in `line`... */
    struct buffer decoded;  /* ... or, if is_decoded, this (a JSON string without its escapes) */
    bool is_decoded;
    bool has_text;   /* false: there is nothing to translate; the line passes through */
    bool has_target; /* pairs: the line holds a translation to be scored, at... */
    size_t target_at, n_target;
    size_t prefix_at, n_prefix; /* tsv: what the translation is to begin with */
    size_t close_at;            /* jsonl: where new fields go */
    uint64_t number;            /* of the line in its file, from 1 */
    size_t file;                /* index of the input */
    bool has_carriage_return;   /* written back as it came */
    bool has_byte_order_mark;
};

struct format {
    const char *name;
    const char *extension; /* ".tsv"; NULL: none of its own */
    /* Fills the record's text_at ... close_at. ERROR_INPUT if the line is not of the format.
     */
    bool (*find_text)(const struct format_settings *settings, struct record *record,
                      struct error *err);
    bool (*write)(const struct format_settings *settings, const struct record *record,
                  const struct dragoman_result *result, struct buffer *out, struct error *err);
};

extern const struct format format_text, format_tsv, format_jsonl, format_pairs;

/* The format of a file by its extension; format_text for others and for "-". */
const struct format *format_by_name(const char *path);

/* The text to translate. */
const char *record_text(const struct record *record, size_t *n_bytes);

/* A record of its own memory, and its end (NULL is allowed). */
struct record *record_new(struct error *err);
void record_free(struct record *record);

/* The line and its end as they came: a record that has no text. */
bool format_pass(const struct format_settings *settings, const struct record *record,
                 struct buffer *out, struct error *err);

/* Appends a translation with bytes that would end its line or, if `is_column`, its column written
 * as spaces: the line promise does not rest on what a model says. */
bool format_append(const struct format_settings *settings, const char *text, size_t n_bytes,
                   bool is_column, struct buffer *out, struct error *err);

/* "0-0 1-2 ..." and "-0.1 -0.03 ...". */
bool format_append_links(const struct dragoman_hypothesis *hypothesis, struct buffer *out,
                         struct error *err);
bool format_append_token_scores(const struct dragoman_hypothesis *hypothesis, char separator,
                                struct buffer *out, struct error *err);

/* What stands before a hypothesis (scores), what behind it (token scores, alignment), and what ends
 * a record. */
bool format_begin(const struct format_settings *settings, const struct record *record, size_t rank,
                  const struct dragoman_hypothesis *hypothesis, struct buffer *out,
                  struct error *err);
bool format_add(const struct format_settings *settings,
                const struct dragoman_hypothesis *hypothesis, struct buffer *out,
                struct error *err);
bool format_end(const struct format_settings *settings, const struct record *record,
                struct buffer *out, struct error *err);

#endif
