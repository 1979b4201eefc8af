# What a shell may take away: descriptors, stack, processor time; and files far larger than they say.
. "$(dirname "$0")/lib.sh"
marian="$fixtures/marian"
is_sanitized && skip "sanitizers need what is taken away here"
cp -r "$marian" model
echo 'A dog runs.' >in.txt
"$dragoman" -q -m model in.txt >whole.txt

# Descriptors, the three standard ones included: all of it or nothing, and one line that says why.
# With three the dynamic loader opens no library.
for n in 4 5 6 7 8 10 12; do
    (ulimit -n $n && exec "$dragoman" -q -m model in.txt) >out.txt 2>err.txt
    rc=$?
    case $rc in
    0) check "$n descriptors: the whole answer" cmp -s out.txt whole.txt ;;
    1 | 2)
        check "$n descriptors: no answer" test ! -s out.txt
        check "$n descriptors: one line says why: $(head -c 200 err.txt)" test "$(grep -c '' err.txt)" -eq 1
        ;;
    *) check "$n descriptors: status $rc, $(head -c 200 err.txt)" [ "$rc" -le 2 ] ;;
    esac
done
check 'with 12 descriptors there is an answer' cmp -s out.txt whole.txt

# The main thread's stack; the workers have their own.
(ulimit -s 256 && exec "$dragoman" -q -m model in.txt) >out.txt 2>err.txt
check '256 KiB of stack are enough' cmp -s out.txt whole.txt

# Processor time: the kernel's signal ends it; what was written is whole lines of the answer.
yes 'A dog runs.' | head -n 400000 >many.txt
{ (ulimit -S -t 1 && exec "$dragoman" -q -m model --no-keep many.txt) >out.txt 2>err.txt; } 2>/dev/null
rc=$?
check "a second of processor time: status $rc" [ "$rc" -eq 152 -o "$rc" -eq 0 ]
check 'what is written is lines of the answer' test -z "$(sort -u out.txt | grep -vxFf whole.txt)"
check 'the last of them is whole' test "$(tail -c 1 out.txt | od -An -c | tr -d ' ')" = '\n' -o ! -s out.txt

# Sizes around those that 31 and 32 bits hold. The files are sparse: reading one would take long.
for size in 2147483647 2147483648 4294967297; do
    for file in config.json model.safetensors source.spm vocab.json; do
        [ -e "$marian/$file" ] || continue
        rm -rf damaged && cp -r "$marian" damaged && rm damaged/$file
        truncate -s $size damaged/$file || continue
        timeout 10 "$dragoman" -q -m damaged in.txt >out.txt 2>err.txt
        rc=$?
        check "$file of $size bytes is refused: status $rc" [ "$rc" -eq 2 ]
        check "$file of $size bytes is named: $(head -c 200 err.txt)" grep -q "^dragoman: damaged/$file: " err.txt
    done
done
finish
