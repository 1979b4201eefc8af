# Every damaged model file that tests/malformed/malformed.c makes, in process; one of 400 through the program.
. "$(dirname "$0")/../cli/lib.sh"
malformed="${dragoman%/dragoman}/tests/malformed/malformed"
check 'in process' "$malformed" --every "${MALFORMED_EVERY:-1}"
check 'through the program' "$malformed" --every 400 --program "$dragoman"
finish
