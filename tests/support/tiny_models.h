/* tiny_models.h - whole models of a few kilobytes, one of every file format we read, as files in
 * memory: 16 tokens, width 8, one layer a side. They translate "ab ba" into nonsense, always the
 * same.
 *
 *     struct tiny_model model;
 *     tiny_model_make(&model, TINY_NPZ);
 *     ... model.files[i].name, model.files[i].bytes ...
 *     tiny_model_free(&model);
 *
 * They abort when memory runs out. */
#ifndef DRAGOMAN_TESTS_SUPPORT_TINY_MODELS_H
#define DRAGOMAN_TESTS_SUPPORT_TINY_MODELS_H

#include "tests/support/checkpoints.h"

enum tiny_kind {
    TINY_SAFETENSORS, /* Hugging Face MarianMT: config.json, vocab.json, source.spm, ... */
    TINY_SHARDS,      /* the same in two files and their index */
    TINY_TORCH_ZIP,
    TINY_TORCH_STREAM,
    TINY_NPZ,     /* Marian: vocab.yml, decoder.yml, source.spm, target.spm */
    TINY_BIN,     /* Bergamot: vocab.spm, lex.s2t.bin */
    TINY_CT2,     /* CTranslate2: shared_vocabulary.json, source.spm, target.spm */
    TINY_PREVIEW, /* ours, as int8 with a preview of the output layer, which is in b.safetensors */
    TINY_COUNT
};

#define TINY_MAX_FILES 9
#define TINY_VOCABULARY 16

/* A part of a file that a checksum or an archive hides from whoever changes the file's bytes. */
enum tiny_part {
    TINY_WHOLE,
    TINY_PICKLE,  /* of a zip archive whose checksum is right */
    TINY_OPTIONS, /* special:model.yml of an npz, likewise */
    TINY_ARRAY,   /* the first .npy of an npz, likewise */
    TINY_SUMMED,  /* a shortlist: its checksum is made right */
    TINY_HEADER   /* of a safetensors file: its length is made right */
};

struct tiny_file {
    const char *name;
    struct buffer bytes;
};

struct tiny_model {
    enum tiny_kind kind;
    const char *name;      /* "npz" */
    const char *shortlist; /* name of the file that is one, or NULL */
    struct tiny_file files[TINY_MAX_FILES];
    size_t n_files;
};

void tiny_model_make(struct tiny_model *model, enum tiny_kind kind);
void tiny_model_free(struct tiny_model *model);

/* Appends the bytes of a part of the file, and the file made with `bytes` in the part's place. */
void tiny_part_get(const struct tiny_model *model, const struct tiny_file *file,
                   enum tiny_part part, struct buffer *out);
void tiny_part_put(const struct tiny_model *model, const struct tiny_file *file,
                   enum tiny_part part, const void *bytes, size_t n_bytes, struct buffer *out);

/* Writes all files into a directory that exists, or one of them with other bytes. */
void tiny_model_write(const struct tiny_model *model, const char *directory);
void tiny_write(const char *directory, const char *name, const void *bytes, size_t n_bytes);

#endif
