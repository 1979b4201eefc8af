/* dragoman models, dragoman remove: what is installed. */
#include "cli/commands.h"
#include "cli/json_line.h"
#include "cli/message.h"
#include "cli/store.h"

#include <string.h>

static bool append_field(struct buffer *out, const char *name, const char *value, struct error *err)
{
    return buffer_printf(out, err, "\"%s\":", name) &&
           json_append_string(out, value, strlen(value), err);
}

static bool append_entry(const struct store_entry *entry, bool json, struct buffer *out,
                         struct error *err)
{
    unsigned long long n_bytes = entry->n_bytes;
    if (!json)
        return buffer_printf(out, err, "%s\t%llu\t%s\t%s\n", entry->name, n_bytes, entry->family,
                             entry->languages);
    return buffer_append_byte(out, '{', err) && append_field(out, "name", entry->name, err) &&
           buffer_printf(out, err, ",\"bytes\":%llu,", n_bytes) &&
           append_field(out, "family", entry->family, err) && buffer_append_byte(out, ',', err) &&
           append_field(out, "languages", entry->languages, err) &&
           buffer_append_text(out, "}\n", err);
}

int cmd_models(struct options *options)
{
    struct error err = {0};
    struct store_list list = {0};
    struct buffer out = {0};
    bool ok = options->n_operands == 0 ||
              error_set(&err, ERROR_USAGE, "%s: 'models' takes no operands", options->operands[0]);
    ok = ok && store_read(&list, &err);
    for (size_t i = 0; ok && i < list.count; i++)
        ok = append_entry(&list.entries[i], options->json, &out, &err);
    ok = ok && (out.n_bytes == 0 || print_text(out.bytes, out.n_bytes, &err));
    store_list_free(&list);
    buffer_free(&out);
    return ok ? EXIT_DONE : (int)message_fail(&err, false);
}

int cmd_remove(struct options *options)
{
    struct error err = {0};
    if (options->n_operands == 0) {
        error_set(&err, ERROR_USAGE, "remove: names no model (see 'dragoman models')");
        return (int)message_fail(&err, false);
    }
    for (size_t i = 0; i < options->n_operands; i++) {
        struct buffer removed = {0};
        bool ok = store_remove(options->operands[i], &removed, &err);
        if (ok)
            message_note("removed %s", removed.bytes);
        buffer_free(&removed);
        if (!ok)
            return (int)message_fail(&err, i > 0);
    }
    return EXIT_DONE;
}
