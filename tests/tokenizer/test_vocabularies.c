/* Vocabularies in every form, and what is wrong with them. */
#include "tests/support/model_dir.h"
#include "tests/support/spm_builder.h"
#include "tokenizer/tokenizer.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct model_dir dir;

static void write_text(const char *name, const char *text)
{
    model_dir_write(&dir, name, text, strlen(text));
}

static bool open_with(struct tokenizer **tokenizer, const struct tokenizer_options *options,
                      struct error *err)
{
    *err = (struct error){0};
    return tokenizer_open(tokenizer, dir.path, options, err);
}

static struct tokenizer *open_good(const struct tokenizer_options *options)
{
    struct tokenizer *tokenizer;
    struct error err;
    ck_assert_msg(open_with(&tokenizer, options, &err), "%s", err.text);
    return tokenizer;
}

static void expect_bad(const struct tokenizer_options *options, const char *reason)
{
    struct tokenizer *tokenizer;
    struct error err;
    ck_assert_msg(!open_with(&tokenizer, options, &err), "opened: %s", reason);
    ck_assert_int_eq(err.code, ERROR_MODEL);
    ck_assert_msg(strstr(err.text, reason) != NULL, "'%s' does not say '%s'", err.text, reason);
}

static void expect_id(const struct tokenizer *tokenizer, const char *piece, uint32_t id)
{
    uint32_t found = tokenizer_find(tokenizer, TOKENIZER_SOURCE, piece, strlen(piece));
    ck_assert_msg(found == id, "'%s' is %u, not %u", piece, found, id);
    if (id != TOKENIZER_NO_ID)
        ck_assert_str_eq(tokenizer_piece(tokenizer, TOKENIZER_SOURCE, id), piece);
}

/* ---- vocab.json --------------------------------------------------------------------------------
 */

static const struct tokenizer_options marian = {
    .family = TOKENIZER_MARIAN, .source_rows = 10, .target_rows = 10, .pieces_only = true};

static const struct {
    const char *text, *reason;
} bad_json[] = {
    {"{\"</s>\":0,\"<unk>\":1,\"a\":-2}", "vocab.json: offset"},
    {"{\"</s>\":0,\"<unk>\":1,\"a\":2.0}", "vocab.json: offset"},
    {"{\"</s>\":0,\"<unk>\":1,\"a\":\"2\"}", "vocab.json: offset"},
    {"{\"</s>\":0,\"<unk>\":1,\"a\":null}", "vocab.json: offset"},
    {"{\"</s>\":0,\"<unk>\":1,\"a\":99999999999}", "'a', id 1048576: more than 1048576 ids"},
    {"{\"</s>\":0,\"<unk>\":1,\"a\":1}", "'a', id 1: id twice"},
    {"{\"</s>\":0,\"<unk>\":1,\"a\":3}", "no piece has id 2"},
    {"{\"</s>\":0,\"<unk>\":1,\"a\":2,\"a\":3}", "'a' twice"},
    {"{\"</s>\":0,\"<unk>\":1,\"a\":2,\"\\u0061\":3}", "'a' twice"},
    {"{\"</s>\":0,\"a\":1}", "no '<unk>'"},
    {"{\"<unk>\":0,\"a\":1}", "no '</s>'"},
    {"{}", "no pieces"},
    {"[]", "vocab.json: offset 0"},
    {"{\"</s>\":0} x", "text after the end"},
    {"{\"</s>\":0", "vocab.json: offset 9"},
    {"{\"a\\u0000\":0}", "vocab.json: offset"},
    {"{\"\xff\":0}", "vocab.json: offset"},
    {"{\"</s>\":0,\"<unk>\":1,\"a\":2,\"b\":3,\"c\":4,\"d\":5,\"e\":6,\"f\":7,\"g\":8,\"h\":9,"
     "\"i\":10}",
     "it has ids up to 10, the model's embeddings have 10 rows"},
};

START_TEST(json_faults_are_named)
{
    write_text("vocab.json", bad_json[_i].text);
    expect_bad(&marian, bad_json[_i].reason);
}
END_TEST

START_TEST(json_is_read_exactly)
{
    write_text("vocab.json", "\xef\xbb\xbf{ \"</s>\" : 0, \"<unk>\":1, \"\\u2581a\":3,\n"
                             "\"\\ud83d\\ude00\":2, \"\":4}\n");
    struct tokenizer *tokenizer = open_good(&marian);
    expect_id(tokenizer, "\xf0\x9f\x98\x80", 2);
    expect_id(tokenizer,
              "\xe2\x96\x81"
              "a",
              3);
    expect_id(tokenizer, "", 4);
    ck_assert_uint_eq(tokenizer_count(tokenizer, TOKENIZER_SOURCE), 5);
    tokenizer_close(tokenizer);
}
END_TEST

START_TEST(long_pieces_and_many_entries)
{
    static char text[(1 << 20) + 64];
    memset(text, 'a', sizeof text);
    memcpy(text, "{\"", 2);
    memcpy(text + sizeof text - 4, "\":0}", 4);
    model_dir_write(&dir, "vocab.json", text, sizeof text);
    expect_bad(&marian, "longer than 1024 bytes");
    for (size_t i = 0; i + 6 <= sizeof text; i += 6)
        memcpy(text + i, i == 0 ? "{\"a\":0" : ",\"a\":0", 6);
    model_dir_write(&dir, "vocab.json", text, sizeof text);
    expect_bad(&marian, "id twice"); /* at the second entry, not the last */
}
END_TEST

START_TEST(separate_vocabularies)
{
    write_text("tokenizer_config.json", "{\"separate_vocabs\": true, \"eos_token\": {\"content\": "
                                        "\"<end>\"}}");
    write_text("vocab.json", "{\"<end>\":0,\"<unk>\":1,\"a\":2}");
    expect_bad(&marian, "target_vocab.json: No such file");
    write_text("target_vocab.json", "{\"x\":0,\"<unk>\":1,\"<end>\":2,\"y\":3}");
    struct tokenizer *tokenizer = open_good(&marian);
    ck_assert_uint_eq(tokenizer_count(tokenizer, TOKENIZER_SOURCE), 3);
    ck_assert_uint_eq(tokenizer_count(tokenizer, TOKENIZER_TARGET), 4);
    ck_assert_uint_eq(tokenizer_end(tokenizer, TOKENIZER_SOURCE), 0);
    ck_assert_uint_eq(tokenizer_end(tokenizer, TOKENIZER_TARGET), 2);
    ck_assert_str_eq(tokenizer_piece(tokenizer, TOKENIZER_TARGET, 3), "y");
    tokenizer_close(tokenizer);
}
END_TEST

START_TEST(spm_of_another_model)
{
    struct tokenizer_options options = {.family = TOKENIZER_MARIAN};
    model_dir_free(&dir);
    model_dir_new(&dir, "tests/fixtures/marian");
    tokenizer_close(open_good(&options));
    write_text("vocab.json", "{\"</s>\":0,\"<unk>\":1,\"a\":2,\"\\u2581a\":3}");
    expect_bad(&options, "source.spm: only 4 of its 900 pieces are in the vocabulary");
}
END_TEST

/* source.spm and target.spm of the given pieces, space by space. */
static void write_pair(const char *source, const char *target)
{
    for (int side = 0; side < 2; side++) {
        struct spm_parts parts = {0};
        char copy[64];
        spm_add(&parts, "<unk>", SPM_UNKNOWN);
        snprintf(copy, sizeof copy, "%s", side == 0 ? source : target);
        for (char *piece = strtok(copy, " "); piece != NULL; piece = strtok(NULL, " "))
            spm_add(&parts, piece, SPM_NORMAL);
        spm_parts_finish(&parts);
        model_dir_write(&dir, side == 0 ? "source.spm" : "target.spm", parts.model.bytes,
                        parts.model.n_bytes);
        buffer_free(&parts.model);
    }
}

/* Told where each side has a vocabulary, not by what only one of them lacks. */
START_TEST(swapped_spm)
{
    struct tokenizer_options hf = {.family = TOKENIZER_MARIAN};
    struct tokenizer_options native = {.family = TOKENIZER_MARIAN_NATIVE};
    struct tokenizer_options ct2 = {.family = TOKENIZER_CT2};
    const struct tokenizer_options *const options[] = {&hf, &native, &ct2};
    static const char *const files[] = {"tokenizer_config.json",
                                        "vocab.json",
                                        "target_vocab.json",
                                        "decoder.yml",
                                        "a.yml",
                                        "b.yml",
                                        "source_vocabulary.json",
                                        "target_vocabulary.json"};
    static const char *const texts[] = {"{\"separate_vocabs\": true}",
                                        "{\"</s>\":0,\"<unk>\":1,\"a\":2,\"b\":3,\"c\":4}",
                                        "{\"</s>\":0,\"<unk>\":1,\"c\":2,\"d\":3,\"e\":4}",
                                        "vocabs:\n- a.yml\n- b.yml\n",
                                        "</s>: 0\n<unk>: 1\na: 2\nb: 3\nc: 4\n",
                                        "</s>: 0\n<unk>: 1\nc: 2\nd: 3\ne: 4\n",
                                        "[\"</s>\", \"<unk>\", \"a\", \"b\", \"c\"]",
                                        "[\"</s>\", \"<unk>\", \"c\", \"d\", \"e\"]"};
    static const char *const good[][2] = {{"a b c", "c d e"},  {"a b", "d"}, {"a b c", "a b c"},
                                          {"c d e", "c d e"},  {"c", "c"},   {"d e", "d e a"},
                                          {"a b x", "a b d e"}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        write_text(files[i], texts[i]);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        write_pair(good[i][0], good[i][1]);
        tokenizer_close(open_good(options[_i]));
    }
    write_pair("c d e", "a b c");
    expect_bad(options[_i], "source.spm: its pieces are in the target's vocabulary, those of "
                            "target.spm in the source's: swap the two files");
    write_pair("a d e", "a b x");
    expect_bad(options[_i], "swap the two files");
}
END_TEST

/* ---- YAML --------------------------------------------------------------------------------------
 */

static const struct tokenizer_options native = {.family = TOKENIZER_MARIAN_NATIVE,
                                                .pieces_only = true};

START_TEST(yml_keys_are_text)
{
    static const struct {
        const char *key;
        uint32_t id;
    } wanted[] = {
        {"</s>", 0}, {"<unk>", 1}, {"a", 2},   {":", 3},         {"it's", 4},          {"\"", 5},
        {"\\", 6},   {"#", 7},     {"-", 8},   {"~", 9},         {"null", 10},         {"y", 11},
        {"=", 12},   {"42", 13},   {"::", 14}, {"\xc2\x85", 15}, {"\xe2\x80\xa8", 16}, {"\t", 17},
        {"'", 18},   {"a b", 19},  {"?", 20},  {"long key", 21},
    };
    write_text("vocab.yml", "---\n</s>: 0\n<unk>: 1\na: 2\n:: 3\n'it''s': 4\n\"\\\"\": 5\n"
                            "\"\\\\\": 6\n\"#\": 7\n-: 8\n~: 9\nnull: 10\ny: 11\n=: 12\n42: 13\n"
                            ":::   14\r\n\"\\x85\": 15\n\"\\u2028\": 16\n\"\\t\": 17\n'''': 18\n"
                            "a b: 19\n\"?\": 20\n? long key\n: 21\n");
    struct tokenizer *tokenizer = open_good(&native);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        expect_id(tokenizer, wanted[i].key, wanted[i].id);
    ck_assert_uint_eq(tokenizer_count(tokenizer, TOKENIZER_TARGET), 22);
    tokenizer_close(tokenizer);
}
END_TEST

static const struct {
    const char *text, *reason;
} bad_yml[] = {
    {"</s>: 0\n<unk>: 1\na\n", "line 3: expected 'token: id'"},
    {"</s>: 0\n<unk>: 1\na: x\n", "line 3: expected an id"},
    {"</s>: 0\n<unk>: 1\na:\n", "line 3: expected an id"},
    {"</s>: 0\n<unk>: 1\n\"a: 2\n", "line 3: a quoted key has no end"},
    {"</s>: 0\n<unk>: 1\n\"\\q\": 2\n", "line 3: unknown escape"},
    {"</s>: 0\n<unk>: 1\n\"\\x4\": 2\n", "line 3: malformed escape"},
    {"</s>: 0\n<unk>: 1\n? a\nb: 2\n", "line 4: expected ': id'"},
    {"</s>: 0\n<unk>: 1\na: 1\n", "'a', id 1: id twice"},
    {"</s>: 0\n<unk>: 1\na: 99999999999999999999\n", "line 3: expected an id"},
    {"</s>: 0\n<unk>: 1\n\xff: 2\n", "offset 17: not UTF-8"},
    {"a: 0\nb: 1\n", "no </s> or no <unk>"},
};

START_TEST(yml_faults_are_named)
{
    write_text("vocab.yml", bad_yml[_i].text);
    expect_bad(&native, bad_yml[_i].reason);
}
END_TEST

START_TEST(yml_old_names_holes_and_rows)
{
    struct tokenizer_options options = native;
    write_text("vocab.yml", "eos: 0\nUNK: 1\na: 2\nb: 7\nc: 9\n");
    options.source_rows = options.target_rows = 8;
    struct tokenizer *tokenizer = open_good(&options);
    ck_assert_uint_eq(tokenizer_end(tokenizer, TOKENIZER_SOURCE), 0);
    ck_assert_uint_eq(tokenizer_unknown(tokenizer, TOKENIZER_SOURCE), 1);
    ck_assert(tokenizer_is_special(tokenizer, TOKENIZER_SOURCE, 0));
    expect_id(tokenizer, "b", 7);
    expect_id(tokenizer, "c", TOKENIZER_NO_ID); /* the model was trained without it */
    tokenizer_close(tokenizer);
}
END_TEST

START_TEST(native_names)
{
    struct tokenizer_options options = native;
    write_text("opus.vocab.yml", "</s>: 0\n<unk>: 1\na: 2\n");
    struct tokenizer *tokenizer = open_good(&options);
    expect_id(tokenizer, "a", 2);
    tokenizer_close(tokenizer);
    write_text("other.vocab.yml", "</s>: 0\n<unk>: 1\nb: 2\n");
    expect_bad(&options, "more than one vocabulary file");
    write_text("decoder.yml", "models:\n- model.npz\nvocabs:\n  - other.vocab.yml\n"
                              "  - opus.vocab.yml\nnormalize: 1\n");
    tokenizer = open_good(&options);
    expect_id(tokenizer, "b", 2);
    ck_assert_str_eq(tokenizer_piece(tokenizer, TOKENIZER_TARGET, 2), "a");
    tokenizer_close(tokenizer);
    options.source_vocabulary = options.target_vocabulary = "opus.vocab.yml";
    tokenizer = open_good(&options);
    expect_id(tokenizer, "a", 2);
    tokenizer_close(tokenizer);
    model_dir_remove(&dir, "decoder.yml");
    model_dir_remove(&dir, "opus.vocab.yml");
    model_dir_remove(&dir, "other.vocab.yml");
    options = native;
    expect_bad(&options, "no vocabulary");
}
END_TEST

/* Bergamot: the vocabulary is a SentencePiece model, whose ids are the model's. */
START_TEST(native_spm)
{
    struct spm_parts parts = {0};
    struct tokenizer_options options = {
        .family = TOKENIZER_MARIAN_NATIVE, .source_rows = 8, .target_rows = 8};
    struct token_ids ids = {0};
    struct buffer text = {0};
    struct tokenizer_direction direction;
    struct error err = {0};
    static const uint32_t wanted[] = {3, 2, 4, 1, 0};
    spm_add(&parts, "</s>", SPM_CONTROL);
    spm_add(&parts, "<unk>", SPM_UNKNOWN);
    spm_add(&parts, "a", SPM_NORMAL);
    spm_add(&parts, "\xe2\x96\x81", SPM_NORMAL);
    spm_add(&parts,
            "\xe2\x96\x81"
            "dog",
            SPM_NORMAL);
    spm_parts_finish(&parts);
    model_dir_write(&dir, "vocab.ende.spm", parts.model.bytes, parts.model.n_bytes);
    struct tokenizer *tokenizer = open_good(&options);
    ck_assert(tokenizer_direct(tokenizer, "en", "de", &direction, &err));
    ck_assert(tokenizer_encode(tokenizer, &direction, "a dogx", 6, &ids, NULL, &err));
    ck_assert_uint_eq(ids.n_ids, 5);
    ck_assert_mem_eq(ids.ids, wanted, sizeof wanted);
    ck_assert(tokenizer_decode(tokenizer, ids.ids, ids.n_ids, &text, &err));
    ck_assert_str_eq(text.bytes, "a dog");
    tokenizer_close(tokenizer);
    options.source_rows = 4;
    expect_bad(&options, "it has ids up to 4");
    token_ids_free(&ids);
    buffer_free(&text);
    buffer_free(&parts.model);
}
END_TEST

/* ---- CTranslate2 -------------------------------------------------------------------------------
 */

static const struct tokenizer_options ct2 = {.family = TOKENIZER_CT2, .pieces_only = true};

static void expect_pieces(const struct tokenizer_options *options, const char *text, size_t n_ids,
                          const uint32_t *wanted)
{
    struct tokenizer *tokenizer = open_good(options);
    struct tokenizer_direction direction;
    struct token_ids ids = {0};
    struct error err = {0};
    ck_assert(tokenizer_direct(tokenizer, NULL, NULL, &direction, &err));
    ck_assert(tokenizer_encode_pieces(tokenizer, &direction, TOKENIZER_SOURCE, text, strlen(text),
                                      &ids, NULL, &err));
    ck_assert_uint_eq(ids.n_ids, n_ids);
    ck_assert_mem_eq(ids.ids, wanted, n_ids * sizeof *wanted);
    token_ids_free(&ids);
    tokenizer_close(tokenizer);
}

START_TEST(ct2_lists)
{
    static const uint32_t plain[] = {3, 4, 5}, ended[] = {3, 4, 5, 2}, both[] = {1, 3, 2};
    struct tokenizer_options with_end = ct2, with_both = ct2;
    with_end.source_eos = with_both.source_eos = with_both.source_bos = true;
    write_text("source_vocabulary.txt", "<blank>\n<s>\n</s>\na\nb\n");
    expect_bad(&ct2, "no target_vocabulary");
    write_text("target_vocabulary.json", "[\"<unk>\", \"<s>\", \"</s>\", \"x\"]");
    expect_pieces(&ct2, "a b c", 3, plain); /* <unk> is not listed: the last */
    expect_pieces(&with_end, "a b c", 4, ended);
    expect_pieces(&with_both, "a", 3, both);
    write_text("source_vocabulary.txt", "<blank>\r\n<s>\r\n</s>\r\na\r\nb\r\n");
    expect_pieces(&with_end, "a b c", 4, ended);
    write_text("config.json", "{\"bos_token\": \"<begin>\"}");
    expect_bad(&with_both, "source_vocabulary.txt: no '<begin>'");
    write_text("config.json", "{\"bos_token\": \"b\"}");
    expect_pieces(&with_both, "a", 3, (const uint32_t[]){4, 3, 2});
    write_text("target_vocabulary.json", "[\"<unk>\", 1]");
    expect_bad(&ct2, "target_vocabulary.json: offset");
    write_text("target_vocabulary.json", "[\"<unk>\"]");
    expect_bad(&ct2, "target_vocabulary.json: no '</s>'");
}
END_TEST

/* The list of a converted NLLB model, with the original's SentencePiece model beside it. */
/* MarianMT's pieces as two lists, with its .spm files beside them: the ids of MarianMT, of text and
 * of pieces, </s> included whatever the configuration says. */
START_TEST(ct2_of_marian)
{
    struct tokenizer_options plain = {.family = TOKENIZER_MARIAN};
    struct tokenizer_options converted = {.family = TOKENIZER_CT2};
    struct tokenizer_options in_pieces = {.family = TOKENIZER_CT2, .pieces_only = true};
    struct tokenizer *hf, *tokenizer, *pieces;
    struct tokenizer_direction a, b;
    struct token_ids ids = {0}, same = {0}, third = {0};
    struct buffer list = {0}, text = {0};
    struct error err = {0};
    static const char sentence[] = "A dog runs on the beach, \xe4\xbd\xa0 </s>.";
    ck_assert(tokenizer_open(&hf, "tests/fixtures/marian", &plain, &err));
    for (uint32_t id = 0; id < tokenizer_count(hf, TOKENIZER_SOURCE); id++)
        ck_assert(buffer_printf(&list, &err, "%s\n", tokenizer_piece(hf, TOKENIZER_SOURCE, id)));
    model_dir_free(&dir);
    model_dir_new(&dir, "tests/fixtures/marian");
    model_dir_write(&dir, "source_vocabulary.txt", list.bytes, list.n_bytes);
    model_dir_write(&dir, "target_vocabulary.txt", list.bytes, list.n_bytes);
    write_text("config.json", "{\"add_source_eos\": false, \"decoder_start_token\": \"</s>\"}");
    tokenizer = open_good(&converted);
    pieces = open_good(&in_pieces);
    ck_assert(tokenizer_direct(hf, NULL, NULL, &a, &err));
    ck_assert(tokenizer_direct(tokenizer, NULL, NULL, &b, &err));
    ck_assert(tokenizer_encode(hf, &a, sentence, sizeof sentence - 1, &ids, NULL, &err));
    ck_assert(tokenizer_encode(tokenizer, &b, sentence, sizeof sentence - 1, &same, NULL, &err));
    ck_assert_uint_eq(ids.n_ids, same.n_ids);
    ck_assert_mem_eq(ids.ids, same.ids, ids.n_ids * sizeof *ids.ids);
    ck_assert_uint_eq(ids.ids[ids.n_ids - 1], tokenizer_end(hf, TOKENIZER_SOURCE));
    for (size_t i = 0; i + 1 < ids.n_ids; i++)
        ck_assert(buffer_printf(&text, &err, "%s%s", i > 0 ? " " : "",
                                tokenizer_piece(hf, TOKENIZER_SOURCE, ids.ids[i])));
    ck_assert(tokenizer_encode_pieces(pieces, &b, TOKENIZER_SOURCE, text.bytes, text.n_bytes,
                                      &third, NULL, &err));
    ck_assert_uint_eq(ids.n_ids, third.n_ids);
    ck_assert_mem_eq(ids.ids, third.ids, ids.n_ids * sizeof *ids.ids);
    token_ids_free(&ids);
    token_ids_free(&same);
    token_ids_free(&third);
    buffer_free(&list);
    buffer_free(&text);
    tokenizer_close(hf);
    tokenizer_close(tokenizer);
    tokenizer_close(pieces);
}
END_TEST

START_TEST(ct2_of_nllb)
{
    struct tokenizer_options plain = {.family = TOKENIZER_NLLB};
    struct tokenizer_options converted = {.family = TOKENIZER_CT2};
    struct tokenizer *nllb, *tokenizer;
    struct tokenizer_direction first, second;
    struct token_ids ids = {0}, same = {0};
    struct buffer list = {0};
    struct error err = {0};
    static const char text[] = "A dog runs on the beach.";
    ck_assert(tokenizer_open(&nllb, "tests/fixtures/nllb", &plain, &err));
    for (uint32_t id = 0; id < tokenizer_count(nllb, TOKENIZER_SOURCE); id++) {
        const char *piece = tokenizer_piece(nllb, TOKENIZER_SOURCE, id);
        if (piece[0] == '\0')
            ck_assert(buffer_printf(&list, &err, "hole%u", id));
        ck_assert(buffer_append_text(&list, piece, &err) && buffer_append_byte(&list, '\n', &err));
    }
    model_dir_free(&dir);
    model_dir_new(&dir, "tests/fixtures/nllb");
    model_dir_write(&dir, "shared_vocabulary.txt", list.bytes, list.n_bytes);
    write_text("config.json", "{\"decoder_start_token\": \"</s>\"}");
    tokenizer = open_good(&converted);
    ck_assert(tokenizer_direct(nllb, "en", "de", &first, &err));
    ck_assert(tokenizer_direct(tokenizer, "en", "de", &second, &err));
    ck_assert_uint_eq(first.forced_first, second.forced_first);
    ck_assert(tokenizer_encode(nllb, &first, text, sizeof text - 1, &ids, NULL, &err));
    ck_assert(tokenizer_encode(tokenizer, &second, text, sizeof text - 1, &same, NULL, &err));
    ck_assert_uint_eq(ids.n_ids, same.n_ids);
    ck_assert_mem_eq(ids.ids, same.ids, ids.n_ids * sizeof *ids.ids);
    token_ids_free(&ids);
    token_ids_free(&same);
    buffer_free(&list);
    tokenizer_close(nllb);
    tokenizer_close(tokenizer);
}
END_TEST

static void set_up(void)
{
    model_dir_new(&dir, "tests/fixtures/npz_ssru");
    model_dir_remove(&dir, "vocab.yml");
    model_dir_remove(&dir, "decoder.yml");
}

static void tear_down(void)
{
    model_dir_free(&dir);
}

int main(void)
{
    Suite *suite = suite_create("vocabularies");
    TCase *tests = tcase_create("vocabularies");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, json_faults_are_named, 0,
                        (int)(sizeof bad_json / sizeof bad_json[0]));
    tcase_add_test(tests, json_is_read_exactly);
    tcase_add_test(tests, long_pieces_and_many_entries);
    tcase_add_test(tests, separate_vocabularies);
    tcase_add_test(tests, spm_of_another_model);
    tcase_add_loop_test(tests, swapped_spm, 0, 3);
    tcase_add_test(tests, yml_keys_are_text);
    tcase_add_loop_test(tests, yml_faults_are_named, 0, (int)(sizeof bad_yml / sizeof bad_yml[0]));
    tcase_add_test(tests, yml_old_names_holes_and_rows);
    tcase_add_test(tests, native_names);
    tcase_add_test(tests, native_spm);
    tcase_add_test(tests, ct2_lists);
    tcase_add_test(tests, ct2_of_marian);
    tcase_add_test(tests, ct2_of_nllb);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
