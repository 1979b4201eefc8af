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

# A model's bytes are parsed inside: an intruder planted in the parser gets nowhere, in any command.
if [[ $state == landlock+seccomp ]] && nm -D "$dragoman" | grep -q cJSON_ParseWithLength &&
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -fPIC -shared -o plant.so "$root/tests/cli/plant.c"; then
    mkdir -p "$XDG_DATA_HOME/dragoman/models"
    ln -s "$model" "$XDG_DATA_HOME/dragoman/models/owner--name"
    plant() { # ATTACK WANTED-STATUS ARGUMENT...
        local attack="$1" wanted="$2" status
        shift 2
        echo precious >file
        rm -rf planted out.new converted
        (PLANT="$attack" PLANT_FILE=file LD_PRELOAD="$work/plant.so" "$dragoman" "$@" >plant.out 2>&1 </dev/null
         exit $?) 2>/dev/null # where the shell says "Bad system call"
        status=$?
        n_cases=$((n_cases + 1))
        [[ $status =~ ^($wanted)$ ]] || fail "planted $attack, $*: status $status, not $wanted: $(cat plant.out)"
    }
    : >out.txt
    mkdir -p sockets
    while read -r -a arguments; do
        for attack in read write create remove connect fork execute; do
            case $attack in fork | execute) wanted=159 ;; *) wanted=98 ;; esac # SIGSYS, or refused
            plant $attack $wanted "${arguments[@]}"
            check "planted $attack, ${arguments[*]}: nothing came of it" [ "$(cat file)" = precious -a ! -e planted ]
        done
    done <<END
translate -m $model a.txt
-m $model a.txt -o out.new
-m $model a.txt -o out.txt --force
-m owner/name a.txt
--print-config -m $model
score -m $model a.txt a.want
tokenize -m $model a.txt
detokenize -m $model a.txt
info -m $model
info --check $model
info --languages $model
convert $model converted
convert --calibrate a.txt $model converted
bench -m $model a.txt
serve -m $model --socket sockets/s
models
__models
END
    for attack in read write create remove connect fork; do
        plant $attack 99 --sandbox=off -m "$model" a.txt
    done
    plant execute 0 --sandbox=off -m "$model" a.txt
    rm -f planted
fi

# Files are made before the model is read; a model that is refused leaves none behind.
mkdir broken
echo '{' >broken/config.json
for options in "-m broken a.txt -o out.new" "-m broken a.txt -o out.new --resume" "-m broken a.txt b.txt -o new.dir/" \
    "tokenize -m broken a.txt -o out.new" "convert broken out.new"; do
    expect "a refused model: $options" rc=2 out='' err='broken.*' -- "$dragoman" $options
    check "a refused model: $options: nothing is left" [ ! -e out.new -a ! -e out.new.state -a ! -e new.dir ]
done
echo precious >kept.txt
expect 'a refused model: --force' rc=2 out='' err='broken.*' -- "$dragoman" -m broken a.txt -o kept.txt --force
check 'a refused model: --force: untouched' [ "$(cat kept.txt)" = precious ]
mkdir kept.dir
expect 'a refused model: a directory' rc=2 out='' err='broken.*' -- "$dragoman" -m broken a.txt -o kept.dir
check 'a refused model: a directory that was there stays' [ -d kept.dir ]

# What is read inside by name: links as in the hub's cache, one file, settings from a pipe.
mkdir blobs linked
for file in "$model"/*; do cp "$file" blobs/ && ln -s "../blobs/${file##*/}" linked/; done
expect 'a directory of links' out_file=a.want -- "$dragoman" -m linked -b 1 --max-length 4 -q a.txt
ln -s linked model.link
expect 'a link to the directory' out_file=a.want -- "$dragoman" -m model.link -b 1 --max-length 4 -q a.txt
printf 'dog\tHund\n' >terms.tsv
"${translate[@]}" --sandbox=off --terms terms.tsv a.txt >terms.want
expect 'terms from a file' out_file=terms.want -- "${translate[@]}" --terms terms.tsv a.txt
expect 'terms from a pipe' out_file=terms.want -- bash -c '"$@" --terms <(cat terms.tsv) a.txt' - "${translate[@]}"
ln -s gone linked/more.json
expect 'a link that leads nowhere' out_file=a.want -- "$dragoman" -m linked -b 1 --max-length 4 -q a.txt
rm linked/config.json && ln -s nowhere linked/config.json
expect 'a needed link that leads nowhere' rc=2 out='' err='linked/config.json: No such file or directory' -- "$dragoman" -m linked a.txt

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
