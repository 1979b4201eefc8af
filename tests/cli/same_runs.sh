# A short form of tests/long/same.sh.
export SAME_LINES=240 SAME_DEFAULT=0 SAME_THREADS='2 8' SAME_BATCHES='1 7 auto' SAME_ORDERS='length shuffled'
. "$(dirname "$0")/../long/same.sh"
