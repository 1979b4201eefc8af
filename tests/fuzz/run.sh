#!/bin/sh
# Runs each fuzzer of $BUILD for $SECONDS_EACH seconds from a scratch copy of its seeds; prints what
# each did and fails if one found something, leaving the input in $BUILD/fuzz. Nothing in the tree
# changes. $ONLY names one target.
set -u
here=$(dirname "$0")
status=0
for program in "$BUILD"/tests/fuzz/fuzz_${ONLY:-*}; do
    case $program in *.*) continue ;; esac
    name=$(basename "$program")
    corpus=$BUILD/fuzz/$name
    log=$BUILD/fuzz/$name.log
    mkdir -p "$corpus"
    cp "$here/seeds/$name"/* "$corpus"/
    dictionary=
    [ -e "$here/$name.dict" ] && dictionary=-dict=$here/$name.dict
    if "$program" $dictionary -max_total_time="${SECONDS_EACH:-60}" -timeout=10 -rss_limit_mb=2048 \
        -max_len="${MAX_LEN:-8192}" -print_final_stats=1 -artifact_prefix="$BUILD/fuzz/$name." \
        "$corpus" >"$log" 2>&1; then
        result=ok
    else
        result=FAILED
        status=1
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    coverage=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
    echo "$name: $result, ${runs:-?} executions, ${coverage:-?} edges (log: $log)"
done
exit $status
