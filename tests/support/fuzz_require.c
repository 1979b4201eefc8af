#include "tests/support/fuzz_require.h"

#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void require(bool condition)
{
    if (!condition)
        abort();
}

void require_line(const struct error *err)
{
    size_t length = strlen(err->text);
    require(err->code != ERROR_NONE && err->code != ERROR_INTERNAL && length > 0);
    require(utf8_valid(err->text, length, NULL));
    for (size_t i = 0; i < length; i++)
        require((unsigned char)err->text[i] >= 0x20);
}

static char directory[64];
static pid_t owner;

static void remove_directory(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    if (getpid() == owner && system(command) != 0)
        fprintf(stderr, "%s stays\n", directory);
}

const char *fuzz_directory(void)
{
    if (owner != getpid()) {
        const char *where = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        snprintf(directory, sizeof directory, "%s/dragoman-fuzz-XXXXXX", where);
        require(mkdtemp(directory) != NULL);
        owner = getpid();
        atexit(remove_directory);
    }
    return directory;
}

void fuzz_write(const char *name, const void *bytes, size_t n_bytes)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", fuzz_directory(), name);
    FILE *out = fopen(path, "w");
    require(out != NULL && (n_bytes == 0 || fwrite(bytes, 1, n_bytes, out) == n_bytes) &&
            fclose(out) == 0);
}

void fuzz_remove(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", fuzz_directory(), name);
    (void)unlink(path);
}

struct fuzz_text fuzz_take(const uint8_t **bytes, size_t *n_bytes)
{
    struct fuzz_text text = {(const char *)*bytes, *n_bytes};
    const uint8_t *nul = *n_bytes > 0 ? memchr(*bytes, 0, *n_bytes) : NULL;
    if (nul != NULL)
        text.n_bytes = (size_t)(nul - *bytes);
    size_t taken = text.n_bytes + (nul != NULL);
    *bytes += taken;
    *n_bytes -= taken;
    return text;
}

char *fuzz_copy(struct fuzz_text text)
{
    char *copy = malloc(text.n_bytes + 1);
    require(copy != NULL);
    if (text.n_bytes > 0)
        memcpy(copy, text.bytes, text.n_bytes);
    copy[text.n_bytes] = '\0';
    return copy;
}
