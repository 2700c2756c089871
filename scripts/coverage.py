#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Line, branch and toggle coverage of rtl/ by random layers, with a reason for every hole.

Runs build/bin/sweep on small arrays, and the directed test of the array, with Verilator's coverage counters, adds up
over arrays and instances and prints covered points for each file. A point that no run reaches needs a line in HOLES that says why; exit
status 1 when one has none. Models are built once and cached.

usage: coverage.py [--count N] [--json F] [--markdown [F]] [--list]
"""
import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
SWEEP, ARRAY_TEST = ROOT / "build/bin/sweep", ROOT / "build/bin/array_test"
# Arrays that differ in what decides structure: IDs, lanes, levels, depths, latencies.
ARRAYS = ("ecoflow_4x4", "tests/data/7x3.json", "tests/data/small.json", "tests/data/ids1_narrow.json")
STALLS = ("0", "0.3")
# Larger layers, and enough strips that one of them wraps round (circular: only maps without border that are as
# wide as a block).
MORE = (("ecoflow_4x4", "--first 1000 --count 2 --max-macs 2000000"),
        ("ecoflow_4x4", "--first 3000 --count 300 --max-macs 2500 --dataflow ecoflow --op Conv --pass input-grad"))
KINDS = {"v_line": "lines", "v_branch": "branches", "v_toggle": "toggles"}

# Points that the runs do not reach: file, signal (regular expressions), bits (first, last; None: no bit), reason.
# Constants, bounds of sums, lanes and errors were checked in the RTL and in what writes the words; "layers here" and
# "runs are shorter" speak of this sample of layers, not of what can be.
ANY = r"rtl/.*"
ARRAY, CONFIG = r"rtl/top/eco_array\.sv", r"rtl/top/eco_config\.sv"
PE, RING, NEST, PSUM = (rf"rtl/pe/eco_pe{part}\.sv" for part in ("", "_ring", "_nest", "_psum"))
LINKS = r"rtl/pe/eco_pe(_psum|)\.sv"
IMAGE = r"rtl/pe/eco_pe(_image|_nest|)\.sv"  # words of an image on their way
COORDINATE, COUNTERS = r"rtl/pe/eco_pe_coordinate\.sv", r"rtl/pe/eco_pe_counters\.sv"
NO_FIELD = "no field there: isa/image_fields.def, headers, loader and ID words end below or lie above"
FREE = "upper bits of the words that a step frees of the filter file: 128 or more, no layer here is so large"
COUNTER = "upper bits of a counter: runs are shorter than 2^k cycles, words or psums"
LANE = "Local links are wide for two psums; a PE sends one a cycle (departure in eco_pe_psum.sv)"
EDGE = "constant: nothing is above row 0 and nothing below the last row, and no lane but the first is used"
SMALL = "upper bits of sizes, indices and thresholds: layers of up to 2 million products stay below"
SLOT = "upper bits of accumulator slots: layers here keep fewer than 4096 sums in a lane"
TAG = "upper bits of tags: at most 7 rows, 5 columns and their groups here, so that few tags are in use"
RECT = "rectangles end at row 7 or column 5 at most, arrays are small; upper bits are for up to 64 rows and columns"
WORDS = "a configuration header announces at most 31 words here: image words, or a word for each of up to 21 PEs"
ERROR = ("an error of the streams or of an image: layers make none, a run that ends with one fails (tb/run/run.cc); "
         "tests/tb/array_test makes them")
DEPTH = "9 bits and their sums are for 256 entries, files here have 75 and 224"
BLOCK = "no layer here reads a filter word at an offset of 128 or more: two blocks share the file where possible"
STEP = ("deltas of the filter and psum offsets are 0 or 1, of the ifmap offset 1 or a step in a plane's window (compiler/schedule), "
        "small here")
HOLES = [
    (r"rtl/mem/eco_counter\.sv", r"add_i", (3, 7), "an increment is at most the words of a beat, five; commands have two lanes"),
    (r"rtl/noc/eco_shift_fifo\.sv", r"valid", (4, 4), "constant: the entry behind the last one is always empty"),
    (r"rtl/noc/eco_gon\.sv", r"same", (0, 1), ERROR),
    (IMAGE, r"mode(_[io])?", (8, 9), "no mapping sums over level 5 or 6"),
    (IMAGE, r"record_files(_o)?", (18, 23), STEP),
    (IMAGE, r"record_files(_o)?", (26, 33), STEP),
    (IMAGE, r"record_files(_o)?", (36, 40), STEP),
    (IMAGE, r"record_files(_o)?", (48, 48), DEPTH),
    (RING, r"delta_i", (3, 8), STEP),
    (RING, r"fill_q", (8, 8), DEPTH),
    (RING, r"head_sum|read_sum|reach|want_q", (9, 9), DEPTH),
    (RING, r"offset_q|reach|want_q", (7, 8), BLOCK),
    (COUNTERS, r"low_q", (13, 15), COUNTER),
    (ARRAY, r"quiet_q", (8, 19), "no run stands still for 256 cycles"),
    (ANY, r"cfg_data_i|cfg_word|data_i|data_o", (58, 60), NO_FIELD),
    (ANY, r"cfg_data_i|cfg_word|data_i|data_o", (56, 57), FREE),
    (IMAGE, r"mode(_[io])?|record_coordinates(_o)?", (48, 63), NO_FIELD),
    (IMAGE, r"limit(_[io])?", (54, 63), NO_FIELD),
    (IMAGE, r"param(_[io])?", (55, 60), NO_FIELD),
    (IMAGE, r"record_files(_o)?", (58, 63), NO_FIELD),
    (IMAGE, r"record_files(_o)?", (56, 57), FREE),
    (RING, r"free|free_[iq]", (7, 8), FREE),
    (IMAGE, r"mode(_[io])?", (19, 29), SMALL),
    (NEST, r"chain_in_min_q", (3, 13), SMALL),
    (IMAGE, r"param(_[io])?", (41, 43), SMALL),
    (IMAGE, r"param(_[io])?", (50, 54), SMALL),
    (IMAGE, r"limit(_[ioq])?", (6, 14), SMALL),
    (IMAGE, r"limit(_[ioq])?", (27, 29), SMALL),
    (IMAGE, r"limit(_[ioq])?", (39, 43), SMALL),
    (IMAGE, r"limit(_[ioq])?", (46, 53), SMALL),
    (COORDINATE, r"limit_[iq]", (12, 14), SMALL),
    (NEST, r"ragged_q", (2, 9), SMALL),
    (NEST, r"index_2", (7, 13), SMALL),
    (NEST, r"index_3", (12, 13), SMALL),
    (IMAGE, r"record_files(_o)?", (12, 13), SMALL),
    (LINKS, r"below_valid_i|above_valid_o", (1, 1), LANE),
    (LINKS, r"below_data_i|above_data_o", (32, 63), LANE),
    (r"rtl/top/eco_row\.sv", r"below_valid_i|above_valid_o", (5, 7), LANE),
    (r"rtl/top/eco_row\.sv", r"below_data_i|above_data_o", (160, 191), LANE),
    (r"rtl/top/eco_row\.sv", r"below_data_i|above_data_o", (224, 255), LANE),
    (ARRAY, r"up_valid", (0, 2), EDGE),
    (ARRAY, r"up_valid", (21, 39), EDGE),
    (ARRAY, r"credit", (0, 2), EDGE),
    (ARRAY, r"credit", (21, 24), EDGE),
    (PE, r"dump_word", (16, 31), COUNTER),
    (PSUM, r"dump_word_i", (16, 31), COUNTER),
    (COUNTERS, r"dump_word_o", (16, 31), COUNTER),
    (COUNTERS, r"gated_q|local_q", (13, 31), COUNTER),
    (COUNTERS, r"high_q", (0, 15), COUNTER),
    (r"rtl/mem/eco_counter\.sv", r"count_o", (16, 47), COUNTER),
    (r"rtl/mem/eco_counter\.sv", r"low_q|shown_q", (16, 23), COUNTER),
    (r"rtl/mem/eco_counter\.sv", r"high_q", (0, 23), COUNTER),
    (r"rtl/mem/eco_counter\.sv", r"carry_q|wrap_o", None, COUNTER),
    (ARRAY, r"stat_o|cycles|cfg_words|wide_words|narrow_words|all_gon_words", (15, 47), COUNTER),
    (COUNTERS, r"carry_q|wrapped_o", None, COUNTER),
    (PE, r"wrapped", None, COUNTER),
    (ARRAY, r"gon_words(_q)?", (2, 7), "at most two GON lanes here, so at most two words a cycle"),
    (ARRAY, r"case", None, "stat_sel_i is 0 to 5; the drivers never read the codes 6 and 7, which give zero"),
    (r"rtl/mem/.*", r"slot_i|slot_q|waddr_i|raddr_i", (12, 14), SLOT),
    (r"rtl/(noc/eco_gon|top/eco_array)\.sv", r"cmd_slot_i|acc_slot|order_slot|slot_q|gon_slot_i", (26, 27), SLOT),
    (r"rtl/(noc|top)/.*", r"tag_i|(row|col)_tag_i|(wide|narrow)_(row|col)_i", (3, 4), TAG),
    (CONFIG, r"left_q", (5, 15), WORDS),
    (CONFIG, r"(row|col)_(hi|lo)|(row|col)_hi_q|col_lo_q|(row|col)_q", (3, 7), RECT),
    (CONFIG, r"bad|bad_header_o|bad_address_o|nobody_q|past_q", None, ERROR),
    (ARRAY, r"bad_header|bad_address|gon_bad_pe|gon_twice|wide_form_q|narrow_form_q", None, ERROR),
    (ARRAY, r"error|error_q", (0, 15), ERROR),
    (ARRAY, r"row_error", (0, 63), ERROR),
    (r"rtl/(top/eco_row|pe/eco_pe)\.sv", r"error_o|program_error|counter_error", (0, 15), ERROR),
    (PE, r"impossible|impossible_q|ifmap_never|filter_never", None, ERROR),
    (RING, r"never_o", None, ERROR),
    (r"rtl/noc/eco_gon\.sv", r"bad_pe_o|twice_o", None, ERROR),
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


def reason(file, name):
    signal, bit = split(name)
    for where, what, bits, why in HOLES:
        if re.fullmatch(where, file) and re.fullmatch(what, signal) \
                and (bit is None if bits is None else bit is not None and bits[0] <= bit <= bits[1]):
            return why
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=6, help="layers of each op, pass and dataflow")
    parser.add_argument("--json", help="write the table and the holes")
    parser.add_argument("--markdown", nargs="?", const=ROOT / "docs/coverage.md", help="write docs/coverage.md, or that file")
    parser.add_argument("--list", action="store_true", help="print every hole")
    a = parser.parse_args()
    points = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        runs = [(array, f"--count {a.count} --stall {stall}") for array in ARRAYS for stall in STALLS]
        for array, options in [*runs, *MORE]:
            if sys.stderr.isatty():
                sys.stderr.write(f"\r\033[K{array} {options}")
            data = pathlib.Path(folder) / "coverage.dat"
            done = subprocess.run([SWEEP, "--config", array, *options.split(), "--coverage", data], cwd=ROOT,
                                  capture_output=True, text=True, check=False)
            if done.returncode != 0:
                sys.exit(f"coverage.py: sweep --config {array} {options}: {done.stdout[-2000:]}{done.stderr}")
            points.update(read(data))
        data.unlink()
        done = subprocess.run([ARRAY_TEST], cwd=ROOT, env={**os.environ, "ECOFLOW_COVERAGE_FOLDER": folder},
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"coverage.py: array_test: {done.stdout[-2000:]}{done.stderr}")
        for file in pathlib.Path(folder).glob("*.dat"):
            points.update(read(file))
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")

    table = collections.defaultdict(lambda: {k: [0, 0] for k in KINDS.values()})
    holes = []
    for (file, line, kind, name), count in sorted(points.items()):
        cell = table[file][kind]
        cell[1] += 1
        cell[0] += count > 0
        if count == 0:
            holes.append({"file": file, "line": line, "kind": kind, "object": name, "reason": reason(file, name)})
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
        pathlib.Path(a.json).write_text(json.dumps(document, indent=1) + "\n")
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
                   "more strips on one of them; added up over arrays and instances. All state starts at zero, so that leaving a "
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
