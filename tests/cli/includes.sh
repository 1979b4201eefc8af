# Nothing includes upward: cli -> translate -> {tokenizer, model} -> base, model -> kernels.
. "$(dirname "$0")/lib.sh"
cd "$root" || exit 1

allowed() { # directory -> directories it may include from
    case "$1" in
    base) echo base ;;
    kernels) echo kernels base ;;
    tokenizer) echo tokenizer base ;;
    model) echo model kernels base ;;
    translate) echo translate tokenizer model kernels base ;;
    cli) echo cli translate tokenizer model kernels base ;;
    esac
}

n_includes=0
for directory in base kernels tokenizer model translate cli; do
    [ -d "$directory" ] || continue
    found="$(grep -rHE '^ *# *include "' "$directory" --include='*.h' --include='*.c' --include='*.cc')"
    n_includes=$((n_includes + $(wc -l <<<"$found")))
    wrong="$(grep -vE "include \"($(allowed $directory | tr ' ' '|'))/" <<<"$found")"
    check "$directory includes only from $(allowed $directory): $wrong" [ -z "$wrong" ]
done
check 'there were includes to look at' [ "$n_includes" -gt 100 ]

# Numbers in files are read with a decimal point whatever the locale: nothing may set one.
# cJSON recurses and takes what is no JSON: it gets nothing but what base/json_scan.c has been over.
others="$(cd "$root" && grep -l 'cJSON_Parse' base/*.c tokenizer/*.c model/*.c translate/*.c cli/*.c | tr '\n' ' ')"
check "only scanned text is given to cJSON: $others" [ "$others" = 'base/json.c tokenizer/fast.c ' ]
check 'no setlocale' bash -c '! nm -u "$1" | grep -q setlocale' _ "$dragoman"

# Only the program prints and exits.
for directory in base kernels tokenizer model translate; do
    [ -d "$directory" ] || continue
    wrong="$(grep -rnE '\b(printf|puts|perror|exit|abort) ?\(|fprintf ?\((stdout|stderr)' "$directory" --include='*.c' --include='*.cc' | grep -vE '^[^:]+:[0-9]+: *(\*|/\*|//)')"
    check "$directory does not print or exit: $wrong" [ -z "$wrong" ]
done
finish
