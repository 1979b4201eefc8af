# convert --calibrate: int8 weights chosen by what a model computes while it translates a text.
. "$(dirname "$0")/lib.sh"
marian="$fixtures/marian"
head -15 "$root"/data/sample/*.en | grep -v '^==>' >text.txt
head -5 text.txt >in.txt

expect 'convert --calibrate' out= -- "$dragoman" convert "$marian" calibrated --calibrate text.txt
expect 'info --check of it' out='ok\n' -- "$dragoman" info --check calibrated
expect 'it translates' err=any -- "$dragoman" -m calibrated in.txt
check 'it translates: each line' test "$(wc -l <.out)" -eq 5
"$dragoman" convert "$marian" rounded
check 'it has other weights' bash -c '! cmp -s calibrated/model.safetensors rounded/model.safetensors'
check 'and factors of the inputs' bash -c 'grep -aq fc1.weight.smooth calibrated/model.safetensors && ! grep -aq smooth rounded/model.safetensors'

# The same bytes again: from a pipe, on any instruction set, with the line ends of another system.
expect 'again, from a pipe' out= -- bash -c '"$0" convert --int8 "$1" again --calibrate <(cat text.txt)' "$dragoman" "$marian"
check 'again: the same bytes' cmp calibrated/model.safetensors again/model.safetensors
sed 's/$/\r/' text.txt >dos.txt
expect 'again, on the plainest unit' out= seconds=60 -- "$dragoman" convert --cpu scalar "$marian" scalar --calibrate dos.txt
check 'on the plainest unit: the same bytes' cmp calibrated/model.safetensors scalar/model.safetensors

# A preview of the output layer, of a rank that is asked for.
expect 'with a preview' out= -- "$dragoman" convert "$marian" previewed --calibrate text.txt --preview-rank 16
expect 'with a preview: info --check' out='ok\n' -- "$dragoman" info --check previewed
check 'with a preview: it is there, and the table is halves' grep -aq '"output_preview.weight":{"dtype":"I8","shape":\[[0-9]*,16\]' previewed/model.safetensors
"$dragoman" -m previewed -t 1 in.txt >one.txt 2>/dev/null
expect 'with a preview: the same bytes on two threads' err=any out="$(cat one.txt)\n" -- "$dragoman" -m previewed -t 2 in.txt
expect 'with a preview: the same bytes on the plainest unit' err=any out="$(cat one.txt)\n" -- "$dragoman" -m previewed --cpu scalar in.txt
expect 'of too high a rank' rc=2 out= err='.*a preview of rank 999: the model.s width is [0-9]*, which is the most' -- "$dragoman" convert "$marian" none --calibrate text.txt --preview-rank 999
expect 'a rank without calibration' rc=2 out= err='convert: --preview-rank needs --calibrate' -- "$dragoman" convert "$marian" none --preview-rank 16

# With fewer target pieces: the layers are what they are without.
expect 'with --trim' out= -- "$dragoman" convert "$marian" trimmed --calibrate text.txt --trim text.txt
expect 'with --trim: info --check' out='ok\n' -- "$dragoman" info --check trimmed
check 'with --trim: fewer words' bash -c 'words() { "$0" info "$1" | sed -n "s/^target_vocabulary *//p"; }; test "$(words trimmed)" -lt "$(words calibrated)"' "$dragoman"

# A model of several languages is calibrated in the ones that are said.
expect 'of several languages' out= -- "$dragoman" convert "$fixtures/nllb" nllb --calibrate text.txt --from en --to de
expect 'of several languages: info --check' out='ok\n' -- "$dragoman" info --check nllb
expect 'of an unknown language' rc=2 out= err='.*xyzzy.*' -- "$dragoman" convert "$fixtures/nllb" none --calibrate text.txt --from en --to xyzzy

# A native Marian model that takes pieces.
pieces="$fixtures/npz_ssru/src.pieces"
expect 'by pieces' out= -- "$dragoman" convert --pieces "$fixtures/npz_ssru/model.npz" ssru --calibrate "$pieces"
expect 'by pieces: info --check' out='ok\n' -- "$dragoman" info --check ssru
expect 'by pieces: it translates' err=any -- "$dragoman" --pieces -m ssru "$pieces"
check 'by pieces: each line' test "$(wc -l <.out)" -eq "$(wc -l <"$pieces")"

# What cannot be.
expect 'as float16' rc=2 out= err='convert: --calibrate is for int8, not for --f16' -- "$dragoman" convert "$marian" none --f16 --calibrate text.txt
expect 'as float32' rc=2 out= err='convert: --calibrate is for int8, not for --f32' -- "$dragoman" convert "$marian" none --f32 --calibrate text.txt
expect 'what is int8 already' rc=2 out= err='rounded: its weights are int8 already: calibrate the float model it was made from' -- "$dragoman" convert rounded none --calibrate text.txt
expect 'what is int8 already, by Marian' rc=2 out= err='.*/model.intgemm8.bin: its weights are int8 already: .*' -- "$dragoman" convert --pieces "$fixtures/npz_ssru/model.intgemm8.bin" none --calibrate "$pieces"
printf '\n \n\r\n' >blank.txt
expect 'by nothing' rc=2 out= err='--calibrate blank.txt: there is nothing to translate in it' -- "$dragoman" convert "$marian" none --calibrate blank.txt
expect 'of too high a rank: before the text is read' rc=2 out= err='.*a preview of rank 999: .*' -- "$dragoman" convert "$marian" none --calibrate blank.txt --preview-rank 999
expect 'by a file that is not there' rc=1 out= err='missing.txt: No such file or directory' -- "$dragoman" convert "$marian" none --calibrate missing.txt
check 'nothing was written' test ! -e none
finish
