# What goes on around a run: its model is taken away, it is alone in a bare root directory, many run at
# once, its text is of odd characters; and models that say nothing or never end.
. "$(dirname "$0")/lib.sh"
command -v perl >/dev/null || skip 'no perl'
export DRAGOMAN_QUIET=yes DRAGOMAN_LOOP_GUARD=no
marian="$fixtures/marian"
run=("$dragoman" -m "$marian")
printf 'A dog runs on the beach.\n\nTwo men are playing.\n' >in.txt
"${run[@]}" in.txt >want.txt || fail 'the run to compare with'
dog="$(head -1 want.txt)"

# The model's files are cut, written over and removed while it translates: it has its own copy.
cp -r "$marian" taken
coproc during { exec "$dragoman" -m taken; }
input=${during[1]} child=$during_PID
answer() {
    n_cases=$((n_cases + 1))
    echo 'A dog runs on the beach.' >&"$input"
    read -r -t 20 line <&"${during[0]}" || line='no answer'
    [ "$line" = "$dog" ] || fail "$1: $line"
}
answer 'the model is whole'
for file in taken/*; do truncate -s 10 "$file"; done
answer 'it is cut'
for file in taken/*; do head -c 1000000 /dev/zero >"$file"; done
answer 'it is written over'
rm -r taken
answer 'it is gone'
eval "exec $input>&-"
wait $child
check 'and the run ends well' [ $? -eq 0 ]

# A root directory with nothing but the program, its libraries and the model; no /proc, no /dev; nobody.
if [ "$(id -u)" -eq 0 ] && ! is_sanitized; then
    mkdir -p bare/model && chmod 755 "$work" bare
    cp "$dragoman" bare/dragoman && cp "$marian"/* bare/model
    for library in $(ldd "$dragoman" | grep -o '/[^ ]*'); do
        mkdir -p "bare${library%/*}" && cp -L "$library" "bare$library"
    done
    expect 'as nobody in a bare root directory' out_file=want.txt -- chroot --userspec=65534:65534 bare /dragoman -m /model <in.txt
    chmod 000 bare/model/config.json
    expect 'as nobody, a file that may not be read' rc=2 out= err='.*config.json: Permission denied' -- chroot --userspec=65534:65534 bare /dragoman -m /model <in.txt
    rm -rf bare
fi

# One model, sixteen processes; no file is left beside it.
ls -A "$marian" >before
for i in $(seq 16); do "${run[@]}" in.txt >many.$i & pids[i]=$!; done
for i in $(seq 16); do
    wait "${pids[i]}"
    check "sixteen at once, number $i: status" [ $? -eq 0 ]
    check "sixteen at once, number $i" cmp want.txt many.$i
done
check 'sixteen at once: nothing is made beside the model' cmp before <(ls -A "$marian")

# Twice interrupted is ended all the same.
n_cases=$((n_cases + 1))
yes 'A dog runs on the beach.' | head -n 100000 >long.txt
env --default-signal=INT "${run[@]}" long.txt >out.txt 2>err.txt &
child=$!
for i in $(seq 500); do [ -s out.txt ] && break; sleep 0.01; done
kill -INT $child
kill -INT $child 2>/dev/null
wait $child 2>/dev/null
[ $? -eq 130 ] && [ -z "$(sort -u out.txt | grep -vx "$dog")" ] || fail 'interrupted twice'

# The program is started without any argument, not even its name.
if ! is_sanitized; then
    expect 'no arguments at all' rc=2 out= err='.*' -- perl -e 'exec {$ARGV[0]} ()' "$dragoman"
fi

# Every character there is, but for those that end lines or are no text, one a line.
perl -CS -e 'no warnings; print chr, "\n" for grep {$_ != 0x7f && ($_ < 0xd800 || $_ > 0xdfff)} 0x20 .. 0x10ffff' >all.txt
if ! is_sanitized; then
    expect 'every character, in pieces' -- "$dragoman" tokenize -m "$marian" all.txt
    check 'every character, in pieces: as many lines' [ "$(wc -l <.out)" -eq 1112031 ]
fi
awk 'NR % 400 == 0' all.txt >some.txt
expect 'some of every kind' -- "${run[@]}" -b 1 --max-length 4 some.txt
check 'some of every kind: as many lines' [ "$(wc -l <.out)" -eq "$(wc -l <some.txt)" ]

# A thousand accents on one letter, marks that turn the direction, a family of joined emoji, a BOM inside.
{
    perl -CS -e 'print "a", "\x{301}" x 1000, "\n"'
    printf 'a\u202eb\u2066c\u2069\n\U1f468\u200d\U1f469\u200d\U1f467\u200d\U1f466\na\ufeffb\n%s\n' 'A dog runs on the beach.'
} >odd.txt
expect 'odd texts' -- "${run[@]}" odd.txt
check 'odd texts: as many lines' [ "$(wc -l <.out)" -eq 5 ]
check 'odd texts: what follows them' [ "$(tail -n 1 .out)" = "$dog" ]

# One line of a hundred thousand characters, and of twice as many: twice the time, hardly more memory.
if [ -x /usr/bin/time ] && ! is_sanitized; then
    measure() { # UNIT, COUNT: hundredths of seconds of the processor, and KiB
        perl -e 'print $ARGV[0] x $ARGV[1], "\n"' "$1" "$2" >line.txt
        /usr/bin/time -q -f '%U %M' -o took "${run[@]}" -b 1 --max-length 4 line.txt >out.txt || fail "'$1': status $?"
        [ "$(wc -l <out.txt)" -eq 1 ] || fail "'$1': $(wc -l <out.txt) lines"
        awk 'END {print int($1 * 100), $2}' took
    }
    for unit in a '你' 'a ' ab 1 ' ' $'\u0301'; do
        count=$((200000 / ${#unit}))
        read -r half small <<<"$(measure "$unit" $((count / 2)))"
        read -r whole large <<<"$(measure "$unit" $count)"
        check "'$unit' 100,000 and 200,000 times: $half, then $whole hundredths" [ "$whole" -le $((half * 5 / 2 + 15)) ]
        check "'$unit' 100,000 and 200,000 times: $small, then $large KiB" [ "$large" -le $((small + 65536)) ]
    done
fi

# Models with other weights: FILE TENSOR VALUE [ELEMENT]
cat >weights.pl <<'END'
my ($path, $name, $value, $element) = @ARGV;
open my $f, '+<:raw', $path or die;
read $f, my $n, 8; read $f, my $h, unpack 'Q<', $n;
my $changed = 0;
while ($h =~ /"([^"]*)":\{[^}]*"data_offsets":\[(\d+),(\d+)\]/g) {
    my ($from, $to) = ($2, $3);
    next unless $name eq '*' || $name eq $1;
    ($from, $to) = ($from + 4 * $element, $from + 4 * $element + 4) if defined $element;
    seek $f, 8 + length($h) + $from, 0; print $f pack('f<', $value) x (($to - $from) / 4);
    $changed++;
}
close $f or die; die "no $name" unless $changed;
END
weights() {
    rm -rf other && cp -r "$marian" other
    perl weights.pl other/model.safetensors "$@" || fail "weights $*"
}
weights final_logits_bias 1e30 0 # </s>
for beam in 1 4; do expect "it says nothing, beam $beam" out='\n\n\n' -- "$dragoman" -m other -b $beam in.txt; done
weights final_logits_bias -1e30 0
expect 'it never ends' err=any -- "$dragoman" --no-quiet -m other --max-length 8 -b 1 in.txt
check 'it never ends: lines' [ "$(wc -l <.out)" -eq 3 ]
check 'it never ends: it is said' [ "$(grep -Ecx 'dragoman: in.txt:[13]: the translation was ended by the length limit' .err)" -eq 2 ]
weights '*' 0
expect 'weights that are all zero' out='\n\n\n' -- "$dragoman" -m other in.txt

# The scales of int8 weights.
"$dragoman" convert --int8 "$marian" converted || fail 'convert'
scale=model.decoder.layers.0.fc1.weight.scale
for value in -1:'not positive' nan:NaN inf:infinite -inf:infinite; do
    rm -rf other && cp -r converted other
    perl weights.pl other/model.safetensors $scale "${value%:*}" 3
    expect "a scale of ${value%:*}" rc=2 out= err="other/model.safetensors: tensor '$scale': element 3 is ${value#*:}" -- "$dragoman" -m other in.txt
done
weights '*' 0
expect 'all zero, converted' -- "$dragoman" convert --int8 other zeros
expect 'all zero, converted: it runs' out='\n\n\n' -- "$dragoman" -m zeros in.txt
finish
