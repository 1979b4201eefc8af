/* The hidden commands that print what is read off the tables. */
#include "cli/commands.h"
#include "cli/confine.h"
#include "cli/help.h"
#include "cli/message.h"
#include "cli/store.h"

#include <string.h>

static bool write_man(const char *name, struct buffer *out, struct error *err)
{
    size_t count;
    const struct command_row *rows = commands_table(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].name, name) == 0)
            return help_write_man(&rows[i], out, err);
    return error_set(err, ERROR_USAGE, "no command '%.40s'", name);
}

static bool write_commands(struct buffer *out, struct error *err)
{
    size_t count;
    const struct command_row *rows = commands_table(&count);
    for (size_t i = 0; i < count; i++)
        if (!buffer_printf(out, err, "%s\n", rows[i].name))
            return false;
    return true;
}

static bool write_models(struct buffer *out, struct error *err)
{
    struct store_list list = {0};
    bool ok = confine_store(0, err) && store_read(&list, err);
    for (size_t i = 0; ok && i < list.count; i++)
        ok = buffer_printf(out, err, "%s\n", list.entries[i].name);
    store_list_free(&list);
    return ok;
}

int cmd_generate(int argc, char *const *argv)
{
    struct error err = {0};
    struct buffer out = {0};
    bool ok;
    if (strcmp(argv[0], "__man") == 0 && argc == 2)
        ok = write_man(argv[1], &out, &err);
    else if (strcmp(argv[0], "__complete") == 0 && argc == 2)
        ok = help_write_completion(argv[1], &out, &err);
    else if (strcmp(argv[0], "__commands") == 0 && argc == 1)
        ok = write_commands(&out, &err);
    else if (strcmp(argv[0], "__models") == 0 && argc == 1)
        ok = write_models(&out, &err);
    else
        ok = error_set(&err, ERROR_USAGE, "%.60s: unknown command", argv[0]);
    ok = ok && (out.n_bytes == 0 || print_text(out.bytes, out.n_bytes, &err));
    buffer_free(&out);
    return ok ? EXIT_DONE : (int)message_fail(&err, false);
}
