# dragoman serve: a warm model gives what a direct run gives, to many at once, and ends in order.
. "$(dirname "$0")/lib.sh"
model="$fixtures/marian"
opened=(-m "$model" -b 2 -n 2 --max-length 8)
socket="$work/s.sock"
servers=()
trap 'kill "${servers[@]}" 2>/dev/null; rm -rf "$work"' EXIT

await() { # CONDITION...: for up to 10 s
    for _ in $(seq 200); do "$@" && return 0; sleep 0.05; done
    return 1
}
serve() { # OPTION...: a server at $socket, its process in $server
    env --default-signal=INT,TERM,HUP "$dragoman" serve --socket "$socket" "$@" 2>server.err &
    server=$!
    servers+=($server)
    await [ -S "$socket" ] || fail "the server does not come: $(cat server.err)"
}
stopped() { # SIGNAL: how the server ended
    wait $server 2>/dev/null
    [ $? -eq $((128 + $(kill -l "$1"))) ] && [ ! -e "$socket" ]
}

printf 'A dog runs.\n\nTwo men.  They talk.\r\n\xff bad\nlast' >in.txt
printf '{"id":1,"text":"A dog \\"runs\\"."}\n\n{"text":"Two men.","x":[1,2]}\n' >in.jsonl
printf 'a\tA dog runs.\tb\nc\t\td\n' >in.tsv
# The direct runs.
direct=("$dragoman" "${opened[@]}")
same() { # NAME OPTION...
    local name="$1" status
    shift
    "$dragoman" "${opened[@]}" "$@" >want.out 2>want.err
    status=$?
    n_cases=$((n_cases + 1))
    DRAGOMAN_SOCKET="$socket" "$dragoman" "${opened[@]}" "$@" >got.out 2>got.err
    [ $? -eq $status ] || fail "$name: not status $status: $(cat got.err)"
    cmp want.out got.out || fail "$name: standard output differs"
    cmp want.err got.err || fail "$name: standard error differs: $(cat got.err)"
}

serve "${opened[@]}" --token-scores --align
check 'the socket is ours alone' [ "$(stat -c %a "$socket")" = 600 ]
opened+=(--token-scores --align)
same 'all columns' in.txt
same 'jsonl' in.jsonl
same 'tsv' --column 2 in.tsv
same 'nul' --nul in.txt
same 'prefix' --prefix 'Ein' in.txt
same 'paragraphs' --split paragraph in.txt
same 'an input that is not JSON' --format jsonl in.txt
same 'no such file' none.txt
same 'empty' /dev/null
same 'files to a directory' in.txt in.jsonl -o out/ --force
kill -TERM $server
check 'SIGTERM' stopped TERM

opened=(-m "$model" -b 2 --max-length 8)
serve "${opened[@]}"
same 'text' in.txt
same 'score' --score in.txt
same 'one thread and another batch are the server'"'"'s to choose' -t 1 --batch 1 in.txt
export DRAGOMAN_SOCKET="$socket"
"$dragoman" in.txt >bare.txt 2>/dev/null
check 'the settings are the server'"'"'s' cmp bare.txt <(DRAGOMAN_SOCKET= "$dragoman" "${opened[@]}" in.txt 2>/dev/null)
expect 'another beam' rc=2 out='' err="--beam: the server at .* was started with '2'" -- "$dragoman" -b 3 in.txt
expect 'n-best' rc=2 out='' err='--n-best: the server at .* was started with .*' -- "$dragoman" -n 2 in.txt
expect 'another model' rc=2 out='' err="--model: the server at .* was started with '.*'" -- "$dragoman" -m "$fixtures/t5" in.txt
expect 'statistics' out_file=bare.txt err=any -- "$dragoman" --stats=json in.txt
check 'statistics: what this end counts' bash -c 'grep -q "^{\"lines\":5,\"words\":10,\"target_tokens\":[1-9].*\"mended\":1}$" .err'
expect 'statistics as text' out_file=bare.txt err=any -- "$dragoman" --stats in.txt
check 'statistics as text' grep -q '^dragoman: 5 lines, 10 words, .* mended 1; by a server$' .err
expect 'the settings in force' -- "$dragoman" --print-config --max-line 5K
check 'the settings in force: the server'"'"'s' grep -qx "beam = 2  # -*beam (the server at $socket)" .out
check 'the settings in force: ours' grep -qx 'max-line = 5K  # --max-line' .out
expect 'resuming' out='' err=any -- "$dragoman" in.txt -o resumed.txt --resume
check 'resuming: the same' cmp resumed.txt bare.txt
head -2 bare.txt >resumed.txt
sed -i 's/complete/going   /' resumed.txt.state
expect 'resuming in the middle' out='' err=any -- "$dragoman" in.txt -o resumed.txt --resume
check 'resuming in the middle: the same' cmp resumed.txt bare.txt
DRAGOMAN_SOCKET= expect 'resuming with other settings' rc=2 out='' err='resumed.txt.state: does not match: .*' -- "$dragoman" -m "$model" -b 3 in.txt -o resumed.txt --resume
expect 'what is kept' rc=2 out='' err="--keep: the server at .* was started with 'yes'" -- "$dragoman" --no-keep in.txt
expect 'no server there' rc=2 out='' err='.*none.sock: no server: No such file or directory' -- "$dragoman" --socket none.sock in.txt
expect 'a live socket' rc=2 out='' err='.*s.sock: in use' -- "$dragoman" serve -m "$model" --socket "$socket"
check 'and it is still there' [ -S "$socket" ]
printf 'text' >file
expect 'not a socket' rc=2 out='' err='file: exists and is not a socket' -- "$dragoman" serve -m "$model" --socket file
expect 'no directory' rc=2 out='' err='none/s: No such file or directory' -- "$dragoman" serve -m "$model" --socket none/s
DRAGOMAN_SOCKET= expect 'nothing to listen on' rc=2 out='' err='where to listen.*' -- "$dragoman" serve -m "$model"
if grep -q Seccomp /proc/$server/status && "$dragoman" --version | grep -q seccomp; then
    check 'it is in its sandbox' [ "$(cat /proc/$server/task/*/status | grep Seccomp: | sort -u)" = "$(printf 'Seccomp:\t2')" ]
fi

# Many at once, each with lines of its own; meanwhile one that says nothing and one that dies.
for i in $(seq 20); do
    for k in $(seq 15); do echo "A dog $i runs $k."; done >many.$i
done
DRAGOMAN_SOCKET= "$dragoman" "${opened[@]}" many.? many.?? >many.want 2>/dev/null
mkfifo pipe
"$dragoman" <pipe >idle.out &
idle=$!
exec 9>pipe
for i in $(seq 3000); do echo 'A dog runs on the beach.'; done >long.txt
"$dragoman" long.txt >dead.out 2>/dev/null &
dead=$!
clients=()
for i in $(seq 20); do "$dragoman" -q many.$i >many.got.$i & clients+=($!); done
await [ -s dead.out ]
kill -KILL $dead
wait "${clients[@]}"
check 'twenty at once' cmp many.want <(cat many.got.? many.got.??)
echo 'A dog runs.' >&9
await [ -s idle.out ]
check 'one that waits is answered when it speaks' [ "$(wc -l <idle.out)" -eq 1 ]
exec 9>&-
wait $idle
check 'and ends well' [ $? -eq 0 ]

# Nonsense on the socket harms nobody.
if command -v python3 >/dev/null; then
python3 - "$socket" <<'P' 2>/dev/null
import socket, struct, sys
for junk in (b'', b'\xff' * 100, struct.pack('<IB', 0, 0), struct.pack('<IBI', 5, 1, 99),
             struct.pack('<IBIII', 13, 1, 1, 0, 0) + struct.pack('<IBQI', 13, 3, 1, 0xffffffff)):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(5)
    s.connect(sys.argv[1])
    s.sendall(junk)
    s.shutdown(socket.SHUT_WR)
    while s.recv(65536):
        pass
P
fi
expect 'after nonsense' out_file=bare.txt err=any -- "$dragoman" in.txt

if command -v python3 >/dev/null; then
# More than it takes.
python3 - "$socket" "$work/full" <<'P' &
import os, socket, sys, time
held = []
for i in range(64):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    held.append(s)
for s in held:
    s.recv(16)
open(sys.argv[2], 'w').close()
time.sleep(2)
P
holder=$!
await [ -e full ]
expect 'too many' rc=2 out='' err='the server has 64 clients already: try again later' -- "$dragoman" in.txt
wait $holder
expect 'and then again' seconds=5 out_file=bare.txt err=any -- "$dragoman" in.txt
else
    echo "no python3: nonsense and too many clients are left out"
fi

# It stops while a client is at work: whole lines, and the client says so.
exec 8<>pipe # no end of input
"$dragoman" <pipe >cut.out 2>cut.err 9>&- 8>&- &
client=$!
head -5 long.txt >&8
await [ -s cut.out ]
kill -INT $server
check 'SIGINT' stopped INT
head -1 long.txt >&8
sleep 0.2
exec 8>&-
wait $client
check 'its client could not finish' [ $? -eq 1 ]
check 'its client has whole lines' [ "$(wc -l <cut.out)" -ge 1 ]
check 'its client says why' grep -q 'server' cut.err

# A socket that a killed server left is replaced.
serve "${opened[@]}"
kill -KILL $server
wait $server 2>/dev/null
check 'a stale socket is left' [ -S "$socket" ]
expect 'nobody listens' rc=2 out='' err='.*s.sock: no server: Connection refused' -- "$dragoman" in.txt
"$dragoman" serve "${opened[@]}" 2>server.err &
server=$!
servers+=($server)
answers() { "$dragoman" -q in.txt >stale.out 2>/dev/null; }
check 'it is replaced' await answers
check 'and answers' cmp stale.out bare.txt
kill -TERM $server
check 'SIGTERM again' stopped TERM
# Languages are the client's to choose.
serve -m "$fixtures/m2m100" -b 1 --max-length 12
want="$(DRAGOMAN_SOCKET= "$dragoman" -q -m "$fixtures/m2m100" -b 1 --max-length 12 --from de --to fr <<<'A dog runs.')"
expect 'languages' out="$want\\n" err=any -- "$dragoman" --from de --to fr <<<'A dog runs.'
expect 'another language' rc=2 out='' err="unknown target language 'xx'.*" -- "$dragoman" --from de --to xx <<<'A dog runs.'
kill -TERM $server
check 'the last one' stopped TERM
finish
