#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Resources on FPGAs, a small array placed and routed, and what limits the clock in 0.18 um.

Resources by Yosys for ECP5, Xilinx 7 series and iCE40: one PE, one row without its PEs and the rest, added up.
Fmax on an FPGA: an array of one PE with small files on iCE40 hx8k by nextpnr. ASIC timing: PE, X-buses of a
row and everything that spans rows, mapped by abc with the delays of osu018, timed by OpenSTA; without wires.
Writes docs/fpga.md and, on request, JSON. Five minutes on one core.

usage: fpga.py [--config ecoflow_13x15] [--only resources,route,timing] [--jobs N] [--json R.json]
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import sys
import tempfile
import textwrap
import time

from eda import ROOT, generate, run, table, write_json

LIBERTY = "/usr/share/qflow/tech/osu018/osu018_stdcells.lib"
# The steps of the area study up to gates.
TO_GATES = (ROOT / "area/word_level.ys").read_text() + (ROOT / "area/cell_level.ys").read_text().partition("dfflibmap")[0]
# Per family: how Yosys is called, what counts as a LUT, flip-flop, DSP, block memory (weights), and a device with
# what it has of them. Xilinx' block memories are counted in halves, RAMB18.
FAMILIES = {
    "ECP5": {"synth": "synth_ecp5", "lut": {r"LUT4$": 1, r"CCU2C": 2, r"TRELLIS_DPR16X4": 4}, "ff": r"TRELLIS_FF",
             "dsp": r"MULT18X18D", "ram": r"DP16KD", "device": "LFE5U-85F", "has": (83640, 83640, 156, 208)},
    "Xilinx 7 series": {"synth": "synth_xilinx -noiopad -noclkbuf -flatten", "dsp": r"DSP48E1",
                        "lut": {r"LUT\d": 1, r"RAM32M": 4, r"RAM64M": 4, r"RAM\d+X1D": 2, r"SRL": 1},
                        "ff": r"FD[RSCP]E", "ram": {r"RAMB18": 1, r"RAMB36": 2}, "device": "XC7A200T", "has": (134600, 269200, 740, 730)},
    "iCE40": {"synth": "synth_ice40", "lut": {r"SB_LUT4": 1}, "ff": r"SB_DFF", "dsp": r"SB_MAC16", "ram": r"SB_RAM40",
              "device": "hx8k", "has": (7680, 7680, 0, 32)}}
# What is synthesized: top module, black boxes in it. The array is its rows of PEs and X-buses and the rest.
PIECES = {"pe": ("eco_pe", []), "row": ("eco_row", ["eco_pe"]), "top": ("eco_top", ["eco_row"])}
COLUMNS = ("lut", "ff", "dsp", "ram")
ENDPOINTS = 200000  # more than there are
PERIOD_SHARE = 0.8  # abc is asked for this part of the period

# Small enough for hx8k; buses one word wide, five loop levels.
SMALL = {"name": "ecoflow_1x1", "array": {"rows": 1, "columns": 1},
         "network": {"ids_per_controller": 2, "id_bits": 3, "gin_wide_bits": 16, "gin_narrow_bits": 16,
                     "gon_bits": 32, "local_bits": 32},
         "pe": {"ifmap_depth": 16, "filter_depth": 32, "psum_depth": 1, "queue_depth": 8, "psum_bits": 32,
                "number_format": "int16", "multiplier_stages": 2, "adder_latency": 1, "image_store_depth": 14},
         "accumulator_words": 64, "clock_mhz": 50}

# Parts that are timed: title, top module, and nets of the RTL that are kept through mapping, so that a path can be
# told by them. What the PEs do in a part of the network stands in MODELS, flattened with it: abc buffers a
# net only for the gates that it sees.
PARTS = {
    "pe": ("PE", "eco_pe", ["u_nest.steps", "start", "wait_*", "issue", "move", "u_counters.cause", "outside", "mac",
                            "u_psum.sum", "u_psum.u_mac.gated_o"]),
    "row": ("X-buses of a row, with the PEs' input queues", "eco_row", ["*.match", "*.fire", "*.push_o"]),
    "array": ("Y-buses, GON, configuration: all rows", "eco_top",
              ["*.fire", "*wide_stop", "*narrow_stop", "*wide_go", "*narrow_go", "*.u_gon.there", "*.u_gon.advance",
               "*.u_gon.send", "*.u_gon.take", "*cfg_stop", "*gon_words", "*u_acc.sum"])}
QUEUES = """  logic wv, nv;
  eco_gin_queue #(.Depth(QueueDepth), .Lanes(WideLanes)) u_wide_queue (.clk_i, .rst_ni, .push_i(wide_push_i),
    .dest_i(wide_dest_i), .count_i(wide_count_i), .data_i(wide_data_i), .ready_o(wide_ready_o), .valid_o(wv),
    .dest_o(), .data_o(@WIDE@), .pop_i(wv));
  eco_gin_queue #(.Depth(QueueDepth), .Lanes(NarrowLanes)) u_narrow_queue (.clk_i, .rst_ni, .push_i(narrow_push_i),
    .dest_i(narrow_dest_i), .count_i(narrow_count_i), .data_i(narrow_data_i), .ready_o(narrow_ready_o), .valid_o(nv),
    .dest_o(), .data_o(@NARROW@), .pop_i(nv));
  assign below_credit_o = nv, above_valid_o = LocalLanes'(wv);
"""
MODELS = {
    "row": QUEUES.replace("@WIDE@", "out_data_o[15:0]").replace("@NARROW@", "out_data_o[31:16]") + """
  assign cfg_ready_o = 1'b1, cfg_idle_o = 1'b1, error_o = '0, above_data_o = '0, out_valid_o = wv;
""",
    # Input queues without their words: of them, the buses see how full they are. The words of the output queue
    # are a module of their own, mapped once.
    "array": QUEUES.replace("@WIDE@", "").replace("@NARROW@", "") + """
  localparam int unsigned PtrBits = $clog2(QueueDepth);
  logic [PtrBits-1:0] wr_q, rd_q;
  logic [PtrBits:0] level_q;
  logic pend_q, pop;
  assign above_data_o = '0, cfg_ready_o = ~pend_q, cfg_idle_o = ~pend_q,
    error_o = {pend_q, pend_q}, out_valid_o = level_q != '0, pop = out_pop_i;
  always_ff @(posedge clk_i) begin
    pend_q <= cfg_we_i & (cfg_addr_i == eco_pkg::CfgParam);
    if (!rst_ni) begin
      wr_q    <= '0;
      rd_q    <= '0;
      level_q <= '0;
    end else begin
      if (wv) wr_q <= wr_q + 1'b1;
      if (pop) rd_q <= rd_q + 1'b1;
      level_q <= level_q + (PtrBits+1)'(wv) - (PtrBits+1)'(pop);
    end
  end
  out_words #(.Depth(QueueDepth)) u_words (.clk_i, .we_i(wv), .wr_i(wr_q), .rd_i(rd_q), .data_i({wr_q, rd_q, nv}),
    .data_o(out_data_o));
"""}
WORDS = """(* keep_hierarchy *) module out_words #(parameter int unsigned Depth = 8) (
  input logic clk_i, input logic we_i, input logic [$clog2(Depth)-1:0] wr_i, rd_i, input logic [2*$clog2(Depth):0] data_i,
  output logic [31:0] data_o);
  logic [31:0] mem_q [Depth];
  always_ff @(posedge clk_i) if (we_i) mem_q[wr_i] <= {5{data_i}};
  assign data_o = mem_q[rd_i];
endmodule
"""


def read_rtl(rtl, without=()):
    files = [f for f in (rtl / "files.f").read_text().split() if f.endswith(".sv")]
    return f"read_verilog -sv -DSYNTHESIS -I{rtl}/rtl/include " + " ".join(
        str(rtl / f) for f in files if pathlib.Path(f).stem not in without) + "\n"


def as_top(rtl, module):
    """The module with the parameters that eco_top gives as defaults: Yosys' chparam renames modules."""
    given = dict(re.findall(r"\.(\w+)\((\d+)\)", (rtl / "eco_top.sv").read_text()))
    return re.sub(r"(parameter (?:int unsigned|\[31:0\]) (\w+)\s*= )\d+", lambda m: m[1] + given.get(m[2], m[0].split()[-1]),
                  next(rtl.rglob(f"{module}.sv")).read_text())


def yosys(script, work):
    (work / "script.ys").write_text(script)
    run(["yosys", "-q", "-s", "script.ys"], cwd=work)


def count(work, family):
    cells = {m[0]: int(m[1]) for m in re.findall(r"^\s{5}(\S+)\s+(\d+)$", (work / "stat.txt").read_text(), re.M)}
    weight = lambda kinds, cell: next((w for p, w in kinds.items() if re.match(p, cell)), 0)
    kinds = {k: family[k] if isinstance(family[k], dict) else {family[k]: 1} for k in COLUMNS}
    return {**{k: sum(n * weight(kinds[k], c) for c, n in cells.items()) for k in COLUMNS}, "cells": cells}


def stand_in(rtl, module, body=None):
    """The module's ports with that body, or as black box."""
    text = next(rtl.rglob(f"{module}.sv")).read_text()
    head = re.sub(r"`include.*|^//.*$", "", text[:text.index("\n);") + 3], flags=re.M).strip()
    return (head + "\n" + body if body else "(* blackbox *) " + head + "\n") + "endmodule\n"


def resources(rtl, folder, name):
    """One PE, one row without its PEs and everything else of the array, on that family."""
    family, out = FAMILIES[name], {}
    for what, (top, boxes) in PIECES.items():
        work = folder / f"{family['synth'].split()[0]}_{what}"
        work.mkdir()
        (work / "pieces.sv").write_text(as_top(rtl, top) + "".join(stand_in(rtl, b) for b in boxes))
        yosys(read_rtl(rtl, [top, *boxes]) + f"read_verilog -sv -DSYNTHESIS -I{rtl}/rtl/include pieces.sv\n"
              f"hierarchy -check -top {top}\n{family['synth']} -top {top}\ntee -q -o stat.txt stat\n", work)
        out[what] = count(work, family)
    return out


def route(folder):
    """Utilisation and Fmax of the small array on hx8k."""
    config = folder / "small.json"
    config.write_text(json.dumps(SMALL))
    rtl = folder / "small"
    generate(config, rtl)
    work = folder / "route"
    work.mkdir()
    # More ports than pins: the status word is folded, all others are pins.
    ports = [(p["direction"], p["bits"], p["name"]) for p in json.loads((rtl / "manifest.json").read_text())["ports"]]
    pins = ",\n".join(f"  {d} logic [{(8 if n == 'stat_o' else b) - 1}:0] {n}" for d, b, n in ports)
    links = ", ".join(f".{n}({'stat' if n == 'stat_o' else n})" for _, _, n in ports)
    (work / "pins.sv").write_text(
        f"module pins (\n{pins}\n);\n  logic [47:0] stat;\n  eco_top u_top ({links});\n"
        "  always_ff @(posedge clk_i) stat_o <= stat[47:40] ^ stat[39:32] ^ stat[31:24] ^ stat[23:16] ^ stat[15:8] ^ stat[7:0];\n"
        "endmodule\n")
    yosys(read_rtl(rtl) + "read_verilog -sv pins.sv\nsynth_ice40 -top pins -json net.json\n"
          "tee -q -o stat.txt stat\n", work)
    run(["nextpnr-ice40", "--hx8k", "--package", "ct256", "--json", "net.json", "--pcf-allow-unconstrained", "--freq",
         SMALL["clock_mhz"], "--seed", 1, "--report", "report.json", "--timing-allow-fail"], cwd=work)
    report = json.loads((work / "report.json").read_text())
    fmax = next(iter(report["fmax"].values()))
    path = next(p for p in report["critical_paths"] if p["from"].startswith("posedge") and p["to"].startswith("posedge"))
    steps = [s for s in path["path"] if s["type"] in ("clk-to-q", "logic", "routing", "setup")]
    return {"device": "iCE40 hx8k ct256", "config": SMALL, "fmax_mhz": round(fmax["achieved"], 1),
            "utilization": {k: v for k, v in report["utilization"].items() if v["used"]},
            "logic_levels": sum(s["type"] == "logic" for s in steps),
            "logic_ns": round(sum(s["delay"] for s in steps if s["type"] != "routing"), 2),
            "routing_ns": round(sum(s["delay"] for s in steps if s["type"] == "routing"), 2),
            "from": steps[0]["from"]["cell"], "to": steps[-1]["to"]["cell"]}


def plain(net):
    """Net of the netlist -> name in the RTL: without bit, rows and columns as *."""
    net = re.sub(r"(\s*\[\d+\])+$", "", net.replace("\\", "").strip())
    return re.sub(r"gen_(\w+)\[\d+\]", r"gen_\1[*]", net)


def registers_of(netlist):
    """(module, flip-flop) -> RTL register: by the net that it drives."""
    found = {}
    for module, body in re.findall(r"^module (\S+?)\(.*?;\n(.*?)^endmodule", netlist, re.M | re.S):
        for cell, net in re.findall(r"^  DFF\w+ (\S+) \(\n(?:[^;]*?)\.Q\(([^\n]*)\)\n", body, re.M):
            found[module.lstrip("\\"), cell] = "(unnamed)" if re.fullmatch(r"_\d+_", net.strip()) else plain(net)
    return found


def timing(rtl, folder, part, period):
    """Longest paths of a part by the registers that they end at."""
    work, (_, top, nets) = folder / f"timing_{part}", PARTS[part]
    work.mkdir()
    text = as_top(rtl, top) + (stand_in(rtl, "eco_pe", MODELS[part]) if part in MODELS else "")
    without = [top, "eco_pe"]
    if part == "array":  # the memories of the accumulators are SRAM
        text += WORDS + stand_in(rtl, "eco_regfile")
        without.append("eco_regfile")
    (work / "part.sv").write_text(text)
    (work / "constr").write_text("set_driving_cell INVX4\nset_load 0.05\n")
    yosys(read_rtl(rtl, without) + f"read_verilog -sv -DSYNTHESIS -I{rtl}/rtl/include part.sv\n"
          f"hierarchy -check -top {top}\n" + TO_GATES
          # Module by module, then flattened: a row is mapped to gates once.
          + "flatten\nopt -fast\nsetattr -set keep 1 " + " ".join(f"w:{n}" for n in nets) + "\n"
          f"dfflibmap -liberty {LIBERTY}\nopt -fast\n"
          f"abc -liberty {LIBERTY} -D {1000 * PERIOD_SHARE * period:.0f} -constr constr\nopt_clean -purge\n"
          # OpenSTA reads no concatenations.
          "splitnets -ports\nopt_clean -purge\nwrite_verilog -noattr netlist.v\n", work)
    registers = registers_of((work / "netlist.v").read_text())
    # Ports are driven and taken at the clock edge, as if by registers beside them.
    (work / "sta.tcl").write_text(
        f"read_liberty {LIBERTY}\nread_verilog netlist.v\nlink_design {top}\ncreate_clock -name c -period {period} clk_i\n"
        "set_input_delay 0 -clock c [all_inputs]\nset_output_delay 0 -clock c [all_outputs]\n"
        f"report_checks -path_delay max -format full -fields {{nets}} -digits 3\nputs ENDS\n"
        f"report_checks -path_delay max -format end -digits 3 -group_count {ENDPOINTS}\n")
    text = run(["sta", "-no_splash", "-exit", "sta.tcl"], cwd=work)
    longest, _, rest = text.partition("\nENDS\n")

    def register(pin):
        instance, _, cell = pin.replace("\\", "").rpartition("/")
        if (top, cell) in registers and not instance:
            return registers[top, cell]
        return plain(instance) + " (words)" if instance else "port " + plain(cell)

    milestones, gates = [], 0
    time_now = 0.0
    for line in longest.splitlines():
        if m := re.match(r"\s+[\d.]+\s+([\d.]+) [v^] \S+/Y \(\w+\)", line):
            gates, time_now = gates + 1, float(m[1])
        elif (m := re.match(r"\s+\d+\s+(\S.*) \(net\)", line)) and gates and not re.fullmatch(r"_\d+_", m[1]):
            milestones.append({"net": plain(m[1]), "ns": round(time_now, 2), "gates": gates})
    start, end = (register(re.search(rf"{w}point: (\S+)", longest)[1]) for w in ("Start", "End"))
    slack = float(re.search(r"(-?[\d.]+)\s+slack", longest)[1])
    groups = {}
    for pin, s in re.findall(r"^(\S+) .*?(-?[\d.]+) \(\w+\)$", rest, re.M):
        key = register(re.sub(r"/[A-Z]+$", "", pin))
        groups[key] = max(groups.get(key, 0), period - float(s))
    worst = sorted(groups.items(), key=lambda g: -g[1])
    return {"part": part, "from": start, "to": end, "gates": gates, "path_ns": round(period - slack, 3),
            "fmax_mhz": round(1000 / (period - slack), 1), "through": milestones,
            "registers": [{"register": k, "path_ns": round(v, 3)} for k, v in worst],
            "registers_too_slow": sum(v > period for v in groups.values()), "registers_in_all": len(groups)}


def figures(a, folder):
    out = {"config": a.config, "yosys": run(["yosys", "-V"]).split()[1]}
    only = a.only.split(",")
    rtl = folder / "rtl"
    generate(a.config, rtl)
    config = json.loads((rtl / "config.json").read_text())
    rows, period = config["array"]["rows"], 1000 / config["clock_mhz"]
    pes = rows * config["array"]["columns"]
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:  # the longest first
        parts = {p: pool.submit(timing, rtl, folder, p, period) for p in ("array", "pe", "row") if "timing" in only}
        routed = pool.submit(route, folder) if "route" in only else None
        families = {n: pool.submit(resources, rtl, folder, n) for n in FAMILIES if "resources" in only}
        for name, job in families.items():
            r, has = job.result(), dict(zip(COLUMNS, FAMILIES[name]["has"]))
            r["array"] = {k: pes * r["pe"][k] + rows * r["row"][k] + r["top"][k] for k in COLUMNS}
            r["device"] = FAMILIES[name]["device"]
            r["device_has"] = has
            r["pes_that_fit"] = min(has[k] // r["pe"][k] for k in COLUMNS if r["pe"][k])
            out.setdefault("resources", {})[name] = r
        out.update(pes=pes, rows=rows)
        if routed:
            out["route"] = routed.result()
        if parts:
            out["timing"] = {"library": "osu018_stdcells", "target_mhz": config["clock_mhz"],
                             "parts": [parts[p].result() for p in PARTS]}
    return out


LABELS = {"pe": "one PE", "row": "buses of one row", "top": "GON, configuration", "array": "array"}
MOST = 10  # registers that are printed


def show(f):
    if "resources" in f:
        print(f"{f['config']}: resources by Yosys {f['yosys']}; array = {f['pes']} PEs, {f['rows']} rows, the rest")
        print(f"  {'':<40}{'LUTs':>10}{'FFs':>10}{'DSPs':>7}{'RAMs':>7}")
        widths = (10, 10, 7, 7)
        line = lambda label, r: print(f"  {label:<40}" + "".join(f"{r[k]:>{w},}" for k, w in zip(COLUMNS, widths)))
        for name, r in f["resources"].items():
            for what, label in LABELS.items():
                line(f"{name}, {label}", r[what])
            line(f"{r['device']} has (PEs alone: {r['pes_that_fit']})", r["device_has"])
    if "route" in f:
        r = f["route"]
        print(f"\n{small(r)} on {r['device']} by nextpnr-ice40")
        print("  " + used(r))
        print(f"  Fmax {r['fmax_mhz']} MHz: {r['logic_levels']} levels of logic {r['logic_ns']} ns, routing {r['routing_ns']} ns")
        print(f"  from {r['from']} to {r['to']}")
    if "timing" in f:
        t = f["timing"]
        period = 1000 / t["target_mhz"]
        print(f"\ntiming with {t['library']}, without wires; target {t['target_mhz']} MHz, {period:g} ns")
        for p in t["parts"]:
            print(f"  {PARTS[p['part']][0]}: {p['path_ns']:.2f} ns, {p['fmax_mhz']} MHz, {p['gates']} gates")
            print("    " + told(p))
            print(f"    {p['registers_too_slow']} of {p['registers_in_all']} registers and ports later than {period:g} ns; the latest:")
            for r in p["registers"][:MOST]:
                print(f"      {r['register']:<70}{r['path_ns']:>6.2f} ns")


def small(r):
    c = r["config"]
    return (f"{c['array']['rows']} x {c['array']['columns']} PE (files of {c['pe']['ifmap_depth']}, {c['pe']['filter_depth']} and "
            f"{c['pe']['psum_depth']} words; {c['network']['gin_wide_bits']} + {c['network']['gin_narrow_bits']} bits)")


def used(r):
    return ", ".join(f"{k} {v['used']:,} of {v['available']:,}" for k, v in r["utilization"].items())


def told(p):
    return " -> ".join([p["from"], *(f"{m['net']} ({m['ns']:.2f} ns, gate {m['gates']})" for m in p["through"]), p["to"]])


# What a longest path does, by the register that it ends at; read off the RTL.
WHY = {
    "out_data_o": "The accumulator chooses its last sum or the memory's word (`from_sum_q`, `from_file_q`) and adds 32 bits.",
    "u_y.value_o": "If the slot in ISSUE is issued (`issue`), all stages move (`move`): the delta of the record that the slot in ADDRESS "
        "steps (`record_coordinates`, from the image store) is added to the coordinate.",
    "u_ifmap.fill_q": "If the slot in ISSUE has its words (`want_q > fill_q`) and all else that it waits for, it is issued, and the words "
        "that its step frees (`free_q`) are taken from the fill level."}
WHY["u_x.value_o"] = WHY["u_z.value_o"] = WHY["u_y.value_o"]
WHY["u_filter.fill_q"] = WHY["u_ifmap.fill_q"]


def markdown(f):
    wrap = lambda text: textwrap.fill(text, 108, break_on_hyphens=False, break_long_words=False)
    lines = ["# FPGAs and timing", "", wrap(f"Made by `scripts/fpga.py` on `{f['config']}`, Yosys {f['yosys']}."), ""]
    lines += ["## Resources", ""]
    body = []
    for name, r in f["resources"].items():
        body += [[f"{name}, {label}"] + [f"{r[what][k]:,}" for k in COLUMNS] for what, label in LABELS.items()]
        body.append([f"{r['device']} has"] + [f"{r['device_has'][k]:,}" for k in COLUMNS])
    lines += table(["", "LUTs", "FFs", "DSPs", "block RAMs"], body)
    lines += [wrap(f"array = {f['pes']} x PE + {f['rows']} x buses of a row + the rest; the accumulators are in the rest, as block RAM. LUT: "
                   "one LUT4 (ECP5, iCE40) or one LUT of up to six inputs (Xilinx); LUTs used as memory, as shift register and "
                   "under carry chains of ECP5 are in, Xilinx' inverters are not (pins invert). Xilinx' block RAMs in halves (RAMB18). iCE40 hx8k has no DSP: "
                   "multiplication is in the LUTs. PEs alone that would fill the device, by these numbers: "
                   + ", ".join(f"{r['device']} {r['pes_that_fit']}" for r in f["resources"].values())
                   + f"; the array has {f['pes']}."), ""]
    r = f["route"]
    lines += ["## Placed and routed", "",
              wrap(f"{small(r)} on {r['device']} by nextpnr-ice40: {used(r)}. **Fmax {r['fmax_mhz']} MHz**: {r['logic_levels']} levels "
                   f"of logic {r['logic_ns']} ns, routing {r['routing_ns']} ns, from `{r['from']}` to `{r['to']}`."), ""]
    t = f["timing"]
    period = 1000 / t["target_mhz"]
    lines += [f"## What limits {t['target_mhz']} MHz", "",
              wrap(f"Longest paths with {t['library']} (0.18 um), without wires. {t['target_mhz']} MHz are {period:g} ns."), ""]
    lines += table(["part", "longest path, ns", "MHz", "gates", f"registers and ports later than {period:g} ns"],
                   [[PARTS[p["part"]][0], f"{p['path_ns']:.2f}", f"{p['fmax_mhz']:.0f}", str(p["gates"]),
                     f"{p['registers_too_slow']} of {p['registers_in_all']}"] for p in t["parts"]])
    for p in t["parts"]:
        lines += [f"### {PARTS[p['part']][0]}", "",
                  wrap(f"`{p['from']}` to `{p['to']}`, {p['gates']} gates"
                       + ("; named nets on the way: " if p["through"] else ".")
                       + ", ".join(f"`{m['net']}` at {m['ns']:.2f} ns (gate {m['gates']})" for m in p["through"])
                       + ("." if p["through"] else "")), ""]
        if p["to"] in WHY:
            lines += [wrap(WHY[p["to"]]), ""]
        lines += table(["register", "longest path that ends there, ns"],
                       [[f"`{g['register']}`", f"{g['path_ns']:.2f}"] for g in p["registers"][:MOST]])
        others = {}
        for g in p["registers"][:MOST]:
            if g["register"] != p["to"] and g["register"] in WHY and g["path_ns"] > period:
                others.setdefault(WHY[g["register"]], []).append(f"`{g['register']}`")
        for why, whose in others.items():
            lines += textwrap.wrap(f"* {', '.join(whose)}: {why}", 108, subsequent_indent="  ", break_on_hyphens=False)
        lines += [""] if lines[-1] else []
    pe = t["parts"][0]
    rest = [g["path_ns"] for g in pe["registers"] if not g["register"].startswith("u_counters.")]
    slow = pe["path_ns"] > period
    lines += [wrap(f"So the PE {'does not reach' if slow else 'reaches'} {t['target_mhz']} MHz in 0.18 um, {'even ' * slow}without wires. Without its counters its longest path would "
                   f"be {rest[0]:.2f} ns ({1000 / rest[0]:.0f} MHz): loops, addresses and the issue have a stage each (LOOPS, ADDRESS, "
                   f"ISSUE in eco_pe), but all three move in the cycle in which fill levels and credits decide to issue. Cycle counts do "
                   f"not depend on the clock; times that the tools print in ms assume the {t['target_mhz']} MHz of the configuration."), ""]
    lines += ["## Assumptions", ""]
    for text in (
            "Typical corner of the library (the only one it has), ideal clock, no wires, no clock tree: real silicon is slower. Cells "
            "are sized and nets buffered by abc for gate loads alone.",
            "All register files are flip-flops with multiplexers, the PE's image store too. SRAM or register file macros would change "
            "paths through them. The accumulators' memories are macros without delay: what comes after their read is not timed.",
            "abc is noisy: the same RTL in other order varies by some percent.",
            "Ports of the array are driven and taken at the clock edge, as by registers right beside them.",
            "For paths that span rows a PE is its queues' levels, the output queue and the configuration's ready bit; the output queue's "
            "words are one module, mapped once. The PE is timed alone."):
        lines += textwrap.wrap("* " + text, 108, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(lines).rstrip() + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="ecoflow_13x15")
    parser.add_argument("--only", default="resources,route,timing", help="some of them; docs are written when all run")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="programs that run at the same time")
    parser.add_argument("--json", help="write all figures")
    parser.add_argument("--markdown", default=ROOT / "docs/fpga.md")
    a = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        f = figures(a, pathlib.Path(name))
    show(f)
    if a.json:
        write_json(a.json, f)
    if {"resources", "route", "timing"} <= f.keys():
        pathlib.Path(a.markdown).write_text(markdown(f))
        print(f"written: {a.markdown}; {time.monotonic() - begin:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
