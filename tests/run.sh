#!/bin/bash
# Runs every Check program (tests/*/test_*.c, built by make) and every script (tests/cli/*.sh,
# tests/kernels/*.sh), several at a time, and ends with "N passed, N failed, N skipped". A script exits 0: passed, 77:
# skipped, else failed; what it wrote is shown only then.
#
#   BUILD=build tests/run.sh [NAME...]      only tests whose path contains one of the names
#   LONG=1                                  scripts in their long forms, tests/long/*.sh too; what each did is shown
#   JOBS=2 TEST_SECONDS=300                 how many at a time, and when one is taken to hang
set -u
cd "$(dirname "$0")/.."
export BUILD="${BUILD:-build}" LC_ALL=C.UTF-8
jobs="${JOBS:-2}" seconds="${TEST_SECONDS:-300}"
all=(tests/*/test_*.c tests/cli/*.sh tests/kernels/*.sh)
[ -z "${LONG:-}" ] || seconds="${TEST_SECONDS:-36000}" all+=(tests/long/*.sh)
results="$(mktemp -d)"
trap 'rm -rf "$results"' EXIT

wanted() {
    [ $# -gt 1 ] || return 0
    local path="$1" name
    shift
    for name; do [[ $path == *"$name"* ]] && return 0; done
    return 1
}

run_one() { # path of the test's source; its number
    local source="$1" log="$results/$2" command status
    case "$source" in
    *.c) command=("$BUILD/${source%.c}") ;;
    *) command=(bash "$source") ;;
    esac
    local start=$EPOCHREALTIME
    timeout -k 5 "$seconds" "${command[@]}" >"$log.out" 2>&1 </dev/null
    status=$?
    local took=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
    case $status in
    0) echo passed >"$log.status"; printf 'ok      %6d ms  %s\n' $took "$source"
       [ -z "${LONG:-}" ] || sed 's/^/    /' "$log.out" | tail -60 ;;
    77) echo skipped >"$log.status"; printf 'skipped %6d ms  %s: %s\n' $took "$source" "$(tail -1 "$log.out")" ;;
    *) echo failed >"$log.status"
       # One write, so that reports of tests that run together do not mix.
       printf '%s\n' "$(printf 'FAILED  %6d ms  %s (status %s)\n' $took "$source" $status; sed 's/^/    /' "$log.out" | tail -60)" ;;
    esac
}

number=0
for source in "${all[@]}"; do
    [ -e "$source" ] && [ "$source" != tests/cli/lib.sh ] && wanted "$source" "$@" || continue
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
    number=$((number + 1))
    run_one "$source" $number &
done
wait

count() { cat "$results"/*.status 2>/dev/null | grep -c "^$1$"; }
echo "$(count passed) passed, $(count failed) failed, $(count skipped) skipped"
[ "$(count failed)" -eq 0 ] && [ "$number" -gt 0 ]
