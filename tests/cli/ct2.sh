# A real CTranslate2 model with what ct2-translator makes of it: the repository has none, so CT2_AREN
# names the directory of one (aren-transliteration: float32, aren-transliteration-i8, words.ar and
# the results of 4.8, "score ||| pieces"). Skipped without.
. "$(dirname "$0")/lib.sh"
[ -n "${CT2_AREN-}" ] || skip 'CT2_AREN names no directory with a model of CTranslate2'
for model in aren-transliteration:f32 aren-transliteration-i8:i8; do
    for precision in f32 int8; do
        expect "greedy, ${model#*:}, in $precision" out_file="$CT2_AREN/${model#*:}.greedy.txt" -- \
            "$dragoman" -q --pieces --compat ct2 -b 1 --precision $precision -m "$CT2_AREN/${model%:*}" "$CT2_AREN/words.ar"
    done
done
expect 'beam 4, the two best' -- "$dragoman" -q --pieces --compat ct2 -b 4 --n-best 2 --precision f32 -m "$CT2_AREN/aren-transliteration" "$CT2_AREN/words.ar"
sed 's/^[^|]*||| //' "$CT2_AREN/f32.beam4.nbest2.txt" >want.pieces
sed 's/ |||.*//' "$CT2_AREN/f32.beam4.nbest2.txt" >want.scores
cut -f4 .out >pieces
cut -f3 .out >scores
check 'beam 4: pieces' cmp want.pieces pieces
check 'beam 4: scores within 1e-4' bash -c 'paste want.scores scores | awk "{ d = \$1 - \$2; if (d > 1e-4 || d < -1e-4) bad++ } END { exit !(NR == 40 && !bad) }"'
finish
