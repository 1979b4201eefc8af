/* config.h - what config.json and generation_config.json (or Marian's model.yml, or CTranslate2's
 * config.json) say, checked against ranges, in one plain struct.
 *
 * Every generation value remembers where it came from, for --print-config. */
#ifndef DRAGOMAN_MODEL_CONFIG_H
#define DRAGOMAN_MODEL_CONFIG_H

#include "base/error.h"
#include "kernels/kernels.h"

#include <stdint.h>

/* Families differ in tensor names, tokenizer and defaults; the network itself is described by value
 * below. */
enum family {
    FAMILY_MARIAN, /* Hugging Face MarianMT */
    FAMILY_M2M100,
    FAMILY_NLLB,
    FAMILY_MBART,
    FAMILY_T5,            /* T5, mT5, flan-T5, MADLAD */
    FAMILY_MARIAN_NATIVE, /* model.npz, Bergamot .bin */
    FAMILY_CT2
};

enum positions {
    POSITIONS_SINUSOIDAL,         /* HF Marian: exponent over d/2, from position 0 */
    POSITIONS_SINUSOIDAL_NATIVE,  /* Marian: exponent over d/2 - 1, from position 0 */
    POSITIONS_SINUSOIDAL_FAIRSEQ, /* exponent over d/2 - 1, first token at row 2 */
    POSITIONS_LEARNED,            /* a table, first token at row `position_offset` */
    POSITIONS_RELATIVE_BUCKETS,   /* T5: none added, a bias in self-attention */
    POSITIONS_NONE
};

enum norm_kind { NORM_LAYER, NORM_RMS };
enum norm_place { NORM_POST, NORM_PRE };
enum decoder_kind { DECODER_ATTENTION, DECODER_SSRU };

enum stop_rule {
    STOP_FINISHED,   /* stop at N finished hypotheses (early_stopping true) */
    STOP_HEURISTIC,  /* the reference's early_stopping false */
    STOP_EXHAUSTIVE, /* until the limit (early_stopping "never" has its own test) */
    STOP_NEVER
};

#define CONFIG_NONE UINT32_MAX /* an id or number that is not given */
#define CONFIG_MAX_LISTED 64   /* eos ids, bad words of one token */

enum origin {
    ORIGIN_DEFAULT,
    ORIGIN_CONFIG,
    ORIGIN_GENERATION_CONFIG,
    ORIGIN_MODEL,
    ORIGIN_OPTION
};

/* Search settings a model asks for. Lengths count target tokens, </s> included, the start token
 * not. */
struct generation {
    uint32_t num_beams;
    uint32_t max_length, min_length;
    float length_penalty;
    enum stop_rule stop;
    uint32_t no_repeat_ngram_size;
    float repetition_penalty;
    bool renormalize;
    uint32_t n_banned;
    uint32_t banned[CONFIG_MAX_LISTED]; /* bad words of one token, suppressed tokens; ascending */
    uint32_t n_eos;
    uint32_t eos[CONFIG_MAX_LISTED]; /* ascending */
    uint32_t start, pad, bos;
    uint32_t forced_bos, forced_eos; /* CONFIG_NONE: none */
    /* Where each value came from, in the order of the fields above. */
    enum origin num_beams_origin, max_length_origin, min_length_origin, length_penalty_origin,
        stop_origin, no_repeat_ngram_size_origin, repetition_penalty_origin, renormalize_origin,
        banned_origin, eos_origin, start_origin, forced_bos_origin, forced_eos_origin;
};

struct config {
    enum family family;
    char model_type[32]; /* as config.json says, or "marian-native", "ctranslate2" */
    uint32_t source_vocabulary, target_vocabulary; /* V */
    uint32_t width;                                /* D */
    uint32_t encoder_layers, decoder_layers;
    uint32_t encoder_heads, decoder_heads; /* H */
    uint32_t head_width;                   /* K; H * K may differ from D (T5) */
    uint32_t encoder_ffn, decoder_ffn;     /* F */
    enum activation activation;
    bool gated; /* FFN = activation(W0 x) * (W1 x) */
    enum positions positions;
    uint32_t max_positions, position_offset;
    enum norm_kind norm;
    enum norm_place norm_place;
    float norm_epsilon;
    bool embedding_norm;   /* layernorm_embedding of mBART */
    bool final_norm;       /* a norm after the last layer */
    float embedding_scale; /* sqrt(D) or 1 */
    float attention_scale; /* 1 / sqrt(K) or 1 */
    bool biases;           /* linear layers have them */
    bool share_embeddings; /* encoder and decoder */
    bool tie_output;       /* output matrix = decoder embedding */
    float output_scale; /* factor on the decoder state before the output layer (T5 tied: D^-0.5) */
    enum decoder_kind decoder;
    uint32_t relative_buckets, relative_max_distance;
    bool start_is_zero; /* Marian: the first decoder input is the zero vector */
    struct generation generation;
};

#endif
