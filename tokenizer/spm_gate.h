/* spm_gate.h - decides whether a SentencePiece model may be given to the library, which crashes on
 * many that it should refuse, and keeps what the tokenizer needs of it: pieces and switches.
 *
 * The wire format is walked once with bounds; nothing recurses. Every fault is an ERROR_MODEL that
 * begins with `file`.
 *
 *     struct spm spm = {0};
 *     if (!spm_gate(&spm, "source.spm", bytes, n_bytes, &err)) ...
 *     sentencepiece_open(&model, "source.spm", bytes, n_bytes, spm.pieces.count, &err);
 *     spm_free(&spm); */
#ifndef DRAGOMAN_TOKENIZER_SPM_GATE_H
#define DRAGOMAN_TOKENIZER_SPM_GATE_H

#include "tokenizer/pieces.h"

/* Limits on what a file may ask for. */
#define SPM_MAX_BYTES ((size_t)64 << 20)
#define SPM_MAX_TABLE_BYTES ((size_t)4 << 20) /* normalizer table; real ones have 0.3 MB */
#define SPM_MAX_TABLE_MATCHES 32     /* the library's array of normalizer matches at one place */
#define SPM_MAX_REPLACEMENT_BYTES 64 /* of a character; the longest of Unicode's own has 33 */
#define SPM_MAX_USER_MATCHES 64      /* the same of user-defined pieces */
#define SPM_MAX_SELF_TESTS 1000

enum spm_type { SPM_UNIGRAM = 1, SPM_BPE = 2 };

struct spm {
    struct pieces pieces; /* ids are those of the library; each piece is found */
    enum spm_type type;
    bool byte_fallback;
    bool add_dummy_prefix, remove_extra_whitespaces, escape_whitespaces;
    uint32_t unknown, begin, end, pad; /* PIECES_NONE if there is none */
    struct buffer unknown_surface;     /* what an unknown piece is in text */
};

/* Fills `spm` ({0} before) or says why not; then it holds nothing. */
bool spm_gate(struct spm *spm, const char *file, const void *bytes, size_t n_bytes,
              struct error *err);
void spm_free(struct spm *spm);

#endif
