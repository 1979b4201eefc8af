/* Results as frames. */
#include "cli/wire.h"

#include <string.h>

/* A hypothesis takes at least this many bytes, a text 4, a link 8. */
#define MIN_HYPOTHESIS_BYTES 32

struct wire_result {
    struct dragoman_result result; /* first: what is handed out */
    struct arena arena;
};

static bool append_hypothesis(struct buffer *out, const struct dragoman_hypothesis *h,
                              struct error *err)
{
    bool has_tokens = h->pieces != NULL && h->log_probs != NULL;
    bool ok = wire_put_text(out, h->text, h->n_bytes, err) &&
              buffer_append(out, &h->score, sizeof h->score, err) &&
              buffer_append(out, &h->sum, sizeof h->sum, err) &&
              wire_put_u32(out, h->length, err) && wire_put_u32(out, has_tokens ? 1 : 0, err);
    for (uint32_t i = 0; ok && has_tokens && i < h->length; i++)
        ok = buffer_append(out, &h->log_probs[i], sizeof h->log_probs[i], err) &&
             wire_put_text(out, h->pieces[i], strlen(h->pieces[i]), err);
    ok = ok && wire_put_u32(out, h->n_links, err);
    for (uint32_t i = 0; ok && i < h->n_links; i++)
        ok = wire_put_u32(out, h->links[i].source, err) &&
             wire_put_u32(out, h->links[i].target, err);
    return ok;
}

bool wire_append_result(struct buffer *out, const struct dragoman_result *result, struct error *err)
{
    size_t start;
    bool ok = wire_begin(out, WIRE_RESULT, &start, err) &&
              buffer_append(out, &result->number, sizeof result->number, err) &&
              wire_put_u32(out, result->flags, err) && wire_put_u32(out, result->n_warnings, err);
    for (uint32_t i = 0; ok && i < result->n_warnings; i++)
        ok = wire_put_text(out, result->warnings[i], strlen(result->warnings[i]), err);
    ok = ok && wire_put_u32(out, result->n_hypotheses, err);
    for (uint32_t i = 0; ok && i < result->n_hypotheses; i++)
        ok = append_hypothesis(out, &result->hypotheses[i], err);
    return ok && wire_end(out, start, err);
}

static bool get_bytes(struct wire_frame *frame, void *to, size_t n_bytes, struct error *err)
{
    if (n_bytes > frame->n_left)
        return error_set(err, ERROR_SYSTEM, "a message is shorter than it says");
    memcpy(to, frame->at, n_bytes);
    frame->at += n_bytes;
    frame->n_left -= n_bytes;
    return true;
}

/* A count of things that take `least` bytes each: no more than the frame has room for. */
static bool get_count(struct wire_frame *frame, size_t least, uint32_t *count, struct error *err)
{
    return wire_get_u32(frame, count, err) &&
           (*count <= frame->n_left / least ||
            error_set(err, ERROR_SYSTEM, "a message is shorter than it says"));
}

static bool get_copy(struct wire_frame *frame, struct arena *arena, const char **copy,
                     size_t *n_bytes, struct error *err)
{
    const char *text;
    return wire_get_text(frame, &text, n_bytes, err) &&
           (*copy = arena_text(arena, text, *n_bytes, err)) != NULL;
}

static bool get_tokens(struct wire_frame *frame, struct arena *arena, struct dragoman_hypothesis *h,
                       struct error *err)
{
    size_t n_bytes;
    if (h->length > frame->n_left / 8)
        return error_set(err, ERROR_SYSTEM, "a message is shorter than it says");
    float *log_probs = arena_new(arena, h->length, sizeof *log_probs, err);
    const char **pieces = arena_new(arena, h->length, sizeof *pieces, err);
    bool ok = log_probs != NULL && pieces != NULL;
    for (uint32_t i = 0; ok && i < h->length; i++)
        ok = get_bytes(frame, &log_probs[i], sizeof log_probs[i], err) &&
             get_copy(frame, arena, &pieces[i], &n_bytes, err);
    h->log_probs = log_probs;
    h->pieces = pieces;
    return ok;
}

static bool get_hypothesis(struct wire_frame *frame, struct arena *arena,
                           struct dragoman_hypothesis *h, struct error *err)
{
    uint32_t has_tokens;
    if (!get_copy(frame, arena, &h->text, &h->n_bytes, err) ||
        !get_bytes(frame, &h->score, sizeof h->score, err) ||
        !get_bytes(frame, &h->sum, sizeof h->sum, err) || !wire_get_u32(frame, &h->length, err) ||
        !wire_get_u32(frame, &has_tokens, err) ||
        (has_tokens != 0 && !get_tokens(frame, arena, h, err)) ||
        !get_count(frame, 8, &h->n_links, err))
        return false;
    struct dragoman_link *links = arena_new(arena, h->n_links, sizeof *links, err);
    bool ok = links != NULL;
    for (uint32_t i = 0; ok && i < h->n_links; i++)
        ok = wire_get_u32(frame, &links[i].source, err) &&
             wire_get_u32(frame, &links[i].target, err);
    h->links = links;
    return ok;
}

static bool fill(struct wire_frame *frame, struct wire_result *own, struct error *err)
{
    struct dragoman_result *result = &own->result;
    size_t n_bytes;
    if (!get_bytes(frame, &result->number, sizeof result->number, err) ||
        !wire_get_u32(frame, &result->flags, err) || !get_count(frame, 4, &result->n_warnings, err))
        return false;
    const char **warnings = arena_new(&own->arena, result->n_warnings, sizeof *warnings, err);
    bool ok = warnings != NULL;
    for (uint32_t i = 0; ok && i < result->n_warnings; i++)
        ok = get_copy(frame, &own->arena, &warnings[i], &n_bytes, err);
    result->warnings = warnings;
    ok = ok && get_count(frame, MIN_HYPOTHESIS_BYTES, &result->n_hypotheses, err) &&
         (result->n_hypotheses > 0 || error_set(err, ERROR_SYSTEM, "a result without a text"));
    if (!ok)
        return false;
    struct dragoman_hypothesis *list =
        arena_new(&own->arena, result->n_hypotheses, sizeof *list, err);
    ok = list != NULL;
    for (uint32_t i = 0; ok && i < result->n_hypotheses; i++)
        ok = get_hypothesis(frame, &own->arena, &list[i], err);
    result->hypotheses = list;
    return ok;
}

bool wire_get_result(struct wire_frame *frame, struct dragoman_result **result, struct error *err)
{
    struct wire_result *own = memory_new(1, sizeof *own, err);
    *result = NULL;
    if (own == NULL)
        return false;
    if (!fill(frame, own, err)) {
        wire_result_free(&own->result);
        return false;
    }
    *result = &own->result;
    return true;
}

void wire_result_free(struct dragoman_result *result)
{
    struct wire_result *own = (struct wire_result *)result;
    if (own == NULL)
        return;
    arena_free(&own->arena);
    memory_free(own);
}
