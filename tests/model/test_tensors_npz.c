/* npz archives: zip structure, array headers, and what Marian keeps in them. */
#include "model/npz.h"
#include "tests/support/check_tensors.h"
#include "tests/support/checkpoints.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define F FORMAT_MARIAN
#define YML "type: transformer\n"

#define CENTRAL "PK\1\2"
#define END "PK\5\6"

static const float values[6] = {1, 2, 3, 4, 5, 6};
static const struct array tiny[] = {
    {.name = "Wemb", .type = TENSOR_F32, .rank = 2, .shape = {2, 3}, .values = values},
    {.name = "b", .type = TENSOR_F32, .rank = 2, .shape = {1, 3}, .values = values},
};

/* A good archive to spoil. */
static void make(struct buffer *file)
{
    buffer_clear(file);
    checkpoint_npz(file, tiny, 2, YML);
}

static void set_u16(struct buffer *file, size_t at, unsigned value)
{
    file->bytes[at] = (char)(value & 0xff);
    file->bytes[at + 1] = (char)(value >> 8);
}

static void set_u32(struct buffer *file, size_t at, uint32_t value)
{
    set_u16(file, at, value & 0xffff);
    set_u16(file, at + 2, value >> 16);
}

static size_t central(const struct buffer *file, size_t nth)
{
    return find_bytes(file, CENTRAL, 4, nth);
}

static size_t end_record(const struct buffer *file)
{
    return find_bytes(file, END, 4, 0);
}

/* Spoils one 16-bit field of a good archive, at `offset` from its local, central or end record. */
enum record { RECORD_LOCAL, RECORD_CENTRAL, RECORD_END };
struct spoiled {
    enum record record;
    size_t offset;
    unsigned value;
    const char *reason;
};

START_TEST(spoiled_fields) /* D1 to D4 */
{
    static const struct spoiled cases[] = {
        {RECORD_CENTRAL, 10, 8, "compressed members are not supported"},
        {RECORD_LOCAL, 8, 8, "headers disagree"},
        {RECORD_CENTRAL, 8, 1, "encrypted"},
        {RECORD_CENTRAL, 8, 0x40, "flags"},
        {RECORD_LOCAL, 6, 1, "headers disagree"},
        {RECORD_LOCAL, 6, 8, "headers disagree"}, /* a descriptor, says only one of them */
        {RECORD_LOCAL, 26, 7, "headers disagree"},
        {RECORD_LOCAL, 30, 'X', "headers disagree (name)"},
        {RECORD_LOCAL, 0, 0, "not a Marian model"},
        {RECORD_LOCAL, 18, 1, "headers disagree"},
        {RECORD_LOCAL, 22, 1, "headers disagree"},
        {RECORD_LOCAL, 14, 1, "headers disagree"},
        {RECORD_LOCAL, 28, 0xffff, "truncated"},
        {RECORD_LOCAL, 28, 4, "extra field"},
        {RECORD_CENTRAL, 0, 0, "malformed central directory"},
        {RECORD_CENTRAL, 20, 1, "two sizes differ"},
        {RECORD_CENTRAL, 28, 0xffff, "longer than"},
        {RECORD_CENTRAL, 28, 0, "plain relative path"},
        {RECORD_CENTRAL, 34, 1, "disks"},
        {RECORD_CENTRAL, 42, 1, "headers disagree"},
        {RECORD_CENTRAL, 44, 0x7fff, "truncated"},
        {RECORD_END, 0, 0, "truncated"},
        {RECORD_END, 4, 1, "disks"},
        {RECORD_END, 6, 1, "disks"},
        {RECORD_END, 8, 2, "disks"},
        {RECORD_END, 12, 7, "central directory"},
        {RECORD_END, 16, 7, "central directory"},
        {RECORD_END, 18, 0xffff, "central directory"},
        {RECORD_END, 20, 1, "truncated"},
    };
    struct buffer file = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make(&file);
        size_t record = cases[i].record == RECORD_LOCAL     ? 0
                        : cases[i].record == RECORD_CENTRAL ? central(&file, 0)
                                                            : end_record(&file);
        set_u16(&file, record + cases[i].offset, cases[i].value);
        check_refused(&file, F, cases[i].reason);
    }
    buffer_free(&file);
}
END_TEST

START_TEST(lying_counts) /* D3 */
{
    static const struct {
        unsigned count;
        const char *reason;
    } cases[] = {{0, "central directory"},
                 {2, "central directory"},
                 {4, "do not fit"},
                 {65535, "do not fit"}};
    struct buffer file = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make(&file);
        size_t end = end_record(&file);
        set_u16(&file, end + 8, cases[i].count);
        set_u16(&file, end + 10, cases[i].count);
        check_refused(&file, F, cases[i].reason);
    }
    buffer_free(&file);
}
END_TEST

START_TEST(end_records) /* D2, D3 */
{
    struct buffer file = {0};
    make(&file);
    put_text(&file, "a comment");
    check_refused(&file, F, "end record");
    make(&file); /* an end record inside a comment */
    size_t end = end_record(&file), n_file = file.n_bytes;
    set_u16(&file, end + 20, 22);
    char *copy = memory_text(file.bytes + end, n_file - end, NULL);
    put_bytes(&file, copy, n_file - end - 2);
    put_u16(&file, 0);
    check_refused(&file, F, "central directory");
    memory_free(copy);
    make(&file); /* bytes in front of the archive */
    struct buffer longer = {0};
    put_bytes(&longer, file.bytes, file.n_bytes);
    put_bytes(&longer, file.bytes, file.n_bytes);
    check_refused(&longer, F, "central directory");
    buffer_clear(&longer);
    put_text(&longer, "PK\3\4");
    check_refused(&longer, F, "truncated");
    buffer_free(&longer);
    buffer_free(&file);
}
END_TEST

static void make_zip(struct buffer *file, bool descriptors, bool zip64, size_t alignment)
{
    struct zip_writer zip = {
        .out = file, .descriptors = descriptors, .zip64 = zip64, .alignment = alignment};
    struct buffer npy = {0};
    buffer_clear(file);
    put_npy(&npy, "<f4", "False", "(6,)", values, sizeof values);
    zip_writer_add(&zip, "a.npy", npy.bytes, npy.n_bytes);
    buffer_clear(&npy);
    put_npy(&npy, "|i1", "False", "(19,)", YML, 19);
    zip_writer_add(&zip, "special:model.yml.npy", npy.bytes, npy.n_bytes);
    zip_writer_end(&zip);
    buffer_free(&npy);
}

START_TEST(zip_variants)
{
    struct buffer file = {0};
    for (unsigned i = 0; i < 8; i++) {
        make_zip(&file, i & 1, i & 2, i & 4 ? 64 : 0);
        struct opened opened = open_tensors(&file, F);
        ck_assert_float_eq(value_at(opened.tensors, "a", 5), 6);
        if (i & 4) {
            size_t header = tensors_find(opened.tensors, "a")->offset - 128;
            ck_assert_uint_eq(header % 64, 0);
        }
        close_tensors(&opened);
        check_truncations(&file, F);
        if (i == 3)
            check_flips(&file, F, file.n_bytes);
    }
    make_zip(&file, true, false, 0); /* the descriptor disagrees */
    set_u32(&file, find_bytes(&file, "PK\7\10", 4, 0) + 4, 0);
    check_refused(&file, F, "headers disagree (data descriptor)");
    make_zip(&file, true, false, 0);
    set_u32(&file, find_bytes(&file, "PK\7\10", 4, 0), 0);
    check_refused(&file, F, "headers disagree (data descriptor)");
    buffer_free(&file);
}
END_TEST

START_TEST(bad_zip64) /* D3 */
{
    static const struct {
        const char *record;
        size_t offset;
        uint32_t value;
        const char *reason;
    } cases[] = {
        {"PK\6\6", 0, 0, "malformed Zip64"},
        {"PK\6\6", 4, 45, "malformed Zip64"},
        {"PK\6\6", 16, 1, "disks"},
        {"PK\6\6", 24, 9, "disks"},
        {"PK\6\6", 32, 9, "disks"},
        {"PK\6\6", 40, 9, "central directory"},
        {"PK\6\6", 44, UINT32_MAX, "central directory"},
        {"PK\6\6", 48, 9, "central directory"},
        {"PK\6\6", 52, UINT32_MAX, "central directory"},
        {"PK\6\7", 4, 1, "disks"},
        {"PK\6\7", 8, 0, "Zip64"},
        {"PK\6\7", 12, UINT32_MAX, "Zip64"},
        {"PK\6\7", 16, 2, "disks"},
        {"PK\6\7", 0, 0, "central directory"},
        {CENTRAL, 46 + 5 + 2, 16, "too short"},
        {CENTRAL, 46 + 5 + 4, 9, "sizes differ"},
        {CENTRAL, 46 + 5 + 8, UINT32_MAX, "sizes differ"},
        {CENTRAL, 46 + 5 + 20, 9, "headers"},
        {CENTRAL, 46 + 5 + 24, UINT32_MAX, "truncated"},
        {"PK\3\4", 30 + 5 + 4, 9, "disagree"},
        {"PK\3\4", 30 + 5 + 16, 9, "disagree"},
    };
    struct buffer file = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make_zip(&file, false, true, 0);
        size_t at = find_bytes(&file, cases[i].record, 4, 0) + cases[i].offset;
        if (cases[i].offset == 46 + 5 + 2)
            set_u16(&file, at, cases[i].value);
        else
            set_u32(&file, at, cases[i].value);
        check_refused(&file, F, cases[i].reason);
    }
    make_zip(&file, false, true, 0); /* the two end records disagree */
    set_u16(&file, find_bytes(&file, END, 4, 0) + 8, 9);
    set_u16(&file, find_bytes(&file, END, 4, 0) + 10, 9);
    check_refused(&file, F, "end records disagree");
    buffer_free(&file);
}
END_TEST

START_TEST(too_many_members)
{
    struct buffer file = {0};
    struct zip_writer zip = {.out = &file, .zip64 = true};
    char name[32];
    for (size_t i = 0; i <= 65536 + 64; i++) {
        snprintf(name, sizeof name, "%zu.npy", i);
        zip_writer_add(&zip, name, "", 0);
    }
    zip_writer_end(&zip);
    check_refused(&file, F, "more than 65600 members");
    buffer_free(&file);
}
END_TEST

START_TEST(overlapping_members) /* D5 */
{
    struct buffer file = {0};
    make(&file); /* the second entry points to the first member */
    size_t second = central(&file, 1);
    set_u32(&file, second + 42, 0);
    check_refused(&file, F, "headers disagree");
    make_zip(&file, false, false, 0); /* one member twice: same name, same place */
    size_t first = central(&file, 0), n_entry = central(&file, 1) - first;
    struct buffer longer = {0};
    put_bytes(&longer, file.bytes, central(&file, 1));
    put_bytes(&longer, file.bytes + first, n_entry);
    put_bytes(&longer, file.bytes + central(&file, 1), file.n_bytes - central(&file, 1));
    size_t end = end_record(&longer);
    set_u16(&longer, end + 8, 3);
    set_u16(&longer, end + 10, 3);
    set_u32(&longer, end + 12, (uint32_t)(end - first));
    check_refused(&longer, F, "overlap");
    /* A member whose contents hold the header of another. */
    buffer_clear(&longer);
    struct zip_writer outer = {.out = &longer}, inner = {.out = &longer};
    struct buffer npy = {0}, inside = {0};
    put_npy(&npy, "|i1", "False", "(19,)", YML, 19);
    struct zip_writer nested = {.out = &inside};
    zip_writer_add(&nested, "special:model.yml.npy", npy.bytes, npy.n_bytes);
    size_t contents = 30 + strlen("x.npy");
    zip_writer_add(&outer, "x.npy", inside.bytes, inside.n_bytes);
    inner.central = nested.central;
    set_u32(&inner.central, 42, (uint32_t)contents);
    put_bytes(&outer.central, inner.central.bytes, inner.central.n_bytes);
    outer.n_members = 2;
    zip_writer_end(&outer);
    check_refused(&longer, F, "overlap");
    buffer_free(&inner.central);
    buffer_free(&inside);
    buffer_free(&npy);
    buffer_free(&longer);
    buffer_free(&file);
}
END_TEST

START_TEST(member_names) /* D6 */
{
    static const struct {
        const char *name, *reason;
    } cases[] = {
        {"a", "NAME.npy"},
        {".npy", "NAME.npy"},
        {"abcd", "NAME.npy"},
        {"a.npz", "NAME.npy"},
        {"../a.npy", "relative path"},
        {"x/../a.npy", "relative path"},
        {"/a.npy", "relative path"},
        {"x\\a.npy", "relative path"},
        {"..", "relative path"},
        {"", "relative path"},
        {"\xff.npy", "relative path"},
        {"special:model.yml.npy", "dup"},
    };
    struct buffer file = {0}, npy = {0}, yml = {0};
    put_npy(&npy, "<f4", "False", "(6,)", values, sizeof values);
    put_npy(&yml, "|i1", "False", "(19,)", YML, 19);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct zip_writer zip = {.out = &file};
        buffer_clear(&file);
        zip_writer_add(&zip, "special:model.yml.npy", yml.bytes, yml.n_bytes);
        zip_writer_add(&zip, cases[i].name, npy.bytes, npy.n_bytes);
        zip_writer_end(&zip);
        check_refused(&file, F, cases[i].reason);
    }
    make(&file); /* a NUL in both headers of a name */
    file.bytes[30 + 1] = '\0';
    file.bytes[central(&file, 0) + 46 + 1] = '\0';
    check_refused(&file, F, "relative path");
    buffer_free(&yml);
    buffer_free(&npy);
    buffer_free(&file);
}
END_TEST

START_TEST(checksums) /* D7 */
{
    struct buffer file = {0};
    struct error err = {0};
    float read[6];
    make(&file);
    size_t at = find_bytes(&file, values, sizeof values, 0);
    file.bytes[at] ^= 1;
    struct opened opened = open_tensors(&file, F);
    const struct tensor *t = tensors_find(opened.tensors, "Wemb");
    ck_assert(!tensors_read_f32(opened.tensors, t, 3, 1, read, &err));
    ck_assert_int_eq(err.code, ERROR_MODEL);
    ck_assert_ptr_nonnull(strstr(err.text, "checksum"));
    ck_assert(
        tensors_read_f32(opened.tensors, tensors_find(opened.tensors, "b"), 0, 3, read, NULL));
    close_tensors(&opened);
    make(&file); /* the note is verified at once */
    file.bytes[find_bytes(&file, YML, 4, 0)] ^= 1;
    check_refused(&file, F, "checksum");
    buffer_free(&file);
}
END_TEST

/* An archive of one array with this header (the length says `n_header`) and `n_data` bytes. */
static void make_npy(struct buffer *file, const char *magic, size_t n_header, const char *header,
                     size_t n_data)
{
    struct buffer npy = {0};
    put_bytes(&npy, magic, 8);
    if (magic[6] == 1)
        put_u16(&npy, (unsigned)n_header);
    else
        put_u32(&npy, n_header);
    put_text(&npy, header);
    put_zeros(&npy, n_data);
    struct zip_writer zip = {.out = file};
    buffer_clear(file);
    zip_writer_add(&zip, "a.npy", npy.bytes, npy.n_bytes);
    buffer_clear(&npy);
    put_npy(&npy, "|i1", "False", "(19,)", YML, 19);
    zip_writer_add(&zip, "special:model.yml.npy", npy.bytes, npy.n_bytes);
    zip_writer_end(&zip);
    buffer_free(&npy);
}

#define GOOD "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n"
#define V1 "\x93NUMPY\1\0"

START_TEST(array_headers) /* D8, D9 */
{
    struct buffer file = {0};
    static const char *const good[] = {
        GOOD,
        "{'descr':'<f4','fortran_order':False,'shape':(2,)}\n",
        "{'shape': (2,), 'fortran_order': False, 'descr': '<f4'}   \n",
        "{\"descr\": \"<f4\", \"fortran_order\": False, \"shape\": (2,)}\n",
        "{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2,), }\n",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        make_npy(&file, V1, strlen(good[i]), good[i], 8);
        struct opened opened = open_tensors(&file, F);
        close_tensors(&opened);
    }
    make_npy(&file, "\x93NUMPY\2\0", strlen(GOOD), GOOD, 8);
    struct opened opened = open_tensors(&file, F);
    close_tensors(&opened);
    static const struct {
        const char *magic;
        size_t n_header;
        const char *reason;
    } bad_starts[] = {
        {"\x93NUMPZ\1\0", sizeof GOOD - 1, "not a numpy array"},
        {"\x93NUMPY\4\0", sizeof GOOD - 1, "version"},
        {"\x93NUMPY\0\0", sizeof GOOD - 1, "version"},
        {"\x93NUMPY\1\1", sizeof GOOD - 1, "version"},
        {V1, 0, "array header of 0 bytes"},
        {V1, 65535, "array header of 65535 bytes"},
        {"\x93NUMPY\2\0", 65536, "array header of 65536 bytes"},
        {"\x93NUMPY\2\0", UINT32_MAX, "array header of 4294967295 bytes"},
        {V1, sizeof GOOD - 2, "newline"},
    };
    for (size_t i = 0; i < sizeof bad_starts / sizeof bad_starts[0]; i++) {
        make_npy(&file, bad_starts[i].magic, bad_starts[i].n_header, GOOD, 8);
        check_refused(&file, F, bad_starts[i].reason);
    }
    buffer_free(&file);
}
END_TEST

#define HEADER(descr, order, shape)                                                                \
    "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }\n"

START_TEST(bad_array_headers) /* D9 to D11 */
{
    static const struct {
        const char *header;
        size_t n_data;
        const char *reason;
    } cases[] = {
        {"\n", 8, "header"},
        {"{}\n", 8, "lacks"},
        {"{'descr': '<f4', 'shape': (2,)}\n", 8, "lacks"},
        {"{'descr': '<f4', 'fortran_order': False}\n", 8, "lacks"},
        {"{'fortran_order': False, 'shape': (2,)}\n", 8, "lacks"},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}\n", 8, "dup"},
        {"{'more': 1, 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}\n", 8, "unknown"},
        {HEADER("'<f4'", "False", "(2,)") "x\n", 8, "malformed"},
        {"__import__('os').system('true')\n", 8, "malformed"},
        {HEADER("__import__('os')", "False", "(2,)"), 8, "dtype"},
        {HEADER("'<f4'", "__import__('os')", "(2,)"), 8, "fortran_order"},
        {HEADER("'<f4'", "0", "(2,)"), 8, "fortran_order"},
        {HEADER("'<f4'", "False", "(__import__('os'),)"), 8, "shape"},
        {HEADER("'<f4'", "False", "[2]"), 8, "shape"},
        {HEADER("'<f4'", "False", "(2)"), 8, "shape"},
        {HEADER("'<f4'", "False", "(,)"), 8, "shape"},
        {HEADER("'<f4'", "False", "(2,"), 8, "shape"},
        {HEADER("'<f4'", "False", "(-1,)"), 8, "shape"},
        {HEADER("'<f4'", "False", "(1e9,)"), 8, "shape"},
        {HEADER("'<f4'", "False", "(02,)"), 8, "shape"},
        {HEADER("'<f4'", "False", "(3,)"), 8, "shape"},
        {HEADER("'<f4'", "False", "(1,)"), 8, "shape"},
        {HEADER("'<f4'", "False", "()"), 8, "shape"},
        {HEADER("'<f4'", "False", "(4294967297, 4294967297)"), 8, "shape"},
        {HEADER("'<f4'", "False", "(99999999999999999999999,)"), 8, "shape"},
        {HEADER("'<f4'", "False", "(1, 1, 1, 1, 1, 1, 1, 1, 2)"), 8, "shape"},
        {HEADER("'<f4'", "False", "(3,)"), 2, "shape"},
        {HEADER("'|O'", "False", "(1,)"), 8, "object arrays are refused"},
        {HEADER("'O'", "False", "(1,)"), 8, "object arrays are refused"},
        {HEADER("'>f4'", "False", "(2,)"), 8, "dtype"},
        {HEADER("'<f8'", "False", "(1,)"), 8, "dtype"},
        {HEADER("'<U5'", "False", "(2,)"), 8, "dtype"},
        {HEADER("'<f3'", "False", "(2,)"), 8, "dtype"},
        {HEADER("'<f0'", "False", "(2,)"), 8, "dtype"},
        {HEADER("'<f4294967297'", "False", "(2,)"), 8, "dtype"},
        {HEADER("''", "False", "(2,)"), 8, "dtype"},
        {HEADER("'<f4", "False", "(2,)"), 8, "dtype"},
        {HEADER("[('a', '<f4')]", "False", "(2,)"), 8, "dtype"},
        {HEADER("'<f\\x34'", "False", "(2,)"), 8, "dtype"},
    };
    struct buffer file = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make_npy(&file, V1, strlen(cases[i].header), cases[i].header, cases[i].n_data);
        check_refused(&file, F, cases[i].reason);
    }
    buffer_free(&file);
}
END_TEST

START_TEST(model_yml) /* D13 */
{
    struct buffer file = {0};
    checkpoint_npz(&file, tiny, 2, NULL);
    check_refused(&file, F, "special:model.yml");
    struct buffer large = {0};
    put_zeros(&large, (size_t)10 << 20);
    static const struct {
        const char *descr, *shape;
        size_t n_bytes;
        const char *reason;
    } cases[] = {
        {"|i1", "(10485760,)", (size_t)10 << 20, "larger than 1 MiB"},
        {"|i1", "(3,)", 3, NULL},
        {"<i1", "(3,)", 3, NULL},
        {"|u1", "(3,)", 3, NULL},
        {"<f4", "(3,)", 12, "dtype"},
        {"|i1", "(1, 3)", 3, "dtype or shape"},
        {"|i1", "(0,)", 0, "NUL"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct zip_writer zip = {.out = &file};
        struct buffer npy = {0};
        buffer_clear(&file);
        put_npy(&npy, cases[i].descr, "False", cases[i].shape, large.bytes, cases[i].n_bytes);
        zip_writer_add(&zip, "special:model.yml.npy", npy.bytes, npy.n_bytes);
        zip_writer_end(&zip);
        buffer_free(&npy);
        if (cases[i].reason != NULL) {
            check_refused(&file, F, cases[i].reason);
            continue;
        }
        struct opened opened = open_tensors(&file, F);
        size_t n_bytes = 1;
        ck_assert_str_eq(tensors_note(opened.tensors, "special:model.yml", &n_bytes), "");
        ck_assert_uint_eq(n_bytes, 0);
        close_tensors(&opened);
    }
    buffer_clear(&file); /* not ended by a NUL, and ended by several */
    make(&file);
    struct opened opened = open_tensors(&file, F);
    ck_assert_str_eq(tensors_note(opened.tensors, "special:model.yml", NULL), YML);
    ck_assert_ptr_null(tensors_find(opened.tensors, "special:model.yml"));
    close_tensors(&opened);
    size_t at = find_bytes(&file, "transformer\n", 12, 0) + 12;
    file.bytes[at] = 'x';
    size_t start = find_bytes(&file, "\x93NUMPY", 6, 2);
    uint32_t crc = (uint32_t)crc32_z(0, (const Bytef *)file.bytes + start, at + 1 - start);
    set_u32(&file, find_bytes(&file, "PK\3\4", 4, 2) + 14, crc);
    set_u32(&file, central(&file, 2) + 16, crc);
    check_refused(&file, F, "does not end with a NUL");
    buffer_free(&large);
    buffer_free(&file);
}
END_TEST

START_TEST(truncations_and_flips) /* D14 */
{
    struct buffer file = {0};
    make(&file);
    check_truncations(&file, F);
    check_flips(&file, F, file.n_bytes);
    buffer_free(&file);
}
END_TEST

START_TEST(real_models)
{
    static const struct {
        const char *path, *name;
        size_t count, shape[2];
    } models[] = {
        {"tests/fixtures/npz_ssru/model.npz", "decoder_l1_rnn_W", 92, {64, 64}},
        {"tests/fixtures/npz_postnorm/model.npz", "encoder_l1_self_Wq", 86, {64, 64}},
        {"tests/fixtures/npz_prenorm_untied/model.npz", "decoder_ff_logit_out_Wt", 92, {904, 96}},
    };
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        struct error err = {0};
        struct tensors *tensors;
        if (!tensors_open(&tensors, models[i].path, FORMAT_AUTO, &err))
            ck_abort_msg("%s", err.text);
        ck_assert_uint_eq(tensors_count(tensors), models[i].count);
        const struct tensor *t = tensors_find(tensors, models[i].name);
        ck_assert_ptr_nonnull(t);
        ck_assert_uint_eq(t->shape[0], models[i].shape[0]);
        ck_assert_uint_eq(t->shape[1], models[i].shape[1]);
        (void)value_at(tensors, models[i].name, 5); /* the checksum holds */
        ck_assert_ptr_nonnull(strstr(tensors_note(tensors, "special:model.yml", NULL), "dim-emb"));
        ck_assert(tensors_close(tensors, &err));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("npz");
    TCase *cases = tcase_create("files");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, spoiled_fields);
    tcase_add_test(cases, lying_counts);
    tcase_add_test(cases, end_records);
    tcase_add_test(cases, zip_variants);
    tcase_add_test(cases, bad_zip64);
    tcase_add_test(cases, too_many_members);
    tcase_add_test(cases, overlapping_members);
    tcase_add_test(cases, member_names);
    tcase_add_test(cases, checksums);
    tcase_add_test(cases, array_headers);
    tcase_add_test(cases, bad_array_headers);
    tcase_add_test(cases, model_yml);
    tcase_add_test(cases, truncations_and_flips);
    tcase_add_test(cases, real_models);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
