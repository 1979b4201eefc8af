# The commands beside translate: info, convert, score, tokenize, detokenize, bench; and installing.
. "$(dirname "$0")/lib.sh"
marian="$fixtures/marian"
en='A dog runs on the beach.'
echo "$en" >in.txt

# info
expect 'info of the default model' -- "$dragoman" info
check 'info: family and vocabulary' bash -c 'grep -qE "^family +MarianMT$" .out && grep -qE "^source_vocabulary +10001$" .out'
check 'info: a value and where it came from' grep -qE '^beam +4  \(generation configuration\)$' .out
check 'info: what int8 weights are stored as' grep -qE '^stored_type +I8 (F16 )?F32$' .out
expect 'info --json' -- "$dragoman" info --json "$marian"
check 'info --json: what floats are stored as' grep -q '"stored_type":"F32",' .out
if command -v python3 >/dev/null; then
    check 'info --json is JSON' python3 -c 'import json,sys; d=json.load(open(".out")); sys.exit(not (d["family"]=="MarianMT" and d["weight_bytes"]>0))'
fi
expect 'info --check' out='ok\n' -- "$dragoman" info --check "$marian"
cp -r "$marian" broken
printf '{}' >broken/config.json
expect 'info --check of a broken model' rc=2 err='config.json: .*' -- "$dragoman" info --check broken
cp -r "$marian" broken2
rm broken2/source.spm
expect 'info --check of a model without its tokenizer' rc=2 out='broken2/source.spm: No such file or directory\n' err='broken2/source.spm: No such file or directory' -- "$dragoman" info --check broken2
sed -i 's/"encoder_layers": 2/"encoder_layers": 3/; s/"decoder_ffn_dim": 128/"decoder_ffn_dim": 120/' broken2/config.json
expect 'info --check names each fault' rc=2 err='.*model.encoder.layers.2.self_attn.q_proj.weight.: missing .and 21 more faults.' -- "$dragoman" info --check broken2
check 'info --check: each on its line' bash -c 'test "$(wc -l <.out)" -eq 23 && tail -1 .out | grep -qx "broken2/source.spm: No such file or directory" && grep -q "decoder.layers.1.fc2.weight.: expected shape \[64, 120\], found \[64, 128\]" .out'
rm broken2/config.json
expect 'info --check without a configuration' rc=2 out='broken2/config.json: No such file or directory\n' err='broken2/config.json: No such file or directory' -- "$dragoman" info --check broken2
expect 'info of a multilingual model' -- "$dragoman" info "$fixtures/marian_swish_multi"
check 'info: languages' grep -qx 'languages            deu fra' .out
check 'info: files' grep -qx "files                $fixtures/marian_swish_multi/model.safetensors config.json generation_config.json golden.json source.spm target.spm tokenizer_config.json vocab.json" .out
check 'info: memory' bash -c 'test "$(sed -n "s/^memory_bytes *\([0-9]*\) .*/\1/p" .out)" -gt "$(sed -n "s/^weight_bytes *//p" .out)"'
check 'info: defaults and where they are from' bash -c 'grep -qx "max_length           39  (generation configuration)" .out && grep -qx "repetition_penalty   1  (default)" .out && grep -qx "banned               902  (generation configuration)" .out'
expect 'info of 202 languages' -- "$dragoman" info "$fixtures/nllb"
check 'info of 202 languages' grep -qE '^languages +ace_Arab .* arb_Arab ars_Arab ... .202: --languages.$' .out
expect 'info of one file' -- "$dragoman" info "$fixtures/npz_ssru/model.npz"
expect 'info of types' -- "$dragoman" info "$fixtures/npz_ssru/model.intgemm8.bin"
check 'info of types: that with the most bytes first' grep -qx 'stored_type          INTGEMM8 F32' .out
expect 'info of types --json' -- "$dragoman" info --json "$fixtures/npz_ssru/model.intgemm8.bin"
check 'info of types --json: one string' grep -q '"stored_type":"INTGEMM8 F32",' .out
expect 'info of a model without its tokenizer' rc=2 out= err='broken2/config.json: No such file or directory' -- "$dragoman" info broken2
expect 'info of a bilingual model' -- "$dragoman" info "$marian"
check 'info of a bilingual model: direction' grep -qx 'direction            en-de' .out
expect 'info of nothing' rc=2 out= err='none: No such file or directory.*' -- "$dragoman" info none
expect 'info of two' rc=2 out= err='info: one model at a time' -- "$dragoman" info a b
expect 'info --languages' out='deu\nfra\n' -- "$dragoman" info --languages "$fixtures/marian_swish_multi"
expect 'info --languages of a bilingual model' out= -- "$dragoman" info --languages "$marian"

# tokenize, detokenize
expect 'tokenize' out='▁A ▁dog ▁runs ▁on ▁the ▁beach .\n' -- "$dragoman" tokenize in.txt
expect 'tokenize --ids' out='31 514 3315 33 5 1792 2 0\n' -- "$dragoman" tokenize --ids in.txt
expect 'there and back' out="$en\n\n$en\r\n" -- bash -c 'printf "%s\n\n%s\r\n" "$1" "$1" | "$0" tokenize | "$0" detokenize' "$dragoman" "$en"
"$dragoman" in.txt >want.txt
expect 'tokenize, translate pieces, detokenize' out_file=want.txt -- bash -c '"$0" tokenize in.txt | "$0" --pieces | "$0" detokenize' "$dragoman"
expect 'special tokens in text are text' -- bash -c 'echo "</s> <pad>" | "$0" tokenize --ids' "$dragoman"
check 'special tokens in text are text' bash -c 'test "$(grep -ow 0 .out | wc -l)" -eq 1'

# score: what a translation gets from the search is what score finds.
"$dragoman" --precision f32 -b 4 --score --format text in.txt >scored.txt
cut -f2 scored.txt >translation.txt
expect 'score of two files' err='1 pairs, 7 target tokens: cross-entropy [0-9.]+ nats a token, perplexity [0-9.]+' -- "$dragoman" score --precision f32 in.txt translation.txt
check 'score: the same as the search said' bash -c 'test "$(cut -f2 .out)" -eq 7 && awk "BEGIN { d = $(cut -f3 .out) - $(cut -f1 scored.txt); exit !(d < 1e-4 && d > -1e-4) }"'
cp .out two.txt
expect 'score of pairs' out_file=two.txt -- bash -c 'paste in.txt translation.txt | "$0" score -q --precision f32' "$dragoman"
expect 'score --token-scores' -- "$dragoman" score -q --token-scores in.txt translation.txt
check 'score --token-scores' test "$(cut -f4 .out | wc -w)" -eq 7
expect 'score: no tab' rc=1 out= err='in.txt:1: there is no tab between source and translation' -- "$dragoman" score in.txt
expect 'score: uneven files' rc=1 err='in.txt: has more lines than .*|.*ends before line 1.*' -- "$dragoman" score in.txt /dev/null
expect 'score: three files' rc=2 out= err='score: .*' -- "$dragoman" score a b c

# convert
for type in --int8 --f16 --f32; do
    expect "convert $type" out= -- "$dragoman" convert "$marian" ${type#--} $type
    expect "info --check of $type" out='ok\n' -- "$dragoman" info --check ${type#--}
done
"$dragoman" -m "$marian" -q in.txt >int8.want
"$dragoman" -m "$marian" -q --precision f32 in.txt >f32.want
expect 'int8 written is int8 made at opening' out_file=int8.want -- "$dragoman" -m int8 -q in.txt
expect 'f32 stays what it was' out_file=f32.want -- "$dragoman" -m f32 -q --precision f32 in.txt
expect 'convert onto something' rc=1 err='.*' -- "$dragoman" convert "$marian" f32
expect 'convert without a place' rc=2 err='convert: needs a model and a new directory' -- "$dragoman" convert "$marian"
expect 'convert to two types' rc=2 err='convert: --int8, --f16, --f32: only one of them' -- "$dragoman" convert "$marian" x --f16 --f32
cat "$root"/data/sample/*.en >text.txt
expect 'convert --trim' out= -- "$dragoman" convert "$root/data/en-de" trimmed --trim text.txt
check 'a trimmed model has fewer words' bash -c 'test "$("$0" info trimmed | sed -n "s/^target_vocabulary *//p")" -lt 2000' "$dragoman"
expect 'a trimmed model translates' err=any -- "$dragoman" -m trimmed in.txt
check 'a trimmed model translates' test -s .out

# --trim LANGUAGE: 23 pieces of the fixture are written over with other scripts.
cp -r "$marian" scripts
for i in $(seq 100 109); do sed -i "s/\"[^\"]*\": $i\([,}]\)/\"▁для$i\": $i\1/" scripts/vocab.json; done
for i in $(seq 200 204); do sed -i "s/\"[^\"]*\": $i\([,}]\)/\"λόγος$i\": $i\1/" scripts/vocab.json; done
for i in $(seq 300 307); do sed -i "s/\"[^\"]*\": $i\([,}]\)/\"漢字$i\": $i\1/" scripts/vocab.json; done
target() { sed -n 's/.*"decoder_vocab_size":[[:space:]]*\([0-9]*\).*/\1/p' "$1/config.json"; }
trim() { # LANGUAGE PIECES
    expect "convert --trim $1" out= -- "$dragoman" convert scripts "trim-$1" --f32 --trim "$1"
    check "convert --trim $1: $2 pieces" test "$(target "trim-$1")" -eq "$2"
}
trim de 878
expect "info --check of the trimmed" out='ok\n' -- "$dragoman" info --check trim-de
trim ru 18 # its ten, five without letters, </s>, <unk>, <pad>
trim el 13
trim zh 16
expect 'convert --trim by a language that leaves nothing out' rc=2 out= err='--trim fr: all 901 target pieces are of its scripts .Latn.: give a text to trim by' -- "$dragoman" convert "$marian" none --trim fr
expect 'convert --trim by nothing' rc=2 out= err="--trim: unknown language 'nosuchfile.txt'" -- "$dragoman" convert "$marian" none --trim nosuchfile.txt
expect 'convert --trim of another family' rc=2 out= err='only Hugging Face Marian with a tied output can be trimmed' -- "$dragoman" convert "$fixtures/m2m100" none --trim ru
check 'nothing was written' test ! -e none

# bench measures; that it does is all that is asked here.
expect 'bench' -- "$dragoman" bench --runs 1 -t 1 --beam 1 -m "$marian" in.txt
check 'bench: a head, a row, and seven rows of stages' test "$(wc -l <.out)" -eq 12
check 'bench: the stages are named' test "$(sed -n '6,$s/^ *1 *1  \([a-z0-9 ]*[a-z]\)  .*/\1/p' .out | tr '\n' ,)" = \
    'encoder products,decoder products,output layer,attention,text and pieces,rest,all,'
expect 'bench --json' -- "$dragoman" bench --json --runs 1 -t 1 --beam 1 -m "$marian" in.txt
if command -v python3 >/dev/null; then
    check 'bench --json is JSON' python3 -c 'import json,sys; sys.exit(json.load(open(".out"))["runs"][0]["threads"] != 1)'
fi
expect 'bench of an empty text' rc=2 err='bench: the text is empty' -- "$dragoman" bench -m "$marian" /dev/null

# Results: n-best, scores, alignments; the default model's German.
expect 'the default model' out='Ein Hund rennt am Strand.\n' -- "$dragoman" in.txt
expect 'the default model, f32, greedy' out='Ein Hund rennt am Strand.\n' -- "$dragoman" --precision f32 -b 1 in.txt
expect 'n-best' -- "$dragoman" --n-best 3 in.txt
check 'n-best: line, rank, score, text' bash -c 'test "$(cut -f1,2 .out | tr "\t\n" ": ")" = "1:1 1:2 1:3 " && cut -f3 .out | sort -gr | cmp - <(cut -f3 .out)'
check 'n-best: the best one first' test "$(sed -n 1p .out | cut -f4)" = 'Ein Hund rennt am Strand.'
expect 'n-best keeps the numbers of blank lines' -- bash -c 'printf "\n%s\n" "$1" | "$0" --n-best 2 | cut -f1,2 | tr "\t\n" ": "' "$dragoman" "$en"
check 'n-best keeps the numbers of blank lines' test "$(cat .out)" = '1:1 2:1 2:2 '
expect 'n-best wider than the beam' rc=2 out= err='--n-best.*' -- "$dragoman" --n-best 8 --beam 4 in.txt
expect 'token scores and alignment' -- "$dragoman" --token-scores --align in.txt
check 'token scores and alignment' bash -c 'test "$(cut -f2 .out | wc -w)" -eq 7 && cut -f3 .out | grep -Eqx "([0-9]+-[0-9]+ ?)+"'
expect 'a prefix' -- "$dragoman" --prefix 'Am Strand' in.txt
check 'a prefix' grep -q '^Am Strand' .out
expect 'an unknown CPU unit' rc=2 out= err='.*' -- "$dragoman" --cpu none in.txt
expect 'sampling by seed' -- bash -c 'for i in 1 2; do "$0" -q --sample --seed 7 in.txt; done | uniq | wc -l' "$dragoman"
check 'sampling by seed' test "$(cat .out)" -eq 1
finish
