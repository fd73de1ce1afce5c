# SPDX-License-Identifier: Apache-2.0
"""What tracing adds to a call: runs with and without a tool in turn, and the differences of pairs."""

import statistics
from dataclasses import dataclass

from bench_tools import (Bpftrace, Floor, Nothing, PerfRecord, PerfTrace, Pvmtrace, SCRATCH, Strace, Unable,
                         call)

READ_FILE = f"{SCRATCH}/page"


@dataclass(frozen=True)
class Load:
    """One kind of calls. In bursts: so many that they find room in the rings, then a pause to empty these."""
    name: str
    title: str
    args: tuple
    ms: int

    def caller(self):
        return (*self.args, "-t", str(self.ms))


def burst(elements, calls, ms=250):
    return Load(f"{elements}+{elements}", f"{elements}+{elements}",
                ("-e", str(elements), "-b", str(calls), "-g", "10000"), ms)


LOADS = [
    burst(1, 4000),
    burst(8, 3000),
    burst(64, 300),
    burst(1024, 30, 350),
    Load("flood", "1+1 without pause", ("-e", "1"), 120),
    Load("getppid", "getppid", ("-m", "getppid"), 100),
    Load("pread", "pread of 4 KiB", ("-m", "pread", "-f", READ_FILE), 100),
]
ALL = [load.name for load in LOADS]
PEER = ["1+1", "flood", "getppid", "pread"]


def arms():
    """Tools, each with the loads that say something about it."""
    return [
        (Pvmtrace(), ALL),
        (Pvmtrace(title="pvmtrace -p OTHER", reject=True), ["1+1", "1024+1024", "flood", "getppid", "pread"]),
        (Pvmtrace("--caller-comm", "OTHER", title="pvmtrace --caller-comm OTHER"), ["1+1", "flood"]),
        (Pvmtrace("--outcome", "failure", title="pvmtrace --outcome failure"), ["1+1", "1024+1024", "flood"]),
        (Nothing(), ALL),
        (Floor("empty", "empty programs"), ALL),
        (Floor("minimal", "minimal pair"), ALL),
        (PerfRecord(), PEER),
        (PerfTrace(), PEER),
        (Bpftrace(), PEER),
        (Strace(), ["flood", "getppid", "pread"]),
    ]


def spread(values):
    """Median and quartiles."""
    if not values:
        return None
    if len(values) == 1:
        return {"median": values[0], "low": values[0], "high": values[0], "n": 1}
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": median, "low": low, "high": high, "n": len(values)}


class Cost:
    def __init__(self, rounds, loads, wanted, say):
        self.rounds = rounds
        self.loads = [load for load in LOADS if load.name in loads]
        self.arms = [(tool, on) for tool, on in arms() if wanted(tool)]
        self.say = say
        self.base = {load.name: [] for load in LOADS}
        self.added = {}
        self.unable = {}

    def measure(self, names, prefix=()):
        return {load.name: call(*load.caller(), prefix=prefix)["ns_per_call"]
                for load in self.loads if load.name in names}

    def pair(self, tool, names):
        base = self.measure(names)
        with tool:
            traced = self.measure(names, tool.prefix)
            tool.stop()
        for name, ns in traced.items():
            self.base[name].append(base[name])
            self.added.setdefault((tool.title, name), []).append(ns - base[name])

    def run(self):
        for at in range(self.rounds):
            self.say(f"cost: round {at + 1} of {self.rounds}")
            for tool, names in self.arms:
                if tool.title in self.unable or not any(load.name in names for load in self.loads):
                    continue
                try:
                    self.pair(tool, names)
                except Unable as why:
                    self.unable[tool.title] = str(why)
                    self.say(f"{tool.title} cannot run: {why}")
        return self

    def of(self, title, load):
        return spread(self.added.get((title, load), []))

    def untraced(self, load):
        return spread(self.base[load])
