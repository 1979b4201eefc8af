#include "model/checksums.h"

#include "base/file.h"

#include <errno.h>
#include <sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_LIST_BYTES ((size_t)1 << 20)
#define CHUNK_BYTES ((size_t)1 << 18)
#define HEX_DIGITS ((size_t)2 * SHA256_DIGEST_LENGTH)

static bool hash_file(const struct file *file, char digest[HEX_DIGITS + 1], struct error *err)
{
    SHA2_CTX hash;
    unsigned char bytes[SHA256_DIGEST_LENGTH];
    unsigned char *chunk = memory_new_raw(CHUNK_BYTES, 1, err);
    bool ok = chunk != NULL;
    SHA256Init(&hash);
    for (size_t at = 0, n; ok && at < file->n_bytes; at += n) {
        n = file->n_bytes - at < CHUNK_BYTES ? file->n_bytes - at : CHUNK_BYTES;
        ok = file_read(file, at, chunk, n, err);
        if (ok)
            SHA256Update(&hash, chunk, n);
    }
    SHA256Final(bytes, &hash);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(digest + 2 * i, 3, "%02x", bytes[i]);
    memory_free(chunk);
    return ok;
}

/* One file; *found if it is there. */
static bool verify_file(const char *directory, const char *name, const char *wanted, bool *found,
                        struct error *err)
{
    char digest[HEX_DIGITS + 1];
    struct file file;
    if (!file_exists(directory, name))
        return true;
    *found = true;
    if (!file_open(&file, directory, name, 0, err))
        return false;
    bool ok = hash_file(&file, digest, err);
    if (ok && memcmp(digest, wanted, HEX_DIGITS) != 0)
        ok =
            error_set(err, ERROR_MODEL,
                      "%s: checksum: the file's SHA-256 is %.16s..., the list says %.16s... (fetch "
                      "the model again)",
                      file.name, digest, wanted);
    struct error ignored = {0};
    return file_close(&file, ok ? err : &ignored) && ok;
}

/* "HEX  NAME" or "HEX *NAME"; the name may begin with "./". Makes the digits lower case. */
static bool parse_line(char *line, size_t n_bytes, char **name)
{
    if (n_bytes < HEX_DIGITS + 3 || line[HEX_DIGITS] != ' ' ||
        (line[HEX_DIGITS + 1] != ' ' && line[HEX_DIGITS + 1] != '*'))
        return false;
    for (size_t i = 0; i < HEX_DIGITS; i++) {
        if (line[i] >= 'A' && line[i] <= 'F')
            line[i] = (char)(line[i] - 'A' + 'a');
        if (line[i] == '\0' || strchr("0123456789abcdef", line[i]) == NULL)
            return false;
    }
    *name = line + HEX_DIGITS + 2;
    *name += strncmp(*name, "./", 2) == 0 ? 2 : 0;
    return file_name_is_plain(*name, (size_t)(line + n_bytes - *name));
}

static bool verify_all(const char *directory, const char *list, char *text, size_t n_bytes,
                       struct error *err)
{
    size_t number = 0;
    bool found = false;
    for (char *line = text, *end = text + n_bytes; line < end; number++) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t length = (size_t)((stop != NULL ? stop : end) - line);
        char *name;
        line[length] = '\0'; /* there is a NUL behind the text */
        length -= length > 0 && line[length - 1] == '\r' ? 1 : 0;
        line[length] = '\0';
        if (length > 0 && !parse_line(line, length, &name))
            return error_set(err, ERROR_MODEL, "%s: line %zu: not a SHA-256 and the name of a file",
                             list, number + 1);
        if (length > 0 && !verify_file(directory, name, line, &found, err))
            return false;
        line = stop != NULL ? stop + 1 : end;
    }
    return found || error_set(err, ERROR_MODEL, "%s: names no file of the model", list);
}

/* Where the model's files are: the model, or what it lies in. */
static bool find_directory(const char *model, struct buffer *directory, struct error *err)
{
    struct stat status;
    const char *slash = strrchr(model, '/');
    if (stat(model, &status) != 0)
        return error_set_errno(err, ERROR_MODEL, errno, "%s", model);
    if (S_ISDIR(status.st_mode))
        return buffer_append_text(directory, model, err);
    return slash == NULL
               ? buffer_append_byte(directory, '.', err)
               : buffer_append(directory, model, slash > model ? (size_t)(slash - model) : 1, err);
}

bool checksums_verify(const char *model, const char *list, struct error *err)
{
    struct buffer directory = {0};
    size_t n_bytes = 0;
    bool ok = find_directory(model, &directory, err);
    if (ok && (list != NULL || file_exists(directory.bytes, CHECKSUMS_FILE))) {
        char *text = file_load(list == NULL ? directory.bytes : NULL,
                               list == NULL ? CHECKSUMS_FILE : list, MAX_LIST_BYTES, &n_bytes, err);
        ok = text != NULL &&
             verify_all(directory.bytes, list == NULL ? CHECKSUMS_FILE : list, text, n_bytes, err);
        memory_free(text);
    }
    buffer_free(&directory);
    return ok;
}
