# A line's sentences, what stands between them, and what is asked of their translations.
. "$(dirname "$0")/lib.sh"
line() { # NAME INPUT(%b) OUTPUT(%b) [expect's own...] [-- OPTION...]
    local name="$1" own=()
    printf '%b' "$2\n" >in.txt
    own=(out="$3\n")
    shift 3
    while [ $# -gt 0 ] && [ "$1" != -- ]; do own+=("$1"); shift; done
    shift
    expect "$name" "${own[@]}" -- "$dragoman" in.txt "$@"
}
line 'gaps between sentences stay' 'Good night!  A man plays the guitar.\tTwo children dance.' 'Gute Nacht!  Ein Mann spielt Gitarre.\tZwei Kinder tanzen.'
line 'white space around stays' '\t Good night! \t' '\t Gute Nacht! \t'
line 'white space of Unicode stays' '\u00a0Good night!\u3000' '\u00a0Gute Nacht!\u3000'
line '--split line' 'Good night!  A man plays the guitar.' 'Gute Nacht!  Ein Mann spielt Gitarre.' -- --split line
line '--split none' 'Good night!  A man plays the guitar.' 'Schöne Nacht! Ein Mann spielt Gitarre.' -- --split none
line '--split paragraph' 'A man plays\nthe guitar.\n\nGood\nnight!' 'Ein Mann spielt Gitarre.\n\nGute Nacht!' -- --split paragraph
line 'an abbreviation ends no sentence' 'Mr. Smith plays the guitar.' "$("$dragoman" --split none <<<'Mr. Smith plays the guitar.')"
line 'NUL is text to the model, and no end' 'Good night!\00 Two children dance.' 'Gute Nacht! Zwei Kinder tanzen.'

# Too long: cut at clause marks, and reported.
for i in $(seq 100); do printf 'a man plays the guitar and two children dance on the beach, '; done >in.txt
echo >>in.txt
expect 'a long sentence' err=any -- "$dragoman" -b 1 --no-loop-guard in.txt
check 'a long sentence: it is said' grep -qx 'dragoman: in.txt:1: a sentence is too long: cut at 3 places, in parts of at most 2000 characters and 512 tokens' .err
check 'a long sentence: one line' test "$(wc -l <.out)" -eq 1
expect 'every part' -- "$dragoman" -q -b 1 --no-loop-guard --max-length 8 in.txt
check 'every part is there' test "$(grep -o 'Ein Mann spielt' .out | wc -l)" -eq 4

# Beginnings and terms.
line 'a beginning' 'A dog runs on the beach.' 'Am Strand rennt am Strand.' -- --prefix 'Am Strand'
printf 'A dog runs on the beach.\tAm Strand\nA dog runs on the beach.\tEin Tier\nGood night!\t\n' >in.tsv
expect 'a column of beginnings' out='Am Strand rennt am Strand.\tAm Strand\nEin Tier läuft am Strand.\tEin Tier\nGute Nacht!\t\n' -- "$dragoman" --prefix-column 2 in.tsv
printf 'fire door\tBrandschutztür\n' >terms.tsv
line 'a term' 'The fire door is open.' 'Die Brandschutztür ist offen.' -- --terms terms.tsv
line 'a term that does not occur' 'The door is open.' "$("$dragoman" <<<'The door is open.')" -- --terms terms.tsv
printf 'dog Dackel\n' >terms.tsv
expect 'a list without TAB' rc=2 out= err='terms.tsv:1: no TAB between source and target' -- "$dragoman" --terms terms.tsv in.txt
printf 'dog\t☃\n' >terms.tsv
line 'a term the model cannot write is reported' 'A dog runs.' "$("$dragoman" <<<'A dog runs.')" err='in.txt:1: a protected part or a term is missing from the translation' -- --terms terms.tsv

# The loop guard counts.
echo 'A man in a blue shirt is standing on a ladder cleaning a window.' >in.txt
expect 'loops are counted' err=any -- "$dragoman" --precision f32 --sample --seed 5 --temperature 2 --stats in.txt
check 'loops are counted' grep -q 'at the limit 1, loops 1,' .err
finish
