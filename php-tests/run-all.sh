#!/bin/bash
# Every check of the project, one after the other; goes on after a failure and ends with the sum of all tests.
set -uo pipefail
cd "$(dirname "$0")/.."

log=$(mktemp)
trap 'rm -f "$log"' EXIT
broken=0

run() {
    echo "== $*"
    "$@" 2>&1 | tee -a "$log" || broken=$((broken + 1))
}

run cargo build --release
run cargo fmt --all --check
run cargo clippy --workspace --all-targets -- -D warnings
# The protocol and end-to-end tests run on the release products, and in order: the loads would disturb each other.
run cargo test --workspace --exclude send-file-php-tests --exclude send-file-bench
# Hardly a second for each number: callgrind counts, no clock is asked.
run bench/instructions.sh
run php-tests/phpt.sh
run cargo test --release -p send-file-php-tests
# Only whether it works: what it measures beside other tests is nothing to go by.
run cargo test --release -p send-file-bench

sum() { awk "$1 { total += \$$2 } END { print total + 0 }" "$log"; }
passed=$(($(sum '/^test result:/' 4) + $(sum '/^Tests passed/' 4)))
failed=$(($(sum '/^test result:/' 6) + $(sum '/^Tests failed/' 4)))
# A step that broke without a failed test (a lint, a build) counts as one.
if [ "$broken" -gt 0 ] && [ "$failed" -eq 0 ]; then failed=$broken; fi
echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
