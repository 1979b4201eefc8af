#!/bin/bash
# The same bytes whatever the program was compiled with: builds it anew with each set of flags below, in
# $BUILD-flags/NAME, and compares what each says with what $BUILD/dragoman says of the same lines, for models
# of several kinds, both precisions and every unit of this machine.
#
#   BUILD=build tests/flags.sh [NAME...]      all of them without names; a compiler that is missing is said
set -u
cd "$(dirname "$0")/.."
build="${BUILD:-build}" work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
export HOME="$work" LC_ALL=C.UTF-8
unset XDG_CONFIG_HOME XDG_DATA_HOME DRAGOMAN_CPU
names=("$@") n=0 n_failed=0 n_builds=0
units="$("$build/dragoman" --version | sed -n 's/^CPU unit: .*(of \(.*\))$/\1/p')"
{ for sample in data/sample/*.en; do head -2 "$sample"; done; printf 'Two men.\n\nx y z\xff 12,5 %% of it!\n'; } >"$work/text"
head -4 tests/fixtures/npz_ssru/src.pieces >"$work/pieces"

says() { # program, where to
    local precision unit
    for precision in int8 f32; do
        for unit in $units; do
            DRAGOMAN_CPU=$unit "$1" -q --precision $precision -m data/en-de -b 2 "$work/text" &&
                DRAGOMAN_CPU=$unit "$1" -q --precision $precision -m tests/fixtures/marian_swish_multi --to de --loop-guard=no --max-length 16 --token-scores --format jsonl <(sed 's/\xff//; s/.*/{"text": "&"}/' "$work/text") &&
                DRAGOMAN_CPU=$unit "$1" -q --precision $precision -m tests/fixtures/t5gated_odd --to de --loop-guard=no --max-length 16 "$work/text" &&
                DRAGOMAN_CPU=$unit "$1" -q --precision $precision -m tests/fixtures/npz_ssru --pieces --n-best 2 "$work/pieces"
        done || { echo "$1: status $?" >>"$2"; return 1; }
    done >"$2"
}

flags() { # name, compiler of C, of C++, optimization, other flags
    [ ${#names[@]} -eq 0 ] || [[ " ${names[*]} " == *" $1 "* ]] || return 0
    command -v "$2" >/dev/null || { echo "$1: no $2"; return; }
    local start=$EPOCHREALTIME
    n_builds=$((n_builds + 1))
    if make -s -j2 CC="$2" CXX="$3" OPTIMIZE="$4" CFLAGS="$5" CXXFLAGS="$5" BUILD="$build-flags/$1" all &&
        says "$build-flags/$1/dragoman" "$work/out" && cmp "$work/wanted" "$work/out"; then
        printf 'ok      %6d ms  %s: %s %s %s\n' $(((${EPOCHREALTIME/./} - ${start/./}) / 1000)) "$1" "$2" "$4" "$5"
    else
        echo "FAILED  $1"
        n_failed=$((n_failed + 1))
    fi
}

says "$build/dragoman" "$work/wanted" || exit 1
[ "$(sort -u "$work/wanted" | wc -l)" -gt 40 ] || { echo 'too little is compared'; exit 1; }
flags none gcc g++ -O0 ''
flags size gcc g++ -Os ''
flags native gcc g++ -O3 '-march=native -funroll-loops'
# What a distribution or a user might add, and the Makefile does not let through.
flags fast gcc g++ -Ofast '-march=native -ffast-math -ffp-contract=fast'
flags clang clang clang++ -O2 ''
flags clang-none clang clang++ -O0 ''
flags clang-fast clang clang++ -O3 '-Wno-overriding-t-option -march=native -ffast-math -ffp-contract=fast'
echo "$n_builds builds, $n_failed failed; $(wc -l <"$work/wanted") lines of output each, on $units"
[ $n_failed -eq 0 ] && [ $n_builds -gt 0 ]
