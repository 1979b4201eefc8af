# Vocabularies that are large for their file's sake: refused at once, in no more memory than the file
# takes and 64 MiB.
. "$(dirname "$0")/lib.sh"
[ -x /usr/bin/time ] || skip 'no /usr/bin/time'
is_sanitized && skip 'sanitizers need more memory'

new() { # fixture: a fresh copy in ./m
    rm -rf m
    cp -r "$fixtures/$1" m
}
refused() { # name, file, regex of the message
    expect "$1" rc=2 out= err="$3" seconds=5 -- /usr/bin/time -q -f %M -o peak "$dragoman" -m m <<<Hello
    local most=$(($(stat -c %s "m/$2") / 1024 + 65536))
    check "$1: a peak of $(tail -1 peak) KiB, at most $most" [ "$(tail -1 peak)" -le $most ]
}
vocabulary() { # how many pieces, digits of each
    seq 2 $(($1 - 1)) | awk -v f=",\"%0$2d\":%d" 'BEGIN {printf "{\"</s>\":0,\"<unk>\":1"} {printf f, $1, $1} END {print "}"}' >m/vocab.json
}
fast() { # how many pieces, digits of each
    { printf '{"pre_tokenizer":{"type":"Metaspace","replacement":"▁","add_prefix_space":true},"model":{"unk_id":2,"vocab":[["<pad>",0],["</s>",0],["<unk>",0]'
      seq 3 $(($1 - 1)) | awk -v f=",[\"%0$2d\",-%d]" '{printf f, $1, $1}'
      echo ']}}'; } >m/tokenizer.json
}
spm() { # how many pieces, digits of each: <unk>, then pieces with no score, all normal
    { printf '\x0a\x09\x0a\x05<unk>\x18\x02'
      seq 1 $(($1 - 1)) | awk -v f="\n%c\n%c%0$2d" -v n="$2" '{printf f, n + 2, n, $1}'; } >m/source.spm
}

most=1048576
new marian
{ printf '{'; yes '"a":0,' | head -n 7500000; } >m/vocab.json
refused 'one piece again and again' vocab.json "vocab.json: 'a', id 0: id twice"
vocabulary 3400000 7
refused '3.4 million pieces' vocab.json "vocab.json: '1048576', id $most: more than $most ids"
vocabulary $most 40
refused 'long pieces' vocab.json "vocab.json: '[0-9]*', id [0-9]*: more than 16 MiB of pieces"
vocabulary $most 14
refused 'as many as may be, of a smaller model' vocab.json 'vocab.json: it has ids up to 1048575, the model.s embeddings have [0-9]* rows'
new marian
spm 2000000 14
refused '2 million pieces' source.spm "source.spm: piece $most: more than $most ids"
spm $most 40
refused 'long pieces' source.spm 'source.spm: piece [0-9]*: more than 16 MiB of pieces'
new t5
rm m/spiece.model
fast 1500000 7
refused '1.5 million pieces' tokenizer.json "tokenizer.json: '1048576', id $most: more than $most ids"
fast $most 14
refused 'as many as may be, of a smaller model' tokenizer.json 'tokenizer.json: it has ids up to 1048575, the model.s embeddings have [0-9]* rows'
{ printf '{"added_tokens":[0'; yes ,0 | head -n 10000000 | tr -d '\n'; printf '],"pre_tokenizer":{"type":"Metaspace","replacement":"▁"},"model":{"unk_id":0,"vocab":[["<unk>",0]]}}'; } >m/tokenizer.json
refused 'added tokens by the million' tokenizer.json 'tokenizer.json: normalizer, pre_tokenizer and added_tokens: larger than 1 MiB .*'
finish
