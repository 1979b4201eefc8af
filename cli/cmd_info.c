/* dragoman info: what a model is, or, with --check, whether it is sound. */
#include "base/json.h"
#include "cli/commands.h"
#include "cli/confine.h"
#include "cli/json_line.h"
#include "cli/message.h"
#include "cli/vocabulary.h"
#include "model/model.h"
#include "translate/vocabulary.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* Languages listed on a line. */
#define MAX_LISTED 12

/* Bytes of tokenizer_config.json, which can list hundreds of languages. */
#define LANGUAGES_MAX_BYTES ((size_t)8 << 20)

static const char *family_name(enum family family)
{
    switch (family) {
    case FAMILY_MARIAN:
        return "MarianMT";
    case FAMILY_M2M100:
        return "M2M100";
    case FAMILY_NLLB:
        return "NLLB-200";
    case FAMILY_MBART:
        return "mBART-50";
    case FAMILY_T5:
        return "T5";
    case FAMILY_MARIAN_NATIVE:
        return "Marian";
    case FAMILY_CT2:
        return "CTranslate2";
    }
    return "?";
}

static const char *origin_name(enum origin origin)
{
    switch (origin) {
    case ORIGIN_DEFAULT:
        return "default";
    case ORIGIN_CONFIG:
        return "configuration";
    case ORIGIN_GENERATION_CONFIG:
        return "generation configuration";
    case ORIGIN_MODEL:
        return "model file";
    case ORIGIN_OPTION:
        return "option";
    }
    return "?";
}

/* Lines of text, or members of one JSON object. */
struct report {
    struct buffer out;
    bool json;
    bool is_first;
    struct error *err;
};

static bool begin_member(struct report *r, const char *name)
{
    bool ok = r->json ? buffer_append_text(&r->out, r->is_first ? "{" : ",", r->err) &&
                            json_append_string(&r->out, name, strlen(name), r->err) &&
                            buffer_append_byte(&r->out, ':', r->err)
                      : buffer_printf(&r->out, r->err, "%-20s ", name);
    r->is_first = false;
    return ok;
}

static bool end_member(struct report *r, const char *note)
{
    if (r->json)
        return true;
    return (note == NULL || buffer_printf(&r->out, r->err, "  (%s)", note)) &&
           buffer_append_byte(&r->out, '\n', r->err);
}

static bool report_text(struct report *r, const char *name, const char *value, const char *note)
{
    char escaped[300];
    return begin_member(r, name) &&
           (r->json ? json_append_string(&r->out, value, strlen(value), r->err)
                    : buffer_append_text(
                          &r->out, error_escape(escaped, sizeof escaped, value, strlen(value)),
                          r->err)) &&
           end_member(r, note);
}

static bool report_number(struct report *r, const char *name, uint64_t value, const char *note)
{
    if (value == CONFIG_NONE)
        return !r->json || (begin_member(r, name) && buffer_append_text(&r->out, "null", r->err));
    return begin_member(r, name) &&
           buffer_printf(&r->out, r->err, "%llu", (unsigned long long)value) && end_member(r, note);
}

static bool report_real(struct report *r, const char *name, double value, const char *note)
{
    return begin_member(r, name) && buffer_printf(&r->out, r->err, "%g", value) &&
           end_member(r, note);
}

/* An item of a list: lists are arrays in JSON, else words on one line. */
static bool report_item(struct report *r, const char *text, bool is_first)
{
    char escaped[300];
    return (is_first || buffer_append_text(&r->out, r->json ? "," : " ", r->err)) &&
           (r->json ? json_append_string(&r->out, text, strlen(text), r->err)
                    : buffer_append_text(&r->out,
                                         error_escape(escaped, sizeof escaped, text, strlen(text)),
                                         r->err));
}

static bool begin_list(struct report *r, const char *name)
{
    return begin_member(r, name) && (!r->json || buffer_append_byte(&r->out, '[', r->err));
}

static bool end_list(struct report *r)
{
    return (!r->json || buffer_append_byte(&r->out, ']', r->err)) && end_member(r, NULL);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Configurations, vocabularies and the like beside the weights. */
static int is_beside(const struct dirent *entry)
{
    static const char *const ends[] = {".json", ".spm",   ".model",  ".txt",
                                       ".yml",  ".vocab", ".s2t.bin"};
    const char *name = entry->d_name;
    size_t n = strlen(name);
    if (strstr(name, ".index.json") != NULL || name[0] == '.')
        return 0;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (n > strlen(ends[i]) && strcmp(name + n - strlen(ends[i]), ends[i]) == 0)
            return 1;
    return 0;
}

/* The files of weights as they were opened, then what lies beside them. */
static bool report_files(struct report *r, const char *path, const struct tensors *tensors)
{
    struct dirent **entries = NULL;
    struct buffer directory = {0};
    bool ok = begin_list(r, "files") && vocabulary_directory(path, &directory, r->err);
    for (size_t i = 0; ok && i < tensors_file_count(tensors); i++)
        ok = report_item(r, tensors_file_name(tensors, i), i == 0);
    int count = ok ? scandir(directory.bytes, &entries, is_beside, by_name) : 0;
    if (count < 0)
        ok = error_set_errno(r->err, ERROR_MODEL, errno, "%s", directory.bytes);
    for (int i = 0; i < count; i++) {
        ok = ok && report_item(r, entries[i]->d_name, false);
        free(entries[i]);
    }
    free(entries);
    buffer_free(&directory);
    return ok && end_list(r);
}

/* "en-de" of a bilingual model, if tokenizer_config.json tells. */
static bool report_direction(struct report *r, const char *path)
{
    static const char name[] = "tokenizer_config.json";
    struct buffer directory = {0}, direction = {0};
    cJSON *root = NULL;
    bool ok = vocabulary_directory(path, &directory, r->err) &&
              (!file_exists(directory.bytes, name) ||
               json_load(&root, directory.bytes, name, LANGUAGES_MAX_BYTES, r->err));
    const char *from = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "source_lang"));
    const char *to = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "target_lang"));
    if (ok && from != NULL && to != NULL)
        ok = buffer_printf(&direction, r->err, "%s-%s", from, to) &&
             report_text(r, "direction", direction.bytes, NULL);
    cJSON_Delete(root);
    buffer_free(&directory);
    buffer_free(&direction);
    return ok;
}

/* The codes of the model's languages, or else its direction. */
static bool report_languages(struct report *r, const char *path, const struct config *config)
{
    struct tokenizer *tokenizer;
    if (!vocabulary_of_model(&tokenizer, path, config, false, r->err))
        return false;
    size_t n = tokenizer_n_languages(tokenizer);
    bool ok = n > 0 ? begin_list(r, "languages") : report_direction(r, path);
    size_t listed = r->json || n <= MAX_LISTED ? n : MAX_LISTED;
    for (size_t i = 0; ok && i < listed; i++)
        ok = report_item(r, tokenizer_language(tokenizer, i), i == 0);
    if (ok && listed < n)
        ok = buffer_printf(&r->out, r->err, " ... (%zu: --languages)", n);
    ok = ok && (n == 0 || end_list(r));
    tokenizer_close(tokenizer);
    return ok;
}

/* The most memory that opening took: weights, vocabularies, all. */
static uint64_t memory_bytes(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * 1024 : 0;
}

static bool report_network(struct report *r, const struct config *config)
{
    return report_text(r, "family", family_name(config->family), NULL) &&
           report_text(r, "model_type", config->model_type, NULL) &&
           report_number(r, "encoder_layers", config->encoder_layers, NULL) &&
           report_number(r, "decoder_layers", config->decoder_layers, NULL) &&
           report_number(r, "width", config->width, NULL) &&
           report_number(r, "encoder_heads", config->encoder_heads, NULL) &&
           report_number(r, "decoder_heads", config->decoder_heads, NULL) &&
           report_number(r, "encoder_ffn", config->encoder_ffn, NULL) &&
           report_number(r, "decoder_ffn", config->decoder_ffn, NULL) &&
           report_number(r, "source_vocabulary", config->source_vocabulary, NULL) &&
           report_number(r, "target_vocabulary", config->target_vocabulary, NULL) &&
           report_number(r, "max_source_tokens", config->max_positions, NULL);
}

static bool report_ids(struct report *r, const char *name, const uint32_t *ids, uint32_t n,
                       const char *note)
{
    if (n == 0 && !r->json)
        return true;
    bool ok = begin_member(r, name) && (!r->json || buffer_append_byte(&r->out, '[', r->err));
    for (uint32_t i = 0; ok && i < n; i++)
        ok = buffer_printf(&r->out, r->err, "%s%u", i == 0 ? "" : r->json ? "," : " ", ids[i]);
    return ok && (!r->json || buffer_append_byte(&r->out, ']', r->err)) && end_member(r, note);
}

static bool report_generation(struct report *r, const struct generation *g)
{
    static const char *const stop[] = {"finished", "heuristic", "limit", "exhaustive"};
    return report_number(r, "beam", g->num_beams, origin_name(g->num_beams_origin)) &&
           report_number(r, "max_length", g->max_length, origin_name(g->max_length_origin)) &&
           report_number(r, "min_length", g->min_length, origin_name(g->min_length_origin)) &&
           report_real(r, "length_penalty", g->length_penalty,
                       origin_name(g->length_penalty_origin)) &&
           report_text(r, "stop", stop[g->stop], origin_name(g->stop_origin)) &&
           report_number(r, "no_repeat_ngram", g->no_repeat_ngram_size,
                         origin_name(g->no_repeat_ngram_size_origin)) &&
           report_real(r, "repetition_penalty", g->repetition_penalty,
                       origin_name(g->repetition_penalty_origin)) &&
           report_number(r, "decoder_start", g->start, origin_name(g->start_origin)) &&
           report_ids(r, "eos", g->eos, g->n_eos, origin_name(g->eos_origin)) &&
           report_ids(r, "banned", g->banned, g->n_banned, origin_name(g->banned_origin)) &&
           report_number(r, "forced_bos", g->forced_bos, origin_name(g->forced_bos_origin)) &&
           report_number(r, "forced_eos", g->forced_eos, origin_name(g->forced_eos_origin));
}

static bool model_options(struct model_options *out, const struct options *options,
                          struct error *err)
{
    const char *why = NULL;
    *out = (struct model_options){.precision = (enum precision)options->precision,
                                  .format = vocabulary_format(options),
                                  .kernels = kernels_find(options->cpu, &why)};
    return out->kernels != NULL || error_set(err, ERROR_USAGE, "--cpu: %s", why);
}

/* The types of the tensors, that with the most bytes first: "I8 F16 F32". */
static bool report_types(struct report *r, const struct tensors *tensors)
{
    uint64_t n_bytes[TENSOR_INTGEMM8 + 1] = {0};
    struct buffer list = {0};
    bool ok = true;
    for (size_t i = 0; i < tensors_count(tensors); i++)
        n_bytes[tensors_at(tensors, i)->type] += tensors_at(tensors, i)->n_bytes;
    for (;;) {
        size_t most = 0;
        for (size_t type = 1; type <= TENSOR_INTGEMM8; type++)
            most = n_bytes[type] > n_bytes[most] ? type : most;
        if (n_bytes[most] == 0 || !ok)
            break;
        ok = buffer_printf(&list, r->err, "%s%s", list.n_bytes > 0 ? " " : "",
                           tensor_type_name((enum tensor_type)most));
        n_bytes[most] = 0;
    }
    ok = ok && report_text(r, "stored_type", list.n_bytes > 0 ? list.bytes : "?", NULL);
    buffer_free(&list);
    return ok;
}

/* Opens the model as translating would, so that what is said of its memory is what it takes. */
static bool report_model(struct report *r, const char *path, const struct options *from)
{
    struct tensors *tensors = NULL;
    struct model *model = NULL;
    struct model_options options;
    bool ok = model_options(&options, from, r->err) &&
              tensors_open(&tensors, path, options.format, r->err) &&
              model_open(&model, path, &options, NULL, r->err);
    uint64_t n_parameters = 0;
    for (size_t i = 0; ok && i < tensors_count(tensors); i++)
        n_parameters += tensors_at(tensors, i)->n_elements;
    ok = ok && report_text(r, "path", path, NULL) && report_network(r, model_config(model)) &&
         report_languages(r, path, model_config(model)) && report_files(r, path, tensors) &&
         report_number(r, "stored_parameters", n_parameters, NULL) && report_types(r, tensors) &&
         report_text(r, "precision", model_precision(model) == PRECISION_F32 ? "f32" : "int8",
                     NULL) &&
         report_text(r, "unit", model_kernels(model)->name, NULL) &&
         report_number(r, "weight_bytes", model_bytes(model), NULL) &&
         report_number(r, "memory_bytes", memory_bytes(), "the most so far, all included") &&
         report_generation(r, &model_config(model)->generation);
    model_close(model);
    struct error ignored = {0};
    return tensors_close(tensors, ok ? r->err : &ignored) && ok;
}

/* Adds a fault to the lines of `faults` unless it is there. */
static bool add_fault(struct buffer *faults, const struct error *fault, struct error *err)
{
    return (faults->n_bytes > 0 && strstr(faults->bytes, fault->text) != NULL) ||
           buffer_printf(faults, err, "%s\n", fault->text);
}

/* Configuration and weights, then the vocabularies with their SentencePiece models: what
 * translating would open. The first fault in *err, each in a line of `faults`. */
static bool check_all(const char *path, const struct options *from, struct buffer *faults,
                      struct error *err)
{
    struct model_options options;
    struct tokenizer *tokenizer = NULL;
    struct error fault = {0};
    if (!model_options(&options, from, err))
        return false;
    bool ok = model_check(path, &options, faults, err);
    if (!ok) {
        /* Of several faults among the tensors the error is a summary: the lines are there. */
        bool is_listed = faults->n_bytes > 0 && strstr(err->text, " more faults)") != NULL;
        vocabulary_explain(path, options.format, err);
        if (!is_listed && !add_fault(faults, err, NULL))
            return false;
    }
    if (vocabulary_open(&tokenizer, path, options.format, &fault)) {
        tokenizer_close(tokenizer);
        return ok;
    }
    if (ok)
        *err = fault;
    (void)add_fault(faults, &fault, NULL);
    return false;
}

/* Every fault on a line of standard output; the first one is told on standard error too. */
static int check(const char *path, const struct options *from, struct error *err)
{
    struct buffer faults = {0};
    struct error write_err = {0};
    bool ok = check_all(path, from, &faults, err);
    if (!ok && faults.n_bytes > 0 && !print_text(faults.bytes, faults.n_bytes, &write_err)) {
        buffer_free(&faults);
        return (int)message_fail(&write_err, true);
    }
    buffer_free(&faults);
    if (!ok)
        return (int)message_fail(err, false);
    return print_text("ok\n", 3, err) ? EXIT_DONE : (int)message_fail(err, true);
}

/* The codes of the model's languages, one a line; nothing for a model that knows none. */
static bool list_languages(const char *path, enum tensor_format format, struct error *err)
{
    struct tokenizer *tokenizer;
    struct buffer out = {0};
    if (!vocabulary_open(&tokenizer, path, format, err))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < tokenizer_n_languages(tokenizer); i++)
        ok = buffer_printf(&out, err, "%s\n", tokenizer_language(tokenizer, i));
    ok = ok && (out.n_bytes == 0 || print_text(out.bytes, out.n_bytes, err));
    buffer_free(&out);
    tokenizer_close(tokenizer);
    return ok;
}

static int tell(const struct options *options, const char *path, struct error *err)
{
    if (options->languages)
        return list_languages(path, vocabulary_format(options), err)
                   ? EXIT_DONE
                   : (int)message_fail(err, false);
    if (options->check)
        return check(path, options, err);
    struct report r = {.json = options->json, .is_first = true, .err = err};
    bool reported = report_model(&r, path, options);
    bool ok = reported && (!r.json || buffer_append_text(&r.out, "}\n", err)) &&
              print_text(r.out.bytes, r.out.n_bytes, err);
    buffer_free(&r.out);
    return ok ? EXIT_DONE : (int)message_fail(err, reported);
}

int cmd_info(struct options *options)
{
    struct error err = {0};
    struct model_paths models = {0};
    if (options->n_operands > 1) {
        error_set(&err, ERROR_USAGE, "info: one model at a time");
        return (int)message_fail(&err, false);
    }
    const char *const *names = options->n_operands == 1 ? options->operands : options->model.items;
    size_t count = options->n_operands == 1 || options->model.count > 0 ? 1 : 0;
    bool ok = can_confine(options, &err) && model_paths_find(&models, names, count, &err) &&
              confine_reading(options, &models, NULL, &err) &&
              model_paths_verify(&models, options, &err);
    int status = ok ? tell(options, models.items[0], &err) : (int)message_fail(&err, false);
    model_paths_free(&models);
    return status;
}
