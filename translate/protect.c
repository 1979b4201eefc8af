#define PCRE2_CODE_UNIT_WIDTH 8

#include "translate/protect.h"

#include <pcre2.h>
#include <string.h>

/* Steps PCRE2 may take in one match: far more than a sane pattern needs on a line, and well under
 * a second. */
#define MATCH_LIMIT 2000000u

/* What is protected without being asked. Extended syntax: white space is not significant. */
static const char builtin_pattern[] =
    /* code in backticks */
    "  `[^`\\n]+`"
    /* URLs, without the punctuation that ends a sentence */
    "| \\b(?:https?|ftp|file)://[^\\s<>\"'`]*[^\\s<>\"'`.,;:!?)\\]}]"
    "| \\bwww\\.[A-Za-z0-9-]+\\.[^\\s<>\"'`]*[^\\s<>\"'`.,;:!?)\\]}]"
    /* e-mail addresses */
    "| (?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]++@[A-Za-z0-9-]+(?:\\.[A-Za-z0-9-]+)+"
    /* {{x}} ${x} {x} {} */
    "| \\{\\{[^{}\\n]*\\}\\} | \\$\\{[^{}\\n]*\\} | \\{[A-Za-z0-9_.:!-]*\\}"
    /* printf, with positions; \"50% of\" and \"100%\" are not conversions */
    "| (?<![0-9%])%(?:[0-9]+\\$)?[-+\\#0]*(?:[0-9]+|\\*)?(?:\\.(?:[0-9]+|\\*))?"
    "  (?:hh|h|ll|l|j|z|t|L)?[diouxXeEfFgGaAcspn@](?![A-Za-z])"
    /* named conversions of Python */
    "| %\\([A-Za-z0-9_]+\\)[sdfr]"
    /* tags and entities */
    "| </?[A-Za-z][^<>\\n]*> | &(?:\\#[0-9]+|\\#x[0-9A-Fa-f]+|[A-Za-z][A-Za-z0-9]*);"
    /* emoji: flags, keycaps, pictographs with modifiers and joiners (Unicode TR51, ED-17) */
    "| [\\x{1F1E6}-\\x{1F1FF}]{2} | [0-9\\#*]\\x{FE0F}?\\x{20E3}"
    "| \\p{Extended_Pictographic}[\\x{FE0F}\\x{1F3FB}-\\x{1F3FF}]*"
    "  (?:\\x{200D}\\p{Extended_Pictographic}[\\x{FE0F}\\x{1F3FB}-\\x{1F3FF}]*)*";

struct protect {
    size_t n_codes;
    pcre2_code **codes; /* the user's in order, then the built-in one */
};

static bool compile(pcre2_code **code, const char *pattern, uint32_t options, struct error *err)
{
    int number = 0;
    PCRE2_SIZE offset = 0;
    *code = pcre2_compile((PCRE2_SPTR)pattern, strlen(pattern),
                          PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | options, &number, &offset, NULL);
    if (*code != NULL)
        return true;
    if (number == PCRE2_ERROR_HEAP_FAILED)
        return error_set(err, ERROR_MEMORY, "out of memory");
    PCRE2_UCHAR reason[128];
    if (pcre2_get_error_message(number, reason, sizeof reason) < 0)
        reason[0] = '\0';
    return error_set(err, ERROR_USAGE, "--protect '%s': at character %zu: %s", pattern,
                     (size_t)offset, (const char *)reason);
}

bool protect_new(struct protect **out, bool builtin, const char *const *patterns, size_t n_patterns,
                 struct error *err)
{
    struct protect *protect = memory_new(1, sizeof *protect, err);
    if (protect == NULL)
        return false;
    protect->codes = memory_new(n_patterns + 1, sizeof protect->codes[0], err);
    bool ok = protect->codes != NULL;
    for (size_t i = 0; ok && i < n_patterns; i++) {
        ok = compile(&protect->codes[protect->n_codes], patterns[i], PCRE2_UCP, err);
        protect->n_codes += ok;
    }
    if (ok && builtin) {
        ok = compile(&protect->codes[protect->n_codes], builtin_pattern, PCRE2_EXTENDED, err);
        protect->n_codes += ok;
    }
    if (!ok) {
        protect_free(protect);
        return false;
    }
    *out = protect;
    return true;
}

void protect_free(struct protect *protect)
{
    if (protect == NULL)
        return;
    for (size_t i = 0; i < protect->n_codes; i++)
        /* None without `codes`. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
        pcre2_code_free(protect->codes[i]);
    memory_free(protect->codes);
    memory_free(protect);
}

/* Where a pattern matches next. */
struct next_match {
    pcre2_match_data *data;
    struct protect_span span; /* n_bytes 0: not looked for yet */
    bool exhausted;
};

static bool find_next(const pcre2_code *code, pcre2_match_context *context, struct next_match *next,
                      const char *text, size_t n_bytes, size_t from, struct error *err)
{
    if (next->exhausted || (next->span.n_bytes > 0 && next->span.start >= from))
        return true;
    while (from <= n_bytes) {
        int count = pcre2_match(code, (PCRE2_SPTR)text, n_bytes, from, PCRE2_NO_UTF_CHECK,
                                next->data, context);
        if (count == PCRE2_ERROR_NOMATCH)
            break;
        if (count < 0)
            return error_set(err, ERROR_INPUT, "a --protect pattern takes too long on this text");
        const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(next->data);
        if (ends[1] > ends[0]) {
            next->span = (struct protect_span){ends[0], ends[1] - ends[0]};
            return true;
        }
        from = ends[0] + 1; /* an empty match protects nothing; go past this character */
        while (from < n_bytes && ((unsigned char)text[from] & 0xc0) == 0x80)
            from++;
    }
    next->exhausted = true;
    return true;
}

static bool append_span(struct protect_span **spans, size_t *n_spans, size_t *room,
                        struct protect_span span, struct error *err)
{
    if (*n_spans == *room) {
        size_t more = *room == 0 ? 8 : 2 * *room;
        if (!memory_resize(spans, *room, more, sizeof **spans, err))
            return false;
        *room = more;
    }
    (*spans)[(*n_spans)++] = span;
    return true;
}

static bool scan(const struct protect *protect, pcre2_match_context *context,
                 struct next_match *nexts, const char *text, size_t n_bytes,
                 struct protect_span **spans, size_t *n_spans, struct error *err)
{
    size_t room = 0;
    for (size_t at = 0;;) {
        const struct next_match *first = NULL;
        for (size_t i = 0; i < protect->n_codes; i++) {
            struct next_match *next = &nexts[i];
            if (!find_next(protect->codes[i], context, next, text, n_bytes, at, err))
                return false;
            if (!next->exhausted && (first == NULL || next->span.start < first->span.start))
                first = next;
        }
        if (first == NULL)
            return true;
        if (!append_span(spans, n_spans, &room, first->span, err))
            return false;
        at = first->span.start + first->span.n_bytes;
    }
}

bool protect_find(const struct protect *protect, const char *text, size_t n_bytes,
                  struct protect_span **spans, size_t *n_spans, struct error *err)
{
    *spans = NULL;
    *n_spans = 0;
    struct next_match *nexts = memory_new(protect->n_codes + 1, sizeof nexts[0], err);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    bool ok = nexts != NULL && context != NULL;
    for (size_t i = 0; ok && i < protect->n_codes; i++) {
        nexts[i].data = pcre2_match_data_create(1, NULL);
        ok = nexts[i].data != NULL;
    }
    if (ok) {
        pcre2_set_match_limit(context, MATCH_LIMIT);
        ok = scan(protect, context, nexts, text, n_bytes, spans, n_spans, err);
    } else {
        error_set(err, ERROR_MEMORY, "out of memory");
    }
    for (size_t i = 0; nexts != NULL && i < protect->n_codes; i++)
        pcre2_match_data_free(nexts[i].data);
    memory_free(nexts);
    pcre2_match_context_free(context);
    if (!ok) {
        memory_free(*spans);
        *spans = NULL;
        *n_spans = 0;
    }
    return ok;
}
