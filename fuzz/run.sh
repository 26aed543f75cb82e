#!/bin/bash
# Fuzzes targets with libFuzzer, guided by coverage. Fails on a finding. `make fuzz` calls it.
#
#   fuzz/run.sh [target...]     those of fuzz/src/lib.rs; none: all
#   FUZZ_SECONDS=60             how long each
#   FUZZ_SANITIZER=address      with AddressSanitizer, whose runtime comes with rustc
#   FUZZ_KEEP=1                 afterwards puts what gave new coverage into fuzz/corpus, minimised
#   FUZZ_CORPUS=dir             where the corpus grows: a folder for each target; by default in the build directory
#   CARGO_TARGET_DIR=target     the build directory
#
# No nightly Rust: the instrumentation is an LLVM pass that every rustc has. The sanitizer's switch is an unstable one,
# so that for it alone rustc is told to take those.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${FUZZ_SECONDS:-60}
keep=${FUZZ_KEEP:-}
sanitizer=${FUZZ_SANITIZER:-}
built=${CARGO_TARGET_DIR:-target}/fuzz${sanitizer:+-$sanitizer}
grown=${FUZZ_CORPUS:-$built/corpus}
# A target that takes longer for one input than this, or more memory, is a finding.
longest_s=10
memory_mb=2048
# An offer is at most 32 KiB long; shorter inputs find more in the same time.
longest_bytes=4096
# The planted bug is found in a second; a machine that does something else meanwhile may take longer.
planted_s=60

targets=("$@")
if [ $# = 0 ]; then
    targets=(packet offer slots answer tables stream)
fi

flags="-Cpasses=sancov-module -Ccodegen-units=1"
for option in level=4 inline-8bit-counters pc-table trace-compares; do
    flags="$flags -Cllvm-args=-sanitizer-coverage-$option"
done
if [ -n "$sanitizer" ]; then
    flags="$flags -Zsanitizer=$sanitizer"
    export RUSTC_BOOTSTRAP=1
fi

# With a target named, build scripts and macros are built without the flags, which would not link.
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS="${RUSTFLAGS:-} $flags" CARGO_TARGET_DIR=$built \
    cargo build --quiet --profile fuzz --target "$host" -p send-file-fuzz --features libfuzzer
fuzzer=$built/$host/fuzz/send-file-fuzz

# libFuzzer with what is the same for all.
fuzz() {
    FUZZ_TARGET=$1 "$fuzzer" -timeout=$longest_s -rss_limit_mb=$memory_mb -max_len=$longest_bytes \
        -print_final_stats=1 "${@:2}"
}

# Without guidance nothing that follows would mean anything.
planted=$(mktemp -d)
trap 'rm -rf "$planted"' EXIT
if fuzz planted -max_total_time=$planted_s -artifact_prefix="$planted/" >"$planted/log" 2>&1 ||
    ! grep -q 'the planted bug was found' "$planted/log"; then
    echo "fuzz: the planted bug was not found in $planted_s s: the fuzzer sees no coverage" >&2
    exit 1
fi

findings=0
for target in "${targets[@]}"; do
    kept=fuzz/corpus/$target
    mkdir -p "$grown/$target" "$grown/findings/$target"
    log=$grown/$target.log
    echo "== $target, $seconds s"
    if ! fuzz "$target" -max_total_time="$seconds" -artifact_prefix="$grown/findings/$target/" \
        "$grown/$target" "$kept" >"$log" 2>&1; then
        findings=$((findings + 1))
        grep -aE 'panicked at|ERROR|SUMMARY|Test unit written' -A2 "$log" >&2 || tail -n 20 "$log" >&2
        continue
    fi
    grep -a ' cov: ' "$log" | tail -n 1
    grep -aE 'number_of_executed_units|average_exec_per_sec|peak_rss_mb' "$log"
    if [ -n "$keep" ]; then
        minimised=$(mktemp -d)
        # Edges alone, or it would be hundreds.
        FUZZ_TARGET=$target "$fuzzer" -set_cover_merge=1 -use_counters=0 -max_len=$longest_bytes "$minimised" "$kept" "$grown/$target" >>"$log" 2>&1
        rm -rf "$kept"
        mv "$minimised" "$kept"
        chmod 755 "$kept"
    fi
done
[ "$findings" = 0 ]
