# lib.sh - sourced by the CLI scripts: a work directory of their own, and `expect`.
#
#   expect 'name of the case' [rc=N] [signal=NAME] [out=TEXT|out_file=FILE] [err=REGEX|err=none]
#          [seconds=N] -- COMMAND...
#
# Runs COMMAND (stdin is what the script redirects to `expect`) and compares: exit status (default 0),
# standard output byte for byte (out=TEXT is printf's %b; default: not compared), standard error
# (err=REGEX: exactly one line, at most 512 bytes, printable, matching REGEX as a whole after
# "dragoman: "; err=none, the default: empty; err=any: not looked at). Every difference is reported,
# the script goes on, and `finish` ends it with the status of the whole.
set -u
root="$PWD"
build="${BUILD:-build}"
dragoman="$root/$build/dragoman"
case "$build" in /*) dragoman="$build/dragoman" ;; esac
fixtures="$root/tests/fixtures"
work="$(mktemp -d)"
# A background job that a signal meets before it has become the program is not the script.
trap '[ $BASHPID != $$ ] || rm -rf "$work"' EXIT
cd "$work" || exit 1
# Settings of whoever runs the tests are not what is tested.
unset "${!DRAGOMAN_@}"
export HOME="$work/home" XDG_CONFIG_HOME="$work/home/config" XDG_DATA_HOME="$work/home/data" LC_ALL=C.UTF-8
unset DISPLAY NO_COLOR
mkdir -p "$work/home/config/dragoman" "$work/home/data"
n_cases=0 n_failed=0

# Whether the program was built with a sanitizer, which makes it slow.
is_sanitized() {
    nm -D "$dragoman" | grep -q '__asan_init\|__tsan_init'
}

fail() {
    n_failed=$((n_failed + 1))
    printf 'FAILED: %.900s\n' "$*"
}

skip() {
    echo "$*"
    exit 77
}

finish() {
    echo "$n_cases cases, $n_failed failed"
    [ "$n_failed" -eq 0 ] && [ "$n_cases" -gt 0 ]
    exit
}

# check NAME CONDITION...: a case by hand.
check() {
    local name="$1"
    shift
    n_cases=$((n_cases + 1))
    "$@" || fail "$name: $*"
}

expect() {
    local name="$1" rc=0 err=none seconds=20 signal='' want_out='' compare=no status took
    shift
    while [ "$1" != -- ]; do
        case "$1" in
        rc=*) rc="${1#rc=}" ;;
        signal=*) signal="${1#signal=}" ;;
        out=*) printf '%b' "${1#out=}" >"$work/.want"; compare=yes ;;
        out_file=*) cat "${1#out_file=}" >"$work/.want"; compare=yes ;;
        err=*) err="${1#err=}" ;;
        seconds=*) seconds="${1#seconds=}" ;;
        *) fail "$name: lib.sh does not know '$1'"; return ;;
        esac
        shift
    done
    shift
    [ -z "$signal" ] || rc=$((128 + $(kill -l "$signal")))
    n_cases=$((n_cases + 1))
    local start=$EPOCHREALTIME
    timeout -k 1 60 "$@" >"$work/.out" 2>"$work/.err"
    status=$?
    took=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
    [ "$status" -eq "$rc" ] || fail "$name: status $status, not $rc; stderr: $(head -c 600 "$work/.err")"
    [ "$took" -le $((seconds * 1000)) ] || fail "$name: took $took ms, more than $seconds s"
    if [ $compare = yes ] && ! cmp -s "$work/.want" "$work/.out"; then
        fail "$name: standard output differs; wanted, then found:"
        head -c 400 "$work/.want" | od -c | head -12
        head -c 400 "$work/.out" | od -c | head -12
    fi
    case "$err" in
    any) ;;
    none) [ ! -s "$work/.err" ] || fail "$name: standard error: $(head -c 600 "$work/.err")" ;;
    *)
        [ "$(wc -l <"$work/.err")" -eq 1 ] && [ "$(wc -c <"$work/.err")" -le 512 ] ||
            fail "$name: standard error is not one line of at most 512 bytes: $(head -c 600 "$work/.err")"
        LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f\x7f]' "$work/.err" && fail "$name: control bytes on standard error"
        grep -Eqx "dragoman: $err" "$work/.err" ||
            fail "$name: standard error does not match /$err/: $(head -c 600 "$work/.err")"
        ;;
    esac
}
