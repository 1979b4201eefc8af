# The program is in its sandbox while it translates, and everything it has to do works there.
. "$(dirname "$0")/lib.sh"
model="$fixtures/marian"
translate=("$dragoman" -m "$model" -b 1 --max-length 4 -q)
printf 'A dog runs.\nTwo men.\n' >a.txt
printf 'Hello.\n' >b.txt
"${translate[@]}" --sandbox=off a.txt >a.want
"${translate[@]}" --sandbox=off b.txt >b.want
state="$("$dragoman" --version | sed -n 's/^sandbox: //p')"
check 'the state is one word' grep -qxE 'landlock\+seccomp|seccomp|landlock|none' <<<"$state"

expect 'auto' out_file=a.want -- "${translate[@]}" a.txt
expect 'off' out_file=a.want -- "${translate[@]}" --sandbox=off a.txt
expect 'not a mode' rc=2 out='' err='--sandbox: must be auto, require or off, not .no.' -- "${translate[@]}" --sandbox=no a.txt
case "$state" in
*seccomp) expect 'require' out_file=a.want -- "${translate[@]}" --sandbox=require a.txt ;;
*) expect 'require' rc=2 out='' err='--sandbox=require: .*' -- "${translate[@]}" --sandbox=require a.txt ;;
esac

# With what is opened by name after it was entered.
expect 'a file' out='' -- "${translate[@]}" a.txt -o out.txt
check 'a file: the same' cmp a.want out.txt
check 'a file: nothing beside it' [ "$(ls out.txt*)" = out.txt ]
mkdir deep
expect 'a file elsewhere' out='' -- "${translate[@]}" a.txt -o "$work/deep/out.txt"
check 'a file elsewhere: the same' cmp a.want deep/out.txt
expect 'a directory that is not there yet' out='' -- "${translate[@]}" a.txt b.txt -o made/
check 'a directory: first' cmp a.want made/a.txt
check 'a directory: second' cmp b.want made/b.txt
expect 'a cache, new' out_file=a.want -- "${translate[@]}" --cache cache.db a.txt
expect 'a cache, again' out_file=a.want -- "${translate[@]}" --cache cache.db a.txt
expect 'threads' out_file=a.want -- "${translate[@]}" -t 3 a.txt

expect 'resuming' out='' -- "${translate[@]}" a.txt -o resumed.txt --resume
check 'resuming: the same' cmp a.want resumed.txt
expect 'statistics' err=any -- "$dragoman" -m "$model" --stats=json a.txt
check 'statistics' grep -q '"peak_mib":[1-9]' .err
expect 'tokenize' -- "$dragoman" tokenize -m "$model" a.txt -o pieces.txt
expect 'detokenize' -- "$dragoman" detokenize -m "$model" pieces.txt
expect 'score' -- "$dragoman" score -q -m "$model" a.txt a.want
expect 'interrupted' signal=TERM out='' -- bash -c '(sleep 0.5; kill -TERM $$) & exec "$0" -m "$1" < <(sleep 3)' "$dragoman" "$model"

# What the kernel says of a run that waits for its input.
if [[ $state == *seccomp ]]; then
    mkfifo pipe
    "${translate[@]}" -t 1 pipe >late.txt &
    pid=$!
    exec 9>pipe
    for _ in $(seq 100); do grep -q 'Seccomp:.*2' /proc/$pid/status && break; sleep 0.1; done
    sleep 0.2 # the other threads are there too
    grep -h Seccomp: /proc/$pid/task/*/status | sort -u >seccomp
    check 'every thread is filtered' [ "$(cat seccomp)" = "$(printf 'Seccomp:\t2')" ]
    check 'no new privileges' grep -q 'NoNewPrivs:.*1' /proc/$pid/status
    check 'no core' grep -q 'Max core file size *0 *0' <(cat /proc/$pid/limits)
    cat a.txt >&9
    exec 9>&-
    wait $pid
    check 'and it goes on' cmp a.want late.txt
fi
finish
