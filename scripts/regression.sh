#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole regression: on every array, without and with random stalls, 200 random layers of each
# op and pass under ecoflow, 100 under row-stationary, 50 under auto; then docs/support.md from what
# ran. As many arrays side by side as there are processors. bf16 arrays: normal numbers without stalls, special
# values with them.
# usage: scripts/regression.sh [layers under ecoflow, 200]
set -euo pipefail
cd "$(dirname "$0")/.."
export count="${1:-200}"

scripts/install.sh test
scripts/build.sh ON
export results=build/regression
rm -rf "$results" && mkdir -p "$results"

# All sweeps of one array, RTL assertions on: regress CONFIG
regress() {
  local config="$1" name values status=0
  name="$(basename "$config" .json)"
  for stall in 0 0.3; do
    values=()
    if [[ "$name" == *_bf16 && "$stall" != 0 ]]; then values=(--values special); fi
    for share in ecoflow:1 row-stationary:2 auto:4; do
      local dataflow="${share%:*}"
      build/bin/sweep --config "$config" --dataflow "$dataflow" --count $((count / ${share#*:})) \
        --stall "$stall" "${values[@]}" --assert --json "$results/$name-$dataflow-$stall.json" \
        >>"$results/$name.log" || status=1
    done
  done
  echo "== $name: $([ "$status" = 0 ] && echo "all passed" || echo FAILED), log in $results/$name.log"
  return "$status"
}
export -f regress

failed=0
printf '%s\n' ecoflow_13x15 eyeriss_13x15 eyeriss_12x14 ecoflow_13x15_bf16 eyeriss_12x14_bf16 tests/data/{16x16,13x15_latency3}.json \
  ecoflow_4x4 tests/data/{1x1,1x16,16x1,7x3,small,ids1_narrow,ids2,ids8_wide,wide_buses,4x4_latency2,4x4_latency3,4x4_latency4}.json \
  ecoflow_4x4_bf16 tests/data/{7x3,16x1,small}_bf16.json |
  xargs -P "$(nproc)" -I '{}' bash -c 'regress {}' || failed=1
grep -hE -A1 "^(FAILED|REFUSED)" "$results"/*.log || true
# The part before is written by hand.
sed -i '/^## Random layers/,$d' docs/support.md
scripts/support_matrix.py "$results" >>docs/support.md
echo "== wrote docs/support.md"
exit "$failed"
