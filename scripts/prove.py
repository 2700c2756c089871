#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Proves properties of the RTL for all inputs, and that each proof finds a planted bug.

The modules and what they owe are in proofs/*.sv; assertions of the RTL itself (ECO_ASSERT) are proved with
them. Yosys writes an and-inverter graph, its abc proves it: PDR, without a bound, unless the table says how
many cycles. Nets without a driver are refused before anything is proved. Exit status 1 when a proof fails
or a planted bug is not found.

usage: prove.py [NAME...] [--more 1] [--planted N] [--json F] [--timeout 900] [--keep DIR]
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from eda import ECOFLOW, ROOT, write_json

# Ports of a PE that the proofs of the array see, from the side of the array: PEs are taken out and anything may
# stand in their place.
PE_OUTPUTS = {"cfg_ready_o": 1, "cfg_idle_o": 1, "wide_ready_o": 1, "narrow_ready_o": 1, "out_valid_o": 1, "out_data_o": 32,
              "error_o": 2}
PE_INPUTS = ("cfg_we_i", "cfg_addr_i", "wide_push_i", "wide_dest_i", "wide_count_i", "wide_data_i",
             "narrow_push_i", "narrow_dest_i", "narrow_count_i", "narrow_data_i", "out_pop_i")


class Proof:
    """A module of proofs/ with parameters, and bugs that it must find: name -> (file, text, text instead)."""

    def __init__(self, name, says, top, files=(), parameters=None, array=None, free=(), start=None, bound=None, edits=(), bugs=None):
        self.name, self.says, self.top = name, says, top
        self.files = [f"{top}.sv", *files]
        self.parameters = parameters or {}
        self.array = array  # parameters of eco_array without PEs, built first
        self.free = free    # nets that may take any value in any cycle
        self.start = start  # what registers without reset start at (None: any value)
        self.edits = edits  # (file, text, text instead), in every run
        self.bound = bound  # cycles, None: no bound
        self.bugs = bugs or {}


# Where registers without reset start at zero (networks): `delivery` compares only with beats that it has seen enter, any
# beats, so an entry that is read before it is written is found all the same; and by induction its entries equal the RTL's.
PROOFS = [
    Proof("fifo", "8 words, order kept, nothing lost or doubled", "proof_fifo",
          bugs={"a word is lost when pushed and popped at once":
                ("noc/eco_fifo.sv", "if (push_i) mem_q", "if (push_i && !(pop_i && level_q > 4'd6)) mem_q")}),
    Proof("gin_queue", "8 words, 5 lanes: order kept, nothing lost or doubled", "proof_gin_queue",
          bugs={"room for one word too few is reported as room":
                ("noc/eco_gin_queue.sv", "level_q <= (PtrBits+1)'(Depth - Lanes);",
                 "level_q <= (PtrBits+1)'(Depth - Lanes + 1);")}),
    Proof("xbus_wide", "15 PEs, 5 IDs, 5 lanes: exactly once, unchanged, to the named", "proof_xbus", ["delivery.sv"], start="zero",
          bugs={"the last PE does not stop the beat":
                ("noc/eco_xbus.sv", "~(|(named & ~ready_i));", "~(|(named[Columns-2:0] & ~ready_i[Columns-2:0]));"),
                "the fifth ID is not compared":
                ("noc/eco_multicast_ctrl.sv", "(|same)", "(|same[NumIds-2:0])")}),
    Proof("xbus_narrow", "15 PEs, 5 IDs, 2 lanes: exactly once, unchanged, to the named", "proof_xbus", ["delivery.sv"],
          {"Lanes": 2}, start="zero",
          bugs={"the payload moves while the beat waits":
                ("noc/eco_xbus.sv", ".push_i(push), .data_i", ".push_i(row_match & valid_i & ready_q), .data_i")}),
]


# Queues give words with the destination that they came with (proof gin_queue): never DestNone.
DEST_KNOWN = [("pe/eco_pe.sv", "`ECO_ASSERT(DestKnown, !(wide_valid && wide_dest == 2'd3) && !(narrow_valid && narrow_dest == 2'd3))",
               "always @(posedge clk_i) assume (wide_dest != 2'd3 && narrow_dest != 2'd3);")]
# What starts in any state is not bound to what the RTL asserts of those that a reset leads to.
NO_ASSERTIONS = [("include/eco_assert.svh", "always @(posedge clk_i) if (rst_ni) Name: assert (Prop);", "")]
BOUND = 15
SMALL_PE = {"WideLanes": 2, "NarrowLanes": 1, "IfmapDepth": 5, "FilterDepth": 6, "PsumDepth": 4, "QueueDepth": 4}
# What an image and a pass word decide, free in every cycle: loops, coordinates, offsets, what a step frees.
ANY_IMAGE = [f"w:u_pe.{net}" for net in ("record_files", "record_coordinates", "first_others", "first_1", "final_others", "final_1", "below_index",
                                         "above_index", "outside", "z", "wide_dest", "narrow_dest", "u_nest.at_end_q",
                                         "u_ifmap.offset_q", "u_filter.offset_q")]
SMALL = {"Rows": 2, "Columns": 2, "NumIds": 2, "IdBits": 2, "WideLanes": 2, "NarrowLanes": 1, "GonLanes": 2, "AccSlots": 4}
PROOFS += [
    Proof("array", "2 x 2 PEs, 2 IDs, both networks: exactly once, unchanged, to the named", "proof_array",
          ["delivery.sv"], array=SMALL, start="zero",
          bugs={"a beat moves although a row stops it":
                ("top/eco_array.sv", "narrow_go = narrow_valid_i & narrow_ready_o;", "narrow_go = narrow_valid_i & enabled_q & ~narrow_stop[0];"),
                "beats enter before the IDs are in place":
                ("top/eco_array.sv", "enabled_q & ~(|wide_stop);", "~(|wide_stop);"),
                "the wide IDs of columns go to the narrow network as well":
                ("top/eco_row.sv", "cfg_addr_i == eco_pkg::CfgColNarrow", "(cfg_addr_i | 6'd1) == eco_pkg::CfgColNarrow")}),
    Proof("y_bus", "13 rows, 5 IDs, 5 lanes: exactly once, unchanged, to the named", "proof_y_bus", ["delivery.sv"], start="zero",
          bugs={"a row takes a beat that another row stops":
                ("noc/eco_xbus.sv", "assign push   = row_match & go_i;", "assign push   = row_match & ready_q;")}),
    Proof("gon", "2 x 2 PEs, 2 lanes, 4 slots: in order, once, none starves", "proof_gon", array=SMALL, bound=10,
          bugs={"a command does not wait for its second lane":
                ("noc/eco_gon.sv", "~(|(order_en & ~there))", "~(order_en[0] & ~there[0])"),
                "a sum that is read while it is written is old":
                ("mem/eco_accumulator.sv", "(from_sum_q ? data_o : '0)", "(from_sum_q ? rdata : '0)"),
                "a word is lost when the output waits":
                ("noc/eco_gon.sv", "assign all_there = order[0] & advance &", "assign all_there = order[0] &"),
                "a command is skipped when the next one waits":
                ("noc/eco_gon.sv", "assign cmd_ready_o = ~cmd_q | send;", "assign cmd_ready_o = ~cmd_q | ~stop;"),
                "a PE's words change their order between lanes":
                ("noc/eco_gon_row.sv", "assign room[k]  = ~held[1];", "assign room[k]  = 1'b1;")}),
    Proof("accumulator", "4 slots, adder of 3 cycles: sums once, in order; none held in vain", "proof_accumulator",
          bugs={"a word whose slot is two moves ahead does not wait":
                ("mem/eco_accumulator.sv", "assign busy_o = |under_way;", "assign busy_o = under_way[0];"),
                "a word two moves behind takes what stands at the output":
                ("mem/eco_accumulator.sv", "from_sum_q  <= ~first_i & same;", "from_sum_q  <= ~first_i & (slot_end == slot_i);"),
                "a stage of the adder moves while the output waits":
                ("arith/int16/eco_psum_add.sv", "always_ff @(posedge clk_i) if (en_i) sum_q", "always_ff @(posedge clk_i) sum_q")}),
    Proof("pe", "75/224/16 entries, queues of 8, any image: queues, rings, files", "proof_pe",
          free=ANY_IMAGE, bound=BOUND, edits=DEST_KNOWN,
          bugs={"words are freed before they have come":
                ("pe/eco_pe_ring.sv", "read_i && reach > 10'(free) ? reach : 10'(free);", "read_i ? reach : 10'(free);")}),
    Proof("pe_small", "5/6/4 entries, queues of 4, any image: queues, rings, files", "proof_pe",
          parameters=SMALL_PE, free=ANY_IMAGE, edits=DEST_KNOWN,
          bugs={"a full file takes one word more":
                ("pe/eco_pe_ring.sv", "assign room  = fill_q < 9'(Depth);", "assign room  = fill_q <= 9'(Depth);"),
                "a psum from below is taken before it has come":
                ("pe/eco_pe_psum.sv", "(below_avail_q == '0);", "(below_avail_q == '0) & ~start_i;"),
                "a sum leaves without room in the output queue":
                ("pe/eco_pe_psum.sv", "claim_out   = does_i[2] | dump_push_i;", "claim_out   = (does_i[2] & ~start_i) | dump_push_i;"),
                "counters leave while a slot is under way":
                ("pe/eco_pe.sv", "~(busy | slot_q | under_way);", "~(busy | slot_q);")}),
    Proof("pe_adder2", "the same with an adder of two cycles", "proof_pe",
          parameters={**SMALL_PE, "AddStages": 2}, free=[*ANY_IMAGE, "w:u_pe.psum_q"], edits=DEST_KNOWN,
          bugs={"a room of the PE above is not claimed":
                ("pe/eco_pe_psum.sv", "claim_above = does_i[3];", "claim_above = does_i[3] & ~start_i;")}),
]


PROOFS += [
    Proof("config", "3 x 3 PEs: every word of the stream goes where its header says", "proof_config", bound=12,
          bugs={"scatter does not begin at the first column again":
                ("top/eco_config.sv", "last_col ? col_lo_q == 8'(c) : next", "last_col ? c == 0 : next"),
                "a word that is not taken counts":
                ("top/eco_config.sv", "end else if (take) begin\n      left_q <=", "end else if (valid_i) begin\n      left_q <=")}),
    Proof("array_counters", "counters of the array grow by what moves, from any value", "proof_array_counters",
          array=SMALL, bound=10, edits=NO_ASSERTIONS,
          bugs={"the upper half of the counters stands still":
                ("mem/eco_counter.sv", "high_q  <= high_q + Half'(carry_q);", "high_q  <= high_q;")}),
    Proof("pe_counters", "counters of a PE grow by the cycles that are theirs, from any value", "proof_pe_counters", bound=8,
          bugs={"waiting for the filter file comes first":
                ("pe/eco_pe_counters.sv", "else if (wait_ifmap_i) cause", "else if (wait_ifmap_i && !wait_filter_i) cause")}),
]


def run(command, folder, timeout):
    """Output of a program that ends in time, else None; its status."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return None, None
    return done.stdout + done.stderr, done.returncode


def sources(folder, generated, edits):
    """Copies the generated RTL and makes the edits."""
    shutil.copytree(generated, folder)
    for name, text, instead in edits:
        path = folder / "rtl" / name
        if path.read_text().count(text) != 1:
            sys.exit(f"prove.py: expected once in rtl/{name}: {text}")
        path.write_text(path.read_text().replace(text, instead))
    for path in (ROOT / "proofs").glob("*.sv"):
        shutil.copy(path, folder)


def with_pe_ports(text, array):
    """Replaces the line PE_PORTS: connections of the ports that appear when PEs are taken out."""
    rows, columns = array["Rows"], array["Columns"]
    lines = []
    for r in range(rows):
        for c in range(columns):
            n = r * columns + c
            pe = f".\\gen_row[{r}].u_row.gen_col[{c}].u_pe."
            widths = {"cfg_addr_i": 6, "wide_dest_i": 2, "narrow_dest_i": 2, "wide_count_i": "WideCnt", "narrow_count_i": "NarrowCnt",
                      "wide_data_i": "WideLanes*16", "narrow_data_i": "NarrowLanes*16", **PE_OUTPUTS}
            for port in (*PE_OUTPUTS, *PE_INPUTS):
                width = widths.get(port, 1)
                lines.append(f"    {pe}{port} (pe_{port[:-2]}[{n}*({width}) +: {width}])")
    return text.replace("    PE_PORTS", ",\n".join(lines))


def script(proof, folder):
    """Yosys' commands: the design as words, checked, then as an and-inverter graph."""
    read = "read_verilog -formal -sv -Irtl/include "
    rtl = [f for f in (folder / "files.f").read_text().split() if f.endswith(".sv") and f != "eco_top.sv"]
    rtl = " ".join(rtl)
    lines = []
    if proof.array:
        top = folder / proof.files[0]
        top.write_text(with_pe_ports(top.read_text(), proof.array))
        sets = " ".join(f"-chparam {k} {v}" for k, v in proof.array.items())
        lines += [read + rtl,
                  f"hierarchy -check -top eco_array {sets}", "proc", "opt_clean", "check -assert",
                  "blackbox *eco_pe", "flatten", "opt_clean", "expose -evert t:*eco_pe", "opt_clean",
                  "design -stash array", read + "rtl/eco_pkg.sv rtl/top/eco_config.sv " + " ".join(proof.files),
                  "design -copy-from array -as eco_array eco_array"]
    else:
        lines += [f"{read}{rtl} {' '.join(proof.files)}"]
    sets = " ".join(f"-chparam {k} {v}" for k, v in {**(proof.array or {}), **proof.parameters}.items())
    lines += [f"hierarchy -check -top {proof.top} {sets}", "proc", "opt_clean", "check -assert",
              "select -assert-none t:$dlatch* t:$adlatch* t:$dlatchsr*", "flatten", "opt_clean", "check -assert"]
    for net in proof.free:
        lines += [f"select -assert-min 1 {net}", f"cutpoint {net}"]
    lines += ["async2sync", *([f"setundef -init -{proof.start}"] if proof.start else []), "opt", "memory -nomap", "opt_clean", "memory_map", "opt -fast", "techmap", "opt -fast",
              "dfflegalize -cell $_DFF_P_ 01", "setundef -undriven -anyseq", "abc -g AND", "opt_clean",
              "write_aiger -zinit -map proof.map proof.aig"]
    return "\n".join(lines) + "\n"


def prove(proof, bug, generated, timeout, folder):
    """(proved | refuted | what went wrong, seconds)"""
    begin = time.monotonic()
    sources(folder, generated, [*proof.edits, *([bug] if bug else [])])
    (folder / "script.ys").write_text(script(proof, folder))
    log, status = run(["yosys", "-q", "-T", "-s", "script.ys"], folder, timeout)
    (folder / "yosys.log").write_text(log or "")
    if log is None:
        return "Yosys: time is up", time.monotonic() - begin
    undriven = re.search(r".*(is used but has no driver|multiple conflicting drivers|Latch inferred).*", log)
    if undriven or status:
        error = re.search(r"ERROR.*", log)
        return (undriven or error).group() if undriven or error else "Yosys fails", time.monotonic() - begin
    engine = f"bmc3 -F {proof.bound}" if proof.bound else f"pdr -T {timeout}"
    log, _ = run(["yosys-abc", "-c", f"read_aiger proof.aig; fold; orpos; tempor -F 1; scleanup; scorr; print_stats; {engine}"], folder, timeout + 30)
    (folder / "abc.log").write_text(log or "")
    seconds = time.monotonic() - begin
    if log is None:
        return "time is up", seconds
    if re.search(r"was asserted in frame|is asserted in frame", log):
        return "refuted", seconds
    if re.search(r"Property proved|No output asserted in \d+ frames|Networks? (is|are) equivalent", log):
        return "proved", seconds
    return log.strip().splitlines()[-1], seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="proofs to run (default: all)")
    parser.add_argument("--more", type=int, default=0, help="cycles more than the bounds of the table")
    parser.add_argument("--planted", type=int, help="planted bugs to try with each proof (default: all)")
    parser.add_argument("--json", help="write all results")
    parser.add_argument("--timeout", type=int, default=900, help="seconds for a proof")
    parser.add_argument("--keep", help="folder for scripts, logs and graphs")
    a = parser.parse_args()
    unknown = set(a.names) - {p.name for p in PROOFS}
    if unknown:
        parser.error(f"no proof {', '.join(sorted(unknown))}; there are {', '.join(p.name for p in PROOFS)}")

    if not ECOFLOW.exists():
        sys.exit(f"prove.py: {ECOFLOW} is missing: scripts/build.sh makes it")

    for proof in PROOFS:
        if proof.bound:
            proof.bound += a.more
    rows, failed = [], 0
    print(f"{'':<5}{'proof':<76}{'tool':<18}{'result':<22}{'seconds':>8}")
    with tempfile.TemporaryDirectory() as temporary:
        generated = pathlib.Path(temporary) / "generated"
        subprocess.run([ECOFLOW, "gen", "--out", generated], check=True, capture_output=True)
        for proof in PROOFS:
            if a.names and proof.name not in a.names:
                continue
            tool = f"abc bmc3, {proof.bound}" if proof.bound else "abc pdr"
            for number, (title, bug) in enumerate([(proof.says, None), *list(proof.bugs.items())[:a.planted]]):
                folder = pathlib.Path(a.keep or temporary) / f"{proof.name}.{number}"
                shutil.rmtree(folder, ignore_errors=True)
                result, seconds = prove(proof, bug, generated, a.timeout, folder)
                good = result == ("refuted" if bug else "proved")
                failed += not good
                name = f"  planted: {title}" if bug else f"{proof.name}: {title}"
                text = {"proved": f"holds for {proof.bound} cycles" if proof.bound else "proved",
                        "refuted": "found" if bug else "REFUTED"}.get(result, result)
                print(f"{'ok' if good else 'FAIL':<5}{name:<76}{tool:<18}{text:<22}{seconds:>8.1f}", flush=True)
                rows.append({"proof": proof.name, "planted": title if bug else None, "says": proof.says, "tool": tool,
                             "bound": proof.bound, "result": result, "pass": good, "seconds": round(seconds, 2)})
    print(f"{len(rows) - failed} of {len(rows)} as expected")
    if a.json:
        write_json(a.json, rows)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
