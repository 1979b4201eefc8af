/* fast_inside.h - what fast.c reads from tokenizer.json and fast_model.c makes a model of. */
#ifndef DRAGOMAN_TOKENIZER_FAST_INSIDE_H
#define DRAGOMAN_TOKENIZER_FAST_INSIDE_H

#include "tokenizer/fast.h"

#define FAST_NO_RANK UINT32_MAX

/* A JSON value inside the file. */
struct slice {
    const char *at;
    size_t n_bytes; /* 0: not there */
};

struct fast {
    struct slice normalizer, pre_tokenizer, added_tokens;
    struct pieces pieces;
    float *scores;   /* [score_capacity] Unigram */
    uint32_t *ranks; /* [pieces.count] BPE: the first merge that gives the piece, or FAST_NO_RANK */
    size_t score_capacity;
    size_t n_merges;
    uint32_t unknown; /* id, or PIECES_NONE */
    uint32_t rows;    /* of the embeddings: the most pieces, 0 any number */
    bool is_bpe, byte_fallback, dummy_prefix, collapses;
    struct buffer text;
    struct error *err;
};

/* Sets "tokenizer.json: REASON (...)"; returns false. */
bool fast_refuse(struct fast *fast, const char *format, ...) __attribute__((format(printf, 2, 3)));

bool fast_slice_is(const struct slice *slice, const char *text);

/* Appends the SentencePiece model to `out`; *given as for fast_build(). */
bool fast_write(struct fast *fast, enum fast_layout layout, struct buffer *out, cJSON **given);

#endif
