# Nothing includes upward: cli -> translate -> {tokenizer, model} -> base, model -> kernels.
. "$(dirname "$0")/lib.sh"
cd "$root" || exit 1

allowed() { # directory -> directories it may include from
    case "$1" in
    base) echo base ;;
    kernels) echo 'kernels base' ;;
    tokenizer) echo 'tokenizer base' ;;
    model) echo 'model kernels base' ;;
    translate) echo 'translate tokenizer model kernels base' ;;
    cli) echo 'cli translate tokenizer model kernels base' ;;
    esac
}

for directory in base kernels tokenizer model translate cli; do
    while IFS=: read -r file line; do
        target="$(sed -n 's/^ *# *include "\([a-z0-9_]*\)\/.*/\1/p' <<<"$line")"
        check "$file: $line" grep -qw "${target:-relative}" <<<"$(allowed $directory)"
    done < <(grep -rH '^ *# *include "' "$directory" --include='*.h' --include='*.c' --include='*.cc' 2>/dev/null)
done

# Numbers in files are read with a decimal point whatever the locale: nothing may set one.
check 'no setlocale' bash -c '! nm -u "$1" | grep -q setlocale' _ "$dragoman"
# Only the program prints and exits.
for directory in base kernels tokenizer model translate; do
    [ -d "$directory" ] || continue
    check "$directory does not print or exit" bash -c '! grep -rnE "\b(printf|puts|perror|exit|abort) ?\(|fprintf ?\((stdout|stderr)" "$1" --include="*.c" --include="*.cc" | grep -vE "^[^:]+:[0-9]+: *(\*|/\*|//)"' _ "$directory"
done
finish
