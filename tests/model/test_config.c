/* What is read from configurations, and how each fault in one is named. */
#include "base/json.h"
#include "model/config.h"
#include "model/tensors.h"
#include "tests/support/model_dir.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define FIXTURES "tests/fixtures/"

static struct error err;

static bool load(struct config *config, const char *directory)
{
    struct tensors *tensors;
    error_clear(&err);
    ck_assert_msg(tensors_open(&tensors, directory, FORMAT_AUTO, &err), "%s", err.text);
    bool ok = config_load(config, directory, tensors, &err);
    ck_assert(tensors_close(tensors, NULL));
    return ok;
}

/* A spoiled copy of a fixture must be refused in these words. */
static void refused(const struct model_dir *dir, const char *text)
{
    struct config config;
    ck_assert_msg(!load(&config, dir->path), "accepted; wanted: %s", text);
    ck_assert_int_eq(err.code, ERROR_MODEL);
    ck_assert_msg(strstr(err.text, text) != NULL, "'%s' lacks '%s'", err.text, text);
}

static cJSON *read_json(const char *fixture, const char *name)
{
    cJSON *root;
    ck_assert_msg(json_load(&root, fixture, name, 1 << 20, &err), "%s", err.text);
    return root;
}

START_TEST(marian)
{
    struct config c;
    ck_assert_msg(load(&c, FIXTURES "marian_odd"), "%s", err.text);
    ck_assert_int_eq(c.family, FAMILY_MARIAN);
    ck_assert_str_eq(c.model_type, "marian");
    ck_assert_uint_eq(c.source_vocabulary, 902);
    ck_assert_uint_eq(c.target_vocabulary, 902);
    ck_assert_uint_eq(c.width, 96);
    ck_assert_uint_eq(c.encoder_layers, 3);
    ck_assert_uint_eq(c.decoder_layers, 2);
    ck_assert_uint_eq(c.encoder_heads, 3);
    ck_assert_uint_eq(c.encoder_head_width, 32);
    ck_assert_uint_eq(c.decoder_ffn, 200);
    ck_assert_int_eq(c.positions, POSITIONS_SINUSOIDAL);
    ck_assert_int_eq(c.norm_place, NORM_POST);
    ck_assert(c.share_embeddings && c.tie_output && c.biases && !c.final_norm);
    ck_assert_float_eq(c.embedding_scale, sqrtf(96));
    ck_assert_float_eq(c.encoder_attention_scale, 1 / sqrtf(32));
    const struct generation *g = &c.generation;
    ck_assert_uint_eq(g->num_beams, 4);
    ck_assert_int_eq(g->num_beams_origin, ORIGIN_GENERATION_CONFIG);
    ck_assert_uint_eq(g->max_length, 39); /* the start token is not counted */
    ck_assert_uint_eq(g->pad, 901);
    ck_assert_uint_eq(g->start, 901);
    ck_assert_uint_eq(g->n_eos, 1);
    ck_assert_uint_eq(g->eos[0], 0);
    ck_assert_uint_eq(g->forced_eos, 0);
    ck_assert_uint_eq(g->forced_bos, CONFIG_NONE);
    ck_assert_uint_eq(g->n_banned, 1);
    ck_assert_uint_eq(g->banned[0], 901);
    ck_assert_int_eq(g->stop, STOP_HEURISTIC);
    ck_assert_int_eq(g->stop_origin, ORIGIN_DEFAULT);
}
END_TEST

START_TEST(families)
{
    struct config c;
    ck_assert(load(&c, FIXTURES "m2m100"));
    ck_assert_int_eq(c.family, FAMILY_M2M100);
    ck_assert_int_eq(c.positions, POSITIONS_SINUSOIDAL_NATIVE);
    ck_assert_uint_eq(c.position_offset, 2);
    ck_assert(load(&c, FIXTURES "nllb"));
    ck_assert_int_eq(c.family, FAMILY_NLLB);
    ck_assert(load(&c, FIXTURES "mbart50"));
    ck_assert_int_eq(c.family, FAMILY_MBART);
    ck_assert_int_eq(c.positions, POSITIONS_LEARNED);
    ck_assert(c.embedding_norm && c.final_norm);
    ck_assert(load(&c, FIXTURES "t5"));
    ck_assert_int_eq(c.family, FAMILY_T5);
    ck_assert(c.tie_output && !c.gated && !c.biases);
    ck_assert_float_eq(c.output_scale, 1 / sqrtf(64));
    ck_assert(load(&c, FIXTURES "t5gated_odd"));
    ck_assert(!c.tie_output && c.gated);
    ck_assert_int_eq(c.activation, ACTIVATION_GELU_TANH);
    ck_assert_float_eq(c.output_scale, 1);
    ck_assert_float_eq(c.encoder_attention_scale, 1);
    ck_assert_uint_eq(c.encoder_head_width, 40);
    ck_assert(load(&c, FIXTURES "npz_prenorm_untied"));
    ck_assert_int_eq(c.family, FAMILY_MARIAN_NATIVE);
    ck_assert_int_eq(c.norm_place, NORM_PRE);
    ck_assert(!c.share_embeddings && !c.tie_output && c.final_norm && c.start_is_zero);
    ck_assert_uint_eq(c.generation.num_beams, 4);
    ck_assert_float_eq(c.generation.length_penalty, 1);
    ck_assert_float_eq(c.generation.max_length_factor, 3);
    ck_assert(load(&c, FIXTURES "npz_ssru/model.npz"));
    ck_assert_int_eq(c.decoder, DECODER_SSRU);
}
END_TEST

/* ---- config.json ------------------------------------------------------------------------------
 */

static const struct {
    const char *fixture, *key;
} required[] = {
    {FIXTURES "marian", "d_model"},
    {FIXTURES "marian", "vocab_size"},
    {FIXTURES "marian", "encoder_layers"},
    {FIXTURES "marian", "decoder_layers"},
    {FIXTURES "marian", "encoder_attention_heads"},
    {FIXTURES "marian", "decoder_attention_heads"},
    {FIXTURES "marian", "encoder_ffn_dim"},
    {FIXTURES "marian", "decoder_ffn_dim"},
    {FIXTURES "t5", "d_model"},
    {FIXTURES "t5", "vocab_size"},
    {FIXTURES "t5", "num_layers"},
    {FIXTURES "t5", "num_heads"},
    {FIXTURES "t5", "d_kv"},
    {FIXTURES "t5", "d_ff"},
};
#define N_REQUIRED ((int)(sizeof required / sizeof required[0]))

START_TEST(names_a_missing_field)
{
    struct model_dir dir;
    char text[128];
    cJSON *root = read_json(required[_i].fixture, "config.json");
    model_dir_new(&dir, required[_i].fixture);
    ck_assert(cJSON_HasObjectItem(root, required[_i].key));
    cJSON_DeleteItemFromObject(root, required[_i].key);
    model_dir_write_json(&dir, "config.json", root);
    snprintf(text, sizeof text, "config.json: %s: missing", required[_i].key);
    refused(&dir, text);
    model_dir_free(&dir);
    cJSON_Delete(root);
}
END_TEST

static const char *const not_sizes[] = {"512.5",
                                        "\"512\"",
                                        "true",
                                        "null",
                                        "[512]",
                                        "{}",
                                        "-1",
                                        "0",
                                        "1e30",
                                        "-0.5",
                                        "1e-3",
                                        "2147483648",
                                        "9007199254740993",
                                        "[]"};

START_TEST(names_a_field_that_is_no_size)
{
    struct model_dir dir;
    char text[128];
    cJSON *root = read_json(required[_i].fixture, "config.json");
    model_dir_new(&dir, required[_i].fixture);
    snprintf(text, sizeof text, "config.json: %s: must be an integer from 1 to ", required[_i].key);
    for (size_t i = 0; i < sizeof not_sizes / sizeof not_sizes[0]; i++) {
        cJSON_ReplaceItemInObjectCaseSensitive(root, required[_i].key, cJSON_Parse(not_sizes[i]));
        model_dir_write_json(&dir, "config.json", root);
        refused(&dir, text);
    }
    model_dir_free(&dir);
    cJSON_Delete(root);
}
END_TEST

/* A value put into a file of a fixture, and what must be said. */
static const struct {
    const char *fixture, *file, *key, *value, *text;
} faults[] = {
    {"marian", "config.json", "model_type", "\"bert\"",
     "config.json: model_type: unsupported: 'bert'"},
    {"marian", "config.json", "model_type", "7", "config.json: model_type: must be a string"},
    {"t5", "config.json", "model_type", "\"umt5\"", "model_type: unsupported: 'umt5'"},
    {"nllb", "config.json", "model_type", "\"nllb-moe\"", "model_type: unsupported: 'nllb-moe'"},
    {"marian", "config.json", "activation_function", "\"mish\"",
     "config.json: activation_function: unsupported: 'mish'"},
    {"t5", "config.json", "feed_forward_proj", "\"gated-mish\"",
     "config.json: feed_forward_proj: unsupported: 'mish'"},
    {"marian", "config.json", "encoder_attention_heads", "5",
     "config.json: encoder_attention_heads: must divide d_model"},
    {"marian", "config.json", "decoder_attention_heads", "3",
     "config.json: decoder_attention_heads: must divide d_model"},
    {"marian", "config.json", "encoder_layers", "1000000000", "encoder_layers: must be an integer"},
    {"marian", "config.json", "max_position_embeddings", "0",
     "max_position_embeddings: must be an integer"},
    {"marian", "config.json", "decoder_vocab_size", "900", "must equal vocab_size"},
    {"marian", "config.json", "scale_embedding", "1", "scale_embedding: must be true or false"},
    {"t5", "config.json", "relative_attention_num_buckets", "0",
     "relative_attention_num_buckets: must be an integer from 4"},
    {"t5", "config.json", "relative_attention_max_distance", "16",
     "relative_attention_max_distance: must exceed half the buckets"},
    {"t5", "config.json", "layer_norm_epsilon", "-1",
     "layer_norm_epsilon: must be a number from 1e-30 to 1"},
    {"t5", "config.json", "layer_norm_epsilon", "0", "layer_norm_epsilon: must be a number"},
    {"t5", "config.json", "layer_norm_epsilon", "-0.0", "layer_norm_epsilon: must be a number"},
    {"t5", "config.json", "layer_norm_epsilon", "1e-60", "layer_norm_epsilon: must be a number"},
    {"t5", "config.json", "layer_norm_epsilon", "1.5", "layer_norm_epsilon: must be a number"},
    {"t5", "config.json", "layer_norm_epsilon", "1e60", "layer_norm_epsilon: must be a number"},
    {"t5", "config.json", "layer_norm_epsilon", "\"NaN\"", "layer_norm_epsilon: must be a number"},
    {"marian", "generation_config.json", "eos_token_id", "901",
     "generation_config.json: eos_token_id: must be below the vocabulary's size, 901"},
    {"marian", "generation_config.json", "eos_token_id", "-1", "eos_token_id: must be an integer"},
    {"marian", "generation_config.json", "eos_token_id", "[0, 901]", "eos_token_id: must be below"},
    {"marian", "generation_config.json", "eos_token_id", "\"0\"",
     "eos_token_id: must be an integer"},
    {"marian", "generation_config.json", "pad_token_id", "901", "pad_token_id: must be below"},
    {"marian", "generation_config.json", "decoder_start_token_id", "4000",
     "decoder_start_token_id: must be below"},
    {"marian", "generation_config.json", "forced_eos_token_id", "901",
     "forced_eos_token_id: must be below"},
    {"nllb", "generation_config.json", "forced_bos_token_id", "1104",
     "forced_bos_token_id: must be below"},
    {"nllb", "generation_config.json", "bos_token_id", "1104", "bos_token_id: must be below"},
    {"marian", "generation_config.json", "bad_words_ids", "[[901]]",
     "bad_words_ids: must be below"},
    {"marian", "generation_config.json", "bad_words_ids", "[[1, 2]]",
     "bad_words_ids: unsupported: a word of several tokens"},
    {"marian", "generation_config.json", "bad_words_ids", "[3]", "must be a list of lists"},
    {"marian", "generation_config.json", "num_beams", "0",
     "num_beams: must be an integer from 1 to"},
    {"marian", "generation_config.json", "num_beams", "100",
     "num_beams: must be an integer from 1"},
    {"marian", "generation_config.json", "max_length", "1",
     "max_length: must be an integer from 2"},
    {"marian", "generation_config.json", "early_stopping", "\"soon\"", "early_stopping: must be"},
    {"marian", "generation_config.json", "length_penalty", "1000",
     "length_penalty: must be a number"},
    {"marian", "generation_config.json", "repetition_penalty", "0", "repetition_penalty: must be"},
};

START_TEST(names_a_fault)
{
    struct model_dir dir;
    char fixture[128];
    snprintf(fixture, sizeof fixture, FIXTURES "%s", faults[_i].fixture);
    cJSON *root = read_json(fixture, faults[_i].file);
    cJSON_DeleteItemFromObject(root, faults[_i].key);
    cJSON_AddItemToObject(root, faults[_i].key, cJSON_Parse(faults[_i].value));
    model_dir_new(&dir, fixture);
    model_dir_write_json(&dir, faults[_i].file, root);
    refused(&dir, faults[_i].text);
    model_dir_free(&dir);
    cJSON_Delete(root);
}
END_TEST

START_TEST(needs_a_config_that_is_json)
{
    struct model_dir dir;
    model_dir_new(&dir, FIXTURES "marian");
    model_dir_write(&dir, "config.json", "{\"d_model\":512,\"d_model\":8}", 27);
    refused(&dir, "config.json: duplicate key 'd_model'");
    model_dir_write(&dir, "config.json", "[]", 2);
    refused(&dir, "config.json: model_type: missing");
    model_dir_remove(&dir, "config.json");
    refused(&dir, "No such file or directory");
    model_dir_free(&dir);
}
END_TEST

/* Without a generation file its keys are looked for in config.json. */
START_TEST(generation_values_have_origins)
{
    struct model_dir dir;
    struct config c;
    cJSON *root = read_json(FIXTURES "marian", "config.json");
    cJSON_AddNumberToObject(root, "num_beams", 6);
    cJSON_AddNumberToObject(root, "length_penalty", 0.5);
    cJSON_AddTrueToObject(root, "early_stopping");
    cJSON_AddNumberToObject(root, "max_new_tokens", 77);
    cJSON_AddNumberToObject(root, "min_new_tokens", 3);
    cJSON_AddItemToObject(root, "suppress_tokens", cJSON_Parse("[7, 5, 7]"));
    model_dir_new(&dir, FIXTURES "marian");
    model_dir_write_json(&dir, "config.json", root);
    ck_assert_msg(load(&c, dir.path), "%s", err.text);
    ck_assert_uint_eq(c.generation.num_beams, 4); /* the generation file has the word */
    ck_assert_float_eq(c.generation.length_penalty, 1);
    ck_assert_int_eq(c.generation.length_penalty_origin, ORIGIN_DEFAULT);
    model_dir_remove(&dir, "generation_config.json");
    ck_assert_msg(load(&c, dir.path), "%s", err.text);
    ck_assert_uint_eq(c.generation.num_beams, 6);
    ck_assert_int_eq(c.generation.num_beams_origin, ORIGIN_CONFIG);
    ck_assert_float_eq(c.generation.length_penalty, 0.5f);
    ck_assert_int_eq(c.generation.stop, STOP_FINISHED);
    ck_assert_uint_eq(c.generation.max_length, 77);
    ck_assert_uint_eq(c.generation.min_length, 4); /* </s> is counted */
    ck_assert_uint_eq(c.generation.n_banned, 3);
    ck_assert_uint_eq(c.generation.banned[0], 5);
    ck_assert_uint_eq(c.generation.banned[1], 7);
    ck_assert_uint_eq(c.generation.banned[2], 900);
    model_dir_free(&dir);
    cJSON_Delete(root);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("config");
    tcase_add_test(tcase, marian);
    tcase_add_test(tcase, families);
    tcase_add_loop_test(tcase, names_a_missing_field, 0, N_REQUIRED);
    tcase_add_loop_test(tcase, names_a_field_that_is_no_size, 0, N_REQUIRED);
    tcase_add_loop_test(tcase, names_a_fault, 0, (int)(sizeof faults / sizeof faults[0]));
    tcase_add_test(tcase, needs_a_config_that_is_json);
    tcase_add_test(tcase, generation_values_have_origins);
    tcase_set_timeout(tcase, 60);
    Suite *suite = suite_create("model");
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
