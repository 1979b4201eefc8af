#include "translate/terms.h"

#include "base/file.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/uscript.h>

/* A glossary of this size is a mistake, not a glossary. */
#define MAX_FILE_BYTES ((size_t)64 << 20)

struct term {
    const char *source, *target; /* NUL-terminated, in `text` of the terms */
    size_t n_source;
    size_t line;
};

struct terms {
    char *text;         /* the file, cut up in place */
    bool are_words;     /* no targets */
    struct term *items; /* by source, bytewise, so that a prefix stands before what it begins */
    size_t count, room;
};

static int by_source(const void *a, const void *b)
{
    const struct term *x = a, *y = b;
    int order = strcmp(x->source, y->source);
    return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

static bool add_term(struct terms *terms, struct term term, struct error *err)
{
    if (terms->count == terms->room) {
        size_t room = terms->room == 0 ? 64 : 2 * terms->room;
        if (!memory_resize(&terms->items, terms->room, room, sizeof terms->items[0], err))
            return false;
        terms->room = room;
    }
    terms->items[terms->count++] = term;
    return true;
}

static bool add_pair(struct terms *terms, char *line, size_t number, const char *path,
                     struct error *err)
{
    char *tab = strchr(line, '\t');
    if (tab == NULL)
        return error_set(err, ERROR_USAGE, "%s:%zu: no TAB between source and target", path,
                         number);
    *tab = '\0';
    char *more = strchr(tab + 1, '\t'); /* further columns are the user's own notes */
    if (more != NULL)
        *more = '\0';
    if (line[0] == '\0' || tab[1] == '\0')
        return error_set(err, ERROR_USAGE, "%s:%zu: the %s is empty", path, number,
                         line[0] == '\0' ? "source" : "target");
    struct term term = {line, tab + 1, (size_t)(tab - line), number};
    return add_term(terms, term, err);
}

static bool add_word(struct terms *terms, char *line, size_t number, struct error *err)
{
    line += strspn(line, " \t");
    char *end = line + strlen(line);
    while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *end = '\0';
    struct term term = {line, end, (size_t)(end - line), number};
    return term.n_source == 0 || add_term(terms, term, err);
}

static bool add_line(struct terms *terms, char *line, char *end, size_t number, const char *path,
                     struct error *err)
{
    if (end > line && end[-1] == '\r')
        end--;
    *end = '\0';
    if (end == line || line[0] == '#')
        return true;
    if (strlen(line) != (size_t)(end - line) || !utf8_valid(line, (size_t)(end - line), NULL))
        return error_set(err, ERROR_USAGE, "%s:%zu: not UTF-8 text", path, number);
    return terms->are_words ? add_word(terms, line, number, err)
                            : add_pair(terms, line, number, path, err);
}
static bool add_lines(struct terms *terms, size_t n_bytes, const char *path, struct error *err)
{
    char *line = terms->text, *end = terms->text + n_bytes;
    if (n_bytes >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0)
        line += 3;
    for (size_t number = 1; line < end; number++) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        if (stop == NULL)
            stop = end; /* file_load_stream() has put a NUL there */
        if (!add_line(terms, line, stop, number, path, err))
            return false;
        line = stop + 1;
    }
    return true;
}

/* Drops repetitions; a source with two targets cannot be obeyed. */
static bool check_unique(struct terms *terms, const char *path, struct error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < terms->count; i++) {
        const struct term *before = kept > 0 ? &terms->items[kept - 1] : NULL;
        const struct term *item = &terms->items[i];
        if (before != NULL && strcmp(before->source, item->source) == 0) {
            if (strcmp(before->target, item->target) != 0)
                return error_set(err, ERROR_USAGE, "%s:%zu: another target for '%s' than line %zu",
                                 path, item->line, item->source, before->line);
            continue;
        }
        terms->items[kept++] = *item;
    }
    terms->count = kept;
    return true;
}

static bool open_list(struct terms **out, const char *path, bool are_words, struct error *err)
{
    struct terms *terms = memory_new(1, sizeof *terms, err);
    if (terms == NULL)
        return false;
    terms->are_words = are_words;
    size_t n_bytes = 0;
    terms->text = file_load_stream(path, MAX_FILE_BYTES, &n_bytes, err);
    bool ok = terms->text != NULL && add_lines(terms, n_bytes, path, err);
    if (ok && terms->count > 0)
        qsort(terms->items, terms->count, sizeof terms->items[0], by_source);
    if (!ok || !check_unique(terms, path, err)) {
        terms_close(terms);
        return false;
    }
    *out = terms;
    return true;
}

bool terms_open(struct terms **terms, const char *path, struct error *err)
{
    return open_list(terms, path, false, err);
}

bool terms_open_words(struct terms **terms, const char *path, struct error *err)
{
    return open_list(terms, path, true, err);
}

void terms_close(struct terms *terms)
{
    if (terms == NULL)
        return;
    memory_free(terms->items);
    memory_free(terms->text);
    memory_free(terms);
}

size_t terms_count(const struct terms *terms)
{
    return terms->count;
}

/* A script without spaces between its words: every character may begin one. */
static bool is_spaceless(UChar32 c)
{
    UErrorCode status = U_ZERO_ERROR;
    UScriptCode script = uscript_getScript(c, &status);
    return u_hasBinaryProperty(c, UCHAR_IDEOGRAPHIC) || script == USCRIPT_HIRAGANA ||
           script == USCRIPT_KATAKANA ||
           u_getIntPropertyValue(c, UCHAR_LINE_BREAK) == U_LB_COMPLEX_CONTEXT;
}

static bool is_word(const char *text, size_t n_bytes)
{
    uint32_t code_point;
    if (utf8_next(text, n_bytes, &code_point) == 0)
        return false;
    UChar32 c = (UChar32)code_point;
    return (u_isalnum(c) || u_charType(c) == U_NON_SPACING_MARK) && !is_spaceless(c);
}

/* The first character of the one that ends before `at`. */
static size_t previous(const char *text, size_t at)
{
    do
        at--;
    while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80);
    return at;
}

/* True if a word begins or ends between the characters around `at`. */
static bool is_edge(const char *text, size_t n_bytes, size_t at)
{
    if (at == 0 || at == n_bytes)
        return true;
    size_t before = previous(text, at);
    return !is_word(text + before, n_bytes - before) || !is_word(text + at, n_bytes - at);
}

/* The first item of [low, high) whose byte number `depth` is not below `byte` (a range that shares
 * its first `depth` bytes; an item that ends there counts as byte 0). */
static size_t lower_bound(const struct terms *terms, size_t low, size_t high, size_t depth,
                          unsigned byte)
{
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((unsigned char)terms->items[middle].source[depth] < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The longest term that is a whole word at text[start], or NULL: the sorted list is walked as a
 * trie. */
static const struct term *longest_at(const struct terms *terms, const char *text, size_t n_bytes,
                                     size_t start)
{
    const struct term *found = NULL;
    size_t low = 0, high = terms->count;
    for (size_t depth = 0; low < high; depth++) {
        const struct term *item = &terms->items[low];
        if (item->n_source == depth && depth > 0 && is_edge(text, n_bytes, start + depth))
            found = item;
        if (start + depth >= n_bytes || text[start + depth] == '\0')
            break;
        unsigned byte = (unsigned char)text[start + depth];
        low = lower_bound(terms, low, high, depth, byte);
        high = lower_bound(terms, low, high, depth, byte + 1);
    }
    return found;
}

bool terms_find(const struct terms *terms, const char *text, size_t n_bytes,
                struct term_match **matches, size_t *n_matches, struct error *err)
{
    size_t room = 0;
    *matches = NULL;
    *n_matches = 0;
    for (size_t at = 0; at < n_bytes;) {
        const struct term *term = NULL;
        if (((unsigned char)text[at] & 0xc0) != 0x80 && is_edge(text, n_bytes, at))
            term = longest_at(terms, text, n_bytes, at);
        if (term == NULL) {
            at++;
            continue;
        }
        if (*n_matches == room) {
            size_t more = room == 0 ? 8 : 2 * room;
            if (!memory_resize(matches, room, more, sizeof **matches, err)) {
                memory_free(*matches);
                *matches = NULL;
                *n_matches = 0;
                return false;
            }
            room = more;
        }
        (*matches)[(*n_matches)++] = (struct term_match){at, term->n_source, term->target};
        at += term->n_source;
    }
    return true;
}
