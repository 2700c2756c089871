#!/usr/bin/python3
"""Counts how many small faults in the RTL the random layers notice.

Yosys' `mutate` makes the faults (mutants): an input bit of a cell inverted, tied or mixed with another, chosen at
random from the modules below. All of them sit in one netlist behind a number that the netlist reads from a
file, so that one Verilated model runs them all. A mutant is killed when a layer's result is not the golden
model's, a counter or the cycles are not the cycle model's, or the run locks up. Survivors are listed; some are
equivalent to the RTL. Exit status 1 when fewer than --least are killed.

usage: mutants.py [MODULE...] [--each 20] [--seed 1] [--jobs 2] [--least 0] [--json F] [--keep DIR]
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = ROOT / "build/bin"
CONFIG = ROOT / "tests/data/small.json"
MODULES = ("eco_multicast_ctrl", "eco_xbus", "eco_gin_queue", "eco_fifo", "eco_gon", "eco_pe")
BITS = 16
# What a mutant has to survive, cheapest first.
TRIALS = (("--dataflow", "ecoflow", "--count", "1", "--max-macs", "1000"),
          ("--dataflow", "row-stationary", "--count", "2", "--max-macs", "2000"),
          ("--count", "3", "--max-macs", "4000"))
TIMEOUT = 300  # seconds for a trial


def yosys(lines, folder):
    (folder / "script.ys").write_text("\n".join(lines) + "\n")
    done = subprocess.run(["yosys", "-q", "-T", "-s", "script.ys"], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"mutants.py: Yosys: {(done.stdout + done.stderr).strip().splitlines()[-1]}")


def make(a, folder):
    """Writes netlist.v with all mutants; their list."""
    subprocess.run([BIN / "ecoflow", "gen", "--config", CONFIG, "--out", folder], check=True, capture_output=True)
    files = [f for f in (folder / "files.f").read_text().split() if f.endswith(".sv")]
    yosys([f"read_verilog -sv -DSYNTHESIS -Irtl/include {' '.join(files)}", "hierarchy -check -top eco_top", "proc", "opt_clean",
           "check -assert", "opt", "memory -nomap", "opt_clean", "write_rtlil base.il"]
          + [f"mutate -list {2 * a.each} -seed {a.seed} -o {m}.txt *{m} *{m}/*" for m in a.modules], folder)
    mutants, commands = [], []
    for module in a.modules:
        # Without a clock nothing works: such mutants say nothing.
        lines = [line for line in (folder / f"{module}.txt").read_text().splitlines() if "-port CLK" not in line and "-src" in line]
        for line in lines[:a.each]:
            field = dict(re.findall(r"-(mode|port|portbit|wire|wirebit) (\S+)", line))
            source = re.findall(r"-src rtl/(\S+)", line)
            number = len(mutants) + 1
            mutants.append({"number": number, "module": module, "source": source[-1], **field})
            commands.append(re.sub(r"^mutate ", f"mutate -ctrl eco_mutant {BITS} {number} ", line))
    yosys(["read_rtlil base.il", *commands, "opt_clean", "write_verilog -noattr mutants.v"], folder)
    text = (folder / "mutants.v").read_text()
    # The number is an input of every module up to eco_top, which reads it from a file instead.
    at = text.index("module eco_top(")
    top = text[at:].replace(", eco_mutant)", ")", 1).replace(
        f"  input [{BITS - 1}:0] eco_mutant;\n",
        f"  reg [{BITS - 1}:0] eco_mutant_file [0:0];\n  initial $readmemh(\"mutant.hex\", eco_mutant_file);\n"
        f"  assign eco_mutant = eco_mutant_file[0];\n", 1)
    text = text[:at] + top
    # As in the RTL, one copy of the PE's code serves all PEs (rtl/verilator/shared_pe.vlt).
    text = re.sub(r"\\\$paramod\S*\\eco_pe ", "eco_pe ", text)
    text = re.sub(r"^(module eco_pe ?\([^;]*;)", r"\1\n  /*verilator no_inline_module*/", text, flags=re.MULTILINE)
    (folder / "netlist.v").write_text(text)
    return mutants


def trial(folder, number, options):
    """What sweep says of a mutant: None when it notices nothing, "time" when it does not end."""
    place = folder / f"run{number}"
    place.mkdir(exist_ok=True)
    (place / "mutant.hex").write_text(f"{number:x}\n")
    env = {**os.environ, "ECOFLOW_NETLIST": str(folder / "netlist.v"), "ECOFLOW_CACHE": str(folder / "cache")}
    try:
        done = subprocess.run([BIN / "sweep", "--config", CONFIG, "--predict", *options], cwd=place, env=env, capture_output=True,
                              text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return "time"
    if done.returncode == 0:
        return None
    return next((line for line in done.stdout.splitlines() if line.startswith("FAILED")), done.stderr.strip() or f"status {done.returncode}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"default: {' '.join(MODULES)}")
    parser.add_argument("--each", type=int, default=20, help="mutants of a module")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--least", type=float, default=0, help="share that must be killed")
    parser.add_argument("--json", help="write all mutants")
    parser.add_argument("--keep", help="folder for the netlist")
    a = parser.parse_args()
    a.modules = a.modules or list(MODULES)
    if not (BIN / "sweep").exists():
        sys.exit(f"mutants.py: {BIN}/sweep is missing: scripts/build.sh ON makes it")

    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(a.keep or temporary).resolve()
        mutants = make(a, folder)
        problem = trial(folder, 0, TRIALS[0])  # builds the model, too
        if problem:
            sys.exit(f"mutants.py: without a mutant: {problem}")
        print(f"{len(mutants)} mutants, model built after {time.monotonic() - begin:.0f} s", flush=True)

        def one(mutant):
            for options in TRIALS:
                mutant["killed"] = trial(folder, mutant["number"], options)
                if mutant["killed"]:
                    break
        with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
            list(pool.map(one, mutants))

    print(f"{'module':<22}{'mutants':>8}{'killed':>8}{'share':>8}")
    for module in a.modules:
        mine = [m for m in mutants if m["module"] == module]
        dead = sum(m["killed"] is not None for m in mine)
        print(f"{module:<22}{len(mine):>8}{dead:>8}{dead / max(len(mine), 1):>8.2f}")
    survivors = [m for m in mutants if m["killed"] is None]
    share = 1 - len(survivors) / max(len(mutants), 1)
    print(f"{'all':<22}{len(mutants):>8}{len(mutants) - len(survivors):>8}{share:>8.2f}   {time.monotonic() - begin:.0f} s")
    for m in survivors:
        print(f"  survives: {m['module']} {m['source']} {m['mode']} of {m.get('wire', m['port'])}[{m.get('wirebit', m['portbit'])}]")
    if a.json:
        pathlib.Path(a.json).write_text(json.dumps({"mutants": mutants, "killed_share": share}, indent=1) + "\n")
    return share < a.least


if __name__ == "__main__":
    sys.exit(main())
