#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What EcoFlow's network costs over Eyeriss's (Sec. 4.4), one cause at a time, with its spread.

Maps the modules of both input networks for 1..8 IDs and both bus widths of Table 1, and the PE, with
several abc scripts and several random names of the same nets: abc gives other areas for the same
RTL. Modules are subtracted, never whole arrays. Writes docs/area.md, docs/area.svg and, on request, JSON.
The slow part, a PE for each abc script, is cached by RTL, script, library and tool.

usage: area_study.py [--config ecoflow_13x15] [--liberty F.lib] [--scripts yosys,dch,...] [--json R.json]
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import statistics
import sys
import tempfile
import textwrap
import time

from eda import ECOFLOW, ROOT, generate, run, table, write_json

LIBERTY = "/usr/share/qflow/tech/osu018/osu018_stdcells.lib"
GATE = "NAND2X1"  # one gate equivalent
PAPER_PCT, PAPER_IDS = 2.9, 5
IDS = range(1, 9)
EYERISS, ECOFLOW_BUSES = (4, 1), (5, 2)  # lanes of 16 bits, wide + narrow (Table 1)
SEEDS = 3  # names of nets, for each abc script
SCRIPTS = {  # what abc is told; "yosys": what Yosys tells it
    "yosys": "",
    "dch": "strash; dch; map -a; topo",
    "dc2": "strash; ifraig; scorr; dc2; dc2; strash; dch -f; map -a; topo",
    "resyn2": "strash; balance; rewrite; refactor; balance; rewrite; rewrite -z; balance; refactor -z; rewrite -z; "
              "balance; dch; map -a; topo",
    "amap": "strash; ifraig; scorr; dc2; strash; dch -f; amap -m; topo"}
KINDS = (("ff", "flip-flops"), ("latch", "latches"), ("sram_high", "SRAM, large"), ("sram", "SRAM, small"))


def pe_report(a, rtl, name, folder):
    """JSON of `ecoflow area` with that abc script, from the cache where it is there."""
    key = hashlib.sha256()
    for part in [run(["yosys", "-V"]), SCRIPTS[name], pathlib.Path(a.liberty).read_text(),
                 *(p.read_text() for p in sorted((ROOT / "area").glob("*.[chy]*"))),
                 *(p.read_text() for p in sorted(rtl.rglob("*.sv*")))]:
        key.update(part.encode() + b"\0")
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "ecoflow/area"
    cache.mkdir(parents=True, exist_ok=True)
    kept = cache / f"{key.hexdigest()[:24]}.json"
    if not kept.exists():
        report = folder / f"{name}.json"
        script = folder / f"{name}.abc"
        script.write_text(SCRIPTS[name] + "\n")
        run([ECOFLOW, "area", "--config", a.config, "--liberty", a.liberty, "--json", report]
            + (["--abc", script] if SCRIPTS[name] else []))
        os.replace(report, kept)
    return json.loads(kept.read_text())


def network_modules(columns, id_bits, queue_depth):
    """Instance -> module with parameters: all that the networks are made of."""
    modules = {f"ctrl{n}": f"eco_multicast_ctrl #(.NumIds({n}), .IdBits({id_bits}))" for n in IDS}
    for lanes in {*EYERISS, *ECOFLOW_BUSES}:
        modules[f"bus{lanes}"] = f"eco_xbus #(.Columns({columns}), .NumIds(1), .IdBits({id_bits}), .Lanes({lanes}))"
        modules[f"queue{lanes}"] = f"eco_gin_queue #(.Depth({queue_depth}), .Lanes({lanes}))"
    return modules


def network_areas(a, rtl, modules, name, seed, folder):
    """Instance -> area of the cells of its module itself, mapped with that script and those names."""
    work = folder / f"{name}_{seed}"
    work.mkdir()
    # (* keep *): nothing uses them, and nothing else is in this module.
    top = "".join(f"  (* keep *) {m} {i} ();\n" for i, m in modules.items())
    (work / "top.sv").write_text(f"module network;\n{top}endmodule\n")
    (work / "cells.lib").symlink_to(pathlib.Path(a.liberty).resolve())
    (work / "abc.txt").write_text(SCRIPTS[name] + "\n")
    # Nothing drives the ports of the instances above, so only their insides are checked.
    word, cell = ((ROOT / f"area/{part}_level.ys").read_text() for part in ("word", "cell"))
    files = " ".join(f"{rtl / f}" for f in (rtl / "files.f").read_text().split() if f.endswith(".sv"))
    script = "\n".join([
        f"read_verilog -sv -DSYNTHESIS -I{rtl}/rtl/include {files} top.sv", "hierarchy -check -top network",
        "proc", "write_json design.json",
        word,
        f"rename -scramble-name -seed {seed}" if seed else "",
        cell.replace("@ABC@", "-script abc.txt" if SCRIPTS[name] else "")])
    (work / "script.ys").write_text(script)
    run(["yosys", "-q", "-s", "script.ys"], cwd=work)
    stat = (work / "stat.txt").read_text().split("=== design hierarchy ===")[0]
    areas = {m.lstrip("\\"): float(v) for m, v in re.findall(r"Chip area for module '(.*)': ([\d.]+)", stat)}
    cells = json.loads((work / "design.json").read_text())["modules"]["network"]["cells"]
    return {i: areas[c["type"].lstrip("\\")] for i, c in cells.items()}


def array_without_network(r, kind):
    """PEs, GON, configuration port, rows; PE queues as Eyeriss has them."""
    files = r["register_files"]
    pe = r["pe_ff"] + sum((f["bits"] * r["sram_high_um2_per_bit"] if kind == "sram_high" else f[kind]) - f["ff"]
                          for f in files.values())
    pe -= r["queue_difference"] / r["pe_count"]
    return r["pe_count"] * pe + r["gon"] + r["configuration"] + r["rows_and_top"]


def causes(n, lanes, area, r):
    """Cause -> um2 over one ID and Eyeriss's buses, for all that the array has of it."""
    (wide, narrow), (wide0, narrow0) = lanes, EYERISS
    return {"ids": r["controllers"] * (area[f"ctrl{n}"] - area["ctrl1"]),
            "buses": r["rows"] * (area[f"bus{wide}"] + area[f"bus{narrow}"] - area[f"bus{wide0}"] - area[f"bus{narrow0}"]),
            "queues": r["pe_count"] * (area[f"queue{wide}"] + area[f"queue{narrow}"] - area[f"queue{wide0}"]
                                       - area[f"queue{narrow0}"])}


def network(n, lanes, area, r):
    return r["controllers"] * area[f"ctrl{n}"] + r["rows"] * (area[f"bus{lanes[0]}"] + area[f"bus{lanes[1]}"])


def spread(values):
    values = list(values)
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def study(a):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        rtl = folder / "rtl"
        generate(a.config, rtl)
        config = json.loads((rtl / "config.json").read_text())
        modules = network_modules(config["array"]["columns"], config["network"]["id_bits"],
                                  max(8, config["pe"]["queue_depth"]))
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            reports = {s: pool.submit(pe_report, a, rtl, s, folder) for s in SCRIPTS}
            networks = {(s, k): pool.submit(network_areas, a, rtl, modules, s, k, folder)
                        for s in SCRIPTS for k in range(SEEDS)}
            reports = {s: f.result() for s, f in reports.items()}
            networks = {k: f.result() for k, f in networks.items()}
    gate = float(re.search(rf'cell \("?{GATE}"?\)\s*{{\s*area\s*:\s*([\d.]+)',
                           pathlib.Path(a.liberty).read_text())[1]) if a.liberty == LIBERTY else None
    r0 = reports["yosys"]
    out = {"config": a.config, "library": r0["library"], "tool": r0["tool"], "gate_um2": gate,
           "scripts": SCRIPTS, "names": SEEDS, "samples": len(networks), "paper_pct": PAPER_PCT}
    kinds = [k for k, _ in KINDS if f"array_{k}" in r0]
    out["pe"] = {part: spread(r["pe"][part] for r in reports.values()) for part in r0["pe"]}
    for kind in kinds:
        out.setdefault("array", {})[kind] = spread(
            array_without_network(reports[s], kind) + network(1, EYERISS, n, reports[s]) for (s, _), n in networks.items())
    # A PE with a fixed FSM and without counters, about as small as the paper's may be.
    lean = {s: r["pe_count"] * (r["pe"]["image"] + r["pe"]["counters"]) for s, r in reports.items()}
    out["modules"] = {m: spread(n[m] for n in networks.values()) for m in modules}
    out["rows"] = []
    for lanes in (EYERISS, ECOFLOW_BUSES):
        for n in IDS:
            row = {"ids": n, "buses": f"{16 * lanes[0]} + {16 * lanes[1]}"}
            parts = {k: causes(n, lanes, area, reports[k[0]]) for k, area in networks.items()}
            row["network"] = spread(network(n, lanes, area, reports[s]) for (s, _), area in networks.items())
            row["causes"] = {c: spread(p[c] for p in parts.values()) for c in ("ids", "buses", "queues")}
            for kind in [*kinds, "lean"]:
                base = {k: array_without_network(reports[k[0]], "sram" if kind == "lean" else kind)
                        + network(1, EYERISS, area, reports[k[0]]) - (lean[k[0]] if kind == "lean" else 0)
                        for k, area in networks.items()}
                for name, which in (("ids_pct", ("ids",)), ("network_pct", ("ids", "buses")),
                                    ("all_pct", ("ids", "buses", "queues"))):
                    row.setdefault(name, {})[kind] = spread(
                        100 * sum(parts[k][c] for c in which) / base[k] for k in networks)
            out["rows"].append(row)
    out["pe_for_paper"] = spread(
        (100 / PAPER_PCT * causes(PAPER_IDS, EYERISS, area, reports[s])["ids"] - network(1, EYERISS, area, reports[s]))
        / reports[s]["pe_count"] for (s, _), area in networks.items())
    out["pe_of"] = {k: spread((array_without_network(r, k) - r["gon"] - r["configuration"] - r["rows_and_top"])
                              / r["pe_count"] for r in reports.values()) for k in kinds}
    for key in ("controllers", "rows", "columns", "pe_count", "flip_flop", "register_files", "sram_um2_per_bit",
                "sram_high_um2_per_bit", "assumptions"):
        if key in r0:
            out["array_" + key if key in ("rows", "columns") else key] = r0[key]
    return out


def mm2(s):
    return f"{s['median'] / 1e6:.3f}"


def ranged(s, form="{:.2f}"):
    texts = [form.format(s[k]) for k in ("median", "least", "most")]
    return texts[0] if texts[1] == texts[2] else f"{texts[0]} ({texts[1]}..{texts[2]})"


def assumptions(s):
    gates = f" One gate equivalent is the {GATE} of the library, {s['gate_um2']:g} um2." if s["gate_um2"] else ""
    return [
        f"Cells of {s['library']}, areas as the library gives them, {s['tool']}; no wiring, placement, clock tree, "
        "scan or timing constraint." + gates,
        f"{s['samples']} samples: {len(s['scripts'])} abc scripts, and for the networks {s['names']} sets of random net "
        "names each. Printed: median (least..most). Numerator and denominator of a share come from the same script.",
        f"Both networks: {s['controllers']} controllers = 2 GINs x {s['array_rows']} rows x ({s['array_columns']} column "
        "+ 1 row controllers), IDs and tags of the same width, one tag per beat. Fewer ID bits in Eyeriss would "
        "raise the difference.",
        "A cause's cost is that of its modules alone: IDs in the multicast controllers, wider beats in the X-bus registers "
        "(wires are not counted), wider beats in the PEs' input queues.",
        "Base of a share: the array with Eyeriss's network: PEs, both GINs, GON, configuration port, row logic; no global "
        "buffer, no accumulators.",
        f"SRAM is an estimate: {s['sram_um2_per_bit']:.1f} um2 a bit (small: an assumed 6T cell of 4.65 um2 times the "
        "ratio of macro to cells of a published 0.18 um SRAM) or "
        f"{s['sram_high_um2_per_bit']:.1f} (large: that macro itself). Only the three register files change kind.",
        "Latches: each flip-flop with enable of a file is replaced by a latch; clock gates for writing are not counted.",
        "The PE's FSM is the same under both networks and costs EcoFlow nothing here: our row-stationary baseline "
        "runs on it as well. It is programmable and thus larger than a fixed one; the paper does not say what its "
        "PE's control takes.",
        "The paper's 2.9 % counts \"the extra IDs and comparison logic\" as share of the PE array; library, register "
        "files and PE size are not stated. The column `IDs` is the one to hold beside it."]


def markdown(s, a):
    rows, kinds = s["rows"], [k for k, _ in KINDS if k in s["array"]]
    at = lambda n, buses: next(r for r in rows if r["ids"] == n and r["buses"] == buses)
    eyeriss, ecoflow = rows[0]["buses"], rows[-1]["buses"]
    full = at(PAPER_IDS, ecoflow)
    ge = (lambda x: f"{x / s['gate_um2']:,.0f}") if s["gate_um2"] else (lambda x: "")
    names = dict(KINDS, lean="SRAM, small; PE without image store and counters")
    wrap = lambda text: textwrap.fill(text, 108, break_on_hyphens=False, break_long_words=False)
    lines = ["# Area of the extended network", "",
             wrap(f"Made by `scripts/area_study.py` on `{a.config}`; {s['library']}, {s['tool']}. Median (least..most) of "
                  f"{s['samples']} mappings of the same RTL by abc."), ""]
    lines += ["## Beside the paper", ""]
    head = ["register files as", "array, mm2", "IDs, %", "IDs and buses, %", "and PE queues, %"]
    body = []
    for kind in [*kinds, "lean"]:
        array = ranged({k: v / 1e6 for k, v in s["array"][kind].items()}, "{:.1f}") if kind != "lean" else ""
        body.append([names[kind], array] + [ranged(full[c][kind]) for c in ("ids_pct", "network_pct", "all_pct")])
    body.append([f"paper, Sec. 4.4", "", f"{PAPER_PCT}", "", ""])
    lines += table(head, body)
    lines += [wrap(f"{PAPER_IDS} IDs, {ecoflow} bits over one ID, {eyeriss} bits. The IDs alone would be the paper's "
                   f"{PAPER_PCT} % if a PE took {ranged({k: v / 1e6 for k, v in s['pe_for_paper'].items()})} mm2; ours takes "
                   + ", ".join(f"{ranged({k: v / 1e6 for k, v in s['pe_of'][k2].items()})} ({names[k2]})" for k2 in kinds)
                   + "."), ""]
    lines += ["## One cause at a time", "",
              wrap(f"{PAPER_IDS} IDs and {ecoflow} bits; each line changes one thing of Eyeriss's network."), ""]
    body = []
    for cause, what, row in (("ids", f"IDs: 1 to {PAPER_IDS} in {s['controllers']} controllers", at(PAPER_IDS, eyeriss)),
                             ("buses", f"X-bus registers: {eyeriss} to {ecoflow} bits", at(1, ecoflow)),
                             ("queues", f"input queues of {s['pe_count']} PEs, same widths", at(1, ecoflow))):
        c = row["causes"][cause]
        body.append([what, ranged({k: v / 1e6 for k, v in c.items()}, "{:.3f}"), ge(c["median"])]
                    + [f"{100 * c['median'] / s['array'][k]['median']:.2f}" for k in kinds])
    body.append(["PE FSM and image store, the same in both", "0", "0"] + ["0" for _ in kinds])
    lines += table(["cause", "mm2", "gates"] + [f"% of array, {names[k]}" for k in kinds], body)
    lines += ["## Number of IDs", "", f"![overhead over number of IDs]({os.path.basename(a.svg)})", ""]
    for buses in (eyeriss, ecoflow):
        body = []
        for row in (r for r in rows if r["buses"] == buses):
            body.append([str(row["ids"]), ranged(s["modules"][f"ctrl{row['ids']}"], "{:,.0f}"), mm2(row["network"]),
                         ge(row["network"]["median"])]
                        + [ranged(row["network_pct"][k]) for k in [*kinds, "lean"]])
        lines += [f"Buses of {buses} bits, overhead of IDs and buses in percent:", ""]
        lines += table(["IDs", "controller, um2", "networks, mm2", "gates"] + [names[k] for k in [*kinds, "lean"]], body)
    lines += ["## The PE", "",
              wrap("The PE's FSM runs any of the mappings from an image; its store is double, so that the next pass loads "
                   "while one runs. The paper's PEs have an FSM image too, of unstated size; the counters are ours alone. "
                   "Both make the PE large and the network's share small."), ""]
    body = []
    total = sum(p["median"] for p in s["pe"].values())
    notes = {"image": "two banks of 18 words of 64 bits: the program of the FSM",
             "control": "FSM, addresses, range checks, loaders, links", "counters": "measurement only"}
    for part, area in s["pe"].items():
        file = s["register_files"].get(part)
        note = f"{file['bits']:,} bits; {file['sram']:,.0f} as SRAM, small" if file else notes.get(part, "")
        body.append([part.replace("_", " "), ranged(area, "{:,.0f}"), ge(area["median"]), f"{100 * area['median'] / total:.1f}", note])
    lines += table(["part, files as flip-flops", "um2", "gates", "% of PE", ""], body)
    lines += ["## Assumptions", ""]
    for text in assumptions(s):
        lines += textwrap.wrap("* " + text, 108, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(lines).rstrip() + "\n"


def plot(s, path):
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "ecoflow", "font.size": 9,
                                "font.family": "DejaVu Sans"})
    figure, axis = pyplot.subplots(figsize=(7, 4.2))
    names = dict(KINDS, lean="SRAM, small; PE without image store, counters")
    eyeriss, ecoflow = s["rows"][0]["buses"], s["rows"][-1]["buses"]
    for kind in [*(k for k, _ in KINDS if k in s["array"]), "lean"]:
        color = None
        for buses, style in ((ecoflow, "-"), (eyeriss, "--")):
            rows = [r for r in s["rows"] if r["buses"] == buses]
            y = [r["network_pct"][kind] for r in rows]
            line = axis.errorbar([r["ids"] for r in rows], [v["median"] for v in y],
                                 yerr=[[v["median"] - v["least"] for v in y], [v["most"] - v["median"] for v in y]],
                                 linestyle=style, color=color, capsize=2, marker="o" if style == "-" else None,
                                 markersize=3, linewidth=1, label=names[kind] if style == "-" else None)
            color = line[0].get_color()
    axis.plot([PAPER_IDS], [PAPER_PCT], "k*", markersize=9, label="paper, Sec. 4.4")
    axis.set_xlabel("IDs per multicast controller")
    axis.set_ylabel("overhead, % of the PE array")
    axis.set_title(f"Buses {ecoflow} (lines), {eyeriss} (dashed); bars: all mappings by abc", fontsize=9)
    axis.grid(True, alpha=0.3)
    axis.legend(title="register files as", fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="ecoflow_13x15", help="with EcoFlow's network")
    parser.add_argument("--liberty", default=LIBERTY)
    parser.add_argument("--scripts", default=",".join(SCRIPTS), help="abc scripts, of " + ", ".join(SCRIPTS))
    parser.add_argument("--json", help="write all figures")
    parser.add_argument("--markdown", default=ROOT / "docs/area.md")
    parser.add_argument("--svg", default=ROOT / "docs/area.svg")
    a = parser.parse_args()
    try:
        import matplotlib  # before the work, not after it
        del matplotlib
    except ImportError:
        sys.exit("area_study.py: matplotlib is missing: scripts/install.sh test installs it (python3-matplotlib)")
    for name in [name for name in SCRIPTS if name not in ["yosys", *a.scripts.split(",")]]:
        del SCRIPTS[name]
    begin = time.monotonic()
    s = study(a)
    text = markdown(s, a)
    print(text)
    pathlib.Path(a.markdown).write_text(text)
    plot(s, a.svg)
    if a.json:
        write_json(a.json, s)
    print(f"written: {a.markdown}, {a.svg}; {time.monotonic() - begin:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
