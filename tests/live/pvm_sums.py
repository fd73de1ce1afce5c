# SPDX-License-Identifier: Apache-2.0
"""Floods and crowds under names of ours, and the sums that a tracer tells of them."""

import collections
import json
import os
import shutil
import signal
import subprocess
import time

from pvm import MY_NAME, TRIGGERS, Tracer, trigger_one
from pvm_tally import Tally, freeze

FLOOD, CROWD = f"f{MY_NAME}", f"c{MY_NAME}"
OURS = [word for ours in (MY_NAME, FLOOD, CROWD, "pvmseccomp") for word in ("--caller-comm", ours)]
SMALL = ("--ring-size", "64K", "--array-ring-size", "64K")
FILL = 2000  # calls: more than such a ring holds


class Programs:
    """The triggers under names of ours: other floods of this machine are not in our way."""

    def __init__(self, where):
        for trigger_name, mine in (("pvmflood", FLOOD), ("pvmcrowd", CROWD)):
            shutil.copy(TRIGGERS / trigger_name, where / mine)
        self.where = where
        self.running = []

    def flood(self, *words):
        self.running.append(subprocess.Popen([self.where / FLOOD, *map(str, words)], stdout=subprocess.PIPE))
        return self.running[-1]

    def floods(self, cpus=2):
        return [self.flood(120, cpu) for cpu in sorted(os.sched_getaffinity(0))[-cpus:]]

    def fill(self):
        """Until not even a call without elements finds room in the ring."""
        for count in (1, 0):
            made(self.flood(60, -1, count, FILL))

    def crowd(self, *words, timeout=60):
        return trigger_one(self.where / CROWD, *words, timeout=timeout)

    def close(self):
        for p in self.running:
            p.kill()
            p.communicate()


def made(p):
    """(pid, calls) of a flood, at its end."""
    p.send_signal(signal.SIGTERM) if p.args[1] == "120" else None
    out, _ = p.communicate(timeout=60)
    run = json.loads(out)
    return run["pid"], run["n"]


class Adding:
    """A tracer and the sums of what it tells."""

    def __init__(self, *args, wait=True, **kw):
        self.tracer = Tracer(*args, read=False, **kw)
        self.tally = Tally(self.tracer)
        if wait:
            self.ready()

    def ready(self):
        self.tally.wait(lambda: self.tally.lines, 30, "start")

    def __enter__(self):
        return self.tracer, self.tally

    def __exit__(self, *exc):
        self.tracer.kill()


def expect_nothing_lost(stop):
    assert stop["counters"]["lost"] == 0, stop["counters"]
    assert stop["counters"]["seen"] == stop["counters"]["emitted"] + stop["counters"]["summarised"] + \
        stop["counters"]["filtered"]


def expect_crowd(tally, run, calls):
    """Each child has read its parent so many times; a pid may have come back."""
    want = collections.Counter(run["pids"])
    have = {k.caller: n for k, n in tally.all.items() if k.target == run["pid"]}
    assert have == {pid: n * calls for pid, n in want.items()}
    assert run["failed"] == 0


def while_full(programs, tracers, act):
    """Does it while none of them has any room in its ring; what act says, and when it was done (ns since 1970)."""
    for t in tracers:
        freeze(t)
    programs.fill()
    begin = time.time_ns()
    result = act()
    end = time.time_ns()
    for t in tracers:
        t.kick(signal.SIGCONT)
    return result, begin, end
