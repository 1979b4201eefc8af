# What is protected comes out byte for byte, wherever a long sentence has to be cut.
. "$(dirname "$0")/lib.sh"
export DRAGOMAN_QUIET=yes DRAGOMAN_BEAM=1
found() { grep -oE "$1" "$2"; }
same() { # NAME PATTERN: every match of in.txt is in .out, in order
    found "$2" in.txt >wanted.txt
    found "$2" .out >found.txt
    check "$1: there are some" test -s wanted.txt
    check "$1: byte for byte" cmp wanted.txt found.txt
}

# No full stop in 6,000 characters: cut every 2,000 characters and 512 tokens at most, with an address
# about every place where a cut could come.
words='the dog runs on the beach and the man plays the guitar while two children dance'
for i in $(seq 50); do printf '%s see https://example.org/%s/page-%d?a=b&c=%%20d ' "$words" "$(printf 'x%.0s' $(seq $((i % 23))))" "$i"; done >in.txt
echo >>in.txt
expect 'addresses in a long sentence' -- "$dragoman" in.txt
same 'addresses in a long sentence' 'https://[^ ]*'
check 'one line' test "$(wc -l <.out)" -eq 1

# No white space to cut at, and nothing but protected texts.
{ for i in $(seq 400); do printf '{name%d}' "$i"; done; echo; } >in.txt
expect 'placeholders in a row' out_file=in.txt -- "$dragoman" in.txt

for text in '{a}{b}{c}{d}{e}' '{a} {b} {c} {d} {e}, {f}!' '<b></b><i></i><p></p>'; do
    echo "$text" >in.txt
    expect "nothing but protected texts: $text" out_file=in.txt -- "$dragoman" in.txt
done

# A protected text that is longer than any part may be, with sentences in it.
{ printf 'Please read `'; for i in $(seq 200); do printf 'if (a[%d] == "x. Y") return. ' "$i"; done; printf '` before you go. Good night!\n'; } >in.txt
expect 'long code' seconds=30 -- "$dragoman" in.txt
same 'long code' '`[^`]*`'
check 'long code: what follows is translated' grep -q 'Gute Nacht!$' .out
{ printf 'https://example.org/'; printf 'a%%20%.0s' $(seq 2000); printf ' is an address.\n'; } >in.txt
expect 'a long address' seconds=30 -- "$dragoman" in.txt
same 'a long address' 'https://[^ ]*'

# Every kind, as said in the README; and patterns of one's own.
cat >in.txt <<'END'
Write to jane.doe+mt@example.org or see www.example.org/a?b=1.
Hello %s, you have %1$d new messages and {count} old ones.
Dear {{user.name}}, your code is ${CODE}.
Click <b>here</b> or <br/> there &amp; wait.
Run `make -j2 test` now 🙂.
The part AB-1234 is new.
END
expect 'kinds' -- "$dragoman" --protect '[A-Z]{2}-\d+' in.txt
same 'kinds' 'jane\.doe\+mt@example\.org|www\.example\.org/a\?b=1|%s|%1\$d|\{count\}|\{\{user\.name\}\}|\$\{CODE\}|</?b>|<br/>|&amp;|`make -j2 test`|🙂|AB-1234'
expect 'not asked for' -- "$dragoman" --keep=no in.txt
check 'not asked for' bash -c '! grep -qF "{{user.name}}" .out'
expect 'a pattern that is none' rc=2 out= err="--protect '\[': at character 1: missing terminating \] for character class" -- "$dragoman" --protect '[' in.txt
finish
