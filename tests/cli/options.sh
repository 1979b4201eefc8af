# Reading the command line, the environment and the configuration file.
. "$(dirname "$0")/lib.sh"

refuse() { # NAME REGEX ARGUMENT...
    local name="$1" regex="$2"
    shift 2
    expect "$name" rc=2 out= err="$regex" seconds=1 -- "$dragoman" "$@" <<<'text'
}

# A model that does not exist: the fault must be found before it is looked for.
no=(-m /nonexistent)
refuse 'unknown long option' '--frobnicate: unknown option \(see --help\)' "${no[@]}" --frobnicate
refuse 'near miss' '--theads: unknown option \(did you mean --threads\?\)' "${no[@]}" --theads 4
refuse 'unknown letter' '-X: unknown option \(see --help\)' "${no[@]}" -X
refuse 'missing value' '--threads: needs a value' "${no[@]}" --threads
refuse 'missing value of a letter' '-t: needs a value' "${no[@]}" -t
for value in 0 -1 999999999 4x 1e3 '' ' 4' +4 0x10 1025 99999999999999999999; do
    refuse "threads '$value'" "--threads: must be a number from 1 to 1024, not '.*'" "${no[@]}" --threads "$value"
    refuse "threads='$value'" "--threads: must be a number from 1 to 1024, not '.*'" "${no[@]}" --threads="$value"
done
refuse 'letter and value in one' "--threads: must be a number from 1 to 1024, not '4x'" "${no[@]}" -qt4x
refuse 'beam 0' "--beam: must be a number from 1 to 64, not '0'" "${no[@]}" --beam 0
refuse 'batch empty' "--batch: must be a number from 1 to 4096, not ''" "${no[@]}" --batch ''
for value in nan inf 1,5 '' 11 -11 0x1 '1 '; do
    refuse "length penalty '$value'" "--length-penalty: must be a number from -10 to 10, not '.*'" "${no[@]}" --length-penalty "$value"
done
refuse 'choice' "--stop: must be model, finished, heuristic or exhaustive, not 'soon'" "${no[@]}" --stop soon
refuse 'flag with a value' "--quiet: must be yes or no, not 'maybe'" "${no[@]}" --quiet=maybe
refuse 'size' "--max-line: must be a size from 1 to 1G, such as 64M, not '16MB'" "${no[@]}" --max-line 16MB
refuse 'size too large' "--max-line: must be a size from 1 to 1G, such as 64M, not '2G'" "${no[@]}" --max-line 2G
refuse 'empty text' '--model: must not be empty' -m ''
refuse 'control bytes and bad UTF-8 are escaped' '--\\x1b\\x0a\\xff: unknown option \(see --help\)' "${no[@]}" $'--\x1b\n\xff'
refuse 'a long argument is cut' '--x{58}: unknown option \(see --help\)' "${no[@]}" "--$(printf 'x%.0s' {1..10000})"
refuse 'option of another command' '--beam: not an option of this command \(see --help\)' models --beam 4

refuse 'near miss of a --no-' '--no-kep: unknown option \(did you mean --no-keep\?\)' "${no[@]}" --no-kep
refuse 'no value for --no-' '--no-keep: takes no value' "${no[@]}" --no-keep=yes
refuse '--no- of another command' '--keep: not an option of this command \(see --help\)' models --no-keep
refuse '--no- of a number' '--no-beam: unknown option \(see --help\)' "${no[@]}" --no-beam
refuse '--no- of what always has a text' '--no-field: unknown option .*' "${no[@]}" --no-field

# What was meant: a command, an option with one dash.
refuse 'near miss of a command' 'tokenise: no such command or file \(did you mean tokenize\?\)' tokenise
refuse 'near miss of a command, with more' 'trnslate: no such command or file .*' trnslate in.txt
refuse 'no file, and no command' 'notes.txt: No such file or directory' notes.txt
echo 'Good night!' >scor
expect 'a file of such a name' out='Gute Nacht!\n' -- "$dragoman" scor
rm scor
refuse 'one dash' '-beam: unknown option \(did you mean --beam\?\)' -beam 3
"$dragoman" --help >help.want
expect 'dragoman help' out_file=help.want -- "$dragoman" help
"$dragoman" score --help >help.want
expect 'dragoman help COMMAND' out_file=help.want -- "$dragoman" help score
if command -v script >/dev/null; then
    expect 'standard input is a terminal' -- bash -c 'printf "Good night!\n\004" | script -qec "$0" /dev/null | tr -d "\r"' "$dragoman"
    check 'standard input is a terminal' bash -c 'grep -qx "dragoman: type lines of text; Ctrl-D ends" .out && grep -qx "Gute Nacht!" .out'
fi

# --no-NAME: off, whatever the default and the settings say; texts are taken back.
settings() { # NAME NAMES VALUES ARGUMENT...
    local name="$1" names="$2" values="$3"
    shift 3
    expect "$name" out="$values\n" -- bash -c '"$@" --print-config | grep -E "^($0) ="' "$names" "$dragoman" "$@"
}
settings '--no-' 'keep|loop-guard' 'keep = no  # --keep\nloop-guard = no  # --loop-guard' --no-keep --no-loop-guard
settings '=no' 'keep|loop-guard' 'keep = no  # --keep\nloop-guard = no  # --loop-guard' --keep=no --loop-guard=no
settings 'the last word counts' 'keep|stats' 'keep = yes  # --keep\nstats = text  # --stats' --no-keep --no-stats --keep --stats
export DRAGOMAN_STRICT=yes DRAGOMAN_TERMS=/nonexistent DRAGOMAN_PROTECT=x DRAGOMAN_QUIET=1 DRAGOMAN_CACHE=/nonexistent/x
settings '--no- over the environment' 'strict|terms|protect|quiet|cache' 'strict = no  # --strict\nprotect = none  # --protect\nterms = none  # --terms\ncache = none  # --cache\nquiet = no  # --quiet' --no-strict --no-terms --no-protect --no-quiet --no-cache
unset DRAGOMAN_STRICT DRAGOMAN_TERMS DRAGOMAN_PROTECT DRAGOMAN_QUIET DRAGOMAN_CACHE

# Environment and file.
config="$XDG_CONFIG_HOME/dragoman/config"
DRAGOMAN_THREADS=4x refuse 'environment' "DRAGOMAN_THREADS: must be a number from 1 to 1024, not '4x'" "${no[@]}"
printf '# mine\n\n  beam =  0 \n' >"$config"
refuse 'file' "$config:3: beam: must be a number from 1 to 64, not '0'" "${no[@]}"
printf 'beam 4\n' >"$config"
refuse 'file without =' "$config:1: must be 'name = value'" "${no[@]}"
printf 'output = /tmp/x\n' >"$config"
refuse 'what is not a setting' "$config:1: 'output' is not a setting" "${no[@]}"
printf '\0\xff = 4\n' >"$config"
refuse 'file of rubbish' "$config:1: must be 'name = value'" "${no[@]}"
expect 'help does not read the file' rc=0 -- "$dragoman" --help
expect 'what the command line gives is not read from the file' rc=2 err='.*not a setting.*|.*name = value.*' -- "$dragoman" "${no[@]}" -b 2
rm "$config"; mkdir "$config"
refuse 'file is a directory' "$config: not a regular file" "${no[@]}"
rmdir "$config"; mkfifo "$config"
refuse 'file is a FIFO' "$config: not a regular file" "${no[@]}"
rm "$config"

printf 'beam = 2\nthreads = 2\nquiet = yes\n' >"$config"
printf 'beam = 5  # --beam\nthreads = 3  # DRAGOMAN_THREADS\nquiet = yes  # %s\n' "$config" >precedence
expect 'command line, environment, file' out_file=precedence -- env DRAGOMAN_THREADS=3 DRAGOMAN_BEAM=9 bash -c '"$0" --beam 5 --print-config | grep -E "^(beam|threads|quiet) ="' "$dragoman"
rm "$config"

# Help and version.
expect 'help' -- "$dragoman" --help
check 'help begins with the usage' grep -q '^Usage: dragoman \[OPTION\]... \[FILE\]...$' .out
check 'help fits 80 columns' bash -c '! grep -E "^.{81}" .out'
expect 'help of everything' -- "$dragoman" --help=all
check 'what is on by default can be off' grep -q -- '--\[no-\]keep ' .out
check 'all options are there' bash -c 'grep -q -- --length-penalty .out && grep -q -- --max-line .out'
check 'help of everything fits 80 columns' bash -c '! grep -E "^.{81}" .out'
expect 'version' -- "$dragoman" --version
check 'version' grep -Eq '^dragoman [0-9]+\.[0-9]+\.[0-9]+$' .out
check 'version: the unit in use' grep -Eqx 'CPU unit: [a-z0-9]+ \(of scalar( [a-z0-9]+)*\)' .out
check 'version: the libraries' grep -Eqx 'libraries: SentencePiece [0-9.]+, ICU [0-9.]+, cJSON [0-9.]+, PCRE2 [0-9. -]+, SQLite [0-9.]+, zlib [0-9.]+' .out
expect 'version: the unit asked for' -- env DRAGOMAN_CPU=scalar "$dragoman" --version
check 'version: the unit asked for' grep -q '^CPU unit: scalar ' .out
cat >limits.want <<'END'
line (--max-line sets it, up to 1G)   16M
characters of a sentence, cut beyond  2000
tokens of a sentence, cut beyond      512
beams, and n-best                     64
terms forced into a sentence          16
models of a chain                     4
config.json                           1M
nesting of JSON                       64
layers of an encoder or decoder       256
width of a layer                      65536
heads of an attention                 1024
words of a vocabulary                 1048576
word of a vocabulary                  1K
all words of a vocabulary             16M
vocabulary file                       64M
SentencePiece file                    64M
shards of a checkpoint                256
tensors of a checkpoint               65536
name of a tensor                      1K
dimensions of a tensor                8
length of a dimension                 16777216
header of a tensor file               16M
operations of a pickle                1000000
END
expect 'limits' out_file=limits.want -- "$dragoman" --limits
for option in --help --help=all --version --limits; do
    expect "$option to a full device" rc=1 err='standard output: No space left on device' -- bash -c '"$0" $1 >/dev/full' "$dragoman" $option
    expect "$option to a closed output" rc=1 err='standard output: Bad file descriptor' -- bash -c '"$0" $1 >&-' "$dragoman" $option
done
for command in $("$dragoman" __commands); do
    expect "$command --help" -- "$dragoman" "$command" --help
    check "$command --help" grep -q '^Usage: dragoman' .out
    expect "man page of $command" -- "$dragoman" __man "$command"
    check "man page of $command" grep -q '^\.SH OPTIONS' .out
    if command -v man >/dev/null; then
        check "man page of $command formats" bash -c 'test -z "$(man --warnings -E UTF-8 -l -Tutf8 -Z .out 2>&1 >/dev/null)"'
    fi
done
"$dragoman" __man translate >man.txt
for flag in $(sed -n 's/.*{DRAGOMAN_FLAG_[A-Z]*, "\([a-z]*\)"}.*{DRAGOMAN_FLAG_[A-Z]*, "\([a-z]*\)"}.*/\1 \2/p' "$root/cli/format_jsonl.c"); do
    check "the manual tells of the flag $flag" grep -qF "fB$flag\\fR" man.txt
done
for shell in bash zsh fish; do
    expect "completion of $shell" -- "$dragoman" __complete $shell
    check "completion of $shell knows the options" grep -q length-penalty .out
    check "completion of $shell knows their off words" grep -q -- no-loop-guard .out
    if command -v $shell >/dev/null; then
        check "completion of $shell is its syntax" $shell -n .out
    fi
done
# What is completed.
"$dragoman" __complete bash >complete.bash
completed() { # NAME WANTED WORD...: the last word is completed
    local name="$1" want="$2"
    shift 2
    expect "$name" out="$want\n" -- bash -c 'PATH="${0%/*}:$PATH"; . ./complete.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _dragoman; echo "${COMPREPLY[@]}"' "$dragoman" dragoman "$@"
}
mkdir -p "$XDG_DATA_HOME/dragoman/models/test--model"
completed 'an option' '--loop-guard' --loop
completed 'its off word' '--no-loop-guard' --no-l
completed 'an option of a command' '--token-scores' score --tok
completed 'no option of another' '' models --loop
completed 'a value' 'finished' --stop fin
completed 'a command' 'tokenize' toke
completed 'an installed model' 'test/model' -m tes
if command -v fish >/dev/null; then
    "$dragoman" __complete fish >complete.fish
    expect 'fish: an option' out='--loop-guard\n' -- fish -c 'source complete.fish; complete -C "dragoman --loo" | cut -f1'
    expect 'fish: a value' out='finished\n' -- fish -c 'source complete.fish; complete -C "dragoman --stop fin" | cut -f1'
fi
expect 'completion of another shell' rc=2 err="no completion for 'csh'" -- "$dragoman" __complete csh

# No name: argv[0] empty, argc 0.
expect 'argv[0] is empty' rc=2 err='started without the name of the program' -- bash -c 'exec -a "" "$0"' "$dragoman"
finish
