#include "tests/support/tiny_models.h"

#include "model/network.h"
#include "tests/support/spm_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 8
#define MOST_ARRAYS 64
#define PREVIEW_RANK 4
#define PREVIEW_ARRAYS 5 /* the last ones: what the output layer is made of */

static const char *const tokens[TINY_VOCABULARY] = {"</s>",
                                                    "<unk>",
                                                    "\xe2\x96\x81",
                                                    "a",
                                                    "b",
                                                    "\xe2\x96\x81"
                                                    "a",
                                                    "\xe2\x96\x81"
                                                    "b",
                                                    "ab",
                                                    "ba",
                                                    ".",
                                                    ",",
                                                    "c",
                                                    "\xe2\x96\x81"
                                                    "c",
                                                    "d",
                                                    "<s>",
                                                    "<pad>"};

/* ---- arrays -----------------------------------------------------------------------------------
 */

struct arrays {
    struct array items[MOST_ARRAYS];
    char names[MOST_ARRAYS][WEIGHT_NAME_BYTES];
    size_t n;
    bool native; /* matrices are [in, out], vectors [1, n] */
};

/* Values for any array: small, and no two rows alike. */
static const float *values(void)
{
    static float table[1024];
    uint32_t seed = 12345;
    for (size_t i = 0; i < 1024; i++) {
        seed = seed * 1664525u + 1013904223u;
        table[i] = (float)(seed >> 8) / (float)(1 << 24) - 0.5f;
    }
    return table;
}

static void add(struct arrays *arrays, const char *name, size_t rows, size_t columns)
{
    if (arrays->n == MOST_ARRAYS)
        abort();
    size_t i = arrays->n++;
    bool vector = columns == 0 && !arrays->native;
    snprintf(arrays->names[i], sizeof arrays->names[i], "%s", name);
    arrays->items[i] = (struct array){
        .name = arrays->names[i],
        .type = TENSOR_F32,
        .rank = vector ? 1 : 2,
        .shape = {columns == 0 && arrays->native ? 1 : rows, columns == 0 ? rows : columns},
        .values = values() + 7 * (i % 64)};
}

static void add_stack(struct arrays *arrays, const struct config *config, enum stack_side side)
{
    static const enum weight_role roles[] = {
        ROLE_SELF_Q,  ROLE_SELF_K,    ROLE_SELF_V,           ROLE_SELF_OUT, ROLE_SELF_NORM_AFTER,
        ROLE_FFN_IN,  ROLE_FFN_OUT,   ROLE_FFN_NORM_AFTER,   ROLE_CROSS_Q,  ROLE_CROSS_K,
        ROLE_CROSS_V, ROLE_CROSS_OUT, ROLE_CROSS_NORM_AFTER,
    };
    char name[WEIGHT_NAME_BYTES];
    size_t n = sizeof roles / sizeof roles[0] - (side == SIDE_ENCODER ? 5 : 0);
    for (size_t i = 0; i < n; i++) {
        const struct weight_name *row = weight_name_find(config, side, roles[i]);
        bool norm = roles[i] >= ROLE_SELF_NORM_BEFORE;
        if (row->part > 0)
            continue; /* came with part 0 */
        size_t rows = WIDTH * (row->n_parts > 1 ? row->n_parts : 1);
        weight_name_expand(name, row->weight, side, 0);
        add(arrays, name, rows, norm ? 0 : WIDTH);
        weight_name_expand(name, row->bias, side, 0);
        add(arrays, name, rows, 0);
    }
}

static void add_scalar(struct arrays *arrays, const char *name, enum tensor_type type,
                       const void *value)
{
    size_t i = arrays->n;
    add(arrays, name, 1, 0);
    arrays->items[i].rank = 0;
    arrays->items[i].type = type;
    arrays->items[i].values = value;
}

/* The output layer's preview, and as halves the table it is of. */
static void add_preview(struct arrays *arrays)
{
    static uint16_t halves[TINY_VOCABULARY * WIDTH];
    static int8_t codes[TINY_VOCABULARY * PREVIEW_RANK];
    static float scales[TINY_VOCABULARY];
    struct array *table = &arrays->items[arrays->n - 2];
    for (size_t i = 0; i < TINY_VOCABULARY * WIDTH; i++)
        halves[i] = half_of(((const float *)table->values)[i]);
    for (size_t i = 0; i < TINY_VOCABULARY * PREVIEW_RANK; i++)
        codes[i] = (int8_t)(i * 37 % 255 - 127);
    for (size_t i = 0; i < TINY_VOCABULARY; i++)
        scales[i] = 0.001f * (float)(1 + i % 3);
    table->type = TENSOR_F16;
    table->values = halves;
    add(arrays, PREVIEW_WEIGHT, TINY_VOCABULARY, PREVIEW_RANK);
    arrays->items[arrays->n - 1].type = TENSOR_I8;
    arrays->items[arrays->n - 1].values = codes;
    add(arrays, PREVIEW_WEIGHT ".scale", TINY_VOCABULARY, 0);
    arrays->items[arrays->n - 1].values = scales;
    add(arrays, PREVIEW_PROJECTION, PREVIEW_RANK, WIDTH);
    add(arrays, PREVIEW_ERROR, 1, 0);
}

static struct arrays *arrays_new(enum tiny_kind kind)
{
    static const int8_t heads[2] = {2, 0}, no = 0;
    struct arrays *arrays = calloc(1, sizeof *arrays);
    if (arrays == NULL)
        abort();
    struct config config = {.names = kind == TINY_CT2                       ? FAMILY_CT2
                                     : kind == TINY_NPZ || kind == TINY_BIN ? FAMILY_MARIAN_NATIVE
                                                                            : FAMILY_MARIAN};
    arrays->native = config.names == FAMILY_MARIAN_NATIVE;
    add_stack(arrays, &config, SIDE_ENCODER);
    add_stack(arrays, &config, SIDE_DECODER);
    if (kind == TINY_CT2) {
        add(arrays, "decoder/embeddings/weight", TINY_VOCABULARY, WIDTH);
        static const char *const aliases[] = {"encoder/embeddings_0/weight",
                                              "decoder/projection/weight"};
        for (size_t i = 0; i < 2; i++) {
            add(arrays, aliases[i], TINY_VOCABULARY, WIDTH);
            arrays->items[arrays->n - 1].alias_of = "decoder/embeddings/weight";
        }
        add_scalar(arrays, "num_heads", TENSOR_I16, heads);
        add_scalar(arrays, "pre_norm", TENSOR_I8, &no);
        add_scalar(arrays, "activation", TENSOR_I8, &no);
    } else {
        add(arrays, arrays->native ? "Wemb" : "model.shared.weight", TINY_VOCABULARY, WIDTH);
        add(arrays, arrays->native ? "decoder_ff_logit_out_b" : "final_logits_bias",
            TINY_VOCABULARY, 0);
        arrays->items[arrays->n - 1].rank = 2;
        arrays->items[arrays->n - 1].shape[0] = 1;
        arrays->items[arrays->n - 1].shape[1] = TINY_VOCABULARY;
    }
    if (kind == TINY_PREVIEW)
        add_preview(arrays);
    return arrays;
}

/* ---- what stands beside the arrays ------------------------------------------------------------
 */

static const char config_json[] =
    "{\"model_type\": \"marian\", \"architectures\": [\"MarianMTModel\"],\n"
    " \"activation_function\": \"relu\", \"d_model\": 8,\n"
    " \"encoder_layers\": 1, \"decoder_layers\": 1, \"encoder_attention_heads\": 2,\n"
    " \"decoder_attention_heads\": 2, \"encoder_ffn_dim\": 8, \"decoder_ffn_dim\": 8,\n"
    " \"max_position_embeddings\": 64, \"scale_embedding\": true, \"vocab_size\": 16,\n"
    " \"decoder_vocab_size\": 16, \"share_encoder_decoder_embeddings\": true,\n"
    " \"bos_token_id\": 14, \"eos_token_id\": 0, \"pad_token_id\": 15,\n"
    " \"decoder_start_token_id\": 15, \"forced_eos_token_id\": 0}";

static const char generation_json[] =
    "{\"bad_words_ids\": [[15]], \"decoder_start_token_id\": 15, \"eos_token_id\": 0,\n"
    " \"pad_token_id\": 15, \"max_length\": 9, \"num_beams\": 2, \"length_penalty\": 0.5,\n"
    " \"early_stopping\": true, \"no_repeat_ngram_size\": 3}";

static const char tokenizer_json[] =
    "{\"source_lang\": \"en\", \"target_lang\": \"de\", \"eos_token\": \"</s>\",\n"
    " \"unk_token\": {\"content\": \"<unk>\"}, \"pad_token\": \"<pad>\"}";

static const char ct2_json[] =
    "{\"bos_token\": \"<s>\", \"eos_token\": \"</s>\", \"unk_token\": \"<unk>\",\n"
    " \"decoder_start_token\": \"<s>\", \"layer_norm_epsilon\": 1e-5}";

static const char options_yml[] =
    "dec-depth: 1\ndim-emb: 8\ndim-vocabs:\n- 16\n- 16\nenc-depth: 1\n"
    "tied-embeddings-all: true\ntransformer-decoder-autoreg: self-attention\n"
    "transformer-dim-ffn: 8\ntransformer-ffn-activation: relu\ntransformer-heads: 2\n"
    "transformer-postprocess: dan\ntransformer-postprocess-top: ''\n"
    "transformer-tied-layers: []\ntype: transformer\nversion: v1.12.0\n";

static const char decoder_yml[] = "beam-size: 2\nmodels:\n- model.npz\nnormalize: 1\n"
                                  "max-length-factor: 3\nvocabs: [vocab.yml, vocab.yml]\n";

static void put_vocab_json(struct buffer *out, bool array)
{
    put_text(out, array ? "[" : "{");
    for (unsigned i = 0; i < TINY_VOCABULARY; i++) {
        put_text(out, i > 0 ? ",\n \"" : "\"");
        put_text(out, tokens[i]);
        put_text(out, "\"");
        if (!array && !buffer_printf(out, NULL, ": %u", i))
            abort();
    }
    put_text(out, array ? "]" : "}");
}

static void put_vocab_yml(struct buffer *out)
{
    for (unsigned i = 0; i < TINY_VOCABULARY; i++)
        if (!buffer_printf(out, NULL, i % 4 == 1 ? "\"%s\": %u\n" : "%s: %u\n", tokens[i], i))
            abort();
}

/* `ids`: the pieces are the model's vocabulary, in its order. */
static void put_spm(struct buffer *out)
{
    struct spm_parts parts = {0};
    for (unsigned i = 0; i < TINY_VOCABULARY; i++)
        spm_add(&parts, tokens[i],
                i == 1                         ? SPM_UNKNOWN
                : i == 0 || i == 14 || i == 15 ? SPM_CONTROL
                                               : SPM_NORMAL);
    spm_put_number(&parts.trainer, 3, 1);   /* unigram */
    spm_put_number(&parts.trainer, 40, 1);  /* <unk> */
    spm_put_number(&parts.trainer, 41, 14); /* <s> */
    spm_put_number(&parts.trainer, 42, 0);  /* </s> */
    spm_put_number(&parts.trainer, 43, 15); /* <pad> */
    spm_parts_finish(&parts);
    put_bytes(out, parts.model.bytes, parts.model.n_bytes);
    buffer_free(&parts.model);
}

/* marian's util::hash_combine, as model/shortlist.c checks it. */
static void seal_shortlist(struct buffer *file)
{
    uint64_t seed = 0, word;
    for (size_t at = 16; at + 8 <= file->n_bytes; at += 8) {
        memcpy(&word, file->bytes + at, 8);
        seed ^= word + 0x9e3779b9u + (seed << 6) + (seed >> 2);
    }
    if (file->n_bytes >= 16)
        memcpy(file->bytes + 8, &seed, 8);
}

static void put_shortlist(struct buffer *out)
{
    put_u64(out, 0xF11A48D5013417F5u);
    put_u64(out, 0);
    put_u64(out, 4); /* always candidates */
    put_u64(out, 2);
    put_u64(out, TINY_VOCABULARY + 1);
    put_u64(out, TINY_VOCABULARY);
    for (unsigned i = 0; i <= TINY_VOCABULARY; i++)
        put_u64(out, i);
    for (unsigned i = 0; i < TINY_VOCABULARY; i++)
        put_u32(out, i);
    seal_shortlist(out);
}

/* ---- models -----------------------------------------------------------------------------------
 */

static struct buffer *file(struct tiny_model *model, const char *name)
{
    if (model->n_files == TINY_MAX_FILES)
        abort();
    model->files[model->n_files].name = name;
    return &model->files[model->n_files++].bytes;
}

/* The first n_first arrays in one file, the others in another. */
static void make_shards(struct tiny_model *model, const struct arrays *arrays, size_t n_first)
{
    struct buffer *index = file(model, "model.safetensors.index.json");
    put_text(index, "{\"metadata\": {\"total_size\": 4096}, \"weight_map\": {");
    for (size_t i = 0; i < arrays->n; i++)
        if (!buffer_printf(index, NULL, "%s\n \"%s\": \"%c.safetensors\"", i > 0 ? "," : "",
                           arrays->items[i].name, i < n_first ? 'a' : 'b'))
            abort();
    put_text(index, "}}");
    checkpoint_safetensors(file(model, "a.safetensors"), arrays->items, n_first);
    checkpoint_safetensors(file(model, "b.safetensors"), arrays->items + n_first,
                           arrays->n - n_first);
}

void tiny_model_make(struct tiny_model *model, enum tiny_kind kind)
{
    static const char *const names[] = {"safetensors", "shards", "torch-zip", "torch-stream",
                                        "npz",         "bin",    "ct2",       "preview"};
    struct arrays *arrays = arrays_new(kind);
    *model = (struct tiny_model){.kind = kind, .name = names[kind]};
    switch (kind) {
    case TINY_SAFETENSORS:
        checkpoint_safetensors(file(model, "model.safetensors"), arrays->items, arrays->n);
        break;
    case TINY_SHARDS:
        make_shards(model, arrays, arrays->n / 2);
        break;
    case TINY_PREVIEW:
        make_shards(model, arrays, arrays->n - PREVIEW_ARRAYS);
        break;
    case TINY_TORCH_ZIP:
        checkpoint_torch_zip(file(model, "pytorch_model.bin"), arrays->items, arrays->n);
        break;
    case TINY_TORCH_STREAM:
        checkpoint_torch_stream(file(model, "pytorch_model.bin"), arrays->items, arrays->n);
        break;
    case TINY_NPZ:
        checkpoint_npz(file(model, "model.npz"), arrays->items, arrays->n, options_yml);
        put_vocab_yml(file(model, "vocab.yml"));
        put_text(file(model, "decoder.yml"), decoder_yml);
        break;
    case TINY_BIN:
        checkpoint_marian_bin(file(model, "model.bin"), arrays->items, arrays->n, options_yml);
        put_spm(file(model, "vocab.spm"));
        model->shortlist = "lex.s2t.bin";
        put_shortlist(file(model, model->shortlist));
        break;
    case TINY_CT2:
        checkpoint_ct2(file(model, "model.bin"), 6, arrays->items, arrays->n);
        put_text(file(model, "config.json"), ct2_json);
        put_vocab_json(file(model, "shared_vocabulary.json"), true);
        break;
    case TINY_COUNT:
        abort();
    }
    if (kind <= TINY_TORCH_STREAM || kind == TINY_PREVIEW) {
        put_text(file(model, "config.json"), config_json);
        put_text(file(model, "generation_config.json"), generation_json);
        put_text(file(model, "tokenizer_config.json"), tokenizer_json);
        put_vocab_json(file(model, "vocab.json"), false);
    }
    if (kind != TINY_BIN)
        put_spm(file(model, "source.spm"));
    if (kind != TINY_BIN)
        put_spm(file(model, "target.spm"));
    free(arrays);
}

void tiny_model_free(struct tiny_model *model)
{
    for (size_t i = 0; i < model->n_files; i++)
        buffer_free(&model->files[i].bytes);
}

/* ---- parts ------------------------------------------------------------------------------------
 */

static size_t header_bytes(const struct tiny_file *file)
{
    uint64_t n;
    memcpy(&n, file->bytes.bytes, sizeof n);
    return n;
}

void tiny_part_get(const struct tiny_model *model, const struct tiny_file *file,
                   enum tiny_part part, struct buffer *out)
{
    struct arrays *arrays = arrays_new(model->kind);
    switch (part) {
    case TINY_WHOLE:
    case TINY_SUMMED:
        put_bytes(out, file->bytes.bytes, file->bytes.n_bytes);
        break;
    case TINY_HEADER:
        put_bytes(out, file->bytes.bytes + 8, header_bytes(file));
        break;
    case TINY_PICKLE:
        checkpoint_torch_pickle(out, arrays->items, arrays->n);
        break;
    case TINY_OPTIONS:
        put_text(out, options_yml);
        break;
    case TINY_ARRAY:
        put_npy(out, "<f4", "False", "(8, 8)", arrays->items[0].values, 256);
        break;
    }
    free(arrays);
}

/* An npz whose member for the first array, or for the options, is `bytes`. */
static void put_npz(struct arrays *arrays, enum tiny_part part, const void *bytes, size_t n_bytes,
                    struct buffer *out)
{
    struct zip_writer zip = {.out = out};
    struct buffer member = {0}, shape = {0};
    char name[WEIGHT_NAME_BYTES + 8];
    for (size_t i = 0; i <= arrays->n; i++) {
        const struct array *a = &arrays->items[i];
        bool options = i == arrays->n;
        snprintf(name, sizeof name, "%s.npy", options ? "special:model.yml" : a->name);
        buffer_clear(&member);
        buffer_clear(&shape);
        if (part == TINY_ARRAY && i == 0) {
            put_bytes(&member, bytes, n_bytes);
        } else if (!options) {
            if (!buffer_printf(&shape, NULL, "(%zu, %zu)", a->shape[0], a->shape[1]))
                abort();
            put_npy(&member, "<f4", "False", shape.bytes, a->values, array_bytes(a));
        } else {
            bool own = part == TINY_OPTIONS;
            const void *text = own ? bytes : options_yml;
            size_t n_text = own ? n_bytes : sizeof options_yml - 1;
            if (!buffer_printf(&shape, NULL, "(%zu,)", n_text))
                abort();
            put_npy(&member, "|i1", "False", shape.bytes, text, n_text);
        }
        zip_writer_add(&zip, name, member.bytes, member.n_bytes);
    }
    zip_writer_end(&zip);
    buffer_free(&member);
    buffer_free(&shape);
}

void tiny_part_put(const struct tiny_model *model, const struct tiny_file *file,
                   enum tiny_part part, const void *bytes, size_t n_bytes, struct buffer *out)
{
    struct arrays *arrays = arrays_new(model->kind);
    switch (part) {
    case TINY_WHOLE:
        put_bytes(out, bytes, n_bytes);
        break;
    case TINY_SUMMED:
        put_bytes(out, bytes, n_bytes);
        seal_shortlist(out);
        break;
    case TINY_HEADER:
        put_u64(out, n_bytes);
        put_bytes(out, bytes, n_bytes);
        put_bytes(out, file->bytes.bytes + 8 + header_bytes(file),
                  file->bytes.n_bytes - 8 - header_bytes(file));
        break;
    case TINY_PICKLE:
        checkpoint_torch_zip_of(out, bytes, n_bytes, arrays->items, arrays->n);
        break;
    case TINY_OPTIONS:
    case TINY_ARRAY:
        put_npz(arrays, part, bytes, n_bytes, out);
        break;
    }
    free(arrays);
}

void tiny_write(const char *directory, const char *name, const void *bytes, size_t n_bytes)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *out = fopen(path, "w");
    if (out == NULL || (n_bytes > 0 && fwrite(bytes, 1, n_bytes, out) != n_bytes) ||
        fclose(out) != 0) {
        perror(path);
        abort();
    }
}

void tiny_model_write(const struct tiny_model *model, const char *directory)
{
    for (size_t i = 0; i < model->n_files; i++)
        tiny_write(directory, model->files[i].name, model->files[i].bytes.bytes,
                   model->files[i].bytes.n_bytes);
}
