# The README's console examples, each command with the output that stands there.
. "$(dirname "$0")/lib.sh"
cp "$root"/data/sample/*.en .
printf 'Good night!\n\nA man plays the guitar. Two children dance.\n' >notes.txt
mkdir bin && ln -s "$dragoman" bin/dragoman
export PATH="$work/bin:$PATH" DRAGOMAN_MODEL="$root/data/en-de"

# Blocks of ```console: "$ " begins a command, what follows is its output.
command='' number=0
server=0 port=5000
# In the background, at a port that is free.
serve() {
    dragoman serve --http 127.0.0.1:0 2>server.err &
    server=$!
    trap 'kill $server 2>/dev/null; rm -rf "$work"' EXIT
    for _ in $(seq 200); do grep -q 'listening on' server.err && break; sleep 0.05; done
    port="$(sed -n 's/.*listening on http:.*:\([0-9]*\)$/\1/p' server.err)"
    [ -n "$port" ] || { cat server.err; server=0; }
}
: >wanted
run() {
    [ -n "$command" ] || return
    case "$command" in parallel*) command -v parallel >/dev/null || return 0 ;; esac
    case "$command" in *captions.parallel) [ -e captions.en ] && [[ $command != *cmp* || -e captions.parallel ]] || return 0 ;; esac
    case "$command" in
    'dragoman serve '*' &') serve; return ;;
    curl*) command -v curl >/dev/null && [ $server -ne 0 ] || return 0 ;;
    esac
    command="${command//127.0.0.1:5000/127.0.0.1:$port}"
    number=$((number + 1))
    expect "example $number: $command" out_file=wanted err=any seconds=60 -- bash -c "$command"
}
while IFS= read -r line; do
    case "$line" in
    '```console') inside=yes ;;
    '```')
        [ "${inside:-}" = yes ] && run
        inside='' command=''
        ;;
    '$ '*)
        [ "${inside:-}" = yes ] || continue
        run
        command="${line#\$ }"
        : >wanted
        ;;
    *) [ "${inside:-}" = yes ] && printf '%s\n' "$line" >>wanted ;;
    esac
done <"$root/README.md"
check 'examples were found' test $number -ge 9

# The job array, task by task, as Slurm would set it.
sed -n '/^#!\/bin\/bash$/,/^```$/p' "$root/README.md" | grep -v '^```' >job.sh
for task in 0 1 2 3; do
    expect "array task $task" err=any seconds=60 -- \
        env SLURM_ARRAY_TASK_ID=$task SLURM_ARRAY_TASK_COUNT=4 bash job.sh
done
cat captions.???.de >captions.array
"$dragoman" <captions.en >captions.single
check 'the joined output is a single run'"'"'s' cmp captions.array captions.single
finish
