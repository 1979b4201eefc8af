# What a score is: S, T and the formula of each system that --compat names; with one sentence and with
# several in a line.
. "$(dirname "$0")/lib.sh"
export DRAGOMAN_PRECISION=f32
en='A dog runs on the beach.'
printf '{"text":"%s"}\n' "$en" >in.jsonl
sum=-1.12772 # of the 7 tokens of "Ein Hund rennt am Strand."

score() { # NAME SCORE OPTION...
    local name="$1" want="$2"
    shift 2
    expect "$name" out="{\"text\":\"$en\",\"translation\":\"Ein Hund rennt am Strand.\",\"score\":$want,\"sum_logprob\":$sum,\"length\":7,\"flags\":[]}\n" -- "$dragoman" in.jsonl "$@"
}
score 'S / T' -0.16110
score 'S / T^a' -0.42624 --length-penalty 0.5
score 'S' -1.12772 --length-penalty 0
sum=-1.12769 # Marian never writes <unk>, so what is left is a little likelier
score 'Marian: (S - W T) / T^a' -0.66110 --compat marian --word-penalty 0.5
score 'Marian, a negative penalty' 0.83890 --compat marian --word-penalty -1
score 'Marian, not normalised' -4.62769 --compat marian --word-penalty 0.5 --length-penalty 0
sum=-1.12772
score 'CTranslate2' -0.16110 --compat ct2 --length-penalty 1
score 'fairseq: to the base 2' -0.23242 --compat fairseq

# The penalty takes part in the search: the shorter translation wins.
penalty() { # W OUTPUT
    expect "a penalty of $1" out="$2\n" -- "$dragoman" in.txt -b 8 --compat marian --length-penalty 0 --word-penalty "$1"
}
echo 'A man in a blue shirt is standing on a ladder cleaning a window.' >in.txt
penalty 0 'Ein Mann in einem blauen Hemd steht auf einer Leiter und putzt ein Fenster.'
penalty 5 'Ein Mann in einem blauen Hemd steht auf einer Leiter und reinigen Fenster.'
penalty -5 'Ein Mann in einem blauen T-Shirt steht auf einer Leiter und putzt ein Fenster.'

# Several sentences: S and T are sums, the score goes by the same formula of them.
printf '{"text":"%s %s"}\n' "$en" 'Good night!' >two.jsonl
two() { # NAME AWK-EXPRESSION OF s AND t, OPTION...
    local name="$1" formula="$2"
    shift 2
    expect "$name" -- "$dragoman" two.jsonl "$@"
    check "$name" awk -F'[:,}]' -v n="$name" '{ for (i = 1; i < NF; i++) { if ($i == "\"score\"") x = $(i + 1); if ($i == "\"sum_logprob\"") s = $(i + 1); if ($i == "\"length\"") t = $(i + 1) } d = x - ('"$formula"'); exit !(t == 12 && d < 2e-5 && d > -2e-5) }' .out
}
two 'two sentences' 's / t'
two 'two sentences, a = 0.5' 's / sqrt(t)' --length-penalty 0.5
two 'two sentences, Marian' '(s - 0.5 * t) / t' --compat marian --word-penalty 0.5
two 'two sentences, fairseq' 's / t / log(2)' --compat fairseq

# score: the same of a given translation (which counts what the search may not write, too).
printf '%s\tEin Hund rennt am Strand.\n' "$en" >pairs.tsv
expect 'score' out='-1.12773\t7\t-0.16110\n' -- "$dragoman" score -q pairs.tsv
expect 'score, fairseq' out='-1.12773\t7\t-0.23242\n' -- "$dragoman" score -q --compat fairseq pairs.tsv
expect 'score, Marian' out='-1.12773\t7\t-0.66110\n' -- "$dragoman" score -q --compat marian --word-penalty 0.5 pairs.tsv
finish
