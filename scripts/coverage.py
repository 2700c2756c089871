#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Line, branch and toggle coverage of rtl/ by random layers, with a reason for every hole.

Runs build/bin/sweep on small arrays with Verilator's coverage counters, adds up over arrays and instances and
prints covered points for each file. A point that no run reaches needs a line in HOLES that says why; exit
status 1 when one has none. Models are built once and cached.

usage: coverage.py [--count N] [--json F] [--markdown [F]] [--list]
"""
import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
SWEEP = ROOT / "build/bin/sweep"
# Arrays that differ in what decides structure: IDs, lanes, levels, depths, latencies.
ARRAYS = ("ecoflow_4x4", "tests/data/7x3.json", "tests/data/small.json", "tests/data/ids1_narrow.json")
STALLS = ("0", "0.3")
# Larger layers, and enough strips that one of them wraps round (circular: only maps without border that are as
# wide as a block).
MORE = (("ecoflow_4x4", "--first 1000 --count 2 --max-macs 2000000"),
        ("ecoflow_4x4", "--first 3000 --count 300 --max-macs 2500 --dataflow ecoflow --op Conv --pass input-grad"))
KINDS = {"v_line": "lines", "v_branch": "branches", "v_toggle": "toggles"}

# Points that the runs cannot reach: file, signal (regular expressions), bits (first, last; None: no bit), reason. Each
# reason was checked in the RTL and in what writes the words.
ANY = r"rtl/.*"
PE, ARRAY, CONFIG = r"rtl/pe/eco_pe\.sv", r"rtl/top/eco_array\.sv", r"rtl/top/eco_config\.sv"
NO_FIELD = "no field there: compiler/image/image_fields.def, headers, loader and ID words end below or lie above"
FREE = "upper bits of the words that a step frees of the filter file: 128 or more, no layer here is so large"
COUNTER = "upper bits of a counter: runs are shorter than 2^k cycles, words or psums"
LANE = "Local links are wide for two psums; a PE sends one a cycle (departure in eco_pe.sv)"
EDGE = "constant: nothing is above row 0 and nothing below the last row, and no lane but the first is used"
SMALL = "upper bits of sizes, indices and thresholds: layers of up to 2 million products stay below"
SLOT = "upper bits of accumulator slots: layers here keep fewer than 4096 sums in a lane"
TAG = "upper bits of tags: at most 7 rows, 5 columns and their groups here, so that few tags are in use"
RECT = "rectangles end at row 7 or column 5 at most, arrays are small; upper bits are for up to 64 rows and columns"
LEVELS = "no mapping uses more than five loop levels (enum Level in compiler/schedule), hardware has up to seven"
WORDS = "a configuration header announces at most 31 words here: image words, or a word for each of up to 21 PEs"
DEPTH = "upper bits of offsets and levels of a register file: 9 bits are for 256 entries, files here have 75 and 224"
BLOCK = "no layer here reads a filter word at an offset of 128 or more: two blocks share the file where possible"
HOLES = [
    (ANY, r"cfg_data_i|cfg_word|data_i|data_o", (58, 60), NO_FIELD),
    (ANY, r"cfg_data_i|cfg_word|data_i|data_o", (56, 57), FREE),
    (PE, r"mode_next_q|rec_b", (48, 63), NO_FIELD),
    (PE, r"pend_q", (55, 60), NO_FIELD),
    (PE, r"rec_a", (58, 63), NO_FIELD),
    (PE, r"rec_a", (56, 57), FREE),
    (PE, r"b_free|b_rel", (7, 8), FREE),
    (PE, r"mode_next_q", (8, 9), LEVELS),
    (PE, r"step_bit", (6, 6), LEVELS),
    (PE, r"mode_next_q", (19, 29), SMALL),
    (PE, r"chain_in_min_q", (3, 13), SMALL),
    (PE, r"pend_q", (41, 43), SMALL),
    (PE, r"pend_q", (50, 54), SMALL),
    (PE, r"limit_next_q", (6, 14), SMALL),
    (PE, r"limit_next_q", (27, 29), SMALL),
    (PE, r"limit_next_q", (39, 43), SMALL),
    (PE, r"limit_next_q", (46, 53), SMALL),
    (PE, r"z_limit_q", (9, 13), SMALL),
    (PE, r"x_limit_q", (12, 14), SMALL),
    (PE, r"y_limit_q", (6, 14), SMALL),
    (PE, r"ragged_q", (2, 9), SMALL),
    (PE, r"z_base_q|z_base_field", (11, 14), SMALL),
    (PE, r"index2", (9, 13), SMALL),
    (PE, r"index3|rec_a", (12, 13), SMALL),
    (PE, r"a_left_q|a_wide_q", (4, 11), "the ifmap file takes at most 15 words in a turn from a network"),
    (PE, r"a_narrow_q", (2, 11), "the ifmap file takes at most 3 words in a turn from the narrow network"),
    (PE, r"rec_a", (18, 23),
     "deltas of the ifmap offset are 1 or a step in a plane's window (compiler/schedule/plane_schedule), small here"),
    (PE, r"rec_a", (26, 33), "every mapping steps the filter offset by one (BDelta = 1 in compiler/schedule) or resets it"),
    (PE, r"rec_a", (36, 40), "every mapping steps the psum offset by one (PDelta = 1 in compiler/schedule) or resets it"),
    (PE, r"rec_a", (48, 48), DEPTH),
    (PE, r"a_free|a_rel|a_off_q|a_fill_q", (7, 8), DEPTH),
    (PE, r"b_off_q", (7, 8), BLOCK),
    (PE, r"b_fill_q", (8, 8), DEPTH),
    (PE, r"a_sum|a_head_sum", (8, 9), DEPTH),
    (PE, r"b_sum|b_head_sum", (9, 9), DEPTH),
    (PE, r"below_valid_i|above_valid_o", (1, 1), LANE),
    (PE, r"below_data_i|above_data_o", (32, 63), LANE),
    (r"rtl/top/eco_row\.sv", r"below_valid_i|above_valid_o", (5, 7), LANE),
    (r"rtl/top/eco_row\.sv", r"below_data_i|above_data_o", (160, 191), LANE),
    (r"rtl/top/eco_row\.sv", r"below_data_i|above_data_o", (224, 255), LANE),
    (ARRAY, r"up_valid", (0, 2), EDGE),
    (ARRAY, r"up_valid", (21, 39), EDGE),
    (ARRAY, r"credit", (0, 2), EDGE),
    (ARRAY, r"credit", (21, 24), EDGE),
    (PE, r"dump_word", (16, 31), COUNTER),
    (r"rtl/pe/eco_pe_counters\.sv", r"dump_word_o", (16, 31), COUNTER),
    (r"rtl/pe/eco_pe_counters\.sv", r"gated_q|local_q", (13, 31), COUNTER),
    (ARRAY, r"stat_o|cycles_q|cfg_q|wide_q|narrow_q|gon_q", (15, 47), COUNTER),
    (ARRAY, r"gon_words", (2, 7), "at most two GON lanes here, so at most two words a cycle"),
    (ARRAY, r"case", None, "stat_sel_i is 0 to 4; the drivers never read the codes 5 to 7, which give zero"),
    (r"rtl/mem/.*", r"slot_i|kept_slot_q|slot_q|waddr_i|raddr_i", (12, 14), SLOT),
    (r"rtl/(noc/eco_gon|top/eco_array)\.sv", r"cmd_slot_i|acc_slot|slot_q|gon_slot_i", (26, 27), SLOT),
    (r"rtl/(noc|top)/.*", r"tag_i|(row|col)_tag_i|col_tag_q|(wide|narrow)_(row|col)_i", (3, 4), TAG),
    (CONFIG, r"left_q", (5, 15), WORDS),
    (CONFIG, r"(row|col)_hi_q|col_lo_q|(row|col)_q", (3, 7), RECT),
    (CONFIG, r"row_lo_q", (0, 7), "every configuration header starts at row 0 (compiler/schedule, tb/drivers, tb/run)"),
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


def reason(file, name):
    signal, _, bit = name.partition("[")
    for where, what, bits, why in HOLES:
        if re.fullmatch(where, file) and re.fullmatch(what, signal) \
                and (not bit if bits is None else bit and bits[0] <= int(bit.rstrip("]")) <= bits[1]):
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
        name, _, bit = h["object"].partition("[")
        found.setdefault(h["reason"] or OPEN, {}).setdefault((h["file"], name), []).append(int(bit.rstrip("]")) if bit else None)
    return found


def ranges(bits):
    numbers, text = sorted(b for b in bits if b is not None), []
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
                   "random state is no toggle. Contents of memories (`mem_q`, `rec_a_q`, `count_q`) have no toggle points; packages and assertions have nothing to cover."), "",
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
