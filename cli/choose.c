#include "cli/choose.h"

#include "cli/model_languages.h"
#include "cli/paths.h"
#include "cli/store.h"

#include <stdio.h>
#include <string.h>

/* Bytes of the names in a message; what is more is "...". */
#define LISTED_BYTES 200

/* One model's way: from one language into another; NULL where nobody says. */
struct leg {
    const char *from, *to;
};

static bool fits(const char *path, const struct leg *leg, bool *does, struct error *err)
{
    struct model_languages languages;
    char type[32] = "";
    model_type_read(path, type, sizeof type);
    if (!model_languages_read(&languages, path, type, err))
        return false;
    *does = model_languages_match(&languages, leg->from, leg->to);
    model_languages_free(&languages);
    return true;
}

/* "from de to fr" */
static void describe_leg(const struct leg *leg, char out[100])
{
    snprintf(out, 100, "%s%.32s%s%s%.32s", leg->from != NULL ? "from " : "",
             leg->from != NULL ? leg->from : "", leg->from != NULL && leg->to != NULL ? " " : "",
             leg->to != NULL ? "to " : "", leg->to != NULL ? leg->to : "");
}

static void append_name(char list[LISTED_BYTES], const struct store_entry *entry)
{
    size_t used = strlen(list);
    const char *gap = used > 0 ? ", " : "";
    size_t need = strlen(entry->name) + strlen(entry->languages) + 12;
    if (used + need < LISTED_BYTES)
        snprintf(list + used, LISTED_BYTES - used, "%s%s (%s)", gap, entry->name,
                 entry->languages[0] != '\0' ? entry->languages : "?");
    else if (used + 6 < LISTED_BYTES && (used < 3 || strcmp(list + used - 3, "...") != 0))
        snprintf(list + used, LISTED_BYTES - used, "%s...", gap);
}

static bool none_fits(const struct store_list *list, const struct leg *leg, struct error *err)
{
    char way[100], names[LISTED_BYTES] = "";
    describe_leg(leg, way);
    for (size_t i = 0; i < list->count; i++)
        append_name(names, &list->entries[i]);
    return error_set(err, ERROR_USAGE,
                     "no installed model translates %s (installed: %s; `dragoman get OWNER/NAME` "
                     "fetches one, -m names one that is elsewhere)",
                     way, list->count > 0 ? names : "none");
}

/* The installed model for a leg, its path appended to `path`. */
static bool find_installed(const struct store_list *list, const char *store, const struct leg *leg,
                           struct buffer *path, struct error *err)
{
    char names[LISTED_BYTES] = "", way[100];
    struct buffer candidate = {0};
    size_t count = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < list->count; i++) {
        bool does = false;
        buffer_clear(&candidate);
        ok = buffer_printf(&candidate, err, "%s/%s", store, list->entries[i].directory) &&
             fits(candidate.bytes, leg, &does, err);
        if (!ok || !does)
            continue;
        append_name(names, &list->entries[i]);
        if (count++ == 0)
            ok = buffer_append(path, candidate.bytes, candidate.n_bytes, err);
    }
    buffer_free(&candidate);
    if (!ok)
        return false;
    describe_leg(leg, way);
    if (count > 1)
        return error_set(err, ERROR_USAGE,
                         "several installed models translate %s: %s (-m says which)", way, names);
    return count == 1 || none_fits(list, leg, err);
}

static bool choose_leg(const struct leg *leg, struct buffer *path, struct error *err)
{
    struct error no_default = {0};
    struct store_list list = {0};
    struct buffer store = {0};
    bool is_default = false;
    if (default_model_path(path, &no_default) && !fits(path->bytes, leg, &is_default, err))
        return false;
    if (is_default)
        return true;
    buffer_clear(path);
    bool ok = store_path(&store, err) && store_read(&list, err) &&
              find_installed(&list, store.bytes, leg, path, err);
    store_list_free(&list);
    buffer_free(&store);
    return ok;
}

static bool add_model(struct options *options, size_t index, const struct leg *leg,
                      struct error *err)
{
    struct buffer path = {0};
    bool ok = choose_leg(leg, &path, err);
    options->model.items[index] =
        ok ? arena_text(&options->arena, path.bytes, path.n_bytes, err) : NULL;
    buffer_free(&path);
    return options->model.items[index] != NULL;
}

bool choose_models(struct options *options, struct error *err)
{
    size_t n_via = options->via.count;
    bool is_client = options->command == COMMAND_TRANSLATE && options->socket != NULL;
    if (n_via > 0 && !is_client && (options->from == NULL || options->to == NULL))
        return error_set(err, ERROR_USAGE, "--via: needs --from and --to");
    if (options->model.count > 0 && n_via > 0 && options->model.count != n_via + 1)
        return error_set(err, ERROR_USAGE,
                         "--via: %zu language%s between needs %zu models, not %zu", n_via,
                         n_via == 1 ? "" : "s", n_via + 1, options->model.count);
    if (options->model.count > 0 || is_client || (options->from == NULL && options->to == NULL))
        return true;
    const char **paths = arena_new(&options->arena, n_via + 1, sizeof *paths, err);
    if (paths == NULL)
        return false;
    options->model.items = paths;
    for (size_t i = 0; i <= n_via; i++) {
        struct leg leg = {.from = i == 0 ? options->from : options->via.items[i - 1],
                          .to = i == n_via ? options->to : options->via.items[i]};
        if (!add_model(options, i, &leg, err))
            return false;
    }
    options->model.count = n_via + 1;
    option_note_chosen(options, "model");
    return true;
}
