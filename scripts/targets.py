#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints every figure that this project aims at beside its target; exit status 1 when one is missed.

By the cycle model; with --rtl, rows that the RTL simulates in less than two minutes run there, too, and
their cycles must be the model's and their results the golden model's. Batch 4 throughout.

usage: targets.py [--rtl] [--json F] [--jobs 2]
"""
import argparse
import concurrent.futures
import json
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
ECOFLOW = ROOT / "build/bin/ecoflow"
PASSES = ("forward", "input-grad", "filter-grad")
NETWORKS = ("gin_wide", "gin_narrow", "gon", "local")
BATCH = 4
RTL_CYCLES = 2 * 60 * 70_000  # two minutes of simulation

# Roofline fractions of Tables 5 and 7: dataflow -> (geometric mean, each).
FRACTIONS = {"auto": (0.95, 0.88), "ecoflow": (0.88, 0.70)}
# Speedup over padded row-stationary: (workload, layer) -> pass -> at least.
SPEEDUPS = {
    ("paper_table5", "ResNet-50_CONV3"): {"input-grad": 4.1, "filter-grad": 3.9},
    ("paper_table5", "AlexNet_CONV1"): {"input-grad": 16, "filter-grad": 15.6},
    ("alexnet_pooling_folded", "AlexNet_o-CONV1"): {"input-grad": 60, "filter-grad": 60.1},
}
BASELINE_ISSUE = 0.60  # issued MACs of the baseline's PE-cycles
CHIP_MS = {"CONV1": 16.5, "CONV2": 39.2, "CONV3": 21.8, "CONV4": 16.0, "CONV5": 10.0}  # Eyeriss, batch 4
CHIP_SLACK, CHIP_FRACTION = 1.10, 0.95
SASIML_MCYCLES = {"input-grad": 2.90, "filter-grad": 2.37}  # ResNet-50_CONV3, cited in the paper
COMPILE_EACH, COMPILE_MEDIAN = 10, 1


class Rows:
    """Compiles and predicts rows, each once; runs them on the RTL when asked for."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.rows = {}

    def add(self, workload, layer, pass_name, dataflow, config="ecoflow_13x15"):
        key = (workload, layer, pass_name, dataflow, config)
        self.rows.setdefault(key, {"workload": workload, "layer": layer, "pass": pass_name,
                                   "dataflow": dataflow, "config": config})
        return self.rows[key]

    def each(self, work, rows, jobs, what):
        """Calls `work` for every row, `jobs` at a time; progress on a terminal."""
        done, lock = 0, threading.Lock()

        def one(row):
            nonlocal done
            work(row)
            with lock:
                done += 1
                if sys.stderr.isatty():
                    sys.stderr.write(f"\r\033[K{what}: {done} of {len(rows)}")
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            list(pool.map(one, rows))
        if sys.stderr.isatty():
            sys.stderr.write("\r\033[K")

    def predict(self, jobs):
        rows = list(self.rows.values())
        for number, row in enumerate(rows):
            row["image"] = str(self.folder / str(number))
        self.each(self.predict_one, rows, jobs, "cycle model")

    def predict_one(self, row):
        begin = time.monotonic()
        row["error"] = ecoflow("compile", ROOT / f"workloads/{row['workload']}.json", "--layer", row["layer"],
                               "--pass", row["pass"], "--dataflow", row["dataflow"], "--config", row["config"],
                               "--batch", BATCH, "--out", row["image"])
        row["compile_seconds"] = time.monotonic() - begin
        if not row["error"]:
            row["report"], row["error"] = report("predict", row["image"])

    def run(self, jobs):
        # Long ones first, so that both jobs end at about the same time.
        rows = sorted((r for r in self.rows.values() if not r["error"] and r["report"]["cycles"] < RTL_CYCLES),
                      key=lambda r: -r["report"]["cycles"])
        self.each(lambda row: row.update(zip(("rtl", "rtl_error"), report("run", row["image"]))), rows, jobs, "RTL")


def ecoflow(*arguments):
    """Runs the program; what it complains about, or an empty line."""
    done = subprocess.run([ECOFLOW, *map(str, arguments)], capture_output=True, text=True, check=False)
    return "" if done.returncode <= 1 else done.stderr.strip() or f"{arguments[0]}: status {done.returncode}"


def report(command, image):
    """(the JSON report or None, error)"""
    path = pathlib.Path(image) / f"{command}.json"
    error = ecoflow(command, "--image", image, "--json", path)
    return (None if error else json.loads(path.read_text())), error


class Figures:
    """Values beside their targets: printed as they come, kept for --json."""

    def __init__(self):
        self.list = []

    def head(self, title, note=""):
        print(f"\n{title}{f'  ({note})' if note else ''}")

    def add(self, name, value, target=None, good=None, note="", form="{:.3f}", unit=""):
        """`target` as text ("" or None: information); `good` whether `value` meets it."""
        self.list.append({"figure": name, "value": value, "unit": unit, "target": target, "pass": good, "note": note})
        text = "-" if value is None else form.format(value) + (f" {unit}" if unit else "")
        state = {True: "pass", False: "FAIL", None: ""}[good]
        print(f"  {state:<5}{name:<66}{text:>14}  {target or '':<10}  {note}".rstrip())

    def at_least(self, name, value, least, **more):
        self.add(name, value, f">= {least}", value is not None and value >= least, **more)

    def at_most(self, name, value, most, **more):
        self.add(name, value, f"<= {most}", value is not None and value <= most, **more)

    def failed(self):
        return [f for f in self.list if f["pass"] is False]


def name_of(row):
    return f"{row['layer']} {row['pass']} {row['dataflow']}"


def cycles(row):
    return None if row["error"] else row["report"]["cycles"]


def milliseconds(row, mhz=200):
    return None if row["error"] else row["report"]["cycles"] / mhz / 1e3


def fraction(row):
    return None if row["error"] else row["report"]["roofline_fraction"]


def quotient(a, b):
    return a / b if a is not None and b else None


def geometric_mean(values):
    """Of values that are all there, else None."""
    good = [v for v in values if v]
    return math.exp(statistics.fmean(map(math.log, good))) if good and len(good) == len(values) else None


def fractions(figures, table_rows):
    words = "".join(f"{n:>15}" for n in ("cycles",) + NETWORKS)
    figures.head("Roofline fractions, Tables 5 and 7, ecoflow_13x15", "beside: cycles, words of each network")
    print(f"{'':<101}{words}  mapper s")
    for dataflow, (mean, each) in FRACTIONS.items():
        rows = [r for r in table_rows if r["dataflow"] == dataflow]
        for row in rows:
            note = row["error"]
            if not note:
                r = row["report"]
                note = "".join(f"{v:>15,}" for v in [r["cycles"]] + [r["words"][n] for n in NETWORKS])
                note += f"{row['compile_seconds']:>10.2f}"
            figures.at_least(name_of(row), fraction(row), each, note=note)
        figures.at_least(f"{dataflow}: geometric mean of {len(rows)}", geometric_mean([fraction(r) for r in rows]), mean)


def speedups(figures, rows):
    figures.head("Speedup over padded row-stationary, ecoflow_13x15")
    for (workload, layer), passes in SPEEDUPS.items():
        for pass_name, least in passes.items():
            row = {d: rows.add(workload, layer, pass_name, d) for d in ("auto", "ecoflow", "row-stationary")}
            base = row["row-stationary"]
            name = f"{layer} {pass_name}"
            figures.at_least(f"{name} auto", quotient(cycles(base), cycles(row["auto"])), least, form="{:.2f}",
                             note=row["auto"]["error"] or base["error"])
            figures.add(f"{name} ecoflow", quotient(cycles(base), cycles(row["ecoflow"])), form="{:.2f}",
                        note=row["ecoflow"]["error"])
            issued = None if base["error"] else base["report"]["issued_macs"] / base["report"]["pe_count"]
            figures.at_least(f"{name} baseline, issued MACs of all PE-cycles", quotient(issued, cycles(base)),
                             BASELINE_ISSUE, note=base["error"])


def chip(figures, rows):
    figures.head("AlexNet forward beside the Eyeriss chip", "ms at 200 MHz")
    for layer, measured in CHIP_MS.items():
        rs = rows.add("alexnet_original", layer, "forward", "row-stationary", "eyeriss_12x14")
        ms = milliseconds(rs)
        figures.at_most(f"{layer} row-stationary, eyeriss_12x14", ms, round(CHIP_SLACK * measured, 2), form="{:.2f}", unit="ms",
                        note=rs["error"] or f"{ms / measured:.3f} of the chip's {measured}")
    for layer, measured in CHIP_MS.items():
        auto = rows.add("alexnet_original", layer, "forward", "auto")
        ms = milliseconds(auto)
        figures.at_least(f"{layer} auto, ecoflow_13x15, roofline fraction", fraction(auto), CHIP_FRACTION, note=auto["error"])
        figures.add(f"{layer} auto, ecoflow_13x15", ms, f"< {measured}", ms is not None and ms < measured,
                    form="{:.2f}", unit="ms", note=auto["error"] or f"{ms / measured:.3f} of the chip's")


def sasiml(figures, rows):
    figures.head("ResNet-50_CONV3 beside SASiML's cycles", "information")
    for pass_name, theirs in SASIML_MCYCLES.items():
        for dataflow in ("auto", "ecoflow"):
            row = rows.add("paper_table5", "ResNet-50_CONV3", pass_name, dataflow)
            mcycles = quotient(cycles(row), 1e6)
            figures.add(name_of(row), mcycles, form="{:.2f}", unit="Mcycles",
                        note=row["error"] or f"{mcycles / theirs:.3f} of SASiML's {theirs}")


def mapper(figures, rows):
    figures.head("Mapper: wall clock of compile, proof included")
    every = list(rows.rows.values())
    slowest = max(every, key=lambda r: r["compile_seconds"])
    times = [r["compile_seconds"] for r in every]
    figures.at_most(f"slowest of {len(every)}", max(times), COMPILE_EACH, form="{:.2f}", unit="s", note=name_of(slowest))
    figures.at_most(f"median of {len(every)}", statistics.median(times), COMPILE_MEDIAN, form="{:.2f}", unit="s")
    for row in every:
        if row["error"]:
            figures.add(name_of(row), None, "compiles", False, note=row["error"])
        elif not row["workload"].startswith("paper_table") or row["dataflow"] not in FRACTIONS:
            figures.add(f"{name_of(row)}, {row['config']}", row["compile_seconds"], form="{:.2f}", unit="s")


def rtl(figures, rows):
    ran = [r for r in rows.rows.values() if "rtl" in r]
    figures.head("RTL: cycles equal the model's, results the golden model's",
                 f"{len(ran)} of {len(rows.rows)} rows, those below {RTL_CYCLES:,} cycles")
    for row in ran:
        name, theirs = f"{name_of(row)} {row['config']}", row["rtl"]
        if row["rtl_error"]:
            figures.add(name, None, "runs", False, note=row["rtl_error"])
            continue
        equal = theirs["cycles"] == row["report"]["cycles"]
        speed = theirs["sim_seconds"] / max(row["report"]["sim_seconds"], 1e-3)
        note = f"{theirs['sim_khz']:.0f} kHz, model {speed:,.0f} times as fast"
        if not theirs["match"]:
            note += f", {theirs['mismatches']} RESULTS DIFFER"
        figures.add(name, theirs["cycles"], f"{row['report']['cycles']:,}", equal and theirs["match"], form="{:,}", note=note)
    good = [r for r in ran if not r["rtl_error"]]
    if good:
        speeds = [r["rtl"]["sim_seconds"] / max(r["report"]["sim_seconds"], 1e-3) for r in good]
        figures.add("model speed over RTL, geometric mean", geometric_mean(speeds), form="{:,.0f}")
        figures.add("model speed over RTL, all rows together",
                    sum(r["rtl"]["sim_seconds"] for r in good) / sum(r["report"]["sim_seconds"] for r in good), form="{:,.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rtl", action="store_true", help="run rows of less than two minutes on the RTL, too")
    parser.add_argument("--json", help="write all figures and rows")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    a = parser.parse_args()
    if not ECOFLOW.exists():
        sys.exit(f"targets.py: {ECOFLOW} is missing: scripts/build.sh makes it")

    with tempfile.TemporaryDirectory() as folder:
        rows, figures = Rows(folder), Figures()
        table_rows = [rows.add(table, layer["name"], p, d) for d in FRACTIONS
                      for table in ("paper_table5", "paper_table7")
                      for layer in json.loads((ROOT / f"workloads/{table}.json").read_text())["layers"]
                      for p in PASSES]
        for (workload, layer), passes in SPEEDUPS.items():
            for p in passes:
                for d in ("auto", "ecoflow", "row-stationary"):
                    rows.add(workload, layer, p, d)
        for layer in CHIP_MS:
            rows.add("alexnet_original", layer, "forward", "row-stationary", "eyeriss_12x14")
            rows.add("alexnet_original", layer, "forward", "auto")
        rows.predict(a.jobs)
        if a.rtl:
            rows.run(a.jobs)

    fractions(figures, table_rows)
    speedups(figures, rows)
    chip(figures, rows)
    sasiml(figures, rows)
    mapper(figures, rows)
    if a.rtl:
        rtl(figures, rows)
    failed = figures.failed()
    with_target = [f for f in figures.list if f["pass"] is not None]
    print(f"\n{len(with_target) - len(failed)} of {len(with_target)} figures meet their targets")
    for f in failed:
        print(f"  FAIL {f['figure']}: {'-' if f['value'] is None else round(f['value'], 4)}, expected {f['target']}")
    if a.json:
        for row in rows.rows.values():
            del row["image"]
        document = {"figures": figures.list, "rows": list(rows.rows.values()), "failed": len(failed)}
        pathlib.Path(a.json).write_text(json.dumps(document, indent=1) + "\n")
    return failed != []


if __name__ == "__main__":
    sys.exit(main())
