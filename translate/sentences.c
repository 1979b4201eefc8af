#include "translate/sentences.h"

#include "base/utf8.h"
#include "translate/abbreviations.h"

#include <stdio.h>
#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>

struct sentences {
    char locale[64];        /* "en@ss=standard": with ICU's list of abbreviations */
    UBreakIterator *breaks; /* NULL until a line needs it */
};

bool sentences_new(struct sentences **out, const char *language, struct error *err)
{
    struct sentences *sentences = memory_new(1, sizeof *sentences, err);
    if (sentences == NULL)
        return false;
    int length = snprintf(sentences->locale, sizeof sentences->locale, "%s@ss=standard",
                          language != NULL ? language : "");
    if (length < 0 || (size_t)length >= sizeof sentences->locale)
        snprintf(sentences->locale, sizeof sentences->locale, "@ss=standard");
    *out = sentences;
    return true;
}

void sentences_free(struct sentences *sentences)
{
    if (sentences == NULL)
        return;
    if (sentences->breaks != NULL)
        ubrk_close(sentences->breaks);
    memory_free(sentences);
}

void spans_free(struct spans *spans)
{
    memory_free(spans->items);
    *spans = (struct spans){0};
}

/* ---- characters ---------------------------------------------------------------------------- */

/* The character at `at`, as a code point (U+FFFD if ill formed), and its bytes. */
static uint32_t character(const char *text, size_t n_bytes, size_t at, size_t *length)
{
    uint32_t code_point;
    *length = utf8_next(text + at, n_bytes - at, &code_point);
    if (*length != 0)
        return code_point;
    *length = utf8_bad_run(text + at, n_bytes - at);
    return 0xfffd;
}

static bool is_space(uint32_t code_point)
{
    return code_point < 0x80 ? code_point == ' ' || (code_point >= 9 && code_point <= 13)
                             : u_isUWhiteSpace((UChar32)code_point);
}

/* Marks after which a long sentence may be cut with the least harm. */
static bool is_clause_mark(uint32_t c)
{
    return c == ',' || c == ';' || c == ':' || c == 0x2013 || c == 0x2014 || c == 0x3001 ||
           c == 0xff0c || c == 0xff1b || c == 0xff1a || c == 0x060c || c == 0x061b;
}

/* Marks that can end a sentence inside a line; a line without one is not shown to ICU. */
static bool is_sentence_mark(uint32_t c)
{
    if (c < 0x80)
        return c == '.' || c == '!' || c == '?';
    return u_hasBinaryProperty((UChar32)c, UCHAR_S_TERM) || c == 0x2026;
}

/* Whether a cut before this character would tear something apart. */
static bool combines(uint32_t c)
{
    if (c < 0x300)
        return false;
    int category = u_charType((UChar32)c);
    return category == U_NON_SPACING_MARK || category == U_ENCLOSING_MARK ||
           category == U_COMBINING_SPACING_MARK || c == 0x200d || (c >= 0x1f3fb && c <= 0x1f3ff);
}

/* ---- spans --------------------------------------------------------------------------------- */

static bool append(struct spans *spans, size_t start, size_t n_bytes, bool cut, struct error *err)
{
    if (spans->count == spans->room) {
        size_t more = spans->room == 0 ? 8 : 2 * spans->room;
        if (!memory_resize(&spans->items, spans->room, more, sizeof spans->items[0], err))
            return false;
        spans->room = more;
    }
    spans->items[spans->count++] = (struct span){start, n_bytes, cut};
    return true;
}

static size_t skip_space(const char *text, size_t start, size_t end)
{
    size_t length;
    while (start < end && is_space(character(text, end, start, &length)))
        start += length;
    return start;
}

/* The end of what is left when white space is taken off. */
static size_t back_over_space(const char *text, size_t start, size_t end)
{
    while (end > start) {
        size_t at = end - 1, length;
        while (at > start && end - at < 4 && ((unsigned char)text[at] & 0xc0) == 0x80)
            at--;
        if (!is_space(character(text, end, at, &length)) || at + length != end)
            break;
        end = at;
    }
    return end;
}

/* Where to cut so that the first part has between `least` and `most` characters; 0 if it has no
 * more. */
static size_t find_cut(const char *text, size_t n_bytes, size_t least, size_t most)
{
    size_t clause = 0, space = 0, any = 0, at = 0, length;
    bool after_mark = false;
    for (size_t count = 0; at < n_bytes; count++, at += length) {
        uint32_t c = character(text, n_bytes, at, &length);
        if (count >= least && count <= most) {
            if (after_mark && (is_space(c) || c >= 0x2e80))
                clause = at;
            if (is_space(c))
                space = at;
            if (!combines(c))
                any = at;
        }
        if (count >= most)
            return clause != 0 ? clause : space != 0 ? space : any != 0 ? any : at;
        after_mark = is_clause_mark(c);
    }
    return 0;
}

size_t sentences_middle(const char *text, size_t n_bytes)
{
    size_t count = utf8_length(text, n_bytes);
    if (count < 2)
        return 0;
    size_t least = count / 4 > 0 ? count / 4 : 1;
    size_t most = count - least > least ? count - least : least;
    /* find_cut() wants something beyond `most`: there is, as most < count. */
    size_t cut = find_cut(text, n_bytes, least, most);
    size_t half = find_cut(text, n_bytes, least, count / 2 > least ? count / 2 : least);
    return half != 0 ? half : cut;
}

size_t sentences_cut(const char *text, size_t n_bytes, size_t max_characters)
{
    return n_bytes > max_characters ? find_cut(text, n_bytes, max_characters / 2, max_characters)
                                    : 0;
}

void sentences_trim(const char *text, struct span *span)
{
    size_t end = back_over_space(text, span->start, span->start + span->n_bytes);
    span->start = skip_space(text, span->start, end);
    span->n_bytes = end - span->start;
}

/* Adds the sentence [start, end), in parts if it is too long. */
static bool add_sentence(const char *text, size_t start, size_t end, size_t max_characters,
                         struct spans *spans, struct error *err)
{
    end = back_over_space(text, start, end);
    for (;;) {
        start = skip_space(text, start, end);
        if (start == end)
            return true;
        size_t cut = sentences_cut(text + start, end - start, max_characters);
        if (cut == 0)
            return append(spans, start, end - start, false, err);
        size_t part_end = back_over_space(text, start, start + cut);
        if (!append(spans, start, part_end - start, true, err))
            return false;
        start += cut;
    }
}

/* Whether ICU could find a boundary inside: a sentence mark with something after it. */
static bool may_have_several(const char *text, size_t n_bytes)
{
    bool marked = false;
    size_t length;
    for (size_t at = 0; at < n_bytes; at += length) {
        uint32_t c = character(text, n_bytes, at, &length);
        if (marked && (is_space(c) || c >= 0x2e80))
            return true;
        marked = is_sentence_mark(c) || (marked && !u_isalnum((UChar32)c));
    }
    return false;
}

static bool has_word(const char *text, size_t start, size_t end)
{
    size_t length;
    for (size_t at = start; at < end; at += length)
        if (u_isalnum((UChar32)character(text, end, at, &length)))
            return true;
    return false;
}

static bool icu_fault(UErrorCode status, struct error *err)
{
    if (status == U_MEMORY_ALLOCATION_ERROR)
        return error_set(err, ERROR_MEMORY, "out of memory");
    return error_set(err, ERROR_SYSTEM, "sentence boundaries: ICU says %s", u_errorName(status));
}

/* Scripts that know spaces have one between sentences: "a?b" in an address is not a boundary. */
static bool is_boundary(const char *text, size_t end)
{
    unsigned char before = (unsigned char)text[end - 1];
    return before >= 0x80 || is_space(before);
}

/* Walks ICU's boundaries; a part without letters or digits (a lone quote, "...") stays with the
 * sentence before it. */
static bool split_by_icu(struct sentences *sentences, const char *text, size_t n_bytes,
                         size_t max_characters, struct spans *spans, struct error *err)
{
    UErrorCode status = U_ZERO_ERROR;
    if (sentences->breaks == NULL)
        sentences->breaks = ubrk_open(UBRK_SENTENCE, sentences->locale, NULL, 0, &status);
    if (U_FAILURE(status)) {
        sentences->breaks = NULL;
        return icu_fault(status, err);
    }
    UText source = UTEXT_INITIALIZER;
    utext_openUTF8(&source, text, (int64_t)n_bytes, &status);
    ubrk_setUText(sentences->breaks, &source, &status);
    bool ok = !U_FAILURE(status) || icu_fault(status, err);
    size_t start = 0;
    for (int32_t at = ok ? ubrk_next(sentences->breaks) : UBRK_DONE; ok && at != UBRK_DONE;) {
        int32_t after = ubrk_next(sentences->breaks);
        size_t end = (size_t)at;
        if (after != UBRK_DONE && is_boundary(text, end) && has_word(text, end, (size_t)after) &&
            has_word(text, start, end) && !abbreviation_ends(sentences->locale, text, start, end)) {
            ok = add_sentence(text, start, end, max_characters, spans, err);
            start = end;
        }
        at = after;
    }
    ok = ok && add_sentence(text, start, n_bytes, max_characters, spans, err);
    utext_close(&source);
    return ok;
}

bool sentences_split(struct sentences *sentences, const char *text, size_t n_bytes, bool split,
                     size_t max_characters, struct spans *spans, struct error *err)
{
    spans->count = 0;
    /* ICU counts in 32 bits; longer lines do not pass the line limit. */
    if (split && n_bytes < INT32_MAX && may_have_several(text, n_bytes))
        return split_by_icu(sentences, text, n_bytes, max_characters, spans, err);
    return add_sentence(text, 0, n_bytes, max_characters, spans, err);
}
