#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Builds all C++ with address and undefined-behaviour sanitizers (clang), runs the tests and fuzzes every reader.

Tests: every GoogleTest program but the few cases of LEFT_OUT, and random layers on a small array. Fuzz targets:
hardware config, layer, image, cell library and .npy, each for --fuzz-seconds from its corpus (tests/fuzz). A finding of either is an exit
status of 1; the input that shows it stays in build/sanitize/findings.

usage: sanitize.py [--fuzz-seconds 60] [--target NAME] [--only tests|fuzz] [--json F]
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
import time

from eda import ROOT, run, write_json

BUILD = ROOT / "build/sanitize"
TARGETS = ("hw_config", "layer", "image", "liberty", "npy")
MAX_BYTES = {"npy": 4096, "liberty": 4096}
# -O1: less than that and the compiler's proof takes minutes.
CONFIGURE = ["cmake", "-S", ROOT, "-B", BUILD, "-G", "Ninja", "-DCMAKE_CXX_COMPILER=clang++", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
             "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -gline-tables-only", "-DECOFLOW_FUZZ=ON", "-DECOFLOW_TESTS=ON"]


# Tests of Verilator and Yosys rather than of C++, and one that compiles every row of the tables at full
# size, ten minutes here.
LEFT_OUT = "*UnderVerilatorLint*:*ReadByYosys*:ImageSizeTest.EveryTableRow*"


def tests():
    """Tests run, and the names of those that failed."""
    # Models are loaded from a file descriptor: the symbolizer finds no file of that name and says so where tests look.
    quiet = BUILD / "llvm-symbolizer"
    quiet.write_text('#!/bin/sh\nexec /usr/bin/llvm-symbolizer "$@" 2>/dev/null\n')
    quiet.chmod(0o755)
    done = subprocess.run(["ctest", "--test-dir", BUILD, "-j", str(os.cpu_count()), "--output-on-failure",
                           "-R", "_test$|_corpus$|^sweep_sanitized$"], capture_output=True, text=True, check=False,
                          env={**os.environ, "GTEST_FILTER": f"-{LEFT_OUT}", "ASAN_SYMBOLIZER_PATH": str(quiet)})
    (BUILD / "tests.log").write_text(done.stdout + done.stderr)
    number = re.search(r"(\d+) tests failed out of (\d+)", done.stdout)
    failed = re.findall(r"^\s*\d+ - (\S+) \((?!Disabled)", done.stdout, re.MULTILINE)
    if not number or (done.returncode and not failed):
        failed.append(f"ctest: status {done.returncode}")
    return int(number[2]) if number else 0, failed


def fuzz(name, seconds):
    """Inputs run, coverage reached, and the finding or an empty line."""
    findings = BUILD / "findings"
    findings.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as new:
        done = subprocess.run([BUILD / f"bin/{name}_fuzz", f"-max_total_time={seconds}", f"-max_len={MAX_BYTES.get(name, 20000)}",
                               "-timeout=20", "-rss_limit_mb=4096", "-print_final_stats=1", f"-artifact_prefix={findings}/{name}-",
                               new, ROOT / "tests/fuzz/corpus" / name], capture_output=True, text=True, errors="replace", check=False)
    (BUILD / f"fuzz_{name}.log").write_text(done.stderr)
    runs = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    covered = re.findall(r"cov: (\d+)", done.stderr)
    finding = ""
    if done.returncode:
        told = re.search(r"^(SUMMARY: .*|.*does not hold)$", done.stderr, re.MULTILINE)
        finding = told[0] if told else f"status {done.returncode}"
    return int(runs[1]) if runs else 0, int(covered[-1]) if covered else 0, finding


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fuzz-seconds", "--seconds", dest="seconds", type=int, default=60, help="for each fuzz target")
    parser.add_argument("--target", action="append", choices=TARGETS, help="fuzz only this one; more than once for more")
    parser.add_argument("--only", choices=("tests", "fuzz"))
    parser.add_argument("--json", help="write all results")
    a = parser.parse_args()
    begin = time.monotonic()
    run(CONFIGURE, cwd=ROOT)
    run(["cmake", "--build", BUILD], cwd=ROOT)
    print(f"built with sanitizers in {time.monotonic() - begin:.0f} s", flush=True)
    result, bad = {}, 0
    if a.only != "fuzz":
        begin = time.monotonic()
        number, failed = tests()
        bad += len(failed)
        result["tests"] = {"run": number, "failed": failed}
        print(f"{'FAIL' if failed else 'ok':<5}{number} tests in {time.monotonic() - begin:.0f} s, {len(failed)} failed {' '.join(failed)}", flush=True)
    if a.only != "tests":
        result["fuzz"] = {}
        names = a.target or TARGETS
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for name, (runs, covered, finding) in zip(names, pool.map(lambda name: fuzz(name, a.seconds), names)):
                bad += bool(finding) or not runs
                result["fuzz"][name] = {"inputs": runs, "covered_edges": covered, "seconds": a.seconds, "finding": finding}
                print(f"{'FAIL' if finding or not runs else 'ok':<5}fuzz {name:<10}{runs:>10,} inputs in {a.seconds} s, "
                      f"{covered:>6,} edges   {finding}", flush=True)
    if a.json:
        write_json(a.json, result)
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
