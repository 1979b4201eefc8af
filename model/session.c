#include "model/session.h"

#include "model/layers.h"

#include <math.h>

/* Positions in a page. Small pages waste little on short sentences. */
#define CROSS_PAGE_POSITIONS 16

static size_t max_of(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t padded(size_t k)
{
    return (k + MATRIX_DEPTH - 1) / MATRIX_DEPTH * MATRIX_DEPTH;
}

static bool set_shapes(struct session *session, struct error *err)
{
    const struct config *config = session->config;
    size_t number_bytes = session->is_f16 ? 2 : 4;
    size_t row_bytes = 2 * decoder_attention_width(config) * number_bytes;
    session->cross_shape = (struct cache_shape){.row_bytes = row_bytes,
                                                .n_layers = config->decoder_layers,
                                                .n_slots = 1,
                                                .positions = CROSS_PAGE_POSITIONS};
    session->state_shape = (struct cache_shape){.row_bytes = config->width * sizeof(float),
                                                .n_layers = config->decoder_layers,
                                                .n_slots = session->limits.n_slots,
                                                .positions = 2,
                                                .window = 2};
    if (!cache_page_bytes(&session->cross_shape, &session->cross_pages.page_bytes) ||
        !cache_page_bytes(&session->state_shape, &session->state_pages.page_bytes) ||
        !history_page_bytes(row_bytes, config->decoder_layers, &session->history_pages.page_bytes))
        return error_set(err, ERROR_MEMORY, "out of memory");
    return true;
}

static bool carve(struct session *session, struct error *err)
{
    const struct config *config = session->config;
    struct arena *arena = &session->arena;
    size_t width = config->width, rows = session->limits.max_rows;
    size_t n_encoder = encoder_attention_width(config), n_decoder = decoder_attention_width(config);
    size_t n_context = max_of(max_of(n_encoder, n_decoder), width);
    size_t n_projected = max_of(3 * n_decoder, 2 * width);
    size_t n_hidden = max_of(max_of(config->encoder_ffn, config->decoder_ffn), config->average_ffn);
    size_t n_quantized = padded(max_of(n_context, n_hidden));
    size_t listed = max_of(rows, SESSION_CHUNK);
    session->rows = arena_new_raw(arena, rows * width, sizeof(float), err);
    session->normed = arena_new_raw(arena, SESSION_CHUNK * width, sizeof(float), err);
    session->projected = arena_new_raw(arena, SESSION_CHUNK * n_projected, sizeof(float), err);
    session->context = arena_new_raw(arena, SESSION_CHUNK * n_context, sizeof(float), err);
    session->hidden = arena_new_raw(arena, SESSION_CHUNK * n_hidden, sizeof(float), err);
    session->gate =
        arena_new_raw(arena, config->gated ? SESSION_CHUNK * n_hidden : 0, sizeof(float), err);
    session->quantized = arena_new_raw(arena, SESSION_CHUNK * n_quantized, 1, err);
    session->quantized_scales = arena_new_raw(arena, SESSION_CHUNK, sizeof(float), err);
    session->mean_weights = arena_new_raw(arena, listed, sizeof(float *), err);
    session->tokens = arena_new_raw(arena, listed, sizeof(uint32_t), err);
    session->positions = arena_new_raw(arena, listed, sizeof(uint32_t), err);
    session->slots = arena_new_raw(arena, listed, sizeof(uint32_t), err);
    session->parents = arena_new_raw(arena, listed, sizeof(uint32_t), err);
    session->pasts = arena_new_raw(arena, listed, sizeof(session->pasts[0]), err);
    return session->rows != NULL && session->normed != NULL && session->projected != NULL &&
           session->context != NULL && session->hidden != NULL && session->gate != NULL &&
           session->quantized != NULL && session->quantized_scales != NULL &&
           session->mean_weights != NULL && session->tokens != NULL && session->positions != NULL &&
           session->slots != NULL && session->parents != NULL && session->pasts != NULL;
}

/* Reading caches, not multiplying, bounds attention: at 64 live rows they are more bytes a step
 * than the weights of a small model. Halves keep 11 bits, more than what quantized weights leave of
 * an answer: of 2,997 test lines as many equal the float model's with them as without (2,312 and
 * 2,307; bfloat16, 8 bits: 2,288). The model decides, not the CPU, so that the answers are the same
 * on all. */
static bool keeps_f16(const struct model *model, const struct session_limits *limits)
{
    if (limits->cache != CACHE_AUTO)
        return limits->cache == CACHE_F16;
    return model_precision(model) == PRECISION_INT8;
}

bool session_new(struct session **out, const struct model *model,
                 const struct session_limits *limits, struct error *err)
{
    struct session *session = memory_new(1, sizeof *session, err);
    if (session == NULL)
        return false;
    const struct config *config = model_config(model);
    session->model = model;
    session->config = config;
    session->network = model_network(model);
    session->kernels = model_kernels(model);
    session->arch = arch_find(config->decoder == DECODER_SSRU  ? "ssru"
                              : config->decoder == DECODER_AAN ? "aan"
                                                               : "transformer");
    session->encoder_attention = &attention_full;
    session->limits = *limits;
    session->is_f16 = keeps_f16(model, limits);
    if (limits->n_slots == 0 || limits->max_rows == 0 || limits->max_tokens == 0)
        error_set(err, ERROR_INTERNAL, "a session without room");
    else if (set_shapes(session, err) && carve(session, err) &&
             output_new(&session->output, team_size(limits->team), session->network, err)) {
        *out = session;
        return true;
    }
    session_free(session);
    return false;
}

static void sentence_free(struct session *session, struct sentence *sentence)
{
    cache_free(&sentence->states, &session->state_pages);
    cache_free(&sentence->cross, &session->cross_pages);
    memory_free(sentence->cross_rows);
    history_free(&sentence->history, &session->history_pages);
    gathered_free(&sentence->gathered);
    memory_free(sentence);
}

void session_free(struct session *session)
{
    if (session == NULL)
        return;
    while (session->live != NULL)
        session_release(session, session->live);
    while (session->free != NULL) {
        struct sentence *sentence = session->free;
        session->free = sentence->next;
        sentence_free(session, sentence);
    }
    page_pool_free(&session->history_pages);
    page_pool_free(&session->state_pages);
    page_pool_free(&session->cross_pages);
    memory_free(session->sinusoids.rows);
    memory_free(session->encoder_bias.values);
    memory_free(session->decoder_bias.values);
    attention_scratch_free(&session->attention);
    memory_free(session->source_rows);
    memory_free(session->source_qkv);
    memory_free(session->source_kv);
    output_free(&session->output);
    arena_free(&session->arena);
    memory_free(session);
}

/* ---- growing ----------------------------------------------------------------------------------
 */

bool session_reserve_positions(struct session *session, uint32_t n, bool encoder, struct error *err)
{
    const struct config *config = session->config;
    const struct network *network = session->network;
    bool relative = config->positions == POSITIONS_RELATIVE_BUCKETS;
    if (!attention_scratch_reserve(&session->attention, n, relative, err))
        return false;
    if (relative)
        return encoder
                   ? relative_bias_reserve(&session->encoder_bias, network->encoder.relative_bias,
                                           config->relative_buckets, config->relative_max_distance,
                                           config->encoder_heads, true, n, err)
                   : relative_bias_reserve(&session->decoder_bias, network->decoder.relative_bias,
                                           config->relative_buckets, config->relative_max_distance,
                                           config->decoder_heads, false, n, err);
    if (config->positions == POSITIONS_LEARNED || config->positions == POSITIONS_NONE)
        return true;
    return sinusoids_reserve(&session->sinusoids, config->width,
                             config->positions == POSITIONS_SINUSOIDAL_NATIVE,
                             n + config->position_offset, err);
}

bool session_reserve_source(struct session *session, uint32_t n_rows, uint32_t longest,
                            struct error *err)
{
    const struct config *config = session->config;
    if (!session_reserve_positions(session, longest, true, err))
        return false;
    if (n_rows <= session->source_capacity)
        return true;
    size_t n_wide = 3 * encoder_attention_width(config);
    uint32_t n = (uint32_t)max_of(n_rows, session->limits.max_tokens);
    float *rows = memory_new_raw((size_t)n * config->width, sizeof *rows, err);
    float *qkv = memory_new_raw((size_t)n * n_wide, sizeof *qkv, err);
    const void **pointers = memory_new_raw(n, sizeof *pointers, err);
    if (rows == NULL || qkv == NULL || pointers == NULL) {
        memory_free(rows);
        memory_free(qkv);
        memory_free(pointers);
        return false;
    }
    memory_free(session->source_rows);
    memory_free(session->source_qkv);
    memory_free(session->source_kv);
    session->source_rows = rows;
    session->source_qkv = qkv;
    session->source_kv = pointers;
    session->source_capacity = n;
    return true;
}

/* ---- sentences --------------------------------------------------------------------------------
 */

static struct sentence *sentence_new(struct session *session, uint32_t length, struct error *err)
{
    struct sentence *sentence = session->free;
    if (sentence != NULL)
        session->free = sentence->next;
    else if ((sentence = memory_new(1, sizeof *sentence, err)) == NULL)
        return NULL;
    sentence->next = session->live;
    session->live = sentence;
    sentence->length = length;
    sentence->position = 0;
    sentence->gathered.n = 0;
    if (length > sentence->cross_capacity) {
        memory_free(sentence->cross_rows);
        sentence->cross_capacity = 0;
        sentence->cross_rows = memory_new(length, sizeof *sentence->cross_rows, err);
        if (sentence->cross_rows == NULL) {
            session_release(session, sentence);
            return NULL;
        }
        sentence->cross_capacity = length;
    }
    return sentence;
}

void session_release(struct session *session, struct sentence *sentence)
{
    struct sentence **link = &session->live;
    while (*link != NULL && *link != sentence)
        link = &(*link)->next;
    if (*link == NULL)
        return;
    *link = sentence->next;
    history_clear(&sentence->history, &session->history_pages);
    cache_clear(&sentence->states, &session->state_pages);
    cache_clear(&sentence->cross, &session->cross_pages);
    sentence->next = session->free;
    session->free = sentence;
}

static bool check_source(const struct session *session, const struct source_ids *source,
                         struct error *err)
{
    const struct config *config = session->config;
    if (source->n_ids == 0)
        return error_set(err, ERROR_INTERNAL, "a sentence without tokens");
    if (config->positions == POSITIONS_LEARNED && source->n_ids > config->max_positions)
        return error_set(err, ERROR_LIMIT, "a sentence of %u tokens; the model takes at most %u",
                         source->n_ids, config->max_positions);
    for (uint32_t i = 0; i < source->n_ids; i++)
        if (source->ids[i] >= config->source_vocabulary)
            return error_set(err, ERROR_MODEL,
                             "token %u is outside the model's source vocabulary of %u",
                             source->ids[i], config->source_vocabulary);
    return true;
}

bool session_encode(struct session *session, uint32_t n, const struct source_ids *sources,
                    struct sentence **sentences, struct error *err)
{
    uint32_t n_made = 0, max_tokens = session->limits.max_tokens;
    bool ok = true;
    for (uint32_t i = 0; ok && i < n; i++)
        ok = check_source(session, &sources[i], err);
    for (; ok && n_made < n; n_made++) {
        sentences[n_made] = sentence_new(session, sources[n_made].n_ids, err);
        if (sentences[n_made] == NULL) {
            ok = false;
            break;
        }
    }
    /* As many at once as the limit allows, at least one. */
    for (uint32_t i = 0, count; ok && i < n; i += count) {
        uint32_t n_tokens = sources[i].n_ids;
        for (count = 1; i + count < n && sources[i + count].n_ids <= max_tokens &&
                        n_tokens <= max_tokens - sources[i + count].n_ids;
             count++)
            n_tokens += sources[i + count].n_ids;
        session->stage = PROFILE_ENCODER;
        ok = session->arch->encode(session, count, sources + i, sentences + i, err);
    }
    for (uint32_t i = 0; !ok && i < n_made; i++)
        session_release(session, sentences[i]);
    return ok;
}

/* ---- steps ------------------------------------------------------------------------------------
 */

static bool check_row(const struct session *session, const struct step_row *row, struct error *err)
{
    const struct config *config = session->config;
    if (row->token >= config->target_vocabulary)
        return error_set(err, ERROR_MODEL,
                         "token %u is outside the model's target vocabulary of %u", row->token,
                         config->target_vocabulary);
    if (row->slot >= session->limits.n_slots || row->parent >= session->limits.n_slots ||
        row->n_best > STEP_MAX_BEST)
        return error_set(err, ERROR_INTERNAL, "a step beyond the session's limits");
    return true;
}

/* Caches and positions for the step, and what goes into the decoder. */
static bool prepare(struct session *session, uint32_t n_rows, const struct step_row *rows,
                    struct error *err)
{
    const struct config *config = session->config;
    bool is_recurrent = config->decoder != DECODER_ATTENTION;
    uint32_t longest = 0;
    for (uint32_t i = 0; i < n_rows; i++) {
        struct sentence *sentence = rows[i].sentence;
        uint32_t position = sentence->position;
        bool is_pad = config->pad_has_no_position && rows[i].token == config->generation.pad;
        if (!check_row(session, &rows[i], err) ||
            (is_recurrent && !cache_reserve(&sentence->states, &session->state_shape,
                                            &session->state_pages, position, err)))
            return false;
        session->tokens[i] = position == 0 && config->start_is_zero ? CONFIG_NONE : rows[i].token;
        session->positions[i] = is_pad ? CONFIG_NONE : position;
        longest = (uint32_t)max_of(longest, max_of(position + 1, sentence->length));
    }
    return session_reserve_positions(session, longest, false, err);
}

bool session_step(struct session *session, uint32_t n_rows, struct step_row *rows,
                  struct error *err)
{
    const struct config *config = session->config;
    size_t width = config->width;
    if (n_rows > session->limits.max_rows)
        return error_set(err, ERROR_INTERNAL, "a step of %u rows; the session has room for %u",
                         n_rows, session->limits.max_rows);
    session->stage = PROFILE_DECODER;
    if (!prepare(session, n_rows, rows, err))
        return false;
    embed(session, &session->network->decoder, n_rows, session->tokens, session->positions,
          session->rows);
    if (!session->arch->step(session, n_rows, rows, err))
        return false;
    for (size_t i = 0; config->output_scale != 1.0f && i < n_rows * width; i++)
        session->rows[i] *= config->output_scale;
    if (!output_step(session, n_rows, rows, session->rows, err))
        return false;
    for (uint32_t i = 0; i < n_rows; i++)
        if (i == 0 || rows[i].sentence != rows[i - 1].sentence)
            rows[i].sentence->position++;
    return true;
}

/* ---- what can be asked ------------------------------------------------------------------------
 */

uint32_t sentence_length(const struct sentence *sentence)
{
    return sentence->length;
}

uint32_t sentence_position(const struct sentence *sentence)
{
    return sentence->position;
}

const float *session_encoder_output(const struct session *session)
{
    return session->source_rows;
}

uint64_t session_bytes(const struct session *session)
{
    const struct config *config = session->config;
    uint64_t per_source = config->width + 3 * encoder_attention_width(config) + 2;
    return session->arena.n_bytes + session->history_pages.n_bytes + session->state_pages.n_bytes +
           session->cross_pages.n_bytes + session->source_capacity * per_source * sizeof(float) +
           2 * session->attention.capacity * ATTENTION_QUERIES * sizeof(float) +
           (uint64_t)session->sinusoids.n_rows * config->width * sizeof(float);
}
