/* PyTorch files: the pickle is read as data, everything it could do is refused. */
#include "tests/support/check_tensors.h"
#include "tests/support/checkpoints.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define F FORMAT_TORCH

/* More than a pickle may have of anything. */
#define MANY 1500000

static const float values[6] = {1, 2, 3, 4, 5, 6};
static const struct array tiny[] = {
    {.name = "a.weight", .type = TENSOR_F32, .rank = 2, .shape = {2, 3}, .values = values},
    {.name = "b.weight", .type = TENSOR_F32, .rank = 2, .shape = {2, 3}, .alias_of = "a.weight"},
    {.name = "c.bias", .type = TENSOR_F16, .rank = 1, .shape = {3}, .values = values},
};

/* A zip archive with this pickle and one storage, "data/0", of six floats. */
static void make_zip(struct buffer *file, const struct buffer *pickle)
{
    struct zip_writer zip = {.out = file};
    buffer_clear(file);
    zip_writer_add(&zip, "x/data.pkl", pickle->bytes, pickle->n_bytes);
    zip_writer_add(&zip, "x/data/0", values, sizeof values);
    zip_writer_end(&zip);
}

static void check_pickle_refused(const struct buffer *pickle, const char *reason)
{
    struct buffer file = {0};
    make_zip(&file, pickle);
    check_refused(&file, F, reason);
    buffer_free(&file);
}

/* The pickle is `n_bytes` of raw opcodes. */
static void check_opcodes_refused(const char *opcodes, size_t n_bytes, const char *reason)
{
    struct buffer pickle = {0};
    put_bytes(&pickle, opcodes, n_bytes);
    check_pickle_refused(&pickle, reason);
    buffer_free(&pickle);
}
#define REFUSED(opcodes, reason) check_opcodes_refused(opcodes, sizeof opcodes - 1, reason)

START_TEST(refused_globals) /* E1, E2 */
{
    char canary[] = "/tmp/dragoman-canary-XXXXXX";
    int descriptor = mkstemp(canary);
    ck_assert_int_ge(descriptor, 0);
    close(descriptor);
    unlink(canary);
    struct buffer bytes = {0};
    put_bytes(&bytes, "\x80\2cos\nsystem\nX", 14);
    put_u32(&bytes, strlen(canary) + 6);
    put_text(&bytes, "touch ");
    put_text(&bytes, canary);
    put_text(&bytes, "\x85R.");
    check_pickle_refused(&bytes, "global 'os.system' is refused");
    ck_assert_int_ne(access(canary, F_OK), 0);
    buffer_free(&bytes);
    REFUSED("\x80\4\x8c\2os\x8c\6system\x93.", "global 'os.system' is refused");
    REFUSED("\x80\4\x8c\2os\x8c\6system\x93)\x81.", "global 'os.system' is refused");
    REFUSED("\x80\2(ios\nsystem\n.", "opcode 0x69 is not supported");
    REFUSED("\x80\2(cos\nsystem\no.", "global 'os.system' is refused");
    REFUSED("\x80\2(o.", "opcode 0x6f is not supported");
    REFUSED("\x80\2))}\x92.", "opcode 0x92 is not supported");
    REFUSED("\x80\2}cos\nsystem\nb.", "global 'os.system' is refused");
    REFUSED("\x80\2\x82\1.", "opcode 0x82 is not supported");
    REFUSED("\x80\2\x83\1\0.", "opcode 0x83 is not supported");
    REFUSED("\x80\2\x84\1\0\0\0.", "opcode 0x84 is not supported");
    REFUSED("\x80\2ctorch\nQInt8Storage\n.", "global 'torch.QInt8Storage' is refused");
    REFUSED("\x80\2ctorch._utils\n_rebuild_qtensor\n.", "is refused");
    REFUSED("\x80\2ctorch._utils\n_rebuild_sparse_tensor\n.", "is refused");
    REFUSED("\x80\2c__builtin__\neval\n.", "global '__builtin__.eval' is refused");
    /* What training programs put beside their weights. */
    REFUSED("\x80\2}X\4\0\0\0argscargparse\nNamespace\n)\x81s.",
            "global 'argparse.Namespace' is refused");
    REFUSED("\x80\2comegaconf.dictconfig\nDictConfig\n.",
            "global 'omegaconf.dictconfig.DictConfig' is refused");
    REFUSED("\x80\2}X\5\0\0\0model}s.", "'model': not a tensor");
    REFUSED("\x80\2ctorch\nFloatStorage\n)R.", "only a name");
    REFUSED("\x80\2ccollections\nOrderedDict\n}R.", "without a tuple");
    REFUSED("\x80\2ccollections\nOrderedDict\n)\x85R.", "with arguments");
    REFUSED("\x80\2})R.", "a call of what is no global");
    REFUSED("\x80\2]}b.", "what is no map");
    REFUSED("\x80\4K\1\x8c\1x\x93.", "not a string");
    REFUSED("\x80\2cos\0\nsystem\n.", "a NUL");
}
END_TEST

START_TEST(bad_opcodes) /* E4 to E6 */
{
    REFUSED("}.", "offset 40: opcode 0x7d");
    REFUSED("\x80\1}.", "protocol 1");
    REFUSED("\x80\6}.", "protocol 6");
    REFUSED("\x80\2I1\n.", "opcode 0x49 is not supported");
    REFUSED("\x80\2S'a'\n.", "opcode 0x53 is not supported");
    REFUSED("\x80\2\x80\2}.", "opcode 0x80 is not supported");
    REFUSED("\x80\2\xff.", "opcode 0xff is not supported");
    REFUSED("\x80\2.", "one value");
    REFUSED("\x80\2}}.", "one value");
    REFUSED("\x80\2(}.", "one value");
    REFUSED("\x80\2\x85.", "the stack is empty");
    REFUSED("\x80\2(\x85.", "the stack is empty");
    REFUSED("\x80\2N(\x85.", "the stack is empty");
    REFUSED("\x80\2R.", "the stack is empty");
    REFUSED("\x80\2)R.", "the stack is empty");
    REFUSED("\x80\2Q.", "the stack is empty");
    REFUSED("\x80\2NQ.", "no tuple");
    REFUSED("\x80\2b.", "the stack is empty");
    REFUSED("\x80\2q\0.", "the stack is empty");
    REFUSED("\x80\2t.", "a mark is missing");
    REFUSED("\x80\2}u.", "a mark is missing");
    REFUSED("\x80\2]e.", "a mark is missing");
    REFUSED("\x80\2}(Nu.", "a key without a value");
    REFUSED("\x80\2}NNa.", "no list");
    REFUSED("\x80\2]NNs.", "no dict");
    REFUSED("\x80\2Na.", "the stack is empty");
    REFUSED("\x80\2h\0.", "the memo has nothing");
    REFUSED("\x80\2Nq\5h\4.", "the memo has nothing");
    REFUSED("\x80\2j\xff\xff\xff\xff.", "the memo has nothing");
    REFUSED("\x80\2Nr\xff\xff\xff\xff.", "limit");
    REFUSED("\x80\4\x8d\0\0\0\0\0\0\0\x80.", "limit");
    REFUSED("\x80\4\x8d\xff\0\0\0\0\0\0\0.", "truncated");
    REFUSED("\x80\4\x95\0\0\0\0\0\0\0\x80}.", "truncated");
    REFUSED("\x80\2\x8b\xff\xff\xff\x7f.", "opcode 0x8b is not supported");
    REFUSED("\x80\2X\xff\xff\xff\xff.", "limit");
    REFUSED("\x80\2T\xff\xff\xff\xff.", "limit");
    REFUSED("\x80\2X\xff\0\0\0.", "truncated");
    REFUSED("\x80\2X\1\0\0\0\xff.", "not UTF-8");
    REFUSED("\x80\2\x8a\x09\0\0\0\0\0\0\0\0\0.", "64 bits");
    REFUSED("\x80\2cx\n", "truncated");
    REFUSED("\x80\2", "truncated");
    REFUSED("\x80", "truncated");
    REFUSED("\x80\2].", "not a state dict");
    REFUSED("\x80\2}.}.", "bytes after its end");
}
END_TEST

static void repeat(struct buffer *out, const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_text(out, text);
}

START_TEST(limits) /* E5, E13 */
{
    static const struct {
        const char *start, *repeated, *reason;
    } cases[] = {
        {"\x80\2", "(", "limit"},         {"\x80\2)", "\x85", "limit"},
        {"\x80\2N", "q\1", "opcodes"},    {"\x80\2", "]", "opcodes"},
        {"\x80\2", "N", "opcodes"},       {"\x80\2", "}NNs", "opcodes"},
        {"\x80\2Nq\1", "h\1", "opcodes"}, {"\x80\2", "K\1", "opcodes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer pickle = {0};
        put_text(&pickle, cases[i].start);
        repeat(&pickle, cases[i].repeated, MANY);
        check_pickle_refused(&pickle, cases[i].reason);
        buffer_free(&pickle);
    }
    struct buffer pickle = {0}; /* the name of a global that does not end */
    put_text(&pickle, "\x80\2c");
    repeat(&pickle, "x", 300);
    check_pickle_refused(&pickle, "limit");
    buffer_clear(&pickle);
    put_text(&pickle, "\x80\2");
    repeat(&pickle, "N", TENSORS_MAX_HEADER);
    check_pickle_refused(&pickle, "limit");
    /* Only a stream can hold more text than the limit of an archive's pickle allows. */
    buffer_clear(&pickle);
    checkpoint_torch_stream(&pickle, NULL, 0);
    pickle.n_bytes = find_bytes(&pickle, "\x80\2ccollections", 14, 0);
    put_text(&pickle, "\x80\2");
    struct buffer string = {0};
    put_text(&string, "X");
    put_u32(&string, 65536);
    repeat(&string, "s", 65536);
    for (size_t i = 0; i < 257; i++)
        put_bytes(&pickle, string.bytes, string.n_bytes);
    check_refused(&pickle, F, "16 MiB of strings (limit)");
    buffer_free(&string);
    buffer_free(&pickle);
}
END_TEST

START_TEST(recursive) /* E11 */
{
    REFUSED("\x80\2]q\0h\0a.", "recursive");
    REFUSED("\x80\2}q\0h\0h\0s.", "recursive");
    REFUSED("\x80\2]q\0\x85q\1h\0h\1a.", "recursive");
    REFUSED("\x80\2]q\0]q\1h\0ah\0h\1a.", "recursive");
}
END_TEST

/* A state dict of one entry "w", whose value's parts are given as opcodes. */
struct parts {
    const char *storage; /* of the persistent id, from "(" to "t" */
    size_t n_storage;
    const char *arguments; /* after it: offset, size, stride, ... up to "t" */
    size_t n_arguments;
    const char *reason;
};

#define STORAGE(class, key, count)                                                                 \
    "(X\7\0\0\0storage"                                                                            \
    "ctorch\n" class "\nX\1\0\0\0" key "X\3\0\0\0cpu" count "t"
#define GOOD_STORAGE STORAGE("FloatStorage", "0", "K\6")
#define REST "\x89}t" /* requires_grad, hooks */
#define PARTS(storage, arguments, reason)                                                          \
    {                                                                                              \
        storage, sizeof storage - 1, arguments, sizeof arguments - 1, reason                       \
    }

static void make_entry(struct buffer *pickle, const struct parts *parts)
{
    buffer_clear(pickle);
    put_text(pickle, "\x80\2}");
    put_pickle_text(pickle, "w");
    put_pickle_global(pickle, "torch._utils", "_rebuild_tensor_v2");
    put_text(pickle, "(");
    put_bytes(pickle, parts->storage, parts->n_storage);
    put_text(pickle, "Q");
    put_bytes(pickle, parts->arguments, parts->n_arguments);
    put_text(pickle, "Rs.");
}

START_TEST(bad_entries) /* E7 to E9 */
{
    static const struct parts cases[] = {
        PARTS("(t", "K\0)))" REST, "persistent id"),
        PARTS("(X\7\0\0\0storaget", "K\0))" REST, "persistent id"),
        PARTS("(X\7\0\0\0sturagectorch\nFloatStorage\nX\1\0\0\0"
              "0X\3\0\0\0cpuK\6t",
              "K\0))" REST, "persistent id"),
        PARTS("(X\7\0\0\0storagectorch\nFloatStorage\nK\0X\3\0\0\0cpuK\6t", "K\0))" REST,
              "persistent id"),
        PARTS("(X\7\0\0\0storagectorch\nfloat32\nX\1\0\0\0"
              "0X\3\0\0\0cpuK\6t",
              "K\0))" REST, "persistent id"),
        PARTS("(X\7\0\0\0storageNX\1\0\0\0"
              "0X\3\0\0\0cpuK\6t",
              "K\0))" REST, "persistent id"),
        PARTS("(X\7\0\0\0storagectorch\nFloatStorage\nX\4\0\0\0../xX\3\0\0\0cpuK\6t", "K\0))" REST,
              "not a number"),
        PARTS(STORAGE("FloatStorage", "x", "K\6"), "K\0))" REST, "not a number"),
        PARTS(STORAGE("FloatStorage", "1", "K\6"), "K\0K\1\x85K\1\x85" REST, "missing"),
        PARTS(STORAGE("FloatStorage", "0", "J\xff\xff\xff\xff"), "K\0))" REST, "persistent id"),
        PARTS(STORAGE("FloatStorage", "0", "\x8a\x08\0\0\0\0\0\0\0\x40"), "K\0))" REST,
              "truncated"),
        PARTS(STORAGE("FloatStorage", "0", "K\7"), "K\0K\1\x85K\1\x85" REST, "28"),
        PARTS(STORAGE("FloatStorage", "0", "K\5"), "K\0K\1\x85K\1\x85" REST, "20"),
        PARTS(STORAGE("DoubleStorage", "0", "K\6"), "K\0K\1\x85K\1\x85" REST, "48"),
        PARTS(GOOD_STORAGE, "K\1K\2K\3\x86K\3K\1\x86" REST, "'w': shape"),
        PARTS(GOOD_STORAGE, "K\7K\1\x85K\1\x85" REST, "'w': shape"),
        PARTS(GOOD_STORAGE, "K\0K\7\x85K\1\x85" REST, "'w': shape"),
        PARTS(GOOD_STORAGE, "K\0K\2K\3\x86K\4K\1\x86" REST, "'w': shape"),
        PARTS(GOOD_STORAGE, "K\0K\6\x85J\xff\xff\xff\xff\x85" REST, "'w': shape"),
        PARTS(GOOD_STORAGE, "J\xff\xff\xff\xffK\1\x85K\1\x85" REST, "'w': shape"),
        PARTS(GOOD_STORAGE, "K\0K\6\x85K\0\x85" REST, "'w': shape"),
        PARTS(GOOD_STORAGE, "K\0K\3K\2\x86K\0K\1\x86" REST, "'w': shape"),
        PARTS(GOOD_STORAGE, "K\0K\3K\3\x86K\1K\1\x86" REST, "overlap"),
        PARTS(GOOD_STORAGE, "K\0K\2K\3\x86K\2K\1\x86" REST, "overlap"),
        PARTS(GOOD_STORAGE, "K\0K\6\x85)" REST, "'w': shape"),
        PARTS(GOOD_STORAGE, "K\0K\6K\1" REST, "'w': shape"),
        PARTS(GOOD_STORAGE, "K\0(NtK\1\x85" REST, "'w': shape"),
        PARTS(GOOD_STORAGE, "NK\1\x85K\1\x85" REST, "'w': shape"),
        PARTS(GOOD_STORAGE, "K\0K\6\x85K\1\x85t", "'w': shape"),
        PARTS(GOOD_STORAGE, "K\0(K\1K\1K\1K\1K\1K\1K\1K\1K\1t(K\1K\1K\1K\1K\1K\1K\1K\1K\1t" REST,
              "'w': shape"),
        PARTS(GOOD_STORAGE, "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7fK\1\x85K\1\x85" REST,
              "'w': shape"),
        PARTS(GOOD_STORAGE, "K\0K\2\x85\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85" REST,
              "'w': shape"),
    };
    struct buffer pickle = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make_entry(&pickle, &cases[i]);
        check_pickle_refused(&pickle, cases[i].reason);
    }
    buffer_free(&pickle);
    REFUSED("\x80\2}X\1\0\0\0wK\1s.", "'w': not a tensor");
    REFUSED("\x80\2}X\1\0\0\0w}s.", "'w': not a tensor");
    REFUSED("\x80\2}K\1K\1s.", "not a string");
}
END_TEST

START_TEST(good_entries)
{
    static const struct {
        struct parts parts;
        size_t count;
        float first, last;
    } cases[] = {
        {PARTS(GOOD_STORAGE, "K\0K\2K\3\x86K\3K\1\x86" REST, NULL), 6, 1, 6},
        {PARTS(GOOD_STORAGE, "K\2K\2\x85K\1\x85" REST, NULL), 2, 3, 4},
        {PARTS(GOOD_STORAGE, "K\1K\2\x85K\4\x85" REST, NULL), 2, 2, 6},
        {PARTS(GOOD_STORAGE, "K\1K\2K\2\x86K\1K\2\x86" REST, NULL), 4, 2, 5},
        {PARTS(GOOD_STORAGE, "K\0K\1K\3\x86K\0K\1\x86" REST, NULL), 3, 1, 3},
        {PARTS(GOOD_STORAGE, "K\5))" REST, NULL), 1, 6, 6},
        {PARTS(GOOD_STORAGE, "K\1))" REST, NULL), 1, 2, 2},
    };
    struct buffer pickle = {0}, file = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make_entry(&pickle, &cases[i].parts);
        make_zip(&file, &pickle);
        struct opened opened = open_tensors(&file, F);
        const struct tensor *t = tensors_find(opened.tensors, "w");
        ck_assert_uint_eq(t->n_elements, cases[i].count);
        ck_assert_float_eq(value_at(opened.tensors, "w", 0), cases[i].first);
        ck_assert_float_eq(value_at(opened.tensors, "w", t->n_elements - 1), cases[i].last);
        close_tensors(&opened);
    }
    /* A parameter, and a tensor of an untyped storage with its dtype beside it. */
    buffer_clear(&pickle);
    put_text(&pickle, "\x80\2}");
    put_pickle_text(&pickle, "w");
    put_pickle_global(&pickle, "torch._utils", "_rebuild_parameter");
    put_text(&pickle, "(");
    put_pickle_global(&pickle, "torch._utils", "_rebuild_tensor_v3");
    put_text(&pickle, "((");
    put_pickle_text(&pickle, "storage");
    put_pickle_global(&pickle, "torch.storage", "UntypedStorage");
    put_pickle_text(&pickle, "0");
    put_pickle_text(&pickle, "cpu");
    put_pickle_integer(&pickle, sizeof values);
    put_text(&pickle, "tQ");
    put_bytes(&pickle, "K\1K\2\x85K\1\x85\x89}", 10);
    put_pickle_global(&pickle, "torch", "float32");
    put_text(&pickle, "tR\x88}tRs.");
    make_zip(&file, &pickle);
    struct opened opened = open_tensors(&file, F);
    ck_assert_float_eq(value_at(opened.tensors, "w", 1), 3);
    close_tensors(&opened);
    /* As PyTorch 0.1 to 0.3 rebuilt tensors: no gradient, no hooks. */
    make_entry(&pickle, &(struct parts)PARTS(GOOD_STORAGE, "K\1K\2K\2\x86K\1K\2\x86t", NULL));
    replace_bytes(&pickle, "_rebuild_tensor_v2\n", "_rebuild_tensor\n\0\0\0", 19);
    size_t at = find_bytes(&pickle, "_rebuild_tensor\n", 16, 0) + 16;
    memmove(pickle.bytes + at, pickle.bytes + at + 3, pickle.n_bytes - at - 3);
    pickle.n_bytes -= 3;
    make_zip(&file, &pickle);
    opened = open_tensors(&file, F);
    ck_assert_float_eq(value_at(opened.tensors, "w", 0), 2);
    ck_assert_float_eq(value_at(opened.tensors, "w", 1), 4);
    ck_assert_float_eq(value_at(opened.tensors, "w", 3), 5);
    close_tensors(&opened);
    buffer_free(&pickle);
    buffer_free(&file);
}
END_TEST

START_TEST(archives) /* E3, E12, E14 */
{
    static const char empty[] = "\x80\2}.";
    static const struct {
        const char *names[3], *contents[3], *reason;
    } cases[] = {
        {{"x/data.pkl", "y/data.pkl"}, {empty, empty}, "two members are called data.pkl"},
        {{"x/other.pkl"}, {empty}, "no data.pkl"},
        {{"data.pkl"}, {empty}, "no data.pkl"},
        {{"x/y/data.pkl"}, {empty}, "no data.pkl"},
        {{"x/data.pkl", "x/constants.pkl"}, {empty, empty}, "legacy PyTorch format; convert"},
        {{"x/data.pkl", "x/code/a.py"}, {empty, ""}, "legacy PyTorch format; convert"},
        {{"x/data.pkl", "x/byteorder"}, {empty, "big"}, "byte order"},
        {{"x/data.pkl", "x/byteorder"}, {empty, "wittle"}, "byte order"},
        {{"x/data.pkl", "x/other.pkl", "x/byteorder"}, {empty, "cos\nsystem\n", "little"}, NULL},
    };
    struct buffer file = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct zip_writer zip = {.out = &file};
        buffer_clear(&file);
        for (size_t m = 0; m < 3 && cases[i].names[m] != NULL; m++)
            zip_writer_add(&zip, cases[i].names[m], cases[i].contents[m],
                           strlen(cases[i].contents[m]));
        zip_writer_end(&zip);
        if (cases[i].reason != NULL) {
            check_refused(&file, F, cases[i].reason);
        } else {
            struct opened opened = open_tensors(&file, F);
            ck_assert_uint_eq(tensors_count(opened.tensors), 0);
            close_tensors(&opened);
        }
    }
    buffer_clear(&file); /* a bare pickle, a tar archive */
    put_text(&file, "\x80\2}q\1.");
    check_refused(&file, F, "legacy PyTorch format; convert to safetensors");
    buffer_clear(&file);
    put_zeros(&file, 512);
    memcpy(file.bytes + 257, "ustar", 5);
    check_refused(&file, F, "legacy PyTorch format; convert to safetensors");
    buffer_clear(&file); /* the pickle's checksum */
    checkpoint_torch_zip(&file, tiny, 3);
    file.bytes[find_bytes(&file, "a.weight", 8, 0)] = 'A';
    check_refused(&file, F, "checksum");
    buffer_free(&file);
}
END_TEST

START_TEST(bad_streams)
{
    static const struct {
        const char *old, *new;
        size_t n_bytes;
        const char *reason;
    } cases[] = {
        {"M\xe9\3.", "M\xe8\3.", 4, "version 1000"},
        {"little_endian\x88", "little_endian\x89", 14, "byte order"},
        {"little_endian\x88", "xittle_endian\x88", 14, "byte order"},
        {"\6\0\0\0\0\0\0\0", "\7\0\0\0\0\0\0\0", 8, "7 elements"},
        {"X\x0e\0\0\0"
         "94300000000002e",
         "X\x0e\0\0\0"
         "94300000000000e",
         20, "names one twice"},
        {"X\x0e\0\0\0"
         "94300000000002e",
         "X\x0e\0\0\0"
         "94300000000009e",
         20, "names one twice"},
        {"K\6NtQ", "K\7NtQ", 5, "two ways"},
        {"K\6NtQ", "K\6KtQ", 5, "no tuple"},
        {"K\6NtQ", "K\6)tQ", 5, "a view of another: legacy PyTorch format; convert"},
        {"K\6NtQ", "K\6\x88tQ", 5, "persistent id"},
    };
    struct buffer file = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buffer_clear(&file);
        checkpoint_torch_stream(&file, tiny, 3);
        replace_bytes(&file, cases[i].old, cases[i].new, cases[i].n_bytes);
        check_refused(&file, F, cases[i].reason);
    }
    buffer_clear(&file);
    checkpoint_torch_stream(&file, tiny, 3);
    put_u8(&file, 0);
    check_refused(&file, F, "bytes not covered");
    buffer_free(&file);
}
END_TEST

START_TEST(truncations_and_flips)
{
    struct buffer file = {0};
    checkpoint_torch_zip(&file, tiny, 3);
    check_truncations(&file, F);
    check_flips(&file, F, file.n_bytes);
    /* Past the checksum, as a fuzzer would. */
    struct buffer pickle = {0}, archive = {0};
    size_t start = find_bytes(&file, "\x80\2c", 3, 0);
    size_t length = find_bytes(&file, "sssb.", 5, 0) + 5 - start;
    put_bytes(&pickle, file.bytes + start, length);
    for (size_t bit = 0; bit < 8 * pickle.n_bytes; bit++) {
        pickle.bytes[bit / 8] = (char)(pickle.bytes[bit / 8] ^ 1 << bit % 8);
        make_zip(&archive, &pickle);
        check_survives(archive.bytes, archive.n_bytes, F);
        pickle.bytes[bit / 8] = (char)(pickle.bytes[bit / 8] ^ 1 << bit % 8);
    }
    for (size_t n = 0; n < length; n++) {
        pickle.n_bytes = n;
        make_zip(&archive, &pickle);
        ck_assert(!check_survives(archive.bytes, archive.n_bytes, F));
    }
    buffer_clear(&file);
    checkpoint_torch_stream(&file, tiny, 3);
    check_truncations(&file, F);
    check_flips(&file, F, file.n_bytes);
    buffer_free(&archive);
    buffer_free(&pickle);
    buffer_free(&file);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("torch");
    TCase *cases = tcase_create("files");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, refused_globals);
    tcase_add_test(cases, bad_opcodes);
    tcase_add_test(cases, limits);
    tcase_add_test(cases, recursive);
    tcase_add_test(cases, bad_entries);
    tcase_add_test(cases, good_entries);
    tcase_add_test(cases, archives);
    tcase_add_test(cases, bad_streams);
    tcase_add_test(cases, truncations_and_flips);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
