# Which kind of model a directory has: found by itself, said with --model-format, or known and not
# run, which a message names.
. "$(dirname "$0")/lib.sh"
marian="$fixtures/marian"

fresh() { # a new directory ./m with copies of the named files of a fixture
    rm -rf m && mkdir m
    local from="$1"
    shift
    for name; do cp "$fixtures/$from/$name" m; done
}
refused() { # NAME REGEX: model ./m
    expect "$1" rc=2 out= err="$2" -- "$dragoman" -m m <<<'Hello there.'
}

# A directory with two models: Hugging Face's comes first, an option takes the other.
cp -r "$marian" both
cp "$fixtures"/npz_ssru/{model.npz,vocab.yml,decoder.yml} both
cp -r both apart && rm apart/*.spm # Marian's pieces are not of these
family() { sed -n 's/^family *//p' .out; }
expect 'two models in a directory' -- "$dragoman" info both
check 'two models: Hugging Face first' test "$(family)" = MarianMT
for kind in auto hf safetensors; do
    expect "--model-format $kind" -- "$dragoman" info --model-format $kind both
    check "--model-format $kind" test "$(family)" = MarianMT
done
expect '--model-format marian' -- "$dragoman" info --model-format marian apart
check '--model-format marian' test "$(family)" = Marian
expect '--model-format from the environment' -- env DRAGOMAN_MODEL_FORMAT=marian "$dragoman" info apart
check '--model-format from the environment' test "$(family)" = Marian
head -1 "$fixtures/npz_ssru/src.pieces" >pieces
"$dragoman" --pieces -q -m "$fixtures/npz_ssru" pieces >want
expect 'translating with --model-format' out_file=want -- "$dragoman" --pieces -q -m both --model-format marian pieces
expect 'tokenizing with --model-format' rc=2 err='.*: no CTranslate2 model; it has .model.safetensors.' -- "$dragoman" tokenize -m both --model-format ct2 pieces
expect 'info --check with --model-format' rc=2 err='source.spm: only 2 of its 900 pieces are in the vocabulary: another model.s' -- "$dragoman" info --check --model-format marian both
expect 'info --check with --model-format, apart' out='ok\n' -- "$dragoman" info --check --model-format marian apart
expect 'converting with --model-format' out= -- "$dragoman" convert --model-format marian apart converted
expect 'what was converted' -- "$dragoman" info converted
check 'what was converted' test "$(sed -n 's/^model_type *//p' .out)" = dragoman

# Marian's decoder.yml: beside the model under either name, wherever the program runs; what it allows;
# what it asks for and cannot have.
cp -r "$fixtures/npz_prenorm_untied" native
"$dragoman" --pieces -q -m native native/src.pieces >want
check 'no <unk> unless it is allowed' bash -c '! grep -q "<unk>" want'
mv native/decoder.yml native/model.npz.decoder.yml
expect 'model.npz.decoder.yml' out_file=want -- "$dragoman" --pieces -q -m native native/src.pieces
expect 'model.npz.decoder.yml: read' -- "$dragoman" info native
check 'model.npz.decoder.yml: read' grep -qx 'beam                 4  (generation configuration)' .out
expect 'model.npz.decoder.yml: beside one file' -- "$dragoman" info native/model.npz
check 'model.npz.decoder.yml: beside one file' grep -qx 'beam                 4  (generation configuration)' .out
echo 'allow-unk: true' >>native/model.npz.decoder.yml
expect 'allow-unk' -- "$dragoman" --pieces -q -m native native/src.pieces
check 'allow-unk' grep -q '<unk>' .out
cp .out want
expect 'allow-unk, converted' -- "$dragoman" convert --f32 native converted.native
expect 'allow-unk, converted: the same' -- "$dragoman" --precision f32 --pieces -q -m converted.native native/src.pieces
cp .out converted.out
expect 'allow-unk in float32' out_file=converted.out -- "$dragoman" --precision f32 --pieces -q -m native native/src.pieces
printf 'models:\n- model.npz\n- other.npz\n' >native/model.npz.decoder.yml
expect 'an ensemble' rc=2 out= err='model.npz.decoder.yml: models: unsupported: an ensemble of several models' -- "$dragoman" -m native <<<x

# An override that disagrees with the files.
for kind in torch:PyTorch marian:Marian ct2:CTranslate2; do
    expect "not ${kind#*:}" rc=2 out= err="$marian: no ${kind#*:} model; it has 'model.safetensors'" -- "$dragoman" --model-format "${kind%:*}" -m "$marian" <<<x
done
for kind in hf:'Hugging Face' safetensors:safetensors torch:PyTorch ct2:CTranslate2; do
    expect "not ${kind#*:}" rc=2 out= err="$fixtures/npz_ssru: no ${kind#*:} model; it has 'model.npz'" -- "$dragoman" --model-format "${kind%:*}" -m "$fixtures/npz_ssru" <<<x
done
expect 'one file, not of this kind' rc=2 out= err='.*/model.safetensors: not a Marian model .npz or binary. but a safetensors file' -- "$dragoman" --model-format marian -m "$marian/model.safetensors" <<<x
expect 'one file, not of this kind: hf' rc=2 out= err='.*/model.npz: not a safetensors or PyTorch file but a zip archive .PyTorch or npz.' -- "$dragoman" --model-format hf -m "$fixtures/npz_ssru/model.npz" <<<x
fresh marian config.json
cp "$fixtures/npz_ssru/model.intgemm8.bin" m/model.bin
expect 'a model.bin of Marian is not of CTranslate2' rc=2 out= err='.*model.bin: not a CTranslate2 model but a Marian binary' -- "$dragoman" --model-format ct2 -m m <<<x
expect 'no such kind' rc=2 out= err='--model-format: .*' -- "$dragoman" --model-format onnx -m m <<<x

# Hugging Face: other networks.
config() { # NAME SED REGEX
    fresh marian config.json model.safetensors
    sed -i "$2" m/config.json
    refused "$1" "config.json: $3"
}
type() { config "$1" "s/\"model_type\": \"marian\"/\"model_type\": \"$1\"/" "model_type: unsupported: '$1', $2 .marian, m2m_100, mbart, t5, mt5 are read."; }
type gpt2 'a decoder-only language model'
type llama 'a decoder-only language model'
type bert 'an encoder-only model'
type xlm-roberta 'an encoder-only model'
type whisper 'a speech model'
type nllb-moe 'a mixture of experts'
type umt5 'T5 with a position bias in every layer'
type fsmt "fairseq's WMT models"
type bart 'an encoder-decoder of another family'
config 'a type nobody knows' 's/"model_type": "marian"/"model_type": "wombat"/' "model_type: unsupported: 'wombat' .marian, m2m_100, mbart, t5, mt5 are read."
class() { config "$1" "s/\"MarianMTModel\"/\"$1\"/" "architectures: unsupported: '$1', $2"; }
class MarianForCausalLM 'a decoder alone'
class T5EncoderModel 'an encoder alone'
class MBartForSequenceClassification 'a classifier'
quantized() { config "weights of $1" "s/\"model_type\": \"marian\"/&, \"quantization_config\": {\"quant_method\": \"$1\"}/" "quantization_config: unsupported: '$1' .take the model it was made of."; }
for method in gptq bitsandbytes awq; do quantized $method; done
fresh marian config.json
refused 'nothing but a configuration' 'm: no model file .*'

rm -rf m && cp -r "$fixtures/t5" m
sed -i 's/"T5Tokenizer"/"ByT5Tokenizer"/' m/tokenizer_config.json
refused 'a tokenizer of bytes' "tokenizer_config.json: tokenizer_class: unsupported: 'ByT5Tokenizer', which takes text as bytes"

# Files of other programs.
other() { # FILE KIND
    fresh marian config.json
    echo x >"m/$1"
    refused "a directory with $1" "m: unsupported: '$1' is $2 .read are .*"
    expect "$1 itself" rc=2 out= err="m/$1: unsupported: $2" -- "$dragoman" -m "m/$1" <<<x
}
other encoder_model.onnx 'an ONNX model'
other model-q4.gguf 'a GGUF model'
other tf_model.h5 'a TensorFlow checkpoint'
other flax_model.msgpack 'a Flax checkpoint'
other rust_model.ot 'a checkpoint of rust-bert'
other openvino_model.xml 'an OpenVINO model'
other saved_model.pb 'a TensorFlow model'
other checkpoint_best.pt 'a checkpoint of a training program .fairseq, OpenNMT-py.'
other adapter_model.safetensors 'an adapter .LoRA., which must be merged into its model'
fresh marian config.json
touch m/tf_model.h5 m/flax_model.msgpack m/model.onnx
refused 'several: the first by name' "m: unsupported: 'flax_model.msgpack' is a Flax checkpoint .*"
fresh marian config.json
printf 'GGUF\3\0\0\0\0\0\0\0' >m/model.bin
refused 'GGUF under another name' 'm/model.bin: unsupported: a GGUF model'
printf '\211HDF\r\n\032\n' >m/model.bin
refused 'HDF5 under another name' 'm/model.bin: unsupported: a TensorFlow checkpoint .HDF5.'

# CTranslate2: other kinds, newer ones.
ct2() { # NAME, SPEC with \0 and its length as \ooo, REGEX
    fresh marian config.json
    printf "\\6\\0\\0\\0$2\\0\\3\\0\\0\\0\\0\\0\\0\\0" >m/model.bin
    refused "$1" "m/model.bin: unsupported: $3"
}
ct2 'CTranslate2: a decoder alone' '\027\0TransformerDecoderSpec' "a CTranslate2 model of kind 'TransformerDecoderSpec', not TransformerSpec"
ct2 'CTranslate2: Whisper' '\014\0WhisperSpec' "a CTranslate2 model of kind 'WhisperSpec', not TransformerSpec"
ct2 'CTranslate2: an encoder alone' '\027\0TransformerEncoderSpec' "a CTranslate2 model of kind 'TransformerEncoderSpec', not TransformerSpec"
fresh marian config.json
printf '\7\0\0\0\020\0TransformerSpec\0\3\0\0\0\0\0\0\0' >m/model.bin
refused 'CTranslate2: a newer version' 'm/model.bin: unsupported: a CTranslate2 model of version 7 .1 to 6 are read.'
finish
