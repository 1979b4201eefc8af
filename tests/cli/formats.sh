# Text, TSV, JSONL: what is translated, what passes through, what is added.
. "$(dirname "$0")/lib.sh"
export DRAGOMAN_MODEL="$fixtures/marian" # random weights: quick, and its words are its own
en='A dog runs on the beach.' de="$("$dragoman" <<<"$en")"

# TSV.
printf '1\t%s\tx y\n\n2\t%s\t\n3\t\tz\r\n' "$en" "$en" >in.tsv
printf '1\t%s\tx y\n\n2\t%s\t\n3\t\tz\r\n' "$de" "$de" >want
expect 'tsv: by extension' out_file=want -- "$dragoman" --column 2 in.tsv
expect 'tsv: from a pipe' out_file=want -- "$dragoman" --format tsv --column 2 <in.tsv
expect 'tsv: first column' out="$de\tx\n" -- "$dragoman" --format tsv <<<"$en"$'\tx'
expect 'tsv: last column' out="x\t$de\n" -- "$dragoman" --format tsv --column 2 <<<$'x\t'"$en"
expect 'tsv: no such column' rc=1 out= err='standard input:1: there is no column 3, only 2' -- "$dragoman" --format tsv --column 3 < <(printf 'x\ty\n')
printf '%s\tx\n%s\n' "$en" "$en" >in.tsv
expect 'tsv: no such column in a later line' rc=1 err='in.tsv:2: there is no column 2, only 1.*' -- "$dragoman" --column 2 in.tsv
check 'the lines before are written' test "$(wc -l <.out)" -eq 1
expect 'text, not tsv' -- "$dragoman" --format text in.tsv

printf '%s\tach\n%s\t\n' "$en" "$en" >in.tsv
expect 'tsv: a column of beginnings' err=any -- "$dragoman" --prefix-column 2 in.tsv
check 'tsv: a column of beginnings' bash -c 'sed -n 1p .out | grep -q "^ach.*	ach$" && test "$(sed -n 2p .out)" = "$0	"' "$de"
expect 'tsv: no such column of beginnings' rc=1 err='in.tsv:1: there is no column 3, only 2' -- "$dragoman" --prefix-column 3 in.tsv

# JSONL.
json() { # NAME INPUT OUTPUT, "..." for what is added, OPTION...
    local name="$1"
    printf '%s\n' "$2" >in.jsonl
    printf '%s\n' "$3" >want
    shift 3
    n_cases=$((n_cases + 1))
    "$dragoman" "$@" in.jsonl >out 2>err || fail "$name: $(cat err)"
    sed -E 's/"score":-?[0-9.]+,"sum_logprob":-?[0-9.]+,"length":[0-9]+,"flags":\[[a-z",]*\]/.../g' out >found
    cmp -s want found || { fail "jsonl: $name"; diff want found | head; }
}
json 'fields pass through' " { \"id\" : 1e5 ,\"text\":\"$en\", \"x\":[{},[null,\"\\u00e9\"]] } " " { \"id\" : 1e5 ,\"text\":\"$en\", \"x\":[{},[null,\"\\u00e9\"]] ,\"translation\":\"$de\",...} "
json 'escapes' '{"text":"A dog runs \u006f\u006e the beach\u002E"}' "{\"text\":\"A dog runs \\u006f\\u006e the beach\\u002E\",\"translation\":\"$de\",...}"
json 'another field' "{\"en\":\"$en\"}" "{\"en\":\"$en\",\"translation\":\"$de\",...}" --field en
json 'blank lines, CRLF' $'\n'"{\"text\":\"$en\"}"$'\r\n  ' $'\n'"{\"text\":\"$en\",\"translation\":\"$de\",...}"$'\r\n  '
json 'an empty text' '{"text":""}' '{"text":"","translation":"",...}'
json 'a key with escapes' '{"te\u0078t":""}' '{"te\u0078t":"","translation":"",...}'

bad() { # LINE MESSAGE
    printf '{"text":""}\n%s\n' "$1" >in.jsonl
    expect "jsonl: $1" rc=1 err="in.jsonl:2: $2 .the output ends after line 1." -- "$dragoman" in.jsonl
}
bad '{' 'not JSON: offset 1: a string is wanted'
bad '[]' 'not JSON: offset 0: an object is wanted'
bad '{"text":"a"} x' 'not JSON: offset 13: text after the end'
bad '{"text":"a",}' 'not JSON: offset 12: a string is wanted'
bad '{"text" "a"}' "not JSON: offset 8: ':' is wanted"
bad '{"text":"a' 'not JSON: offset 10: string without end'
bad '{"text":"\x"}' 'not JSON: offset 10: bad escape'
bad '{"text":"\u12g4"}' 'not JSON: offset 13: bad .u escape'
bad $'{"text":"\t"}' 'not JSON: offset 9: control byte in a string'
for number in 01 1. .5 +1 1e NaN Infinity tru; do bad "{\"n\":$number,\"text\":\"a\"}" 'not JSON: offset [0-9]+: .*'; done
bad '{"n":[1 2],"text":""}' "not JSON: offset 8: ',' or a closing bracket is wanted"
bad '{"n":[1},"text":""}' "not JSON: offset 7: ',' or a closing bracket is wanted"
bad '{"a":1}' "there is no field 'text'"
bad '{"text":1}' "the field 'text' is not a string"
bad '{"text":null}' "the field 'text' is not a string"
bad '{"text":"a","text":"b"}' "the field 'text' is there twice"
bad '{"text":"a","\u0074ext":"b"}' "the field 'text' is there twice"
bad '{"text":"a","translation":"b"}' "there is a field 'translation' already"
bad "{\"n\":$(printf '[%.0s' {1..100000})" 'not JSON: offset [0-9]+: nested too deeply'
{ printf '{"text":"","n":'; printf '[%.0s' {1..511}; printf ']%.0s' {1..511}; echo '}'; } >in.jsonl
expect 'jsonl: nested as deep as may be' -- "$dragoman" in.jsonl

# One output line for a line, whatever the format and the order of formats.
printf '%s\n' "$en" >a.txt
printf '%s\tb\n' "$en" >b.tsv
printf '{"text":"%s"}\n' "$en" >c.jsonl
expect 'formats by file' -- "$dragoman" a.txt b.tsv c.jsonl
check 'formats by file' bash -c 'test "$(wc -l <.out)" -eq 3 && sed -n 1p .out | grep -qx "$0" && sed -n 2p .out | grep -qx "$0"$'"'\\tb'"' && sed -n 3p .out | grep -q "\"translation\":\"$0\""' "$de"
finish
