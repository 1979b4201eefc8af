# Model directories that are missing, incomplete, damaged or lying: status 2, nothing on standard output,
# one line that names file and cause (the Hugging Face Marian fixture, spoiled in one way each time).
. "$(dirname "$0")/lib.sh"

spoil() { # a fresh copy in ./m, then the given commands inside it
    rm -rf m
    cp -r "$fixtures/marian" m
    (cd m && eval "$1")
}
refused() { # name, spoiling commands, regex of the message
    spoil "$2"
    expect "$1" rc=2 out= err="$3" seconds=5 -- "$dragoman" -m m <<<'Hello there.'
}

expect 'no such directory' rc=2 out= err='/nonexistent: No such file or directory' -- "$dragoman" -m /nonexistent <<<Hello
refused 'a file instead of a directory' 'cd .. && rm -r m && echo x >m' 'm: not a safetensors, npz or PyTorch file'
for device in /dev/zero /dev/null; do
    expect "$device" rc=2 out= err="$device: not a regular file" seconds=2 -- "$dragoman" -m $device <<<Hello
done
for file in config.json model.safetensors source.spm target.spm vocab.json; do
    refused "$file is missing" "rm $file" 'm(/[a-z.]+)?: .*(No such file|no model file).*'
    refused "$file is empty" ": >$file" ".*$file: empty file.*"
    refused "$file is a directory" "rm $file && mkdir $file" ".*$file: not a regular file.*"
    refused "$file is a FIFO" "rm $file && mkfifo $file" ".*$file: not a regular file.*"
    refused "$file is a loop of links" "rm $file && ln -s $file $file" ".*$file: Too many levels of symbolic links.*"
done
if [ "$(id -u)" -ne 0 ]; then
    refused 'unreadable' 'chmod 000 config.json' '.*config.json: Permission denied'
fi
# A link to a file of somebody else's: not a word of it, nor its bytes as a number, comes out.
echo 'root:secret:0:0' >shadow
for file in config.json generation_config.json tokenizer_config.json model.safetensors source.spm target.spm vocab.json; do
    refused "$file is a link to a secret" "ln -sf ../shadow $file" "(m/)?$file: .*"
    check "$file is a link to a secret: it is kept" bash -c '! grep -Eq "root|secret|[0-9]{10}" .err'
done
# A name that would move the terminal's cursor.
refused 'a directory with a name of control bytes' 'rm config.json' '.*config.json: No such file.*'
mv m $'m\n\e[31m\xff'
expect 'a directory with a name of control bytes' rc=2 out= err='m\\x0a\\x1b\[31m\\xff/config.json: No such file or directory' -- "$dragoman" -m $'m\n\e[31m\xff' <<<Hello
rm -r $'m\n\e[31m\xff'

lfs='version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12345\n'
refused 'a git-lfs pointer' "printf '$lfs' >model.safetensors" '.*model.safetensors: .*git-lfs pointer.*'
refused 'a saved web page' "echo '<!DOCTYPE html><html>' >model.safetensors" '.*model.safetensors: .*'
refused 'truncated header' 'head -c 100 "$fixtures/marian/model.safetensors" >model.safetensors' '.*model.safetensors: .*'
refused 'truncated data' 'truncate -s -1000 model.safetensors' '.*model.safetensors: .*truncated.*'
refused 'a tail nobody owns' 'echo tail >>model.safetensors' '.*model.safetensors: .*'
refused 'a header length beyond the file' 'printf "\377\377\377\377\377\377\377\177" | dd of=model.safetensors conv=notrunc status=none' '.*model.safetensors: .*'
refused 'no fallback to a pickle' 'truncate -s -8 model.safetensors && echo x >pytorch_model.bin' '.*model.safetensors: .*'
if command -v strace >/dev/null && ! is_sanitized; then
    spoil 'echo x >pytorch_model.bin'
    expect 'a pickle beside safetensors' err=any -- strace -f -qq -e trace=open,openat,openat2 -o opened "$dragoman" -q -m m <<<'Hello there.'
    check 'a pickle beside safetensors: safetensors is opened' grep -q 'm/model\.safetensors"' opened
    check 'a pickle beside safetensors: the pickle is not' bash -c '! grep -q pytorch_model.bin opened'
fi

config() { # name, jq-like substitution, regex
    refused "$1" "sed -i '$2' config.json" "$3"
}
config 'sizes that do not fit the tensors' 's/"d_model": 64/"d_model": 128/' '.*expected shape \[.*found \[.*'
config 'more layers than there are' 's/"encoder_layers": 2/"encoder_layers": 3/' ".*'model.encoder.layers.2.*"
config 'a vocabulary of another size' 's/"vocab_size": 901/"vocab_size": 900/' "config.json: vocab_size is 900, but 'model.shared.weight' in .*m/model.safetensors has 901 rows .tokens of the tokenizer: 901."
config 'a vocabulary of another size on both sides' 's/vocab_size": 901/vocab_size": 950/' "config.json: vocab_size is 950, but 'model.shared.weight' in .*m/model.safetensors has 901 rows .tokens of the tokenizer: 901."
spoil 'sed -i "s/\"vocab_size\": 901/\"vocab_size\": 902/" config.json; rm vocab.json'
expect 'info --check: a vocabulary of another size' rc=2 err="config.json: vocab_size is 902, .* has 901 rows .tokens of the tokenizer: unknown .no vocabulary.." -- "$dragoman" info --check m
config 'heads that do not divide' 's/"encoder_attention_heads": 4/"encoder_attention_heads": 5/' '.*config.json: .*heads.*'
config 'a fraction' 's/"d_model": 64/"d_model": 64.5/' '.*config.json: d_model: must be an integer.*'
config 'an unknown family' 's/"model_type": "marian"/"model_type": "wombat"/' '.*unsupported.*wombat.*'
config 'an unknown activation' 's/"activation_function": "relu"/"activation_function": "wave"/' '.*unsupported.*wave.*'
config 'a duplicate key' 's/"d_model": 64/"d_model": 64, "d_model": 8/' '.*config.json: .*duplicate key.*'
config 'text after the end' '$s/$/{}/' '.*config.json: .*after the end.*'
refused 'JSON nested 10,000 deep' "printf '[%.0s' {1..10000} >config.json" '.*config.json: .*nested too deeply.*'
if ! is_sanitized; then
    for file in config.json generation_config.json tokenizer_config.json vocab.json; do
        for depth in 1001 100000 10000000; do
            spoil "head -c $depth /dev/zero | tr '\0' '[' >$file"
            expect "$file nested $depth deep, in little stack" rc=2 out= err="(m/)?$file: .*" seconds=5 -- bash -c 'ulimit -s 256; exec "$0" -m m' "$dragoman" <<<Hello
        done
    done
fi
refused 'JSON larger than a configuration' 'head -c 2000000 /dev/zero | tr "\0" " " >config.json' '.*config.json: larger than 1 MiB.*'
refused 'UTF-16' 'iconv -t UTF-16 "$fixtures/marian/config.json" >config.json' '.*config.json: .*'
refused 'a SentencePiece model of zeros' 'head -c 5000 /dev/zero >source.spm' '.*source.spm: .*'
refused 'a vocabulary larger than 64 MiB' 'truncate -s 67108865 vocab.json' '.*vocab.json: larger than 64 MiB'
refused 'a vocabulary with a hole' "sed -i 's/: 17,/: 1700,/' vocab.json" '.*vocab.json: .*'

spoil 'for f in *; do mv "$f" ../blob.$f && ln -s ../blob.$f "$f"; done'
expect 'links to blobs elsewhere, as in a download cache' err=none -- "$dragoman" --loop-guard=no -m m <<<'Hello there.'
spoil 'chmod a-w . *'
expect 'a read-only directory' err=none -- "$dragoman" --loop-guard=no -m m <<<'Hello there.'
finish
