/* fast.h - tokenizer.json, where a checkpoint has nothing else: the SentencePiece model it was made
 * of, put together again.
 *
 * The file has the pieces, their scores (or the order of their merges) and the normalizer's table.
 * From these comes the model file as SentencePiece writes it, which then goes through the gate as
 * if it had been there. What cannot have come from a SentencePiece model (other normalizers, words
 * split otherwise, merges that leave pieces out) is refused by name. */
#ifndef DRAGOMAN_TOKENIZER_FAST_H
#define DRAGOMAN_TOKENIZER_FAST_H

#include "tokenizer/family.h"

#define FAST_FILE "tokenizer.json"

/* How ids lie: as in the model itself (T5), or <s>, <pad>, </s>, <unk> before its pieces and
 * languages behind them (NLLB, mBART). */
enum fast_layout { FAST_PLAIN, FAST_FAIRSEQ };

/* Appends the model's bytes to `out`; more than `rows` pieces are refused (0: any number); *added
 * (may be NULL) is "added_tokens", an array of objects with "id" and "content" for cJSON_Delete(),
 * or NULL. Faults are ERROR_MODEL and begin with "tokenizer.json". */
bool fast_build(const char *directory, enum fast_layout layout, uint32_t rows, struct buffer *out,
                cJSON **added, struct error *err);

/* The same of the file's text. */
bool fast_parse(const char *text, size_t n_bytes, enum fast_layout layout, uint32_t rows,
                struct buffer *out, cJSON **added, struct error *err);

#endif
