# Every allocation and every system call of the program fails, once and from there on: a sample of
# the places. FAULTS_MOST= (empty) takes them all, which is minutes.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip 'no python3'
[ -x "$dragoman" ] || skip 'not built'
nm -D "$dragoman" | grep -q '__asan_init\|__tsan_init' && skip 'a sanitizer has its own allocation functions'
${CC:-cc} -std=c11 -D_GNU_SOURCE -O2 -fPIC -shared -fno-builtin -o inject.so "$root/tests/faults/inject.c" ||
    skip 'the library that makes calls fail does not build'
python3 "$root/tests/hub/server.py" "$work" 2>"$work/server.err" &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$work"' EXIT
for _ in $(seq 100); do [ -e "$work/ports" ] && break; sleep 0.1; done
read -r hub _ <"$work/ports" || exit 1
most="${FAULTS_MOST-8}"
python3 "$root/tests/faults/run.py" "$dragoman" "$work/inject.so" "$fixtures/marian" --hub "http://127.0.0.1:$hub" ${most:+--most "$most"} >figures
status=$?
cat figures
check 'the contract holds whatever fails' [ $status -eq 0 ]
finish
