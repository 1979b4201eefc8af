# Every allocation and every system call fails: all the places of tests/cli/faults.sh.
export FAULTS_MOST=
exec bash "$(dirname "$0")/../cli/faults.sh"
