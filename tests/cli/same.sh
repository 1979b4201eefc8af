# The same bytes: threads, batch sizes, neighbours, order, instruction sets; int8 and float32, the default
# model and a tiny one that never agrees with itself by luck.
. "$(dirname "$0")/lib.sh"
cat "$root"/data/sample/*.en >plain
awk 'NR % 7 == 0 {print ""} {print; if (NR % 5 == 0) print $0 " " $0}' plain >text
shuf --random-source=<(yes 1) -i 1-"$(wc -l <text)" >order
awk 'NR == FNR {line[NR] = $0; next} {print line[$1]}' text order >shuffled

restore() { paste order - | sort -n | cut -f2-; }
compare() { # name, arguments...
    local name="$1"
    shift
    check "$name" cmp wanted <("$dragoman" -q "${options[@]}" "$@" text)
}

for kind in 'int8 4' 'int8 1' 'f32 4'; do
    read -r precision beam <<<"$kind"
    options=(--precision "$precision" --beam "$beam")
    "$dragoman" -q "${options[@]}" -t 1 text >wanted
    check "$kind: as many lines" test "$(wc -l <wanted)" = "$(wc -l <text)"
    for threads in 2 3 8; do compare "$kind, $threads threads" -t $threads; done
    for batch in 1 8 64; do compare "$kind, batch $batch" --batch $batch; done
    check "$kind, shuffled" cmp wanted <("$dragoman" -q "${options[@]}" shuffled | restore)
    check "$kind, one by one" cmp <(head -12 wanted) <(head -12 text | while IFS= read -r line; do
        "$dragoman" -q "${options[@]}" <<<"$line"
    done)
done

# Instruction sets: whatever this machine has, from the definition up.
options=(-m "$fixtures/marian_odd" --loop-guard=no)
head -12 plain >text
"$dragoman" -q "${options[@]}" text >wanted
check 'units are found' test -n "$("$dragoman" --version | sed -n 's/^CPU unit: .*(of \(.*\))$/\1/p')"
for unit in $("$dragoman" --version | sed -n 's/^CPU unit: .*(of \(.*\))$/\1/p'); do
    for precision in int8 f32; do
        DRAGOMAN_CPU=$unit "$dragoman" -q "${options[@]}" --precision $precision text >"got.$precision.$unit"
        check "$unit, $precision" cmp "got.$precision.scalar" "got.$precision.$unit"
    done
done
check 'int8 is the default' cmp wanted got.int8.scalar
expect 'an unknown unit' rc=2 out= err='.*(cpu|CPU).*wombat.*' -- env DRAGOMAN_CPU=wombat "$dragoman" <<<Hello
finish
