#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Counts how many small faults in the RTL the project's own tests notice.

Yosys' `mutate` makes the faults (mutants): an input or output bit of a cell inverted, tied or mixed with another,
chosen at random from the modules below. All of them sit in one netlist behind a number that the netlist reads
from a file, so that one Verilated model runs them all. What a mutant has to survive, cheapest first:

  layers   random layers (sweep): a result is not the golden model's, a counter or the cycles are not the cycle
           model's, or the run locks up; without and with random pauses
  directed a test of its own: tests/tb/array_test (random beats to random IDs, random commands, long loops); of bf16
           tests/arith/arith_bf16 on the netlist's modules (a million vectors against the host's arithmetic)
  proofs   the proofs of the module (proofs/, scripts/prove.py) with the mutant in it: a counterexample

A survivor is compared with the RTL: both side by side on the same inputs, from reset, without a bound (abc: scorr,
PDR). Where no output that anybody reads can differ, the mutant is equivalent and leaves the count. The rest
survives and is listed. Clocks are not mutated. Exit status 1 when a smaller share than --least is killed.

With --format bf16 the arithmetic of bf16 and what it changes in the PE and behind the GON: layers of normal and of special
values (infinite, NaN, subnormal), arith_bf16, then the comparison; the proofs are of int16.

usage: mutants.py [MODULE...] [--format int16] [--each 20] [--seed 1] [--jobs 2] [--least 0.95] [--json F] [--markdown F] [--keep DIR]
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
import threading
import time

import eda
from eda import BIN, ROOT, aig, generate, write_json
import prove

# Module -> its mutants, in units of --each.
MODULES = {"int16": {"eco_multicast_ctrl": 1, "eco_xbus": 1, "eco_row": 1, "eco_array": 1, "eco_config": 1, "eco_counter": 1, "eco_gin_queue": 1,
                     "eco_fifo": 1, "eco_shift_fifo": 1, "eco_gon": 1, "eco_gon_row": 1, "eco_accumulator": 1, "eco_regfile": 1, "eco_pe": 1,
                     "eco_pe_image": 1, "eco_pe_nest": 2, "eco_pe_coordinate": 1, "eco_pe_ring": 1, "eco_pe_psum": 1, "eco_mac": 1,
                     "eco_add": 1, "eco_psum_add": 1, "eco_pe_counters": 1},
           "bf16": {"eco_mac": 2, "eco_fp32_add": 4, "eco_psum_add": 1, "eco_result": 1, "eco_pe_psum": 1, "eco_accumulator": 1}}
BITS = 16
LAYERS = {"int16": (("--count", "1", "--max-macs", "2000", "--predict"), ("--count", "3", "--max-macs", "2000", "--stall", "0.3")),
          "bf16": (("--count", "1", "--max-macs", "2000", "--predict"),
                   ("--count", "3", "--max-macs", "2000", "--values", "special", "--stall", "0.3"),
                   ("--count", "8", "--first", "100", "--max-macs", "1500", "--values", "special"))}
TIMEOUT = 120  # seconds for a trial at least; five times what it takes without a mutant, on a busy machine more
BUILD_TIMEOUT = 1800  # with the model to build

# Survivors (source, start of what) that somebody has read; the others are not explained.
READ = (
    ("arith/bf16/eco_mac.sv:83", "inv B[3] of procmux", "equivalent by reading: for a product of zero, which `live` keeps out"),
    ("arith/bf16/eco_fp32_add.sv:181", "const1 A[19] of shr", "equivalent by reading: a bit below the one that stops the shift"),
    ("arith/bf16/eco_fp32_add.sv:104", "const1 A[17] of reduce_or", "equivalent by reading: so far below the sum a sticky bit does not decide"),
    ("arith/bf16/eco_result.sv:13", "const0 B[9] of add", "equivalent by reading: only bit 0 of what is added is not 0"),
)


class Context:
    """A surrounding in which mutants are proved: a module of proofs/ around the module with mutants (`cell` in it)."""

    def __init__(self, name, top, files=(), cell=None, dut=None, parameters=None, array=False, free=(), ones=(), observe=(), frames=20, resets=True):
        self.name, self.top, self.files = name, top, [f"{top}.sv", *files] if top.startswith("proof") else []
        self.cell, self.dut = cell, dut
        self.parameters = parameters or {}
        self.array = array      # PEs are taken out of eco_array
        self.free = free        # nets that may take any value in any cycle
        self.ones = ones        # nets that are 1 in every cycle: without them the outputs are undefined
        self.observe = observe  # (output, what says that it is read or None, bits read or None)
        self.frames = frames
        self.resets = resets    # the reset is low in the first cycle and then high; else it may be anything


ARRAY = {"Rows": 3, "Columns": 3, "NumIds": 5, "IdBits": 5, "WideLanes": 5, "NarrowLanes": 2, "GonLanes": 2,
         "AccSlots": json.loads((ROOT / "tests/data/mutants.json").read_text())["accumulator_words"] // 2}
PE = {"WideLanes": 5, "NarrowLanes": 2, "IfmapDepth": 12, "FilterDepth": 20, "PsumDepth": 4, "QueueDepth": 8}
PE_SEEN = (("cfg_ready", None, None), ("cfg_idle", None, None), ("error", None, None), ("wide_ready", None, None), ("narrow_ready", None, None), ("below_credit", None, None),
           ("above_valid", None, None), ("above_data", "above_valid", None), ("out_valid", None, None),
           ("out_data", "out_valid", None))
XBUS = {"Columns": 3, "NumIds": 5, "IdBits": 5}
XBUS_SEEN = (("stop", "valid_i", None), ("push", None, None), ("bus", "push", None))
QUEUE_SEEN = (("ready", None, None), ("valid", None, None), ("dest", "valid", None), ("head", "valid", None))
# Ports of PEs and of the array that count only when another says so; eco_pe reads lane 0 of the Local link.
ARRAY_SEEN = {"wide_dest_i": "wide_push_i", "wide_count_i": "wide_push_i", "wide_data_i": "wide_push_i",
              "narrow_dest_i": "narrow_push_i", "narrow_count_i": "narrow_push_i", "narrow_data_i": "narrow_push_i",
              "cfg_addr_i": "cfg_we_i", "cfg_data_i": "cfg_we_i", "cfg_sel_i": "cfg_we_i", "out_sel_i": "out_pop_i",
              "below_valid_i": None, "below_data_i": "below_valid_i",
              "wide_ready_o": "wide_valid_i", "narrow_ready_o": "narrow_valid_i", "cfg_ready_o": "cfg_valid_i",
              "gon_ready_o": "gon_valid_i", "out_data_o": "out_valid_o", "out_lane_o": "out_valid_o"}
ONE_LANE = {"below_valid_i": 1, "below_data_i": 32}
NETWORK = ("eco_row", "eco_array", "eco_config", "eco_gon", "eco_accumulator")


def queue(kind, lanes):
    return Context(f"gin_queue_{kind}", "proof_gin_queue", cell="u_queue", dut=("eco_gin_queue", f"u_{kind}_queue"),
                   parameters={"Lanes": lanes, "DataBits": 16}, observe=QUEUE_SEEN)


def xbus(kind, lanes):
    return Context(f"xbus_{kind}", "proof_xbus", ["delivery.sv"], "u_xbus", ("eco_xbus", f"u_{kind}"), {**XBUS, "Lanes": lanes}, observe=XBUS_SEEN)


FIFO = Context("fifo", "proof_fifo", cell="u_fifo", dut=("eco_fifo", None), parameters={"DataBits": 32},
               observe=(("valid", None, None), ("head", "valid", None)))
DELIVERY = Context("array", "proof_array", ["delivery.sv"], array=True, parameters=ARRAY)
GON = [Context(f"gon_{k}", "proof_gon", array=True, parameters={**ARRAY, "Lane": k, "Low": 32}) for k in (0, 1)]
PLAIN = Context("eco_array", "eco_array", array=True, observe=None)
PE_PROOF = Context("pe", "proof_pe", cell="u_pe", dut=("eco_pe", None), parameters=PE, free=prove.ANY_IMAGE, frames=14)
PE_PLAIN = Context("pe_image", "proof_pe", cell="u_pe", dut=("eco_pe", None), parameters=PE, observe=PE_SEEN)
MAC = Context("mac", "eco_mac", dut=("eco_mac", None), observe=(("gated_o", None, None), ("sum_o", None, None)))
ACCUMULATOR = Context("accumulator", "eco_accumulator", dut=("eco_accumulator", None),
                      observe=(("valid_o", None, None), ("data_o", "valid_o", None)))
# Of the fp32 adder what a valid sum is: valid_i and its registers, as long as the adder has three stages.
FUSED = Context("fused", "eco_mac", dut=("eco_mac", None), ones=("u_add.valid_i", "u_add.valid_1", "u_add.valid_2"),
                observe=(("gated_o", None, None), ("sum_o", None, None)))
FP32_ADD = Context("fp32_add", "eco_psum_add", dut=("eco_psum_add", None), ones=("u_add.valid_i", "u_add.valid_1", "u_add.valid_2"),
                   observe=(("sum_o", None, None),))
RESULT = Context("result", "eco_result", dut=("eco_result", None), observe=(("data_o", None, None),))
CONFIG_PROOF = Context("config", "proof_config", cell="u_config", dut=("eco_config", None), parameters={"Rows": 3, "Columns": 3})
ARRAY_COUNT = Context("array_counters", "proof_array_counters", array=True, parameters=ARRAY, frames=10, resets=False)
PE_COUNT = Context("pe_counters", "proof_pe_counters", cell="u_counters", dut=("eco_pe_counters", None), frames=25, resets=False)
# Module -> proofs that may notice its mutants, surroundings in which it may be equivalent (a tuple: in all of them).
# What an image decides is free in proof_pe: it says nothing of coordinates.
IN_PE = ([PE_PROOF], [PE_PLAIN])
FORMAL = {"int16": {
    "eco_multicast_ctrl": ([xbus("wide", 5)], [xbus("wide", 5)]),
    "eco_xbus": ([xbus("wide", 5), xbus("narrow", 2)], [PLAIN]),
    "eco_gin_queue": ([queue("wide", 5), queue("narrow", 2)], [queue("wide", 5), queue("narrow", 2)]),
    "eco_fifo": ([FIFO], [FIFO]), "eco_shift_fifo": ([DELIVERY, *GON], [PLAIN]),
    "eco_row": ([DELIVERY, *GON], [PLAIN]), "eco_array": ([ARRAY_COUNT, DELIVERY, *GON], [PLAIN]),
    "eco_config": ([CONFIG_PROOF, DELIVERY], [PLAIN]), "eco_counter": ([ARRAY_COUNT], [PLAIN]),
    "eco_gon": (GON, [PLAIN]), "eco_gon_row": (GON, [PLAIN]), "eco_accumulator": (GON, [ACCUMULATOR]),
    "eco_regfile": (GON, [(ACCUMULATOR, PE_PLAIN)]),
    "eco_pe": IN_PE, "eco_pe_image": IN_PE, "eco_pe_nest": IN_PE, "eco_pe_ring": IN_PE, "eco_pe_psum": IN_PE,
    "eco_pe_coordinate": ([], [PE_PLAIN]), "eco_pe_counters": ([PE_COUNT], [PE_PLAIN]),
    "eco_mac": ([], [MAC]), "eco_add": (GON, [(ACCUMULATOR, MAC)]), "eco_psum_add": (GON, [ACCUMULATOR]),
}, "bf16": {
    "eco_mac": ([], [FUSED]), "eco_fp32_add": ([], [(FUSED, FP32_ADD)]), "eco_psum_add": ([], [FP32_ADD]), "eco_result": ([], [RESULT]),
    "eco_pe_psum": ([], [PE_PLAIN]), "eco_accumulator": ([], [ACCUMULATOR]),
}}


def yosys(name, lines, folder):
    if problem := eda.yosys(folder, "\n".join(lines) + "\n", name):
        sys.exit(f"mutants.py: Yosys, {name}: {problem}")


def variants(text, module):
    """Names of a module in a netlist, one for each set of parameters."""
    return re.findall(rf"^module (\S*\\{module}(?:\\\S*)?)$", text, re.MULTILINE)


def make(a, folder):
    """Writes netlist.v with all mutants; their list."""
    generate(a.config, folder)
    for name, text, instead in prove.DEST_KNOWN:
        path = folder / "rtl" / name
        if path.read_text().count(text) != 1:
            sys.exit(f"mutants.py: expected once in rtl/{name}: {text}")
        path.write_text(path.read_text().replace(text, instead))
    for path in (ROOT / "proofs").glob("*.sv"):
        (folder / path.name).write_text(path.read_text())
    files = " ".join(f for f in (folder / "files.f").read_text().split() if f.endswith(".sv"))
    yosys("base", [f"read_verilog -formal -sv -Irtl/include {files}", "hierarchy -check -top eco_top", "proc", "opt_clean",
                   "check -assert", "opt", "memory -nomap", "opt_clean", "write_rtlil formal.il",
                   "delete t:$assert t:$assume", "opt_clean -purge", "write_rtlil base.il"], folder)
    base = (folder / "base.il").read_text()
    # Many are asked for: Yosys chooses so that every cell and wire has its turn.
    yosys("choose", ["read_rtlil base.il"] + [
        f"mutate -list {3 * a.each * a.weights[m]} -seed {a.seed} -o {m}.txt " + " ".join(re.sub(r"[\\$]", "?", n) for n in variants(base, m))
        for m in a.modules], folder)
    mutants = []
    for module in a.modules:
        # Without a clock nothing works: such mutants say nothing.
        lines = [line for line in (folder / f"{module}.txt").read_text().splitlines()
                 if not re.search(r"-port (\w*CLK|clk_i) ", line) and "-src rtl/" in line]
        for line in lines[:a.each * a.weights[module]]:
            field = dict(re.findall(r"-(mode|module|cell|port|portbit|ctrlbit|wire|wirebit) (\S+)", line))
            source = re.findall(r"-src rtl/([^:]+:\d+)", line)[-1]
            number = len(mutants) + 1
            kind = "register" if field["cell"].startswith("$auto$ff") else re.sub(r"^\$(\w+)\$.*", r"\1", field["cell"])
            where = f"{field['port']}[{field['portbit']}] of {kind}"
            if "wire" in field:
                where += f" ({field['wire']}[{field.get('wirebit', 0)}])"
            if "ctrlbit" in field:
                where += f" by bit {field['ctrlbit']}"
            mutants.append({"number": number, "module": module, "variant": field["module"], "source": source, "what": f"{field['mode']} {where}",
                            "command": re.sub(r"^mutate ", f"mutate -ctrl eco_mutant {BITS} {number} ", line)})
    yosys("mutate", ["read_rtlil base.il", *[m["command"] for m in mutants], "opt_clean", "write_verilog -noattr mutants.v"], folder)
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


def build_arith(a, folder):
    """arith_bf16 on the modules of the netlist, at the latencies of the configuration, mutants in them."""
    pe = json.loads(a.config.read_text())["pe"]
    text = (ROOT / "tests/arith/arith_bf16.sv").read_text()
    for stages, key in (("Mul", "multiplier_stages"), ("Add", "adder_latency")):
        text = re.sub(rf"(int unsigned {stages}\[5\] = ).*;", rf"\1'{{{', '.join([str(pe[key])] * 5)}}};", text)
    text = text.replace("  localparam int unsigned Mul", f"  reg [{BITS - 1}:0] eco_mutant_file [0:0];\n"
                        "  initial $readmemh(\"mutant.hex\", eco_mutant_file);\n  localparam int unsigned Mul", 1)
    base = (folder / "base.il").read_text()
    for module in ("eco_mac", "eco_psum_add", "eco_result"):
        name, = variants(base, module)
        name = name if name.startswith("$") else name.removeprefix("\\")
        text, count = re.subn(rf"\b{module}( #\([^;]*?\)\))? (u_\w+) \(", lambda m: f"\\{name}  {m[2]} (.eco_mutant(eco_mutant_file[0]), ", text)
        if count != 1:
            sys.exit(f"mutants.py: expected once in arith_bf16.sv: {module}")
    (folder / "arith.sv").write_text(text)
    for models in (1, 5):
        subprocess.run(["verilator", "--cc", "--build", "-O3", "-Wno-lint", "-Wno-UNOPTFLAT", "--top-module", "arith_bf16", f"-GVariants={models}",
                        "--prefix", f"Varith_bf16_{models}", "--Mdir", f"arith{models}", "netlist.v", "arith.sv"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    root = subprocess.run(["verilator", "--getenv", "VERILATOR_ROOT"], capture_output=True, text=True, check=True).stdout.strip()
    subprocess.run(["g++", "-std=c++20", "-O2", "-w", f"-I{ROOT}", f"-I{root}/include", "-Iarith1", "-Iarith5", ROOT / "tests/arith/arith_bf16.cc",
                    f"{root}/include/verilated.cpp", f"{root}/include/verilated_threads.cpp", "arith1/Varith_bf16_1__ALL.a", "arith5/Varith_bf16_5__ALL.a", "-lfmt", "-pthread", "-o", "arith"],
                   cwd=folder, check=True)
    return folder / "arith"


def trial(folder, number, command, seconds):
    """What a test says of a mutant: None when it notices nothing, "time" when it does not end."""
    place = folder / f"run{number}"
    place.mkdir(exist_ok=True)
    (place / "mutant.hex").write_text(f"{number:x}\n")
    env = {**os.environ, "ECOFLOW_NETLIST": str(folder / "netlist.v"), "ECOFLOW_CACHE": str(folder / "cache"),
           "GTEST_FAIL_FAST": "1"}
    end = time.monotonic() + seconds
    with subprocess.Popen(command, cwd=place, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        alarm = concurrent.futures.ThreadPoolExecutor(1)

        def watch():
            try:
                process.wait(end - time.monotonic())
            except subprocess.TimeoutExpired:
                process.kill()
        alarm.submit(watch)
        said, last = None, ""
        for line in process.stdout:
            last = line.strip() or last
            if said is None and re.match(r"FAILED|.*: Failure$", line):
                said = line.strip()
                if line.startswith("FAILED"):
                    process.kill()  # one failure is enough
        status = process.wait()
        alarm.shutdown()
    if said:
        return said
    if time.monotonic() > end:
        return "time"
    if status in (2, 3, 127):
        sys.exit(f"mutants.py: {command[0]}: {last}")  # no verdict on the mutant
    return f"signal {-status}: {last}" if status < 0 else f"exit status {status}: {last}" if status else None


class Formal:
    """And-inverter graphs of surroundings with all survivors in them, and what abc says of one."""

    def __init__(self, folder, mutants, table):
        self.folder, self.mutants, self.table = folder, mutants, table
        self.base = (folder / "formal.il").read_text()
        self.graphs, self.checked, self.lock = {}, set(), threading.Lock()

    def variant(self, dut):
        module, kind = dut
        names = variants(self.base, module)
        if kind is None:
            return names[0]
        # Which of the two is the wide network's: the instance says.
        return re.search(rf"cell (\S+) \\{kind}$", self.base, re.MULTILINE).group(1)

    def build(self, context):
        name = f"{context.name}.{'see' if context.observe != () else 'bad'}"
        if name in self.graphs:
            return self.graphs[name]
        mutate = [m["command"] for m in self.mutants]
        files = (self.folder / "files.f").read_text().split()
        rtl = " ".join(f for f in files if f.endswith(".sv") and f != "eco_top.sv")
        read = "read_verilog -formal -sv -Irtl/include "
        sets = " ".join(f"-chparam {k} {v}" for k, v in context.parameters.items())
        array = variants(self.base, "eco_array")[0]
        everted = ["read_rtlil formal.il", *mutate, f"hierarchy -check -top {array}", "rename -top eco_array", "blackbox *eco_pe", "flatten",
                   "opt_clean", "expose -evert t:*eco_pe", "opt_clean"]
        if not context.resets:  # as prove.NO_ASSERTIONS
            everted.append("delete */t:$assert")
        if context.array and not context.files:
            lines = everted
        elif context.array:
            top = self.folder / f"mutant_{context.files[0]}"
            text = prove.with_pe_ports((self.folder / context.files[0]).read_text(), context.parameters)
            text = re.sub(r"(input +logic +clk_i,)", rf"\1 input logic [{BITS - 1}:0] eco_mutant,", text, count=1)
            top.write_text(text.replace("eco_array u_array (\n", "eco_array u_array (\n    .eco_mutant(eco_mutant),\n"))
            lines = [*everted, "design -stash array", f"{read}rtl/eco_pkg.sv rtl/top/eco_config.sv {top.name} {' '.join(context.files[1:])}",
                     "design -copy-from array -as eco_array eco_array", f"hierarchy -check -top {context.top} {sets}"]
        elif context.files:
            lines = [f"{read}{rtl} {' '.join(context.files)}", f"hierarchy -check -top {context.top} {sets}", "rename -top proof_top",
                     "proc", *([f"expose {' '.join(f'proof_top/{n}' for n, _, _ in context.observe)}"] if context.observe else []), "opt_clean", f"chtype -set {self.variant(context.dut)} proof_top/{context.cell}",
                     "read_rtlil -overwrite formal.il", *mutate, "hierarchy -check -top proof_top"]
        else:
            lines = ["read_rtlil formal.il", *mutate, f"hierarchy -check -top {self.variant(context.dut)}"]
        lines += ["proc", "opt_clean", "flatten", "opt_clean", "check -assert"]
        for net in context.ones:
            lines += [f"select -assert-min 1 w:{net}", f"connect -set {net} 1'1"]
        for net in context.free:
            lines += [f"select -assert-min 1 {net}", f"cutpoint {net}"]
        # Inverters at registers would hide from abc that two copies are alike: none.
        lines += ["async2sync", "opt", "memory -nomap", "opt_clean", "memory_map", "opt -fast", "techmap", "opt -fast",
                  "dfflegalize -cell $_DFF_P_ 01", "setundef -undriven -anyseq", "aigmap", "opt_clean",
                  f"write_aiger -zinit -map {name}.map {name}.aig"]
        yosys(name, lines, self.folder)
        self.graphs[name] = aig.Netlist(self.folder / f"{name}.aig", self.folder / f"{name}.map")
        return self.graphs[name]

    @staticmethod
    def inputs(graph, net, numbers, reset):
        """Inputs of a surrounding with each of these mutants; all but the number are the same."""
        common = [graph.input() for _ in range(net.inputs)]
        if reset and "rst_ni" in net.input_bits:  # low in the first cycle; modules of proofs/ make their own
            common[net.input_bits["rst_ni"][0]] = graph.latch()
            graph.set_next(common[net.input_bits["rst_ni"][0]], 1)
        result = []
        for number in numbers:
            result.append(list(common))
            for index, bit in net.number("eco_mutant", number).items():
                result[-1][index] = bit
        return result

    def abc(self, graph, name, commands, seconds):
        path = self.folder / f"{name}.aig"
        if not graph.write(path):
            return "proved"
        fold = "fold; " if graph.constraints else ""
        try:
            log = subprocess.run(["yosys-abc", "-c", f"read_aiger {path.name}; {fold}orpos; {commands}"], cwd=self.folder,
                                 capture_output=True, text=True, timeout=seconds, check=False).stdout
        except subprocess.TimeoutExpired:
            return "time"
        if re.search(r"was asserted in frame|is asserted in frame", log):
            return "refuted"
        if re.search(r"Property proved|Networks? (is|are) equivalent|UNSATISFIABLE", log):
            return "proved"
        return "open"

    def sound(self, context):
        """Stops when a proof that has killed fails without a mutant, too."""
        with self.lock:
            if context.name not in self.checked and self.refuted(context, 0):
                sys.exit(f"mutants.py: without a mutant: proof {context.name} fails")
            self.checked.add(context.name)

    def refuted(self, context, number):
        """Whether a proof fails with the mutant in it."""
        net = self.build(context)
        graph = aig.Graph()
        literal = net.copy(graph, self.inputs(graph, net, [number], context.resets)[0])
        graph.bad = [literal(x) for x in net.bad]
        graph.constraints = [literal(x) for x in net.constraints]
        return self.abc(graph, f"{context.name}.{number}.kill", f"scleanup; bmc3 -F {context.frames} -T 10", 40) == "refuted"

    def differences(self, context, graph, net, golden, mutant, inputs):
        """Whether an output that is read differs, for each output."""
        seen = context.observe
        if seen is None:
            seen = []
            for output in net.output_bits:
                prefix, _, port = output.rpartition(".")
                mask = ARRAY_SEEN.get(port)
                seen.append((output, (prefix + "." if prefix else "") + mask if mask else None, ONE_LANE.get(port)))
        different = []
        for output, mask, bits in seen:
            if output.endswith("eco_mutant"):
                continue
            pairs = zip(net.output(golden, output)[:bits], net.output(mutant, output)[:bits])
            differs = graph.any(graph.lxor(x, y) for x, y in pairs)
            if mask in net.output_bits:
                differs = graph.land(differs, graph.any(net.output(golden, mask)))
            elif mask:
                differs = graph.land(differs, graph.any(inputs[k] for k in net.input_bits[mask].values()))
            different.append(differs)
        return different

    def steps_alike(self, context, number):
        """Whether from equal registers, whatever they hold, one cycle leads to equal registers and outputs."""
        net, graph = self.build(context), aig.Graph()
        inputs = self.inputs(graph, net, [0, number], False)
        registers = [graph.input() for _ in net.next]
        golden, mutant = (net.copy(graph, i, registers) for i in inputs)
        differs = graph.any([*(graph.lxor(golden(n), mutant(n)) for n in net.next),
                             *self.differences(context, graph, net, golden, mutant, inputs[0])])
        for x in net.constraints:
            differs = graph.land(differs, golden(x))
        graph.bad = [differs]
        return self.abc(graph, f"{context.name}.{number}.step", "iprove", 10) == "proved"

    def equivalent(self, context, number, seconds=10):
        """proved: no output that is read can differ; refuted; open."""
        if self.steps_alike(context, number):
            return "proved"
        net = self.build(context)

        def make():
            graph = aig.Graph()
            return graph, self.inputs(graph, net, [0, number], True)
        graph, (golden, mutant), (inputs, _) = net.pair(make)
        graph.bad = [graph.any(self.differences(context, graph, net, golden, mutant, inputs))]
        graph.constraints = [golden(x) for x in net.constraints]
        name = f"{context.name}.{number}.same"
        said = self.abc(graph, name, "scleanup; bmc3 -F 8 -T 3", 30)
        return said if said != "open" else self.abc(graph, name, f"tempor -F 1; scleanup; scorr; pdr -T {seconds}", 40)


def together(surrounding):
    """The surroundings that count as one."""
    return surrounding if isinstance(surrounding, tuple) else (surrounding,)


def judge(formal, mutant):
    """Proofs and comparison of a mutant that no test noticed."""
    proofs, surroundings = formal.table[mutant["module"]]
    several = lambda c: c.dut and c.dut[0] == mutant["module"] and formal.variant(c.dut) != mutant["variant"]
    for surrounding in map(together, surroundings):
        if all(not several(c) and formal.equivalent(c, mutant["number"]) == "proved" for c in surrounding):
            mutant.update(verdict="equivalent", by=f"in {' and '.join(c.name for c in surrounding)}")
            return
    for context in proofs:
        if not several(context) and formal.refuted(context, mutant["number"]):
            formal.sound(context)
            mutant.update(verdict="proofs", by=f"proof {context.name}")
            return


def markdown(path, a, rows, mutants, seconds):
    text = f"""# Mutants

Made by `scripts/mutants.py --each {a.each} --seed {a.seed}` in {seconds:.0f} s: small faults of Yosys' `mutate` in the RTL
of `{a.config.relative_to(ROOT)}` (3 x 3 PEs, five IDs), and what notices them first: random layers, the directed test
`{'tests/tb/array_test.cc' if a.format == 'int16' else 'tests/arith/arith_bf16.cc'}`, proofs. Equivalent: proved that no output that is read can differ; not in the share.

| module | mutants | layers | directed test | proofs | equivalent | survive | killed |
|---|---:|---:|---:|---:|---:|---:|---:|
"""
    for r in rows:
        text += (f"| `{r['module']}` | {r['mutants']} | {r['layers']} | {r['directed']} | {r['proofs']} | {r['equivalent']} | "
                 f"{r['survives']} | {100 * r['share']:.1f} % |\n")
    for title, verdict in (("Survivors", "survives"), ("Killed by proofs only", "proofs"), ("Equivalent", "equivalent")):
        text += f"\n## {title}\n\n"
        if verdict == "survives":
            text += "No test or proof fails, and equivalence was not proved within the time limits; counted as alive.\n\n"
        for m in mutants:
            if m["verdict"] == verdict:
                told = m.get("by") or next((why for source, start, why in READ
                                            if m["source"].startswith(source) and m["what"].startswith(start)), "not explained")
                text += f"- `rtl/{m['source']}`: {m['what']}; {told}\n"
    pathlib.Path(path).write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="default: all of the format")
    parser.add_argument("--format", choices=MODULES, default="int16", help="number format")
    parser.add_argument("--each", type=int, default=20, help="mutants of a module (of eco_pe_nest twice as many)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--least", type=float, default=0.95, help="share that must be killed")
    parser.add_argument("--json", help="write all mutants")
    parser.add_argument("--markdown", help="write the table and the survivors")
    parser.add_argument("--keep", help="folder for the netlist, scripts and graphs")
    a = parser.parse_args()
    a.config = ROOT / f"tests/data/mutants{'' if a.format == 'int16' else '_' + a.format}.json"
    a.weights = MODULES[a.format]
    a.modules = a.modules or list(a.weights)
    if unknown := set(a.modules) - set(a.weights):
        parser.error(f"no module {', '.join(sorted(unknown))}; there are {', '.join(a.weights)}")
    for program in ("sweep", "array_test"):
        if not (BIN / program).exists():
            sys.exit(f"mutants.py: {BIN}/{program} is missing: scripts/build.sh ON makes it")
    sweep = [BIN / "sweep", "--config", a.config]
    tests = [("layers", [*sweep, *options]) for options in LAYERS[a.format]]
    if a.format == "int16":  # array_test's array
        tests.append(("directed", [BIN / "array_test"]))

    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(a.keep or temporary).resolve()
        folder.mkdir(exist_ok=True)
        mutants = make(a, folder)
        if a.format == "bf16":
            tests.append(("directed", [build_arith(a, folder)]))
        for _, command in tests:  # the first builds the model, too
            problem = trial(folder, 0, command, BUILD_TIMEOUT)
            if problem:
                sys.exit(f"mutants.py: without a mutant: {problem}")
        # A slow machine must not look like a mutant that hangs.
        limits = {}
        for kind, command in tests:
            start = time.monotonic()
            trial(folder, 0, command, BUILD_TIMEOUT)
            limits[kind] = max(TIMEOUT, limits.get(kind, 0), 5 * (time.monotonic() - start))
        print(f"{len(mutants)} mutants, model built after {time.monotonic() - begin:.0f} s", flush=True)

        def run(mutant):
            mutant["verdict"] = "survives"
            for kind, command in tests:
                said = trial(folder, mutant["number"], command, limits[kind])
                if said:
                    mutant.update(verdict=kind, by=said)
                    break
        with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
            list(pool.map(run, mutants))
        alive = [m for m in mutants if m["verdict"] == "survives"]
        print(f"{len(alive)} after the tests, {time.monotonic() - begin:.0f} s", flush=True)
        formal = Formal(folder, alive, FORMAL[a.format])
        for module in sorted({m["module"] for m in alive}):  # graphs are built once
            proofs, surroundings = FORMAL[a.format][module]
            for context in [*proofs, *sum(map(together, surroundings), ())]:
                formal.build(context)
        with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
            list(pool.map(lambda m: judge(formal, m), alive))
    seconds = time.monotonic() - begin

    kinds = ("layers", "directed", "proofs", "equivalent", "survives")
    rows = []
    for module in [*a.modules, "all"]:
        mine = [m for m in mutants if module in ("all", m["module"])]
        count = {k: sum(m["verdict"] == k for m in mine) for k in kinds}
        real = len(mine) - count["equivalent"]
        rows.append({"module": module, "mutants": len(mine), **count, "share": 1 - count["survives"] / max(real, 1)})
    print(f"{'module':<20}{'mutants':>8}" + "".join(f"{k:>11}" for k in kinds) + f"{'killed':>8}")
    for row in rows:
        print(f"{row['module']:<20}{row['mutants']:>8}" + "".join(f"{row[k]:>11}" for k in kinds) + f"{row['share']:>8.3f}")
    print(f"seed {a.seed}, {seconds:.0f} s; killed: share of those that are not equivalent")
    for verdict in ("survives", "equivalent"):
        for m in mutants:
            if m["verdict"] == verdict:
                print(f"  {verdict}: {m['module']} {m['source']} {m['what']}")
    if a.json:
        write_json(a.json, {"seed": a.seed, "modules": rows, "mutants": mutants})
    if a.markdown:
        markdown(a.markdown, a, rows, mutants, seconds)
    return rows[-1]["share"] < a.least


if __name__ == "__main__":
    sys.exit(main())
