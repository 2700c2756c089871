#!/usr/bin/python3
"""Line, branch and toggle coverage of rtl/ by random layers, with a reason for every hole.

Runs build/bin/sweep on small arrays with Verilator's coverage counters, adds up over arrays and instances and
prints covered points for each file. A point that no run reaches needs a line in HOLES that says why; exit
status 1 when one has none.

usage: coverage.py [--count N] [--json F] [--list]
"""
import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SWEEP = ROOT / "build/bin/sweep"
# Arrays that differ in what decides structure: IDs, lanes, levels, depths, latencies.
ARRAYS = ("ecoflow_4x4", "tests/data/7x3.json", "tests/data/small.json", "tests/data/ids1_narrow.json")
STALLS = ("0", "0.3")
KINDS = {"v_line": "lines", "v_branch": "branches", "v_toggle": "toggles"}

# (file, signal or *, reason): points that random layers cannot reach.
HOLES = []


def read(path):
    """{(file, line, kind, object): count} of one run."""
    points = collections.Counter()
    for record in path.read_text(errors="replace").splitlines():
        if not record.startswith("C '"):
            continue
        keys, count = record[3:].rsplit("' ", 1)
        field = dict(part.split("\x02", 1) for part in keys.split("\x01") if "\x02" in part)
        kind = KINDS.get(field.get("page", "").split("/")[0])
        file = field.get("f", "")
        if kind and "rtl/" in file:
            points[(file[file.index("rtl/"):], int(field["l"]), kind, field.get("o", ""))] += int(count)
    return points


def reason(file, name):
    for where, what, why in HOLES:
        if re.fullmatch(where, file) and re.fullmatch(what, name):
            return why
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=6, help="layers of each op, pass and dataflow")
    parser.add_argument("--json", help="write the table and the holes")
    parser.add_argument("--list", action="store_true", help="print every hole")
    a = parser.parse_args()
    points = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        for array in ARRAYS:
            for stall in STALLS:
                data = pathlib.Path(folder) / "coverage.dat"
                done = subprocess.run([SWEEP, "--config", array, "--count", str(a.count), "--stall", stall,
                                       "--coverage", data], cwd=ROOT, capture_output=True, text=True, check=False)
                if done.returncode != 0:
                    sys.exit(f"coverage.py: sweep --config {array}: {done.stdout[-2000:]}{done.stderr}")
                points.update(read(data))
                if sys.stderr.isatty():
                    sys.stderr.write(f"\r\033[K{array} stall {stall}")
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")

    table = collections.defaultdict(lambda: {k: [0, 0] for k in KINDS.values()})
    holes, open_holes = [], []
    for (file, line, kind, name), count in sorted(points.items()):
        cell = table[file][kind]
        cell[1] += 1
        if count > 0:
            cell[0] += 1
            continue
        why = reason(file, name)
        holes.append({"file": file, "line": line, "kind": kind, "object": name, "reason": why})
        if why is None:
            open_holes.append(holes[-1])
    total = {k: [0, 0] for k in KINDS.values()}
    print(f"{'file':<34}" + "".join(f"{k:>22}" for k in KINDS.values()) + f"{'open':>8}")
    for file, cells in list(table.items()) + [("all", total)]:
        text = ""
        for kind, (hit, of) in cells.items():
            text += f"{f'{hit} of {of}':>15}{100 * hit / of if of else 100:>6.1f}%"
            if cells is not total:
                total[kind][0] += hit
                total[kind][1] += of
        count = sum(1 for h in open_holes if file in ("all", h["file"]))
        print(f"{file:<34}{text}{count:>8}")
    reasons = collections.Counter(h["reason"] for h in holes if h["reason"])
    for why, count in reasons.most_common():
        print(f"  {count:>6}  {why}")
    for h in holes if a.list else open_holes[:40]:
        print(f"  {h['file']}:{h['line']} {h['kind']} {h['object']}" + (f": {h['reason']}" if h["reason"] else ""))
    if a.json:
        document = {"files": {f: {k: {"covered": c[0], "of": c[1]} for k, c in cells.items()}
                              for f, cells in list(table.items()) + [("all", total)]},
                    "holes": holes, "open": len(open_holes)}
        pathlib.Path(a.json).write_text(json.dumps(document, indent=1) + "\n")
    return bool(open_holes)


if __name__ == "__main__":
    sys.exit(main())
