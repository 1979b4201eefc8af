# Each option of the search, by what comes out with it; in float32 where that hangs by little, which no
# faster kernel changes.
. "$(dirname "$0")/lib.sh"
export DRAGOMAN_QUIET=yes
echo 'A dog runs on the beach.' >in.txt

gives() { # OUTPUT OPTION...: of the default model
    local out="$1"
    shift
    expect "$*" out="$out\n" -- "$dragoman" in.txt "$@"
}
random() { # OUTPUT OPTION...: of random weights, which like to say "ach"
    local out="$1"
    shift
    expect "random weights, $*" out="$out\n" -- "$dragoman" -m "$fixtures/marian" --precision f32 --loop-guard=no in.txt "$@"
}
gives 'Ein Hund rennt am Strand.' --beam 1
gives 'Ein Hund rennt am Strand.' -b 8
gives 'Ein Hund' --max-length 3
gives 'Ein Hund rennt' --max-length-ratio 0.4
gives 'Ein Hund, der am Strand rennt. Ich läuft.' --min-length 12
gives 'Ein Hund rennt am Strand......' --min-length 12 -b 1
random 'achach' -b 1
random 'achachachach' -b 4
random 'ach' -b 1 --no-repeat-ngram 1
random 'ach' -b 4 --no-repeat-ngram 1
random 'ach' -b 1 --repetition-penalty 5
random 'ach' -b 4 --repetition-penalty 3
random "$(printf 'ach%.0s' {1..38})" -b 1 --repetition-penalty 0.2
random '' --length-penalty 0
random "$(printf 'ach%.0s' {1..38})" --length-penalty 2
random 'ach' --stop finished
random 'achachachach' --stop heuristic
odd() { # WORDS OPTION...
    expect "$*" out="$(printf 'An%.0s' {1..1})$(printf ' An%.0s' $(seq 2 "$1"))\n" -- "$dragoman" -m "$fixtures/marian_odd" --precision f32 --loop-guard=no in.txt "${@:2}"
}
odd 10 --stop heuristic
odd 38 --stop exhaustive

# Sampling: by seed; what only the likeliest token is left for is greedy search.
gives 'Ein Hund rennt am Strand spazieren.' --precision f32 --sample --seed 2
gives 'trip obtainer Hund läuft am Strand.' --precision f32 --sample --seed 3
gives 'Ein Hund rennt am Strand.' --sample --seed 3 --top-k 1
gives 'Ein Hund rennt am Strand.' --sample --seed 3 --top-p 0.000001
gives 'Ein Hund rennt am Strand.' --sample --seed 3 --temperature 0.01
random 'Schwarzachach' --sample --seed 2 --top-p 0.2
random 'P' --sample --seed 2 --top-k 3
random 'gruppeachach' --sample --seed 2 --temperature 0.5

# The loop guard: without it random weights say the same for ever.
"$dragoman" -m "$fixtures/marian" -b 1 --repetition-penalty 0.2 in.txt >guarded.txt
check 'the loop guard ends it' test "$(wc -c <guarded.txt)" -lt 60
echo 'A man in a blue shirt is standing on a ladder cleaning a window.' >long.txt
expect 'and says so where that does not help' err='long.txt:1: the translation repeats itself or runs on' -- "$dragoman" --no-quiet --precision f32 --sample --seed 5 --temperature 2 long.txt

# A shortlist: nothing but what it allows for the words of the sentence.
if command -v perl >/dev/null; then
    id() { sed -n 's|^"'"$1"'": \([0-9]*\),*$|\1|p' "$root/data/en-de/vocab.json"; }
    for word in ▁Ein ▁Hund ▁läuft ▁am ▁Strand '[.]' '</s>'; do id "$word"; done >ids.txt
    check 'seven words' test "$(wc -l <ids.txt)" -eq 7
    perl -e '
        use integer; # 64 bits, wrapping
        my @from = (31, 514, 3315, 33, 1792, 2, 0);
        my @to = map { 0 + $_ } `cat ids.txt`;
        my %list; @list{@from} = @to;
        my (@offsets, @ids);
        for my $word (0 .. 3315) { push @offsets, scalar @ids; push @ids, $list{$word} if exists $list{$word} }
        push @offsets, scalar @ids;
        push @ids, $ids[-1] and $offsets[-1]++ if @ids % 2; # whole words of 64 bits
        my @words = (0, 50, scalar @offsets, scalar @ids, @offsets, unpack("q*", pack("l*", @ids)));
        my $sum = 0;
        $sum ^= $_ + 0x9e3779b9 + ($sum << 6) + (($sum >> 2) & 0x3fffffffffffffff) for @words;
        binmode STDOUT;
        print pack("q*", 0xF11A48D5 << 32 | 0x013417F5, $sum, @words)' >lex.bin
    gives 'Ein Hund läuft am Strand.' --shortlist lex.bin
    printf x | dd of=lex.bin bs=1 seek=60 conv=notrunc status=none
    expect 'a damaged shortlist' rc=2 out= err='lex.bin: .*' -- "$dragoman" --shortlist lex.bin in.txt
fi

# Memory: refused before it is taken.
expect '--max-memory' rc=2 out= err='the model needs [0-9.]+ MiB, more than the 1.0 MiB of --max-memory' -- "$dragoman" --max-memory 1M in.txt
gives 'Ein Hund rennt am Strand.' --max-memory 100M

# Speed and messages change nothing.
gives 'Ein Hund rennt am Strand.' --threads 3 --batch 2 --cpu scalar
expect '--progress' out='Ein Hund rennt am Strand.\n' err=any -- "$dragoman" --progress in.txt
check '--progress: lines and words/s, wiped at the end' bash -c 'tr "\r" "\n" <.err | sed "s/\x1b\[K//" | grep -Eqx "1 lines  [0-9]+ words/s" && tail -c 4 .err | od -An -c | grep -q "\\\\r 033   \[   K"'
expect '--no-progress' out='Ein Hund rennt am Strand.\n' -- "$dragoman" --no-progress in.txt
expect '--stats' out='Ein Hund rennt am Strand.\n' err='1 lines, 1 sentences, 6 words, 8 source tokens, 7 target tokens in [0-9.]+ s \([0-9]+ words/s, [0-9]+ target tokens/s\); loaded in [0-9.]+ s; 2 threads; [0-9]+ MiB; cut 0, at the limit 0, loops 0, lost 0, mended 0, cached 0' -- "$dragoman" --stats -t 2 in.txt
expect '--stats=json' err=any -- "$dragoman" --stats=json -t 2 in.txt
check '--stats=json' grep -Eqx '\{"lines":1,"words":6,"sentences":1,"source_tokens":8,"target_tokens":7,"seconds":[0-9.]+,"words_per_second":[0-9.]+,"target_tokens_per_second":[0-9.]+,"load_seconds":[0-9.]+,"threads":2,"peak_mib":[0-9.]+,"cut":0,"limit":0,"loop":0,"lost":0,"mended":0,"cached":0\}' .err
expect '--cache' out='Ein Hund rennt am Strand.\n' -- "$dragoman" --cache cache.db in.txt
expect '--cache, the second time' out='Ein Hund rennt am Strand.\n' err='.* cached 1' -- "$dragoman" --cache cache.db --stats in.txt
expect '-V' -- "$dragoman" -V
check '-V' bash -c '"$0" --version | cmp - .out' "$dragoman"
finish
