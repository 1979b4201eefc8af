/* The way out: ids -> text, whether all is well with it, and a line's parts into its result. */
#include "translate/forbid.h"
#include "translate/translator.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- outcomes ------------------------------------------------------------------------------- */

static void *copy_of(struct arena *arena, const void *items, size_t count, size_t size,
                     struct error *err)
{
    void *copy = arena_new(arena, count, size, err);
    if (copy != NULL && count > 0)
        memcpy(copy, items, count * size);
    return copy;
}

static bool take_outcome(const struct translator *translator, struct part *part,
                         const struct search_result *result, struct outcome *outcome,
                         struct error *err)
{
    struct buffer text = {0};
    uint32_t n = result->n_tokens;
    *outcome = (struct outcome){
        .score = result->score, .sum = result->sum, .n_tokens = n, .ended = result->ended};
    bool ok = translator->pieces
                  ? tokenizer_decode_pieces(translator->tokenizer, result->tokens, n, &text, err)
                  : tokenizer_decode(translator->tokenizer, result->tokens, n, &text, err);
    if (ok) {
        outcome->text = arena_text(&part->arena, text.bytes, text.n_bytes, err);
        outcome->n_bytes = text.n_bytes;
        ok = outcome->text != NULL;
    }
    buffer_free(&text);
    if (ok && (translator->wants_tokens || translator->wants_alignment)) {
        outcome->tokens = copy_of(&part->arena, result->tokens, n, sizeof(uint32_t), err);
        outcome->log_probs = copy_of(&part->arena, result->log_probs, n, sizeof(float), err);
        ok = outcome->tokens != NULL && outcome->log_probs != NULL;
    }
    if (ok && translator->wants_alignment) {
        outcome->alignment = copy_of(&part->arena, result->alignment, n, sizeof(uint32_t), err);
        ok = outcome->alignment != NULL;
    }
    return ok;
}

/* ---- loops ---------------------------------------------------------------------------------- */

#define LOOP_NGRAM 4
#define LOOP_MORE 4      /* times more than in the source */
#define LOOP_NO_REPEAT 3 /* what a second try must not repeat */

struct ngram {
    uint32_t tokens[LOOP_NGRAM];
};

static int by_tokens(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct ngram));
}

/* How often the most frequent run of four tokens occurs. */
static bool count_repeats(const uint32_t *tokens, size_t n_tokens, size_t *most, struct error *err)
{
    *most = 0;
    if (n_tokens < LOOP_NGRAM)
        return true;
    size_t count = n_tokens - LOOP_NGRAM + 1;
    struct ngram *ngrams = memory_new(count, sizeof *ngrams, err);
    if (ngrams == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        memcpy(ngrams[i].tokens, tokens + i, sizeof ngrams[i].tokens);
    qsort(ngrams, count, sizeof *ngrams, by_tokens);
    for (size_t i = 0, run; i < count; i += run) {
        for (run = 1; i + run < count && by_tokens(&ngrams[i], &ngrams[i + run]) == 0; run++) {
        }
        *most = run > *most ? run : *most;
    }
    memory_free(ngrams);
    return true;
}

/* Repeats itself, or runs on to the limit, unless the user has set that. */
static bool is_loop(const struct settings *settings, const struct part *part,
                    const struct search_result *best, bool *loops, struct error *err)
{
    bool is_asked = settings->is_length_given || settings->ratio_origin == ORIGIN_OPTION;
    size_t in_source, in_target;
    if (!count_repeats(part->ids.ids, part->ids.n_ids, &in_source, err) ||
        !count_repeats(best->tokens, best->n_tokens, &in_target, err))
        return false;
    *loops =
        in_target >= in_source + LOOP_MORE || (!is_asked && best->n_tokens >= part->max_length);
    return true;
}

/* ---- kept texts ----------------------------------------------------------------------------- */

static size_t count_in(const char *text, size_t n_bytes, const struct kept_text *kept)
{
    size_t count = 0;
    const char *at = text, *end = text + n_bytes;
    while (kept->n_bytes > 0 && at < end &&
           (at = memmem(at, (size_t)(end - at), kept->text, kept->n_bytes)) != NULL) {
        count++;
        at += kept->n_bytes;
    }
    return count;
}

/* Number of kept texts that are missing; one that is kept twice must occur twice. */
static uint32_t count_lost(const struct part *part, bool terms_too)
{
    const struct outcome *best = &part->outcomes[0];
    uint32_t lost = 0;
    for (uint32_t i = 0; i < part->n_kept; i++) {
        size_t needed = 0;
        for (uint32_t j = 0; j <= i; j++)
            needed += part->kept[j].n_bytes == part->kept[i].n_bytes &&
                      memcmp(part->kept[j].text, part->kept[i].text, part->kept[i].n_bytes) == 0;
        if (part->kept[i].is_term && !terms_too)
            continue;
        lost += count_in(best->text, best->n_bytes, &part->kept[i]) < needed;
    }
    return lost;
}

/* ---- a part --------------------------------------------------------------------------------- */

/* Forcing texts into a search goes well while there are few of them, and short ones. */
#define FORCE_TEXTS 3
#define FORCE_TOKENS 12
/* How much less likely the other tokens may become by it, on average. */
#define FORCE_LOSS 0.5

/* Mean log-probability of the tokens that nobody asked for. */
static double mean_of_free(const struct part *part, const struct search_result *result)
{
    double sum = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < result->n_tokens; i++) {
        bool is_asked = false;
        for (uint32_t j = 0; j < result->n_required && !is_asked; j++)
            is_asked = i >= result->required_at[j] &&
                       i - result->required_at[j] < part->required[j].n_tokens;
        sum += is_asked ? 0 : (double)result->log_probs[i];
        count += !is_asked;
    }
    return count > 0 ? sum / count : 0;
}

static uint32_t count_required_tokens(const struct part *part)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < part->n_required; i++)
        count += part->required[i].n_tokens;
    return count;
}

/* Where protected texts are missing: first they are asked for in the search; if that does not bring
 * them out, or spoils the rest, the sentence is cut at them. */
static bool seek_kept(const struct translator *translator, const struct direction *direction,
                      struct part *part, const struct search_result *best, bool *again,
                      struct error *err)
{
    uint32_t lost = count_lost(part, false), n_before = part->n_required;
    double mean = mean_of_free(part, best);
    if (!part->tried_required && lost > 0) {
        part->tried_required = true;
        part->free_mean = mean;
        if (!translator_require_kept(translator, direction, part, err))
            return false;
        *again = part->n_required - n_before >= lost && lost <= FORCE_TEXTS &&
                 count_required_tokens(part) <= FORCE_TOKENS;
        part->is_to_be_cut = !*again;
    } else if (part->tried_required) {
        part->is_to_be_cut = lost > 0 || mean < part->free_mean - FORCE_LOSS;
    }
    if (!*again && !part->is_to_be_cut && count_lost(part, true) > 0)
        part->flags |= DRAGOMAN_FLAG_LOST;
    return true;
}

/* Whether to try once more, and how. */
static bool decide_again(const struct translator *translator, const struct direction *direction,
                         struct part *part, struct search *search, bool *again, struct error *err)
{
    struct search_result result;
    const struct search_result *best = &result;
    if (!search_result(search, 0, &result))
        return error_set(err, ERROR_MEMORY, "out of memory");
    bool loops = false;
    if (part->line->target != NULL)
        return true;
    if (translator->settings.loop_guard && !is_loop(&translator->settings, part, best, &loops, err))
        return false;
    if (loops && !part->tried_no_repeat) {
        part->tried_no_repeat = true;
        if (part->no_repeat_ngram == 0 || part->no_repeat_ngram > LOOP_NO_REPEAT)
            part->no_repeat_ngram = LOOP_NO_REPEAT;
        *again = true;
    } else if (loops) {
        part->flags |= DRAGOMAN_FLAG_LOOP;
    } else {
        part->flags &= ~(unsigned)DRAGOMAN_FLAG_LOOP;
    }
    if (!*again && !forbid_check(translator, part, search, again, err))
        return false;
    /* Other results were asked for: the best one's tokens are no longer there. */
    if (!*again && !search_result(search, 0, &result))
        return error_set(err, ERROR_MEMORY, "out of memory");
    return *again || seek_kept(translator, direction, part, best, again, err);
}

bool translator_finish(const struct translator *translator, const struct direction *direction,
                       struct part *part, struct search *search, bool *again, struct error *err)
{
    struct search_result result;
    uint32_t n_best = part->line->n_best != 0 ? part->line->n_best : translator->settings.n_best;
    *again = false;
    part->n_outcomes = 0;
    part->outcomes = arena_new(&part->arena, n_best, sizeof part->outcomes[0], err);
    if (part->outcomes == NULL)
        return false;
    for (uint32_t i = 0; i < n_best && search_result(search, i, &result); i++) {
        if (!take_outcome(translator, part, &result, &part->outcomes[i], err))
            return false;
        part->n_outcomes++;
    }
    if (part->n_outcomes == 0)
        return error_set(err, ERROR_INPUT, "no translation satisfies the constraints");
    if (part->line->target == NULL && part->outcomes[0].n_tokens >= part->max_length)
        part->flags |= DRAGOMAN_FLAG_LIMIT;
    else
        part->flags &= ~(unsigned)DRAGOMAN_FLAG_LIMIT;
    if (!decide_again(translator, direction, part, search, again, err))
        return false;
    return *again || translator->reuse == NULL || part->is_to_be_cut || part->is_between ||
           reuse_keep(translator->reuse, direction, part, err);
}

/* ---- a line --------------------------------------------------------------------------------- */

/* Languages written without spaces between sentences. */
static bool is_spaceless(const char *language)
{
    static const char *const codes[] = {"zh",  "zho", "ja",  "jpn", "yue", "cmn", "th",
                                        "tha", "lo",  "lao", "my",  "mya", "km",  "khm"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        size_t n = strlen(codes[i]);
        if (strncmp(language, codes[i], n) == 0 &&
            (language[n] == '\0' || language[n] == '_' || language[n] == '-'))
            return true;
    }
    return false;
}

/* Rank `rank` of a part, or its last one. */
static const struct outcome *outcome_at(const struct part *part, uint32_t rank)
{
    return &part->outcomes[rank < part->n_outcomes ? rank : part->n_outcomes - 1];
}

/* The line's text at this rank: its own white space and the translations between. */
static bool join_text(const struct direction *direction, const struct line *line, uint32_t rank,
                      struct buffer *out, struct error *err)
{
    size_t at = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < line->n_parts; i++) {
        const struct part *part = &line->parts[i];
        const struct outcome *outcome = outcome_at(part, rank);
        bool needs_space = i > 0 && at == part->start && !line->parts[i - 1].is_cut &&
                           !is_spaceless(direction->target);
        ok = buffer_append(out, line->text + at, part->start - at, err) &&
             (!needs_space || buffer_append_byte(out, ' ', err)) &&
             buffer_append(out, outcome->text, outcome->n_bytes, err);
        at = part->start + part->n_bytes;
    }
    /* A line of nothing but white space gives an empty one; one of nothing but protected texts may
     * have no parts either. */
    if (ok && (line->n_parts > 0 || line->n_spans > 0))
        ok = buffer_append(out, line->text + at, line->n_bytes - at, err);
    for (size_t i = 0; i < out->n_bytes; i++) /* of the gaps: the rest is filtered already */
        if ((unsigned char)out->bytes[i] < ' ' && out->bytes[i] != '\t')
            out->bytes[i] = ' ';
    return ok;
}

/* Pieces, log-probabilities and links of all parts in a row. */
static bool join_tokens(const struct translator *translator, struct line *line, uint32_t rank,
                        struct dragoman_hypothesis *out, struct error *err)
{
    uint32_t *ids = arena_new(&line->arena, out->length, sizeof *ids, err);
    const char **pieces = arena_new(&line->arena, out->length, sizeof *pieces, err);
    float *log_probs = arena_new(&line->arena, out->length, sizeof *log_probs, err);
    struct dragoman_link *links = arena_new(&line->arena, out->length, sizeof *links, err);
    if (ids == NULL || pieces == NULL || log_probs == NULL || links == NULL)
        return false;
    uint32_t n = 0, n_links = 0, source = 0;
    for (size_t i = 0; i < line->n_parts; i++) {
        const struct part *part = &line->parts[i];
        const struct outcome *outcome = outcome_at(part, rank);
        for (uint32_t j = 0; j < outcome->n_tokens; j++, n++) {
            pieces[n] =
                tokenizer_piece(translator->tokenizer, TOKENIZER_TARGET, outcome->tokens[j]);
            ids[n] = outcome->tokens[j];
            log_probs[n] = outcome->log_probs[j];
            /* Special tokens are of no word. */
            if (outcome->alignment != NULL &&
                !tokenizer_is_special(translator->tokenizer, TOKENIZER_TARGET, outcome->tokens[j]))
                links[n_links++] = (struct dragoman_link){source + outcome->alignment[j], n};
        }
        source += (uint32_t)part->ids.n_ids;
    }
    out->ids = ids;
    out->pieces = pieces;
    out->log_probs = log_probs;
    out->links = links;
    out->n_links = n_links;
    return true;
}

static bool join_source(const struct translator *translator, struct line *line, struct error *err)
{
    uint32_t n = 0;
    for (size_t i = 0; i < line->n_parts; i++)
        n += (uint32_t)line->parts[i].ids.n_ids;
    const char **pieces = arena_new(&line->arena, n, sizeof *pieces, err);
    if (pieces == NULL)
        return false;
    n = 0;
    for (size_t i = 0; i < line->n_parts; i++)
        for (size_t j = 0; j < line->parts[i].ids.n_ids; j++)
            pieces[n++] =
                tokenizer_piece(translator->tokenizer, TOKENIZER_SOURCE, line->parts[i].ids.ids[j]);
    line->result.source_pieces = pieces;
    line->result.n_source_pieces = n;
    return true;
}

/* S and T of a line are the sums over its parts, and the score goes by the same formula. */
static void join_scores(const struct translator *translator, const struct line *line, uint32_t rank,
                        struct dragoman_hypothesis *out)
{
    uint32_t n_searched = 0;
    for (size_t i = 0; i < line->n_parts; i++) {
        const struct outcome *outcome = outcome_at(&line->parts[i], rank);
        out->sum += outcome->sum;
        out->length += outcome->n_tokens;
        n_searched += outcome->n_tokens > 0;
        if (outcome->n_tokens > 0)
            out->score = outcome->score;
    }
    const struct generation *generation = &translator->settings.generation;
    if (n_searched > 1)
        out->score = (out->sum - (double)generation->word_penalty * out->length) /
                     pow(out->length, (double)generation->length_penalty);
    if (translator->settings.compat == COMPAT_FAIRSEQ)
        out->score /= log(2); /* as fairseq prints them */
}

static bool join_warnings(struct line *line, struct error *err)
{
    for (size_t i = 0; i < line->n_parts; i++)
        line->result.flags |= line->parts[i].flags;
    unsigned flags = line->result.flags;
    return (!(flags & DRAGOMAN_FLAG_MENDED) ||
            line_warn(line, err, "not UTF-8: what is ill-formed became U+FFFD")) &&
           (!(flags & DRAGOMAN_FLAG_LOOP) ||
            line_warn(line, err, "the translation repeats itself or runs on")) &&
           (!(flags & DRAGOMAN_FLAG_LIMIT) || (flags & DRAGOMAN_FLAG_LOOP) ||
            line_warn(line, err, "the translation was ended by the length limit")) &&
           (!(flags & DRAGOMAN_FLAG_LOST) ||
            line_warn(line, err, "a protected part or a term is missing from the translation")) &&
           (!(flags & DRAGOMAN_FLAG_FORBIDDEN) ||
            line_warn(line, err, "a forbidden word is in the translation: no other was found"));
}

bool translator_join(const struct translator *translator, const struct direction *direction,
                     struct line *line, struct error *err)
{
    uint32_t count = 1;
    for (size_t i = 0; i < line->n_parts; i++)
        count = line->parts[i].n_outcomes > count ? line->parts[i].n_outcomes : count;
    struct dragoman_hypothesis *hypotheses =
        arena_new(&line->arena, count, sizeof *hypotheses, err);
    struct buffer text = {0};
    bool ok = hypotheses != NULL;
    for (uint32_t rank = 0; ok && rank < count; rank++) {
        struct dragoman_hypothesis *out = &hypotheses[rank];
        buffer_clear(&text);
        ok = join_text(direction, line, rank, &text, err);
        char *copy = ok ? arena_text(&line->arena, text.bytes, text.n_bytes, err) : NULL;
        ok = copy != NULL;
        out->text = copy;
        out->n_bytes = text.n_bytes;
        join_scores(translator, line, rank, out);
        if (ok && (translator->wants_tokens || translator->wants_alignment))
            ok = join_tokens(translator, line, rank, out, err);
    }
    buffer_free(&text);
    line->result.hypotheses = hypotheses;
    line->result.n_hypotheses = count;
    if (ok && (translator->wants_tokens || translator->wants_alignment))
        ok = join_source(translator, line, err);
    return ok && join_warnings(line, err);
}
