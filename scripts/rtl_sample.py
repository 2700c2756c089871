#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a random sample of the rows (layer, pass) of a workload on the RTL: results must be the golden model's, cycles,
stalls, issued MACs and words of each network the cycle model's.

Rows of more than --most-cycles by the cycle model are passed over. Exit status 1 when a row differs.

usage: rtl_sample.py [--workload workloads/public_layers.json] [--rows 60] [--seed 1] [--most-cycles 500000]
                     [--config ecoflow_13x15] [--dataflow auto]
"""
import argparse
import json
import pathlib
import random
import sys
import tempfile

from targets import ECOFLOW, PASSES, ROOT, ecoflow, report

# What `run` and `predict` have to report alike.
COUNTERS = ("cycles", "config_cycles", "gon_held_cycles", "issued_macs", "stall_cycles", "words")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", default="workloads/public_layers.json")
    parser.add_argument("--rows", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most-cycles", type=int, default=500_000)
    parser.add_argument("--config", default="ecoflow_13x15")
    parser.add_argument("--dataflow", default="auto")
    a = parser.parse_args()
    if not ECOFLOW.exists():
        sys.exit(f"rtl_sample.py: {ECOFLOW} is missing: scripts/build.sh makes it")
    workload = ROOT / a.workload
    rows = [(layer["name"], name) for layer in json.loads(workload.read_text())["layers"] for name in PASSES]
    random.Random(a.seed).shuffle(rows)
    ran, long, bad = 0, 0, 0
    print(f"{'layer':<28}{'pass':<13}{'cycles':>10}{'roofline':>10}  result", flush=True)
    for layer, name in rows:
        if ran == a.rows:
            break
        with tempfile.TemporaryDirectory() as folder:
            image = pathlib.Path(folder)
            error = ecoflow("compile", workload, "--layer", layer, "--pass", name, "--dataflow", a.dataflow,
                            "--config", a.config, "--out", image)
            model, error = (None, error) if error else report("predict", image)
            if model and model["cycles"] > a.most_cycles:
                long += 1
                continue
            ran += 1
            rtl, error = (None, error) if error else report("run", image)
        if rtl:
            wrong = [f"{key}: {rtl[key]}, {model[key]} by the model" for key in COUNTERS if rtl[key] != model[key]]
            error = ", ".join(wrong + ([] if rtl["match"] else [f"{rtl['mismatches']} results differ"]))
        bad += bool(error)
        figures = f"{rtl['cycles']:>10,}{rtl['roofline_fraction']:>10.3f}" if rtl else f"{'-':>10}{'-':>10}"
        print(f"{layer:<28}{name:<13}{figures}  {error or 'equal'}", flush=True)
    print(f"{ran - bad} of {ran} rows equal; {long} passed over, longer than {a.most_cycles:,} cycles (seed {a.seed})")
    sys.exit(bad > 0 or ran == 0)


if __name__ == "__main__":
    main()
