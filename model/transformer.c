#include "model/transformer.h"

#include "model/layers.h"

#include <string.h>

#define PREFETCH_LINE 64 /* bytes of a cache line */

/* ---- encoder ----------------------------------------------------------------------------------
 */

/* Where the rows of a group of sentences lie: sentence i has rows [starts[i], starts[i] + n_ids).
 */
struct encoder_batch {
    uint32_t n;
    const struct source_ids *sources;
    struct sentence *const *sentences;
    uint32_t n_rows;
};

static void embed_sources(struct session *session, const struct encoder_batch *batch)
{
    const struct config *config = session->config;
    size_t m = 0, done = 0, width = config->width;
    for (uint32_t i = 0; i < batch->n; i++) {
        uint32_t position = 0;
        for (uint32_t j = 0; j < batch->sources[i].n_ids; j++) {
            uint32_t id = batch->sources[i].ids[j];
            bool placed = !(config->pad_has_no_position && id == config->generation.pad);
            session->tokens[m] = id;
            session->positions[m] = placed ? position++ : CONFIG_NONE;
            if (++m == SESSION_CHUNK) {
                embed(session, &session->network->encoder, m, session->tokens, session->positions,
                      session->source_rows + done * width);
                done += m;
                m = 0;
            }
        }
    }
    embed(session, &session->network->encoder, m, session->tokens, session->positions,
          session->source_rows + done * width);
}

/* Attends; the profile learns how long it took. */
static void attend(struct session *session, const struct attention_kind *kind,
                   const struct attention_view *view)
{
    uint64_t start = profile_start(session->limits.profile);
    kind->attend(session->kernels, view, &session->attention);
    uint64_t numbers = 2 * (uint64_t)view->n_keys * view->n_heads * view->head_width;
    profile_stop(session->limits.profile, PROFILE_ATTENTION, start, numbers * view->n_queries,
                 numbers * (view->is_f16 ? 2 : sizeof(float)));
}

/* Self-attention of rows [first, first + m) of the batch, whichever sentences they belong to, into
 * session->context. */
static void attend_sources(struct session *session, const struct encoder_batch *batch, size_t first,
                           size_t m)
{
    const struct config *config = session->config;
    size_t n_wide = encoder_attention_width(config), start = 0;
    for (uint32_t i = 0; i < batch->n && start < first + m; start += batch->sources[i++].n_ids) {
        size_t end = start + batch->sources[i].n_ids;
        size_t from = start > first ? start : first, to = end < first + m ? end : first + m;
        if (from >= to)
            continue;
        struct attention_view view = {
            .n_queries = to - from,
            .n_keys = end - start,
            .first_query = from - start,
            .n_heads = config->encoder_heads,
            .head_width = config->encoder_head_width,
            .queries = session->source_qkv + from * 3 * n_wide,
            .query_stride = 3 * n_wide,
            .rows = session->source_kv + start,
            .key_offset = n_wide * sizeof(float),
            .value_offset = 2 * n_wide * sizeof(float),
            .scale = config->encoder_attention_scale,
            .bias = session->encoder_bias.values != NULL ? &session->encoder_bias : NULL,
            .out = session->context + (from - first) * n_wide,
            .out_stride = n_wide,
        };
        attend(session, session->encoder_attention, &view);
    }
}

static void encoder_layer(struct session *session, const struct encoder_batch *batch,
                          const struct layer *layer)
{
    const struct config *config = session->config;
    size_t n_wide = encoder_attention_width(config), width = config->width;
    for (size_t i = 0, m; i < batch->n_rows; i += m) {
        m = batch->n_rows - i < SESSION_CHUNK ? batch->n_rows - i : SESSION_CHUNK;
        self_project(session, &layer->self, m, session->source_rows + i * width,
                     session->source_qkv + i * 3 * n_wide, n_wide);
    }
    for (size_t i = 0, m; i < batch->n_rows; i += m) {
        m = batch->n_rows - i < SESSION_CHUNK ? batch->n_rows - i : SESSION_CHUNK;
        float *x = session->source_rows + i * width;
        attend_sources(session, batch, i, m);
        block_output(session, &layer->self.out, &layer->self.after, m, session->context, n_wide, x);
        ffn_apply(session, &layer->ffn, m, x);
    }
}

/* Puts numbers into a cache row. */
static void store_row(const struct session *session, size_t n, const float *x, void *row)
{
    if (session->is_f16)
        session->kernels->narrow_f16(n, x, row);
    else
        memcpy(row, x, n * sizeof *x);
}

/* Keys and values of the encoder's output for every decoder layer. */
static bool fill_cross(struct session *session, const struct encoder_batch *batch,
                       struct error *err)
{
    const struct config *config = session->config;
    size_t n_wide = 2 * decoder_attention_width(config), width = config->width;
    size_t layer_bytes = cache_layer_bytes(&session->cross_shape), row = 0;
    struct epilogue plain = {0};
    for (uint32_t i = 0; i < batch->n; i++) {
        struct sentence *sentence = batch->sentences[i];
        if (!cache_reserve(&sentence->cross, &session->cross_shape, &session->cross_pages,
                           sentence->length - 1, err))
            return false;
        for (uint32_t j = 0; j < sentence->length; j++, row++)
            session->source_kv[row] = sentence->cross_rows[j] =
                cache_row(&sentence->cross, &session->cross_shape, j, 0);
    }
    for (size_t i = 0, m; i < batch->n_rows; i += m) {
        m = batch->n_rows - i < SESSION_CHUNK ? batch->n_rows - i : SESSION_CHUNK;
        for (uint32_t l = 0; l < config->decoder_layers; l++) {
            linear_apply(session, &session->network->decoder.layers[l].cross.memory, m,
                         session->source_rows + i * width, width, &plain, session->projected,
                         n_wide);
            for (size_t j = 0; j < m; j++)
                store_row(session, n_wide, session->projected + j * n_wide,
                          (char *)(uintptr_t)session->source_kv[i + j] + l * layer_bytes);
        }
    }
    return true;
}

bool transformer_encode(struct session *session, uint32_t n, const struct source_ids *sources,
                        struct sentence *const *sentences, struct error *err)
{
    const struct stack *encoder = &session->network->encoder;
    struct encoder_batch batch = {.n = n, .sources = sources, .sentences = sentences};
    size_t n_wide = encoder_attention_width(session->config);
    uint32_t longest = 0;
    for (uint32_t i = 0; i < n; i++) {
        batch.n_rows += sources[i].n_ids;
        longest = sources[i].n_ids > longest ? sources[i].n_ids : longest;
    }
    if (!session_reserve_source(session, batch.n_rows, longest, err))
        return false;
    embed_sources(session, &batch);
    for (uint32_t i = 0; i < batch.n_rows; i++)
        session->source_kv[i] = session->source_qkv + i * 3 * n_wide;
    for (uint32_t l = 0; l < encoder->n_layers; l++)
        encoder_layer(session, &batch, &encoder->layers[l]);
    for (size_t i = 0, m; encoder->final_norm.gain != NULL && i < batch.n_rows; i += m) {
        m = batch.n_rows - i < SESSION_CHUNK ? batch.n_rows - i : SESSION_CHUNK;
        float *x = session->source_rows + i * session->config->width;
        norm_apply(session, &encoder->final_norm, m, x, x);
    }
    return fill_cross(session, &batch, err);
}

/* ---- decoder ----------------------------------------------------------------------------------
 */

/* Asks for the keys and values of one layer, which the second-level cache does not hold from the
 * step before, while the attention of other rows is computed. */
static void prefetch_rows(const struct session *session, const void *const *rows, uint32_t n,
                          size_t layer_bytes)
{
    size_t n_bytes =
        2 * decoder_attention_width(session->config) * (session->is_f16 ? 2 : sizeof(float));
    for (uint32_t j = 0; j < n; j++)
        for (size_t i = 0; i < n_bytes; i += PREFETCH_LINE)
            __builtin_prefetch((const char *)rows[j] + layer_bytes + i, 0, 2);
}

/* The rows of the first row's sentence among m rows. */
static uint32_t count_hypotheses(size_t m, const struct step_row *rows)
{
    uint32_t n = 1;
    while (n < m && rows[n].sentence == rows[0].sentence)
        n++;
    return n;
}

/* Which rows the n hypotheses of a sentence look back at: session->pasts, and how many of them are
 * the same for all. */
static uint32_t set_pasts(struct session *session, uint32_t n, const struct step_row *rows)
{
    const struct sentence *sentence = rows[0].sentence;
    for (uint32_t i = 0; i < n; i++) {
        session->slots[i] = rows[i].slot;
        session->pasts[i] = history_rows(&sentence->history, rows[i].slot);
    }
    return history_shared(&sentence->history, n, session->slots, sentence->position + 1);
}

/* Self-attention of the n hypotheses of one sentence, whose queries, keys and values of this step
 * are `qkv`. */
static void attend_past(struct session *session, uint32_t l, uint32_t n,
                        const struct step_row *rows, const float *qkv, float *out)
{
    const struct config *config = session->config;
    const struct sentence *sentence = rows[0].sentence;
    size_t n_wide = decoder_attention_width(config), number_bytes = session->is_f16 ? 2 : 4;
    size_t layer_bytes = l * 2 * n_wide * number_bytes;
    struct attention_view view = {
        .n_queries = n,
        .n_keys = sentence->position + 1,
        .first_query = sentence->position,
        .n_heads = config->decoder_heads,
        .head_width = config->decoder_head_width,
        .queries = qkv,
        .query_stride = 3 * n_wide,
        .own_rows = session->pasts,
        .n_shared = set_pasts(session, n, rows),
        .key_offset = layer_bytes,
        .value_offset = layer_bytes + n_wide * number_bytes,
        .is_f16 = session->is_f16,
        .scale = config->decoder_attention_scale,
        .bias = session->decoder_bias.values != NULL ? &session->decoder_bias : NULL,
        .out = out,
        .out_stride = n_wide,
    };
    for (uint32_t i = 0; i < n; i++) {
        char *row = (char *)(uintptr_t)session->pasts[i][sentence->position];
        store_row(session, 2 * n_wide, qkv + (i * 3 + 1) * n_wide, row + layer_bytes);
    }
    attend(session, &attention_full, &view);
}

/* Asks for what attend_past() will read for the next sentence. */
static void prefetch_past(struct session *session, uint32_t l, uint32_t n,
                          const struct step_row *rows)
{
    size_t n_wide = decoder_attention_width(session->config);
    size_t layer_bytes = l * 2 * n_wide * (session->is_f16 ? 2 : sizeof(float));
    uint32_t position = rows[0].sentence->position, n_shared = set_pasts(session, n, rows);
    prefetch_rows(session, session->pasts[0], n_shared, layer_bytes);
    for (uint32_t i = 0; i < n && n_shared < position; i++)
        prefetch_rows(session, session->pasts[i] + n_shared, position - n_shared, layer_bytes);
}

static void self_attention(struct session *session, uint32_t l, size_t m,
                           const struct step_row *rows, float *x)
{
    const struct attention_block *self = &session->network->decoder.layers[l].self;
    size_t n_wide = decoder_attention_width(session->config);
    self_project(session, self, m, x, session->projected, n_wide);
    for (size_t i = 0, n, next = count_hypotheses(m, rows); i < m; i += n) {
        n = next;
        if (i + n < m) {
            next = count_hypotheses(m - i - n, rows + i + n);
            prefetch_past(session, l, (uint32_t)next, rows + i + n);
        }
        attend_past(session, l, (uint32_t)n, rows + i, session->projected + i * 3 * n_wide,
                    session->context + i * n_wide);
    }
    block_output(session, &self->out, &self->after, m, session->context, n_wide, x);
}

static void cross_attention(struct session *session, uint32_t l, size_t m,
                            const struct step_row *rows, float *x)
{
    const struct config *config = session->config;
    const struct attention_block *cross = &session->network->decoder.layers[l].cross;
    size_t n_wide = decoder_attention_width(config), number_bytes = session->is_f16 ? 2 : 4;
    size_t layer_bytes = l * cache_layer_bytes(&session->cross_shape);
    bool is_last = l + 1 == config->decoder_layers;
    struct epilogue plain = {0};
    const float *input = block_input(session, &cross->before, m, x);
    linear_apply(session, &cross->in, m, input, config->width, &plain, session->projected, n_wide);
    for (size_t i = 0, n; i < m; i += n) {
        const struct sentence *sentence = rows[i].sentence;
        bool any_wanted = false;
        n = count_hypotheses(m - i, rows + i);
        for (size_t j = 0; j < n; j++) {
            session->mean_weights[j] = rows[i + j].cross_weights;
            any_wanted = any_wanted || rows[i + j].cross_weights != NULL;
        }
        if (i + n < m)
            prefetch_rows(session, rows[i + n].sentence->cross_rows, rows[i + n].sentence->length,
                          layer_bytes);
        struct attention_view view = {
            .n_queries = n,
            .n_keys = sentence->length,
            .n_heads = config->decoder_heads,
            .head_width = config->decoder_head_width,
            .queries = session->projected + i * n_wide,
            .query_stride = n_wide,
            .rows = sentence->cross_rows,
            .key_offset = layer_bytes,
            .value_offset = layer_bytes + n_wide * number_bytes,
            .is_f16 = session->is_f16,
            .scale = config->decoder_attention_scale,
            .out = session->context + i * n_wide,
            .out_stride = n_wide,
            .mean_weights = is_last && any_wanted ? session->mean_weights : NULL,
        };
        attend(session, &attention_full, &view);
    }
    block_output(session, &cross->out, &cross->after, m, session->context, n_wide, x);
}

void decoder_run(struct session *session, uint32_t n_rows, const struct step_row *rows,
                 autoregressive_block block)
{
    const struct stack *decoder = &session->network->decoder;
    size_t width = session->config->width;
    for (uint32_t l = 0; l < decoder->n_layers; l++) {
        for (size_t i = 0, m; i < n_rows; i += m) {
            m = n_rows - i < SESSION_CHUNK ? n_rows - i : SESSION_CHUNK;
            float *x = session->rows + i * width;
            block(session, l, m, rows + i, x);
            cross_attention(session, l, m, rows + i, x);
            ffn_apply(session, &decoder->layers[l].ffn, m, x);
        }
    }
    for (size_t i = 0, m; decoder->final_norm.gain != NULL && i < n_rows; i += m) {
        m = n_rows - i < SESSION_CHUNK ? n_rows - i : SESSION_CHUNK;
        float *x = session->rows + i * width;
        norm_apply(session, &decoder->final_norm, m, x, x);
    }
}

static bool transformer_step(struct session *session, uint32_t n_rows, struct step_row *rows,
                             struct error *err)
{
    for (uint32_t i = 0, n; i < n_rows; i += n) {
        struct sentence *sentence = rows[i].sentence;
        n = count_hypotheses(n_rows - i, rows + i);
        for (uint32_t j = 0; j < n; j++) {
            session->slots[j] = rows[i + j].slot;
            session->parents[j] = rows[i + j].parent;
        }
        if (!history_step(&sentence->history, &session->history_pages, session->limits.n_slots, n,
                          session->slots, session->parents, sentence->position, err))
            return false;
    }
    decoder_run(session, n_rows, rows, self_attention);
    return true;
}

const struct arch arch_transformer = {
    .name = "transformer", .encode = transformer_encode, .step = transformer_step};
