# SHA256SUMS, and --sha256: bits that flipped in weights are noticed before anything is translated.
. "$(dirname "$0")/lib.sh"
cp -r "$fixtures/marian" m
echo 'A dog runs.' >in.txt
run=("$dragoman" -b 1 --max-length 4 -q in.txt)
"${run[@]}" -m m >want.txt || fail 'the run to compare with'
(cd m && sha256sum ./* >SHA256SUMS.new && mv SHA256SUMS.new SHA256SUMS && sed -i '/SHA256SUMS/d' SHA256SUMS)
cp m/SHA256SUMS list
expect 'a list that fits' out_file=want.txt -- "${run[@]}" -m m
expect 'a list that fits: info --check' out='ok\n' -- "$dragoman" info --check m
sed -i 's/  /  *X/; s/X//; s/^[0-9a-f]*/\U&/; s/$/\r/' m/SHA256SUMS
sed -i 's|  \*|  |; s|  \./| *./|' m/SHA256SUMS
echo 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef \ not-here >>m/SHA256SUMS
expect 'capital digits, CR LF, binary marks, a file that is not there' out_file=want.txt -- "${run[@]}" -m m
cp list m/SHA256SUMS

# One bit of one weight: nothing else could tell.
python3 - <<'END' 2>/dev/null || skip 'no python3'
data = bytearray(open("m/model.safetensors", "rb").read())
data[-1001] ^= 1
open("m/model.safetensors", "wb").write(data)
END
wrong='m/model.safetensors: checksum: the file.s SHA-256 is [0-9a-f]{16}\.\.\., the list says [0-9a-f]{16}\.\.\. .*'
for command in translate 'score' 'tokenize' 'detokenize' 'bench'; do
    expect "a flipped bit: $command" rc=2 out='' err="$wrong" -- "$dragoman" $command -m m in.txt
done
expect 'a flipped bit: -o' rc=2 out='' err="$wrong" -- "${run[@]}" -m m -o out.txt
check 'a flipped bit: -o: nothing is left' [ ! -e out.txt ]
expect 'a flipped bit: info' rc=2 out='' err="$wrong" -- "$dragoman" info m
expect 'a flipped bit: info --check' rc=2 out='' err="$wrong" -- "$dragoman" info --check m
expect 'a flipped bit: convert' rc=2 out='' err="$wrong" -- "$dragoman" convert m converted
expect 'a flipped bit: serve' rc=2 out='' err="$wrong" -- "$dragoman" serve -m m --socket s.sock
expect 'a flipped bit: the second of two models' rc=2 out='' err="$wrong" -- "${run[@]}" -m "$fixtures/marian" -m m
expect 'not asked for' err=none -- "${run[@]}" --sha256=no -m m
rm m/SHA256SUMS
expect 'without a list it goes unnoticed' err=none -- "${run[@]}" -m m
expect 'without a list: info --check' out='ok\n' -- "$dragoman" info --check m
expect '--sha256' rc=2 out='' err="$wrong" -- "${run[@]}" --sha256 list -m m
expect '--sha256, a model that is right' out_file=want.txt -- "${run[@]}" --sha256 list -m "$fixtures/marian"
expect '--sha256, two models' rc=2 out='' err='--sha256: one list, but 2 models' -- "${run[@]}" --sha256 list -m m -m m
expect '--sha256, no such file' rc=2 out='' err='none: No such file or directory' -- "${run[@]}" --sha256 none -m m

# Lists that are none.
bad() { # NAME TEXT REGEX
    printf "$2" >m/SHA256SUMS
    expect "$1" rc=2 out='' err="$3" -- "${run[@]}" -m m
}
digest="$(cut -c 1-64 list | head -1)"
line='SHA256SUMS: line 1: not a SHA-256 and the name of a file'
bad 'an empty list' '' '.*SHA256SUMS: empty file'
bad 'a short digest' "${digest:1}  config.json\n" "$line"
bad 'not hexadecimal' "${digest:1}x  config.json\n" "$line"
bad 'no name' "$digest  " "$line"
bad 'a name elsewhere' "$digest  ../in.txt\n" "$line"
bad 'an absolute name' "$digest  /etc/passwd\n" "$line"
bad 'an escaped name' "\\\\$digest  config.json\n" "$line"
bad 'a NUL' "$digest  config\0json\n" "$line"
bad 'the second line' "$(head -1 list)\n?\n" 'SHA256SUMS: line 2: .*'
bad 'nothing that is there' "$digest  pytorch_model.bin\n" 'SHA256SUMS: names no file of the model'
head -c 2000000 /dev/zero >m/SHA256SUMS
expect 'a list that is too long' rc=2 out='' err='m/SHA256SUMS: larger than 1 MiB' -- "${run[@]}" -m m
rm m/SHA256SUMS && mkfifo m/SHA256SUMS
expect 'a FIFO' rc=2 out='' err='m/SHA256SUMS: not a regular file' seconds=5 -- "${run[@]}" -m m
finish
