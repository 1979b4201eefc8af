# Weights that are finite, and values that are not: the line they come up in is named, what goes before
# it is written, and no token is made up.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip 'no python3'
cp -r "$fixtures/npz_prenorm_untied" m
# The source embedding of one token, so large that its sum with anything overflows.
python3 - m/model.npz 18 <<'END' || fail 'the model is not made'
import struct, sys, zipfile
path, row = sys.argv[1], int(sys.argv[2])
members = [(m.filename, zipfile.ZipFile(path).read(m)) for m in zipfile.ZipFile(path).infolist()]
with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as out:
    for name, data in members:
        if name == "encoder_Wemb.npy":
            data = bytearray(data)
            data_at, width = 10 + struct.unpack("<H", data[8:10])[0], 96
            for i in range(width):
                struct.pack_into("<f", data, data_at + 4 * (row * width + i), 3e38)
        out.writestr(zipfile.ZipInfo(name), bytes(data))
END
piece="$(sed -n 's/: 18$//p' m/vocab.yml)"
good='▁w5 ▁w7 ▁w8'
for i in $(seq 1200); do [ $i -eq 700 ] && echo "▁w7 $piece ▁w8" || echo "$good"; done >in.txt
tail -n +700 in.txt >rest.txt
head -3 in.txt >good.txt
for precision in f32 int8; do
    run=("$dragoman" -m m --pieces -q --precision $precision -b 2 --max-length 8)
    "${run[@]}" good.txt >one.txt || fail "$precision: good lines"
    check "$precision: good lines say something" [ "$(sort -u one.txt | wc -l)" -eq 1 -a -n "$(head -1 one.txt)" ]
    yes "$(head -1 one.txt)" | head -699 >before.txt
    for how in "-t 1 --batch 1" "-t 1" "-t 3" "-t 2 --batch 200"; do
        expect "$precision $how" rc=1 out_file=before.txt \
            err='in.txt:700: model produced NaN \(the output ends after line 699\)' -- "${run[@]}" $how in.txt
    done
    expect "$precision: the first line" rc=1 out='' err='rest.txt:1: model produced NaN' -- "${run[@]}" rest.txt
done
expect 'sampled' rc=1 out='' err='standard input:1: model produced NaN' -- "$dragoman" -m m --pieces -q --sample <<<"▁w7 $piece ▁w8"
expect 'alone, with all cores' rc=1 out='' err='standard input:1: model produced NaN' -- "$dragoman" -m m --pieces -q -t 4 <<<"▁w7 $piece ▁w8"
expect 'scored' rc=1 out='' err='standard input:1: model produced NaN' -- "$dragoman" score -m m -q --pieces <<<"▁w7 $piece	▁w8"
finish
