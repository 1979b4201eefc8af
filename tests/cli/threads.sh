# Threads that cannot be had: fewer do the work, or none, with a word on standard error; the output is
# the same.
. "$(dirname "$0")/lib.sh"
nm -D "$dragoman" | grep -q '__asan_init\|__tsan_init' && skip 'a sanitizer must be loaded first'
${CC:-cc} -std=c11 -D_GNU_SOURCE -O1 -fPIC -shared -o few.so "$root/tests/cli/few_threads.c" ||
    skip 'the library that refuses threads does not build'
model="$fixtures/marian"
for i in $(seq 700); do echo "A dog runs on the beach. Two men are playing ($i)."; [ $((i % 50)) -ne 0 ] || echo; done >in.txt
run=("$dragoman" -m "$model" -b 2 --max-length 8)
"${run[@]}" -q in.txt >want.txt || fail 'the run to compare with'
# The signals' thread, one that loads a vocabulary, four workers, and the reader want to be started.
for allowed in 0 1 2 3 4 5 6 7 8 20; do
    expect "$allowed threads" out_file=want.txt err=any -- env THREADS_ALLOWED=$allowed LD_PRELOAD="$work/few.so" "${run[@]}" -t 4 in.txt
    cp .err err.$allowed
    check "$allowed threads: only our own words" [ "$(grep -vc '^dragoman: ' err.$allowed)" -eq 0 ]
done
check 'none: it says so' grep -qx 'dragoman: starting a thread: Resource temporarily unavailable: working without threads' err.0
check 'a few: it says so' grep -qx 'dragoman: only [1-3] of 4 threads could be started' err.4
check 'enough: nothing is said of them' [ "$(grep -c thread err.20)" -eq 0 ]
expect 'none, two models' out_file=<("${run[@]}" -q -m "$model" in.txt) err=any -- env THREADS_ALLOWED=0 LD_PRELOAD="$work/few.so" "${run[@]}" -m "$model" in.txt
expect 'none, to a file' out='' err=any -- env THREADS_ALLOWED=0 LD_PRELOAD="$work/few.so" "${run[@]}" in.txt -o out.txt
check 'none, to a file' cmp want.txt out.txt
expect 'none, a pipe' out_file=want.txt err=any -- bash -c 'cat in.txt | "$@"' - env THREADS_ALLOWED=0 LD_PRELOAD="$work/few.so" "${run[@]}"
expect 'none, score' err=any -- env THREADS_ALLOWED=0 LD_PRELOAD="$work/few.so" "$dragoman" score -m "$model" in.txt in.txt
cp .out score.few
"$dragoman" score -q -m "$model" in.txt in.txt >score.want
check 'none, score' cmp score.want score.few
expect 'none, tokenize' out_file=<("$dragoman" tokenize -m "$model" in.txt) -- env THREADS_ALLOWED=0 LD_PRELOAD="$work/few.so" "$dragoman" tokenize -m "$model" in.txt
expect 'none, a server' rc=1 out='' err='starting a thread: .*' -- env THREADS_ALLOWED=0 LD_PRELOAD="$work/few.so" "$dragoman" serve -m "$model" --socket s.sock
# As the kernel itself refuses them; it does not refuse root.
if [ "$(id -u)" -ne 0 ]; then
    expect 'a limit on processes' out_file=want.txt err=any -- bash -c 'ulimit -u 1; exec "$@"' - "${run[@]}" in.txt
elif command -v setpriv >/dev/null && setpriv --reuid 65534 --clear-groups test -r "$work/../$(basename "$work")/in.txt" -a -x "$dragoman" 2>/dev/null; then
    expect 'a limit on processes' out_file=want.txt err=any -- setpriv --reuid 65534 --clear-groups bash -c 'ulimit -u 1; exec "$@"' - "${run[@]}" in.txt
fi
finish
