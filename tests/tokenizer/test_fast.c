/* tokenizer.json alone: the SentencePiece model put together from it gives the ids of the model
 * that it was made of, whatever the text. The file is written here as the reference's converters do
 * it, in the forms of several years. */
#include "base/json.h"
#include "tests/support/model_dir.h"
#include "tokenizer/fast.h"
#include "tokenizer/wire.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct error err;

/* ---- a converter ------------------------------------------------------------------------------
 */

#define MOST_PIECES 2048

struct source_piece {
    char text[64];
    float score;
    uint64_t type;
};

struct source_model {
    struct source_piece pieces[MOST_PIECES];
    size_t n;
    const unsigned char *table; /* of the normalizer */
    size_t n_table;
    bool is_bpe;
};

static void read_message(struct source_model *model, const struct wire_field *field)
{
    struct wire wire = {.at = field->bytes, .end = field->bytes + field->n_bytes};
    struct wire_field part;
    if (field->number == 1) {
        struct source_piece *piece = &model->pieces[model->n++];
        *piece = (struct source_piece){.type = 1};
        while (wire_next(&wire, &part)) {
            uint32_t bits = (uint32_t)part.value;
            if (part.number == 1)
                snprintf(piece->text, sizeof piece->text, "%.*s", (int)part.n_bytes, part.bytes);
            else if (part.number == 2)
                memcpy(&piece->score, &bits, sizeof bits);
            else if (part.number == 3)
                piece->type = part.value;
        }
        ck_assert_uint_lt(model->n, MOST_PIECES);
    }
    while (field->number == 2 && wire_next(&wire, &part))
        if (part.number == 3)
            model->is_bpe = part.value == SPM_BPE;
    while (field->number == 3 && wire_next(&wire, &part))
        if (part.number == 2) {
            model->table = part.bytes;
            model->n_table = part.n_bytes;
        }
}

static void put(struct buffer *out, const char *text)
{
    ck_assert(buffer_append_text(out, text, &err));
}

static void put_string(struct buffer *out, const char *text)
{
    cJSON *string = cJSON_CreateString(text);
    char *printed = cJSON_PrintUnformatted(string);
    put(out, printed);
    cJSON_free(printed);
    cJSON_Delete(string);
}

static void put_base64(struct buffer *out, const unsigned char *bytes, size_t n_bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n_bytes; i += 3) {
        uint32_t bits = (uint32_t)bytes[i] << 16;
        bits |= i + 1 < n_bytes ? (uint32_t)bytes[i + 1] << 8 : 0;
        bits |= i + 2 < n_bytes ? bytes[i + 2] : 0;
        for (unsigned j = 0; j < 4; j++)
            ck_assert(buffer_append_byte(
                out, i + j > n_bytes ? '=' : digits[bits >> (18 - 6 * j) & 63], &err));
    }
}

static size_t find_piece(const struct source_model *model, const char *text, size_t n_bytes)
{
    for (size_t i = 0; i < model->n; i++)
        if (strlen(model->pieces[i].text) == n_bytes &&
            memcmp(model->pieces[i].text, text, n_bytes) == 0)
            return i;
    return model->n;
}

/* Every pair that gives a piece, best pieces first: they are in that order in the model. `style`:
 * pairs as lists; the best one forgotten, as converters did for its score of 0. */
static void put_merges(struct buffer *out, const struct source_model *model, bool lists,
                       bool forgets, bool drops)
{
    size_t n = 0;
    for (size_t i = 0; i < model->n; i++) {
        const char *text = model->pieces[i].text;
        size_t length = strlen(text);
        if (model->pieces[i].type != 1 || (forgets && model->pieces[i].score == 0))
            continue;
        for (size_t at = 1; at < length; at++) {
            if (((unsigned char)text[at] & 0xc0) == 0x80 ||
                find_piece(model, text, at) == model->n ||
                find_piece(model, text + at, length - at) == model->n)
                continue;
            if (drops && n == 100) {
                drops = false;
                continue;
            }
            struct buffer left = {0};
            ck_assert(buffer_append(&left, text, at, &err));
            put(out, n++ > 0 ? ", " : "");
            if (lists) {
                put(out, "[");
                put_string(out, left.bytes);
                put(out, ", ");
                put_string(out, text + at);
                put(out, "]");
            } else {
                ck_assert(buffer_append_byte(&left, ' ', &err));
                put(&left, text + at);
                put_string(out, left.bytes);
            }
            buffer_free(&left);
        }
    }
}

/* Ids as the family has them. */
static void put_vocabulary(struct buffer *out, const struct source_model *model, bool fairseq,
                           const char *const *behind)
{
    static const char *const first[] = {"<s>", "<pad>", "</s>", "<unk>"};
    size_t n = 0;
    for (size_t i = 0; i < model->n + 8; i++) {
        const char *text = NULL;
        float score = 0;
        if (fairseq && i < 4)
            text = first[i];
        else if (!fairseq || i > 4) {
            size_t k = fairseq ? i - 2 : i;
            if (k < model->n) {
                text = model->pieces[k].text;
                score = model->pieces[k].score;
            }
        }
        if (text == NULL)
            continue;
        put(out, n > 0 ? ", " : "");
        put(out, model->is_bpe ? "" : "[");
        put_string(out, text);
        ck_assert(model->is_bpe ? buffer_printf(out, &err, ": %zu", n)
                                : buffer_printf(out, &err, ", %.17g]", (double)score));
        n++;
    }
    for (; *behind != NULL; behind++) {
        put(out, ", ");
        put(out, model->is_bpe ? "" : "[");
        put_string(out, *behind);
        ck_assert(model->is_bpe ? buffer_printf(out, &err, ": %zu", n)
                                : buffer_printf(out, &err, ", 0.0]"));
        n++;
    }
}

/* One year's file. */
struct style {
    const char *normalizer, *pre_tokenizer; /* $ stands for the table */
    bool lists, forgets, drops;
};

#define PRECOMPILED "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"$\"}"
#define SEQUENCE(list, steps) "{\"type\": \"Sequence\", \"" list "\": [" steps "]}"
#define REPLACE(content)                                                                           \
    "{\"type\": \"Replace\", \"pattern\": {\"Regex\": \" {2,}\"}, \"content\": \"" content "\"}"

static const struct style styles[] = {
    {PRECOMPILED,
     SEQUENCE("pretokenizers",
              "{\"type\": \"WhitespaceSplit\"}, {\"type\": \"Metaspace\", \"replacement\": "
              "\"\xe2\x96\x81\", \"add_prefix_space\": true}"),
     false, true, false},
    {SEQUENCE("normalizers", PRECOMPILED ", " REPLACE(" ")),
     "{\"type\": \"Metaspace\", \"replacement\": \"\xe2\x96\x81\", \"add_prefix_space\": true}",
     false, false, false},
    {SEQUENCE("normalizers", PRECOMPILED ", {\"type\": \"Strip\", \"strip_left\": false, "
                                         "\"strip_right\": true}, " REPLACE("\xe2\x96\x81")),
     "{\"type\": \"Metaspace\", \"replacement\": \"\xe2\x96\x81\", \"prepend_scheme\": \"always\", "
     "\"split\": true}",
     true, false, false},
};
#define N_STYLES ((int)(sizeof styles / sizeof styles[0]))

static void put_file(struct buffer *out, const struct source_model *model,
                     const struct style *style, bool fairseq)
{
    static const char *const none[] = {NULL};
    static const char *const languages[] = {"eng_Latn", "deu_Latn", "<mask>", NULL};
    const char *const *behind = fairseq && !style->lists && model->is_bpe ? languages : none;
    put(out, "{\"version\": \"1.0\", \"truncation\": null, \"padding\": null, \"added_tokens\": [");
    if (fairseq) {
        static const char *const first[] = {"<s>", "<pad>", "</s>", "<unk>"};
        for (size_t i = 0; i < 4; i++)
            ck_assert(buffer_printf(out, &err,
                                    "%s{\"id\": %zu, \"content\": \"%s\", \"special\": true}",
                                    i > 0 ? ", " : "", i, first[i]));
        for (size_t i = 0; behind[i] != NULL; i++)
            ck_assert(buffer_printf(out, &err,
                                    ", {\"id\": %zu, \"content\": \"%s\", \"special\": true}",
                                    model->n + 1 + i, behind[i]));
    } else {
        put(out, "{\"id\": 0, \"content\": \"<pad>\", \"special\": true}, {\"id\": 1, \"content\": "
                 "\"</s>\", \"special\": true}, {\"id\": 2, \"content\": \"<unk>\", \"special\": "
                 "true}");
    }
    put(out, "], \"normalizer\": ");
    const char *mark = strchr(style->normalizer, '$');
    ck_assert(buffer_append(out, style->normalizer, (size_t)(mark - style->normalizer), &err));
    put_base64(out, model->table, model->n_table);
    put(out, mark + 1);
    put(out, ", \"pre_tokenizer\": ");
    put(out, style->pre_tokenizer);
    put(out, ", \"post_processor\": null, \"decoder\": {\"type\": \"Metaspace\"}, \"model\": {");
    put(out, model->is_bpe ? "\"type\": \"BPE\", \"dropout\": null, \"unk_token\": \"<unk>\", "
                             "\"fuse_unk\": true, \"vocab\": {"
                           : "\"type\": \"Unigram\", \"unk_id\": 2, \"vocab\": [");
    put_vocabulary(out, model, fairseq, behind);
    put(out, model->is_bpe ? "}, \"merges\": [" : "], \"byte_fallback\": false}}");
    if (model->is_bpe) {
        put_merges(out, model, style->lists, style->forgets, style->drops);
        put(out, "]}}");
    }
}

/* ---- the same ids -----------------------------------------------------------------------------
 */

static const struct fixture {
    const char *directory, *file;
    enum tokenizer_family family;
    const char *source, *target;
    uint32_t rows;
} fixtures[] = {
    {"tests/fixtures/t5", "spiece.model", TOKENIZER_T5, NULL, NULL, 1000},
    {"tests/fixtures/nllb", "sentencepiece.bpe.model", TOKENIZER_NLLB, "en", "de", 1104},
    {"tests/fixtures/mbart50", "sentencepiece.bpe.model", TOKENIZER_MBART, "en", "de", 954},
};
#define N_FIXTURES ((int)(sizeof fixtures / sizeof fixtures[0]))

static const char *const awkward[] = {
    "",
    " ",
    "   spaces   in  and around   ",
    "tab\tand no-break\xc2\xa0space\xe3\x80\x80wide",
    "\xef\xbc\xa1\xef\xbd\x82\xef\xbc\x93 full width, \xef\xac\x81 ligature, \xc2\xbd",
    "e\xcc\x81 combining, \xc3\xa9 composed, \xe1\xba\x9e",
    "\xf0\x9f\x98\x80 emoji \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7",
    "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82 \xe4\xbd\xa0\xe5\xa5\xbd",
    "</s> <pad> <unk> eng_Latn <extra_id_3> __de__",
    "\xe2\x96\x81 the meta space itself\xe2\x96\x81",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "Zero\xe2\x80\x8bwidth, soft\xc2\xadhyphen, \xe2\x80\x9cquotes\xe2\x80\x9d \xe2\x80\x94 dash",
};

static void compare(const struct tokenizer *wanted, const struct tokenizer *found,
                    const struct fixture *fixture, const char *text)
{
    struct tokenizer_direction a, b;
    struct token_ids ids = {0}, same = {0};
    ck_assert(tokenizer_direct(wanted, fixture->source, fixture->target, &a, &err));
    ck_assert(tokenizer_direct(found, fixture->source, fixture->target, &b, &err));
    ck_assert_uint_eq(a.forced_first, b.forced_first);
    ck_assert_msg(tokenizer_encode(wanted, &a, text, strlen(text), &ids, NULL, &err), "%s",
                  err.text);
    ck_assert_msg(tokenizer_encode(found, &b, text, strlen(text), &same, NULL, &err), "%s",
                  err.text);
    ck_assert_msg(ids.n_ids == same.n_ids &&
                      memcmp(ids.ids, same.ids, ids.n_ids * sizeof *ids.ids) == 0,
                  "%s: '%s'", fixture->directory, text);
    token_ids_free(&ids);
    token_ids_free(&same);
}

static char *source_bytes;

static void read_model(struct source_model *model, const struct fixture *fixture)
{
    char path[128];
    size_t n_bytes;
    memset(model, 0, sizeof *model);
    error_clear(&err);
    snprintf(path, sizeof path, "%s/%s", fixture->directory, fixture->file);
    source_bytes = model_dir_read(path, &n_bytes);
    struct wire wire = {.at = (unsigned char *)source_bytes,
                        .end = (unsigned char *)source_bytes + n_bytes};
    struct wire_field field;
    while (wire_next(&wire, &field))
        read_message(model, &field);
    ck_assert(wire.fault == NULL);
    ck_assert_uint_gt(model->n, 500);
    ck_assert_uint_gt(model->n_table, 1000);
}

static struct source_model model;

START_TEST(same_ids)
{
    const struct fixture *fixture = &fixtures[_i / N_STYLES];
    const struct style *style = &styles[_i % N_STYLES];
    struct tokenizer_options options = {.family = fixture->family,
                                        .source_rows = fixture->rows,
                                        .target_rows = fixture->rows,
                                        .encodes_target = true};
    struct tokenizer *wanted, *found;
    struct buffer json = {0};
    struct model_dir dir;
    read_model(&model, fixture);
    put_file(&json, &model, style, fixture->family != TOKENIZER_T5);
    model_dir_new(&dir, fixture->directory);
    model_dir_remove(&dir, fixture->file);
    ck_assert(!tokenizer_open(&found, dir.path, &options, &err));
    ck_assert_ptr_nonnull(strstr(err.text, ": No such file, nor a tokenizer.json: take one"));
    error_clear(&err);
    model_dir_write(&dir, "tokenizer.json", json.bytes, json.n_bytes);
    ck_assert_msg(tokenizer_open(&wanted, fixture->directory, &options, &err), "%s", err.text);
    ck_assert_msg(tokenizer_open(&found, dir.path, &options, &err), "%s", err.text);
    ck_assert_uint_eq(tokenizer_count(wanted, TOKENIZER_SOURCE),
                      tokenizer_count(found, TOKENIZER_SOURCE));
    for (uint32_t id = 0; id < tokenizer_count(wanted, TOKENIZER_SOURCE); id++)
        ck_assert_str_eq(tokenizer_piece(wanted, TOKENIZER_SOURCE, id),
                         tokenizer_piece(found, TOKENIZER_SOURCE, id));
    for (size_t i = 0; i < sizeof awkward / sizeof awkward[0]; i++)
        compare(wanted, found, fixture, awkward[i]);
    cJSON *golden;
    const cJSON *item;
    ck_assert(json_load(&golden, fixture->directory, "golden.json", 1 << 20, &err));
    cJSON_ArrayForEach(item, golden)
    {
        compare(wanted, found, fixture, cJSON_GetObjectItem(item, "src")->valuestring);
    }
    cJSON_Delete(golden);
    tokenizer_close(wanted);
    tokenizer_close(found);
    model_dir_free(&dir);
    buffer_free(&json);
    free(source_bytes);
}
END_TEST

/* Without tokenizer_config.json the added tokens are those of tokenizer.json. */
START_TEST(added_tokens)
{
    static const char json[] =
        "{\"added_tokens\": [{\"id\": 0, \"content\": \"<pad>\", \"special\": true}, {\"id\": 1, "
        "\"content\": \"</s>\", \"special\": true}, {\"id\": 2, \"content\": \"<unk>\", "
        "\"special\": true}, {\"id\": 5, \"content\": \"<extra_id_0>\", \"special\": true}], "
        "\"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"\xe2\x96\x81\", "
        "\"add_prefix_space\": true}, \"normalizer\": null, \"model\": {\"unk_id\": 2, \"vocab\": "
        "[[\"<pad>\", 0], [\"</s>\", 0], [\"<unk>\", 0], [\"\xe2\x96\x81\", -2.5], [\"a\", "
        "-1e0]]}}";
    struct tokenizer_options options = {.family = TOKENIZER_T5, .source_rows = 6};
    struct tokenizer_direction direction;
    struct tokenizer *tokenizer;
    struct token_ids ids = {0};
    struct model_dir dir;
    static const uint32_t wanted[] = {3, 4, 4, 2, 1};
    error_clear(&err);
    model_dir_new(&dir, NULL);
    model_dir_write(&dir, "tokenizer.json", json, strlen(json));
    ck_assert_msg(tokenizer_open(&tokenizer, dir.path, &options, &err), "%s", err.text);
    ck_assert_uint_eq(tokenizer_count(tokenizer, TOKENIZER_TARGET), 6);
    ck_assert_str_eq(tokenizer_piece(tokenizer, TOKENIZER_TARGET, 5), "<extra_id_0>");
    ck_assert(tokenizer_is_special(tokenizer, TOKENIZER_TARGET, 5));
    ck_assert(tokenizer_direct(tokenizer, NULL, NULL, &direction, &err));
    ck_assert(tokenizer_encode(tokenizer, &direction, "aax", 3, &ids, NULL, &err));
    ck_assert_uint_eq(ids.n_ids, 5);
    ck_assert_mem_eq(ids.ids, wanted, sizeof wanted);
    token_ids_free(&ids);
    tokenizer_close(tokenizer);
    model_dir_free(&dir);
}
END_TEST

/* ---- what is refused --------------------------------------------------------------------------
 */

#define SPLIT                                                                                      \
    "\"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"\xe2\x96\x81\", "             \
    "\"add_prefix_space\": true}"
#define VOCAB "\"unk_id\": 0, \"vocab\": [[\"<unk>\", 0], [\"a\", -1]]"

static const struct {
    const char *json, *reason;
    enum fast_layout layout;
} faults[] = {
    {"", "offset 0: ", FAST_PLAIN},
    {"[]", "offset 0: ", FAST_PLAIN},
    {"{}", "model: missing", FAST_PLAIN},
    {"{\"model\": {}}", "model: missing", FAST_PLAIN},
    {"{" SPLIT ", \"model\": {" VOCAB "}} x", "text after the end", FAST_PLAIN},
    {"{" SPLIT ", \"model\": {" VOCAB "}", "offset ", FAST_PLAIN},
    {"{\"model\": {\"vocab\": []}}", "model: no vocabulary", FAST_PLAIN},
    {"{\"model\": {\"vocab\": 1}}", "offset 20", FAST_PLAIN},
    {"{\"model\": {\"vocab\": [[\"a\"]]}}", "a piece without a score", FAST_PLAIN},
    {"{\"model\": {\"vocab\": [[\"a\", \"b\"]]}}", "a score is not a number", FAST_PLAIN},
    {"{\"model\": {\"vocab\": [[\"a\", 1, 2]]}}", "more than a score", FAST_PLAIN},
    {"{\"model\": {\"vocab\": [[\"a\", 1], [\"a\", 2]]}}", "'a' twice", FAST_PLAIN},
    {"{\"model\": {\"vocab\": {\"a\": 1}}}", "no piece has id 0", FAST_PLAIN},
    {"{\"model\": {\"vocab\": {\"a\": 0, \"b\": 0}}}", "id twice", FAST_PLAIN},
    {"{\"model\": {\"vocab\": {\"a\": 99999999}}}", "more than 1048576 ids", FAST_PLAIN},
    {"{\"model\": {\"merges\": []}}", "merges before a vocabulary", FAST_PLAIN},
    {"{\"model\": {\"vocab\": {\"a\": 0}, \"merges\": [\"ab\"]}}", "no space in 'ab'", FAST_PLAIN},
    {"{\"model\": {\"vocab\": {\"a\": 0}, \"merges\": [\"a b\"]}}", "'ab' is no piece", FAST_PLAIN},
    {"{\"model\": {\"vocab\": {\"a\": 0}, \"merges\": [[\"a\"]]}}", "merges: not a pair",
     FAST_PLAIN},
    {"{\"model\": {\"type\": \"WordPiece\", " VOCAB "}}", "model: unsupported: \"WordPiece\"",
     FAST_PLAIN},
    {"{\"model\": {\"type\": \"BPE\", \"dropout\": 0.1, " VOCAB "}}", "unsupported: dropout",
     FAST_PLAIN},
    {"{\"model\": {\"continuing_subword_prefix\": \"##\", " VOCAB "}}",
     "unsupported: continuing_subword_prefix", FAST_PLAIN},
    {"{\"model\": {" VOCAB "}}", "pre_tokenizer: missing", FAST_PLAIN},
    {"{\"pre_tokenizer\": {\"type\": \"ByteLevel\"}, \"model\": {" VOCAB "}}",
     "pre_tokenizer: unsupported: 'ByteLevel'", FAST_PLAIN},
    {"{\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Digits\"}]}, "
     "\"model\": {" VOCAB "}}",
     "pre_tokenizer: unsupported: 'Digits'", FAST_PLAIN},
    {"{" SPLIT ", \"normalizer\": {\"type\": \"Lowercase\"}, \"model\": {" VOCAB "}}",
     "normalizer: unsupported: 'Lowercase'", FAST_PLAIN},
    {"{" SPLIT
     ", \"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFKC\"}]}, "
     "\"model\": {" VOCAB "}}",
     "normalizer: unsupported: 'NFKC'", FAST_PLAIN},
    {"{" SPLIT ", \"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"String\": \"a\"}, "
     "\"content\": \" \"}, \"model\": {" VOCAB "}}",
     "normalizer: unsupported: 'Replace'", FAST_PLAIN},
    {"{" SPLIT ", \"normalizer\": {\"type\": \"Precompiled\", \"precompiled_charsmap\": \"a*\"}, "
     "\"model\": {" VOCAB "}}",
     "precompiled_charsmap is not base64", FAST_PLAIN},
    {"{" SPLIT ", \"model\": {\"vocab\": [[\"a\", 0]]}}", "no unknown piece", FAST_PLAIN},
    {"{" SPLIT ", \"model\": {\"unk_id\": 7, \"vocab\": [[\"a\", 0]]}}", "no unknown piece",
     FAST_PLAIN},
    {"{" SPLIT ", \"model\": {\"unk_id\": 0, \"vocab\": [[\"a\", 0], [\"<2de>\", 0]]}}",
     "'<2de>' looks like a language of MADLAD", FAST_PLAIN},
    {"{\"added_tokens\": [{\"id\": 1, \"content\": \"b\"}], " SPLIT ", \"model\": {" VOCAB "}}",
     "'b' has the id of another piece", FAST_PLAIN},
    {"{\"added_tokens\": [{\"content\": \"b\"}], " SPLIT ", \"model\": {" VOCAB "}}",
     "'b' has no id", FAST_PLAIN},
    {"{" SPLIT ", \"model\": {" VOCAB "}}", "'<s>' is not where it should be", FAST_FAIRSEQ},
    {"{" SPLIT ", \"model\": {\"unk_token\": \"u\", \"vocab\": {\"u\": 0, \"a\": 1, \"b\": 2, "
     "\"ab\": 3, \"abb\": 4}, \"merges\": [\"ab b\"]}}",
     NULL, FAST_PLAIN},
    {"{" SPLIT ", \"model\": {\"unk_token\": \"u\", \"vocab\": {\"u\": 0, \"a\": 1, \"b\": 2, "
     "\"ab\": 3, \"abb\": 4, \"aa\": 5}, \"merges\": [\"a b\"]}}",
     "merges: not those of a SentencePiece model", FAST_PLAIN},
};

START_TEST(refused)
{
    struct buffer out = {0};
    error_clear(&err);
    bool ok = fast_parse(faults[_i].json, strlen(faults[_i].json), faults[_i].layout, 0, &out, NULL,
                         &err);
    buffer_free(&out);
    if (faults[_i].reason == NULL) {
        ck_assert_msg(ok, "%s", err.text);
        return;
    }
    ck_assert_msg(!ok, "accepted: %s", faults[_i].json);
    ck_assert_int_eq(err.code, ERROR_MODEL);
    ck_assert_msg(strncmp(err.text, "tokenizer.json: ", 16) == 0 &&
                      strstr(err.text, faults[_i].reason) != NULL,
                  "'%s' lacks '%s'", err.text, faults[_i].reason);
}
END_TEST

/* A pair that is missing among thousands. */
START_TEST(one_merge_missing)
{
    struct style style = styles[1];
    struct buffer json = {0}, out = {0};
    style.drops = true;
    read_model(&model, &fixtures[1]);
    put_file(&json, &model, &style, true);
    ck_assert(!fast_parse(json.bytes, json.n_bytes, FAST_FAIRSEQ, 0, &out, NULL, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "merges: not those of a SentencePiece model"));
    buffer_free(&json);
    buffer_free(&out);
    free(source_bytes);
}
END_TEST

/* Cut anywhere, it is refused; with a bit turned, it is refused or gives a model. */
START_TEST(damaged)
{
    static const char good[] = "{" SPLIT ", \"added_tokens\": [{\"id\": 0, \"content\": \"<unk>\", "
                               "\"special\": true}], \"model\": {" VOCAB "}}";
    char copy[sizeof good];
    struct buffer out = {0};
    for (size_t n = 0; n + 1 < sizeof good; n++) {
        error_clear(&err);
        ck_assert(!fast_parse(good, n, FAST_PLAIN, 0, &out, NULL, &err));
    }
    for (size_t bit = 0; bit < 8 * (sizeof good - 1); bit++) {
        memcpy(copy, good, sizeof good);
        copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
        error_clear(&err);
        buffer_clear(&out);
        if (!fast_parse(copy, sizeof good - 1, FAST_PLAIN, 0, &out, NULL, &err))
            ck_assert_msg(err.code == ERROR_MODEL, "%s", copy);
    }
    buffer_free(&out);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("tokenizer.json");
    tcase_add_loop_test(tcase, same_ids, 0, N_FIXTURES * N_STYLES);
    tcase_add_test(tcase, added_tokens);
    tcase_add_loop_test(tcase, refused, 0, (int)(sizeof faults / sizeof faults[0]));
    tcase_add_test(tcase, one_merge_missing);
    tcase_add_test(tcase, damaged);
    tcase_set_timeout(tcase, 60);
    Suite *suite = suite_create("tokenizer");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
