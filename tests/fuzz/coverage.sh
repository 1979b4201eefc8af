#!/bin/bash
# What part of the parsers the fuzzers reach: lines and branches, from the inputs that `make fuzz` has gathered
# under $CORPUS (or from the seeds alone), with clang's own count.
#
#   BUILD=build-coverage CORPUS=build-fuzz/fuzz tests/fuzz/coverage.sh
set -u
cd "$(dirname "$0")/../.."
build="${BUILD:-build-coverage}" corpus="${CORPUS:-}"
rm -rf "$build/profiles" && mkdir -p "$build/profiles" || exit 1
objects=()
for program in "$build"/tests/fuzz/fuzz_*; do
    case $program in *.*) continue ;; esac
    name="$(basename "$program")"
    directories=(tests/fuzz/seeds/"$name")
    [ ! -d "$corpus/$name" ] || directories+=("$corpus/$name")
    LLVM_PROFILE_FILE="$build/profiles/$name.raw" "$program" -runs=0 -rss_limit_mb=4096 "${directories[@]}" >/dev/null 2>"$build/profiles/$name.log" || { cat "$build/profiles/$name.log"; exit 1; }
    objects+=(-object "$program")
done
suffix="$(clang --version | sed -n '1s/.*version \([0-9]*\).*/-\1/p')"
"llvm-profdata$suffix" merge -o "$build/all.profile" "$build"/profiles/*.raw || exit 1
parsers=(base/json.c base/json_scan.c model/{safetensors,shards,npz,zip,torch,pickle,pickle_machine,marian_bin,ct2,tensors,source,yaml,shortlist}.c
    model/checksums.c model/config_{hf,json,own,marian}.c tokenizer/{wire,spm_gate,spm_table,pieces,files,vocab_files}.c
    cli/{resume,json_line,format_jsonl,format_tsv,wire,wire_result,option_value,options}.c translate/{sentences,abbreviations,protect,terms}.c)
"llvm-cov$suffix" report "${objects[@]:1}" -instr-profile="$build/all.profile" "${parsers[@]}" |
    awk 'NR == 1 {next} /^-+$/ {next} NF >= 10 {printf "%-28s lines %5d of %5d, %6s   branches %5d of %5d, %6s\n", $1, $8 - $9, $8, $10, $11 - $12, $11, $13}'
