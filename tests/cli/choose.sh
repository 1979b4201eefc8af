# --from, --to and --via without -m: which installed model they mean, and chains of several.
. "$(dirname "$0")/lib.sh"
export DRAGOMAN_LOOP_GUARD=no DRAGOMAN_QUIET=yes # random weights mostly repeat
models="$XDG_DATA_HOME/dragoman/models"
en='A dog runs on the beach.'
echo "$en" >in.txt

install() { # FIXTURE DIRECTORY [FROM TO]
    mkdir -p "$models"
    cp -r "$fixtures/$1" "$models/$2"
    [ $# -eq 2 ] || sed -i "s/\"source_lang\": \"[a-z]*\", \"target_lang\": \"[a-z]*\"/\"source_lang\": \"$3\", \"target_lang\": \"$4\"/" "$models/$2/tokenizer_config.json"
}
get='.dragoman get OWNER/NAME. fetches one, -m names one that is elsewhere'

expect 'nothing is installed' rc=2 out= err="no installed model translates from de to fr .installed: none; $get." -- "$dragoman" --from de --to fr in.txt
expect 'the one that comes with the program' out='Ein Hund rennt am Strand.\n' -- "$dragoman" --from eng --to de in.txt
expect 'it fits one of two' out='Ein Hund rennt am Strand.\n' -- "$dragoman" --to de-DE in.txt
expect 'a language it has not' rc=2 out= err="no installed model translates to fr .*" -- "$dragoman" --to fr in.txt

install marian test--de-en de en
install marian_odd test--en-fr en fr
"$dragoman" -m "$models/test--de-en" in.txt >de-en.want
"$dragoman" -m "$models/test--en-fr" in.txt >en-fr.want
"$dragoman" -m "$models/test--de-en" -m "$models/test--en-fr" in.txt >chain.want
check 'the fixtures differ' bash -c '! cmp -s de-en.want en-fr.want && ! cmp -s chain.want en-fr.want && ! cmp -s chain.want de-en.want'
expect 'models, their languages' -- "$dragoman" models
check 'models, their languages' test "$(cut -f1,4 .out)" = $'test/de-en\tde-en\ntest/en-fr\ten-fr'
expect 'an installed model' out_file=en-fr.want -- "$dragoman" --from en --to fr in.txt
expect 'by other names of its languages' out_file=en-fr.want -- "$dragoman" --from eng --to fr-FR in.txt
expect 'by one language' out_file=de-en.want -- "$dragoman" --to en in.txt
expect 'by the environment' out_file=de-en.want -- env DRAGOMAN_FROM=de DRAGOMAN_TO=en "$dragoman" in.txt
expect 'tokenize, too' out_file=<("$dragoman" tokenize -m "$models/test--de-en" in.txt) -- "$dragoman" tokenize --from de --to en in.txt
expect 'no direct model' rc=2 out= err="no installed model translates from de to fr .installed: test/de-en .de-en., test/en-fr .en-fr.; $get." -- "$dragoman" --from de --to fr in.txt
expect '-m goes before' out_file=de-en.want -- "$dragoman" -m test/de-en --from en --to fr in.txt
expect 'what was chosen' -- bash -c '"$0" --from en --to fr --print-config | grep ^model\ =' "$dragoman"
check 'what was chosen' test "$(cat .out)" = "model = $models/test--en-fr  # --from, --to"

# Chains.
expect '--via' out_file=chain.want -- "$dragoman" --from de --to fr --via en in.txt
expect '--via, and the program'"'"'s own model' out_file=<("$dragoman" -m test/de-en -m "$root/data/en-de" in.txt) -- "$dragoman" --from de --via en --to de in.txt
expect '--via with -m' out_file=chain.want -- "$dragoman" -m test/de-en -m test/en-fr --from de --to fr --via en in.txt
expect '--via, from the environment' out_file=chain.want -- env DRAGOMAN_VIA=en "$dragoman" --from de --to fr in.txt
expect '--via a language nobody has' rc=2 out= err='no installed model translates from de to es .*' -- "$dragoman" --from de --via es --to fr in.txt
expect '--via without --to' rc=2 out= err='--via: needs --from and --to' -- "$dragoman" --from de --via en in.txt
expect '--via with one model' rc=2 out= err='--via: 1 language between needs 2 models, not 1' -- "$dragoman" -m test/de-en --from de --to fr --via en in.txt
expect '--via and --resume' out= -- "$dragoman" --from de --to fr --via en in.txt -o out.txt --resume
check '--via and --resume' cmp chain.want out.txt
printf x >>"$models/test--en-fr/generation.note"
expect 'another second model' rc=2 out= err='out.txt.state: does not match: .*another model or other options.*' -- "$dragoman" --from de --to fr --via en in.txt -o out.txt --resume
rm "$models/test--en-fr/generation.note"

# Models of many languages; a chain tells each of its models both languages.
install marian_swish_multi test--multi
expect 'models, several targets' -- "$dragoman" models
check 'models, several targets' test "$(cut -f1,4 .out | tail -1)" = $'test/multi\ten-deu,fra'
expect 'two models fit' rc=2 out= err='several installed models translate from en to fr: test/en-fr .en-fr., test/multi .en-deu,fra. .-m says which.' -- "$dragoman" --from en --to fr in.txt
rm -r "$models/test--en-fr"
"$dragoman" -m test/multi --to fra in.txt >multi.want
expect 'one of several targets' out_file=multi.want -- "$dragoman" --from en --to fr in.txt
expect '--via into one of several targets' out_file=<("$dragoman" -m test/de-en -m test/multi --to fra in.txt) -- "$dragoman" --from de --via en --to fr in.txt
install nllb test--nllb
expect 'models, any into any' -- "$dragoman" models
check 'models, any into any' grep -Eqx $'test/nllb\t[0-9]+\tm2m_100\t[0-9]+ languages' .out
languages="$("$dragoman" info --languages test/nllb)"
from="$(sed -n 1p <<<"$languages")" via="$(sed -n 2p <<<"$languages")" to="$(sed -n 3p <<<"$languages")"
"$dragoman" -m test/nllb --from "$from" --to "$via" in.txt | "$dragoman" -m test/nllb --from "$via" --to "$to" >nllb.want
expect 'any into any, twice' out_file=nllb.want err=any -- "$dragoman" --from "$from" --via "$via" --to "$to" in.txt
expect 'a server has models of its own' rc=2 out= err='.*none.socket.*' -- "$dragoman" --socket none.socket --from de --to fr in.txt
finish
