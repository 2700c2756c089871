#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs recorded layers under Icarus Verilog: every output of the array, in every cycle, as under Verilator.

Random layers run on the Verilated RTL, their ports are recorded and replayed under Icarus on the files that `ecoflow gen`
wrote, as they are. It simulates four states: an output that depends on a register without a value would differ.

usage: icarus.py [--config tests/data/small.json] [--max-macs 1000] [--json F] [--keep DIR]
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from eda import BIN, ROOT, generate


def ports(top):
    """(direction, name, bits) of eco_top, in order."""
    found = re.findall(r"^  (input|output) +logic +(?:\[(\d+):0\])? *(\w+)", top, re.MULTILINE)
    return [(direction, name, int(high or 0) + 1) for direction, high, name in found]


def testbench(pins):
    inputs = [(n, b) for d, n, b in pins if d == "input" and n != "clk_i"]
    outputs = [(n, b) for d, n, b in pins if d == "output"]
    lines = ["module testbench;", "  reg clk_i = 0;", "  integer file, cycles = 0, wrong = 0;"]
    lines += [f"  reg [{b - 1}:0] {n};" for n, b in inputs]
    lines += [f"  wire [{b - 1}:0] {n};\n  reg [{b - 1}:0] want_{n};" for n, b in outputs]
    lines += ["  eco_top top(" + ", ".join(f".{n}({n})" for _, n, _ in pins) + ");", "  initial begin",
              '    file = $fopen("vectors.txt", "r");',
              "    while ($fscanf(file, \"" + " ".join(["%h"] * (len(inputs) + len(outputs))) + "\", "
              + ", ".join([n for n, _ in inputs] + [f"want_{n}" for n, _ in outputs])
              + f") == {len(inputs) + len(outputs)}) begin", "      clk_i = 0;", "      #1;",
              "      if (rst_ni && !clear_i) begin", "        cycles = cycles + 1;"]
    for name, bits in outputs:
        when = "1'b1"
        if name in ("out_lane_o", "out_data_o"):
            when = "want_out_valid_o"
        if name == "out_data_o":
            for k in range(bits // 32):
                part = f"[{k * 32} +: 32]"
                lines.append(f"        if (want_out_valid_o && want_out_lane_o[{k}] && {name}{part} !== want_{name}{part}) wrong = wrong + 1;")
        else:
            lines.append(f"        if ({when} && {name} !== want_{name}) wrong = wrong + 1;")
    lines += ["      end", "      #1 clk_i = 1;", "      #1;", "    end",
              '    $display("cycles %0d wrong %0d", cycles, wrong);', "  end", "endmodule"]
    return "\n".join(lines) + "\n"


def packed(words, width, bits):
    return sum((int(w) & ((1 << width) - 1)) << (width * k) for k, w in enumerate(words.split(","))) & ((1 << bits) - 1)


def vectors(recorded, pins, out):
    """Rewrites the record (Recorder in tb/model/model_cache.cc) as one hexadecimal number for each port but the clock."""
    bits = {name: b for _, name, b in pins}
    order = [n for d, n, _ in pins if d == "input" and n != "clk_i"] + [n for d, n, _ in pins if d == "output"]
    lanes = bits["gon_en_i"]
    with open(recorded, encoding="ascii") as lines, open(out, "w", encoding="ascii") as file:
        for line in lines:
            if line == "reset\n":
                file.write((" ".join("0" for _ in order) + "\n") * 4)
                continue
            if line == "clear\n":
                file.write(" ".join("1" if n in ("rst_ni", "clear_i") else "0" for n in order) + "\n")
                continue
            f = line.split()
            v = {"rst_ni": 1, "clear_i": 0, "cfg_valid_i": f[0], "cfg_data_i": f[1]}
            for name, g in (("wide", f[2:8]), ("narrow", f[8:14])):
                v.update({f"{name}_valid_i": g[0], f"{name}_row_i": g[1], f"{name}_col_i": g[2], f"{name}_dest_i": g[3], f"{name}_count_i": g[4],
                          f"{name}_data_i": packed(g[5], 16, bits[f"{name}_data_i"])})
            v.update(zip(("gon_valid_i", "gon_end_i", "gon_en_i", "gon_first_i", "gon_last_i"), f[14:19]))
            for name, words in zip(("gon_row_i", "gon_col_i", "gon_slot_i"), f[19:22]):
                v[name] = packed(words, bits[name] // lanes, bits[name])
            v.update(zip(("out_ready_i", "out_round_i", "stat_sel_i", "cfg_ready_o", "wide_ready_o", "narrow_ready_o", "gon_ready_o", "out_valid_o",
                          "out_lane_o"), f[22:31]))
            v.update(out_data_o=packed(f[31], 32, bits["out_data_o"]), done_o=f[32], stat_o=f[33])
            file.write(" ".join(f"{int(v[n]):x}" for n in order) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default=str(ROOT / "tests/data/small.json"))
    parser.add_argument("--max-macs", type=int, default=1000, help="largest layer")
    parser.add_argument("--json", help="write the result")
    parser.add_argument("--keep", help="folder for sources and vectors")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(a.keep or temporary).resolve()
        generate(a.config, folder)
        record = folder / "record.txt"
        record.unlink(missing_ok=True)
        subprocess.run([BIN / "sweep", "--config", a.config, "--count", "1", "--max-macs", str(a.max_macs)], cwd=ROOT, check=True,
                       capture_output=True, env={**os.environ, "ECOFLOW_RECORD": str(record)})
        pins = ports((folder / "eco_top.sv").read_text())
        (folder / "testbench.v").write_text(testbench(pins))
        vectors(record, pins, folder / "vectors.txt")
        built = subprocess.run(["iverilog", "-g2012", "-DSYNTHESIS", "-f", "files.f", "-s", "testbench", "-o", "replay", "testbench.v"],
                               cwd=folder, capture_output=True, text=True, check=False)
        if built.returncode:
            sys.exit(f"icarus.py: {built.stderr.strip()}")
        begin = time.monotonic()
        done = subprocess.run(["vvp", "-n", "replay"], cwd=folder, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - begin
    counts = re.search(r"cycles (\d+) wrong (\d+)", done.stdout)
    if not counts or counts.group(1) == "0":
        sys.exit(f"icarus.py: {(done.stdout + done.stderr).strip()[:200]}")
    cycles, wrong = map(int, counts.groups())
    print(f"{'FAIL' if wrong else 'ok':<5}{cycles:,} cycles under Icarus in {seconds:.0f} s, {wrong} outputs differ from Verilator's")
    if a.json:
        pathlib.Path(a.json).write_text(json.dumps({"cycles": cycles, "wrong": wrong, "seconds": round(seconds, 1)}) + "\n")
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main())
