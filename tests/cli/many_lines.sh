# A short form of tests/long/lines.sh.
export LINES_MANY=20000
. "$(dirname "$0")/../long/lines.sh"
