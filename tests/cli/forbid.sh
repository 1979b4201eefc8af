# --forbid: no whole word of the list in the output, however the model cuts it into tokens.
. "$(dirname "$0")/lib.sh"
echo 'A dog runs on the beach.' >in.txt

expect 'what comes without' out='Ein Hund rennt am Strand.\n' -- "$dragoman" in.txt
forbid() { # WORDS(%b) OUTPUT OPTION...
    local words="$1" out="$2"
    shift 2
    printf '%b' "$words" >words.txt
    expect "without '$words' $*" out="$out\n" -- "$dragoman" --forbid words.txt in.txt "$@"
}
forbid 'rennt\n' 'Ein Hund läuft am Strand.'
forbid 'rennt\n' 'Ein Hund läuft am Strand.' -b 1
forbid 'Strand' 'Ein Hund rennt am Ufer.'
forbid 'am Strand\n' 'Ein Hund rennt am Ufer.'
forbid '# rennt\n\n \tStrand\t \r\n' 'Ein Hund rennt am Ufer.'
# Whole words, as they are written: "Hunde" and "hund" are others.
forbid 'Hund\n' 'Ein Hunde rennt am Strand.'
forbid 'hund\nStran\nennt\n' 'Ein Hund rennt am Strand.'

# Every hypothesis is looked through, over all the ways to cut the words.
printf 'Ein\nHund\nrennt\nläuft\nStrand\nEine\n' >words.txt
expect 'n-best' -- "$dragoman" --forbid words.txt -n 4 in.txt
check 'n-best: four, without the words' bash -c 'test "$(wc -l <.out)" -eq 4 && ! cut -f4 .out | grep -wEf words.txt'
cat "$root"/data/sample/*.en | head -30 >many.txt
"$dragoman" many.txt >many.de
grep -owE '[[:alpha:]]{3,}' many.de | sort | uniq -c | sort -rn | head -12 | sed 's/ *[0-9]* //' >words.txt
check 'the words are frequent' bash -c 'test "$(grep -cwEf words.txt many.de)" -gt 10'
for options in '-b 1' '-b 4' '--sample --seed 3'; do
    expect "frequent words, $options" err=any -- "$dragoman" $options --forbid words.txt many.txt
    check "frequent words, $options: none is left" bash -c '! grep -nwEf words.txt .out && test "$(wc -l <.out)" -eq 30'
done

# What cannot be avoided is said.
echo Hund >words.txt
expect 'a forced beginning' out='Der Hund rennt am Strand.\n' err='in.txt:1: a forbidden word is in the translation: no other was found' -- "$dragoman" --forbid words.txt --prefix 'Der Hund' in.txt
printf '{"text":"A dog runs on the beach."}\n' >in.jsonl
expect 'the flag' -- "$dragoman" -q --forbid words.txt --prefix 'Der Hund' in.jsonl
check 'the flag' grep -q '"flags":\["forbidden"\]' .out
printf 'dog\tHund\n' >terms.tsv
expect 'a term' err='in.txt:1: a forbidden word is in the translation: no other was found' -- "$dragoman" --forbid words.txt --terms terms.tsv in.txt
check 'a term' grep -qw Hund .out
# A protected text stays, and is no fault.
echo 'See `Hund` there.' >kept.txt
"$dragoman" kept.txt >kept.want
expect 'a protected text' out_file=kept.want -- "$dragoman" --forbid words.txt kept.txt

# Pieces: rows of them.
"$dragoman" tokenize in.txt >pieces.txt
printf '▁am ▁Strand\n' >words.txt
expect 'with --pieces' out='▁Ein ▁Hund ▁rennt ▁am ▁U fer .\n' -- "$dragoman" --pieces --forbid words.txt pieces.txt
expect 'no such list' rc=2 out= err='none.txt: No such file or directory' -- "$dragoman" --forbid none.txt in.txt
printf 'a\n\xff\n' >words.txt
expect 'not UTF-8' rc=2 out= err='words.txt:2: not UTF-8 text' -- "$dragoman" --forbid words.txt in.txt
finish
