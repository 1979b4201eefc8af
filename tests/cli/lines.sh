# The line promise: N lines in are N lines out, in order, whatever they hold.
. "$(dirname "$0")/lib.sh"
export DRAGOMAN_MODEL="$fixtures/marian" # random weights: quick, and its words are its own
export DRAGOMAN_LOOP_GUARD=no # which mostly repeat
en='A dog runs on the beach.' de="$("$dragoman" <<<"$en")"

lines() { # NAME INPUT(%b) OUTPUT(%b) [expect's own...]
    local name="$1" in="$2" out="$3"
    shift 3
    printf '%b' "$in" >in.txt
    expect "$name" out="$out" "$@" -- "$dragoman" <in.txt
    expect "$name, as a file" out="$out" "$@" -- "$dragoman" in.txt
}

lines 'empty input' '' ''
lines 'one newline' '\n' '\n'
lines 'one line' "$en\n" "$de\n"
lines 'no newline at the end' "$en" "$de\n"
lines 'blank lines stay where they are' "\n\n$en\n\n\n$en\n\n" "\n\n$de\n\n\n$de\n\n"
lines 'CRLF survives' "$en\r\n\r\n$en\r\n" "$de\r\n\r\n$de\r\n"
lines 'CRLF and LF mixed' "$en\r\n$en\n$en" "$de\r\n$de\n$de\n"
lines 'a byte order mark at the beginning stays there' "\xef\xbb\xbf$en\n$en\n" "\xef\xbb\xbf$de\n$de\n"
lines 'a file that is only a byte order mark' '\xef\xbb\xbf' '\xef\xbb\xbf\n'

# Lone CR, FF, VT, NEL, LS and NUL do not end lines.
for end in '\r' '\f' '\v' '\xc2\x85' '\xe2\x80\xa8' '\x00'; do
    printf '%b' "a${end}b\n$en\n" >in.txt
    expect "$end does not end a line" err=any -- "$dragoman" in.txt
    check "$end does not end a line" test "$(wc -l <.out)" -eq 2
    check "$end: the next line is not touched" test "$(tail -1 .out)" = "$de"
done
printf "$en\0$en\n" >in.txt
expect 'text after NUL is not lost' err=any -- "$dragoman" in.txt
check 'text after NUL is not lost' test "$(cat .out)" != "$de" -a "$(wc -l <.out)" -eq 1
expect 'text after NUL is not lost, in pieces' -- "$dragoman" tokenize in.txt
check 'text after NUL is not lost, in pieces' test "$(grep -o beach .out | wc -l)" -eq 2

# 1,000 blank lines mixed with text.
for i in $(seq 1000); do [ $((i % 100)) -eq 7 ] && echo "$en" || echo; done >in.txt
for i in $(seq 1000); do [ $((i % 100)) -eq 7 ] && echo "$de" || echo; done >want.txt
expect 'blank lines by the thousand' out_file=want.txt -- "$dragoman" in.txt

# --nul: records may hold newlines.
printf "$en\0$en\0\0$en" >in.txt
printf "$de\0$de\0\0$de\0" >want.txt
expect 'NUL-separated records' out_file=want.txt -- "$dragoman" -0 in.txt

# --split paragraph: wrapped lines are joined, blank lines stay.
printf '\nA dog runs\non the beach.\n\n\nA dog runs on\nthe\nbeach.' >in.txt
expect 'paragraphs' out="\n$de\n\n\n$de\n" -- "$dragoman" --split paragraph in.txt
printf 'A dog runs\r\non the beach.\r\n \r\nA dog runs on the beach.\r\n' >in.txt
expect 'paragraphs, CRLF' out="$de\r\n\r\n$de\r\n" -- "$dragoman" --split paragraph in.txt
expect 'paragraphs of two files' -- "$dragoman" --split paragraph in.txt in.txt
check 'paragraphs of two files' test "$(wc -l <.out)" -eq 6
expect 'a paragraph over the limit' rc=1 out= err='in.txt:1: the paragraph is longer than 20 bytes .see --max-line.' -- "$dragoman" --split paragraph --max-line 20 in.txt
expect 'paragraphs of JSON' rc=2 out= err='--split paragraph: only for plain text' -- "$dragoman" --split paragraph --format jsonl in.txt

# Slow and odd producers.
expect 'a byte at a time' out="$de\n$de\n" -- bash -c 'printf "%s\n%s\n" "$1" "$1" | while IFS= read -rN1 c; do printf %s "$c"; done | "$0"' "$dragoman" "$en"
printf "$en\n%.0s" {1..3} >in.txt
expect 'standard input does not block' out="$de\n$de\n$de\n" -- perl -e '
    use Fcntl; pipe(R, W); fcntl(R, F_SETFL, O_NONBLOCK);
    if (!fork) { close R; for (1..3) { select undef, undef, undef, 0.2; syswrite W, "$ARGV[1]\n" } exit }
    close W; open STDIN, "<&R"; exec $ARGV[0]' "$dragoman" "$en"

# The first translation comes out before the last line is read; a coprocess that waits for each
# answer is never kept waiting.
n_cases=$((n_cases + 1))
coproc slow { "$dragoman"; }
for i in $(seq 50); do
    echo "$en" >&"${slow[1]}"
    read -r -t 5 answer <&"${slow[0]}" || { fail "answer $i does not come"; break; }
    [ "$answer" = "$de" ] || fail "answer $i is '$answer'"
done
eval "exec ${slow[1]}>&-"
wait "$slow_PID" || fail 'the coprocess fails'

# Text that is not UTF-8: mended, one summary; --strict: refused by line.
printf "$en\n\xff\xfe bad \xc0\x80 \xed\xa0\x80 \xf4\x90\x80\x80\n$en\n" >in.txt
expect 'not UTF-8' err='in.txt:2: .*UTF-8.*' -- "$dragoman" in.txt
check 'not UTF-8: three lines' test "$(wc -l <.out)" -eq 3
check 'not UTF-8: its neighbours' test "$(sed -n '1p;3p' .out)" = "$de"$'\n'"$de"
check 'not UTF-8: output is' iconv -f UTF-8 -t UTF-8 -o /dev/null .out
expect 'not UTF-8, quiet' err=none -- "$dragoman" --quiet in.txt
expect 'not UTF-8, strict' rc=1 out="$de\n" err='in.txt:2: not UTF-8.*' -- "$dragoman" --strict in.txt

# A character across the 64 KiB that are read at once, whole and without its end.
grin="$("$dragoman" -q <<<$'a\U1f600')" torn="$(printf 'a\xf0\x9f\n' | "$dragoman" -q)"
for blank in 65532 65533 65534 65535; do
    { yes '' | head -n $blank; printf 'a\U1f600'; } >in.txt
    expect "across a block, after $blank bytes" -- "$dragoman" -q --strict in.txt
    check "across a block, after $blank bytes" test "$(tail -n +$((blank + 1)) .out)" = "$grin" -a "$(wc -l <.out)" -eq $((blank + 1))
    truncate -s -2 in.txt
    expect "torn at the end, after $blank bytes" -- "$dragoman" -q in.txt
    check "torn at the end, after $blank bytes" test "$(tail -n +$((blank + 1)) .out)" = "$torn" -a "$(wc -l <.out)" -eq $((blank + 1))
done

# A line that is too long.
{ echo "$en"; head -c 2000 /dev/zero | tr '\0' a; echo; echo "$en"; } >in.txt
expect 'a line over the limit' rc=1 out="$de\n" err='in.txt: line 2: longer than 1024 bytes \(see --max-line\).*' -- "$dragoman" --max-line 1K in.txt
{ head -c 1024 /dev/zero | tr '\0' ' '; printf '\r\n'; } >in.txt
expect 'a line at the limit' -- "$dragoman" --max-line 1K in.txt
check 'a line at the limit' test "$(wc -l <.out)" -eq 1

# Standard input that cannot be read.
expect 'standard input is a directory' rc=1 out= err='standard input: Is a directory' -- "$dragoman" </
expect 'standard input is closed' rc=1 out= err='standard input: Bad file descriptor' -- bash -c '"$0" <&-' "$dragoman"
expect 'standard input is write-only' rc=1 out= err='standard input: Bad file descriptor' -- bash -c '"$0" 0>x' "$dragoman"
expect 'no such input' rc=2 out= err='no-such-file: No such file or directory' -- "$dragoman" no-such-file
expect 'input is a directory' rc=2 out= err='/: Is a directory' -- "$dragoman" /
finish
