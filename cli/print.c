/* What print_text() and print_version() of commands.h do. */
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/lines.h"
#include "cli/message.h"

#include "base/sandbox.h"
#include "kernels/kernels.h"

#define PCRE2_CODE_UNIT_WIDTH 8

#include <cjson/cJSON.h>
#include <pcre2.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unicode/uversion.h>
#include <zlib.h>

bool print_text(const char *text, size_t n_bytes, struct error *err)
{
    struct line_output *output;
    struct line_output_options options = {.terminator = '\n'};
    if (!line_output_open(&output, NULL, &options, NULL, err))
        return false;
    bool ok = line_output_add(output, text, n_bytes, err);
    return line_output_close(output, err) && ok;
}

/* "CPU unit: avx2 (of scalar avx2)" */
static bool append_units(struct buffer *out, struct error *err)
{
    size_t count;
    const struct kernels *const *usable = kernels_usable(&count);
    const struct kernels *used = kernels_find(getenv("DRAGOMAN_CPU"), NULL);
    bool ok = buffer_printf(out, err, "CPU unit: %s (of", used != NULL ? used->name : "none");
    for (size_t i = 0; ok && i < count; i++)
        ok = buffer_printf(out, err, " %s", usable[i]->name);
    return ok && buffer_append_text(out, ")\n", err);
}

/* Of the libraries as they are now, where they tell; SentencePiece does not. */
static bool append_libraries(struct buffer *out, struct error *err)
{
    UVersionInfo icu;
    char icu_text[U_MAX_VERSION_STRING_LENGTH], pcre2[64] = "?";
    u_getVersion(icu);
    u_versionToString(icu, icu_text);
    if (pcre2_config(PCRE2_CONFIG_VERSION, NULL) <= (int)sizeof pcre2)
        pcre2_config(PCRE2_CONFIG_VERSION, pcre2);
    return buffer_printf(out, err,
                         "libraries: SentencePiece %s, ICU %s, cJSON %s, PCRE2 %s, SQLite %s, "
                         "zlib %s\n",
                         SENTENCEPIECE_VERSION, icu_text, cJSON_Version(), pcre2,
                         sqlite3_libversion(), zlibVersion());
}

int print_version(void)
{
    struct error err = {0};
    struct buffer out = {0};
    bool ok = buffer_printf(&out, &err, "dragoman %s\n", DRAGOMAN_VERSION) &&
              append_units(&out, &err) &&
              buffer_printf(&out, &err, "sandbox: %s\n", sandbox_available()) &&
              append_libraries(&out, &err) && print_text(out.bytes, out.n_bytes, &err);
    buffer_free(&out);
    return ok ? EXIT_DONE : (int)message_fail(&err, true);
}
