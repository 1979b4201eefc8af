/* Fuzz targets of the small files that stand beside a model or an output: lists of checksums, and
 * the state of a run that may be resumed. */
#include "cli/resume.h"
#include "model/checksums.h"
#include "tests/support/fuzz_require.h"
#include "tests/support/fuzz_targets.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* fuzz_directory()/name, in `path`. */
static void place(char path[128], const char *name)
{
    snprintf(path, 128, "%s/%s", fuzz_directory(), name);
}

/* ---- lists of checksums ------------------------------------------------------------------------
 */

/* Of "abc", an example of FIPS 180-2. */
static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static bool holds_abc(const uint8_t *bytes, size_t n_bytes)
{
    size_t n_same = 0;
    for (size_t at = 0; at + 64 <= n_bytes; at++) {
        for (n_same = 0; n_same < 64 && tolower(bytes[at + n_same]) == abc[n_same];)
            n_same++;
        if (n_same == 64)
            return true;
    }
    return false;
}

/* The model has the files "a" and "b", each of "abc": a list that it passes has that sum. */
void fuzz_checksums(const uint8_t *bytes, size_t n_bytes)
{
    struct error err = {0};
    char directory[128], file[128], list[128];
    place(directory, "summed");
    place(file, "summed/a");
    place(list, "list");
    if (mkdir(directory, 0777) == 0) {
        fuzz_write("summed/a", "abc", 3);
        fuzz_write("summed/b", "abc", 3);
    }
    fuzz_write("list", bytes, n_bytes);
    fuzz_write("summed/SHA256SUMS", bytes, n_bytes);
    bool named = checksums_verify(directory, list, &err);
    if (named)
        require(holds_abc(bytes, n_bytes));
    else
        require_line(&err);
    error_clear(&err);
    /* The same list where it is looked for, and for a model that is one file. */
    require(checksums_verify(directory, NULL, &err) == named);
    error_clear(&err);
    require(checksums_verify(file, NULL, &err) == named);
}

/* ---- the state of a resumed run ----------------------------------------------------------------
 */

#define HEAD "dragoman state 1 "
#define FINGERPRINT_BYTES 64

/* What `dragoman -m MODEL -o OUT --resume` would read of its options. */
static const struct options *resumed(void)
{
    static struct options options;
    static char out[128], model[128];
    static bool done;
    char nowhere[128];
    struct error err = {0};
    if (!done) {
        place(out, "out");
        place(model, "model");
        place(nowhere, "nowhere");
        setenv("XDG_CONFIG_HOME", nowhere, 1);
        fuzz_write("model", "abc", 3);
        char *arguments[] = {"-m", model, "-o", out, "--resume"};
        require(options_read(&options, COMMAND_TRANSLATE, 5, arguments, &err));
        done = true;
    }
    return &options;
}

/* The state that such a run begins with, up to and with its fingerprint. */
static const char *right_head(void)
{
    static char head[sizeof HEAD + FINGERPRINT_BYTES];
    char path[128];
    struct error err = {0};
    struct resume *resume;
    struct undo undo = {0};
    if (head[0] != '\0')
        return head;
    fuzz_remove("out");
    fuzz_remove("out.state");
    require(resume_open(&resume, resumed(), NULL, &err) && resume_lines(resume) == 0);
    resume_create(resume, &undo);
    resume_begin(resume);
    resume_close(resume, false);
    place(path, "out.state");
    FILE *file = fopen(path, "r");
    require(file != NULL && fread(head, 1, sizeof head - 1, file) == sizeof head - 1);
    fclose(file);
    require(memcmp(head, HEAD, sizeof HEAD - 1) == 0);
    return head;
}

/* The state as it is, or with the fingerprint that its run has. */
static void write_state(const uint8_t *bytes, size_t n_bytes, bool is_right)
{
    char *copy = fuzz_copy((struct fuzz_text){(const char *)bytes, n_bytes});
    if (is_right && n_bytes > sizeof HEAD + FINGERPRINT_BYTES)
        memcpy(copy, right_head(), sizeof HEAD - 1 + FINGERPRINT_BYTES);
    fuzz_write("out.state", copy, n_bytes);
    free(copy);
}

/* One run over the lines of `input`; false if it is refused. */
static bool run(struct fuzz_text input, uint64_t n_out, bool is_complete, bool *was_complete)
{
    struct error err = {0};
    struct resume *resume;
    struct record *record = record_new(&err);
    uint64_t n_lines = 0;
    const char *at = input.bytes, *end = input.bytes + input.n_bytes, *stop;
    require(record != NULL);
    bool ok = resume_open(&resume, resumed(), NULL, &err);
    if (ok) {
        require(resume_lines(resume) == n_out);
        *was_complete = resume_is_complete(resume);
        for (; ok && at < end; n_lines++, at = stop + 1) {
            if (n_lines == n_out)
                resume_begin(resume);
            stop = memchr(at, '\n', (size_t)(end - at));
            stop = stop != NULL ? stop : end;
            buffer_clear(&record->line);
            require(buffer_append(&record->line, at, (size_t)(stop - at), &err));
            ok = resume_note(resume, record, &err);
        }
        ok = ok && resume_check_end(resume, true, &err);
        if (ok && n_lines == n_out)
            resume_begin(resume);
        if (ok)
            resume_close(resume, is_complete);
        else
            resume_free(resume);
    }
    if (!ok)
        require_line(&err);
    record_free(record);
    return ok;
}

/* The first byte's bits: whether the state has the right fingerprint, and whether the run is
 * complete. Then the output, the input, a NUL behind each, and the state. */
void fuzz_resume(const uint8_t *bytes, size_t n_bytes)
{
    if (n_bytes == 0)
        return;
    bool is_right = (bytes[0] & 1) != 0, is_complete = (bytes[0] & 2) != 0, was_complete;
    bytes++;
    n_bytes--;
    struct fuzz_text output = fuzz_take(&bytes, &n_bytes), input = fuzz_take(&bytes, &n_bytes);
    uint64_t n_out = 0, n_in = input.n_bytes > 0;
    for (size_t i = 0; i < output.n_bytes; i++)
        n_out += output.bytes[i] == '\n';
    for (size_t i = 0; i + 1 < input.n_bytes; i++)
        n_in += input.bytes[i] == '\n';
    (void)right_head();
    fuzz_write("out", output.bytes, output.n_bytes);
    write_state(bytes, n_bytes, is_right);
    if (!run(input, n_out, is_complete, &was_complete) || n_in != n_out)
        return;
    /* A run that had nothing left to do is not refused the second time. */
    bool is_still = was_complete;
    require(run(input, n_out, is_complete, &is_still));
    require(is_still || !is_complete);
}
