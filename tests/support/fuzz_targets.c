#include "tests/support/fuzz_targets.h"

#include "base/json.h"
#include "base/json_scan.h"
#include "model/shards.h"
#include "model/tensors.h"
#include "tests/support/checkpoints.h"
#include "tests/support/fuzz_require.h"
#include "tokenizer/fast.h"
#include "tokenizer/sentencepiece.h"
#include "tokenizer/spm_gate.h"

#include <stdlib.h>
#include <string.h>

static void read_all(const struct tensors *tensors)
{
    float values[256];
    int8_t codes[256];
    for (size_t i = 0; i < tensors_count(tensors); i++) {
        const struct tensor *t = tensors_at(tensors, i);
        require(tensors_find(tensors, t->name) == t);
        require(tensor_type_name(t->type) != NULL && t->rank <= TENSOR_MAX_RANK);
        bool is_int8 = t->type == TENSOR_I8 || t->type == TENSOR_INTGEMM8;
        struct error err = {0};
        for (size_t at = 0; at < t->n_elements && err.code == ERROR_NONE; at += 256) {
            size_t n = t->n_elements - at < 256 ? t->n_elements - at : 256;
            if (!tensors_read_f32(tensors, t, at, n, values, &err) ||
                (is_int8 && !tensors_read_i8(tensors, t, at, n, codes, &err)))
                require_line(&err);
        }
        if (t->rank == 2 && t->n_elements > 0 && err.code == ERROR_NONE) {
            struct tensor turned = tensor_transpose(t);
            size_t n = t->n_elements < 256 ? t->n_elements : 256;
            require(tensors_read_f32(tensors, &turned, t->n_elements - n, n, values, &err));
        }
    }
}

static void open_and_read(const void *bytes, size_t n_bytes, enum tensor_format format)
{
    struct error err = {0};
    struct tensors *tensors;
    if (!tensors_open_bytes(&tensors, "fuzz", bytes, n_bytes, format, &err)) {
        require_line(&err);
        return;
    }
    read_all(tensors);
    tensors_note(tensors, "special:model.yml", &n_bytes);
    require(tensors_close(tensors, &err));
}

void fuzz_safetensors(const uint8_t *bytes, size_t n_bytes)
{
    open_and_read(bytes, n_bytes, FORMAT_SAFETENSORS);
    struct shards shards;
    struct error err = {0};
    if (shards_parse(&shards, "fuzz", (const char *)bytes, n_bytes, &err))
        shards_free(&shards);
    else
        require_line(&err);
}

void fuzz_npz(const uint8_t *bytes, size_t n_bytes)
{
    open_and_read(bytes, n_bytes, FORMAT_MARIAN);
    open_and_read(bytes, n_bytes, FORMAT_AUTO);
    /* As an array inside an archive whose checksums are right. */
    struct buffer file = {0};
    struct zip_writer zip = {.out = &file};
    struct array note = {.name = "a", .type = TENSOR_I8, .rank = 1, .shape = {2}, .values = "b"};
    zip_writer_add(&zip, "fuzz.npy", bytes, n_bytes);
    struct buffer npy = {0};
    put_npy(&npy, "|i1", "False", "(2,)", note.values, 2);
    zip_writer_add(&zip, "special:model.yml.npy", npy.bytes, npy.n_bytes);
    zip_writer_end(&zip);
    open_and_read(file.bytes, file.n_bytes, FORMAT_MARIAN);
    /* And as the names of its members, a NUL behind each. */
    buffer_clear(&file);
    zip = (struct zip_writer){.out = &file};
    for (size_t n_left = n_bytes; n_left > 0;) {
        struct fuzz_text name = fuzz_take(&bytes, &n_left);
        if (name.n_bytes > 0 && name.n_bytes < 2000) {
            char *copy = fuzz_copy(name);
            zip_writer_add(&zip, copy, npy.bytes, npy.n_bytes);
            free(copy);
        }
    }
    zip_writer_end(&zip);
    open_and_read(file.bytes, file.n_bytes, FORMAT_MARIAN);
    buffer_free(&npy);
    buffer_free(&file);
}

void fuzz_torch(const uint8_t *bytes, size_t n_bytes)
{
    open_and_read(bytes, n_bytes, FORMAT_TORCH);
    static const float values[6] = {1, 2, 3, 4, 5, 6};
    struct buffer file = {0};
    struct zip_writer zip = {.out = &file};
    zip_writer_add(&zip, "x/data.pkl", bytes, n_bytes);
    zip_writer_add(&zip, "x/data/0", values, sizeof values);
    zip_writer_end(&zip);
    open_and_read(file.bytes, file.n_bytes, FORMAT_TORCH);
    buffer_free(&file);
}

void fuzz_marian_bin(const uint8_t *bytes, size_t n_bytes)
{
    open_and_read(bytes, n_bytes, FORMAT_MARIAN);
}

void fuzz_ct2(const uint8_t *bytes, size_t n_bytes)
{
    open_and_read(bytes, n_bytes, FORMAT_CT2);
}

void fuzz_json(const uint8_t *bytes, size_t n_bytes)
{
    struct error err = {0};
    cJSON *root = NULL;
    struct json_scan scan = {.at = (const char *)bytes, .end = (const char *)bytes + n_bytes};
    bool scanned = json_scan_skip(&scan) && json_scan_end(&scan);
    if (json_parse(&root, "fuzz", (const char *)bytes, n_bytes, &err)) {
        char *text = cJSON_PrintUnformatted(root);
        bool mark = n_bytes >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0;
        require(scanned || mark);
        free(text);
        cJSON_Delete(root);
    } else {
        require_line(&err);
    }
}

static bool take_piece(void *context, uint32_t id, const char *piece, size_t n_bytes,
                       struct error *err)
{
    const struct spm *spm = context;
    (void)piece;
    (void)err;
    require(id < spm->pieces.count && n_bytes > 0);
    return true;
}

static void encode_texts(const struct sentencepiece_model *model, const struct spm *spm)
{
    static const char *const texts[] = {"ab ba aab  b",
                                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                        "x\xc3\xa9\xef\xbd\xb6\xef\xbe\x9e \x01\x02 <s>", " "};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct error err = {0};
        if (!sentencepiece_encode(model, texts[i], strlen(texts[i]), take_piece, (void *)spm, &err))
            require_line(&err);
    }
}

void fuzz_spm(const uint8_t *bytes, size_t n_bytes)
{
    struct error err = {0};
    struct spm spm;
    struct sentencepiece_model *model;
    if (!spm_gate(&spm, "fuzz", bytes, n_bytes, &err)) {
        require_line(&err);
        return;
    }
    if (sentencepiece_open(&model, "fuzz", bytes, n_bytes, spm.pieces.count, &err)) {
        encode_texts(model, &spm);
        sentencepiece_close(model);
    } else {
        require_line(&err);
    }
    spm_free(&spm);
}

void fuzz_fast(const uint8_t *bytes, size_t n_bytes)
{
    for (int layout = FAST_PLAIN; layout <= FAST_FAIRSEQ; layout++) {
        struct error err = {0};
        struct buffer model = {0};
        cJSON *added = NULL;
        if (fast_parse((const char *)bytes, n_bytes, (enum fast_layout)layout, 0, &model, &added,
                       &err))
            fuzz_spm((const uint8_t *)model.bytes, model.n_bytes);
        else
            require_line(&err);
        cJSON_Delete(added);
        buffer_free(&model);
    }
}

const struct fuzz_target fuzz_targets[] = {
    {"fuzz_safetensors", fuzz_safetensors},
    {"fuzz_npz", fuzz_npz},
    {"fuzz_torch", fuzz_torch},
    {"fuzz_marian_bin", fuzz_marian_bin},
    {"fuzz_ct2", fuzz_ct2},
    {"fuzz_json", fuzz_json},
    {"fuzz_spm", fuzz_spm},
    {"fuzz_fast", fuzz_fast},
    {"fuzz_config", fuzz_config},
    {"fuzz_yaml", fuzz_yaml},
    {"fuzz_vocabulary", fuzz_vocabulary},
    {"fuzz_shortlist", fuzz_shortlist},
    {"fuzz_model", fuzz_model},
    {"fuzz_jsonl", fuzz_jsonl},
    {"fuzz_tsv", fuzz_tsv},
    {"fuzz_options", fuzz_options},
    {"fuzz_wire", fuzz_wire},
    {"fuzz_sentences", fuzz_sentences},
    {"fuzz_protect", fuzz_protect},
    {"fuzz_terms", fuzz_terms},
    {"fuzz_checksums", fuzz_checksums},
    {"fuzz_resume", fuzz_resume},
    {NULL, NULL},
};
