#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the support matrix from the results of scripts/regression.sh: what ran, on which array.

usage: support_matrix.py FOLDER
"""
import json
import pathlib
import sys


def main():
    runs = [r for f in sorted(pathlib.Path(sys.argv[1]).glob("*.json")) for r in json.loads(f.read_text())]
    configs = list(dict.fromkeys(r["config"] for r in runs))
    configs.sort(key=lambda name: (not name.startswith("e"), name))
    cases = list(dict.fromkeys((r["dataflow"], r["op"], r["pass"]) for r in runs))
    cases.sort(key=lambda case: (case[0], case[1]))

    print("## Random layers\n")
    print("Written by `scripts/regression.sh` from what it ran: random layers (rectangular kernels, strides,")
    print("maps and pads, dilations, groups, depthwise, 1-D, fully connected, batch) on the Verilated RTL,")
    print("every output compared with the golden model, issued MACs equal to the useful ones (`ecoflow`) or")
    print("to the padded ones (`row-stationary`), or between these (`auto`). A cell counts layers that ran bit-exact without + with")
    print("random stalls; bf16: equal to the sums in the schedule's order, bit for bit, and within the golden model's")
    print("bound, special values in the runs with stalls. Refused or failed layers would be named in it.\n")
    print("Arrays that are not shipped configurations are in `tests/data`.\n")
    print("| dataflow | op | pass | " + " | ".join(configs) + " |")
    print("|---" * (3 + len(configs)) + "|")
    for case in cases:
        cells = []
        for config in configs:
            mine = sorted((r for r in runs if (r["dataflow"], r["op"], r["pass"]) == case
                           and r["config"] == config), key=lambda r: r["stall"])
            cell = " + ".join(str(r["passed"]) for r in mine) or "-"
            for what in ("refused", "failed"):
                count = sum(r[what] for r in mine)
                cell += f", {count} {what}" if count else ""
            cells.append(cell)
        print("| " + " | ".join(case) + " | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
