#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs, builds and runs every test but the long ones (ctest --test-dir build -L long). Longer regressions:
# build/bin/sweep --help.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install.sh test
scripts/build.sh ON
echo "== tests"
exec ctest --test-dir build --output-on-failure -LE long -j 2 "$@"
