# SPDX-License-Identifier: Apache-2.0
"""More calls than anybody can read: the books still balance, and the end comes in time."""

import json
import os
import signal
import subprocess
import time

import pytest

import pvm_schema
from pvm import STOP_TIMEOUT, TRIGGERS, Tracer, trigger_one
from pvm_reader import Reader
from pvm_stream import Bad, check_books

FLOODS = True
FINAL = b'"type":"process_vm_access"'
SCHEMA_EVERY = 200  # lines: a flood has a million
TOLD_EARLY = b'"phase":"in_flight"'


class Counting(Reader):
    """Counts without parsing each line."""

    def __init__(self, tracer):
        self.final = self.lost = self.summed = 0
        super().__init__(tracer)

    def take(self, line):
        if self.lines % SCHEMA_EVERY == 0:
            found = pvm_schema.complaint(json.loads(line))
            assert not found, found
        if FINAL in line[:120]:
            self.final += TOLD_EARLY not in line[:240]
        elif b'"type":"process_vm_summary"' in line[:120]:
            self.summed += json.loads(line)["calls"]
        elif b'"type":"lost"' in line[:120]:
            self.lost += json.loads(line)["count"]

    def finish(self):
        stop = self.end()
        check_books(stop, self.final, self.lost, self.summed)
        return stop


def start_floods(seconds, *args, cpus=None):
    cpus = cpus or sorted(os.sched_getaffinity(0))[:2]
    return [subprocess.Popen([TRIGGERS / "pvmflood", str(seconds), str(cpu), *map(str, args)],
                             stdout=subprocess.PIPE) for cpu in cpus]


def end_floods(floods):
    done = 0
    for p in floods:
        p.send_signal(signal.SIGTERM)
    for p in floods:
        out, _ = p.communicate(timeout=20)
        done += json.loads(out or b'{"n":0}')["n"]  # nothing: it had not begun
    return done


def flooded_run(seconds, *args, flood_args=()):
    """A flood on each CPU for some seconds, SIGTERM in the middle of it; (stop record, reader)."""
    t = Tracer(*args, read=False)
    reader = Counting(t)
    try:
        while not reader.lines:
            assert t.proc.poll() is None, t.stderr()
            time.sleep(0.05)
        floods = start_floods(seconds + 30, *flood_args)
        time.sleep(seconds)
        begin = time.monotonic()
        t.kick(signal.SIGTERM)
        try:
            t.proc.wait(STOP_TIMEOUT)
            took = time.monotonic() - begin
        finally:
            done = end_floods(floods)
        assert t.proc.returncode == 0, t.stderr()
        stop = reader.finish()
        print(f"{done} calls made, {stop['counters']}, {reader.bytes} bytes, stop took {took:.2f} s")
        # No call counts twice; but others on this host make calls too.
        assert took < STOP_TIMEOUT and 0 < stop["counters"]["seen"] <= done * 1.5 + 1000
        return stop, reader
    finally:
        t.kill()


@pytest.mark.slow
def test_two_floods_for_a_moment():
    stop, _ = flooded_run(2)
    assert stop["reason"] == "signal"


@pytest.mark.slow
def test_two_floods_for_ten_seconds():
    stop, reader = flooded_run(10)
    assert reader.final > 10_000 and stop["counters"]["seen"] > 100_000


@pytest.mark.slow
def test_two_floods_of_long_arrays():
    stop, _ = flooded_run(5, "--iov-limit", "4", flood_args=(1024,))
    assert stop["counters"]["seen"] > 1000


@pytest.mark.slow
def test_two_floods_into_a_tiny_ring():
    stop, _ = flooded_run(5, "--ring-size", "64K", "--array-ring-size", "64K", flood_args=(9,))
    assert stop["counters"]["lost"] == 0 and stop["counters"]["summarised"] > 1000


@pytest.mark.slow
def test_a_filtered_flood_costs_no_losses():
    """What a filter drops in the kernel needs no room anywhere."""
    stop, reader = flooded_run(2, "--caller-comm", "nobody at all", "--ring-size", "64K")
    assert stop["counters"]["lost"] == 0 and stop["counters"]["filtered"] > 1000
    assert reader.final == 0


def test_a_quiet_call_between_two_floods():
    """A flood is no curtain (more of this in test_summary.py)."""
    t = Tracer("--caller-comm", "!pvmflood", "--ring-size", "1M")
    floods = start_floods(30)
    try:
        pids = [trigger_one("pvmcall", "self")["pid"] for _ in range(20)]
        try:
            t.wait(lambda t: all(t.events(p) for p in pids))
        except Bad:
            missing = [p for p in pids if not t.events(p)]
            assert t.misses_calls() and 0 < len(missing) <= t.skipped_runs() and len(missing) < len(pids)
        t.stop()
    finally:
        end_floods(floods)
        t.kill()


@pytest.mark.slow
def test_duration_under_flood():
    t = Tracer("--duration", 1, read=False)
    reader = Counting(t)
    floods = start_floods(30)
    try:
        t.proc.wait(1 + STOP_TIMEOUT + 5)
        assert t.proc.returncode == 0 and reader.finish()["reason"] == "duration"
    finally:
        end_floods(floods)
        t.kill()


def test_count_under_flood():
    t = Tracer("-c", 1000, may_lose=True)
    floods = start_floods(30, cpus=[0])
    try:
        t.finish(timeout=10)
        assert len(t.records("process_vm_access")) == 1000 and t.end["reason"] == "count"
    finally:
        end_floods(floods)
        t.kill()
