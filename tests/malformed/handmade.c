/* Cases that somebody thought of: files that are something else, and changes of one place. */
#include "tests/malformed/mutate.h"

#include <stdlib.h>
#include <string.h>

/* Files that are something else altogether: any target may be any of them. `count` copies. */
static const struct {
    const char *text;
    size_t n_bytes; /* 0: as long as the text */
    size_t count;
} contents[] = {
    {"", 0, 0},
    {"\0", 1, 1},
    {"\n", 0, 1},
    {"\r\n", 0, 1},
    {" ", 0, 1},
    {"\xef\xbb\xbf", 0, 1},
    {"\xff\xfe{\0}\0", 6, 1},
    {"{}", 0, 1},
    {"[]", 0, 1},
    {"null", 0, 1},
    {"{}{}", 0, 1},
    {"{}\0{}", 5, 1},
    {"{\"a\": 1}", 0, 1},
    {"{\"a\": 1, \"a\": 2}", 0, 1},
    {"{\"a\": 1, \"\\u0061\": 2}", 0, 1},
    {"[", 0, 200000},
    {"{\"a\":", 0, 100000},
    {"[0],", 0, 50000},
    {"{\"a\":0},", 0, 30000},
    {"a: 0\n", 0, 50000},
    {"- a\n", 0, 50000},
    {"? a\n", 0, 50000},
    {"\"", 0, 100000},
    {"A", 0, 1 << 20},
    {"\0", 1, 1 << 20},
    {"\xff", 0, 1 << 20},
    {"\xf0\x9f\x98\x80", 0, 1000},
    {"<!DOCTYPE html><html><head><title>404</title></head></html>\n", 0, 1},
    {"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12345\n", 0, 1},
    {"\x7f"
     "ELF\2\1\1",
     0, 1},
    {"\x1f\x8b\x08\0\0\0\0\0", 8, 1},
    {"PK\3\4", 0, 1},
    {"PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22, 1},
    {"PK\5\6\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0", 22, 1},
    {"\x93NUMPY\1\0", 8, 1},
    {"\x93NUMPY\1\0\xff\xff", 10, 1},
    {"cos\nsystem\n(S'touch owned'\ntR.", 0, 1},
    {"\x80\2cos\nsystem\nX\5\0\0\0touch\x85R.", 30, 1},
    {"\x80\2.", 0, 1},
    {"\x80\4\x95\xff\xff\xff\xff\xff\xff\xff\x7f.", 12, 1},
    {"(", 0, 100000},
    {"\x80\2]\x94h\0a.", 8, 1},
    {"\0\0\0\0\0\0\0\0", 8, 1},
    {"\1\0\0\0\0\0\0\0{", 9, 1},
    {"\2\0\0\0\0\0\0\0{}", 10, 1},
    {"\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, 1},
    {"\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10, 1},
    {"\0\0\0\1\0\0\0\0{}", 10, 1},
    {"\1\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 16, 1},
    {"\6\0\0\0\x10\0TransformerSpec\0\7\0\0\0\xff\xff\xff\xff", 30, 1},
    {"\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 0, 1},
    {"\n\x80\x80\x80\x80\x08", 0, 1},
    {"\n\0", 2, 10000},
    {"\n\6\n\1a\x18\1", 0, 100},
    {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 0, 1},
    {"\x0b\x0b\x0b\x0b", 0, 10000},
    {"</s>: 0\n<unk>: 1\n", 0, 1},
    {"</s>: 0\n</s>: 1\n", 0, 1},
    {"</s>\n<unk>\n", 0, 1},
    {"[\"</s>\", \"<unk>\", \"<s>\"]", 0, 1},
    {"{\"</s>\": 0, \"<unk>\": 1}", 0, 1},
    {"{\"</s>\": 4294967295, \"<unk>\": 1}", 0, 1},
    {"{\"model_type\": \"dragoman\"}", 0, 1},
    {"{\"model_type\": \"t5\", \"d_model\": 8, \"num_layers\": 1, \"num_heads\": 2, \"d_kv\": 4,"
     " \"d_ff\": 8, \"vocab_size\": 16}",
     0, 1},
    {"{\"model_type\": \"m2m_100\", \"d_model\": 8, \"encoder_layers\": 1}", 0, 1},
};

/* One place of a part changed: the first `find` becomes `put`. */
static const struct {
    enum tiny_part part;
    const char *find, *put;
    size_t n_find, n_put; /* 0: as long as the texts */
} edits[] = {
    {TINY_PICKLE, "ccollections\nOrderedDict\n", "cos\nsystem\n", 0, 0},
    {TINY_PICKLE, "ctorch._utils\n_rebuild_tensor_v2\n", "c__builtin__\neval\n", 0, 0},
    {TINY_PICKLE, "ctorch._utils\n_rebuild_tensor_v2\n", "ctorch._utils\n_rebuild_qtensor\n", 0, 0},
    {TINY_PICKLE, "ctorch\nFloatStorage\n", "ctorch\nBFloat16Storage\n", 0, 0},
    {TINY_PICKLE, "ctorch\nFloatStorage\n", "ctorch\nQInt8Storage\n", 0, 0},
    {TINY_PICKLE, "ctorch\nFloatStorage\n", "csubprocess\nPopen\n", 0, 0},
    {TINY_PICKLE, "storage", "storagE", 0, 0},
    {TINY_PICKLE, "\x80\2", "\x80\6", 0, 0},
    {TINY_PICKLE, "\x80\2", "", 0, 0},
    {TINY_PICKLE, "\x80\2", "\x80\2}(", 0, 0},
    {TINY_PICKLE, "\x80\2", "\x80\2((((((((", 0, 0},
    {TINY_PICKLE, "\x80\2", "\x80\2j\xff\xff\xff\xff", 0, 0},
    {TINY_PICKLE, "\x80\2", "\x80\2]r\xff\xff\xff\xff", 0, 0},
    {TINY_PICKLE, "\x80\2", "\x80\2\x82\x01", 0, 0},
    {TINY_PICKLE, "\x80\2", "\x80\2ios\nsystem\n", 0, 0},
    {TINY_PICKLE, "\x80\2", "\x80\2(X\2\0\0\0osX\6\0\0\0system\x93", 2, 22},
    {TINY_PICKLE,
     "X\1\0\0\0"
     "0",
     "X\4\0\0\0../x", 6, 9},
    {TINY_PICKLE,
     "X\1\0\0\0"
     "0",
     "X\1\0\0\0"
     "1",
     6, 6},
    {TINY_PICKLE,
     "X\1\0\0\0"
     "0",
     "K\0", 6, 2},
    {TINY_PICKLE, "tQK\0", "tQJ\xff\xff\xff\xff", 4, 7},
    {TINY_PICKLE, "tQK\0", "tQ\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", 4, 12},
    {TINY_PICKLE, "(K\10K\10t", "(K\10K\0t", 6, 6},
    {TINY_PICKLE, "(K\10K\10t", "(K\11K\10t", 6, 6},
    {TINY_PICKLE, "(K\10K\10t", "(\x8a\x08\0\0\0\0\1\0\0\0K\10t", 6, 14},
    {TINY_PICKLE, "(K\10K\10t", "(J\xff\xff\xff\xffK\10t", 6, 9},
    {TINY_PICKLE, "(K\10K\1t", "(K\0K\1t", 6, 6},
    {TINY_PICKLE, "(K\10K\1t", "(K\0K\0t", 6, 6},
    {TINY_PICKLE, "(K\10K\1t", "(J\xf8\xff\xff\xffK\1t", 6, 9},
    {TINY_PICKLE, "(K\10K\1t", "(K\1K\10t", 6, 6},
    {TINY_PICKLE, "(K\10K\1t", "(\x8a\x08\0\0\0\0\0\0\0\x40K\1t", 6, 14},
    {TINY_ARRAY, "<f4", "|O", 0, 0},
    {TINY_ARRAY, "<f4", ">f4", 0, 0},
    {TINY_ARRAY, "<f4", "<f8", 0, 0},
    {TINY_ARRAY, "<f4", "<f3", 0, 0},
    {TINY_ARRAY, "<f4", "<f0", 0, 0},
    {TINY_ARRAY, "<f4", "<U5", 0, 0},
    {TINY_ARRAY, "<f4", "<f4294967297", 0, 0},
    {TINY_ARRAY, "False", "True", 0, 0},
    {TINY_ARRAY, "False", "__import__('os').system('touch owned')", 0, 0},
    {TINY_ARRAY, "(8, 8)", "(-8, 8)", 0, 0},
    {TINY_ARRAY, "(8, 8)", "(8,)", 0, 0},
    {TINY_ARRAY, "(8, 8)", "()", 0, 0},
    {TINY_ARRAY, "(8, 8)", "(0, 8)", 0, 0},
    {TINY_ARRAY, "(8, 8)", "(1000000000, 1000000000)", 0, 0},
    {TINY_ARRAY, "(8, 8)", "(4294967296, 4294967296)", 0, 0},
    {TINY_ARRAY, "(8, 8)", "(4611686018427387904, 4)", 0, 0},
    {TINY_ARRAY, "(8, 8)", "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,8,8)", 0, 0},
    {TINY_ARRAY, "\x93NUMPY\1", "\x93NUMPY\2", 0, 0},
    {TINY_ARRAY, "\x93NUMPY\1", "\x93NUMPY\3", 0, 0},
    {TINY_ARRAY, "'descr'", "'shape'", 0, 0},
    {TINY_OPTIONS, "dim-emb: 8", "dim-emb: 0", 0, 0},
    {TINY_OPTIONS, "dim-emb: 8", "dim-emb: 8\ndim-emb: 8", 0, 0},
    {TINY_OPTIONS, "dim-emb: 8", "dim-emb: *a", 0, 0},
    {TINY_OPTIONS, "dim-emb: 8", "dim-emb: {a: b}", 0, 0},
    {TINY_OPTIONS, "transformer-heads: 2", "transformer-heads: 3", 0, 0},
    {TINY_OPTIONS, "transformer-heads: 2", "transformer-heads: 0", 0, 0},
    {TINY_OPTIONS, "transformer-tied-layers: []", "transformer-tied-layers: [2]", 0, 0},
    {TINY_OPTIONS, "transformer-tied-layers: []", "transformer-tied-layers: [1, 1, 1]", 0, 0},
    {TINY_OPTIONS, "self-attention", "rnn", 0, 0},
    {TINY_OPTIONS, "enc-depth: 1", "enc-depth: 256", 0, 0},
    {TINY_OPTIONS, "- 16", "- 0", 0, 0},
    {TINY_OPTIONS, "- 16", "- 17", 0, 0},
    {TINY_SUMMED, "\4\0\0\0\0\0\0\0", "\xff\xff\xff\xff\xff\xff\xff\xff", 8, 8},
    {TINY_SUMMED, "\x11\0\0\0\0\0\0\0", "\0\0\0\0\0\0\0\0", 8, 8},
    {TINY_SUMMED, "\x11\0\0\0\0\0\0\0", "\x10\0\0\0\0\0\0\0", 8, 8},
    {TINY_SUMMED, "\x10\0\0\0\0\0\0\0", "\xff\xff\xff\xff\0\0\0\0", 8, 8},
};

#define N_CONTENTS (sizeof contents / sizeof contents[0])
#define N_EDITS (sizeof edits / sizeof edits[0])

size_t handmade_count(const struct target *target)
{
    size_t count = N_CONTENTS;
    for (size_t i = 0; i < N_EDITS; i++)
        count += edits[i].part == target->part;
    return count;
}

static void edit(const struct target *target, size_t number, struct buffer *out)
{
    const char *find = edits[number].find, *put = edits[number].put;
    size_t n_find = edits[number].n_find != 0 ? edits[number].n_find : strlen(find);
    size_t n_put = edits[number].n_put != 0 ? edits[number].n_put : strlen(put);
    const char *at = memmem(target->bytes.bytes, target->bytes.n_bytes, find, n_find);
    if (at == NULL) /* the edit is out of date */
        abort();
    size_t before = (size_t)(at - target->bytes.bytes);
    put_bytes(out, target->bytes.bytes, before);
    put_bytes(out, put, n_put);
    put_bytes(out, at + n_find, target->bytes.n_bytes - before - n_find);
}

void handmade_make(const struct target *target, size_t index, struct buffer *out)
{
    if (index < N_CONTENTS) {
        size_t n =
            contents[index].n_bytes != 0 ? contents[index].n_bytes : strlen(contents[index].text);
        for (size_t i = 0; i < contents[index].count; i++)
            put_bytes(out, contents[index].text, n);
        return;
    }
    index -= N_CONTENTS;
    for (size_t i = 0; i < N_EDITS; i++)
        if (edits[i].part == target->part && index-- == 0) {
            edit(target, i, out);
            return;
        }
}
