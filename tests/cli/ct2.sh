# A real CTranslate2 model with what ct2-translator makes of it: the repository has none, so CT2_AREN
# names the directory of one (aren-transliteration: float32, aren-transliteration-i8, words.ar and
# the results of 4.8, "score ||| pieces"). Skipped without.
. "$(dirname "$0")/lib.sh"
[ -n "${CT2_AREN-}" ] || skip 'CT2_AREN names no directory with a model of CTranslate2'
for model in aren-transliteration:f32 aren-transliteration-i8:i8; do
    want="$CT2_AREN/${model#*:}.greedy.txt"
    translate=("$dragoman" -q --pieces --compat ct2 -b 1 -m "$CT2_AREN/${model%:*}" "$CT2_AREN/words.ar")
    expect "greedy, ${model#*:}" out_file="$want" -- "${translate[@]}" --precision f32
    # The peer's results are computed in float32 from either file. Ours in int8, whose activations
    # are quantized too, may take the other side of a near tie.
    expect "greedy, ${model#*:}, in int8" -- "${translate[@]}" --precision int8
    check "greedy, ${model#*:}, in int8: 18 of 20" bash -c 'test "$(paste -d"|" "$0" .out | awk -F"|" "\$1 == \$2" | wc -l)" -ge 18' "$want"
done
expect 'beam 4, the two best' -- "$dragoman" -q --pieces --compat ct2 -b 4 --n-best 2 --precision f32 -m "$CT2_AREN/aren-transliteration" "$CT2_AREN/words.ar"
sed 's/^[^|]*||| //' "$CT2_AREN/f32.beam4.nbest2.txt" >want.pieces
sed 's/ |||.*//' "$CT2_AREN/f32.beam4.nbest2.txt" >want.scores
cut -f4 .out >pieces
cut -f3 .out >scores
check 'beam 4: pieces' cmp want.pieces pieces
check 'beam 4: scores within 1e-4' bash -c 'paste want.scores scores | awk "{ d = \$1 - \$2; if (d > 1e-4 || d < -1e-4) bad++ } END { exit !(NR == 40 && !bad) }"'
finish
