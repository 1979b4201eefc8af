# -o FILE --resume: nothing lost, nothing twice, and only where it belongs.
. "$(dirname "$0")/lib.sh"
en='A dog runs on the beach.' de='Ein Hund rennt am Strand.'
model=(-m "$fixtures/marian")
for i in $(seq 3000); do echo "$en"; echo "$i dogs run"; [ $((i % 50)) -ne 0 ] || echo; done >in.txt
"$dragoman" "${model[@]}" -b 1 in.txt >want.txt || fail 'the run to compare with'
run=("$dragoman" "${model[@]}" -b 1 in.txt -o out.txt)

expect 'the output is missing: a start' out= -- "${run[@]}" --resume
check 'the output is missing: a start' cmp want.txt out.txt
before="$(stat -c '%Y %Z %s' out.txt)"
expect 'complete: nothing to do' out= -- "${run[@]}" --resume
check 'complete: untouched' test "$before" = "$(stat -c '%Y %Z %s' out.txt)"
echo more >>in.txt
expect 'complete, but the input grew' rc=2 out= err='out.txt.state: does not match: the input has changed.*' -- "${run[@]}" --resume
sed -i '$d' in.txt

# Killed twenty times, at random.
rm -f out.txt out.txt.state
for i in $(seq 20); do
    "${run[@]}" --resume 2>err.txt &
    child=$!
    sleep "0.0$((RANDOM % 90 + 10))"
    kill -KILL $child 2>/dev/null
    wait $child 2>/dev/null
    [ ! -s err.txt ] || fail "after $i deaths: $(cat err.txt)"
    # At most the last line is torn.
    check "after $i deaths, whole lines of the right output" bash -c 'head -n "$(wc -l <out.txt)" out.txt | cmp -n "$(head -n "$(wc -l <out.txt)" out.txt | wc -c)" - want.txt'
done
expect 'then to the end' out= -- "${run[@]}" --resume
check 'the same bytes as in one go' cmp want.txt out.txt

# A torn last line is made again.
rm -f out.txt out.txt.state
expect 'a start' out= -- "${run[@]}" --resume
half=$(($(wc -c <out.txt) / 2))
truncate -s $half out.txt
expect 'from a torn line' out= -- "${run[@]}" --resume
check 'from a torn line' cmp want.txt out.txt

# Standard input, which cannot be wound back.
truncate -s $half out.txt
expect 'from standard input' out= -- bash -c '"$0" -m "$1" -b 1 -o out.txt --resume <in.txt' "$dragoman" "$fixtures/marian"
check 'from standard input' cmp want.txt out.txt
truncate -s $half out.txt
expect 'from a pipe' out= -- "$dragoman" "${model[@]}" -b 1 -o out.txt --resume < <(cat in.txt)
check 'from a pipe' cmp want.txt out.txt

# What does not belong together: to a run that was interrupted half-way.
rm -f out.txt out.txt.state
"${run[@]}" --resume &
child=$!
for i in $(seq 300); do
    grep -aq 'lines 0*[1-9][0-9]' out.txt.state 2>/dev/null && break
    sleep 0.01
done
kill -KILL $child
wait $child 2>/dev/null
half=$(stat -c %s out.txt)
check 'interrupted half-way' test "$half" -gt 0 -a "$half" -lt "$(stat -c %s want.txt)"
refuse() {
    local name="$1" regex="$2"
    shift 2
    expect "$name" rc=2 out= err="$regex" -- "$@"
    check "$name: the output is not touched" test "$(stat -c %s out.txt)" -eq $half
}
refuse 'other options' 'out.txt.state: does not match: .*another model or other options.*' "${run[@]}" --resume --max-length 5
refuse 'another model' 'out.txt.state: does not match: .*another model or other options.*' "$dragoman" -m "$fixtures/marian_odd" -b 1 in.txt -o out.txt --resume
cp in.txt kept.txt
sed -i '1s/dog/cat/' in.txt
refuse 'another input' 'out.txt.state: does not match: the input has changed.*' "${run[@]}" --resume
head -10 kept.txt >in.txt
refuse 'a shorter input' 'out.txt.state: does not match: the output has more lines than the input.*' "${run[@]}" --resume
cp kept.txt in.txt
refuse 'without --resume' 'out.txt: exists and is not empty.*' "${run[@]}"
mv out.txt.state saved
refuse 'without its state' 'out.txt.state: does not match: nothing is known.*' "${run[@]}" --resume
echo rubbish >out.txt.state
refuse 'with rubbish for a state' 'out.txt.state: does not match: not a state file.*' "${run[@]}" --resume
mv saved out.txt.state
expect '--resume without -o' rc=2 out= err='--resume: needs --output FILE' -- "$dragoman" in.txt --resume
expect '--resume to a directory' rc=2 out= err='--resume: needs --output FILE' -- "$dragoman" in.txt --resume -o .
expect '--resume with --n-best' rc=2 out= err='--resume: does not go with --n-best' -- "$dragoman" in.txt --resume -o out.txt --n-best 2
n_cases=$((n_cases + 1))
flock out.txt.state sleep 2 &
sleep 0.2
refuse 'two at once' 'out.txt.state: in use by another run' "${run[@]}" --resume
wait

# What does not change the output may change.
expect 'other threads and batches' out= -- "${run[@]}" --resume -t 1 --batch 3 --quiet
check 'other threads and batches' cmp want.txt out.txt

# Without --resume no state is made.
rm -f out.txt out.txt.state
expect 'an ordinary run' out= -- "${run[@]}"
check 'an ordinary run leaves no state' test ! -e out.txt.state

# A disk that fills up, then has room again.
if mkdir small && mount -t tmpfs -o size=20k tmpfs small 2>/dev/null; then
    expect 'full' rc=1 out= err='small/out.txt: No space left on device .the output ends after line [0-9]+; rerun with --resume.' -- "$dragoman" "${model[@]}" -b 1 in.txt -o small/out.txt --resume
    mount -o remount,size=16m small
    expect 'room again' out= -- "$dragoman" "${model[@]}" -b 1 in.txt -o small/out.txt --resume
    check 'room again' cmp want.txt small/out.txt
    umount small
fi
finish
