# The installed library: what `make install` puts where, and the example of the documentation built and
# run against it, shared and static.
. "$(dirname "$0")/lib.sh"
case "$build" in *sanitized*) skip 'the library is tested without sanitizers' ;; esac
command -v "${CC:-cc}" >/dev/null && command -v pkg-config >/dev/null || skip 'no compiler'

make -s -C "$root" BUILD="$build" DESTDIR="$work/root" PREFIX=/usr install >"$work/log" 2>&1 ||
    fail "make install: $(tail -3 "$work/log")"
for file in bin/dragoman include/dragoman.h lib/libdragoman.a lib/libdragoman.so lib/libdragoman.so.0 \
    lib/pkgconfig/dragoman.pc share/dragoman/en-de/config.json share/man/man1/dragoman.1; do
    check "installed $file" test -e "$work/root/usr/$file"
done
for command in $("$dragoman" __commands); do
    [ "$command" = translate ] || check "the manual of $command" test -s "$work/root/usr/share/man/man1/dragoman-$command.1"
done
for file in bash-completion/completions/dragoman zsh/vendor-completions/_dragoman fish/vendor_completions.d/dragoman.fish; do
    check "installed $file" test -s "$work/root/usr/share/$file"
done
check 'the shared library exports dragoman_* alone' bash -c \
    '! nm -D --defined-only "$1" | grep -vE " (dragoman_[a-z_]+|DRAGOMAN_[0-9]+)(@|$)"' _ "$work/root/usr/lib/libdragoman.so"

export PKG_CONFIG_PATH="$work/root/usr/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$work/root"
printf 'Ein Hund rennt am Strand.\nHallo!\n' >want
arguments=("$root/data/en-de" 'A dog runs on the beach.' 'Hello!')
"$dragoman" >want <<<$'A dog runs on the beach.\nHello!'

"${CC:-cc}" -Wall -Wextra -Werror "$root/docs/example.c" -o shared \
    -I"$work/root/usr/include" -L"$work/root/usr/lib" -ldragoman || fail 'the example does not build'
expect 'shared library' out_file=want -- env LD_LIBRARY_PATH="$work/root/usr/lib" ./shared "${arguments[@]}"

libraries="$(sed -n 's/^Libs.private: //p' "$work/root/usr/lib/pkgconfig/dragoman.pc")"
# shellcheck disable=SC2086
"${CC:-cc}" "$root/docs/example.c" -o static -I"$work/root/usr/include" \
    "$work/root/usr/lib/libdragoman.a" $libraries -pthread || fail 'the example does not link statically'
expect 'static library' out_file=want -- ./static "${arguments[@]}"
expect 'a fault' rc=2 out= err=any -- ./static /nonexistent Hello
expect 'the installed program finds its model' out='Ein Hund rennt am Strand.\n' -- "$work/root/usr/bin/dragoman" <<<'A dog runs on the beach.'
cp "$work/root/usr/bin/dragoman" .
expect 'no model beside the program' rc=2 out= err='.*' -- ./dragoman <<<Hello
finish
