#!/bin/bash
# What static analysers find in the C sources: nothing, or this fails. What they are not to look for is said,
# with the reason, below and in .clang-tidy; a false finding is suppressed where it stands, or below.
#
#   make analyze [ANALYZERS='cppcheck gcc clang-tidy'] [FILES='cli/resume.c ...']
#
# cppcheck takes seconds, the others minutes. Arguments: the analysers, "--", the compiler's -I and -D.
set -u
cd "$(dirname "$0")/.."
analyzers=() status=0 n_run=0
while [ "$1" != -- ]; do
    analyzers+=("$1")
    shift
done
shift
read -ra files <<<"${FILES:-$(echo {base,tokenizer,model,translate,cli,kernels}/*.c)}"

# Two files at a time; {} is the file. tests/support/analyzed.h comes before all but those it is about.
each() {
    printf '%s\n' "${files[@]}" | xargs -P2 -I{} bash -c 'before="-include tests/support/analyzed.h"
        case "{}" in base/error.c | model/source.c | model/tensors.c) before= ;; esac
        exec "$@" $before' - "$@"
}

# It does not read the headers of libraries.
run_cppcheck() {
    printf '%s\n' "${files[@]}" | cppcheck -q -j2 --std=c11 --language=c --enable=warning,portability --inline-suppr \
        --suppress=missingInclude --error-exitcode=1 "$@" --file-list=-
}

# It does not know that cJSON's predicates are false of NULL, and finds each use behind one.
run_gcc() {
    each gcc -std=c11 -O1 -pthread "$@" -fanalyzer -Wno-analyzer-null-dereference -Werror -c -o /dev/null {}
}

run_clang-tidy() {
    each clang-tidy --quiet {} -- -std=c11 "$@" 2> >(grep -v '^[0-9]* warnings\? \(generated\|treated\)\|^Suppressed\|^Use -header')
}

for analyzer in "${analyzers[@]}"; do
    if ! command -v "$analyzer" >/dev/null; then
        echo "$analyzer: not installed"
        continue
    fi
    start=$EPOCHREALTIME
    n_run=$((n_run + 1))
    if "run_$analyzer" "$@"; then
        printf 'ok      %6d ms  %s, %d files\n' $(((${EPOCHREALTIME/./} - ${start/./}) / 1000)) "$analyzer" ${#files[@]}
    else
        echo "FAILED  $analyzer"
        status=1
    fi
done
[ $status -eq 0 ] && [ $n_run -gt 0 ]
