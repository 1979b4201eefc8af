/* What the gate before SentencePiece lets through: hand-made models, one fault each. Whatever it
 * accepts, the library must take without harm. */
#include "base/file.h"
#include "tests/support/spm_builder.h"
#include "tokenizer/sentencepiece.h"
#include "tokenizer/spm_gate.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void start(struct spm_parts *parts)
{
    spm_parts_start(parts);
    spm_add(parts, "\xe2\x96\x81", SPM_NORMAL);
    spm_add(parts,
            "\xe2\x96\x81"
            "ab",
            SPM_NORMAL);
    spm_add(parts, "a", SPM_NORMAL);
    spm_add(parts, "b", SPM_NORMAL);
}

/* ---- verdicts ----------------------------------------------------------------------------------
 */

static bool take(void *context, uint32_t id, const char *piece, size_t n_bytes, struct error *err)
{
    (void)id;
    (void)piece;
    (void)n_bytes;
    (void)err;
    ++*(size_t *)context;
    return true;
}

static void use(const struct buffer *model, const struct spm *spm)
{
    static const char *const texts[] = {"ab ba aab", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xa9",
                                        "\xef\xbd\xb6\xef\xbe\x9e \x01\x02 ", ""};
    struct sentencepiece_model *library;
    struct error err = {0};
    ck_assert_msg(sentencepiece_open(&library, "t.spm", model->bytes, model->n_bytes,
                                     spm->pieces.count, &err),
                  "%s", err.text);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t n = 0;
        ck_assert_msg(sentencepiece_encode(library, texts[i], strlen(texts[i]), take, &n, &err),
                      "%s", err.text);
        ck_assert_int_eq(n > 0, i < 3);
    }
    sentencepiece_close(library);
}

static void expect_good(struct buffer *model)
{
    struct spm spm;
    struct error err = {0};
    ck_assert_msg(spm_gate(&spm, "t.spm", model->bytes, model->n_bytes, &err), "%s", err.text);
    use(model, &spm);
    spm_free(&spm);
    buffer_free(model);
}

static void expect_bad(struct buffer *model, const char *reason)
{
    struct spm spm;
    struct error err = {0};
    ck_assert_msg(!spm_gate(&spm, "t.spm", model->bytes, model->n_bytes, &err), "accepted: %s",
                  reason);
    ck_assert_int_eq(err.code, ERROR_MODEL);
    ck_assert_msg(strncmp(err.text, "t.spm: ", 7) == 0 && strstr(err.text, reason) != NULL,
                  "'%s' does not say '%s'", err.text, reason);
    buffer_free(model);
}

static void finish_bad(struct spm_parts *parts, const char *reason)
{
    spm_parts_finish(parts);
    expect_bad(&parts->model, reason);
}

START_TEST(f0_a_small_model_is_good)
{
    struct spm_parts parts;
    start(&parts);
    spm_parts_finish(&parts);
    expect_good(&parts.model);
    start(&parts);
    spm_put_number(&parts.trainer, 3, 2); /* BPE */
    spm_parts_finish(&parts);
    expect_good(&parts.model);
}
END_TEST

START_TEST(f1_not_a_model)
{
    struct buffer model = {0};
    ck_assert(buffer_append(&model, "", 0, NULL));
    expect_bad(&model, "not a SentencePiece model");
    ck_assert(buffer_append(&model, "\x0a\xff\xff", 3, NULL));
    expect_bad(&model, "not a SentencePiece model");
    ck_assert(buffer_append_text(&model, "<!DOCTYPE html><html></html>", NULL));
    expect_bad(&model, "not a SentencePiece model");
    uint32_t state = 1;
    for (int i = 0; i < 4096; i++) {
        state = state * 1664525 + 1013904223;
        ck_assert(buffer_append_byte(&model, (char)(state >> 24), NULL));
    }
    expect_bad(&model, "not a SentencePiece model");
}
END_TEST

START_TEST(f1_cut_at_every_byte)
{
    struct spm_parts parts;
    start(&parts);
    spm_parts_finish(&parts);
    for (size_t n = 0; n < parts.model.n_bytes; n++) {
        struct spm spm;
        struct error err = {0};
        char *cut = memory_text(parts.model.bytes, n, NULL);
        ck_assert_msg(!spm_gate(&spm, "t.spm", cut, n, &err), "%zu bytes are accepted", n);
        ck_assert_msg(strstr(err.text, "not a SentencePiece model") != NULL, "%s", err.text);
        memory_free(cut);
    }
    buffer_free(&parts.model);
}
END_TEST

START_TEST(f2_pieces)
{
    struct spm_parts parts = {0};
    spm_add(&parts, "a", SPM_NORMAL);
    finish_bad(&parts, "no <unk>");
    start(&parts);
    spm_add(&parts, "<unk2>", SPM_UNKNOWN);
    finish_bad(&parts, "more than one <unk>");
    parts = (struct spm_parts){0};
    finish_bad(&parts, "no pieces");
    start(&parts);
    spm_add(&parts, "", SPM_NORMAL);
    finish_bad(&parts, "piece 7: empty piece");
    start(&parts);
    spm_add(&parts, "a", SPM_NORMAL);
    finish_bad(&parts, "piece 7: duplicate piece");
}
END_TEST

START_TEST(f3_long_pieces)
{
    static const size_t sizes[] = {1025, 10 << 10, 200 << 10, 2 << 20};
    struct spm_parts parts;
    char *text = memory_new(2 << 20, 1, NULL);
    memset(text, 'a', 2 << 20);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        start(&parts);
        spm_put_piece(&parts.model, text, sizes[i], -1, SPM_NORMAL);
        finish_bad(&parts, "piece longer than 1024 bytes");
    }
    start(&parts);
    spm_put_piece(&parts.model, text, 1024, -1, SPM_NORMAL);
    spm_parts_finish(&parts);
    expect_good(&parts.model);
    memory_free(text);
}
END_TEST

START_TEST(f4_nul)
{
    struct spm_parts parts;
    start(&parts);
    spm_put_piece(&parts.model, "a\0b", 3, -1, SPM_NORMAL);
    finish_bad(&parts, "NUL");
    start(&parts);
    spm_put_piece(&parts.model, "\0", 1, -1, SPM_USER);
    finish_bad(&parts, "NUL");
}
END_TEST

START_TEST(f5_not_utf8)
{
    static const char *const texts[] = {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                        "a\xe2\x96"};
    struct spm_parts parts;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        start(&parts);
        spm_add(&parts, texts[i], SPM_NORMAL);
        finish_bad(&parts, "not UTF-8");
    }
}
END_TEST

START_TEST(f6_scores)
{
    static const float scores[] = {NAN, INFINITY, -INFINITY};
    struct spm_parts parts;
    for (size_t i = 0; i < 3; i++) {
        start(&parts);
        spm_put_piece(&parts.model, "c", 1, scores[i], SPM_NORMAL);
        finish_bad(&parts, "score is not a finite number");
    }
}
END_TEST

START_TEST(f7_types)
{
    static const uint64_t types[] = {0, 7, 99, UINT64_MAX};
    static const uint64_t models[] = {0, 3, 4, 99};
    struct spm_parts parts;
    for (size_t i = 0; i < 4; i++) {
        start(&parts);
        spm_add(&parts, "c", types[i]);
        finish_bad(&parts, "piece 7: unknown type");
        start(&parts);
        spm_put_number(&parts.trainer, 3, models[i]);
        finish_bad(&parts, "unsupported: model_type");
    }
    start(&parts);
    spm_put_number(&parts.trainer, 24, 1);
    finish_bad(&parts, "treat_whitespace_as_suffix");
    start(&parts);
    spm_put_number(&parts.normalizer, 5, 0);
    finish_bad(&parts, "escape_whitespaces");
}
END_TEST

static void add_nested(struct spm_parts *parts, size_t n, uint64_t type)
{
    char text[128];
    memset(text, 'x', sizeof text);
    for (size_t i = 1; i <= n; i++)
        spm_put_piece(&parts->model, text, i, -1, type);
}

START_TEST(f8_nested_pieces)
{
    struct spm_parts parts;
    start(&parts);
    add_nested(&parts, 100, SPM_NORMAL);
    spm_parts_finish(&parts);
    expect_good(&parts.model);
    start(&parts);
    add_nested(&parts, 64, SPM_USER);
    spm_parts_finish(&parts);
    expect_good(&parts.model);
    start(&parts);
    add_nested(&parts, 65, SPM_USER);
    finish_bad(&parts, "more than 64 nested user-defined pieces");
}
END_TEST

START_TEST(f9_byte_pieces)
{
    struct spm_parts parts;
    start(&parts);
    spm_add_bytes(&parts, 256);
    spm_put_number(&parts.trainer, 35, 1);
    spm_parts_finish(&parts);
    expect_good(&parts.model);
    start(&parts);
    spm_add_bytes(&parts, 255);
    spm_put_number(&parts.trainer, 35, 1);
    finish_bad(&parts, "byte pieces are incomplete");
    start(&parts);
    spm_add_bytes(&parts, 256);
    finish_bad(&parts, "byte pieces without byte_fallback");
    start(&parts);
    spm_add(&parts, "<0xZZ>", SPM_BYTE);
    finish_bad(&parts, "from <0x00> to <0xFF>");
}
END_TEST

/* ---- normalizer tables -------------------------------------------------------------------------
 */

#define UNITS 512

/* A double array of two blocks: the root leads to block 1 (units 256 to 511). */
static void clear_units(uint32_t units[UNITS])
{
    for (uint32_t i = 0; i < UNITS; i++)
        units[i] = i == 0 ? UINT32_C(256) << 10
                          : (i & 0xff) ^ 0x7f; /* children of 127 and 383, which are nobody's */
}

static void put_table(struct spm_parts *parts, const uint32_t *units, size_t n_units,
                      const char *pool, size_t pool_bytes)
{
    struct buffer table = {0};
    uint32_t n_bytes = (uint32_t)(4 * n_units);
    ck_assert(buffer_append(&table, &n_bytes, 4, NULL));
    ck_assert(buffer_append(&table, units, 4 * n_units, NULL));
    ck_assert(buffer_append(&table, pool, pool_bytes, NULL));
    spm_put_message(&parts->normalizer, 2, &table);
}

static void expect_bad_table(const uint32_t *units, const char *pool, size_t pool_bytes,
                             const char *reason)
{
    struct spm_parts parts;
    start(&parts);
    put_table(&parts, units, UNITS, pool, pool_bytes);
    finish_bad(&parts, reason);
}

START_TEST(f10_short_tables)
{
    static const char junk[8] = {4, 0, 0, 0, 0, 4, 0, 0};
    struct spm_parts parts;
    for (size_t n = 1; n <= 4; n++) {
        start(&parts);
        spm_put_bytes(&parts.normalizer, 2, junk, n);
        finish_bad(&parts, "normalizer table: truncated");
    }
    start(&parts);
    spm_put_bytes(&parts.normalizer, 2, "\x09\0\0\0abcd\0", 9);
    finish_bad(&parts, "normalizer table: its trie is larger");
    start(&parts);
    spm_put_bytes(&parts.normalizer, 2, "\x03\0\0\0abcd\0", 9);
    finish_bad(&parts, "normalizer table: its trie is not a multiple of 4");
    start(&parts);
    spm_put_bytes(&parts.normalizer, 2, "\0\0\0\0abc\0", 8);
    finish_bad(&parts, "normalizer table: no units");
}
END_TEST

START_TEST(f10_units)
{
    uint32_t units[UNITS];
    clear_units(units);
    units[0] |= UINT32_C(1) << 31;
    expect_bad_table(units, "x", 2, "normalizer table: the first unit is not a root");
    clear_units(units);
    units[0] = UINT32_C(512) << 10; /* the measured crash: the root leads outside */
    expect_bad_table(units, "x", 2, "normalizer table: an offset out of range");
    clear_units(units);
    units[300] = UINT32_C(1) << 30;
    expect_bad_table(units, "x", 2, "normalizer table: an offset out of range");
    clear_units(units);
    units[300] = (300 ^ 256) | 1u << 8; /* has a leaf at itself */
    expect_bad_table(units, "x", 2, "normalizer table: a leaf that is none");
    expect_bad_table(units, "x", 1, "normalizer table: its texts have no end");
    expect_bad_table(units, "\xff", 2, "normalizer table: its texts are not UTF-8");
}
END_TEST

/* The character 'a' -> the text at `value`. */
static void map_a(uint32_t units[UNITS], uint32_t value)
{
    clear_units(units);
    uint32_t a = 256 ^ 'a';
    units[a] = 'a' | 1u << 8 | (a ^ 511) << 10; /* its leaf is unit 511 */
    units[511] = UINT32_C(1) << 31 | value;
}

START_TEST(f10_leaves)
{
    uint32_t units[UNITS];
    struct spm_parts parts;
    map_a(units, 0);
    start(&parts);
    put_table(&parts, units, UNITS, "b", 2);
    spm_parts_finish(&parts);
    expect_good(&parts.model);
    map_a(units, 2);
    expect_bad_table(units, "b", 2, "normalizer table: a leaf value out of range");
    map_a(units, 1);
    expect_bad_table(units, "\xc3\xa9", 3, "normalizer table: a leaf value inside a character");
    char text[66];
    memset(text, 'b', sizeof text);
    text[65] = '\0';
    map_a(units, 0);
    expect_bad_table(units, text, sizeof text, "normalizer table: a replacement of more than 64");
}
END_TEST

START_TEST(f10_paths)
{
    uint32_t units[UNITS];
    clear_units(units);
    units[256 ^ 'a'] = 'a' | ((256 ^ 'a') ^ 256u) << 10; /* 'a' leads to where it stands */
    expect_bad_table(units, "b", 2, "normalizer table: a cycle");

    /* A chain of n units, each with a leaf: "a", "aa", "aaa", ... */
    for (uint32_t n = 32; n <= 33; n++) {
        static uint32_t chain[256 * 40];
        struct spm_parts parts;
        for (uint32_t i = 0; i < 256 * 40; i++)
            chain[i] = (i & 0xff) ^ 0x7f;
        chain[0] = UINT32_C(256) << 10;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t here = (256 * (i + 1)) ^ 'a', next = 256 * (i + 2);
            chain[here] = 'a' | 1u << 8 | (here ^ next) << 10;
            chain[next] = UINT32_C(1) << 31;
        }
        start(&parts);
        put_table(&parts, chain, 256 * 40, "b", 2);
        spm_parts_finish(&parts);
        if (n == 32)
            expect_good(&parts.model);
        else
            expect_bad(&parts.model, "normalizer table: more than 32 matches");
    }
}
END_TEST

/* ---- the wire ----------------------------------------------------------------------------------
 */

START_TEST(f11_lengths)
{
    static const struct {
        const char *bytes;
        size_t n_bytes;
    } lies[] = {
        {"\x0a\xff\xff\xff\xff\x07", 6},                         /* 2^31 - 1 */
        {"\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11},    /* 2^63 */
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},    /* 2^64 - 1 */
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11},    /* more than 64 bits */
        {"\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 12} /* 11 bytes */
    };
    struct spm_parts parts;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        start(&parts);
        spm_parts_finish(&parts);
        ck_assert(buffer_append(&parts.model, lies[i].bytes, lies[i].n_bytes, NULL));
        expect_bad(&parts.model, "not a SentencePiece model");
    }
}
END_TEST

START_TEST(f11_types)
{
    struct spm_parts parts;
    start(&parts);
    spm_put_number(&parts.model, 1, 5); /* a piece that is a number */
    finish_bad(&parts, "wrong wire type");
    for (unsigned type = 3; type <= 7; type += 3) { /* group, and one that does not exist: 6 */
        start(&parts);
        spm_parts_finish(&parts);
        spm_put_varint(&parts.model, UINT64_C(20) << 3 | type);
        expect_bad(&parts.model, "a group or unknown wire type");
    }
    start(&parts);
    spm_parts_finish(&parts);
    spm_put_varint(&parts.model, 2); /* field 0 */
    spm_put_varint(&parts.model, 0);
    expect_bad(&parts.model, "field number");
    start(&parts);
    char *text = memory_new(1 << 20, 1, NULL);
    spm_put_bytes(&parts.model, 1000, text, 1 << 20); /* unknown: skipped */
    spm_parts_finish(&parts);
    expect_good(&parts.model);
    memory_free(text);
}
END_TEST

static void put_self_test(struct buffer *model, const char *input, const char *expected)
{
    struct buffer tests = {0}, sample = {0};
    spm_put_bytes(&sample, 1, input, strlen(input));
    spm_put_bytes(&sample, 2, expected, strlen(expected));
    spm_put_message(&tests, 1, &sample);
    spm_put_message(model, 4, &tests);
}

START_TEST(f12_self_tests)
{
    struct spm_parts parts;
    struct spm spm;
    struct error err = {0};
    struct sentencepiece_model *library;
    start(&parts);
    spm_parts_finish(&parts);
    put_self_test(&parts.model, "ab", "nonsense");
    ck_assert_msg(spm_gate(&spm, "t.spm", parts.model.bytes, parts.model.n_bytes, &err), "%s",
                  err.text);
    ck_assert(!sentencepiece_open(&library, "t.spm", parts.model.bytes, parts.model.n_bytes,
                                  spm.pieces.count, &err));
    ck_assert_int_eq(err.code, ERROR_MODEL);
    ck_assert_msg(strstr(err.text, "t.spm: refused by SentencePiece: ") != NULL, "%s", err.text);
    spm_free(&spm);
    buffer_free(&parts.model);
    char long_text[4096];
    memset(long_text, 'a', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    start(&parts);
    spm_parts_finish(&parts);
    put_self_test(&parts.model, long_text, "a");
    expect_bad(&parts.model, "self_test_data: a sample longer");
}
END_TEST

START_TEST(f13_huge_files)
{
    struct spm spm;
    struct error err = {0};
    char byte = 0x0a;
    ck_assert(!spm_gate(&spm, "t.spm", &byte, SPM_MAX_BYTES + 1, &err)); /* before it reads */
    ck_assert_ptr_nonnull(strstr(err.text, "larger than 64 MiB"));
}
END_TEST

START_TEST(f14_deep_nesting)
{
    struct spm_parts parts;
    start(&parts);
    spm_parts_finish(&parts);
    for (int i = 0; i < 101; i++)
        spm_put_varint(&parts.model,
                       UINT64_C(20) << 3 | 3); /* start of a group in a group in ... */
    expect_bad(&parts.model, "a group or unknown wire type");
}
END_TEST

START_TEST(denormalizers)
{
    struct spm_parts parts;
    struct buffer denormalizer = {0};
    start(&parts);
    spm_parts_finish(&parts);
    spm_put_bytes(&denormalizer, 2, "abcd", 4);
    spm_put_message(&parts.model, 5, &denormalizer);
    expect_bad(&parts.model, "unsupported: a denormalizer table");
}
END_TEST

/* ---- real models -------------------------------------------------------------------------------
 */

static const char *const real[] = {"marian/source.spm", "marian_odd/target.spm",
                                   "nllb/sentencepiece.bpe.model", "m2m100/sentencepiece.bpe.model",
                                   "t5/spiece.model"};

START_TEST(real_models_are_good)
{
    struct buffer model = {0};
    struct error err = {0};
    model.bytes = file_load("tests/fixtures", real[_i], 0, &model.n_bytes, &err);
    ck_assert_msg(model.bytes != NULL, "%s", err.text);
    expect_good(&model);
}
END_TEST

START_TEST(damaged_models_do_no_harm)
{
    struct error err = {0};
    size_t n_bytes, n_good = 0;
    char *bytes = file_load("tests/fixtures", real[0], 0, &n_bytes, &err);
    uint32_t state = 7;
    for (int i = 0; i < 300; i++) {
        struct spm spm;
        state = state * 1664525 + 1013904223;
        size_t at = (size_t)(((uint64_t)state * n_bytes) >> 32);
        char saved = bytes[at];
        bytes[at] = (char)(saved ^ (1 << (state & 7)));
        error_clear(&err);
        if (spm_gate(&spm, "t.spm", bytes, n_bytes, &err)) {
            if (n_good++ % 8 == 0) /* loading is slow */
                use(&(struct buffer){.bytes = bytes, .n_bytes = n_bytes}, &spm);
            spm_free(&spm);
        }
        bytes[at] = saved;
    }
    ck_assert_uint_gt(n_good, 8);
    memory_free(bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spm_gate");
    TCase *tests = tcase_create("gate");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, f0_a_small_model_is_good);
    tcase_add_test(tests, f1_not_a_model);
    tcase_add_test(tests, f1_cut_at_every_byte);
    tcase_add_test(tests, f2_pieces);
    tcase_add_test(tests, f3_long_pieces);
    tcase_add_test(tests, f4_nul);
    tcase_add_test(tests, f5_not_utf8);
    tcase_add_test(tests, f6_scores);
    tcase_add_test(tests, f7_types);
    tcase_add_test(tests, f8_nested_pieces);
    tcase_add_test(tests, f9_byte_pieces);
    tcase_add_test(tests, f10_short_tables);
    tcase_add_test(tests, f10_units);
    tcase_add_test(tests, f10_leaves);
    tcase_add_test(tests, f10_paths);
    tcase_add_test(tests, f11_lengths);
    tcase_add_test(tests, f11_types);
    tcase_add_test(tests, f12_self_tests);
    tcase_add_test(tests, f13_huge_files);
    tcase_add_test(tests, f14_deep_nesting);
    tcase_add_test(tests, denormalizers);
    tcase_add_loop_test(tests, real_models_are_good, 0, (int)(sizeof real / sizeof real[0]));
    tcase_add_test(tests, damaged_models_do_no_harm);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
