#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/modules.md, a section for each hand-written module, from the comments of rtl/.

Ports and parameters come from their `///` comments, the rest from the file header. Areas come from
`ecoflow area --json R.json` with --area R.json, otherwise from the page as it is: they change with
every tool version, and measuring takes a minute. Modules of a number format (rtl/arith/FORMAT) have their areas
from a report of that format, all others from the first one.

usage: module_docs.py [--area R.json ...] [--check]     (--check: only tell whether the page is up to date)
"""
import argparse
import difflib
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/modules.md"
FOLDERS = {"": "Constants", "top": "Array", "noc": "Networks", "pe": "Processing element", "mem": "Memories",
           "arith/int16": "Arithmetic: int16", "arith/bf16": "Arithmetic: bf16"}
LABELS = ("Handshake", "Latency", "Timing", "Reset", "Departure from the paper", "Y-bus side", "X-bus side")

PARAMETER = re.compile(r"^\s*(localparam|parameter)\s+int unsigned\s+(\w+)\s*=\s*(.+?),?\s*(?:///\s*(.*))?$")
PORT = re.compile(r"^\s*(input|output)\s+logic\s*(\[[^\]]*\])?\s*(\w+)\s*,?\s*(?:///\s*(.*))?$")
INSTANCE = re.compile(r"^\s*(eco_\w+)\s+(?:#\(|u_\w+\s*\()", re.M)
CONSTANT = re.compile(r"^\s*localparam\s+.*?(\w+)\s*=\s*(.+?);\s*(?://\s*(.*))?$")


class Module:
    """What a file says of itself."""

    def __init__(self, path):
        text = path.read_text()
        self.path = path.relative_to(ROOT)
        self.name = path.stem
        self.folder = str(path.parent.relative_to(ROOT / "rtl")).removeprefix(".")
        if self.folder not in FOLDERS:
            sys.exit(f"{self.path}: its folder has no title in FOLDERS")
        self.format = path.parent.name if self.folder.startswith("arith/") else ""
        self.title = f"`{self.name}`" + (f", {self.format}" if self.format else "")
        self.header = []
        lines = [l for l in text.splitlines() if not l.startswith(("`include", "// SPDX-"))]
        while lines and not lines[0].strip():
            lines.pop(0)
        while lines[0].startswith("//"):
            self.header.append(lines.pop(0)[2:].strip())
        if not self.header or not re.match(rf"(module|package) {self.name}\b", lines[0]):
            sys.exit(f"{self.path}: expected a header comment, then module or package {self.name}")
        self.parameters, self.derived, self.ports, self.constants = [], [], [], []
        if lines[0].startswith("package"):
            self.constants = [m.groups() for m in map(CONSTANT.match, lines) if m]
            self.instances = []
            return
        end = next(k for k, l in enumerate(lines) if l.strip() == ");")
        group = ""
        for line in lines[1:end]:
            if m := PARAMETER.match(line):
                kind, name, value, meaning = m.groups()
                if kind == "parameter":
                    self.parameters.append((name, value, self.comment(name, meaning)))
                else:
                    self.derived.append((name, value))
            elif m := PORT.match(line):
                direction, bits, name, meaning = m.groups()
                self.ports.append([group, name, direction, bits_of(bits), self.comment(name, meaning)])
                group = ""
            elif m := re.match(r"^\s*///\s*(.*)", line):  # goes on from the line above
                self.ports[-1][4] += " " + m[1]
            elif m := re.match(r"^\s*//\s*(.*)", line):
                group = m[1]
            elif line.strip() not in ("", ") ("):
                sys.exit(f"{self.path}: not understood: {line.strip()}")
        self.instances = sorted(set(INSTANCE.findall("\n".join(lines[end:]))))

    def comment(self, name, meaning):
        if not meaning:
            sys.exit(f"{self.path}: {name} has no /// comment")
        return meaning

    def holds(self, other):
        return other.name in self.instances and (not self.format or self.format == other.format)


def bits_of(text):
    """`[Lanes*16-1:0]` -> `Lanes*16`."""
    if not text:
        return "1"
    high = text[1:-1].removesuffix(":0")
    return str(int(high) + 1) if high.isdigit() else high.removesuffix("-1")


def um2(value):
    return f"{value:,.0f}"


def areas(report):
    """Heading of a module -> area in words, from the JSON of `ecoflow area`."""
    pe, own = report["pe"], report["networks"]["ecoflow"]
    files = [f"{name.removeprefix('psum.').replace('.', ' ').replace('_', ' ')} {um2(a['ff'])} as flip-flops, "
             f"{um2(a['sram'])} as SRAM (estimate)" for name, a in report["register_files"].items()]
    words = {
        "eco_array": f"{um2(report['array_ff'])} in all, of which its own logic and that of the rows {um2(report['rows_and_top'])}",
        "eco_row": "counted with eco_array",
        "eco_config": um2(report["configuration"]),
        "eco_xbus": f"wide {um2(own['wide_bus'])}, narrow {um2(own['narrow_bus'])}, without controllers",
        "eco_multicast_ctrl": f"{um2(report['controller_one_id'])} with one ID, "
                              f"{um2(report['controller_five_ids'])} with five",
        "eco_gin_queue": f"wide {um2(pe['wide_queue'])}, narrow {um2(pe['narrow_queue'])}",
        "eco_fifo": um2(pe["psum.out_queue"]),
        "eco_gon": f"{um2(report['gon'])} without accumulators",
        "eco_pe": f"{um2(report['pe_ff'])} in all, register files as flip-flops; image store "
                  f"{um2(pe['image'])}, other control {um2(pe['control'])}",
        "eco_pe_counters": um2(pe["counters"]),
        "eco_regfile": "; ".join(files),
        "eco_accumulator": f"{um2(report['accumulators_outside_array']['logic'])} for the adders of all lanes; "
                           f"{um2(report['accumulators_outside_array']['sram'])} for their words as SRAM (estimate)",
    }
    return {"": f"{report['config']}, {report['library']}, {report['tool']}",
            **{f"`{name}`": text for name, text in words.items()}, **arithmetic_areas(report)}


def arithmetic_areas(report):
    return {f"`eco_mac`, {report['number_format']}": um2(report["pe"]["psum.mac"])}


def areas_of_page():
    """The same from the page, as far as it has them."""
    found, module = {}, ""
    for line in PAGE.read_text().splitlines() if PAGE.exists() else []:
        if m := re.match(r"### (.*)", line):
            module = m[1]
        elif m := re.match(r"\*\*Area\*\* \(um2\): (.*)", line):
            found[module] = m[1]
        elif m := re.match(r"Areas: `ecoflow area` on (.*); see", line):
            found[""] = m[1]
    return found


def paragraphs(header):
    """Header lines as paragraphs; those that begin with a label have it in bold."""
    out, part = [], []
    for line in header + [""]:
        if line:
            part.append(line)
        elif part:
            text = " ".join(part)
            for label in LABELS:
                text = re.sub(rf"(^|(?<=[.;] )){label}\b( \([^)]*\))?:", lambda m: f"**{m[0][:-1]}**:", text)
            out.append(text)
            part = []
    return out


def table(head, rows):
    escape = lambda cell: cell.replace("|", "\\|")
    return ["| " + " | ".join(head) + " |", "|---" * len(head) + "|",
            *("| " + " | ".join(map(escape, row)) + " |" for row in rows), ""]


def section(module, area, used_by):
    lines = [f"### {module.title}", "", f"[{module.path}](../{module.path})", ""]
    for text in paragraphs(module.header):
        lines += [text, ""]
    if area:
        lines += [f"**Area** (um2): {area}", ""]
    if module.instances or used_by:
        both = [f"{what} {', '.join(f'`{n}`' for n in names)}"
                for what, names in (("Holds", module.instances), ("Part of", used_by)) if names]
        lines += ["; ".join(both) + ".", ""]
    if module.parameters:
        lines += table(("parameter", "default", "meaning"), [(f"`{n}`", v, m) for n, v, m in module.parameters])
    if module.derived:
        lines += ["Derived: " + ", ".join(f"`{n}` = `{v}`" for n, v in module.derived) + ".", ""]
    if module.ports:
        rows = []
        for group, name, direction, bits, meaning in module.ports:
            if group:
                rows.append((f"*{group}*", "", "", ""))
            rows.append((f"`{name}`", direction, bits, meaning))
        lines += table(("port", "direction", "bits", "meaning"), rows)
    if module.constants:
        lines += table(("constant", "value", "meaning"), [(f"`{n}`", v, m or "") for n, v, m in module.constants])
    return lines


def page(area):
    modules = sorted(map(Module, (ROOT / "rtl").rglob("*.sv")), key=lambda m: (m.name, m.path))
    lines = ["# Modules", "",
             "Written by `scripts/module_docs.py` from the comments of `rtl/`; do not edit. `eco_top` (generated) is one",
             "`eco_array` with the configuration's parameters; `eco_image_pkg` (generated) holds the fields of the image.", "",
             "All modules have one clock and one synchronous reset, active low. Bits are given in parameters.", ""]
    if "" in area:
        lines += [f"Areas: `ecoflow area` on {area['']}; see [area.md](area.md).", ""]
    for folder, title in FOLDERS.items():
        names = ", ".join(f"[`{m.name}`](#{m.name}{'-' * bool(m.format)}{m.format})" for m in modules if m.folder == folder)
        lines.append(f"- {title}: {names}")
    lines.append("")
    for folder, title in FOLDERS.items():
        lines += [f"## {title}", ""]
        for module in modules:
            if module.folder == folder:
                lines += section(module, area.get(module.title), [m.name for m in modules if m.holds(module)])
    return "\n".join(lines).rstrip() + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--area", nargs="+", help="JSON of `ecoflow area`")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the page is out of date")
    a = parser.parse_args()
    if a.area:
        first, *more = (json.loads(pathlib.Path(name).read_text()) for name in a.area)
        area = areas(first)
        for report in more:
            area |= arithmetic_areas(report)
    else:
        area = areas_of_page()
    text = page(area)
    if not a.check:
        PAGE.write_text(text)
        return 0
    old = PAGE.read_text() if PAGE.exists() else ""
    sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), text.splitlines(True), "docs/modules.md", "rtl/"))
    if old != text:
        print("docs/modules.md is out of date: run scripts/module_docs.py", file=sys.stderr)
    return int(old != text)


if __name__ == "__main__":
    sys.exit(main())
