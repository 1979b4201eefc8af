# What the compiler and the linker were asked to do for safety is in the file they made.
. "$(dirname "$0")/lib.sh"
command -v readelf >/dev/null || skip 'no readelf'
[ -e "$dragoman" ] || skip 'not built'
nm "$dragoman" | grep -q '__asan_init\|__tsan_init' && skip 'a build with a sanitizer is not hardened'
build="$(dirname "$dragoman")"

readelf -hW "$dragoman" >header
readelf -lW "$dragoman" >segments
readelf -dW "$dragoman" >dynamic
readelf --dyn-syms -W "$dragoman" | sed -n 's/.* UND \([A-Za-z0-9_]*\).*/\1/p' | sort -u >imports
has() { grep -Eq -- "$2" "$1"; }
lacks() { ! grep -En -- "$2" "$1"; }

check 'loaded anywhere (PIE)' has header 'Type: +DYN'
check 'marked as PIE' has dynamic 'FLAGS_1.*\bPIE\b'
check 'relocations read-only afterwards (RELRO)' has segments GNU_RELRO
check 'and all resolved at start (NOW)' has dynamic 'FLAGS.*\b(BIND_)?NOW\b'
check 'the stack is not executable' has segments 'GNU_STACK +(0x[0-9a-f]+ +){5}RW +'
check 'nothing is writable and executable' lacks segments '(LOAD|GNU_STACK) .*RWE'
check 'no text relocations' lacks dynamic TEXTREL
check 'no search path of its own' lacks dynamic 'R(UN)?PATH'
check 'stack protector' has imports '^__stack_chk_fail$'
check 'checked copies (FORTIFY)' has imports '^__(snprintf|vsnprintf|memcpy|pread64|read)_chk$'
check 'no locale' lacks imports '^(setlocale|newlocale|uselocale)$'
check 'no programs are run' lacks imports '^(system|popen|exec.*|vfork|posix_spawn.*)$'
check 'no functions without bounds' lacks imports '^(gets|strcpy|strcat|sprintf|vsprintf|mktemp|tmpnam)$'

# The library's objects carry the marks of control-flow protection; the whole program does only
# where the C library's own start files do.
object="$(find "$build/base" -name 'error.o' 2>/dev/null | head -1)"
if [ -n "$object" ]; then
    case "$(uname -m)" in
    x86_64) readelf -nW "$object" >notes && check 'control-flow protection (CET)' has notes 'IBT.*SHSTK|SHSTK.*IBT' ;;
    aarch64) readelf -nW "$object" >notes && check 'control-flow protection (BTI, PAC)' has notes 'BTI' ;;
    esac
fi
# What leaves no mark in the file: the command that compiles it, as make would give it.
asked() { env -u MAKEFLAGS -u MAKELEVEL make --no-print-directory -n -C "$root" BUILD=none "$@" none/base/error.o none/tokenizer/sentencepiece.o | grep -- ' -c -o '; }
asked CC="${CC:-cc}" CXX="${CXX:-c++}" >plain
asked CC="${CC:-cc}" CXX="${CXX:-c++}" SANITIZE=address >sanitized
for flag in -O2 -Wall -Wextra -Wshadow -Wconversion -Wformat=2 -Wvla -fstack-protector-strong -D_FORTIFY_SOURCE=3 \
    -D_GLIBCXX_ASSERTIONS -fstack-clash-protection -fno-delete-null-pointer-checks -fno-strict-overflow -ffp-contract=off -fPIC; do
    check "compiled with $flag" [ "$(grep -c -- " $flag " plain)" -eq 2 ]
done
if ${CC:-cc} -ftrivial-auto-var-init=zero -x c -c /dev/null -o /dev/null 2>/dev/null; then
    check 'variables begin as zero' [ "$(grep -c -- ' -ftrivial-auto-var-init=zero ' plain)" -eq 2 ]
fi
check 'no sums in another order' lacks plain '-ffast-math|-Ofast|-funsafe-math|-fassociative-math'
check 'sanitizers see what was written' lacks sanitized '_FORTIFY_SOURCE|-ftrivial-auto-var-init'
finish
