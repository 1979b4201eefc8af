#include "model/names.h"

#include <stdio.h>
#include <string.h>

#define HF_LAYER "model.$s.layers.$l."

/* Marian, M2M100, NLLB and mBART in Hugging Face's form; and, with pieces that those lack, whatever
 * was converted to that form. */
static const struct weight_name bart_names[ROLE_COUNT] = {
    [ROLE_SELF_Q] = {HF_LAYER "self_attn.q_proj.weight", HF_LAYER "self_attn.q_proj.bias", 0, 0},
    [ROLE_SELF_K] = {HF_LAYER "self_attn.k_proj.weight", HF_LAYER "self_attn.k_proj.bias", 0, 0},
    [ROLE_SELF_V] = {HF_LAYER "self_attn.v_proj.weight", HF_LAYER "self_attn.v_proj.bias", 0, 0},
    [ROLE_SELF_OUT] = {HF_LAYER "self_attn.out_proj.weight", HF_LAYER "self_attn.out_proj.bias", 0,
                       0},
    [ROLE_CROSS_Q] = {HF_LAYER "encoder_attn.q_proj.weight", HF_LAYER "encoder_attn.q_proj.bias", 0,
                      0},
    [ROLE_CROSS_K] = {HF_LAYER "encoder_attn.k_proj.weight", HF_LAYER "encoder_attn.k_proj.bias", 0,
                      0},
    [ROLE_CROSS_V] = {HF_LAYER "encoder_attn.v_proj.weight", HF_LAYER "encoder_attn.v_proj.bias", 0,
                      0},
    [ROLE_CROSS_OUT] = {HF_LAYER "encoder_attn.out_proj.weight",
                        HF_LAYER "encoder_attn.out_proj.bias", 0, 0},
    [ROLE_FFN_IN] = {HF_LAYER "fc1.weight", HF_LAYER "fc1.bias", 0, 0},
    [ROLE_FFN_OUT] = {HF_LAYER "fc2.weight", HF_LAYER "fc2.bias", 0, 0},
    [ROLE_FFN_GATE] = {HF_LAYER "fc_gate.weight", HF_LAYER "fc_gate.bias", 0, 0},
    [ROLE_RNN_CELL] = {HF_LAYER "rnn.cell_proj.weight", NULL, 0, 0},
    [ROLE_RNN_FORGET] = {HF_LAYER "rnn.forget_proj.weight", HF_LAYER "rnn.forget_proj.bias", 0, 0},
    [ROLE_RNN_OUT] = {HF_LAYER "rnn.out_proj.weight", HF_LAYER "rnn.out_proj.bias", 0, 0},
    [ROLE_AVERAGE_IN] = {HF_LAYER "average.fc1.weight", HF_LAYER "average.fc1.bias", 0, 0},
    [ROLE_AVERAGE_OUT] = {HF_LAYER "average.fc2.weight", HF_LAYER "average.fc2.bias", 0, 0},
    [ROLE_AVERAGE_GATE_INPUT] = {HF_LAYER "average.input_gate.weight",
                                 HF_LAYER "average.input_gate.bias", 0, 0},
    [ROLE_AVERAGE_GATE_MEAN] = {HF_LAYER "average.mean_gate.weight",
                                HF_LAYER "average.mean_gate.bias", 0, 0},
    [ROLE_AVERAGE_NORM_BEFORE] = {HF_LAYER "average_layer_norm.weight",
                                  HF_LAYER "average_layer_norm.bias", 0, 0},
    [ROLE_AVERAGE_NORM_AFTER] = {HF_LAYER "average_layer_norm.weight",
                                 HF_LAYER "average_layer_norm.bias", 0, 0},
    [ROLE_RNN_NORM_BEFORE] = {HF_LAYER "rnn_layer_norm.weight", HF_LAYER "rnn_layer_norm.bias", 0,
                              0},
    [ROLE_RNN_NORM_AFTER] = {HF_LAYER "rnn_layer_norm.weight", HF_LAYER "rnn_layer_norm.bias", 0,
                             0},
    [ROLE_RELATIVE_BIAS] = {"model.$s.relative_attention_bias.weight", NULL, 0, 0},
    [ROLE_SELF_NORM_BEFORE] = {HF_LAYER "self_attn_layer_norm.weight",
                               HF_LAYER "self_attn_layer_norm.bias", 0, 0},
    [ROLE_SELF_NORM_AFTER] = {HF_LAYER "self_attn_layer_norm.weight",
                              HF_LAYER "self_attn_layer_norm.bias", 0, 0},
    [ROLE_CROSS_NORM_BEFORE] = {HF_LAYER "encoder_attn_layer_norm.weight",
                                HF_LAYER "encoder_attn_layer_norm.bias", 0, 0},
    [ROLE_CROSS_NORM_AFTER] = {HF_LAYER "encoder_attn_layer_norm.weight",
                               HF_LAYER "encoder_attn_layer_norm.bias", 0, 0},
    [ROLE_FFN_NORM_BEFORE] = {HF_LAYER "final_layer_norm.weight", HF_LAYER "final_layer_norm.bias",
                              0, 0},
    [ROLE_FFN_NORM_AFTER] = {HF_LAYER "final_layer_norm.weight", HF_LAYER "final_layer_norm.bias",
                             0, 0},
    [ROLE_EMBEDDING_NORM] = {"model.$s.layernorm_embedding.weight",
                             "model.$s.layernorm_embedding.bias", 0, 0},
    [ROLE_FINAL_NORM] = {"model.$s.layer_norm.weight", "model.$s.layer_norm.bias", 0, 0},
    [ROLE_POSITIONS] = {"model.$s.embed_positions.weight", NULL, 0, 0},
};

/* Norms on both sides of a block, which no family of Hugging Face has: those after it. */
static const struct weight_name bart_after_names[ROLE_COUNT] = {
    [ROLE_SELF_NORM_AFTER] = {HF_LAYER "self_attn_layer_norm_after.weight",
                              HF_LAYER "self_attn_layer_norm_after.bias", 0, 0},
    [ROLE_CROSS_NORM_AFTER] = {HF_LAYER "encoder_attn_layer_norm_after.weight",
                               HF_LAYER "encoder_attn_layer_norm_after.bias", 0, 0},
    [ROLE_FFN_NORM_AFTER] = {HF_LAYER "final_layer_norm_after.weight",
                             HF_LAYER "final_layer_norm_after.bias", 0, 0},
    [ROLE_AVERAGE_NORM_AFTER] = {HF_LAYER "average_layer_norm_after.weight",
                                 HF_LAYER "average_layer_norm_after.bias", 0, 0},
    [ROLE_RNN_NORM_AFTER] = {HF_LAYER "rnn_layer_norm_after.weight",
                             HF_LAYER "rnn_layer_norm_after.bias", 0, 0},
};

#define T5_LAYER "$s.block.$l.layer."

/* T5: the feed-forward block is number 1 in the encoder and 2 in the decoder. */
#define T5_COMMON                                                                                  \
    [ROLE_SELF_Q] = {T5_LAYER "0.SelfAttention.q.weight", NULL, 0, 0},                             \
    [ROLE_SELF_K] = {T5_LAYER "0.SelfAttention.k.weight", NULL, 0, 0},                             \
    [ROLE_SELF_V] = {T5_LAYER "0.SelfAttention.v.weight", NULL, 0, 0},                             \
    [ROLE_SELF_OUT] = {T5_LAYER "0.SelfAttention.o.weight", NULL, 0, 0},                           \
    [ROLE_SELF_NORM_BEFORE] = {T5_LAYER "0.layer_norm.weight", NULL, 0, 0},                        \
    [ROLE_FINAL_NORM] = {"$s.final_layer_norm.weight", NULL, 0, 0},                                \
    [ROLE_RELATIVE_BIAS] = {"$s.block.0.layer.0.SelfAttention.relative_attention_bias.weight",     \
                            NULL, 0, 0}

static const struct weight_name t5_encoder_names[ROLE_COUNT] = {
    T5_COMMON,
    [ROLE_FFN_IN] = {T5_LAYER "1.DenseReluDense.wi.weight", NULL, 0, 0},
    [ROLE_FFN_OUT] = {T5_LAYER "1.DenseReluDense.wo.weight", NULL, 0, 0},
    [ROLE_FFN_NORM_BEFORE] = {T5_LAYER "1.layer_norm.weight", NULL, 0, 0},
};

static const struct weight_name t5_decoder_names[ROLE_COUNT] = {
    T5_COMMON,
    [ROLE_CROSS_Q] = {T5_LAYER "1.EncDecAttention.q.weight", NULL, 0, 0},
    [ROLE_CROSS_K] = {T5_LAYER "1.EncDecAttention.k.weight", NULL, 0, 0},
    [ROLE_CROSS_V] = {T5_LAYER "1.EncDecAttention.v.weight", NULL, 0, 0},
    [ROLE_CROSS_OUT] = {T5_LAYER "1.EncDecAttention.o.weight", NULL, 0, 0},
    [ROLE_CROSS_NORM_BEFORE] = {T5_LAYER "1.layer_norm.weight", NULL, 0, 0},
    [ROLE_FFN_IN] = {T5_LAYER "2.DenseReluDense.wi.weight", NULL, 0, 0},
    [ROLE_FFN_OUT] = {T5_LAYER "2.DenseReluDense.wo.weight", NULL, 0, 0},
    [ROLE_FFN_NORM_BEFORE] = {T5_LAYER "2.layer_norm.weight", NULL, 0, 0},
};

/* A gated T5 has two input matrices under other names. */
static const struct weight_name t5_gated_names[2][2] = {
    {{T5_LAYER "1.DenseReluDense.wi_0.weight", NULL, 0, 0},
     {T5_LAYER "1.DenseReluDense.wi_1.weight", NULL, 0, 0}},
    {{T5_LAYER "2.DenseReluDense.wi_0.weight", NULL, 0, 0},
     {T5_LAYER "2.DenseReluDense.wi_1.weight", NULL, 0, 0}},
};

#define MARIAN_LAYER "$s_l$n_"

static const struct weight_name marian_names[ROLE_COUNT] = {
    [ROLE_SELF_Q] = {MARIAN_LAYER "self_Wq", MARIAN_LAYER "self_bq", 0, 0},
    [ROLE_SELF_K] = {MARIAN_LAYER "self_Wk", MARIAN_LAYER "self_bk", 0, 0},
    [ROLE_SELF_V] = {MARIAN_LAYER "self_Wv", MARIAN_LAYER "self_bv", 0, 0},
    [ROLE_SELF_OUT] = {MARIAN_LAYER "self_Wo", MARIAN_LAYER "self_bo", 0, 0},
    [ROLE_CROSS_Q] = {MARIAN_LAYER "context_Wq", MARIAN_LAYER "context_bq", 0, 0},
    [ROLE_CROSS_K] = {MARIAN_LAYER "context_Wk", MARIAN_LAYER "context_bk", 0, 0},
    [ROLE_CROSS_V] = {MARIAN_LAYER "context_Wv", MARIAN_LAYER "context_bv", 0, 0},
    [ROLE_CROSS_OUT] = {MARIAN_LAYER "context_Wo", MARIAN_LAYER "context_bo", 0, 0},
    [ROLE_FFN_IN] = {MARIAN_LAYER "ffn_W1", MARIAN_LAYER "ffn_b1", 0, 0},
    [ROLE_FFN_OUT] = {MARIAN_LAYER "ffn_W2", MARIAN_LAYER "ffn_b2", 0, 0},
    [ROLE_RNN_CELL] = {MARIAN_LAYER "rnn_W", NULL, 0, 0},
    [ROLE_RNN_FORGET] = {MARIAN_LAYER "rnn_Wf", MARIAN_LAYER "rnn_bf", 0, 0},
    [ROLE_RNN_OUT] = {MARIAN_LAYER "rnn_Wo", MARIAN_LAYER "rnn_bo", 0, 0},
    [ROLE_SELF_NORM_BEFORE] = {MARIAN_LAYER "self_Wo_ln_scale_pre",
                               MARIAN_LAYER "self_Wo_ln_bias_pre", 0, 0},
    [ROLE_SELF_NORM_AFTER] = {MARIAN_LAYER "self_Wo_ln_scale", MARIAN_LAYER "self_Wo_ln_bias", 0,
                              0},
    [ROLE_CROSS_NORM_BEFORE] = {MARIAN_LAYER "context_Wo_ln_scale_pre",
                                MARIAN_LAYER "context_Wo_ln_bias_pre", 0, 0},
    [ROLE_CROSS_NORM_AFTER] = {MARIAN_LAYER "context_Wo_ln_scale",
                               MARIAN_LAYER "context_Wo_ln_bias", 0, 0},
    [ROLE_FFN_NORM_BEFORE] = {MARIAN_LAYER "ffn_ffn_ln_scale_pre",
                              MARIAN_LAYER "ffn_ffn_ln_bias_pre", 0, 0},
    [ROLE_FFN_NORM_AFTER] = {MARIAN_LAYER "ffn_ffn_ln_scale", MARIAN_LAYER "ffn_ffn_ln_bias", 0, 0},
    [ROLE_AVERAGE_IN] = {MARIAN_LAYER "aan_W1", MARIAN_LAYER "aan_b1", 0, 0},
    [ROLE_AVERAGE_OUT] = {MARIAN_LAYER "aan_W2", MARIAN_LAYER "aan_b2", 0, 0},
    [ROLE_AVERAGE_GATE_INPUT] = {MARIAN_LAYER "aan_Wi", MARIAN_LAYER "aan_bi", 0, 0},
    [ROLE_AVERAGE_GATE_MEAN] = {MARIAN_LAYER "aan_Wf", MARIAN_LAYER "aan_bf", 0, 0},
    [ROLE_AVERAGE_NORM_BEFORE] = {MARIAN_LAYER "aan_ffn_ln_scale_pre",
                                  MARIAN_LAYER "aan_ffn_ln_bias_pre", 0, 0},
    [ROLE_AVERAGE_NORM_AFTER] = {MARIAN_LAYER "aan_ffn_ln_scale", MARIAN_LAYER "aan_ffn_ln_bias", 0,
                                 0},
    [ROLE_RNN_NORM_BEFORE] = {MARIAN_LAYER "rnn_ln_scale_pre", MARIAN_LAYER "rnn_ln_bias_pre", 0,
                              0},
    [ROLE_RNN_NORM_AFTER] = {MARIAN_LAYER "rnn_ffn_ln_scale", MARIAN_LAYER "rnn_ffn_ln_bias", 0, 0},
    [ROLE_EMBEDDING_NORM] = {"$s_emb_ln_scale_pre", "$s_emb_ln_bias_pre", 0, 0},
    [ROLE_FINAL_NORM] = {"$s_top_ln_scale", "$s_top_ln_bias", 0, 0},
    [ROLE_POSITIONS] = {"Wpos", NULL, 0, 0},
};

#define CT2_LAYER "$s/layer_$l/"

static const struct weight_name ct2_names[ROLE_COUNT] = {
    [ROLE_SELF_Q] = {CT2_LAYER "self_attention/linear_0/weight",
                     CT2_LAYER "self_attention/linear_0/bias", 0, 3},
    [ROLE_SELF_K] = {CT2_LAYER "self_attention/linear_0/weight",
                     CT2_LAYER "self_attention/linear_0/bias", 1, 3},
    [ROLE_SELF_V] = {CT2_LAYER "self_attention/linear_0/weight",
                     CT2_LAYER "self_attention/linear_0/bias", 2, 3},
    [ROLE_SELF_OUT] = {CT2_LAYER "self_attention/linear_1/weight",
                       CT2_LAYER "self_attention/linear_1/bias", 0, 0},
    [ROLE_CROSS_Q] = {CT2_LAYER "attention/linear_0/weight", CT2_LAYER "attention/linear_0/bias", 0,
                      0},
    [ROLE_CROSS_K] = {CT2_LAYER "attention/linear_1/weight", CT2_LAYER "attention/linear_1/bias", 0,
                      2},
    [ROLE_CROSS_V] = {CT2_LAYER "attention/linear_1/weight", CT2_LAYER "attention/linear_1/bias", 1,
                      2},
    [ROLE_CROSS_OUT] = {CT2_LAYER "attention/linear_2/weight", CT2_LAYER "attention/linear_2/bias",
                        0, 0},
    [ROLE_FFN_IN] = {CT2_LAYER "ffn/linear_0/weight", CT2_LAYER "ffn/linear_0/bias", 0, 0},
    [ROLE_FFN_GATE] = {CT2_LAYER "ffn/linear_0_noact/weight", CT2_LAYER "ffn/linear_0_noact/bias",
                       0, 0},
    [ROLE_FFN_OUT] = {CT2_LAYER "ffn/linear_1/weight", CT2_LAYER "ffn/linear_1/bias", 0, 0},
    [ROLE_SELF_NORM_BEFORE] = {CT2_LAYER "self_attention/layer_norm/gamma",
                               CT2_LAYER "self_attention/layer_norm/beta", 0, 0},
    [ROLE_SELF_NORM_AFTER] = {CT2_LAYER "self_attention/layer_norm/gamma",
                              CT2_LAYER "self_attention/layer_norm/beta", 0, 0},
    [ROLE_CROSS_NORM_BEFORE] = {CT2_LAYER "attention/layer_norm/gamma",
                                CT2_LAYER "attention/layer_norm/beta", 0, 0},
    [ROLE_CROSS_NORM_AFTER] = {CT2_LAYER "attention/layer_norm/gamma",
                               CT2_LAYER "attention/layer_norm/beta", 0, 0},
    [ROLE_FFN_NORM_BEFORE] = {CT2_LAYER "ffn/layer_norm/gamma", CT2_LAYER "ffn/layer_norm/beta", 0,
                              0},
    [ROLE_FFN_NORM_AFTER] = {CT2_LAYER "ffn/layer_norm/gamma", CT2_LAYER "ffn/layer_norm/beta", 0,
                             0},
    [ROLE_EMBEDDING_NORM] = {"$s/layernorm_embedding/gamma", "$s/layernorm_embedding/beta", 0, 0},
    [ROLE_FINAL_NORM] = {"$s/layer_norm/gamma", "$s/layer_norm/beta", 0, 0},
    [ROLE_POSITIONS] = {"$s/position_encodings/encodings", NULL, 0, 0},
    [ROLE_RELATIVE_BIAS] = {"$s/layer_0/self_attention/relative_attention_bias", NULL, 0, 0},
};

const struct weight_name *weight_name_find(const struct config *config, enum stack_side side,
                                           enum weight_role role)
{
    const struct weight_name *table = bart_names;
    switch (config->names) {
    case FAMILY_T5:
        if (config->gated && (role == ROLE_FFN_IN || role == ROLE_FFN_GATE))
            return &t5_gated_names[side][role == ROLE_FFN_GATE];
        table = side == SIDE_ENCODER ? t5_encoder_names : t5_decoder_names;
        break;
    case FAMILY_MARIAN_NATIVE:
        table = marian_names;
        break;
    case FAMILY_CT2:
        table = ct2_names;
        break;
    case FAMILY_MARIAN:
    case FAMILY_M2M100:
    case FAMILY_NLLB:
    case FAMILY_MBART:
        if (config->norm_place == NORM_BOTH && bart_after_names[role].weight != NULL)
            table = bart_after_names;
        break;
    }
    return table[role].weight != NULL ? &table[role] : NULL;
}

void weight_name_expand(char out[WEIGHT_NAME_BYTES], const char *pattern, enum stack_side side,
                        uint32_t layer)
{
    size_t n = 0;
    for (const char *p = pattern; *p != '\0' && n < WEIGHT_NAME_BYTES - 16; p++) {
        if (p[0] != '$') {
            out[n++] = *p;
            continue;
        }
        p++;
        if (*p == 's')
            n += (size_t)snprintf(out + n, 16, "%s", side == SIDE_ENCODER ? "encoder" : "decoder");
        else
            n += (size_t)snprintf(out + n, 16, "%u", *p == 'n' ? layer + 1 : layer);
    }
    out[n] = '\0';
}

const char *const *weight_names_embedding(const struct config *config, enum stack_side side)
{
    static const char *const bart[2][5] = {
        {"model.encoder.embed_tokens.weight", "model.shared.weight",
         "model.decoder.embed_tokens.weight", "lm_head.weight", NULL},
        {"model.decoder.embed_tokens.weight", "model.shared.weight",
         "model.encoder.embed_tokens.weight", "lm_head.weight", NULL}};
    /* Separate tables: one may not stand in for the other. */
    static const char *const bart_separate[2][2] = {{"model.encoder.embed_tokens.weight", NULL},
                                                    {"model.decoder.embed_tokens.weight", NULL}};
    static const char *const t5[] = {"shared.weight", "encoder.embed_tokens.weight",
                                     "decoder.embed_tokens.weight", NULL};
    static const char *const marian[2][3] = {{"encoder_Wemb", "Wemb", NULL},
                                             {"decoder_Wemb", "Wemb", NULL}};
    static const char *const ct2[2][3] = {
        {"encoder/embeddings_0/weight", "encoder/embeddings/weight", NULL},
        {"decoder/embeddings/weight", NULL, NULL}};
    switch (config->names) {
    case FAMILY_T5:
        return t5;
    case FAMILY_MARIAN_NATIVE:
        return marian[side];
    case FAMILY_CT2:
        return ct2[side];
    case FAMILY_MARIAN:
    case FAMILY_M2M100:
    case FAMILY_NLLB:
    case FAMILY_MBART:
        break;
    }
    return config->share_embeddings ? bart[side] : bart_separate[side];
}

const char *weight_name_output(const struct config *config)
{
    switch (config->names) {
    case FAMILY_MARIAN_NATIVE:
        return "decoder_ff_logit_out_Wt";
    case FAMILY_CT2:
        return "decoder/projection/weight";
    case FAMILY_T5:
    case FAMILY_MARIAN:
    case FAMILY_M2M100:
    case FAMILY_NLLB:
    case FAMILY_MBART:
        break;
    }
    return "lm_head.weight";
}

const char *weight_name_output_bias(const struct config *config)
{
    switch (config->names) {
    case FAMILY_MARIAN:
    case FAMILY_MBART:
        return "final_logits_bias";
    case FAMILY_MARIAN_NATIVE:
        return "decoder_ff_logit_out_b";
    case FAMILY_CT2:
        return "decoder/projection/bias";
    case FAMILY_T5:
    case FAMILY_M2M100:
    case FAMILY_NLLB:
        break;
    }
    return NULL;
}

static bool ends_with(const char *name, const char *end)
{
    size_t n_name = strlen(name), n_end = strlen(end);
    return n_name >= n_end && strcmp(name + n_name - n_end, end) == 0;
}

bool weight_name_is_idle(const struct config *config, const char *name)
{
    if (strncmp(name, "output_preview.", 15) == 0) /* what float32 has no use for */
        return true;
    switch (config->names) {
    case FAMILY_MARIAN:
    case FAMILY_M2M100:
    case FAMILY_NLLB:
    case FAMILY_MBART:
        return ends_with(name, "embed_positions.weight") ||
               ends_with(name, "embed_positions.weights") ||
               ends_with(name, "embed_tokens.weight") || strcmp(name, "lm_head.weight") == 0 ||
               strcmp(name, "model.shared.weight") == 0;
    case FAMILY_T5:
        return ends_with(name, "embed_tokens.weight") || strcmp(name, "lm_head.weight") == 0 ||
               ends_with(name, "EncDecAttention.relative_attention_bias.weight");
    case FAMILY_MARIAN_NATIVE:
        return ends_with(name, "_QuantMultA") || strncmp(name, "special:", 8) == 0;
    case FAMILY_CT2:
        break;
    }
    /* CTranslate2 repeats T5's bias in every layer, and keeps settings as scalars. */
    return strstr(name, "relative_attention_") != NULL || ends_with(name, "queries_scale");
}
