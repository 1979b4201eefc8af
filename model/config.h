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

/* What is added to an embedding; the first token stands at position `position_offset`. Both
 * sinusoids are a half of sines, then a half of cosines. */
enum positions {
    POSITIONS_SINUSOIDAL,        /* exponent over D/2: Hugging Face Marian */
    POSITIONS_SINUSOIDAL_NATIVE, /* exponent over D/2 - 1: Marian itself, fairseq, CTranslate2 */
    POSITIONS_LEARNED,           /* rows of a table */
    POSITIONS_RELATIVE_BUCKETS,  /* T5: none added, a bias in self-attention */
    POSITIONS_NONE
};

enum norm_kind { NORM_LAYER, NORM_RMS };
/* Post: x = norm(x + f(x)); pre: x = x + f(norm(x)); both: x = norm(x + f(norm(x))). */
enum norm_place { NORM_POST, NORM_PRE, NORM_BOTH };
enum decoder_kind { DECODER_ATTENTION, DECODER_SSRU, DECODER_AAN };

enum stop_rule {
    STOP_FINISHED,   /* stop at N finished hypotheses (early_stopping true) */
    STOP_HEURISTIC,  /* the reference's early_stopping false */
    STOP_EXHAUSTIVE, /* until the limit (early_stopping "never" has its own test) */
    STOP_NEVER
};

#define CONFIG_NONE UINT32_MAX /* an id or number that is not given */
#define CONFIG_MAX_LISTED 64   /* eos ids, bad words of one token */
#define CONFIG_MAX_LAYERS 256

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
    uint32_t max_length; /* CONFIG_NONE: the model does not say */
    uint32_t min_length;
    float max_length_factor; /* limit = this * source length, </s> included (Marian); 0: none */
    float length_penalty;
    float word_penalty; /* Marian: subtracted for each token */
    enum stop_rule stop;
    uint32_t no_repeat_ngram_size;
    float repetition_penalty;
    bool renormalize;
    bool allows_unknown; /* Marian, which bans <unk> otherwise */
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
    enum family names;   /* whose names the tensors have: `family`, unless it was converted */
    char model_type[32]; /* as config.json says, or "marian-native", "ctranslate2" */
    uint32_t source_vocabulary, target_vocabulary; /* V */
    uint32_t width;                                /* D */
    uint32_t encoder_layers, decoder_layers;
    uint32_t encoder_heads, decoder_heads;           /* H */
    uint32_t encoder_head_width, decoder_head_width; /* K; H * K may differ from D (T5) */
    uint32_t encoder_ffn, decoder_ffn;               /* F */
    enum activation activation;
    bool gated; /* FFN = activation(W0 x) * (W1 x) */
    enum positions positions;
    uint32_t max_positions; /* most source tokens; CONFIG_NONE: no limit */
    uint32_t position_offset;
    bool pad_has_no_position; /* M2M100: a pad token adds zeros and does not count */
    enum norm_kind norm;
    enum norm_place norm_place;
    /* Self-attention's keys and values are of the block's input before its norm, queries after it:
     * what Marian does with pre-norm. */
    bool keys_before_norm;
    float norm_epsilon;
    bool embedding_norm;                                    /* layernorm_embedding of mBART */
    bool final_norm;                                        /* a norm after the last layer */
    float embedding_scale;                                  /* sqrt(D) or 1 */
    float encoder_attention_scale, decoder_attention_scale; /* 1 / sqrt(K) or 1 */
    bool biases;                                            /* linear layers have them */
    bool share_embeddings;                                  /* encoder and decoder */
    bool tie_output;                                        /* output matrix = decoder embedding */
    float output_scale; /* factor on the decoder state before the output layer (T5 tied: D^-0.5) */
    enum decoder_kind decoder;
    bool rnn_projection; /* SSRU: an output matrix after the cell */
    /* AAN: width of the feed-forward layer over the mean (0: there is none; D: no second matrix),
     * and whether the block is gated. */
    uint32_t average_ffn;
    enum activation average_activation;
    bool average_gated;
    /* Marian's transformer-tied-layers: layer i has the weights of layer tied[i] (<= i). */
    uint32_t n_tied;
    uint8_t tied[CONFIG_MAX_LAYERS];
    uint32_t relative_buckets, relative_max_distance;
    bool start_is_zero; /* Marian: the first decoder input is the zero vector */
    /* CTranslate2: tokens put around a source that comes in pieces. */
    bool source_bos, source_eos;
    struct generation generation;
};

struct tensors;

/* Reads and checks the configuration that goes with `tensors` in `directory` (or, if that is one
 * Marian file, inside it). Some facts are in no configuration file but in what tensors there are.
 * Faults are ERROR_MODEL: "config.json: d_model: must be an integer from 1 to 65536". */
bool config_load(struct config *config, const char *directory, const struct tensors *tensors,
                 struct error *err);

/* The name of an activation as configuration files spell it ("relu", "gelu_new", ...). */
bool config_activation(const char *name, enum activation *activation);
const char *config_activation_name(enum activation activation);

#endif
