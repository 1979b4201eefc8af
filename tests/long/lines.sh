# A million lines in, a million out, in order, in memory that does not grow with their number.
. "$(dirname "$0")/../cli/lib.sh"
[ -x /usr/bin/time ] || skip 'no /usr/bin/time'
lines="${LINES_MANY:-1000000}"

# Each line is its number in words of the model's; blank ones and ones with a carriage return between.
make_lines() { awk -v n="$1" 'BEGIN {for (i = 1; i <= n; i++) print i % 97 == 0 ? "" : i % 89 == 0 ? "dog " i "\r" : "dog " i}'; }
peak() { # lines -> out.N, and the peak in KiB on standard output
    make_lines "$1" | /usr/bin/time -f %M -o peak "$dragoman" -q -m "$fixtures/marian" -b 1 --max-length 8 >"out.$1"
    [ "${PIPESTATUS[1]}" -eq 0 ] || fail "$1 lines: status ${PIPESTATUS[1]}"
    tail -1 peak
}
few="$(peak $((lines / 10)))"
start=$EPOCHREALTIME
many="$(peak "$lines")"
took=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000000))
check 'as many lines out as in' [ "$(wc -l <"out.$lines")" -eq "$lines" ]
check 'blank lines stay where they are' [ "$(make_lines "$lines" | awk '$0 == ""' | wc -l)" -eq "$(awk 'NR % 97 == 0 && $0 == ""' "out.$lines" | wc -l)" ]
check 'so do carriage returns' [ "$(make_lines "$lines" | grep -c $'\r')" -eq "$(awk 'NR % 97 != 0 && NR % 89 == 0' "out.$lines" | grep -c $'\r$')" ]
check 'the same beginning whatever follows' cmp <(head -n $((lines / 10)) "out.$lines") "out.$((lines / 10))"
check "peak memory: $few KiB, then $many KiB" [ "$many" -le $((few + 16384)) ]
echo "$lines lines in $took s; peak $many KiB, of a tenth of the lines $few KiB"
finish
