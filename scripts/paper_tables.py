#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the rows of the paper's Tables 5 and 7 on the RTL, all three passes, under two dataflows.

Channels and filters are cut (depthwise: groups) so that a row takes seconds; --channels 0 leaves
them as they are. Prints cycles, utilization and roofline fraction; exit status 1 when a run fails.

usage: paper_tables.py [--batch 1] [--channels 16] [--config ecoflow_13x15] [--jobs 2]
                       [--dataflows ecoflow row-stationary]
"""
import argparse
import concurrent.futures
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PASSES = ("forward", "input-grad", "filter-grad")


def cut(layer, batch, channels):
    """The layer with its batch, and at most `channels` channels and filters."""
    layer = dict(layer, input=[batch] + layer["input"][1:])
    if channels:
        depthwise = layer.get("group", 1) > 1
        layer["input"][1] = min(layer["input"][1], channels)
        layer["output_channels"] = min(layer["output_channels"], channels)
        if depthwise:
            layer["group"] = layer["input"][1]
    return layer


def run(layer, pass_name, dataflow, config):
    """The report of one run, or a line that says why there is none."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "layer.json").write_text(json.dumps(layer))
        done = subprocess.run(
            [ROOT / "build/bin/ecoflow", "run", folder / "layer.json", "--pass", pass_name, "--dataflow",
             dataflow, "--config", config, "--json", folder / "r.json"],
            capture_output=True, text=True, check=False)
        if done.returncode > 1:
            return done.stderr.strip()
        return json.loads((folder / "r.json").read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--channels", type=int, default=16, help="at most; 0: as in the tables")
    parser.add_argument("--config", default="ecoflow_13x15")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--dataflows", nargs=2, default=["ecoflow", "row-stationary"])
    a = parser.parse_args()

    rows = []
    for table in ("paper_table5", "paper_table7"):
        for layer in json.loads((ROOT / f"workloads/{table}.json").read_text())["layers"]:
            rows += [(cut(layer, a.batch, a.channels), p) for p in PASSES]
    print(f"{a.config}, batch {a.batch}, channels and filters "
          f"{'as in the tables' if not a.channels else f'at most {a.channels}'}; "
          "util: useful MACs of all PE-cycles, roof: fraction of the roofline")
    head = f"{'cycles':>12}{'util':>7}{'roof':>7}"
    print(f"{'':<37}{a.dataflows[0]:^26}  {a.dataflows[1]:^26}")
    print(f"{'layer':<24}{'pass':<13}{head}  {head}  {'ratio':>6}", flush=True)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        futures = [[pool.submit(run, layer, p, d, a.config) for d in a.dataflows] for layer, p in rows]
        for (layer, pass_name), pair in zip(rows, futures):
            line = f"{layer['name']:<24}{pass_name:<13}"
            cycles = []
            for future in pair:
                r = future.result()
                if isinstance(r, str):
                    line += f"{r}  "
                    failed += 1
                    continue
                cycles.append(r["cycles"])
                line += f"{r['cycles']:>12,}{r['utilization']:>7.3f}{r['roofline_fraction']:>7.3f}  "
                if not r["match"]:
                    line += "DIFFERS "
                    failed += 1
            if len(cycles) == 2:
                line += f"{cycles[1] / cycles[0]:>6.2f}"
            print(line, flush=True)
    print(f"{2 * len(rows) - failed} of {2 * len(rows)} runs match the golden model")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
