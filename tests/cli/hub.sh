# dragoman get, models, remove and -m NAME against a hub of our own (tests/hub/server.py): what is
# fetched and what is not, resumption, checks, and each way in which a hub or a disk can fail.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip 'no python3'

python3 "$root/tests/hub/server.py" "$work" 2>"$work/server.err" &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$work"' EXIT
for _ in $(seq 100); do [ -e "$work/ports" ] && break; sleep 0.1; done
read -r hub storage <"$work/ports" || exit 1
export HF_ENDPOINT="http://127.0.0.1:$hub"
unset HF_TOKEN HF_HUB_OFFLINE http_proxy https_proxy HTTPS_PROXY ALL_PROXY all_proxy
export NO_PROXY='*'
models="$XDG_DATA_HOME/dragoman/models"
mega=1048576
size=$((3 * mega + 5000 + 24 + 2 + 42)) # of the files of most models

if ! "$dragoman" get plain >"$work/first" 2>&1 && grep -q 'cannot download' "$work/first"; then
    skip "$(cat "$work/first")"
fi
rm -rf "$models"

# What was asked of the server since the last call: "WHERE FILE RANGE TOKEN IF-RANGE" in order.
requests() {
    sed -E 's|^hub /api/models/.*|listing|; s|^(\w+) /.*/([^/?]+)(\?\S*)?( .*)$|\1 \2\4|' "$work/log"
    : >"$work/log"
}
# The lines of standard error without ports and without libcurl's own words.
notes() { sed -E 's/127\.0\.0\.1:[0-9]+: .*: trying again/HOST: trying again/; s/127\.0\.0\.1:[0-9]+/HOST/g' "$work/.err"; }
same() { # name, wanted (%b), found
    n_cases=$((n_cases + 1))
    [ "$(printf '%b' "$2")" = "$3" ] || fail "$1: wanted:
$(printf '%b' "$2")
found:
$3"
}
# Everything in a directory with its digest, so that a change of any byte shows.
digests() { (cd "$1" && ls -A | grep -v '^\.hub\.json$' | xargs sha256sum | cut -c1-12,65-); }
: >"$work/log"

expect 'nothing installed' err='no models are installed; .dragoman get OWNER/NAME. fetches one' out='' -- "$dragoman" models
expect 'which model' rc=2 out='' err='get: which model\? .*' -- "$dragoman" get
expect 'a model of a name' out="$models/test--good\n" -- "$dragoman" get test/good
same 'only what is needed' 'config.json
model.safetensors
source.spm
tokenizer_config.json
vocab.json' "$(ls "$models/test--good")"
same 'each once, large ones from the storage, nothing twice' 'listing
hub config.json - - -
hub source.spm - - -
storage source.spm - - -
hub vocab.json - - -
hub tokenizer_config.json - - -
hub model.safetensors - - -
storage model.safetensors - - -' "$(requests)"
same 'nothing is left over' '.\n..\ntest--good' "$(ls -a "$models")"
good="$(digests "$models/test--good")"
expect 'again: only the listing' out="$models/test--good\n" err='test/good: already there' -- "$dragoman" get test/good
same 'again: one request' 'listing' "$(requests)"

expect 'models' out="test/good\t$size\tmarian\ten-de\n" -- "$dragoman" models
expect 'models, JSON' out='{"name":"test/good","bytes":'$size',"family":"marian","languages":"en-de"}\n' -- "$dragoman" models --json
expect 'without an owner' out="$models/plain\n" -- "$dragoman" get plain
expect 'a model that has moved' out="$models/old-name\n" -- "$dragoman" get old-name
expect 'a tag' out="$models/test--good@v1.0\n" -- "$dragoman" get test/good@v1.0
expect 'a branch with slashes' out="$models/test--good@refs--pr--1\n" -- "$dragoman" get test/good@refs/pr/1
same 'its slashes are encoded' 1 "$(grep -c 'revision/refs%2Fpr%2F1' "$work/log")"
expect 'models, sorted' out="old-name\t$size\tmarian\ten-de\nplain\t$size\tmarian\ten-de\ntest/good\t$size\tmarian\ten-de\ntest/good@refs/pr/1\t$size\tmarian\ten-de\ntest/good@v1.0\t$size\tmarian\ten-de\n" -- "$dragoman" models
expect 'several at once' out="$models/test--shards\n$models/test--torch\n" -- "$dragoman" get test/shards test/torch
same 'all shards, no pickle' 'config.json
model-00001-of-00002.safetensors
model-00002-of-00002.safetensors
model.safetensors.index.json
source.spm
tokenizer_config.json
vocab.json' "$(ls "$models/test--shards")"
same 'the pickle where there is nothing else, and an empty file' 'config.json
empty.model
pytorch_model.bin
source.spm
tokenizer_config.json
vocab.json' "$(ls "$models/test--torch")"
expect 'tokenizer.json without pieces' out="$models/test--t5\n" -- "$dragoman" get test/t5
same 'tokenizer.json without pieces' 'config.json\nmodel.safetensors\ntokenizer.json' "$(ls "$models/test--t5")"

# Removing.
expect 'remove' err='old-name: removed' out='' -- "$dragoman" remove old-name
expect 'remove what is not there' rc=2 err='old-name: no installed model of that name' -- "$dragoman" remove old-name
expect 'remove: only names' rc=2 err='\.\./\.\.: no installed model of that name' -- "$dragoman" remove ../..
expect 'remove several' err=any -- "$dragoman" remove plain test/good@v1.0 test/good@refs/pr/1 test/t5 test/shards test/torch
ln -s "$models/test--good" "$models/test--link"
expect 'remove a link, not its target' err='test/link: removed' -- "$dragoman" remove test/link
same 'what is left' '.\n..\ntest--good' "$(ls -a "$models")"
same 'the target of the link' "$good" "$(digests "$models/test--good")"
expect 'remove by the short name' err='test/good: removed' -- "$dragoman" remove good
requests >/dev/null

# Resumption.
expect 'cut twice' out="$models/test--cut\n" err=any -- "$dragoman" get test/cut
same 'cut twice: goes on' "listing
hub config.json - - -
hub source.spm - - -
storage source.spm - - -
hub vocab.json - - -
hub tokenizer_config.json - - -
hub model.safetensors - - -
storage model.safetensors - - -
hub model.safetensors $mega- - if-range
storage model.safetensors $mega- - if-range
hub model.safetensors $((2 * mega))- - if-range
storage model.safetensors $((2 * mega))- - if-range" "$(requests)"
same 'cut twice: says so' 'dragoman: http://HOST: trying again
dragoman: http://HOST: trying again' "$(notes)"
same 'cut twice: whole' "$good" "$(digests "$models/test--cut")"
expect 'cut, no ranges' out="$models/test--norange\n" err=any -- "$dragoman" get test/norange
same 'cut, no ranges: whole' "$good" "$(digests "$models/test--norange")"
expect 'changed between the parts' out="$models/test--changed\n" err=any -- "$dragoman" get test/changed
same 'changed between the parts: whole' "$good" "$(digests "$models/test--changed")"
expect 'busy' out="$models/test--busy\n" err=any -- "$dragoman" get test/busy
same 'busy: says so' 'dragoman: test/busy: listing: the server answered 503: trying again' "$(notes)"
requests >/dev/null

part="$models/.test--good.part"
mkdir "$part"
head -c 2000000 "$models/test--cut/model.safetensors" >"$part/model.safetensors.part"
cp "$models/test--cut/source.spm" "$part/"
echo old >"$part/vocab.json"
echo stray >"$part/stray.bin"
expect 'an earlier run' out="$models/test--good\n" -- "$dragoman" get test/good
same 'an earlier run: what is there is not fetched' 'listing
hub config.json - - -
hub vocab.json - - -
hub tokenizer_config.json - - -
hub model.safetensors 2000000- - -
storage model.safetensors 2000000- - -' "$(requests)"
same 'an earlier run: whole, no strays' "$good" "$(digests "$models/test--good")"
rm -rf "$models/test--good"
mkdir "$part"
head -c 2000000 /dev/zero >"$part/model.safetensors.part"
expect 'a part of something else' out="$models/test--good\n" err='model.safetensors: what was there is not part of it: from the start' -- "$dragoman" get test/good
same 'a part of something else: whole' "$good" "$(digests "$models/test--good")"
rm -rf "$models/test--good"
mkdir "$part"
cat "$models/test--cut/model.safetensors" "$models/test--cut/vocab.json" >"$part/model.safetensors.part"
expect 'a part that is too long' out="$models/test--good\n" -- "$dragoman" get test/good
same 'a part that is too long: whole' "$good" "$(digests "$models/test--good")"
mkdir "$models/.test--oddrange.part"
head -c 2000000 "$models/test--cut/model.safetensors" >"$models/.test--oddrange.part/model.safetensors.part"
expect 'another part than asked' out="$models/test--oddrange\n" err='model.safetensors: cannot go on from what is there: from the start' -- "$dragoman" get test/oddrange
same 'another part than asked: whole' "$good" "$(digests "$models/test--oddrange")"
mkdir "$models/.test--shrunk.part"
head -c 2000000 "$models/test--cut/model.safetensors" >"$models/.test--shrunk.part/model.safetensors.part"
expect 'status 416' rc=2 out='' err=any -- "$dragoman" get test/shrunk
same 'status 416: from the start, and too short' "dragoman: model.safetensors: cannot go on from what is there: from the start
dragoman: model.safetensors: ends after $mega bytes, the hub lists $((3 * mega)): trying again
dragoman: model.safetensors: ends after $mega bytes, the hub lists $((3 * mega))" "$(notes)"

# Wrong files.
expect 'wrong digest' rc=2 out='' err='source.spm: SHA-256 is [0-9a-f]{16}\.\.\., the hub lists [0-9a-f]{16}\.\.\.' -- "$dragoman" get test/wrong
same 'wrong digest: nothing kept' 'config.json' "$(ls "$models/.test--wrong.part")"
expect 'too short' rc=2 out='' err=any -- "$dragoman" get test/short
expect 'too long' rc=2 out='' err="model.safetensors: longer than the $((3 * mega)) bytes that the hub lists" -- "$dragoman" get test/long
for n in 1 2 3 4 5; do
    expect "hostile name $n" rc=2 out='' err="test/evil$n: refused: the listing has a file called '.*'" -- "$dragoman" get test/evil$n
done
same 'hostile names: nothing written' '' "$(find "$work" /tmp -maxdepth 2 -name 'evil.spm' 2>/dev/null)"
expect 'no weights' rc=2 err='test/none: no weights in a format that dragoman reads .*' -- "$dragoman" get test/none
expect 'a shard is missing' rc=2 err='test/lostshard: model-00001-of-00002.safetensors is missing' -- "$dragoman" get test/lostshard
expect 'not a listing' rc=1 err="test/odd: the hub's answer is not a model's listing" -- "$dragoman" get test/odd
expect 'not JSON' rc=1 err="test/notjson: the hub's answer is not a model's listing" -- "$dragoman" get test/notjson
expect 'no digests' rc=1 err="test/nodigest: the hub's listing has no size or digest of config.json" -- "$dragoman" get test/nodigest
expect 'an endless listing' rc=1 err="the hub's listing is larger than 4 MiB" -- "$dragoman" get test/big

# Names and access.
at="on $HF_ENDPOINT"
expect 'no such model' rc=2 out='' err="test/missing: no such model $at" -- "$dragoman" get test/missing
expect 'no such revision' rc=2 err="test/good: no revision 'v9' $at" -- "$dragoman" get test/good@v9
expect 'needs a token' rc=2 err="test/private: no such model $at, or one that needs a token \(HF_TOKEN\)" -- "$dragoman" get test/private
HF_TOKEN=wrong expect 'a wrong token' rc=2 err="test/private: no such model $at, or HF_TOKEN does not open it" -- "$dragoman" get test/private
HF_TOKEN=$'a\nb' expect 'a token that adds a line' rc=2 err='HF_TOKEN has characters that no token has' -- "$dragoman" get test/private
requests >/dev/null
HF_TOKEN=hf_secret expect 'a token' out="$models/test--private\n" -- "$dragoman" get test/private
same 'the token goes to the hub alone' 'listing
hub config.json - token -
hub source.spm - token -
storage source.spm - - -
hub vocab.json - token -
hub tokenizer_config.json - token -
hub model.safetensors - token -
storage model.safetensors - - -' "$(requests)"
check 'the token is not kept' bash -c '! grep -rq hf_secret "$1"' _ "$XDG_DATA_HOME"
expect 'gated' rc=2 err="test/gated: access is granted on request: see $HF_ENDPOINT/test/gated, then set HF_TOKEN" -- "$dragoman" get test/gated
for name in a/b/c /a a/ ../b a..b a--b a/-b '' 'a b' a@ a@../b; do
    expect "not a name: $name" rc=2 out='' err='.*: not (the name of a model|a revision).*' -- "$dragoman" get "$name"
done
expect 'endless redirects' rc=1 err="$HF_ENDPOINT/test/loop/resolve/[0-9a-f]{40}/model.safetensors: too many redirects" -- "$dragoman" get test/loop
expect 'a redirect to a file' rc=1 err="$HF_ENDPOINT/test/away/resolve/.*: refused a redirect to file:///etc/passwd" -- "$dragoman" get test/away
HF_ENDPOINT=ftp://x expect 'not an address' rc=2 err="HF_ENDPOINT is not an http or https address: 'ftp://x'" -- "$dragoman" get test/good
HF_ENDPOINT="$HF_ENDPOINT/" expect 'a slash at the end' err='test/good: already there' -- "$dragoman" get test/good

# Connections that never come.
expect 'dead' rc=1 out='' err=any -- "$dragoman" get test/dead
same 'dead: five attempts' 5 "$(wc -l <"$work/.err")"
HF_HUB_OFFLINE=1 expect 'offline, there' out="$models/test--good\n" err='test/good: already there' -- "$dragoman" get test/good
HF_HUB_OFFLINE=1 expect 'offline, not there' rc=2 err='test/dead: not installed, and HF_HUB_OFFLINE is set' -- "$dragoman" get test/dead
NO_PROXY='' no_proxy='' http_proxy="http://127.0.0.1:$storage" expect 'through a proxy' rc=2 err=any -- "$dragoman" get test/shards
check 'the proxy was asked' grep -q "storage http://127.0.0.1:$hub/api/models/test/shards" "$work/log"
mkdir bad && : >bad/libcurl.so.4 && : >bad/libcurl-gnutls.so.4
LD_LIBRARY_PATH=bad expect 'without libcurl' rc=1 err='cannot download: libcurl.so.4 is not installed .*' -- "$dragoman" get test/good

# The disk.
expect 'does not fit' rc=1 err="$models/.test--huge.part: No space left on device: [0-9.]+ MB needed, [0-9.]+ MB free" -- "$dragoman" get test/huge
rm -rf "$models/test--good"
expect 'full on the way' rc=1 out='' err="$models/.test--good.part/model.safetensors.part: File too large" -- bash -c "ulimit -f 2048; exec '$dragoman' get test/good"
requests >/dev/null
expect 'full on the way, then room' out="$models/test--good\n" -- "$dragoman" get test/good
same 'full on the way: goes on' "listing\nhub model.safetensors $((2 * mega))- - -\nstorage model.safetensors $((2 * mega))- - -" "$(requests)"
mkdir small
if unshare -rm true 2>/dev/null; then
    expect 'full disk' rc=1 out='' err='.*(No space left on device|another dragoman).*' -- unshare -rm bash -c "mount -t tmpfs -o size=1m none small && mkdir small/dragoman && XDG_DATA_HOME='$work/small' '$dragoman' get test/good"
fi
echo x >file
XDG_DATA_HOME="$work/file" expect 'the store is a file' rc=1 err="$work/file/dragoman: Not a directory" -- "$dragoman" get test/good
HOME='' XDG_DATA_HOME='' expect 'no home' rc=2 err='no place for models: neither HOME nor XDG_DATA_HOME is set' -- "$dragoman" get test/good
expect 'path to /dev/full' rc=1 err='standard output: No space left on device' -- bash -c "'$dragoman' get -q test/good >/dev/full"

# A newer version replaces the old one, and brings only what has changed.
expect 'version 1' out="$models/test--update\n" -- "$dragoman" get test/update
echo 2 >"$work/version"
requests >/dev/null
expect 'version 2' out="$models/test--update\n" -- "$dragoman" get test/update
same 'version 2: only what has changed' 'listing\nhub config.json - - -' "$(requests)"
same 'version 2: is there' '{"model_type": "marian", "v": 2}' "$(cat "$models/test--update/config.json")"
same 'version 2: nothing is left over' '' "$(ls -d "$models"/.test--update* 2>/dev/null)"
mkdir "$models/.plain.part"
expect 'two at once' rc=1 out='' err='plain: another dragoman is fetching it' -- flock "$models/.plain.part" "$dragoman" get plain

# A bar where there is a terminal: percent, rate, time left, file; gone at the end.
if command -v script >/dev/null; then
    rm -rf "$models/test--cut"
    script -qec "'$dragoman' get test/good test/cut" /dev/null >terminal </dev/null
    check 'a progress bar' bash -c "tr '\\r' '\\n' <terminal | grep -Eq '(100|[ 0-9]{2}[0-9])% \\[#+ *\\] [0-9.]+ MB/s, [0-9]+:[0-9]{2} left, model.safetensors'"
    check 'a progress bar: gone' bash -c "tr '\\r' '\\n' <terminal | grep -A1 '100%' | tail -1 | grep -q 'K/.*models/test--good'"
fi

# -m NAME.
cp -r "$fixtures/marian" "$models/test--tiny"
"$dragoman" -q -m "$fixtures/marian" <<<'A dog.' >want
for name in test/tiny tiny; do
    expect "-m $name" out_file=want -- "$dragoman" -q -m $name <<<'A dog.'
done
expect 'a model that is not there' rc=2 out='' err='nobody/nothing: No such file or directory, and no installed model of that name .*' -- "$dragoman" info nobody/nothing
expect 'a short name that two have' rc=2 out='' err='good: several models are called so: .*' -- bash -c "cp -r '$models/test--good' '$models/other--good' && exec '$dragoman' info good"
finish
