#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Everything that says whether the RTL can be trusted: scripts/signoff.sh [options of scripts/signoff.py]
# Installs, builds, runs every check and writes build/signoff/signoff.md and .json. Exit status 1 when one fails.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install.sh signoff
scripts/build.sh ON
echo "== sign-off"
exec scripts/signoff.py "$@"
