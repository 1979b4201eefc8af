# The same run twenty times while every CPU is busy with something else: threads are stopped anywhere and
# for long, and the bytes are those of a quiet run. LONG=1: more lines, the default model too.
. "$(dirname "$0")/lib.sh"
n=40 n_default=0 seconds=120
[ -z "${LONG:-}" ] || n=1500 n_default=60 seconds=3600
cat "$root"/data/sample/*.en | awk -v n="$n" '{line[NR] = $0} END {for (i = 0; i < n; i++) print i % 7 ? line[i % NR + 1] " " i : ""}' >text

loops=()
work_hard() { # two loops for each CPU that we may use
    for ((i = 0; i < 2 * $(nproc); i++)); do
        timeout "$seconds" bash -c 'while :; do :; done' &
        loops+=($!)
    done
}
rest() { # and whether they were busy to the end
    local loop alive=0
    for loop in "${loops[@]}"; do
        kill -0 "$loop" 2>/dev/null && alive=$((alive + 1))
        kill "$loop" 2>/dev/null
    done
    wait "${loops[@]}" 2>/dev/null
    check 'the CPUs were busy to the end' [ $alive -eq ${#loops[@]} ]
}
trap '[ $BASHPID != $$ ] || { rest >/dev/null; rm -rf "$work"; }' EXIT

tiny=(-m "$fixtures/marian" -b 4 --loop-guard=no --max-length 24)
"$dragoman" -q -t 1 "${tiny[@]}" text >wanted
check 'the lines differ' [ "$(sort -u wanted | wc -l)" -gt $((n / 3)) ]
head -n $n_default text >short
"$dragoman" -q -t 1 short >wanted.short
work_hard
for run in $(seq 20); do
    "$dragoman" -q -t 4 "${tiny[@]}" text >out
    check "run $run" cmp wanted out
    [ -z "${LONG:-}" ] && continue
    "$dragoman" -q -t $((run % 5 + 1)) "${tiny[@]}" --batch $((run * 3)) text >out
    check "run $run, $((run % 5 + 1)) threads, batch $((run * 3))" cmp wanted out
    "$dragoman" -q -t 3 short >out
    check "run $run, default model" cmp wanted.short out
done
rest
loops=()
finish
