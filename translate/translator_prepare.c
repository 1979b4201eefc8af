/* The way in: a line's text -> sentences -> ids, and what each search is asked. */
#include "translate/translator.h"

#include "base/utf8.h"

#include <ctype.h>
#include <string.h>

/* ---- UTF-8 ---------------------------------------------------------------------------------- */

/* A copy in which each ill-formed run is U+FFFD. */
static bool mend(struct line *line, struct error *err)
{
    struct buffer out = {0};
    bool ok = true;
    for (size_t at = 0, length; ok && at < line->n_bytes; at += length) {
        length = utf8_next(line->text + at, line->n_bytes - at, NULL);
        bool is_good = length != 0;
        if (!is_good)
            length = utf8_bad_run(line->text + at, line->n_bytes - at);
        ok = is_good ? buffer_append(&out, line->text + at, length, err)
                     : buffer_append(&out, "\xef\xbf\xbd", 3, err);
    }
    char *copy = ok ? arena_text(&line->arena, out.bytes, out.n_bytes, err) : NULL;
    line->n_bytes = out.n_bytes;
    buffer_free(&out);
    line->text = copy;
    line->result.flags |= DRAGOMAN_FLAG_MENDED;
    return copy != NULL;
}

static bool check_utf8(const struct translator *translator, struct line *line, struct error *err)
{
    size_t bad_at;
    if (utf8_valid(line->text, line->n_bytes, &bad_at))
        return true;
    if (translator->strict)
        return error_set(err, ERROR_INPUT, "not UTF-8 at byte %zu", bad_at + 1);
    return mend(line, err);
}

/* ---- parts ---------------------------------------------------------------------------------- */

static bool encode_source(const struct translator *translator, const struct direction *direction,
                          struct line *line, const struct span *span, struct token_ids *ids,
                          struct tokenizer_report *report, struct error *err)
{
    const char *text = line->text + span->start;
    ids->n_ids = 0;
    if (translator->pieces)
        return tokenizer_encode_pieces(translator->tokenizer, &direction->languages,
                                       TOKENIZER_SOURCE, text, span->n_bytes, ids, report, err);
    return tokenizer_encode(translator->tokenizer, &direction->languages, text, span->n_bytes, ids,
                            report, err);
}

static bool add_part(struct line *line, const struct span *span, struct token_ids *ids,
                     size_t *room, struct error *err)
{
    if (line->n_parts == *room) {
        size_t more = *room == 0 ? 1 : 2 * *room;
        if (!memory_resize(&line->parts, *room, more, sizeof line->parts[0], err))
            return false;
        *room = more;
    }
    line->parts[line->n_parts++] = (struct part){.line = line,
                                                 .start = span->start,
                                                 .n_bytes = span->n_bytes,
                                                 .is_cut = span->cut,
                                                 .ids = *ids};
    *ids = (struct token_ids){0};
    return true;
}

/* The first protected text that ends after `at`. */
static size_t first_span_after(const struct line *line, size_t at)
{
    size_t low = 0, high = line->n_spans;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (line->spans[middle].start + line->spans[middle].n_bytes <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Nothing but one protected text, which comes out as it is. */
static bool is_protected(const struct line *line, const struct span *span)
{
    size_t at = first_span_after(line, span->start);
    return at < line->n_spans && line->spans[at].start == span->start &&
           line->spans[at].n_bytes == span->n_bytes;
}

/* Where to cut instead of inside a protected text: before it or, if the part begins with it, after
 * it. 0: nowhere. */
static size_t move_cut(const struct line *line, const struct span *span, size_t cut)
{
    size_t at = first_span_after(line, span->start + cut), end = span->start + span->n_bytes;
    if (cut == 0 || at == line->n_spans || line->spans[at].start >= span->start + cut)
        return cut;
    size_t first = line->spans[at].start, last = first + line->spans[at].n_bytes;
    return first > span->start ? first - span->start : last < end ? last - span->start : 0;
}

#define MAX_HALVES 32

/* Where a part that is too long for the model, or for its tokenizer, is to be cut; 0: it is not.
 * Fills `ids` unless it is cut, or needs none. */
static bool find_cut(const struct translator *translator, const struct direction *direction,
                     struct line *line, const struct span *span, struct token_ids *ids, size_t *cut,
                     struct error *err)
{
    struct tokenizer_report report = {0};
    bool may_be_cut = line->target == NULL;
    ids->n_ids = 0;
    *cut = 0;
    if (is_protected(line, span))
        return true;
    const char *text = line->text + span->start;
    if (may_be_cut)
        *cut = move_cut(line, span, sentences_cut(text, span->n_bytes, TRANSLATOR_MAX_CHARACTERS));
    if (*cut != 0)
        return true;
    if (!encode_source(translator, direction, line, span, ids, &report, err))
        return false;
    if (may_be_cut && ids->n_ids > translator->max_source)
        *cut = move_cut(line, span, sentences_middle(text, span->n_bytes));
    if (*cut == 0 && report.n_unknown > 0)
        line->result.flags |= DRAGOMAN_FLAG_UNKNOWN;
    return true;
}

/* Adds the parts of one sentence: one, or more if it is too long. */
static bool add_sentence(const struct translator *translator, const struct direction *direction,
                         struct line *line, struct span sentence, size_t *room, struct error *err)
{
    struct span stack[MAX_HALVES]; /* what is left, the next on top; each is cut from the last */
    size_t depth = 1;
    stack[0] = sentence;
    struct token_ids ids = {0};
    bool ok = true;
    while (ok && depth > 0) {
        struct span span = stack[--depth];
        size_t cut;
        ok = find_cut(translator, direction, line, &span, &ids, &cut, err);
        if (ok && cut != 0 && depth + 2 <= MAX_HALVES) {
            struct span first = {span.start, cut, true};
            struct span rest = {span.start + cut, span.n_bytes - cut, span.cut};
            sentences_trim(line->text, &first);
            sentences_trim(line->text, &rest);
            stack[depth++] = rest;
            stack[depth++] = first;
        } else if (ok) {
            struct tokenizer_report report = {0};
            ok = (cut == 0 ||
                  encode_source(translator, direction, line, &span, &ids, &report, err)) &&
                 add_part(line, &span, &ids, room, err);
        }
    }
    token_ids_free(&ids);
    return ok;
}

/* A sentence does not end inside a protected text. */
static void join_sentences(const struct line *line, struct spans *spans)
{
    size_t kept = 0, at = 0;
    for (size_t i = 0; i < spans->count; i++) {
        struct span span = spans->items[i];
        while (at < line->n_spans && line->spans[at].start + line->spans[at].n_bytes <= span.start)
            at++;
        bool is_inside = kept > 0 && at < line->n_spans && line->spans[at].start < span.start;
        if (is_inside) {
            struct span *last = &spans->items[kept - 1];
            last->n_bytes = span.start + span.n_bytes - last->start;
        } else {
            spans->items[kept++] = span;
        }
    }
    spans->count = kept;
}

static bool make_parts(const struct translator *translator, const struct direction *direction,
                       struct sentences *sentences, struct line *line, struct error *err)
{
    struct spans spans = {0};
    size_t room = 0, n_cut = 0;
    /* What is too long is cut when it is known where no cut may be. */
    bool ok = sentences_split(sentences, line->text, line->n_bytes,
                              translator->splits && line->target == NULL, SIZE_MAX, &spans, err);
    if (ok && translator->protect != NULL && line->target == NULL)
        ok = protect_find(translator->protect, line->text, line->n_bytes, &line->spans,
                          &line->n_spans, err);
    join_sentences(line, &spans);
    for (size_t i = 0; ok && i < spans.count; i++)
        ok = add_sentence(translator, direction, line, spans.items[i], &room, err);
    spans_free(&spans);
    for (size_t i = 0; ok && i < line->n_parts; i++)
        n_cut += line->parts[i].is_cut;
    if (line->n_parts > n_cut + 1)
        line->result.flags |= DRAGOMAN_FLAG_SPLIT;
    if (n_cut == 0)
        return ok;
    line->result.flags |= DRAGOMAN_FLAG_CUT;
    return ok && line_warn(line, err,
                           "a sentence is too long: cut at %zu place%s, in parts of at "
                           "most %d characters and %u tokens",
                           n_cut, n_cut == 1 ? "" : "s", TRANSLATOR_MAX_CHARACTERS,
                           translator->max_source);
}

/* ---- what is asked -------------------------------------------------------------------------- */

/* The target tokens that a translation must hold. */
static bool require(const struct translator *translator, const struct direction *direction,
                    struct part *part, const char *text, size_t n_bytes, struct error *err)
{
    struct token_ids ids = {0};
    struct tokenizer_report report = {0};
    bool ok = translator_encode_target(translator, &direction->languages, text, n_bytes, false,
                                       &ids, &report, err);
    /* What the model cannot write cannot be asked for; it will be found missing. */
    if (ok && ids.n_ids > 0 && ids.n_ids <= UINT8_MAX && report.n_unknown == 0 &&
        part->n_required < SEARCH_MAX_REQUIRED) {
        if (part->required == NULL)
            part->required =
                arena_new(&part->arena, SEARCH_MAX_REQUIRED, sizeof part->required[0], err);
        uint32_t *copy = arena_new(&part->arena, ids.n_ids, sizeof *copy, err);
        ok = copy != NULL && part->required != NULL;
        if (ok) {
            memcpy(copy, ids.ids, ids.n_ids * sizeof *copy);
            part->required[part->n_required++] =
                (struct phrase){.tokens = copy, .n_tokens = (uint32_t)ids.n_ids};
        }
    }
    token_ids_free(&ids);
    return ok;
}

bool translator_require_kept(const struct translator *translator, const struct direction *direction,
                             struct part *part, struct error *err)
{
    for (uint32_t i = 0; i < part->n_kept; i++)
        if (!part->kept[i].is_term &&
            !require(translator, direction, part, part->kept[i].text, part->kept[i].n_bytes, err))
            return false;
    return true;
}

static bool keep(struct part *part, struct kept_text kept, uint32_t *room, struct error *err)
{
    if (part->n_kept == *room) {
        uint32_t more = 2 * *room + 4;
        struct kept_text *items = arena_new(&part->arena, more, sizeof *items, err);
        if (items == NULL)
            return false;
        if (part->n_kept > 0)
            memcpy(items, part->kept, part->n_kept * sizeof *items);
        part->kept = items;
        *room = more;
    }
    part->kept[part->n_kept++] = kept;
    return true;
}

/* The first protected text that begins at or after `start`. */
static size_t first_span(const struct line *line, size_t start)
{
    size_t low = 0, high = line->n_spans;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (line->spans[middle].start < start)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Terms are required at once; protected parts only when they are found to be lost. */
static bool find_kept(const struct translator *translator, const struct direction *direction,
                      struct part *part, struct error *err)
{
    const char *text = part->line->text + part->start;
    struct term_match *matches = NULL;
    size_t n_matches = 0;
    uint32_t room = 0;
    bool ok = true;
    if (translator->terms != NULL)
        ok = terms_find(translator->terms, text, part->n_bytes, &matches, &n_matches, err);
    for (size_t i = 0; ok && i < n_matches; i++) {
        struct kept_text kept = {matches[i].target, strlen(matches[i].target), true};
        ok = keep(part, kept, &room, err) &&
             require(translator, direction, part, kept.text, kept.n_bytes, err);
    }
    const struct line *line = part->line;
    size_t end = part->start + part->n_bytes;
    for (size_t i = first_span(line, part->start);
         ok && !part->is_between && i < line->n_spans &&
         line->spans[i].start + line->spans[i].n_bytes <= end;
         i++)
        ok = keep(
            part,
            (struct kept_text){line->text + line->spans[i].start, line->spans[i].n_bytes, false},
            &room, err);
    memory_free(matches);
    return ok;
}

/* The beginning that is asked for, or the whole translation to be scored. */
static bool force(const struct translator *translator, const struct direction *direction,
                  struct part *part, struct error *err)
{
    const struct line *line = part->line;
    bool whole = line->target != NULL;
    const char *text = whole ? line->target : line->prefix;
    size_t n_bytes = whole ? line->n_target_bytes : line->n_prefix_bytes;
    if (text == NULL || part != line->parts)
        return true;
    if (!translator_encode_target(translator, &direction->languages, text, n_bytes, whole,
                                  &part->forced_ids, NULL, err))
        return false;
    part->forced = (struct phrase){.tokens = part->forced_ids.ids,
                                   .n_tokens = (uint32_t)part->forced_ids.n_ids};
    return true;
}

/* Nothing but language tags and </s>: what is written there is nothing to the model. */
static bool is_void(const struct translator *translator, const struct part *part)
{
    for (size_t i = 0; i < part->ids.n_ids; i++)
        if (!tokenizer_is_special(translator->tokenizer, TOKENIZER_SOURCE, part->ids.ids[i]) ||
            part->ids.ids[i] == tokenizer_unknown(translator->tokenizer, TOKENIZER_SOURCE))
            return false;
    return true;
}

/* A part that is nothing but one protected text (a URL, an emoji) is its own translation. */
static bool is_all_kept(const struct part *part)
{
    return part->n_kept == 1 && part->kept[0].n_bytes == part->n_bytes && !part->kept[0].is_term &&
           part->line->target == NULL;
}

static bool copy_through(struct part *part, size_t n_bytes, struct error *err)
{
    part->outcomes = arena_new(&part->arena, 1, sizeof part->outcomes[0], err);
    char *text = arena_text(&part->arena, part->line->text + part->start, n_bytes, err);
    if (part->outcomes == NULL || text == NULL)
        return false;
    part->outcomes[0] = (struct outcome){.text = text, .n_bytes = n_bytes, .ended = true};
    part->n_outcomes = 1;
    return true;
}

static bool ask(const struct translator *translator, const struct direction *direction,
                struct part *part, struct error *err)
{
    const struct settings *settings = &translator->settings;
    if (!force(translator, direction, part, err) || !find_kept(translator, direction, part, err))
        return false;
    if (is_all_kept(part))
        return copy_through(part, part->n_bytes, err);
    if (is_void(translator, part))
        return copy_through(part, 0, err);
    bool found = false;
    if (translator->reuse != NULL && !part->is_between &&
        !reuse_find(translator->reuse, direction, part, &found, err))
        return false;
    if (found)
        return true;
    if (translator->shortlist != NULL &&
        !shortlist_select(translator->shortlist, part->ids.ids, part->ids.n_ids, &part->shortlist,
                          &part->n_shortlist, err))
        return false;
    part->no_repeat_ngram = settings->generation.no_repeat_ngram_size;
    uint32_t n_forced = part->forced.n_tokens;
    part->max_length = settings_max_length(settings, (uint32_t)part->ids.n_ids, n_forced);
    if (part->line->target != NULL)
        part->max_length = n_forced + (direction->generation.forced_bos != CONFIG_NONE);
    return true;
}

bool translator_prepare(const struct translator *translator, const struct direction *direction,
                        struct sentences *sentences, struct line *line, struct error *err)
{
    if (!check_utf8(translator, line, err) ||
        !make_parts(translator, direction, sentences, line, err))
        return false;
    for (size_t i = 0; i < line->n_parts; i++)
        if (!ask(translator, direction, &line->parts[i], err))
            return false;
    return true;
}

/* ---- what stands between protected texts ---------------------------------------------------- */

/* Takes off what belongs to no sentence of its own: white space, marks that close what was before,
 * brackets that open what comes after. False if no letter or digit is left. */
static bool trim(const char *text, struct span *span)
{
    const char *start = text + span->start, *end = start + span->n_bytes;
    bool has_word = false;
    while (start < end && strchr(" \t,;:.!?)]}", *start) != NULL && *start != '\0')
        start++;
    while (start < end && strchr(" \t([{", end[-1]) != NULL && end[-1] != '\0')
        end--;
    for (const char *at = start; at < end && !has_word; at++)
        has_word = (unsigned char)*at >= 0x80 || isalnum((unsigned char)*at) != 0;
    span->start = (size_t)(start - text);
    span->n_bytes = (size_t)(end - start);
    return has_word;
}

/* Adds parts for what stands between the protected texts of `part`. */
static bool add_between(const struct translator *translator, const struct direction *direction,
                        struct line *line, const struct part *part, size_t *room, struct error *err)
{
    size_t at = part->start, end = part->start + part->n_bytes;
    bool ok = true;
    for (uint32_t i = 0; ok && i <= part->n_kept; i++) {
        if (i < part->n_kept && part->kept[i].is_term)
            continue;
        size_t stop = i < part->n_kept ? (size_t)(part->kept[i].text - line->text) : end;
        struct span span = {at, stop - at, false};
        size_t first = line->n_parts;
        if (trim(line->text, &span))
            ok = add_sentence(translator, direction, line, span, room, err);
        for (; first < line->n_parts; first++)
            line->parts[first].is_between = true;
        at = i < part->n_kept ? stop + part->kept[i].n_bytes : end;
    }
    return ok;
}

bool translator_recut(const struct translator *translator, const struct direction *direction,
                      struct line *line, size_t *n_open, struct error *err)
{
    bool any = false;
    *n_open = 0;
    for (size_t i = 0; i < line->n_parts; i++)
        any |= line->parts[i].is_to_be_cut;
    if (!any)
        return true;
    struct line old = {.parts = line->parts, .n_parts = line->n_parts};
    size_t room = 0;
    bool ok = true;
    line->parts = NULL;
    line->n_parts = 0;
    line->result.flags |= DRAGOMAN_FLAG_SPLIT;
    for (size_t i = 0; ok && i < old.n_parts; i++) {
        struct part *part = &old.parts[i];
        if (part->is_to_be_cut) {
            ok = add_between(translator, direction, line, part, &room, err);
        } else {
            struct span span = {part->start, part->n_bytes, part->is_cut};
            ok = add_part(line, &span, &part->ids, &room, err);
            if (ok) { /* as it is, and no longer the old list's */
                part->ids = line->parts[line->n_parts - 1].ids;
                line->parts[line->n_parts - 1] = *part;
                *part = (struct part){0};
            }
        }
    }
    for (size_t i = 0; ok && i < line->n_parts; i++)
        if (line->parts[i].n_outcomes == 0) {
            ok = ask(translator, direction, &line->parts[i], err);
            *n_open += line->parts[i].n_outcomes == 0;
        }
    line_free_parts(&old);
    return ok;
}

void translator_request(const struct translator *translator, const struct part *part,
                        struct search_request *request)
{
    const struct line *line = part->line;
    uint32_t min_length = translator->settings.generation.min_length;
    *request = (struct search_request){
        .source_length = (uint32_t)part->ids.n_ids,
        .max_length = part->max_length,
        .min_length = min_length < part->max_length ? min_length : part->max_length,
        .no_repeat_ngram = part->no_repeat_ngram,
        .forced = part->forced.n_tokens > 0 ? &part->forced : NULL,
        .score_forced = line->target != NULL,
        .required = part->required,
        .n_required = part->n_required,
        .avoided = part->avoided,
        .n_avoided = part->n_avoided,
        /* Required tokens may be outside. */
        .shortlist = part->n_required == 0 ? part->shortlist : NULL,
        .n_shortlist = part->n_shortlist,
        .stream = line->result.number << 20 | (uint64_t)(part - line->parts)};
}
