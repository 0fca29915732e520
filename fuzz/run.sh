#!/usr/bin/env bash
# Runs the fuzz targets, each for an equal share of the time, and says how many inputs each has
# tried: run.sh SECONDS [TARGET...]. `make fuzz` calls it, with cargo-fuzz on PATH.
#
# Everything is kept in target/fuzz: the corpora, which grow from run to run, a log for each target,
# and in findings/ the inputs that have shown a fault.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$(pwd)
seconds=$1
shift
dir=${CARGO_TARGET_DIR:-target}/fuzz
mkdir -p "$dir/findings"
dir=$(cd "$dir" && pwd)

CORPORA=$dir/corpora cargo test -q -p chatshelf-server --test fuzz -- --ignored corpora > /dev/null
# The crates of the workspace, and libFuzzer.
cp Cargo.lock fuzz
# cargo-fuzz asks for unstable options of the compiler. `unsafe` is forbidden, so the address
# sanitizer would find nothing, and the corpora have every number that input is compared with: without
# these two, a second has several times as many inputs.
export RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$dir
cargo fuzz build --fuzz-dir "$root/fuzz" --sanitizer none --no-trace-compares
programs=$dir/$(rustc --print host-tuple)/release

mapfile -t targets < <(awk -v only=" $* " 'only == "  " || index(only, " " $1 " ")' "$dir/corpora/targets")
if [[ ${#targets[@]} -eq 0 ]]; then
    echo "there is no fuzz target $*; there are: $(awk '{ printf "%s ", $1 }' "$dir/corpora/targets")" >&2
    exit 2
fi
share=$((seconds / ${#targets[@]}))
stat() { sed -n "s/^stat::$2: *//p" "$dir/$1.log"; }
failed=()
printf '%-20s %14s %12s\n' target executions 'a second'
# Weighing inputs by the information they bring (-entropic) costs more time than trying them.
for line in "${targets[@]}"; do
    read -r target bytes_max <<< "$line"
    "$programs/$target" -max_total_time="$((share > 0 ? share : 1))" -max_len="$bytes_max" \
        -timeout=60 -rss_limit_mb=1024 -entropic=0 -print_final_stats=1 \
        -artifact_prefix="$dir/findings/$target-" "$dir/corpora/$target" > "$dir/$target.log" 2>&1 ||
        failed+=("$target")
    printf '%-20s %14s %12s\n' "$target" "$(stat "$target" number_of_executed_units)" \
        "$(stat "$target" average_exec_per_sec)"
done
for target in "${failed[@]}"; do
    printf '\n%s has found a fault; the end of %s:\n\n' "$target" "$dir/$target.log"
    tail -n 25 "$dir/$target.log"
done
[[ ${#failed[@]} -eq 0 ]]
