#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Synthesizes the array with Yosys and runs random layers on netlists in place of the RTL.

Two libraries: generic gates, and the cells of osu018. Of each, the multicast controllers, X-buses and PEs replace their
RTL in the array one after the other, then the netlist of the whole array runs. The testbench is that of the RTL
(build/bin/sweep): results must be the golden model's, every counter of every PE the cycle model's, and cycles those of
the RTL. Undriven nets, latches and multiple drivers are refused; one of each is planted to see that they are.
Exit status 1 when a netlist differs or something planted goes through.

usage: netlists.py [--config tests/data/gates.json] [--count 6] [--library generic] [--target eco_pe] [--json F] [--keep DIR]
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

from eda import BIN, ROOT, generate, write_json, yosys

LIBERTY = pathlib.Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")
# What is a netlist while the rest is RTL; the array: everything is.
TARGETS = ("eco_multicast_ctrl", "eco_xbus", "eco_pe", "array")
# Inputs of a PE that differ from PE to PE: see rtl/verilator/shared_pe.vlt.
PE_INPUT = r"^  input (.*?)((?:cfg_we|wide_\w+|narrow_\w+|below_\w+|above_\w+|out_pop)_i);"

READ = """read_verilog -sv -DSYNTHESIS -Irtl/include {files}
hierarchy -check -top eco_top
write_rtlil parameters.il
"""
# The steps of the area study, with their checks: words, gates, cells.
WORDS = (ROOT / "area/word_level.ys").read_text()
GATES, FIRST, CELLS = (ROOT / "area/cell_level.ys").read_text().partition("dfflibmap")
# Cells are replaced by what the library says that they do, module by module, only after they have been chosen.
MAP = {"generic": """abc
opt_clean -purge
check -assert
select -assert-none t:$_DLATCH*
tee -q -o stat.txt stat
write_verilog -noattr netlist.v
""", "osu018": FIRST + CELLS.replace("@ABC@", "") + """
write_verilog -noattr mapped.v
design -reset
read_verilog mapped.v
setattr -mod -set keep_hierarchy 1 *
read_liberty -ignore_miss_func cells.lib
flatten
hierarchy -check -top eco_top
opt_clean -purge
select -assert-none t:$_DLATCH*
write_verilog -noattr netlist.v
"""}
XBUS = "rtl/noc/eco_xbus.sv"
STOP = "assign stop_o = row_match & ~ready_q;"
# What stands instead of STOP; each must stop the synthesis.
PLANTED = {
    "undriven net": "logic nothing;\n  assign stop_o = row_match & ~nothing;",
    "multiple drivers": STOP + "\n  assign stop_o = valid_i & ~ready_q;",
    "latch": "logic held;\n  always @* if (valid_i) held = ready_q;\n  assign stop_o = row_match & ~held;",
}


class Netlist:
    """Modules of the array mapped to one library."""

    def __init__(self, kind, config, folder):
        self.folder, self.files = folder, generate(config, folder)
        shutil.copy(LIBERTY, folder / "cells.lib")
        self.problem = yosys(folder, READ.format(files=" ".join(self.files)) + WORDS + GATES + MAP[kind])
        if self.problem:
            return
        # Yosys names a module by its parameters' hash: $paramod$...\eco_xbus becomes eco_xbus__3.
        self.parameters, plain = {}, {}
        for line in (folder / "parameters.il").read_text().splitlines():
            if module := re.match(r"module (\$paramod\S*?\\(eco_\w+)\S*)$", line):
                name = plain[module[1]] = f"{module[2]}__{len(plain)}"
                self.parameters[name] = {}
            elif line.startswith("module "):
                name = ""
            elif (value := re.match(r"  parameter \\(\w+) (\d+)$", line)) and name:
                self.parameters[name][value[1]] = int(value[2])
        text = (folder / "netlist.v").read_text()
        stat = (folder / "stat.txt").read_text()
        for old, new in plain.items():
            text = text.replace(f"\\{old} ", f"{new} ").replace(f"\\{old}(", f"{new}(")
            stat = stat.replace(f"{old} ", f"{new} ")
        self.modules = {m[1]: m[0] for m in re.finditer(r"^module (\w+).*?^endmodule\n", text, re.MULTILINE | re.DOTALL)}
        self.cells = {m[0]: int(m[1]) for m in re.findall(r"=== (\w+) ===.*?Number of cells: +(\d+)", stat, re.DOTALL)}

    def children(self, name):
        return re.findall(r"^  (eco_\w+) ", self.modules[name], re.MULTILINE)

    def below(self, name, found):
        """Appends the module and all that it instantiates."""
        if name not in found:
            found.append(name)
            for child in self.children(name):
                self.below(child, found)

    def total(self, name):
        """Cells of the module and all below it."""
        return self.cells[name] + sum(self.total(child) - 1 for child in self.children(name))

    def write(self, target):
        """The array in one file with the target as netlist; its path and how many cells the target has."""
        used, text = [], ""
        if target == "array":
            self.below("eco_top", used)
            cells = self.total("eco_top")
        else:
            text = (ROOT / "rtl/include/eco_assert.svh").read_text()
            for file in self.files:
                source = (self.folder / file).read_text().replace('`include "eco_assert.svh"', "")
                text += self.instead(source, target, used) if pathlib.Path(file).stem == target else source
            cells = max(self.total(m) for m in used if re.fullmatch(rf"{target}__\d+", m))
            used = [name for name in used if name in self.parameters]  # modules without parameters are there as source
        for name in used:
            module = self.modules[name]
            if name.startswith("eco_pe__"):  # one copy of the code serves all PEs
                module = re.sub(r"^(module [^;]*;)", r"\1 /*verilator no_inline_module*/", module, count=1)
                module = re.sub(PE_INPUT, r"  input \1\2 /*verilator public_flat_rd*/;", module, flags=re.MULTILINE)
            text += module
        path = self.folder / f"{target}.v"
        path.write_text(text)
        return path, cells

    def instead(self, source, target, used):
        """The RTL's head around the netlists of that module, chosen by parameters."""
        head = source[re.search(r"^module ", source, re.MULTILINE).start():]
        head = head[:re.search(r"^\);", head, re.MULTILINE).end()]
        ports = ", ".join(f".{p}({p})" for p in re.findall(r"^  (?:input|output) .*?(\w+),? *(?:///.*)?$", head, re.MULTILINE))
        body = "\n  generate\n    "
        for name, parameters in self.parameters.items():
            if re.fullmatch(rf"{target}__\d+", name):
                self.below(name, used)
                condition = " && ".join(f"{k} == {v}" for k, v in parameters.items())
                body += f"if ({condition}) begin : gen_netlist\n      {name} u_netlist ({ports});\n    end else "
        return head + body + '$error("no netlist with these parameters");\n  endgenerate\nendmodule\n'


def sweep(a, folder, netlist):
    """What sweep prints on the netlist (None: on the RTL), and its rows."""
    env = dict(os.environ)
    env.pop("ECOFLOW_NETLIST", None)
    if netlist:
        env.update(ECOFLOW_NETLIST=str(netlist.resolve()), ECOFLOW_NETLIST_OPT="-O0", ECOFLOW_CACHE=str(folder.resolve() / "cache"))
    out = folder / "sweep.json"
    out.unlink(missing_ok=True)
    done = subprocess.run([BIN / "sweep", "--config", a.config, "--count", str(a.count), "--max-macs", str(a.max_macs), "--predict",
                           "--json", out], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    rows = json.loads(out.read_text()) if out.exists() else None
    return done.returncode, done.stdout + done.stderr, rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default=str(ROOT / "tests/data/gates.json"), help="default: 4 x 4 PEs with small files")
    parser.add_argument("--count", type=int, default=6, help="random layers of each op, pass and dataflow")
    parser.add_argument("--max-macs", type=int, default=2000, help="largest layer")
    parser.add_argument("--library", action="append", choices=list(MAP), help="default: both")
    parser.add_argument("--target", action="append", choices=TARGETS, help="default: all")
    parser.add_argument("--json", help="write all results")
    parser.add_argument("--keep", help="folder for netlists and logs")
    a = parser.parse_args()
    if not (BIN / "sweep").exists():
        sys.exit(f"netlists.py: {BIN}/sweep is missing: scripts/build.sh ON makes it")

    results, failed = [], 0

    def row(name, problem, seconds, text=""):
        nonlocal failed
        failed += bool(problem)
        print(f"{'FAIL' if problem else 'ok':<5}{name:<30}{text:<16}{seconds:>8.1f} s   {problem}", flush=True)

    with tempfile.TemporaryDirectory() as temporary:
        base = pathlib.Path(a.keep or temporary)
        shutil.rmtree(base / "planted", ignore_errors=True)
        for what, text in PLANTED.items():
            begin = time.monotonic()
            folder = base / "planted" / what.replace(" ", "_")
            files = generate(a.config, folder)
            path = folder / XBUS
            if STOP not in path.read_text():
                sys.exit(f"netlists.py: {XBUS} has no line {STOP}")
            path.write_text(path.read_text().replace(STOP, text))
            found = yosys(folder, READ.format(files=" ".join(files)) + WORDS)
            row(f"planted {what}", "" if found else "goes through", time.monotonic() - begin)
            results.append({"planted": what, "pass": bool(found), "found": found})

        status, text, rtl = sweep(a, base, None)
        if status:
            sys.exit(f"netlists.py: the RTL itself fails:\n{text}")
        for kind in a.library or MAP:
            begin = time.monotonic()
            folder = base / kind
            shutil.rmtree(folder, ignore_errors=True)
            netlist = Netlist(kind, a.config, folder)
            row(f"{kind} synthesis", netlist.problem, time.monotonic() - begin)
            for target in () if netlist.problem else a.target or TARGETS:
                begin = time.monotonic()
                path, cells = netlist.write(target)
                status, text, rows = sweep(a, folder, path)
                (folder / f"{target}.log").write_text(text)
                problem = ""
                if status:
                    problem = next((line for line in text.splitlines() if line.startswith("FAILED")), text.strip().splitlines()[-1])
                elif rows != rtl:
                    problem = "cycles differ from the RTL's"
                seconds = time.monotonic() - begin
                row(f"{kind} {target}", problem, seconds, f"{cells:>8,} cells")
                results.append({"library": kind, "netlist": target, "pass": not problem, "problem": problem, "cells": cells,
                                "seconds": round(seconds, 1)})
    layers, cycles = (sum(r[k] for r in rtl) for k in ("passed", "cycles"))
    print(f"{len(results) - failed} of {len(results)} as expected; {layers} layers and {cycles:,} cycles on each netlist, as on the RTL")
    if a.json:
        write_json(a.json, {"results": results, "layers": layers, "cycles": cycles, "failed": failed})
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
