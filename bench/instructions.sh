#!/bin/bash
# Counts the instructions and allocations of the manager's loop (manager/benches/instructions.rs), and fails where there are
# more than bench/instructions.txt says: a tenth more instructions, or half an allocation.
#
#   bench/instructions.sh            counts and compares
#   bench/instructions.sh --accept   counts, and writes down what was counted
#
# The counts depend on the compiler, the C library and its choice of functions for the processor: with others than those of the
# file they are only printed.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly WRITTEN=bench/instructions.txt

counted=$(mktemp)
trap 'rm -f "$counted"' EXIT

main() {
    if ! command -v valgrind >/dev/null; then
        echo "$0: valgrind is missing (packaging/install-packages.sh test)" >&2
        exit 1
    fi
    cargo bench --quiet -p send-file-manager --bench instructions >"$counted.raw"
    { conditions && cat "$counted.raw"; } >"$counted"
    rm -f "$counted.raw"
    if [ "${1:-}" = --accept ]; then
        cp "$counted" "$WRITTEN"
        cat "$WRITTEN"
    elif [ "$(head -n 1 "$counted")" != "$(head -n 1 "$WRITTEN")" ]; then
        cat "$counted"
        echo "not compared: $WRITTEN is of another compiler, C library or processor"
    else
        compare
    fi
}

conditions() {
    local processor=other
    grep -qw avx2 /proc/cpuinfo && processor=avx2
    echo "# $(rustc --version), glibc $(ldd --version | head -n 1 | grep -o '[^ ]*$'), $(valgrind --version), $processor"
}

compare() {
    awk -F '[:,] *' -v written="$WRITTEN" '
        /^#/ { next }
        FNR == NR { instructions[$1] = $2 + 0; allocations[$1] = $3 + 0; next }
        {
            verdict = "ok"
            if (!($1 in instructions)) verdict = "NEW"
            else if ($2 + 0 > instructions[$1] * 1.1) verdict = "MORE INSTRUCTIONS"
            else if ($3 + 0 > allocations[$1] + 0.5) verdict = "MORE ALLOCATIONS"
            if (verdict != "ok") failed = 1
            printf "%-32s %6d instructions (%d), %5.1f allocations (%.1f)  %s\n",
                $1, $2, instructions[$1], $3, allocations[$1], verdict
        }
        END {
            if (failed) print "If that is meant: make instructions ARGS=--accept, and say why in the commit."
            exit failed
        }' "$WRITTEN" "$counted"
}

main "$@"
