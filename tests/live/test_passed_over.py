# SPDX-License-Identifier: Apache-2.0
"""
Calls of one thread that are all alike, for which the kernel passes over some hooks: by a build that leaves out what callers ask
for (Makefile). Each call is told, once.
"""

import contextlib
import errno
import os
import struct

import pytest

from pvm import BUILD, Held, Tracer, poll, trigger_one
from pvm_host import FTRACE

pytestmark = pytest.mark.needs("witnesses")

PASSED = BUILD / "vm" / "pvmtrace-passed"
# bpf/control.h
ENTER, BEGIN, PERMIT, RETURN, EXIT = 1, 4, 8, 32, 64
NONE, ENDS = 0, RETURN | EXIT
SWEPT = 4000  # ms, in which a sweep looks twice and tells what it found to be over


def events(*steps, idle=0, **tracer):
    """What is told of such a program's calls, of a run to its end; and their results. idle: so many threads of another program
    have called before, and are still there."""
    words = [str(word) for step in steps for word in step]
    with Tracer("--caller-comm", "pvmpass", "--attach", "tracepoint", binary=PASSED, **tracer) as t:
        with Held("pvmidle", idle, 0) if idle else contextlib.nullcontext() as held:
            assert not held or held.line(60)["idle"]
            done = trigger_one("pvmpass", *words, timeout=60)
        t.stop()
        told = t.events(done["pid"])
        assert t.counters["seen"] - t.counters["filtered"] == len(told)
        return told, done["results"]


def run(*steps, **tracer):
    """The same: (phase, error) of each call; and the results."""
    told, results = events(*steps, **tracer)
    return [(e["phase"], e["error"]) for e in told], results


def test_a_call_like_the_one_that_a_sweep_told():
    """The first one's ends are passed over, and the second one's entry: it is no part of the first."""
    told, results = run(("call", ENDS), ("wait", SWEPT), ("call", ENTER))
    assert results == [-errno.EFAULT] * 2
    assert told == [("ended", None), ("complete", "EFAULT")]


@pytest.mark.alike
def test_an_end_like_that_of_the_call_that_a_sweep_told():
    """Of the second one no begin is seen either."""
    told, _ = run(("call", ENDS), ("wait", SWEPT), ("call", ENTER | BEGIN | PERMIT))
    assert told == [("ended", None), ("orphan", "EFAULT")]


@pytest.mark.parametrize("before", [pytest.param(NONE, id="whole", marks=pytest.mark.alike), pytest.param(EXIT, id="exit-passed-over")])
def test_a_refused_call_like_the_last_one(before):
    """What seccomp refuses comes to the last hook only, which was still awaited for the first call."""
    told, results = run(("call", before), ("refuse", errno.EACCES), ("call", NONE))
    assert results == [-errno.EFAULT, -errno.EACCES]
    assert told == [("complete", "EFAULT"), ("orphan", "EACCES")]


def test_a_refused_call_like_one_that_left_no_state():
    """That of so many other threads stays that none is kept of this one, between its calls."""
    told, _ = run(("call", EXIT), ("refuse", errno.EACCES), ("call", NONE), idle=2100)
    assert told == [("complete", "EFAULT"), ("orphan", "EACCES")]


@pytest.mark.without_witnesses
def test_each_hook_alone_sees_each_call():
    """Each one finds what a later one left."""
    told, _ = run(*(("call", 0xff & ~hook) for hook in (EXIT, RETURN, BEGIN, ENTER)))
    assert [phase for phase, _ in told] == ["orphan", "orphan", "ended", "ended"]


def test_calls_that_only_the_permission_check_sees():
    """It is asked once in each of them, so each time it is another call."""
    told, results = run(*[("call", ENTER | BEGIN | ENDS)] * 3, ("call", NONE))
    assert results == [-errno.EFAULT] * 4
    assert told == [("ended", None)] * 3 + [("complete", "EFAULT")]


@pytest.mark.parametrize("passed, phase", [
    pytest.param(ENTER, "complete", marks=pytest.mark.alike), pytest.param(ENTER | ENDS, "ended", marks=pytest.mark.alike),
    (ENTER | BEGIN, "complete")])
def test_a_call_behind_one_that_only_the_permission_check_sees(passed, phase):
    """It is no part of that, whichever hook sees it first."""
    told, _ = run(("call", ENTER | BEGIN | ENDS), ("call", passed))
    assert [p for p, _ in told] == ["ended", phase]


def differences(one, other):
    """Of two calls of a thread that are alike, but for what is each call's own: key, or side and key, and the values."""
    own = ("time", "seq", "told", "id", "duration_ns")
    flat = [{(key, k): v for key, value in e.items() if key not in own
             for k, v in (value if isinstance(value, dict) else {"": value}).items()} for e in (one, other)]
    return {key: (flat[0][key], flat[1][key]) for key in flat[1] if flat[0][key] != flat[1][key]}


def test_what_is_told_of_a_call_that_the_permission_check_saw_first():
    """Of the first one of its program: lists and processes are as other hooks see them. The kernel had opened the target before."""
    (late, plain), _ = events(("call", ENTER | BEGIN), ("call", NONE))
    assert plain["target"]["resolved"] and plain["remote"]["iov"] and plain["caller"]["ancestors"]
    assert differences(late, plain) == {("target", "confirmed"): (None, True)}


def test_what_is_told_of_a_call_that_the_permission_check_alone_saw():
    """What an end would say is not known, nor what takes room to look up, of a program that was not told of before."""
    (late, plain), _ = events(("call", ENTER | BEGIN | ENDS), ("call", NONE))
    found = differences(late, plain)
    assert {key for key, (value, _) in found.items() if value is not None} == {("phase", ""), ("outcome", ""), ("access", "inferred")}
    assert found.keys() >= {("caller", "exe"), ("caller", "ancestors"), ("target", "parent"), ("remote", "regions"), ("ret", "")}
    assert not found.keys() & {(side, key) for side in ("caller", "target") for key in ("pid", "start", "uid", "comm")}
    assert not found.keys() & {(side, "iov") for side in ("local", "remote")}


@pytest.mark.without_witnesses
@pytest.mark.needs("mounts")
def test_an_end_that_no_hook_saw_where_there_are_no_witnesses(off):
    """None is in force where ftrace is off. The thread goes on, and is found outside."""
    told, results = run(("call", EXIT), ("wait", SWEPT), prefix=off(FTRACE))
    assert results == [-errno.EFAULT]
    assert told == [("ended", None)]


def stands_still(t):
    return [r for r in t.records("error") if r["message"].startswith("the hook on sys_enter does not see the tracer's own calls any more")]


def test_a_hook_that_stands_still(tmp_path):
    """Of the tracer's own calls, by pvmstill.c: after three seconds it is told, though the others see them, and others' calls. Of
    witnesses on functions that is told only where the switch of kprobes can be watched, in debugfs."""
    still = tmp_path / "still"
    still.write_bytes(struct.pack("=Q", 0))
    env = {**os.environ, "LD_PRELOAD": str(BUILD / "live" / "pvmstill.so"), "PVMSTILL": str(still)}
    with Tracer("--caller-comm", "pvmpass", "--attach", "tracepoint", binary=PASSED, env=env) as t:
        trigger_one("pvmpass", "call", str(NONE), "wait", "3500", timeout=60)
        assert not stands_still(t)
        with open(still, "r+b") as f:
            f.write(struct.pack("=Q", ENTER))
        poll(lambda: stands_still(t), 30)
        done = trigger_one("pvmpass", "call", str(NONE), timeout=60)
        t.stop()
        assert [r["code"] for r in stands_still(t)] == ["tampered"]
        assert t.events(done["pid"]) and "tampered" in t.end["incomplete"], t.end
