#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs, builds and runs every test. Longer regressions: build/bin/sweep --help.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install.sh test
scripts/build.sh ON
echo "== tests"
exec ctest --test-dir build --output-on-failure -j 2 "$@"
