/* What print_text() and print_version() of commands.h do. */
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/lines.h"
#include "cli/message.h"

#include "base/sandbox.h"
#include "kernels/kernels.h"

bool print_text(const char *text, size_t n_bytes, struct error *err)
{
    struct line_output *output;
    struct line_output_options options = {.terminator = '\n'};
    if (!line_output_open(&output, NULL, &options, NULL, err))
        return false;
    bool ok = line_output_add(output, text, n_bytes, err);
    return line_output_close(output, err) && ok;
}

int print_version(void)
{
    struct error err = {0};
    struct buffer out = {0};
    size_t count;
    const struct kernels *const *usable = kernels_usable(&count);
    bool ok = buffer_printf(&out, &err, "dragoman %s\nCPU units:", DRAGOMAN_VERSION);
    for (size_t i = 0; ok && i < count; i++)
        ok = buffer_printf(&out, &err, " %s", usable[i]->name);
    ok = ok && buffer_printf(&out, &err, "\nsandbox: %s\n", sandbox_available()) &&
         print_text(out.bytes, out.n_bytes, &err);
    buffer_free(&out);
    return ok ? EXIT_DONE : (int)message_fail(&err, true);
}
