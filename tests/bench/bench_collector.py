# SPDX-License-Identifier: Apache-2.0
"""The collector itself: CPU, memory, wake-ups, start, latency, and what the kernel says of its hooks."""

import json
import os
import re
import select
import subprocess
import time

from bench_cost import spread
from bench_tools import (CPU_TOOL, READY_TIMEOUT, Pvmtrace, Unable, call, caller_args, cpu_ns, finish,
                         own_call, set_pipe_size, spawn, tracer)

STATS = "/proc/sys/kernel/bpf_stats_enabled"
FULL_S = 1.5
HOOKS = ("pvm_enter", "pvm_exit")
SHORT_LIVED = 100000


def status(pid):
    text = open(f"/proc/{pid}/status", encoding="utf-8", errors="replace").read()
    return {key: int(n) for key, n in re.findall(r"^(\w+):\s+(\d+)", text, re.M)}


def ring_kib(pid):
    """Resident pages that are maps and rings: the kernel's, which the collector only looks into."""
    total, ours = 0, False
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as file:
        for line in file:
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                ours = "bpf-map" in line
            elif ours and line.startswith("Rss:"):
                total += int(line.split()[1])
    return total


def watch(pid, seconds):
    before, cpu, start = status(pid), cpu_ns(pid), time.monotonic()
    time.sleep(seconds)
    took, after = time.monotonic() - start, status(pid)
    return {
        "cpu": (cpu_ns(pid) - cpu) / took / 1e9,
        "wakeups_s": (after["voluntary_ctxt_switches"] - before["voluntary_ctxt_switches"]) / took,
        "rss_kib": after["VmRSS"],
        "own_kib": after["VmRSS"] - ring_kib(pid),
    }


def at_rates(seconds, say):
    """At rest, with paced calls, and with all that one CPU can make."""
    rows = []
    with Pvmtrace(out="file") as tool:
        time.sleep(1.5)
        say("collector: at rest")
        rows.append(("at rest", watch(tool.proc.pid, seconds * 2)))
        for title, args in (("100 calls/s", ["-r", "100"]), ("10,000 calls/s", ["-r", "10000"]),
                            ("full rate", [])):
            say(f"collector: {title}")
            ms = int(seconds * 1000) + 700
            proc = spawn(caller_args(*args, "-t", ms), CPU_TOOL, stdout=subprocess.DEVNULL)
            time.sleep(0.4)
            # Not longer: a file of gigabytes is in the making.
            rows.append((title, watch(tool.proc.pid, seconds if args else min(seconds, FULL_S))))
            finish(proc)
        rows.append(short_lived(tool.proc.pid, SHORT_LIVED if seconds > 2 else SHORT_LIVED // 10, say))
        tool.stop()
    return rows


def short_lived(pid, callers, say):
    """So many processes that live for one call each. What is held then is what is held for good."""
    title = f"{callers:,} short-lived callers"
    say(f"collector: {title}")
    cpu, start, before = cpu_ns(pid), time.monotonic(), status(pid)
    call("-m", "child", "-n", callers, "-t", 120000)
    took, after = time.monotonic() - start, status(pid)
    return title, {"cpu": (cpu_ns(pid) - cpu) / took / 1e9, "rss_kib": after["VmRSS"],
                   "wakeups_s": (after["voluntary_ctxt_switches"] - before["voluntary_ctxt_switches"]) / took,
                   "own_kib": after["VmRSS"] - ring_kib(pid)}


def start_times(repeats):
    """From before the fork to the first line in the pipe, in ms."""
    times = []
    for _ in range(repeats):
        begin = time.monotonic()
        proc = spawn([tracer(), "-q"], CPU_TOOL, stdout=subprocess.PIPE)
        proc.stdout.readline()
        times.append((time.monotonic() - begin) * 1000)
        finish(proc)
        proc.stdout.close()
    return spread(times)


def wait_for_line(fd, timeout=READY_TIMEOUT):
    text = b""
    while not text.endswith(b"\n"):
        if not select.select([fd], [], [], timeout)[0]:
            raise Unable(f"no line came within {timeout} s")
        text += os.read(fd, 1 << 16)


def latencies(repeats):
    """From just before a single call, after a rest, to its line in the pipe, in ms."""
    times = []
    proc = spawn([tracer(), "-q"], CPU_TOOL, stdout=subprocess.PIPE)
    fd = proc.stdout.fileno()
    set_pipe_size(fd)
    wait_for_line(fd)
    for _ in range(repeats):
        time.sleep(0.5)
        begin = time.monotonic()
        own_call()
        wait_for_line(fd)
        times.append((time.monotonic() - begin) * 1000)
    finish(proc)
    proc.stdout.close()
    return {**spread(times), "max": max(times)}


def program_ids(pid):
    ids = []
    for name in os.listdir(f"/proc/{pid}/fdinfo"):
        with open(f"/proc/{pid}/fdinfo/{name}", encoding="utf-8") as file:
            ids += [int(n) for n in re.findall(r"^prog_id:\s+(\d+)", file.read(), re.M)]
    return set(ids)


def run_times(ids):
    shown = subprocess.run(["bpftool", "-j", "prog", "show"], stdout=subprocess.PIPE, check=True,
                           env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
    return {prog["name"]: (prog.get("run_time_ns", 0), prog.get("run_cnt", 0))
            for prog in json.loads(shown.stdout) if prog["id"] in ids and prog.get("name") in HOOKS}


def hook_times(loads, say):
    """What the kernel measures of our two programs (it adds about 30 ns a run itself)."""
    old = open(STATS, encoding="utf-8").read()
    rows = []
    try:
        with open(STATS, "w", encoding="utf-8") as file:
            file.write("1")
        with Pvmtrace(out="file") as tool:
            ids = program_ids(tool.proc.pid)
            for load in loads:
                say(f"hooks: {load.title}")
                before = run_times(ids)
                made = call(*load.caller())["calls"]
                after = run_times(ids)
                rows.append((load, made, {name: tuple(b - a for a, b in zip(before[name], after[name]))
                                          for name in after if name in before}))
            tool.stop()
    finally:
        with open(STATS, "w", encoding="utf-8") as file:
            file.write(old)
    return rows
