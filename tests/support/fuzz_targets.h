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

/* The targets by name, the last one without. */
struct fuzz_target {
    const char *name;
    void (*run)(const uint8_t *bytes, size_t n_bytes);
};
extern const struct fuzz_target fuzz_targets[];

#endif
