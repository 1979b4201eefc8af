#!/bin/bash
# Do the fuzzers find anything? Twelve bugs of kinds that others have had, each planted alone in a copy of the
# tree, must be found by the fuzzer of the place, from its seeds, within $SECONDS_EACH seconds (60).
#
#   BUILD=build-fuzz tests/fuzz/planted.sh [NAME...]      needs what `make fuzz` builds
set -u
cd "$(dirname "$0")/../.."
build="${BUILD:-build-fuzz}" most="${SECONDS_EACH:-60}"
copy="$build/planted"
rm -rf "$copy" && mkdir -p "$copy/$build" || exit 1
cp -a --parents Makefile base cli kernels model tokenizer translate tests/support tests/fuzz "$copy"
for part in base cli kernels model tokenizer translate tests libdragoman.a libdragoman-cli.a; do
    cp -a "$build/$part" "$copy/$build" || exit 1
done
n=0 n_found=0

# name, fuzzer, file, what stands there, what is to stand there
plant() {
    local name="$1" fuzzer="$2" file="$3" old="$4" new="$5" text log="$copy/$1.log"
    n=$((n + 1))
    text="$(cat "$file"; echo x)"
    [[ "$text" == *"$old"* ]] || { echo "$name: FAILED: $file has no longer: $old"; return; }
    text="${text/"$old"/"$new"}"
    printf %s "${text%x}" >"$copy/$file"
    make -s -C "$copy" CC=clang CXX=clang++ SANITIZE=fuzzer-no-link,address,undefined OPTIMIZE='-O1 -g' \
        BUILD="$build" "$build/tests/fuzz/$fuzzer" >"$log" 2>&1 || { echo "$name: FAILED: $log"; return; }
    local corpus="$copy/corpus" dictionary=() start=$EPOCHREALTIME
    rm -rf "$corpus" && mkdir "$corpus" && cp tests/fuzz/seeds/"$fuzzer"/* "$corpus"
    [ ! -e tests/fuzz/$fuzzer.dict ] || dictionary=(-dict=tests/fuzz/$fuzzer.dict)
    "$copy/$build/tests/fuzz/$fuzzer" "${dictionary[@]}" -seed="${SEED:-1}" -max_total_time="$most" -timeout=10 \
        -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1 -artifact_prefix="$copy/$name." "$corpus" >"$log" 2>&1
    local status=$? took runs what
    took="$(((${EPOCHREALTIME/./} - ${start/./}) / 100000))"
    runs="$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
    [ -n "$runs" ] || runs="$(grep -o '^#[0-9]*' "$log" | tail -1 | tr -d '#')"
    what="$(grep -m1 -oE 'runtime error: .*|ERROR: AddressSanitizer: [a-zA-Z-]*|ERROR: libFuzzer: [a-z ]*' "$log")"
    if [ $status -ne 0 ]; then
        n_found=$((n_found + 1))
        echo "$name: found in $((took / 10)).$((took % 10)) s, about ${runs:-0} executions: $what"
    else
        echo "$name: NOT FOUND in $most s, ${runs:-?} executions"
    fi
    cp -p "$file" "$copy/$file"
    rm -f "$copy/$build/${file%.c}.o"
}

wanted() { [ $# -eq 1 ] || [[ " ${*:2} " == *" $1 "* ]]; }
bug() { ! wanted "$1" "${names[@]}" || plant "$@"; }
names=("$@")

bug string-end fuzz_json base/json_scan.c \
    "while (scan->at < scan->end && *scan->at != '\"' && *scan->at != '\\\\') {" "while (*scan->at != '\"' && *scan->at != '\\\\') {"
bug short-name fuzz_npz model/npz.c 'if (entry->n_name <= n_suffix ||' 'if ('
bug memo-index fuzz_torch model/pickle_machine.c 'if (index >= m->n_memo || ' 'if ('
bug long-name fuzz_ct2 model/ct2.c 'if (length < 2 || length > TENSOR_MAX_NAME + 1)' 'if (length < 2)'
bug rank fuzz_marian_bin model/marian_bin.c 'if (item->rank > TENSOR_MAX_RANK)' 'if (item->rank > 1 << 20)'
bug offset-order fuzz_shortlist model/shortlist.c 'if (shortlist->offsets[i] < before || ' 'if ('
bug no-heads fuzz_config model/config_hf.c '"encoder_attention_heads", 1, CONFIG_MAX_HEADS' '"encoder_attention_heads", 0, CONFIG_MAX_HEADS'
bug text-length fuzz_wire cli/wire.c 'if (length > frame->n_left)' 'if (length > WIRE_MAX_ANSWER)'
bug trie-size fuzz_spm tokenizer/spm_table.c 'if (trie_bytes > n_bytes - 4)' 'if (trie_bytes > n_bytes)'
bug short-sum fuzz_checksums model/checksums.c 'if (n_bytes < HEX_DIGITS + 3 || ' 'if ('
bug long-digest fuzz_resume cli/resume.c '%64[0-9a-f] %15[a-z]"' '%128[0-9a-f] %15[a-z]"'
bug one-too-long fuzz_sentences translate/sentences.c 'max_characters / 2, max_characters)' 'max_characters / 2, max_characters + 1)'

echo "$n_found of $n planted bugs found"
[ $n_found -eq $n ] && [ $n -gt 0 ]
