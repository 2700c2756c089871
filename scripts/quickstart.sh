#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job from nothing: install, build, then the input gradient of ResNet-50 CONV3 (batch 1,
# all channels and filters) on the Verilated 13 x 15 array, every output compared.
# Further arguments go to `ecoflow run`, for instance --batch 4.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install.sh run
scripts/build.sh
echo "== input gradient of ResNet-50 CONV3 on the 13 x 15 array, random int16 data"
echo "   (the first run builds the Verilated model; about a minute)"
arguments=(--batch 1 "$@")
for argument in "$@"; do
  if [ "$argument" = --batch ]; then arguments=("$@"); fi
done
exec build/bin/ecoflow run workloads/paper_table5.json --layer ResNet-50_CONV3 --pass input-grad \
  "${arguments[@]}"
