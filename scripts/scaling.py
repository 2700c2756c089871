#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How cycles, mapper time and model time grow as a layer or the array doubles.

Starts from ResNet-50_CONV3 of workloads/paper_table5.json on ecoflow_13x15 and doubles its batch, its
channels (and filters), its map (height and width), then the array's sides with buses in proportion.
Mapper: wall clock of `ecoflow compile`, proof included, and its peak memory; model: the seconds that
`ecoflow predict` reports. One command at a time, so that they do not disturb each other.

usage: scaling.py [--doublings 3] [--dataflow auto] [--markdown docs/scaling.md] [--svg docs/scaling.svg]
       scaling.py --configs DIR
"""
import argparse
import json
import math
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import textwrap
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
ECOFLOW = ROOT / "build/bin/ecoflow"
PASSES = ("forward", "input-grad", "filter-grad")
REPEAT, LONG_SECONDS = 3, 2  # the shortest of three measurements, of one when it takes long
SIDES = (4, 8, 16, 32, 64)
COLUMNS = (("cycles", "cycles", "{:,}"), ("compile_seconds", "compile s", "{:.2f}"),
           ("model_seconds", "model s", "{:.2f}"))


def load(path):
    return json.loads((ROOT / path).read_text())


def grown(doublings):
    """(sweep, size as text, layer, None) for each layer."""
    base = next(l for l in load("workloads/paper_table5.json")["layers"] if l["name"] == "ResNet-50_CONV3")
    n, c, height, width = base["input"]
    for k in range(doublings + 1):
        yield "batch", str(n << k), dict(base, input=[n << k, c, height, width]), None
    for k in range(doublings + 1):
        yield ("channels", str(c << k),
               dict(base, input=[n, c << k, height, width], output_channels=base["output_channels"] << k), None)
    for k in range(doublings + 1):  # twice the results: 57 -> 113 at a kernel of 3, stride 2
        yield "map", str(((height - 1) << k) + 1), dict(base, input=[n, c] + [((s - 1) << k) + 1 for s in (height, width)]), None
    for side in SIDES:
        yield "array", f"{side}x{side}", base, array(side)


def array(side):
    """ecoflow_13x15 with another side, buses in proportion to it."""
    config = load("gen/configs/ecoflow_13x15.json")
    schema = load("gen/config/hw_config.schema.json")["properties"]
    network = config["network"]
    config["name"] = f"ecoflow_{side}x{side}"
    config["array"] = {"rows": side, "columns": side}
    for key, lane in (("gin_wide_bits", 16), ("gin_narrow_bits", 16), ("gon_bits", 32), ("local_bits", 32)):
        network[key] = max(1, round(network[key] / lane * side / 14)) * lane
    tags = side + network["ids_per_controller"]
    network["id_bits"] = max(network["id_bits"], tags.bit_length())
    config["pe"]["queue_depth"] = min(q for q in schema["pe"]["properties"]["queue_depth"]["enum"]
                                      if q * 16 >= network["gin_wide_bits"])
    return config


def command(*arguments):
    """(exit status, error line, seconds, peak MB) of one command."""
    begin = time.monotonic()
    with subprocess.Popen([ECOFLOW, *map(str, arguments)], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True) as child:
        error = child.stderr.read().strip()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, error, time.monotonic() - begin, usage.ru_maxrss // 1024


def measure(layer, config, pass_name, dataflow):
    """Figures of one row, or {"error": why there are none}."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "layer.json").write_text(json.dumps(layer))
        name = "ecoflow_13x15"
        if config:
            name = folder / "config.json"
            name.write_text(json.dumps(config))
        compile_seconds = model_seconds = math.inf
        for _ in range(REPEAT):
            status, error, seconds, megabytes = command(
                "compile", folder / "layer.json", "--pass", pass_name, "--dataflow", dataflow, "--config", name,
                "--out", folder / "image")
            if status:
                return {"error": error or f"compile ended with status {status}"}
            compile_seconds = min(compile_seconds, seconds)
            status, error, _, _ = command("predict", "--image", folder / "image", "--json", folder / "r.json")
            if status:
                return {"error": error or f"predict ended with status {status}"}
            report = json.loads((folder / "r.json").read_text())
            model_seconds = min(model_seconds, report["sim_seconds"])
            if compile_seconds + model_seconds > LONG_SECONDS:
                break
        return {"family": json.loads((folder / "image/mapping.json").read_text())["family"],
                "macs": report["useful_macs"], "cycles": report["cycles"],
                "roofline_fraction": report["roofline_fraction"], "compile_seconds": compile_seconds,
                "compile_mb": megabytes, "model_seconds": model_seconds}


def cells(row, first):
    """The row's columns as text, ratios to the sweep's first row beside the values."""
    if "error" in row:
        return [row["error"]]
    texts = [f"{row['macs'] / 1e6:,.0f}"]
    for key, _, form in COLUMNS:
        value = form.format(row[key])
        ratio = row[key] / first[key] if first.get(key) else 0
        texts += [value, f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.4f}"]
    return texts + [f"{row['roofline_fraction']:.3f}", f"{row['compile_mb']:,}", row["family"]]


HEAD = ["M MACs"] + [text for _, name, _ in COLUMNS for text in (name, "ratio")] + ["roofline", "compile MB", "mapping"]
WIDTHS = (9, 12, 7, 10, 7, 9, 7, 9, 11, 16)
def markdown(rows, dataflow, svg):
    intro = (f"ResNet-50_CONV3 (batch 4, 128 channels, 57 x 57) and what happens when one of its sizes doubles, "
             f"`--dataflow {dataflow}`, `ecoflow_13x15`; then the same layer on arrays of other sides with buses in "
             "proportion, the rest as in `ecoflow_13x15`. Ratios are to the first row of a table. Channels "
             "and filters double together: four times the MACs, as with height and width.")
    how = (f"Made by `scripts/scaling.py` (shortest of {REPEAT} times) on {platform.machine()} with {os.cpu_count()} cores. Compile: wall clock of "
           "`ecoflow compile`, proof included, and its peak memory. Model: the seconds that `ecoflow predict` "
           "reports; it does not simulate again what repeats itself, so its time follows what is new in a "
           "layer rather than its cycles.")
    lines = ["# Scaling", "", textwrap.fill(intro, 108, break_on_hyphens=False), "",
             textwrap.fill(how, 108, break_on_hyphens=False), "", f"![scaling]({os.path.basename(svg)})", ""]
    for sweep in dict.fromkeys(r["sweep"] for r in rows):
        lines += [f"## {sweep.capitalize()}", "", "| pass | size | " + " | ".join(HEAD) + " |",
                  "|---|---|" + "---:|" * (len(HEAD) - 1) + "---|"]
        for r in (r for r in rows if r["sweep"] == sweep):
            text = cells(r, first_of(rows, r))
            text += [""] * (len(HEAD) - len(text))
            lines.append(f"| {r['pass']} | {r['size']} | " + " | ".join(text) + " |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def first_of(rows, row):
    return next((r for r in rows if (r["sweep"], r["pass"]) == (row["sweep"], row["pass"])), row)


def plot(rows, path):
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot, ticker
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "ecoflow", "font.size": 9,
                                "font.family": "DejaVu Sans"})
    sweeps = list(dict.fromkeys(r["sweep"] for r in rows))
    figure, axes = pyplot.subplots(len(COLUMNS), len(sweeps), figsize=(11, 7), squeeze=False)
    for i, (key, name, _) in enumerate(COLUMNS):
        for j, sweep in enumerate(sweeps):
            sizes = list(dict.fromkeys(r["size"] for r in rows if r["sweep"] == sweep))
            for pass_name in PASSES:
                good = [r for r in rows if r["sweep"] == sweep and r["pass"] == pass_name and key in r]
                axes[i][j].plot([sizes.index(r["size"]) for r in good], [r[key] for r in good], marker="o",
                                markersize=3, label=pass_name)
            axes[i][j].set_yscale("log")
            axes[i][j].yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
            axes[i][j].yaxis.set_major_formatter(ticker.FuncFormatter(lambda v, _: f"{v:g}" if v < 1e4 else f"{v / 1e6:g}M"))
            axes[i][j].yaxis.set_minor_locator(ticker.NullLocator())
            axes[i][j].set_xticks(range(len(sizes)), [s.rstrip(" *") for s in sizes])
            axes[i][j].grid(True, alpha=0.3)
            if i == 0:
                axes[i][j].set_title(sweep)
            if j == 0:
                axes[i][j].set_ylabel(name)
    axes[0][0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--doublings", type=int, default=3, help="of batch, channels and map")
    parser.add_argument("--dataflow", default="auto")
    parser.add_argument("--markdown", default=ROOT / "docs/scaling.md")
    parser.add_argument("--svg", default=ROOT / "docs/scaling.svg")
    parser.add_argument("--configs", type=pathlib.Path, metavar="DIR", help="only write the arrays' configurations there")
    a = parser.parse_args()
    if a.configs:
        a.configs.mkdir(parents=True, exist_ok=True)
        for side in SIDES:
            (a.configs / f"{side}x{side}.json").write_text(json.dumps(array(side), indent=2) + "\n")
        return 0
    try:
        import matplotlib  # before the work, not after it
        del matplotlib
    except ImportError:
        sys.exit("scaling.py: matplotlib is missing: scripts/install.sh test installs it (python3-matplotlib)")

    head = "".join(f"{text:>{w}}" for text, w in zip(HEAD[:-1], WIDTHS)) + f"  {HEAD[-1]}"
    rows = []
    for sweep, size, layer, config in grown(a.doublings):
        if not rows or rows[-1]["sweep"] != sweep:
            print(f"\n{sweep:<10}{'pass':<12}{head}", flush=True)
        for pass_name in PASSES:
            row = {"sweep": sweep, "size": size, "pass": pass_name}
            row.update(measure(layer, config, pass_name, a.dataflow))
            rows.append(row)
            text = cells(row, first_of(rows, row))
            line = (f"  {text[0]}" if len(text) == 1 else
                    "".join(f"{t:>{w}}" for t, w in zip(text[:-1], WIDTHS)) + f"  {text[-1]}")
            print(f"{size:<10}{pass_name:<12}{line}", flush=True)
    pathlib.Path(a.markdown).write_text(markdown(rows, a.dataflow, str(a.svg)))
    plot(rows, a.svg)
    print(f"written: {a.markdown}, {a.svg}")
    return any("error" in r for r in rows)


if __name__ == "__main__":
    sys.exit(main())
