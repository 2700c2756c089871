#!/usr/bin/env bash
# The whole regression: on every array, without and with random stalls, 200 random layers of each
# op and pass under ecoflow, 100 under row-stationary, 100 under auto; then docs/support.md from what ran.
# usage: scripts/regression.sh [layers under ecoflow, 200]
set -euo pipefail
cd "$(dirname "$0")/.."
count="${1:-200}"

scripts/install.sh test
scripts/build.sh ON
results=build/regression
rm -rf "$results" && mkdir -p "$results"
small=(ecoflow_4x4 tests/data/{1x1,1x16,16x1,7x3,small,ids1_narrow,ids2,ids8_wide}.json)
large=(ecoflow_13x15 eyeriss_13x15 eyeriss_12x14 tests/data/16x16.json)

failed=0
for config in "${small[@]}" "${large[@]}"; do
  name="$(basename "$config" .json)"
  assertions=(--assert)
  for one in "${large[@]}"; do [ "$one" = "$config" ] && assertions=(); done
  for stall in 0 0.3; do
    build/bin/sweep --config "$config" --dataflow ecoflow --count "$count" --stall "$stall" \
      "${assertions[@]}" --json "$results/$name-ecoflow-$stall.json" || failed=1
    for dataflow in row-stationary auto; do
      build/bin/sweep --config "$config" --dataflow "$dataflow" --count $((count / 2)) \
        --stall "$stall" "${assertions[@]}" --json "$results/$name-$dataflow-$stall.json" || failed=1
    done
  done
done
scripts/support_matrix.py "$results" >docs/support.md
echo "== wrote docs/support.md"
exit "$failed"
