#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing from Debian's packages: scripts/install.sh [run|test|signoff]
# `run` is what building and running need; `test` adds what the tests need, `signoff` what
# scripts/signoff.sh needs beyond them.
set -euo pipefail

run=(g++ clang make cmake ninja-build ccache verilator yosys qflow-tech-osu018 perl
     libcli11-dev libfmt-dev nlohmann-json3-dev libvalijson-dev libxxhash-dev libdivide-dev zlib1g-dev)
tests=(libgtest-dev libbenchmark-dev libdnnl-dev python3 python3-matplotlib python3-numpy
       python3-sklearn dataset-fashion-mnist python3-torch python3-onnx python3-yaml libonnx-testdata iverilog)
signoff=(libclang-rt-14-dev nextpnr-ice40 fpga-icestorm opensta)

wanted=("${run[@]}")
case "${1:-run}" in
  run) ;;
  test) wanted+=("${tests[@]}") ;;
  signoff) wanted+=("${tests[@]}" "${signoff[@]}") ;;
  *) echo "install.sh: expected run, test or signoff, got $1" >&2; exit 2 ;;
esac

missing=()
for package in "${wanted[@]}"; do
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
    missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "== packages: all ${#wanted[@]} are installed"
  exit 0
fi

echo "== installing packages: ${missing[*]}"
sudo=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "install.sh: needs root or sudo to install packages" >&2; exit 3; }
  sudo=(sudo)
fi
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
