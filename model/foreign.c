#include "model/foreign.h"

#include <dirent.h>
#include <string.h>

struct kind {
    const char *name, *kind;
};

static const char *find(const struct kind *kinds, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return kinds[i].kind;
    return NULL;
}
#define FIND(kinds, name) find(kinds, sizeof(kinds) / sizeof(kinds)[0], name)

#define LANGUAGE_MODEL "a decoder-only language model"
#define ENCODER "an encoder-only model"
#define SPEECH "a speech model"
#define EXPERTS "a mixture of experts"
#define OTHER_SEQ2SEQ "an encoder-decoder of another family"

const char *foreign_model_type(const char *type)
{
    static const struct kind kinds[] = {
        {"bloom", LANGUAGE_MODEL},
        {"cohere", LANGUAGE_MODEL},
        {"deepseek_v3", LANGUAGE_MODEL},
        {"falcon", LANGUAGE_MODEL},
        {"gemma", LANGUAGE_MODEL},
        {"gemma2", LANGUAGE_MODEL},
        {"gemma3", LANGUAGE_MODEL},
        {"gemma3_text", LANGUAGE_MODEL},
        {"gpt2", LANGUAGE_MODEL},
        {"gpt_neo", LANGUAGE_MODEL},
        {"gpt_neox", LANGUAGE_MODEL},
        {"gptj", LANGUAGE_MODEL},
        {"llama", LANGUAGE_MODEL},
        {"mistral", LANGUAGE_MODEL},
        {"mixtral", LANGUAGE_MODEL},
        {"opt", LANGUAGE_MODEL},
        {"phi", LANGUAGE_MODEL},
        {"phi3", LANGUAGE_MODEL},
        {"qwen2", LANGUAGE_MODEL},
        {"qwen3", LANGUAGE_MODEL},
        {"xglm", LANGUAGE_MODEL},
        {"albert", ENCODER},
        {"bert", ENCODER},
        {"camembert", ENCODER},
        {"deberta", ENCODER},
        {"deberta-v2", ENCODER},
        {"distilbert", ENCODER},
        {"electra", ENCODER},
        {"modernbert", ENCODER},
        {"mpnet", ENCODER},
        {"roberta", ENCODER},
        {"xlm", ENCODER},
        {"xlm-roberta", ENCODER},
        {"xlm-roberta-xl", ENCODER},
        {"seamless_m4t", SPEECH},
        {"seamless_m4t_v2", SPEECH},
        {"speech_to_text", SPEECH},
        {"wav2vec2", SPEECH},
        {"whisper", SPEECH},
        {"nllb-moe", EXPERTS},
        {"switch_transformers", EXPERTS},
        {"umt5", "T5 with a position bias in every layer"},
        {"fsmt", "fairseq's WMT models"},
        {"bart", OTHER_SEQ2SEQ},
        {"bigbird_pegasus", OTHER_SEQ2SEQ},
        {"blenderbot", OTHER_SEQ2SEQ},
        {"encoder-decoder", OTHER_SEQ2SEQ},
        {"led", OTHER_SEQ2SEQ},
        {"longt5", OTHER_SEQ2SEQ},
        {"mvp", OTHER_SEQ2SEQ},
        {"pegasus", OTHER_SEQ2SEQ},
        {"pegasus_x", OTHER_SEQ2SEQ},
        {"plbart", OTHER_SEQ2SEQ},
        {"prophetnet", OTHER_SEQ2SEQ},
        {"xlm-prophetnet", OTHER_SEQ2SEQ},
    };
    return FIND(kinds, type);
}

static bool ends_with(const char *text, const char *suffix)
{
    size_t n_text = strlen(text), n_suffix = strlen(suffix);
    return n_text > n_suffix && strcmp(text + n_text - n_suffix, suffix) == 0;
}

static const char *find_suffix(const struct kind *kinds, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (ends_with(name, kinds[i].name))
            return kinds[i].kind;
    return NULL;
}

const char *foreign_class(const char *name)
{
    static const struct kind kinds[] = {
        {"EncoderModel", "an encoder alone"},
        {"ForCausalLM", "a decoder alone"},
        {"ForQuestionAnswering", "a model that answers questions"},
        {"ForSequenceClassification", "a classifier"},
        {"ForTokenClassification", "a classifier"},
    };
    return find_suffix(kinds, sizeof kinds / sizeof kinds[0], name);
}

#define RECURRENT "a recurrent network"
#define SEVERAL_SOURCES "a network with several sources"

const char *foreign_marian_type(const char *type)
{
    static const struct kind kinds[] = {
        {"amun", RECURRENT},
        {"nematus", RECURRENT},
        {"s2s", RECURRENT},
        {"char-s2s", "a recurrent network over characters"},
        {"multi-s2s", SEVERAL_SOURCES},
        {"multi-transformer", SEVERAL_SOURCES},
        {"shared-multi-s2s", SEVERAL_SOURCES},
        {"shared-multi-transformer", SEVERAL_SOURCES},
        {"hard-att", RECURRENT},
        {"hard-soft-att", RECURRENT},
        {"multi-hard-att", SEVERAL_SOURCES},
        {"s2t", "a mix of recurrent and transformer layers"},
        {"t2s", "a mix of recurrent and transformer layers"},
        {"lm", "a language model"},
        {"lm-transformer", "a language model"},
        {"lm-transformer-decoder", "a language model"},
        {"transformer-lm", "a language model"},
        {"bert", "an encoder alone"},
        {"bert-classifier", "a classifier"},
        {"comet", "a metric"},
        {"comet-qe", "a metric"},
        {"bleurt", "a metric"},
    };
    return FIND(kinds, type);
}

/* Names that files of a kind always have, and endings. */
static const struct kind files[] = {
    {"adapter_model.safetensors", "an adapter (LoRA), which must be merged into its model"},
    {"adapter_model.bin", "an adapter (LoRA), which must be merged into its model"},
    {"flax_model.msgpack", "a Flax checkpoint"},
    {"tf_model.h5", "a TensorFlow checkpoint"},
    {"rust_model.ot", "a checkpoint of rust-bert"},
    {"openvino_model.xml", "an OpenVINO model"},
    {"openvino_encoder_model.xml", "an OpenVINO model"},
    {"saved_model.pb", "a TensorFlow model"},
};

static const struct kind suffixes[] = {
    {".gguf", "a GGUF model"},
    {".onnx", "an ONNX model"},
    {".h5", "a TensorFlow checkpoint"},
    {".msgpack", "a Flax checkpoint"},
    {".tflite", "a TensorFlow Lite model"},
    {".pt", "a checkpoint of a training program (fairseq, OpenNMT-py)"},
    {".pth", "a checkpoint of a training program"},
    {".ckpt", "a checkpoint of a training program"},
};

const char *foreign_file(const char *name)
{
    const char *slash = strrchr(name, '/');
    name = slash != NULL ? slash + 1 : name;
    const char *kind = FIND(files, name);
    return kind != NULL ? kind : find_suffix(suffixes, sizeof suffixes / sizeof suffixes[0], name);
}

bool foreign_check_directory(const char *directory, struct error *err)
{
    DIR *listing = opendir(directory);
    char best[256] = "";
    if (listing == NULL)
        return true;
    /* The first by name, so that the message does not depend on the order of the listing. */
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;)
        if (foreign_file(entry->d_name) != NULL &&
            (best[0] == '\0' || strcmp(entry->d_name, best) < 0))
            memcpy(best, entry->d_name, strlen(entry->d_name) + 1); /* d_name is char[256] */
    closedir(listing);
    return best[0] == '\0' ||
           error_set(err, ERROR_MODEL,
                     "%s: unsupported: '%s' is %s (read are model.safetensors, pytorch_model.bin, "
                     "model.bin of CTranslate2, and *.npz and *.bin of Marian)",
                     directory, best, foreign_file(best));
}
