# --print-config: every value in force, once, and where it came from.
. "$(dirname "$0")/lib.sh"
config="$XDG_CONFIG_HOME/dragoman/config"
printf 'split = none\nrepetition-penalty = 1.5\n' >"$config"

cat >want <<END
model = $fixtures/marian  # --model
precision = f32  # --precision
model-format = auto  # default
cpu = scalar  # DRAGOMAN_CPU
sha256 = the model's SHA256SUMS, if it has one  # default
sandbox = auto  # default
from = what the model says  # default
to = what the model says  # default
via = none  # default
format = auto  # default
column = 2  # --column
field = text  # default
nul = no  # default
pieces = no  # default
split = none  # $config
max-line = 16M  # default
strict = no  # default
keep = yes  # default
protect = [A-Z]+ x  # --protect
terms = none  # default
forbid = none  # default
prefix = none  # default
prefix-column = none  # default
beam = 5  # --n-best
n-best = 5  # --n-best
max-length = 39  # generation_config.json
min-length = 3  # DRAGOMAN_MIN_LENGTH
max-length-ratio = 0  # default
length-penalty = 0.5  # --length-penalty
word-penalty = 0  # default
stop = exhaustive  # --stop
compat = ct2  # --compat
no-repeat-ngram = 0  # default
repetition-penalty = 1.5  # $config
loop-guard = no  # compat
sample = no  # default
top-k = 0  # default
top-p = 1  # default
temperature = 1  # default
seed = 0  # default
shortlist = none  # default
output = standard output  # default
force = no  # default
resume = no  # default
score = yes  # --score
threads = 2  # --threads
batch = chosen by load  # default
max-memory = no limit  # default
cache = none  # default
quiet = no  # default
progress = no  # default
stats = no  # default
token-scores = no  # default
align = no  # default
socket = none  # default
renormalize_logits = false  # default
banned_tokens = 900  # generation_config.json
eos_token_id = 0  # generation_config.json
decoder_start_token_id = 900  # generation_config.json
forced_bos_token_id = none  # default
forced_eos_token_id = 0  # generation_config.json
END
expect 'translate' out_file=want -- env DRAGOMAN_CPU=scalar DRAGOMAN_MIN_LENGTH=3 "$dragoman" --print-config -m "$fixtures/marian" --precision f32 --column 2 --protect '[A-Z]+' --protect x --n-best 5 --length-penalty .5 --stop exhaustive --compat ct2 --score -t 2
check 'no name twice' test -z "$(sed 's/ =.*//' .out | sort | uniq -d)"
rm "$config"
expect 'what is said of scoring' -- "$dragoman" score --print-config -t 2
check 'only its options' test "$(sed -n 's/ = .*//p' .out | tr '\n' ' ')" = 'model precision model-format cpu sha256 sandbox from to nul pieces max-line strict length-penalty word-penalty compat output force threads batch max-memory quiet progress stats token-scores renormalize_logits banned_tokens eos_token_id decoder_start_token_id forced_bos_token_id forced_eos_token_id '
expect 'the default model' -- bash -c 'cd "$1" && readlink -f "$("$0" --print-config | sed -n "s/^model = \(.*\)  # default$/\1/p")"' "$dragoman" "$work"
check 'the default model' test "$(cat .out)" = "$(readlink -f "$root/data/en-de")"
expect 'given and the same as the default' out='compat = hf  # --compat\nloop-guard = yes  # DRAGOMAN_LOOP_GUARD\n' -- bash -c 'DRAGOMAN_LOOP_GUARD=1 "$0" --compat model --print-config | grep -E "^(compat|loop-guard)"' "$dragoman"
finish
