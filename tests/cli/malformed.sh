# Damaged model files (tests/malformed/malformed.c): the short form of tests/long/malformed.sh. The sample is
# the same each time; MALFORMED_SEED=N takes another.
. "$(dirname "$0")/lib.sh"
malformed="${dragoman%/dragoman}/tests/malformed/malformed"
for how in '--every 300' "--every 4000 --program $dragoman"; do
    check "malformed $how" "$malformed" $how --seed "${MALFORMED_SEED:-1}"
done
finish
