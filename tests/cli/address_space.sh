# Less and less address space (ulimit -v): the whole answer, or a beginning of whole lines, or nothing,
# with a line that says why; never a signal. LONG=1 takes forty steps for each command, and once more
# forty where it matters.
. "$(dirname "$0")/lib.sh"
is_sanitized && skip 'a sanitizer reserves terabytes'
model="$fixtures/marian"
for i in $(seq 40); do echo "A dog runs on the beach ($i)."; done >in.txt
steps='48 52 56 60 64 72'
[ -z "${LONG:-}" ] || steps="$(seq 10 2 88) $(seq 44.5 0.5 64)"
declare -A count

under() { # NAME COMMAND...: at each step
    local name="$1" step status
    shift
    "$@" >want.txt 2>/dev/null </dev/null || { fail "$name: without a limit"; return; }
    for step in $steps; do
        rm -rf converted
        n_cases=$((n_cases + 1))
        (ulimit -v "$(awk -v s="$step" 'BEGIN {print int(s * 1024)}')" && exec timeout 60 "$@") >out.txt 2>err.txt </dev/null
        status=$?
        count[$status]=$((${count[$status]:-0} + 1))
        case $status in
        0) cmp -s want.txt out.txt || fail "$name, $step MiB: another answer" ;;
        1) cmp -s <(head -n "$(wc -l <out.txt)" want.txt) out.txt || fail "$name, $step MiB: not its beginning" ;;
        2) # --check prints every fault
            [ ! -s out.txt ] || [ "$name" = 'info --check' ] && ! grep -qx ok out.txt ||
                fail "$name, $step MiB: status 2, and an output" ;;
        127) # not ours: the dynamic loader finds no room for the libraries
            grep -q 'error while loading shared libraries' err.txt || fail "$name, $step MiB: $(cat err.txt)"
            continue ;;
        *) fail "$name, $step MiB: status $status: $(head -c 300 err.txt)" ;;
        esac
        [ $status -eq 0 ] || [ "$(wc -l <err.txt)" -eq 1 ] && ! grep -qv '^dragoman: ' err.txt ||
            [ $status -eq 0 ] || fail "$name, $step MiB: not a line of ours: $(head -c 400 err.txt)"
    done
}
under 'translate' "$dragoman" -m "$model" -q -t 2 -b 2 --max-length 8 in.txt
under 'translate with 8 threads' "$dragoman" -m "$model" -q -t 8 -b 4 --max-length 8 in.txt
under 'translate with a cache' bash -c 'rm -f cache.db*; exec "$@"' - "$dragoman" -m "$model" -q -t 1 -b 1 --max-length 8 --cache cache.db in.txt
head -2 in.txt >few.txt
under 'the default model' "$dragoman" -q -t 1 -b 1 few.txt
under 'score' "$dragoman" score -m "$model" -q in.txt in.txt
under 'tokenize' "$dragoman" tokenize -m "$model" in.txt
under 'info' "$dragoman" info --languages "$model"
under 'info --check' "$dragoman" info --check "$model"
under 'convert' "$dragoman" convert "$model" converted
under 'help' "$dragoman" --help=all
for status in "${!count[@]}"; do echo "status $status: ${count[$status]} runs"; done
finish
