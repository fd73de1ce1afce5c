# SPDX-License-Identifier: Apache-2.0
"""What is told of calls that come as fast as they can, and by how much the collector falls behind."""

import os
import statistics

from bench_tools import (Bpftrace, Floor, PerfRecord, PerfTrace, Pvmtrace, ROOT, SCRATCH, Unable, call,
                         cpu_ns)

# Longest line of a call with one element a side, with room to spare; the flood into a file stops before
# these fill the tmpfs.
LINE_MAX = 2500


def tools():
    return [
        (Pvmtrace(title="pvmtrace, file on tmpfs", out="file"), "1"),
        (Pvmtrace(title="pvmtrace, counting pipe", out="pipe"), "1"),
        (Pvmtrace(title="pvmtrace, /dev/null", out="null"), "1"),
        (Pvmtrace(title="pvmtrace, 8+8 elements, file", out="file"), "8"),
        (Pvmtrace(title="pvmtrace --record, file", out="file", record=True), "1"),
        (Pvmtrace("--aggregate", "1", title="pvmtrace --aggregate 1", out="file"), "1"),
        (Floor("minimal", "minimal pair (raw, not kept)"), "1"),
        (PerfRecord(), "1"),
        (PerfTrace(), "1"),
        (Bpftrace(), "1"),
    ]


class Rate:
    def __init__(self, repeats, ms, wanted, say):
        self.repeats = repeats
        self.ms = ms
        self.say = say
        self.tools = [(tool, elements) for tool, elements in tools() if wanted(tool)]
        self.runs = {}
        self.rendered = {tool.title: tool.rendered for tool, _ in self.tools}
        self.unable = {}

    def one(self, tool, elements):
        room = os.statvfs(ROOT / SCRATCH)
        calls = room.f_bavail * room.f_frsize // LINE_MAX
        with tool:
            before = cpu_ns(tool.proc.pid)
            made = call("-e", elements, "-t", str(self.ms), "-n", str(calls))
            cpu = cpu_ns(tool.proc.pid) - before
            said = tool.stop(count=True)
        told = self.share(tool, said, made["calls"])
        return {
            "calls_s": made["calls"] / made["seconds"],
            "told_s": told["told"] * made["calls"] / made["seconds"],
            **told,
            "cpu_ns": cpu / made["calls"],
            "lost_said": said["lost"] / told["seen"],
            "bytes": said.get("bytes", 0) / max((said["told"] or 0) + said["summarised"], 1),
        }

    def share(self, tool, said, made):
        """What became of the calls. Tools see the whole machine: those that know how many calls they saw are
        held to that, the others to what the producer made."""
        seen = max(said.get("seen") or 0, made)
        if seen > made * 1.01:
            self.say(f"{tool.title}: {seen - made:,} calls were of others")
        told = said["told"] if said["told"] is not None else seen - said["lost"]
        told = min(told / seen, 1)
        summarised = said["summarised"] / seen
        return {"told": told, "summarised": summarised, "lost": max(0, 1 - told - summarised),
                "seen": seen}

    def run(self):
        for at in range(self.repeats):
            self.say(f"rate: round {at + 1} of {self.repeats}")
            for tool, elements in self.tools:
                if tool.title in self.unable:
                    continue
                try:
                    self.runs.setdefault(tool.title, []).append(self.one(tool, elements))
                except Unable as why:
                    self.unable[tool.title] = str(why)
                    self.say(f"{tool.title} cannot run: {why}")
        return self

    def of(self, title):
        """The median run, by calls told a second."""
        runs = sorted(self.runs.get(title, []), key=lambda run: run["told_s"])
        return runs[(len(runs) - 1) // 2] if runs else None

    def best_peer(self):
        rates = [statistics.median(run["told_s"] for run in runs) for title, runs in self.runs.items()
                 if self.rendered[title] and not title.startswith("pvmtrace")]
        return max(rates, default=None)
