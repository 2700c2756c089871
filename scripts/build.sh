#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Configures and builds into build/: scripts/build.sh [ON|OFF for tests]
set -euo pipefail
cd "$(dirname "$0")/.."
echo "== building (CMake, Ninja, Release) into build/"
cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DECOFLOW_TESTS="${1:-OFF}" >build.cmake.log ||
  { cat build.cmake.log; exit 3; }
mv build.cmake.log build/cmake.log
cmake --build build
