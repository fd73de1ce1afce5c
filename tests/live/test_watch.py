# SPDX-License-Identifier: Apache-2.0
"""Hooks that do not see the tracer's own call any more, if only for a moment: told, with its begin and its end, and the
run is not complete. What makes them blind is a test that writes into the block that the tracer shares with them."""

import re
import struct
import time

from pvm import ONLY_ME, Tracer, parse_time, poll

# bpf/control.h, struct pvm_shared
SELF_PID, ALIGNED = 16, 128


class Block:
    """The control block of a tracer."""

    def __init__(self, tracer):
        self.mem = open(f"/proc/{tracer.pid}/mem", "r+b", buffering=0)
        self.pid = tracer.start["pid"]
        with open(f"/proc/{tracer.pid}/maps", encoding="utf-8") as maps:
            areas = [tuple(int(n, 16) for n in re.match(r"([0-9a-f]+)-([0-9a-f]+) rw-s", line).groups())
                     for line in maps if re.match(r"\S+ rw-s .*bpf-map", line)]
        self.at, = [at + SELF_PID for begin, end in areas for at in range(begin, end, ALIGNED)
                    if self.read(at + SELF_PID) == self.pid and self.read(at) in (0, 1)]

    def read(self, at):
        return struct.unpack("=I", self._at(at).read(4))[0]

    def _at(self, at):
        self.mem.seek(at)
        return self.mem

    def blind(self):
        self._at(self.at).write(struct.pack("=I", 0))

    def see(self):
        self._at(self.at).write(struct.pack("=I", self.pid))


def errors(tracer, code):
    return [r for r in tracer.records("error") if r["code"] == code]


def test_one_silent_look_is_told_and_counts():
    """The looks are a second apart: a silence that only one of them met is no less of one."""
    with Tracer(*ONLY_ME) as t:
        block = Block(t)
        tests = t.start["time"]
        time.sleep(1.2)
        before = time.time_ns()
        block.blind()
        poll(lambda: errors(t, "hooks_silent"), timeout=4)
        block.see()
        poll(lambda: errors(t, "hooks_back"), timeout=4)
        t.stop()
        silent, = errors(t, "hooks_silent")
        back, = errors(t, "hooks_back")
        assert silent["until"] is None and silent["since"] == back["since"] > tests
        assert before - 2 * 10**9 < parse_time(silent["since"]) <= before
        assert before < parse_time(back["until"])
        assert t.end["complete"] is False and "hooks_silent" in t.end["incomplete"]
        assert "calls may be missing: hooks_silent" in t.stderr()


def test_silence_at_the_end():
    """After the last look of every second there is one more before the end."""
    with Tracer(*ONLY_ME) as t:
        block = Block(t)
        poll(lambda: t.stream.of("start"))
        block.blind()
        t.stop()
        assert t.end["complete"] is False and t.end["incomplete"] == ["hooks_silent"], t.end
        assert len(errors(t, "hooks_silent")) == 1 and not errors(t, "hooks_back")


def test_nothing_to_tell():
    with Tracer(*ONLY_ME, "--duration", 2) as t:
        t.finish(timeout=10)
        assert t.end["complete"] is (not t.end["incomplete"])
        assert set(t.end["incomplete"]) <= {"hooks_skipped"} and not t.records("error")
