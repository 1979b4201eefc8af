# The same bytes in 144 runs: 6 numbers of threads x 6 sizes of batch x 4 orders of the lines.
#
#   SAME_LINES=N        lines of the tiny model (6000; a sixth are real sentences)
#   SAME_DEFAULT=N      lines of the default model (48), in as many runs again; 0: none
. "$(dirname "$0")/../cli/lib.sh"
n="${SAME_LINES:-6000}" n_default="${SAME_DEFAULT:-48}"
threads=(${SAME_THREADS:-1 2 3 4 8 64}) batches=(${SAME_BATCHES:-1 2 7 16 64 auto})

# Real sentences and made-up ones of all lengths, none twice.
cat "$root"/data/sample/*.en | awk -v n=$((n / 6)) '{line[NR] = $0} END {for (i = 0; i < n; i++) print line[i % NR + 1] " " i}' >text
awk -v n=$((n - n / 6)) 'BEGIN {srand(7); split("a dog runs on the beach two men are playing with their red ball , and . near water", w, " ");
    for (i = 0; i < n; i++) {line = i; for (j = int(rand() * 24); j > 0; j--) line = line " " w[1 + int(rand() * 17)]; print line}}' >>text

order() { # as given, backwards, by length, shuffled -> line numbers
    case "$1" in
    forward) seq "$2" ;;
    backward) seq "$2" -1 1 ;;
    length) awk '{print length($0), NR}' lines | sort -n | cut -d' ' -f2 ;;
    shuffled) shuf --random-source=<(yes 1) -i 1-"$2" ;;
    esac
}

n_runs=0
same() { # name, lines, options...
    local name="$1" count="$2" o t b
    shift 2
    head -n "$count" text >lines
    "$dragoman" -q "$@" -t 1 lines >wanted || fail "$name: the run to compare with"
    check "$name: as many lines" [ "$(wc -l <wanted)" -eq "$count" ]
    check "$name: the lines differ" [ "$(sort -u wanted | wc -l)" -gt $((count / 10 < 60 ? count / 10 : 60)) ]
    for o in ${SAME_ORDERS:-forward backward length shuffled}; do
        order "$o" "$count" >numbers
        awk 'NR == FNR {line[NR] = $0; next} {print line[$1]}' lines numbers >in
        awk 'NR == FNR {line[NR] = $0; next} {print line[$1]}' wanted numbers >want
        for t in "${threads[@]}"; do
            for b in "${batches[@]}"; do
                local batch=(--batch "$b")
                [ "$b" != auto ] || batch=()
                "$dragoman" -q "$@" -t "$t" "${batch[@]}" in >out || fail "$name, $o, $t threads, batch $b"
                check "$name, $o, $t threads, batch $b" cmp want out
                n_runs=$((n_runs + 1))
            done
        done
    done
}

same 'tiny model' "$n" -m "$fixtures/marian" -b 2 --loop-guard=no --max-length 24
[ "$n_default" -eq 0 ] || same 'default model, beam' "$n_default" -b 4
echo "$n_runs runs, $n and $n_default lines"
finish
