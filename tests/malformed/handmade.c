/* Cases that somebody thought of: files that are something else, and changes of one place. */
#include "tests/malformed/mutate.h"

#include <stdlib.h>
#include <string.h>

/* A text that may hold NULs, and its length. */
#define BYTES(text) text, sizeof(text) - 1

/* Files that are something else altogether: any target may be any of them. `count` copies. */
static const struct {
    const char *text;
    size_t n_bytes;
    size_t count;
} contents[] = {
    {BYTES(""), 0},
    {BYTES("\0"), 1},
    {BYTES("\n"), 1},
    {BYTES("\r\n"), 1},
    {BYTES(" "), 1},
    {BYTES("\xef\xbb\xbf"), 1},
    {BYTES("\xff\xfe{\0}\0"), 1},
    {BYTES("{}"), 1},
    {BYTES("[]"), 1},
    {BYTES("null"), 1},
    {BYTES("{}{}"), 1},
    {BYTES("{}\0{}"), 1},
    {BYTES("{\"a\": 1}"), 1},
    {BYTES("{\"a\": 1, \"a\": 2}"), 1},
    {BYTES("{\"a\": 1, \"\\u0061\": 2}"), 1},
    {BYTES("["), 200000},
    {BYTES("{\"a\":"), 100000},
    {BYTES("[0],"), 50000},
    {BYTES("{\"a\":0},"), 30000},
    {BYTES("a: 0\n"), 50000},
    {BYTES("- a\n"), 50000},
    {BYTES("? a\n"), 50000},
    {BYTES("\""), 100000},
    {BYTES("A"), 1 << 20},
    {BYTES("\0"), 1 << 20},
    {BYTES("\xff"), 1 << 20},
    {BYTES("\xf0\x9f\x98\x80"), 1000},
    {BYTES("<!DOCTYPE html><html><head><title>404</title></head></html>\n"), 1},
    {BYTES("version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12345\n"), 1},
    {BYTES("\x7f"
           "ELF\2\1\1"),
     1},
    {BYTES("\x1f\x8b\x08\0\0\0\0\0"), 1},
    {BYTES("PK\3\4"), 1},
    {BYTES("PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), 1},
    {BYTES("PK\5\6\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0"), 1},
    {BYTES("\x93NUMPY\1\0"), 1},
    {BYTES("\x93NUMPY\1\0\xff\xff"), 1},
    {BYTES("cos\nsystem\n(S'touch owned'\ntR."), 1},
    {BYTES("\x80\2cos\nsystem\nX\5\0\0\0touch\x85R."), 1},
    {BYTES("\x80\2."), 1},
    {BYTES("\x80\4\x95\xff\xff\xff\xff\xff\xff\xff\x7f."), 1},
    {BYTES("("), 100000},
    {BYTES("\x80\2]\x94h\0a."), 1},
    {BYTES("\0\0\0\0\0\0\0\0"), 1},
    {BYTES("\1\0\0\0\0\0\0\0{"), 1},
    {BYTES("\2\0\0\0\0\0\0\0{}"), 1},
    {BYTES("\xff\xff\xff\xff\xff\xff\xff\xff{}"), 1},
    {BYTES("\xff\xff\xff\xff\xff\xff\xff\x7f{}"), 1},
    {BYTES("\0\0\0\1\0\0\0\0{}"), 1},
    {BYTES("\1\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"), 1},
    {BYTES("\6\0\0\0\x10\0TransformerSpec\0\7\0\0\0\xff\xff\xff\xff"), 1},
    {BYTES("\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"), 1},
    {BYTES("\n\x80\x80\x80\x80\x08"), 1},
    {BYTES("\n\0"), 10000},
    {BYTES("\n\6\n\1a\x18\1"), 100},
    {BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 1},
    {BYTES("\x0b\x0b\x0b\x0b"), 10000},
    {BYTES("</s>: 0\n<unk>: 1\n"), 1},
    {BYTES("</s>: 0\n</s>: 1\n"), 1},
    {BYTES("</s>\n<unk>\n"), 1},
    {BYTES("[\"</s>\", \"<unk>\", \"<s>\"]"), 1},
    {BYTES("{\"</s>\": 0, \"<unk>\": 1}"), 1},
    {BYTES("{\"</s>\": 4294967295, \"<unk>\": 1}"), 1},
    {BYTES("{\"model_type\": \"dragoman\"}"), 1},
    {BYTES("{\"model_type\": \"t5\", \"d_model\": 8, \"num_layers\": 1, \"num_heads\": 2, "
           "\"d_kv\": 4,"
           " \"d_ff\": 8, \"vocab_size\": 16}"),
     1},
    {BYTES("{\"model_type\": \"m2m_100\", \"d_model\": 8, \"encoder_layers\": 1}"), 1},
};

/* One place of a part changed: the first `find` becomes `put`. */
static const struct {
    enum tiny_part part;
    const char *find;
    size_t n_find;
    const char *put;
    size_t n_put;
} edits[] = {
    {TINY_PICKLE, BYTES("ccollections\nOrderedDict\n"), BYTES("cos\nsystem\n")},
    {TINY_PICKLE, BYTES("ctorch._utils\n_rebuild_tensor_v2\n"), BYTES("c__builtin__\neval\n")},
    {TINY_PICKLE, BYTES("ctorch._utils\n_rebuild_tensor_v2\n"),
     BYTES("ctorch._utils\n_rebuild_qtensor\n")},
    {TINY_PICKLE, BYTES("ctorch\nFloatStorage\n"), BYTES("ctorch\nBFloat16Storage\n")},
    {TINY_PICKLE, BYTES("ctorch\nFloatStorage\n"), BYTES("ctorch\nQInt8Storage\n")},
    {TINY_PICKLE, BYTES("ctorch\nFloatStorage\n"), BYTES("csubprocess\nPopen\n")},
    {TINY_PICKLE, BYTES("storage"), BYTES("storagE")},
    {TINY_PICKLE, BYTES("\x80\2"), BYTES("\x80\6")},
    {TINY_PICKLE, BYTES("\x80\2"), BYTES("")},
    {TINY_PICKLE, BYTES("\x80\2"), BYTES("\x80\2}(")},
    {TINY_PICKLE, BYTES("\x80\2"), BYTES("\x80\2((((((((")},
    {TINY_PICKLE, BYTES("\x80\2"), BYTES("\x80\2j\xff\xff\xff\xff")},
    {TINY_PICKLE, BYTES("\x80\2"), BYTES("\x80\2]r\xff\xff\xff\xff")},
    {TINY_PICKLE, BYTES("\x80\2"), BYTES("\x80\2\x82\x01")},
    {TINY_PICKLE, BYTES("\x80\2"), BYTES("\x80\2ios\nsystem\n")},
    {TINY_PICKLE, BYTES("\x80\2"), BYTES("\x80\2(X\2\0\0\0osX\6\0\0\0system\x93")},
    {TINY_PICKLE,
     BYTES("X\1\0\0\0"
           "0"),
     BYTES("X\4\0\0\0../x")},
    {TINY_PICKLE,
     BYTES("X\1\0\0\0"
           "0"),
     BYTES("X\1\0\0\0"
           "1")},
    {TINY_PICKLE,
     BYTES("X\1\0\0\0"
           "0"),
     BYTES("K\0")},
    {TINY_PICKLE, BYTES("tQK\0"), BYTES("tQJ\xff\xff\xff\xff")},
    {TINY_PICKLE, BYTES("tQK\0"), BYTES("tQ\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f")},
    {TINY_PICKLE, BYTES("(K\10K\10t"), BYTES("(K\10K\0t")},
    {TINY_PICKLE, BYTES("(K\10K\10t"), BYTES("(K\11K\10t")},
    {TINY_PICKLE, BYTES("(K\10K\10t"), BYTES("(\x8a\x08\0\0\0\0\1\0\0\0K\10t")},
    {TINY_PICKLE, BYTES("(K\10K\10t"), BYTES("(J\xff\xff\xff\xffK\10t")},
    {TINY_PICKLE, BYTES("(K\10K\1t"), BYTES("(K\0K\1t")},
    {TINY_PICKLE, BYTES("(K\10K\1t"), BYTES("(K\0K\0t")},
    {TINY_PICKLE, BYTES("(K\10K\1t"), BYTES("(J\xf8\xff\xff\xffK\1t")},
    {TINY_PICKLE, BYTES("(K\10K\1t"), BYTES("(K\1K\10t")},
    {TINY_PICKLE, BYTES("(K\10K\1t"), BYTES("(\x8a\x08\0\0\0\0\0\0\0\x40K\1t")},
    {TINY_HEADER, BYTES("output_preview.weight.scale"), BYTES("output_preview.weight.scalE")},
    {TINY_HEADER, BYTES("output_preview.projection"), BYTES("output_preview.projectioN")},
    {TINY_HEADER, BYTES("output_preview.weight\":{\"dtype\":\"I8\",\"shape\":[16,4]"),
     BYTES("output_preview.weight\":{\"dtype\":\"I8\",\"shape\":[4,16]")},
    {TINY_HEADER, BYTES("output_preview.weight\":{\"dtype\":\"I8\",\"shape\":[16,4]"),
     BYTES("output_preview.weight\":{\"dtype\":\"I8\",\"shape\":[64]")},
    {TINY_HEADER, BYTES("output_preview.weight\":{\"dtype\":\"I8\",\"shape\":[16,4]"),
     BYTES("output_preview.weight\":{\"dtype\":\"F16\",\"shape\":[16,2]")},
    {TINY_HEADER, BYTES("output_preview.projection\":{\"dtype\":\"F32\",\"shape\":[4,8]"),
     BYTES("output_preview.projection\":{\"dtype\":\"F32\",\"shape\":[8,4]")},
    {TINY_ARRAY, BYTES("<f4"), BYTES("|O")},
    {TINY_ARRAY, BYTES("<f4"), BYTES(">f4")},
    {TINY_ARRAY, BYTES("<f4"), BYTES("<f8")},
    {TINY_ARRAY, BYTES("<f4"), BYTES("<f3")},
    {TINY_ARRAY, BYTES("<f4"), BYTES("<f0")},
    {TINY_ARRAY, BYTES("<f4"), BYTES("<U5")},
    {TINY_ARRAY, BYTES("<f4"), BYTES("<f4294967297")},
    {TINY_ARRAY, BYTES("False"), BYTES("True")},
    {TINY_ARRAY, BYTES("False"), BYTES("__import__('os').system('touch owned')")},
    {TINY_ARRAY, BYTES("(8, 8)"), BYTES("(-8, 8)")},
    {TINY_ARRAY, BYTES("(8, 8)"), BYTES("(8,)")},
    {TINY_ARRAY, BYTES("(8, 8)"), BYTES("()")},
    {TINY_ARRAY, BYTES("(8, 8)"), BYTES("(0, 8)")},
    {TINY_ARRAY, BYTES("(8, 8)"), BYTES("(1000000000, 1000000000)")},
    {TINY_ARRAY, BYTES("(8, 8)"), BYTES("(4294967296, 4294967296)")},
    {TINY_ARRAY, BYTES("(8, 8)"), BYTES("(4611686018427387904, 4)")},
    {TINY_ARRAY, BYTES("(8, 8)"), BYTES("(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,8,8)")},
    {TINY_ARRAY, BYTES("\x93NUMPY\1"), BYTES("\x93NUMPY\2")},
    {TINY_ARRAY, BYTES("\x93NUMPY\1"), BYTES("\x93NUMPY\3")},
    {TINY_ARRAY, BYTES("'descr'"), BYTES("'shape'")},
    {TINY_OPTIONS, BYTES("dim-emb: 8"), BYTES("dim-emb: 0")},
    {TINY_OPTIONS, BYTES("dim-emb: 8"), BYTES("dim-emb: 8\ndim-emb: 8")},
    {TINY_OPTIONS, BYTES("dim-emb: 8"), BYTES("dim-emb: *a")},
    {TINY_OPTIONS, BYTES("dim-emb: 8"), BYTES("dim-emb: {a: b}")},
    {TINY_OPTIONS, BYTES("transformer-heads: 2"), BYTES("transformer-heads: 3")},
    {TINY_OPTIONS, BYTES("transformer-heads: 2"), BYTES("transformer-heads: 0")},
    {TINY_OPTIONS, BYTES("transformer-tied-layers: []"), BYTES("transformer-tied-layers: [2]")},
    {TINY_OPTIONS, BYTES("transformer-tied-layers: []"),
     BYTES("transformer-tied-layers: [1, 1, 1]")},
    {TINY_OPTIONS, BYTES("self-attention"), BYTES("rnn")},
    {TINY_OPTIONS, BYTES("enc-depth: 1"), BYTES("enc-depth: 256")},
    {TINY_OPTIONS, BYTES("- 16"), BYTES("- 0")},
    {TINY_OPTIONS, BYTES("- 16"), BYTES("- 17")},
    {TINY_SUMMED, BYTES("\4\0\0\0\0\0\0\0"), BYTES("\xff\xff\xff\xff\xff\xff\xff\xff")},
    {TINY_SUMMED, BYTES("\x11\0\0\0\0\0\0\0"), BYTES("\0\0\0\0\0\0\0\0")},
    {TINY_SUMMED, BYTES("\x11\0\0\0\0\0\0\0"), BYTES("\x10\0\0\0\0\0\0\0")},
    {TINY_SUMMED, BYTES("\x10\0\0\0\0\0\0\0"), BYTES("\xff\xff\xff\xff\0\0\0\0")},
};

#define N_CONTENTS (sizeof contents / sizeof contents[0])
#define N_EDITS (sizeof edits / sizeof edits[0])

/* Edits of a header are of the one that has a preview. */
static bool applies(const struct target *target, size_t number)
{
    return edits[number].part == target->part &&
           (target->part != TINY_HEADER || target->model->kind == TINY_PREVIEW);
}

size_t handmade_count(const struct target *target)
{
    size_t count = N_CONTENTS;
    for (size_t i = 0; i < N_EDITS; i++)
        count += applies(target, i);
    return count;
}

static void edit(const struct target *target, size_t number, struct buffer *out)
{
    size_t n_find = edits[number].n_find;
    const char *at = memmem(target->bytes.bytes, target->bytes.n_bytes, edits[number].find, n_find);
    if (at == NULL) /* the edit is out of date */
        abort();
    size_t before = (size_t)(at - target->bytes.bytes);
    put_bytes(out, target->bytes.bytes, before);
    put_bytes(out, edits[number].put, edits[number].n_put);
    put_bytes(out, at + n_find, target->bytes.n_bytes - before - n_find);
}

void handmade_make(const struct target *target, size_t index, struct buffer *out)
{
    if (index < N_CONTENTS) {
        for (size_t i = 0; i < contents[index].count; i++)
            put_bytes(out, contents[index].text, contents[index].n_bytes);
        return;
    }
    index -= N_CONTENTS;
    for (size_t i = 0; i < N_EDITS; i++)
        if (applies(target, i) && index-- == 0) {
            edit(target, i, out);
            return;
        }
}
