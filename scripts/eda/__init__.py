# SPDX-License-Identifier: Apache-2.0
"""What the scripts around Yosys and Verilator share: running programs, Yosys, generated RTL, tables, progress."""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = ROOT / "build/bin"
ECOFLOW = BIN / "ecoflow"
ME = pathlib.Path(sys.argv[0]).name


def run(command, **options):
    """What a program prints; ends this one with its message when it fails."""
    try:
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, **options)
    except FileNotFoundError:
        sys.exit(f"{ME}: {command[0]} is missing: scripts/install.sh signoff installs it")
    if done.returncode:
        sys.exit(f"{ME}: {' '.join(map(str, command))[:200]}: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout


def generate(config, folder):
    """Writes the RTL of a configuration; its SystemVerilog files."""
    run([ECOFLOW, "gen", "--config", config, "--out", folder])
    return [f for f in (pathlib.Path(folder) / "files.f").read_text().split() if f.endswith(".sv")]


def yosys(folder, script, name="script"):
    """Runs a script of Yosys; an empty line, or why it stops or what is undriven, driven twice or a latch."""
    (folder / f"{name}.ys").write_text(script)
    done = subprocess.run(["yosys", "-q", "-T", "-s", f"{name}.ys"], cwd=folder, capture_output=True, text=True, check=False)
    log = done.stdout + done.stderr
    (folder / f"{name}.log").write_text(log)
    problem = re.search(r".*(is used but has no driver|conflicting drivers|Latch inferred).*|ERROR:.*", log)
    return problem.group().strip() if problem else "Yosys fails" if done.returncode else ""


def table(head, rows):
    """Lines of Markdown, figures to the right."""
    return ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1),
            *("| " + " | ".join(row) + " |" for row in rows), ""]


def write_json(path, value):
    pathlib.Path(path).write_text(json.dumps(value, indent=1) + "\n")


def progress(text=""):
    """The line of a terminal that says how far this is; empty: nothing any more."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
