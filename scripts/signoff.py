#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every check of the hardware, two at a time, and writes one page of results beside their targets.

Called by scripts/signoff.sh, which installs and builds first. Each check is a program that also runs alone; its output
is kept in build/signoff. Pages: build/signoff/signoff.md and signoff.json. Exit status 1 when a check fails. --resume goes on
with a run that was stopped: what has passed on the same files (all but docs/ and *.md) with the same command is not run again, unless
it takes seconds only.

usage: signoff.py [CHECK...] [--jobs 2] [--fuzz-seconds 60] [--resume]
"""
import argparse
import collections
import concurrent.futures
import datetime
import hashlib
import json
import pathlib
import platform
import shlex
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "build/signoff"
OVERHEAD_PCT = 2.9     # Sec. 4.4
MUTANTS_KILLED = 0.95

Row = collections.namedtuple("Row", "what figure target good")


def reported(what, figure):
    """A figure without a target."""
    return Row(what, figure, "reported", True)


def zero(what, number, of=None):
    return Row(what, f"{number:,}" + (f" of {of:,}" if of is not None else ""), "0", number == 0 and of != 0)




def area_rows(s):
    row = next(r for r in s["rows"] if r["ids"] == 5 and r["buses"] == "80 + 32")
    rows = []
    for kind, name in (("ff", "flip-flops"), ("latch", "latches"), ("sram_high", "SRAM, large cell"), ("sram", "SRAM, small cell")):
        for which, causes in (("network_pct", "IDs and buses"), ("all_pct", "IDs, buses, PE queues")):
            v = row[which][kind]
            figure = f"{v['median']:.2f} % ({v['least']:.2f} to {v['most']:.2f})"
            what = f"network over Eyeriss's, {causes}, register files as {name}"
            rows.append(Row(what, figure, f"< {OVERHEAD_PCT} %", v["most"] < OVERHEAD_PCT))
    return rows


def netlist_rows(s):
    planted = [r for r in s["results"] if "planted" in r]
    netlists = [r for r in s["results"] if "netlist" in r]
    return [zero("undriven net, latch, multiple driver not refused", sum(not r["pass"] for r in planted), len(planted)),
            zero(f"netlists that differ from the RTL in a result or cycle ({s['layers']} layers, {s['cycles']:,} cycles each)",
                 s["failed"], len(netlists))]


def icarus_rows(s):
    return [zero(f"outputs that Icarus gives otherwise in {s['cycles']:,} cycles", s["wrong"])]


def proof_rows(s):
    proofs, bugs = [r for r in s if not r["planted"]], [r for r in s if r["planted"]]
    return [zero("properties not proved", sum(not r["pass"] for r in proofs), len(proofs)),
            zero("planted bugs not found", sum(not r["pass"] for r in bugs), len(bugs))]


def mutant_rows(s):
    rows = []
    for m in s["modules"]:
        what = f"mutants of {m['module']} killed: {m['layers']} by layers, {m['directed']} by the directed test, {m['proofs']} by proofs"
        rows.append(reported(what + f" of {m['mutants']}, {m['equivalent']} equivalent", f"{m['share']:.3f}"))
    return rows[:-1] + [rows[-1]._replace(target=f">= {MUTANTS_KILLED}", good=m["share"] >= MUTANTS_KILLED)]


def coverage_rows(s):
    rows = [reported(f"{kind} covered", f"{v['covered']:,} of {v['of']:,}") for kind, v in s["files"]["all"].items()]
    return rows + [zero("holes without a reason", s["open"], max(1, len(s["holes"])))]


def sanitize_rows(s):
    rows = [zero("tests that fail with sanitizers", len(s["tests"]["failed"]), s["tests"]["run"])]
    for name, f in s["fuzz"].items():
        rows.append(Row(f"findings of {name} in {f['inputs']:,} inputs", f["finding"] or "0", "0", not f["finding"] and f["inputs"] > 0))
    return rows


def fpga_rows(s):
    rows = []
    for family, r in s["resources"].items():
        for what in ("pe", "array"):
            v = r[what]
            rows.append(reported(f"{family}, {'one PE' if what == 'pe' else 'array'}",
                                 f"{v['lut']:,} LUT, {v['ff']:,} FF, {v['dsp']} DSP, {v['ram']} RAM"))
    rows.append(Row("Fmax of 1 x 1 on hx8k", f"{s['route']['fmax_mhz']} MHz", "is routed", s["route"]["fmax_mhz"] > 0))
    for p in s["timing"]["parts"]:
        rows.append(reported(f"longest path of {p['part']}, to {p['to']}", f"{p['path_ns']} ns, {p['fmax_mhz']} MHz"))
    return rows


class Check:
    """A program that writes JSON, and what its JSON means."""

    def __init__(self, name, what, command, rows):
        self.name, self.what, self.command, self.rows = name, what, command, rows


def checks(a):
    lint = "build/bin/emit_test --gtest_output=json:{json}"
    handoff = "build/bin/handoff_test --gtest_output=json:{json}"

    def gtest(s):
        return [zero("tests that fail", s["failures"], s["tests"])]

    # The longest first: two run at a time.
    return [
        Check("sanitize", "C++ with sanitizers, fuzzers", f"scripts/sanitize.py --fuzz-seconds {a.fuzz_seconds} --json {{json}}", sanitize_rows),
        Check("mutants", "small faults that the tests notice", "scripts/mutants.py --json {json}", mutant_rows),
        Check("netlists", "synthesized gates and cells run layers", "scripts/netlists.py --json {json}", netlist_rows),
        Check("mutants_bf16", "small faults in the bf16 arithmetic that layers or arith_bf16 notice", "scripts/mutants.py --format bf16 --json {json}", mutant_rows),
        Check("netlists_bf16", "the same of an array for bf16",
              "scripts/netlists.py --config tests/data/small_bf16.json --count 2 --json {json}", netlist_rows),
        Check("arith_bf16", "bf16 arithmetic against the host's: vectors, every product, every conversion",
              "build/bin/arith_bf16 --vectors 100000000 --products --convert", lambda _: []),
        Check("coverage", "lines, branches and toggles of rtl/", "scripts/coverage.py --json {json}", coverage_rows),
        Check("proofs", "properties for all inputs", "scripts/prove.py --more 1 --json {json}", proof_rows),
        Check("area", "overhead of the extended network",
              "scripts/area_study.py --markdown {out}/area.md --svg {out}/area.svg --json {json}", area_rows),
        Check("fpga", "resources, Fmax, longest paths", "scripts/fpga.py --markdown {out}/fpga.md --json {json}", fpga_rows),
        Check("icarus", "second simulator", "scripts/icarus.py --json {json}", icarus_rows),
        Check("icarus_bf16", "second simulator, bf16", "scripts/icarus.py --config tests/data/small_bf16.json --json {json}", icarus_rows),
        Check("fpga_bf16", "the same of the array for bf16",
              "scripts/fpga.py --config ecoflow_13x15_bf16 --markdown {out}/fpga_bf16.md --json {json}", fpga_rows),
        Check("lint", "Verilator -Wall of every configuration", lint, gtest),
        Check("lint_grid", "Verilator -Wall of extreme configurations", "build/bin/lint_grid_test --gtest_output=json:{json}", gtest),
        Check("handoff", "SDC, XDC, FuseSoC, Bender, OpenROAD, memories", handoff, gtest),
        Check("isa", "constants and their page are those of isa/", "build/bin/isa_files --check", lambda _: []),
        Check("docs", "module pages are those of the RTL", "scripts/module_docs.py --check", lambda _: []),
    ]


def files():
    """A hash of all files that a check may read: what Git tracks or would, but docs/ and *.md; None outside a checkout."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ".", ":!docs", ":!*.md"],
                            cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        return None
    digest = hashlib.sha256()
    for name in sorted(set(listed.stdout.split(b"\0")) - {b""}):
        path = ROOT / name.decode()
        digest.update(name + b"\0" + hashlib.sha256(path.read_bytes() if path.is_file() else b"").digest())
    return digest.hexdigest()


def passed_before(check, tree):
    """What a stopped run has kept of a check that took its time, or nothing."""
    try:
        kept = json.loads((OUT / f"{check.name}.kept.json").read_text())
        same = tree is not None and (kept["files"], kept["command"]) == (tree, check.command)
        return kept["result"] if same and kept["result"]["pass"] and kept["result"]["seconds"] > 10 else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def run(check, tree, resume):
    """Rows of a check, its status, when it began and its seconds."""
    if resume and (result := passed_before(check, tree)):
        return result
    begin, date = time.monotonic(), datetime.datetime.now().isoformat(sep=" ", timespec="minutes")
    out = OUT / f"{check.name}.json"
    out.unlink(missing_ok=True)
    command = check.command.format(json=out, out=OUT)
    with open(OUT / f"{check.name}.log", "w", encoding="utf-8") as log:
        status = subprocess.run(shlex.split(command), cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=False).returncode
    rows, broken = [], ""
    try:
        rows = check.rows(json.loads(out.read_text()) if out.exists() else None)
    except (TypeError, KeyError, ValueError, StopIteration) as error:
        broken = f"no figures: {type(error).__name__} {error}"
    rows.append(Row("exit status", broken or str(status), "0", status == 0 and not broken))
    result = {"check": check.name, "what": check.what, "command": check.command.format(json="F.json", out="."),
              "pass": all(r.good for r in rows), "date": date, "seconds": round(time.monotonic() - begin, 1),
              "rows": [r._asdict() for r in rows]}
    # Files that change while a check runs: it is of neither.
    kept = {"files": tree if files() == tree else None, "command": check.command, "result": result}
    (OUT / f"{check.name}.kept.json").write_text(json.dumps(kept) + "\n")
    return result


def page(document):
    lines = ["# Sign-off", "",
             f"Commit {document['commit']}, {document['date']}, {document['machine']}; {document['seconds'] / 60:.1f} minutes of checks.",
             f"**{'All checks pass.' if document['pass'] else 'Not all checks pass.'}**", "",
             "| check | figure | value | target | |", "|---|---|---|---|---|"]
    for c in document["checks"]:
        for k, r in enumerate(c["rows"]):
            name = f"**{c['check']}**, {c['date']}, {c['seconds']:.0f} s" if k == 0 else ""
            lines.append(f"| {name} | {r['what']} | {r['figure']} | {r['target']} | {'pass' if r['good'] else '**FAIL**'} |")
    lines += ["", "## Commands", ""] + [f"- {c['check']} ({c['what']}): `{c['command']}`" for c in document["checks"]]
    return "\n".join(lines) + "\n"


def commit():
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="CHECK", help="default: all")
    parser.add_argument("--jobs", type=int, default=2, help="checks at a time")
    parser.add_argument("--fuzz-seconds", type=int, default=60, help="for each fuzz target")
    parser.add_argument("--resume", action="store_true", help="leave out what has passed on the same files")
    a = parser.parse_args()
    chosen = checks(a)
    if unknown := set(a.names) - {c.name for c in chosen}:
        parser.error(f"no check {', '.join(sorted(unknown))}; there are {', '.join(c.name for c in chosen)}")
    chosen = [c for c in chosen if not a.names or c.name in a.names]
    OUT.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    results, tree = {}, files()
    print(f"{'':<6}{'check':<12}{'seconds':>8}   figures", flush=True)
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        for job in concurrent.futures.as_completed([pool.submit(run, c, tree, a.resume) for c in chosen]):
            r = job.result()
            results[r["check"]] = r
            print(f"{'ok' if r['pass'] else 'FAIL':<6}{r['check']:<12}{r['seconds']:>8.0f}   {r['what']}", flush=True)
            for row in r["rows"]:
                if row["target"] != "reported" and row["what"] != "exit status" or not row["good"]:
                    print(f"{'':<29}{'' if row['good'] else 'FAIL '}{row['what']}: {row['figure']} (target {row['target']})", flush=True)
    document = {"commit": commit(), "date": datetime.date.today().isoformat(), "machine": f"{platform.machine()}, {a.jobs} at a time",
                "seconds": round(sum(r["seconds"] for r in results.values()), 1), "pass": all(r["pass"] for r in results.values()),
                "checks": [results[c.name] for c in chosen]}
    (OUT / "signoff.json").write_text(json.dumps(document, indent=1) + "\n")
    (OUT / "signoff.md").write_text(page(document))
    print(f"{sum(r['pass'] for r in results.values())} of {len(chosen)} checks pass, {(time.monotonic() - begin) / 60:.1f} minutes; "
          f"written: {OUT.relative_to(ROOT)}/signoff.md, signoff.json")
    return not document["pass"]


if __name__ == "__main__":
    sys.exit(main())
