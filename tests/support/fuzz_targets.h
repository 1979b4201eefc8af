/* fuzz_targets.h - what the fuzzers of tests/fuzz do with an input, also called by the replay of
 * their seeds in the normal tests.
 *
 * Each takes any bytes and returns: whatever loads is read to its end, whatever does not must have
 * said why. A crash, a hang, a report of a sanitizer, or an abort() here is a finding. */
#ifndef DRAGOMAN_TESTS_SUPPORT_FUZZ_TARGETS_H
#define DRAGOMAN_TESTS_SUPPORT_FUZZ_TARGETS_H

#include <stddef.h>
#include <stdint.h>

void fuzz_safetensors(const uint8_t *bytes, size_t n_bytes);
void fuzz_npz(const uint8_t *bytes, size_t n_bytes);
/* As a file, and as the pickle of a zip archive whose checksums are right. */
void fuzz_torch(const uint8_t *bytes, size_t n_bytes);
void fuzz_marian_bin(const uint8_t *bytes, size_t n_bytes);
void fuzz_ct2(const uint8_t *bytes, size_t n_bytes);
/* The tree of a configuration, and the scanner of headers: what one accepts, the other must. */
void fuzz_json(const uint8_t *bytes, size_t n_bytes);
/* What the gate accepts, the SentencePiece library must load or refuse, and use, without harm. */
void fuzz_spm(const uint8_t *bytes, size_t n_bytes);
/* tokenizer.json, and the SentencePiece model that is made of it. */
void fuzz_fast(const uint8_t *bytes, size_t n_bytes);

/* fuzz_models.c: config.json, generation_config.json and tokenizer_config.json, NULs between. */
void fuzz_config(const uint8_t *bytes, size_t n_bytes);
/* Marian's YAML, alone and as the options of a model. */
void fuzz_yaml(const uint8_t *bytes, size_t n_bytes);
/* vocab.json, vocab.yml, shared_vocabulary.txt or .json, as the first byte says. */
void fuzz_vocabulary(const uint8_t *bytes, size_t n_bytes);
void fuzz_shortlist(const uint8_t *bytes, size_t n_bytes);
/* A file of a whole model, which then translates: the first two bytes say which. */
void fuzz_model(const uint8_t *bytes, size_t n_bytes);

/* fuzz_texts.c: lines of input through their format and back. */
void fuzz_jsonl(const uint8_t *bytes, size_t n_bytes);
void fuzz_tsv(const uint8_t *bytes, size_t n_bytes);
/* A configuration file and arguments, NULs between. */
void fuzz_options(const uint8_t *bytes, size_t n_bytes);
/* What comes through the server's socket. */
void fuzz_wire(const uint8_t *bytes, size_t n_bytes);
/* Language, greatest length, and a text to split. */
void fuzz_sentences(const uint8_t *bytes, size_t n_bytes);
/* A pattern or a list, a NUL, and a text. */
void fuzz_protect(const uint8_t *bytes, size_t n_bytes);
void fuzz_terms(const uint8_t *bytes, size_t n_bytes);

/* fuzz_states.c: SHA256SUMS. */
void fuzz_checksums(const uint8_t *bytes, size_t n_bytes);
/* Output, input and FILE.state of a run with --resume. */
void fuzz_resume(const uint8_t *bytes, size_t n_bytes);

/* The targets by name, the last one without. */
struct fuzz_target {
    const char *name;
    void (*run)(const uint8_t *bytes, size_t n_bytes);
};
extern const struct fuzz_target fuzz_targets[];

#endif
