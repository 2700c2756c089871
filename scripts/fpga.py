#!/usr/bin/python3
"""Resources on FPGAs, a small array placed and routed, and what limits the clock in 0.18 um.

Resources: one PE and the rest of the array by Yosys for ECP5, Xilinx 7 series and iCE40; the array is
PEs times one PE plus the rest. Fmax on an FPGA: an array of one PE with small files on iCE40 hx8k by
nextpnr. ASIC timing: PE, one row (X-buses, with the PEs' input queues) and the GON over all rows,
mapped by abc with the delays of osu018 and timed by OpenSTA; without wires.

usage: fpga.py [--config ecoflow_13x15] [--only resources,route,timing] [--json R.json]
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

ROOT = pathlib.Path(__file__).resolve().parent.parent
ECOFLOW = ROOT / "build/bin/ecoflow"
LIBERTY = "/usr/share/qflow/tech/osu018/osu018_stdcells.lib"
# Per family: how Yosys is called, what counts as a LUT (weights), as flip-flop, DSP, block memory, and
# the device that the shares are of.
FAMILIES = {
    "ECP5": {"synth": "synth_ecp5", "lut": {r"LUT4$": 1, r"CCU2C": 2, r"TRELLIS_DPR16X4": 4}, "ff": r"TRELLIS_FF",
             "dsp": r"MULT18X18D", "ram": r"DP16KD", "device": "LFE5U-85F", "has": (83640, 83640, 156, 208)},
    "Xilinx 7 series": {"synth": "synth_xilinx -noiopad -noclkbuf -flatten", "dsp": r"DSP48E1",
                        "lut": {r"LUT\d": 1, r"INV$": 1, r"RAM32M": 4, r"RAM64M": 4, r"RAM\d+X1D": 2, r"SRL": 1},
                        "ff": r"FD[RSCP]E", "ram": r"RAMB", "device": "XC7A200T", "has": (134600, 269200, 740, 730)},
    "iCE40": {"synth": "synth_ice40", "lut": {r"SB_LUT4": 1}, "ff": r"SB_DFF", "dsp": r"SB_MAC16", "ram": r"SB_RAM40",
              "device": "hx8k", "has": (7680, 7680, 0, 32)}}
COLUMNS = ("lut", "ff", "dsp", "ram")
PERIOD_SHARE = 0.8  # abc is asked for this part of the period

# Small enough for hx8k; buses one word wide, five loop levels.
SMALL = {"name": "ecoflow_1x1", "array": {"rows": 1, "columns": 1},
         "network": {"ids_per_controller": 2, "id_bits": 3, "gin_wide_bits": 16, "gin_narrow_bits": 16,
                     "gon_bits": 32, "local_bits": 32},
         "pe": {"ifmap_depth": 16, "filter_depth": 32, "psum_depth": 1, "queue_depth": 8, "psum_bits": 32,
                "number_format": "int16", "multiplier_stages": 2, "adder_latency": 1, "image_store_depth": 14},
         "accumulator_words": 64, "clock_mhz": 50}

# Stand-ins of a PE for timing of the networks. For the X-bus: its input queues; for the GON: its output
# queue. What only the other network needs is constant, what feeds them comes from the configuration.
STANDIN_TIED = "assign cfg_ready_o = 1'b1, below_credit_o = 1'b0, above_valid_o = '0, above_data_o = '0;\n"
STANDINS = {
    "row": """  logic wv, nv;
  eco_gin_queue #(.Depth(QueueDepth), .Lanes(WideLanes)) u_wide_queue (.clk_i, .rst_ni, .push_i(wide_push_i),
    .dest_i(wide_dest_i), .count_i(wide_count_i), .data_i(wide_data_i), .ready_o(wide_ready_o), .valid_o(wv),
    .dest_o(), .data_o(out_data_o[15:0]), .pop_i(wv));
  eco_gin_queue #(.Depth(QueueDepth), .Lanes(NarrowLanes)) u_narrow_queue (.clk_i, .rst_ni, .push_i(narrow_push_i),
    .dest_i(narrow_dest_i), .count_i(narrow_count_i), .data_i(narrow_data_i), .ready_o(narrow_ready_o), .valid_o(nv),
    .dest_o(), .data_o(out_data_o[31:16]), .pop_i(nv));
  assign out_valid_o = wv;
""",
    "gon": """  assign wide_ready_o = 1'b1, narrow_ready_o = 1'b1;
  eco_fifo #(.Depth(QueueDepth), .DataBits(32)) u_out_queue (.clk_i, .rst_ni, .push_i(cfg_sel_i & cfg_we_i),
    .data_i(cfg_data_i[31:0]), .pop_i(out_sel_i & out_pop_i), .valid_o(out_valid_o), .data_o(out_data_o));
"""}


def run(command, **options):
    try:
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **options)
    except FileNotFoundError:
        sys.exit(f"fpga.py: {command[0]} is missing: scripts/install.sh test installs it")
    if done.returncode:
        sys.exit(f"fpga.py: {' '.join(map(str, command))[:200]}: {(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout + done.stderr


def generate(config, out):
    run([ECOFLOW, "gen", "--config", config, "--out", out])
    return out


def read_rtl(rtl, without=()):
    files = [f for f in (rtl / "files.f").read_text().split() if not f.startswith("+")]
    return f"read_verilog -sv -DSYNTHESIS -I{rtl}/rtl/include " + " ".join(
        str(rtl / f) for f in files if pathlib.Path(f).stem not in without) + "\n"


def as_top(rtl, module):
    """The module with the parameters that eco_top gives as defaults: Yosys' chparam renames modules."""
    given = dict(re.findall(r"\.(\w+)\((\d+)\)", (rtl / "eco_top.sv").read_text()))
    return re.sub(r"(parameter int unsigned (\w+)\s*= )\d+", lambda m: m[1] + given.get(m[2], m[0].split()[-1]),
                  next(rtl.rglob(f"{module}.sv")).read_text())


def yosys(script, work):
    (work / "script.ys").write_text(script)
    run(["yosys", "-q", "-s", "script.ys"], cwd=work)


def count(work, family):
    cells = {m[0]: int(m[1]) for m in re.findall(r"^\s{5}(\S+)\s+(\d+)$", (work / "stat.txt").read_text(), re.M)}
    lut = sum(n * next((w for p, w in family["lut"].items() if re.match(p, c)), 0) for c, n in cells.items())
    return {"lut": lut, **{k: sum(n for c, n in cells.items() if re.match(family[k], c)) for k in ("ff", "dsp", "ram")},
            "cells": cells}


def stand_in(rtl, module, body=None):
    """The module's ports with that body, or as black box."""
    text = next(rtl.rglob(f"{module}.sv")).read_text()
    head = re.sub(r"`include.*|^//.*$", "", text[:text.index("\n);") + 3], flags=re.M).strip()
    return (head + "\n" + body if body else "(* blackbox *) " + head + "\n") + "endmodule\n"


def resources(rtl, folder, name):
    """One PE and everything else of the array, on that family."""
    family, out = FAMILIES[name], {}
    for what in ("pe", "rest"):
        work = folder / f"{family['synth'].split()[0]}_{what}"
        work.mkdir()
        top = "eco_pe" if what == "pe" else "eco_top"
        # The array without its PEs.
        (work / "pe.sv").write_text(as_top(rtl, "eco_pe") if what == "pe" else stand_in(rtl, "eco_pe"))
        script = read_rtl(rtl, ["eco_pe"]) + f"read_verilog -sv -DSYNTHESIS -I{rtl}/rtl/include pe.sv\n"
        script += f"hierarchy -check -top {top}\n"
        yosys(script + f"{family['synth']} -top {top}\ntee -q -o stat.txt stat\n", work)
        out[what] = count(work, family)
    return out


def route(folder):
    """Utilisation and Fmax of the small array on hx8k."""
    config = folder / "small.json"
    config.write_text(json.dumps(SMALL))
    rtl = generate(config, folder / "small")
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


def registers_of(netlist):
    """Flip-flop -> RTL register: by the net that it drives, without bit and without row and column."""
    found = {}
    for cell, net in re.findall(r"^  DFF\w+ (\S+) \(\n(?:[^;]*?)\.Q\(([^\n]*)\)\n", netlist, re.M):
        net = re.sub(r"(\s*\[\d+\])+$", "", net.strip().lstrip("\\"))
        net = re.sub(r"gen_(\w+)\[\d+\]", r"gen_\1[*]", net)
        found[cell] = "(unnamed)" if re.fullmatch(r"_\d+_", net) else net
    return found


def timing(rtl, folder, part, period):
    """Longest paths of a part by the registers that they end at."""
    work = folder / f"timing_{part}"
    work.mkdir()
    text = stand_in(rtl, "eco_pe", STANDINS[part] + "  " + STANDIN_TIED) if part != "pe" else ""
    if part == "gon":  # the memories of the accumulators are SRAM
        text += stand_in(rtl, "eco_regfile")
    top_module = {"pe": "eco_pe", "row": "eco_row"}.get(part)
    if top_module:
        text += as_top(rtl, top_module)
    (work / "standins.sv").write_text(text)
    without = {"pe": ["eco_pe"], "row": ["eco_pe", "eco_row"], "gon": ["eco_pe", "eco_regfile"]}[part]
    extra = f"read_verilog -sv -DSYNTHESIS -I{rtl}/rtl/include standins.sv\n"
    top = {"pe": "eco_pe", "row": "eco_row", "gon": "eco_top"}[part]
    (work / "constr").write_text("set_driving_cell INVX4\nset_load 0.05\n")
    yosys(read_rtl(rtl, without) + extra + f"hierarchy -check -top {top}\n"
          + f"proc\nopt_clean\nopt_expr\nflatten\nopt -nodffe -nosdff\nfsm\nopt\nwreduce\npeepopt\nopt_clean\nalumacc\nshare\nopt\n"
          f"memory -nomap\nopt_clean\nopt -fast -full\nmemory_map\nopt -undriven -fine\ntechmap\nopt -fast\n"
          f"dfflibmap -liberty {LIBERTY}\nopt -fast\n"
          f"abc -liberty {LIBERTY} -D {1000 * PERIOD_SHARE * period:.0f} -constr constr\nopt_clean -purge\n"
          # OpenSTA reads no concatenations.
          "splitnets -ports\nopt_clean -purge\nwrite_verilog -noattr netlist.v\n", work)
    registers = registers_of((work / "netlist.v").read_text())
    ends = 40000  # more than there are
    (work / "sta.tcl").write_text(
        f"read_liberty {LIBERTY}\nread_verilog netlist.v\nlink_design {top}\ncreate_clock -name c -period {period} clk_i\n"
        f"report_checks -path_delay max -format full -digits 3\nputs ENDS\n"
        f"report_checks -path_delay max -format end -digits 3 -group_count {ends}\n")
    text = run(["sta", "-no_splash", "-exit", "sta.tcl"], cwd=work)
    longest, _, rest = text.partition("ENDS")
    start, end = (re.search(rf"{w}point: (\S+)", longest)[1] for w in ("Start", "End"))
    arrival, setup = float(re.search(r"([\d.]+)\s+data arrival", longest)[1]), re.search(r"(-[\d.]+)\s.*setup time", longest)
    groups = {}
    for cell, slack in re.findall(r"^(\S+)/D \(\w+\).*?(-?[\d.]+) \(\w+\)$", rest, re.M):
        key = registers.get(cell, cell)
        groups[key] = max(groups.get(key, 0), period - float(slack))
    worst = sorted(groups.items(), key=lambda g: -g[1])
    return {"part": part, "from": registers.get(start, start), "to": registers.get(end, end), "gates": len(re.findall(r"/Y \(", longest)),
            "path_ns": round(arrival - (float(setup[1]) if setup else 0), 3),
            "fmax_mhz": round(1000 / (arrival - (float(setup[1]) if setup else 0)), 1),
            "registers": [{"register": k, "path_ns": round(v, 3)} for k, v in worst[:12]],
            "registers_too_slow": sum(v > period for v in groups.values()), "registers_in_all": len(groups)}


def figures(a, folder):
    out = {"config": a.config, "yosys": run(["yosys", "-V"]).split()[1]}
    only = a.only.split(",")
    rtl = generate(a.config, folder / "rtl")
    config = json.loads((rtl / "config.json").read_text())
    pes, period = config["array"]["rows"] * config["array"]["columns"], 1000 / config["clock_mhz"]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        families = {n: pool.submit(resources, rtl, folder, n) for n in FAMILIES if "resources" in only}
        routed = pool.submit(route, folder) if "route" in only else None
        parts = {p: pool.submit(timing, rtl, folder, p, period) for p in ("pe", "row", "gon") if "timing" in only}
        for name, job in families.items():
            r, has = job.result(), dict(zip(COLUMNS, FAMILIES[name]["has"]))
            r["array"] = {k: pes * r["pe"][k] + r["rest"][k] for k in COLUMNS}
            r["device"] = FAMILIES[name]["device"]
            r["device_has"] = has
            # Without DSPs a family multiplies in LUTs.
            r["pes_that_fit"] = min(has[k] // r["pe"][k] for k in COLUMNS if r["pe"][k])
            out.setdefault("resources", {})[name] = r
        if routed:
            out["route"] = routed.result()
        if parts:
            out["timing"] = {"library": "osu018_stdcells", "target_mhz": config["clock_mhz"],
                             "parts": [job.result() for job in parts.values()]}
    return out


def show(f):
    if "resources" in f:
        print(f"{f['config']}: resources by Yosys {f['yosys']}")
        print(f"  {'':<34}{'LUTs':>10}{'FFs':>10}{'DSPs':>7}{'RAMs':>7}")
        for name, r in f["resources"].items():
            for what, label in (("pe", "one PE"), ("rest", "network, GON, configuration"), ("array", "array")):
                print(f"  {name + ', ' + label if what == 'pe' else '    ' + label:<34}"
                      + "".join(f"{r[what][k]:>{w},}" for k, w in zip(COLUMNS, (10, 10, 7, 7))))
            print(f"    {r['device'] + ' has':<30}" + "".join(f"{r['device_has'][k]:>{w},}" for k, w in zip(COLUMNS, (10, 10, 7, 7)))
                  + f"   room for {r['pes_that_fit']} PEs")
    if "route" in f:
        r = f["route"]
        c, used = r["config"], r["utilization"]
        print(f"\n{c['array']['rows']} x {c['array']['columns']} PEs (files of {c['pe']['ifmap_depth']}, {c['pe']['filter_depth']} and "
              f"{c['pe']['psum_depth']}; {c['network']['gin_wide_bits']} + {c['network']['gin_narrow_bits']} bits) on {r['device']} by nextpnr-ice40")
        print("  " + ", ".join(f"{k} {v['used']:,} of {v['available']:,}" for k, v in used.items()))
        print(f"  Fmax {r['fmax_mhz']} MHz: {r['logic_levels']} levels of logic {r['logic_ns']} ns, routing {r['routing_ns']} ns")
        print(f"  from {r['from']} to {r['to']}")
    if "timing" in f:
        t = f["timing"]
        period = 1000 / t["target_mhz"]
        print(f"\ntiming with {t['library']}, without wires; target {t['target_mhz']} MHz, {period:g} ns")
        names = {"pe": "PE", "row": "X-buses of a row, with input queues", "gon": "GON and configuration port, all rows"}
        for p in t["parts"]:
            print(f"  {names[p['part']]}: {p['path_ns']} ns, {p['fmax_mhz']} MHz, {p['gates']} gates, {p['from']} -> {p['to']}")
            print(f"    {p['registers_too_slow']} of {p['registers_in_all']} registers later than {period:g} ns; the latest:")
            for r in p["registers"]:
                print(f"      {r['register']:<60}{r['path_ns']:>8} ns")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="ecoflow_13x15")
    parser.add_argument("--only", default="resources,route,timing")
    parser.add_argument("--json", help="write all figures")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        f = figures(a, pathlib.Path(name))
    show(f)
    if a.json:
        pathlib.Path(a.json).write_text(json.dumps(f, indent=2) + "\n")


if __name__ == "__main__":
    main()
