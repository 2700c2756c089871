#!/usr/bin/python3
"""Synthesizes the array with Yosys and runs random layers on the netlist in place of the RTL.

The netlist is made twice: of generic gates, and of the cells of a library (osu018). Undriven nets, latches
and multiple drivers are refused. The testbench is that of the RTL (sweep): results must be the golden model's,
and every counter of every PE the cycle model's, as for the RTL. Exit status 1 when a netlist differs.

usage: netlists.py [generic|cells...] [--config tests/data/small.json] [--count 2] [--max-macs 2000] [--json F] [--keep DIR]
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = ROOT / "build/bin"
LIBERTY = pathlib.Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")
MODULES = ("eco_multicast_ctrl", "eco_xbus", "eco_gin_queue", "eco_fifo", "eco_pe", "eco_gon")
PROBLEM = re.compile(r".*(is used but has no driver|multiple conflicting drivers|Latch inferred for signal).*|ERROR:.*")

# As area/synthesis.cc, with checks: `synth` alone ties undriven nets to constants and says nothing.
WORDS = """read_verilog -sv -DSYNTHESIS -Irtl/include {files}
hierarchy -check -top eco_top
proc
opt_clean
check -assert
select -assert-none t:$dlatch* t:$adlatch* t:$dlatchsr*
opt_expr
opt_clean
opt -nodffe -nosdff
fsm
opt
wreduce
peepopt
opt_clean
alumacc
share
opt
memory -nomap
opt_clean
opt -fast -full
memory_map
opt -undriven -fine
techmap
opt -fast
"""
GATES = {"generic": """abc
opt_clean -purge
check -assert
select -assert-none t:$_DLATCH*
tee -q -o stat.txt stat
write_verilog -noattr netlist.v
""", "cells": """dfflibmap -liberty cells.lib
opt -fast
abc -liberty cells.lib
opt_clean -purge
read_liberty -lib -ignore_miss_func cells.lib
check -mapped -assert
tee -q -o stat.txt stat
write_verilog -noattr cells.v
setattr -mod -set keep_hierarchy 1 *eco_*
read_liberty -overwrite -ignore_miss_func cells.lib
flatten
select -assert-none *eco_*/t:$_DLATCH*
hierarchy -purge_lib -top eco_top
delete =A:liberty_cell
write_verilog -noattr netlist.v
"""}


def synthesise(kind, config, folder):
    """What went wrong or an empty line; cells by module."""
    subprocess.run([BIN / "ecoflow", "gen", "--config", config, "--out", folder], check=True, capture_output=True)
    files = [f for f in (folder / "files.f").read_text().split() if f.endswith(".sv")]
    shutil.copy(LIBERTY, folder / "cells.lib")
    (folder / "script.ys").write_text(WORDS.format(files=" ".join(files)) + GATES[kind])
    done = subprocess.run(["yosys", "-q", "-T", "-s", "script.ys"], cwd=folder, capture_output=True, text=True, check=False)
    log = done.stdout + done.stderr
    (folder / "yosys.log").write_text(log)
    problem = PROBLEM.search(log)
    if problem or done.returncode:
        return problem.group() if problem else "Yosys fails", {}
    # As in the RTL, one copy of the PE's code serves all PEs (rtl/verilator/shared_pe.vlt).
    text = (folder / "netlist.v").read_text()
    text = re.sub(r"\\\$paramod\S*\\eco_pe ", "eco_pe ", text)
    text = re.sub(r"^(module \S*?(?:eco_pe|eco_accumulator)\S* ?\([^;]*;)", r"\1\n  /*verilator no_inline_module*/", text, flags=re.MULTILINE)
    (folder / "netlist.v").write_text(text)
    cells = {}
    for module, number in re.findall(r"=== (\S+) ===.*?Number of cells: +(\d+)", (folder / "stat.txt").read_text(), re.DOTALL):
        for name in MODULES:
            if re.search(rf"(^|\\){name}(\\|$)", module):
                cells[name] = max(cells.get(name, 0), int(number))
    return "", cells


def sweep(a, folder, netlist):
    """What sweep prints on the netlist (None: on the RTL), and its rows."""
    env = dict(os.environ)
    env.pop("ECOFLOW_NETLIST", None)
    if netlist:
        env.update(ECOFLOW_NETLIST=str(netlist), ECOFLOW_CACHE=str(folder / "cache"))
    out = folder / "sweep.json"
    done = subprocess.run([BIN / "sweep", "--config", a.config, "--count", str(a.count), "--max-macs", str(a.max_macs), "--predict",
                           "--json", out], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    rows = json.loads(out.read_text()) if out.exists() else None
    return done.returncode, done.stdout + done.stderr, rows


def without_time(value):
    """Rows without the seconds that they took."""
    if isinstance(value, dict):
        return {k: without_time(v) for k, v in value.items() if "second" not in k}
    return [without_time(v) for v in value] if isinstance(value, list) else value


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", metavar="generic|cells", help="netlists (default: both)")
    parser.add_argument("--config", default=str(ROOT / "tests/data/small.json"), help="default: 4 x 4 PEs with small files")
    parser.add_argument("--count", type=int, default=2, help="random layers of each op, pass and dataflow")
    parser.add_argument("--max-macs", type=int, default=2000, help="largest layer")
    parser.add_argument("--json", help="write all results")
    parser.add_argument("--keep", help="folder for netlists and logs")
    a = parser.parse_args()
    for kind in a.kinds:
        if kind not in GATES:
            parser.error(f"no netlist {kind}; there are {', '.join(GATES)}")
    if not (BIN / "sweep").exists():
        sys.exit(f"netlists.py: {BIN}/sweep is missing: scripts/build.sh ON makes it")

    results, failed = [], 0
    with tempfile.TemporaryDirectory() as temporary:
        base = pathlib.Path(a.keep or temporary)
        base.mkdir(parents=True, exist_ok=True)
        status, text, rtl = sweep(a, base, None)
        if status:
            sys.exit(f"netlists.py: the RTL itself fails:\n{text}")
        for kind in a.kinds or GATES:
            folder = base / kind
            shutil.rmtree(folder, ignore_errors=True)
            begin = time.monotonic()
            problem, cells = synthesise(kind, a.config, folder)
            made = time.monotonic() - begin
            if not problem:
                status, text, rows = sweep(a, folder, (folder / "netlist.v").resolve())
                (folder / "sweep.log").write_text(text)
                if status:
                    problem = next((line for line in text.splitlines() if line.startswith("FAILED")), text.strip().splitlines()[-1])
                elif without_time(rows) != without_time(rtl):
                    problem = "cycles differ from the RTL's"
            failed += bool(problem)
            ran = time.monotonic() - begin - made
            print(f"{'FAIL' if problem else 'ok':<5}{kind:<9}synthesis {made:6.1f} s, simulation {ran:7.1f} s   "
                  f"{problem or 'all layers as on the RTL'}", flush=True)
            if cells:
                print("     cells: " + ", ".join(f"{m} {n:,}" for m, n in sorted(cells.items())))
            results.append({"netlist": kind, "pass": not problem, "problem": problem, "cells": cells, "synthesis_seconds": round(made, 1),
                            "simulation_seconds": round(ran, 1), "layers_each": a.count})
    if a.json:
        pathlib.Path(a.json).write_text(json.dumps(results, indent=1) + "\n")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
