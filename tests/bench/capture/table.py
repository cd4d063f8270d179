#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The tables of bench-capture from its readings: part, variant, round, key, value, separated by tabs.

Differences are medians over pairs of runs that followed each other; the bounds are those of a 95 % confidence
interval of that median by bootstrap (percentile method, fixed seed), so they hold for any distribution, also on a
machine that does something else meanwhile. With fewer than 6 pairs no interval is given.
"""
import collections
import random
import statistics
import sys

RESAMPLES = 10000
PAIRS_FOR_BOUNDS = 6


def read(path):
    runs = collections.defaultdict(lambda: collections.defaultdict(dict))
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            part, variant, number, key, value = line.rstrip("\n").split("\t")
            try:
                value = float(value)
            except ValueError:
                pass
            runs[part][variant].setdefault(int(number), {})[key] = value
    return runs


def median(values):
    return statistics.median(values) if values else float("nan")


def bounds(values):
    if len(values) < PAIRS_FOR_BOUNDS:
        return None
    chance = random.Random(1)
    medians = sorted(median(chance.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return medians[int(RESAMPLES * 0.025)], medians[int(RESAMPLES * 0.975) - 1]


def percent(values):
    """Ratios as a difference: median and bounds."""
    text = "%+.1f %%" % (100 * (median(values) - 1))
    between = bounds(values)
    if between:
        text += " [%+.1f, %+.1f]" % tuple(100 * (b - 1) for b in between)
    return text


def table(title, notes, head, rows):
    print("\n" + title)
    for note in notes:
        print("  " + note)
    widths = [max(len(str(row[i])) for row in [head] + rows) for i in range(len(head))]
    for row in [head] + rows:
        cells = [str(row[0]).ljust(widths[0])] + [str(c).rjust(w) for c, w in zip(row[1:], widths[1:])]
        print("  " + "  ".join(cells).rstrip())


def processes_ns(run):
    """CPU of client, server and tool alone: little disturbed by whatever else the machine does."""
    return run["command_ns"] + run["server_ns"] + run.get("sekishod_ns", 0) + run.get("peer_ns", 0)


def pairs_row(name, part):
    bare = part.get("bare", {})
    tool = part.get(name, {})
    both = sorted(set(bare) & set(tool))
    trouble = [run["unavailable"] for run in tool.values() if "unavailable" in run]
    if trouble or not both:
        return [name, "cannot run here: " + (trouble[0] if trouble else "no pair was measured")] + [""] * 7
    each = lambda runs, ns: [ns(runs[n]) / runs[n]["made"] for n in both]
    busy = lambda run: run["busy_ns"]
    made = sum(tool[n]["made"] for n in both)
    recorded = [tool[n]["recorded"] for n in both if "recorded" in tool[n]]
    lost = made - sum(recorded)
    return [
        name, len(both),
        "%.1f" % (median(each(bare, busy)) / 1000), "%.1f" % (median(each(tool, busy)) / 1000),
        percent([t / b for b, t in zip(each(bare, busy), each(tool, busy))]),
        percent([t / b for b, t in zip(each(bare, processes_ns), each(tool, processes_ns))]),
        "%d" % made,
        "%d" % sum(recorded) if recorded else "-",
        "%d (%.2f %%)" % (lost, 100 * lost / made) if recorded else "-",
    ]


def print_pairs(runs):
    rows = [pairs_row(part.split(":", 1)[1], runs[part]) for part in runs if part.startswith("pairs:")]
    if rows:
        table("Whole machine, pairs of runs without and with a tool, connections as fast as possible",
              ["us: CPU time of the whole machine per connection, client and server included, median",
               "processes: the same difference in the CPU time of client, server and tool alone"],
              ["tool", "pairs", "bare us", "with us", "difference [95 %]", "processes [95 %]",
               "made", "recorded", "lost"], rows)


def part_row(part, dispatch):
    """The parts at one rate, nanoseconds per connection."""
    per = lambda name, key: [run.get(key, 0) / run["made"] for run in part[name].values()]
    empty = median([run["empty_ns"] / run["empty_runs"] for run in part["sekisho"].values()])
    bare = median(per("bare", "busy_ns"))
    alone = median([processes_ns(run) / run["made"] for run in part["bare"].values()])
    raw, runs = median(per("sekisho", "bpf_ns")), median(per("sekisho", "bpf_runs"))
    net = raw - runs * empty
    threads = [median(per("sekisho", "sekishod.%s_ns" % t)) for t in ("recorder", "syncer", "sekishod")]
    total = net + sum(threads)
    achieved = median([run["made"] * 1e9 / run["wall_ns"] for run in part["sekisho"].values()])
    lost = sum(run["made"] - run["recorded"] for run in part["sekisho"].values())
    return ["%.0f" % achieved, "%.1f" % runs, "%.0f" % raw, "%.1f" % empty, "%.0f" % net] + [
        "%.0f" % t for t in threads] + [
        "%.0f" % total, "%.0f" % bare, "%.2f %%" % (100 * total / bare), "%.2f %%" % (100 * total / alone),
        "%.0f" % (runs * dispatch), "%.2f %%" % (100 * (total + runs * dispatch) / bare),
        "%d" % lost, "%.0f" % median(per("sealing", "sekishod_ns"))]


def print_parts(runs):
    parts = [runs[part] for part in runs if part.startswith("parts:")]
    if parts:
        dispatch = median([run["dispatch_ns"] for run in runs["dispatch"]["empty"].values()])
        table("Parts, nanoseconds per connection; bar: 2 % (sealing apart)",
              ["programs: run time by BPF statistics; net: less the clock of the statistics itself, that is",
               "what empty programs beside ours are counted with (empty), for each run",
               "of bare: programs net + recorder + syncer + main, of the whole machine's CPU time without recording;",
               "of processes: the same of the CPU time of client and server alone;",
               "calls: what the kernel spends to call a program, %.1f ns for each run, which statistics do" % dispatch,
               "not count; client and server are on this machine, so runs are those of both ends"],
              ["rate", "runs", "programs", "empty", "net", "recorder", "syncer", "main", "sum", "bare",
               "of bare", "of processes", "calls", "with calls", "lost", "sealing"],
              [part_row(p, dispatch) for p in parts])


def print_latency(runs):
    part = runs.get("latency")
    if not part:
        return
    bare = part["bare"]
    rows = []
    for name in ("bare", "sekisho", "full"):
        tool = part[name]
        row = [{"full": "ring full"}.get(name, name), len(tool)]
        for key in ("p50", "p99"):
            row.append("%.1f" % median([run[key] for run in tool.values()]))
            row.append("" if name == "bare" else percent([tool[n][key] / bare[n][key] for n in sorted(tool)]))
        rows.append(row)
    table("Latency of connect(), microseconds, medians over the runs; bar: p99 +5 %", [],
          ["with", "runs", "p50", "to bare [95 %]", "p99", "to bare [95 %]"], rows)


def print_memory(runs):
    if "memory" in runs:
        run = runs["memory"]["sekisho"][0]
        table("Memory of sekishod under load, MiB; bar: 64", [],
              ["rate", "made", "recorded", "VmHWM", "VmRSS"],
              [["%.0f" % (run["made"] * 1e9 / run["wall_ns"]), "%d" % run["made"], "%d" % run["recorded"],
                "%.1f" % (run["sekishod_hwm_kib"] / 1024), "%.1f" % (run["sekishod_rss_kib"] / 1024)]])


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: table.py READINGS")
    runs = read(sys.argv[1])
    for key, value in runs.pop("about")["-"][0].items():
        print("%-12s %s" % (key.replace("_", " "), value))
    print_parts(runs)
    print_pairs(runs)
    print_latency(runs)
    print_memory(runs)


main()
