# JSONL: fields of the input come out byte for byte, those of the result stand at the end.
. "$(dirname "$0")/lib.sh"
export DRAGOMAN_QUIET=yes DRAGOMAN_PRECISION=f32 # whose numbers no change of the kernels may touch
added='"translation":"Gute Nacht!","score":-0.44728,"sum_logprob":-2.23638,"length":5'

pass() { # NAME LINE: an object whose last byte is '}'
    printf '%s\n' "$2" >in.jsonl
    printf '%s\n' "${2%\}},$added,\"flags\":[]}" >want
    expect "$1" out_file=want -- "$dragoman" in.jsonl
}
pass 'a field alone' '{"text":"Good night!"}'
pass 'the order of fields' '{"z":1,"text":"Good night!","a":2,"m":3}'
pass 'a name twice' '{"x":1,"x":2,"text":"Good night!","x":1}'
pass 'numbers of every length' '{"n":[123456789012345678901234567890,-0,-0.0,1E+400,1e-400,0.1000000000000000055511151231257827,12e00],"text":"Good night!"}'
pass 'escapes as they are' '{"\u0069d":"\u00e9\/\ud83d\ude42\"\\\b\f\n\r\t\u0000","text":"\u0047ood night\u0021","\ud83d":"lone"}'
pass 'white space inside' '{	"a" :	[ 1 , { } , [ ] ]  ,  "text" :"Good night!"  }'
pass 'other scripts and emoji' '{"名前":"日本 🙂","text":"Good night!","true":true,"null":null,"false":false}'
pass 'nested fields of the same name' '{"o":{"text":"A dog."},"l":[{"text":1}],"text":"Good night!"}'
pass 'a name that begins like one of the result' '{"scores":1,"flag":2,"text":"Good night!","Score":3}'

tokens='"tokens":["▁Gut","e","▁Nacht","!","</s>"],"token_scores":[-1.39116,-0.67966,-0.08382,-0.02513,-0.05661]'
links='"alignment":"0-0 1-1 1-2 2-3"'
second='{"translation":"Schöne Nacht!","score":-0.73279,"sum_logprob":-4.39675,"length":6'
second_tokens='"tokens":["▁","Schön","e","▁Nacht","!","</s>"],"token_scores":[-2.54204,-0.33713,-1.29213,-0.09596,-0.07030,-0.05919]'
second_links='"alignment":"0-0 0-1 2-2 1-3 2-4"}'
echo '{"id":7,"text":"Good night!"}' >in.jsonl
result() { # NAME FIELDS OPTION...
    local name="$1" fields="$2"
    shift 2
    printf '{"id":7,"text":"Good night!",%s}\n' "$fields" >want
    expect "$name" out_file=want -- "$dragoman" in.jsonl "$@"
}
result '--align' "$added,$links,\"flags\":[]" --align
result '--token-scores' "$added,$tokens,\"flags\":[]" --token-scores
result '--n-best' "$added,\"flags\":[],\"n_best\":[{$added},$second}]" --n-best 2
result 'all of them' "$added,$tokens,$links,\"flags\":[],\"n_best\":[{$added,$tokens,$links},$second,$second_tokens,$second_links]" --n-best 2 --align --token-scores

# Flags.
flag() { # FLAGS LINE OPTION...
    local flags="$1" line="$2"
    shift 2
    printf '%b\n' "$line" >in.jsonl
    expect "the flags $flags" -- "$dragoman" in.jsonl "$@"
    check "the flags $flags" grep -qF "\"flags\":[$flags]" .out
}
flag '"split"' '{"text":"Good night! Good night!"}'
flag '"mended"' '{"text":"Good \xff night!"}'
flag '"limit"' '{"text":"A dog runs on the beach."}' --max-length 3
flag '"lost"' '{"text":"A dog runs."}' --terms <(printf 'dog\t☃\n')
flag '"unknown"' '{"text":"A 龘 dog."}'
flag '"cut","limit"' "{\"text\":\"$(for i in $(seq 700); do printf 'dog '; done)\"}" -b 1 --no-loop-guard --max-length 9

# Text and TSV: the same numbers, in columns.
echo 'Good night!' >in.txt
expect '--score' out='-0.44728\tGute Nacht!\n' -- "$dragoman" --score in.txt
expect '--token-scores' out='Gute Nacht!\t-1.39116 -0.67966 -0.08382 -0.02513 -0.05661\n' -- "$dragoman" --token-scores in.txt
expect '--align' out='Gute Nacht!\t0-0 1-1 1-2 2-3\n' -- "$dragoman" --align in.txt
expect 'all of them' out='-0.44728\tGute Nacht!\t-1.39116 -0.67966 -0.08382 -0.02513 -0.05661\t0-0 1-1 1-2 2-3\n' -- "$dragoman" --score --token-scores --align in.txt
expect '--n-best' out='1\t1\t-0.44728\tGute Nacht!\n1\t2\t-0.73279\tSchöne Nacht!\n' -- "$dragoman" -n 2 in.txt
expect '--n-best and all' out='1\t1\t-0.44728\tGute Nacht!\t-1.39116 -0.67966 -0.08382 -0.02513 -0.05661\t0-0 1-1 1-2 2-3\n1\t2\t-0.73279\tSchöne Nacht!\t-2.54204 -0.33713 -1.29213 -0.09596 -0.07030 -0.05919\t0-0 0-1 2-2 1-3 2-4\n' -- "$dragoman" -n 2 --token-scores --align in.txt
printf 'a\tGood night!\tb\n' >in.tsv
expect 'tsv, --n-best' out='1\t1\t-0.44728\ta\tGute Nacht!\tb\n1\t2\t-0.73279\ta\tSchöne Nacht!\tb\n' -- "$dragoman" -n 2 --column 2 in.tsv
expect 'tsv, --score' out='-0.44728\ta\tGute Nacht!\tb\n' -- "$dragoman" --score --column 2 in.tsv
finish
