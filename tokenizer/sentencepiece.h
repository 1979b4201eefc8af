/* sentencepiece.h - text -> pieces, by the SentencePiece library. The wrapper of it, and the only
 * C++ here: no exception leaves it, no message of the library is lost or printed.
 *
 * Only models that spm_gate() has accepted may come here: the library crashes on others. */
#ifndef DRAGOMAN_TOKENIZER_SENTENCEPIECE_H
#define DRAGOMAN_TOKENIZER_SENTENCEPIECE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "base/memory.h"

struct sentencepiece_model;

/* Most characters sentencepiece_encode() takes at once: the library's time is quadratic in a run of
 * unknown characters. */
#define SENTENCEPIECE_MAX_CHARACTERS 2000

/* Loads a model of `n_bytes`, `n_pieces` of them as the gate counted. `file` is for messages. */
bool sentencepiece_open(struct sentencepiece_model **model, const char *file, const void *bytes,
                        size_t n_bytes, uint32_t n_pieces, struct error *err);
void sentencepiece_close(struct sentencepiece_model *model);

/* Called for each piece in order: its id, checked to be less than n_pieces, and its text, which for
 * an unknown piece is what stood in the (normalized) sentence. False stops. */
typedef bool sentencepiece_take(void *context, uint32_t id, const char *piece, size_t n_bytes,
                                struct error *err);

/* Takes well-formed UTF-8 of at most SENTENCEPIECE_MAX_CHARACTERS characters apart. Thread-safe. */
bool sentencepiece_encode(const struct sentencepiece_model *model, const char *text, size_t n_bytes,
                          sentencepiece_take *take, void *context, struct error *err);

/* For a program: `end` is called, and must not return, when C++ code cannot get memory, instead of
 * an exception that the library (its protobuf) does not survive. */
void sentencepiece_on_no_memory(void (*end)(void));

#ifdef __cplusplus
}
#endif

#endif
