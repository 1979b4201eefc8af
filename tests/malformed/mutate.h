/* mutate.h - damaged model files, made one by one from the files of the tiny models: a target is a
 * file, or a part of one that a checksum protects; of each target there are so many cases of each
 * kind, and case number i is always the same bytes.
 *
 *     struct target target;
 *     target_make(&target, &model, file, TINY_WHOLE);
 *     for (i = 0; i < target_count(&target, DAMAGE_FLIP); i++) {
 *         buffer_clear(&bytes);
 *         target_damage(&target, DAMAGE_FLIP, i, seed, &bytes);      the whole file
 *     }
 *     target_free(&target); */
#ifndef DRAGOMAN_TESTS_MALFORMED_MUTATE_H
#define DRAGOMAN_TESTS_MALFORMED_MUTATE_H

#include "tests/support/tiny_models.h"

enum damage {
    DAMAGE_CUT,    /* the first i bytes, for every i */
    DAMAGE_FLIP,   /* one bit, for every bit that is not the value of a tensor */
    DAMAGE_NUMBER, /* a hostile 4- or 8-byte number, at every byte that is no value of a tensor */
    DAMAGE_TOKEN,  /* text: every word, string and mark, replaced by every hostile one */
    DAMAGE_LINE,   /* text: every line, gone, twice, or moved to the end */
    DAMAGE_MIX,    /* a few random changes */
    DAMAGE_HAND,   /* what somebody thought of (handmade.c) */
    DAMAGE_COUNT
};

extern const char *const damage_names[DAMAGE_COUNT];

/* Part of a text, in bytes. */
struct piece {
    size_t start, n_bytes;
};

struct target {
    const struct tiny_model *model;
    const struct tiny_file *file;
    enum tiny_part part;
    struct buffer bytes; /* of the part */
    size_t *places;      /* [n_places] offsets that are no tensor's values */
    size_t n_places;
    struct piece *tokens; /* [n_tokens], of text alone */
    size_t n_tokens;
    struct piece *lines;
    size_t n_lines;
};

void target_make(struct target *target, const struct tiny_model *model,
                 const struct tiny_file *file, enum tiny_part part);
void target_free(struct target *target);

/* How many cases there are. */
size_t target_count(const struct target *target, enum damage damage);

/* Appends the file of case `index`. `seed` matters to DAMAGE_MIX alone. */
void target_damage(const struct target *target, enum damage damage, size_t index, uint64_t seed,
                   struct buffer *out);

/* A number that looks random, the same for the same arguments. */
uint64_t mix_bits(uint64_t seed, uint64_t value);

/* handmade.c: the cases for a target, and the part's bytes of one of them. */
size_t handmade_count(const struct target *target);
void handmade_make(const struct target *target, size_t index, struct buffer *out);

#endif
