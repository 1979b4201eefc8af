# dragoman serve --http: what LibreTranslate's clients ask, the answers byte for byte those of the
# command; limits; nonsense; clients that leave; the end. Speaks HTTP through bash's /dev/tcp.
. "$(dirname "$0")/lib.sh"
model="$fixtures/marian"
opened=(-m "$model" -b 2 --max-length 8)
servers=()
trap 'kill "${servers[@]}" 2>/dev/null; rm -rf "$work"' EXIT
"$dragoman" serve "${opened[@]}" --http 127.0.0.1:0 --split paragraph >/dev/null 2>server.err
grep -q 'built without libmicrohttpd\|is not installed' server.err && skip "$(cat server.err)"

await() { # CONDITION...: for up to 10 s
    for _ in $(seq 200); do "$@" && return 0; sleep 0.05; done
    return 1
}
serve() { # OPTION...: a server, its process in $server, its port in $port
    rm -f server.err
    env --default-signal=INT,TERM,HUP "$dragoman" serve --http 127.0.0.1:0 "$@" 2>server.err &
    server=$!
    servers+=($server)
    await grep -qs 'listening on' server.err || fail "the server does not come: $(cat server.err)"
    port="$(sed -n 's/.*listening on http:.*:\([0-9]*\)$/\1/p' server.err)"
}
stop() { # SIGNAL: ends the server, which must die of it
    kill -"$1" $server
    wait $server 2>/dev/null
    [ $? -eq $((128 + $(kill -l "$1"))) ]
}
send() { # FILE OUT: the bytes of a request; what comes back
    exec 7<>"/dev/tcp/127.0.0.1/$port" || return
    cat "$1" >&7
    timeout 20 cat <&7 >"$2"
    exec 7>&- 7<&-
}
# ask NAME STATUS BODY METHOD PATH [TYPE FILE [HEADER]]: the answer's status and body
ask() {
    local name="$1" status="$2" body="$3" method="$4" path="$5" type="${6:-}" file="${7:-}"
    n_cases=$((n_cases + 1))
    {
        printf '%s %s HTTP/1.1\r\nHost: here\r\nConnection: close\r\n' "$method" "$path"
        [ -z "${8:-}" ] || printf '%s\r\n' "$8"
        [ -z "$type" ] || printf 'Content-Type: %s\r\nContent-Length: %d\r\n' "$type" "$(wc -c <"$file")"
        printf '\r\n'
        [ -z "$type" ] || cat "$file"
    } >request
    send request answer 2>/dev/null
    grep -q "^HTTP/1.1 $status " answer || fail "$name: not status $status: $(head -c 400 answer)"
    sed '1,/^\r$/d' answer >answer.body
    printf '%s\n' "$body" >wanted.body
    [ "$body" = any ] || cmp -s wanted.body answer.body ||
        fail "$name: not $body but $(head -c 400 answer.body)"
}
json() { # NAME STATUS BODY REQUEST [HEADER]
    printf '%s' "$4" >json
    ask "$1" "$2" "$3" POST /translate application/json json ${5:+"$5"}
}
form() { # NAME STATUS BODY REQUEST
    printf '%s' "$4" >form
    ask "$1" "$2" "$3" POST /translate application/x-www-form-urlencoded form
}
string() { # FILE: as a JSON string
    sed 's/\\/\\\\/g; s/"/\\"/g; s/\t/\\u0009/g; s/\r/\\u000d/g' "$1" | sed -z 's/\n/\\u000a/g; s/.*/"&"/'
}

# ---- starting -----------------------------------------------------------------------------------
for address in 5000 nowhere:5000 127.0.0.1 127.0.0.1:x 127.0.0.1:70000 '[::1:5000' ''; do
    expect "address '$address'" rc=2 out='' err='--http: must .*' -- "$dragoman" serve "${opened[@]}" --http "$address"
done
expect 'paragraphs' rc=2 out='' err='--split paragraph: not with --http, which keeps lines' -- "$dragoman" serve "${opened[@]}" --http :0 --split paragraph
expect 'no languages' rc=2 out='' err='--http: the model does not say what its languages are: add --from and --to' -- "$dragoman" serve -m "$fixtures/npz_postnorm" --http :0
expect 'no such language' rc=2 out='' err="unknown source language 'xx'; .*" -- "$dragoman" serve -m "$fixtures/m2m100" --http :0 --from xx
expect 'no key file' rc=2 out='' err='none: No such file or directory' -- "$dragoman" serve "${opened[@]}" --http :0 --api-key-file none
: >empty
expect 'no key' rc=2 out='' err='--api-key-file: empty: no key in it' -- "$dragoman" serve "${opened[@]}" --http :0 --api-key-file empty
expect 'nowhere to listen' rc=2 out='' err='where to listen.*' -- "$dragoman" serve "${opened[@]}"

# ---- what it answers -----------------------------------------------------------------------------
serve
expect 'a port that is taken' rc=2 out='' err="--http: .*: Address already in use" -- "$dragoman" serve -m none --http "127.0.0.1:$port"
ask 'languages' 200 '[{"code":"en","name":"English","targets":["de"]},{"code":"de","name":"German","targets":[]}]' GET /languages
ask 'health' 200 '{"status":"ok"}' GET /health
ask 'settings' 200 '{"apiKeys":false,"charLimit":-1,"filesTranslation":false,"frontendTimeout":500,"keyRequired":false,"language":{"source":{"code":"en","name":"English"},"target":{"code":"de","name":"German"}},"suggestions":false,"supportedFilesFormat":[]}' GET /frontend/settings
json 'one text' 200 '{"translatedText":"Gute Nacht!"}' '{"q":"Good night!","source":"en","target":"de"}'
json 'the fields of a usual client' 200 '{"alternatives":["Schöne Nacht!","Guten Nacht!"],"translatedText":"Gute Nacht!"}' '{"q":"Good night!","source":"en","target":"de","format":"text","alternatives":2,"api_key":"","secret":{"a":[1,null]}}'
json 'texts' 200 '{"translatedText":["Gute Nacht!","Ein Hund rennt am Strand."]}' '{"q":["Good night!","A dog runs on the beach."],"source":"en","target":"deu"}'
json 'auto' 200 '{"detectedLanguage":{"confidence":0,"language":"en"},"translatedText":"Gute Nacht!"}' '{"q":"Good night!","source":"auto","target":"de-DE"}'
json 'auto, texts, alternatives' 200 '{"alternatives":[["Schöne Nacht!"],[]],"detectedLanguage":[{"confidence":0,"language":"en"},{"confidence":0,"language":"en"}],"translatedText":["Gute Nacht!",""]}' '{"q":["Good night!",""],"source":"auto","target":"de","alternatives":"1"}'
form 'a form' 200 '{"translatedText":"Gute Nacht!\u000a50 %"}' 'q=Good+night%21%0a50+%+%2B%201&source=en&target=de&q=again'
ask 'in the URL' 200 '{"translatedText":"Gute Nacht!"}' POST '/translate?q=Good%20night!&source=en&target=de'
printf -- '--xyz\r\nContent-Disposition: form-data; name="q"\r\n\r\nGood night!\r\n--xyz\r\nContent-Disposition: form-data; name="source"\r\n\r\nen\r\n--xyz\r\nContent-Disposition: form-data; name="target"\r\n\r\nde\r\n--xyz--\r\n' >parts
ask 'multipart' 200 '{"translatedText":"Gute Nacht!"}' POST /translate 'multipart/form-data; boundary=xyz' parts
cat "$root"/data/sample/*.en | head -60 >sample.txt
printf '\xef\xbb\xbfA "dog" runs.\r\n\n  Two men.\tThey \\ talk.  \nlast' >odd.txt
for file in sample.txt odd.txt; do
    "$dragoman" $file 2>/dev/null >direct
    [ $file = sample.txt ] || truncate -s -1 direct # the command ends the last line
    printf '{"q":%s,"source":"en","target":"de"}' "$(string $file)" >json
    ask "$file" 200 "{\"translatedText\":$(string direct)}" POST /translate application/json json
done
check 'it is in its sandbox' bash -c '! "$0" --version | grep -q seccomp || [ "$(cat /proc/$1/task/*/status | grep Seccomp: | sort -u)" = "$(printf "Seccomp:\t2")" ]' "$dragoman" $server
stop TERM
check 'SIGTERM' [ $? -eq 0 ]

# A quick model with random weights from here on.
serve "${opened[@]}"
printf 'A dog runs.\n\nTwo men.  They talk.\r\n%s' "$(yes 'A dog runs on the beach,' | head -40 | tr '\n' ' ')" >in.txt
"$dragoman" "${opened[@]}" -q in.txt >direct
truncate -s -1 direct
printf '{"q":%s,"source":"en","target":"de"}' "$(string in.txt)" >json
ask 'lines of a long text' 200 any POST /translate application/json json
check 'the same text' grep -qF "{\"translatedText\":$(string direct)" answer.body
warnings="$("$dragoman" "${opened[@]}" in.txt 2>&1 >/dev/null | sed -n 's/^dragoman: in.txt:\([0-9]*\): \(.*\)$/"line \1: \2"/p' | paste -sd,)"
check 'and what befell it' grep -qF ",\"warnings\":[${warnings:-none}]}" answer.body

# ---- what it refuses -----------------------------------------------------------------------------
ok='"source":"en","target":"de"}'
json 'no q' 400 '{"error":"Invalid request: missing q parameter"}' "{$ok"
json 'an empty q' 400 '{"error":"Invalid request: missing q parameter"}' "{\"q\":\"\",$ok"
json 'an empty list' 400 '{"error":"Invalid request: missing q parameter"}' "{\"q\":[],$ok"
json 'q is null' 400 '{"error":"Invalid request: missing q parameter"}' "{\"q\":null,$ok"
json 'no source' 400 '{"error":"Invalid request: missing source parameter"}' '{"q":"a","target":"de"}'
json 'no target' 400 '{"error":"Invalid request: missing target parameter"}' '{"q":"a","source":"en"}'
json 'another source' 400 '{"error":"fr is not supported"}' '{"q":"a","source":"fr","target":"de"}'
json 'another target' 400 '{"error":"zz is not supported"}' '{"q":"a","source":"en","target":"zz"}'
json 'html' 400 '{"error":"html format is not supported"}' "{\"q\":\"a\",\"format\":\"html\",$ok"
json 'alternatives' 400 '{"error":"Invalid request: alternatives parameter is not a number"}' "{\"q\":\"a\",\"alternatives\":1e3,$ok"
json 'q is a number' 400 '{"error":"Invalid request: q must be a text or an array of texts"}' "{\"q\":5,$ok"
json 'q has a number' 400 '{"error":"Invalid request: q must be a text or an array of texts"}' "{\"q\":[\"a\",5],$ok"
json 'source is a list' 400 '{"error":"Invalid request: source must be a text"}' '{"q":"a","source":["en"],"target":"de"}'
json 'q twice' 400 '{"error":"Invalid request: q is given twice"}' "{\"q\":\"a\",\"q\":\"b\",$ok"
json 'not JSON' 400 "{\"error\":\"Invalid JSON format: byte 1: expected '{'\"}" 'q=a'
json 'a list' 400 "{\"error\":\"Invalid JSON format: byte 1: expected '{'\"}" '["a"]'
json 'nothing' 400 "{\"error\":\"Invalid JSON format: byte 1: expected '{'\"}" ''
json 'cut off' 400 '{"error":"Invalid JSON format: byte 11: a string is not closed"}' '{"q":"abcd'
json 'text after the end' 400 '{"error":"Invalid JSON format: byte 43: text after the end"}' '{"q":"abc","source":"en","target":"de"}   x'
json 'NUL' 400 '{"error":"Invalid JSON format: byte 14: a NUL or a lone surrogate in a string"}' "{\"q\":\"a\\u0000b\",$ok"
json 'half a surrogate' 400 '{"error":"Invalid JSON format: byte 13: a lone surrogate in a string"}' "{\"q\":\"\\ud83db\",$ok"
json 'not UTF-8' 400 '{"error":"Invalid JSON format: byte 8: not UTF-8"}' "{\"q\":\"a"$'\xff'"\",$ok"
json 'a control character' 400 '{"error":"Invalid JSON format: byte 8: a control character in a string"}' "{\"q\":\"a"$'\x01'"\",$ok"
json 'a huge number' 400 any "{\"q\":\"a\",\"alternatives\":$(printf '9%.0s' $(seq 500)),$ok"
json 'deep nesting' 400 any "{\"x\":$(printf '[%.0s' $(seq 100000)),$ok"
check 'deep nesting: why' grep -q 'nested too deeply' answer.body
form 'a form that is not UTF-8' 400 '{"error":"Invalid request: q is not UTF-8 at byte 2"}' 'q=a%ff&source=en&target=de'
form 'a form with NUL' 400 '{"error":"Invalid request: a NUL in q"}' 'q=a%00b&source=en&target=de'
printf 'q=a' >plain
ask 'another type' 400 any POST /translate text/plain plain
ask 'no parts' 400 any POST /translate 'multipart/form-data' parts
ask 'nowhere' 404 '{"error":"Not Found"}' GET /
ask 'to translate with GET' 405 '{"error":"Method Not Allowed"}' GET /translate
check 'what is allowed instead' grep -q $'^Allow: POST\r$' answer
ask 'to post to /health' 405 '{"error":"Method Not Allowed"}' POST /health text/plain plain
ask 'a web page' 403 '{"error":"web pages of http://evil.example may not use this server (--allow-origin)"}' GET /health '' '' 'Origin: http://evil.example'
head -c 1048577 /dev/zero | tr '\0' a >big
ask 'too long' 413 '{"error":"the request is longer than 1048576 bytes"}' POST /translate application/json big
{
    printf 'POST /translate HTTP/1.1\r\nHost: here\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n'
    cat big
    printf '\r\n0\r\n\r\n'
} >request
send request answer
check 'too long in chunks' grep -q '^HTTP/1.1 413 ' answer
# What is no HTTP, and what stops in the middle: nothing but the connection ends.
for junk in '\r\n\r\n' 'GET\r\n\r\n' 'GET / HTTP/9.9\r\n\r\n' 'POST /translate HTTP/1.1\r\nContent-Length: -5\r\n\r\n' \
    'POST /translate HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n' \
    'POST /translate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n' '\x16\x03\x01\x02\x00\x01\x00' \
    'POST /translate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"q":'; do
    exec 7<>"/dev/tcp/127.0.0.1/$port"
    printf "$junk" >&7 2>/dev/null
    exec 7>&- 7<&-
done
head -c 100000 /dev/urandom >noise
{ printf 'GET /'; head -c 60000 big; printf ' HTTP/1.1\r\n\r\n'; } >long_url
for file in noise long_url; do (send $file answer) 2>/dev/null; done
want="$("$dragoman" "${opened[@]}" -q <<<'A dog runs.')"
still() { json "$1" 200 any "{\"q\":\"A dog runs.\",$ok"; check "$1" grep -qF "\"translatedText\":\"$want\"" answer.body; }
still 'after nonsense'

# Several requests in one connection, sent before the first is answered.
printf '{"q":"A dog runs.",%s' "$ok" >json
n="$(wc -c <json)"
{
    for _ in 1 2 3; do
        printf 'POST /translate HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n' "$n"
        cat json
    done
    printf 'GET /health HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n'
} >request
send request answer
check 'pipelined: every one answered' [ "$(grep -c '^HTTP/1.1 200 ' answer)" -eq 4 ]
check 'pipelined: three translations' [ "$(grep -oF "\"translatedText\":\"$want\"" answer | wc -l)" -eq 3 ]
check 'pipelined: in order' [ "$(tail -1 answer)" = '{"status":"ok"}' ]

# Many at once: each has its own lines, and all are those of the command.
for i in $(seq 20); do for k in $(seq 5); do echo "A dog $i runs $k."; done >many.$i; done
"$dragoman" "${opened[@]}" -q many.? many.?? >many.want
client() { # NUMBER
    printf '{"q":%s,"source":"en","target":"de"}' "$(string many.$1)" >many.json.$1
    {
        printf 'POST /translate HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n' "$(wc -c <many.json.$1)"
        cat many.json.$1
    } >many.request.$1
    send many.request.$1 many.answer.$1
}
clients=()
for i in $(seq 20); do client $i & clients+=($!); done
wait "${clients[@]}"
# What random weights say needs no unescaping but for the line ends.
for answer in many.answer.? many.answer.??; do
    sed -n 's/^{"translatedText":"\([^"]*\)".*/\1/p' $answer | sed 's/\\u000a/\n/g' | sed '$d'
done >many.got
check 'twenty at once' cmp many.want many.got

# Clients that leave: their work is dropped, and nothing is left of them.
for _ in $(seq 20000); do echo 'A dog runs on the beach.'; done >long.txt
printf '{"q":%s,"source":"en","target":"de"}' "$(string long.txt)" >long.json
{
    printf 'POST /translate HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n' "$(wc -c <long.json)"
    cat long.json
} >long.request
for _ in 1 2 3; do
    exec 7<>"/dev/tcp/127.0.0.1/$port"
    cat long.request >&7
    sleep 0.2
    exec 7>&- 7<&-
done
still 'after clients that left'
idle() { [ "$(ls /proc/$server/task | wc -l)" -le "$n_threads" ] && [ "$(ls /proc/$server/fd | wc -l)" -le "$n_files" ]; }
n_threads="$(ls /proc/$server/task | wc -l)" n_files="$(ls /proc/$server/fd | wc -l)"
for _ in $(seq 100); do
    exec 7<>"/dev/tcp/127.0.0.1/$port"
    printf 'POST /translate HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n{"q":' >&7
    exec 7>&- 7<&-
done
check 'no thread and no descriptor is lost' await idle

# The end: what is under way is answered, nobody else is let in, and then it dies of the signal.
for _ in $(seq 300); do echo 'A dog runs on the beach.'; done >some.txt
"$dragoman" "${opened[@]}" -q some.txt >some.want
printf '{"q":%s,"source":"en","target":"de"}' "$(string some.txt)" >json
{
    printf 'POST /translate HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n' "$(wc -c <json)"
    cat json
} >request
exec 6<>"/dev/tcp/127.0.0.1/$port" # one that says nothing
send request last.answer &
client=$!
sleep 0.1 # it has the request, and not yet its answer
kill -INT $server
wait $server 2>/dev/null
check 'SIGINT' [ $? -eq 130 ]
wait $client
exec 6>&- 6<&-
check 'the last request is answered' grep -qF "\"translatedText\":$(string some.want)" last.answer
check 'and the port is free' bash -c '! exec 7<>"/dev/tcp/127.0.0.1/$1"' _ "$port" 2>/dev/null

# A stop that takes longer than it may.
serve "${opened[@]}" -t 1
(send long.request over.answer) &
client=$!
sleep 0.5
start=$EPOCHREALTIME
stop TERM
check 'SIGTERM in the middle of long work' [ $? -eq 0 ]
took=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
check "within its time: $took ms" [ $took -le 9000 ]
wait $client
check 'who waited is told' bash -c 'grep -q "^HTTP/1.1 503 " over.answer && grep -qx "{\"error\":\"the server is stopping\"}" over.answer || grep -q "^HTTP/1.1 200 " over.answer'

# ---- limits ---------------------------------------------------------------------------------------
printf '# who may\nsesame\n\nopen\r\n' >keys
serve "${opened[@]}" --api-key-file keys --max-characters 20 --max-texts 3 --max-request 1K --max-rate 5 \
    --allow-origin https://a.example --timeout 1 --max-connections 3 --max-queue 1
json 'no key' 400 '{"error":"Please contact the server operator to get an API key"}' "{\"q\":\"A dog runs.\",$ok"
json 'a wrong key' 403 '{"error":"Invalid API key"}' "{\"q\":\"A dog runs.\",\"api_key\":\"sesam\",$ok"
json 'a key' 200 any "{\"q\":\"A dog runs.\",\"api_key\":\"sesame\",$ok"
json 'many characters' 400 '{"error":"Invalid request: request (21) exceeds text limit (20)"}' "{\"q\":[\"äöü3456789\",\"01234567890\"],\"api_key\":\"sesame\",$ok"
json 'many texts' 400 '{"error":"Invalid request: request (5) exceeds text limit (3)"}' "{\"q\":[\"a\",\"b\",\"c\",\"d\",\"e\"],\"api_key\":\"sesame\",$ok"
head -c 1025 big >longer
ask 'a long request' 413 '{"error":"the request is longer than 1024 bytes"}' POST /translate application/json longer
ask 'settings with limits' 200 any GET /frontend/settings
check 'settings with limits' grep -q '"apiKeys":true,"charLimit":20,.*"keyRequired":true' answer.body
for _ in 1 2; do json 'still' 200 any "{\"q\":\"A dog runs.\",\"api_key\":\"sesame\",$ok"; done
json 'too fast' 429 '{"error":"Slowdown: 5 per minute"}' "{\"q\":\"A dog runs.\",\"api_key\":\"sesame\",$ok"
check 'too fast: when to come again' grep -qE $'^Retry-After: ([1-9]|1[0-3])\r$' answer
json 'another client' 200 any "{\"q\":\"A dog runs.\",\"api_key\":\"open\",$ok"
json 'a page that may' 200 any "{\"q\":\"A dog runs.\",\"api_key\":\"open\",$ok" 'Origin: https://a.example'
check 'a page that may read it' grep -q $'^Access-Control-Allow-Origin: https://a.example\r$' answer
json 'a page that may not' 403 any "{\"q\":\"A dog runs.\",\"api_key\":\"open\",$ok" 'Origin: null'
ask 'before it posts' 204 any OPTIONS /translate '' '' 'Origin: https://a.example'
check 'before it posts' grep -q $'^Access-Control-Allow-Headers: Content-Type\r$' answer

# A client that sends byte by byte, and one that never says anything: they are cut off.
start=$EPOCHREALTIME
exec 7<>"/dev/tcp/127.0.0.1/$port"
(for _ in $(seq 30); do printf 'G' >&7 || exit; sleep 0.2; done) 2>/dev/null &
slow=$!
timeout 20 cat <&7 >slow.answer
took=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
exec 7>&- 7<&-
check "a slow head is cut off: $took ms" [ $took -ge 900 -a $took -le 5000 ]
kill $slow 2>/dev/null
start=$EPOCHREALTIME
exec 7<>"/dev/tcp/127.0.0.1/$port"
printf 'POST /translate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{' >&7
(for _ in $(seq 30); do printf ' ' >&7 || exit; sleep 0.2; done) 2>/dev/null &
slow=$!
timeout 20 cat <&7 >slow.answer
took=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
exec 7>&- 7<&-
check "a slow body is cut off: $took ms" [ $took -ge 900 -a $took -le 5000 ]
kill $slow 2>/dev/null
# More connections than it takes.
exec 3<>"/dev/tcp/127.0.0.1/$port" 4<>"/dev/tcp/127.0.0.1/$port" 5<>"/dev/tcp/127.0.0.1/$port"
ask 'one connection more' 503 '{"error":"too many connections: try again later"}' GET /health
check 'when to come again' grep -q $'^Retry-After: 1\r$' answer
exec 3>&- 4>&- 5>&- 3<&- 4<&- 5<&-
healthy() { ask 'again' 200 '{"status":"ok"}' GET /health; grep -q '200 OK' answer; }
sleep 0.3
check 'and then again' healthy
stop HUP
check 'SIGHUP' [ $? -eq 0 ]

# More requests than wait.
serve "${opened[@]}" -t 1 --max-queue 1
exec 6<>"/dev/tcp/127.0.0.1/$port"
cat long.request >&6
sleep 0.5
json 'one request more' 503 '{"error":"too many requests at once: try again later"}' "{\"q\":\"A dog runs.\",$ok"
check 'one request more: when to come again' grep -q $'^Retry-After: 1\r$' answer
exec 6>&- 6<&-
free() { json 'the place is free' 200 any "{\"q\":\"A dog runs.\",$ok" >/dev/null; grep -q '200 OK' answer; }
sleep 0.5
check 'who left gives its place back' free
stop TERM

# ---- other models, other addresses -----------------------------------------------------------------
serve -m "$fixtures/m2m100" -b 1 --max-length 12 --from en --to de
m2m="$("$dragoman" -q -m "$fixtures/m2m100" -b 1 --max-length 12 --from de --to fr <<<'A dog runs.')"
check 'there is something to compare' [ -n "$m2m" ]
json 'the languages of a request' 200 any '{"q":"A dog runs.","source":"deu","target":"fr-FR"}'
check 'the languages of a request' grep -qF "\"translatedText\":\"$m2m\"" answer.body
json 'auto is --from' 200 any '{"q":"A dog runs.","source":"auto","target":"fr"}'
check 'auto is --from' grep -qF '"detectedLanguage":{"confidence":0,"language":"en"}' answer.body
stop TERM
serve -m "$fixtures/m2m100" -b 1 --max-length 12
json 'no languages at the start' 200 any '{"q":"A dog runs.","source":"de","target":"fr"}'
check 'no languages at the start' grep -qF "\"translatedText\":\"$m2m\"" answer.body
json 'auto of many' 400 '{"error":"auto is not supported: this server does not detect languages, and its model has many"}' '{"q":"A dog runs.","source":"auto","target":"fr"}'
ask 'many languages' 200 any GET /languages
check 'many languages' grep -q '{"code":"zh","name":"Chinese","targets":\["af",' answer.body
stop TERM
serve -m "$fixtures/marian_swish_multi" -b 1 --max-length 4
ask 'one source, two targets' 200 '[{"code":"en","name":"English","targets":["de","fr"]},{"code":"de","name":"German","targets":[]},{"code":"fr","name":"French","targets":[]}]' GET /languages
json 'a target of them' 200 any '{"q":"A dog runs.","source":"en","target":"fr"}'
stop TERM
serve "${opened[@]}" --http 0.0.0.0:0
check 'an open address is warned of' grep -q 'whoever can reach this address may use it (--api-key-file), and nothing is encrypted' server.err
still 'an open address'
stop TERM
if [ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6; then
    "$dragoman" serve "${opened[@]}" --http '[::1]:0' 2>server.err &
    server=$!
    servers+=($server)
    check 'IPv6' await grep -q 'listening on http://\[::1\]:' server.err
    kill $server
    wait $server 2>/dev/null
fi

# Both kinds of clients at once.
serve "${opened[@]}" --socket "$work/both.sock" --quiet
check 'the port is told even so' [ -n "$port" ]
still 'HTTP beside a socket'
expect 'a socket beside HTTP' out_file=many.want -- "$dragoman" --socket "$work/both.sock" -q many.? many.??
stop TERM
check 'both end' [ ! -e both.sock ]
finish
