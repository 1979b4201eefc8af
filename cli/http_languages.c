/* The languages of the model as LibreTranslate's clients see them: BCP 47 tags with English names.
 */
#include "cli/http.h"

#include "cli/json_line.h"
#include "tokenizer/languages.h"

#include <string.h>

/* What LibreTranslate's own page waits for while somebody types; some clients look for it. */
#define FRONTEND_MILLISECONDS 500

struct language {
    bool is_source, is_target;
    char name[LANGUAGES_NAME_BYTES];
};

/* Those of texts, or of translations. */
struct side {
    const char **codes; /* [count] */
    size_t *items;      /* [count] which of all languages it is */
    size_t count;
};

struct http_languages {
    const char **codes;                /* [count] the model's */
    char (*tags)[LANGUAGES_TAG_BYTES]; /* [count] */
    struct language *items;            /* [count] */
    size_t count;
    struct side sides[2]; /* sources, targets */
    const char *usual;    /* of --from; or NULL */
    struct buffer json, settings;
};

static size_t find_code(const struct http_languages *languages, const char *code)
{
    size_t i = 0;
    while (i < languages->count && strcmp(languages->codes[i], code) != 0)
        i++;
    return i;
}

/* Adds the languages of one side; the lists of all have room for them. */
static bool add_side(struct http_languages *languages, const struct dragoman *dragoman,
                     bool is_target, size_t count, struct error *err)
{
    struct side *side = &languages->sides[is_target];
    side->codes = memory_new(count, sizeof *side->codes, err);
    side->items = memory_new(count, sizeof *side->items, err);
    if (side->codes == NULL || side->items == NULL)
        return false;
    for (; side->count < count; side->count++) {
        const char *code = dragoman_language(dragoman, is_target, side->count);
        size_t at = find_code(languages, code);
        if (at == languages->count)
            languages->codes[languages->count++] = code;
        languages->items[at].is_source |= !is_target;
        languages->items[at].is_target |= is_target;
        side->codes[side->count] = code;
        side->items[side->count] = at;
    }
    return true;
}

static size_t count_side(const struct dragoman *dragoman, bool is_target)
{
    size_t n = 0;
    while (dragoman_language(dragoman, is_target, n) != NULL)
        n++;
    return n;
}

/* ---- JSON ------------------------------------------------------------------------------------
 */

static bool append_text(struct buffer *out, const char *text, struct error *err)
{
    return json_append_string(out, text, strlen(text), err);
}

/* "code":..,"name":.. */
static bool append_language(const struct http_languages *languages, size_t index,
                            struct buffer *out, struct error *err)
{
    return buffer_append_text(out, "{\"code\":", err) &&
           append_text(out, languages->tags[index], err) &&
           buffer_append_text(out, ",\"name\":", err) &&
           append_text(out, languages->items[index].name, err);
}

static bool append_targets(const struct http_languages *languages, size_t source,
                           struct buffer *out, struct error *err)
{
    bool ok = buffer_append_text(out, ",\"targets\":[", err), is_first = true;
    for (size_t i = 0; ok && languages->items[source].is_source && i < languages->count; i++) {
        if (!languages->items[i].is_target || i == source)
            continue;
        ok = (is_first || buffer_append_byte(out, ',', err)) &&
             append_text(out, languages->tags[i], err);
        is_first = false;
    }
    return ok && buffer_append_text(out, "]}", err);
}

static bool write_json(struct http_languages *languages, struct error *err)
{
    struct buffer *out = &languages->json;
    bool ok = buffer_append_byte(out, '[', err);
    for (size_t i = 0; ok && i < languages->count; i++)
        ok = (i == 0 || buffer_append_byte(out, ',', err)) &&
             append_language(languages, i, out, err) && append_targets(languages, i, out, err);
    return ok && buffer_append_text(out, "]\n", err);
}

/* The first language of a side, as the page's first choice. */
static bool append_first(const struct http_languages *languages, bool is_target, struct buffer *out,
                         struct error *err)
{
    return append_language(languages, languages->sides[is_target].items[0], out, err) &&
           buffer_append_byte(out, '}', err);
}

static bool write_settings(struct http_languages *languages, const struct options *options,
                           struct error *err)
{
    struct buffer *out = &languages->settings;
    const char *keys = options->api_key_file != NULL ? "true" : "false";
    long long limit = options->max_characters > 0 ? (long long)options->max_characters : -1;
    return buffer_printf(out, err,
                         "{\"apiKeys\":%s,\"charLimit\":%lld,\"filesTranslation\":false,"
                         "\"frontendTimeout\":%d,\"keyRequired\":%s,\"language\":{\"source\":",
                         keys, limit, FRONTEND_MILLISECONDS, keys) &&
           append_first(languages, false, out, err) &&
           buffer_append_text(out, ",\"target\":", err) &&
           append_first(languages, true, out, err) &&
           buffer_append_text(out, "},\"suggestions\":false,\"supportedFilesFormat\":[]}\n", err);
}

/* ---- life ------------------------------------------------------------------------------------
 */

static bool fill(struct http_languages *languages, const struct dragoman *dragoman,
                 const struct options *options, struct error *err)
{
    size_t n_sources = count_side(dragoman, false), n_targets = count_side(dragoman, true);
    if (n_sources == 0 || n_targets == 0)
        return error_set(err, ERROR_USAGE,
                         "--http: the model does not say what its languages are: add --from and "
                         "--to");
    size_t room = n_sources + n_targets;
    languages->codes = memory_new(room, sizeof *languages->codes, err);
    languages->tags = memory_new(room, sizeof *languages->tags, err);
    languages->items = memory_new(room, sizeof *languages->items, err);
    if (languages->codes == NULL || languages->tags == NULL || languages->items == NULL)
        return false;
    languages->usual = options->from;
    if (!add_side(languages, dragoman, false, n_sources, err) ||
        !add_side(languages, dragoman, true, n_targets, err) ||
        !languages_tags(languages->codes, languages->count, languages->tags, err))
        return false;
    for (size_t i = 0; i < languages->count; i++)
        languages_display_name(languages->tags[i], languages->items[i].name);
    size_t index;
    if (languages->usual != NULL && !languages_match(languages->sides[0].codes, n_sources,
                                                     languages->usual, "source", &index, err))
        return false;
    return write_json(languages, err) && write_settings(languages, options, err);
}

bool http_languages_new(struct http_languages **out, const struct dragoman *dragoman,
                        const struct options *options, struct error *err)
{
    struct http_languages *languages = memory_new(1, sizeof *languages, err);
    if (languages == NULL)
        return false;
    if (!fill(languages, dragoman, options, err)) {
        http_languages_free(languages);
        return false;
    }
    *out = languages;
    return true;
}

void http_languages_free(struct http_languages *languages)
{
    if (languages == NULL)
        return;
    for (int i = 0; i < 2; i++) {
        memory_free(languages->sides[i].codes);
        memory_free(languages->sides[i].items);
    }
    memory_free(languages->codes);
    memory_free(languages->tags);
    memory_free(languages->items);
    buffer_free(&languages->json);
    buffer_free(&languages->settings);
    memory_free(languages);
}

const char *http_languages_json(const struct http_languages *languages)
{
    return languages->json.bytes;
}

const char *http_settings_json(const struct http_languages *languages)
{
    return languages->settings.bytes;
}

/* ---- choosing -------------------------------------------------------------------------------- */

static bool choose(const struct side *side, const char *wanted, size_t *index, struct error *err)
{
    struct error ignored = {0};
    return languages_match(side->codes, side->count, wanted, "", index, &ignored) ||
           error_set(err, ERROR_USAGE, "%.60s is not supported", wanted);
}

bool http_languages_choose(const struct http_languages *languages,
                           const struct http_request *request, const char **from, const char **to,
                           const char **detected, struct error *err)
{
    const struct side *sources = &languages->sides[0], *targets = &languages->sides[1];
    const char *wanted = request->values[HTTP_SOURCE].bytes;
    bool is_auto = strcmp(wanted, "auto") == 0;
    size_t source = 0, target = 0;
    if (is_auto && languages->usual != NULL)
        wanted = languages->usual;
    else if (is_auto && sources->count > 1)
        return error_set(err, ERROR_USAGE,
                         "auto is not supported: this server does not detect languages, and its "
                         "model has many");
    else if (is_auto)
        wanted = sources->codes[0];
    if (!choose(sources, wanted, &source, err) ||
        !choose(targets, request->values[HTTP_TARGET].bytes, &target, err))
        return false;
    *from = sources->codes[source];
    *to = targets->codes[target];
    *detected = is_auto ? languages->tags[sources->items[source]] : NULL;
    return true;
}
