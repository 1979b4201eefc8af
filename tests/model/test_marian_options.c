/* The YAML that Marian writes, and the options in it that we do not implement. */
#include "model/config.h"
#include "model/yaml.h"
#include "tests/support/check_tensors.h"
#include "tests/support/checkpoints.h"

#include <check.h>
#include <string.h>

static struct error err;

START_TEST(yaml_reads)
{
    static const char text[] = "# comment\n---\n"
                               "plain: a value # with a comment\n"
                               "single: 'it''s: #1'\r\n"
                               "double: \"a \\\"b\\\" \\\\\"\n"
                               "empty: ''\nnull1: ~\nnull2: null\nnull3:\n"
                               "flow: [1, 'two', \"three\"]\nnone: []\n"
                               "block:\n  - x\n  - 'y z'\nflat:\n- 1\n- 2\n"
                               "a:b: c\n\0not: read\n";
    struct yaml yaml;
    ck_assert_msg(yaml_parse(&yaml, "f", text, sizeof text - 1, &err), "%s", err.text);
    ck_assert_str_eq(yaml_scalar(&yaml, "plain"), "a value");
    ck_assert_str_eq(yaml_scalar(&yaml, "single"), "it's: #1");
    ck_assert_str_eq(yaml_scalar(&yaml, "double"), "a \"b\" \\");
    ck_assert_str_eq(yaml_scalar(&yaml, "empty"), "");
    ck_assert(yaml_scalar(&yaml, "null1") == NULL && yaml_find(&yaml, "null1") != NULL);
    ck_assert(yaml_scalar(&yaml, "null2") == NULL && yaml_scalar(&yaml, "null3") == NULL);
    const struct yaml_entry *flow = yaml_find(&yaml, "flow"), *block = yaml_find(&yaml, "block");
    ck_assert_uint_eq(flow->n_values, 3);
    ck_assert_str_eq(flow->values[2], "three");
    ck_assert_uint_eq(yaml_find(&yaml, "none")->n_values, 0);
    ck_assert_uint_eq(block->n_values, 2);
    ck_assert_str_eq(block->values[1], "y z");
    ck_assert_uint_eq(yaml_find(&yaml, "flat")->n_values, 2);
    ck_assert_str_eq(yaml_scalar(&yaml, "a:b"), "c");
    ck_assert(yaml_find(&yaml, "not") == NULL);
    yaml_free(&yaml);
}
END_TEST

static const struct {
    const char *text, *message;
} bad_yaml[] = {
    {"a: 1\na: 2\n", "f: line 2: duplicate key"},
    {"a:\n  b: 1\n", "f: line 2: nested values are not supported"},
    {"- 1\n", "f: line 1: a list without a key"},
    {"just text\n", "f: line 1: no key"},
    {"a: 'open\n", "f: line 1: quote without its end"},
    {"a: [1, 2\n", "f: line 1: list without its end"},
    {"a: [1] 2\n", "f: line 1: text after the value"},
    {"a: 'x' y\n", "f: line 1: text after the value"},
    {"a: &anchor b\n", "f: line 1: unsupported YAML"},
    {"a: {b: 1}\n", "f: line 1: unsupported YAML"},
    {"a: |\n", "f: line 1: unsupported YAML"},
    {"a: \"\\x41\"\n", "f: line 1: unsupported escape"},
};

START_TEST(yaml_refuses)
{
    struct yaml yaml;
    error_clear(&err);
    ck_assert(!yaml_parse(&yaml, "f", bad_yaml[_i].text, strlen(bad_yaml[_i].text), &err));
    ck_assert_str_eq(err.text, bad_yaml[_i].message);
}
END_TEST

/* ---- options ----------------------------------------------------------------------------------
 */

static const char options[] = "type: transformer\ndim-emb: 8\ndim-vocabs: [10, 12]\nenc-depth: 2\n"
                              "dec-depth: 3\ntransformer-heads: 2\ntransformer-dim-ffn: 16\n";

/* Reads the options above, those of `changes` instead of their namesakes, from a file with no
 * arrays that matter. */
static bool load(struct config *config, const char *changes)
{
    static const float values[4] = {0};
    struct array array = {.name = "Wemb", .type = TENSOR_F32, .rank = 2, .shape = {2, 2}};
    struct buffer text = {0}, bytes = {0};
    array.values = values;
    for (const char *line = options; *line != '\0';) {
        size_t key = strcspn(line, ":"), length = strcspn(line, "\n") + 1;
        const char *at = changes;
        bool replaced = false;
        for (; *at != '\0'; at += strcspn(at, "\n") + 1)
            replaced = replaced || (strcspn(at, ":") == key && memcmp(at, line, key) == 0);
        if (!replaced)
            ck_assert(buffer_append(&text, line, length, &err));
        line += length;
    }
    ck_assert(buffer_append_text(&text, changes, &err));
    checkpoint_npz(&bytes, &array, 1, text.bytes);
    struct opened opened = open_tensors(&bytes, FORMAT_MARIAN);
    error_clear(&err);
    bool ok = config_load(config, "/nonexistent/model.npz", opened.tensors, &err);
    close_tensors(&opened);
    buffer_free(&text);
    buffer_free(&bytes);
    return ok;
}

static const struct {
    const char *changes, *message;
} faults[] = {
    {"type: s2s\n", "special:model.yml: type: unsupported: 's2s', a recurrent network (transformer "
                    "is read)"},
    {"type: amun\n", "type: unsupported: 'amun', a recurrent network"},
    {"type: nematus\nlayer-normalization: true\n",
     "type: unsupported: 'nematus', a recurrent network"},
    {"type: char-s2s\n", "type: unsupported: 'char-s2s', a recurrent network over characters"},
    {"type: multi-transformer\n",
     "type: unsupported: 'multi-transformer', a network with several sources"},
    {"type: multi-s2s\n", "type: unsupported: 'multi-s2s', a network with several sources"},
    {"type: lm\n", "type: unsupported: 'lm', a language model"},
    {"type: comet-qe\n", "type: unsupported: 'comet-qe', a metric"},
    {"type: wombat\n", "type: unsupported: 'wombat' (transformer is read)"},
    {"dim-emb: 0\n", "dim-emb: must be an integer from 1 to 65536"},
    {"dim-emb: 8.5\n", "dim-emb: must be an integer"},
    {"dim-emb: [8]\n", NULL},
    {"dim-emb:\n", "dim-emb: must be an integer"},
    {"transformer-heads: 3\n", "transformer-heads: must divide dim-emb"},
    {"dim-vocabs: [10]\n", "dim-vocabs: must be a list of two sizes"},
    {"dim-vocabs: [10, x]\n", "dim-vocabs: must be a list of two sizes"},
    {"dim-vocabs: [0, 12]\n", "dim-vocabs: unknown size"},
    {"tied-embeddings-all: true\n", "dim-vocabs: must be equal when embeddings are shared"},
    {"tied-embeddings-all: yes\n", "tied-embeddings-all: must be true or false"},
    {"enc-depth: 257\n", "enc-depth: must be an integer from 1 to 256"},
    {"transformer-ffn-activation: mish\n", "transformer-ffn-activation: unsupported: 'mish'"},
    {"transformer-ffn-depth: 3\n", "transformer-ffn-depth: unsupported: '3'"},
    {"transformer-preprocess: h\n", "transformer-preprocess: unsupported: 'h'"},
    {"transformer-postprocess: dhan\n", "transformer-postprocess: unsupported: 'dhan'"},
    {"transformer-postprocess: dna\n", "transformer-postprocess: unsupported: 'dna'"},
    {"transformer-postprocess: da\n", "transformer-postprocess: unsupported: no norm at all"},
    {"transformer-postprocess-top: an\n", "transformer-postprocess-top: unsupported: 'an'"},
    {"transformer-decoder-autoreg: average-attention\ntransformer-aan-depth: 3\n",
     "transformer-aan-depth: unsupported: '3'"},
    {"transformer-decoder-autoreg: average-attention\ntransformer-aan-activation: mish\n",
     "transformer-aan-activation: unsupported: 'mish'"},
    {"transformer-decoder-autoreg: convolution\n",
     "transformer-decoder-autoreg: unsupported: 'convolution'"},
    {"transformer-decoder-autoreg: rnn\ndec-cell: gru\n", "dec-cell: unsupported: 'gru'"},
    {"right-left: true\n", "right-left: unsupported: 'true'"},
    {"layer-normalization: true\n", "layer-normalization: unsupported"},
    {"transformer-no-projection: true\n", "transformer-no-projection: unsupported"},
    {"input-types: [class, sequence]\n", "input-types: unsupported"},
    {"lemma-dim-emb: 4\n", "lemma-dim-emb: unsupported: '4'"},
    {"transformer-train-positions: true\n", "disagrees with the presence of Wpos"},
    {"transformer-tied-layers: [1, 3]\n", "transformer-tied-layers: must name earlier layers"},
    {"transformer-tied-layers: [1, 1, 2]\n", "transformer-tied-layers: must name earlier layers"},
};

START_TEST(options_refused)
{
    struct config config;
    if (faults[_i].message == NULL) { /* a list of one is as good as its value */
        ck_assert_msg(load(&config, faults[_i].changes), "%s", err.text);
        return;
    }
    ck_assert_msg(!load(&config, faults[_i].changes), "accepted: %s", faults[_i].changes);
    ck_assert_int_eq(err.code, ERROR_MODEL);
    ck_assert_msg(strstr(err.text, faults[_i].message) != NULL, "'%s' lacks '%s'", err.text,
                  faults[_i].message);
}
END_TEST

START_TEST(options_accepted)
{
    struct config c;
    ck_assert_msg(load(&c, ""), "%s", err.text);
    ck_assert_int_eq(c.activation, ACTIVATION_SWISH);
    ck_assert_int_eq(c.norm_place, NORM_POST);
    ck_assert_uint_eq(c.decoder_ffn, 16);
    ck_assert_uint_eq(c.target_vocabulary, 12);
    ck_assert(!c.share_embeddings && !c.tie_output && !c.keys_before_norm);
    ck_assert(load(&c, "transformer-preprocess: n\ntransformer-postprocess: da\n"
                       "transformer-postprocess-top: n\nversion: v1.11.5 abc 2022-03-01\n"));
    ck_assert_int_eq(c.norm_place, NORM_PRE);
    ck_assert(c.final_norm && !c.keys_before_norm);
    ck_assert(load(&c, "transformer-preprocess: dn\nversion: v1.9.0\n"));
    ck_assert_int_eq(c.norm_place, NORM_BOTH);
    ck_assert(c.keys_before_norm);
    ck_assert(load(&c, "transformer-postprocess: dar\ntransformer-postprocess-emb: d\n"));
    ck_assert_int_eq(c.norm, NORM_RMS);
    ck_assert(load(&c, "transformer-decoder-autoreg: rnn\ndec-cell: ssru\n"
                       "transformer-tied-layers: [1, 1, 3]\ntransformer-decoder-dim-ffn: 24\n"));
    ck_assert_int_eq(c.decoder, DECODER_SSRU);
    ck_assert_uint_eq(c.n_tied, 3);
    ck_assert_uint_eq(c.tied[1], 0);
    ck_assert_uint_eq(c.tied[2], 2);
    ck_assert_uint_eq(c.decoder_ffn, 24);
    ck_assert_uint_eq(c.generation.num_beams, 1);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("Marian options");
    tcase_add_test(tcase, yaml_reads);
    tcase_add_loop_test(tcase, yaml_refuses, 0, (int)(sizeof bad_yaml / sizeof bad_yaml[0]));
    tcase_add_loop_test(tcase, options_refused, 0, (int)(sizeof faults / sizeof faults[0]));
    tcase_add_test(tcase, options_accepted);
    tcase_set_timeout(tcase, 60);
    Suite *suite = suite_create("model");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
