# SPDX-License-Identifier: Apache-2.0
"""Adds up a stream that is too long to be looked at: who did what to whom, and how often."""

import collections
import re
import signal
import time
from pathlib import Path

import pvm_schema
from pvm import STOP_TIMEOUT, poll
from pvm_reader import Reader
from pvm_stream import SLOWNESS, check_books, parse_line

RE_CALL = re.compile(
    rb'"phase":"(\w+)","op":"(\w+)",.*?"outcome":"(\w+)",.*?"target":{"arg":-?\d+,'
    rb'"kind":"\w+","resolved":\w+,"resolved_at":[^,]+,"moved":\w+,"confirmed":\w+,"dumpable":\w+,"user_ns_owner":\w+,'
    rb'"pid":(\w+),.*?,"memory_of":(null|{.*?}),"parent":.*?,"caller":{"pid":(\d+),')
IS_CALL = b'"type":"process_vm_access"'
SCHEMA_EVERY = 50  # lines

Key = collections.namedtuple("Key", "caller target op outcome")


class Tally(Reader):
    """The keys of its counters are Keys; a target of nobody is None."""

    def __init__(self, tracer):
        self.told = collections.Counter()  # calls told one by one
        self.borrowed = 0  # of these, calls whose target works in another's memory
        self.summed = collections.Counter()  # calls in summaries
        self.summaries = []  # (when it came, ns since 1970; record)
        self.lost = []
        self.stats = None
        super().__init__(tracer)

    def take(self, line):
        if IS_CALL in line[:120]:
            found = RE_CALL.search(line)
            if found[1] != b"in_flight":
                target = None if found[4] == b"null" else int(found[4])
                self.borrowed += found[5] != b"null"
                self.told[Key(int(found[6]), target, found[2].decode(), found[3].decode())] += 1
            if self.lines % SCHEMA_EVERY:
                return
        record = parse_line(line + b"\n")
        if self.lines % SCHEMA_EVERY == 0 or len(self.summaries) < 1000:
            found = pvm_schema.complaint(record)
            assert not found, found
        if record["type"] == "process_vm_summary":
            self.summaries.append((time.time_ns(), record))
            self.summed[key_of(record)] += record["calls"]
        elif record["type"] == "stats":
            self.stats = record["counters"]
        elif record["type"] == "lost":
            self.lost.append(record)

    @property
    def all(self):
        return self.told + self.summed

    def of(self, caller, op=None):
        """Calls of that process."""
        return sum(n for k, n in self.all.items() if k.caller == caller and op in (None, k.op))

    def wait(self, cond, timeout=5, what="it"):
        end = time.monotonic() + timeout * SLOWNESS
        while not cond():
            assert self.trouble is None, self.trouble
            assert time.monotonic() < end, f"{what} did not come within {timeout} s"
            time.sleep(0.02)

    def settled(self):
        """Whether every call that it took up so far has become something; asked for anew at each look."""
        self.tracer.kick(signal.SIGUSR1)
        c = self.stats
        return c and c["submitted"] and c["seen"] == c["emitted"] + c["summarised"] + c["filtered"] + c["lost"]

    def finish(self, status=0):
        """Ends the run; its stop record, held against all lines."""
        if self.tracer.proc.poll() is None:
            self.tracer.kick(signal.SIGCONT)
            self.tracer.kick(signal.SIGTERM)
        self.tracer.proc.wait(STOP_TIMEOUT)
        assert self.tracer.proc.returncode == status, self.tracer.stderr()
        stop = self.end()
        check_books(stop, sum(self.told.values()), sum(r["count"] for r in self.lost),
                    sum(self.summed.values()))
        return stop


def key_of(summary):
    return Key(summary["caller"]["pid"], summary["target"]["pid"], summary["op"], summary["outcome"])


def freeze(tracer):
    """Until SIGCONT it takes nothing from the rings."""
    tracer.kick(signal.SIGSTOP)
    poll(lambda: Path(f"/proc/{tracer.pid}/stat").read_text().rpartition(") ")[2][0] == "T")
