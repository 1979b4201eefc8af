/* dragoman models, dragoman remove NAME...: what is in the store. */
#include "cli/commands.h"
#include "cli/confine.h"
#include "cli/json_line.h"
#include "cli/message.h"
#include "cli/store.h"

#include <string.h>

static bool append_field(struct buffer *out, const char *name, const char *value, struct error *err)
{
    return buffer_printf(out, err, "\"%s\":", name) &&
           json_append_string(out, value, strlen(value), err);
}

/* NAME TAB BYTES TAB FAMILY TAB LANGUAGES, or the same as a JSON object. */
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
    struct store_list list;
    struct error err = {0};
    if (options->n_operands != 0) {
        error_set(&err, ERROR_USAGE, "models: takes no operand");
        return (int)message_fail(&err, false);
    }
    if (!can_confine(options, &err) || !confine_store(options->sandbox, &err) ||
        !store_read(&list, &err))
        return (int)message_fail(&err, false);
    struct buffer text = {0};
    bool ok = true;
    for (size_t i = 0; i < list.count && ok; i++)
        ok = append_entry(&list.entries[i], options->json, &text, &err);
    ok = ok && (text.n_bytes == 0 || print_text(text.bytes, text.n_bytes, &err));
    buffer_free(&text);
    if (ok && list.count == 0)
        message_note("no models are installed; `dragoman get OWNER/NAME` fetches one");
    store_list_free(&list);
    return ok ? EXIT_DONE : (int)message_fail(&err, false);
}

int cmd_remove(struct options *options)
{
    struct error err = {0};
    bool ok = options->n_operands != 0 || error_set(&err, ERROR_USAGE, "remove: which model?");
    for (size_t i = 0; i < options->n_operands && ok; i++) {
        struct buffer name = {0};
        ok = store_remove(options->operands[i], &name, &err);
        if (ok)
            message_note("%s: removed", name.bytes);
        buffer_free(&name);
    }
    return ok ? EXIT_DONE : (int)message_fail(&err, false);
}
