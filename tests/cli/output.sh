# Where results go, and what happens when they cannot.
. "$(dirname "$0")/lib.sh"
export DRAGOMAN_MODEL="$fixtures/marian" # random weights: quick, and its words are its own
en='A dog runs on the beach.' de="$("$dragoman" <<<"$en")"
echo "$en" >in.txt
for i in $(seq 3000); do echo "$en"; done >many.txt
sed "s/.*/$de/" many.txt >many.want

# Files.
expect 'a file' out= -- "$dragoman" in.txt -o out.txt
check 'a file' test "$(cat out.txt)" = "$de"
expect 'a file that holds something' rc=2 out= err='out.txt: exists and is not empty \(--force replaces it.*\)' -- "$dragoman" in.txt -o out.txt
check 'it is unchanged' test "$(cat out.txt)" = "$de"
cat many.txt >out.txt
expect 'it is replaced with --force' out= -- "$dragoman" in.txt -o out.txt --force
check 'it is replaced with --force' test "$(cat out.txt)" = "$de"
expect 'nothing happens to it without a model' rc=2 out= err='.*' -- "$dragoman" -m /nonexistent in.txt -o out.txt --force
check 'nothing happens to it without a model' test "$(cat out.txt)" = "$de"
expect 'no file is made without a model' rc=2 out= err='.*' -- "$dragoman" -m /nonexistent in.txt -o new.txt
check 'no file is made without a model' test ! -e new.txt
ln in.txt link.txt
ln -s in.txt symlink.txt
for output in in.txt ./in.txt link.txt symlink.txt; do
    expect "output $output is the input" rc=2 out= err='in.txt: input file is output file' -- "$dragoman" in.txt -o $output --force
    check "output $output is the input" test "$(cat in.txt)" = "$en"
done
expect 'redirected onto the input' rc=2 out= err='in.txt: input file is output file' -- bash -c '"$0" in.txt >>in.txt' "$dragoman"
check 'redirected onto the input' test "$(cat in.txt)" = "$en"
expect 'standard input is the output' rc=2 out= err='-: input file is output file' -- bash -c '"$0" -o in.txt --force <in.txt' "$dragoman"
expect 'several files, one output' out="$de\n$de\n" -- "$dragoman" in.txt in.txt
expect 'standard input among files' out="$de\n$de\n$de\n" -- "$dragoman" in.txt - in.txt <in.txt
expect 'name after --' rc=2 out= err='--quiet: No such file or directory' -- "$dragoman" -- --quiet

# A directory.
mkdir a
echo "$en" >b.txt
: >empty.txt
expect 'a directory' out= -- "$dragoman" in.txt empty.txt b.txt many.txt -o a
check 'a directory' bash -c 'cmp a/many.txt many.want && test -e a/empty.txt -a ! -s a/empty.txt && test "$(cat a/in.txt a/b.txt)" = "$0"' "$de"$'\n'"$de"
expect 'a directory that is made' out= -- "$dragoman" in.txt -o new/
check 'a directory that is made' test "$(cat new/in.txt)" = "$de"
expect 'a directory with a file that holds something' rc=2 out= err='new/in.txt: exists and is not empty.*' -- "$dragoman" in.txt -o new
expect 'two of one name' rc=2 out= err='in.txt and a/in.txt have the same output file' -- "$dragoman" in.txt a/in.txt -o new --force
expect 'a directory for standard input' rc=2 out= err='--output: a directory needs named input files' -- "$dragoman" -o new
expect 'onto itself' rc=2 out= err='in.txt: input file is output file' -- "$dragoman" in.txt -o . --force
expect 'below a file' rc=2 out= err='in.txt/: Not a directory' -- "$dragoman" in.txt -o in.txt/
expect 'no such directory' rc=1 out= err='none/out.txt: No such file or directory' -- "$dragoman" in.txt -o none/out.txt

# Devices that are full, outputs that are closed. The promise is 1 s; expect() counts the start of a
# shell too, and the machine may be busy.
quickly=2
is_sanitized && quickly=10
yes "$en" | head -100000 >lines.txt
expect 'full' rc=1 err='standard output: No space left on device.*' seconds=$quickly -- bash -c '"$0" in.txt >/dev/full' "$dragoman"
expect 'full, many lines' rc=1 err='standard output: No space left on device.*' seconds=$quickly -- bash -c '"$0" lines.txt >/dev/full' "$dragoman"
expect 'full, -o' rc=1 err='/dev/full: No space left on device.*' seconds=$quickly -- "$dragoman" in.txt -o /dev/full
expect 'closed' rc=1 err='standard output: Bad file descriptor.*' -- bash -c '"$0" in.txt >&-' "$dragoman"
expect 'all closed' rc=1 -- bash -c '"$0" >&- 2>&- <&-' "$dragoman"
expect 'standard error closed' rc=0 out="$de\n" -- bash -c '"$0" in.txt 2>&-' "$dragoman"
expect 'standard error full' rc=2 -- bash -c '"$0" -m /nonexistent 2>/dev/full' "$dragoman"
cp -r "$fixtures/marian" whole
expect 'model files are not written into' rc=1 -- bash -c '"$0" -m whole in.txt >&- 2>&- <&-' "$dragoman"
check 'model files are not written into' diff -r "$fixtures/marian" whole
expect 'a file size limit' rc=1 err='out.txt: File too large.*' -- bash -c 'ulimit -f 1; "$0" many.txt -o out.txt --force' "$dragoman"
check 'a file size limit leaves whole lines' bash -c 'head -n "$(wc -l <out.txt)" many.want | cmp - out.txt && test -s out.txt'
if mkdir small && mount -t tmpfs -o size=8k tmpfs small 2>/dev/null; then
    expect 'a file system that fills up' rc=1 err='small/out.txt: No space left on device.*' -- "$dragoman" many.txt -o small/out.txt
    check 'it holds whole lines' bash -c 'head -n "$(wc -l <small/out.txt)" many.want | cmp - small/out.txt && test -s small/out.txt'
    umount small
fi

# Readers that leave.
expect 'head' out="$de\n" -- bash -c '"$0" many.txt | head -1' "$dragoman"
expect 'death by SIGPIPE' out='141\n' -- bash -c '"$0" many.txt | :; echo ${PIPESTATUS[0]}' "$dragoman"
expect 'SIGPIPE ignored' out='1\n' err='standard output: Broken pipe.*' -- bash -c 'trap "" PIPE; "$0" many.txt | sleep 0; echo ${PIPESTATUS[0]}' "$dragoman"
# A reader that is slow, and a pipe that does not block.
expect 'a slow reader' out_file=many.want -- bash -c '"$0" many.txt | (sleep 1; cat)' "$dragoman"
expect 'a pipe that does not block' out_file=many.want -- perl -e '
    use Fcntl; pipe(R, W); fcntl(W, F_SETFL, O_WRONLY | O_NONBLOCK);
    if (!fork) { close R; open STDOUT, ">&W"; exec $ARGV[0], "many.txt" }
    close W; sleep 1; while (sysread(R, $b, 999)) { print $b }' "$dragoman"

# Nothing but the output is written, and little is needed.
mkdir -p ro && cd ro || exit 1
expect 'no home, no temporary directory, no environment' out='Ein Hund rennt am Strand.\n' -- env -i "$dragoman" < <(cat ../in.txt)
check 'no file is made' test -z "$(ls -A)"
expect 'the working directory is gone' out="$de\n" -- bash -c 'mkdir gone && cd gone && rmdir ../gone && "$0" ../../in.txt || "$0" <"$1"' "$dragoman" "$work/in.txt"
cd ..
finish
