/* fuzz_require.h - what the fuzz targets' files share. */
#ifndef DRAGOMAN_TESTS_SUPPORT_FUZZ_REQUIRE_H
#define DRAGOMAN_TESTS_SUPPORT_FUZZ_REQUIRE_H

#include "base/error.h"

#include <stdint.h>

/* Ends the process, which is a finding, unless the condition holds. */
void require(bool condition);

/* A refusal is one printable line of a kind that is not our mistake. */
void require_line(const struct error *err);

/* A directory of this process for files that only a path can name, gone when it ends; and a file in
 * it with these bytes. */
const char *fuzz_directory(void);
void fuzz_write(const char *name, const void *bytes, size_t n_bytes);
void fuzz_remove(const char *name);

/* An input of several texts: the part up to the next NUL, which moves *bytes behind it. */
struct fuzz_text {
    const char *bytes;
    size_t n_bytes;
};
struct fuzz_text fuzz_take(const uint8_t **bytes, size_t *n_bytes);

/* The text with a NUL behind it, for free(). */
char *fuzz_copy(struct fuzz_text text);

#endif
