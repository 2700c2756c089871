#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Line, branch and toggle coverage of rtl/ by random layers, with a reason for every hole.

Runs build/bin/sweep on small arrays, and the directed test of the array, with Verilator's coverage counters, adds up
over arrays and instances and prints covered points for each file. A point that no run reaches needs a line in HOLES that says why; exit
status 1 when one has none. Models are built once and cached.

usage: coverage.py [--count N] [--jobs N] [--data FOLDER] [--json F] [--markdown [F]] [--list]
"""
import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap

from eda import ROOT, progress, write_json

SWEEP, ARRAY_TEST = ROOT / "build/bin/sweep", ROOT / "build/bin/array_test"
# Arrays that differ in what decides structure: IDs, lanes, levels, depths, latencies, number format.
ARRAYS = ("ecoflow_4x4", "tests/data/7x3.json", "tests/data/small.json", "tests/data/ids1_narrow.json", "ecoflow_4x4_bf16")
STALLS = ("0", "0.3")
# Larger layers, and enough strips that one of them wraps round (circular: only maps without border that are as
# wide as a block).
MORE = (("ecoflow_4x4", "--first 1000 --count 2 --max-macs 2000000"),
        ("ecoflow_4x4", "--first 3000 --count 300 --max-macs 2500 --dataflow ecoflow --op Conv --pass input-grad"),
        ("ecoflow_4x4_bf16", "--first 5000 --count 20 --values special"))
KINDS = {"v_line": "lines", "v_branch": "branches", "v_toggle": "toggles"}

# Points that the runs do not reach: file, signal (regular expressions), bits (None: no bit), reason.
# Constants, bounds of sums, lanes and errors were checked in the RTL and in what writes the words; "layers here" and
# "runs are shorter" speak of this sample, not of what can be. A branch is "if: " and its line, so that a reason
# for one does not hide another. Bits: first and last, or a range.
ARRAY, CONFIG = r"rtl/top/eco_array\.sv", r"rtl/top/eco_config\.sv"
PE, RING, PSUM = (rf"rtl/pe/eco_pe{part}\.sv" for part in ("", "_ring", "_psum"))
LINKS = r"rtl/pe/eco_pe(_psum|)\.sv"
IMAGE = r"rtl/pe/eco_pe(_image|_nest|)\.sv"  # words of an image on their way
COUNTERS = r"rtl/pe/eco_pe_counters\.sv"
NO_FIELD = "no field there: isa/image_fields.def, headers, loader and ID words end below or lie above"
COUNTER = "upper bits of a counter and its wrap: runs are shorter than 2^k cycles, words or psums"
LANE = "Local links are wide for two psums; a PE sends one a cycle (departure in eco_pe_psum.sv)"
EDGE = "constant: nothing is above row 0 and nothing below the last row, and no lane but the first is used"
SLOT = "upper bits of accumulator slots: layers here keep fewer than 2048 sums in a lane"
ADD = r"rtl/arith/bf16/eco_fp32_add\.sv"
NO_BIT = "constant: room for signs and places that the numbers there do not use"
RECT = "rectangles end at row 7 or column 5 at most, arrays are small; upper bits are for up to 64 rows and columns"
ERROR = "errors of programs are made by tests/tb/array_test on 3 x 3 PEs; these rows and columns are in larger arrays"
DEPTH = "9 bits and their sums are for 256 entries, files here have 75 and 224"
HOLES = [
    (r"rtl/mem/eco_counter\.sv", r"add_i", (3, 7), "an increment is at most the words of a beat, five; commands have two lanes"),
    (r"rtl/noc/eco_shift_fifo\.sv", r"valid", (4, 4), "constant: the entry behind the last one is always empty"),
    (r"rtl/noc/eco_gon\.sv", r"same", (0, 0), "constant: no lane is before the first"),
    (RING, r"fill_q", (8, 8), DEPTH),
    (RING, r"head_sum|read_sum|reach|want_q", (9, 9), DEPTH),
    (IMAGE, r"record_coordinates(_o)?", (48, 63), NO_FIELD),
    (IMAGE, r"limit(_[io])?", (54, 63), NO_FIELD),
    (IMAGE, r"param(_[io])?", (55, 60), NO_FIELD),
    (IMAGE, r"record_files(_o)?", (58, 63), NO_FIELD),
    (LINKS, r"below_valid_i|above_valid_o", (1, 1), LANE),
    (LINKS, r"below_data_i|above_data_o", (32, 63), LANE),
    (r"rtl/top/eco_row\.sv", r"below_valid_i|above_valid_o", range(5, 8, 2), LANE),
    (r"rtl/top/eco_row\.sv", r"below_data_i|above_data_o", (160, 191), LANE),
    (r"rtl/top/eco_row\.sv", r"below_data_i|above_data_o", (224, 255), LANE),
    (ARRAY, r"up_valid", (0, 2), EDGE),
    (ARRAY, r"up_valid", range(21, 31, 2), EDGE),
    (ARRAY, r"up_valid", (31, 39), EDGE),
    (ARRAY, r"credit", (0, 2), EDGE),
    (ARRAY, r"credit", (21, 24), EDGE),
    (PE, r"dump_word", (16, 31), COUNTER),
    (PSUM, r"dump_word_i", (16, 31), COUNTER),
    (COUNTERS, r"dump_word_o", (16, 31), COUNTER),
    (COUNTERS, r"low_q", (13, 15), COUNTER),
    (COUNTERS, r"gated_q|local_q", (13, 31), COUNTER),
    (COUNTERS, r"high_q", (0, 15), COUNTER),
    (r"rtl/mem/eco_counter\.sv", r"count_o", (21, 47), COUNTER),
    (r"rtl/mem/eco_counter\.sv", r"low_q|shown_q", (21, 23), COUNTER),
    (r"rtl/mem/eco_counter\.sv", r"high_q", (0, 23), COUNTER),
    (r"rtl/mem/eco_counter\.sv", r"carry_q|wrap_o", None, COUNTER),
    (ARRAY, r"held_cycles", (6, 47), COUNTER),
    (ARRAY, r"stat_o|cycles|cfg_words|wide_words|narrow_words|all_gon_words", (15, 47), COUNTER),
    (COUNTERS, r"carry_q|wrapped_o", None, COUNTER),
    (COUNTERS, r"if: .*wrapped_o <= 1'b1;", None, COUNTER),
    (PE, r"wrapped", None, COUNTER),
    (PE, r"error_o", (1, 1), COUNTER),
    (r"rtl/top/eco_row\.sv", r"error_o", (1, 1), COUNTER),
    (r"rtl/top/eco_row\.sv", r"counter_error", (0, 4), COUNTER),
    (ARRAY, r"row_error", range(1, 14, 2), COUNTER),
    (ARRAY, r"error|error_q", (9, 9), COUNTER),
    (ARRAY, r"if: .*error\[eco_pkg::ErrCounter\] = 1'b1;", None, COUNTER),
    (ARRAY, r"row_error", range(6, 14, 2), ERROR),
    (r"rtl/top/eco_row\.sv", r"program_error", (3, 4), ERROR),
    (ARRAY, r"gon_words(_q)?", (2, 7), "at most two GON lanes here, so at most two words a cycle"),
    (ARRAY, r"case: .*", None, "stat_sel_i is 0 to 6; the drivers never read the code 7, which gives zero"),
    (r"rtl/mem/.*", r"(next_)?slot_i|slot_q|slot_end|waddr_i|raddr_i", (11, 14), SLOT),
    (r"rtl/mem/eco_accumulator\.sv", r"slot_q", (25, 27), SLOT),
    (r"rtl/mem/eco_accumulator\.sv", r"slot_q", (39, 41), SLOT),
    (r"rtl/(noc/eco_gon|top/eco_array)\.sv", r"cmd_slot_i|acc_slot|order_slot|slot_q|gon_slot_i", (25, 27), SLOT),
    (ADD, r"a_exp", (8, 9), NO_BIT),
    (ADD, r"(exp|shift)(_0|_1)?", (9, 9), NO_BIT),
    (ADD, r"close_y(_0)?", (24, 24), NO_BIT),
    (ADD, r"x", range(0, 28, 27), NO_BIT),
    (ADD, r"x", (1, 2), NO_BIT),
    (ADD, r"stop", (24, 24), "constant: numbers of the least exponent have nothing to normalise"),
    (ADD, r"stop", (0, 17), "numbers with exponents from 8 to 25 that cancel: in the vectors of arith_bf16, not in layers"),
    (r"rtl/arith/int16/eco_result\.sv", r"round_i", None, "int16 has no rounding"),
    (PSUM, r"wait_turn", None, "a slot that starts with a psum from below right behind one that ends with one: passes of both "
                              "kinds do not follow each other in layers here"),
    (CONFIG, r"(row|col)_hi_q|col_lo_q|col_q", (3, 7), RECT),
]


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


def split(name):
    """Signal and bit or None; entries of a small memory (name[entry][bit]) count as one signal."""
    signal, *indices = name.replace("]", "").split("[")
    return signal, int(indices[-1]) if indices else None


def reason(file, line, kind, name):
    signal, bit = split(name)
    if kind != "toggles":
        signal = f"{name}: {(ROOT / file).read_text().splitlines()[line - 1].strip()}"
        bit = None
    for where, what, bits, why in HOLES:
        bits = range(bits[0], bits[1] + 1) if isinstance(bits, tuple) else bits
        if re.fullmatch(where, file) and re.fullmatch(what, signal) \
                and (bit is None if bits is None else bit is not None and bit in bits):
            return why
    return None


def measure(folder, count, jobs):
    """Files with the counters of all runs; what the folder has is not run again."""
    folder.mkdir(parents=True, exist_ok=True)
    runs = [(array, f"--count {count} --stall {stall}") for array in ARRAYS for stall in STALLS] + [*MORE]
    commands = {f"sweep{n}": [SWEEP, "--config", array, *options.split(), "--coverage", folder / f"sweep{n}.dat"]
                for n, (array, options) in enumerate(runs)}
    commands["array_test"] = [ARRAY_TEST]

    def run(item):
        name, command = item
        own = folder / name
        if (folder / f"{name}.done").exists():
            return
        own.mkdir(exist_ok=True)
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, "ECOFLOW_COVERAGE_FOLDER": str(own)},
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"coverage.py: {' '.join(map(str, command))}: {done.stdout[-2000:]}{done.stderr}")
        (folder / f"{name}.done").touch()

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for n, _ in enumerate(pool.map(run, commands.items()), 1):
            progress(f"{n} of {len(commands)} runs")
    progress()
    return sorted(folder.rglob("*.dat"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=6, help="layers of each op, pass and dataflow")
    parser.add_argument("--json", help="write the table and the holes")
    parser.add_argument("--markdown", nargs="?", const=ROOT / "docs/coverage.md", help="write docs/coverage.md, or that file")
    parser.add_argument("--list", action="store_true", help="print every hole")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--data", help="folder that keeps the counters of each run; what is there is not run again")
    a = parser.parse_args()
    points = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(a.data or folder)
        for data in measure(folder, a.count, a.jobs):
            points.update(read(data))

    table = collections.defaultdict(lambda: {k: [0, 0] for k in KINDS.values()})
    holes = []
    for (file, line, kind, name), count in sorted(points.items()):
        cell = table[file][kind]
        cell[1] += 1
        cell[0] += count > 0
        if count == 0:
            holes.append({"file": file, "line": line, "kind": kind, "object": name, "reason": reason(file, line, kind, name)})
    open_holes = [h for h in holes if h["reason"] is None]
    table["all"] = {k: [sum(t[k][i] for t in table.values()) for i in (0, 1)] for k in KINDS.values()}
    print(f"{'file':<34}" + "".join(f"{k:>22}" for k in KINDS.values()) + f"{'explained':>11}{'open':>6}")
    for file, cells in table.items():
        text = "".join(f"{f'{hit} of {of}':>15}{percent(hit, of):>7}" for hit, of in cells.values())
        of_file = [h for h in holes if file in ("all", h["file"])]
        count = sum(h in open_holes for h in of_file)
        print(f"{file:<34}{text}{len(of_file) - count:>11}{count:>6}")
    groups = grouped(holes)
    for why, names in groups.items():
        print(f"  {sum(len(v) for v in names.values()):>5}  {why}" + ("" if a.list else f": {len(names)} objects"))
        for (file, name), bits in names.items() if a.list or why == OPEN else ():
            print(f"           {file} {name}{ranges(bits)}")
    if a.json:
        document = {"files": {f: {k: {"covered": c[0], "of": c[1]} for k, c in cells.items()} for f, cells in table.items()},
                    "holes": holes, "open": len(open_holes)}
        write_json(a.json, document)
    if a.markdown:
        pathlib.Path(a.markdown).write_text(markdown(table, groups, a.count))
    return bool(open_holes)


OPEN = "no reason yet"


def percent(hit, of):
    return f"{100 * hit / of if of else 100:.1f}%"


def grouped(holes):
    """Reason -> (file, signal) -> bits."""
    found = {}
    for h in holes:
        name, bit = split(h["object"])
        found.setdefault(h["reason"] or OPEN, {}).setdefault((h["file"], name), []).append(bit)
    return found


def ranges(bits):
    numbers, text = sorted({b for b in bits if b is not None}), []
    while numbers:
        n = next((n for n in range(1, len(numbers)) if numbers[n] != numbers[0] + n), len(numbers))
        text.append(f"{numbers[n - 1]}:{numbers[0]}" if n > 1 else f"{numbers[0]}")
        numbers = numbers[n:]
    return f"[{', '.join(text)}]" if text else ""


def markdown(table, groups, count):
    wrap = lambda text, **how: textwrap.wrap(text, 108, break_on_hyphens=False, break_long_words=False, **how)
    lines = ["# Coverage of the RTL", "",
             *wrap(f"Made by `scripts/coverage.py`: Verilator's line and toggle counters over {count} random layers of each op, pass "
                   f"and dataflow, with and without random pauses, on {', '.join(pathlib.Path(x).stem for x in ARRAYS)}; larger layers and "
                   "more strips on one of them; the directed test `tests/tb/array_test.cc`; added up over arrays and instances. All state starts at zero, so that leaving a "
                   "random state is no toggle. Contents of memories (`mem_q`, `rec_files_q`, `count_q`) have no toggle points; packages and assertions have nothing to cover."), "",
             "| file | " + " | ".join(KINDS.values()) + " |", "|---|" + "---:|" * len(KINDS)]
    for file, cells in table.items():
        lines.append(f"| {file} | " + " | ".join(f"{hit:,} of {of:,} ({percent(hit, of)})" for hit, of in cells.values()) + " |")
    lines += ["", "## Holes", "", "What no run reaches, and why. Number of points in brackets.", ""]
    for why, names in groups.items():
        by_name = {}
        for (_, name), bits in names.items():
            by_name.setdefault(name, set()).update(bits)
        signals = ", ".join(f"`{name}{ranges(bits)}`" for name, bits in sorted(by_name.items()))
        lines += wrap(f"* ({sum(len(v) for v in names.values())}) {why}: {signals}", subsequent_indent="  ")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
