/* Fuzz targets of what users and their files say: lines, options, lists, patterns, messages. */
#include "base/utf8.h"
#include "cli/format.h"
#include "cli/json_line.h"
#include "cli/options.h"
#include "cli/wire.h"
#include "tests/support/fuzz_require.h"
#include "tests/support/fuzz_targets.h"
#include "translate/protect.h"
#include "translate/sentences.h"
#include "translate/terms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const float log_probs[] = {-0.5f, -1};
static const char *const pieces[] = {"\xe2\x96\x81x\"", "</s>"};
static const struct dragoman_link links[] = {{0, 1}};
static const struct dragoman_hypothesis hypotheses[] = {
    {.text = "x \"\t\n\\ \xc3\xa9",
     .n_bytes = 9,
     .score = -0.75,
     .sum = -1.5,
     .length = 2,
     .pieces = pieces,
     .log_probs = log_probs,
     .n_links = 1,
     .links = links},
    {.text = "", .length = 0},
};
static const char *const warnings[] = {"so it is"};
static const struct dragoman_result result = {.number = 7,
                                              .flags = DRAGOMAN_FLAG_CUT | DRAGOMAN_FLAG_LOST,
                                              .n_hypotheses = 2,
                                              .hypotheses = hypotheses,
                                              .n_warnings = 1,
                                              .warnings = warnings};

static size_t count(const char *bytes, size_t n_bytes, char what)
{
    size_t n = 0;
    for (size_t i = 0; i < n_bytes; i++)
        n += bytes[i] == what;
    return n;
}

/* ---- lines -----------------------------------------------------------------------------------
 */

/* The line through the format and back: the bytes written, or none if it is refused or blank. */
static struct buffer through(const struct format *format, const struct format_settings *settings,
                             const uint8_t *bytes, size_t n_bytes)
{
    struct error err = {0};
    struct buffer out = {0};
    struct record *record = record_new(&err);
    size_t n;
    require(record != NULL && buffer_append(&record->line, bytes, n_bytes, &err));
    if (!format->find_text(settings, record, &err)) {
        require_line(&err);
    } else if (record->has_text) {
        const char *text = record_text(record, &n);
        char *copy = fuzz_copy((struct fuzz_text){text, n}); /* every byte of it is there */
        free(copy);
        require(format->write(settings, record, &result, &out, &err));
    }
    record_free(record);
    return out;
}

void fuzz_jsonl(const uint8_t *bytes, size_t n_bytes)
{
    struct format_settings settings = {.field = "text", .terminator = '\n', .token_scores = true};
    if (count((const char *)bytes, n_bytes, '\n') > 0)
        return;
    settings.n_best = n_bytes % 2 == 1;
    settings.align = n_bytes % 3 == 1;
    struct buffer out = through(&format_jsonl, &settings, bytes, n_bytes);
    if (out.n_bytes > 0) { /* an object again, and one line */
        struct error err = {0};
        struct json_line found;
        static const char *const none[] = {NULL};
        require(out.bytes[out.n_bytes - 1] == '\n' && count(out.bytes, out.n_bytes, '\n') == 1);
        require(json_line_scan(out.bytes, out.n_bytes - 1, "translation", none, &found, &err) ||
                strstr(err.text, "deep") != NULL);
        require(err.code != ERROR_NONE || (found.has_field && found.is_string));
    }
    buffer_free(&out);
}

void fuzz_tsv(const uint8_t *bytes, size_t n_bytes)
{
    struct format_settings settings = {.terminator = '\n'};
    if (n_bytes < 2 || count((const char *)bytes, n_bytes, '\n') > 0)
        return;
    settings.column = 1 + bytes[0] % 4;
    settings.prefix_column = bytes[1] % 4;
    settings.score = bytes[1] > 128;
    struct buffer out = through(&format_tsv, &settings, bytes + 2, n_bytes - 2);
    if (out.n_bytes > 0) {
        require(count(out.bytes, out.n_bytes, '\n') == 1);
        require(count(out.bytes, out.n_bytes, '\t') ==
                count((const char *)bytes + 2, n_bytes - 2, '\t') + settings.score);
    }
    buffer_free(&out);
}

/* ---- options ---------------------------------------------------------------------------------
 */

/* Every value that can be set can be written down and set again. */
static void set_again(const struct options *options)
{
    size_t n_rows;
    const struct option *table = options_table(&n_rows);
    struct options again = {.command = options->command};
    struct error err = {0};
    struct buffer one = {0}, two = {0};
    for (size_t i = 0; i < n_rows; i++) {
        buffer_clear(&one);
        buffer_clear(&two);
        require(option_format(options, &table[i], &one, &err));
        bool is_set = options->origins[i] != OPTION_DEFAULT && table[i].type != OPTION_TEXTS &&
                      table[i].type != OPTION_REAL && one.n_bytes > 0;
        if (!is_set)
            continue;
        require(option_set(&again, &table[i], one.bytes, OPTION_FROM_FILE, "x", &err));
        require(option_format(&again, &table[i], &two, &err));
        require(strcmp(one.bytes, two.bytes) == 0);
    }
    buffer_free(&one);
    buffer_free(&two);
    options_free(&again);
}

/* A configuration file, then arguments. */
void fuzz_options(const uint8_t *bytes, size_t n_bytes)
{
    enum { MOST_ARGUMENTS = 16 };
    static const enum command commands[] = {COMMAND_TRANSLATE, COMMAND_SCORE, COMMAND_CONVERT,
                                            COMMAND_SERVE};
    char *arguments[MOST_ARGUMENTS];
    int n = 0;
    struct options options;
    struct error err = {0};
    if (n_bytes == 0)
        return;
    enum command command = commands[bytes[0] % 4];
    bytes++;
    n_bytes--;
    struct fuzz_text file = fuzz_take(&bytes, &n_bytes);
    char path[128];
    snprintf(path, sizeof path, "%s/dragoman", fuzz_directory());
    (void)mkdir(path, 0777);
    fuzz_write("dragoman/config", file.bytes, file.n_bytes);
    setenv("XDG_CONFIG_HOME", fuzz_directory(), 1);
    while (n_bytes > 0 && n < MOST_ARGUMENTS)
        arguments[n++] = fuzz_copy(fuzz_take(&bytes, &n_bytes));
    if (options_read(&options, command, n, arguments, &err))
        set_again(&options);
    else
        require_line(&err);
    options_free(&options);
    while (n > 0)
        free(arguments[--n]);
}

/* ---- messages --------------------------------------------------------------------------------
 */

static void read_frame(struct wire_frame *frame)
{
    struct wire_frame copy = *frame;
    struct error err = {0};
    struct dragoman_line line;
    struct dragoman_result *got;
    struct buffer out = {0};
    const char *text;
    size_t n;
    uint32_t number;
    if (wire_get_line(&copy, &line, &err)) {
        require(wire_append_line(&out, &line, &err));
    } else {
        require_line(&err);
    }
    err = (struct error){0};
    copy = *frame;
    require(!wire_get_fault(&copy, &err));
    require(err.code != ERROR_NONE);
    err = (struct error){0};
    copy = *frame;
    if (wire_get_result(&copy, &got, &err)) {
        buffer_clear(&out);
        require(wire_append_result(&out, got, &err));
        wire_result_free(got);
    } else {
        require_line(&err);
    }
    err = (struct error){0};
    while (wire_get_u32(frame, &number, &err) && wire_get_text(frame, &text, &n, &err))
        free(fuzz_copy((struct fuzz_text){text, n}));
    buffer_free(&out);
}

/* What comes through the socket, as a server takes it and as a client does. */
void fuzz_wire(const uint8_t *bytes, size_t n_bytes)
{
    int ends[2];
    struct wire_frame frame;
    struct error err = {0};
    require(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    require(n_bytes < 65536 && write(ends[0], bytes, n_bytes) == (ssize_t)n_bytes);
    close(ends[0]);
    struct wire_input input = {.descriptor = ends[1], .max_bytes = WIRE_MAX_REQUEST};
    enum wire_state state;
    while ((state = wire_receive(&input, true, &frame, &err)) == WIRE_GOT)
        read_frame(&frame);
    require(state == WIRE_CLOSED || err.code != ERROR_NONE);
    require(input.bytes.capacity < 4 * n_bytes + (1 << 20));
    buffer_free(&input.bytes);
    close(ends[1]);
}

/* ---- texts -----------------------------------------------------------------------------------
 */

static bool is_white(const char *text, size_t n_bytes)
{
    /* ASCII and the spaces of Unicode, of which a gap may consist; ill-formed bytes are text. */
    for (size_t at = 0; at < n_bytes;) {
        uint32_t c;
        size_t n = utf8_next(text + at, n_bytes - at, &c);
        if (n == 0 || !(c <= 0x20 || c == 0x7f || c == 0x85 || c == 0xa0 || c == 0x1680 ||
                        (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
                        c == 0x205f || c == 0x3000))
            return false;
        at += n;
    }
    return true;
}

void fuzz_sentences(const uint8_t *bytes, size_t n_bytes)
{
    static const char *const languages[] = {"en", "de", "", "ja", "fr", "ru", "xx"};
    if (n_bytes < 2)
        return;
    const char *text = (const char *)bytes + 2;
    size_t n = n_bytes - 2, after = 0, most = 1 + bytes[1] % 64;
    static struct sentences *of_language[7]; /* kept: opening ICU takes longer than a text */
    struct sentences **sentences = &of_language[bytes[0] % 7];
    struct spans spans = {0};
    struct error err = {0};
    require(*sentences != NULL || sentences_new(sentences, languages[bytes[0] % 7], &err));
    require(sentences_split(*sentences, text, n, bytes[0] < 128, most, &spans, &err));
    for (size_t i = 0; i < spans.count; i++) {
        const struct span *span = &spans.items[i];
        require(span->n_bytes > 0 && span->start >= after && span->n_bytes <= n - span->start);
        require(is_white(text + after, span->start - after));
        require(utf8_length(text + span->start, span->n_bytes) <= most ||
                sentences_middle(text + span->start, span->n_bytes) == 0);
        size_t middle = sentences_middle(text + span->start, span->n_bytes);
        require(middle < span->n_bytes);
        after = span->start + span->n_bytes;
    }
    require(is_white(text + after, n - after));
    spans_free(&spans);
}

/* A pattern of the user's and a text. */
void fuzz_protect(const uint8_t *bytes, size_t n_bytes)
{
    struct fuzz_text pattern = fuzz_take(&bytes, &n_bytes);
    struct fuzz_text text = {(const char *)bytes, n_bytes};
    struct protect *protect;
    struct protect_span *spans;
    struct error err = {0};
    size_t n_spans, after = 0;
    char *copy = fuzz_copy(pattern);
    const char *const patterns[] = {copy};
    if (utf8_valid(text.bytes, text.n_bytes, NULL)) {
        if (!protect_new(&protect, true, patterns, pattern.n_bytes > 0, &err)) {
            require_line(&err);
        } else {
            if (!protect_find(protect, text.bytes, text.n_bytes, &spans, &n_spans, &err)) {
                require_line(&err);
            } else {
                for (size_t i = 0; i < n_spans; i++) {
                    require(spans[i].start >= after && spans[i].n_bytes > 0);
                    after = spans[i].start + spans[i].n_bytes;
                    require(after <= text.n_bytes);
                    require(utf8_valid(text.bytes + spans[i].start, spans[i].n_bytes, NULL));
                }
                memory_free(spans);
            }
            protect_free(protect);
        }
    }
    free(copy);
}

/* A list of terms and a text. */
void fuzz_terms(const uint8_t *bytes, size_t n_bytes)
{
    struct fuzz_text list = fuzz_take(&bytes, &n_bytes);
    struct terms *terms;
    struct term_match *matches;
    struct error err = {0};
    char path[128];
    size_t n_matches, after = 0;
    const char *text = (const char *)bytes;
    fuzz_write("terms", list.bytes, list.n_bytes);
    snprintf(path, sizeof path, "%s/terms", fuzz_directory());
    if (!terms_open(&terms, path, &err)) {
        require_line(&err);
        return;
    }
    if (utf8_valid(text, n_bytes, NULL)) {
        require(terms_find(terms, text, n_bytes, &matches, &n_matches, &err));
        for (size_t i = 0; i < n_matches; i++) {
            require(matches[i].start >= after && matches[i].n_bytes > 0);
            after = matches[i].start + matches[i].n_bytes;
            require(after <= n_bytes && matches[i].target[0] != '\0');
        }
        memory_free(matches);
    }
    terms_close(terms);
}
