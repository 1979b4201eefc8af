#!/bin/bash
# Runs test programs of $BUILD, and the program's commands, under valgrind's memcheck: no error, nothing
# definitely or indirectly lost, and what the commands write is what they write without it. It knows no
# AVX-512, so the units are capped; it is itself no part of the sandbox, so that is off.
#
#   BUILD=build tests/valgrind.sh [base/test_json ...]
set -u
cd "$(dirname "$0")/.."
build="${BUILD:-build}" work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
export DRAGOMAN_CPU=avx2 DRAGOMAN_SANDBOX=off CK_FORK=no CK_DEFAULT_TIMEOUT=0 HOME="$work" LC_ALL=C.UTF-8
unset XDG_CONFIG_HOME XDG_DATA_HOME
n=0 n_failed=0

memcheck() { # name, command...
    local name="$1" start=$EPOCHREALTIME status
    shift
    n=$((n + 1))
    valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,indirect --child-silent-after-fork=yes \
        --log-file="$work/log" "$@" >"$work/out" 2>"$work/err" <"${input:-/dev/null}"
    status=$?
    if [ $status -eq "${want:-0}" ]; then
        printf 'ok      %6d ms  %s\n' $(((${EPOCHREALTIME/./} - ${start/./}) / 1000)) "$name"
    else
        n_failed=$((n_failed + 1))
        echo "FAILED  $name (status $status)"
        head -60 "$work/log" "$work/err" "$work/out" | sed 's/^/    /'
    fi
}

# And the same bytes outside, on whatever unit there is.
same() { # name, command...
    memcheck "$@"
    local name="$1"
    shift
    env -u DRAGOMAN_CPU "$@" >"$work/wanted" 2>/dev/null <"${input:-/dev/null}"
    cmp -s "$work/wanted" "$work/out" && [ -s "$work/out" ] && return
    n_failed=$((n_failed + 1))
    echo "FAILED  $name: other bytes without valgrind"
}

for test; do memcheck "$test" "$build/tests/$test"; done
printf 'A dog runs on the beach.\n\nTwo men \xff are playing. They laugh!\n' >"$work/text"
printf '{"text": "A dog."}\n' >"$work/a.jsonl"
printf 'A dog.\tEin Hund.\n' >"$work/pairs"
model=tests/fixtures/marian
input="$work/text"
same 'translate, beam' "$build/dragoman" -q -m $model -t 2
same 'translate, greedy, float32' "$build/dragoman" -q -m $model -b 1 --precision f32
same 'translate, T5' "$build/dragoman" -q -m tests/fixtures/t5 --to de
same 'translate, pieces of Marian' "$build/dragoman" -q -m tests/fixtures/npz_ssru --pieces
same 'translate, n-best, tokens, alignment' "$build/dragoman" -q -m $model --n-best 3 --token-scores --align
same 'translate, sampling' "$build/dragoman" -q -m $model --sample --seed 3
same 'JSONL' "$build/dragoman" -q -m $model --token-scores "$work/a.jsonl"
same 'score' "$build/dragoman" score -q -m $model "$work/pairs"
same 'tokenize' "$build/dragoman" tokenize -m $model
memcheck 'info' "$build/dragoman" info -m $model
memcheck 'convert' "$build/dragoman" convert $model "$work/converted"
same 'the converted model' "$build/dragoman" -q -m "$work/converted"
memcheck '--help --all' "$build/dragoman" --help=all
for damage in 'truncate -s -8 model.safetensors' 'rm config.json' 'truncate -s 1000 source.spm'; do
    rm -rf "$work/m" && cp -r $model "$work/m" && (cd "$work/m" && eval "$damage")
    want=2 memcheck "refused: $damage" "$build/dragoman" -m "$work/m"
done
echo "valgrind: $n runs, $n_failed failed"
[ $n_failed -eq 0 ] && [ $n -gt 0 ]
