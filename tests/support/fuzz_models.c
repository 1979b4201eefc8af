/* Fuzz targets of the files beside a checkpoint's tensors, and of whole models. */
#include "model/config.h"
#include "model/config_family.h"
#include "model/shortlist.h"
#include "model/source.h"
#include "model/yaml.h"
#include "tests/support/fuzz_require.h"
#include "tests/support/fuzz_targets.h"
#include "tests/support/tiny_models.h"
#include "tokenizer/tokenizer.h"
#include "translate/dragoman.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- configurations --------------------------------------------------------------------------
 */

/* What a configuration says in our own words must read back as the same. */
static void write_and_read(const struct config *config, const struct tensors *tensors)
{
    struct error err = {0};
    struct config again;
    cJSON *own = config_write_own(config, &err);
    require(own != NULL);
    char *text = cJSON_PrintUnformatted(own);
    require(text != NULL);
    fuzz_write("config.json", text, strlen(text));
    require(config_load(&again, fuzz_directory(), tensors, &err));
    cJSON *twice = config_write_own(&again, &err);
    require(twice != NULL && cJSON_Compare(own, twice, true));
    cJSON_free(text);
    cJSON_Delete(own);
    cJSON_Delete(twice);
}

void fuzz_config(const uint8_t *bytes, size_t n_bytes)
{
    static const char *const names[] = {"config.json", "generation_config.json",
                                        "tokenizer_config.json"};
    static const char tensor[] = "\x48\0\0\0\0\0\0\0{\"lm_head.weight\":{\"dtype\":\"U8\","
                                 "\"shape\":[1,1],\"data_offsets\":[0,1]}}         ";
    struct error err = {0};
    struct config config;
    struct tensors *tensors;
    for (size_t i = 0; i < 3; i++) {
        struct fuzz_text text = fuzz_take(&bytes, &n_bytes);
        if (text.n_bytes > 0)
            fuzz_write(names[i], text.bytes, text.n_bytes);
        else
            fuzz_remove(names[i]);
    }
    require(tensors_open_bytes(&tensors, "x", tensor, 8 + 0x48 + 1, FORMAT_SAFETENSORS, &err));
    if (config_load(&config, fuzz_directory(), tensors, &err)) {
        require(config.width >= 1 && config.encoder_heads >= 1 && config.decoder_heads >= 1);
        require(config.encoder_layers >= 1 && config.encoder_layers <= CONFIG_MAX_LAYERS);
        require(config.generation.n_eos >= 1 && config.generation.num_beams >= 1);
        for (uint32_t i = 0; i < config.generation.n_eos; i++)
            require(config.generation.eos[i] < config.target_vocabulary);
        write_and_read(&config, tensors);
    } else {
        require_line(&err);
    }
    tensors_close(tensors, NULL);
}

/* As a text, and as the options inside a model with nothing else. */
void fuzz_yaml(const uint8_t *bytes, size_t n_bytes)
{
    struct error err = {0};
    struct yaml yaml;
    struct config config;
    if (!yaml_parse(&yaml, "fuzz", (const char *)bytes, n_bytes, &err)) {
        require_line(&err);
        return;
    }
    for (size_t i = 0; i < yaml.n_entries; i++) {
        require(yaml_find(&yaml, yaml.entries[i].key) == &yaml.entries[i]);
        for (size_t j = 0; j < yaml.entries[i].n_values; j++)
            require(strlen(yaml.entries[i].values[j]) <= n_bytes);
    }
    yaml_free(&yaml);
    static const float values[8];
    struct array table = {
        .name = "Wemb", .type = TENSOR_F32, .rank = 2, .shape = {2, 4}, .values = values};
    struct buffer file = {0};
    struct tensors *tensors;
    char *text = fuzz_copy((struct fuzz_text){(const char *)bytes, n_bytes});
    checkpoint_marian_bin(&file, &table, 1, text);
    if (tensors_open_bytes(&tensors, "x", file.bytes, file.n_bytes, FORMAT_MARIAN, &err)) {
        if (!config_load(&config, fuzz_directory(), tensors, &err))
            require_line(&err);
        tensors_close(tensors, NULL);
    }
    free(text);
    buffer_free(&file);
}

/* ---- vocabularies ----------------------------------------------------------------------------
 */

#define ROWS 64

static void use_tokenizer(const struct tokenizer *tokenizer)
{
    static const char text[] = "a \xe2\x96\x81"
                               "b </s> ab \xff x";
    struct tokenizer_direction direction;
    struct token_ids ids = {0};
    struct buffer out = {0};
    struct error err = {0};
    uint32_t n = tokenizer_count(tokenizer, TOKENIZER_TARGET);
    for (uint32_t id = 0; id < n; id++) {
        const char *piece = tokenizer_piece(tokenizer, TOKENIZER_TARGET, id);
        uint32_t found = tokenizer_find(tokenizer, TOKENIZER_TARGET, piece, strlen(piece));
        require(found == TOKENIZER_NO_ID || found < n);
    }
    if (tokenizer_direct(tokenizer, NULL, NULL, &direction, &err) &&
        tokenizer_encode_pieces(tokenizer, &direction, TOKENIZER_TARGET, text, sizeof text - 1,
                                &ids, NULL, &err)) {
        for (size_t i = 0; i < ids.n_ids; i++)
            require(ids.ids[i] < ROWS);
        require(tokenizer_decode_pieces(tokenizer, ids.ids, ids.n_ids, &out, &err));
        require(tokenizer_decode(tokenizer, ids.ids, ids.n_ids, &out, &err));
        require(memchr(out.bytes != NULL ? out.bytes : "", '\n', out.n_bytes) == NULL);
    } else {
        require_line(&err);
    }
    token_ids_free(&ids);
    buffer_free(&out);
}

void fuzz_vocabulary(const uint8_t *bytes, size_t n_bytes)
{
    static const struct {
        const char *file;
        enum tokenizer_family family;
    } kinds[] = {{"vocab.json", TOKENIZER_MARIAN},
                 {"vocab.yml", TOKENIZER_MARIAN_NATIVE},
                 {"shared_vocabulary.txt", TOKENIZER_CT2},
                 {"shared_vocabulary.json", TOKENIZER_CT2}};
    struct error err = {0};
    struct tokenizer *tokenizer;
    if (n_bytes == 0)
        return;
    size_t kind = bytes[0] % 4;
    for (size_t i = 0; i < 4; i++)
        if (i != kind)
            fuzz_remove(kinds[i].file);
    fuzz_write(kinds[kind].file, bytes + 1, n_bytes - 1);
    struct tokenizer_options options = {.family = kinds[kind].family,
                                        .source_rows = ROWS,
                                        .target_rows = ROWS,
                                        .pieces_only = true};
    if (tokenizer_open(&tokenizer, fuzz_directory(), &options, &err)) {
        use_tokenizer(tokenizer);
        tokenizer_close(tokenizer);
    } else {
        require_line(&err);
    }
}

/* ---- shortlists ------------------------------------------------------------------------------
 */

/* The file with its checksum made right. */
void fuzz_shortlist(const uint8_t *bytes, size_t n_bytes)
{
    static const uint32_t ids[] = {3, 0, 15, 3, 7, 1000000};
    struct error err = {0};
    struct buffer file = {0};
    struct source source;
    struct shortlist *shortlist;
    struct tiny_model model = {.kind = TINY_BIN};
    tiny_part_put(&model, NULL, TINY_SUMMED, bytes, n_bytes, &file);
    source_of_bytes(&source, "fuzz", file.bytes != NULL ? file.bytes : "", file.n_bytes);
    if (shortlist_parse(&shortlist, &source, 16, 40, n_bytes % 2 == 0, &err)) {
        uint32_t *list, n_list;
        require(shortlist_select(shortlist, ids, 6, &list, &n_list, &err));
        for (uint32_t i = 0; i < n_list; i++)
            require(list[i] < 40 && (i == 0 || list[i] > list[i - 1]));
        memory_free(list);
        shortlist_close(shortlist);
    } else {
        require_line(&err);
    }
    buffer_free(&file);
}

/* ---- whole models ----------------------------------------------------------------------------
 */

/* The first byte says which model, the second which of its files the rest is. */
void fuzz_model(const uint8_t *bytes, size_t n_bytes)
{
    static struct tiny_model models[TINY_COUNT];
    char path[128], shortlist[160];
    if (n_bytes < 2)
        return;
    enum tiny_kind kind = (enum tiny_kind)(bytes[0] % TINY_COUNT);
    struct tiny_model *model = &models[kind];
    snprintf(path, sizeof path, "%s/%u", fuzz_directory(), (unsigned)kind);
    if (mkdir(path, 0777) == 0) {
        tiny_model_free(model); /* of another process, before a fork */
        tiny_model_make(model, kind);
        tiny_model_write(model, path);
    }
    const struct tiny_file *file = &model->files[bytes[1] % model->n_files];
    tiny_write(path, file->name, bytes + 2, n_bytes - 2);
    struct dragoman *dragoman;
    struct dragoman_error err = {0};
    struct dragoman_options options;
    const char *paths = path;
    dragoman_options_init(&options);
    options.threads = 1;
    options.max_length = 8;
    snprintf(shortlist, sizeof shortlist, "%s/%s", path,
             model->shortlist != NULL ? model->shortlist : "");
    options.shortlist_path = model->shortlist != NULL ? shortlist : NULL;
    bool opened = dragoman_open(&dragoman, &paths, 1, &options, &err);
    if (opened) {
        char *text = dragoman_translate(dragoman, "ab ba, c a.", &err);
        require(text == NULL || strchr(text, '\n') == NULL);
        require(text != NULL || err.text[0] != '\0');
        free(text);
        dragoman_close(dragoman);
    } else {
        struct error fault = {.code = (enum error_code)err.status};
        memcpy(fault.text, err.text, sizeof fault.text);
        require_line(&fault);
    }
    tiny_write(path, file->name, file->bytes.bytes, file->bytes.n_bytes);
}
